//! Whether the header of a message has UTF-8 in it (RFC 6532), noticed while its octets stream by.
//!
//! Nothing is kept, and nothing is judged: who takes such a message is the host's business.

/// Watches one message; any split gives the same result.
#[derive(Debug, Default)]
pub struct Utf8Header {
    /// Octets of the line so far, without its end.
    line: usize,
    behind: bool,
    found: bool,
}

impl Utf8Header {
    /// Takes in the next octets of the message. Lines end with CRLF; the session has seen to it.
    pub fn take_in(&mut self, octets: &[u8]) {
        for octet in octets {
            if self.behind {
                return;
            }
            match octet {
                b'\n' if self.line == 0 => self.behind = true,
                b'\n' => self.line = 0,
                b'\r' => {}
                _ => {
                    self.line += 1;
                    if !octet.is_ascii() {
                        (self.found, self.behind) = (true, true);
                    }
                }
            }
        }
    }

    /// Whether there was any.
    pub fn found(&self) -> bool {
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::Utf8Header;

    #[track_caller]
    fn check(message: &str, expected: bool) {
        let octets = message.as_bytes();
        for split in 0..=octets.len() {
            let mut header = Utf8Header::default();
            header.take_in(&octets[..split]);
            header.take_in(&octets[split..]);
            assert_eq!(header.found(), expected, "{message:?} at {split}");
        }
    }

    #[test]
    fn only_the_header_counts() {
        check("Subject: J\u{f6}rg\r\n\r\nbody\r\n", true);
        check("Subject: one\r\nTo: j\u{f6}rg@example.test\r\n", true);
        check("Subject: one\r\n\r\nJ\u{f6}rg\r\n", false);
        check("\r\nJ\u{f6}rg\r\n", false);
        check("Subject: one\r\n two\r\n\r\n\r\nJ\u{f6}rg\r\n", false);
        check("", false);
    }
}
