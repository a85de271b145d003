//! Work under another name: what has its own name is complete and on the disk.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// A name beside the target's. What bears it is removed unless [`Partial::complete`] was called.
#[derive(Debug)]
pub(crate) struct Partial {
    work: PathBuf,
    target: PathBuf,
    done: bool,
}

impl Partial {
    /// Names the place of work for a target that must not exist.
    pub(crate) fn beside(target: &Path) -> io::Result<Self> {
        absent(target)?;
        let Some(name) = target.file_name() else {
            let message = "this is no name of a file";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        };
        let mut partial = name.to_owned();
        partial.push(format!(".partial-{}", std::process::id()));
        Ok(Self {
            work: target.with_file_name(partial),
            target: target.to_owned(),
            done: false,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.work
    }

    /// Gives what was made, and synced, its name.
    pub(crate) fn complete(mut self) -> io::Result<()> {
        absent(&self.target)?;
        fs::rename(&self.work, &self.target)?;
        self.done = true;
        let directory = match self.target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            Some(_) | None => Path::new("."),
        };
        sync_directory(directory)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        // Best effort: the name says what it is, should it stay.
        let _ = match fs::symlink_metadata(&self.work) {
            Ok(there) if there.is_dir() => fs::remove_dir_all(&self.work),
            Ok(_) => fs::remove_file(&self.work),
            Err(error) => Err(error),
        };
    }
}

pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

fn absent(target: &Path) -> io::Result<()> {
    match fs::symlink_metadata(target) {
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "there is something of this name",
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
