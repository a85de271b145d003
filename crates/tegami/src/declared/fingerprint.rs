//! Keyed fingerprints of declared secrets: equal secrets are recognised, and nobody without the key can try
//! passwords against what the store keeps.
//!
//! The key lies in the data directory. Losing it costs one round of hashing, nothing else.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;

use super::DeclaredSecret;

const FILE: &str = "declared.key";
const OCTETS: usize = 32;

/// Makes fingerprints under the key of one data directory.
pub struct Fingerprints {
    key: [u8; OCTETS],
}

/// Why there is no key.
#[derive(Debug, Error)]
pub enum FingerprintError {
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
}

impl Fingerprints {
    /// Takes the key from `data_dir`, where it is made the first time.
    ///
    /// # Errors
    /// When it can be neither read nor made.
    pub fn open(data_dir: &Path) -> Result<Self, FingerprintError> {
        let path = data_dir.join(FILE);
        match fs::read(&path) {
            Ok(octets) => {
                if let Ok(key) = <[u8; OCTETS]>::try_from(octets) {
                    return Ok(Self { key });
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(FingerprintError::Io { path, source }),
        }
        let mut key = [0; OCTETS];
        getrandom::fill(&mut key).map_err(FingerprintError::Random)?;
        write(data_dir, &path, &key).map_err(|source| FingerprintError::Io { path, source })?;
        Ok(Self { key })
    }

    /// The fingerprint of a declared secret. A password and a hash never have the same one.
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    pub fn of(&self, secret: &DeclaredSecret) -> Vec<u8> {
        let (kind, text) = match secret {
            DeclaredSecret::Password(password) => ("password", password.expose()),
            DeclaredSecret::Hash(hash) => ("hash", hash.as_str()),
        };
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("any length");
        mac.update(kind.as_bytes());
        mac.update(&[0]);
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().to_vec()
    }
}

/// Writes the key beside its place and moves it there, so that it is never half there.
fn write(data_dir: &Path, path: &Path, key: &[u8]) -> io::Result<()> {
    let unfinished = data_dir.join(format!("{FILE}.new"));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)?;
    file.write_all(key)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    File::open(data_dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use auth::Secret;

    use super::*;

    fn password(text: &str) -> DeclaredSecret {
        DeclaredSecret::Password(Secret::from(text))
    }

    #[test]
    fn equal_secrets_have_equal_fingerprints_across_starts() {
        let dir = tempfile::tempdir().unwrap();
        let first = Fingerprints::open(dir.path()).unwrap();
        let second = Fingerprints::open(dir.path()).unwrap();
        assert_eq!(first.of(&password("one")), second.of(&password("one")));
        assert_ne!(first.of(&password("one")), second.of(&password("two")));
        assert_eq!(first.of(&password("one")).len(), 32);
    }

    #[test]
    fn another_key_makes_other_fingerprints() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (one, two) = (
            Fingerprints::open(one.path()).unwrap(),
            Fingerprints::open(two.path()).unwrap(),
        );
        assert_ne!(one.of(&password("one")), two.of(&password("one")));
    }

    #[test]
    fn the_key_is_for_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        Fingerprints::open(dir.path()).unwrap();
        let mode = fs::metadata(dir.path().join(FILE))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_key_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE), b"short").unwrap();
        Fingerprints::open(dir.path()).unwrap();
        assert_eq!(fs::read(dir.path().join(FILE)).unwrap().len(), 32);
    }

    #[test]
    fn a_missing_directory_is_named() {
        let Err(error) = Fingerprints::open(Path::new("/absent/data")) else {
            panic!("opened")
        };
        assert!(
            error.to_string().starts_with("/absent/data/declared.key: "),
            "{error}"
        );
    }
}
