//! An engine that keeps everything in memory and nothing after that. Facts are settled at once.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use address::Envelope;
use bytes::Bytes;

use super::{
    Body, Chunk, Claim, Engine, Entry, Fact, Message, Page, Place, Reading, Sealed, Spool, Ticket,
    Wait, Waits,
};
use crate::account::{AccountId, Decision};
use crate::compaction::{Compacted, Hold, Turns, Way};
use crate::error::{CompactError, ReadError, StoreError};
use crate::outgoing::{Pending, QUEUE, QueueCounts};
use crate::stats::EngineStats;

/// Octets handed out at once.
const CHUNK: usize = 64 << 10;

/// Mailboxes in a map.
#[derive(Default)]
pub(crate) struct MemoryEngine {
    state: Mutex<State>,
    /// Bodies that were sealed and wait for their record.
    sealed: Arc<Shelf>,
    /// There is never anything to compact.
    turns: Arc<Turns>,
}

type Shelf = Mutex<HashMap<u64, Bytes>>;

#[derive(Default)]
struct State {
    mailboxes: HashMap<AccountId, BTreeMap<u64, Entry>>,
    bodies: HashMap<u64, Bytes>,
    queue: BTreeMap<u64, Queued>,
    uids: u64,
    closed: bool,
}

/// A message that waits to leave.
struct Queued {
    entry: Entry,
    pending: Arc<Pending>,
    received: u64,
    envelope: Envelope,
}

impl MemoryEngine {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, message: Message) -> u64 {
        let octets = match message.body {
            Body::Held { octets, .. } => Bytes::from(octets),
            Body::Sealed { sealed, claim } => {
                let octets = lock(&self.sealed).remove(&sealed.body);
                claim.named();
                octets.unwrap_or_default()
            }
        };
        let utf8 = message.envelope.smtputf8;
        let mut state = self.state();
        state.uids += 1;
        let uid = state.uids;
        let mut queue = message.queue.map(|pending| (pending, message.envelope));
        for addressee in message.addressees {
            let entry = Entry {
                uid,
                epoch: addressee.epoch,
                octets: octets.len() as u64,
                utf8,
                uidl: message.uidl.clone(),
                place: Place::Sealed {
                    body: uid,
                    segment: 0,
                    offset: 0,
                },
                weight: 0,
            };
            if addressee.account == QUEUE
                && let Some((pending, envelope)) = queue.take()
            {
                let queued = Queued {
                    entry,
                    pending,
                    received: message.received,
                    envelope,
                };
                state.queue.insert(uid, queued);
            } else if let Some(mailbox) = state.mailboxes.get_mut(&addressee.account) {
                mailbox.insert(uid, entry);
            }
        }
        state.bodies.insert(uid, octets);
        uid
    }
}

impl State {
    fn page(&self, page: Page) -> Vec<Waits> {
        let waits = |queued: &Queued| (queued.entry.clone(), Arc::clone(&queued.pending));
        match page {
            Page::All { after, most } => {
                let behind = self.queue.range(after.saturating_add(1)..);
                behind.take(most).map(|(_, queued)| waits(queued)).collect()
            }
            Page::Due { until, after, most } => {
                let due = (self.queue.iter()).filter_map(|(id, queued)| {
                    let due = queued.pending.due()?;
                    let wanted = due <= until && after.is_none_or(|after| (due, *id) > after);
                    wanted.then(|| ((due, *id), waits(queued)))
                });
                let due: BTreeMap<(u64, u64), Waits> = due.collect();
                due.into_values().take(most).collect()
            }
        }
    }

    fn decide(&mut self, decision: &Decision) {
        match decision {
            Decision::Account(account) => {
                self.mailboxes.entry(account.id).or_default();
            }
            Decision::NoAccount(id) => {
                self.mailboxes.remove(id);
            }
            Decision::Alias(_) | Decision::NoAlias(_) | Decision::List(_) | Decision::NoList(_) => {
            }
        }
    }
}

impl Engine for MemoryEngine {
    fn submit(&self, fact: Fact, mut ticket: Ticket) {
        if self.state().closed {
            return ticket.settle(Err(StoreError::Stopped));
        }
        match fact {
            Fact::Message(message) => ticket.number(self.keep(message)),
            Fact::Attempted { id, pending } => {
                if let Some(queued) = self.state().queue.get_mut(&id) {
                    queued.pending = pending;
                }
            }
            Fact::Expunge {
                account: QUEUE,
                uids,
                ..
            } => self.state().queue.retain(|id, _| !uids.contains(id)),
            Fact::Expunge { account, uids, .. } => {
                if let Some(mailbox) = self.state().mailboxes.get_mut(&account) {
                    mailbox.retain(|uid, _| !uids.contains(uid));
                }
            }
            Fact::Released { .. } => {}
            Fact::Decisions(decisions) => {
                let mut state = self.state();
                decisions.iter().for_each(|decision| state.decide(decision));
            }
        }
        ticket.settle(Ok(()));
    }

    fn submit_all(&self, facts: Vec<(Fact, Ticket)>) {
        for (fact, ticket) in facts {
            self.submit(fact, ticket);
        }
    }

    fn listing(&self, account: AccountId) -> Result<Arc<[Entry]>, StoreError> {
        let state = self.state();
        let mailbox = state.mailboxes.get(&account);
        Ok(mailbox
            .map(|mailbox| mailbox.values().cloned().collect())
            .unwrap_or_default())
    }

    /// What is removed here is gone.
    fn removed(&self, _account: AccountId) -> Result<Vec<(Entry, u64)>, StoreError> {
        Ok(Vec::new())
    }

    fn read(
        &self,
        _account: AccountId,
        entry: &Entry,
        reading: &mut Reading,
        _wait: Wait,
    ) -> Result<Option<Chunk>, ReadError> {
        let state = self.state();
        let body = state.bodies.get(&entry.uid).ok_or(ReadError::Gone)?;
        let from = usize::try_from(reading.offset)
            .unwrap_or(usize::MAX)
            .min(body.len());
        let to = body.len().min(from + CHUNK);
        reading.offset = to as u64;
        Ok(Some(Chunk {
            octets: body.slice(from..to),
            last: to == body.len(),
        }))
    }

    fn envelope(&self, entry: &Entry) -> Result<(u64, Envelope), ReadError> {
        let state = self.state();
        let queued = state.queue.get(&entry.uid).ok_or(ReadError::Gone)?;
        Ok((queued.received, queued.envelope.clone()))
    }

    fn queued(&self, id: u64) -> Result<Option<Waits>, StoreError> {
        let state = self.state();
        let queued = state.queue.get(&id);
        Ok(queued.map(|queued| (queued.entry.clone(), Arc::clone(&queued.pending))))
    }

    fn queue(&self, page: Page) -> Result<Vec<Waits>, StoreError> {
        Ok(self.state().page(page))
    }

    fn free(&self) -> Result<u64, StoreError> {
        Ok(u64::MAX)
    }

    fn spool(&self) -> Result<Box<dyn Spool>, StoreError> {
        Ok(Box::new(MemorySpool {
            octets: Vec::new(),
            sealed: Arc::clone(&self.sealed),
        }))
    }

    fn compact(
        &self,
        _way: Way,
        _now: u64,
        _progress: &mut dyn FnMut(Compacted),
    ) -> Result<Compacted, CompactError> {
        Ok(Compacted::default())
    }

    fn set_limits(&self, _window: Duration, _reserve: u64) {}

    fn low(&self) {}

    fn pause(&self) -> Option<Hold> {
        self.turns.hold()
    }

    fn stats(&self) -> EngineStats {
        let mut queue = QueueCounts::default();
        for queued in self.state().queue.values() {
            queue.add(queued.entry.octets, &queued.pending);
        }
        EngineStats {
            queue,
            ..EngineStats::default()
        }
    }

    fn close(&self) {
        self.state().closed = true;
    }
}

fn lock(shelf: &Shelf) -> MutexGuard<'_, HashMap<u64, Bytes>> {
    shelf.lock().unwrap_or_else(PoisonError::into_inner)
}

struct MemorySpool {
    octets: Vec<u8>,
    sealed: Arc<Shelf>,
}

impl Spool for MemorySpool {
    fn append(&mut self, octets: &[u8]) -> Result<(), StoreError> {
        self.octets.extend_from_slice(octets);
        Ok(())
    }

    fn read_back(&mut self) -> Result<Vec<u8>, StoreError> {
        Ok(std::mem::take(&mut self.octets))
    }

    fn seal(self: Box<Self>, octets: u64, crc: u32) -> Result<Body, StoreError> {
        let mut shelf = lock(&self.sealed);
        let body = shelf.keys().max().map_or(1, |highest| highest + 1);
        shelf.insert(body, Bytes::from(self.octets));
        let sealed = Sealed { body, octets, crc };
        let claim = Box::new(MemoryClaim {
            body,
            sealed: Arc::clone(&self.sealed),
        });
        Ok(Body::Sealed { sealed, claim })
    }
}

/// A body on the shelf until a message takes it.
#[derive(Debug)]
struct MemoryClaim {
    body: u64,
    sealed: Arc<Shelf>,
}

impl Claim for MemoryClaim {
    fn named(self: Box<Self>) {}

    fn leave(self: Box<Self>) {}
}

impl Drop for MemoryClaim {
    fn drop(&mut self) {
        // Whoever keeps the message has taken the octets already.
        lock(&self.sealed).remove(&self.body);
    }
}
