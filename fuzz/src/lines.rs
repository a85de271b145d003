//! The line reader against a reference that keeps everything and looks at it again each time.

use wire::{FLOOD, Line, LineReader};

use crate::pieces::{Pieces, cut};

/// Stands for a run of the letter x, its length in units of 256 following, so that small inputs make floods.
const RUN: u8 = 0xfe;

/// Two octets choose cuts and limit, the rest is the stream.
pub fn check(input: &[u8]) {
    let mut pieces = Pieces::new(input);
    let (seed, limit) = (pieces.octet(), 2 + usize::from(pieces.octet()) * 4);
    // A flood in single octets says no more than a run of them, and takes long.
    let longest = if seed < 32 { 4096 } else { FLOOD + 4096 };
    let stream = expand(pieces.rest(), longest);
    let mut reader = LineReader::new();
    let mut model = Model::default();
    for (number, piece) in cut(&stream, seed).into_iter().enumerate() {
        reader.push(piece);
        model.held.extend_from_slice(piece);
        // Every now and then a chunk is taken from the front (RFC 3030), or nobody asks for lines.
        if seed % 3 == 1 && number % 7 == 3 {
            let most = number % 11;
            assert_eq!(reader.take_front(most), model.take_front(most));
        } else if seed % 3 == 2 && number % 5 != 4 {
            continue;
        }
        loop {
            let line = reader.next(limit);
            assert_eq!(line, model.next(limit));
            if line.is_none() {
                break;
            }
        }
        assert_eq!(reader.len(), model.held.len(), "octets held");
        assert_eq!(reader.head(), model.head(), "octets in sight");
        assert!(!reader.is_empty() || reader.capacity() == 0, "memory kept");
        let most = (4 * reader.len()).max(4096);
        assert!(reader.capacity() <= most, "memory kept for a few octets");
    }
    assert_eq!(reader.take(), model.held, "the rest");
}

/// At most `longest` octets of runs, and all others.
fn expand(octets: &[u8], longest: usize) -> Vec<u8> {
    let (mut stream, mut octets) = (Vec::new(), octets.iter());
    while let Some(octet) = octets.next() {
        if *octet == RUN {
            let times = octets.next().map_or(0, |times| usize::from(*times));
            let room = longest.saturating_sub(stream.len());
            stream.resize(stream.len() + (times * 256).min(room), b'x');
        } else {
            stream.push(*octet);
        }
    }
    stream
}

#[derive(Default)]
struct Model {
    held: Vec<u8>,
    overrun: Option<Overrun>,
}

/// What was thrown away of the current line.
#[derive(Clone, Copy, Default)]
struct Overrun {
    octets: usize,
    after_cr: bool,
}

impl Model {
    fn head(&mut self) -> &[u8] {
        self.pass_flood();
        if self.overrun.is_some() {
            &[]
        } else {
            &self.held
        }
    }

    fn take_front(&mut self, most: usize) -> Vec<u8> {
        let most = most.min(self.head().len());
        self.held.drain(..most).collect()
    }

    fn next(&mut self, limit: usize) -> Option<Line> {
        if self.overrun.is_none() {
            let near = &self.held[..self.held.len().min(limit)];
            if let Some(at) = near.windows(2).position(|two| two == b"\r\n") {
                let line: Vec<u8> = self.held.drain(..at + 2).take(at).collect();
                return Some(judge(line));
            }
            if self.held.len() < limit {
                return None;
            }
            self.overrun = Some(Overrun::default());
        }
        self.skip(limit)
    }

    /// Whatever has arrived of a flood that was reported.
    fn pass_flood(&mut self) {
        let Some(mut overrun) = self.overrun.filter(|overrun| overrun.octets >= FLOOD) else {
            return;
        };
        for at in 0..self.held.len() {
            let octet = self.held[at];
            if octet == b'\n' && overrun.after_cr {
                self.held.drain(..=at);
                self.overrun = None;
                return;
            }
            overrun.after_cr = octet == b'\r';
        }
        self.held.clear();
        self.overrun = Some(overrun);
    }

    /// Octet by octet to the end of the line, or of what there is.
    fn skip(&mut self, limit: usize) -> Option<Line> {
        let mut overrun = self.overrun.take()?;
        for at in 0..self.held.len() {
            let octet = self.held[at];
            overrun.octets += 1;
            if octet == b'\n' && overrun.after_cr {
                self.held.drain(..=at);
                if overrun.octets <= FLOOD {
                    return Some(Line::TooLong);
                }
                // A flood was reported when it became one; its end is silent.
                return self.next(limit);
            }
            overrun.after_cr = octet == b'\r';
            if overrun.octets == FLOOD {
                self.held.drain(..=at);
                self.overrun = Some(overrun);
                return Some(Line::Flood);
            }
        }
        self.held.clear();
        self.overrun = Some(overrun);
        None
    }
}

/// What a line without its CRLF is worth.
fn judge(line: Vec<u8>) -> Line {
    if line.iter().any(|octet| matches!(octet, b'\r' | b'\n')) {
        Line::Bare
    } else if line
        .iter()
        .any(|octet| matches!(octet, 0..=8 | 11..=31 | 127))
    {
        Line::Control(line)
    } else {
        Line::Complete(line)
    }
}
