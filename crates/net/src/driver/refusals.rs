//! What the log says of refusals: who looks for a letter that did not come finds the id of the reply here.
//!
//! It is bounded twice, because a refusal costs a client nothing: so many lines for each connection, and so many a minute
//! for all of them. What is left out is counted.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use reply::{Row, pop3, smtp};

use crate::gate::Rate;
use crate::service::Regarding;

/// Refusals of one connection that the log shows.
pub const SHOWN: u32 = 20;

/// Refusals of all connections that the log shows in a minute.
pub const A_MINUTE: u32 = 600;

static ALL: Budget = Budget::new();

/// What a session says of its own accord: nothing was asked of it, so nothing was refused.
const ENDS: [&Row; 4] = [
    &smtp::STOPPING,
    &smtp::GREETING_STOPPING,
    &smtp::TIMEOUT,
    &pop3::STOPPING,
];

/// The refusals of one connection.
#[derive(Debug)]
pub(super) struct Refusals {
    shown: u32,
    more: u64,
    /// Nothing has been said yet, and the peer is this machine.
    greeting_here: bool,
}

impl Refusals {
    /// Of a connection that comes from this machine, or does not.
    pub(super) fn new(from_here: bool) -> Self {
        Self {
            shown: 0,
            more: 0,
            greeting_here: from_here,
        }
    }

    /// Something else was said.
    pub(super) fn greeted(&mut self) {
        self.greeting_here = false;
    }

    /// Writes down a refusal, or counts it.
    pub(super) fn note(
        &mut self,
        row: &Row,
        login: Option<&str>,
        regarding: &Regarding,
        now: Instant,
    ) {
        if ENDS.iter().any(|end| end.id == row.id) {
            return;
        }
        // That is how the health check looks, every half a minute, at a listener which refuses this machine or all.
        if std::mem::take(&mut self.greeting_here) {
            return;
        }
        if self.shown == SHOWN {
            self.more += 1;
            return;
        }
        self.shown += 1;
        ALL.spend(now, || {
            tracing::info!(
                id = row.id,
                why = row.name,
                login,
                from = regarding.from.as_deref().map(tracing::field::display),
                to = regarding.to.as_deref().map(tracing::field::display),
                "refused"
            );
        });
    }

    /// At the end of the connection.
    pub(super) fn end(&self) {
        if self.more > 0 {
            tracing::info!(more = self.more, "refused again");
        }
    }
}

/// A connection that was not even greeted.
pub(crate) fn unheard(why: impl fmt::Debug, now: Instant) {
    ALL.spend(now, || tracing::info!(?why, "refused without a word"));
}

/// How much may be said by all.
#[derive(Debug)]
struct Budget(Mutex<Spent>);

#[derive(Debug)]
struct Spent {
    paced_until: Option<Instant>,
    left_out: u64,
}

impl Budget {
    const fn new() -> Self {
        Self(Mutex::new(Spent {
            paced_until: None,
            left_out: 0,
        }))
    }

    fn spend(&self, now: Instant, say: impl FnOnce()) {
        let Some(left_out) = self.take(now) else {
            return;
        };
        if left_out > 0 {
            tracing::info!(refusals = left_out, "left out of the log: too many at once");
        }
        say();
    }

    /// Whether one more may be shown, and how many before it were not.
    fn take(&self, now: Instant) -> Option<u64> {
        let mut spent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rate = Rate::new(A_MINUTE, Duration::from_secs(60));
        match rate.admit(spent.paced_until, now) {
            Some(until) => {
                spent.paced_until = Some(until);
                Some(std::mem::take(&mut spent.left_out))
            }
            None => {
                spent.left_out += 1;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_connections_share_what_the_log_takes_in_a_minute() {
        let (budget, start) = (Budget::new(), Instant::now());
        for _ in 0..A_MINUTE {
            assert_eq!(budget.take(start), Some(0));
        }
        for _ in 0..7 {
            assert_eq!(budget.take(start), None);
        }
        let later = start + Duration::from_millis(100);
        assert_eq!((budget.take(later), budget.take(later)), (Some(7), None));
    }
}
