//! What the heads of records mean, in both directions.
//!
//! Heads are postcard under the format version of their frame: a change of any type below is a new version.

use address::Envelope;
use serde::{Deserialize, Serialize};

use super::frame::{FRAME, Frame, Kind, MAX_HEAD};
use crate::account::{AccountId, Decision};
use crate::engine::{Addressee, Body, Claim, Fact, Message, Place, Sealed};
use crate::error::StoreError;
use crate::index::Change;

/// Head of a message. The envelope comes behind it, so that the index need not take addresses apart.
#[derive(Serialize, Deserialize)]
struct MessageHead {
    received: u64,
    addressees: Vec<Addressee>,
    /// What the envelope's `smtputf8` says. Version 1 had neither.
    utf8: bool,
}

/// The same in version 1.
#[derive(Deserialize)]
struct MessageHead1 {
    received: u64,
    addressees: Vec<Addressee>,
}

impl MessageHead {
    /// Reads a head of the given format version; whatever stands behind it is left alone.
    fn read(version: u8, head: &[u8]) -> Option<Self> {
        if version > 1 {
            return Some(postcard::take_from_bytes(head).ok()?.0);
        }
        let (
            MessageHead1 {
                received,
                addressees,
            },
            _,
        ) = postcard::take_from_bytes(head).ok()?;
        Some(Self {
            received,
            addressees,
            utf8: false,
        })
    }
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
}

impl Draft {
    pub(crate) fn length(&self) -> u64 {
        self.frame.length()
    }

    /// Gives the record its place and number.
    pub(crate) fn stamp(&mut self, mark: &[u8; 8], sequence: u64, segment: u32, offset: u64) {
        self.frame.sequence = sequence;
        self.frame.write(mark, &mut self.front);
        if let Change::Message { uid, place, .. } = &mut self.change {
            *uid = sequence;
            if let Place::Log { .. } = place {
                *place = log_place(segment, offset, self.frame.head);
            }
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

/// Makes a record of a fact.
pub(crate) fn draft(fact: Fact) -> Result<Draft, StoreError> {
    let front = vec![0; FRAME];
    match fact {
        Fact::Message(message) => draft_message(message),
        Fact::Expunge { account, mut uids } => {
            uids.sort_unstable();
            let mut before = 0;
            let steps = uids
                .iter()
                .map(|uid| uid - std::mem::replace(&mut before, *uid));
            let head = ExpungeHead {
                account,
                steps: steps.collect(),
            };
            let front = encode(&head, front)?;
            let change = Change::Expunge { account, uids };
            finish(Kind::Expunge, front, Vec::new(), 0, change)
        }
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
    };
    match message.body {
        Body::Held { octets, crc } => {
            let front = encode(&head, front)?;
            let front = encode::<Envelope>(&message.envelope, front)?;
            let length = octets.len() as u64;
            let change = Change::Message {
                uid: 0,
                octets: length,
                addressees: head.addressees,
                utf8: head.utf8,
                place: log_place(0, 0, 0),
            };
            finish(Kind::Message, front, octets, crc, change)
        }
        Body::Sealed { sealed, claim } => {
            let head = ReferenceHead {
                sealed,
                message: head,
            };
            let front = encode(&head, front)?;
            let front = encode::<Envelope>(&message.envelope, front)?;
            let change = Change::Message {
                uid: 0,
                octets: sealed.octets,
                addressees: head.message.addressees,
                utf8: head.message.utf8,
                place: Place::Sealed { body: sealed.body },
            };
            let mut draft = finish(Kind::Reference, front, Vec::new(), 0, change)?;
            draft.claim = Some(claim);
            Ok(draft)
        }
    }
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
    })
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
        Kind::Message => {
            let message = MessageHead::read(frame.version, head)?;
            Change::Message {
                uid: frame.sequence,
                octets: frame.body,
                addressees: message.addressees,
                utf8: message.utf8,
                place: log_place(segment, offset, frame.head),
            }
        }
        Kind::Reference => {
            let (sealed, rest) = postcard::take_from_bytes::<Sealed>(head).ok()?;
            let message = MessageHead::read(frame.version, rest)?;
            sealed.body.checked_add(1)?;
            Change::Message {
                uid: frame.sequence,
                octets: sealed.octets,
                addressees: message.addressees,
                utf8: message.utf8,
                place: Place::Sealed { body: sealed.body },
            }
        }
        Kind::Expunge => {
            let expunge: ExpungeHead = postcard::from_bytes(head).ok()?;
            let mut uid = 0_u64;
            let mut uids = Vec::with_capacity(expunge.steps.len());
            for step in expunge.steps {
                uid = uid.checked_add(step)?;
                uids.push(uid);
            }
            Change::Expunge {
                account: expunge.account,
                uids,
            }
        }
        Kind::Decisions => Change::Decisions(postcard::from_bytes::<Vec<Decision>>(head).ok()?),
        Kind::Opening | Kind::Body => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{Addressee, Change, Frame, Kind, Sealed, change};
    use crate::account::AccountId;

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
            let Some(Change::Message {
                addressees, utf8, ..
            }) = change(kind, &frame, &head, 1, 80)
            else {
                panic!("{kind:?} does not read");
            };
            assert_eq!((addressees, utf8), (vec![to], false), "{kind:?}");
        }
    }

    /// Whatever stands in a log, opening it must not count beyond the last number.
    #[test]
    fn the_last_number_of_all_belongs_to_no_record() {
        let message = (0_u64, Vec::<Addressee>::new(), false);
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
    }
}
