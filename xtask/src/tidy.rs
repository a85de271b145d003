//! What the source tree promises, as tests: who may know whom, where replies stand, how files begin and how large they
//! grow. `ARCHITECTURE.md` says why; this only looks.

mod attacks;
mod edges;
mod obligations;
mod sources;
