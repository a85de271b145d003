//! What others than readers of mailboxes want to know of the index: where it stands, and what one key says.
//!
//! Compaction asks all of this. What waits is not looked at: whoever asks has waited for it.

use std::collections::HashMap;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use super::gate::Gate;
use super::keys::{self, Hint, Retirement};
use super::table::{Table, TableError};
use super::{Index, Overlay, State};
use crate::account::AccountId;
use crate::engine::Entry;
use crate::error::StoreError;
use crate::log::Position;
use crate::outgoing::QUEUE;

/// Between two looks at whether waiting is still wanted.
const LOOK: Duration = Duration::from_millis(100);

/// What the index says of a message in a mailbox.
#[derive(Debug)]
pub(crate) enum Stand {
    Live(Entry),
    /// Removed at that time, and still in the log.
    Removed(Entry, u64),
    /// Not there, and nowhere in the log either as far as it counts.
    Gone,
}

impl Index {
    /// Where the log ends.
    pub(crate) fn end(&self) -> Position {
        self.shared.lock().end
    }

    /// Waits until the table has everything before this position.
    ///
    /// # Errors
    /// When there is no table to trust, or waiting is not wanted any more.
    pub(crate) fn applied(
        &self,
        position: Position,
        stop: &dyn Fn() -> bool,
    ) -> Result<(), StoreError> {
        let mut state = self.shared.lock();
        state.urgent = state.urgent.max(position);
        self.shared.work.notify_all();
        while state.applied < position {
            if state.table.is_none() {
                return Err(StoreError::Rebuilding);
            }
            if state.closed || stop() {
                return Err(StoreError::Stopped);
            }
            state = self.some_progress(state);
        }
        Ok(())
    }

    /// Makes the table durable with everything before this position; says whether it is now.
    ///
    /// # Errors
    /// When waiting is not wanted any more.
    pub(crate) fn checkpoint(
        &self,
        position: Position,
        stop: &dyn Fn() -> bool,
    ) -> Result<bool, StoreError> {
        let mut state = self.shared.lock();
        if state.table.is_none() || state.closed {
            return Ok(false);
        }
        state.asked = state.asked.max(Some(position));
        self.shared.work.notify_all();
        while state.asked.is_some() && state.table.is_some() && !state.closed {
            if stop() {
                return Err(StoreError::Stopped);
            }
            state = self.some_progress(state);
        }
        Ok(state.table.is_some() && state.durable >= position)
    }

    /// Waits for the worker to get on, and for a moment at most.
    fn some_progress<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let progress = &self.shared.progress;
        let waited = progress.wait_timeout(state, LOOK);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    pub(super) fn table(&self) -> Result<(Arc<dyn Table>, Arc<Gate>), StoreError> {
        let table = self.shared.lock().table.clone();
        table.ok_or(StoreError::Rebuilding)
    }

    /// What the table has under a key.
    pub(crate) fn value(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let (table, gate) = self.table()?;
        let read = || {
            let _pass = gate.read()?;
            table.get(key)
        };
        read().map_err(|error| self.doubt(&table, &error))
    }

    /// A table that does not answer is given up.
    pub(super) fn doubt(&self, table: &Arc<dyn Table>, error: &TableError) -> StoreError {
        if let TableError::Failed(why) = error {
            self.shared.give_up_table(table, why);
        }
        StoreError::Rebuilding
    }

    /// What became of a message in a mailbox.
    pub(crate) fn stand(&self, account: AccountId, uid: u64) -> Result<Stand, StoreError> {
        let key = keys::message(account, uid);
        if let Some(value) = self.value(&key)? {
            let entry = keys::entry(&key, &value).ok_or(StoreError::Rebuilding)?;
            return Ok(Stand::Live(entry));
        }
        let key = keys::removed(account, uid);
        match self.value(&key)? {
            Some(value) => {
                let found = keys::removed_entry(&key, &value).ok_or(StoreError::Rebuilding)?;
                Ok(Stand::Removed(found.0, found.1))
            }
            None => Ok(Stand::Gone),
        }
    }

    /// Where a message of a mailbox is now, removed or not, what waits included.
    pub(crate) fn find(&self, account: AccountId, uid: u64) -> Result<Option<Entry>, StoreError> {
        let waiting: Vec<_> = self.shared.lock().groups.iter().cloned().collect();
        let mut overlay = Overlay::of(account, &waiting);
        if overlay.gone {
            return Ok(None);
        }
        if let Some(entry) = overlay.added.remove(&uid) {
            return Ok(Some(entry));
        }
        match self.stand(account, uid)? {
            Stand::Live(entry) | Stand::Removed(entry, _) => Ok(Some(entry)),
            Stand::Gone => Ok(None),
        }
    }

    /// Messages removed from a mailbox that are still in the log, oldest first, and when each was.
    pub(crate) fn removed(&self, account: AccountId) -> Result<Vec<(Entry, u64)>, StoreError> {
        self.applied(self.end(), &|| false)?;
        let (table, gate) = self.table()?;
        let prefix = keys::removed_of(account);
        let (mut removed, mut wrong) = (Vec::new(), false);
        let mut read = || {
            let _pass = gate.read()?;
            table.scan(
                &prefix,
                &prefix,
                usize::MAX,
                &mut |key, value| match keys::removed_entry(key, value) {
                    Some(found) => removed.push(found),
                    None => wrong = true,
                },
            )
        };
        let mut outcome = read();
        if outcome.is_ok() && wrong {
            outcome = Err(TableError::Failed("an entry does not read".to_owned()));
        }
        outcome.map_err(|error| self.doubt(&table, &error))?;
        Ok(removed)
    }

    /// Everybody there is, and the queue.
    pub(crate) fn accounts(&self) -> Result<Vec<AccountId>, StoreError> {
        let (table, gate) = self.table()?;
        let mut accounts = vec![QUEUE];
        let mut read = || {
            let _pass = gate.read()?;
            let all = usize::MAX;
            table.scan(keys::ACCOUNT, keys::ACCOUNT, all, &mut |key, _| {
                accounts.extend(keys::id_of(key));
            })
        };
        read().map_err(|error| self.doubt(&table, &error))?;
        Ok(accounts)
    }

    /// Which segments are worth a look.
    pub(crate) fn hints(&self) -> Result<HashMap<u32, Hint>, StoreError> {
        let (table, gate) = self.table()?;
        let mut hints = HashMap::new();
        let mut read = || {
            let _pass = gate.read()?;
            let all = usize::MAX;
            table.scan(keys::SEGMENT, keys::SEGMENT, all, &mut |key, value| {
                if let (Some(segment), Ok(hint)) =
                    (keys::segment_of(key), postcard::from_bytes(value))
                {
                    hints.insert(segment, hint);
                }
            })
        };
        read().map_err(|error| self.doubt(&table, &error))?;
        Ok(hints)
    }

    /// The segment retired last.
    pub(crate) fn retirement(&self) -> Result<Option<Retirement>, StoreError> {
        let value = self.value(keys::RETIREMENT)?;
        let read = |value: Vec<u8>| postcard::from_bytes(&value).ok();
        Ok(value.and_then(read))
    }
}
