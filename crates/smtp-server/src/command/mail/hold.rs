//! HOLDFOR and HOLDUNTIL (RFC 4865), as far as saying what is wrong with them.
//!
//! A message that is to be held back is not taken: what delivers at once would deliver it too early. So there is no
//! value to keep, and FUTURERELEASE is not offered.

use super::Parameter;

/// Most digits of an interval (RFC 4865 section 4.1).
const MAX_DIGITS: usize = 9;

/// A value that breaks the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Looks at either parameter; `None` if it is another one.
///
/// ```text
/// holdfor   = "HOLDFOR=" 1*9DIGIT                      ; RFC 4865 section 4.1, seconds
/// holduntil = "HOLDUNTIL=" full-date "T" partial-time "Z"   ; RFC 3339 section 5.6, in UTC
/// ```
pub(super) fn parse(parameter: &Parameter<'_>) -> Option<Result<(), Malformed>> {
    let value = parameter.value.unwrap_or_default();
    let fits = if parameter.is("HOLDFOR") {
        (1..=MAX_DIGITS).contains(&value.len()) && value.iter().all(u8::is_ascii_digit)
    } else if parameter.is("HOLDUNTIL") {
        str::from_utf8(value).is_ok_and(is_time)
    } else {
        return None;
    };
    Some(fits.then_some(()).ok_or(Malformed))
}

fn is_time(text: &str) -> bool {
    let Some((date, time)) = text.split_once(['T', 't']) else {
        return false;
    };
    let Some(time) = time.strip_suffix(['Z', 'z']) else {
        return false;
    };
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let is_number =
        |text: &str| !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    let within = |parts: Vec<&str>, bounds: [(usize, u32, u32); 3]| {
        let fits = |(part, (digits, least, most)): (&&str, (usize, u32, u32))| {
            part.len() == digits
                && is_number(part)
                && part
                    .parse()
                    .is_ok_and(|number: u32| (least..=most).contains(&number))
        };
        parts.len() == bounds.len() && parts.iter().zip(bounds).all(fits)
    };
    // A second of 60 is a leap second.
    is_number(fraction)
        && within(
            date.split('-').collect(),
            [(4, 0, 9999), (2, 1, 12), (2, 1, 31)],
        )
        && within(
            time.split(':').collect(),
            [(2, 0, 23), (2, 0, 59), (2, 0, 60)],
        )
}

#[cfg(test)]
mod tests {
    use super::{Malformed, Parameter, parse};

    #[track_caller]
    fn check(keyword: &str, value: &str, expected: Option<Result<(), Malformed>>) {
        let parameter = Parameter {
            keyword: keyword.as_bytes(),
            value: Some(value.as_bytes()),
        };
        assert_eq!(parse(&parameter), expected, "{keyword}={value}");
    }

    // SUB-13
    #[test]
    fn known_values() {
        let (good, bad) = (Some(Ok(())), Some(Err(Malformed)));
        check("HOLDFOR", "60", good);
        check("holdfor", "999999999", good);
        check("HOLDFOR", "9999999999", bad);
        check("HOLDFOR", "-1", bad);
        check("HOLDFOR", "1h", bad);
        check("HOLDFOR", "", bad);
        check("HOLDUNTIL", "2030-01-31T08:00:00Z", good);
        check("HoldUntil", "2030-12-31t23:59:60.25z", good);
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
