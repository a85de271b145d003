//! The office as a whole: a store that forgets everything, next hops that answer as they are told to, and a clock that
//! stands still until it is told to go on.

mod chance;
mod closing;
mod limits;
mod many;
mod outages;
mod reports;
mod trips;
mod wishes;
mod world;
