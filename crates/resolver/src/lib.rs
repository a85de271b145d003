//! What a mail server asks the domain name system: where mail for a domain goes, which addresses a host has, and
//! whether the name of a client leads back to it.
//!
//! Answers are values of ours. What is certain and what may be different in an hour are never mixed up: whoever
//! refuses mail for good by an answer of this crate does so by what a server of that domain has said, and everything
//! else is `Unclear`. No question takes longer than a fixed time, only so many are open at once and fewer for one asker, the
//! same question is never open twice, and what was answered is remembered within a bound. This crate speaks UDP and TCP with the servers it is told of; it knows no policy, no session
//! and no reply.
#![forbid(unsafe_code)]

mod answer;
mod asked;
mod client;
mod memory;
mod outbound;
mod plan;
mod question;
mod servers;
mod sockets;
mod trust;
mod turns;
mod unchecked;

pub use answer::{Addresses, Exchanger, MailRoute, Reverse, Texts};
pub use outbound::{Dane, Dnssec};
pub use plan::{Families, MailHost, Place, Plan, Undeliverable};
pub use question::{MOST_SOCKETS, MOST_SOCKETS_FOR_DNSSEC, Resolver};
pub use servers::{PORT, ServersError, servers_in, system_servers};
pub use trust::{TrustAnchors, TrustError};
pub use turns::Asker;
