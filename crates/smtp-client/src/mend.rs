//! Line ends on the way out: whatever a message holds, a bare CR or LF never reaches the wire (RFC 5321 section 2.3.8).
//!
//! Messages that came in over SMTP have none. This is the last door, so that a message from anywhere cannot be read by the
//! next server as more than one.

/// Makes CRLF of every bare CR and every bare LF. Any split of the message gives the same octets.
#[derive(Debug, Default)]
pub(crate) struct Mender {
    /// The last octet was a CR, for which CRLF was already written.
    after_cr: bool,
    /// What was written does not end with CRLF.
    in_line: bool,
}

impl Mender {
    /// Appends the next part of the message to `out`.
    pub(crate) fn mend(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        out.reserve(octets.len());
        let mut rest = octets;
        while let Some(at) = memchr::memchr2(b'\r', b'\n', rest) {
            self.text(&rest[..at], out);
            // The LF of a CRLF is already there.
            let second_half = rest[at] == b'\n' && self.after_cr;
            if !second_half {
                out.extend_from_slice(b"\r\n");
            }
            self.after_cr = rest[at] == b'\r';
            self.in_line = false;
            rest = &rest[at + 1..];
        }
        self.text(rest, out);
    }

    /// Ends the last line, if it has no end (RFC 5321 section 4.1.1.4).
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        if self.in_line {
            out.extend_from_slice(b"\r\n");
            self.in_line = false;
        }
    }

    fn text(&mut self, text: &[u8], out: &mut Vec<u8>) {
        if !text.is_empty() {
            self.after_cr = false;
            self.in_line = true;
            out.extend_from_slice(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Mender;

    fn mended<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
        let mut mender = Mender::default();
        let mut out = Vec::new();
        for piece in pieces {
            mender.mend(piece, &mut out);
        }
        mender.finish(&mut out);
        out
    }

    #[track_caller]
    fn check(input: &[u8], expected: &[u8]) {
        assert_eq!(mended([input]), expected, "{}", input.escape_ascii());
        assert_eq!(mended(input.chunks(1)), expected, "octet by octet");
        assert_eq!(mended([expected]), expected, "what is right stays");
    }

    #[test]
    fn every_line_ends_with_crlf_and_nothing_else_does() {
        check(b"", b"");
        check(b"a\r\nb\r\n", b"a\r\nb\r\n");
        check(b"a\nb\rc", b"a\r\nb\r\nc\r\n");
        check(b"a\r\n\r\n", b"a\r\n\r\n");
        check(b"\r\r\n\n", b"\r\n\r\n\r\n");
        check(b"a\r", b"a\r\n");
        check(b"x\n.\nQUIT\n", b"x\r\n.\r\nQUIT\r\n");
        check(b"x\r.\rMAIL\r", b"x\r\n.\r\nMAIL\r\n");
    }
}
