//! What a running store says about itself for those who read its files: where its log ends, and what its index has there.
//!
//! A [`Hold`](crate::Hold) keeps the files that are there from going away. It stops no mail: the log only grows meanwhile.

use serde::{Deserialize, Serialize};

use crate::account::AccountId;
use crate::ledger::Usage;
use crate::log::Position;
use crate::outgoing::QueueCounts;

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
    /// Stands for all removed messages that the log still has, likewise.
    pub removed: u64,
    /// Stands for all accounts and aliases.
    pub directory: u64,
    /// Stands for what becomes of all queued messages, and when.
    pub queue: u64,
    /// Mail that waits to leave, which is among `messages`.
    pub queued: QueueCounts,
    /// What every mailbox holds, by account; the queue is that of account 0.
    pub mailboxes: Vec<(AccountId, Usage)>,
}
