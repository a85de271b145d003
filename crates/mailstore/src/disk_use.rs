//! What a data directory takes on the disk, counted by looking at names and sizes only.

use std::fs;
use std::io;
use std::path::Path;

use serde::Serialize;

use crate::disk::{Layout, body_number, segment_number};

/// Files of a data directory by what they are for, with their octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DiskUse {
    /// Segments of the log.
    pub segments: Files,
    /// Large bodies, each in a file of its own.
    pub bodies: Files,
    /// The index.
    pub index: Files,
    /// Bodies on their way in.
    pub tmp: Files,
    /// Damaged records set aside.
    pub quarantine: Files,
}

/// Some files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Files {
    /// How many.
    pub files: u64,
    /// Octets in them.
    pub octets: u64,
}

impl Files {
    fn add(&mut self, octets: u64) {
        self.files += 1;
        self.octets = self.octets.saturating_add(octets);
    }
}

impl DiskUse {
    /// Looks at a data directory; files may come and go meanwhile.
    ///
    /// # Errors
    /// When a directory cannot be listed.
    pub fn of(data_dir: &Path) -> io::Result<Self> {
        let layout = Layout::new(data_dir);
        let mut found = Self::default();
        each_file(&layout.log, &mut |name, octets| {
            if segment_number(name).is_some() {
                found.segments.add(octets);
            } else if body_number(name).is_some() {
                found.bodies.add(octets);
            }
        })?;
        each_file(&layout.index, &mut |_, octets| found.index.add(octets))?;
        each_file(&layout.tmp, &mut |_, octets| found.tmp.add(octets))?;
        each_file(&layout.quarantine, &mut |_, octets| {
            found.quarantine.add(octets);
        })?;
        Ok(found)
    }
}

/// Visits every file in a directory and below; none when it is not there.
fn each_file(directory: &Path, visit: &mut dyn FnMut(&str, u64)) -> io::Result<()> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        match entry.metadata() {
            Ok(found) if found.is_dir() => each_file(&entry.path(), visit)?,
            Ok(found) => visit(&entry.file_name().to_string_lossy(), found.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
