//! Policies of MTA-STS (RFC 8461): fetched when one is announced, kept in the data directory for as long as they say, so that
//! nobody gets rid of them by a restart or by tampering with DNS.
//!
//! ```text
//! id: 20160831085700Z
//! fetched: 1795360000
//! version: STSv1
//! ...
//! ```

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use address::Domain;
use mta_sts::{
    Announced, Decision, Failed, Fetch, FetchError, Id, Kept, LARGEST, Policy, decide, read,
};
use tokio::sync::Semaphore;

use super::tls_report::Failure;

/// Policies that are kept. The longest untouched gives way to a new one.
const MOST: usize = 1000;
/// Octets of a file: a policy and what is known of it.
const LARGEST_FILE: u64 = LARGEST as u64 + 1024;
/// Domains whose policies could not be had, remembered so as not to try again at once.
const MOST_FAILED: usize = 1000;
/// Policies fetched anew at once while the old ones still hold.
const REFRESHES: usize = 4;

/// The policies of all domains.
pub(super) struct Policies {
    shelf: Arc<Shelf>,
    failed: Mutex<HashMap<Domain, Failed>>,
    /// One for each domain whose policy is being fetched: others wait for what comes of it.
    fetching: Mutex<HashMap<Domain, Arc<tokio::sync::Mutex<()>>>>,
    refreshes: Arc<Semaphore>,
}

/// What there is of a domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) policy: Option<Policy>,
    /// Why one that is announced could not be had.
    pub(super) failure: Option<Failure>,
}

impl Policies {
    /// Those in this directory.
    pub(super) fn new(directory: PathBuf) -> Self {
        Self {
            shelf: Arc::new(Shelf { directory }),
            failed: Mutex::default(),
            fetching: Mutex::default(),
            refreshes: Arc::new(Semaphore::new(REFRESHES)),
        }
    }

    /// The policy that holds for a domain of which DNS says this.
    pub(super) async fn of(
        self: &Arc<Self>,
        domain: &Domain,
        announced: &Announced,
        fetch: impl Fetch + 'static,
    ) -> Found {
        let (kept, decision) = self.look(domain, announced).await;
        match decision {
            Decision::NoPolicy => Found::default(),
            Decision::Use => Found::kept(kept),
            Decision::UseAndRefresh => {
                self.refresh(domain, announced, fetch);
                Found::kept(kept)
            }
            Decision::Fetch => {
                let lock = self.lock(domain);
                let held = lock.lock().await;
                let found = self.fetch(domain, announced, &fetch).await;
                drop(held);
                drop(lock);
                self.unlock();
                found
            }
        }
    }

    async fn look(&self, domain: &Domain, announced: &Announced) -> (Option<Kept>, Decision) {
        let (shelf, name) = (Arc::clone(&self.shelf), domain.clone());
        let kept = tokio::task::spawn_blocking(move || shelf.get(&name)).await;
        let kept = kept.ok().flatten();
        let failed = {
            let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            failed.get(domain).cloned()
        };
        let decision = decide(SystemTime::now(), announced, kept.as_ref(), failed.as_ref());
        (kept, decision)
    }

    fn refresh(
        self: &Arc<Self>,
        domain: &Domain,
        announced: &Announced,
        fetch: impl Fetch + 'static,
    ) {
        let Ok(permit) = Arc::clone(&self.refreshes).try_acquire_owned() else {
            return;
        };
        let (policies, domain, announced) = (Arc::clone(self), domain.clone(), announced.clone());
        tokio::spawn(async move {
            policies.fetch(&domain, &announced, &fetch).await;
            drop(permit);
        });
    }

    /// Fetches, unless somebody else just has.
    async fn fetch(&self, domain: &Domain, announced: &Announced, fetch: &impl Fetch) -> Found {
        let (kept, decision) = self.look(domain, announced).await;
        let id = match (announced, decision) {
            (Announced::Id(id), Decision::Fetch | Decision::UseAndRefresh) => id.clone(),
            (_, Decision::NoPolicy) => return Found::default(),
            (_, Decision::Use | Decision::Fetch | Decision::UseAndRefresh) => {
                return Found::kept(kept);
            }
        };
        let fetched = fetch
            .fetch(domain)
            .await
            .and_then(|response| read(&response));
        let now = SystemTime::now();
        match fetched {
            Ok(policy) => {
                let kept = Kept {
                    id,
                    fetched: now,
                    policy,
                };
                self.put(domain, kept.clone()).await;
                Found::kept(Some(kept))
            }
            Err(error) => {
                tracing::info!(%domain, %error, "the policy (MTA-STS) of a domain cannot be had");
                self.note(domain, Failed { id, at: now });
                // RFC 8461 section 5.1: what is kept holds as long as it said.
                let holding = kept.filter(|kept| now < kept.until());
                Found {
                    failure: Some(failure(&error)),
                    ..Found::kept(holding)
                }
            }
        }
    }

    async fn put(&self, domain: &Domain, kept: Kept) {
        self.failed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(domain);
        let (shelf, domain) = (Arc::clone(&self.shelf), domain.clone());
        let put = tokio::task::spawn_blocking(move || shelf.put(&domain, &kept)).await;
        if let Ok(Err(error)) = put {
            tracing::warn!(%error, "a policy (MTA-STS) cannot be kept");
        }
    }

    fn note(&self, domain: &Domain, failed: Failed) {
        let mut all = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST_FAILED && !all.contains_key(domain) {
            let oldest = all.iter().min_by_key(|(_, failed)| failed.at);
            if let Some(oldest) = oldest.map(|(domain, _)| domain.clone()) {
                all.remove(&oldest);
            }
        }
        all.insert(domain.clone(), failed);
    }

    fn lock(&self, domain: &Domain) -> Arc<tokio::sync::Mutex<()>> {
        let mut fetching = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(fetching.entry(domain.clone()).or_default())
    }

    /// Forgets locks that nobody has: whoever gave up in the middle forgot none.
    fn unlock(&self) {
        let mut fetching = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        fetching.retain(|_, lock| Arc::strong_count(lock) > 1);
    }
}

impl Found {
    fn kept(kept: Option<Kept>) -> Self {
        Self {
            policy: kept.map(|kept| kept.policy),
            failure: None,
        }
    }
}

fn failure(error: &FetchError) -> Failure {
    match error {
        FetchError::Unreachable | FetchError::Status(_) => Failure::StsFetch,
        FetchError::Certificate => Failure::StsWebpki,
        FetchError::ContentType | FetchError::TooLarge | FetchError::Policy(_) => {
            Failure::StsInvalid
        }
    }
}

/// One file for each domain.
struct Shelf {
    directory: PathBuf,
}

impl Shelf {
    fn file(&self, domain: &Domain) -> PathBuf {
        self.directory.join(format!("{domain}.txt"))
    }

    /// What is not whole is not there.
    fn get(&self, domain: &Domain) -> Option<Kept> {
        let file = self.file(domain);
        let large = fs::metadata(&file).ok()?.len() > LARGEST_FILE;
        let text = if large {
            None
        } else {
            fs::read_to_string(file).ok()
        }?;
        let rest = text.strip_prefix("id: ")?;
        let (id, rest) = rest.split_once("\nfetched: ")?;
        let (seconds, policy) = rest.split_once('\n')?;
        let since = Duration::from_secs(seconds.parse().ok()?);
        Some(Kept {
            id: Id::parse(id)?,
            fetched: SystemTime::UNIX_EPOCH.checked_add(since)?,
            policy: Policy::parse(policy.as_bytes()).ok()?,
        })
    }

    fn put(&self, domain: &Domain, kept: &Kept) -> io::Result<()> {
        fs::create_dir_all(&self.directory)?;
        let file = self.file(domain);
        if !file.exists() {
            self.make_room()?;
        }
        let since = kept.fetched.duration_since(SystemTime::UNIX_EPOCH);
        let seconds = since.unwrap_or_default().as_secs();
        let text = format!("id: {}\nfetched: {seconds}\n{}", kept.id, kept.policy);
        let new = self.directory.join(format!("{domain}.new"));
        fs::write(&new, text)?;
        fs::File::open(&new)?.sync_all()?;
        fs::rename(new, file)
    }

    fn make_room(&self) -> io::Result<()> {
        let files = fs::read_dir(&self.directory)?.filter_map(Result::ok);
        let mut files: Vec<(SystemTime, PathBuf)> = files
            .filter_map(|file| Some((file.metadata().ok()?.modified().ok()?, file.path())))
            .collect();
        if files.len() < MOST {
            return Ok(());
        }
        files.sort();
        for (_, file) in &files[..=files.len() - MOST] {
            fs::remove_file(file)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
