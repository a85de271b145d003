//! Opening a log: who has the directory, what the last process left, and where to go on (rules 6 and 8).

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use super::compact::{Compactor, Limits};
use super::frame::{FRAME, VERSION};
use super::moves::Moves;
use super::read::Files;
use super::replay::{Replay, Segment, WalkError, Walked};
use super::spool::Bodies;
use super::writer::{Queue, Start, Terms, Writer};
use super::{Gauges, LogEngine, Position};
use crate::disk::{Disk, Layout, RealDisk, body_number};
use crate::engine::Inventory;
use crate::error::OpenError;
use crate::format;
use crate::index::applier::Applier;
use crate::index::table::{Table, TableError, Tables};
use crate::index::tree::Trees;
use crate::index::{Index, Pace};
use crate::options::Options;
use crate::report::{Damage, Opened};

/// Columns of a process id in the lock file.
const HOLDER: usize = 10;

/// The data directory is ours while this lives.
pub(crate) struct Held {
    file: File,
}

impl Held {
    /// Takes the directory; also says whether the last one to have it stopped in order.
    pub(crate) fn take(layout: &Layout) -> Result<(Self, bool), OpenError> {
        let failed = |doing| {
            let path = layout.lock.clone();
            move |source| OpenError::Io {
                path,
                doing,
                source,
            }
        };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&layout.lock)
            .map_err(failed("opening"))?;
        let locked = file.try_lock();
        let mut holder = String::new();
        // Whatever stands there is for people only.
        let _ = (&file).take(32).read_to_string(&mut holder);
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = Some(holder.trim().to_owned()).filter(|holder| !holder.is_empty());
                let path = layout.root.clone();
                return Err(OpenError::InUse { path, holder });
            }
            Err(TryLockError::Error(error)) => return Err(failed("locking")(error)),
        }
        let held = Self { file };
        held.note(&std::process::id().to_string())
            .map_err(failed("writing"))?;
        Ok((held, !holder.trim().is_empty()))
    }

    /// Writes who is there, or nobody, over what stands there: in the same octets, so that a start on a full disk finds
    /// room for it.
    fn note(&self, holder: &str) -> io::Result<()> {
        let line = format!("{holder:HOLDER$}\n");
        self.file.write_all_at(line.as_bytes(), 0)?;
        if self.file.metadata()?.len() > line.len() as u64 {
            self.file.set_len(line.len() as u64)?;
        }
        self.file.sync_all()
    }

    /// Lets go; if everything was written, notes that, too.
    pub(crate) fn release(self, written: bool) {
        if written {
            // Should this fail, the next start checks the index for nothing.
            let _ = self.note("");
        }
        let _ = self.file.unlock();
    }
}

/// The index and what reading the log into it found.
struct Caught {
    applier: Applier,
    inventory: Inventory,
    walked: Walked,
    /// Body numbers below this were settled before the replay.
    bodies: u64,
    rebuilt: Option<String>,
}

impl LogEngine {
    /// Opens the log in a data directory on the real disk.
    pub(crate) fn open(
        directory: &Path,
        options: &Options,
    ) -> Result<(Self, Inventory, Opened), OpenError> {
        let layout = Layout::new(directory);
        let disk = Arc::new(RealDisk);
        let new = !directory.exists();
        make_directory(&*disk, directory)?;
        if new && let Some(parent) = directory.parent() {
            // `data` alone has the empty path for a parent.
            let here = if parent.as_os_str().is_empty() {
                Path::new(".")
            } else {
                parent
            };
            sync_directory(&*disk, here)?;
        }
        let (held, unclean) = Held::take(&layout)?;
        Self::open_held(layout, options, held, unclean)
    }

    /// Opens the log in a data directory that is ours already.
    pub(crate) fn open_held(
        layout: Layout,
        options: &Options,
        held: Held,
        unclean: bool,
    ) -> Result<(Self, Inventory, Opened), OpenError> {
        let disk = Arc::new(RealDisk);
        format::prepare(&layout, VERSION)?;
        make_directory(&*disk, &layout.index)?;
        let tables = Arc::new(Trees::new(layout.index.clone()));
        let (engine, inventory, opened) = Self::open_on(disk, layout, tables, options, unclean)?;
        *engine
            .held
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(held);
        Ok((engine, inventory, opened))
    }

    /// Opens the log on any disk, with an index from anywhere.
    pub(crate) fn open_on(
        disk: Arc<dyn Disk>,
        layout: Layout,
        tables: Arc<dyn Tables>,
        options: &Options,
        unclean: bool,
    ) -> Result<(Self, Inventory, Opened), OpenError> {
        let begun = Instant::now();
        make_directory(&*disk, &layout.log)?;
        make_directory(&*disk, &layout.tmp)?;
        sync_directory(&*disk, &layout.root)?;
        let leftovers = empty(&*disk, &layout.tmp)?;
        let replay = Replay {
            disk: Arc::clone(&disk),
            layout: layout.clone(),
        };
        let caught = catch_up(&replay, &*tables)?;
        let segments = replay.survey()?;
        let octets = segments.values().map(|segment| segment.size).sum();
        let tail = segments.keys().next_back().copied();
        let orphans = remove_orphans(&*disk, &layout, &caught, tail)?;
        let checkpoint = caught.applier.checkpoint();
        let named = checkpoint.named.saturating_add(1);
        let next_body = checkpoint.bodies.max(orphans.next).max(named);
        let room = caught.walked.room;
        let opened = Opened {
            created: segments.is_empty() && checkpoint.sequence <= 1,
            unclean,
            replayed: caught.walked.records,
            torn: caught.walked.torn,
            void: caught.walked.void,
            damaged: caught.walked.damaged,
            rebuilt: caught.rebuilt,
            orphans: orphans.removed,
            leftovers,
            low: None,
            took: begun.elapsed(),
        };
        let gauges = Arc::new(Gauges {
            segments: AtomicU64::new(segments.len() as u64),
            octets: AtomicU64::new(octets),
            sealed: AtomicU32::new(0),
            failure: Mutex::default(),
        });
        // What is destroyed may have held the last records: their numbers, which are uids, must not come again.
        let lost = opened.damaged.iter().map(|place| place.octets);
        let lost = lost.fold(opened.torn + room, u64::saturating_add);
        let skipped = if lost > 0 { lost / FRAME as u64 + 1 } else { 0 };
        let at = Start {
            durable: caught.walked.end,
            segment: segments.keys().next_back().map_or(1, |last| last + 1),
            sequence: checkpoint.sequence.max(1).saturating_add(skipped),
            ids: checkpoint.ids,
        };
        gauges.seal_below(at.segment);
        let pace = Pace {
            backlog: options.index_backlog,
            patience: options.index_patience,
        };
        let index = Index::start(caught.applier, tables, replay.clone(), pace, unclean)
            .map_err(OpenError::Thread)?;
        let engine = Self::assemble(replay, options, Arc::new(index), gauges, at, next_body)?;
        Ok((engine, caught.inventory, opened))
    }

    fn assemble(
        replay: Replay,
        options: &Options,
        index: Arc<Index>,
        gauges: Arc<Gauges>,
        at: Start,
        next_body: u64,
    ) -> Result<Self, OpenError> {
        let Replay { disk, layout } = replay.clone();
        let (queue, moves) = (Arc::new(Queue::default()), Arc::<Moves>::default());
        let files = Arc::new(Files::new(Arc::clone(&disk), layout.clone()));
        let bodies = Bodies::new(Arc::clone(&disk), layout.clone(), next_body);
        let terms = Terms {
            segment: options.segment,
            room: options.room,
            hold: options.failure_hold,
            retry: options.failure_retry,
        };
        let writer = Writer::new(
            Arc::clone(&disk),
            layout.clone(),
            Arc::clone(&queue),
            Arc::clone(&index),
            Arc::clone(&bodies),
            Arc::clone(&gauges),
            Arc::clone(&moves),
            terms,
            at,
        );
        let thread = thread::Builder::new()
            .name("tegami-log".to_owned())
            .spawn(move || writer.run())
            .map_err(OpenError::Thread)?;
        let compactor = Arc::new(Compactor {
            replay,
            queue: Arc::clone(&queue),
            index: Arc::clone(&index),
            moves,
            files: Arc::clone(&files),
            gauges: Arc::clone(&gauges),
            limits: Limits::of(options),
            turns: Arc::default(),
            tried: Mutex::default(),
            unsynced: AtomicBool::new(false),
        });
        let compaction = compactor.start();
        // Dropped in order when that did not work, the writer's thread included.
        let engine = Self {
            files,
            disk,
            layout,
            queue,
            index,
            bodies,
            gauges,
            writer: Mutex::new(Some(thread)),
            held: Mutex::new(None),
            compactor,
            compaction: Mutex::new(None),
        };
        let compaction = compaction.map_err(OpenError::Thread)?;
        *engine
            .compaction
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(compaction);
        Ok(engine)
    }
}

/// Reads the log into the index, into a fresh one if the one there is of no use.
fn catch_up(replay: &Replay, tables: &dyn Tables) -> Result<Caught, OpenError> {
    let segments = replay.survey()?;
    if let Some(tail) = segments.keys().next_back() {
        // Rule 6: what was only in the page cache must not be believed.
        let path = replay.layout.segment(*tail);
        let synced = replay.disk.open(&path).and_then(|file| file.sync());
        synced.map_err(|source| OpenError::Io {
            path,
            doing: "syncing",
            source,
        })?;
        sync_directory(&*replay.disk, &replay.layout.log)?;
    }
    let attempt = |table: Result<Arc<dyn Table>, TableError>| -> Result<Caught, WalkError> {
        let mut applier = Applier::load(table?, Arc::default())?;
        let missing = known_and_missing(&segments, applier.position())?;
        applier.inventory()?;
        let bodies = applier.checkpoint().bodies;
        let mut walked = replay.feed(&segments, &mut applier, None, &mut |work| work())?;
        walked.damaged.extend(missing);
        walked.damaged.extend(gone(&segments, &applier));
        let inventory = applier.inventory()?;
        Ok(Caught {
            applier,
            inventory,
            walked,
            bodies,
            rebuilt: None,
        })
    };
    let mut why = match attempt(tables.latest()) {
        Ok(caught) => return Ok(caught),
        Err(WalkError::Log(error)) => return Err(error),
        Err(WalkError::Table(error)) => error.to_string(),
    };
    tracing::warn!(why, "index is built anew from the log");
    let fresh = match attempt(tables.fresh()) {
        Err(WalkError::Table(error)) => {
            why = format!(
                "{why}; a fresh one failed, too ({error}), so it is in memory until the next start"
            );
            attempt(Ok(tables.in_memory()))
        }
        other => other,
    };
    match fresh {
        Ok(mut caught) => {
            caught.rebuilt = Some(why);
            Ok(caught)
        }
        Err(WalkError::Log(error)) => Err(error),
        Err(WalkError::Table(error)) => Err(OpenError::Index(error.to_string())),
    }
}

/// What an index with this position knows of the log that the log does not have any more. Where only the end of a file
/// is gone, the index still says what stood there and what had been removed, so it is kept.
pub(crate) fn known_and_missing(
    segments: &BTreeMap<u32, Segment>,
    position: Position,
) -> Result<Option<Damage>, TableError> {
    let segment = segments.get(&position.segment);
    let limit = segment.map_or(0, |segment| segment.limit);
    if position == Position::default() || position.offset <= limit {
        return Ok(None);
    }
    match segment.and_then(|segment| segment.missing_before(position)) {
        Some(missing) => Ok(Some(missing)),
        None => Err(TableError::Failed("it knows more than the log".to_owned())),
    }
}

/// Segments of which there is nothing any more, though the index has messages in them.
fn gone(segments: &BTreeMap<u32, Segment>, applier: &Applier) -> Vec<Damage> {
    let there = |number: u32| segments.get(&number).is_some_and(|found| !found.is_empty());
    let used = applier.weights().filter(|(number, _)| !there(*number));
    used.map(|(segment, octets)| Damage {
        segment,
        offset: 0,
        octets,
    })
    .collect()
}

/// What was done about bodies no record names.
struct Orphans {
    removed: u64,
    /// A number above all that were found.
    next: u64,
}

/// Removes bodies that were sealed but never named, because the process ended in between. Where a power cut has left
/// holes in what was being written, at the end of the log, they are set aside: one may be a record's that was damaged.
fn remove_orphans(
    disk: &dyn Disk,
    layout: &Layout,
    caught: &Caught,
    tail: Option<u32>,
) -> Result<Orphans, OpenError> {
    let damaged = &caught.walked.damaged;
    let only_at_the_end = damaged.iter().all(|place| Some(place.segment) == tail);
    let mut next = 1;
    let mut unnamed = BTreeSet::new();
    for number in list(disk, &layout.log)?
        .iter()
        .filter_map(|(name, _)| body_number(name))
    {
        next = next.max(number.saturating_add(1));
        // With damage elsewhere in the log nobody can say that the record was never there.
        let named = number < caught.bodies || caught.walked.bodies.contains(&number);
        if !named && only_at_the_end {
            unnamed.insert(number);
        }
    }
    // One body whose file could not be removed keeps later ones from counting as settled, named or not.
    if !unnamed.is_empty() {
        let looked = caught.applier.strike_out_named(&mut unnamed);
        looked.map_err(|error| OpenError::Index(error.to_string()))?;
    }
    let mut removed = 0;
    for number in unnamed {
        let body = layout.body(number);
        let done = if damaged.is_empty() {
            disk.remove(&body)
        } else {
            let name = body.file_name().unwrap_or_default();
            disk.make_directory(&layout.quarantine)
                .and_then(|()| disk.rename(&body, &layout.quarantine.join(name)))
        };
        if done.is_ok() {
            removed += 1;
        }
    }
    Ok(Orphans { removed, next })
}

fn empty(disk: &dyn Disk, directory: &Path) -> Result<u64, OpenError> {
    let mut removed = 0;
    for (name, _) in list(disk, directory)? {
        let path = directory.join(name);
        disk.remove(&path).map_err(|source| OpenError::Io {
            path,
            doing: "removing",
            source,
        })?;
        removed += 1;
    }
    Ok(removed)
}

fn list(disk: &dyn Disk, directory: &Path) -> Result<Vec<(String, u64)>, OpenError> {
    disk.list(directory).map_err(|source| OpenError::Io {
        path: directory.to_owned(),
        doing: "listing",
        source,
    })
}

fn make_directory(disk: &dyn Disk, path: &Path) -> Result<(), OpenError> {
    disk.make_directory(path).map_err(|source| OpenError::Io {
        path: path.to_owned(),
        doing: "making",
        source,
    })
}

fn sync_directory(disk: &dyn Disk, path: &Path) -> Result<(), OpenError> {
    disk.sync_directory(path).map_err(|source| OpenError::Io {
        path: path.to_owned(),
        doing: "syncing",
        source,
    })
}
