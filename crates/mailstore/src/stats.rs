//! Figures for `tegami status`: cheap to take, never a scan.

use std::sync::Arc;

use crate::ledger::Usage;
use crate::outgoing::QueueCounts;
use crate::report::Opened;

/// How the store is.
#[derive(Clone, Debug)]
pub struct Stats {
    /// Accounts, disabled ones included.
    pub accounts: u64,
    /// Aliases.
    pub aliases: u64,
    /// Mailing lists.
    pub lists: u64,
    /// Messages in all mailboxes together.
    pub messages: u64,
    /// Octets of those messages, counted once per mailbox.
    pub octets: u64,
    /// Mail that waits to leave, which is in no mailbox.
    pub queued: Usage,
    /// Octets free on the file system, when they could be read.
    pub free: Option<u64>,
    /// Octets that must stay free for new mail to be taken.
    pub reserve: u64,
    /// Octets of mail on its way in that sit in memory.
    pub in_memory: u64,
    /// What the engine says.
    pub engine: EngineStats,
    /// What was found and done when the store was opened.
    pub opened: Arc<Opened>,
}

/// How the engine is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineStats {
    /// Log segments, bodies with a segment of their own not counted.
    pub segments: u64,
    /// Octets in those segments.
    pub log_octets: u64,
    /// Records that are durable but not in the index yet.
    pub index_lag: u64,
    /// What the index is doing.
    pub index: IndexState,
    /// Removed messages that the log still has, counted once per mailbox; those that were brought back are none.
    pub removed: Usage,
    /// Mail that waits to leave, as far as the index has it.
    pub queue: QueueCounts,
    /// Why nothing can be written at present, in words.
    pub write_failure: Option<String>,
}

/// What the index is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum IndexState {
    /// Answering.
    #[default]
    Ready,
    /// Answering, while all of it is checked after an unclean stop.
    Checking,
    /// Being built from the log; mailboxes open when it is done.
    Rebuilding,
    /// Answering from memory until the next start, because the index on disk stalled.
    InMemory,
}
