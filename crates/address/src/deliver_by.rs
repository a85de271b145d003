//! Until when a message is to be delivered, and what becomes of one that is not: the BY parameter of RFC 2852.
//!
//! Clocks are not looked at here.

use std::fmt;
use std::str::FromStr;

use crate::text::serde_as_text;

/// Most digits of a time (RFC 2852 section 4).
const MAX_DIGITS: usize = 9;

/// The value of `BY=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeliverBy {
    seconds: i32,
    mode: Mode,
    trace: bool,
}

/// What becomes of a message that is not delivered in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// `N`: delivery goes on, and the sender is told of the delay.
    Notify,
    /// `R`: it goes back to the sender.
    Return,
}

/// A value of `BY=` that cannot be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the BY parameter is malformed")]
pub struct DeliverByError;

impl DeliverBy {
    /// Reads the value of `BY=`, in any case.
    ///
    /// ```text
    /// by-value = by-time ";" by-mode [by-trace]     ; RFC 2852 section 4
    /// by-time  = ["-" / "+"] 1*9DIGIT               ; seconds
    /// by-mode  = "N" / "R"
    /// by-trace = "T"
    /// ```
    /// # Errors
    /// Anything else; and no time at all left in mode `R`, which asks for what cannot be done.
    pub fn parse(value: &[u8]) -> Result<Self, DeliverByError> {
        let text = str::from_utf8(value).map_err(|_| DeliverByError)?;
        let (time, how) = text.split_once(';').ok_or(DeliverByError)?;
        let digits = time.strip_prefix(['-', '+']).unwrap_or(time);
        let fits = (1..=MAX_DIGITS).contains(&digits.len());
        if !fits || !digits.bytes().all(|octet| octet.is_ascii_digit()) {
            return Err(DeliverByError);
        }
        let seconds: i32 = time.parse().map_err(|_| DeliverByError)?;
        let (mode, trace) = match how.to_ascii_uppercase().as_str() {
            "N" => (Mode::Notify, false),
            "NT" => (Mode::Notify, true),
            "R" => (Mode::Return, false),
            "RT" => (Mode::Return, true),
            _ => return Err(DeliverByError),
        };
        if mode == Mode::Return && seconds <= 0 {
            return Err(DeliverByError);
        }
        Ok(Self {
            seconds,
            mode,
            trace,
        })
    }

    /// Seconds that are left; negative when the time is over, which only mode `N` allows.
    #[must_use]
    pub fn seconds(self) -> i32 {
        self.seconds
    }

    /// What becomes of the message afterwards.
    #[must_use]
    pub fn mode(self) -> Mode {
        self.mode
    }

    /// Whether the sender wants to hear of every server the message is passed to.
    #[must_use]
    pub fn trace(self) -> bool {
        self.trace
    }
}

impl FromStr for DeliverBy {
    type Err = DeliverByError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text.as_bytes())
    }
}

impl fmt::Display for DeliverBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = match self.mode {
            Mode::Notify => 'N',
            Mode::Return => 'R',
        };
        let trace = if self.trace { "T" } else { "" };
        write!(f, "{};{mode}{trace}", self.seconds)
    }
}

serde_as_text!(DeliverBy);

#[cfg(test)]
mod tests {
    use super::DeliverBy;

    #[track_caller]
    fn check(value: &str, expected: Option<&str>) {
        let parsed = DeliverBy::parse(value.as_bytes());
        let shown = parsed.ok().map(|by| by.to_string());
        assert_eq!(shown.as_deref(), expected, "{value:?}");
    }

    // EXT-25
    #[test]
    fn known_values() {
        check("120;R", Some("120;R"));
        check("+120;r", Some("120;R"));
        check("120;rt", Some("120;RT"));
        check("0;N", Some("0;N"));
        check("-5;NT", Some("-5;NT"));
        check("999999999;N", Some("999999999;N"));
        check("-999999999;N", Some("-999999999;N"));
        check("0;R", None);
        check("-1;R", None);
        check("1000000000;N", None);
        check("+;N", None);
        check("--1;N", None);
        check(";R", None);
        check("120", None);
        check("120;", None);
        check("120;T", None);
        check("120;RTT", None);
        check("120;R;", None);
        check(" 1;N", None);
        check("1\u{661};N", None);
        check("", None);
    }
}
