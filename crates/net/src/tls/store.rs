//! The certificate in use, replaced while the server runs.
//!
//! A new pair takes effect with the next handshake. A bad one changes nothing: the old one stays in use, and
//! the error says why. The store is keyed by nothing a client sends.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::CertificateDer;

use super::certificate::{self, CertificateError, CertificateFacts, Loaded};
use super::self_signed;

/// How often [`Certificates::watch`] looks at the files.
pub const WATCH_INTERVAL: Duration = Duration::from_secs(30);

/// Where the certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Somebody else makes and renews it.
    Files {
        /// PEM, the server's own certificate first, then the intermediate ones.
        certificate: PathBuf,
        /// PEM, without a passphrase.
        key: PathBuf,
    },
    /// We make and renew it ourselves.
    SelfSigned {
        /// Where the pair is kept; made with mode 0700 if missing.
        directory: PathBuf,
        /// Host names and addresses it must hold, the main one first. `localhost` is added.
        names: Vec<String>,
    },
}

impl Source {
    fn files(&self) -> (PathBuf, PathBuf) {
        match self {
            Self::Files { certificate, key } => (certificate.clone(), key.clone()),
            Self::SelfSigned { directory, .. } => self_signed::files(directory),
        }
    }

    fn load(&self, now: SystemTime) -> Result<Loaded, CertificateError> {
        match self {
            Self::Files { certificate, key } => certificate::load(certificate, key),
            Self::SelfSigned { directory, names } => {
                self_signed::load_or_make(directory, names, now)
            }
        }
    }
}

/// What a look at the files came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reload {
    /// They are the same as before.
    Unchanged,
    /// A new pair is in use.
    Replaced(CertificateFacts),
}

/// The certificate all TLS listeners use.
#[derive(Debug)]
pub struct Certificates {
    current: ArcSwap<Loaded>,
    watched: Mutex<Watched>,
}

#[derive(Debug)]
struct Watched {
    source: Source,
    seen: Seen,
}

/// What tells one version of the two files from the next; `None` for a file that is not there.
type Seen = [Option<(i64, i64, u64, u64)>; 2];

impl Certificates {
    /// Loads the pair, or makes it. Reads and writes files, so not for an async worker.
    ///
    /// # Errors
    /// [`CertificateError`], naming the file. A certificate that has expired is only warned about.
    pub fn open(source: Source) -> Result<Arc<Self>, CertificateError> {
        let now = SystemTime::now();
        let seen = look(&source);
        let loaded = source.load(now)?;
        warn_if_expired(&loaded.facts, now);
        let seen = if let Source::SelfSigned { .. } = source {
            look(&source)
        } else {
            seen
        };
        let watched = Mutex::new(Watched { source, seen });
        Ok(Arc::new(Self {
            current: ArcSwap::from_pointee(loaded),
            watched,
        }))
    }

    /// What is in use now.
    #[must_use]
    pub fn facts(&self) -> CertificateFacts {
        self.current.load().facts.clone()
    }

    /// The server's own certificate, as handshakes show it now.
    #[must_use]
    pub fn shown(&self) -> CertificateDer<'static> {
        // No pair is taken into use without a certificate.
        self.current.load().key.cert[0].clone()
    }

    /// Loads the pair again, changed or not (SIGHUP). Reads files, so not for an async worker.
    ///
    /// # Errors
    /// The pair on disk cannot be used; the old one stays in use.
    pub fn reload(&self) -> Result<CertificateFacts, CertificateError> {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        self.load(&mut watched, SystemTime::now())
    }

    /// Takes the pair from somewhere else from now on.
    ///
    /// # Errors
    /// The new source cannot be used; the old one stays in use and watched.
    pub fn switch(&self, source: Source) -> Result<CertificateFacts, CertificateError> {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = Watched {
            seen: look(&source),
            source,
        };
        let facts = self.load(&mut next, SystemTime::now())?;
        *watched = next;
        Ok(facts)
    }

    /// Loads the pair if the files have changed since the last look, or if our own has expired at `now`.
    /// Reads files, so not for an async worker.
    ///
    /// # Errors
    /// The pair on disk cannot be used; the old one stays in use. The same bad files are an error only once.
    pub fn refresh(&self, now: SystemTime) -> Result<Reload, CertificateError> {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let ours_expired = matches!(watched.source, Source::SelfSigned { .. })
            && self.current.load().facts.is_expired(now);
        if look(&watched.source) == watched.seen && !ours_expired {
            return Ok(Reload::Unchanged);
        }
        self.load(&mut watched, now).map(Reload::Replaced)
    }

    /// Looks at the files every [`WATCH_INTERVAL`], for ever; run it as a task of its own.
    pub async fn watch(self: Arc<Self>) {
        loop {
            tokio::time::sleep(WATCH_INTERVAL).await;
            let store = Arc::clone(&self);
            match tokio::task::spawn_blocking(move || store.refresh(SystemTime::now())).await {
                Ok(Ok(Reload::Unchanged)) => {}
                Ok(Ok(Reload::Replaced(facts))) => {
                    tracing::info!(file = %facts.file.display(), names = ?facts.names, "certificate replaced");
                }
                Ok(Err(error)) => {
                    tracing::warn!(%error, "certificate not replaced, the old one stays in use")
                }
                Err(error) => tracing::error!(%error, "looking at the certificate failed"),
            }
        }
    }

    /// Looks before it reads: whatever changes in between is noticed at the next look.
    fn load(
        &self,
        watched: &mut Watched,
        now: SystemTime,
    ) -> Result<CertificateFacts, CertificateError> {
        watched.seen = look(&watched.source);
        let loaded = watched.source.load(now)?;
        if let Source::SelfSigned { .. } = watched.source {
            // It may have been made just now, by us.
            watched.seen = look(&watched.source);
        }
        warn_if_expired(&loaded.facts, now);
        let facts = loaded.facts.clone();
        self.current.store(Arc::new(loaded));
        Ok(facts)
    }
}

fn look(source: &Source) -> Seen {
    let of = |file: &Path| {
        let metadata = fs::metadata(file).ok()?;
        Some((
            metadata.mtime(),
            metadata.mtime_nsec(),
            metadata.len(),
            metadata.ino(),
        ))
    };
    let (certificate, key) = source.files();
    [of(&certificate), of(&key)]
}

fn warn_if_expired(facts: &CertificateFacts, now: SystemTime) {
    if facts.is_expired(now) {
        let file = facts.file.display();
        tracing::warn!(%file, "the certificate has expired: clients will refuse it until it is renewed");
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.load().key))
    }
}
