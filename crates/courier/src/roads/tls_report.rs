//! What came of TLS with other servers, counted by policy domain and day, as a report to the domain would have it (RFC 8460
//! section 4). Kept in the data directory, one small file for each of the last days; reports are not sent from here.
//!
//! ```text
//! example.net sts mx1.example.net - 17
//! example.net sts mx2.example.net certificate-expired 2
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use address::{Domain, Host};
use tokio::time::Instant;

/// Different results counted on one day. What comes on top is not counted.
const MOST: usize = 4096;
/// Days that are kept.
const DAYS: usize = 8;
/// What was counted is written down so often.
const PAUSE: Duration = Duration::from_secs(60);
/// Octets of a file that are read.
const LARGEST: u64 = 4 * 1024 * 1024;

/// What keeps TLS from being what it was to be (RFC 8460 section 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// The server does not offer it.
    NoStartTls,
    /// The certificate is for another host.
    HostMismatch,
    /// The certificate is over.
    Expired,
    /// Nobody who is trusted vouches for the certificate.
    NotTrusted,
    /// Something else in the handshake.
    Validation,
    /// The certificate is not what TLSA records promise.
    TlsaInvalid,
    /// The answer about TLSA records is forged.
    DnssecInvalid,
    /// The policy cannot be fetched.
    StsFetch,
    /// What was fetched is no policy.
    StsInvalid,
    /// The web server of the policy has no certificate that can be trusted.
    StsWebpki,
}

/// Which policy was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Policy {
    /// TLSA records.
    Tlsa,
    /// MTA-STS.
    Sts,
    /// None was found.
    None,
}

const FAILURES: [(Failure, &str); 10] = [
    (Failure::NoStartTls, "starttls-not-supported"),
    (Failure::HostMismatch, "certificate-host-mismatch"),
    (Failure::Expired, "certificate-expired"),
    (Failure::NotTrusted, "certificate-not-trusted"),
    (Failure::Validation, "validation-failure"),
    (Failure::TlsaInvalid, "tlsa-invalid"),
    (Failure::DnssecInvalid, "dnssec-invalid"),
    (Failure::StsFetch, "sts-policy-fetch-error"),
    (Failure::StsInvalid, "sts-policy-invalid"),
    (Failure::StsWebpki, "sts-webpki-invalid"),
];

const POLICIES: [(Policy, &str); 3] = [
    (Policy::Tlsa, "tlsa"),
    (Policy::Sts, "sts"),
    (Policy::None, "no-policy-found"),
];

/// What is counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    domain: Domain,
    policy: Policy,
    /// The host, if it came to one.
    host: Option<Host>,
    failure: Option<Failure>,
}

/// The counts of this day.
pub(super) struct Results {
    directory: PathBuf,
    state: Mutex<State>,
}

struct State {
    day: String,
    counts: BTreeMap<Key, u64>,
    /// Something is counted that is not written down.
    changed: bool,
    written: Instant,
}

impl Results {
    /// Those in this directory; what was counted today goes on.
    pub(super) fn new(directory: PathBuf) -> Self {
        let day = day(SystemTime::now());
        let counts = read(&directory.join(&day)).unwrap_or_default();
        Self {
            directory,
            state: Mutex::new(State {
                day,
                counts,
                changed: false,
                written: Instant::now(),
            }),
        }
    }

    /// Counts a session with a host of the domain, or that there could be none.
    pub(super) fn count(
        self: &Arc<Self>,
        domain: &Domain,
        policy: Policy,
        host: Option<&Host>,
        failure: Option<Failure>,
    ) {
        let key = Key {
            domain: domain.clone(),
            policy,
            host: host.cloned(),
            failure,
        };
        if self.add(key, &day(SystemTime::now())) {
            let results = Arc::clone(self);
            tokio::task::spawn_blocking(move || results.save());
        }
    }

    /// Says whether it is time to write.
    fn add(&self, key: Key, day: &str) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.day != day {
            self.write(&mut state);
            state.day = day.to_owned();
            state.counts.clear();
        }
        if state.counts.len() < MOST || state.counts.contains_key(&key) {
            *state.counts.entry(key).or_default() += 1;
            state.changed = true;
        }
        let due = state.written.elapsed() >= PAUSE;
        if due {
            state.written = Instant::now();
        }
        due
    }

    /// Writes down what was counted.
    pub(super) fn save(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.write(&mut state);
    }

    fn write(&self, state: &mut State) {
        if !std::mem::take(&mut state.changed) {
            return;
        }
        let written = fs::create_dir_all(&self.directory).and_then(|()| {
            let new = self.directory.join(".new");
            fs::write(&new, text(&state.counts))?;
            fs::rename(&new, self.directory.join(&state.day))?;
            self.clear_out()
        });
        if let Err(error) = written {
            tracing::warn!(%error, directory = %self.directory.display(), "results of TLS cannot be kept");
        }
    }

    fn clear_out(&self) -> io::Result<()> {
        let files = fs::read_dir(&self.directory)?.filter_map(Result::ok);
        let mut days: Vec<PathBuf> = files.map(|file| file.path()).collect();
        days.sort();
        let old = days.len().saturating_sub(DAYS);
        for day in &days[..old] {
            fs::remove_file(day)?;
        }
        Ok(())
    }
}

impl Drop for Results {
    fn drop(&mut self) {
        self.save();
    }
}

/// The day in UTC, as reports have it: 2026-11-22.
fn day(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time)
        .map(|time| time.strftime("%Y-%m-%d").to_string())
        .unwrap_or_default()
}

fn word<T: PartialEq>(words: &[(T, &'static str)], of: &T) -> &'static str {
    let found = words.iter().find(|(one, _)| one == of);
    found.map_or("-", |(_, word)| word)
}

fn text(counts: &BTreeMap<Key, u64>) -> String {
    let mut text = String::new();
    for (key, count) in counts {
        let policy = word(&POLICIES, &key.policy);
        let host = key.host.as_ref().map_or("-".to_owned(), Host::to_string);
        let failure = key.failure.map_or("-", |failure| word(&FAILURES, &failure));
        // Writing to a text does not fail.
        let _ = writeln!(text, "{} {policy} {host} {failure} {count}", key.domain);
    }
    text
}

/// What a file has; lines that are none are left out.
fn read(file: &Path) -> Option<BTreeMap<Key, u64>> {
    let large = fs::metadata(file).ok()?.len() > LARGEST;
    let text = if large {
        None
    } else {
        fs::read_to_string(file).ok()
    }?;
    Some(text.lines().take(MOST).filter_map(line).collect())
}

fn line(line: &str) -> Option<(Key, u64)> {
    let [domain, policy, host, failure, count] =
        <[&str; 5]>::try_from(line.split(' ').collect::<Vec<_>>()).ok()?;
    let host = if host == "-" {
        None
    } else {
        Some(Host::parse(host).ok()?)
    };
    let failure = if failure == "-" {
        None
    } else {
        Some(FAILURES.iter().find(|(_, word)| *word == failure)?.0)
    };
    let key = Key {
        domain: Domain::parse(domain).ok()?,
        policy: POLICIES.iter().find(|(_, word)| *word == policy)?.0,
        host,
        failure,
    };
    Some((key, count.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(domain: &str, failure: Option<Failure>) -> Key {
        Key {
            domain: Domain::parse(domain).unwrap(),
            policy: Policy::Sts,
            host: Some("mx.a.test".parse().unwrap()),
            failure,
        }
    }

    #[tokio::test]
    async fn results_are_counted_by_day_and_outlive_the_process() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("tls-results");
        let today = day(SystemTime::now());
        let results = Results::new(place.clone());
        for _ in 0..3 {
            assert!(!results.add(key("a.test", None), &today));
        }
        results.add(key("a.test", Some(Failure::Expired)), &today);
        drop(results);
        let file = fs::read_to_string(place.join(&today)).unwrap();
        assert_eq!(
            file,
            "a.test sts mx.a.test - 3\na.test sts mx.a.test certificate-expired 1\n"
        );
        let again = Results::new(place.clone());
        again.add(key("a.test", None), &today);
        // A day later the old file stays, and the count begins anew.
        again.add(key("b.test", None), "2999-01-01");
        drop(again);
        let file = fs::read_to_string(place.join(&today)).unwrap();
        assert!(file.starts_with("a.test sts mx.a.test - 4\n"), "{file}");
        let file = fs::read_to_string(place.join("2999-01-01")).unwrap();
        assert_eq!(file, "b.test sts mx.a.test - 1\n");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_kept_is_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let results = Results::new(directory.path().to_owned());
        let day = |number: usize| format!("3000-01-{number:02}");
        for number in 0..MOST + 10 {
            results.add(key(&format!("d{number}.test"), None), &day(1));
        }
        assert_eq!(results.state.lock().unwrap().counts.len(), MOST);
        tokio::time::advance(PAUSE).await;
        assert!(
            results.add(key("a.test", None), &day(1)),
            "it is time to write"
        );
        for number in 2..20 {
            results.add(key("a.test", None), &day(number));
        }
        results.save();
        let files = fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(files, DAYS);
        assert!(directory.path().join(day(19)).exists());
    }

    #[test]
    fn only_lines_that_are_results_are_read() {
        for (text, right) in [
            ("a.test sts mx.a.test - 3", true),
            (
                "a.test no-policy-found [192.0.2.1] starttls-not-supported 3",
                true,
            ),
            ("a.test tlsa - dnssec-invalid 1", true),
            ("a.test sts mx.a.test - x", false),
            ("a.test sts mx.a.test 3", false),
            ("a.test other mx.a.test - 3", false),
            ("a.test sts mx.a.test other 3", false),
            ("a..test sts mx.a.test - 3", false),
            ("", false),
        ] {
            assert_eq!(line(text).is_some(), right, "{text}");
        }
    }
}
