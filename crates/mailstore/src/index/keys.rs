//! Keys and values of the index.
//!
//! | key | value |
//! |---|---|
//! | `c` | [`Checkpoint`] |
//! | `a` id | account |
//! | `l` address key | alias |
//! | `t` address key | mailing list |
//! | `u` id | [`Usage`] of its mailbox |
//! | `m` id uid | epoch, octets, came with SMTPUTF8, place, UIDL, weight of a message |
//! | `d` id uid | the same and the time of removal, of a message removed but still in the log |
//! | `o` id | [`OnItsWay`]: what becomes of a queued message, and where that is said |
//! | `q` due id | nothing: the queue by due time, without what is held |
//! | `s` segment | [`Hint`]: how much of a segment is still of use |
//! | `r` | [`Retirement`]: the segment retired last, whose files may still be there |
//!
//! Ids and uids are eight octets, big end first, so that keys sort by them; so is a due
//! time, in milliseconds since 1970. The messages of the queue are those of the mailbox of nobody, whose id is 0. Values are postcard; another shape of any of them is another [`SHAPE`], and then the index is built anew.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::account::AccountId;
use crate::engine::{Entry, Place};
use crate::ledger::Usage;
use crate::log::Position;
use crate::outgoing::{Pending, QueueCounts};

/// Number of the shape of keys and values.
pub(crate) const SHAPE: u32 = 10;
/// Key of the checkpoint.
pub(crate) const CHECKPOINT: &[u8] = b"c";
/// First octet of account keys.
pub(crate) const ACCOUNT: &[u8] = b"a";
/// First octet of alias keys.
pub(crate) const ALIAS: &[u8] = b"l";
/// First octet of the keys of mailing lists.
pub(crate) const LIST: &[u8] = b"t";
/// First octet of usage keys.
pub(crate) const USAGE: &[u8] = b"u";
/// First octet of message keys.
pub(crate) const MESSAGE: &[u8] = b"m";
/// First octet of the keys of removed messages.
pub(crate) const REMOVED: &[u8] = b"d";
/// First octet of the keys of what becomes of queued messages.
pub(crate) const ON_ITS_WAY: &[u8] = b"o";
/// First octet of the keys of queued messages by due time.
pub(crate) const DUE: &[u8] = b"q";
/// First octet of segment keys.
pub(crate) const SEGMENT: &[u8] = b"s";
/// Key of the last retirement.
pub(crate) const RETIREMENT: &[u8] = b"r";

/// How far the index is, and what it should therefore hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    pub(crate) shape: u32,
    /// Everything before this position of the log is in the index.
    pub(crate) position: Position,
    /// Sequence number of the next record.
    pub(crate) sequence: u64,
    /// Highest account id or epoch ever given out.
    pub(crate) ids: u64,
    /// See [`super::Group::bodies`].
    pub(crate) bodies: u64,
    /// Highest number of a body that any record has named, whatever has become of it: no such number is given out again.
    pub(crate) named: u64,
    pub(crate) totals: Totals,
}

/// Sums over the whole index, so that a damaged one is noticed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Totals {
    pub(crate) messages: u64,
    pub(crate) octets: u64,
    /// Wrapping sum of [`fingerprint`] over all messages.
    pub(crate) entries: u64,
    /// Wrapping sum of [`fingerprint`] over all accounts, aliases and lists.
    pub(crate) directory: u64,
    /// Wrapping sum of [`fingerprint`] over all removed messages.
    pub(crate) removed: u64,
    /// How many of those may come back, counted once per mailbox, without those that have left
    /// the queue.
    pub(crate) kept: Usage,
    /// Wrapping sum of [`fingerprint`] over what becomes of queued messages and when.
    pub(crate) queue: u64,
    /// How many those are.
    pub(crate) queued: QueueCounts,
}

/// Which segments are worth a look: sums of weights. Not exact; compaction looks for itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hint {
    /// Of the messages that are in a mailbox.
    pub(crate) live: u64,
    /// Of all that was ever put into it.
    pub(crate) total: u64,
    /// A later segment has a copy of something in it. This is exact: as long as both are there, neither says alone
    /// what has become of the message.
    pub(crate) begun: bool,
}

/// The files of a retired segment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Retirement {
    pub(crate) segment: u32,
    pub(crate) bodies: Vec<u64>,
}

/// What becomes of a queued message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OnItsWay {
    pub(crate) pending: Arc<Pending>,
    /// Octets of the message.
    pub(crate) octets: u64,
    /// Segment and offset of the record that says so.
    pub(crate) at: (u32, u32),
}

/// Value of a message key.
#[derive(Serialize, Deserialize)]
struct Message {
    epoch: u32,
    octets: u64,
    utf8: bool,
    place: StoredPlace,
    uidl: Option<String>,
    weight: u64,
}

/// [`Place`] as it is stored.
#[derive(Serialize, Deserialize)]
enum StoredPlace {
    Log(u32, u32, u32),
    Sealed(u64, u32, u32),
}

/// Stands for one pair in a sum.
pub(crate) fn fingerprint(key: &[u8], value: &[u8]) -> u64 {
    let crc = crc32c::crc32c_append(crc32c::crc32c(key), value);
    u64::from(crc).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// `a` id.
pub(crate) fn account(id: AccountId) -> Vec<u8> {
    with_id(ACCOUNT, id)
}

/// `u` id.
pub(crate) fn usage(id: AccountId) -> Vec<u8> {
    with_id(USAGE, id)
}

/// `l` address.
pub(crate) fn alias(address: &str) -> Vec<u8> {
    [ALIAS, address.as_bytes()].concat()
}

/// `t` address.
pub(crate) fn list(address: &str) -> Vec<u8> {
    [LIST, address.as_bytes()].concat()
}

fn with_id(first: &[u8], id: AccountId) -> Vec<u8> {
    [first, &id.0.to_be_bytes()].concat()
}

/// What all message keys of a mailbox begin with.
pub(crate) fn mailbox(id: AccountId) -> [u8; 9] {
    let mut key = [0; 9];
    key[0] = MESSAGE[0];
    key[1..].copy_from_slice(&id.0.to_be_bytes());
    key
}

/// `m` id uid.
pub(crate) fn message(id: AccountId, uid: u64) -> Vec<u8> {
    let mut key = Vec::with_capacity(17);
    key.extend_from_slice(&mailbox(id));
    key.extend_from_slice(&uid.to_be_bytes());
    key
}

/// The id behind the first octet of a key.
pub(crate) fn id_of(key: &[u8]) -> Option<AccountId> {
    let octets: [u8; 8] = *key.get(1..)?.first_chunk()?;
    Some(AccountId(u64::from_be_bytes(octets)))
}

/// `d` id.
pub(crate) fn removed_of(id: AccountId) -> Vec<u8> {
    with_id(REMOVED, id)
}

/// `d` id uid.
pub(crate) fn removed(id: AccountId, uid: u64) -> Vec<u8> {
    [REMOVED, &id.0.to_be_bytes(), &uid.to_be_bytes()].concat()
}

/// `o` id.
pub(crate) fn on_its_way(id: u64) -> Vec<u8> {
    [ON_ITS_WAY, &id.to_be_bytes()].concat()
}

/// Reads the key of a queued message and what becomes of it.
pub(crate) fn read_on_its_way(key: &[u8], value: &[u8]) -> Option<(u64, OnItsWay)> {
    Some((id_of(key)?.0, postcard::from_bytes(value).ok()?))
}

/// `q` due id.
pub(crate) fn due(due: u64, id: u64) -> Vec<u8> {
    [DUE, &due.to_be_bytes(), &id.to_be_bytes()].concat()
}

/// Due time and id of a key.
pub(crate) fn read_due(key: &[u8]) -> Option<(u64, u64)> {
    let id = key.get(9..)?.first_chunk()?;
    Some((id_of(key)?.0, u64::from_be_bytes(*id)))
}

/// `s` segment.
pub(crate) fn segment(number: u32) -> Vec<u8> {
    [SEGMENT, &number.to_be_bytes()].concat()
}

/// The segment behind the first octet of a key.
pub(crate) fn segment_of(key: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(*key.get(1..)?.first_chunk()?))
}

impl Message {
    fn of(entry: &Entry) -> Self {
        let place = match entry.place {
            Place::Log {
                segment,
                offset,
                head,
            } => StoredPlace::Log(segment, offset, head),
            Place::Sealed {
                body,
                segment,
                offset,
            } => StoredPlace::Sealed(body, segment, offset),
        };
        Self {
            epoch: entry.epoch,
            octets: entry.octets,
            utf8: entry.utf8,
            place,
            uidl: entry.uidl.as_deref().map(str::to_owned),
            weight: entry.weight,
        }
    }

    fn entry(self, key: &[u8]) -> Option<Entry> {
        let uid = u64::from_be_bytes(*key.get(9..)?.first_chunk()?);
        let place = match self.place {
            StoredPlace::Log(segment, offset, head) => Place::Log {
                segment,
                offset,
                head,
            },
            StoredPlace::Sealed(body, segment, offset) => Place::Sealed {
                body,
                segment,
                offset,
            },
        };
        Some(Entry {
            uid,
            epoch: self.epoch,
            octets: self.octets,
            utf8: self.utf8,
            uidl: self.uidl.map(Into::into),
            place,
            weight: self.weight,
        })
    }
}

/// Value for an entry.
pub(crate) fn entry_value(entry: &Entry) -> Vec<u8> {
    value(&Message::of(entry))
}

/// Value for a removed entry.
pub(crate) fn removed_value(entry: &Entry, when: u64) -> Vec<u8> {
    value(&(Message::of(entry), when))
}

/// Reads a message key and its value.
pub(crate) fn entry(key: &[u8], value: &[u8]) -> Option<Entry> {
    postcard::from_bytes::<Message>(value).ok()?.entry(key)
}

/// Reads the key of a removed message and its value.
pub(crate) fn removed_entry(key: &[u8], value: &[u8]) -> Option<(Entry, u64)> {
    let (message, when) = postcard::from_bytes::<(Message, u64)>(value).ok()?;
    Some((message.entry(key)?, when))
}

/// Any value of ours as octets.
pub(crate) fn value<T: Serialize>(value: &T) -> Vec<u8> {
    // Plain data into memory: postcard has nothing to refuse.
    postcard::to_allocvec(value).unwrap_or_default()
}

/// Usage as it is stored.
pub(crate) fn usage_value(usage: Usage) -> Vec<u8> {
    value(&(usage.messages, usage.octets))
}

/// Reads what [`usage_value`] wrote.
pub(crate) fn read_usage(value: &[u8]) -> Option<Usage> {
    let (messages, octets) = postcard::from_bytes(value).ok()?;
    Some(Usage { messages, octets })
}
