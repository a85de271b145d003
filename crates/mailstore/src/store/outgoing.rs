//! Mail for elsewhere: into the queue, through it, and out.
//!
//! Whatever is decided about a queued message is decided on what it is at that moment, one decision at a time, and said
//! as a whole. So attempts and people (who hold, release and remove) need not know of each other.

use std::sync::{Arc, Mutex, PoisonError};

use address::Envelope;
use tokio::sync::OwnedMutexGuard;

use super::Store;
use super::deliver::Letter;
use crate::engine::{Chunk, Effect, Engine, Entry, Fact, Page, Reading, Wait, Waits};
use crate::error::{Full, ReadError, StoreError};
use crate::ledger::{Allowance, Reservation};
use crate::outgoing::{
    Attempt, MOST_PARCELS, MOST_RECIPIENTS, Noted, Outgoing, Parcel, Pending, QUEUE, QueueCounts,
    Queued, Waiting,
};

#[cfg(test)]
mod tests;

/// So many messages of the queue can be decided on at a time, as chance has it.
const TURNS: usize = 256;

/// One decision about a message at a time: messages whose ids leave the same rest share a turn.
pub(super) struct Turns(Vec<Arc<tokio::sync::Mutex<()>>>);

impl Default for Turns {
    fn default() -> Self {
        Self((0..TURNS).map(|_| Arc::default()).collect())
    }
}

impl Turns {
    async fn take(&self, id: u64) -> OwnedMutexGuard<()> {
        let at = usize::try_from(id % TURNS as u64).unwrap_or_default();
        Arc::clone(&self.0[at]).lock_owned().await
    }
}

/// The octets of a queued message, in order. It goes on while compaction moves the message, and when the message leaves
/// the queue meanwhile it may.
pub struct QueuedLetter {
    engine: Arc<dyn Engine>,
    entry: Entry,
    reading: Mutex<Reading>,
}

impl QueuedLetter {
    /// Octets of the whole.
    #[must_use]
    pub fn octets(&self) -> u64 {
        self.entry.octets
    }

    /// The next octets. A message of up to 64 KiB comes in one piece that has been verified before; of a larger one the
    /// last piece comes only if all of it was right. May block.
    ///
    /// # Errors
    /// When the message is damaged, gone, or cannot be read.
    pub fn read(&self) -> Result<Chunk, ReadError> {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let read = self
            .engine
            .read(QUEUE, &self.entry, &mut reading, Wait::Allowed)?;
        read.ok_or(ReadError::Gone)
    }
}

impl Store {
    /// Promises room in the queue for one message of `octets` (0 when the sender did not say), however many recipients
    /// elsewhere it has. Asked at the first of them.
    ///
    /// # Errors
    /// When the queue is full.
    pub fn reserve_outgoing(&self, octets: u64) -> Result<Reservation, Full> {
        let options = &self.inner.options;
        let allowance = Allowance {
            octets: options.outgoing_octets,
            messages: options.outgoing_messages,
        };
        self.inner.hall.ledger.reserve(QUEUE, 0, octets, allowance)
    }

    /// The same for a report about a queued message, for which there is always room: it mostly takes the place of what
    /// it is about, and a queue that is full must not keep anything from leaving it.
    ///
    /// # Errors
    /// When there are more messages than can be counted.
    pub fn reserve_report(&self) -> Result<Reservation, Full> {
        let allowance = Allowance {
            octets: 0,
            messages: u64::MAX,
        };
        self.inner.hall.ledger.reserve(QUEUE, 0, 0, allowance)
    }

    /// Keeps a message, for mailboxes and for elsewhere, and gives the id it has in the queue; `None` when nothing of it
    /// was for elsewhere. Returns when it is durable, all of it at once.
    ///
    /// # Errors
    /// Then it is nowhere and never will be.
    pub async fn post(&self, parcel: Parcel) -> Result<Option<u64>, StoreError> {
        let posted = self.post_all(vec![parcel], None).await?;
        Ok(posted.first().copied().flatten())
    }

    /// Keeps messages together with something that is said of another one: all of it, or nothing. Gives the ids they
    /// have in the queue.
    async fn post_all(
        &self,
        parcels: Vec<Parcel>,
        also: Option<(Fact, Effect)>,
    ) -> Result<Vec<Option<u64>>, StoreError> {
        if parcels.len() > MOST_PARCELS {
            return Err(StoreError::TooLarge);
        }
        let mut letters = Vec::with_capacity(parcels.len());
        for parcel in parcels {
            letters.push(letter(parcel)?);
        }
        let queued: Vec<bool> = letters.iter().map(Letter::is_queued).collect();
        let numbers = self.deliver_all(letters, also).await?;
        let ids = numbers.into_iter().zip(queued);
        Ok(ids
            .map(|(number, queued)| queued.then_some(number))
            .collect())
    }

    /// What there is in the queue. The numbers of messages and octets are exact, the others may lag behind a little.
    #[must_use]
    pub fn queue_counts(&self) -> QueueCounts {
        let exact = self.inner.hall.ledger.usage(QUEUE);
        QueueCounts {
            messages: exact.messages,
            octets: exact.octets,
            ..self.inner.engine.stats().queue
        }
    }

    /// Messages of the queue that are due until then (milliseconds since 1970), at most so many: those first that are
    /// due first, behind that due time and id. What changes while somebody goes through the pages may be in none of
    /// them, and is in the next round. May block.
    ///
    /// # Errors
    /// When the index cannot be asked.
    pub fn queue_due(
        &self,
        until: u64,
        after: Option<(u64, u64)>,
        most: usize,
    ) -> Result<Vec<Queued>, StoreError> {
        self.queue_page(Page::Due { until, after, most })
    }

    /// Messages of the queue by id, behind that one (0: from the first), at most so many. May block.
    ///
    /// # Errors
    /// When the index cannot be asked.
    pub fn queue_from(&self, after: u64, most: usize) -> Result<Vec<Queued>, StoreError> {
        self.queue_page(Page::All { after, most })
    }

    fn queue_page(&self, page: Page) -> Result<Vec<Queued>, StoreError> {
        let found = self.inner.engine.queue(page)?;
        Ok(found.into_iter().map(Queued::from).collect())
    }

    /// One message of the queue; `None` when it is not there (any more). May block.
    ///
    /// # Errors
    /// When the index cannot be asked.
    pub fn queued(&self, id: u64) -> Result<Option<Queued>, StoreError> {
        Ok(self.inner.engine.queued(id)?.map(Queued::from))
    }

    /// When a message of the queue came, in milliseconds since 1970, its envelope and its octets; `None` when it is not
    /// there (any more). May block.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn queue_letter(
        &self,
        id: u64,
    ) -> Result<Option<(u64, Envelope, QueuedLetter)>, ReadError> {
        let engine = &self.inner.engine;
        let found = engine.queued(id);
        let found = found.map_err(|error| ReadError::Io(Arc::new(std::io::Error::other(error))))?;
        let Some((entry, _)) = found else {
            return Ok(None);
        };
        let (received, envelope) = engine.envelope(&entry)?;
        let letter = QueuedLetter {
            engine: Arc::clone(engine),
            reading: Mutex::new(Reading {
                uid: entry.uid,
                ..Reading::default()
            }),
            entry,
        };
        Ok(Some((received, envelope, letter)))
    }

    /// Says what an attempt came to. When nobody is left it leaves the queue. Messages that come of it (reports, copies of
    /// a list) are kept together with that: all of it, or nothing. [`MOST_PARCELS`] of them at most, and 8 MiB of those
    /// that get no file of their own; what is more is said in portions, each about some of the recipients, or with
    /// [`Waiting::served`] up to some of the members. Gives what is left of the message; `None`, and the others are
    /// dropped, when it has left the queue before. Returns when it is durable.
    ///
    /// # Errors
    /// Then nothing of it is so, and never will be; it can be said again.
    pub async fn queue_attempted(
        &self,
        id: u64,
        attempt: Attempt,
        parcels: Vec<Parcel>,
    ) -> Result<Option<Noted>, StoreError> {
        let Attempt { closed, mut again } = attempt;
        let change = move |waiting: &mut Vec<Waiting>| {
            waiting.retain(|one| !closed.contains(&one.recipient));
            for one in waiting {
                let same = |now: &Waiting| now.recipient == one.recipient;
                if let Some(at) = again.iter().position(same) {
                    let now = again.swap_remove(at);
                    *one = Waiting {
                        held: one.held,
                        forwarded: one.forwarded,
                        ..now
                    };
                }
            }
        };
        self.queue_change(id, change, parcels).await
    }

    /// Holds a message with all its recipients, or releases it. Gives it as it is then; `None` when it has left.
    ///
    /// # Errors
    /// Then it is as it was.
    pub async fn queue_hold(&self, id: u64, held: bool) -> Result<Option<Queued>, StoreError> {
        let change = |waiting: &mut Vec<Waiting>| {
            waiting.iter_mut().for_each(|one| one.held = held);
        };
        let changed = self.queue_change(id, change, Vec::new()).await?;
        Ok(changed.map(|now| now.queued))
    }

    /// Releases one recipient of a message, who is due then (milliseconds since 1970); the others stay as they are. Gives
    /// the message as it is then; `None` when it has left.
    ///
    /// # Errors
    /// Then it is as it was.
    pub async fn queue_release(
        &self,
        id: u64,
        recipient: u32,
        due: u64,
    ) -> Result<Option<Queued>, StoreError> {
        let change = |waiting: &mut Vec<Waiting>| {
            for one in waiting.iter_mut().filter(|one| one.recipient == recipient) {
                one.held = false;
                hurry(one, due);
            }
        };
        let changed = self.queue_change(id, change, Vec::new()).await?;
        Ok(changed.map(|now| now.queued))
    }

    /// All recipients of a message are due at that time, in milliseconds since 1970, or when it is released if that is
    /// later.
    ///
    /// # Errors
    /// Then it is as it was.
    pub async fn queue_retry(&self, id: u64, due: u64) -> Result<Option<Queued>, StoreError> {
        let change = |waiting: &mut Vec<Waiting>| {
            waiting.iter_mut().for_each(|one| hurry(one, due));
        };
        let changed = self.queue_change(id, change, Vec::new()).await?;
        Ok(changed.map(|now| now.queued))
    }

    /// Takes a message out of the queue; nobody gets it any more. Says whether it was there.
    ///
    /// # Errors
    /// Then it is still there.
    pub async fn queue_remove(&self, id: u64) -> Result<bool, StoreError> {
        let changed = self.queue_change(id, Vec::clear, Vec::new()).await?;
        Ok(changed.is_some())
    }

    async fn queue_change(
        &self,
        id: u64,
        change: impl FnOnce(&mut Vec<Waiting>),
        parcels: Vec<Parcel>,
    ) -> Result<Option<Noted>, StoreError> {
        let inner = &self.inner;
        let turn = inner.queue_turns.take(id).await;
        let engine = Arc::clone(&inner.engine);
        let found = inner.pools.queuers.run(move || engine.queued(id)).await??;
        let Some((entry, before)) = found else {
            return Ok(None);
        };
        let mut waiting = before.waiting.clone();
        change(&mut waiting);
        let mut now = Pending {
            version: before.version.saturating_add(1),
            waiting,
            ..*before
        };
        now.obey_release();
        let now = Arc::new(now);
        let gone = now.waiting.is_empty();
        let left = gone.then(|| (Arc::clone(&inner.hall.ledger), entry.octets));
        let fact = said(id, &now, gone);
        let effect = Effect::Queue { left, _turn: turn };
        let posted = self.post_all(parcels, Some((fact, effect))).await?;
        let waits: Waits = (entry, now);
        Ok(Some(Noted {
            queued: waits.into(),
            posted,
        }))
    }
}

/// Has a recipient due before its time. The attempt that somebody wants is not one of those after which the waits grow.
fn hurry(one: &mut Waiting, due: u64) {
    if one.due > due {
        one.attempts = one.attempts.saturating_sub(1);
    }
    one.due = due;
}

/// What is to be kept of a parcel.
fn letter(parcel: Parcel) -> Result<Letter, StoreError> {
    let Parcel {
        incoming,
        mut reservations,
        envelope,
        outgoing,
    } = parcel;
    let mut queue = None;
    if let Some(Outgoing {
        room,
        account,
        release,
        waiting,
    }) = outgoing
    {
        if waiting.is_empty() {
            return Err(StoreError::NoRecipients);
        }
        if waiting.len() > MOST_RECIPIENTS {
            return Err(StoreError::TooLarge);
        }
        reservations.push(room);
        let mut pending = Pending {
            version: 0,
            account,
            received: 0,
            release,
            waiting,
        };
        pending.obey_release();
        queue = Some(pending);
    }
    Ok(Letter {
        incoming,
        reservations,
        envelope,
        uidl: None,
        queue,
    })
}

fn said(id: u64, now: &Arc<Pending>, gone: bool) -> Fact {
    if gone {
        Fact::Expunge {
            account: QUEUE,
            uids: vec![id],
            when: 0,
        }
    } else {
        let pending = Arc::clone(now);
        Fact::Attempted { id, pending }
    }
}
