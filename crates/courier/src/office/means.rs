//! What every part of the office works with.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use address::Mailbox;
use delivery::schedule::Rules;
use mailstore::Store;
use tokio::sync::Semaphore;

use super::hands::InHand;
use super::house::House;
use super::outages::Outages;
use super::strangers::Strangers;

/// Reports that are written at the same time: each may have a piece of the original in memory.
const WRITERS: usize = 2;
/// Between two lines of the log about the same trouble.
const QUIET: Duration = Duration::from_secs(10);
/// Threads that read from the store at the same time.
const READERS: usize = 16;
/// Messages remembered to be damaged, so that each is spoken of once.
const REMEMBERED: usize = 1_000;

/// The store, the house and the rules.
pub(super) struct Means {
    pub(super) store: Store,
    pub(super) house: Arc<dyn House>,
    /// What is being tried.
    pub(super) in_hand: Arc<InHand>,
    /// Whoever writes a report holds one of its permits.
    pub(super) writers: Semaphore,
    /// Whoever reads from the store.
    pub(super) readers: Semaphore,
    /// Configured servers that do not take our mail.
    pub(super) outages: Outages,
    rules: Mutex<Arc<Rules>>,
    damaged: Mutex<HashSet<u64>>,
    complained: Mutex<Option<SystemTime>>,
    postmaster: Mutex<Bounced>,
    strangers: Mutex<Strangers>,
}

/// What the postmaster was told of mail that could neither be delivered nor returned.
#[derive(Debug, Default)]
struct Bounced {
    hour: u64,
    told: u32,
    messages: HashSet<u64>,
}

impl Means {
    pub(super) fn new(store: Store, house: Arc<dyn House>, rules: Rules) -> Self {
        Self {
            store,
            house,
            in_hand: Arc::default(),
            writers: Semaphore::new(WRITERS),
            readers: Semaphore::new(READERS),
            outages: Outages::default(),
            rules: Mutex::new(Arc::new(rules)),
            damaged: Mutex::default(),
            complained: Mutex::default(),
            postmaster: Mutex::default(),
            strangers: Mutex::default(),
        }
    }

    pub(super) fn rules(&self) -> Arc<Rules> {
        Arc::clone(&locked(&self.rules))
    }

    pub(super) fn set_rules(&self, rules: Rules) {
        *locked(&self.rules) = Arc::new(rules);
    }

    pub(super) fn now(&self) -> SystemTime {
        self.house.now()
    }

    /// Uniform over all values.
    pub(super) fn draw(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.house.random();
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    /// Whether trouble that everybody has at the same time is worth a line of the log: now and then.
    pub(super) fn may_complain(&self) -> bool {
        let now = self.now();
        let mut complained = locked(&self.complained);
        let lately = complained.and_then(|at| now.duration_since(at).ok());
        let may = lately.is_none_or(|since| since >= QUIET);
        if may {
            *complained = Some(now);
        }
        may
    }

    /// True the first time it is said of a message, as far as is remembered.
    pub(super) fn is_news(&self, message: u64) -> bool {
        let mut damaged = locked(&self.damaged);
        if damaged.len() >= REMEMBERED {
            damaged.clear();
        }
        damaged.insert(message)
    }

    /// Whether a report to a sender outside who never logged in may go out; if so, it is counted.
    pub(super) fn tell_stranger(&self, sender: &Mailbox) -> bool {
        locked(&self.strangers).may_be_told(sender, self.now())
    }

    /// Whether the postmaster is to be told that a message could not be returned: once per message, `most` times an hour.
    pub(super) fn tell_postmaster(&self, message: u64, now: SystemTime, most: u32) -> bool {
        let since = now.duration_since(SystemTime::UNIX_EPOCH);
        let hour = since.unwrap_or_default().as_secs() / 3600;
        let mut bounced = locked(&self.postmaster);
        if bounced.hour != hour {
            (bounced.hour, bounced.told) = (hour, 0);
        }
        if bounced.messages.contains(&message) || bounced.told >= most {
            return false;
        }
        if bounced.messages.len() >= REMEMBERED {
            bounced.messages.clear();
        }
        bounced.messages.insert(message);
        bounced.told += 1;
        true
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
