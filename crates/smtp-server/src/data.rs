//! What happens to a message on its way in: dots out, line ends judged, its header looked at, limits kept.
//!
//! It holds at most one chunk of the message and a few octets of an unfinished header line. When something is
//! wrong it stops handing octets out, keeps consuming up to the real end, and says at the end what was wrong.
//! Replies and the transaction are the session's.

mod counted;
mod header;
mod newlines;

use bytes::{Buf, Bytes, BytesMut};
use reply::{Reply, smtp};
use wire::{DotDecoder, Malformed, Unstuffed};

use crate::config::{BareNewline, Config};
use counted::Counted;
use header::Header;
use newlines::Newlines;

/// Most octets handed out at once.
const CHUNK: usize = 64 * 1024;
/// Most octets of a field name or a line end that may be held back, and come on top of what is decoded.
const HELD: usize = 1024;

/// One message on its way in.
#[derive(Debug)]
pub(crate) struct Intake {
    framing: Framing,
    newlines: Option<Newlines>,
    header: Header,
    limits: Limits,
    /// Octets of the message so far, dots removed.
    octets: u64,
    /// Octets received so far, as they came over the wire.
    received: u64,
    /// What is ready to be handed out.
    out: Vec<u8>,
    /// What came in beyond one chunk.
    rest: BytesMut,
    done: bool,
}

/// How the end of a message is told.
#[derive(Debug)]
enum Framing {
    /// DATA: CRLF dot CRLF (RFC 5321 section 4.1.1.4).
    Dots(DotDecoder),
    /// BDAT: the client counts, and says which chunk is the last (RFC 3030 section 2).
    Counted(Counted),
}

impl Framing {
    /// Appends to `out` what `piece` holds of the message.
    fn decode(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Unstuffed {
        match self {
            Self::Dots(decoder) => decoder.decode(piece, out),
            Self::Counted(counted) => {
                counted.scan(piece);
                out.extend_from_slice(piece);
                Unstuffed {
                    consumed: piece.len(),
                    done: false,
                }
            }
        }
    }

    fn malformed(&self) -> Option<Malformed> {
        match self {
            Self::Dots(decoder) => decoder.malformed(),
            Self::Counted(counted) => counted.malformed(),
        }
    }
}

/// The limits a message is held to.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Octets; 0 means none.
    message: u64,
    header: usize,
    received_fields: u32,
}

impl Intake {
    /// For a message that comes with DATA.
    pub(crate) fn new(config: &Config, bare_newline: BareNewline) -> Self {
        Self::framed(Framing::Dots(DotDecoder::new()), config, bare_newline)
    }

    /// For a message that comes with BDAT.
    pub(crate) fn counted(config: &Config, bare_newline: BareNewline) -> Self {
        Self::framed(Framing::Counted(Counted::default()), config, bare_newline)
    }

    fn framed(framing: Framing, config: &Config, bare_newline: BareNewline) -> Self {
        Self {
            framing,
            newlines: match bare_newline {
                BareNewline::Reject => None,
                BareNewline::Normalize => Some(Newlines::default()),
            },
            header: Header::new(config.max_header),
            limits: Limits {
                message: config.max_message_size,
                header: config.max_header,
                received_fields: config.max_received,
            },
            octets: 0,
            received: 0,
            out: Vec::new(),
            rest: BytesMut::new(),
            done: false,
        }
    }

    /// Takes in octets from the peer.
    pub(crate) fn take_in(&mut self, octets: &[u8]) {
        self.received += octets.len() as u64;
        if !self.rest.is_empty() {
            self.rest.extend_from_slice(octets);
            return;
        }
        let used = self.decode(octets);
        self.rest.extend_from_slice(&octets[used..]);
    }

    /// The next octets of the message, if some are ready.
    pub(crate) fn chunk(&mut self) -> Option<Bytes> {
        while self.out.is_empty() && !self.done && !self.rest.is_empty() {
            let rest = std::mem::take(&mut self.rest);
            let used = self.decode(&rest);
            // Between two chunks nothing is held.
            if used < rest.len() {
                self.rest = rest;
                self.rest.advance(used);
            }
        }
        if self.out.is_empty() {
            None
        } else {
            Some(Bytes::from(std::mem::take(&mut self.out)))
        }
    }

    /// A message that came in chunks ends here. Mail is made of lines (RFC 5322 section 2.1), so a last line without
    /// its CRLF gets one; it does not count towards the size.
    pub(crate) fn finish(&mut self) {
        let Framing::Counted(counted) = &mut self.framing else {
            return;
        };
        if counted.finish() {
            self.header.scan(b"\r\n", &mut self.out);
        }
        self.header.finish(&mut self.out);
        self.done = true;
        if self.is_flawed() {
            self.out.clear();
        }
    }

    /// The end of the message has been seen and everything of it was handed out.
    pub(crate) fn is_done(&self) -> bool {
        self.done && self.out.is_empty()
    }

    /// Octets received so far, as they came over the wire.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// What came behind the end of the message.
    pub(crate) fn into_rest(self) -> BytesMut {
        self.rest
    }

    /// Why the message cannot be taken, or nothing if it can. Which fault is named does not depend on how the
    /// octets were split.
    pub(crate) fn refusal(&self) -> Option<Reply> {
        if let Some(malformed) = self.malformed() {
            return Some(Reply::new(match malformed {
                Malformed::BareCr | Malformed::BareLf => &smtp::BARE_NEWLINE,
                // RFC 6409 section 4.1: 554 where nothing finer fits.
                Malformed::Nul => &smtp::CANNOT_PROCESS,
            }));
        }
        if self.is_too_large() {
            return Some(Reply::new(&smtp::MESSAGE_TOO_LARGE).arg("limit", self.limits.message));
        }
        if self.header.is_too_large() {
            return Some(Reply::new(&smtp::HEADER_TOO_LARGE).arg("limit", self.limits.header));
        }
        // RFC 5321 section 6.3: counting Received fields is how a loop is noticed.
        if self.loops() {
            return Some(Reply::new(&smtp::MAIL_LOOP).arg("count", self.header.received_fields()));
        }
        None
    }

    /// Decodes up to one chunk of `octets` and says how many were used.
    fn decode(&mut self, octets: &[u8]) -> usize {
        // Mending line ends can double what comes in.
        let most = if self.newlines.is_some() {
            CHUNK / 2 - HELD
        } else {
            CHUNK - HELD
        };
        let piece = &octets[..octets.len().min(most)];
        let step = if self.newlines.is_none() && self.header.is_finished() {
            self.decode_body(piece)
        } else {
            self.decode_looking(piece)
        };
        self.done = step.done;
        if self.is_flawed() {
            self.out.clear();
        }
        step.consumed
    }

    /// Behind the header nobody looks at the octets again.
    fn decode_body(&mut self, piece: &[u8]) -> Unstuffed {
        let before = self.out.len();
        self.out.reserve(piece.len());
        let step = self.framing.decode(piece, &mut self.out);
        self.octets += (self.out.len() - before) as u64;
        step
    }

    /// In the header, or where line ends have to be mended.
    fn decode_looking(&mut self, piece: &[u8]) -> Unstuffed {
        let mut decoded = Vec::with_capacity(piece.len());
        let step = self.framing.decode(piece, &mut decoded);
        self.octets += decoded.len() as u64;
        if let Some(newlines) = &mut self.newlines {
            decoded = newlines.normalize(&decoded);
        }
        self.out.reserve(decoded.len());
        self.header.scan(&decoded, &mut self.out);
        if step.done {
            self.header.finish(&mut self.out);
        }
        step
    }

    fn is_flawed(&self) -> bool {
        self.malformed().is_some()
            || self.is_too_large()
            || self.header.is_too_large()
            || self.loops()
    }

    fn malformed(&self) -> Option<Malformed> {
        match &self.newlines {
            None => self.framing.malformed(),
            Some(newlines) => newlines.has_nul().then_some(Malformed::Nul),
        }
    }

    /// RFC 1870 section 6.3: the limit counts octets with CRLF, without the dots of transparency.
    fn is_too_large(&self) -> bool {
        self.limits.message != 0 && self.octets > self.limits.message
    }

    fn loops(&self) -> bool {
        self.header.received_fields() > self.limits.received_fields
    }
}

#[cfg(test)]
mod tests;
