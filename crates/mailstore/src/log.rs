//! The engine that counts: an append-only log that is the truth, and an index made from it.
//!
//! [`writer`] is the only one that appends, [`replay`] reads what was appended, [`read`] finds single messages again,
//! [`spool`] takes large bodies. What is recorded here has been decided elsewhere.

mod compact;
pub(crate) mod frame;
pub(crate) mod moves;
mod open;
pub(crate) mod read;
pub(crate) mod record;
pub(crate) mod replay;
mod spool;
#[cfg(test)]
mod tests;
mod writer;

use std::io;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use address::Envelope;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::account::AccountId;
use crate::census::Census;
use crate::compaction::{Compacted, Hold, Way};
use crate::disk::{Disk, Layout};
use crate::engine::{Chunk, Engine, Entry, Fact, Page, Reading, Spool, Ticket, Wait, Waits};
use crate::error::{CompactError, ReadError, StoreError};
use crate::index::Index;
use crate::outgoing::QUEUE;
use crate::stats::EngineStats;

use compact::Compactor;
pub(crate) use open::{Held, known_and_missing};
use read::Files;
use spool::Bodies;
use writer::Queue;

/// A place in the log. Segments count from 1; 0 is before everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// Number of the segment.
    pub segment: u32,
    /// Octets from its beginning.
    pub offset: u64,
}

/// Figures the writer keeps for everybody to see.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    segments: AtomicU64,
    octets: AtomicU64,
    /// Segments below this number are not written to any more.
    sealed: AtomicU32,
    failure: Mutex<Option<String>>,
}

impl Gauges {
    fn seal_below(&self, segment: u32) {
        self.sealed.store(segment, Ordering::Relaxed);
    }

    fn set_failure(&self, failure: Option<String>) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }
}

/// The engine.
pub(crate) struct LogEngine {
    disk: Arc<dyn Disk>,
    layout: Layout,
    queue: Arc<Queue>,
    index: Arc<Index>,
    files: Arc<Files>,
    bodies: Arc<Bodies>,
    gauges: Arc<Gauges>,
    writer: Mutex<Option<JoinHandle<()>>>,
    compactor: Arc<Compactor>,
    compaction: Mutex<Option<JoinHandle<()>>>,
    held: Mutex<Option<Held>>,
}

impl Engine for LogEngine {
    fn submit(&self, fact: Fact, ticket: Ticket) {
        match record::draft(fact) {
            Ok(draft) => self.queue.push(draft, ticket),
            Err(error) => ticket.settle(Err(error)),
        }
    }

    fn submit_all(&self, mut facts: Vec<(Fact, Ticket)>) {
        if facts.len() <= 1 {
            return facts
                .pop()
                .into_iter()
                .for_each(|(fact, ticket)| self.submit(fact, ticket));
        }
        let (mut drafts, mut tickets) = (Vec::new(), Vec::new());
        let mut failed = None;
        for (fact, ticket) in facts {
            tickets.push(ticket);
            match record::draft(fact) {
                Ok(draft) => drafts.push(draft),
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            Some(error) => {
                for ticket in tickets {
                    ticket.settle(Err(error.clone()));
                }
            }
            None => self
                .queue
                .push_together(drafts.into_iter().zip(tickets).collect()),
        }
    }

    fn listing(&self, account: AccountId) -> Result<Arc<[Entry]>, StoreError> {
        self.index.listing(account)
    }

    fn removed(&self, account: AccountId) -> Result<Vec<(Entry, u64)>, StoreError> {
        self.index.removed(account)
    }

    fn read(
        &self,
        account: AccountId,
        entry: &Entry,
        reading: &mut Reading,
        wait: Wait,
    ) -> Result<Option<Chunk>, ReadError> {
        let mut read = self.files.read(entry, reading, wait);
        let mut place = entry.place;
        // Its file is gone: compaction has moved it, perhaps once more while we looked.
        while matches!(read, Err(ReadError::Gone)) {
            let found = self.index.find(account, entry.uid);
            let found = found.map_err(|error| ReadError::Io(Arc::new(io::Error::other(error))))?;
            let Some(moved) = found.filter(|moved| moved.place != place) else {
                break;
            };
            read = self.files.read(&moved, reading, wait);
            place = moved.place;
        }
        read
    }

    fn envelope(&self, entry: &Entry) -> Result<(u64, Envelope), ReadError> {
        let mut read = self.files.envelope(entry);
        let mut place = entry.place;
        // As above.
        while matches!(read, Err(ReadError::Gone)) {
            let found = self.index.find(QUEUE, entry.uid);
            let found = found.map_err(|error| ReadError::Io(Arc::new(io::Error::other(error))))?;
            let Some(moved) = found.filter(|moved| moved.place != place) else {
                break;
            };
            read = self.files.envelope(&moved);
            place = moved.place;
        }
        read
    }

    fn queued(&self, id: u64) -> Result<Option<Waits>, StoreError> {
        self.index.queued(id)
    }

    fn queue(&self, page: Page) -> Result<Vec<Waits>, StoreError> {
        self.index.queue(page)
    }

    fn compact(
        &self,
        way: Way,
        now: u64,
        progress: &mut dyn FnMut(Compacted),
    ) -> Result<Compacted, CompactError> {
        self.compactor.run(way, now, progress)
    }

    fn set_limits(&self, window: Duration, reserve: u64) {
        self.compactor.set_limits(window, reserve);
    }

    fn pause(&self) -> Option<Hold> {
        self.compactor.hold()
    }

    fn low(&self) {
        self.compactor.poke();
    }

    fn free(&self) -> Result<u64, StoreError> {
        self.disk
            .free(&self.layout.root)
            .map_err(|error| StoreError::io("measuring the free space", error))
    }

    fn spool(&self) -> Result<Box<dyn Spool>, StoreError> {
        self.bodies.spool()
    }

    fn stats(&self) -> EngineStats {
        let index = self.index.stats();
        let failure = &self.gauges.failure;
        EngineStats {
            segments: self.gauges.segments.load(Ordering::Relaxed),
            log_octets: self.gauges.octets.load(Ordering::Relaxed),
            index_lag: index.lag,
            index: index.phase,
            removed: index.kept,
            queue: index.queue,
            write_failure: failure
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        }
    }

    fn hold(&self) -> Option<(Hold, oneshot::Receiver<Census>)> {
        let hold = self.compactor.hold()?;
        Some((hold, self.index.census()))
    }

    fn close(&self) {
        self.compactor.close();
        self.queue.close();
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(writer) = writer {
            let _ = writer.join();
        }
        let compaction = self
            .compaction
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(compaction) = compaction {
            let _ = compaction.join();
        }
        let written = self.index.close();
        let held = self
            .held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(held) = held {
            held.release(written);
        }
    }
}

impl Drop for LogEngine {
    /// A store that is dropped without being closed still lets go of its threads and its lock.
    fn drop(&mut self) {
        self.close();
    }
}
