//! What every part of the office works with, and what is in its hands at the moment.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use address::Mailbox;
use delivery::schedule::Rules;
use mailstore::Store;
use tokio::sync::Semaphore;

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
    /// Whoever writes a report holds one of its permits.
    pub(super) writers: Semaphore,
    /// Whoever reads from the store.
    pub(super) readers: Semaphore,
    /// Configured servers that do not take our mail.
    pub(super) outages: Outages,
    rules: Mutex<Arc<Rules>>,
    in_hand: Mutex<HashMap<u64, Vec<u32>>>,
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

/// Recipients of a message that nobody else attempts while this lives.
pub(super) struct Hands {
    means: Arc<Means>,
    message: u64,
    pub(super) recipients: Vec<u32>,
}

impl Means {
    pub(super) fn new(store: Store, house: Arc<dyn House>, rules: Rules) -> Self {
        Self {
            store,
            house,
            writers: Semaphore::new(WRITERS),
            readers: Semaphore::new(READERS),
            outages: Outages::default(),
            rules: Mutex::new(Arc::new(rules)),
            in_hand: Mutex::default(),
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

    /// Takes those of these recipients that are in nobody's hands. Routes can change while a message is on its way, and
    /// then the same recipient stands in the job of another next hop.
    pub(super) fn take(self: &Arc<Self>, message: u64, wanted: Vec<u32>) -> Hands {
        let mut in_hand = locked(&self.in_hand);
        let taken = in_hand.entry(message).or_default();
        let mut recipients = wanted;
        if !taken.is_empty() {
            let others: HashSet<u32> = taken.iter().copied().collect();
            recipients.retain(|one| !others.contains(one));
        }
        taken.extend_from_slice(&recipients);
        Hands {
            means: Arc::clone(self),
            message,
            recipients,
        }
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

impl Hands {
    /// Lets go of all but these, which are in order.
    pub(super) fn keep(&mut self, some: &[u32]) {
        let known = |one: &u32| some.binary_search(one).is_ok();
        let (kept, others): (Vec<u32>, Vec<u32>) =
            self.recipients.iter().partition(|one| known(one));
        self.recipients = kept;
        self.let_go(&others);
    }

    fn let_go(&self, recipients: &[u32]) {
        let mut in_hand = locked(&self.means.in_hand);
        if let Some(taken) = in_hand.get_mut(&self.message) {
            let own: HashSet<u32> = recipients.iter().copied().collect();
            taken.retain(|one| !own.contains(one));
            if taken.is_empty() {
                in_hand.remove(&self.message);
            }
        }
    }
}

impl Drop for Hands {
    fn drop(&mut self) {
        self.let_go(&self.recipients);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
