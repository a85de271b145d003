//! The certificate of the first run: made by ourselves, so that TLS works before anyone has set it up.
//!
//! Clients will warn, rightly, until they are told to trust it or a real one takes its place. It is kept over
//! restarts, so that whoever has accepted it once is not asked again, and made anew only when it has expired,
//! does not hold the configured names, or is damaged.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

use super::certificate::{self, CertificateError, Loaded};

/// Just within what Apple's systems accept of a server certificate (398 days).
const DAYS_VALID: u64 = 397;

/// A clock that runs a little behind ours must not find the certificate not yet valid.
const DAYS_BACK: u64 = 1;

const DAY: u64 = 24 * 60 * 60;

/// Where the pair lies in its directory.
pub(crate) fn files(directory: &Path) -> (PathBuf, PathBuf) {
    (directory.join("certificate.pem"), directory.join("key.pem"))
}

/// The stored pair if it will do, else a new one.
pub(crate) fn load_or_make(
    directory: &Path,
    names: &[String],
    now: SystemTime,
) -> Result<Loaded, CertificateError> {
    let (certificate, key) = files(directory);
    let names = all_names(names);
    match certificate::load(&certificate, &key) {
        Ok(loaded) if serves(&loaded, &names, now) => return Ok(loaded),
        Ok(_) => tracing::info!(file = %certificate.display(), "self-signed certificate renewed"),
        Err(CertificateError::Unreadable { source, .. })
            if source.kind() == io::ErrorKind::NotFound =>
        {
            tracing::info!(file = %certificate.display(), "self-signed certificate made");
        }
        Err(error) => tracing::warn!(%error, "self-signed certificate replaced"),
    }
    make(directory, &names, now)?;
    certificate::load(&certificate, &key)
}

/// The configured names and those of this very machine, each once.
fn all_names(names: &[String]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for name in names
        .iter()
        .map(String::as_str)
        .chain(["localhost", "127.0.0.1", "::1"])
    {
        let name = name.to_ascii_lowercase();
        if !all.contains(&name) {
            all.push(name);
        }
    }
    all
}

fn serves(loaded: &Loaded, names: &[String], now: SystemTime) -> bool {
    !loaded.facts.is_expired(now) && names.iter().all(|name| loaded.facts.names.contains(name))
}

fn make(directory: &Path, names: &[String], now: SystemTime) -> Result<(), CertificateError> {
    let failed = |error: rcgen::Error| CertificateError::NotMade {
        names: names.join(", "),
        reason: error.to_string(),
    };
    let key = KeyPair::generate().map_err(failed)?;
    let mut params = CertificateParams::new(names).map_err(failed)?;
    let today = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
        / DAY;
    let midnight = |days| rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(days * DAY);
    params.not_before = midnight(today.saturating_sub(DAYS_BACK));
    params.not_after = midnight(today + DAYS_VALID - DAYS_BACK);
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, names[0].as_str());
    // Not an authority: whoever trusts it trusts this server and nothing it could sign.
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let made = params.self_signed(&key).map_err(failed)?;

    let (certificate_file, key_file) = files(directory);
    let stored = |file: &Path, outcome: io::Result<()>| {
        outcome.map_err(|source| CertificateError::NotStored {
            file: file.into(),
            source,
        })
    };
    stored(
        directory,
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory),
    )?;
    // The key first: should we stop between the two, the pair does not match and is made anew.
    stored(&key_file, store(&key_file, key.serialize_pem().as_bytes()))?;
    stored(
        &certificate_file,
        store(&certificate_file, made.pem().as_bytes()),
    )
}

/// Replaces `file` whole, readable by us alone from its first octet on.
fn store(file: &Path, text: &[u8]) -> io::Result<()> {
    let new = file.with_extension("new");
    let _left_over = fs::remove_file(&new);
    let mut written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    written.write_all(text)?;
    written.sync_all()?;
    fs::rename(&new, file)?;
    match file.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}
