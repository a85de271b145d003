//! Line ends: LF as files have them, CRLF as mail has them (RFC 5321 section 2.3.8, RFC 1939 section 3).
//!
//! A CR stays what it is: `CR CR LF` is a line whose last octet is a CR, in a file as in a message.

/// Ends the line that was just appended with CRLF if it ends with LF alone.
pub(crate) fn mend_end(octets: &mut Vec<u8>) {
    if let [.., before, b'\n'] = octets[..] {
        if before == b'\r' {
            return;
        }
    } else if octets[..] != [b'\n'] {
        return;
    }
    let end = octets.len() - 1;
    octets.insert(end, b'\r');
}

/// All of a message at once; `None` when it grows beyond `limit`.
pub(crate) fn to_crlf(file: Vec<u8>, limit: usize) -> Option<Vec<u8>> {
    let bare = memchr::memchr_iter(b'\n', &file)
        .filter(|at| *at == 0 || file[at - 1] != b'\r')
        .count();
    let length = file.len() + bare;
    if length > limit {
        return None;
    }
    if bare == 0 {
        return Some(file);
    }
    let mut octets = Vec::with_capacity(length);
    for line in file.split_inclusive(|octet| *octet == b'\n') {
        octets.extend_from_slice(line);
        if line.ends_with(b"\n") {
            mend_end(&mut octets);
        }
    }
    Some(octets)
}

/// CRLF to LF, piece by piece.
#[derive(Debug, Default)]
pub(crate) struct Unix {
    /// CRs that wait for what follows.
    held: usize,
}

impl Unix {
    /// Appends a piece.
    pub(crate) fn append(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        for line in piece.split_inclusive(|octet| *octet == b'\n') {
            let ended = line.last() == Some(&b'\n');
            let text = if ended { &line[..line.len() - 1] } else { line };
            let crs = text
                .iter()
                .rev()
                .take_while(|octet| **octet == b'\r')
                .count();
            if crs < text.len() {
                self.release(out);
                out.extend_from_slice(&text[..text.len() - crs]);
            }
            self.held += crs;
            if ended {
                if self.held == 1 {
                    self.held = 0;
                }
                self.release(out);
                out.push(b'\n');
            }
        }
    }

    /// The message ends here.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        self.release(out);
    }

    fn release(&mut self, out: &mut Vec<u8>) {
        out.resize(out.len() + self.held, b'\r');
        self.held = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(message: &[u8], file: &[u8]) {
        for cut in 0..=message.len() {
            let (mut unix, mut out) = (Unix::default(), Vec::new());
            unix.append(&message[..cut], &mut out);
            unix.append(&message[cut..], &mut out);
            unix.finish(&mut out);
            assert_eq!(out, file, "cut at {cut}");
        }
        assert_eq!(
            to_crlf(file.to_vec(), message.len()).as_deref(),
            Some(message)
        );
        if file.len() < message.len() {
            assert_eq!(to_crlf(file.to_vec(), message.len() - 1), None);
        }
    }

    #[test]
    fn line_ends_change_and_nothing_else_does() {
        check(b"", b"");
        check(b"\r\n", b"\n");
        check(b"a\r\nb\r\n", b"a\nb\n");
        check(b"a\r\n\r\n\r\nb", b"a\n\n\nb");
        check(b"a\rb\r\n", b"a\rb\n");
        check(b"a\r\r\nb\r\n", b"a\r\r\nb\n");
        check(b"\r\r\r\n", b"\r\r\r\n");
        check(b"cut off\r", b"cut off\r");
    }

    #[test]
    fn crlf_in_a_file_is_left_alone() {
        assert_eq!(to_crlf(b"a\r\nb\n".to_vec(), 6).unwrap(), b"a\r\nb\r\n");
    }
}
