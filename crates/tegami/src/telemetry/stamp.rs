//! The time of a log line, as `2026-11-22T17:17:36.882695Z`. All but its fraction is written once a second, however many
//! lines come in between.

use std::cell::RefCell;
use std::fmt;

use jiff::Timestamp;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

thread_local! {
    /// The second that was written last, and how.
    static LAST: RefCell<Option<(i64, String)>> = const { RefCell::new(None) };
}

/// The system's clock, in UTC, to the microsecond.
pub struct Stamp;

impl FormatTime for Stamp {
    fn format_time(&self, to: &mut Writer<'_>) -> fmt::Result {
        write(Timestamp::now(), to)
    }
}

fn write(time: Timestamp, to: &mut Writer<'_>) -> fmt::Result {
    // Nanoseconds of times before 1970 count backwards from the next second; no clock of ours is there.
    let second = time.as_second();
    LAST.with_borrow_mut(|last| match last {
        Some((known, text)) if *known == second => to.write_str(text),
        Some(_) | None => {
            let text = time.strftime("%Y-%m-%dT%H:%M:%S.").to_string();
            to.write_str(&last.insert((second, text)).1)
        }
    })?;
    let mut fraction = *b"000000Z";
    let mut left = time.subsec_microsecond();
    for place in fraction[..6].iter_mut().rev() {
        *place = b'0' + u8::try_from(left.rem_euclid(10)).unwrap_or_default();
        left /= 10;
    }
    to.write_str(str::from_utf8(&fraction).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_those_of_rfc_3339_with_six_digits() {
        for (microseconds, expected) in [
            (1_795_367_856_882_695, "2026-11-22T17:17:36.882695Z"),
            (1_795_367_856_000_001, "2026-11-22T17:17:36.000001Z"),
            (1_795_367_857_999_999, "2026-11-22T17:17:37.999999Z"),
            (1_795_367_856_050_000, "2026-11-22T17:17:36.050000Z"),
            (0, "1970-01-01T00:00:00.000000Z"),
        ] {
            let mut line = String::new();
            let time = Timestamp::from_microsecond(microseconds).unwrap();
            write(time, &mut Writer::new(&mut line)).unwrap();
            assert_eq!(line, expected);
        }
    }
}
