//! Whole conversations with a scripted host, each played at every split of what the client sends.

mod authorization;
mod desk;
mod international;
mod limits;
mod splits;
mod transaction;
