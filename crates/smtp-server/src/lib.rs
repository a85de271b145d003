//! The server side of SMTP (RFC 5321) and message submission (RFC 6409) as a state machine.
//!
//! [`Session`] reads commands and messages from octets, keeps the order of things and the limits, and says what
//! is to be sent. It has no socket, clock, file or randomness, and it knows no account, store or policy: whatever
//! it cannot know it asks ([`Ask`]), and the host answers ([`Answer`]). Every word it says is a row of `reply`.
//!
//! Where things are: `session.rs` holds the states and dispatches; `session/` has one file per group of
//! commands; `command/` reads command lines and knows no session; `data/` is what happens to a message on its
//! way in; [`trace`] writes the Received field.
#![forbid(unsafe_code)]

mod ask;
mod command;
mod config;
mod data;
mod helo;
mod hold;
mod session;
pub mod trace;
mod utc;

pub use ask::{
    Answer, Ask, AuthVerdict, Body, Claimed, DataVerdict, ExpandVerdict, FinishVerdict, MailFrom,
    MailVerdict, QueueRefusal, QueueVerdict, RcptTo, RcptVerdict, TurnVerdict, VerifyVerdict, Wish,
};
pub use command::queue::Node;
pub use config::{
    BareNewline, Config, Connection, DeviceRules, Expn, OverLimit, ProxyCommands, Role, Taking,
    TlsFloor, Vrfy,
};
pub use hold::Hold;
pub use session::Session;
pub use trace::{Origin, Trace};
pub use wire::{Admission, TlsFacts};
