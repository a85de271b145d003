//! The line between messages: `From sender Sat Jan  3 01:05:34 1996`.
//!
//! A line without a date is text whose writer forgot to quote it: letters say "From now on" more often than programs
//! leave the date out.

use jiff::Timestamp;
use jiff::tz::TimeZone;

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
/// A longer line is no separator.
const LONGEST: usize = 1000;

/// Whether a line, with or without its end, stands between messages.
pub(crate) fn is_separator(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"From ") else {
        return false;
    };
    if rest.len() > LONGEST {
        return false;
    }
    let text = String::from_utf8_lossy(rest);
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    (0..words.len()).any(|at| is_date(&words[at..]))
}

/// `Sat Jan 3 01:05 1996`, with seconds and a zone before or behind the year if need be, or `Sat, 3 Jan 1996 01:05:34`.
fn is_date(words: &[&str]) -> bool {
    let Some((day, rest)) = words.split_first() else {
        return false;
    };
    let rest = &rest[..rest.len().min(6)];
    DAYS.contains(&day.trim_end_matches(','))
        && rest.iter().take(2).any(|word| MONTHS.contains(word))
        && rest.iter().take(2).any(|word| number(word, 1, 31))
        && rest.iter().any(|word| is_time(word))
        && rest
            .iter()
            .any(|word| word.len() == 4 && number(word, 1900, 9999))
}

fn is_time(word: &str) -> bool {
    let parts: Vec<&str> = word.split(':').collect();
    matches!(parts.len(), 2 | 3)
        && number(parts[0], 0, 24)
        && parts[1..].iter().all(|part| number(part, 0, 60))
}

fn number(word: &str, least: u32, most: u32) -> bool {
    word.bytes().all(|octet| octet.is_ascii_digit())
        && word
            .parse()
            .is_ok_and(|value: u32| (least..=most).contains(&value))
}

/// The line itself, LF included.
pub(crate) fn separator(when: Timestamp) -> String {
    let time = when.to_zoned(TimeZone::UTC);
    let day = DAYS[usize::from(time.weekday().to_monday_zero_offset().unsigned_abs()) % 7];
    let month = MONTHS[usize::from(time.month().unsigned_abs().saturating_sub(1)) % 12];
    // RFC 4155 appendix A: asctime, in UTC.
    format!(
        "From MAILER-DAEMON {day} {month} {:>2} {:02}:{:02}:{:02} {:04}\n",
        time.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.year()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_programs_write_is_recognised() {
        for line in [
            "From alice@example.test Sat Jan  3 01:05:34 1996",
            "From alice@example.test Sat Jan  3 01:05:34 1996\r\n",
            "From - Sat Jan 03 01:05:34 1996",
            "From MAILER-DAEMON Fri Jul  8 12:08:34 2011",
            "From MAILER_DAEMON  Thu Aug 24 15:06 2000",
            "From \"alice smith\"@example.test Sat Jan  3 01:05:34 +0100 1996",
            "From alice Sat Jan  3 01:05:34 MET DST 1996",
            "From alice Sat Jan  3 01:05:34 1996 +0100",
            "From alice Sat Jan  3 01:05:34 1996 remote from there",
            "From alice@example.test Sat, 3 Jan 1996 01:05:34 +0100",
            "From Sat Jan  3 01:05:34 1996",
        ] {
            assert!(is_separator(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn text_is_not() {
        for line in [
            "From",
            "From ",
            "From now on",
            "From Sat to Mon we are closed, from Jan 3 1996",
            "From alice Sat Jan 3",
            "From alice Sat Jan 32 01:05:34 1996",
            "From alice Sat Jan  3 25:05:34 1996",
            "From alice 1996",
            "from alice Sat Jan  3 01:05:34 1996",
            ">From alice Sat Jan  3 01:05:34 1996",
            "From: alice Sat Jan  3 01:05:34 1996",
        ] {
            assert!(!is_separator(line.as_bytes()), "{line}");
        }
        let long = format!("From {} Sat Jan  3 01:05:34 1996", "a".repeat(2_000));
        assert!(!is_separator(long.as_bytes()));
    }

    #[test]
    fn what_we_write_is_recognised() {
        for (second, expected) in [
            (0, "From MAILER-DAEMON Thu Jan  1 00:00:00 1970\n"),
            (951_782_400, "From MAILER-DAEMON Tue Feb 29 00:00:00 2000\n"),
            (
                1_000_000_000,
                "From MAILER-DAEMON Sun Sep  9 01:46:40 2001\n",
            ),
            (
                4_102_444_799,
                "From MAILER-DAEMON Thu Dec 31 23:59:59 2099\n",
            ),
        ] {
            let line = separator(Timestamp::from_second(second).unwrap());
            assert_eq!(line, expected);
            assert!(is_separator(line.as_bytes()));
        }
    }
}
