//! Folders in which every message is a file of its own.

pub(crate) mod maildir;

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::Letter;
use crate::fault::{Fault, Place, Problem};
use crate::line_ends::to_crlf;
use crate::uidls::{Uidls, base_name};

/// Directories below the first one that are gone into for `.eml` files.
const DEEPEST: usize = 32;

/// The messages of a list of files. The names are in memory, about a hundred octets each; the mail is not.
#[derive(Debug)]
pub struct Files {
    paths: std::vec::IntoIter<PathBuf>,
    count: usize,
    number: u64,
    uidls: Arc<Uidls>,
    limit: usize,
}

impl Files {
    /// All `.eml` files in a directory and below, in the order of their names. Messages of more than `limit` octets are
    /// faults. Symbolic links are not followed.
    ///
    /// # Errors
    /// A directory cannot be read.
    pub fn tree(directory: &Path, uidls: Arc<Uidls>, limit: usize) -> Result<Self, Fault> {
        let mut paths = Vec::new();
        walk(directory, 0, &mut paths)?;
        paths.sort();
        Ok(Self::new(paths, uidls, limit))
    }

    /// One file, whatever its name, as long as it is a regular one.
    #[must_use]
    pub fn one(path: PathBuf, uidls: Arc<Uidls>, limit: usize) -> Self {
        Self::new(vec![path], uidls, limit)
    }

    pub(crate) fn new(paths: Vec<PathBuf>, uidls: Arc<Uidls>, limit: usize) -> Self {
        Self {
            count: paths.len(),
            paths: paths.into_iter(),
            number: 0,
            uidls,
            limit,
        }
    }

    /// How many there are, read or not.
    #[must_use]
    pub fn count_all(&self) -> usize {
        self.count
    }

    /// How many have been read.
    #[must_use]
    pub fn count_read(&self) -> u64 {
        self.number
    }
}

impl Iterator for Files {
    type Item = Result<Letter, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        let path = self.paths.next()?;
        self.number += 1;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let uidl = self.uidls.find(base_name(&name), self.number);
        let uidl = uidl.map(str::to_owned);
        let read = read(&path, self.limit);
        let place = Place::of(path);
        Some(match read {
            Ok(octets) => Ok(Letter {
                place,
                octets,
                uidl,
            }),
            Err(problem) => Err(Fault { place, problem }),
        })
    }
}

fn read(path: &Path, limit: usize) -> Result<Vec<u8>, Problem> {
    let too_large = || Problem::TooLarge {
        limit: limit as u64,
    };
    let facts = fs::symlink_metadata(path).map_err(Problem::io)?;
    if !facts.is_file() {
        return Err(Problem::NotAFile);
    }
    if facts.len() > limit as u64 {
        return Err(too_large());
    }
    let mut octets = Vec::with_capacity(usize::try_from(facts.len()).unwrap_or_default());
    // Whatever has grown meanwhile stays bounded.
    let read = File::open(path).and_then(|file| {
        file.take((limit as u64).saturating_add(1))
            .read_to_end(&mut octets)
    });
    read.map_err(Problem::io)?;
    if octets.is_empty() {
        return Err(Problem::Empty);
    }
    let octets = to_crlf(octets, limit).ok_or_else(too_large)?;
    // What is in a Maildir is mail; anything may be called .eml.
    if is_eml(path) && !begins_as_message(&octets) {
        return Err(Problem::NoHeader);
    }
    Ok(octets)
}

/// A field (RFC 5322 section 2.2), the empty line behind no field at all, or what programs that keep mbox leave behind.
fn begins_as_message(octets: &[u8]) -> bool {
    let first = octets
        .split(|octet| *octet == b'\n')
        .next()
        .unwrap_or_default();
    let first = first.strip_suffix(b"\r").unwrap_or(first);
    let name = first
        .iter()
        .take_while(|octet| (33..=126).contains(*octet) && **octet != b':');
    let behind = &first[name.count()..];
    let is_field = behind.len() < first.len() && behind.trim_ascii_start().starts_with(b":");
    is_field
        || first.is_empty()
        || [&b"From "[..], b">From "]
            .iter()
            .any(|start| first.starts_with(start))
}

fn is_eml(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("eml"))
}

fn walk(directory: &Path, depth: usize, paths: &mut Vec<PathBuf>) -> Result<(), Fault> {
    for entry in entries(directory)? {
        let kind = entry
            .file_type()
            .map_err(|error| unreadable(&entry.path(), error))?;
        let path = entry.path();
        if kind.is_dir() && depth < DEEPEST {
            walk(&path, depth + 1, paths)?;
        } else if is_eml(&path) {
            paths.push(path);
        }
    }
    Ok(())
}

fn entries(directory: &Path) -> Result<Vec<fs::DirEntry>, Fault> {
    let read = fs::read_dir(directory).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    read.map_err(|error| unreadable(directory, error))
}

fn unreadable(path: &Path, error: io::Error) -> Fault {
    Fault {
        place: Place::of(path),
        problem: Problem::io(error),
    }
}
