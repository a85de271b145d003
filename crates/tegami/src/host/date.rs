//! The date-time of trace fields (RFC 5322 section 3.3). It changes once a second, and is written once a second, however
//! many messages come in between.

use std::cell::RefCell;

use jiff::Timestamp;
use jiff::tz::TimeZone;

thread_local! {
    /// The second that was written last, and how.
    static LAST: RefCell<Option<(i64, String)>> = const { RefCell::new(None) };
}

/// The time now, in the zone of this machine.
pub fn now() -> String {
    at(Timestamp::now())
}

fn at(time: Timestamp) -> String {
    LAST.with_borrow_mut(|last| match last {
        Some((second, text)) if *second == time.as_second() => text.clone(),
        Some(_) | None => {
            let text = time
                .to_zoned(TimeZone::system())
                .strftime("%a, %d %b %Y %H:%M:%S %z")
                .to_string();
            last.insert((time.as_second(), text)).1.clone()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_second_has_a_text_of_its_own_also_when_the_clock_goes_back() {
        let text = |milliseconds| at(Timestamp::from_millisecond(milliseconds).unwrap());
        let parsed = |milliseconds| {
            let text = text(milliseconds);
            jiff::fmt::rfc2822::parse(&text)
                .unwrap()
                .timestamp()
                .as_second()
        };
        for (milliseconds, second) in [
            (1_000, 1),
            (1_999, 1),
            (2_000, 2),
            (1_500, 1),
            (1_795_000_000_123, 1_795_000_000),
        ] {
            assert_eq!(parsed(milliseconds), second, "{milliseconds}");
        }
    }
}
