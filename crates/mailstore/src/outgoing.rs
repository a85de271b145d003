//! Mail for elsewhere: what is kept of a message until every recipient has it, or is known not to get it.
//!
//! A queued message is an ordinary message of a mailbox that no account has ([`QUEUE`]), so its octets are kept, moved,
//! verified and counted as all others are; its uid is its id for life. What becomes of its recipients is [`Pending`],
//! stated anew, as a whole, after every attempt. When to try, where and how is decided elsewhere.

use std::sync::Arc;

use address::{Envelope, Mailbox};
use serde::{Deserialize, Serialize};

use crate::account::AccountId;
use crate::incoming::Incoming;
use crate::ledger::Reservation;

/// The mailbox of everything that waits to leave. Accounts count from 1.
pub(crate) const QUEUE: AccountId = AccountId(0);

/// Longest name of a host that is kept, in octets: that of a domain (RFC 1035 section 2.3.4).
const LONGEST_HOST: usize = 255;
/// Longest words of a host that are kept, in octets: a reply line (RFC 5321 section 4.5.3.1.5).
const LONGEST_WORDS: usize = 512;
/// Most recipients elsewhere of one message: what becomes of all of them has to fit into one record, whatever was heard.
pub const MOST_RECIPIENTS: usize = 10_000;
/// Most messages that become durable together with what an attempt came to.
pub const MOST_PARCELS: usize = 64;
/// Most octets of those among them that stand in the log itself ([`Options::inline_body`](crate::Options::inline_body)).
pub(crate) const MOST_TOGETHER: u64 = 8 << 20;

/// What a host said last, or why it said nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    host: String,
    words: String,
    when: u64,
}

impl Heard {
    /// What `host` said at that time, in milliseconds since 1970. Of long words the first 512 octets are kept.
    #[must_use]
    pub fn new(host: &str, words: &str, when: u64) -> Self {
        Self {
            host: cut(host, LONGEST_HOST),
            words: cut(words, LONGEST_WORDS),
            when,
        }
    }

    /// Which host.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its words.
    #[must_use]
    pub fn words(&self) -> &str {
        &self.words
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn when(&self) -> u64 {
        self.when
    }
}

/// The beginning of a text, whole characters of it.
fn cut(text: &str, octets: usize) -> String {
    text[..text.floor_char_boundary(octets)].to_owned()
}

/// One recipient who does not have the message yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Which one: a position in [`Envelope::recipients`].
    pub recipient: u32,
    /// When to try next, in milliseconds since 1970; never before [`Outgoing::release`].
    pub due: u64,
    /// How often it was tried.
    pub attempts: u32,
    /// When the last attempt began, in milliseconds since 1970.
    pub tried: Option<u64>,
    /// The sender has been told that it takes long.
    pub told: bool,
    /// The sender has been told that the time given with BY is over (RFC 2852).
    pub told_late: bool,
    /// It is not tried until it is released.
    pub held: bool,
    /// It is a copy that an alias, a forward or a list sends on: its reverse-path is another one when it leaves.
    pub forwarded: bool,
    /// For a mailing list that is being expanded: the last member, in the order of the addresses, whose copy has been made.
    pub served: Option<Mailbox>,
    /// What was said last time.
    pub heard: Option<Heard>,
}

impl Waiting {
    /// One that was never tried, in the sender's own name.
    #[must_use]
    pub fn new(recipient: u32, due: u64) -> Self {
        Self {
            recipient,
            due,
            attempts: 0,
            tried: None,
            told: false,
            told_late: false,
            held: false,
            forwarded: false,
            served: None,
            heard: None,
        }
    }
}

/// What becomes of a queued message. Of two of the same message that with the higher version is right, and of two with
/// the same version either.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pending {
    pub(crate) version: u64,
    /// Who handed it in, if somebody had logged in.
    pub(crate) account: Option<AccountId>,
    /// Milliseconds since 1970.
    pub(crate) received: u64,
    /// Nobody is tried before that time, in milliseconds since 1970.
    pub(crate) release: Option<u64>,
    pub(crate) waiting: Vec<Waiting>,
}

impl Pending {
    /// Nobody is due before the release, whatever was said.
    pub(crate) fn obey_release(&mut self) {
        let earliest = self.release.unwrap_or_default();
        for one in &mut self.waiting {
            one.due = one.due.max(earliest);
        }
    }

    /// When the first of its recipients is to be tried; `None` while all are held.
    pub(crate) fn due(&self) -> Option<u64> {
        let wanted = self.waiting.iter().filter(|one| !one.held);
        wanted.map(|one| one.due).min()
    }

    fn was_tried(&self) -> bool {
        self.waiting.iter().any(|one| one.attempts > 0)
    }
}

/// A message that waits to leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// Names it for ever.
    pub id: u64,
    /// Octets of the message.
    pub octets: u64,
    /// It came with SMTPUTF8 (RFC 6531).
    pub utf8: bool,
    /// Who handed it in, if somebody had logged in.
    pub account: Option<AccountId>,
    /// When it came, in milliseconds since 1970.
    pub received: u64,
    /// Nobody is tried before that time, in milliseconds since 1970 (RFC 4865).
    pub release: Option<u64>,
    /// Those who do not have it yet, in the order of the envelope.
    pub waiting: Vec<Waiting>,
}

impl Queued {
    /// When the first of its recipients is to be tried; `None` while all are held.
    #[must_use]
    pub fn due(&self) -> Option<u64> {
        let wanted = self.waiting.iter().filter(|one| !one.held);
        wanted.map(|one| one.due).min()
    }
}

/// What an attempt came to, for those recipients it was about. Others stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempt {
    /// These need nothing more: they have it, or never will.
    pub closed: Vec<u32>,
    /// These are tried again. Whether one is held is decided elsewhere meanwhile, and whether it is forwarded was decided
    /// before, so what it says of that is not looked at; one that was removed meanwhile stays removed.
    pub again: Vec<Waiting>,
}

/// A message to be kept: for mailboxes, for elsewhere, or both.
pub struct Parcel {
    /// Its octets.
    pub incoming: Incoming,
    /// Room for it in mailboxes.
    pub reservations: Vec<Reservation>,
    /// Whom it is from and for.
    pub envelope: Envelope,
    /// Those of its recipients who are elsewhere, if there are any.
    pub outgoing: Option<Outgoing>,
}

/// What an attempt has left of a message, once that is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// The message as it is now; with nobody left it has left the queue.
    pub queued: Queued,
    /// The ids of the messages that came with it, in their order; `None` of one that was for mailboxes only.
    pub posted: Vec<Option<u64>>,
}

/// What makes a message one for elsewhere.
#[derive(Debug)]
pub struct Outgoing {
    /// Room for it in the queue.
    pub room: Reservation,
    /// Who hands it in, if somebody has logged in: whom it counts for.
    pub account: Option<AccountId>,
    /// Nobody is tried before that time, in milliseconds since 1970 (FUTURERELEASE, RFC 4865), and nothing hurries it.
    pub release: Option<u64>,
    /// Who is to get it, in the order of the envelope; somebody at least, and [`MOST_RECIPIENTS`] at most.
    pub waiting: Vec<Waiting>,
}

/// What there is in the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueCounts {
    /// Messages.
    pub messages: u64,
    /// Octets of those messages.
    pub octets: u64,
    /// Messages of which all recipients are held.
    pub held: u64,
    /// Messages of which some recipient has been tried in vain.
    pub tried: u64,
    /// Recipients who do not have their message yet.
    pub recipients: u64,
}

impl QueueCounts {
    /// Counts a message.
    pub(crate) fn add(&mut self, octets: u64, pending: &Pending) {
        self.messages = self.messages.saturating_add(1);
        self.octets = self.octets.saturating_add(octets);
        self.held = self.held.saturating_add(u64::from(pending.due().is_none()));
        self.tried = self.tried.saturating_add(u64::from(pending.was_tried()));
        let recipients = pending.waiting.len() as u64;
        self.recipients = self.recipients.saturating_add(recipients);
    }

    /// Counts it no longer.
    pub(crate) fn subtract(&mut self, octets: u64, pending: &Pending) {
        self.messages = self.messages.saturating_sub(1);
        self.octets = self.octets.saturating_sub(octets);
        self.held = self.held.saturating_sub(u64::from(pending.due().is_none()));
        self.tried = self.tried.saturating_sub(u64::from(pending.was_tried()));
        let recipients = pending.waiting.len() as u64;
        self.recipients = self.recipients.saturating_sub(recipients);
    }
}

impl From<(crate::engine::Entry, Arc<Pending>)> for Queued {
    fn from((entry, pending): (crate::engine::Entry, Arc<Pending>)) -> Self {
        Self {
            id: entry.uid,
            octets: entry.octets,
            utf8: entry.utf8,
            account: pending.account,
            received: pending.received,
            release: pending.release,
            waiting: pending.waiting.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Heard, Pending, Waiting};

    #[test]
    fn of_long_words_whole_characters_are_kept() {
        let words = format!("{}\u{e9}\u{e9}", "x".repeat(511));
        let heard = Heard::new(&"h".repeat(300), &words, 7);
        assert_eq!((heard.host().len(), heard.when()), (255, 7));
        assert_eq!(heard.words(), "x".repeat(511));
        let short = Heard::new("mx.example.net", "busy, come back later", 7);
        assert_eq!(short.words(), "busy, come back later");
    }

    #[test]
    fn a_message_is_due_with_the_first_of_its_recipients_that_is_not_held() {
        let waiting = |due, held| Waiting {
            held,
            ..Waiting::new(0, due)
        };
        let due = |waiting| {
            Pending {
                waiting,
                ..Pending::default()
            }
            .due()
        };
        assert_eq!(due(vec![waiting(9, false), waiting(7, false)]), Some(7));
        assert_eq!(due(vec![waiting(9, false), waiting(7, true)]), Some(9));
        assert_eq!(due(vec![waiting(9, true)]), None);
        assert_eq!(due(Vec::new()), None);
    }
}
