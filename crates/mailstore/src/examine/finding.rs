//! What an examination finds, in values for programs and sentences for people.

use std::fmt;

use address::Mailbox;
use serde::{Deserialize, Serialize};

use crate::account::AccountId;
use crate::engine::Entry;
use crate::ledger::Usage;
use crate::log::Position;
use crate::outgoing::QUEUE;
use crate::report::Damage;

/// What an examination came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Examined {
    /// Up to where the log was read.
    pub end: Position,
    /// Messages in all mailboxes, as the log has them.
    pub messages: u64,
    /// Octets of those messages, counted once per mailbox.
    pub octets: u64,
    /// Messages that wait to leave, as the log has them.
    pub queued: u64,
    /// Octets of those.
    pub queued_octets: u64,
    /// Records read.
    pub records: u64,
    /// Segments.
    pub segments: u64,
    /// Files of large bodies.
    pub bodies: u64,
    /// Bodies whose messages have been removed. Harmless.
    pub idle_bodies: u64,
    /// Bodies left by deliveries that were interrupted; the next start removes them. Harmless.
    pub leftovers: u64,
    /// Octets of a write that was interrupted before anybody was told that it was done. Harmless.
    pub torn: u64,
    /// Octets that the log itself says do not count. Harmless.
    pub void: u64,
    /// Damaged places whose octets are in the quarantine already and that hit no message. Harmless.
    pub set_aside: Vec<Damage>,
    /// Why the index was not compared; the next start takes care of it. Harmless.
    pub index_not_compared: Option<String>,
    /// Why not all could be examined that is there: of the rest nothing is known.
    pub unfinished: Option<String>,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// A message that is hit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit {
    /// Whose.
    pub account: AccountId,
    /// The account's address; none when the account itself is not to be found.
    pub address: Option<Mailbox>,
    /// Its number in the account.
    pub uid: u64,
    /// What POP3 calls it.
    pub uidl: String,
    /// Its octets.
    pub octets: u64,
}

impl Hit {
    pub(crate) fn new(address: Option<&Mailbox>, account: AccountId, entry: &Entry) -> Self {
        Self {
            account,
            address: address.cloned(),
            uid: entry.uid,
            uidl: match entry.uidl() {
                Some(kept) => kept.to_string(),
                None => format!("{:x}.{:x}", entry.epoch, entry.uid),
            },
            octets: entry.octets,
        }
    }
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Finding {
    /// A place of a segment is not what had been written.
    Record {
        /// Where.
        place: Damage,
        /// The messages that stand there.
        messages: Vec<Hit>,
    },
    /// A large body is not what had been written.
    Body {
        /// Its number.
        body: u64,
        /// What does not fit.
        what: String,
        /// The messages it belongs to; none when they have been removed.
        messages: Vec<Hit>,
    },
    /// A segment of the log is not there, or empty, and messages stood in it.
    MissingSegment {
        /// Its number.
        segment: u32,
        /// The messages, as the index knows them.
        messages: Vec<Hit>,
    },
    /// A large body is not there.
    MissingBody {
        /// Its number.
        body: u64,
        /// The messages it belongs to.
        messages: Vec<Hit>,
    },
    /// No record names a large body.
    OrphanBody {
        /// Its number.
        body: u64,
        /// Octets of its file.
        octets: u64,
    },
    /// The index lists a message that the log does not have.
    NotInLog {
        /// Which one.
        message: Hit,
    },
    /// The log has a message that the index does not list.
    NotInIndex {
        /// Which one.
        message: Hit,
    },
    /// The index says other things of a message than the log.
    Differs {
        /// As the log has it.
        message: Hit,
    },
    /// The counters of a mailbox are not what its messages come to.
    Mailbox {
        /// Whose.
        account: AccountId,
        /// The account's address.
        address: Option<Mailbox>,
        /// What the index counts.
        index: Usage,
        /// What the log comes to.
        log: Usage,
    },
    /// Accounts, aliases or lists are not in the index as the log has them.
    Directory {
        /// Which one, where that is known.
        name: Option<String>,
        /// The log does not have it at all: its record is damaged.
        lost: bool,
    },
    /// What becomes of a queued message is not in the index as the log has it.
    Queue {
        /// Which one, where that is known.
        id: Option<u64>,
    },
    /// The messages in the index, removed ones included, are not those of the log, though there are as many.
    Entries,
    /// The index does not add up by itself.
    Index {
        /// Why.
        why: String,
    },
}

impl Examined {
    /// The damaged places that count.
    #[must_use]
    pub fn places(&self) -> Vec<Damage> {
        let places = self.findings.iter().filter_map(|finding| {
            let Finding::Record { place, .. } = finding else {
                return None;
            };
            Some(place.clone())
        });
        places.collect()
    }

    /// Adds what a running server lists at the damaged places, in the order of [`Examined::places`].
    pub fn name(&mut self, listed: Vec<Vec<Hit>>) {
        let records = self.findings.iter_mut().filter_map(|finding| {
            let Finding::Record { messages, .. } = finding else {
                return None;
            };
            Some(messages)
        });
        for (messages, listed) in records.zip(listed) {
            for hit in listed {
                let known = |there: &Hit| (there.account, there.uid) == (hit.account, hit.uid);
                if !messages.iter().any(known) {
                    messages.push(hit);
                }
            }
        }
    }
}

impl Finding {
    /// The messages that are hit, as far as they are known.
    #[must_use]
    pub fn messages(&self) -> &[Hit] {
        match self {
            Self::Record { messages, .. }
            | Self::Body { messages, .. }
            | Self::MissingSegment { messages, .. }
            | Self::MissingBody { messages, .. } => messages,
            Self::NotInLog { message }
            | Self::NotInIndex { message }
            | Self::Differs { message } => std::slice::from_ref(message),
            Self::OrphanBody { .. }
            | Self::Mailbox { .. }
            | Self::Directory { .. }
            | Self::Queue { .. }
            | Self::Entries
            | Self::Index { .. } => &[],
        }
    }
}

impl fmt::Display for Hit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            uid, uidl, octets, ..
        } = self;
        owner(f, self.address.as_ref(), self.account)?;
        if self.account == QUEUE {
            return write!(f, ": message {uid}, {octets} octets");
        }
        write!(f, ": message {uid} (UIDL {uidl}), {octets} octets")
    }
}

/// Whose, by address where it is known.
fn owner(f: &mut fmt::Formatter<'_>, address: Option<&Mailbox>, account: AccountId) -> fmt::Result {
    match address {
        Some(address) => write!(f, "{}", address.unicode()),
        None if account == QUEUE => f.write_str("the queue"),
        None => write!(f, "account {account}"),
    }
}

/// An account, alias or list, and whether only the index has it still.
fn directory(f: &mut fmt::Formatter<'_>, name: Option<&str>, lost: bool) -> fmt::Result {
    match name {
        None => f.write_str(
            "some account, alias or list is not in the index as the log has it; with the server stopped it can be named",
        ),
        Some(name) if lost => write!(
            f,
            "the record of {name} in the log is damaged; the index still knows it, and a repair states it again"
        ),
        Some(name) => write!(f, "{name} is not in the index as the log has it"),
    }
}

/// What both say of a mailbox.
fn counters(f: &mut fmt::Formatter<'_>, index: Usage, log: Usage) -> fmt::Result {
    let [index, log] = [index, log].map(|usage| (usage.messages, usage.octets));
    write!(
        f,
        ": the index counts {} messages of {} octets, the log comes to {} of {}",
        index.0, index.1, log.0, log.1
    )
}

/// What becomes of a queued message.
fn queue(f: &mut fmt::Formatter<'_>, id: Option<u64>) -> fmt::Result {
    match id {
        Some(id) => write!(
            f,
            "what becomes of the queued message {id} is not in the index as the log has it"
        ),
        None => f.write_str(
            "what becomes of some queued message is not in the index as the log has it; with the server stopped it can be named",
        ),
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let no_message = "; no message that is still there is known to be hit, but an account, an alias, a list, a removal or an attempt to deliver may be";
        match self {
            Self::Record { place, messages } => {
                let none = if messages.is_empty() { no_message } else { "" };
                write!(
                    f,
                    "segment {} at {}: {} octets are not what had been written{none}",
                    place.segment, place.offset, place.octets
                )
            }
            Self::Body {
                body,
                what,
                messages,
            } => {
                let none = if messages.is_empty() { no_message } else { "" };
                write!(f, "large body {body:016x}: {what}{none}")
            }
            Self::MissingSegment { segment, .. } => {
                write!(
                    f,
                    "segment {segment} of the log is gone, and what stood in it"
                )
            }
            Self::MissingBody { body, .. } => {
                write!(f, "large body {body:016x}: its file is not there")
            }
            Self::OrphanBody { body, octets } => write!(
                f,
                "large body {body:016x} of {octets} octets belongs to no record of the log"
            ),
            Self::NotInLog { .. } => {
                f.write_str("the index lists a message that the log does not have")
            }
            Self::NotInIndex { .. } => {
                f.write_str("the log has a message that the index does not list")
            }
            Self::Differs { .. } => {
                f.write_str("the index says other things of a message than the log")
            }
            Self::Mailbox {
                account,
                address,
                index,
                log,
            } => {
                owner(f, address.as_ref(), *account)?;
                counters(f, *index, *log)
            }
            Self::Directory { name, lost } => directory(f, name.as_deref(), *lost),
            Self::Queue { id } => queue(f, *id),
            Self::Entries => f.write_str(
                "the messages in the index are not those of the log, though there are as many",
            ),
            Self::Index { why } => write!(f, "the index does not add up: {why}"),
        }
    }
}
