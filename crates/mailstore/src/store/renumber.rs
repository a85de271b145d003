//! New epochs for all, for a store that has been set back to an earlier day.

use std::sync::Arc;

use super::Store;
use crate::account::{Account, AccountId, Decision, NewAccount};
use crate::engine::{Effect, Fact, Ticket};
use crate::error::StoreError;

impl Store {
    /// Gives every account one new epoch: `floor`, or the next number if that is higher. Ids and epochs to come are
    /// above it. Returns it once it is durable. Blocks, and must not be called where tokio runs tasks.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub(crate) fn renumber(&self, floor: u64) -> Result<u64, StoreError> {
        let inner = &self.inner;
        let turn = Arc::clone(&inner.turn).blocking_lock_owned();
        let directory = inner.hall.directory.load_full();
        let number = floor.max(directory.mark() + 1);
        // One number for all is enough: a UIDL has to be unique within its maildrop.
        let epoch = u32::try_from(number).unwrap_or(u32::MAX);
        let mut decisions: Vec<Decision> = directory
            .accounts()
            .map(|account| {
                Decision::account(Account {
                    epoch,
                    generation: account.generation + 1,
                    ..account.clone()
                })
            })
            .collect();
        if decisions.is_empty() {
            decisions = passing(number, epoch);
        }
        let effect = Effect::Decided {
            hall: Arc::clone(&inner.hall),
            decisions: decisions.clone(),
            _turn: turn,
        };
        let (ticket, answer) = Ticket::new(effect, None);
        inner.engine.submit(Fact::Decisions(decisions), ticket);
        answer.blocking_recv().map_err(|_| StoreError::Stopped)??;
        Ok(number)
    }
}

/// An account that comes and goes in the same moment: without accounts, only an id can say how far numbers have been
/// given out.
fn passing(number: u64, epoch: u32) -> Vec<Decision> {
    let Ok(address) = "passing@localhost".parse() else {
        return Vec::new();
    };
    let NewAccount {
        address,
        name,
        enabled: _,
        password,
        keys,
        quota,
        declared,
        terms,
        handling,
    } = NewAccount::new(address);
    let account = Account {
        id: AccountId(number),
        address,
        name,
        enabled: false,
        password,
        keys,
        quota,
        declared,
        terms,
        handling,
        generation: 1,
        epoch,
    };
    vec![
        Decision::account(account),
        Decision::NoAccount(AccountId(number)),
    ]
}
