//! The narrow seam behind which mail is kept: facts in, listings and octets out.
//!
//! [`crate::Store`] decides (directory, quotas, exclusive maildrops); an engine makes durable and finds again. The
//! log engine is the one that counts; the memory engine serves tests of the crates above, alone or wrapped in
//! the one that fails on demand.

pub(crate) mod faulty;
pub(crate) mod memory;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use address::Envelope;
use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::account::{Account, AccountId, Alias, Decision};
use crate::census::Census;
use crate::compaction::{Compacted, Hold, Way};
use crate::error::{CompactError, ReadError, StoreError};
use crate::hall::Hall;
use crate::handling::StoredList;
use crate::ledger::{Ledger, Reservation, Usage};
use crate::outgoing::Pending;
use crate::stats::EngineStats;

/// Where mail is kept.
pub(crate) trait Engine: Send + Sync + 'static {
    /// Takes a fact; its ticket is settled once the fact is durable or certain never to appear. Does not block.
    fn submit(&self, fact: Fact, ticket: Ticket);

    /// Takes facts of which all become durable or none. Does not block.
    fn submit_all(&self, facts: Vec<(Fact, Ticket)>);

    /// The messages of a mailbox, oldest first. May block.
    fn listing(&self, account: AccountId) -> Result<Arc<[Entry]>, StoreError>;

    /// Messages removed from a mailbox that are still kept, oldest first, each with the time of its removal in
    /// milliseconds since 1970 (0: it is not to come back). May block.
    fn removed(&self, account: AccountId) -> Result<Vec<(Entry, u64)>, StoreError>;

    /// Octets of a message from `reading.offset` on. With [`Wait::Never`] `None` means: it would have to wait.
    fn read(
        &self,
        account: AccountId,
        entry: &Entry,
        reading: &mut Reading,
        wait: Wait,
    ) -> Result<Option<Chunk>, ReadError>;

    /// When a message of the queue came, and its envelope. May block.
    fn envelope(&self, entry: &Entry) -> Result<(u64, Envelope), ReadError>;

    /// A message of the queue and what becomes of it; `None` when it is not there any more. May block.
    fn queued(&self, id: u64) -> Result<Option<Waits>, StoreError>;

    /// The part of the queue that a page asks for. May block.
    fn queue(&self, page: Page) -> Result<Vec<Waits>, StoreError>;

    /// Octets free where mail goes. May block shortly.
    fn free(&self) -> Result<u64, StoreError>;

    /// A place for a body that outgrew memory. May block.
    fn spool(&self) -> Result<Box<dyn Spool>, StoreError>;

    /// Gives back what removed messages take; blocks until that is done.
    fn compact(
        &self,
        way: Way,
        now: u64,
        progress: &mut dyn FnMut(Compacted),
    ) -> Result<Compacted, CompactError>;

    /// How long removed messages are kept from now on, and with how much free they are not.
    fn set_limits(&self, window: Duration, reserve: u64);

    /// Space is low: whatever can be given back should be. Does not block.
    fn low(&self);

    /// How it is.
    fn stats(&self) -> EngineStats;

    /// Keeps compaction waiting. `None` when too many hold already. Blocks until none is under way.
    fn pause(&self) -> Option<Hold>;

    /// Keeps the files of the log from going away, and counts what they lead to. `None` when too many hold already,
    /// or when there are no files. Blocks until no file is being removed.
    fn hold(&self) -> Option<(Hold, oneshot::Receiver<Census>)> {
        None
    }

    /// Stops in order. Blocks; later facts are answered with [`StoreError::Stopped`].
    fn close(&self);
}

/// What an engine found when it was opened.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    pub(crate) accounts: Vec<Account>,
    pub(crate) aliases: Vec<Alias>,
    pub(crate) lists: Vec<StoredList>,
    pub(crate) usage: Vec<(AccountId, Usage)>,
    /// Highest account id or epoch ever given out.
    pub(crate) mark: u64,
}

/// Something that shall be true from now on, also after a crash.
#[derive(Debug)]
pub(crate) enum Fact {
    Message(Message),
    Expunge {
        account: AccountId,
        uids: Vec<u64>,
        /// Milliseconds since 1970.
        when: u64,
    },
    /// What becomes of a message of the queue from now on.
    Attempted {
        id: u64,
        pending: Arc<Pending>,
    },
    /// These removed messages are not to come back any more.
    Released {
        account: AccountId,
        uids: Vec<u64>,
    },
    Decisions(Vec<Decision>),
}

/// A message for one or more mailboxes.
#[derive(Debug)]
pub(crate) struct Message {
    /// Milliseconds since 1970.
    pub(crate) received: u64,
    pub(crate) addressees: Vec<Addressee>,
    pub(crate) envelope: Envelope,
    /// A UIDL kept from another server: 1 to 70 characters from 0x21 to 0x7E (RFC 1939 section 7).
    pub(crate) uidl: Option<Arc<str>>,
    pub(crate) body: Body,
    /// What becomes of it in the queue, if that is one of the addressees.
    pub(crate) queue: Option<Arc<Pending>>,
}

/// A message of the queue and what becomes of it.
pub(crate) type Waits = (Entry, Arc<Pending>);

/// Which part of the queue is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    /// What is due until then, in that order, behind that due time and id.
    Due {
        until: u64,
        after: Option<(u64, u64)>,
        most: usize,
    },
    /// By id, behind that one.
    All { after: u64, most: usize },
}

/// One mailbox a message goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Addressee {
    pub(crate) account: AccountId,
    pub(crate) epoch: u32,
}

/// The octets of a message.
#[derive(Debug)]
pub(crate) enum Body {
    /// In memory, with their CRC32C.
    Held { octets: Vec<u8>, crc: u32 },
    /// Durable already, in a place of their own.
    Sealed {
        sealed: Sealed,
        claim: Box<dyn Claim>,
    },
}

/// The right to a sealed body. Dropping it throws the body away.
pub(crate) trait Claim: Send + fmt::Debug {
    /// A durable record names the body.
    fn named(self: Box<Self>);
    /// It cannot be known whether a record names the body: leave it for the next start to find out.
    fn leave(self: Box<Self>);
}

/// A body that is durable before its record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Sealed {
    pub(crate) body: u64,
    pub(crate) octets: u64,
    pub(crate) crc: u32,
}

/// A body on its way in that does not fit into memory. Everything here may block. Dropping it throws it away.
pub(crate) trait Spool: Send {
    fn append(&mut self, octets: &[u8]) -> Result<(), StoreError>;
    /// All of it, for a record of the ordinary kind.
    fn read_back(&mut self) -> Result<Vec<u8>, StoreError>;
    /// Makes it durable, as [`Body::Sealed`].
    fn seal(self: Box<Self>, octets: u64, crc: u32) -> Result<Body, StoreError>;
}

/// One message of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Unique within the account for ever and growing.
    pub uid: u64,
    /// The other half of a UIDL.
    pub epoch: u32,
    /// Exactly what reading yields.
    pub octets: u64,
    /// It came with SMTPUTF8 (RFC 6531), so its header may hold UTF-8 on purpose.
    pub utf8: bool,
    pub(crate) uidl: Option<Arc<str>>,
    pub(crate) place: Place,
    /// Its share of the octets of its record and of its own file.
    pub(crate) weight: u64,
}

impl Entry {
    /// The UIDL it had on another server and keeps; without one it is made of epoch and uid.
    #[must_use]
    pub fn uidl(&self) -> Option<&Arc<str>> {
        self.uidl.as_ref()
    }
}

/// Where the octets of a message are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a record of the log: segment, offset of the frame, octets of its head.
    Log {
        segment: u32,
        offset: u32,
        head: u32,
    },
    /// In a file of its own.
    Sealed {
        body: u64,
        /// Of the record that names it.
        segment: u32,
        offset: u32,
    },
}

impl Place {
    /// Segment and offset of the record.
    pub(crate) fn record(self) -> (u32, u32) {
        match self {
            Self::Log {
                segment, offset, ..
            }
            | Self::Sealed {
                segment, offset, ..
            } => (segment, offset),
        }
    }
}

/// How far the reading of one message has come; a large one is verified as it passes by.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reading {
    pub(crate) uid: u64,
    pub(crate) offset: u64,
    /// CRC32C of everything before `offset`.
    pub(crate) crc: u32,
    /// What the CRC has to be at the end, once the frame has been read.
    pub(crate) expected: Option<u32>,
}

/// May a read wait for the disk?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    Never,
    Allowed,
}

/// Some octets of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Never empty, but for an empty message.
    pub octets: Bytes,
    /// The message ends here, and all of it was what had been stored.
    pub last: bool,
}

/// Who waits for a fact, and what becomes true in memory with it.
pub(crate) struct Ticket {
    answer: Option<oneshot::Sender<Result<u64, StoreError>>>,
    /// Of a message: its uid.
    number: u64,
    effect: Effect,
    /// Its share of the queue.
    _share: Option<OwnedSemaphorePermit>,
}

/// What a fact changes in memory, at the moment it is durable and before anybody is told.
pub(crate) enum Effect {
    Kept {
        ledger: Arc<Ledger>,
        reservations: Vec<Reservation>,
    },
    Expunged {
        ledger: Arc<Ledger>,
        account: AccountId,
        messages: u64,
        octets: u64,
    },
    /// A message of the queue is as it was said, or has left the queue.
    Queue {
        /// Octets of one that has left.
        left: Option<(Arc<Ledger>, u64)>,
        /// Held until here, so that nobody decides on what it was before.
        _turn: tokio::sync::OwnedMutexGuard<()>,
    },
    /// Nothing.
    Nothing,
    Decided {
        hall: Arc<Hall>,
        decisions: Vec<Decision>,
        /// Held until here, so that nobody decides on an outdated directory.
        _turn: tokio::sync::OwnedMutexGuard<()>,
    },
}

impl Ticket {
    pub(crate) fn new(
        effect: Effect,
        share: Option<OwnedSemaphorePermit>,
    ) -> (Self, oneshot::Receiver<Result<u64, StoreError>>) {
        let (sender, receiver) = oneshot::channel();
        let ticket = Self {
            answer: Some(sender),
            number: 0,
            effect,
            _share: share,
        };
        (ticket, receiver)
    }

    /// The message it stands for has this uid.
    pub(crate) fn number(&mut self, uid: u64) {
        self.number = uid;
    }

    /// Says how it went. A ticket dropped without this reads as [`StoreError::Stopped`].
    pub(crate) fn settle(self, outcome: Result<(), StoreError>) {
        let Self {
            answer,
            number,
            effect,
            ..
        } = self;
        if outcome.is_ok() {
            effect.happen();
        }
        if let Some(answer) = answer {
            // Nobody listening means a connection that ended; the fact stands all the same.
            let _ = answer.send(outcome.map(|()| number));
        }
    }
}

impl Effect {
    fn happen(self) {
        match self {
            Self::Kept {
                ledger,
                reservations,
            } => ledger.keep(reservations),
            Self::Expunged {
                ledger,
                account,
                messages,
                octets,
            } => ledger.remove(account, messages, octets),
            Self::Queue { left, .. } => {
                if let Some((ledger, octets)) = left {
                    ledger.remove(crate::outgoing::QUEUE, 1, octets);
                }
            }
            Self::Nothing => {}
            Self::Decided {
                hall, decisions, ..
            } => hall.apply(&decisions),
        }
    }
}
