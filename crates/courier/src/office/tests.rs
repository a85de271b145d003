//! The office as a whole: a store that forgets everything, next hops that answer as they are told to, and a clock that
//! stands still until it is told to go on.

mod chance;
mod closing;
mod hatch;
mod limits;
mod many;
mod outages;
mod prospects;
mod reports;
mod secret;
mod tarpits;
mod trips;
mod wishes;
mod withdrawn;
mod world;
