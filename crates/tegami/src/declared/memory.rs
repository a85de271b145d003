//! What the accounts file said the last time about what else can be said by hand, so that what is taken out of the file
//! is told from what was never in it.
//!
//! It lies in the data directory, and in backups of it as it was at their moment. Without it everything counts as said by
//! hand, and nothing is taken away; and where an accounts file was in force before, nobody comes onto a list that is there,
//! as whoever is declared and not on it may have left.

use std::collections::{BTreeMap, HashSet};
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use address::Mailbox;
use delivery::list::Settings;
use mailstore::StoredList;
use rustix::fs::OFlags;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::{Declarations, Stored};
use crate::durable_file;

const FILE: &str = mailstore::DECLARED;
/// More octets than any has.
const LARGEST: u64 = 64 << 20;

/// By [`Mailbox::key`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// The new addresses of accounts that have moved.
    pub refer: BTreeMap<String, Mailbox>,
    /// The settings of vacations, as they are kept.
    pub vacations: BTreeMap<String, String>,
    /// The targets of each `[[alias]]`.
    pub aliases: BTreeMap<String, Vec<Mailbox>>,
    /// The members of each `[[list]]`.
    pub lists: BTreeMap<String, Vec<Mailbox>>,
}

impl Memory {
    /// What there is to remember of these.
    pub fn of(declared: &Declarations) -> Self {
        let mut memory = Self::default();
        for account in &declared.accounts {
            let key = account.address.key();
            if let Some(to) = &account.refer {
                memory.refer.insert(key.clone(), to.clone());
            }
            if let Some(settings) = account.vacation_text() {
                memory.vacations.insert(key, settings);
            }
        }
        let aliases = declared.aliases.iter();
        memory.aliases = aliases
            .map(|alias| (alias.address.key(), alias.to.clone()))
            .collect();
        let lists = declared.lists.iter().map(|list| &list.settings);
        memory.lists = lists
            .map(|list| (list.address.key(), list.members.clone()))
            .collect();
        memory
    }

    /// Remembered members of lists that are there who are not on them.
    pub fn not_on(&self, stored: &Stored) -> Vec<(Mailbox, Vec<Mailbox>)> {
        let missing = |list: &StoredList| {
            let settings: Settings = serde_json::from_str(&list.settings).ok()?;
            let there: HashSet<String> = settings.members.iter().map(Mailbox::key).collect();
            let mut missing = self.lists.get(&list.address.key())?.clone();
            missing.retain(|member| !there.contains(&member.key()));
            (!missing.is_empty()).then(|| (list.address.clone(), missing))
        };
        stored.lists.iter().filter_map(missing).collect()
    }

    /// This, and the aliases of another: whatever is interrupted from here on, no target stays that nobody declares.
    pub fn with_aliases_of(&self, other: &Self) -> Self {
        let mut both = self.clone();
        for (alias, targets) in &other.aliases {
            let known = both.aliases.entry(alias.clone()).or_default();
            for target in targets {
                if !known.iter().any(|one| one.key() == target.key()) {
                    known.push(target.clone());
                }
            }
        }
        both
    }

    /// What is remembered in this data directory, if anything is. A damaged memory is none.
    ///
    /// # Errors
    /// It is there and cannot be read.
    pub fn read(data_dir: &Path) -> io::Result<Option<Self>> {
        let Some(octets) = octets(data_dir)? else {
            return Ok(None);
        };
        let read = serde_json::from_slice(&octets).inspect_err(|error| {
            tracing::warn!(file = FILE, %error, "what was declared before is forgotten: the file is damaged");
        });
        Ok(read.ok())
    }

    /// What to go by where nothing is remembered. Where an accounts file was in force before, it may have named everybody
    /// whom it names now.
    pub fn instead(declared: &Declarations, stored: &Stored) -> Self {
        let mut memory = Self::default();
        if stored.accounts.iter().any(|one| one.declared.is_some()) {
            memory.lists = Self::of(declared).lists;
        }
        memory
    }

    /// Remembers it; durable on return.
    ///
    /// # Errors
    /// It cannot be written; then what was remembered before still is.
    pub fn write(&self, data_dir: &Path) -> io::Result<()> {
        durable_file::write(&data_dir.join(FILE), &serde_json::to_vec(self)?)
    }
}

/// The memory in this data directory as it is written, if there is one.
///
/// # Errors
/// It is there and cannot be read, is not a regular file (a link leads who knows where, and a pipe would be waited for), or
/// is larger than any.
pub fn octets(data_dir: &Path) -> io::Result<Option<Vec<u8>>> {
    let irregular = || io::Error::other("it is not a regular file; move it away");
    let flags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).bits();
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(flags.cast_signed())
        .open(data_dir.join(FILE));
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
            return Err(irregular());
        }
        Err(error) => return Err(error),
    };
    if !file.metadata()?.is_file() {
        return Err(irregular());
    }
    let mut octets = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut octets)?;
    if octets.len() as u64 > LARGEST {
        let most = LARGEST >> 20;
        let words = format!("it has more than {most} MiB, so it is something else; move it away");
        return Err(io::Error::other(words));
    }
    Ok(Some(octets))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn only_a_regular_file_of_some_size_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        let read = || octets(dir.path()).map_err(|error| error.to_string());
        let refused = |why: &str| Err(format!("{why}; move it away"));
        assert_eq!(read(), Ok(None));
        fs::write(&path, "{}").unwrap();
        assert_eq!(read(), Ok(Some(b"{}".to_vec())));
        fs::rename(&path, dir.path().join("other")).unwrap();
        symlink("other", &path).unwrap();
        assert_eq!(read(), refused("it is not a regular file"));
        fs::remove_file(&path).unwrap();
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR, 0).unwrap();
        assert_eq!(read(), refused("it is not a regular file"));
        fs::remove_file(&path).unwrap();
        let large = File::create(&path).unwrap();
        large.set_len(LARGEST + 1).unwrap();
        assert_eq!(
            read(),
            refused("it has more than 64 MiB, so it is something else")
        );
    }
}
