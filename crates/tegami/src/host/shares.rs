//! How much of the queue is whose: one account may fill a quarter of it, so that it cannot shut out the others.
//!
//! Nobody is counted while less than a quarter waits altogether. Beyond that the queue is looked through, not more often
//! than every few seconds; what was taken in since is added. What nobody has handed in under a login is not limited.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use mailstore::{AccountId, Store, StoreError, Usage};
use tokio::sync::Mutex;

use crate::config::Relay;

/// For so long a count is believed.
const FRESH: Duration = Duration::from_secs(5);
/// Messages that are looked at in one go.
const PAGE: usize = 1000;

/// What one account may have waiting.
#[derive(Clone, Copy, Debug, Default)]
pub struct Share {
    /// 0 is no limit.
    octets: u64,
    messages: u64,
}

impl Share {
    /// A quarter of the queue.
    pub fn of(relay: &Relay) -> Self {
        Self {
            octets: relay.queue_size.0.div_ceil(4),
            messages: u64::from(relay.queue_messages).div_ceil(4),
        }
    }

    fn has_room(self, used: Usage, octets: u64) -> bool {
        let octets = used.octets.saturating_add(octets.max(1));
        used.messages < self.messages && (self.octets == 0 || octets <= self.octets)
    }
}

/// What waits, by who handed it in.
#[derive(Default)]
pub struct Shares(Mutex<Option<Census>>);

struct Census {
    taken: Instant,
    used: HashMap<AccountId, Usage>,
}

impl Shares {
    /// Whether the account may have one more message of `octets` wait. When nobody can say, it may.
    pub async fn has_room(
        &self,
        store: &Store,
        account: AccountId,
        share: Share,
        octets: u64,
    ) -> bool {
        let all = store.queue_counts();
        let all = Usage {
            messages: all.messages,
            octets: all.octets,
        };
        if share.has_room(all, octets) {
            return true;
        }
        let mut census = self.0.lock().await;
        if census
            .as_ref()
            .is_none_or(|one| one.taken.elapsed() >= FRESH)
        {
            let store = store.clone();
            match tokio::task::spawn_blocking(move || count(&store)).await {
                Ok(Ok(used)) => {
                    let taken = Instant::now();
                    *census = Some(Census { taken, used });
                }
                Ok(Err(error)) => tracing::error!(%error, "the queue cannot be counted"),
                Err(error) => tracing::error!(%error, "the queue cannot be counted"),
            }
        }
        let used = census.as_ref().and_then(|one| one.used.get(&account));
        share.has_room(used.copied().unwrap_or_default(), octets)
    }

    /// A message of the account has come into the queue.
    pub async fn add(&self, account: AccountId, octets: u64) {
        if let Some(census) = self.0.lock().await.as_mut() {
            let used = census.used.entry(account).or_default();
            used.messages += 1;
            used.octets = used.octets.saturating_add(octets);
        }
    }
}

fn count(store: &Store) -> Result<HashMap<AccountId, Usage>, StoreError> {
    let mut used: HashMap<AccountId, Usage> = HashMap::new();
    let mut after = 0;
    loop {
        let page = store.queue_from(after, PAGE)?;
        let Some(last) = page.last() else {
            return Ok(used);
        };
        after = last.id;
        for queued in &page {
            if let Some(account) = queued.account {
                let used = used.entry(account).or_default();
                used.messages += 1;
                used.octets = used.octets.saturating_add(queued.octets);
            }
        }
    }
}
