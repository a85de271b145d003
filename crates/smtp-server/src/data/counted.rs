//! Judges the octets of a message that comes in chunks, where counting and not a dot tells its end (RFC 3030).
//!
//! It changes nothing; a CRLF at the very end that is missing is for others to add.

use wire::Malformed;

/// What was seen so far; any split gives the same result.
#[derive(Debug, Default)]
pub(super) struct Counted {
    last: Option<u8>,
    malformed: Option<Malformed>,
}

impl Counted {
    /// Looks at the next octets.
    pub(super) fn scan(&mut self, octets: &[u8]) {
        let Some(end) = octets.last() else { return };
        let before = self.last.replace(*end);
        if self.malformed.is_none() {
            self.malformed = fault(before == Some(b'\r'), octets);
        }
    }

    /// What was first found wrong.
    pub(super) fn malformed(&self) -> Option<Malformed> {
        self.malformed
    }

    /// The message has ended. Says whether the CRLF of its last line is missing.
    pub(super) fn finish(&mut self) -> bool {
        match self.last {
            None | Some(b'\n') => false,
            Some(b'\r') => {
                self.malformed.get_or_insert(Malformed::BareCr);
                false
            }
            Some(_) => true,
        }
    }
}

/// The first fault. A CR at the end is judged when it is known what follows it.
fn fault(mut after_cr: bool, octets: &[u8]) -> Option<Malformed> {
    let mut at = 0;
    while at < octets.len() {
        if after_cr {
            if octets[at] != b'\n' {
                return Some(Malformed::BareCr);
            }
            after_cr = false;
            at += 1;
            continue;
        }
        at += memchr::memchr3(b'\r', b'\n', 0, &octets[at..])?;
        match octets[at] {
            b'\r' => after_cr = true,
            b'\n' => return Some(Malformed::BareLf),
            _ => return Some(Malformed::Nul),
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::Counted;
    use wire::Malformed;

    #[track_caller]
    fn check(octets: &[u8], malformed: Option<Malformed>, lacks_line_end: bool) {
        for size in [octets.len().max(1), 1, 2, 3] {
            let mut counted = Counted::default();
            octets.chunks(size).for_each(|piece| counted.scan(piece));
            let shown = octets.escape_ascii();
            assert_eq!(counted.finish(), lacks_line_end, "{shown} by {size}");
            assert_eq!(counted.malformed(), malformed, "{shown} by {size}");
        }
    }

    #[test]
    fn line_ends_are_crlf_and_nothing_else() {
        check(b"", None, false);
        check(b"\r\n", None, false);
        check(b"a\r\nb\r\n\r\n.\r\n", None, false);
        check(b"a\r\nb", None, true);
        check(b"\xff", None, true);
        check(b"a\nb\r\n", Some(Malformed::BareLf), false);
        check(b"a\rb\r\n", Some(Malformed::BareCr), false);
        check(b"a\r", Some(Malformed::BareCr), false);
        check(b"a\r\r\n", Some(Malformed::BareCr), false);
        check(b"a\r\n\nb", Some(Malformed::BareLf), true);
        check(b"a\0b\nc\r\n", Some(Malformed::Nul), false);
        check(b"a\r\0\r\n", Some(Malformed::BareCr), false);
    }
}
