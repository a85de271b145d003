//! One mailbox as one POP3 session sees it: alone, and unchanging until it is dropped.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::account::AccountId;
use crate::engine::{Chunk, Effect, Engine, Entry, Fact, Reading, Ticket, Wait};
use crate::error::{ReadError, StoreError};
use crate::ledger::Ledger;
use crate::store::unix_milliseconds;

/// Accounts whose maildrop is open.
#[derive(Debug, Default)]
pub(crate) struct Locks(Mutex<HashSet<AccountId>>);

/// One open maildrop; dropping it opens the way for the next.
#[derive(Debug)]
pub(crate) struct Lock {
    locks: Arc<Locks>,
    account: AccountId,
}

impl Locks {
    pub(crate) fn take(self: &Arc<Self>, account: AccountId) -> Option<Lock> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.insert(account).then(|| Lock {
            locks: Arc::clone(self),
            account,
        })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let mut taken = self.locks.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.remove(&self.account);
    }
}

/// What a read without waiting found.
#[derive(Clone, Debug)]
pub enum ReadNow {
    /// Octets that were in memory already.
    Chunk(Chunk),
    /// It would have to wait for the disk: call [`Maildrop::read`] on a thread that may.
    WouldBlock,
    /// It cannot be read.
    Failed(ReadError),
}

/// Exclusive access to the messages an account had when it was opened (RFC 1939 section 4).
pub struct Maildrop {
    engine: Arc<dyn Engine>,
    ledger: Arc<Ledger>,
    account: AccountId,
    messages: Arc<[Entry]>,
    reading: Mutex<Reading>,
    expunged: Mutex<HashSet<usize>>,
    _lock: Lock,
}

impl Maildrop {
    pub(crate) fn new(
        engine: Arc<dyn Engine>,
        ledger: Arc<Ledger>,
        account: AccountId,
        messages: Arc<[Entry]>,
        lock: Lock,
    ) -> Self {
        Self {
            engine,
            ledger,
            account,
            messages,
            reading: Mutex::default(),
            expunged: Mutex::default(),
            _lock: lock,
        }
    }

    /// Whose it is.
    #[must_use]
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// The messages, oldest first; positions in this slice are what the other methods take. While a large mailbox does
    /// not change, the next to open it may be given the same slice.
    #[must_use]
    pub fn messages(&self) -> &Arc<[Entry]> {
        &self.messages
    }

    /// The same mailbox as it is now; nobody else gets it in between. May block.
    ///
    /// # Errors
    /// When it cannot be listed; then it is given back.
    pub fn listed_again(self) -> Result<Self, StoreError> {
        let messages = self.engine.listing(self.account)?;
        Ok(Self::new(
            self.engine,
            self.ledger,
            self.account,
            messages,
            self._lock,
        ))
    }

    /// Octets of a message from `offset` on, if they are in memory. Never waits for the disk.
    ///
    /// A message of up to 64 KiB comes in one piece that has been verified before. A larger one is verified as it
    /// passes by, so read it in order; its last chunk is handed out only if all of it was right.
    #[must_use]
    pub fn read_now(&self, index: usize, offset: u64) -> ReadNow {
        match self.read_with(index, offset, Wait::Never) {
            Ok(Some(chunk)) => ReadNow::Chunk(chunk),
            Ok(None) => ReadNow::WouldBlock,
            Err(error) => ReadNow::Failed(error),
        }
    }

    /// The same, waiting for the disk.
    ///
    /// # Errors
    /// When the message is damaged, gone, or cannot be read.
    pub fn read(&self, index: usize, offset: u64) -> Result<Chunk, ReadError> {
        self.read_with(index, offset, Wait::Allowed)?
            .ok_or(ReadError::Gone)
    }

    fn read_with(&self, index: usize, offset: u64, wait: Wait) -> Result<Option<Chunk>, ReadError> {
        let entry = self.messages.get(index).ok_or(ReadError::Gone)?;
        if offset > entry.octets {
            return Err(ReadError::Gone);
        }
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if reading.uid != entry.uid || reading.offset > offset {
            *reading = Reading {
                uid: entry.uid,
                ..Reading::default()
            };
        }
        loop {
            let at = reading.offset;
            let Some(mut chunk) = self.engine.read(self.account, entry, &mut reading, wait)? else {
                return Ok(None);
            };
            let skip = offset - at;
            let length = chunk.octets.len() as u64;
            if skip < length || chunk.last {
                // A position inside a chunk: what stands before it has been verified with the rest.
                let skip = usize::try_from(skip.min(length)).unwrap_or(chunk.octets.len());
                chunk.octets = chunk.octets.slice(skip..);
                return Ok(Some(chunk));
            }
        }
    }

    /// Removes messages; until their time is over they can be brought back. Returns when their removal is durable;
    /// removing one twice is no error.
    ///
    /// # Errors
    /// When it could not be made durable; then all of them are still there.
    pub async fn expunge(&self, indexes: &[usize]) -> Result<(), StoreError> {
        self.remove(indexes, unix_milliseconds()).await
    }

    /// Removes messages that should never have been there: nobody brings them back.
    ///
    /// # Errors
    /// As [`Maildrop::expunge`].
    pub async fn discard(&self, indexes: &[usize]) -> Result<(), StoreError> {
        self.remove(indexes, 0).await
    }

    async fn remove(&self, indexes: &[usize], when: u64) -> Result<(), StoreError> {
        let wanted = self.claim(indexes);
        if wanted.is_empty() {
            return Ok(());
        }
        let uids = wanted.iter().map(|index| self.messages[*index].uid);
        let fact = Fact::Expunge {
            account: self.account,
            uids: uids.collect(),
            when,
        };
        let octets = wanted.iter().map(|index| self.messages[*index].octets);
        let effect = Effect::Expunged {
            ledger: Arc::clone(&self.ledger),
            account: self.account,
            messages: wanted.len() as u64,
            octets: octets.sum(),
        };
        let (ticket, answer) = Ticket::new(effect, None);
        self.engine.submit(fact, ticket);
        let outcome = answer.await.unwrap_or(Err(StoreError::Stopped));
        if outcome.is_err() {
            let mut expunged = self.expunged.lock().unwrap_or_else(PoisonError::into_inner);
            for index in &wanted {
                expunged.remove(index);
            }
        }
        outcome.map(drop)
    }

    /// Those of `indexes` that nobody has asked to remove yet, in order; they count as asked from now on.
    fn claim(&self, indexes: &[usize]) -> Vec<usize> {
        let mut expunged = self.expunged.lock().unwrap_or_else(PoisonError::into_inner);
        let mut wanted: Vec<usize> = indexes
            .iter()
            .copied()
            .filter(|index| *index < self.messages.len() && expunged.insert(*index))
            .collect();
        wanted.sort_unstable();
        wanted
    }
}
