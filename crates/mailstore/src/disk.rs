//! The few things the log asks of a file system, so that tests can put one underneath that fails or loses power.
//!
//! Files are made for their owner only, whatever the umask. Nothing here retries and nothing here caches.

#[cfg(any(test, fuzzing))]
#[cfg_attr(fuzzing, allow(dead_code, reason = "nothing fails on purpose there"))]
#[expect(clippy::unwrap_used, reason = "for tests and fuzzing")]
pub(crate) mod simulated;

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, IoSlice};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::io::{Errno, ReadWriteFlags};

use crate::engine::Wait;

/// A file system.
pub(crate) trait Disk: Send + Sync + 'static {
    /// Makes a file that must not exist yet.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Opens an existing file for reading and syncing.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Makes a directory unless it is there, for its owner only either way.
    fn make_directory(&self, path: &Path) -> io::Result<()>;
    /// Names and sizes of the files in a directory.
    fn list(&self, directory: &Path) -> io::Result<Vec<(String, u64)>>;
    /// Gives a file another name on the same file system.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes names in a directory durable.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;
    /// Octets free for us.
    fn free(&self, path: &Path) -> io::Result<u64>;
}

/// An open file. Positions are given, never kept.
pub(crate) trait DiskFile: Send + Sync {
    /// Writes all the slices one behind the other.
    fn write_at(&self, slices: &mut [IoSlice<'_>], offset: u64) -> io::Result<()>;
    /// Reads what is there, up to the length of `buffer`.
    fn read_at(&self, buffer: &mut [u8], offset: u64, wait: Wait) -> io::Result<usize>;
    /// Makes the contents durable (fdatasync).
    fn sync(&self) -> io::Result<()>;
    /// Its size in octets.
    fn size(&self) -> io::Result<u64>;
    /// Cuts it off.
    fn truncate(&self, size: u64) -> io::Result<()>;
}

/// The real one.
pub(crate) struct RealDisk;

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        Ok(Arc::new(file))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(File::open(path)?))
    }

    fn make_directory(&self, path: &Path) -> io::Result<()> {
        match DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let found = fs::metadata(path)?;
                if found.permissions().mode() & 0o077 != 0 {
                    fs::set_permissions(path, Permissions::from_mode(0o700))?;
                }
                Ok(())
            }
            other => other,
        }
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<(String, u64)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if metadata.is_file() {
                let name = entry.file_name().to_string_lossy().into_owned();
                found.push((name, metadata.len()));
            }
        }
        Ok(found)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn free(&self, path: &Path) -> io::Result<u64> {
        let found = rustix::fs::statvfs(path)?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }
}

impl DiskFile for File {
    fn write_at(&self, mut slices: &mut [IoSlice<'_>], mut offset: u64) -> io::Result<()> {
        while !slices.is_empty() {
            // IOV_MAX of Linux; more than that in one call is an error.
            let batch = slices.len().min(1024);
            let written = match rustix::io::pwritev(self, &slices[..batch], offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => written,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            offset += written as u64;
            IoSlice::advance_slices(&mut slices, written);
        }
        Ok(())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64, wait: Wait) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            let rest = &mut buffer[filled..];
            let at = offset + filled as u64;
            let read = match wait {
                Wait::Allowed => FileExt::read_at(self, rest, at),
                Wait::Never => {
                    let mut slices = [io::IoSliceMut::new(rest)];
                    match rustix::io::preadv2(self, &mut slices, at, ReadWriteFlags::NOWAIT) {
                        // Some file systems do not know RWF_NOWAIT: there, every read may wait.
                        Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
                            Err(io::ErrorKind::WouldBlock.into())
                        }
                        read => read.map_err(io::Error::from),
                    }
                }
            };
            match read {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    /// An fdatasync that is under way while the file system is shut down (its device went, or the shutdown ioctl) can
    /// come back without an error and have kept nothing: seen with ext4 on Linux 6.18. From then on the file system
    /// refuses to read, so one octet is asked for before the sync is believed.
    fn sync(&self) -> io::Result<()> {
        self.sync_data()?;
        FileExt::read_at(self, &mut [0], 0).map(|_| ())
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.set_len(size)
    }
}

/// Where things are in a data directory.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) root: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) tmp: PathBuf,
    pub(crate) index: PathBuf,
    pub(crate) lock: PathBuf,
    pub(crate) quarantine: PathBuf,
}

impl Layout {
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            log: root.join("log"),
            tmp: root.join("tmp"),
            index: root.join("index"),
            lock: root.join("lock"),
            quarantine: root.join("quarantine"),
        }
    }

    pub(crate) fn segment(&self, number: u32) -> PathBuf {
        self.log.join(format!("{number:010}.log"))
    }

    /// Where the octets of a damaged place are kept by `repair`.
    pub(crate) fn quarantined(&self, segment: u32, offset: u64) -> PathBuf {
        self.quarantine.join(format!("{segment:010}-{offset}.rec"))
    }

    pub(crate) fn body(&self, number: u64) -> PathBuf {
        self.log.join(format!("{number:016x}.body"))
    }
}

/// The number of a segment from its file name.
pub(crate) fn segment_number(name: &str) -> Option<u32> {
    name.strip_suffix(".log")?.parse().ok()
}

/// The number of a body of its own from its file name.
pub(crate) fn body_number(name: &str) -> Option<u64> {
    u64::from_str_radix(name.strip_suffix(".body")?, 16).ok()
}
