//! The data directory of a store that nobody runs, for those who read its files: claimed without changing anything.
//!
//! Opening a [`crate::Store`] writes: it empties `tmp`, brings the index up to date, notes who is there. This does not,
//! so it serves copies and file systems that cannot be written to as well.

use std::fs::{File, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{Layout, RealDisk};
use crate::error::OpenError;
use crate::index::table::TableError;
use crate::log::Position;
use crate::log::replay::{Replay, WalkError};

/// No server begins to use this data directory while this lives.
#[derive(Debug)]
pub struct AtRest {
    data_dir: PathBuf,
    lock: Option<File>,
    unclean: bool,
}

impl AtRest {
    /// Claims a data directory, or a copy of one.
    ///
    /// # Errors
    /// When a process has it, and when it is no data directory or cannot be read.
    pub fn claim(data_dir: &Path) -> Result<Self, OpenError> {
        let layout = Layout::new(data_dir);
        let failed = |path: &Path, doing| {
            let path = path.to_owned();
            move |source| OpenError::Io {
                path,
                doing,
                source,
            }
        };
        std::fs::read_dir(&layout.log).map_err(failed(&layout.log, "listing"))?;
        let mut at_rest = Self {
            data_dir: data_dir.to_owned(),
            lock: None,
            unclean: false,
        };
        let mut file = match File::open(&layout.lock) {
            Ok(file) => file,
            // A copy need not have one, and a server begins by making one.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(at_rest),
            Err(error) => return Err(failed(&layout.lock, "opening")(error)),
        };
        let locked = file.try_lock();
        let mut holder = String::new();
        // Whatever stands there is for people only.
        let _ = (&mut file).take(32).read_to_string(&mut holder);
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::InUse {
                    path: layout.root,
                    holder: Some(holder.trim().to_owned()).filter(|holder| !holder.is_empty()),
                });
            }
            Err(TryLockError::Error(error)) => {
                return Err(failed(&layout.lock, "locking")(error));
            }
        }
        at_rest.unclean = !holder.trim().is_empty();
        at_rest.lock = Some(file);
        Ok(at_rest)
    }

    /// A data directory whose lock the caller holds.
    pub(crate) fn held(data_dir: &Path) -> Self {
        Self {
            data_dir: data_dir.to_owned(),
            lock: None,
            unclean: false,
        }
    }

    /// The directory.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Whether the last process to have it ended without closing the store.
    #[must_use]
    pub fn is_unclean(&self) -> bool {
        self.unclean
    }

    /// Where the log ends: everything before was durable, what stands behind was never answered for.
    ///
    /// # Errors
    /// When the log cannot be read, and when a newer version wrote it.
    pub fn end(&self) -> Result<Position, OpenError> {
        let replay = Replay {
            disk: Arc::new(RealDisk),
            layout: Layout::new(&self.data_dir),
        };
        let segments = replay.survey()?;
        let mut end = Position::default();
        for (number, segment) in segments.iter().rev() {
            let from = Position {
                segment: *number,
                offset: 0,
            };
            // An opening alone says where the segment before it ends.
            let last = segments.range(*number..=*number);
            let only = last.map(|(number, segment)| (*number, segment.clone()));
            let walked = replay.walk(&only.collect(), from, None, &mut |_, _, _| Ok(()));
            match walked {
                Ok(walked) => end = walked.end,
                Err(WalkError::Log(error)) => return Err(error),
                Err(WalkError::Table(TableError::Abandoned | TableError::Failed(_))) => {}
            }
            if end.offset > 0 {
                break;
            }
            if let Some(opening) = segment.opening {
                end = opening.durable;
                break;
            }
        }
        Ok(end)
    }
}
