//! Mail on its way through the admin socket: letters in pieces, one direction at a time.
//!
//! ```text
//!  0     1                  5
//! +-----+------------------+---------+
//! | tag | length, u32 LE   | content |
//! +-----+------------------+---------+
//! ```
//!
//! *tag*: `L` a letter begins (JSON: its octets, its unique id), `O` octets of it, `.` all of it was there, `E` all
//! letters were there, `T` they were taken in (JSON: how many), `C` so far compaction is (JSON), `U` so much was brought
//! back (JSON), `!` it goes no further (JSON: the refusal).

use std::io::{self, Read, Write};

use mailstore::{Compacted, Undeleted};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::message::Refusal;

/// Most octets of one parcel's content.
pub(crate) const MOST: usize = 1 << 20;

/// One piece of mail, or word about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parcel {
    /// A letter begins.
    Letter(Label),
    /// Octets of the letter, with CRLF line ends.
    Octets(Vec<u8>),
    /// All of the letter was there.
    Complete,
    /// All letters were there, or all was done.
    End,
    /// All of them were taken in, or were in before.
    Taken(Tally),
    /// So far compaction is.
    Compacted(Compacted),
    /// So much was brought back.
    Undeleted(Undeleted),
    /// It goes no further.
    Refused(Refusal),
}

/// What is known about a letter before its octets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// Exactly so many follow.
    pub octets: u64,
    /// What POP3 clients know it by (RFC 1939 section 7).
    pub uidl: Option<String>,
}

/// What became of the letters of an import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    /// Taken in.
    pub messages: u64,
    /// Their octets.
    pub octets: u64,
    /// Of these, those with the unique id they came with.
    pub kept: u64,
    /// Of these, those whose unique id another message has: they got one of ours.
    pub renamed: u64,
    /// Of these, those with the same octets as a message that was there before.
    pub alike: u64,
    /// Left out: the mailbox has them already, with the same unique id and the same octets.
    pub here: u64,
}

impl Parcel {
    /// Writes it.
    pub(crate) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Letter(label) => frame(out, b'L', &serde_json::to_vec(label)?),
            Self::Octets(octets) => frame(out, b'O', octets),
            Self::Complete => frame(out, b'.', &[]),
            Self::End => frame(out, b'E', &[]),
            Self::Compacted(done) => frame(out, b'C', &serde_json::to_vec(done)?),
            Self::Undeleted(done) => frame(out, b'U', &serde_json::to_vec(done)?),
            Self::Taken(tally) => frame(out, b'T', &serde_json::to_vec(tally)?),
            Self::Refused(refusal) => frame(out, b'!', &serde_json::to_vec(refusal)?),
        }
    }

    /// Reads the next one.
    pub(crate) fn read(input: &mut impl Read) -> io::Result<Self> {
        let closed = |error: io::Error| {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                return io::Error::new(error.kind(), "the connection was closed");
            }
            error
        };
        let mut head = [0; 5];
        input.read_exact(&mut head).map_err(closed)?;
        let [tag, length @ ..] = head;
        let length = u32::from_le_bytes(length) as usize;
        if length > MOST {
            return Err(strange());
        }
        let mut content = vec![0; length];
        input.read_exact(&mut content).map_err(closed)?;
        match tag {
            b'L' => Ok(Self::Letter(parse(&content)?)),
            b'O' => Ok(Self::Octets(content)),
            b'.' => Ok(Self::Complete),
            b'E' => Ok(Self::End),
            b'C' => Ok(Self::Compacted(parse(&content)?)),
            b'U' => Ok(Self::Undeleted(parse(&content)?)),
            b'T' => Ok(Self::Taken(parse(&content)?)),
            b'!' => Ok(Self::Refused(parse(&content)?)),
            _ => Err(strange()),
        }
    }
}

fn frame(out: &mut impl Write, tag: u8, content: &[u8]) -> io::Result<()> {
    let length = u32::try_from(content.len()).map_err(|_| strange())?;
    out.write_all(&[tag])?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(content)
}

fn parse<T: DeserializeOwned>(content: &[u8]) -> io::Result<T> {
    serde_json::from_slice(content).map_err(|_| strange())
}

fn strange() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "this is no parcel of mail")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::RefusalKind;

    #[test]
    fn every_parcel_comes_out_as_it_went_in() {
        let parcels = [
            Parcel::Letter(Label {
                octets: u64::MAX,
                uidl: Some("1.a".to_owned()),
            }),
            Parcel::Octets(vec![0, 255]),
            Parcel::Octets(vec![7; MOST]),
            Parcel::Complete,
            Parcel::End,
            Parcel::Compacted(Compacted {
                segments: 3,
                ..Compacted::default()
            }),
            Parcel::Undeleted(Undeleted {
                messages: 2,
                ..Undeleted::default()
            }),
            Parcel::Taken(Tally {
                messages: 3,
                octets: u64::MAX,
                kept: 2,
                renamed: 1,
                alike: 1,
                here: 7,
            }),
            Parcel::Refused(Refusal::new(RefusalKind::Store, "full")),
        ];
        let mut stream = Vec::new();
        for parcel in &parcels {
            parcel.write(&mut stream).unwrap();
        }
        let mut input = stream.as_slice();
        for parcel in &parcels {
            assert_eq!(&Parcel::read(&mut input).unwrap(), parcel);
        }
        assert_eq!(input, b"");
    }

    #[test]
    fn what_is_no_parcel_is_an_error() {
        for octets in [
            &b""[..],
            b"L",
            b"?\0\0\0\0",
            b"T\x02\0\0\0{}",
            b"L\x02\0\0\0{}",
            b"O\x02\0\0\0x",
            b"O\xff\xff\xff\xff",
        ] {
            assert!(Parcel::read(&mut &*octets).is_err(), "{octets:?}");
        }
    }
}
