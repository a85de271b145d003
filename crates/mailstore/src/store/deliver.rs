//! Messages on their way to the engine: whom they are for, how large they turned out to be, and who waits for them.
//!
//! Several become durable together, or none does. What is decided about them was decided before.

use std::sync::Arc;

use address::Envelope;
use tokio::sync::OwnedSemaphorePermit;

use super::{QUEUE_UNIT, Store, unix_milliseconds};
use crate::engine::{Addressee, Body, Effect, Fact, Message, Ticket};
use crate::error::StoreError;
use crate::incoming::Incoming;
use crate::ledger::Reservation;
use crate::outgoing::{MOST_TOGETHER, Pending, QUEUE};

/// A message and where it goes.
pub(super) struct Letter {
    pub(super) incoming: Incoming,
    pub(super) reservations: Vec<Reservation>,
    pub(super) envelope: Envelope,
    pub(super) uidl: Option<Arc<str>>,
    /// What becomes of it in the queue, if it goes there.
    pub(super) queue: Option<Pending>,
}

impl Letter {
    pub(super) fn is_queued(&self) -> bool {
        self.queue.is_some()
    }
}

impl Store {
    /// Keeps messages together with another fact, which comes last: all of it, or nothing. Gives the number of each.
    pub(super) async fn deliver_all(
        &self,
        mut letters: Vec<Letter>,
        also: Option<(Fact, Effect)>,
    ) -> Result<Vec<u64>, StoreError> {
        let inner = &self.inner;
        let ledger = &inner.hall.ledger;
        for letter in &mut letters {
            let reservations = &mut letter.reservations;
            reservations.sort_by_key(Reservation::account);
            reservations.dedup_by_key(|reservation| reservation.account());
            // The queue is the lowest of all accounts.
            let queued = letter.queue.is_some();
            let right = |first: &Reservation| (first.account() == QUEUE) == queued;
            if !reservations.first().is_some_and(right) {
                return Err(StoreError::NoRecipients);
            }
            ledger.fix_size(reservations, letter.incoming.len())?;
        }
        // The share of the queue comes before a spooled body is read back, so that memory stays bounded.
        let units = self.units(&letters)?;
        let mut share = self.share(units).await?;
        let mut facts = Vec::with_capacity(letters.len() + 1);
        let mut answers = Vec::with_capacity(letters.len() + 1);
        for letter in letters {
            let addressees = addressees(&letter.reservations);
            let effect = Effect::Kept {
                ledger: Arc::clone(ledger),
                reservations: letter.reservations,
            };
            let body: Body = letter.incoming.finish(inner.options.inline_body).await?;
            let received = unix_milliseconds();
            let message = Message {
                received,
                addressees,
                envelope: letter.envelope,
                uidl: letter.uidl,
                body,
                queue: (letter.queue).map(|queue| Arc::new(Pending { received, ..queue })),
            };
            let (ticket, answer) = Ticket::new(effect, share.take());
            facts.push((Fact::Message(message), ticket));
            answers.push(answer);
        }
        if let Some((fact, effect)) = also {
            let (ticket, answer) = Ticket::new(effect, None);
            facts.push((fact, ticket));
            answers.push(answer);
        }
        inner.engine.submit_all(facts);
        let mut numbers = Vec::with_capacity(answers.len());
        for answer in answers {
            numbers.push(answer.await.map_err(|_| StoreError::Stopped)??);
        }
        Ok(numbers)
    }

    /// What these messages take of the room for those that wait for the writer; 0 when there are none.
    fn units(&self, letters: &[Letter]) -> Result<u32, StoreError> {
        let inline = self.inner.options.inline_body;
        let octets = letters.iter().map(|letter| letter.incoming.len());
        let together: u64 = octets.clone().filter(|octets| *octets <= inline).sum();
        if letters.len() > 1 && together > MOST_TOGETHER {
            return Err(StoreError::TooLarge);
        }
        let units = octets.map(|octets| (octets.min(inline) as usize).div_ceil(QUEUE_UNIT).max(1));
        Ok(u32::try_from(units.sum::<usize>()).unwrap_or(u32::MAX))
    }

    /// So much of that room; all of it at once, so that nobody who has some of it waits for more.
    async fn share(&self, units: u32) -> Result<Option<OwnedSemaphorePermit>, StoreError> {
        if units == 0 {
            return Ok(None);
        }
        let queue = Arc::clone(&self.inner.queue);
        let share = queue.acquire_many_owned(units.min(self.inner.queue_permits));
        share.await.map(Some).map_err(|_| StoreError::Stopped)
    }
}

fn addressees(reservations: &[Reservation]) -> Vec<Addressee> {
    let addressees = reservations.iter().map(|reservation| Addressee {
        account: reservation.account(),
        epoch: reservation.epoch(),
    });
    addressees.collect()
}
