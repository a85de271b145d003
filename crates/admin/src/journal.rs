//! What an import has begun, written down so that one that was cut off can be undone.
//!
//! `import.journal` in the data directory: a line of JSON, then the SHA-256 of every letter, 32 octets each, durable
//! before the letter is delivered. The file is removed when the import is done: until then it does not count.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use mailstore::AccountId;
use serde::{Deserialize, Serialize};

const NAME: &str = "import.journal";

/// SHA-256 of a letter.
pub(crate) type Digest = [u8; 32];

/// Into which mailbox, and what was in it before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Begun {
    pub(crate) account: AccountId,
    /// No message up to this uid belongs to the import.
    pub(crate) before: u64,
}

/// The journal of the import that runs.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
}

/// An import that was cut off.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) begun: Begun,
    pub(crate) letters: HashSet<Digest>,
}

impl Journal {
    /// Begins one. Returns when it is durable.
    pub(crate) fn begin(directory: &Path, begun: Begun) -> io::Result<Self> {
        let path = directory.join(NAME);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        let mut line = serde_json::to_vec(&begun)?;
        line.push(b'\n');
        file.write_all(&line)?;
        file.sync_all()?;
        sync(directory)?;
        Ok(Self { file, path })
    }

    /// Notes letters that are about to be delivered. Returns when that is durable.
    pub(crate) fn note(&mut self, letters: impl Iterator<Item = Digest>) -> io::Result<()> {
        let octets: Vec<u8> = letters.flatten().collect();
        self.file.write_all(&octets)?;
        self.file.sync_data()
    }

    /// The import is done, or undone.
    pub(crate) fn finish(self) -> io::Result<()> {
        forget(&self.path)
    }

    /// What the last import left, if it was cut off.
    pub(crate) fn left(directory: &Path) -> io::Result<Option<Left>> {
        let file = match fs::read(directory.join(NAME)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut parts = file.splitn(2, |octet| *octet == b'\n');
        let (line, Some(digests)) = (parts.next().unwrap_or_default(), parts.next()) else {
            // It was cut off before its first line was durable, so before its first letter.
            Self::forget_left(directory)?;
            return Ok(None);
        };
        // A digest cut short belongs to a letter that was never delivered.
        let letters = digests.as_chunks().0.iter().copied().collect();
        Ok(Some(Left {
            begun: serde_json::from_slice(line)?,
            letters,
        }))
    }

    /// What was left is put in order.
    pub(crate) fn forget_left(directory: &Path) -> io::Result<()> {
        forget(&directory.join(NAME))
    }
}

fn forget(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    path.parent().map_or(Ok(()), sync)
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGUN: Begun = Begun {
        account: AccountId(7),
        before: 99,
    };

    #[test]
    fn a_journal_says_what_was_begun_until_it_is_finished() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        assert_eq!(Journal::left(path).unwrap(), None);
        let mut journal = Journal::begin(path, BEGUN).unwrap();
        journal.note([[1; 32], [10; 32]].into_iter()).unwrap();
        journal.note([[1; 32]].into_iter()).unwrap();
        assert!(Journal::begin(path, BEGUN).is_err(), "one at a time");
        let left = Left {
            begun: BEGUN,
            letters: [[1; 32], [10; 32]].into(),
        };
        assert_eq!(Journal::left(path).unwrap(), Some(left));
        journal.finish().unwrap();
        assert_eq!(Journal::left(path).unwrap(), None);
    }

    #[test]
    fn a_journal_cut_off_anywhere_names_only_whole_letters() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let mut journal = Journal::begin(path, BEGUN).unwrap();
        journal.note([[1; 32], [2; 32]].into_iter()).unwrap();
        let whole = fs::read(path.join(NAME)).unwrap();
        let line = whole.len() - 64;
        for end in 0..whole.len() {
            fs::write(path.join(NAME), &whole[..end]).unwrap();
            let left = Journal::left(path).unwrap();
            assert_eq!(left.is_some(), end >= line, "{end} octets");
            if let Some(left) = left {
                assert_eq!(left.letters.len(), (end - line) / 32, "{end} octets");
            } else {
                assert!(!path.join(NAME).exists(), "{end} octets");
            }
        }
    }
}
