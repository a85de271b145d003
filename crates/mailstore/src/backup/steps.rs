//! What a backup does to files, one watched step at a time.
//!
//! Every change of the file system and every piece of reading goes through here, so that it can be shown, ended by whoever
//! watches, and cut off by tests anywhere.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use super::BackupError;

/// Octets read or written at once.
const PIECE: usize = 1 << 20;

/// What is about to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Looking at what is there.
    Looking,
    /// Making a directory.
    Making,
    /// Giving a file a second name.
    Linking,
    /// Copying a piece of a file.
    Copying,
    /// Writing a small file.
    Writing,
    /// Reading a piece of a file to compare it.
    Reading,
    /// Making a file or the names in a directory durable.
    Syncing,
    /// Giving a file or directory its final name.
    Renaming,
    /// Removing a file or a directory with all in it.
    Removing,
    /// Locking a directory.
    Locking,
}

impl Doing {
    /// What is done, before the name of a file.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Looking => "looking at",
            Self::Making => "making",
            Self::Linking => "linking to",
            Self::Copying => "copying",
            Self::Writing => "writing",
            Self::Reading => "reading",
            Self::Syncing => "syncing",
            Self::Renaming => "renaming",
            Self::Removing => "removing",
            Self::Locking => "locking",
        }
    }
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// One step, told before it is taken.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// What.
    pub doing: Doing,
    /// To which file or directory.
    pub path: &'a Path,
    /// Octets that have been read, linked or copied so far.
    pub done: u64,
    /// Octets there are to do altogether, as far as is known.
    pub total: u64,
}

/// Is told every step before it is taken, and may end it all there. What was made so far is then removed if the watch
/// lets that happen; if not, the next run does it.
pub type Watch<'a> = dyn FnMut(&Step<'_>) -> ControlFlow<()> + 'a;

/// Takes the steps.
pub(crate) struct Steps<'w, 'a> {
    watch: &'w mut Watch<'a>,
    done: u64,
    total: u64,
}

impl<'w, 'a> Steps<'w, 'a> {
    pub(crate) fn new(watch: &'w mut Watch<'a>) -> Self {
        Self {
            watch,
            done: 0,
            total: 0,
        }
    }

    /// So many octets more are to be read or copied.
    pub(crate) fn expect(&mut self, octets: u64) {
        self.total += octets;
    }

    /// So many octets need neither be read nor copied.
    pub(crate) fn spared(&mut self, octets: u64) {
        self.done += octets;
    }

    fn tell(&mut self, doing: Doing, path: &Path) -> Result<(), BackupError> {
        let step = Step {
            doing,
            path,
            done: self.done,
            total: self.total,
        };
        match (self.watch)(&step) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(BackupError::Interrupted),
        }
    }

    /// Takes one step.
    pub(crate) fn take<T>(
        &mut self,
        doing: Doing,
        path: &Path,
        step: impl FnOnce() -> io::Result<T>,
    ) -> Result<T, BackupError> {
        self.tell(doing, path)?;
        step().map_err(failed(doing, path))
    }

    /// Makes a directory for its owner only; it must not be there.
    pub(crate) fn make_directory(&mut self, path: &Path) -> Result<(), BackupError> {
        self.take(Doing::Making, path, || {
            DirBuilder::new().mode(0o700).create(path)
        })
    }

    /// Gives a file a second name.
    pub(crate) fn link(&mut self, from: &Path, to: &Path) -> Result<(), BackupError> {
        self.take(Doing::Linking, to, || fs::hard_link(from, to))
    }

    pub(crate) fn rename(&mut self, from: &Path, to: &Path) -> Result<(), BackupError> {
        self.take(Doing::Renaming, to, || fs::rename(from, to))
    }

    pub(crate) fn sync_directory(&mut self, path: &Path) -> Result<(), BackupError> {
        self.take(Doing::Syncing, path, || File::open(path)?.sync_all())
    }

    /// Removes a directory with all in it; it need not be there.
    pub(crate) fn remove_tree(&mut self, path: &Path) -> Result<(), BackupError> {
        self.take(Doing::Removing, path, || match fs::remove_dir_all(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        })
    }

    /// Writes a small file that must not be there, durably but for its name.
    pub(crate) fn write(&mut self, path: &Path, octets: &[u8]) -> Result<(), BackupError> {
        let mut file = self.take(Doing::Writing, path, || create(path))?;
        file.write_all(octets)
            .map_err(failed(Doing::Writing, path))?;
        self.take(Doing::Syncing, path, || file.sync_all())
    }

    /// Copies the first `limit` octets of a file into one that must not be there, durably but for its name; gives
    /// their number and CRC32C.
    pub(crate) fn copy(
        &mut self,
        from: &Path,
        to: &Path,
        limit: u64,
    ) -> Result<(u64, u32), BackupError> {
        let source = self.take(Doing::Copying, to, || File::open(from))?;
        let mut copy = create(to).map_err(failed(Doing::Making, to))?;
        let sum = self.pieces(Doing::Copying, from, source.take(limit), |piece| {
            copy.write_all(piece).map_err(failed(Doing::Copying, to))
        })?;
        self.take(Doing::Syncing, to, || copy.sync_all())?;
        Ok(sum)
    }

    /// The size and CRC32C of a file.
    pub(crate) fn sum(&mut self, path: &Path) -> Result<(u64, u32), BackupError> {
        let file = self.take(Doing::Reading, path, || File::open(path))?;
        self.pieces(Doing::Reading, path, file, |_| Ok(()))
    }

    /// The same, from the disk and not from memory, as far as the system lets itself be asked for that.
    pub(crate) fn sum_from_disk(&mut self, path: &Path) -> Result<(u64, u32), BackupError> {
        let file = self.take(Doing::Reading, path, || File::open(path))?;
        // Only a wish: where it is not known, what is read may come from the cache.
        let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
        self.pieces(Doing::Reading, path, file, |_| Ok(()))
    }

    fn pieces(
        &mut self,
        doing: Doing,
        path: &Path,
        mut source: impl Read,
        mut each: impl FnMut(&[u8]) -> Result<(), BackupError>,
    ) -> Result<(u64, u32), BackupError> {
        let mut piece = vec![0; PIECE];
        let (mut octets, mut crc) = (0_u64, 0_u32);
        loop {
            let length = match source.read(&mut piece) {
                Ok(0) => return Ok((octets, crc)),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(failed(Doing::Reading, path)(error)),
            };
            self.tell(doing, path)?;
            each(&piece[..length])?;
            crc = crc32c::crc32c_append(crc, &piece[..length]);
            octets += length as u64;
            self.done += length as u64;
        }
    }
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

pub(crate) fn failed(doing: Doing, path: &Path) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::Io {
        path,
        doing,
        source,
    }
}
