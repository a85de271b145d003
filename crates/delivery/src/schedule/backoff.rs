//! How long to wait after a failure: a table of steps, and a draw so that what failed together does not come back
//! together. The draw is an argument.

use std::time::{Duration, SystemTime};

/// How far a jitter may go, in percent.
const MOST_JITTER: u8 = 50;

/// Waiting times after the first, second, ... failure; the last step is repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backoff {
    steps: Box<[Duration]>,
    jitter: u8,
}

/// A table that cannot be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackoffError {
    /// There is no step.
    #[error("a back-off needs at least one waiting time")]
    NoStep,
    /// A step of no time at all: RFC 5321 section 4.5.4.1 wants a delay after every failure.
    #[error("a back-off cannot have a waiting time of zero")]
    ZeroStep,
    /// More than 50 percent.
    #[error("the jitter of a back-off is at most 50 percent")]
    Jitter,
}

impl Backoff {
    /// A table of steps, each lengthened or shortened by at most `jitter` percent.
    ///
    /// # Errors
    /// No step, a step of zero, or a jitter above 50.
    pub fn new(steps: &[Duration], jitter: u8) -> Result<Self, BackoffError> {
        if steps.is_empty() {
            return Err(BackoffError::NoStep);
        }
        if steps.iter().any(Duration::is_zero) {
            return Err(BackoffError::ZeroStep);
        }
        if jitter > MOST_JITTER {
            return Err(BackoffError::Jitter);
        }
        Ok(Self {
            steps: steps.into(),
            jitter,
        })
    }

    /// The defaults, which are right by construction; a test holds them against [`Backoff::new`].
    pub(super) fn of_minutes(minutes: &[u64], jitter: u8) -> Self {
        let steps = minutes.iter().map(|step| Duration::from_secs(step * 60));
        Self {
            steps: steps.collect(),
            jitter,
        }
    }

    /// How long to wait after so many failures in a row, the first being 1. `draw` is uniform over all its values.
    #[must_use]
    pub fn after(&self, failures: u32, draw: u64) -> Duration {
        let index = usize::try_from(failures.saturating_sub(1)).unwrap_or(usize::MAX);
        let last = self.steps.len().saturating_sub(1);
        let Some(step) = self.steps.get(index.min(last)) else {
            return Duration::ZERO;
        };
        let width = part(*step, u64::from(self.jitter), 100);
        (*step - width) + scaled(width * 2, draw)
    }
}

/// `time * numerator / denominator`, for a numerator that is not larger.
fn part(time: Duration, numerator: u64, denominator: u64) -> Duration {
    let nanos = time.as_nanos() * u128::from(numerator) / u128::from(denominator);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// The share of `time` that a draw stands for: all of it for the largest, nothing for zero.
pub(super) fn scaled(time: Duration, draw: u64) -> Duration {
    let nanos = (time.as_nanos().min(u128::from(u64::MAX)) * u128::from(draw)) >> 64;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// A draw for one of many: what `draw` becomes for `number` (the finaliser of SplitMix64).
pub(super) fn draw_for(draw: u64, number: u64) -> u64 {
    let mut mixed = draw ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// `time` later, as far as the clock goes.
pub(super) fn later(instant: SystemTime, time: Duration) -> SystemTime {
    instant.checked_add(time).unwrap_or(instant)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Backoff, BackoffError, draw_for, scaled};
    use crate::schedule::Rules;

    const MINUTE: u64 = 60;

    #[track_caller]
    fn check(backoff: &Backoff, failures: u32, least: u64, middle: u64, most: u64) {
        let seconds = |draw| backoff.after(failures, draw).as_secs();
        assert_eq!(seconds(0), least, "least after {failures}");
        assert_eq!(seconds(1 << 63), middle, "middle after {failures}");
        // The largest draw stays just below the upper end.
        assert_eq!(seconds(u64::MAX) + 1, most, "most after {failures}");
    }

    // OUT-07, OUT-08
    #[test]
    fn a_message_waits_longer_each_time() {
        let table = &Rules::default().retry;
        check(table, 1, 765, 15 * MINUTE, 1035);
        check(table, 2, 51 * MINUTE, 60 * MINUTE, 69 * MINUTE);
        check(table, 3, 102 * MINUTE, 120 * MINUTE, 138 * MINUTE);
        check(table, 4, 153 * MINUTE, 180 * MINUTE, 207 * MINUTE);
        check(table, 5, 153 * MINUTE, 180 * MINUTE, 207 * MINUTE);
        check(table, u32::MAX, 153 * MINUTE, 180 * MINUTE, 207 * MINUTE);
        // Nothing has failed: as after the first failure, never at once.
        check(table, 0, 765, 15 * MINUTE, 1035);
    }

    // OUT-07
    #[test]
    fn a_dead_next_hop_is_left_alone_longer_each_time() {
        let table = &Rules::default().reconnect;
        for (failures, minutes) in [(1, 5), (2, 15), (3, 30), (4, 60), (5, 60), (1000, 60)] {
            let middle = table.after(failures, 1 << 63);
            assert_eq!(middle, Duration::from_secs(minutes * MINUTE), "{failures}");
        }
    }

    // OUT-08
    #[test]
    fn whatever_is_drawn_there_are_two_attempts_in_the_first_hour() {
        let table = &Rules::default().retry;
        for number in 0..10_000 {
            let (first, second) = (draw_for(1, number), draw_for(2, number));
            let second_attempt = table.after(1, first);
            let third_attempt = second_attempt + table.after(2, second);
            assert!(second_attempt < Duration::from_secs(60 * MINUTE));
            assert!(third_attempt > Duration::from_secs(60 * MINUTE));
        }
    }

    #[test]
    fn a_table_that_cannot_be_followed_is_refused() {
        let second = Duration::from_secs(1);
        let check = |steps: &[Duration], jitter, expected| {
            assert_eq!(Backoff::new(steps, jitter).err(), expected);
        };
        check(&[second], 0, None);
        check(&[second, second * 2], 50, None);
        check(&[], 10, Some(BackoffError::NoStep));
        check(&[second, Duration::ZERO], 10, Some(BackoffError::ZeroStep));
        check(&[second], 51, Some(BackoffError::Jitter));
        let rules = Rules::default();
        for default in [rules.retry, rules.reconnect] {
            let again = Backoff::new(&default.steps, default.jitter);
            assert_eq!(again, Ok(default));
        }
    }

    #[test]
    fn without_jitter_and_at_the_ends_of_the_clock_times_are_exact() {
        let longest = Duration::from_secs(u64::MAX / 1_000_000_000 / 4);
        let table = Backoff::new(&[Duration::from_secs(7), longest], 0).unwrap();
        assert_eq!(table.after(1, u64::MAX), Duration::from_secs(7));
        assert_eq!(table.after(2, 0), longest);
        assert_eq!(scaled(Duration::MAX, 0), Duration::ZERO);
        assert!(scaled(Duration::MAX, u64::MAX) > longest);
    }

    #[test]
    fn draws_for_neighbours_are_spread_evenly() {
        let mut buckets = [0_u32; 16];
        for number in 0..16_000 {
            let bucket = draw_for(42, number) >> 60;
            buckets[usize::try_from(bucket).unwrap()] += 1;
        }
        for count in buckets {
            assert!((850..1150).contains(&count), "{buckets:?}");
        }
    }
}
