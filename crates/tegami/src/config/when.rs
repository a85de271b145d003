//! Days and times, as people write them.

use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};
use toml_edit::Value;

use super::setting::{Raw, Setting};

/// A day or a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// `now` or `open`: no bound.
    Unbounded,
    /// From its begin, or to its end, where this machine is.
    Day(civil::Date),
    /// A moment, wherever that is.
    At(Timestamp),
}

/// It lies before the year 1970, or too far away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("that day is before 1970 or after 9998; choose another")]
pub struct FarAway;

impl When {
    /// Reads `2027-08-01`, `2027-08-01T12:00:00Z`, `now` or `open`.
    ///
    /// # Errors
    /// A sentence that says what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "now" || text == "open" {
            return Ok(Self::Unbounded);
        }
        let day = text.parse().map(Self::Day);
        day.or_else(|_| text.parse().map(Self::At)).map_err(|_| {
            format!("{text:?} is no date; write one such as 2027-08-01 or 2027-08-01T12:00:00Z")
        })
    }

    /// The second it begins, since 1970; or, with `end`, the second behind its end. `None` is no bound.
    ///
    /// # Errors
    /// There is no such second.
    pub fn second(self, end: bool, zone: &TimeZone) -> Result<Option<u64>, FarAway> {
        let at = match self {
            Self::Unbounded => return Ok(None),
            Self::At(at) => at,
            Self::Day(day) => {
                let day = if end { day.tomorrow() } else { Ok(day) };
                let day = day.and_then(|day| day.to_zoned(zone.clone()));
                day.map_err(|_| FarAway)?.timestamp()
            }
        };
        u64::try_from(at.as_second()).map(Some).map_err(|_| FarAway)
    }
}

/// TOML has dates of its own; they may stand in quotes as well.
impl Setting for When {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        match raw {
            Raw::Toml(Value::Datetime(date)) => Self::parse(&date.value().to_string()),
            Raw::Toml(_) | Raw::Text(_) => Self::parse(raw.text()?),
        }
    }

    fn show(&self) -> Option<Value> {
        Some(Value::from(match self {
            Self::Unbounded => "open".to_owned(),
            Self::Day(day) => day.to_string(),
            Self::At(at) => at.to_string(),
        }))
    }
}
