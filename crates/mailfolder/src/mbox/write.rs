//! Writes mboxrd, message by message and piece by piece.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

use super::separator::separator;
use crate::line_ends::Unix;
use crate::partial::Partial;

/// So much of a message is looked at for its date.
const LONGEST_HEADER: usize = 64 << 10;
const FROM: &[u8] = b"From ";

/// An mbox file being written. It bears its name only once [`Writer::finish`] has said so.
#[derive(Debug)]
pub struct Writer {
    out: BufWriter<File>,
    partial: Partial,
    message: Option<Message>,
    /// Lines of a piece, made ready.
    ready: Vec<u8>,
}

/// A message being written.
#[derive(Debug, Default)]
struct Message {
    /// The header, until all of it is there to find the date in.
    header: Option<Vec<u8>>,
    uidl: Option<String>,
    unix: Unix,
    quote: Quote,
}

impl Writer {
    /// Begins a file. Only its owner may read it.
    ///
    /// # Errors
    /// There is something of this name, or it cannot be written.
    pub fn create(target: &Path) -> io::Result<Self> {
        let partial = Partial::beside(target)?;
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(partial.path())?;
        Ok(Self {
            out: BufWriter::with_capacity(256 << 10, file),
            partial,
            message: None,
            ready: Vec::new(),
        })
    }

    /// Begins a message; with a unique id, which becomes its first line.
    pub fn begin(&mut self, uidl: Option<&str>) {
        self.message = Some(Message {
            header: Some(Vec::new()),
            uidl: uidl.map(str::to_owned),
            ..Message::default()
        });
    }

    /// Goes on with the message: octets with CRLF line ends.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        let Some(message) = &mut self.message else {
            return Err(io::Error::other("no message was begun"));
        };
        let Some(header) = &mut message.header else {
            return body(&mut self.out, &mut self.ready, message, octets);
        };
        let seen = header.len().saturating_sub(3);
        header.extend_from_slice(octets);
        if memchr::memmem::find(&header[seen..], b"\r\n\r\n").is_some()
            || header.len() > LONGEST_HEADER
        {
            return front(&mut self.out, &mut self.ready, message);
        }
        Ok(())
    }

    /// Ends the message. One whose last line has no end gets one: the format has no other way.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn end(&mut self) -> io::Result<()> {
        let Some(mut message) = self.message.take() else {
            return Ok(());
        };
        front(&mut self.out, &mut self.ready, &mut message)?;
        self.ready.clear();
        let mut rest = Vec::new();
        message.unix.finish(&mut rest);
        message.quote.append(&rest, &mut self.ready);
        message.quote.finish(&mut self.ready);
        self.ready.push(b'\n');
        self.out.write_all(&self.ready)
    }

    /// Ends the file: returns when all of it is on the disk under its name.
    ///
    /// # Errors
    /// Then there is no such file.
    pub fn finish(mut self) -> io::Result<()> {
        self.end()?;
        let file = self
            .out
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        self.partial.complete()
    }
}

/// The separator and what is there of the header, unless they have been written.
fn front(out: &mut impl Write, ready: &mut Vec<u8>, message: &mut Message) -> io::Result<()> {
    let Some(header) = message.header.take() else {
        return Ok(());
    };
    out.write_all(separator(date(&header)).as_bytes())?;
    if let Some(uidl) = &message.uidl {
        writeln!(out, "X-UIDL: {uidl}")?;
    }
    body(out, ready, message, &header)
}

fn body(
    out: &mut impl Write,
    ready: &mut Vec<u8>,
    message: &mut Message,
    octets: &[u8],
) -> io::Result<()> {
    let mut lines = Vec::with_capacity(octets.len());
    message.unix.append(octets, &mut lines);
    ready.clear();
    message.quote.append(&lines, ready);
    out.write_all(ready)
}

/// When the message was written, as it says itself; otherwise the beginning of time.
fn date(header: &[u8]) -> Timestamp {
    let lines = header.split(|octet| *octet == b'\n');
    lines
        .take_while(|line| !line.is_empty() && *line != b"\r")
        .filter_map(|line| crate::mbox::read::field(line, b"Date"))
        .find_map(|value| {
            // RFC 5322 section 3.3; a wrong day of the week is no reason to lose the date.
            let parser = DateTimeParser::new().relaxed_weekday(true);
            parser.parse_timestamp(value.as_bytes()).ok()
        })
        .filter(|when| when.as_second() >= 0)
        .unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Puts a `>` before every line that is `From ` behind any number of `>`, piece by piece.
#[derive(Debug)]
enum Quote {
    /// At the beginning of a line that so far is so many `>`, and so much of `From `.
    Beginning { quotes: usize, matched: usize },
    /// Further on in a line.
    Inside,
}

impl Default for Quote {
    fn default() -> Self {
        Self::Beginning {
            quotes: 0,
            matched: 0,
        }
    }
}

impl Quote {
    fn append(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        for line in piece.split_inclusive(|octet| *octet == b'\n') {
            let mut rest = line;
            while let (Self::Beginning { quotes, matched }, Some((octet, behind))) =
                (&mut *self, rest.split_first())
            {
                if *matched == 0 && *octet == b'>' {
                    *quotes += 1;
                } else if *octet == FROM[*matched] {
                    *matched += 1;
                    if *matched == FROM.len() {
                        out.push(b'>');
                        self.release(out);
                    }
                } else {
                    self.release(out);
                    break;
                }
                rest = behind;
            }
            out.extend_from_slice(rest);
            if rest.ends_with(b"\n") {
                *self = Self::default();
            }
        }
    }

    /// Writes what was held back at the beginning of a line.
    fn release(&mut self, out: &mut Vec<u8>) {
        if let Self::Beginning { quotes, matched } = *self {
            out.resize(out.len() + quotes, b'>');
            out.extend_from_slice(&FROM[..matched]);
            *self = Self::Inside;
        }
    }

    /// Ends the last line if it has no end.
    fn finish(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Beginning {
                quotes: 0,
                matched: 0,
            } => {}
            Self::Beginning { .. } | Self::Inside => {
                self.release(out);
                out.push(b'\n');
                *self = Self::default();
            }
        }
    }
}
