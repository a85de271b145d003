//! A message on its way out: RETR and TOP, chunk by chunk.
//!
//! It asks for no octet that will not be sent, so the top of a large message costs one chunk (RFC 1939
//! section 7), and it holds none of them longer than it takes to stuff the dots.

use bytes::Bytes;
use reply::{Reply, pop3};
use wire::DotEncoder;

use crate::number::MessageNumber;

/// What the client wants to see of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of it (RETR), which the listing says is so many octets.
    Whole { octets: u64 },
    /// The header, the blank line and this many lines of the body (TOP).
    Top(u32),
}

/// One message between the command and its final dot.
#[derive(Debug)]
pub(crate) struct Transfer {
    number: MessageNumber,
    extent: Extent,
    /// Octets of the message seen so far.
    offset: u64,
    /// The status line was made.
    begun: bool,
    encoder: DotEncoder,
    cut: Option<Cut>,
}

/// What a chunk led to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Send these and ask for more.
    More(Bytes),
    /// Send these, and the message is complete, its final dot included.
    Complete(Bytes),
    /// The store gave nothing although the message goes on.
    Stuck,
}

impl Transfer {
    /// A transfer of which nothing was sent.
    pub(crate) fn new(number: MessageNumber, extent: Extent) -> Self {
        let cut = match extent {
            Extent::Whole { .. } => None,
            Extent::Top(lines) => Some(Cut::new(lines)),
        };
        Self {
            number,
            extent,
            offset: 0,
            begun: false,
            encoder: DotEncoder::new(),
            cut,
        }
    }

    /// The message.
    pub(crate) fn number(&self) -> MessageNumber {
        self.number
    }

    /// Where the next chunk begins.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether the client was promised a message already.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun
    }

    /// The status line, the first time.
    pub(crate) fn opening(&mut self) -> Option<Reply> {
        if std::mem::replace(&mut self.begun, true) {
            return None;
        }
        Some(match self.extent {
            Extent::Whole { octets } => Reply::new(&pop3::MESSAGE).arg("octets", octets),
            Extent::Top(_) => Reply::new(&pop3::TOP),
        })
    }

    /// Takes in the next chunk.
    pub(crate) fn chunk(&mut self, octets: &[u8], last: bool) -> Progress {
        if octets.is_empty() && !last {
            return Progress::Stuck;
        }
        self.offset = self.offset.saturating_add(octets.len() as u64);
        let wanted = self
            .cut
            .as_mut()
            .map_or(octets.len(), |cut| cut.take(octets));
        let enough = self.cut.as_ref().is_some_and(Cut::is_satisfied);
        let mut out = Vec::with_capacity(wanted + wanted / 64 + 8);
        self.encoder.encode(&octets[..wanted], &mut out);
        if last || enough {
            self.encoder.finish(&mut out);
            return Progress::Complete(out.into());
        }
        Progress::More(out.into())
    }
}

/// Finds the place where TOP stops.
#[derive(Debug)]
struct Cut {
    /// The blank line after the header has not been seen yet.
    in_header: bool,
    /// Octets of the current header line so far, as far as it matters.
    line: HeaderLine,
    /// Body lines still wanted.
    lines: u32,
}

/// Whether the current header line may still turn out to be blank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HeaderLine {
    Empty,
    OnlyCr,
    Filled,
}

impl Cut {
    fn new(lines: u32) -> Self {
        Self {
            in_header: true,
            line: HeaderLine::Empty,
            lines,
        }
    }

    fn is_satisfied(&self) -> bool {
        !self.in_header && self.lines == 0
    }

    /// How many of these octets belong to the top of the message.
    fn take(&mut self, octets: &[u8]) -> usize {
        let mut taken = 0;
        while taken < octets.len() && !self.is_satisfied() {
            taken += if self.in_header {
                self.header_line(&octets[taken..])
            } else {
                self.body_line(&octets[taken..])
            };
        }
        taken
    }

    /// Goes to the end of a header line, or of the octets.
    fn header_line(&mut self, octets: &[u8]) -> usize {
        let end = memchr::memchr(b'\n', octets);
        let text = &octets[..end.unwrap_or(octets.len())];
        self.line = match (self.line, text) {
            (unchanged, []) => unchanged,
            (HeaderLine::Empty, [b'\r']) => HeaderLine::OnlyCr,
            (HeaderLine::Empty | HeaderLine::OnlyCr | HeaderLine::Filled, _) => HeaderLine::Filled,
        };
        let Some(end) = end else { return octets.len() };
        // RFC 5322 section 2.1: the header ends with a line that has nothing before its CRLF.
        self.in_header = self.line == HeaderLine::Filled;
        self.line = HeaderLine::Empty;
        end + 1
    }

    /// Goes to the end of a body line, or of the octets.
    fn body_line(&mut self, octets: &[u8]) -> usize {
        let Some(end) = memchr::memchr(b'\n', octets) else {
            return octets.len();
        };
        self.lines -= 1;
        end + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: Extent = Extent::Whole { octets: 0 };
    const LETTER: &[u8] = b"Subject: a\r\n folded\r\n\r\none\r\n.two\r\n\r\nfour\r\n";

    fn transfer(extent: Extent) -> Transfer {
        Transfer::new(MessageNumber::parse(b"1").expect("a number"), extent)
    }

    /// What is sent when the message arrives in pieces of `size`, and how many octets were asked for.
    fn send(message: &[u8], extent: Extent, size: usize) -> (Vec<u8>, u64) {
        let mut transfer = transfer(extent);
        let mut sent = Vec::new();
        let mut chunks = message.chunks(size).peekable();
        if message.is_empty() {
            let Progress::Complete(octets) = transfer.chunk(b"", true) else {
                panic!("an empty message is complete")
            };
            return (octets.to_vec(), 0);
        }
        while let Some(chunk) = chunks.next() {
            match transfer.chunk(chunk, chunks.peek().is_none()) {
                Progress::More(octets) => sent.extend_from_slice(&octets),
                Progress::Complete(octets) => {
                    sent.extend_from_slice(&octets);
                    return (sent, transfer.offset);
                }
                Progress::Stuck => panic!("stuck after {} octets", transfer.offset),
            }
        }
        panic!("never complete");
    }

    #[track_caller]
    fn check(message: &[u8], extent: Extent, expected: &[u8]) {
        for size in 1..=message.len().max(1) {
            let (sent, _) = send(message, extent, size);
            assert_eq!(
                sent.escape_ascii().to_string(),
                expected.escape_ascii().to_string(),
                "{extent:?} by {size}"
            );
        }
    }

    #[test]
    fn a_whole_message_is_stuffed_and_ended() {
        check(
            LETTER,
            WHOLE,
            b"Subject: a\r\n folded\r\n\r\none\r\n..two\r\n\r\nfour\r\n.\r\n",
        );
        check(b"no end", WHOLE, b"no end\r\n.\r\n");
        check(b"", WHOLE, b".\r\n");
    }

    #[test]
    fn the_top_is_header_blank_line_and_lines() {
        check(
            LETTER,
            Extent::Top(0),
            b"Subject: a\r\n folded\r\n\r\n.\r\n",
        );
        check(
            LETTER,
            Extent::Top(1),
            b"Subject: a\r\n folded\r\n\r\none\r\n.\r\n",
        );
        check(
            LETTER,
            Extent::Top(3),
            b"Subject: a\r\n folded\r\n\r\none\r\n..two\r\n\r\n.\r\n",
        );
        let whole = b"Subject: a\r\n folded\r\n\r\none\r\n..two\r\n\r\nfour\r\n.\r\n";
        check(LETTER, Extent::Top(4), whole);
        check(LETTER, Extent::Top(u32::MAX), whole);
    }

    #[test]
    fn odd_messages_have_a_top_too() {
        check(
            b"\r\nbody\r\nmore\r\n",
            Extent::Top(1),
            b"\r\nbody\r\n.\r\n",
        );
        check(
            b"Subject: only\r\n",
            Extent::Top(5),
            b"Subject: only\r\n.\r\n",
        );
        check(b"Subject: cut", Extent::Top(0), b"Subject: cut\r\n.\r\n");
        check(
            b"A: b\r\n\r\r\n\r\nx\r\n",
            Extent::Top(0),
            b"A: b\r\n\r\r\n\r\n.\r\n",
        );
        check(b"", Extent::Top(3), b".\r\n");
    }

    #[test]
    fn the_top_of_a_large_message_asks_for_its_first_chunk_only() {
        let mut message = b"Subject: large\r\n\r\n".to_vec();
        message.extend(b"0123456789\r\n".repeat(1_000_000));
        let (sent, asked) = send(&message, Extent::Top(3), 64 * 1024);
        assert_eq!(sent.len(), 18 + 3 * 12 + 3);
        assert_eq!(asked, 64 * 1024);
    }

    #[test]
    fn a_chunk_of_nothing_is_noticed() {
        assert_eq!(transfer(WHOLE).chunk(b"", false), Progress::Stuck);
    }

    #[test]
    fn the_status_line_comes_once() {
        let mut transfer = transfer(Extent::Whole { octets: 9 });
        assert!(!transfer.has_begun());
        assert_eq!(
            transfer.opening(),
            Some(Reply::new(&pop3::MESSAGE).arg("octets", 9))
        );
        assert!(transfer.has_begun());
        assert_eq!(transfer.opening(), None);
    }
}
