//! Mail that is to leave later: FUTURERELEASE (RFC 4865). Whoever keeps it until then is not known here.

use std::time::{Duration, SystemTime};

use crate::utc;

/// How long a message is to be kept back (RFC 4865 section 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// HOLDFOR: so many seconds from when the message is taken.
    For(u32),
    /// HOLDUNTIL: until then; what is over already holds nothing back.
    Until(SystemTime),
}

impl Hold {
    /// When a message that is taken at `taken` may leave, and not before (RFC 4865 section 4.2).
    #[must_use]
    pub fn due(self, taken: SystemTime) -> SystemTime {
        match self {
            Self::For(seconds) => taken + Duration::from_secs(u64::from(seconds)),
            Self::Until(time) => time.max(taken),
        }
    }

    /// Whether it asks for more than this, said at `now`.
    pub(crate) fn is_beyond(self, longest: u32, now: SystemTime) -> bool {
        self.due(now) > now + Duration::from_secs(u64::from(longest))
    }

    /// The parameter it was said with.
    pub(crate) const fn parameter(self) -> &'static str {
        match self {
            Self::For(_) => "HOLDFOR",
            Self::Until(_) => "HOLDUNTIL",
        }
    }
}

/// What EHLO says of it (RFC 4865 section 4): the longest time, and what that means today. A clock beyond the years of
/// four digits leaves nothing to say.
pub(crate) fn keyword(longest: u32, now: SystemTime) -> Option<String> {
    let latest = utc::show(now + Duration::from_secs(u64::from(longest)))?;
    Some(format!("FUTURERELEASE {longest} {latest}"))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::{Hold, keyword};

    // SUB-12
    #[test]
    fn nothing_is_due_before_its_time() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(Hold::For(60).due(at(1000)), at(1060));
        assert_eq!(Hold::Until(at(5000)).due(at(1000)), at(5000));
        assert_eq!(Hold::Until(at(500)).due(at(1000)), at(1000));
    }

    // SUB-13
    #[test]
    fn the_longest_time_is_allowed_and_no_second_more() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        for (hold, beyond) in [
            (Hold::For(60), false),
            (Hold::For(61), true),
            (Hold::Until(at(1060)), false),
            (Hold::Until(at(1061)), true),
            (Hold::Until(at(1)), false),
        ] {
            assert_eq!(hold.is_beyond(60, at(1000)), beyond, "{hold:?}");
        }
    }

    // SUB-11
    #[test]
    fn the_keyword_names_the_longest_time_and_its_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_900_000_000_250);
        assert_eq!(
            keyword(86_400, now).as_deref(),
            Some("FUTURERELEASE 86400 2030-03-18T17:46:40Z")
        );
    }
}
