//! Who was answered by a machine, kept in files beside the store: durable before the answer leaves.
//!
//! These files are no part of a backup of the store: without them somebody is told twice, and nothing else is lost.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::durable_file;

/// Where they are.
const DIRECTORY: &str = "answered";

/// Why it is not known, or not kept.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct MemoryError {
    path: PathBuf,
    source: io::Error,
}

/// What is remembered under this name; nothing when there is no such file. One that is damaged is begun anew, and that is
/// said.
///
/// # Errors
/// It is there and cannot be read.
pub fn read<T: DeserializeOwned + Default>(data_dir: &Path, name: &str) -> Result<T, MemoryError> {
    let path = path(data_dir, name);
    match fs::read(&path) {
        Ok(octets) => Ok(serde_json::from_slice(&octets).unwrap_or_else(|error| {
            tracing::error!(path = %path.display(), %error, "who was answered is forgotten: the file is damaged");
            T::default()
        })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(T::default()),
        Err(source) => Err(MemoryError { path, source }),
    }
}

/// Remembers it; durable on return.
///
/// # Errors
/// It cannot be written; then what was remembered before still is.
pub fn write<T: Serialize>(data_dir: &Path, name: &str, memory: &T) -> Result<(), MemoryError> {
    let path = path(data_dir, name);
    write_at(&path, memory).map_err(|source| MemoryError { path, source })
}

/// All names under which something is remembered.
pub fn names(data_dir: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(data_dir.join(DIRECTORY)) else {
        return Vec::new();
    };
    let names = entries.map_while(Result::ok).map(|entry| entry.file_name());
    let names = names.filter_map(|name| name.into_string().ok());
    names
        .filter_map(|name| Some(name.strip_suffix(".json")?.to_owned()))
        .collect()
}

/// Remembers it no longer.
pub fn forget(data_dir: &Path, name: &str) {
    let path = path(data_dir, name);
    if let Err(error) = fs::remove_file(&path) {
        tracing::warn!(path = %path.display(), %error, "a file of no more use stays");
    }
}

fn write_at<T: Serialize>(path: &Path, memory: &T) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    durable_file::write(path, &serde_json::to_vec(memory)?)
}

fn path(data_dir: &Path, name: &str) -> PathBuf {
    data_dir.join(DIRECTORY).join(format!("{name}.json"))
}

#[cfg(test)]
mod tests {
    use super::{path, read, write};

    #[test]
    fn what_was_written_is_known_again_and_damage_is_no_end() {
        let dir = tempfile::tempdir().unwrap();
        let known = || read::<Vec<u32>>(dir.path(), "x").unwrap();
        assert_eq!(known(), [0_u32; 0]);
        write(dir.path(), "x", &vec![1, 2]).unwrap();
        assert_eq!(known(), [1, 2]);
        write(dir.path(), "x", &vec![3]).unwrap();
        assert_eq!(known(), [3]);
        std::fs::write(path(dir.path(), "x"), "[3").unwrap();
        assert_eq!(known(), [0_u32; 0]);
    }

    #[test]
    fn what_cannot_be_read_is_no_empty_memory() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(path(dir.path(), "x")).unwrap();
        assert!(read::<Vec<u32>>(dir.path(), "x").is_err());
        assert!(write(dir.path(), "x", &vec![1]).is_err());
    }
}
