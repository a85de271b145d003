//! SMTP rows (RFC 5321 and its extensions), gathered from one file per subject.

mod connection;
mod elsewhere;
mod envelope;
mod login;
mod lookup;
mod message;
mod order;
mod proxy;
mod queue;
mod sender;
mod session;
mod syntax;

use super::{coded, plain};
use crate::row::Row;

// Call sites say `smtp::MAIL_FIRST`; the file a row stands in is nobody else's business. Each of these files
// also defines `ROWS`; the `ROWS` below shadows those names.
pub use self::{
    connection::*, elsewhere::*, envelope::*, login::*, lookup::*, message::*, order::*, proxy::*,
    queue::*, sender::*, session::*, syntax::*,
};

/// Every SMTP row, part by part.
pub static ROWS: &[&[&Row]] = &[
    connection::ROWS,
    session::ROWS,
    login::ROWS,
    envelope::ROWS,
    elsewhere::ROWS,
    sender::ROWS,
    message::ROWS,
    lookup::ROWS,
    order::ROWS,
    proxy::ROWS,
    queue::ROWS,
    syntax::ROWS,
];
