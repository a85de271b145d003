//! A message of the queue that goes into mailboxes here, on its way there.

use bytes::Bytes;
use mailstore::{AccountId, Reservation};

/// Who gets it; nobody by default.
#[derive(Default)]
pub(super) struct Given {
    /// Whose mailboxes.
    pub(super) accounts: Vec<AccountId>,
    /// Room in them.
    pub(super) room: Vec<Reservation>,
    /// What the message begins with, 64 KiB at most.
    pub(super) beginning: Bytes,
}

impl Given {
    /// Nobody here gets it.
    pub(super) fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }
}
