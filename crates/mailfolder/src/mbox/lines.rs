//! The lines of a file, with where they are; long ones in parts, so that none needs much memory.

use std::io::{self, BufRead, Read as _};

/// Most octets of a line handed out at once.
const PART: usize = 64 << 10;

/// The lines of a file.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    reader: R,
    /// Octets read.
    pub(crate) octet: u64,
    /// Lines begun.
    pub(crate) line: u64,
    /// The last part did not end its line.
    inside: bool,
}

/// A line, or a part of one.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub(crate) octets: Vec<u8>,
    /// Where it begins.
    pub(crate) octet: u64,
    /// The line it belongs to, from 1.
    pub(crate) line: u64,
    /// It begins its line.
    pub(crate) begins: bool,
}

impl Part {
    /// It ends its line.
    pub(crate) fn ends(&self) -> bool {
        self.octets.last() == Some(&b'\n')
    }

    /// It is a line with nothing in it.
    pub(crate) fn is_blank(&self) -> bool {
        self.begins && matches!(self.octets[..], [b'\n'] | [b'\r', b'\n'])
    }
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            reader,
            octet: 0,
            line: 0,
            inside: false,
        }
    }

    /// Reads on, at most `most` octets; false at the end of the file, or when `most` is 0.
    pub(crate) fn read(&mut self, part: &mut Part, most: u64) -> io::Result<bool> {
        part.octets.clear();
        part.octet = self.octet;
        part.begins = !self.inside;
        let most = most.min(PART as u64);
        let read = (&mut self.reader)
            .take(most)
            .read_until(b'\n', &mut part.octets)?;
        if read == 0 {
            return Ok(false);
        }
        self.octet += read as u64;
        self.line += u64::from(part.begins);
        part.line = self.line;
        self.inside = !part.ends();
        Ok(true)
    }

    /// Whether the file ends here.
    pub(crate) fn at_end(&mut self) -> io::Result<bool> {
        Ok(self.reader.fill_buf()?.is_empty())
    }
}
