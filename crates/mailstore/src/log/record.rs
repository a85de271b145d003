//! What the heads of records mean, in both directions.
//!
//! Heads are postcard under the format version of their frame: a change of any type below is a new version.

mod before;

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

/// Head of a message. The envelope comes behind it, so that the index need not take addresses apart.
#[derive(Serialize, Deserialize)]
struct MessageHead {
    received: u64,
    addressees: Vec<Addressee>,
    /// What the envelope's `smtputf8` says. Version 1 had neither.
    utf8: bool,
    /// Kept from another server. Version 2 had none.
    uidl: Option<Arc<str>>,
}

/// The same in version 2.
#[derive(Deserialize)]
struct MessageHead2 {
    received: u64,
    addressees: Vec<Addressee>,
    utf8: bool,
}

/// The same in version 1.
#[derive(Deserialize)]
struct MessageHead1 {
    received: u64,
    addressees: Vec<Addressee>,
}

impl MessageHead {
    /// Reads a head of the given format version; gives what stands behind it, too.
    fn read(version: u8, head: &[u8]) -> Option<(Self, &[u8])> {
        if version > 2 {
            return postcard::take_from_bytes(head).ok();
        }
        let (received, addressees, utf8, rest) = if version == 2 {
            let (old, rest) = postcard::take_from_bytes::<MessageHead2>(head).ok()?;
            (old.received, old.addressees, old.utf8, rest)
        } else {
            let (old, rest) = postcard::take_from_bytes::<MessageHead1>(head).ok()?;
            (old.received, old.addressees, false, rest)
        };
        let message = Self {
            received,
            addressees,
            utf8,
            uidl: None,
        };
        Some((message, rest))
    }
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
        if let Change::Message(posted) = &mut self.change {
            posted.uid = sequence;
            posted.place = match posted.place {
                Place::Log { .. } => log_place(segment, offset, self.frame.head),
                Place::Sealed { body, .. } => sealed_place(segment, offset, body),
            };
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

/// Makes a record of a fact.
pub(crate) fn draft(fact: Fact) -> Result<Draft, StoreError> {
    let front = vec![0; FRAME];
    match fact {
        Fact::Message(message) => draft_message(message),
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
            let front = encode(&head, front)?;
            let change = Change::Expunge {
                account,
                uids,
                when,
            };
            finish(Kind::Expunge, front, Vec::new(), 0, change)
        }
        Fact::Released { account, uids } => draft_released(account, uids),
        Fact::Decisions(decisions) => {
            let front = encode(&decisions, front)?;
            let change = Change::Decisions(decisions);
            finish(Kind::Decisions, front, Vec::new(), 0, change)
        }
    }
}

/// Makes the record of a message: with its body, or naming the file that has it.
fn draft_message(message: Message) -> Result<Draft, StoreError> {
    let front = vec![0; FRAME];
    let head = MessageHead {
        received: message.received,
        addressees: message.addressees,
        utf8: message.envelope.smtputf8,
        uidl: message.uidl,
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
    };
    match message.body {
        Body::Held { octets, crc } => {
            let front = encode(&head, front)?;
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
            let front = encode(&head, front)?;
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
    let front = vec![0; FRAME];
    let (front, kind) = match &sealed {
        Some(sealed) => (encode(sealed, front)?, Kind::CopyReference),
        None => (front, Kind::Copy),
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
    let front = encode(&head, vec![0; FRAME])?;
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
    let front = encode(&head, vec![0; FRAME])?;
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
        Kind::Decisions => Change::Decisions(before::decisions(frame.version, head)?),
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
            | Kind::Released => return None,
        };
        let moved = matches!(kind, Kind::Copy | Kind::CopyReference);
        let (head, envelope) = if moved {
            postcard::take_from_bytes::<CopyHead>(rest).ok()?
        } else {
            let (message, rest) = MessageHead::read(frame.version, rest)?;
            let head = CopyHead {
                received: message.received,
                kept: message.addressees.into_iter().map(Kept::from).collect(),
                utf8: message.utf8,
                uidl: message.uidl,
                envelope: frame.version,
            };
            (head, rest)
        };
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
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Addressee, Body, Change, FRAME, Fact, Frame, Kept, Kind, Message, RetiredHead, Retirement,
        Sealed, Stored, change, draft,
    };
    use crate::account::AccountId;
    use crate::log::frame::VERSION;

    /// Logs written before messages could come with SMTPUTF8 stay readable.
    #[test]
    fn messages_of_version_1_came_without_smtputf8() {
        let to = Addressee {
            account: AccountId(7),
            epoch: 8,
        };
        let sealed = Sealed {
            body: 5,
            octets: 6,
            crc: 0,
        };
        let message = (1_700_000_000_000_u64, vec![to]);
        // What stood behind was an envelope; here it would read as the mark, were it taken for one.
        let behind = (1_u8, "<a@b>");
        for (kind, head) in [
            (Kind::Message, postcard::to_allocvec(&(&message, behind))),
            (
                Kind::Reference,
                postcard::to_allocvec(&(sealed, &message, behind)),
            ),
        ] {
            let head = head.unwrap();
            let mut frame = Frame::new(kind, &head, 0, 0);
            frame.version = 1;
            let Some(Change::Message(posted)) = change(kind, &frame, &head, 1, 80) else {
                panic!("{kind:?} does not read");
            };
            assert_eq!(
                (posted.kept, posted.utf8),
                (vec![Kept::from(to)], false),
                "{kind:?}"
            );
        }
    }

    /// Version 2 had no UIDL kept from elsewhere, and did not say when a message was removed.
    #[test]
    fn heads_of_version_2_read() {
        let to = Addressee {
            account: AccountId(7),
            epoch: 8,
        };
        let read = |kind, head: &[u8]| {
            let mut frame = Frame::new(kind, head, 0, 0);
            frame.version = 2;
            change(kind, &frame, head, 1, 80).unwrap()
        };
        let head = postcard::to_allocvec(&((9_u64, vec![to], true), (1_u8, "<a@b>"))).unwrap();
        let Change::Message(posted) = read(Kind::Message, &head) else {
            panic!("no message");
        };
        assert_eq!(
            (posted.kept, posted.utf8, posted.uidl),
            (vec![Kept::from(to)], true, None)
        );
        let head = postcard::to_allocvec(&(7_u64, vec![3_u64, 2])).unwrap();
        let expected = Change::Expunge {
            account: AccountId(7),
            uids: vec![3, 5],
            when: 0,
        };
        assert_eq!(read(Kind::Expunge, &head), expected);
    }

    /// RFC 2852 and RFC 8689: what MAIL wished for is still known when the message is passed on.
    #[test]
    fn the_envelope_is_kept_with_the_message_as_it_came() {
        let envelope = address::Envelope {
            reverse_path: "<alice@example.test>".parse().unwrap(),
            requiretls: true,
            deliver_by: Some("120;RT".parse().unwrap()),
            ..address::Envelope::default()
        };
        let message = Message {
            envelope: envelope.clone(),
            received: 9,
            addressees: Vec::new(),
            body: Body::Held {
                octets: b"a letter".to_vec(),
                crc: 0,
            },
            uidl: None,
        };
        let draft = draft(Fact::Message(message)).unwrap();
        let head = &draft.front[FRAME..];
        let stored = Stored::read(Kind::Message, &draft.frame, head).unwrap();
        assert_eq!(stored.head.envelope, VERSION);
        let kept: address::Envelope = postcard::from_bytes(stored.envelope).unwrap();
        assert_eq!(kept, envelope);
    }

    /// Whatever stands in a log, opening it must not count beyond the last number.
    #[test]
    fn the_last_number_of_all_belongs_to_no_record() {
        let message = (0_u64, Vec::<Addressee>::new(), false, None::<&str>);
        let reads = |sequence: u64, body: u64| {
            let sealed = Sealed {
                body,
                octets: 6,
                crc: 0,
            };
            let head = postcard::to_allocvec(&(sealed, &message)).unwrap();
            let mut frame = Frame::new(Kind::Reference, &head, 0, 0);
            frame.sequence = sequence;
            change(Kind::Reference, &frame, &head, 1, 80).is_some()
        };
        assert!(reads(u64::MAX - 1, u64::MAX - 1));
        assert!(!reads(u64::MAX, 1));
        assert!(!reads(1, u64::MAX));

        let retires = |body: u64| {
            let files = Retirement {
                segment: 1,
                bodies: vec![body],
            };
            let head = RetiredHead {
                files,
                forgotten: Vec::new(),
            };
            let head = postcard::to_allocvec(&head).unwrap();
            let frame = Frame::new(Kind::Retired, &head, 0, 0);
            change(Kind::Retired, &frame, &head, 1, 80).is_some()
        };
        assert!(retires(u64::MAX - 1));
        assert!(!retires(u64::MAX));
    }
}
