//! `pop3.login_delay`: how long an account's mailbox rests between two POP3 logins (RFC 2449 section 6.5).
//!
//! It judges nobody's password and counts no failures; that is the authenticator's business.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use mailstore::AccountId;

/// Logins remembered before those that do not matter any more are looked for.
const FEW: usize = 1024;

/// When each account last logged in; at most one entry per account.
#[derive(Debug, Default)]
pub struct LastLogins(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    logins: HashMap<AccountId, Instant>,
    /// With this many entries the old ones are thrown out.
    tidy_at: usize,
}

impl LastLogins {
    /// Whether `account` may log in at `now`.
    pub fn allow(&self, account: AccountId, delay: Duration, now: Instant) -> bool {
        let memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = memory.logins.get(&account);
        last.is_none_or(|last| now.saturating_duration_since(*last) >= delay)
    }

    /// `account` has logged in at `now`. A login that was refused is not to be told: it would push the next further
    /// away.
    pub fn record(&self, account: AccountId, delay: Duration, now: Instant) {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if delay.is_zero() {
            memory.logins = HashMap::new();
            return;
        }
        memory.logins.insert(account, now);
        if memory.logins.len() > memory.tidy_at.max(FEW) {
            memory
                .logins
                .retain(|_, last| now.saturating_duration_since(*last) < delay);
            memory.tidy_at = memory.logins.len() * 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const ALICE: AccountId = AccountId(1);
    const BOB: AccountId = AccountId(2);

    #[test]
    fn each_account_waits_for_itself_and_from_its_last_login_on() {
        let logins = LastLogins::default();
        let start = Instant::now();
        assert!(logins.allow(ALICE, MINUTE, start));
        logins.record(ALICE, MINUTE, start);
        assert!(!logins.allow(ALICE, MINUTE, start));
        assert!(logins.allow(BOB, MINUTE, start));
        assert!(!logins.allow(ALICE, MINUTE, start + MINUTE - Duration::from_millis(1)));
        // Having asked too early does not lengthen the wait.
        assert!(logins.allow(ALICE, MINUTE, start + MINUTE));
        logins.record(ALICE, MINUTE, start + MINUTE);
        assert!(!logins.allow(ALICE, MINUTE, start + MINUTE));
    }

    #[test]
    fn a_shorter_delay_holds_at_once_and_none_forgets_everything() {
        let logins = LastLogins::default();
        let start = Instant::now();
        logins.record(ALICE, MINUTE, start);
        assert!(!logins.allow(ALICE, MINUTE, start + MINUTE / 2));
        assert!(logins.allow(ALICE, MINUTE / 2, start + MINUTE / 2));
        assert!(logins.allow(ALICE, Duration::ZERO, start));
        logins.record(BOB, Duration::ZERO, start);
        assert!(logins.allow(ALICE, MINUTE, start));
    }

    #[test]
    fn logins_of_long_ago_are_not_kept() {
        let logins = LastLogins::default();
        let start = Instant::now();
        for account in 0..5_000 {
            let now = start + MINUTE * u32::try_from(account / 100).unwrap_or(u32::MAX);
            logins.record(AccountId(account), MINUTE, now);
        }
        let kept = logins
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .logins
            .len();
        assert!(kept <= FEW + 1, "{kept} logins remembered");
    }
}
