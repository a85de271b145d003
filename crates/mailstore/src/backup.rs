//! Backups of a data directory, and data directories made from them.
//!
//! ```text
//! DIR/                          0700; one run at a time has it
//!   backup-20261122T052846Z/    whole; never written to again
//!     log/                      segments and bodies, up to the end the manifest states
//!     secrets.key declared.key  and whatever else ends in .key
//!     tls/                      the certificate the server made for itself
//!     quarantine/               what repairs have set aside
//!     declared.json             what an accounts file had declared at the end of the log
//!     manifest.json             the end of the log, and every file with its size and CRC32C
//!   .backup-20261123T.../       unfinished or on its way out; the next run removes it
//! ```
//!
//! A backup gets its name when everything in it is durable, so an interruption anywhere leaves the ones before it as
//! they were. What the log says up to the end that was asked for is in it: segments before the last are never written
//! to again and may be hard links; of the last one a copy is taken that ends there. Neither the index (it is made from
//! the log) nor letters on their way in are part of a backup.
//!
//! Names grow with every backup of a DIR, also when the clock goes back.
//!
//! Nothing here stops a server from writing: whoever calls sees to it that no segment is removed meanwhile.

mod files;
mod make;
mod manifest;
mod restore;
mod steps;
mod verify;

use std::io;
use std::path::PathBuf;

use serde::Serialize;

use crate::error::{OpenError, StoreError};
use crate::log::Position;
use crate::report::Damage;

pub use make::back_up;
pub use restore::{Restored, restore};
pub use steps::{Doing, Step, Watch};
pub use verify::{Verified, is_backup, verify_backup};

pub(crate) use files::{house_files, stamp};
pub(crate) use restore::UNFINISHED;
pub(crate) use steps::{Steps, failed};

/// The file of a data directory that says what an accounts file declared the last time. It goes with what the log says, and
/// whoever backs both up knows when they go together.
pub const DECLARED: &str = "declared.json";

/// What a backup is of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Everything the log says before this place.
    pub end: Position,
    /// What [`DECLARED`] said then, if it was there.
    pub declared: Option<Vec<u8>>,
}

impl From<Position> for Moment {
    fn from(end: Position) -> Self {
        Self {
            end,
            declared: None,
        }
    }
}

/// What is wanted of a backup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackupOptions {
    /// Share no file with the data directory, even where that costs nothing.
    pub copy: bool,
    /// Read everything back before the backup counts, and check every record.
    pub verify: bool,
    /// Remove all but so many of the newest backups afterwards; at least the new one stays. The new one is read back before,
    /// whatever [`BackupOptions::verify`] says: if something is wrong in the store, the older ones may be all that is left
    /// of what it hits, so all stay.
    pub keep: Option<usize>,
}

/// A backup that was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BackedUp {
    /// Its directory.
    pub path: PathBuf,
    /// Files in it, the manifest left out.
    pub files: u64,
    /// Octets of these files.
    pub octets: u64,
    /// Files that are hard links to those of the backup before it.
    pub from_previous: u64,
    /// Files that are hard links to those of the data directory.
    pub from_data: u64,
    /// Files that were copied.
    pub copied: u64,
    /// Octets that were copied.
    pub copied_octets: u64,
    /// What reading it back found, if that was wanted.
    pub verified: Option<Verified>,
    /// Older backups that were removed.
    pub removed: Vec<PathBuf>,
}

/// Why there is no backup, or nothing was restored from one.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file or directory could not be read or written.
    #[error("{doing} {}: {source}", path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// What was being done.
        doing: Doing,
        /// What the system said.
        source: io::Error,
    },
    /// Whoever watched wanted no more.
    #[error("interrupted")]
    Interrupted,
    /// The backups would be lost together with the mail.
    #[error("{} lies in the data directory; a backup belongs elsewhere, best on another disk", .0.display())]
    Inside(PathBuf),
    /// The directory for backups would have to be made in one that is not there.
    #[error("there is no directory {}: make it first, or mount the disk for backups", .0.display())]
    NoParent(PathBuf),
    /// Another backup into the same directory is under way.
    #[error("another backup into {} is under way", .0.display())]
    TargetInUse(PathBuf),
    /// There is no backup in that directory.
    #[error("there is no backup in {}: it has neither a manifest.json nor a backup-... directory", .0.display())]
    NoBackup(PathBuf),
    /// A backup's manifest is not what was written.
    #[error("{} is damaged ({why}); use another backup", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A newer version made the backup.
    #[error("{} was made by a newer tegami; restore it with that version", .0.display())]
    Newer(PathBuf),
    /// A file of a backup is not what was written.
    #[error("{} is not what was backed up: {what}; use another backup", path.display())]
    Altered {
        /// The file.
        path: PathBuf,
        /// What differs.
        what: &'static str,
    },
    /// Something is in the data directory already.
    #[error("{0} is not empty, and nothing in it is ever overwritten; move it away first: mv {0} {0}.old", path.display())]
    NotEmpty {
        /// The data directory.
        path: PathBuf,
    },
    /// No older format was kept.
    #[error("there is nothing to go back to: no log of an older format was kept in {}", .0.join("snapshots").display())]
    NoSnapshot(PathBuf),
    /// The restored store could not be opened; in particular, a server may have the directory.
    #[error("{0}")]
    Open(#[from] OpenError),
    /// The new epochs could not be made durable.
    #[error("stating the new epochs: {0}")]
    Store(#[from] StoreError),
}

/// Places of a log that are not what had been written, and bodies that are missing or damaged. What a repair has dealt
/// with is none of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Flaws {
    /// Places in segments.
    pub places: Vec<Damage>,
    /// Numbers of large bodies that a mailbox holds and that are not there or not whole.
    pub bodies: Vec<u64>,
    /// The log ends before the place it should.
    pub short: bool,
}

impl Flaws {
    /// Nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty() && self.bodies.is_empty() && !self.short
    }
}
