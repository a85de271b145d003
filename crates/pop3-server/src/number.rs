//! Numbers as POP3 commands write them: decimal digits, nothing else, and never wrapped around.

use std::fmt;
use std::num::NonZeroU32;

/// A message number: from one up, fixed for the session (RFC 1939 section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MessageNumber(NonZeroU32);

/// Why an argument is not the number it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NumberFault {
    /// Something other than digits, or zero where numbers begin with one.
    NotANumber,
    /// More than 32 bits.
    OutOfRange,
}

impl MessageNumber {
    /// Reads a message number.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, NumberFault> {
        NonZeroU32::new(parse_u32(text)?)
            .map(Self)
            .ok_or(NumberFault::NotANumber)
    }

    /// The place in the listing.
    pub(crate) fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

impl fmt::Display for MessageNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Reads digits. Leading zeros are harmless; signs are not digits.
pub(crate) fn parse_u32(text: &[u8]) -> Result<u32, NumberFault> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return Err(NumberFault::NotANumber);
    }
    text.iter()
        .try_fold(0_u32, |value, digit| {
            value.checked_mul(10)?.checked_add(u32::from(digit - b'0'))
        })
        .ok_or(NumberFault::OutOfRange)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<usize, NumberFault>) {
        assert_eq!(
            MessageNumber::parse(text.as_bytes()).map(MessageNumber::index),
            expected,
            "{text:?}"
        );
    }

    #[test]
    fn reads_exactly_the_numbers_that_are_there() {
        check("1", Ok(0));
        check("100000", Ok(99_999));
        check("007", Ok(6));
        check("4294967295", Ok(4_294_967_294));
        check("00000000000000000000000000000000001", Ok(0));
    }

    #[test]
    fn refuses_what_is_no_number_above_zero() {
        for text in [
            "", "0", "000", "-1", "+1", "1.", "1 ", " 1", "abc", "1a", "0x1", "\u{661}",
        ] {
            check(text, Err(NumberFault::NotANumber));
        }
    }

    #[test]
    fn never_wraps_around() {
        for text in [
            "4294967296",
            "4294967297",
            "18446744073709551616",
            "18446744073709551617",
            "99999999999999999999",
        ] {
            check(text, Err(NumberFault::OutOfRange));
        }
    }
}
