//! The values of HOLDFOR and HOLDUNTIL (RFC 4865). Whether anything is held back here is not known.

use super::Parameter;
use crate::hold::Hold;
use crate::utc;

/// Most digits of an interval (RFC 4865 section 4.1).
const MAX_DIGITS: usize = 9;

/// A value that breaks the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Reads either parameter; `None` if it is another one.
///
/// ```text
/// holdfor   = "HOLDFOR=" 1*9DIGIT                      ; RFC 4865 section 4.1, seconds
/// holduntil = "HOLDUNTIL=" full-date "T" partial-time "Z"   ; RFC 3339 section 5.6, in UTC
/// ```
pub(super) fn parse(parameter: &Parameter<'_>) -> Option<Result<Hold, Malformed>> {
    let value = str::from_utf8(parameter.value.unwrap_or_default()).unwrap_or_default();
    let hold = if parameter.is("HOLDFOR") {
        interval(value).map(Hold::For)
    } else if parameter.is("HOLDUNTIL") {
        utc::parse(value).map(Hold::Until)
    } else {
        return None;
    };
    Some(hold.ok_or(Malformed))
}

fn interval(value: &str) -> Option<u32> {
    let fits = value.len() <= MAX_DIGITS && value.bytes().all(|octet| octet.is_ascii_digit());
    fits.then(|| value.parse().ok())?
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::{Hold, Malformed, Parameter, parse};

    #[track_caller]
    fn check(keyword: &str, value: &str, expected: Option<Result<Hold, Malformed>>) {
        let parameter = Parameter {
            keyword: keyword.as_bytes(),
            value: Some(value.as_bytes()),
        };
        assert_eq!(parse(&parameter), expected, "{keyword}={value}");
    }

    // SUB-11, SUB-13
    #[test]
    fn known_values() {
        let seconds = |seconds| Some(Ok(Hold::For(seconds)));
        let until = |seconds| {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            Some(Ok(Hold::Until(time)))
        };
        let bad = Some(Err(Malformed));
        check("HOLDFOR", "60", seconds(60));
        check("holdfor", "999999999", seconds(999_999_999));
        check("HOLDFOR", "9999999999", bad);
        check("HOLDFOR", "-1", bad);
        check("HOLDFOR", "+1", bad);
        check("HOLDFOR", "1h", bad);
        check("HOLDFOR", "", bad);
        check("HOLDUNTIL", "2030-01-31T08:00:00Z", until(1_896_076_800));
        check("HoldUntil", "2030-12-31t23:59:59.25z", until(1_924_992_000));
        check("HOLDUNTIL", "2030-02-31T08:00:00Z", bad);
        check("HOLDUNTIL", "2030-01-31T08:00:00+01:00", bad);
        check("HOLDUNTIL", "2030-01-31T08:00:00", bad);
        check("HOLDUNTIL", "2030-13-01T08:00:00Z", bad);
        check("HOLDUNTIL", "2030-1-01T08:00:00Z", bad);
        check("HOLDUNTIL", "2030-01-31T24:00:00Z", bad);
        check("HOLDUNTIL", "2030-01-31T08:00Z", bad);
        check("HOLDUNTIL", "tomorrow", bad);
        check("HOLD", "60", None);
    }
}
