//! The Japanese words for the SMTP rows, in the files their rows have in the table.

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

use super::Entry;

pub(super) const WORDS: &[&[Entry]] = &[
    connection::WORDS,
    session::WORDS,
    login::WORDS,
    envelope::WORDS,
    elsewhere::WORDS,
    message::WORDS,
    lookup::WORDS,
    order::WORDS,
    proxy::WORDS,
    queue::WORDS,
    sender::WORDS,
    syntax::WORDS,
];
