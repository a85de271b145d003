//! Certificate authorities that are trusted: the system's where it has a list, else those of Mozilla that are built in, and
//! files that were configured.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// Where systems keep their list, the most common first: Debian, Fedora, SUSE, Alpine.
const LISTS: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Why a file of certificate authorities cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    /// It cannot be read.
    #[error("{}: the certificate authorities cannot be read: {reason}", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// It names none.
    #[error("{}: there is no certificate of an authority in it (PEM, BEGIN CERTIFICATE)", .file.display())]
    Empty {
        /// The file.
        file: PathBuf,
    },
}

/// The usual ones, and those of a file.
///
/// # Errors
/// The file cannot be used.
pub(super) fn usual(besides: Option<&Path>) -> Result<Arc<RootCertStore>, RootsError> {
    let mut roots = LISTS
        .iter()
        .find_map(|list| of(Path::new(list)).ok())
        .unwrap_or_else(built_in);
    if let Some(file) = besides {
        roots.extend(of(file)?.roots);
    }
    Ok(Arc::new(roots))
}

/// Those of a file, and no others.
///
/// # Errors
/// The file cannot be used.
fn of(file: &Path) -> Result<RootCertStore, RootsError> {
    let mut roots = RootCertStore::empty();
    // One that cannot be read vouches for nothing; lists of systems have such.
    roots.add_parsable_certificates(certificates(file)?);
    Ok(roots)
}

/// The certificates in a file, of which one at least can be used.
///
/// # Errors
/// The file cannot be used.
pub(super) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, RootsError> {
    let unreadable = |reason: String| RootsError::Unreadable {
        file: file.to_owned(),
        reason,
    };
    let certificates = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable(error.to_string()))?;
    let (usable, _) =
        RootCertStore::empty().add_parsable_certificates(certificates.iter().cloned());
    if usable == 0 {
        return Err(RootsError::Empty {
            file: file.to_owned(),
        });
    }
    Ok(certificates)
}

/// Those that are built in: a container may have no files but ours.
fn built_in() -> RootCertStore {
    webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_believed_when_there_is_a_certificate_in_them() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ca.pem");
        let told = |octets: &str| {
            std::fs::write(&file, octets).unwrap();
            of(&file)
                .map(|roots| roots.len())
                .map_err(|error| error.to_string())
        };
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(["a.test".to_owned()]).unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        assert_eq!(told(&pem), Ok(1));
        assert_eq!(told(&format!("{pem}{pem}")), Ok(2));
        assert!(told("").unwrap_err().contains("no certificate"));
        assert!(
            told("-----BEGIN CERTIFICATE-----\n!\n")
                .unwrap_err()
                .contains("cannot be read")
        );
        assert!(of(&directory.path().join("none")).is_err());
        assert!(usual(Some(&directory.path().join("none"))).is_err());
    }

    #[test]
    fn a_file_stands_beside_the_usual_ones() {
        assert!(built_in().len() > 50);
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ca.pem");
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(["a.test".to_owned()]).unwrap();
        std::fs::write(&file, params.self_signed(&key).unwrap().pem()).unwrap();
        let usual_ones = usual(None).unwrap().len();
        assert_eq!(usual(Some(&file)).unwrap().len(), usual_ones + 1);
    }
}
