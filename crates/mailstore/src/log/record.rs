//! What the heads of records mean, in both directions.
//!
//! Heads are postcard under the format version of their frame: a change of any type below is a new version.

mod before;
pub(super) mod queued;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use address::Envelope;
use serde::{Deserialize, Serialize};

use super::frame::{FRAME, Frame, Kind, MAX_HEAD};
use super::moves::Said;
use crate::account::{AccountId, Decision};
use crate::engine::{Addressee, Body, Claim, Fact, Message, Place, Sealed};
use crate::error::StoreError;
use crate::index::keys::Retirement;
use crate::index::{Change, Kept, Posted};
use crate::outgoing::{Pending, QUEUE};

/// Head of a message. The envelope comes behind it, so that the index need not take addresses apart.
#[derive(Serialize, Deserialize)]
struct MessageHead {
    received: u64,
    addressees: Vec<Addressee>,
    /// What the envelope's `smtputf8` says. Version 1 had neither.
    utf8: bool,
    /// Kept from another server. Version 2 had none.
    uidl: Option<Arc<str>>,
    /// What becomes of it in the queue, if it is there. Version 4 had none.
    queue: Option<Arc<Pending>>,
}

/// Head of a message moved by compaction; behind it the envelope as it was.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct CopyHead {
    pub(super) received: u64,
    pub(super) kept: Vec<Kept>,
    pub(super) utf8: bool,
    pub(super) uidl: Option<Arc<str>>,
    /// Format version the envelope was written under.
    pub(super) envelope: u8,
    /// What becomes of it in the queue, as it is now. Version 4 had none.
    pub(super) queue: Option<Arc<Pending>>,
}

/// Head of a message whose body has a file of its own.
#[derive(Serialize)]
struct ReferenceHead {
    sealed: Sealed,
    message: MessageHead,
}

/// Head of a removal. The uids grow; each is written as the distance from the one before.
#[derive(Serialize, Deserialize)]
struct ExpungeHead {
    account: AccountId,
    steps: Vec<u64>,
    /// Milliseconds since 1970. Versions 1 and 2 did not say.
    when: u64,
}

/// Head of a release, and of a removal before version 3.
#[derive(Serialize, Deserialize)]
struct UidsHead {
    account: AccountId,
    steps: Vec<u64>,
}

/// Head of a retirement.
#[derive(Serialize, Deserialize)]
struct RetiredHead {
    files: Retirement,
    forgotten: Vec<UidsHead>,
}

/// A record before it has its place: all that can be done off the writer's thread is done.
pub(crate) struct Draft {
    /// Space for the frame, then the head.
    pub(crate) front: Vec<u8>,
    pub(crate) body: Vec<u8>,
    pub(crate) frame: Frame,
    /// What the index will be told, places still missing.
    pub(crate) change: Change,
    /// The sealed body this record names.
    pub(crate) claim: Option<Box<dyn Claim>>,
    /// Set when compaction says it again.
    pub(crate) said: Option<Said>,
    /// Its number, if it is a copy's.
    pub(crate) uid: Option<u64>,
}

impl Draft {
    pub(crate) fn length(&self) -> u64 {
        self.frame.length()
    }

    /// Gives the record its place and number.
    pub(crate) fn stamp(&mut self, mark: &[u8; 8], sequence: u64, segment: u32, offset: u64) {
        let sequence = self.uid.unwrap_or(sequence);
        self.frame.sequence = sequence;
        self.frame.write(mark, &mut self.front);
        match &mut self.change {
            Change::Message(posted) => {
                posted.uid = sequence;
                posted.place = match posted.place {
                    Place::Log { .. } => log_place(segment, offset, self.frame.head),
                    Place::Sealed { body, .. } => sealed_place(segment, offset, body),
                };
            }
            Change::Attempted(attempted) => attempted.at = record_place(segment, offset),
            Change::Expunge { .. }
            | Change::Decisions(_)
            | Change::Retired { .. }
            | Change::Released { .. } => {}
        }
    }
}

/// Where a record is; segments are far smaller than 4 GiB.
fn log_place(segment: u32, offset: u64, head: u32) -> Place {
    Place::Log {
        segment,
        offset: u32::try_from(offset).unwrap_or(u32::MAX),
        head,
    }
}

/// Where a record begins.
fn record_place(segment: u32, offset: u64) -> (u32, u32) {
    (segment, u32::try_from(offset).unwrap_or(u32::MAX))
}

/// The same for a record that names a body.
fn sealed_place(segment: u32, offset: u64, body: u64) -> Place {
    Place::Sealed {
        body,
        segment,
        offset: u32::try_from(offset).unwrap_or(u32::MAX),
    }
}

/// What each of its mailboxes weighs a message with.
fn weight(frame: &Frame, sealed: u64, mailboxes: usize) -> u64 {
    frame.length().saturating_add(sealed) / mailboxes.max(1) as u64
}

/// Growing uids, each as the distance from the one before.
fn steps(uids: &mut [u64]) -> Vec<u64> {
    uids.sort_unstable();
    let mut before = 0;
    let steps = uids
        .iter()
        .map(|uid| uid - std::mem::replace(&mut before, *uid));
    steps.collect()
}

/// Reads what [`steps`] wrote.
fn uids(steps: Vec<u64>) -> Option<Vec<u64>> {
    let mut uid = 0_u64;
    let mut uids = Vec::with_capacity(steps.len());
    for step in steps {
        uid = uid.checked_add(step)?;
        uids.push(uid);
    }
    Some(uids)
}

/// Octets that the head of nearly every record fits into.
const HEAD_ROOM: usize = 256;

/// Room for the frame, and behind it for the head of nearly every record.
fn front() -> Vec<u8> {
    let mut front = Vec::with_capacity(FRAME + HEAD_ROOM);
    front.resize(FRAME, 0);
    front
}

/// Makes a record of a fact.
pub(crate) fn draft(fact: Fact) -> Result<Draft, StoreError> {
    match fact {
        Fact::Message(message) => draft_message(message),
        Fact::Expunge {
            account: QUEUE,
            uids,
            ..
        } => queued::draft_done(uids),
        Fact::Attempted { id, pending } => queued::draft_attempted(id, pending),
        Fact::Expunge {
            account,
            mut uids,
            when,
        } => {
            let head = ExpungeHead {
                account,
                steps: steps(&mut uids),
                when,
            };
            let front = encode(&head, front())?;
            let change = Change::Expunge {
                account,
                uids,
                when,
            };
            finish(Kind::Expunge, front, Vec::new(), 0, change)
        }
        Fact::Released { account, uids } => draft_released(account, uids),
        Fact::Decisions(decisions) => {
            let front = encode(&decisions, front())?;
            let change = Change::Decisions(decisions);
            finish(Kind::Decisions, front, Vec::new(), 0, change)
        }
    }
}

/// Makes the record of a message: with its body, or naming the file that has it.
fn draft_message(message: Message) -> Result<Draft, StoreError> {
    let head = MessageHead {
        received: message.received,
        addressees: message.addressees,
        utf8: message.envelope.smtputf8,
        uidl: message.uidl,
        queue: message.queue,
    };
    let posted = |head: &MessageHead, octets, place| Posted {
        uid: 0,
        octets,
        kept: head.addressees.iter().copied().map(Kept::from).collect(),
        utf8: head.utf8,
        uidl: head.uidl.clone(),
        place,
        weight: 0,
        moved: false,
        queue: head.queue.clone(),
    };
    match message.body {
        Body::Held { octets, crc } => {
            let front = encode(&head, front())?;
            let front = encode::<Envelope>(&message.envelope, front)?;
            let posted = posted(&head, octets.len() as u64, log_place(0, 0, 0));
            finish_message(Kind::Message, front, octets, crc, 0, posted)
        }
        Body::Sealed { sealed, claim } => {
            let posted = posted(&head, sealed.octets, sealed_place(0, 0, sealed.body));
            let head = ReferenceHead {
                sealed,
                message: head,
            };
            let front = encode(&head, front())?;
            let front = encode::<Envelope>(&message.envelope, front)?;
            let octets = sealed.octets;
            let mut draft = finish_message(Kind::Reference, front, Vec::new(), 0, octets, posted)?;
            draft.claim = Some(claim);
            Ok(draft)
        }
    }
}

fn finish_message(
    kind: Kind,
    front: Vec<u8>,
    body: Vec<u8>,
    crc: u32,
    sealed: u64,
    posted: Posted,
) -> Result<Draft, StoreError> {
    let mailboxes = posted.kept.len();
    let mut draft = finish(kind, front, body, crc, Change::Message(posted))?;
    let each = weight(&draft.frame, sealed, mailboxes);
    if let Change::Message(posted) = &mut draft.change {
        posted.weight = each;
    }
    Ok(draft)
}

fn encode<T: Serialize>(value: &T, front: Vec<u8>) -> Result<Vec<u8>, StoreError> {
    // Serialising into memory fails only for types that cannot be written at all.
    postcard::to_extend(value, front).map_err(|_| StoreError::TooLarge)
}

fn finish(
    kind: Kind,
    front: Vec<u8>,
    body: Vec<u8>,
    body_crc: u32,
    change: Change,
) -> Result<Draft, StoreError> {
    let head = &front[FRAME..];
    if head.len() > MAX_HEAD {
        return Err(StoreError::TooLarge);
    }
    let frame = Frame::new(kind, head, body.len() as u64, body_crc);
    Ok(Draft {
        front,
        body,
        frame,
        change,
        claim: None,
        said: None,
        uid: None,
    })
}

/// Says once more what a message is, for the mailboxes that `head` still has it in.
pub(super) fn draft_copy(
    uid: u64,
    head: CopyHead,
    sealed: Option<Sealed>,
    envelope: &[u8],
    body: Vec<u8>,
    crc: u32,
) -> Result<Draft, StoreError> {
    let mailboxes = head.kept.iter().map(|kept| (kept.account, uid));
    let said = Said::Message(mailboxes.collect());
    let (front, kind) = match &sealed {
        Some(sealed) => (encode(sealed, front())?, Kind::CopyReference),
        None => (front(), Kind::Copy),
    };
    let mut front = encode(&head, front)?;
    front.extend_from_slice(envelope);
    let place = match sealed {
        Some(sealed) => sealed_place(0, 0, sealed.body),
        None => log_place(0, 0, 0),
    };
    let posted = Posted {
        uid,
        octets: sealed.map_or(body.len() as u64, |sealed| sealed.octets),
        kept: head.kept,
        utf8: head.utf8,
        uidl: head.uidl,
        place,
        weight: 0,
        moved: true,
        queue: head.queue,
    };
    let octets = sealed.map_or(0, |sealed| sealed.octets);
    let mut draft = finish_message(kind, front, body, crc, octets, posted)?;
    draft.said = Some(said);
    draft.uid = Some(uid);
    Ok(draft)
}

/// Says a decision once more.
pub(super) fn draft_decision(decision: Decision) -> Result<Draft, StoreError> {
    let said = match &decision {
        Decision::Account(account) => Said::Account(account.id),
        Decision::NoAccount(id) => Said::Account(*id),
        Decision::Alias(alias) => Said::Alias(alias.address.key()),
        Decision::NoAlias(address) => Said::Alias(address.key()),
        Decision::List(list) => Said::List(list.address.key()),
        Decision::NoList(address) => Said::List(address.key()),
    };
    let mut draft = draft(Fact::Decisions(vec![decision]))?;
    draft.said = Some(said);
    Ok(draft)
}

/// Says a removal once more.
pub(super) fn draft_tombstone(
    account: AccountId,
    uids: Vec<u64>,
    when: u64,
) -> Result<Draft, StoreError> {
    let mut draft = draft(Fact::Expunge {
        account,
        uids,
        when,
    })?;
    draft.said = Some(Said::Anyway);
    Ok(draft)
}

/// Says that removed messages need not be kept.
pub(super) fn draft_released(account: AccountId, mut uids: Vec<u64>) -> Result<Draft, StoreError> {
    let head = UidsHead {
        account,
        steps: steps(&mut uids),
    };
    let front = encode(&head, front())?;
    let change = Change::Released { account, uids };
    finish(Kind::Released, front, Vec::new(), 0, change)
}

/// Says that nothing in a segment counts any more.
pub(super) fn draft_retired(
    files: Retirement,
    mut forgotten: Vec<(AccountId, Vec<u64>)>,
) -> Result<Draft, StoreError> {
    let heads = forgotten.iter_mut().map(|(account, uids)| UidsHead {
        account: *account,
        steps: steps(uids),
    });
    let head = RetiredHead {
        files,
        forgotten: heads.collect(),
    };
    let front = encode(&head, front())?;
    let files = head.files;
    let change = Change::Retired { files, forgotten };
    let mut draft = finish(Kind::Retired, front, Vec::new(), 0, change)?;
    draft.said = Some(Said::Anyway);
    Ok(draft)
}

/// What a record says to the index; `None` when its head does not read as its kind.
pub(crate) fn change(
    kind: Kind,
    frame: &Frame,
    head: &[u8],
    segment: u32,
    offset: u64,
) -> Option<Change> {
    // Numbers only grow: a record behind which none is left was never written.
    frame.sequence.checked_add(1)?;
    Some(match kind {
        Kind::Message | Kind::Reference | Kind::Copy | Kind::CopyReference => {
            let stored = Stored::read(kind, frame, head)?;
            Change::Message(stored.posted(frame, segment, offset))
        }
        Kind::Expunge => {
            let (account, steps, when) = if frame.version > 2 {
                let head: ExpungeHead = postcard::from_bytes(head).ok()?;
                (head.account, head.steps, head.when)
            } else {
                let head: UidsHead = postcard::from_bytes(head).ok()?;
                (head.account, head.steps, 0)
            };
            let uids = uids(steps)?;
            Change::Expunge {
                account,
                uids,
                when,
            }
        }
        Kind::Attempted => queued::attempted(head, record_place(segment, offset))?,
        Kind::Done => queued::done(head)?,
        Kind::Decisions => {
            let decisions = before::decisions(frame.version, head)?;
            // No account is the queue.
            let is_queue = |decision: &Decision| match decision {
                Decision::Account(account) => account.id == QUEUE,
                Decision::NoAccount(id) => *id == QUEUE,
                Decision::Alias(_)
                | Decision::NoAlias(_)
                | Decision::List(_)
                | Decision::NoList(_) => false,
            };
            if decisions.iter().any(is_queue) {
                return None;
            }
            Change::Decisions(decisions)
        }
        Kind::Retired => {
            let head: RetiredHead = postcard::from_bytes(head).ok()?;
            // As with sequence numbers: a body behind whose number none is left was never written.
            if head.files.bodies.contains(&u64::MAX) {
                return None;
            }
            let forgotten = head.forgotten.into_iter();
            let forgotten = forgotten.map(|of| Some((of.account, uids(of.steps)?)));
            Change::Retired {
                files: head.files,
                forgotten: forgotten.collect::<Option<_>>()?,
            }
        }
        Kind::Released => {
            let head: UidsHead = postcard::from_bytes(head).ok()?;
            Change::Released {
                account: head.account,
                uids: uids(head.steps)?,
            }
        }
        Kind::Opening | Kind::Body => return None,
    })
}

/// A record of a message, whichever of the four kinds it is.
pub(super) struct Stored<'a> {
    pub(super) head: CopyHead,
    pub(super) sealed: Option<Sealed>,
    /// The envelope as it was written.
    pub(super) envelope: &'a [u8],
    moved: bool,
}

impl<'a> Stored<'a> {
    /// `None` when the head does not read as its kind.
    pub(super) fn read(kind: Kind, frame: &Frame, head: &'a [u8]) -> Option<Self> {
        let (sealed, rest) = match kind {
            Kind::Reference | Kind::CopyReference => {
                let (sealed, rest) = postcard::take_from_bytes::<Sealed>(head).ok()?;
                sealed.body.checked_add(1)?;
                (Some(sealed), rest)
            }
            Kind::Message | Kind::Copy => (None, head),
            Kind::Opening
            | Kind::Decisions
            | Kind::Expunge
            | Kind::Body
            | Kind::Retired
            | Kind::Released
            | Kind::Attempted
            | Kind::Done => return None,
        };
        let moved = matches!(kind, Kind::Copy | Kind::CopyReference);
        let (head, envelope) = if moved {
            before::copy_head(frame.version, rest)?
        } else {
            let (message, rest) = before::message_head(frame.version, rest)?;
            let head = CopyHead {
                received: message.received,
                kept: message.addressees.into_iter().map(Kept::from).collect(),
                utf8: message.utf8,
                uidl: message.uidl,
                envelope: frame.version,
                queue: message.queue,
            };
            (head, rest)
        };
        // Whatever is in the queue says what becomes of it there, and nothing else does.
        if head.kept.iter().any(Kept::is_queued) != head.queue.is_some() {
            return None;
        }
        Some(Self {
            head,
            sealed,
            envelope,
            moved,
        })
    }

    fn posted(self, frame: &Frame, segment: u32, offset: u64) -> Posted {
        let octets = self.sealed.map_or(frame.body, |sealed| sealed.octets);
        let place = match self.sealed {
            None => log_place(segment, offset, frame.head),
            Some(sealed) => sealed_place(segment, offset, sealed.body),
        };
        let each = weight(
            frame,
            self.sealed.map_or(0, |sealed| sealed.octets),
            self.head.kept.len(),
        );
        Posted {
            uid: frame.sequence,
            octets,
            kept: self.head.kept,
            utf8: self.head.utf8,
            uidl: self.head.uidl,
            place,
            weight: each,
            moved: self.moved,
            queue: self.head.queue,
        }
    }
}
