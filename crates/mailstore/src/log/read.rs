//! Finding the octets of one message again, and making sure they are what was stored.
//!
//! A small message is verified whole before its first octet is handed out. A large one is verified as it passes by,
//! its last chunk being kept back unless all of it was right. Nothing here knows mailboxes.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use address::Envelope;
use bytes::Bytes;

use super::frame::{FIRST, FRAME, Frame, Kind, MAX_HEAD};
use super::record::Stored;
use crate::disk::{Disk, DiskFile, Layout};
use crate::engine::{Chunk, Entry, Place, Reading, Wait};
use crate::error::ReadError;
use crate::index::keys::Retirement;

/// Octets handed out at once; a message up to this size comes whole.
const CHUNK: u64 = 64 << 10;
/// Files kept open for readers.
const OPEN_FILES: usize = 64;

/// Where a message lies.
struct Lie {
    file: Name,
    /// Of its frame.
    offset: u64,
    head: u32,
    kind: Kind,
    /// Sequence number its frame must have.
    sequence: u64,
}

/// Which file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Name {
    Segment(u32),
    Body(u64),
}

/// The files of the log, open for readers.
pub(crate) struct Files {
    disk: Arc<dyn Disk>,
    layout: Layout,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    files: HashMap<Name, Arc<dyn DiskFile>>,
    /// In the order they were opened.
    order: VecDeque<Name>,
}

impl Files {
    pub(crate) fn new(disk: Arc<dyn Disk>, layout: Layout) -> Self {
        Self {
            disk,
            layout,
            open: Mutex::default(),
        }
    }

    pub(crate) fn read(
        &self,
        entry: &Entry,
        reading: &mut Reading,
        wait: Wait,
    ) -> Result<Option<Chunk>, ReadError> {
        let lie = locate(entry);
        match self.read_lie(&lie, entry, reading, wait) {
            Ok(chunk) => Ok(Some(chunk)),
            Err(Trouble::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(Trouble::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
                Err(ReadError::Gone)
            }
            Err(Trouble::Io(error)) => Err(ReadError::Io(Arc::new(error))),
            Err(Trouble::Damaged(what)) => Err(ReadError::Damaged {
                uid: entry.uid,
                what,
            }),
        }
    }

    fn read_lie(
        &self,
        lie: &Lie,
        entry: &Entry,
        reading: &mut Reading,
        wait: Wait,
    ) -> Result<Chunk, Trouble> {
        let file = self.file(lie.file, wait)?;
        let body_at = lie.offset + FRAME as u64 + u64::from(lie.head);
        if reading.expected.is_none() && entry.octets <= CHUNK {
            return whole(&*file, lie, entry, reading, wait);
        }
        let expected = match reading.expected {
            Some(expected) => expected,
            None => {
                let mut front = vec![0; FRAME + lie.head as usize];
                fill(&*file, &mut front, lie.offset, wait)?;
                let frame = verify(lie, entry, &front)?;
                reading.expected = Some(frame.body_crc);
                frame.body_crc
            }
        };
        let left = entry.octets - reading.offset;
        let mut octets = vec![0; usize::try_from(left.min(CHUNK)).unwrap_or(0)];
        fill(&*file, &mut octets, body_at + reading.offset, wait)?;
        let crc = crc32c::crc32c_append(reading.crc, &octets);
        let last = octets.len() as u64 == left;
        if last && crc != expected {
            return Err(Trouble::Damaged(
                "its octets are not those that were stored",
            ));
        }
        reading.crc = crc;
        reading.offset += octets.len() as u64;
        Ok(Chunk {
            octets: octets.into(),
            last,
        })
    }

    /// When a message came, and its envelope, from the record that says so.
    pub(crate) fn envelope(&self, entry: &Entry) -> Result<(u64, Envelope), ReadError> {
        self.read_envelope(entry).map_err(|trouble| match trouble {
            Trouble::Io(error) if error.kind() == io::ErrorKind::NotFound => ReadError::Gone,
            Trouble::Io(error) => ReadError::Io(Arc::new(error)),
            Trouble::Damaged(what) => ReadError::Damaged {
                uid: entry.uid,
                what,
            },
        })
    }

    fn read_envelope(&self, entry: &Entry) -> Result<(u64, Envelope), Trouble> {
        let (segment, offset) = entry.place.record();
        let file = self.file(Name::Segment(segment), Wait::Allowed)?;
        let mut front = [0; FRAME];
        fill(&*file, &mut front, offset.into(), Wait::Allowed)?;
        let mark = front.first_chunk().unwrap_or(&FIRST);
        let frame = Frame::read(mark, &front).ok_or(Trouble::Damaged("its frame is not whole"))?;
        if frame.sequence != entry.uid || frame.head as usize > MAX_HEAD {
            return Err(Trouble::Damaged("another record is in its place"));
        }
        let mut head = vec![0; frame.head as usize];
        let at = u64::from(offset) + FRAME as u64;
        fill(&*file, &mut head, at, Wait::Allowed)?;
        let damaged = Trouble::Damaged("its head is not what was stored");
        if crc32c::crc32c(&head) != frame.head_crc {
            return Err(damaged);
        }
        let kind = Kind::from_number(frame.kind);
        let stored = kind.and_then(|kind| Stored::read(kind, &frame, &head));
        let envelope = stored.and_then(|stored| {
            let envelope = postcard::from_bytes(stored.envelope).ok()?;
            Some((stored.head.received, envelope))
        });
        envelope.ok_or(damaged)
    }

    /// Lets go of files that are about to be removed.
    pub(crate) fn forget(&self, retired: &Retirement) {
        let mut open = self.lock();
        let bodies = retired.bodies.iter().copied().map(Name::Body);
        for name in bodies.chain([Name::Segment(retired.segment)]) {
            open.files.remove(&name);
            open.order.retain(|other| *other != name);
        }
    }

    fn file(&self, name: Name, wait: Wait) -> Result<Arc<dyn DiskFile>, Trouble> {
        let cached = self.lock().files.get(&name).cloned();
        if let Some(file) = cached {
            return Ok(file);
        }
        if wait == Wait::Never {
            return Err(Trouble::Io(io::ErrorKind::WouldBlock.into()));
        }
        let path: PathBuf = match name {
            Name::Segment(number) => self.layout.segment(number),
            Name::Body(number) => self.layout.body(number),
        };
        let file = self.disk.open(&path).map_err(Trouble::Io)?;
        let mut open = self.lock();
        if open.files.insert(name, Arc::clone(&file)).is_none() {
            open.order.push_back(name);
        }
        if open.order.len() > OPEN_FILES
            && let Some(oldest) = open.order.pop_front()
        {
            open.files.remove(&oldest);
        }
        Ok(file)
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a read did not work.
enum Trouble {
    Io(io::Error),
    Damaged(&'static str),
}

fn locate(entry: &Entry) -> Lie {
    match entry.place {
        Place::Log {
            segment,
            offset,
            head,
        } => Lie {
            file: Name::Segment(segment),
            offset: u64::from(offset),
            head,
            kind: Kind::Message,
            sequence: entry.uid,
        },
        Place::Sealed { body, .. } => Lie {
            file: Name::Body(body),
            offset: 0,
            head: 0,
            kind: Kind::Body,
            sequence: body,
        },
    }
}

/// Reads and verifies a small message in one go.
fn whole(
    file: &dyn DiskFile,
    lie: &Lie,
    entry: &Entry,
    reading: &mut Reading,
    wait: Wait,
) -> Result<Chunk, Trouble> {
    let front = FRAME + lie.head as usize;
    let length = front + usize::try_from(entry.octets).unwrap_or(0);
    let mut record = vec![0; length];
    fill(file, &mut record, lie.offset, wait)?;
    let frame = verify(lie, entry, &record)?;
    if crc32c::crc32c(&record[front..]) != frame.body_crc {
        return Err(Trouble::Damaged(
            "its octets are not those that were stored",
        ));
    }
    let offset = usize::try_from(reading.offset).unwrap_or(0);
    reading.offset = entry.octets;
    Ok(Chunk {
        octets: Bytes::from(record).slice((front + offset).min(length)..),
        last: true,
    })
}

/// Makes sure that this is the frame the index means.
fn verify(lie: &Lie, entry: &Entry, record: &[u8]) -> Result<Frame, Trouble> {
    // The mark of a segment is random; the frame's own CRC covers it, and the number says which record it is.
    let mark = if lie.kind == Kind::Body {
        &FIRST
    } else {
        record.first_chunk().unwrap_or(&FIRST)
    };
    let frame = Frame::read(mark, record).ok_or(Trouble::Damaged("its frame is not whole"))?;
    let moved = lie.kind == Kind::Message && frame.kind == Kind::Copy as u8;
    if (frame.kind != lie.kind as u8 && !moved)
        || frame.sequence != lie.sequence
        || frame.head != lie.head
    {
        return Err(Trouble::Damaged("another record is in its place"));
    }
    if frame.body != entry.octets {
        return Err(Trouble::Damaged("its size is another one"));
    }
    let head = record.get(FRAME..FRAME + lie.head as usize).unwrap_or(&[]);
    if crc32c::crc32c(head) != frame.head_crc {
        return Err(Trouble::Damaged("its head is not what was stored"));
    }
    Ok(frame)
}

fn fill(file: &dyn DiskFile, buffer: &mut [u8], offset: u64, wait: Wait) -> Result<(), Trouble> {
    let read = file.read_at(buffer, offset, wait).map_err(Trouble::Io)?;
    if read == buffer.len() {
        Ok(())
    } else {
        Err(Trouble::Damaged("it is cut off"))
    }
}
