//! How many recipients elsewhere an account may write to within a day: what is left of a stolen password.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::backoff::later;
use super::job::{Job, Sender};
use super::rules::Rules;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What was written today, by accounts only: so there are no more entries than accounts.
#[derive(Debug, Default)]
pub(super) struct Allowances {
    /// Days since 1970 (UTC).
    day: u64,
    written: BTreeMap<Arc<Sender>, u32>,
    stopped: BTreeSet<Arc<Sender>>,
}

/// Whether a job may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It may, and is counted.
    Granted,
    /// It may not: the account is stopped for the rest of the day.
    Stopped {
        /// Recipients written to today.
        recipients: u32,
        /// The most there may be.
        limit: u32,
    },
}

impl Allowances {
    /// Counts a job that is about to start, if it may.
    pub(super) fn admit(&mut self, rules: &Rules, job: &Job) -> Admission {
        let (Some(limit), Sender::Account(_)) = (rules.recipients_per_day, &*job.sender) else {
            return Admission::Granted;
        };
        if !job.is_first() {
            return Admission::Granted;
        }
        let more = u32::try_from(job.recipients.len()).unwrap_or(u32::MAX);
        let written = self.written.get(&job.sender).copied().unwrap_or(0);
        let sum = written.saturating_add(more);
        // A message that no day has room for takes a whole one, or it would stand in the way of all others for ever.
        if sum > limit && written > 0 {
            self.stopped.insert(Arc::clone(&job.sender));
            return Admission::Stopped {
                recipients: written,
                limit,
            };
        }
        self.written.insert(Arc::clone(&job.sender), sum);
        Admission::Granted
    }

    /// Takes back what was counted for a job that did not begin after all.
    pub(super) fn give_back(&mut self, job: &Job) {
        if job.is_first()
            && let Some(written) = self.written.get_mut(&job.sender)
        {
            let less = u32::try_from(job.recipients.len()).unwrap_or(u32::MAX);
            *written = written.saturating_sub(less);
        }
    }

    /// What was written earlier today, before the schedule was made.
    pub(super) fn count(&mut self, sender: Arc<Sender>, recipients: u32) {
        let written = self.written.entry(sender).or_default();
        *written = written.saturating_add(recipients);
    }

    pub(super) fn is_stopped(&self, sender: &Arc<Sender>) -> bool {
        self.stopped.contains(sender)
    }

    /// A stopped account begins its day anew. True when it was stopped.
    pub(super) fn allow(&mut self, sender: &Arc<Sender>) -> bool {
        self.written.remove(sender);
        self.stopped.remove(sender)
    }

    /// The limit is another one: whoever is below a higher one goes on. What was written today still counts.
    pub(super) fn raised(&mut self, before: Option<u32>, limit: Option<u32>) {
        match (before, limit) {
            (_, None) => self.stopped.clear(),
            (Some(before), Some(limit)) if limit > before => {
                let written = |sender: &Arc<Sender>| self.written.get(sender).copied().unwrap_or(0);
                self.stopped.retain(|sender| written(sender) >= limit);
            }
            (Some(_) | None, Some(_)) => {}
        }
    }

    /// True when another day has begun and somebody was stopped.
    pub(super) fn turn_over(&mut self, now: SystemTime) -> bool {
        let today = day(now);
        if today == self.day {
            return false;
        }
        self.day = today;
        self.written.clear();
        !std::mem::take(&mut self.stopped).is_empty()
    }

    /// When the day ends that somebody is stopped for.
    pub(super) fn next_change(&self) -> Option<SystemTime> {
        let tomorrow = u32::try_from(self.day + 1).ok()?;
        let end = later(UNIX_EPOCH, DAY.saturating_mul(tomorrow));
        (!self.stopped.is_empty()).then_some(end)
    }
}

fn day(now: SystemTime) -> u64 {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs() / DAY.as_secs()
}
