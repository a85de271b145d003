//! Keys that live as small files in the data directory, for nobody but the server's user.
//!
//! What a key is for, and whether a damaged one may be replaced, is known to those who ask for it.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use auth::Keyring;
use thiserror::Error;

use crate::durable_file;

/// Octets of a key.
pub const OCTETS: usize = 32;

/// What salts and sealed secrets are made with. Kept with every backup of the store: without it no sealed
/// secret can be read.
const HOUSE: &str = "secrets.key";

/// Why there is no key.
#[derive(Debug, Error)]
pub enum KeyFileError {
    /// The system gave no randomness.
    #[error("the system gives no random numbers: {0}")]
    Random(getrandom::Error),
    /// The key file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The key file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What is in the file is no key.
    #[error(
        "{} is damaged; restore it from a backup, or remove it and allow APOP anew where it was allowed",
        path.display()
    )]
    Damaged {
        /// The key file.
        path: PathBuf,
    },
    /// The key itself could not be used.
    #[error(transparent)]
    Unusable(#[from] auth::HashError),
}

/// The house's own keys, which are made the first time.
///
/// # Errors
/// When they can be neither read nor made. A damaged file is not replaced: sealed secrets would be lost with it.
pub fn keyring(data_dir: &Path) -> Result<Keyring, KeyFileError> {
    let key = match read(data_dir, HOUSE)? {
        Some(octets) => octets.try_into().map_err(|_| KeyFileError::Damaged {
            path: data_dir.join(HOUSE),
        })?,
        None => make(data_dir, HOUSE)?,
    };
    Ok(Keyring::new(&key)?)
}

/// Whether the house has its keys already.
pub fn exists(data_dir: &Path) -> bool {
    data_dir.join(HOUSE).exists()
}

/// What is in the key file of this name; `None` if there is no such file.
///
/// # Errors
/// When it is there and cannot be read.
pub fn read(data_dir: &Path, name: &str) -> Result<Option<Vec<u8>>, KeyFileError> {
    let path = data_dir.join(name);
    match fs::read(&path) {
        Ok(octets) => Ok(Some(octets)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(KeyFileError::Io { path, source }),
    }
}

/// Makes a new key under this name, in the place of any other.
///
/// # Errors
/// No randomness, or a directory that cannot be written.
pub fn make(data_dir: &Path, name: &str) -> Result<[u8; OCTETS], KeyFileError> {
    let mut key = [0; OCTETS];
    getrandom::fill(&mut key).map_err(KeyFileError::Random)?;
    let path = data_dir.join(name);
    durable_file::write(&path, &key).map_err(|source| KeyFileError::Io { path, source })?;
    Ok(key)
}

/// Makes a data directory that is not there yet, as the store would.
///
/// # Errors
/// What the system says.
pub fn make_directory(data_dir: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data_dir)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn keys_are_made_once_and_are_for_their_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        keyring(dir.path()).unwrap();
        let path = dir.path().join(HOUSE);
        let first = fs::read(&path).unwrap();
        keyring(dir.path()).unwrap();
        assert_eq!(fs::read(&path).unwrap(), first);
        assert_eq!(first.len(), OCTETS);
        let mode = fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn damaged_keys_of_the_house_are_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(HOUSE), b"short").unwrap();
        let error = keyring(dir.path()).unwrap_err();
        assert!(
            error.to_string().contains("secrets.key is damaged"),
            "{error}"
        );
        assert_eq!(fs::read(dir.path().join(HOUSE)).unwrap(), b"short");
    }
}
