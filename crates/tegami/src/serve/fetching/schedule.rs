//! When a server that keeps mail for us is visited next. It looks at no clock and draws no lots: both are arguments.

use std::time::{Duration, Instant};

/// The first visit after the start comes within so much, so that many customers of one server do not come together.
const OPENING: Duration = Duration::from_secs(15);
/// After a first failure; doubled each time.
const FIRST: Duration = Duration::from_secs(60);
/// The longest time between two tries, unless it is longer anyhow.
const LONGEST: Duration = Duration::from_secs(60 * 60);
/// How long a new address may settle.
const SETTLING: Duration = Duration::from_secs(1);
/// Between two visits, however often this machine moves.
const APART: Duration = Duration::from_secs(10);

/// The visits to one server.
#[derive(Clone, Debug)]
pub struct Schedule {
    every: Duration,
    failures: u32,
    due: Instant,
    begun: Option<Instant>,
}

impl Schedule {
    /// Visits every so often, from now on.
    pub fn new(every: Duration, now: Instant, lot: u64) -> Self {
        Self {
            every,
            failures: 0,
            due: now + (every / 20).min(OPENING).mul_f64(share(lot)),
            begun: None,
        }
    }

    /// When the next one is.
    pub fn due(&self) -> Instant {
        self.due
    }

    /// One begins.
    pub fn begin(&mut self, now: Instant) {
        self.begun = Some(now);
    }

    /// It went well.
    pub fn succeeded(&mut self, now: Instant, lot: u64) {
        self.failures = 0;
        self.due = now + varied(self.every, lot);
    }

    /// It did not.
    pub fn failed(&mut self, now: Instant, lot: u64) {
        let longest = LONGEST.max(self.every);
        let doubled = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        let pause = FIRST.min(self.every).saturating_mul(doubled).min(longest);
        self.failures = (self.failures + 1).min(20);
        self.due = now + varied(pause, lot);
    }

    /// This machine is somewhere else now: what did not go there may go here.
    pub fn moved(&mut self, now: Instant) {
        self.failures = 0;
        let settled = now + SETTLING;
        let soonest = self
            .begun
            .map_or(settled, |begun| settled.max(begun + APART));
        self.due = self.due.min(soonest);
    }
}

/// Up to a tenth less, so that what failed together does not come back together.
fn varied(time: Duration, lot: u64) -> Duration {
    time - (time / 10).mul_f64(share(lot))
}

/// From 0 to 1.
fn share(lot: u64) -> f64 {
    f64::from(u32::try_from(lot >> 32).unwrap_or(u32::MAX)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const MINUTE: Duration = Duration::from_secs(60);
    const LOTS: [u64; 3] = [0, 1 << 62, u64::MAX];

    #[track_caller]
    fn between(schedule: &Schedule, now: Instant, least: Duration, most: Duration) {
        let pause = schedule.due() - now;
        assert!((least..=most).contains(&pause), "{pause:?}");
    }

    #[test]
    fn the_first_visit_comes_at_the_start_and_the_next_ones_as_often_as_was_said() {
        for lot in LOTS {
            let mut now = Instant::now();
            let mut schedule = Schedule::new(5 * MINUTE, now, lot);
            between(&schedule, now, Duration::ZERO, 15 * SECOND);
            for _ in 0..3 {
                now = schedule.due();
                schedule.begin(now);
                schedule.succeeded(now + SECOND, lot);
                between(&schedule, now, 4 * MINUTE, 5 * MINUTE + SECOND);
            }
        }
        let now = Instant::now();
        between(
            &Schedule::new(20 * SECOND, now, u64::MAX),
            now,
            Duration::ZERO,
            SECOND,
        );
    }

    #[test]
    fn failures_come_further_and_further_apart_up_to_an_hour() {
        for (every, minutes) in [
            (5 * MINUTE, [1, 2, 4, 8, 16, 32, 60, 60]),
            (360 * MINUTE, [1, 2, 4, 8, 16, 32, 64, 128]),
        ] {
            for lot in LOTS {
                let now = Instant::now();
                let mut schedule = Schedule::new(every, now, lot);
                for step in minutes {
                    schedule.failed(now, lot);
                    between(&schedule, now, step * MINUTE * 9 / 10, step * MINUTE);
                }
                for _ in 0..50 {
                    schedule.failed(now, lot);
                }
                let longest = every.max(60 * MINUTE);
                between(&schedule, now, longest * 9 / 10, longest);
                schedule.succeeded(now, lot);
                schedule.failed(now, lot);
                between(&schedule, now, 54 * SECOND, MINUTE);
            }
        }
    }

    #[test]
    fn a_new_address_is_tried_at_once_but_not_over_and_over() {
        let now = Instant::now();
        let mut schedule = Schedule::new(5 * MINUTE, now, 0);
        for _ in 0..9 {
            schedule.failed(now, 0);
        }
        schedule.moved(now);
        between(&schedule, now, SECOND, SECOND);
        schedule.begin(now + SECOND);
        schedule.failed(now + 2 * SECOND, 0);
        between(&schedule, now, 62 * SECOND, 62 * SECOND);
        // A cable that is plugged in and out.
        schedule.moved(now + 3 * SECOND);
        between(&schedule, now, 11 * SECOND, 11 * SECOND);
        schedule.moved(now + 10 * SECOND);
        between(&schedule, now, 11 * SECOND, 11 * SECOND);
        schedule.moved(now + 100 * SECOND);
        between(&schedule, now, 11 * SECOND, 11 * SECOND);
    }
}
