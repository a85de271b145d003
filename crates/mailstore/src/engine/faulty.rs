//! An engine that fails when told to, around any other: how the crates above prove their answers to a failing store.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use address::Envelope;
use tokio::sync::oneshot;

use super::{Chunk, Engine, Entry, Fact, Page, Reading, Spool, Ticket, Wait, Waits};
use crate::account::AccountId;
use crate::census::Census;
use crate::compaction::{Compacted, Hold, Way};
use crate::error::{CompactError, ReadError, StoreError};
use crate::stats::EngineStats;

/// What shall fail. Everything works until told otherwise, and again when the fault is taken back.
#[derive(Debug, Default)]
pub struct Faults {
    writes: Mutex<Option<StoreError>>,
    passing: AtomicU32,
    listings: Mutex<Option<StoreError>>,
    damaged: AtomicBool,
    cold: AtomicBool,
    free: Mutex<Option<u64>>,
}

impl Faults {
    /// Lets the next `passing` facts through, then fails all with `error` until this is called with `None`.
    pub fn fail_writes(&self, passing: u32, error: Option<StoreError>) {
        self.passing.store(passing, Ordering::SeqCst);
        *self.writes.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }

    /// Fails every listing of a mailbox and every look at the queue.
    pub fn fail_listings(&self, error: Option<StoreError>) {
        *self.listings.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }

    /// Lets every message turn out damaged where its last octets should come.
    pub fn damage_reads(&self, damaged: bool) {
        self.damaged.store(damaged, Ordering::SeqCst);
    }

    /// Lets every read that may not wait say that it would have to.
    pub fn cold_cache(&self, cold: bool) {
        self.cold.store(cold, Ordering::SeqCst);
    }

    /// Pretends that so many octets are free.
    pub fn set_free(&self, octets: Option<u64>) {
        *self.free.lock().unwrap_or_else(PoisonError::into_inner) = octets;
    }

    fn write_fault(&self) -> Option<StoreError> {
        let fault = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        let error = fault.clone()?;
        let passed = self
            .passing
            .try_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
        passed.is_err().then_some(error)
    }
}

/// The engine around another.
pub(crate) struct FaultyEngine<E> {
    engine: E,
    faults: Arc<Faults>,
}

impl<E: Engine> FaultyEngine<E> {
    pub(crate) fn new(engine: E, faults: Arc<Faults>) -> Self {
        Self { engine, faults }
    }
}

impl<E: Engine> Engine for FaultyEngine<E> {
    fn submit(&self, fact: Fact, ticket: Ticket) {
        match self.faults.write_fault() {
            Some(error) => ticket.settle(Err(error)),
            None => self.engine.submit(fact, ticket),
        }
    }

    fn submit_all(&self, facts: Vec<(Fact, Ticket)>) {
        match self.faults.write_fault() {
            Some(error) => {
                for (_, ticket) in facts {
                    ticket.settle(Err(error.clone()));
                }
            }
            None => self.engine.submit_all(facts),
        }
    }

    fn listing(&self, account: AccountId) -> Result<Arc<[Entry]>, StoreError> {
        let fault = self.faults.listings.lock();
        match fault.unwrap_or_else(PoisonError::into_inner).clone() {
            Some(error) => Err(error),
            None => self.engine.listing(account),
        }
    }

    fn removed(&self, account: AccountId) -> Result<Vec<(Entry, u64)>, StoreError> {
        self.engine.removed(account)
    }

    fn read(
        &self,
        account: AccountId,
        entry: &Entry,
        reading: &mut Reading,
        wait: Wait,
    ) -> Result<Option<Chunk>, ReadError> {
        if wait == Wait::Never && self.faults.cold.load(Ordering::SeqCst) {
            return Ok(None);
        }
        let chunk = self.engine.read(account, entry, reading, wait)?;
        match chunk {
            Some(chunk) if chunk.last && self.faults.damaged.load(Ordering::SeqCst) => {
                Err(ReadError::Damaged {
                    uid: entry.uid,
                    what: "a fault was asked for",
                })
            }
            other => Ok(other),
        }
    }

    fn envelope(&self, entry: &Entry) -> Result<(u64, Envelope), ReadError> {
        if self.faults.damaged.load(Ordering::SeqCst) {
            return Err(ReadError::Damaged {
                uid: entry.uid,
                what: "a fault was asked for",
            });
        }
        self.engine.envelope(entry)
    }

    fn queued(&self, id: u64) -> Result<Option<Waits>, StoreError> {
        let fault = self.faults.listings.lock();
        match fault.unwrap_or_else(PoisonError::into_inner).clone() {
            Some(error) => Err(error),
            None => self.engine.queued(id),
        }
    }

    fn queue(&self, page: Page) -> Result<Vec<Waits>, StoreError> {
        let fault = self.faults.listings.lock();
        match fault.unwrap_or_else(PoisonError::into_inner).clone() {
            Some(error) => Err(error),
            None => self.engine.queue(page),
        }
    }

    fn free(&self) -> Result<u64, StoreError> {
        let free = *self
            .faults
            .free
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match free {
            Some(octets) => Ok(octets),
            None => self.engine.free(),
        }
    }

    fn spool(&self) -> Result<Box<dyn Spool>, StoreError> {
        match self.faults.write_fault() {
            Some(error) => Err(error),
            None => self.engine.spool(),
        }
    }

    fn compact(
        &self,
        way: Way,
        now: u64,
        progress: &mut dyn FnMut(Compacted),
    ) -> Result<Compacted, CompactError> {
        match self.faults.write_fault() {
            Some(error) => Err(error.into()),
            None => self.engine.compact(way, now, progress),
        }
    }

    fn hold(&self) -> Option<(Hold, oneshot::Receiver<Census>)> {
        self.engine.hold()
    }

    fn set_limits(&self, window: Duration, reserve: u64) {
        self.engine.set_limits(window, reserve);
    }

    fn pause(&self) -> Option<Hold> {
        self.engine.pause()
    }

    fn low(&self) {
        self.engine.low();
    }

    fn stats(&self) -> EngineStats {
        self.engine.stats()
    }

    fn close(&self) {
        self.engine.close();
    }
}
