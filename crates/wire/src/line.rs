//! Bounded CRLF lines: how commands leave the byte stream.
//!
//! Only CR followed by LF ends a line (RFC 5321 section 2.3.8, RFC 1939 section 3). A line is either handed
//! out whole, or reported as one thing that is wrong; nothing inside a faulty line is ever taken for a second
//! command. What the octets mean is the session's business.

use std::fmt;

/// A line that runs on for this many octets without its CRLF is reported as [`Line::Flood`].
pub const FLOOD: usize = 64 * 1024;

/// As much memory is never given back for the sake of a few octets that wait.
const SPARE: usize = 4096;

/// What [`LineReader::next`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// One line without its CRLF and without control characters, except perhaps tabs. Octets above 127 may be
    /// in it.
    Complete(Vec<u8>),
    /// A line longer than the limit, which was thrown away as it came. Its CRLF has been seen.
    TooLong,
    /// A line of [`FLOOD`] octets that has still not ended. It comes once, instead of
    /// [`TooLong`](Line::TooLong), and whatever else the line brings is thrown away in silence.
    Flood,
    /// A line with a CR or LF of its own in it (`NOOP LF RSET CRLF`): one bad command.
    Bare,
    /// A line with another control character in it (NUL to US except tab, DEL): one bad command. It is handed
    /// out for the choice of words only; nothing in it may be carried out.
    Control(Vec<u8>),
}

/// Cuts a byte stream into lines.
///
/// The reader holds memory only while it holds octets, and of an over-long line it holds nothing at all.
/// Octets pushed while nobody asks for lines pile up, so whoever pushes bounds that.
///
/// ```
/// use wire::{Line, LineReader};
/// let mut reader = LineReader::new();
/// reader.push(b"NOOP\r\nQU");
/// assert_eq!(reader.next(512), Some(Line::Complete(b"NOOP".to_vec())));
/// assert_eq!(reader.next(512), None);
/// reader.push(b"IT\r\n");
/// assert_eq!(reader.next(512), Some(Line::Complete(b"QUIT".to_vec())));
/// ```
#[derive(Default)]
pub struct LineReader {
    held: Vec<u8>,
    /// Where the current line begins in `held`.
    start: usize,
    /// Up to here `held` has been searched: no CRLF ends before this place.
    searched: usize,
    /// Set while the rest of an over-long line is thrown away.
    overrun: Option<Overrun>,
}

/// What must be remembered of an over-long line.
#[derive(Clone, Copy, Debug)]
struct Overrun {
    /// Octets of the line thrown away so far, never counted beyond [`FLOOD`].
    octets: usize,
    /// The last octet thrown away was a CR.
    after_cr: bool,
}

impl LineReader {
    /// A reader that holds nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            held: Vec::new(),
            start: 0,
            searched: 0,
            overrun: None,
        }
    }

    /// Takes in octets from the peer.
    pub fn push(&mut self, octets: &[u8]) {
        if self.start > 0 && self.start >= self.held.len() / 2 {
            self.held.drain(..self.start);
            self.searched -= self.start;
            self.start = 0;
        }
        self.held.extend_from_slice(octets);
    }

    /// The next line, or `None` if its end has not arrived.
    ///
    /// `limit` is in octets and counts the CRLF, as the RFCs do. It is the limit of the line that comes next,
    /// so ask only when it is known what that line will be: a command, or the answer to a challenge.
    pub fn next(&mut self, limit: usize) -> Option<Line> {
        while let Some(overrun) = self.overrun {
            if self.is_empty() {
                return None;
            }
            if let Some(line) = self.skip(overrun) {
                return Some(line);
            }
        }
        let horizon = self.held.len().min(self.start.saturating_add(limit));
        if let Some(end) = self.find_crlf(horizon) {
            let line = judge(&self.held[self.start..end - 2]);
            self.consume_to(end);
            return Some(line);
        }
        if self.is_empty() || horizon - self.start < limit {
            return None;
        }
        self.overrun = Some(Overrun {
            octets: 0,
            after_cr: false,
        });
        self.next(limit)
    }

    /// What has arrived of the line that comes next; nothing while an over-long line is thrown away. What has arrived of
    /// a flood that was reported goes first, so that the line behind it is seen however the octets were cut.
    #[must_use]
    pub fn head(&mut self) -> &[u8] {
        while let Some(flood) = self.overrun.filter(|overrun| overrun.octets == FLOOD)
            && !self.is_empty()
        {
            // It comes once, so there is nothing more to report.
            let _ = self.skip(flood);
        }
        if self.overrun.is_some() {
            return &[];
        }
        &self.held[self.start..]
    }

    /// Forgets everything, the unfinished line too (RFC 3207 section 4.2, RFC 2595 section 4).
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// Hands over all octets not yet given out as lines, for a session that now reads something else.
    #[must_use]
    pub fn take(&mut self) -> Vec<u8> {
        let mut held = std::mem::take(self).held_from_start();
        held.shrink_to_fit();
        held
    }

    /// Hands over at most `most` of the octets not yet given out as lines; lines go on behind them (RFC 3030
    /// section 2: a chunk between two commands). Of a line that is being thrown away there are none.
    #[must_use]
    pub fn take_front(&mut self, most: usize) -> Vec<u8> {
        let head = self.head();
        let taken = head[..head.len().min(most)].to_vec();
        self.consume_to(self.start + taken.len());
        taken
    }

    /// Octets waiting.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.len() - self.start
    }

    /// No octets wait.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Octets of memory held right now; zero whenever the reader is empty, otherwise not much more than what waits.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.held.capacity()
    }

    fn held_from_start(mut self) -> Vec<u8> {
        self.held.drain(..self.start);
        self.held
    }

    /// The place just after the first CRLF that ends at or before `horizon`.
    fn find_crlf(&mut self, horizon: usize) -> Option<usize> {
        let mut at = self.searched.max(self.start);
        while at < horizon {
            let Some(found) = memchr::memchr(b'\n', &self.held[at..horizon]) else {
                break;
            };
            at += found + 1;
            if at - self.start >= 2 && self.held[at - 2] == b'\r' {
                return Some(at);
            }
        }
        self.searched = self.searched.max(horizon);
        None
    }

    /// Throws away some of an over-long line: up to its CRLF, to where it becomes a flood, or all there is.
    fn skip(&mut self, overrun: Overrun) -> Option<Line> {
        let counting = overrun.octets < FLOOD;
        let rest = &self.held[self.start..];
        let part = if counting {
            &rest[..rest.len().min(FLOOD - overrun.octets)]
        } else {
            rest
        };
        if let Some(length) = end_of_overrun(part, overrun.after_cr) {
            self.overrun = None;
            self.consume_to(self.start + length);
            return counting.then_some(Line::TooLong);
        }
        let octets = if counting {
            overrun.octets + part.len()
        } else {
            overrun.octets
        };
        self.overrun = Some(Overrun {
            octets,
            after_cr: part.last() == Some(&b'\r'),
        });
        self.consume_to(self.start + part.len());
        (counting && octets == FLOOD).then_some(Line::Flood)
    }

    /// Moves on to `place`, giving the memory back when nothing is left.
    fn consume_to(&mut self, place: usize) {
        if place == self.held.len() {
            self.held = Vec::new();
            self.start = 0;
        } else if self.held.capacity() > SPARE && self.held.len() - place < self.held.capacity() / 2
        {
            // A client that sent many commands and half of another may stay for long.
            self.held = self.held[place..].to_vec();
            self.start = 0;
        } else {
            self.start = place;
        }
        self.searched = self.start;
    }
}

/// Tells how much is held and not what, for it may be a password.
impl fmt::Debug for LineReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineReader")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// How many octets of `part` belong to the over-long line, if it ends there.
fn end_of_overrun(part: &[u8], after_cr: bool) -> Option<usize> {
    if after_cr && part.first() == Some(&b'\n') {
        return Some(1);
    }
    memchr::memmem::find(part, b"\r\n").map(|at| at + 2)
}

/// What a whole line is worth.
fn judge(line: &[u8]) -> Line {
    // RFC 5321 section 2.3.8: CR and LF occur only together, as the end of a line.
    if memchr::memchr2(b'\r', b'\n', line).is_some() {
        return Line::Bare;
    }
    if line
        .iter()
        .any(|octet| octet.is_ascii_control() && *octet != b'\t')
    {
        return Line::Control(line.to_vec());
    }
    Line::Complete(line.to_vec())
}
