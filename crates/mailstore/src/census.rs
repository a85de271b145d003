//! What a running store says about itself for those who read its files: where its log ends, and what its index has there.
//!
//! A [`Hold`] keeps the files that are there from going away. It stops no mail: the log only grows meanwhile.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::account::AccountId;
use crate::ledger::Usage;
use crate::log::Position;

/// Holds at the same time; more would only be forgotten ones.
const AT_ONCE: usize = 4;

/// What the index holds at one place of the log, its entries having been compared with their sum before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Census {
    /// Everything before this place is durable and counted here; nothing behind it is.
    pub end: Position,
    /// Every body file below this number is named by a record before `end`, or never will be.
    pub bodies: u64,
    /// Messages in all mailboxes together.
    pub messages: u64,
    /// Octets of those messages, counted once per mailbox.
    pub octets: u64,
    /// Stands for all messages with their places: the same log leads to the same sum.
    pub entries: u64,
    /// Stands for all accounts and aliases.
    pub directory: u64,
    /// What every mailbox holds, by account.
    pub mailboxes: Vec<(AccountId, Usage)>,
}

/// While this lives, no file of the log is removed.
#[derive(Debug)]
pub struct Hold {
    holds: Arc<Holds>,
}

/// The holds there are.
#[derive(Debug, Default)]
pub(crate) struct Holds(Mutex<usize>);

impl Holds {
    /// One more, unless there are too many.
    pub(crate) fn take(self: &Arc<Self>) -> Option<Hold> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if *held >= AT_ONCE {
            return None;
        }
        *held += 1;
        Some(Hold {
            holds: Arc::clone(self),
        })
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut held = self.holds.0.lock().unwrap_or_else(PoisonError::into_inner);
        *held -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::{AT_ONCE, Holds};
    use std::sync::Arc;

    #[test]
    fn a_few_may_hold_at_once_and_each_gives_its_place_back() {
        let holds = Arc::new(Holds::default());
        let mut taken: Vec<_> = (0..AT_ONCE).map(|_| holds.take().unwrap()).collect();
        assert!(holds.take().is_none());
        taken.pop();
        assert!(holds.take().is_some());
    }
}
