//! What is kept of a domain, and what to do with it (RFC 8461 sections 3.3, 5.1 and 10.2). The clock is an argument.

use std::time::{Duration, SystemTime};

use crate::policy::Policy;
use crate::record::Id;

/// A policy older than this is fetched again while it is still good, so that nobody only has to be in the way for the
/// moment when it ends.
const REFRESH: Duration = Duration::from_secs(24 * 60 * 60);
/// What could not be fetched is not tried again before this (RFC 8461 section 3.3).
const PAUSE: Duration = Duration::from_secs(5 * 60);

/// What DNS says of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Announced {
    /// There is one, by this id.
    Id(Id),
    /// There is none.
    Nothing,
    /// It cannot be said now.
    Unclear,
}

/// A policy that was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The id that was announced then.
    pub id: Id,
    /// When it was last fetched.
    pub fetched: SystemTime,
    /// What it says.
    pub policy: Policy,
}

/// The last attempt to fetch a policy came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The id that was announced.
    pub id: Id,
    /// When that was.
    pub at: SystemTime,
}

/// What to do about a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// There is no policy; send as to anybody.
    NoPolicy,
    /// What is kept holds.
    Use,
    /// What is kept holds; besides, fetch it anew when there is time.
    UseAndRefresh,
    /// Fetch it before anything is sent. If that fails, what is kept holds, if anything is.
    Fetch,
}

impl Kept {
    /// Until when it holds.
    #[must_use]
    pub fn until(&self) -> SystemTime {
        // Where the clock ends, it is over, and fetched again.
        self.fetched
            .checked_add(self.policy.max_age())
            .unwrap_or(self.fetched)
    }

    fn holds(&self, now: SystemTime) -> bool {
        now < self.until()
    }

    fn is_old(&self, now: SystemTime) -> bool {
        // A clock that was set back makes nothing old.
        let age = now.duration_since(self.fetched).unwrap_or_default();
        age >= REFRESH.min(self.policy.max_age() / 2)
    }
}

/// What to do about a domain of which this is known.
#[must_use]
pub fn decide(
    now: SystemTime,
    announced: &Announced,
    kept: Option<&Kept>,
    failed: Option<&Failed>,
) -> Decision {
    let kept = kept.filter(|kept| kept.holds(now));
    let id = match (announced, kept) {
        (Announced::Id(id), _) => id,
        // RFC 8461 section 5.1: a record that went away, or cannot be had, takes no policy with it.
        (Announced::Nothing | Announced::Unclear, Some(_)) => return Decision::Use,
        (Announced::Nothing | Announced::Unclear, None) => return Decision::NoPolicy,
    };
    let may_fetch = !failed.is_some_and(|failed| failed.id == *id && is_recent(failed.at, now));
    match kept {
        Some(kept) if kept.id == *id => {
            if kept.is_old(now) && may_fetch {
                Decision::UseAndRefresh
            } else {
                Decision::Use
            }
        }
        Some(_) | None if may_fetch => Decision::Fetch,
        Some(_) => Decision::Use,
        None => Decision::NoPolicy,
    }
}

fn is_recent(at: SystemTime, now: SystemTime) -> bool {
    let since = now.duration_since(at).unwrap_or_default();
    since < PAUSE
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 60 * 60;

    fn time(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn id(text: &str) -> Id {
        Id::parse(text).unwrap()
    }

    /// A policy of a week, fetched at `fetched` as `a`.
    fn kept(fetched: u64) -> Kept {
        let text = format!(
            "version: STSv1\nmode: enforce\nmx: a.example\nmax_age: {}",
            7 * DAY
        );
        Kept {
            id: id("a"),
            fetched: time(fetched),
            policy: Policy::parse(text.as_bytes()).unwrap(),
        }
    }

    #[test]
    fn what_to_do_follows_from_what_is_announced_kept_and_failed() {
        use Announced::{Nothing, Unclear};
        use Decision::{Fetch, NoPolicy, Use, UseAndRefresh};
        let (a, b) = (Announced::Id(id("a")), Announced::Id(id("b")));
        let start = 100 * DAY;
        let kept = kept(start);
        let failed = |text, at| Failed {
            id: id(text),
            at: time(at),
        };
        for (now, announced, kept, failed, expected) in [
            // Nothing is known yet.
            (start, &Nothing, None, None, NoPolicy),
            (start, &Unclear, None, None, NoPolicy),
            (start, &a, None, None, Fetch),
            (start, &a, None, Some(failed("a", start)), NoPolicy),
            (start + 299, &a, None, Some(failed("a", start)), NoPolicy),
            (start + 300, &a, None, Some(failed("a", start)), Fetch),
            (start + 1, &b, None, Some(failed("a", start)), Fetch),
            // A policy is kept, and is good.
            (start + 1, &a, Some(&kept), None, Use),
            (start + DAY - 1, &a, Some(&kept), None, Use),
            (start + DAY, &a, Some(&kept), None, UseAndRefresh),
            (
                start + DAY,
                &a,
                Some(&kept),
                Some(failed("a", start + DAY)),
                Use,
            ),
            (start + 1, &b, Some(&kept), None, Fetch),
            (start + 1, &b, Some(&kept), Some(failed("b", start)), Use),
            // Whoever tampers with DNS does not get rid of it.
            (start + 6 * DAY, &Nothing, Some(&kept), None, Use),
            (start + 6 * DAY, &Unclear, Some(&kept), None, Use),
            // Its time is over.
            (start + 7 * DAY, &Nothing, Some(&kept), None, NoPolicy),
            (start + 7 * DAY, &Unclear, Some(&kept), None, NoPolicy),
            (start + 7 * DAY, &a, Some(&kept), None, Fetch),
            (
                start + 7 * DAY,
                &a,
                Some(&kept),
                Some(failed("a", start + 7 * DAY)),
                NoPolicy,
            ),
            // The clock was set back.
            (start - DAY, &a, Some(&kept), Some(failed("b", start)), Use),
        ] {
            let found = decide(time(now), announced, kept, failed.as_ref());
            let told = format!(
                "{} {announced:?} {} {failed:?}",
                now - start.min(now),
                kept.is_some()
            );
            assert_eq!(found, expected, "{told}");
        }
    }

    #[test]
    fn a_short_policy_is_refreshed_at_half_its_time() {
        let mut kept = kept(0);
        kept.policy = Policy::parse(b"version: STSv1\nmode: none\nmax_age: 100").unwrap();
        let announced = Announced::Id(id("a"));
        let at = |now| decide(time(now), &announced, Some(&kept), None);
        assert_eq!(at(49), Decision::Use);
        assert_eq!(at(50), Decision::UseAndRefresh);
        assert_eq!(at(100), Decision::Fetch);
    }
}
