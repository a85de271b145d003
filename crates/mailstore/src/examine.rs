//! Examining a store: every checksum of the log and of the large bodies, and the index against what the log says.
//!
//! It only reads. The log is walked from its beginning into a table in memory (some 150 octets a message), exactly as a
//! start would do it; then the index has to hold the same: by its sums where a server runs ([`Census`]), entry by
//! entry in a copy of it where none does.

mod bodies;
mod compare;
mod finding;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use address::Mailbox;

use crate::account::AccountId;
use crate::census::Census;
use crate::disk::{Disk, Layout, RealDisk};
use crate::engine::{Entry, Place, Wait};
use crate::error::OpenError;
use crate::format;
use crate::index::applier::Applier;
use crate::index::keys;
use crate::index::table::{MemoryTable, Table, TableError};
use crate::log::Position;
use crate::log::frame::{FRAME, OPENING};
use crate::log::replay::{Replay, Segment, WalkError, Walked};
use crate::outgoing::Pending;
use crate::report::Damage;

pub use finding::{Examined, Finding, Hit};

/// Records between two batches of the table in memory.
const BATCH: u64 = 1_000;

/// Hears how many octets have been read.
pub type Reading<'a> = &'a mut dyn FnMut(u64);

/// A store about to be examined.
pub struct Examination {
    replay: Replay,
    segments: BTreeMap<u32, Segment>,
    end: Position,
    /// Large bodies by number, with the sizes of their files.
    bodies: BTreeMap<u64, u64>,
}

/// What an examination looked at.
pub(crate) struct Evidence {
    /// What the log leads to.
    pub(crate) log: Arc<dyn Table>,
    /// What the index has, if it adds up.
    pub(crate) index: Option<Arc<dyn Table>>,
    /// Its files; behind the table, which lets go of them first.
    _copy: Option<compare::Copied>,
}

impl Evidence {
    /// What is known of a message.
    pub(crate) fn entry(&self, hit: &Hit) -> Option<Entry> {
        let key = keys::message(hit.account, hit.uid);
        let of = |table: &dyn Table| keys::entry(&key, &table.get(&key).ok()??);
        of(&*self.log).or_else(|| of(&**self.index.as_ref()?))
    }

    /// What the index says becomes of a queued message.
    pub(crate) fn pending(&self, id: u64) -> Option<Arc<Pending>> {
        let key = keys::on_its_way(id);
        let value = self.index.as_ref()?.get(&key).ok()??;
        Some(keys::read_on_its_way(&key, &value)?.1.pending)
    }
}

/// What the log leads to.
pub(crate) struct Log {
    pub(crate) table: Arc<dyn Table>,
    pub(crate) census: Census,
    pub(crate) walked: Walked,
    pub(crate) addresses: HashMap<AccountId, Mailbox>,
}

impl Examination {
    /// Looks at which files there are. None of them may go away until the examination is done.
    ///
    /// # Errors
    /// When the log cannot be read, when a newer version wrote it, and when a restore or a rollback was interrupted.
    pub fn of(data_dir: &Path, end: Position) -> Result<Self, OpenError> {
        let replay = Replay {
            disk: Arc::new(RealDisk),
            layout: Layout::new(data_dir),
        };
        format::refuse_unfinished(&replay.layout)?;
        let segments = replay.survey()?;
        let bodies = bodies::all(&replay)?;
        Ok(Self {
            replay,
            segments,
            end,
            bodies,
        })
    }

    /// Octets that will be read.
    #[must_use]
    pub fn octets(&self) -> u64 {
        let segments = self.segments.values().map(|segment| segment.size);
        segments.sum::<u64>() + self.bodies.values().sum::<u64>()
    }

    /// Reads all of it. `census` is what a running server's index holds at the end given; without one the index
    /// is looked at in a copy.
    ///
    /// # Errors
    /// When a file cannot be read. Damage is no error, it is what is looked for.
    pub fn run(
        &self,
        census: Option<&Census>,
        reading: Reading<'_>,
    ) -> Result<Examined, OpenError> {
        Ok(self.look(census, reading)?.0)
    }

    /// As [`Examination::run`], with what it saw.
    pub(crate) fn look(
        &self,
        census: Option<&Census>,
        reading: Reading<'_>,
    ) -> Result<(Examined, Evidence), OpenError> {
        let mut found = Examined::default();
        let copy = match census {
            Some(_) => None,
            None => compare::copy(self, &mut found),
        };
        // What the index had was durable, so it tells damage at the end from an interrupted write.
        let known = copy.as_ref().map(|copy| copy.position);
        let end = known.unwrap_or_default().max(self.end);
        let mut log = self.walk(end, reading)?;
        found = Examined {
            end,
            messages: log.census.messages - log.census.queued.messages,
            octets: log.census.octets - log.census.queued.octets,
            queued: log.census.queued.messages,
            queued_octets: log.census.queued.octets,
            records: log.walked.records,
            segments: self.segments.len() as u64,
            torn: self.torn(end, census.is_some())?,
            void: log.walked.void,
            ..found
        };
        let mut damaged = self.openings(end);
        damaged.append(&mut log.walked.damaged);
        damaged.sort_unstable_by_key(|place| (place.segment, place.offset));
        self.place(&damaged, &log, copy.as_ref(), &mut found)?;
        if let Some(copy) = &copy {
            compare::missing(copy, &self.segments, &mut found);
        }
        let below = match (census, &copy) {
            (Some(census), _) => census.bodies,
            (None, Some(copy)) => copy.bodies,
            (None, None) => 0,
        };
        bodies::examine(self, &log, below, !damaged.is_empty(), &mut found, reading)?;
        match (census, &copy) {
            (Some(census), _) => compare::sums(&log, census, &mut found),
            (None, Some(copy)) => compare::entries(&log, copy, &mut found),
            (None, None) => {}
        }
        let evidence = Evidence {
            log: log.table,
            index: copy.as_ref().map(|copy| Arc::clone(&copy.table)),
            _copy: copy,
        };
        Ok((found, evidence))
    }

    fn walk(&self, end: Position, reading: Reading<'_>) -> Result<Log, OpenError> {
        let table: Arc<dyn Table> = Arc::new(MemoryTable::default());
        let mut applier = Applier::load(Arc::clone(&table), Arc::default()).map_err(in_memory)?;
        for opening in self.segments.values().filter_map(|found| found.opening) {
            applier.given(opening.ids);
        }
        let mut before = HashMap::new();
        let mut sum = 0;
        for (number, segment) in &self.segments {
            before.insert(*number, sum);
            sum += segment.size;
        }
        let mut records = 0_u64;
        let start = Position::default();
        let walked = self
            .replay
            .walk(
                &self.segments,
                start,
                Some(end),
                &mut |change, end, sequence| {
                    applier.change(&change)?;
                    applier.advance(end, sequence, 0);
                    records += 1;
                    if records.is_multiple_of(BATCH) {
                        applier.write()?;
                        let earlier = before.get(&end.segment).copied().unwrap_or_default();
                        reading(earlier + end.offset);
                    }
                    Ok(())
                },
            )
            .map_err(|error| match error {
                WalkError::Log(error) => error,
                WalkError::Table(error) => in_memory(error),
            })?;
        applier.drop_unknown().map_err(in_memory)?;
        reading(sum);
        let inventory = applier.inventory().map_err(in_memory)?;
        let addresses = inventory
            .accounts
            .into_iter()
            .map(|account| (account.id, account.address));
        Ok(Log {
            addresses: addresses.collect(),
            table,
            census: applier.census(),
            walked,
        })
    }

    /// Octets behind the end of a log at rest; behind that of a running one others write.
    fn torn(&self, end: Position, running: bool) -> Result<u64, OpenError> {
        if running {
            return Ok(0);
        }
        let mut torn = 0;
        for (number, segment) in self.segments.range(end.segment..) {
            let counts = if *number == end.segment {
                end.offset
            } else {
                OPENING
            };
            if counts < segment.limit {
                torn += self.replay.written(segment, counts)?.min(segment.limit) - counts;
            }
        }
        Ok(torn)
    }

    /// Segments whose beginning is not what was written; without any mark nothing of them is read.
    fn openings(&self, end: Position) -> Vec<Damage> {
        let counting = self.segments.range(..=end.segment);
        let damaged = counting.filter(|(_, segment)| segment.opening.is_none() && segment.size > 0);
        damaged
            .map(|(number, segment)| Damage {
                segment: *number,
                offset: 0,
                octets: if segment.limit > 0 {
                    OPENING
                } else {
                    segment.size
                },
            })
            .collect()
    }

    /// Sorts damaged places into those set aside already and the others, and says which messages stand there.
    fn place(
        &self,
        damaged: &[Damage],
        log: &Log,
        copy: Option<&compare::Copied>,
        found: &mut Examined,
    ) -> Result<(), OpenError> {
        let mut hits: Vec<Vec<Hit>> = vec![Vec::new(); damaged.len()];
        if !damaged.is_empty() {
            let mut see = |addresses: &HashMap<AccountId, Mailbox>, id, entry: &Entry| {
                let Place::Log {
                    segment, offset, ..
                } = entry.place
                else {
                    return;
                };
                let at = (segment, u64::from(offset));
                let behind = damaged.partition_point(|place| (place.segment, place.offset) <= at);
                let Some(before) = behind.checked_sub(1) else {
                    return;
                };
                let place = &damaged[before];
                let inside = place.segment == segment && at.1 < place.offset + place.octets;
                let known = |hit: &Hit| hit.account == id && hit.uid == entry.uid;
                if inside && !hits[before].iter().any(known) {
                    hits[before].push(Hit::new(addresses.get(&id), id, entry));
                }
            };
            each_message(&*log.table, &mut |id, entry| {
                see(&log.addresses, id, &entry)
            });
            if let Some(copy) = copy {
                each_message(&*copy.table, &mut |id, entry| {
                    see(&copy.addresses, id, &entry)
                });
            }
        }
        for (place, messages) in damaged.iter().cloned().zip(hits) {
            if messages.is_empty() && self.is_set_aside(&place)? {
                found.set_aside.push(place);
            } else {
                found.findings.push(Finding::Record { place, messages });
            }
        }
        Ok(())
    }

    /// Whether the quarantine has exactly these octets already.
    fn is_set_aside(&self, place: &Damage) -> Result<bool, OpenError> {
        let kept = self.replay.layout.quarantined(place.segment, place.offset);
        match std::fs::read(&kept) {
            Ok(kept) => Ok(kept == self.octets_of(place)?),
            Err(_) => Ok(false),
        }
    }

    /// Where the files are.
    pub(crate) fn ground(&self) -> (Arc<dyn Disk>, Layout) {
        (Arc::clone(&self.replay.disk), self.replay.layout.clone())
    }

    /// What a large body holds, whether it is right or not; nothing when it is not there.
    pub(crate) fn letter_of(&self, body: u64) -> Result<Vec<u8>, OpenError> {
        let path = self.replay.layout.body(body);
        match std::fs::read(&path) {
            Ok(mut octets) => Ok(octets.split_off(octets.len().min(FRAME))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(source) => Err(OpenError::Io {
                path,
                doing: "reading",
                source,
            }),
        }
    }

    /// What stands at a damaged place; nothing when the segment is not there.
    pub(crate) fn octets_of(&self, place: &Damage) -> Result<Vec<u8>, OpenError> {
        let path = self.replay.layout.segment(place.segment);
        let mut octets = vec![0; usize::try_from(place.octets).unwrap_or(0)];
        let read = self.replay.disk.open(&path).and_then(|file| {
            let read = file.read_at(&mut octets, place.offset, Wait::Allowed)?;
            octets.truncate(read);
            Ok(())
        });
        match read {
            Ok(()) => Ok(octets),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(source) => Err(OpenError::Io {
                path,
                doing: "reading",
                source,
            }),
        }
    }
}

/// Visits every message of every mailbox; an entry that does not read is left to the sums.
pub(crate) fn each_message(table: &dyn Table, visit: &mut dyn FnMut(AccountId, Entry)) {
    let _ = table.scan(
        keys::MESSAGE,
        keys::MESSAGE,
        usize::MAX,
        &mut |key, value| {
            if let (Some(id), Some(entry)) = (keys::id_of(key), keys::entry(key, value)) {
                visit(id, entry);
            }
        },
    );
}

/// A table in memory fails only on what the log itself says.
fn in_memory(error: TableError) -> OpenError {
    OpenError::Index(error.to_string())
}
