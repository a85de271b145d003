//! Mail folders as other programs keep them: read for moving in, written for moving out.
//!
//! | | read | written |
//! |---|---|---|
//! | mbox | mboxrd, mboxo, mboxcl, mboxcl2 ([`mbox::Dialect`]) | mboxrd, LF line ends, `X-UIDL` |
//! | Maildir | `cur`, `new`; Maildir++ folders are named | `new`, and a `dovecot-uidlist` |
//! | a tree of `.eml` files | as hMailServer keeps them | not |
//! | unique ids | `dovecot-uidlist`, `courierpop3dsizelist`, `X-UIDL`, a plain list ([`Uidls`]) | `dovecot-uidlist`, `X-UIDL` |
//!
//! A reader is an iterator of [`Letter`]s with CRLF line ends, one in memory at a time and none larger than the caller
//! allows. What does not fit is an item, too: a [`Fault`] with its file, line and octet. The iterator goes on behind it,
//! so the caller may skip or refuse. A writer works under another name until all of it is on the disk.
//!
//! Flags of messages and folders other than the inbox mean nothing to a POP3 server; they are read past. This crate does
//! not know the store, and asks nothing of a network.
#![forbid(unsafe_code)]

mod fault;
mod files;
mod line_ends;
pub mod mbox;
mod partial;
mod uidls;

pub use fault::{Fault, Place, Problem};
pub use files::Files;
pub use files::maildir::{Maildir, MaildirWriter};
pub use uidls::{Format, FormatError, Uidls, is_uidl};

/// One message of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Where it begins.
    pub place: Place,
    /// The message, with CRLF line ends.
    pub octets: Vec<u8>,
    /// The unique id its server gave it, as it was found: it may be no proper one ([`is_uidl`]).
    pub uidl: Option<String>,
}
