//! The list of what a backup holds, in JSON, with a checksum of its own.

use std::fs;
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

use super::BackupError;
use super::steps::{Doing, failed};
use crate::log::Position;
use crate::log::frame::VERSION;

/// Its name in a backup.
pub(super) const NAME: &str = "manifest.json";
/// The version of this list.
const FORMAT: u32 = 1;

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// Version of this list.
    pub(super) manifest: u32,
    /// The newest format records may have.
    pub(super) store_format: u8,
    /// When it was made, for people.
    pub(super) made: String,
    /// Where its log ends.
    pub(super) end: Position,
    /// Every other file.
    pub(super) files: Vec<Line>,
    /// CRC32C of everything above as JSON without blanks, this being 0.
    checksum: u32,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    /// Below the backup, with `/` between names.
    pub(super) path: String,
    pub(super) octets: u64,
    pub(super) crc32c: u32,
}

impl Manifest {
    pub(super) fn new(made: String, end: Position, files: Vec<Line>) -> Self {
        Self {
            manifest: FORMAT,
            store_format: VERSION,
            made,
            end,
            files,
            checksum: 0,
        }
    }

    fn sum(&self) -> u32 {
        let bare = Self {
            checksum: 0,
            ..self.clone()
        };
        // Numbers and strings always have a JSON form.
        crc32c::crc32c(&serde_json::to_vec(&bare).unwrap_or_default())
    }

    pub(super) fn into_json(mut self) -> Vec<u8> {
        self.checksum = self.sum();
        let mut json = serde_json::to_vec_pretty(&self).unwrap_or_default();
        json.push(b'\n');
        json
    }

    /// Reads the manifest of a backup.
    ///
    /// # Errors
    /// When it cannot be read, is not what was written, or is a newer version's.
    pub(super) fn read(backup: &Path) -> Result<Self, BackupError> {
        /// What every version of it says.
        #[derive(Deserialize)]
        struct Versions {
            manifest: u32,
            store_format: u8,
        }
        let path = backup.join(NAME);
        let json = fs::read(&path).map_err(failed(Doing::Reading, &path))?;
        let damaged = |why: String| BackupError::Manifest {
            path: path.clone(),
            why,
        };
        let versions: Versions =
            serde_json::from_slice(&json).map_err(|error| damaged(error.to_string()))?;
        if versions.manifest > FORMAT || versions.store_format > VERSION {
            return Err(BackupError::Newer(backup.to_owned()));
        }
        let found: Self =
            serde_json::from_slice(&json).map_err(|error| damaged(error.to_string()))?;
        if found.sum() != found.checksum {
            return Err(damaged("its checksum is another".to_owned()));
        }
        // Whoever can write a checksum can write anything: nothing is ever restored outside of its directory.
        let inside = |line: &Line| {
            let mut parts = Path::new(&line.path).components();
            !line.path.is_empty() && parts.all(|part| matches!(part, Component::Normal(_)))
        };
        if !found.files.iter().all(inside) {
            return Err(damaged("it names a file outside of the backup".to_owned()));
        }
        Ok(found)
    }

    /// Octets of all files.
    pub(super) fn octets(&self) -> u64 {
        self.files.iter().map(|line| line.octets).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(path: &str) -> Manifest {
        let line = Line {
            path: path.to_owned(),
            octets: 5,
            crc32c: 6,
        };
        let end = Position {
            segment: 1,
            offset: 2,
        };
        Manifest::new("2026-11-22T05:28:46Z".to_owned(), end, vec![line])
    }

    #[track_caller]
    fn check(json: &[u8], expected: &str) {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(NAME), json).unwrap();
        let said = match Manifest::read(dir.path()) {
            Ok(_) => "read".to_owned(),
            Err(error) => error.to_string(),
        };
        assert!(said.contains(expected), "{said}");
    }

    #[test]
    fn only_what_was_written_is_believed() {
        let whole = manifest("log/0000000001.log").into_json();
        check(&whole, "read");
        let text = String::from_utf8(whole).unwrap();
        check(
            text.replace("\"octets\": 5", "\"octets\": 4").as_bytes(),
            "its checksum is another",
        );
        check(&text.as_bytes()[..text.len() / 2], "is damaged");
        check(
            text.replace("\"manifest\": 1", "\"manifest\": 2")
                .as_bytes(),
            "newer tegami",
        );
        let newer = format!("\"store_format\": {}", VERSION + 1);
        let text = text.replace(&format!("\"store_format\": {VERSION}"), &newer);
        check(text.as_bytes(), "newer tegami");
        for path in ["../secrets.key", "/etc/passwd", "", "log/../../x"] {
            check(&manifest(path).into_json(), "outside of the backup");
        }
    }
}
