//! A moment as reports write it: for programs (RFC 5322 section 3.3) and for people. Clocks are not looked at.

use std::fmt;

use reply::Language;

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const DAY: i64 = 86_400;
/// 9999-12-31, its first second: four digits of a year, in whatever zone.
const LAST: i64 = 253_402_214_400;
/// Furthest from UTC, in minutes, that the zone of a date can say (RFC 5322 section 3.3).
const FURTHEST: i16 = 23 * 60 + 59;

/// A point in time, and the zone to show it in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    unix: i64,
    offset: i16,
}

/// Year, month from 0, day from 1, and what is left of the day in seconds.
struct Civil {
    year: i64,
    month: usize,
    day: i64,
    weekday: usize,
    seconds: i64,
}

impl Moment {
    /// Seconds since 1970 in UTC, and minutes east of UTC. What no date can show (before 1970, after 9999, a whole day
    /// from UTC) becomes the nearest that one can.
    #[must_use]
    pub fn new(unix: i64, offset: i16) -> Self {
        Self {
            unix: unix.clamp(DAY, LAST),
            offset: offset.clamp(-FURTHEST, FURTHEST),
        }
    }

    /// Days to a date by counting from March, so that the leap day is the last of its year.
    fn civil(self) -> Civil {
        let local = self.unix + i64::from(self.offset) * 60;
        let days = local.div_euclid(DAY);
        // Eras of 400 years, counted from 0000-03-01.
        let since = days + 719_468;
        let (era, day_of_era) = (since.div_euclid(146_097), since.rem_euclid(146_097));
        let leaps = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / 146_096;
        let year_of_era = (day_of_era - leaps) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let month = (from_march + 2) % 12;
        Civil {
            year: era * 400 + year_of_era + i64::from(month < 2),
            month: usize::try_from(month).unwrap_or(0),
            day: day_of_year - (153 * from_march + 2) / 5 + 1,
            weekday: usize::try_from(days.rem_euclid(7)).unwrap_or(0),
            seconds: local.rem_euclid(DAY),
        }
    }

    /// `+0900`.
    fn zone(self) -> String {
        let sign = if self.offset < 0 { '-' } else { '+' };
        let minutes = self.offset.unsigned_abs();
        format!("{sign}{:02}{:02}", minutes / 60, minutes % 60)
    }

    /// As people read it, to the minute.
    pub(crate) fn in_language(self, language: Language) -> String {
        let civil = self.civil();
        let (hour, minute) = (civil.seconds / 3600, civil.seconds / 60 % 60);
        let zone = self.zone();
        match language {
            Language::English => format!(
                "{}, {} {} {}, {hour:02}:{minute:02} ({zone})",
                DAYS[civil.weekday], civil.day, MONTHS[civil.month], civil.year
            ),
            Language::Japanese => format!(
                "{}年{}月{}日 {hour}時{minute:02}分（{zone}）",
                civil.year,
                civil.month + 1,
                civil.day
            ),
        }
    }
}

/// `Sun, 22 Nov 2026 14:20:00 +0900`
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let civil = self.civil();
        write!(
            f,
            "{}, {:02} {} {} {:02}:{:02}:{:02} {}",
            DAYS[civil.weekday],
            civil.day,
            MONTHS[civil.month],
            civil.year,
            civil.seconds / 3600,
            civil.seconds / 60 % 60,
            civil.seconds % 60,
            self.zone()
        )
    }
}

#[cfg(test)]
mod tests {
    use reply::Language;

    use super::Moment;

    #[track_caller]
    fn check(unix: i64, offset: i16, expected: &str) {
        assert_eq!(Moment::new(unix, offset).to_string(), expected);
    }

    // Expected values: `date -u -R -d @SECONDS`.
    #[test]
    fn known_dates() {
        check(1_795_354_992, 0, "Sun, 22 Nov 2026 13:43:12 +0000");
        check(1_795_354_992, 540, "Sun, 22 Nov 2026 22:43:12 +0900");
        check(1_795_354_992, 825, "Mon, 23 Nov 2026 03:28:12 +1345");
        check(1_795_354_992, -570, "Sun, 22 Nov 2026 04:13:12 -0930");
        check(951_782_399, 0, "Mon, 28 Feb 2000 23:59:59 +0000");
        check(951_782_400, 0, "Tue, 29 Feb 2000 00:00:00 +0000");
        check(951_868_800, 0, "Wed, 01 Mar 2000 00:00:00 +0000");
        check(4_107_542_400, 0, "Mon, 01 Mar 2100 00:00:00 +0000");
        check(1_735_689_599, 0, "Tue, 31 Dec 2024 23:59:59 +0000");
        check(1_735_689_600, 0, "Wed, 01 Jan 2025 00:00:00 +0000");
    }

    #[test]
    fn what_no_date_can_show_becomes_the_nearest() {
        check(i64::MIN, i16::MIN, "Thu, 01 Jan 1970 00:01:00 -2359");
        check(i64::MAX, i16::MAX, "Fri, 31 Dec 9999 23:59:00 +2359");
    }

    #[test]
    fn people_read_minutes() {
        let moment = Moment::new(1_795_354_992, 540);
        assert_eq!(
            moment.in_language(Language::English),
            "Sun, 22 Nov 2026, 22:43 (+0900)"
        );
        assert_eq!(
            moment.in_language(Language::Japanese),
            "2026年11月22日 22時43分（+0900）"
        );
    }
}
