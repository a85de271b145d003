//! The memory of verified logins, and the keyed fingerprints it is kept under. No password is stored, and
//! nothing here outlives the process.

use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::aging::Aging;
use crate::password::HashError;

/// HMAC-SHA256 under the process's key: tells whether two logins are the same without saying what they are.
pub(crate) type Fingerprint = [u8; 32];

/// Makes fingerprints. The random key lives as long as the process, so that a memory image of the maps alone
/// gives nothing to guess against, and nobody outside can make entries collide.
pub(crate) struct Fingerprinter(Hmac<Sha256>);

impl Fingerprinter {
    pub(crate) fn new() -> Result<Self, HashError> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| HashError::NoRandomness(error.to_string()))?;
        let keyed =
            Hmac::new_from_slice(&key).map_err(|error| HashError::Failed(error.to_string()))?;
        Ok(Self(keyed))
    }

    /// Fingerprints the fields in order; their lengths go in too, so that no two lists run together.
    pub(crate) fn of(&self, fields: &[&[u8]]) -> Fingerprint {
        let mut keyed = self.0.clone();
        for field in fields {
            keyed.update(&(field.len() as u64).to_be_bytes());
            keyed.update(field);
        }
        keyed.finalize().into_bytes().into()
    }
}

/// Logins verified in the last minutes, by fingerprint of account key, generation and password: a client that
/// polls every minute costs one HMAC, and any change of the account makes its entries unreachable.
pub(crate) struct Verified {
    entries: Aging<Fingerprint, Entry>,
    remember: Duration,
}

struct Entry {
    account: u64,
    until: Instant,
}

impl Verified {
    /// At most `bound` entries, each for `remember` after its verification (using it does not prolong it).
    pub(crate) fn new(bound: usize, remember: Duration) -> Self {
        Self {
            entries: Aging::new(bound),
            remember,
        }
    }

    pub(crate) fn contains(&self, login: &Fingerprint, now: Instant) -> bool {
        self.entries
            .peek(login)
            .is_some_and(|entry| now < entry.until)
    }

    pub(crate) fn insert(&mut self, login: Fingerprint, account: u64, now: Instant) {
        self.entries.insert(
            login,
            Entry {
                account,
                until: now + self.remember,
            },
        );
    }

    pub(crate) fn forget(&mut self, account: u64) {
        self.entries.retain(|entry| entry.account != account);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_remembered_for_its_time_and_no_longer() {
        let start = Instant::now();
        let mut verified = Verified::new(8, Duration::from_secs(600));
        verified.insert([1; 32], 7, start);
        for (seconds, known) in [(0, true), (599, true), (600, false), (10_000, false)] {
            let now = start + Duration::from_secs(seconds);
            assert_eq!(verified.contains(&[1; 32], now), known, "after {seconds} s");
        }
        assert!(!verified.contains(&[2; 32], start));
    }

    #[test]
    fn forgetting_an_account_forgets_only_that_one() {
        let now = Instant::now();
        let mut verified = Verified::new(8, Duration::from_secs(600));
        verified.insert([1; 32], 7, now);
        verified.insert([2; 32], 7, now);
        verified.insert([3; 32], 8, now);
        verified.forget(7);
        let known = [1, 2, 3].map(|n| verified.contains(&[n; 32], now));
        assert_eq!(known, [false, false, true]);
    }

    #[test]
    fn fingerprints_depend_on_key_fields_and_their_borders() {
        let (ours, theirs) = (Fingerprinter::new().unwrap(), Fingerprinter::new().unwrap());
        assert_eq!(ours.of(&[b"a", b"bc"]), ours.of(&[b"a", b"bc"]));
        assert_ne!(ours.of(&[b"a", b"bc"]), ours.of(&[b"ab", b"c"]));
        assert_ne!(ours.of(&[b"a"]), ours.of(&[b"a", b""]));
        assert_ne!(ours.of(&[b"a"]), theirs.of(&[b"a"]));
    }
}
