//! The Japanese words for the POP3 rows, in the files their rows have in the table.

mod language;
mod login;
mod maildrop;
mod session;

use super::Entry;

pub(super) const WORDS: &[&[Entry]] = &[
    session::WORDS,
    language::WORDS,
    login::WORDS,
    maildrop::WORDS,
];
