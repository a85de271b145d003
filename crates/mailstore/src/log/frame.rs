//! The frame around every record, and the opening record of every segment.
//!
//! It knows octets only; what the heads mean stands in [`super::record`]. The drawing is in the crate's own
//! documentation.

use super::Position;

/// Octets of a frame before its head.
pub(crate) const FRAME: usize = 44;
/// Octets of the opening record, frame included; the first ordinary record stands behind it.
pub(crate) const OPENING: u64 = (FRAME + OPENING_HEAD) as u64;
const OPENING_HEAD: usize = 36;
/// The mark of the first frame of every file; the others carry their segment's own, random one.
pub(crate) const FIRST: [u8; 8] = *b"tegami\x01\n";
/// The format written. Version 1 did not say whether a message came with SMTPUTF8; version 2 had no UIDL kept from
/// elsewhere and no time of removal; version 3 had no terms of accounts, and neither REQUIRETLS nor BY in envelopes;
/// version 4 had no queue, and no records that count together or not at all. All are still read.
pub(crate) const VERSION: u8 = 5;
/// The oldest format read.
pub(crate) const OLDEST: u8 = 1;
/// Longest head, in octets.
pub(crate) const MAX_HEAD: usize = 16 << 20;

/// What a record is. Numbers are for ever; 11 and 12 are kept for imports that begin to count all at once, and 16 is not
/// used: that a message is queued stands in the message's own record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// First in every segment.
    Opening = 1,
    /// Accounts and aliases.
    Decisions = 2,
    /// A message with its body.
    Message = 3,
    /// A message whose body has a file of its own.
    Reference = 4,
    /// Messages removed.
    Expunge = 5,
    /// First and only record of a body's own file; its sequence number is the body's number.
    Body = 6,
    /// A message moved by compaction, with its body; its sequence number is the message's uid.
    Copy = 7,
    /// A message moved by compaction whose body has a file of its own; its sequence number is the message's uid.
    CopyReference = 8,
    /// A segment from which everything that counts has been moved.
    Retired = 9,
    /// Removed messages that need not be kept any longer.
    Released = 10,
    /// What becomes of a queued message.
    Attempted = 17,
    /// Queued messages that have left the queue.
    Done = 18,
}

/// Whether a record counts only together with its neighbour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Joined {
    /// By itself.
    #[default]
    No = 0,
    /// With the one behind it.
    Next = 1,
    /// With the one before it.
    Before = 2,
    /// With the one before it and the one behind it.
    Both = 3,
}

impl Joined {
    fn from_number(number: u8) -> Option<Self> {
        [Self::No, Self::Next, Self::Before, Self::Both]
            .into_iter()
            .find(|joined| *joined as u8 == number)
    }
}

impl Kind {
    pub(crate) fn from_number(number: u8) -> Option<Self> {
        [
            Self::Opening,
            Self::Decisions,
            Self::Message,
            Self::Reference,
            Self::Expunge,
            Self::Body,
            Self::Copy,
            Self::CopyReference,
            Self::Retired,
            Self::Released,
            Self::Attempted,
            Self::Done,
        ]
        .into_iter()
        .find(|kind| *kind as u8 == number)
    }
}

/// A frame that was whole. Its kind and version may still be unknown here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) version: u8,
    pub(crate) kind: u8,
    pub(crate) joined: Joined,
    pub(crate) sequence: u64,
    pub(crate) head: u32,
    pub(crate) body: u64,
    pub(crate) head_crc: u32,
    pub(crate) body_crc: u32,
}

impl Frame {
    pub(crate) fn new(kind: Kind, head: &[u8], body: u64, body_crc: u32) -> Self {
        Self {
            version: VERSION,
            kind: kind as u8,
            joined: Joined::No,
            sequence: 0,
            head: u32::try_from(head.len()).unwrap_or(u32::MAX),
            body,
            head_crc: crc32c::crc32c(head),
            body_crc,
        }
    }

    /// Octets of the whole record.
    pub(crate) fn length(&self) -> u64 {
        FRAME as u64 + u64::from(self.head) + self.body
    }

    /// Writes the frame into the first [`FRAME`] octets of `into`.
    pub(crate) fn write(&self, mark: &[u8; 8], into: &mut [u8]) {
        into[..8].copy_from_slice(mark);
        into[8] = self.version;
        into[9] = self.kind;
        into[10] = self.joined as u8;
        into[11] = 0;
        into[12..20].copy_from_slice(&self.sequence.to_le_bytes());
        into[20..24].copy_from_slice(&self.head.to_le_bytes());
        into[24..32].copy_from_slice(&self.body.to_le_bytes());
        into[32..36].copy_from_slice(&self.head_crc.to_le_bytes());
        into[36..40].copy_from_slice(&self.body_crc.to_le_bytes());
        let crc = crc32c::crc32c(&into[..40]);
        into[40..44].copy_from_slice(&crc.to_le_bytes());
    }

    /// Reads a frame; `None` when it is cut off, carries another mark, or is not what was written.
    pub(crate) fn read(mark: &[u8; 8], from: &[u8]) -> Option<Self> {
        let octets: &[u8; FRAME] = from.first_chunk()?;
        if octets[..8] != mark[..] || crc32c::crc32c(&octets[..40]) != u32_at(octets, 40) {
            return None;
        }
        Some(Self {
            version: octets[8],
            kind: octets[9],
            // Before version 5 there was nothing but 0; after ours it may be something a newer version says.
            joined: Joined::from_number(octets[10]).unwrap_or_default(),
            sequence: u64_at(octets, 12),
            head: u32_at(octets, 20),
            body: u64_at(octets, 24),
            head_crc: u32_at(octets, 32),
            body_crc: u32_at(octets, 36),
        })
    }
}

/// The head of the first record of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Opening {
    /// Number of this segment.
    pub(crate) segment: u32,
    /// What every further frame of it begins with. Random, so that nobody can put a record into a letter.
    pub(crate) mark: [u8; 8],
    /// Everything behind this position in earlier segments is void. Segment 0 when there was none.
    pub(crate) durable: Position,
    /// Highest account id or epoch ever given out.
    pub(crate) ids: u64,
    /// Sequence number of the next record.
    pub(crate) sequence: u64,
}

impl Opening {
    pub(crate) fn to_record(self) -> Vec<u8> {
        let mut record = vec![0; FRAME + OPENING_HEAD];
        let head = &mut record[FRAME..];
        head[..4].copy_from_slice(&self.segment.to_le_bytes());
        head[4..12].copy_from_slice(&self.mark);
        head[12..16].copy_from_slice(&self.durable.segment.to_le_bytes());
        head[16..24].copy_from_slice(&self.durable.offset.to_le_bytes());
        head[24..32].copy_from_slice(&self.ids.to_le_bytes());
        // Four octets of room.
        let mut frame = Frame::new(Kind::Opening, head, 0, 0);
        frame.sequence = self.sequence;
        frame.write(&FIRST, &mut record);
        record
    }

    /// Reads an opening record; `None` when it is not whole.
    pub(crate) fn from_record(record: &[u8]) -> Option<Self> {
        let frame = Frame::read(&FIRST, record)?;
        let head = record.get(FRAME..FRAME + OPENING_HEAD)?;
        if frame.kind != Kind::Opening as u8
            || frame.head as usize != OPENING_HEAD
            || crc32c::crc32c(head) != frame.head_crc
        {
            return None;
        }
        Some(Self {
            segment: u32_at(head, 0),
            mark: *head[4..].first_chunk()?,
            durable: Position {
                segment: u32_at(head, 12),
                offset: u64_at(head, 16),
            },
            ids: u64_at(head, 24),
            sequence: frame.sequence,
        })
    }
}

fn u32_at(octets: &[u8], at: usize) -> u32 {
    octets[at..]
        .first_chunk()
        .map_or(0, |chunk| u32::from_le_bytes(*chunk))
}

fn u64_at(octets: &[u8], at: usize) -> u64 {
    octets[at..]
        .first_chunk()
        .map_or(0, |chunk| u64::from_le_bytes(*chunk))
}
