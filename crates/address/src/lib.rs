//! Mail addresses: domains, hosts, local parts, mailboxes, the paths of an SMTP envelope and its DSN wishes.
//!
//! Everything here is a value that cannot be wrong: parsing is the only way in, and what comes out again is the
//! shortest correct form. This crate knows no protocol session, no store and no DNS.
#![forbid(unsafe_code)]

pub mod deliver_by;
mod destination;
mod domain;
pub mod dsn;
mod envelope;
mod fold;
mod host;
mod local_part;
mod mailbox;
pub mod path;
mod text;
pub mod xtext;

pub use deliver_by::DeliverBy;
pub use destination::{Destination, DestinationError};
pub use domain::{Domain, DomainError};
pub use envelope::{Envelope, Recipient};
pub use fold::fold;
pub use host::{Host, HostError, dotted};
pub use local_part::{LocalPart, LocalPartError};
pub use mailbox::{Mailbox, MailboxError};
pub use path::{ForwardPath, PathError, ReversePath};
