//! What the schedule goes by. Every number has a default that suits a small server.

use std::time::Duration;

use super::backoff::Backoff;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// Limits and times. Numbers that may not be zero count as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// When a message is tried again that was put off: 15 minutes, 1 hour, 2 hours, then every 3 hours, 15 %
    /// more or less (RFC 5321 section 4.5.4.1: two attempts in the first hour, then one every two or three hours).
    pub retry: Backoff,
    /// When a next hop is tried again that could not be reached: 5, 15, 30, then every 60 minutes, 15 % more or less.
    /// All mail for it waits meanwhile.
    pub reconnect: Backoff,
    /// When recipients are tried again whose turn did not come (RFC 5321 section 4.5.3.1.10): 1 minute.
    pub soon: Duration,
    /// How long a message is tried: 5 days (RFC 5321 section 4.5.4.1: at least 4 to 5).
    pub lifetime: Duration,
    /// When the sender is told that it takes long: after 4 hours. Nothing: never.
    pub notice: Option<Duration>,
    /// Connections in all, working or idle: 100.
    pub connections: u32,
    /// Connections to one next hop once it has finished a transaction: 3. Before that, and after a failure, it is one.
    pub first_per_hop: u32,
    /// Connections to one next hop at most; every success allows one more: 20.
    pub most_per_hop: u32,
    /// Messages over one connection: 100.
    pub jobs_per_connection: u32,
    /// How long a connection waits for more mail for its next hop: 5 seconds.
    pub idle: Duration,
    /// Recipients elsewhere that one account may write to within one day (UTC). Nothing: no limit. Retries are not
    /// counted. A single message with more recipients than this takes a whole day's allowance.
    pub recipients_per_day: Option<u32>,
    /// Jobs known in detail: 8,192, some MiB. All others stay in the store.
    pub memory: usize,
    /// Jobs kept in detail for a next hop that is backed off, to try it again with: 4.
    pub kept: usize,
    /// Messages asked for at once: 256.
    pub page: usize,
    /// How long before it is due a job is asked for: 1 minute.
    pub horizon: Duration,
    /// How soon the store is read again when the last reading found nothing to do: 1 minute.
    pub look_again: Duration,
    /// What is overdue at the start is spread over this for each job found: 20 ms.
    pub restart_each: Duration,
    /// But over no more than this: 5 minutes.
    pub restart_most: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            retry: Backoff::of_minutes(&[15, 60, 120, 180], 15),
            reconnect: Backoff::of_minutes(&[5, 15, 30, 60], 15),
            soon: MINUTE,
            lifetime: 5 * 24 * HOUR,
            notice: Some(4 * HOUR),
            connections: 100,
            first_per_hop: 3,
            most_per_hop: 20,
            jobs_per_connection: 100,
            idle: Duration::from_secs(5),
            recipients_per_day: None,
            memory: 8_192,
            kept: 4,
            page: 256,
            horizon: MINUTE,
            look_again: MINUTE,
            restart_each: Duration::from_millis(20),
            restart_most: 5 * MINUTE,
        }
    }
}

impl Rules {
    /// The same, with one where zero would stop everything.
    pub(super) fn workable(mut self) -> Self {
        self.connections = self.connections.max(1);
        self.most_per_hop = self.most_per_hop.clamp(1, self.connections);
        self.first_per_hop = self.first_per_hop.clamp(1, self.most_per_hop);
        self.jobs_per_connection = self.jobs_per_connection.max(1);
        self.memory = self.memory.max(SHARES);
        self.kept = self.kept.clamp(1, self.share());
        self.page = self.page.max(1);
        self.look_again = self.look_again.max(Duration::from_secs(1));
        self
    }

    /// Jobs in detail that one next hop, or one sender, may have.
    pub(super) fn share(&self) -> usize {
        self.memory / SHARES
    }
}

/// One next hop, or one sender, fills at most one of so many parts of the memory.
const SHARES: usize = 4;
