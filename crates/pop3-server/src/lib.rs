//! The POP3 session as a state machine (RFC 1939 with RFC 2449, 2595, 3206, 5034 and 6856).
//!
//! It reads commands, keeps the rules of the three states and says what to answer. It knows no socket, no
//! clock and no store: it asks ([`Ask`]), the host answers ([`Answer`]), and the driver in `net` moves the
//! octets. It holds no message, only the listing of the maildrop and which messages are flagged as deleted.
#![forbid(unsafe_code)]

mod ask;
mod capabilities;
mod command;
mod config;
mod digits;
mod kept;
mod listing;
mod maildrop;
mod number;
mod session;
mod transfer;

pub use ask::{Answer, Ask, AuthVerdict, KeptIds, Listing, LoginVerdict, Message, ReadVerdict};
pub use config::{Config, Connection};
pub use session::Session;
pub use wire::Admission;
