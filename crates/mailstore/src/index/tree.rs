//! The table on disk: one sled tree.
//!
//! sled's own flush is no fsync, so a checkpoint syncs sled's files from here; and sled opens happily over damage,
//! so nothing it says is final. Every rebuild gets a directory of its own, for a stalled handle can never be closed.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::table::{Batch, Table, TableError, Tables, Visit};

/// Octets of sled's page cache, as they are on disk; in memory they are many times as many. A message that waits to leave
/// takes about 50 of them (its place, what becomes of it, when it is due) and 0.6 KiB of memory, an entry of a mailbox
/// less; beyond it nothing is kept in memory for each. So this is full, at some 120 MiB of memory, with about 160,000
/// messages, and with more it stays so. With less, whoever reads more than that in turn waits three times as long.
const CACHE: u64 = 8 << 20;
/// Octets of sled's segments. With the 512 KiB that are usual, `apply_batch` deadlocked after some 100,000 messages;
/// one segment is held in memory, and a whole one is read and written at every start.
const SEGMENT: usize = 4 << 20;

/// Trees in numbered directories; the highest number is the one in use.
pub(crate) struct Trees {
    directory: PathBuf,
}

impl Trees {
    pub(crate) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    fn numbers(&self) -> io::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            if let Some(number) = entry?
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok())
            {
                numbers.push(number);
            }
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn open(&self, number: u64) -> Result<Arc<dyn Table>, TableError> {
        let path = self.directory.join(number.to_string());
        Ok(Arc::new(Tree::open(&path)?))
    }
}

impl Tables for Trees {
    fn latest(&self) -> Result<Arc<dyn Table>, TableError> {
        let mut numbers = self.numbers().map_err(failed("listing the index"))?;
        let latest = numbers.pop().unwrap_or(1);
        for older in numbers {
            // What is left of an index given up; in the way of nobody if it stays.
            let _ = fs::remove_dir_all(self.directory.join(older.to_string()));
        }
        self.open(latest)
    }

    fn fresh(&self) -> Result<Arc<dyn Table>, TableError> {
        let numbers = self.numbers().map_err(failed("listing the index"))?;
        self.open(numbers.last().map_or(1, |latest| latest + 1))
    }

    fn discard(&self) -> Result<(), TableError> {
        for number in self.numbers().map_err(failed("listing the index"))? {
            let path = self.directory.join(number.to_string());
            fs::remove_dir_all(path).map_err(failed("removing an index"))?;
        }
        File::open(&self.directory)
            .and_then(|directory| directory.sync_all())
            .map_err(failed("syncing a directory"))
    }
}

/// One sled database.
struct Tree {
    db: sled::Db,
    path: PathBuf,
}

impl Tree {
    fn open(path: &Path) -> Result<Self, TableError> {
        let config = sled::Config::new()
            .path(path)
            .cache_capacity(CACHE)
            .flush_every_ms(None)
            .segment_size(SEGMENT)
            .mode(sled::Mode::HighThroughput);
        // Made here because sled would leave it to the umask.
        match DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(failed("making a directory")(error));
            }
            _ => {}
        }
        // sled answers some kinds of damage with a panic.
        let db = catch_unwind(AssertUnwindSafe(|| config.open()))
            .map_err(|_| TableError::Failed("sled panicked while opening".to_owned()))?
            .map_err(|error| TableError::Failed(format!("opening: {error}")))?;
        let tree = Self {
            db,
            path: path.to_owned(),
        };
        tree.each_file(|path| fs::set_permissions(path, Permissions::from_mode(0o600)))
            .map_err(failed("setting permissions"))?;
        Ok(tree)
    }

    fn each_file(&self, mut work: impl FnMut(&Path) -> io::Result<()>) -> io::Result<()> {
        let mut directories = vec![self.path.clone()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(&directory)? {
                let path = entry?.path();
                match fs::symlink_metadata(&path) {
                    Ok(found) if found.is_dir() => {
                        fs::set_permissions(&path, Permissions::from_mode(0o700))?;
                        directories.push(path);
                    }
                    Ok(_) => match work(&path) {
                        // sled removes old snapshots whenever it likes.
                        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                        other => other?,
                    },
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    fn sync_files(&self) -> io::Result<()> {
        self.each_file(|path| {
            fs::set_permissions(path, Permissions::from_mode(0o600))?;
            File::open(path)?.sync_all()
        })?;
        File::open(&self.path)?.sync_all()?;
        match self.path.parent() {
            Some(parent) => File::open(parent)?.sync_all(),
            None => Ok(()),
        }
    }
}

impl Table for Tree {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, TableError> {
        let value = guarded("reading", || self.db.get(key))?;
        Ok(value.map(|value| value.to_vec()))
    }

    fn scan(
        &self,
        prefix: &[u8],
        from: &[u8],
        limit: usize,
        visit: Visit<'_>,
    ) -> Result<(), TableError> {
        guarded("scanning", || {
            for pair in self.db.range(from..).take(limit) {
                let (key, value) = pair?;
                if !key.starts_with(prefix) {
                    break;
                }
                visit(&key, &value);
            }
            Ok(())
        })
    }

    fn apply(&self, batch: &Batch) -> Result<(), TableError> {
        let mut writes = sled::Batch::default();
        for (key, value) in batch {
            match value {
                Some(value) => writes.insert(key.as_slice(), value.as_slice()),
                None => writes.remove(key.as_slice()),
            }
        }
        guarded("applying a batch", || self.db.apply_batch(writes))
    }

    fn flush(&self) -> Result<(), TableError> {
        guarded("flushing", || self.db.flush().map(|_| ()))
    }

    fn sync(&self) -> Result<(), TableError> {
        self.sync_files().map_err(failed("syncing the index"))
    }
}

/// Runs one call into sled; a panic in it is a failure of the index and of nothing else.
fn guarded<T>(
    doing: &'static str,
    call: impl FnOnce() -> sled::Result<T>,
) -> Result<T, TableError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(|error| TableError::Failed(format!("{doing}: {error}"))),
        Err(_) => Err(TableError::Failed(format!("{doing}: sled panicked"))),
    }
}

fn failed(doing: &'static str) -> impl Fn(io::Error) -> TableError {
    move |error| TableError::Failed(format!("{doing}: {error}"))
}
