//! Dates and times in UTC as RFC 3339 writes them: `2030-01-31T08:00:00Z`. What time it is is not known here.

use std::time::{Duration, SystemTime};

const DAY: u64 = 24 * 60 * 60;

/// Reads a date and time.
///
/// ```text
/// date-time    = full-date "T" partial-time "Z"              ; RFC 3339 section 5.6, in UTC
/// full-date    = 4DIGIT "-" 2DIGIT "-" 2DIGIT
/// partial-time = 2DIGIT ":" 2DIGIT ":" 2DIGIT ["." 1*DIGIT]
/// ```
/// A leap second counts as the first second after it. A begun second counts as a whole one, so that nothing is
/// early.
pub(crate) fn parse(text: &str) -> Option<SystemTime> {
    let (date, time) = text.split_once(['T', 't'])?;
    let time = time.strip_suffix(['Z', 'z'])?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    if fraction.is_empty() || !are_digits(fraction) {
        return None;
    }
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let exists = (1..=12).contains(&month)
        && (1..=days_of(month, year)).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !exists {
        return None;
    }
    // What is over is over, however long.
    let Some(days) = days_before(year, month, day) else {
        return Some(SystemTime::UNIX_EPOCH);
    };
    let begun = u64::from(fraction.bytes().any(|digit| digit != b'0'));
    let seconds = days * DAY + (hour * 60 + minute) * 60 + second + begun;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

/// Writes a date and time to the second; years beyond 9999 cannot be written.
pub(crate) fn show(time: SystemTime) -> Option<String> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    let (mut days, of_day) = (since / DAY, since % DAY);
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
        if year > 9999 {
            return None;
        }
    }
    let mut month = 1;
    while days >= days_of(month, year) {
        days -= days_of(month, year);
        month += 1;
    }
    Some(format!(
        "{year:04}-{month:02}-{:02}T{:02}:{:02}:{:02}Z",
        days + 1,
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60
    ))
}

/// Numbers of exactly so many digits.
fn numbers(text: &str, between: char, digits: [usize; 3]) -> Option<[u64; 3]> {
    let mut parts = text.split(between);
    let mut numbers = [0; 3];
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next()?;
        if part.len() != digits || !are_digits(part) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

fn are_digits(text: &str) -> bool {
    text.bytes().all(|octet| octet.is_ascii_digit())
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn days_of(month: u64, year: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days between 1970-01-01 and this one; nothing before that.
fn days_before(year: u64, month: u64, day: u64) -> Option<u64> {
    let past = year.checked_sub(1970)?;
    // Leap years before a year, counted from the year 1.
    let leaps = |year: u64| (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400;
    let months: u64 = (1..month).map(|month| days_of(month, year)).sum();
    Some(past * 365 + leaps(year) - leaps(1970) + months + day - 1)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use proptest::prelude::*;

    use super::{parse, show};

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn known_times() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T23:59:59Z", 951_868_799),
            ("2026-11-22T17:45:00Z", 1_795_369_500),
            ("2030-03-17T17:46:40Z", 1_900_000_000),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
        ] {
            assert_eq!(parse(text), Some(at(seconds)), "{text}");
            assert_eq!(show(at(seconds)).as_deref(), Some(text));
        }
        assert_eq!(
            parse("2030-12-31t23:59:60.00z"),
            parse("2031-01-01T00:00:00Z")
        );
        assert_eq!(parse("1970-01-01T00:00:07.001Z"), Some(at(8)));
        assert_eq!(parse("0000-01-01T00:00:00Z"), Some(at(0)));
        assert_eq!(parse("1969-12-31T23:59:59Z"), Some(at(0)));
        assert_eq!(show(at(253_402_300_800)), None);
        for text in [
            "2030-02-31T08:00:00Z",
            "2100-02-29T08:00:00Z",
            "2030-00-01T08:00:00Z",
            "2030-01-00T08:00:00Z",
            "2030-01-01T08:60:00Z",
            "2030-01-01T08:00:61Z",
            "2030-01-01T08:00:00.Z",
            "2030-01-01T08:00:00.2xZ",
            "2030-01-01T+8:00:00Z",
            "2030-01-01-01T08:00:00Z",
            "2030-01-01 08:00:00Z",
            "T",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(seconds in 0_u64..253_402_300_800) {
            let text = show(at(seconds)).unwrap();
            prop_assert_eq!(parse(&text), Some(at(seconds)), "{}", text);
        }
    }
}
