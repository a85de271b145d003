//! What has been removed or decided since compaction last looked, so that no copy brings anything back.
//!
//! The writer notes it in the same step in which it tells the index, so either the index has a change when compaction
//! looks, or the change is noted here when the copy gets its place.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Position;
use crate::account::{AccountId, Decision};
use crate::index::{Change, Index};
use crate::outgoing::QUEUE;

/// Changes since compaction looked; nothing is noted while nobody compacts.
#[derive(Default)]
pub(crate) struct Moves(Mutex<Option<Touched>>);

#[derive(Default)]
pub(crate) struct Touched {
    messages: HashSet<(AccountId, u64)>,
    accounts: HashSet<AccountId>,
    aliases: HashSet<String>,
    lists: HashSet<String>,
}

/// What a record of compaction says again; if that has been touched, the record is not written.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    /// A message, of these mailboxes.
    Message(Vec<(AccountId, u64)>),
    Account(AccountId),
    Alias(String),
    List(String),
    /// What stays true whatever happens.
    Anyway,
}

impl Moves {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Option<Touched>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what changes from here on; what changed before is in the index once it has applied this position.
    pub(crate) fn watch(&self, index: &Index) -> Position {
        let mut touched = self.lock();
        *touched = Some(Touched::default());
        index.end()
    }

    /// Nobody looks any more.
    pub(crate) fn rest(&self) {
        *self.lock() = None;
    }
}

impl Touched {
    pub(crate) fn note(&mut self, change: &Change) {
        match change {
            Change::Expunge { account, uids, .. } | Change::Released { account, uids } => {
                self.messages
                    .extend(uids.iter().map(|uid| (*account, *uid)));
            }
            Change::Decisions(decisions) => {
                for decision in decisions {
                    match decision {
                        Decision::Account(account) => self.accounts.insert(account.id),
                        Decision::NoAccount(id) => self.accounts.insert(*id),
                        Decision::Alias(alias) => self.aliases.insert(alias.address.key()),
                        Decision::NoAlias(address) => self.aliases.insert(address.key()),
                        Decision::List(list) => self.lists.insert(list.address.key()),
                        Decision::NoList(address) => self.lists.insert(address.key()),
                    };
                }
            }
            Change::Attempted(attempted) => {
                self.messages.insert((QUEUE, attempted.id));
            }
            Change::Message(_) | Change::Retired { .. } => {}
        }
    }

    pub(crate) fn has(&self, said: &Said) -> bool {
        match said {
            Said::Message(mailboxes) => mailboxes.iter().any(|of| self.messages.contains(of)),
            Said::Account(id) => self.accounts.contains(id),
            Said::Alias(key) => self.aliases.contains(key),
            Said::List(key) => self.lists.contains(key),
            Said::Anyway => false,
        }
    }
}
