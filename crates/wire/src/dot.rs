//! Dot transparency (RFC 5321 section 4.5.2, RFC 1939 section 3), in both directions.
//!
//! The decoder never repairs a message: it hands out what came, remembers what was wrong with it, and keeps
//! consuming up to the only thing that ends it, CRLF dot CRLF. Size limits and refusals are the session's.

use std::sync::LazyLock;

use memchr::memmem::Finder;

/// Looks for a line that begins with a dot. Made once, for a message may consist of such lines only.
static DOT_LINE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\r\n."));

/// What was first found wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// A CR that no LF follows (RFC 5321 section 2.3.8).
    BareCr,
    /// An LF that no CR precedes (RFC 5321 section 2.3.8).
    BareLf,
    /// A NUL, which not even 8BITMIME allows (RFC 6152 section 3).
    Nul,
}

/// What [`DotDecoder::decode`] did with its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unstuffed {
    /// Octets of the input that belong to the message or its end. The rest comes after it.
    pub consumed: usize,
    /// The end has been seen.
    pub done: bool,
}

/// Where the decoder stands in the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// Just after CRLF, and at the very beginning.
    #[default]
    LineStart,
    /// After CRLF and a dot, which is not handed out.
    Dot,
    /// After CRLF, a dot and a CR, which is not handed out yet.
    DotCr,
    /// Within a line, not after a CR.
    Text,
    /// Within a line, after a CR that was handed out.
    Cr,
    /// After CRLF dot CRLF.
    Done,
}

/// Takes the dots out of a message on its way in, and finds its end.
///
/// ```
/// let mut decoder = wire::DotDecoder::new();
/// let mut message = Vec::new();
/// let step = decoder.decode(b"..one\r\n.\r\nQUIT\r\n", &mut message);
/// assert_eq!(message, b".one\r\n");
/// assert_eq!(step, wire::Unstuffed { consumed: 10, done: true });
/// ```
#[derive(Debug, Default)]
pub struct DotDecoder {
    place: Place,
    malformed: Option<Malformed>,
}

impl DotDecoder {
    /// A decoder at the beginning of a message.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            place: Place::LineStart,
            malformed: None,
        }
    }

    /// Takes in octets and appends those of the message to `out`.
    ///
    /// Any split of the stream gives the same message. Once `done`, further input is left alone.
    pub fn decode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Unstuffed {
        let mut at = 0;
        while self.place != Place::Done && at < input.len() {
            at += match self.place {
                Place::LineStart => self.line_start(input[at]),
                Place::Dot => self.dot(input[at]),
                Place::DotCr => self.dot_cr(input[at], out),
                Place::Cr => self.cr(input[at], out),
                Place::Text => self.text(&input[at..], out),
                Place::Done => 0,
            };
        }
        Unstuffed {
            consumed: at,
            done: self.place == Place::Done,
        }
    }

    /// What was first found wrong with the message so far.
    #[must_use]
    pub fn malformed(&self) -> Option<Malformed> {
        self.malformed
    }

    // Each of these handles one octet and says how many of it were used: 0 or 1.

    fn line_start(&mut self, octet: u8) -> usize {
        let dot = octet == b'.';
        self.place = if dot { Place::Dot } else { Place::Text };
        usize::from(dot)
    }

    fn dot(&mut self, octet: u8) -> usize {
        // RFC 5321 section 4.5.2: a line of a dot and more loses the dot, whatever the rest of it is.
        let cr = octet == b'\r';
        self.place = if cr { Place::DotCr } else { Place::Text };
        usize::from(cr)
    }

    fn dot_cr(&mut self, octet: u8, out: &mut Vec<u8>) -> usize {
        // RFC 5321 section 4.1.1.4: only CRLF dot CRLF is the end; `. CR x` is a line with a bare CR.
        if octet == b'\n' {
            self.place = Place::Done;
            return 1;
        }
        out.push(b'\r');
        self.note(Malformed::BareCr);
        self.place = Place::Text;
        0
    }

    fn cr(&mut self, octet: u8, out: &mut Vec<u8>) -> usize {
        if octet == b'\n' {
            out.push(b'\n');
            self.place = Place::LineStart;
            return 1;
        }
        self.note(Malformed::BareCr);
        self.place = Place::Text;
        0
    }

    /// Handles everything up to the next line that begins with a dot, at memory speed.
    fn text(&mut self, rest: &[u8], out: &mut Vec<u8>) -> usize {
        let run = match DOT_LINE.find(rest) {
            Some(at) => &rest[..at + 2],
            None => rest,
        };
        if self.malformed.is_none() && !is_clean(run) {
            self.malformed = first_flaw(run);
        }
        out.extend_from_slice(run);
        self.place = match run {
            [.., b'\r', b'\n'] => Place::LineStart,
            [.., b'\r'] => Place::Cr,
            _ => Place::Text,
        };
        run.len()
    }

    fn note(&mut self, flaw: Malformed) {
        self.malformed.get_or_insert(flaw);
    }
}

/// Whether LF stands exactly where a CR came before, and no NUL anywhere. The octet before `run` is no CR.
///
/// One pass without branches, which the compiler turns into vector instructions.
fn is_clean(run: &[u8]) -> bool {
    let Some(&first) = run.first() else {
        return true;
    };
    let mut flaws = u8::from(first == b'\n') | u8::from(first == 0);
    for (&before, &octet) in run.iter().zip(&run[1..]) {
        flaws |= (u8::from(before == b'\r') ^ u8::from(octet == b'\n')) | u8::from(octet == 0);
    }
    flaws == 0
}

/// The first thing wrong in `run`, for which [`is_clean`] said no.
fn first_flaw(run: &[u8]) -> Option<Malformed> {
    let mut before = b' ';
    for &octet in run {
        match (before, octet) {
            (b'\r', b'\n') => {}
            (b'\r', _) => return Some(Malformed::BareCr),
            (_, b'\n') => return Some(Malformed::BareLf),
            (_, 0) => return Some(Malformed::Nul),
            (_, _) => {}
        }
        before = octet;
    }
    None
}

/// Puts the dots into a message on its way out, and ends it.
///
/// ```
/// let mut encoder = wire::DotEncoder::new();
/// let mut sent = Vec::new();
/// encoder.encode(b".one\r\ntwo", &mut sent);
/// encoder.finish(&mut sent);
/// assert_eq!(sent, b"..one\r\ntwo\r\n.\r\n");
/// ```
#[derive(Debug, Default)]
pub struct DotEncoder {
    place: Tail,
}

/// How what was encoded so far ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Tail {
    /// With CRLF, or nothing was encoded yet.
    #[default]
    LineStart,
    /// With a CR.
    Cr,
    /// With anything else.
    Text,
}

impl DotEncoder {
    /// An encoder at the beginning of a message.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            place: Tail::LineStart,
        }
    }

    /// Appends the next part of the message to `out`, with every dot that begins a line doubled.
    ///
    /// Any split of the message gives the same octets.
    pub fn encode(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        let Some(&last) = chunk.last() else { return };
        out.reserve(chunk.len());
        let mut from = 0;
        // The CRLF before a dot may lie wholly or half in an earlier chunk.
        match (self.place, chunk) {
            (Tail::LineStart, [b'.', ..]) => out.push(b'.'),
            (Tail::Cr, [b'\n', b'.', ..]) => {
                out.extend_from_slice(b"\n.");
                from = 1;
            }
            (Tail::LineStart | Tail::Cr | Tail::Text, _) => {}
        }
        for at in DOT_LINE.find_iter(chunk) {
            out.extend_from_slice(&chunk[from..at + 2]);
            out.push(b'.');
            from = at + 2;
        }
        out.extend_from_slice(&chunk[from..]);
        self.place = match chunk {
            [.., b'\r', b'\n'] => Tail::LineStart,
            [b'\n'] if self.place == Tail::Cr => Tail::LineStart,
            _ if last == b'\r' => Tail::Cr,
            _ => Tail::Text,
        };
    }

    /// Ends the message: the CRLF its last line may lack, then the lone dot (RFC 1939 section 3).
    ///
    /// The encoder then stands at the beginning of another message.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if self.place != Tail::LineStart {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
        self.place = Tail::LineStart;
    }
}
