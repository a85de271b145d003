//! Every reply tegami can give, SMTP and POP3: one table, its encoder and its explanations.
//!
//! A reply is named by the fact it states ([`smtp::MAIL_FIRST`]) and never by its code. This crate knows no
//! session, no socket and no other crate of ours; nothing outside it makes reply bytes.
#![forbid(unsafe_code)]

pub mod document;
mod encode;
pub mod evidence;
pub mod explain;
pub mod japanese;
mod language;
pub mod lines;
mod row;
mod table;

pub use encode::Reply;
pub use language::Language;
pub use row::{Enhanced, Protocol, Reasons, Row, Shape, Status};
pub use table::{pop3, smtp};

/// Every row of the catalogue, SMTP first, in the order of the table.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    smtp::ROWS
        .iter()
        .chain(pop3::ROWS)
        .flat_map(|part| part.iter().copied())
}
