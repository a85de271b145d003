//! The argument of BDAT.

use super::words;

/// No file is larger, so no message is; a larger number is a mistake or an attack.
const LARGEST_CHUNK: u64 = i64::MAX as u64;

/// One piece of a message, as announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// How many follow the command line.
    pub(crate) octets: u64,
    /// The message ends with them.
    pub(crate) last: bool,
}

/// Reads the argument of BDAT; `None` when it does not say how many octets follow.
///
/// ```text
/// bdat-cmd   = "BDAT" SP chunk-size [ SP end-marker ] CR LF     ; RFC 3030 section 2
/// chunk-size = 1*DIGIT
/// end-marker = "LAST"
/// ```
pub(crate) fn parse(argument: &[u8]) -> Option<Chunk> {
    let mut words = words(argument);
    let size = words.next()?;
    let last = match words.next() {
        None => false,
        Some(marker) if marker.eq_ignore_ascii_case(b"LAST") => true,
        Some(_) => return None,
    };
    if words.next().is_some() || !size.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let octets: u64 = str::from_utf8(size).ok()?.parse().ok()?;
    (octets <= LARGEST_CHUNK).then_some(Chunk { octets, last })
}

#[cfg(test)]
mod tests {
    use super::{Chunk, parse};

    #[track_caller]
    fn check(argument: &str, expected: Option<(u64, bool)>) {
        let expected = expected.map(|(octets, last)| Chunk { octets, last });
        assert_eq!(parse(argument.as_bytes()), expected, "{argument:?}");
    }

    #[test]
    fn known_chunks() {
        check("0", Some((0, false)));
        check("10", Some((10, false)));
        check("0010 LAST", Some((10, true)));
        check("10 \t last", Some((10, true)));
        check("9223372036854775807", Some((i64::MAX as u64, false)));
        check("9223372036854775808", None);
        check("18446744073709551615", None);
        check("18446744073709551616", None);
        check("", None);
        check("-1", None);
        check("+1", None);
        check("1.0", None);
        check("0x10", None);
        check("LAST", None);
        check("10 LASTLY", None);
        check("10 LAST x", None);
        check("10 10", None);
        check("１", None);
    }
}
