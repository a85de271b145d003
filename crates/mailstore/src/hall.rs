//! What everybody looks at: the current directory and the counters that go with it.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::account::Decision;
use crate::directory::Directory;
use crate::engine::Inventory;
use crate::ledger::Ledger;
use crate::outgoing::QUEUE;

/// The directory and the ledger; the engine's writer keeps both in step with what is durable.
pub(crate) struct Hall {
    pub(crate) directory: ArcSwap<Directory>,
    pub(crate) ledger: Arc<Ledger>,
}

impl Hall {
    pub(crate) fn new(mut inventory: Inventory) -> Self {
        let ledger = Arc::new(Ledger::new(std::mem::take(&mut inventory.usage)));
        ledger.open_account(QUEUE);
        for account in &inventory.accounts {
            ledger.open_account(account.id);
        }
        let directory = Directory::new(inventory);
        Self {
            directory: ArcSwap::from_pointee(directory),
            ledger,
        }
    }

    pub(crate) fn apply(&self, decisions: &[Decision]) {
        let mut next = Directory::clone(&self.directory.load());
        for decision in decisions {
            next.apply(decision);
            match decision {
                Decision::Account(account) => self.ledger.open_account(account.id),
                Decision::NoAccount(id) => self.ledger.close_account(*id),
                Decision::Alias(_)
                | Decision::NoAlias(_)
                | Decision::List(_)
                | Decision::NoList(_) => {}
            }
        }
        self.directory.store(Arc::new(next));
    }
}
