//! Mends line ends for old devices: every bare CR and every bare LF becomes CRLF.
//!
//! It runs behind the dot decoder, so nothing it makes can end a message; and whoever sends the message on
//! doubles the dots again.

/// A filter over a message; any split gives the same result.
#[derive(Debug, Default)]
pub(super) struct Newlines {
    /// The last octet was a CR, for which CRLF was already written.
    after_cr: bool,
    nul: bool,
}

impl Newlines {
    /// The octets with their line ends mended.
    pub(super) fn normalize(&mut self, octets: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(octets.len() + octets.len() / 32);
        let mut rest = octets;
        while let Some(at) = memchr::memchr2(b'\r', b'\n', rest) {
            self.text(&rest[..at], &mut out);
            // The LF of a CRLF is already there.
            let second_half = rest[at] == b'\n' && self.after_cr;
            if !second_half {
                out.extend_from_slice(b"\r\n");
            }
            self.after_cr = rest[at] == b'\r';
            rest = &rest[at + 1..];
        }
        self.text(rest, &mut out);
        out
    }

    /// Whether there was a NUL, which no line end excuses.
    pub(super) fn has_nul(&self) -> bool {
        self.nul
    }

    fn text(&mut self, text: &[u8], out: &mut Vec<u8>) {
        if !text.is_empty() {
            self.after_cr = false;
            self.nul |= memchr::memchr(0, text).is_some();
            out.extend_from_slice(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Newlines;

    #[track_caller]
    fn check(input: &[u8], expected: &[u8]) {
        assert_eq!(
            Newlines::default().normalize(input),
            expected,
            "{}",
            input.escape_ascii()
        );
        let mut newlines = Newlines::default();
        let split: Vec<u8> = input
            .iter()
            .flat_map(|octet| newlines.normalize(&[*octet]))
            .collect();
        assert_eq!(split, expected, "{} octet by octet", input.escape_ascii());
    }

    #[test]
    fn every_line_end_becomes_crlf() {
        check(b"", b"");
        check(b"a\r\nb\r\n", b"a\r\nb\r\n");
        check(b"a\nb\n", b"a\r\nb\r\n");
        check(b"a\rb\r", b"a\r\nb\r\n");
        check(b"\r\r\n\n", b"\r\n\r\n\r\n");
        check(b"\n\r", b"\r\n\r\n");
        check(b"a\n.\nb", b"a\r\n.\r\nb");
    }

    #[test]
    fn nul_is_noticed_and_kept() {
        let mut newlines = Newlines::default();
        assert_eq!(newlines.normalize(b"a\0b"), b"a\0b");
        assert!(newlines.has_nul());
    }
}
