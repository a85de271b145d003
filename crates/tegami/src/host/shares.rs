//! How much of the queue is whose, so that nobody can shut out the others: a quarter may be of one account, of one client
//! that has not logged in, or of one address of ours that sends on what strangers write. All that came without a login is
//! three quarters at most, so that there is always room for users.
//!
//! Nobody is counted while less than a quarter waits altogether. Beyond that the queue is looked through, not more often
//! than every few seconds; what was taken in since is added. The store remembers accounts only: who else has handed
//! something in is forgotten with a restart, and then counts as one of those without a login. What is being handed in at
//! this moment counts when it is there, so whoever has many connections may go over by as many messages.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mailstore::{AccountId, Store, StoreError, Usage};
use net::AddressKey;
use tokio::sync::Mutex;

use crate::config::Relay;

/// For so long a count is believed.
const FRESH: Duration = Duration::from_secs(5);
/// Messages that are looked at in one go.
const PAGE: usize = 1000;
/// Messages of strangers that are remembered before those are forgotten that have left.
const REMEMBERED: usize = 10_000;

/// Whose mail it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// Whoever has logged in.
    Account(AccountId),
    /// A client that has not.
    Client(AddressKey),
    /// An address of ours that sends on what such clients bring, by the key of the mailbox.
    SentOnBy(String),
    /// All who have not logged in.
    Strangers,
}

/// The limits of the queue.
#[derive(Clone, Copy, Debug, Default)]
pub struct Share {
    /// 0 is no limit.
    octets: u64,
    messages: u64,
}

impl Share {
    /// Those of the configuration.
    pub fn of(relay: &Relay) -> Self {
        Self {
            octets: relay.queue_size.0,
            messages: u64::from(relay.queue_messages),
        }
    }

    /// A quarter of both.
    fn quarter(self) -> Self {
        Self {
            octets: self.octets.div_ceil(4),
            messages: self.messages.div_ceil(4),
        }
    }

    /// What one of these may have waiting.
    fn for_owner(self, owner: &Owner) -> Self {
        match owner {
            Owner::Account(_) | Owner::Client(_) | Owner::SentOnBy(_) => self.quarter(),
            Owner::Strangers => Self {
                octets: self.octets - self.octets / 4,
                messages: self.messages - self.messages / 4,
            },
        }
    }

    /// Whether less waits altogether, with one message more, than anybody may have.
    pub fn is_far(self, store: &Store, octets: u64) -> bool {
        let all = store.queue_counts();
        let all = Usage {
            messages: all.messages,
            octets: all.octets,
        };
        self.quarter().has_room(all, octets)
    }

    fn has_room(self, used: Usage, octets: u64) -> bool {
        let octets = used.octets.saturating_add(octets.max(1));
        used.messages < self.messages && (self.octets == 0 || octets <= self.octets)
    }
}

/// What waits, by whose it is.
#[derive(Default)]
pub struct Shares(Mutex<Book>);

#[derive(Default)]
struct Book {
    census: Option<Census>,
    /// Who handed in what no account did, by the ids of the messages.
    strangers: Strangers,
    /// All of these, each of them once.
    owners: HashSet<Arc<[Owner]>>,
    /// With so many of them those that have left are forgotten.
    tidy_at: usize,
}

struct Census {
    taken: Instant,
    used: HashMap<Owner, Usage>,
}

impl Shares {
    /// Whether all of these may have one more message of `octets` wait; otherwise, who may not. When nobody can say, they
    /// may.
    pub async fn full(
        &self,
        store: &Store,
        owners: Vec<Owner>,
        share: Share,
        octets: u64,
    ) -> Option<Owner> {
        let mut book = self.0.lock().await;
        let is_fresh = |census: &Census| census.taken.elapsed() < FRESH;
        if !book.census.as_ref().is_some_and(is_fresh) {
            book.count(store).await;
        }
        let used = book.census.as_ref().map(|census| &census.used);
        let is_full = |owner: &Owner| {
            let used = used.and_then(|used| used.get(owner)).copied();
            let most = share.for_owner(owner);
            !most.has_room(used.unwrap_or_default(), octets)
        };
        owners.into_iter().find(is_full)
    }

    /// A message of theirs has come into the queue.
    pub async fn add(&self, store: &Store, id: u64, owners: Vec<Owner>, octets: u64) {
        let mut book = self.0.lock().await;
        if let Some(census) = &mut book.census {
            for owner in &owners {
                census.add(owner, octets);
            }
        }
        let by_account = owners.iter().any(|one| matches!(one, Owner::Account(_)));
        if !by_account {
            let owners = book.shared(owners);
            book.strangers.insert(id, owners);
            if book.strangers.len() >= book.tidy_at.max(REMEMBERED) {
                book.count(store).await;
            }
        }
    }
}

impl Census {
    fn add(&mut self, owner: &Owner, octets: u64) {
        let used = self.used.entry(owner.clone()).or_default();
        used.messages += 1;
        used.octets = used.octets.saturating_add(octets);
    }
}

impl Book {
    /// These owners, shared by all messages of theirs: a queue full of mail of one client remembers it once.
    fn shared(&mut self, owners: Vec<Owner>) -> Arc<[Owner]> {
        if let Some(known) = self.owners.get(owners.as_slice()) {
            return Arc::clone(known);
        }
        let new: Arc<[Owner]> = owners.into();
        self.owners.insert(Arc::clone(&new));
        new
    }

    /// Counts anew, and forgets who handed in what has left.
    async fn count(&mut self, store: &Store) {
        let store = store.clone();
        // Whoever waits for this may go away meanwhile, and nothing is forgotten then.
        let known = self.strangers.clone();
        let counted = tokio::task::spawn_blocking(move || count(&store, &known));
        match counted.await {
            Ok(Ok((census, left))) => {
                (self.census, self.strangers) = (Some(census), left);
                self.owners.retain(|one| Arc::strong_count(one) > 1);
            }
            Ok(Err(error)) => tracing::error!(%error, "the queue cannot be counted"),
            Err(error) => tracing::error!(%error, "the queue cannot be counted"),
        }
        self.tidy_at = self.strangers.len().saturating_mul(2);
    }
}

type Strangers = HashMap<u64, Arc<[Owner]>>;

/// What everybody has waiting, and who of the strangers has what.
fn count(store: &Store, known: &Strangers) -> Result<(Census, Strangers), StoreError> {
    let mut left = Strangers::new();
    let mut census = Census {
        taken: Instant::now(),
        used: HashMap::new(),
    };
    let mut after = 0;
    loop {
        let page = store.queue_from(after, PAGE)?;
        let Some(last) = page.last() else {
            census.taken = Instant::now();
            return Ok((census, left));
        };
        after = last.id;
        for queued in &page {
            match (queued.account, known.get(&queued.id)) {
                (Some(account), _) => census.add(&Owner::Account(account), queued.octets),
                (None, Some(owners)) => {
                    for owner in owners.iter() {
                        census.add(owner, queued.octets);
                    }
                    left.insert(queued.id, Arc::clone(owners));
                }
                (None, None) => census.add(&Owner::Strangers, queued.octets),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_owner_has_a_quarter_and_all_without_a_login_three() {
        let share = Share {
            octets: 1000,
            messages: 10,
        };
        let account = Owner::Account(AccountId(1));
        let client = Owner::Client(AddressKey::V4([192, 0, 2, 1]));
        let sent_on = Owner::SentOnBy("team@example.test".to_owned());
        for (owner, messages, octets, room) in [
            (&account, 2, 0, true),
            (&account, 3, 0, false),
            (&client, 2, 240, true),
            (&client, 0, 241, false),
            (&sent_on, 3, 0, false),
            (&Owner::Strangers, 7, 740, true),
            (&Owner::Strangers, 8, 0, false),
            (&Owner::Strangers, 0, 741, false),
        ] {
            let used = Usage { messages, octets };
            let found = share.for_owner(owner).has_room(used, 10);
            assert_eq!(found, room, "{owner:?} {used:?}");
        }
        let unlimited = Share { octets: 0, ..share };
        let much = Usage {
            messages: 0,
            octets: u64::MAX,
        };
        assert!(unlimited.for_owner(&client).has_room(much, 10));
    }
}
