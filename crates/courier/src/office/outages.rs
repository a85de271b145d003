//! Configured servers that do not take our mail: since when, why, and who has been told.
//!
//! Only smarthosts and routes are looked at: with a domain of somebody else nobody here can mend anything. That a login or a
//! certificate is refused is known at once; that a server cannot be reached, after some attempts.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use delivery::schedule::{Ending, NextHop};
use reply::Enhanced;

use super::means::Means;
use super::notice;
use crate::carry::Carried;

/// Attempts in a row until a server that cannot be reached is spoken of.
const ATTEMPTS: u32 = 2;
/// How long it lasts until the postmaster gets a letter.
const PATIENCE: Duration = Duration::from_secs(60 * 60);
/// Letters kept of what was said.
const WORDS: usize = 480;

/// A configured server that does not take our mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    /// The name of the route.
    pub hop: Box<str>,
    /// When that was noticed first.
    pub since: SystemTime,
    /// What was said last, in one line for people.
    pub words: String,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Outages(Mutex<BTreeMap<Box<str>, Known>>);

#[derive(Debug)]
struct Known {
    since: SystemTime,
    words: String,
    failures: u32,
    /// It stands in the log.
    logged: bool,
    /// The postmaster has a letter.
    told: bool,
}

/// What is to be said.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Nothing,
    Began,
    /// It works again; it did not since then.
    Over(SystemTime),
    /// The postmaster is to be told.
    Letter(Outage),
}

/// Takes down how a server was in an attempt, with what it said to the first recipient, and says what is to be said of it.
pub(super) async fn seen(means: &Means, hop: &NextHop, how: Ending, first: Option<&Carried>) {
    let NextHop::Route(name) = hop else {
        return;
    };
    let words = first.map_or("", |one| one.words.as_str());
    match means.outages.note(name, how, first, means.now()) {
        Step::Nothing => (),
        Step::Began => tracing::warn!(
            server = %name,
            said = words,
            "mail cannot leave by a configured server; it waits and is tried again"
        ),
        Step::Over(since) => {
            let lasted = means.now().duration_since(since).unwrap_or_default();
            let minutes = lasted.as_secs() / 60;
            tracing::info!(server = %name, minutes, "mail leaves by a configured server again");
        }
        Step::Letter(outage) => notice::outage(means, &outage).await,
    }
}

impl Outages {
    /// Those that are known for sure, by name.
    pub(super) fn now(&self) -> Vec<Outage> {
        let all = self.locked();
        let known = all.iter().filter(|(_, known)| known.logged);
        known.map(|(name, known)| known.outage(name)).collect()
    }

    /// Only these servers are configured.
    pub(super) fn keep(&self, names: &[Box<str>]) {
        self.locked().retain(|name, _| names.contains(name));
    }

    fn note(&self, name: &str, how: Ending, first: Option<&Carried>, now: SystemTime) -> Step {
        let mut all = self.locked();
        match how {
            Ending::Finished { .. } => match all.remove(name) {
                Some(known) if known.logged => Step::Over(known.since),
                Some(_) | None => Step::Nothing,
            },
            Ending::Stale => Step::Nothing,
            Ending::Lost | Ending::Unreachable => {
                let known = all.entry(name.into()).or_insert_with(|| Known::new(now));
                known.failures = known.failures.saturating_add(1);
                if let Some(first) = first {
                    let end = first.words.floor_char_boundary(WORDS);
                    first.words[..end].clone_into(&mut known.words);
                }
                let certain = first.is_some_and(|one| is_ours_to_mend(one.status));
                if !known.logged && (certain || known.failures >= ATTEMPTS) {
                    known.logged = true;
                    return Step::Began;
                }
                let long = now
                    .duration_since(known.since)
                    .is_ok_and(|since| since >= PATIENCE);
                if known.logged && !known.told && long {
                    known.told = true;
                    return Step::Letter(known.outage(name));
                }
                Step::Nothing
            }
        }
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<Box<str>, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn new(now: SystemTime) -> Self {
        Self {
            since: now,
            words: String::new(),
            failures: 0,
            logged: false,
            told: false,
        }
    }

    fn outage(&self, name: &str) -> Outage {
        Outage {
            hop: name.into(),
            since: self.since,
            words: self.words.clone(),
        }
    }
}

/// RFC 3463 section 3.8: what has to do with security (logins, certificates, TLS) does not mend itself.
fn is_ours_to_mend(Enhanced(_, subject, _): Enhanced) -> bool {
    subject == 7
}
