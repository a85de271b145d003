//! The directory of what was set aside: raw octets of damaged places, and what can be read of the letters in them.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::disk::Layout;
use crate::error::OpenError;

/// `quarantine/`, and what has been made in it by this repair.
pub(super) struct Quarantine {
    layout: Layout,
    made: Vec<PathBuf>,
}

impl Quarantine {
    pub(super) fn open(layout: &Layout) -> Result<Self, OpenError> {
        let directory = &layout.quarantine;
        match DirBuilder::new().mode(0o700).create(directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(failed(directory, "making")(error));
            }
            _ => {}
        }
        Ok(Self {
            layout: layout.clone(),
            made: Vec::new(),
        })
    }

    /// Keeps octets under a name, durable after [`Quarantine::sync`].
    pub(super) fn keep(&mut self, name: &str, octets: &[u8]) -> Result<(), OpenError> {
        let path = self.layout.quarantine.join(name);
        if fs::read(&path).is_ok_and(|there| there == octets) {
            return Ok(());
        }
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| {
                file.write_all(octets)?;
                file.sync_all()
            });
        written.map_err(failed(&path, "writing"))?;
        self.made.push(path);
        Ok(())
    }

    /// Moves a large body here.
    pub(super) fn take_body(&mut self, body: u64) -> Result<(), OpenError> {
        let path = self.layout.quarantine.join(format!("{body:016x}.body"));
        let from = self.layout.body(body);
        fs::rename(&from, &path).map_err(failed(&from, "moving"))?;
        self.made.push(path);
        Ok(())
    }

    /// Makes all names durable.
    pub(super) fn sync(&self) -> Result<(), OpenError> {
        let Layout {
            quarantine,
            log,
            root,
            ..
        } = &self.layout;
        for directory in [quarantine, log, root] {
            let synced = File::open(directory).and_then(|directory| directory.sync_all());
            synced.map_err(failed(directory, "syncing"))?;
        }
        Ok(())
    }

    pub(super) fn made(self) -> Vec<PathBuf> {
        self.made
    }
}

fn failed<'a>(path: &'a Path, doing: &'static str) -> impl Fn(io::Error) -> OpenError + 'a {
    move |source| OpenError::Io {
        path: path.to_owned(),
        doing,
        source,
    }
}
