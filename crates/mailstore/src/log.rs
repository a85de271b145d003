//! The engine that counts: an append-only log that is the truth, and an index made from it.
//!
//! [`writer`] is the only one that appends, [`replay`] reads what was appended, [`read`] finds single messages again,
//! [`spool`] takes large bodies. What is recorded here has been decided elsewhere.

pub(crate) mod frame;
mod open;
pub(crate) mod read;
pub(crate) mod record;
pub(crate) mod replay;
mod spool;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::account::AccountId;
use crate::census::{Census, Hold, Holds};
use crate::disk::{Disk, Layout};
use crate::engine::{Chunk, Engine, Entry, Fact, Reading, Spool, Ticket, Wait};
use crate::error::{ReadError, StoreError};
use crate::index::Index;
use crate::stats::EngineStats;

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
    failure: Mutex<Option<String>>,
}

impl Gauges {
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
    files: Files,
    bodies: Arc<Bodies>,
    gauges: Arc<Gauges>,
    holds: Arc<Holds>,
    writer: Mutex<Option<JoinHandle<()>>>,
    held: Mutex<Option<Held>>,
}

impl Engine for LogEngine {
    fn submit(&self, fact: Fact, ticket: Ticket) {
        match record::draft(fact) {
            Ok(draft) => self.queue.push(draft, ticket),
            Err(error) => ticket.settle(Err(error)),
        }
    }

    fn listing(&self, account: AccountId) -> Result<Vec<Entry>, StoreError> {
        self.index.listing(account)
    }

    fn read(
        &self,
        entry: &Entry,
        reading: &mut Reading,
        wait: Wait,
    ) -> Result<Option<Chunk>, ReadError> {
        self.files.read(entry, reading, wait)
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
        let (index_lag, index) = self.index.stats();
        let failure = &self.gauges.failure;
        EngineStats {
            segments: self.gauges.segments.load(Ordering::Relaxed),
            log_octets: self.gauges.octets.load(Ordering::Relaxed),
            index_lag,
            index,
            write_failure: failure
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        }
    }

    fn hold(&self) -> Option<(Hold, oneshot::Receiver<Census>)> {
        let hold = self.holds.take()?;
        Some((hold, self.index.census()))
    }

    fn close(&self) {
        self.queue.close();
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(writer) = writer {
            let _ = writer.join();
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
