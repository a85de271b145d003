//! How fetching goes, server by server: for the log, which hears of a trouble once, and for `tegami status`.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use admin::{FetchFacts, FetchTrouble};
use courier::roads::{About, NotFetched};

use crate::config::Fetch;

/// Why a visit came to nothing, or to less than it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    about: About,
    words: String,
}

impl Trouble {
    /// The connection was lost when this much had come.
    pub fn cut(from: &str) -> Self {
        Self {
            about: About::Reach,
            words: format!(
                "The connection to {from} broke in the middle of a message, which is fetched again."
            ),
        }
    }

    /// Something here is not as it has to be, or took too long.
    pub fn other(words: impl Into<String>) -> Self {
        Self {
            about: About::Other,
            words: words.into(),
        }
    }

    /// What to do about it.
    fn remedy(&self) -> Option<&'static str> {
        match self.about {
            About::Reach => Some(
                "is `from` right, with its port; does that server run, and listen for ODMR there; does its firewall let us \
                 through; is this machine online?",
            ),
            About::Tls => Some(
                "the certificate there has to be for the name in `from`; if an authority of your own signed it, or nobody, \
                 name the authority's certificate, or that one, as `ca`",
            ),
            About::Login => Some(
                "compare `user` and the password in `password_file` with the account on that server; `tegami account \
                 password` there gives it a new one",
            ),
            About::Domains => Some(
                "that server must let this account fetch these domains; compare `domains` here with `[[relay.hold]]` there",
            ),
            About::Provider => Some(
                "`from` has to be a server that hands out mail (ODMR), with the port where it does so: 366, unless it says \
                 otherwise",
            ),
            About::Other => None,
        }
    }

    /// All of it, for people.
    fn told(&self) -> String {
        match self.remedy() {
            Some(remedy) => format!("{} What to do: {remedy}", self.words),
            None => self.words.clone(),
        }
    }

    /// Whether the log has said it already when it said the other.
    fn is_like(&self, other: &Self) -> bool {
        self.about == other.about && (self.about != About::Other || self.words == other.words)
    }
}

impl From<NotFetched> for Trouble {
    fn from(NotFetched { about, words }: NotFetched) -> Self {
        Self { about, words }
    }
}

/// What is known of all of them.
#[derive(Debug, Default)]
pub struct Board(Mutex<BTreeMap<String, Entry>>);

#[derive(Debug, Default)]
struct Entry {
    from: String,
    user: String,
    domains: Vec<String>,
    success: Option<SystemTime>,
    trouble: Option<(SystemTime, Trouble)>,
    /// None while it is visited.
    next: Option<Instant>,
}

impl Board {
    /// The next visit to this server.
    pub fn awaits(&self, fetch: &Fetch, next: Instant) {
        let mut entries = self.entries();
        let entry = entries.entry(fetch.name()).or_default();
        entry.from = fetch.from.to_string();
        entry.user.clone_from(&fetch.login.user);
        entry.domains = fetch.domains.iter().map(ToString::to_string).collect();
        entry.next = Some(next);
    }

    /// It begins.
    pub fn begins(&self, name: &str) {
        if let Some(entry) = self.entries().get_mut(name) {
            entry.next = None;
        }
    }

    /// It went well, and so many messages came.
    pub fn succeeded(&self, name: &str, messages: u64) {
        let mut entries = self.entries();
        let Some(entry) = entries.get_mut(name) else {
            return;
        };
        entry.success = Some(SystemTime::now());
        let mended = entry.trouble.take().is_some();
        drop(entries);
        if mended || messages > 0 {
            tracing::info!(from = name, messages, "mail fetched");
        } else {
            tracing::debug!(from = name, "no mail to fetch");
        }
    }

    /// It came to nothing, or to so many messages only. The same reason again is no news.
    pub fn failed(&self, name: &str, messages: u64, trouble: Trouble) {
        let mut entries = self.entries();
        let Some(entry) = entries.get_mut(name) else {
            return;
        };
        let known = entry.trouble.as_ref();
        let is_news = known.is_none_or(|(_, known)| !trouble.is_like(known));
        let since = match known {
            Some((since, _)) if !is_news => *since,
            Some(_) | None => SystemTime::now(),
        };
        entry.trouble = Some((since, trouble.clone()));
        drop(entries);
        if is_news {
            tracing::warn!(
                from = name,
                messages,
                error = trouble.words,
                remedy = trouble.remedy(),
                "mail not fetched"
            );
        } else {
            tracing::debug!(
                from = name,
                messages,
                error = trouble.words,
                "mail not fetched"
            );
        }
    }

    /// This server is not visited any more.
    pub fn forgets(&self, name: &str) {
        self.entries().remove(name);
    }

    /// What `tegami status` shows.
    pub fn facts(&self) -> Vec<FetchFacts> {
        let facts = |entry: &Entry| FetchFacts {
            from: entry.from.clone(),
            user: entry.user.clone(),
            domains: entry.domains.clone(),
            success: entry.success.map(milliseconds),
            trouble: entry.trouble.as_ref().map(|(since, trouble)| FetchTrouble {
                since: milliseconds(*since),
                words: trouble.told(),
            }),
            next: entry
                .next
                .map(|next| milliseconds(SystemTime::now() + next.duration_since(Instant::now()))),
        };
        self.entries().values().map(facts).collect()
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn not(about: About, words: &str) -> Trouble {
        let words = words.to_owned();
        Trouble::from(NotFetched { about, words })
    }

    #[test]
    fn the_same_reason_again_is_no_news_whatever_the_words() {
        for (one, other, expected) in [
            (
                not(About::Reach, "no answer from 192.0.2.1"),
                not(About::Reach, "none from ::1"),
                true,
            ),
            (
                not(About::Reach, "no answer"),
                not(About::Login, "no answer"),
                false,
            ),
            (not(About::Other, "busy"), not(About::Other, "busy"), true),
            (
                not(About::Other, "busy"),
                not(About::Other, "broken"),
                false,
            ),
            (
                Trouble::cut("hub.test:366"),
                not(About::Reach, "no answer"),
                true,
            ),
        ] {
            assert_eq!(one.is_like(&other), expected, "{one:?} {other:?}");
        }
    }

    #[test]
    fn whoever_reads_of_a_trouble_reads_what_to_do() {
        for (about, remedy) in [
            (About::Reach, "is this machine online?"),
            (About::Tls, "as `ca`"),
            (About::Login, "`password_file`"),
            (About::Domains, "`[[relay.hold]]` there"),
            (About::Provider, "366, unless"),
        ] {
            let told = not(about, "It failed.").told();
            assert!(
                told.starts_with("It failed. What to do: ") && told.contains(remedy),
                "{told}"
            );
        }
        assert_eq!(Trouble::other("It failed.").told(), "It failed.");
    }
}
