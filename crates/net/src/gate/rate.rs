//! How often something may happen: `300/1m`, judged with one instant of memory per address.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// At most so many events in a period; all of them may come at once after a rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    events: u32,
    period: Duration,
}

/// Why a rate does not parse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    /// There is no `/`, or one side is empty or not a number or time.
    #[error("`{0}` is not a rate: write `300/1m`, that is a number, `/` and a time")]
    Malformed(String),
    /// Nothing would ever be allowed, or everything.
    #[error("`{0}` is not a rate: both the number and the time must be more than zero")]
    Zero(String),
}

impl Rate {
    /// `events` per `period`; zero of either counts as one (nanosecond).
    #[must_use]
    pub fn new(events: u32, period: Duration) -> Self {
        Self {
            events: events.max(1),
            period: period.max(Duration::from_nanos(1)),
        }
    }

    /// The memory after one more event at `now`, or `None` if it comes too soon.
    ///
    /// The generic cell rate algorithm: each event moves the memory on by period/events, and it may run ahead
    /// of the clock by one period. Refused events cost nothing, so an impatient client is not locked out.
    #[must_use]
    pub fn admit(self, paced_until: Option<Instant>, now: Instant) -> Option<Instant> {
        let next = paced_until.map_or(now, |until| until.max(now)) + self.period / self.events;
        (next <= now + self.period).then_some(next)
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let malformed = || RateError::Malformed(text.to_owned());
        let (events, period) = text.split_once('/').ok_or_else(malformed)?;
        let events: u32 = events.trim().parse().map_err(|_| malformed())?;
        let period = humantime::parse_duration(period.trim()).map_err(|_| malformed())?;
        if events == 0 || period.is_zero() {
            return Err(RateError::Zero(text.to_owned()));
        }
        Ok(Self { events, period })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{}",
            self.events,
            humantime::format_duration(self.period)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(u32, u64)>) {
        let expected =
            expected.map(|(events, seconds)| Rate::new(events, Duration::from_secs(seconds)));
        assert_eq!(text.parse::<Rate>().ok(), expected, "{text:?}");
    }

    #[test]
    fn reads_a_number_and_a_time() {
        check("300/1m", Some((300, 60)));
        check("1/1s", Some((1, 1)));
        check(" 5 / 2h ", Some((5, 7200)));
        for bad in [
            "",
            "300",
            "/1m",
            "300/",
            "300/m",
            "-1/1m",
            "0/1m",
            "3/0s",
            "4294967296/1m",
            "3/1m/1m",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn is_written_as_it_is_read() {
        for text in ["300/1m", "7/1h 30m"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn allows_a_burst_then_one_at_a_time() {
        let (start, rate) = (Instant::now(), Rate::new(3, Duration::from_secs(30)));
        let mut memory = None;
        let mut arrive =
            |seconds: u64| match rate.admit(memory, start + Duration::from_secs(seconds)) {
                Some(next) => {
                    memory = Some(next);
                    true
                }
                None => false,
            };
        let arrivals = [
            (0, true),
            (0, true),
            (0, true),
            (0, false),
            (9, false),
            (10, true),
            (19, false),
        ];
        for (at, admitted) in
            arrivals
                .into_iter()
                .chain([(20, true), (120, true), (120, true), (120, true)])
        {
            assert_eq!(arrive(at), admitted, "at {at} s");
        }
        assert!(
            !arrive(120),
            "a long rest does not earn more than one period's worth"
        );
    }
}
