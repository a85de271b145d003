//! Bringing back what was removed, as long as the log still has it.

use std::sync::Arc;

use address::{Envelope, ReversePath};
use serde::{Deserialize, Serialize};

use super::deliver::Letter;
use super::{Store, milliseconds, unix_milliseconds};
use crate::account::AccountId;
use crate::engine::{Effect, Engine, Entry, Fact, Reading, Wait};
use crate::error::{ReadError, StoreError, UndeleteError};

/// What can be brought back, or has been.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undeleted {
    /// Messages.
    pub messages: u64,
    /// Their octets.
    pub octets: u64,
    /// Messages that cannot be read any more, and stay away.
    pub unreadable: u64,
}

impl Store {
    /// What [`Store::undelete`] would bring back. Blocks.
    ///
    /// # Errors
    /// When the index cannot be asked.
    pub fn undeletable(&self, account: AccountId, since: u64) -> Result<Undeleted, StoreError> {
        let mut found = Undeleted::default();
        for entry in self.removed_since(account, since)? {
            found.messages += 1;
            found.octets += entry.octets;
        }
        Ok(found)
    }

    /// Brings back every message that was removed from a mailbox at `since` (milliseconds since 1970) or later and is
    /// still kept, each as a new message with an id of its own, so that every client fetches it. The mailbox is locked
    /// meanwhile. None comes back twice; only a power cut in
    /// the very moment of writing may leave one that comes again.
    ///
    /// # Errors
    /// What it came to by then stands.
    pub async fn undelete(
        &self,
        account: AccountId,
        since: u64,
    ) -> Result<Undeleted, UndeleteError> {
        let mut done = Undeleted::default();
        let lock = self.inner.locks.take(account);
        let _lock = lock.ok_or(UndeleteError::InUse)?;
        let failed = |done, error| UndeleteError::Store { done, error };
        let engine = Arc::clone(&self.inner.engine);
        let sealers = &self.inner.pools.sealers;
        // What compaction says again must not come behind what is said here.
        let paused = sealers.run(move || engine.pause()).await;
        let paused = paused.and_then(|paused| paused.ok_or(StoreError::Held));
        let _paused = paused.map_err(|error| failed(done, error))?;
        let store = self.clone();
        let listed = sealers.run(move || store.removed_since(account, since));
        let listed = listed.await.and_then(|listed| listed);
        for entry in listed.map_err(|error| failed(done, error))? {
            let octets = entry.octets;
            self.room(octets)
                .map_err(|low| UndeleteError::NoRoom { done, low })?;
            match self.bring_back(account, entry).await {
                Ok(true) => {
                    done.messages += 1;
                    done.octets += octets;
                }
                Ok(false) => done.unreadable += 1,
                Err(error) => return Err(failed(done, error)),
            }
        }
        // Whoever asks for figures next hears of it: looking waits for the index. What came back stands in any case.
        let store = self.clone();
        let _ = sealers.run(move || store.removed(account)).await;
        Ok(done)
    }

    /// All that is still kept of what was removed from a mailbox, and when it was.
    pub(crate) fn removed(&self, account: AccountId) -> Result<Vec<(Entry, u64)>, StoreError> {
        self.inner.engine.removed(account)
    }

    fn removed_since(&self, account: AccountId, since: u64) -> Result<Vec<Entry>, StoreError> {
        let removed = self.removed(account)?.into_iter();
        // What is still there by accident is not kept.
        let window = milliseconds(self.undelete_window());
        let since = since.max(unix_milliseconds().saturating_sub(window));
        // 0: it is not to come back.
        let wanted = removed.filter(|(_, when)| *when > 0 && *when >= since);
        Ok(wanted.map(|(entry, _)| entry).collect())
    }

    /// Delivers it once more; false when it cannot be read.
    async fn bring_back(&self, account: AccountId, entry: Entry) -> Result<bool, StoreError> {
        let reservation = self
            .reserve(account, entry.octets)
            .map_err(|full| StoreError::MailboxFull { account, full })?;
        let entry = Arc::new(entry);
        let mut incoming = self.begin();
        let mut reading = Reading {
            uid: entry.uid,
            ..Reading::default()
        };
        loop {
            let (engine, entry) = (Arc::clone(&self.inner.engine), Arc::clone(&entry));
            let read = move || read(&*engine, account, &entry, reading);
            let chunk = match self.inner.pools.sealers.run(read).await? {
                Ok((chunk, after)) => {
                    reading = after;
                    chunk
                }
                Err(ReadError::Gone | ReadError::Damaged { .. }) => return Ok(false),
                Err(ReadError::Io(source)) => {
                    let doing = "reading a removed message";
                    return Err(StoreError::Io { doing, source });
                }
            };
            incoming.write(chunk.octets).await?;
            if chunk.last {
                break;
            }
        }
        // Who sent it stands in the letter; nobody delivers it any further.
        let envelope = Envelope {
            reverse_path: ReversePath::Null,
            envid: None,
            ret: None,
            body8bit: true,
            smtputf8: entry.utf8,
            requiretls: false,
            deliver_by: None,
            recipients: Vec::new(),
        };
        // Together, so that it neither gets lost nor comes back twice.
        let released = Fact::Released {
            account,
            uids: vec![entry.uid],
        };
        let also = Some((released, Effect::Nothing));
        let letter = Letter {
            incoming,
            reservations: vec![reservation],
            envelope,
            uidl: None,
            queue: None,
        };
        self.deliver_all(vec![letter], also).await?;
        Ok(true)
    }
}

fn read(
    engine: &dyn Engine,
    account: AccountId,
    entry: &Entry,
    mut reading: Reading,
) -> Result<(crate::engine::Chunk, Reading), ReadError> {
    let chunk = engine.read(account, entry, &mut reading, Wait::Allowed)?;
    Ok((chunk.ok_or(ReadError::Gone)?, reading))
}
