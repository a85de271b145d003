//! Keyed fingerprints of declared secrets: equal secrets are recognised, and nobody without the key can try
//! passwords against what the store keeps.
//!
//! The key lies in the data directory. Losing it costs one round of hashing, nothing else.

use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::DeclaredSecret;
use crate::key_file::{self, KeyFileError, OCTETS};

const FILE: &str = "declared.key";

/// Makes fingerprints under the key of one data directory.
pub struct Fingerprints {
    key: [u8; OCTETS],
}

impl Fingerprints {
    /// Takes the key from `data_dir`, where it is made the first time.
    ///
    /// # Errors
    /// When it can be neither read nor made.
    pub fn open(data_dir: &Path) -> Result<Self, KeyFileError> {
        if let Some(key) = read(data_dir)? {
            return Ok(Self { key });
        }
        let key = key_file::make(data_dir, FILE)?;
        Ok(Self { key })
    }

    /// Takes the key from `data_dir`, and makes none: without one, nothing is the same as before.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn kept(data_dir: &Path) -> Result<Self, KeyFileError> {
        let key = read(data_dir)?.unwrap_or_default();
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

/// The key, if it is there and whole.
fn read(data_dir: &Path) -> Result<Option<[u8; OCTETS]>, KeyFileError> {
    let octets = key_file::read(data_dir, FILE)?;
    Ok(octets.and_then(|octets| octets.try_into().ok()))
}

#[cfg(test)]
mod tests {
    use std::fs;
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
