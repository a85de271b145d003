//! Reading the log: which segments there are, how far each one counts, and every record of them in order.
//!
//! It changes nothing on the disk. Damage ends nothing: it is noted, and reading goes on behind it at the next frame
//! that carries the segment's mark.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use memchr::memmem;

use super::Position;
use super::frame::{FRAME, Frame, Joined, Kind, MAX_HEAD, OLDEST, OPENING, Opening, VERSION};
use super::record;
use crate::disk::{Disk, DiskFile, Layout, segment_number};
use crate::engine::Wait;
use crate::error::OpenError;
use crate::index::Change;
use crate::index::applier::Applier;
use crate::index::table::TableError;
use crate::report::Damage;

/// Octets read at once.
const WINDOW: usize = 1 << 20;
/// Records between two places where a rebuild writes its batch.
const BATCH: u64 = 1_000;

/// Some work on the index.
pub(crate) type Work<'a> = &'a mut dyn FnMut() -> Result<(), TableError>;
/// How that work is done: at once, or under somebody's eye.
pub(crate) type Step<'a> = &'a mut dyn FnMut(Work<'_>) -> Result<(), TableError>;

/// Sees where a record begins, its frame and its head; false when it has seen enough.
pub(super) type Seen<'a> = &'a mut dyn FnMut(u64, &Frame, Kind, &[u8]) -> bool;

/// Reads the log of one data directory.
#[derive(Clone)]
pub(crate) struct Replay {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) layout: Layout,
}

/// One segment.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) number: u32,
    pub(crate) size: u64,
    /// None when it was not whole.
    pub(crate) opening: Option<Opening>,
    /// What every frame of it begins with.
    mark: Option<[u8; 8]>,
    /// Where it ends for us: a later opening says so, or else its size. Behind the size when the file was cut short.
    pub(crate) limit: u64,
    /// A later opening has said so: what stands before the limit was durable.
    pub(crate) sealed: bool,
}

impl Segment {
    /// There is a file, and nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.size == 0
    }

    /// Its records can be told from anything else.
    pub(crate) fn is_readable(&self) -> bool {
        self.mark.is_some()
    }

    /// It was durable up to here. What of it is not there any more is damage.
    fn end_at(&mut self, offset: u64) {
        if self.sealed {
            self.limit = self.limit.min(offset);
        } else if self.mark.is_some() {
            self.limit = offset;
        }
    }

    /// What an index that has read the log up to `position` knows and the file does not have any more; none where
    /// nothing tells what the file was.
    pub(crate) fn missing_before(&self, position: Position) -> Option<Damage> {
        let here = position.segment == self.number && self.mark.is_some() && !self.sealed;
        (here && position.offset > self.limit).then(|| Damage {
            segment: self.number,
            offset: self.limit,
            octets: position.offset - self.limit,
        })
    }
}

/// What a walk through the log came across.
#[derive(Clone, Debug, Default)]
pub(crate) struct Walked {
    pub(crate) records: u64,
    /// Behind the last whole record.
    pub(crate) end: Position,
    pub(crate) torn: u64,
    /// Octets behind what an opening says is the end.
    pub(crate) void: u64,
    /// Zeros behind the last record, written ahead of those that did not come.
    pub(crate) room: u64,
    pub(crate) damaged: Vec<Damage>,
    /// Sequence number of the next record.
    pub(crate) sequence: u64,
    /// Numbers of the bodies that records name.
    pub(crate) bodies: BTreeSet<u64>,
}

/// Why a walk ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WalkError {
    #[error(transparent)]
    Log(#[from] OpenError),
    #[error(transparent)]
    Table(#[from] TableError),
}

impl Replay {
    /// All segments by number, and how far each of them counts (rule 7).
    pub(crate) fn survey(&self) -> Result<BTreeMap<u32, Segment>, OpenError> {
        let directory = &self.layout.log;
        let found = self
            .disk
            .list(directory)
            .map_err(|source| failed(directory.clone(), "listing", source))?;
        let mut segments = BTreeMap::new();
        for (name, _) in found {
            if let Some(number) = segment_number(&name) {
                segments.insert(number, self.look_at(number)?);
            }
        }
        let openings: Vec<Opening> = segments
            .values()
            .filter_map(|found| found.opening)
            .collect();
        for opening in openings {
            let durable = opening.durable;
            for (number, segment) in segments.range_mut(..opening.segment) {
                if *number == durable.segment {
                    segment.end_at(durable.offset);
                } else if *number > durable.segment {
                    segment.limit = 0;
                }
                segment.sealed = true;
            }
        }
        Ok(segments)
    }

    fn look_at(&self, number: u32) -> Result<Segment, OpenError> {
        let path = self.layout.segment(number);
        let read = || -> io::Result<(u64, Vec<u8>)> {
            let file = self.disk.open(&path)?;
            let mut start = vec![0; OPENING as usize + FRAME];
            let length = file.read_at(&mut start, 0, Wait::Allowed)?;
            start.truncate(length);
            Ok((file.size()?, start))
        };
        let (size, start) = read().map_err(|source| failed(path.clone(), "reading", source))?;
        let opening = Opening::from_record(&start).filter(|opening| opening.segment == number);
        let mark = match opening {
            Some(opening) => Some(opening.mark),
            // The opening is damaged: the first record has the mark, too, and nobody but us can put it there.
            None => start.get(OPENING as usize..).and_then(|frame| {
                let mark = frame.first_chunk()?;
                Frame::read(mark, frame).map(|_| *mark)
            }),
        };
        Ok(Segment {
            number,
            size,
            opening,
            mark,
            limit: if mark.is_some() { size } else { 0 },
            sealed: false,
        })
    }

    /// Visits the change of every record from `from` on, until `until` if given, with the place behind the record.
    pub(crate) fn walk(
        &self,
        segments: &BTreeMap<u32, Segment>,
        from: Position,
        until: Option<Position>,
        visit: &mut dyn FnMut(Change, Position, u64) -> Result<(), TableError>,
    ) -> Result<Walked, WalkError> {
        let mut walked = Walked {
            end: from,
            ..Walked::default()
        };
        for segment in segments.range(from.segment..).map(|(_, segment)| segment) {
            if let Some(opening) = segment.opening {
                walked.sequence = walked.sequence.max(opening.sequence);
            }
            if segment.sealed {
                let limit = segment.limit.min(segment.size);
                walked.void += self.written(segment, limit)? - limit;
            }
            let mut segment = segment.clone();
            if let Some(until) = until {
                if segment.number > until.segment {
                    break;
                } else if segment.number == until.segment {
                    segment.end_at(until.offset);
                }
            }
            let start = if segment.number == from.segment {
                from.offset.max(OPENING)
            } else {
                OPENING
            };
            segment.sealed |= until.is_some();
            if let Some(mut reader) = self.reader(&segment)?
                && let Some(end) = reader.walk(start, &mut walked, visit)?
            {
                let written = self.written(&segment, end)?;
                walked.torn += written - end;
                walked.room += segment.limit.saturating_sub(written);
            }
        }
        Ok(walked)
    }

    /// Where what was written behind `from` ends: there may be zeros behind it, which were written ahead of records.
    pub(crate) fn written(&self, segment: &Segment, from: u64) -> Result<u64, OpenError> {
        if from >= segment.size {
            return Ok(from);
        }
        let path = self.layout.segment(segment.number);
        let read = || {
            let file = self.disk.open(&path)?;
            let (mut at, mut end) = (from, from);
            let mut window = vec![0; WINDOW];
            loop {
                let length = file.read_at(&mut window, at, Wait::Allowed)?;
                if length == 0 {
                    return Ok(end);
                }
                if let Some(last) = window[..length].iter().rposition(|octet| *octet != 0) {
                    end = at + last as u64 + 1;
                }
                at += length as u64;
            }
        };
        read().map_err(|source| failed(path.clone(), "reading", source))
    }

    /// None for a segment without a mark: nothing of it can be told from anything else.
    fn reader(&self, segment: &Segment) -> Result<Option<Reader>, OpenError> {
        let Some(mark) = segment.mark else {
            return Ok(None);
        };
        let path = self.layout.segment(segment.number);
        let file = self
            .disk
            .open(&path)
            .map_err(|source| failed(path.clone(), "opening", source))?;
        Ok(Some(Reader {
            file,
            path,
            segment: segment.number,
            sealed: segment.sealed,
            mark,
            limit: segment.limit,
            window: Vec::new(),
            window_at: 0,
        }))
    }

    /// Visits every record of one segment with its frame and head, in order, until the visitor has seen enough. False
    /// when something in it is not whole.
    pub(super) fn each_record(
        &self,
        segment: &Segment,
        visit: Seen<'_>,
    ) -> Result<bool, OpenError> {
        let Some(mut reader) = self.reader(segment)? else {
            return Ok(segment.limit <= OPENING);
        };
        let mut at = OPENING;
        while at < reader.limit {
            let Found::Record(frame, kind) = reader.look(at)? else {
                return Ok(false);
            };
            let head = reader.octets(at + FRAME as u64, frame.head as usize)?;
            if !visit(at, &frame, kind, head) {
                return Ok(true);
            }
            at += frame.length();
        }
        Ok(true)
    }

    /// Brings an index up to `until`, a batch at a time.
    pub(crate) fn feed_until(
        &self,
        applier: &mut Applier,
        until: Position,
        step: Step<'_>,
    ) -> Result<Walked, TableError> {
        let segments = self.survey().map_err(from_log)?;
        self.feed(&segments, applier, Some(until), step)
            .map_err(|error| match error {
                WalkError::Log(error) => from_log(error),
                WalkError::Table(error) => error,
            })
    }

    pub(crate) fn feed(
        &self,
        segments: &BTreeMap<u32, Segment>,
        applier: &mut Applier,
        until: Option<Position>,
        step: Step<'_>,
    ) -> Result<Walked, WalkError> {
        for segment in segments.values() {
            if let Some(opening) = segment.opening {
                applier.given(opening.ids);
            }
        }
        let from = applier.position();
        let bodies = applier.checkpoint().bodies;
        let mut records = 0_u64;
        let walked = self.walk(segments, from, until, &mut |change, end, sequence| {
            records += 1;
            if let Change::Retired { files, .. } = &change
                && files.segment > from.segment
                && from != Position::default()
                && !segments.contains_key(&files.segment)
            {
                // The segment went before this index had read it.
                let why = "it is from before the log was compacted";
                return Err(TableError::Failed(why.to_owned()));
            }
            step(&mut || {
                applier.change(&change)?;
                applier.advance(end, sequence, bodies);
                if records.is_multiple_of(BATCH) {
                    applier.write()?;
                }
                Ok(())
            })
        })?;
        let highest = walked.bodies.last().map_or(0, |body| body + 1);
        let end = until.unwrap_or(walked.end).max(from);
        step(&mut || {
            applier.advance(end, walked.sequence, bodies.max(highest));
            applier.drop_unknown()
        })?;
        Ok(walked)
    }
}

/// Reads one segment.
struct Reader {
    file: Arc<dyn DiskFile>,
    path: PathBuf,
    segment: u32,
    sealed: bool,
    mark: [u8; 8],
    limit: u64,
    window: Vec<u8>,
    window_at: u64,
}

/// What stands at one place.
enum Found {
    Record(Frame, Kind),
    /// Not the beginning of a record that is whole.
    Nothing,
    /// The frame and head are right, the body is not.
    BadBody(Frame, Kind),
}

impl Reader {
    /// Says where the records end, if there is more behind them that may never have been durable.
    fn walk(
        &mut self,
        start: u64,
        walked: &mut Walked,
        visit: &mut dyn FnMut(Change, Position, u64) -> Result<(), TableError>,
    ) -> Result<Option<u64>, WalkError> {
        let mut at = start;
        // Where one may begin that counts with the one before. What was read before `start` counts.
        let mut second = start;
        while at < self.limit {
            let found = self.look(at)?;
            if let Some(next) = self.half(at, &found, &mut second)? {
                // Of some that count together one is not there: none counts, now or ever. What is there may be damage.
                if !self.sealed && self.next_frame(next)?.is_none() {
                    return Ok(Some(at));
                }
                if !self.sealed {
                    self.note(walked, at, next - at);
                }
                at = next;
                continue;
            }
            match found {
                Found::Record(frame, kind) => at = self.take(at, frame, kind, walked, visit)?,
                Found::BadBody(frame, kind) => {
                    self.note(walked, at, frame.length());
                    if self.sealed {
                        // It was durable once: the message stays listed, and reading it will tell.
                        at = self.take(at, frame, kind, walked, visit)?;
                    } else {
                        at += frame.length();
                    }
                }
                Found::Nothing => match self.next_frame(at + 1)? {
                    Some(next) => {
                        self.note(walked, at, next - at);
                        at = next;
                    }
                    None if self.sealed => {
                        self.note(walked, at, self.limit - at);
                        break;
                    }
                    None => return Ok(Some(at)),
                },
            }
        }
        Ok(None)
    }

    /// Where a record ends that counts only together with some that are not there; if it is the first of them, with as
    /// many as there are.
    fn half(&mut self, at: u64, found: &Found, second: &mut u64) -> Result<Option<u64>, OpenError> {
        let Some(frame) = self.counting(found) else {
            return Ok(None);
        };
        let next = at + frame.length();
        let (whole, end) = match frame.joined {
            Joined::No => (true, next),
            Joined::Before | Joined::Both => (*second == at, next),
            Joined::Next => self.all_of(next)?,
        };
        if whole && matches!(frame.joined, Joined::Next | Joined::Both) {
            *second = next;
        }
        Ok((!whole).then_some(end))
    }

    /// Whether from there on stand all the records that count together with the one before, and where they end.
    fn all_of(&mut self, mut at: u64) -> Result<(bool, u64), OpenError> {
        loop {
            let behind = self.look(at)?;
            let Some(behind) = self.counting(&behind) else {
                return Ok((false, at));
            };
            match behind.joined {
                Joined::No | Joined::Next => return Ok((false, at)),
                Joined::Before => return Ok((true, at + behind.length())),
                Joined::Both => at += behind.length(),
            }
        }
    }

    /// What is taken for a record there.
    fn counting(&self, found: &Found) -> Option<Frame> {
        match found {
            Found::Record(frame, _) => Some(*frame),
            Found::BadBody(frame, _) => self.sealed.then_some(*frame),
            Found::Nothing => None,
        }
    }

    fn note(&self, walked: &mut Walked, offset: u64, octets: u64) {
        walked.damaged.push(Damage {
            segment: self.segment,
            offset,
            octets,
        });
    }

    fn take(
        &mut self,
        at: u64,
        frame: Frame,
        kind: Kind,
        walked: &mut Walked,
        visit: &mut dyn FnMut(Change, Position, u64) -> Result<(), TableError>,
    ) -> Result<u64, WalkError> {
        let next = at + frame.length();
        let segment = self.segment;
        let head = self.octets(at + FRAME as u64, frame.head as usize)?;
        match record::change(kind, &frame, head, segment, at) {
            Some(change) => {
                if let Change::Message(posted) = &change
                    && let crate::engine::Place::Sealed { body, .. } = posted.place
                {
                    walked.bodies.insert(body);
                }
                if let Change::Retired { files, .. } = &change {
                    // Their numbers must not be given out again while a record says that they go.
                    walked.bodies.extend(&files.bodies);
                }
                walked.records += 1;
                walked.sequence = walked.sequence.max(frame.sequence + 1);
                walked.end = Position {
                    segment,
                    offset: next,
                };
                visit(change, walked.end, walked.sequence)?;
            }
            None => self.note(walked, at, frame.length()),
        }
        Ok(next)
    }

    fn look(&mut self, at: u64) -> Result<Found, OpenError> {
        let mark = self.mark;
        let Some(frame) = Frame::read(&mark, self.octets(at, FRAME)?) else {
            return Ok(Found::Nothing);
        };
        if !(OLDEST..=VERSION).contains(&frame.version) {
            return Err(OpenError::Newer {
                path: self.path.clone(),
                offset: at,
                version: frame.version,
            });
        }
        let Some(kind) = Kind::from_number(frame.kind) else {
            return Err(OpenError::UnknownKind {
                path: self.path.clone(),
                offset: at,
                kind: frame.kind,
            });
        };
        let room = self.limit - at;
        if frame.head as usize > MAX_HEAD || frame.body > room || frame.length() > room {
            return Ok(Found::Nothing);
        }
        let head = frame.head as usize;
        // A body in the log is at most as long as a segment.
        let length = head + usize::try_from(frame.body).unwrap_or(usize::MAX);
        let octets = self.octets(at + FRAME as u64, length)?;
        if octets.len() < length || crc32c::crc32c(&octets[..head]) != frame.head_crc {
            return Ok(Found::Nothing);
        }
        if crc32c::crc32c(&octets[head..]) != frame.body_crc {
            return Ok(Found::BadBody(frame, kind));
        }
        Ok(Found::Record(frame, kind))
    }

    /// Looks for the mark from `from` on, at a place where a frame is whole.
    fn next_frame(&mut self, mut from: u64) -> Result<Option<u64>, OpenError> {
        let mark = self.mark;
        while from + FRAME as u64 <= self.limit {
            let octets = self.octets(from, WINDOW)?;
            let length = octets.len();
            if length < FRAME {
                // The file ends before its limit.
                return Ok(None);
            }
            for at in memmem::find_iter(octets, &mark) {
                if Frame::read(&mark, &octets[at..]).is_some() {
                    return Ok(Some(from + at as u64));
                }
            }
            // A frame may begin in this window and end in the next.
            from += (length.saturating_sub(FRAME) as u64).max(1);
        }
        Ok(None)
    }

    /// Octets from `at` on, fewer than `length` only at the limit.
    fn octets(&mut self, at: u64, length: usize) -> Result<&[u8], OpenError> {
        let length = usize::try_from(self.limit.saturating_sub(at))
            .unwrap_or(usize::MAX)
            .min(length);
        let inside =
            at >= self.window_at && at + length as u64 <= self.window_at + self.window.len() as u64;
        if !inside {
            let wanted = usize::try_from(self.limit - at)
                .unwrap_or(usize::MAX)
                .min(length.max(WINDOW));
            self.window.resize(wanted, 0);
            let read = self
                .file
                .read_at(&mut self.window, at, Wait::Allowed)
                .map_err(|source| failed(self.path.clone(), "reading", source))?;
            self.window.truncate(read);
            self.window_at = at;
        }
        let start = usize::try_from(at - self.window_at).unwrap_or(usize::MAX);
        let end = (start + length).min(self.window.len());
        Ok(&self.window[start.min(end)..end])
    }
}

fn failed(path: PathBuf, doing: &'static str, source: io::Error) -> OpenError {
    OpenError::Io {
        path,
        doing,
        source,
    }
}

fn from_log(error: OpenError) -> TableError {
    TableError::Failed(format!("reading the log: {error}"))
}
