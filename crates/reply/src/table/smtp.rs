//! SMTP rows (RFC 5321 and its extensions), gathered from one file per subject.

mod connection;
mod envelope;
mod login;
mod lookup;
mod message;
mod order;
mod proxy;
mod sender;
mod session;
mod syntax;

use super::{coded, plain};
use crate::row::Row;

// Call sites say `smtp::MAIL_FIRST`; the file a row stands in is nobody else's business. Each of these files
// also defines `ROWS`; the `ROWS` below shadows those names.
pub use self::{
    connection::*, envelope::*, login::*, lookup::*, message::*, order::*, proxy::*, sender::*,
    session::*, syntax::*,
};

/// Every SMTP row, part by part.
pub static ROWS: &[&[&Row]] = &[
    connection::ROWS,
    session::ROWS,
    login::ROWS,
    envelope::ROWS,
    sender::ROWS,
    message::ROWS,
    lookup::ROWS,
    order::ROWS,
    proxy::ROWS,
    syntax::ROWS,
];
