//! Mail out: what becomes of mail that somebody else has to take.
//!
//! So far its heart: [`schedule`] decides which queued message is tried when, and how many at once. This crate has no
//! socket, clock, file or randomness; it does not know the store, the protocol or DNS.
#![forbid(unsafe_code)]

pub mod schedule;
