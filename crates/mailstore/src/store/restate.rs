//! Facts that a repair states again, past all decisions: whoever calls has seen that they are true.

use std::sync::Arc;

use super::Store;
use crate::engine::{Effect, Fact, Ticket};
use crate::error::StoreError;

impl Store {
    /// Makes a fact durable and waits for that. Counters in memory do not follow, so the store has to be closed
    /// afterwards. Blocks, and must not be called where tokio runs tasks.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub(crate) fn restate(&self, fact: Fact) -> Result<(), StoreError> {
        let inner = &self.inner;
        let effect = match &fact {
            Fact::Decisions(decisions) => Effect::Decided {
                hall: Arc::clone(&inner.hall),
                decisions: decisions.clone(),
                _turn: Arc::clone(&inner.turn).blocking_lock_owned(),
            },
            Fact::Message(_)
            | Fact::Expunge { .. }
            | Fact::Attempted { .. }
            | Fact::Released { .. } => Effect::Kept {
                ledger: Arc::clone(&inner.hall.ledger),
                reservations: Vec::new(),
            },
        };
        let (ticket, answer) = Ticket::new(effect, None);
        inner.engine.submit(fact, ticket);
        answer.blocking_recv().map_err(|_| StoreError::Stopped)??;
        Ok(())
    }

    /// As [`Store::close`], blocking.
    pub(crate) fn close_blocking(self) {
        self.inner.engine.close();
    }
}
