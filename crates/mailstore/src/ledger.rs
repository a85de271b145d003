//! What every mailbox holds and what it has been promised, counted exactly.
//!
//! A [`Reservation`] is made at RCPT and either becomes usage, in the same step in which the message becomes
//! durable, or is given back when it is dropped. The queue is one of the mailboxes, but in no sum over them. The ledger lives in memory; the index keeps the counters.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::account::AccountId;
use crate::error::{Full, StoreError};
use crate::outgoing::QUEUE;

/// What a mailbox, or all of them together, holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Messages.
    pub messages: u64,
    /// Octets of those messages.
    pub octets: u64,
}

impl Usage {
    pub(crate) fn add(&mut self, messages: u64, octets: u64) {
        // What a damaged log claims may be beyond counting.
        self.messages = self.messages.saturating_add(messages);
        self.octets = self.octets.saturating_add(octets);
    }

    pub(crate) fn subtract(&mut self, messages: u64, octets: u64) {
        self.messages = self.messages.saturating_sub(messages);
        self.octets = self.octets.saturating_sub(octets);
    }
}

/// The counters of all mailboxes.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    cells: HashMap<AccountId, Cell>,
    total: Usage,
}

#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    used: Usage,
    promised: Usage,
}

/// What a mailbox may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance {
    /// Octets; 0 is no limit.
    pub(crate) octets: u64,
    /// Messages.
    pub(crate) messages: u64,
}

impl Ledger {
    pub(crate) fn new(usage: impl IntoIterator<Item = (AccountId, Usage)>) -> Self {
        let ledger = Self::default();
        ledger.with(|state| {
            for (account, used) in usage {
                if account != QUEUE {
                    state.total.add(used.messages, used.octets);
                }
                let promised = Usage::default();
                state.cells.insert(account, Cell { used, promised });
            }
        });
        ledger
    }

    /// A counter is right after every statement, so a panic elsewhere does not spoil the ledger.
    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn usage(&self, account: AccountId) -> Usage {
        self.with(|state| state.cells.get(&account).map(|cell| cell.used))
            .unwrap_or_default()
    }

    pub(crate) fn total(&self) -> Usage {
        self.with(|state| state.total)
    }

    /// Promises room for one message of `octets` (0 when the sender did not say).
    pub(crate) fn reserve(
        self: &Arc<Self>,
        account: AccountId,
        epoch: u32,
        octets: u64,
        allowance: Allowance,
    ) -> Result<Reservation, Full> {
        self.with(|state| {
            let cell = state.cells.get_mut(&account).ok_or(Full::Gone)?;
            if cell.used.messages + cell.promised.messages >= allowance.messages {
                return Err(Full::Messages);
            }
            let held = cell.used.octets.saturating_add(cell.promised.octets);
            // Without a SIZE the message may overrun, so there must be some room at least.
            let wanted = held.saturating_add(octets.max(1));
            if allowance.octets > 0 && wanted > allowance.octets {
                return Err(Full::Octets);
            }
            cell.promised.add(1, octets);
            Ok(Reservation {
                ledger: Arc::clone(self),
                account,
                epoch,
                octets,
                allowance,
                kept: false,
            })
        })
    }

    /// Replaces the announced sizes by the real one. A mailbox that is still under its quota without this
    /// message takes it even if it goes over; so it is over by at most one message, however many arrive at once.
    pub(crate) fn fix_size(
        &self,
        reservations: &mut [Reservation],
        octets: u64,
    ) -> Result<(), StoreError> {
        self.with(|state| {
            for reservation in reservations {
                let account = reservation.account;
                let full = |full| match account {
                    QUEUE => StoreError::QueueFull { full },
                    account => StoreError::MailboxFull { account, full },
                };
                let cell = state.cells.get_mut(&account).ok_or(full(Full::Gone))?;
                let others = (cell.used.octets.saturating_add(cell.promised.octets))
                    .saturating_sub(reservation.octets);
                let limit = reservation.allowance.octets;
                if limit > 0 && octets > reservation.octets && others >= limit {
                    return Err(full(Full::Octets));
                }
                cell.promised.subtract(0, reservation.octets);
                cell.promised.add(0, octets);
                reservation.octets = octets;
            }
            Ok(())
        })
    }

    /// The message is durable: what was promised is used now.
    pub(crate) fn keep(&self, mut reservations: Vec<Reservation>) {
        self.with(|state| {
            for reservation in &mut reservations {
                if let Some(cell) = state.cells.get_mut(&reservation.account) {
                    cell.promised.subtract(1, reservation.octets);
                    cell.used.add(1, reservation.octets);
                    if reservation.account != QUEUE {
                        state.total.add(1, reservation.octets);
                    }
                }
                reservation.kept = true;
            }
        });
    }

    pub(crate) fn remove(&self, account: AccountId, messages: u64, octets: u64) {
        self.with(|state| {
            if let Some(cell) = state.cells.get_mut(&account) {
                cell.used.subtract(messages, octets);
                if account != QUEUE {
                    state.total.subtract(messages, octets);
                }
            }
        });
    }

    pub(crate) fn open_account(&self, account: AccountId) {
        self.with(|state| {
            state.cells.entry(account).or_default();
        });
    }

    pub(crate) fn close_account(&self, account: AccountId) {
        self.with(|state| {
            if let Some(cell) = state.cells.remove(&account) {
                state.total.subtract(cell.used.messages, cell.used.octets);
            }
        });
    }

    fn release(&self, account: AccountId, octets: u64) {
        self.with(|state| {
            if let Some(cell) = state.cells.get_mut(&account) {
                cell.promised.subtract(1, octets);
            }
        });
    }
}

/// Room promised to one message in one mailbox; dropping it gives the room back.
#[derive(Debug)]
pub struct Reservation {
    ledger: Arc<Ledger>,
    account: AccountId,
    epoch: u32,
    octets: u64,
    allowance: Allowance,
    kept: bool,
}

impl Reservation {
    /// Whose mailbox.
    #[must_use]
    pub fn account(&self) -> AccountId {
        self.account
    }

    pub(crate) fn epoch(&self) -> u32 {
        self.epoch
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !self.kept {
            self.ledger.release(self.account, self.octets);
        }
    }
}

#[cfg(test)]
mod tests;
