//! POP3 rows (RFC 1939 and its extensions), gathered from one file per subject.

mod language;
mod login;
mod maildrop;
mod session;

use crate::row::{Row, Status};

// As in `smtp`: call sites say `pop3::NO_SUCH_MESSAGE`, and the `ROWS` below shadows those of the parts.
pub use self::{language::*, login::*, maildrop::*, session::*};

/// Every POP3 row, part by part.
pub static ROWS: &[&[&Row]] = &[session::ROWS, language::ROWS, login::ROWS, maildrop::ROWS];

/// `-ERR` without a response code.
const ERR: Status = Status::Err(None);

/// `-ERR` with a response code (RFC 2449 section 8, RFC 3206 section 4).
const fn err(code: &'static str) -> Status {
    Status::Err(Some(code))
}
