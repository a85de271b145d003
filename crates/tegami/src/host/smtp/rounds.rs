//! What comes round: a message that an address of ours sends on to elsewhere says so in a `Delivered-To` field, and one
//! that comes back with it is not sent on by that address again (RFC 5321 section 6.3).
//!
//! Counting Received fields ends a circle, but where an address leads to more than one place, each round would multiply
//! the message until then. The field names no address: it holds a word that only we can make, so that nobody who gets
//! the message learns who else was written to, and nobody can keep a message from being sent on.

use address::Mailbox;

/// Octets of a field that are looked at; ours is shorter, folded or not.
const LONGEST: usize = 512;

/// The addresses that send one message on, and which of them have done so before; any split gives the same result.
#[derive(Debug, Default)]
pub(in crate::host) struct Rounds {
    marks: Vec<Mark>,
    /// The field so far, with its folded lines.
    field: Vec<u8>,
    /// Octets of the line so far, without its end.
    line: usize,
    behind: bool,
}

#[derive(Debug)]
struct Mark {
    by: Mailbox,
    word: String,
    seen: bool,
}

impl Rounds {
    /// For a message that these addresses send on, each of which has its word.
    pub(in crate::host) fn new(by: Vec<Mailbox>, word: impl Fn(&Mailbox) -> String) -> Self {
        let marks = by.into_iter().map(|by| Mark {
            word: word(&by),
            by,
            seen: false,
        });
        Self {
            marks: marks.collect(),
            ..Self::default()
        }
    }

    /// What goes in front of the message.
    pub(in crate::host) fn fields(&self, hostname: &str) -> String {
        let fields = self.marks.iter();
        fields
            .map(|mark| format!("Delivered-To: {}@{hostname}\r\n", mark.word))
            .collect()
    }

    /// Takes in the next octets of the message. Lines end with CRLF; the session has seen to it.
    pub(in crate::host) fn take_in(&mut self, octets: &[u8]) {
        if self.marks.is_empty() {
            return;
        }
        for octet in octets {
            if self.behind {
                return;
            }
            match octet {
                b'\n' if self.line == 0 => {
                    self.judge();
                    self.behind = true;
                }
                b'\n' => self.line = 0,
                b'\r' => {}
                _ => {
                    // RFC 5322 section 2.2.3: a line that begins with white space goes on with the field.
                    if self.line == 0 && !matches!(octet, b' ' | b'\t') {
                        self.judge();
                    }
                    self.line += 1;
                    if self.field.len() < LONGEST {
                        self.field.push(*octet);
                    }
                }
            }
        }
    }

    fn judge(&mut self) {
        let field = std::mem::take(&mut self.field);
        let Some((name, value)) = std::str::from_utf8(&field)
            .ok()
            .and_then(|field| field.split_once(':'))
        else {
            return;
        };
        if !name.trim_end().eq_ignore_ascii_case("Delivered-To") {
            return;
        }
        let word = value.trim().trim_start_matches('<');
        let word = word.split('@').next().unwrap_or_default();
        for mark in &mut self.marks {
            mark.seen |= mark.word.eq_ignore_ascii_case(word);
        }
    }

    /// The message has ended: which of the addresses have sent it on before.
    pub(in crate::host) fn before(mut self) -> Vec<Mailbox> {
        self.judge();
        let seen = self.marks.into_iter().filter(|mark| mark.seen);
        seen.map(|mark| mark.by).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Rounds;

    /// Which of two addresses, whose words are A1 and B2, have sent it on before.
    #[track_caller]
    fn check(message: &str, expected: &[&str]) {
        let by = || ["a@x.test", "b@x.test"].map(|by| by.parse().unwrap());
        let word = |by: &address::Mailbox| match by.local.as_str() {
            "a" => "A1".to_owned(),
            _ => "B2".to_owned(),
        };
        let octets = message.as_bytes();
        for split in 0..=octets.len() {
            let mut rounds = Rounds::new(by().to_vec(), word);
            rounds.take_in(&octets[..split]);
            rounds.take_in(&octets[split..]);
            let before: Vec<String> = rounds.before().iter().map(ToString::to_string).collect();
            assert_eq!(before, expected, "{message:?} at {split}");
        }
    }

    #[test]
    fn a_word_of_ours_in_the_header_is_known_again() {
        check("Delivered-To: A1@mx.test\r\n\r\nx\r\n", &["a@x.test"]);
        check("delivered-to :\r\n\t<b2@mx.test>\r\n\r\n", &["b@x.test"]);
        check(
            "Delivered-To: B2@mx.test\r\nSubject: x\r\nDelivered-To: A1@mx.test",
            &["a@x.test", "b@x.test"],
        );
        check("", &[]);
        check("Delivered-To: a@x.test\r\n\r\n", &[]);
        check("X-Delivered-To: A1@mx.test\r\n\r\n", &[]);
        check("Subject: x\r\n Delivered-To: A1@mx.test\r\n\r\n", &[]);
        check("Subject: x\r\n\r\nDelivered-To: A1@mx.test\r\n", &[]);
        check("Delivered-To: A12@mx.test\r\n\r\n", &[]);
    }
}
