//! Reads an mbox file, one message at a time.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

use super::Dialect;
use super::lines::{Lines, Part};
use super::separator::is_separator;
use crate::Letter;
use crate::fault::{Fault, Place, Problem};
use crate::line_ends::mend_end;

/// Longest unique id looked at, in octets; a proper one has 70 (RFC 1939 section 7).
const LONGEST_ID: usize = 200;

/// The messages of an mbox file.
#[derive(Debug)]
pub struct Reader<R> {
    lines: Lines<R>,
    /// The line read last, not yet used if `ahead`.
    part: Part,
    ahead: bool,
    file: Arc<Path>,
    dialect: Dialect,
    limit: usize,
    begun: bool,
    over: bool,
}

impl Reader<BufReader<File>> {
    /// Opens a file. Messages of more than `limit` octets are faults.
    ///
    /// # Errors
    /// It is no regular file or cannot be opened.
    pub fn open(path: &Path, dialect: Dialect, limit: usize) -> Result<Self, Fault> {
        let fault = |problem| Fault {
            place: Place::of(path),
            problem,
        };
        let file = File::open(path).map_err(|error| fault(Problem::io(error)))?;
        let facts = file.metadata().map_err(|error| fault(Problem::io(error)))?;
        if !facts.is_file() {
            return Err(fault(Problem::NotAFile));
        }
        let reader = BufReader::with_capacity(256 << 10, file);
        Ok(Self::new(reader, path, dialect, limit))
    }
}

impl<R: BufRead> Reader<R> {
    /// Reads from anywhere; `path` is what faults call it.
    pub fn new(reader: R, path: &Path, dialect: Dialect, limit: usize) -> Self {
        Self {
            lines: Lines::new(reader),
            part: Part::default(),
            ahead: false,
            file: path.into(),
            dialect,
            limit,
            begun: false,
            over: false,
        }
    }

    /// Octets of the file that have been read.
    #[must_use]
    pub fn octets_read(&self) -> u64 {
        self.lines.octet
    }

    /// The next part of a line is in `self.part`; false at the end of the file.
    fn advance(&mut self) -> io::Result<bool> {
        if std::mem::take(&mut self.ahead) {
            return Ok(true);
        }
        self.lines.read(&mut self.part, u64::MAX)
    }

    fn place(&self) -> Place {
        Place {
            file: Arc::clone(&self.file),
            octet: self.part.octet,
            line: self.part.line,
        }
    }

    fn at_separator(&self) -> bool {
        self.part.begins && is_separator(&self.part.octets)
    }

    /// Goes to the next separator behind a blank line. It is the part ahead then.
    fn skip(&mut self) -> io::Result<()> {
        let mut blank = false;
        while self.advance()? {
            if blank && self.at_separator() {
                self.ahead = true;
                return Ok(());
            }
            blank = self.part.is_blank();
        }
        Ok(())
    }

    fn next_letter(&mut self) -> io::Result<Option<Result<Letter, Fault>>> {
        if !std::mem::replace(&mut self.begun, true) {
            // Some programs leave blank lines in front.
            while self.advance()? {
                if !self.part.is_blank() {
                    self.ahead = true;
                    break;
                }
            }
            if self.ahead && !self.at_separator() {
                let place = self.place();
                self.skip()?;
                let problem = Problem::NoSeparator;
                return Ok(Some(Err(Fault { place, problem })));
            }
        }
        if !self.advance()? {
            return Ok(None);
        }
        let place = self.place();
        // The rest of a separator that has no line end at all belongs to no message.
        let cut_off = !self.part.ends();
        let mut message = Message::new(self.limit, self.dialect);
        let read = if cut_off {
            Err(Problem::CutOff)
        } else {
            self.message(&mut message)?
        };
        Ok(Some(match read {
            Ok(()) => Ok(Letter {
                place,
                octets: message.octets,
                uidl: message.uidl,
            }),
            Err(problem) => Err(Fault { place, problem }),
        }))
    }

    /// Reads all that is behind a separator, up to the next one or the end.
    fn message(&mut self, message: &mut Message) -> io::Result<Result<(), Problem>> {
        let (mut blank, mut lines) = (false, 0_u64);
        loop {
            if !self.advance()? {
                break;
            }
            // Directly behind the other one: the message between them is empty.
            if (blank || lines == 0) && self.at_separator() {
                self.ahead = true;
                break;
            }
            if blank {
                // It was not the one that the format puts behind a message.
                message.blank_line();
                blank = false;
            }
            lines += u64::from(self.part.begins);
            if self.part.is_blank() {
                if let Some(stated) = message.header_ends() {
                    message.blank_line();
                    return self.measured(message, stated);
                }
                blank = true;
            } else {
                message.line(&self.part);
            }
            // Otherwise it is a part of a long line.
            if !self.part.ends() && self.lines.at_end()? {
                return Ok(Err(Problem::CutOff));
            }
        }
        // Nothing, or only the line that the format puts behind a message.
        if lines == 0 || (blank && lines == 1) {
            return Ok(Err(Problem::Empty));
        }
        Ok(message.finished())
    }

    /// Reads a body of `stated` octets as they are in the file, and makes sure that the message ends there.
    fn measured(&mut self, message: &mut Message, stated: u64) -> io::Result<Result<(), Problem>> {
        let mut left = stated;
        while left > 0 {
            if !self.lines.read(&mut self.part, left)? {
                return Ok(Err(Problem::CutOff));
            }
            left -= self.part.octets.len() as u64;
            message.line(&self.part);
        }
        message.end_line();
        // What follows is the next message, the blank line in front of it, or nothing.
        let mut blank = false;
        while self.advance()? {
            if self.at_separator() {
                self.ahead = true;
                return Ok(message.finished());
            }
            if blank || !self.part.is_blank() {
                self.skip()?;
                return Ok(Err(Problem::ContentLength { stated }));
            }
            blank = true;
        }
        Ok(message.finished())
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Letter, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        match self.next_letter() {
            Ok(item) => {
                self.over |= item.is_none();
                item
            }
            Err(error) => {
                self.over = true;
                Some(Err(Fault {
                    place: self.place(),
                    problem: Problem::io(error),
                }))
            }
        }
    }
}

/// A message being read.
struct Message {
    octets: Vec<u8>,
    uidl: Option<String>,
    length: Option<u64>,
    in_header: bool,
    first: bool,
    limit: usize,
    dialect: Dialect,
    too_large: bool,
}

impl Message {
    fn new(limit: usize, dialect: Dialect) -> Self {
        Self {
            octets: Vec::new(),
            uidl: None,
            length: None,
            in_header: true,
            first: true,
            limit,
            dialect,
            too_large: false,
        }
    }

    /// Adds a line, or a part of one.
    fn line(&mut self, part: &Part) {
        let first = std::mem::take(&mut self.first);
        if self.in_header && part.begins {
            let id = field(&part.octets, b"X-UIDL").filter(|id| !id.is_empty());
            if let Some(id) = id.filter(|id| id.len() <= LONGEST_ID) {
                self.uidl.get_or_insert_with(|| id.to_owned());
                // As the first line of all it is not the message's but the folder's: that is how we write it.
                if first && part.ends() {
                    return;
                }
            }
            if let Some(length) = field(&part.octets, b"Content-Length") {
                self.length = length.parse().ok();
            }
        }
        let quoting = if part.begins {
            self.dialect.quoting(&part.octets)
        } else {
            0
        };
        self.append(&part.octets[quoting..]);
    }

    fn append(&mut self, octets: &[u8]) {
        if self.too_large || self.octets.len() + octets.len() > self.limit {
            // It is read to its end, and forgotten.
            self.too_large = true;
            self.octets = Vec::new();
            return;
        }
        self.octets.extend_from_slice(octets);
        if octets.ends_with(b"\n") {
            mend_end(&mut self.octets);
        }
    }

    fn blank_line(&mut self) {
        self.first = false;
        self.append(b"\r\n");
    }

    /// A line that the body's length cut in two gets its end.
    fn end_line(&mut self) {
        if !self.octets.is_empty() && !self.octets.ends_with(b"\n") {
            self.append(b"\r\n");
        }
    }

    /// A blank line was read: the octets of the body, if the header says so and is believed.
    fn header_ends(&mut self) -> Option<u64> {
        let was = std::mem::replace(&mut self.in_header, false);
        self.length.filter(|_| was && self.dialect.has_length())
    }

    fn finished(&self) -> Result<(), Problem> {
        if self.too_large || self.octets.len() > self.limit {
            return Err(Problem::TooLarge {
                limit: self.limit as u64,
            });
        }
        Ok(())
    }
}

/// The value of a header field in a line, if that is its name.
pub(crate) fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a str> {
    let (start, value) = line.split_at_checked(name.len())?;
    if !start.eq_ignore_ascii_case(name) {
        return None;
    }
    let value = value.trim_ascii_start().strip_prefix(b":")?;
    std::str::from_utf8(value.trim_ascii()).ok()
}
