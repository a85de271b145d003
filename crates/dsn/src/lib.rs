//! Delivery status notifications: who is told what became of a message, in which words, and the message that says so.
//!
//! A report is made of facts ([`Facts`]) and nothing else: no socket, clock, file or randomness, and never a whole
//! message in memory. What stands here is RFC 3461 (who hears of what), RFC 6522 (the three parts), RFC 3464 (the part
//! for programs) and RFC 6533 (addresses beyond ASCII).
//!
//! - [`whom`] says whether a recipient's fate is reported at all, and to whom.
//! - [`Survey`] reads the original in pieces and finds out how it can be carried.
//! - [`suggested`] guesses the languages a sender reads.
//! - [`compose`] writes the report around it.
//!
//! When mail is tried, given up or called late is not decided here.
//!
//! ```
//! use address::{Envelope, Host, Mailbox, Recipient};
//! use dsn::{Action, Facts, Languages, Limits, Moment, Outcome, Why};
//!
//! let recipient = Recipient { path: "<bob@example.org>".parse()?, notify: None, orcpt: None };
//! let envelope = Envelope { reverse_path: "<alice@example.test>".parse()?, ..Envelope::default() };
//! let reporting: Host = "mail.example.test".parse()?;
//! let postmaster: Mailbox = "postmaster@example.test".parse()?;
//! let outcome = Outcome {
//!     recipient: &recipient,
//!     action: Action::Failed,
//!     status: reply::Enhanced(5, 1, 1),
//!     why: Why::Status,
//!     remote: None,
//!     tried: None,
//!     until: None,
//!     deliver_by: false,
//! };
//! let report = dsn::compose(&Facts {
//!     reporting: &reporting,
//!     postmaster: &postmaster,
//!     envelope: &envelope,
//!     arrived: Moment::new(1_795_354_992, 540),
//!     now: Moment::new(1_795_355_000, 540),
//!     outcomes: &[outcome],
//!     languages: Languages::English,
//!     original: None,
//!     message_id: None,
//!     list: None,
//!     untold: None,
//!     limits: Limits { octets: 65_536, eight_bit: true },
//!     random: [7; 16],
//! })
//! .expect("a failure is reported unless NOTIFY says otherwise");
//! assert!(report.front.starts_with(b"From: "));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod advice;
mod facts;
mod harmless;
mod human;
mod language;
mod machine;
mod message_id;
mod moment;
mod original;
mod page;
mod report;
mod status;
mod whom;
mod words;

pub use mime::transfer;

pub use facts::{Action, Facts, Languages, Limits, OfList, Outcome, Remote, Said, Why};
pub use language::suggested;
pub use message_id::MessageId;
pub use moment::Moment;
pub use original::{Original, Survey, Traits};
pub use report::{Between, Report, compose};
pub use status::of_reply;
pub use whom::{Whom, passed_on, whom};
