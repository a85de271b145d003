//! Unique ids by which clients know the messages they have (RFC 1939 section 7), from the lists other servers keep.

pub(crate) mod courier;
pub(crate) mod dovecot;
mod format;
mod plain;

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::fault::{Fault, Place, Problem};
use crate::files::maildir;

pub use format::{Format, FormatError};

/// Longest line of a list, in octets.
const LONGEST_LINE: u64 = 4096;

/// Whether a text is a unique id: 1 to 70 characters from 0x21 to 0x7E (RFC 1939 section 7).
#[must_use]
pub fn is_uidl(text: &str) -> bool {
    matches!(text.len(), 1..=70) && text.bytes().all(|octet| (0x21..=0x7E).contains(&octet))
}

/// Unique ids by the names, or the numbers, of messages. About a hundred octets of memory each.
#[derive(Debug, Default)]
pub struct Uidls {
    names: HashMap<Box<str>, Known>,
    numbers: HashMap<u64, Box<str>>,
}

/// What a list says about a message.
#[derive(Debug)]
struct Known {
    uidl: Box<str>,
    /// Its place among the others, if the list has one.
    order: Option<u64>,
}

/// An entry of a list.
enum Entry {
    Name {
        name: String,
        uidl: String,
        order: Option<u64>,
    },
    Number {
        number: u64,
        uidl: String,
    },
    /// A comment or a blank line.
    Nothing,
}

impl Uidls {
    /// The list that a Maildir came with and where it is, if it has one: `dovecot-uidlist`, otherwise
    /// `courierpop3dsizelist`.
    #[must_use]
    pub fn list_of(maildir: &Path) -> Option<PathBuf> {
        maildir::own_list(maildir)
    }

    /// Reads a list: Dovecot's or Courier's if its file is called so, otherwise lines of a message's number or file name
    /// and its unique id; `#` begins a comment. Dovecot's says which ids its server made of the rest only if the server
    /// had the usual `pop3_uidl_format`; otherwise name that one.
    ///
    /// Lines that do not fit are in the second part.
    ///
    /// # Errors
    /// The file cannot be read, or begins as no known version of the list does.
    pub fn read(path: &Path, format: Option<&Format>) -> Result<(Self, Vec<Fault>), Fault> {
        let file = File::open(path).map_err(|error| Fault::from((path, Problem::io(error))))?;
        Self::parse(BufReader::new(file), path, format)
    }

    /// The same from anywhere; `path` is what faults call it, and by its name it says whose list it is.
    ///
    /// # Errors
    /// As [`Uidls::read`].
    pub fn parse(
        reader: impl BufRead,
        path: &Path,
        format: Option<&Format>,
    ) -> Result<(Self, Vec<Fault>), Fault> {
        let mut lines = ListLines {
            reader,
            file: path.into(),
            octet: 0,
            begins: 0,
            line: 0,
        };
        let name = path.file_name().unwrap_or_default();
        if name == dovecot::NAME {
            let head = dovecot::Head::parse(&lines.head("dovecot-uidlist")?, format)
                .ok_or_else(|| lines.wrong_head("dovecot-uidlist"))?;
            Self::collect(lines, |line| head.entry(line))
        } else if name == courier::NAME {
            let head = lines.head("courierpop3dsizelist")?;
            if !courier::is_head(&head) {
                return Err(lines.wrong_head("courierpop3dsizelist"));
            }
            Self::collect(lines, courier::entry)
        } else {
            Self::collect(lines, plain::entry)
        }
    }

    fn collect(
        mut lines: ListLines<impl BufRead>,
        entry: impl Fn(&str) -> Option<Entry>,
    ) -> Result<(Self, Vec<Fault>), Fault> {
        let (mut uidls, mut faults) = (Self::default(), Vec::new());
        while let Some(line) = lines.next()? {
            match line.as_deref().and_then(&entry) {
                Some(Entry::Name { name, uidl, order }) => {
                    let uidl = uidl.into();
                    uidls.names.insert(name.into(), Known { uidl, order });
                }
                Some(Entry::Number { number, uidl }) => {
                    uidls.numbers.insert(number, uidl.into());
                }
                Some(Entry::Nothing) => {}
                None => faults.push(lines.fault(Problem::ListEntry)),
            }
        }
        Ok((uidls, faults))
    }

    /// The unique id of a message, by its name (without flags) or its number from 1.
    #[must_use]
    pub fn find(&self, name: &str, number: u64) -> Option<&str> {
        let known = self.names.get(name).map(|known| &*known.uidl);
        known.or_else(|| self.numbers.get(&number).map(|uidl| &**uidl))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len() + self.numbers.len()
    }

    /// There are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn order(&self, name: &str) -> Option<u64> {
        self.names.get(name)?.order
    }
}

/// The name of a message without its flags (`:2,S`; `;` and `!` where a file system forbids colons).
pub(crate) fn base_name(name: &str) -> &str {
    let end = name
        .rfind([':', ';', '!'])
        .filter(|at| name[at + 1..].starts_with("2,"));
    let end = end.or_else(|| name.find(':'));
    &name[..end.unwrap_or(name.len())]
}

/// The lines of a list, bounded.
struct ListLines<R> {
    reader: R,
    file: Arc<Path>,
    /// Octets read.
    octet: u64,
    /// Where the line read last begins.
    begins: u64,
    line: u64,
}

impl<R: BufRead> ListLines<R> {
    /// The next line without its end; an inner `None` for one that is too long or no UTF-8. The list says itself which
    /// one it is.
    fn next(&mut self) -> Result<Option<Option<String>>, Fault> {
        let mut line = Vec::new();
        self.begins = self.octet;
        loop {
            let mut part = Vec::new();
            let read = (&mut self.reader)
                .take(LONGEST_LINE)
                .read_until(b'\n', &mut part);
            let read = read.map_err(|error| self.fault(Problem::io(error)))?;
            if read == 0 && line.is_empty() {
                return Ok(None);
            }
            self.octet += read as u64;
            if line.len() < LONGEST_LINE as usize {
                line.extend_from_slice(&part);
            }
            if read == 0 || part.ends_with(b"\n") {
                break;
            }
        }
        self.line += 1;
        if line.len() > LONGEST_LINE as usize {
            return Ok(Some(None));
        }
        Ok(Some(String::from_utf8(line.trim_ascii_end().to_vec()).ok()))
    }

    fn head(&mut self, name: &'static str) -> Result<String, Fault> {
        self.next()?.flatten().ok_or_else(|| self.wrong_head(name))
    }

    fn wrong_head(&self, name: &'static str) -> Fault {
        self.fault(Problem::ListVersion(name))
    }

    fn fault(&self, problem: Problem) -> Fault {
        let place = Place {
            file: Arc::clone(&self.file),
            octet: self.begins,
            line: self.line.max(1),
        };
        Fault { place, problem }
    }
}
