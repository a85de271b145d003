//! What becomes of queued messages, in the table: by id, and by due time.
//!
//! The messages themselves are in their mailbox like all others; here is only what that mailbox has and no other.

use std::sync::Arc;

use super::{Applier, unread};
use crate::engine::Entry;
use crate::index::Attempted;
use crate::index::keys::{self, OnItsWay};
use crate::index::table::TableError;
use crate::outgoing::{Pending, QUEUE, QueueCounts};

#[cfg(test)]
mod tests;

/// Is it one of the two kinds of keys that only the queue has?
pub(super) fn is_key(key: &[u8]) -> bool {
    key.starts_with(keys::ON_ITS_WAY) || key.starts_with(keys::DUE)
}

/// Does such a key and its value read?
pub(super) fn reads(key: &[u8], value: &[u8]) -> bool {
    if key.starts_with(keys::DUE) {
        keys::read_due(key).is_some() && value.is_empty()
    } else {
        keys::read_on_its_way(key, value).is_some()
    }
}

impl Applier {
    /// Mail that waits to leave.
    pub(crate) fn queue_counts(&self) -> QueueCounts {
        self.checkpoint.totals.queued
    }

    /// A record says what becomes of a message, unless it is known better already.
    pub(super) fn send_on(
        &mut self,
        entry: &Entry,
        pending: &Arc<Pending>,
        at: (u32, u32),
    ) -> Result<(), TableError> {
        if let Some((known, value)) = self.on_its_way(entry.uid)? {
            if known.pending.version > pending.version {
                return Ok(());
            }
            self.strike(entry.uid, &known, &value);
        }
        let now = OnItsWay {
            pending: Arc::clone(pending),
            octets: entry.octets,
            at,
        };
        let queued = &mut self.checkpoint.totals.queued;
        queued.add(now.octets, &now.pending);
        if let Some(due) = now.pending.due() {
            let key = keys::due(due, entry.uid);
            self.count(&key, keys::fingerprint(&key, &[]));
            self.batch.insert(key, Some(Vec::new()));
        }
        let (key, value) = (keys::on_its_way(entry.uid), keys::value(&now));
        self.count(&key, keys::fingerprint(&key, &value));
        self.batch.insert(key, Some(value));
        Ok(())
    }

    /// The same from a record that says nothing else. Of a message that is not here it says nothing: either it has left
    /// the queue, or a copy of it will come, which says as much or more.
    pub(super) fn attempted(&mut self, attempted: &Attempted) -> Result<(), TableError> {
        let key = keys::message(QUEUE, attempted.id);
        let Some(value) = self.current(&key)? else {
            return Ok(());
        };
        let entry = keys::entry(&key, &value).ok_or_else(unread)?;
        self.send_on(&entry, &attempted.pending, attempted.at)
    }

    /// It has left the queue.
    pub(super) fn end_sending(&mut self, id: u64) -> Result<(), TableError> {
        if let Some((known, value)) = self.on_its_way(id)? {
            self.strike(id, &known, &value);
        }
        Ok(())
    }

    fn on_its_way(&self, id: u64) -> Result<Option<(OnItsWay, Vec<u8>)>, TableError> {
        let key = keys::on_its_way(id);
        let Some(value) = self.current(&key)? else {
            return Ok(None);
        };
        let (_, known) = keys::read_on_its_way(&key, &value).ok_or_else(unread)?;
        Ok(Some((known, value)))
    }

    fn strike(&mut self, id: u64, known: &OnItsWay, value: &[u8]) {
        let queued = &mut self.checkpoint.totals.queued;
        queued.subtract(known.octets, &known.pending);
        if let Some(due) = known.pending.due() {
            let key = keys::due(due, id);
            self.count(&key, keys::fingerprint(&key, &[]).wrapping_neg());
            self.batch.insert(key, None);
        }
        let key = keys::on_its_way(id);
        self.count(&key, keys::fingerprint(&key, value).wrapping_neg());
        self.batch.insert(key, None);
    }
}
