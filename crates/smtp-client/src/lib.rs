//! The client side of SMTP (RFC 5321) as a state machine: how mail leaves.
//!
//! [`Session`] is one connection to another server. It reads replies, keeps the order of things and the limits, and says
//! what is to be sent; one connection carries many [`Transaction`]s, and every recipient of each gets an [`Outcome`]. It
//! has no socket, clock, file or randomness, and it does not know where mail goes: which server is asked, when it is
//! asked again and what senders are told is decided elsewhere.
//!
//! Where things are: `session.rs` holds the states and dispatches; `session/` has one file per part of a conversation;
//! `heard.rs` reads replies, which are a stranger's; `features.rs` reads what EHLO lists; `outcome.rs` and `ending.rs` say
//! how recipients and connections end.
//!
//! With [`Config::fetch`] a session sends nothing: it asks for the mail that waits for us, and gives the connection away.
#![forbid(unsafe_code)]

mod config;
mod ending;
mod features;
mod heard;
mod mend;
mod outcome;
mod session;
mod transaction;

pub use config::{Config, Connection, Login, Secured, Timeouts, TlsUse};
pub use ending::{Ending, Stage};
pub use features::{Features, Limits};
pub use heard::{Fault, MOST_LINE, MOST_OCTETS, Said};
pub use outcome::{Lack, Outcome, Passed, Reason, Verdict};
pub use session::{Input, Output, Session, Want};
pub use transaction::Transaction;
