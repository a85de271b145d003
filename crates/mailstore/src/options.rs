//! How a store is opened: limits and sizes, each with its default.

use std::time::Duration;

/// Limits and sizes of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Octets a mailbox may hold when its account names no quota; 0 is no limit.
    pub default_quota: u64,
    /// Messages a mailbox may hold.
    pub messages_per_mailbox: u64,
    /// Largest message the server takes, in octets; the reserve is one segment and one and a half of it.
    pub max_message: u64,
    /// Octets of bodies on their way in that may sit in memory, all together.
    pub body_memory: usize,
    /// Octets waiting for the writer, all together.
    pub queue_memory: usize,
    /// Octets of mail for elsewhere that may wait to leave, all together; 0 is no limit. Quotas do not apply to it.
    pub outgoing_octets: u64,
    /// Messages that may.
    pub outgoing_messages: u64,
    /// Octets of one log segment.
    pub segment: u64,
    /// Most octets of zeros written ahead of the records of the log, so that a sync finds those inside the file; 0 is none.
    pub room: u64,
    /// Largest body, in octets, written into the log itself; a larger one becomes a segment of its own.
    pub inline_body: u64,
    /// Records that may wait for the index before writers have to wait too.
    pub index_backlog: usize,
    /// How long the index may take for one step before it is given up and built again.
    pub index_patience: Duration,
    /// How long a failed write keeps its answer back while the writer tries to state, durably, that it failed.
    pub failure_hold: Duration,
    /// How often a writer that cannot write tries again.
    pub failure_retry: Duration,
    /// How long a removed message is kept, so that it could be brought back; it gives way when space is low.
    pub undelete_window: Duration,
}

impl Options {
    /// Octets that must stay free for new mail to be taken: one segment and one and a half of the largest message.
    pub(crate) fn reserve(&self, largest: u64) -> u64 {
        let half = largest / 2;
        self.segment.saturating_add(largest).saturating_add(half)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            default_quota: 2 << 30,
            messages_per_mailbox: 1_000_000,
            max_message: 25_000_000,
            body_memory: 24 << 20,
            queue_memory: 16 << 20,
            outgoing_octets: 4 << 30,
            outgoing_messages: 200_000,
            segment: 64 << 20,
            room: 1 << 20,
            inline_body: 1 << 20,
            index_backlog: 20_000,
            index_patience: Duration::from_secs(20),
            failure_hold: Duration::from_secs(5),
            failure_retry: Duration::from_millis(250),
            undelete_window: Duration::from_secs(7 * 24 * 60 * 60),
        }
    }
}
