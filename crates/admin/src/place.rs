//! Where the admin socket is: `admin.sock` in the data directory, reachable however long that path is.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// The socket's name in the data directory.
pub const SOCKET_NAME: &str = "admin.sock";

/// Longest path that a socket address certainly holds: `sun_path` has 104 octets or more, the last one a NUL.
const MAX_PATH: usize = 103;

/// A path by which the socket can be bound or connected to, as long as this value lives.
pub(crate) struct Place {
    path: PathBuf,
    _directory: Option<File>,
}

impl Place {
    pub(crate) fn of(data_dir: &Path) -> io::Result<Self> {
        let path = data_dir.join(SOCKET_NAME);
        if path.as_os_str().len() <= MAX_PATH {
            return Ok(Self {
                path,
                _directory: None,
            });
        }
        Self::behind(data_dir, &path)
    }

    /// A short detour to a directory with a long name.
    #[cfg(target_os = "linux")]
    fn behind(data_dir: &Path, _path: &Path) -> io::Result<Self> {
        use std::os::fd::AsRawFd;

        let directory = File::open(data_dir)?;
        let detour = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd()));
        Ok(Self {
            path: detour.join(SOCKET_NAME),
            _directory: Some(directory),
        })
    }

    #[cfg(not(target_os = "linux"))]
    fn behind(_data_dir: &Path, path: &Path) -> io::Result<Self> {
        let message = format!("{} is too long for a socket", path.display());
        Err(io::Error::new(io::ErrorKind::InvalidInput, message))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}
