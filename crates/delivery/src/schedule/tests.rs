//! The schedule as a whole: a store, remote servers and a clock that exist only here.

mod held;
mod limits;
mod model;
mod orders;
mod tarpits;
mod time;
mod world;
