//! What both protocols share below their commands: the sans-IO [`Session`] trait, bounded CRLF lines and
//! dot transparency.
//!
//! It knows no command, no socket and no clock. The driver in `net` feeds a session and carries out what it
//! says; the sessions themselves live in `smtp-server` and `pop3-server`.
#![forbid(unsafe_code)]

mod admission;
mod dot;
mod line;
mod session;

pub use admission::Admission;
pub use dot::{DotDecoder, DotEncoder, Malformed, Unstuffed};
pub use line::{FLOOD, Line, LineReader};
pub use session::{ChannelBinding, Input, Output, Session, TlsFacts, Witness};
