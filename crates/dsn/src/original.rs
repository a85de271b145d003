//! What the original is like: read once in pieces, so that it can be carried back without being held in memory.
//!
//! Nothing of it is kept, and what it says is not understood.

use mime::LONGEST_LINE;

/// Reads a message in pieces and finds out what it is like.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    octets: u64,
    /// Where the header ends, once that is known.
    header_end: Option<u64>,
    header: Traits,
    body: Traits,
    /// Octets of the line so far, its end not counted.
    line: usize,
    /// The octet before.
    after_cr: bool,
}

/// What a message is like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Original {
    /// Its size.
    pub octets: u64,
    /// The size of its header: all lines before the first empty one, or of the message if there is none.
    pub header_octets: u64,
    /// What the header is like.
    pub header: Traits,
    /// What the rest is like.
    pub body: Traits,
}

/// What octets are like, for those who have to carry them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traits {
    /// There are octets above 127.
    pub eight_bit: bool,
    /// There is what no mail may hold as it is: NUL, CR or LF alone, a line of more than 998 octets.
    pub awkward: bool,
}

impl Survey {
    /// At the beginning of a message.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a piece.
    pub fn read(&mut self, octets: &[u8]) {
        for octet in octets {
            self.octet(*octet);
        }
    }

    /// Ends it.
    #[must_use]
    pub fn finish(mut self) -> Original {
        if self.after_cr {
            self.traits().awkward = true;
        }
        Original {
            octets: self.octets,
            header_octets: self.header_end.unwrap_or(self.octets),
            header: self.header,
            body: self.body,
        }
    }

    fn octet(&mut self, octet: u8) {
        let after_cr = std::mem::replace(&mut self.after_cr, octet == b'\r');
        self.octets += 1;
        match octet {
            b'\n' => {
                if !after_cr {
                    self.traits().awkward = true;
                }
                self.end_line(1 + u64::from(after_cr));
                return;
            }
            b'\r' if !after_cr => return,
            _ => {}
        }
        // The CR before this one ended no line.
        if after_cr {
            self.traits().awkward = true;
            self.line += 1;
        }
        if octet == b'\r' {
            return;
        }
        self.line += 1;
        if octet == 0 || self.line > LONGEST_LINE {
            self.traits().awkward = true;
        }
        if octet > 127 {
            self.traits().eight_bit = true;
        }
    }

    /// The first line without anything ends the header; a bare LF counts, too, since readers count it.
    fn end_line(&mut self, ending: u64) {
        if self.line == 0 && self.header_end.is_none() {
            self.header_end = Some(self.octets - ending);
        }
        self.line = 0;
    }

    fn traits(&mut self) -> &mut Traits {
        if self.header_end.is_none() {
            &mut self.header
        } else {
            &mut self.body
        }
    }
}

impl Original {
    /// What all of it is like.
    #[must_use]
    pub const fn whole(&self) -> Traits {
        Traits {
            eight_bit: self.header.eight_bit || self.body.eight_bit,
            awkward: self.header.awkward || self.body.awkward,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Original, Survey};

    /// `8` for octets above 127, `!` for what is awkward; the header's first.
    #[track_caller]
    fn check(message: &[u8], header_octets: u64, header: &str, body: &str) {
        for cut in 0..=message.len() {
            let mut survey = Survey::new();
            survey.read(&message[..cut]);
            survey.read(&message[cut..]);
            let Original {
                octets,
                header_octets: seen,
                header: head,
                body: rest,
            } = survey.finish();
            let shown = |eight_bit, awkward| {
                [(eight_bit, '8'), (awkward, '!')]
                    .into_iter()
                    .filter(|(is, _)| *is)
                    .map(|(_, sign)| sign)
                    .collect::<String>()
            };
            assert_eq!(
                (
                    octets,
                    seen,
                    shown(head.eight_bit, head.awkward).as_str(),
                    shown(rest.eight_bit, rest.awkward).as_str()
                ),
                (message.len() as u64, header_octets, header, body),
                "{} cut at {cut}",
                message.escape_ascii()
            );
        }
    }

    #[test]
    fn header_and_body_are_seen_apart() {
        check(b"", 0, "", "");
        check(b"A: b\r\n\r\nbody\r\n", 6, "", "");
        check(b"A: b\r\n", 6, "", "");
        check(b"A: b", 4, "", "");
        check(b"\r\nbody", 0, "", "");
        check(b"A: \xff\r\n\r\nbody\r\n", 6, "8", "");
        check(b"A: b\r\n\r\n\xff", 6, "", "8");
        check(b"A: b\r\n\r\na\0b", 6, "", "!");
        check(b"A: b\r\n\r\na\rb\r\n", 6, "", "!");
        check(b"A: b\r\n\r\na\nb\r\n", 6, "", "!");
        check(b"A: b\r\n\r\nab\r", 6, "", "!");
        check(b"A: b\n\nbody\r\n", 5, "!", "");
        check(b"A: b\r\n\r\r\nB: c\r\n", 17 - 2, "!", "");
    }

    #[test]
    fn lines_may_have_998_octets() {
        let line = |length: usize| {
            let mut message = b"A: b\r\n\r\n".to_vec();
            message.resize(message.len() + length, b'x');
            message.extend_from_slice(b"\r\nlast\r\n");
            let mut survey = Survey::new();
            survey.read(&message);
            survey.finish().body.awkward
        };
        assert!(!line(998));
        assert!(line(999));
    }
}
