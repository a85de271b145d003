//! A certificate chain and its key, read from PEM files, with errors that say which file and what is wrong.

use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::InconsistentKeys;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::{self, PemObject as _};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// No chain or key is larger (octets); a wrong path should not read a disk image.
const LARGEST_FILE: u64 = 1024 * 1024;

/// What people want to know about the certificate in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    /// The names it is valid for: DNS names and addresses of its subjectAltName.
    pub names: Vec<String>,
    /// Not valid before.
    pub not_before: SystemTime,
    /// Not valid after.
    pub not_after: SystemTime,
    /// Nobody but itself vouches for it.
    pub self_signed: bool,
    /// The file it came from.
    pub file: PathBuf,
}

impl CertificateFacts {
    /// Whether clients will refuse it as expired at `now`.
    #[must_use]
    pub fn is_expired(&self, now: SystemTime) -> bool {
        now > self.not_after
    }
}

/// A pair ready for use.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) key: Arc<CertifiedKey>,
    pub(crate) facts: CertificateFacts,
}

/// Why a certificate and key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The file is missing, a directory, or not readable by us.
    #[error("{}: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It is far too large to be a certificate or key.
    #[error("{}: larger than 1 MiB, so neither a certificate nor a key", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
    },
    /// PEM markers or base64 are damaged.
    #[error("{}: damaged PEM ({source})", file.display())]
    BadPem {
        /// The file.
        file: PathBuf,
        /// Where it went wrong.
        source: pem::Error,
    },
    /// No `BEGIN CERTIFICATE` in the certificate file.
    #[error("{}: no certificate in it (expected PEM with `BEGIN CERTIFICATE`, the server's own first)", file.display())]
    NoCertificate {
        /// The file.
        file: PathBuf,
    },
    /// No private key in the key file.
    #[error("{}: no private key in it (expected PEM with `BEGIN PRIVATE KEY`)", file.display())]
    NoKey {
        /// The file.
        file: PathBuf,
    },
    /// The key needs a passphrase.
    #[error("{}: the key is encrypted; store it without a passphrase (openssl pkey -in FILE -out PLAIN)", file.display())]
    EncryptedKey {
        /// The file.
        file: PathBuf,
    },
    /// The key is of a kind we cannot sign with.
    #[error("{}: the key cannot be used ({reason}); RSA of at least 2048 bits, ECDSA and Ed25519 can", file.display())]
    UnusableKey {
        /// The file.
        file: PathBuf,
        /// What the library said.
        reason: String,
    },
    /// The first certificate does not parse.
    #[error("{}: the first certificate in it cannot be read ({reason})", file.display())]
    BadCertificate {
        /// The file.
        file: PathBuf,
        /// What the parser said.
        reason: String,
    },
    /// Certificate and key belong to different pairs.
    #[error("{} does not match the first certificate of {}", key.display(), certificate.display())]
    KeyMismatch {
        /// The certificate file.
        certificate: PathBuf,
        /// The key file.
        key: PathBuf,
    },
    /// A self-signed pair cannot be made.
    #[error("cannot make a self-signed certificate for {names}: {reason}")]
    NotMade {
        /// The names it was to hold.
        names: String,
        /// What went wrong.
        reason: String,
    },
    /// A self-signed pair cannot be stored.
    #[error("{}: cannot store the self-signed certificate: {source}", file.display())]
    NotStored {
        /// The file.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Loads and checks a pair. An expired certificate is loaded: the caller warns.
pub(crate) fn load(certificate: &Path, key: &Path) -> Result<Loaded, CertificateError> {
    let chain = chain(certificate)?;
    let signing_key = private_key(key)?;
    let facts = facts(certificate, &chain[0])?;
    let pair = CertifiedKey::from_der(chain, signing_key, &super::provider());
    let pair = pair.map_err(|error| why_not(certificate, key, error))?;
    Ok(Loaded {
        key: Arc::new(pair),
        facts,
    })
}

fn why_not(certificate: &Path, key: &Path, error: rustls::Error) -> CertificateError {
    if error == rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) {
        CertificateError::KeyMismatch {
            certificate: certificate.into(),
            key: key.into(),
        }
    } else if let rustls::Error::InvalidCertificate(reason) = error {
        CertificateError::BadCertificate {
            file: certificate.into(),
            reason: format!("{reason:?}"),
        }
    } else {
        CertificateError::UnusableKey {
            file: key.into(),
            reason: error.to_string(),
        }
    }
}

fn read(file: &Path) -> Result<Vec<u8>, CertificateError> {
    let unreadable = |source| CertificateError::Unreadable {
        file: file.into(),
        source,
    };
    // Not by its size: a device such as /dev/zero has none, and no end.
    let mut octets = Vec::new();
    File::open(file)
        .and_then(|opened| opened.take(LARGEST_FILE + 1).read_to_end(&mut octets))
        .map_err(unreadable)?;
    if octets.len() as u64 > LARGEST_FILE {
        return Err(CertificateError::TooLarge { file: file.into() });
    }
    Ok(octets)
}

fn chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&read(file)?)
        .collect::<Result<_, _>>()
        .map_err(|source| CertificateError::BadPem {
            file: file.into(),
            source,
        })?;
    if chain.is_empty() {
        return Err(CertificateError::NoCertificate { file: file.into() });
    }
    Ok(chain)
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, CertificateError> {
    let text = read(file)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|source| {
        let file = file.into();
        if is_encrypted(&text) {
            CertificateError::EncryptedKey { file }
        } else if let pem::Error::NoItemsFound = source {
            CertificateError::NoKey { file }
        } else {
            CertificateError::BadPem { file, source }
        }
    })
}

/// PKCS#8 says so in its label, the older formats in a header.
fn is_encrypted(text: &[u8]) -> bool {
    [
        &b"BEGIN ENCRYPTED PRIVATE KEY"[..],
        b"Proc-Type: 4,ENCRYPTED",
    ]
    .iter()
    .any(|mark| memchr::memmem::find(text, mark).is_some())
}

fn facts(file: &Path, der: &CertificateDer<'_>) -> Result<CertificateFacts, CertificateError> {
    let bad = |reason: String| CertificateError::BadCertificate {
        file: file.into(),
        reason,
    };
    let (_, parsed) = X509Certificate::from_der(der).map_err(|error| bad(error.to_string()))?;
    let alternative = parsed
        .subject_alternative_name()
        .map_err(|error| bad(error.to_string()))?;
    let names = alternative
        .map(|extension| &extension.value.general_names[..])
        .unwrap_or_default();
    let validity = parsed.validity();
    Ok(CertificateFacts {
        names: names.iter().filter_map(readable).collect(),
        not_before: time(validity.not_before.timestamp()),
        not_after: time(validity.not_after.timestamp()),
        self_signed: parsed.issuer() == parsed.subject(),
        file: file.into(),
    })
}

/// DNS names and addresses; a mail server needs no other kind.
fn readable(name: &GeneralName<'_>) -> Option<String> {
    if let GeneralName::DNSName(dns) = name {
        return Some((*dns).to_owned());
    }
    let GeneralName::IPAddress(octets) = name else {
        return None;
    };
    let v4 = <[u8; 4]>::try_from(*octets).map(IpAddr::from);
    let v6 = || <[u8; 16]>::try_from(*octets).map(IpAddr::from);
    v4.or_else(|_| v6()).ok().map(|address| address.to_string())
}

/// Seconds since 1970; what is out of range is the beginning of time.
fn time(timestamp: i64) -> SystemTime {
    let since = u64::try_from(timestamp).unwrap_or(0);
    SystemTime::UNIX_EPOCH
        .checked_add(Duration::from_secs(since))
        .unwrap_or(SystemTime::UNIX_EPOCH)
}
