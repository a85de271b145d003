//! Mail out, as far as it can be decided without looking at anything: which queued message is tried when
//! ([`schedule`]), which reverse-path a forwarded copy gets, who is told that somebody is away, and what a mailing list
//! makes of a post.
//!
//! No socket, no clock, no file and no randomness: times, keys, draws and names of messages are arguments. It does not
//! know the store, the protocol or DNS.
#![forbid(unsafe_code)]

pub mod answered;
mod base32;
mod days;
mod fields;
pub mod keys;
pub mod list;
mod machines;
pub mod schedule;
mod senders;
pub mod srs;
pub mod tls_required;
pub mod vacation;
