//! Handshakes with other servers: which certificates are good enough, and what came of it.
//!
//! TLS 1.2 and 1.3, as with the listeners. Nothing is resumed: each connection shows its certificate anew.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use dane::DaneError;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::{TLS12, TLS13};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error,
    ProtocolVersion, RootCertStore, SignatureScheme,
};
use smtp_client::Secured;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use wire::{ChannelBinding, TlsFacts};

use super::pinned::Pinned;
use super::stream::Io;
use super::tls_report::Failure;

/// Letters of what is said about a failure.
const MOST_WORDS: usize = 300;

/// What an administrator can do about a server that is known and nobody vouches for.
const ADVICE: &str = "; if it is the right one, smarthost_ca (or ca of the route) has to name a PEM file with its certificate or its authority";

/// What handshakes are made with.
pub(super) struct Tls {
    provider: Arc<CryptoProvider>,
    usual: Arc<WebPkiServerVerifier>,
    any: Arc<ClientConfig>,
    verified: Arc<ClientConfig>,
}

/// One handshake that is to be made.
#[derive(Clone)]
pub(super) struct Handshake {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    proof: Proof,
}

/// How it is known afterwards whether the server is the one that is meant.
#[derive(Clone)]
enum Proof {
    /// Not at all.
    None,
    /// Else there had been no handshake.
    Demanded,
    /// The same, and the administrator may name what is believed.
    Configured,
    /// It was looked at. That counts as a proof only if the name is vouched for (RFC 8689 section 4.2.1).
    Noted { note: Arc<Noting>, vouched: bool },
}

/// What came of a handshake.
pub(super) struct Made<IO> {
    pub(super) stream: TlsStream<IO>,
    pub(super) secured: Secured,
    /// What is wrong with the certificate, though that was no reason not to go on.
    pub(super) flaw: Option<TlsFault>,
}

/// Why a handshake failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub(super) struct TlsFault {
    /// As reports count it (RFC 8460 section 4.3).
    pub(super) failure: Failure,
    /// For people.
    pub(super) words: String,
}

impl TlsFault {
    /// The handshake took too long.
    pub(super) fn slow() -> Self {
        Self {
            failure: Failure::Validation,
            words: "the server did not answer in time".to_owned(),
        }
    }

    /// Somebody answered STARTTLS before it was sent.
    pub(super) fn early() -> Self {
        Self {
            failure: Failure::Validation,
            words: "the answer to STARTTLS came before the question".to_owned(),
        }
    }
}

impl Tls {
    /// With these authorities.
    pub(super) fn new(roots: Arc<RootCertStore>) -> Result<Self, Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let usual = verifier(roots, &provider)?;
        let any = Noting {
            looks: None,
            provider: Arc::clone(&provider),
            found: Mutex::default(),
        };
        Ok(Self {
            any: config(&provider, Arc::new(any))?,
            verified: config(&provider, Arc::clone(&usual) as _)?,
            usual,
            provider,
        })
    }

    /// With any certificate.
    pub(super) fn any(&self, name: ServerName<'static>) -> Handshake {
        Handshake {
            config: Arc::clone(&self.any),
            name,
            proof: Proof::None,
        }
    }

    /// With any certificate, but it is looked at.
    pub(super) fn noting(
        &self,
        name: ServerName<'static>,
        vouched: bool,
    ) -> Result<Handshake, Error> {
        let note = Arc::new(Noting {
            looks: Some(Arc::clone(&self.usual)),
            provider: Arc::clone(&self.provider),
            found: Mutex::default(),
        });
        Ok(Handshake {
            config: config(&self.provider, Arc::clone(&note) as _)?,
            name,
            proof: Proof::Noted { note, vouched },
        })
    }

    /// With a certificate for this name by an authority that is trusted.
    pub(super) fn verified(&self, name: ServerName<'static>) -> Handshake {
        Handshake {
            config: Arc::clone(&self.verified),
            name,
            proof: Proof::Demanded,
        }
    }

    /// The same for a route, which may have authorities of its own.
    pub(super) fn configured(
        &self,
        name: ServerName<'static>,
        own: Option<&Arc<ClientConfig>>,
    ) -> Handshake {
        Handshake {
            config: Arc::clone(own.unwrap_or(&self.verified)),
            name,
            proof: Proof::Configured,
        }
    }

    /// For these certificates, and those by authorities among them, alone.
    pub(super) fn trusting(
        &self,
        file: Vec<CertificateDer<'static>>,
    ) -> Result<Arc<ClientConfig>, Error> {
        let mut roots = RootCertStore::empty();
        // Whoever read the file looked whether any can be used.
        let _ = roots.add_parsable_certificates(file.iter().cloned());
        let authorities = verifier(Arc::new(roots), &self.provider)?;
        config(&self.provider, Arc::new(Pinned { authorities, file }))
    }

    /// With a certificate that DNS promises.
    pub(super) fn promised(
        &self,
        records: Vec<dane::Tlsa>,
        names: Vec<address::Domain>,
        name: ServerName<'static>,
    ) -> Result<Handshake, Error> {
        let verifier = dane::Verifier::new(records, names, Arc::clone(&self.provider));
        Ok(Handshake {
            config: config(&self.provider, Arc::new(verifier))?,
            name,
            proof: Proof::Demanded,
        })
    }
}

fn verifier(
    roots: Arc<RootCertStore>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, Error> {
    WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider))
        .build()
        .map_err(|error| Error::General(error.to_string()))
}

fn config(
    provider: &Arc<CryptoProvider>,
    verifier: Arc<dyn ServerCertVerifier>,
) -> Result<Arc<ClientConfig>, Error> {
    let mut config = ClientConfig::builder_with_provider(Arc::clone(provider))
        // RFC 8996: nothing older.
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

impl Handshake {
    /// The same for HTTP.
    pub(super) fn for_http(self) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self {
            config: Arc::new(config),
            ..self
        }
    }

    /// What can be done about it, where that is a matter of our own configuration.
    fn advised(&self, mut fault: TlsFault) -> TlsFault {
        let configured = matches!(self.proof, Proof::Configured);
        if configured && fault.failure == Failure::NotTrusted {
            fault.words.push_str(ADVICE);
        }
        fault
    }

    /// Makes it.
    pub(super) async fn make<IO: Io>(&self, io: IO) -> Result<Made<IO>, TlsFault> {
        let connector = TlsConnector::from(Arc::clone(&self.config));
        // Its state is large and short-lived.
        let connecting = Box::pin(connector.connect(self.name.clone(), io));
        let stream = connecting
            .await
            .map_err(|error| self.advised(fault(&error)))?;
        let facts = facts(stream.get_ref().1);
        let (authenticated, flaw) = match &self.proof {
            Proof::None => (false, None),
            Proof::Demanded | Proof::Configured => (true, None),
            Proof::Noted { note, vouched } => {
                let flaw = note.found();
                (*vouched && flaw.is_none(), flaw)
            }
        };
        Ok(Made {
            stream,
            secured: Secured {
                facts,
                authenticated,
            },
            flaw,
        })
    }
}

/// Accepts every certificate, and notes what is wrong with it if somebody wants to know.
#[derive(Debug)]
struct Noting {
    looks: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
    found: Mutex<Option<Error>>,
}

impl Noting {
    fn found(&self) -> Option<TlsFault> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.as_ref().map(of)
    }

    fn note<T>(&self, result: Result<T, Error>) {
        if let Err(error) = result {
            let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
            found.get_or_insert(error);
        }
    }
}

impl ServerCertVerifier for Noting {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(looks) = &self.looks {
            self.note(looks.verify_server_cert(end_entity, intermediates, name, ocsp, now));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if let Some(looks) = &self.looks {
            self.note(looks.verify_tls12_signature(message, certificate, signature));
        }
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if let Some(looks) = &self.looks {
            self.note(looks.verify_tls13_signature(message, certificate, signature));
        }
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// What an error of a handshake means.
pub(super) fn fault(error: &io::Error) -> TlsFault {
    let inner = error.get_ref();
    match inner.and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(error) => of(error),
        None => TlsFault {
            failure: Failure::Validation,
            words: if error.kind() == io::ErrorKind::UnexpectedEof {
                "the server hung up in the middle of it".to_owned()
            } else {
                shown(&error.to_string())
            },
        },
    }
}

/// What a stranger has written into a certificate may be among it, and may be long.
fn shown(words: &str) -> String {
    let harmless = |letter: char| {
        if letter.is_ascii_graphic() {
            letter
        } else {
            ' '
        }
    };
    words.chars().take(MOST_WORDS).map(harmless).collect()
}

fn of(error: &Error) -> TlsFault {
    let Error::InvalidCertificate(wrong) = error else {
        return TlsFault {
            failure: Failure::Validation,
            words: shown(&error.to_string()),
        };
    };
    let failure = certificate(wrong);
    let why = if let CertificateError::Other(other) = wrong {
        other.0.to_string()
    } else {
        wrong.to_string()
    };
    let words = match failure {
        Failure::HostMismatch => format!("its certificate is for another host ({why})"),
        Failure::Expired => "its certificate has expired".to_owned(),
        Failure::NotTrusted => format!("nobody who is trusted vouches for its certificate ({why})"),
        Failure::TlsaInvalid
        | Failure::Validation
        | Failure::NoStartTls
        | Failure::DnssecInvalid
        | Failure::StsFetch
        | Failure::StsInvalid
        | Failure::StsWebpki => why,
    };
    TlsFault {
        failure,
        words: shown(&words),
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the errors of rustls, of which there will be more"
)]
fn certificate(error: &CertificateError) -> Failure {
    match error {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Failure::HostMismatch
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Failure::Expired,
        CertificateError::Other(other) if other.0.downcast_ref::<DaneError>().is_some() => {
            Failure::TlsaInvalid
        }
        _ => Failure::NotTrusted,
    }
}

/// What a finished handshake established.
fn facts(connection: &ClientConnection) -> TlsFacts {
    let new = connection.protocol_version() == Some(ProtocolVersion::TLSv1_3);
    let suite = connection.negotiated_cipher_suite();
    let name = suite.and_then(|suite| suite.suite().as_str());
    TlsFacts {
        version: if new { "TLS1.3" } else { "TLS1.2" },
        // rustls writes TLS13_ where the IANA registry says TLS_.
        cipher: name.unwrap_or("unknown").replacen("TLS13_", "TLS_", 1),
        // RFC 9266 section 4.2: under TLS 1.2 it would need the extended master secret.
        binding: new.then(|| binding(connection)).flatten(),
    }
}

/// RFC 9266 section 2: label `EXPORTER-Channel-Binding`, empty context, 32 octets.
fn binding(connection: &ClientConnection) -> Option<ChannelBinding> {
    connection
        .export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b""))
        .map(ChannelBinding)
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(error: CertificateError, failure: Failure, words: &str) {
        let error = io::Error::new(io::ErrorKind::InvalidData, Error::InvalidCertificate(error));
        let found = fault(&error);
        assert_eq!(found.failure, failure, "{found}");
        assert!(found.words.contains(words), "{found}");
    }

    #[test]
    fn faults_are_told_apart_and_in_bounded_words() {
        let name = ServerName::try_from("mx.a.test").unwrap();
        let strange = CertificateError::NotValidForNameContext {
            expected: name,
            presented: vec!["\u{202e}x\r\n.test".to_owned(); 1000],
        };
        check(strange.clone(), Failure::HostMismatch, "mx.a.test");
        let found = of(&Error::InvalidCertificate(strange));
        assert_eq!(found.words.len(), MOST_WORDS);
        assert!(found.words.is_ascii() && !found.words.contains(char::is_control));
        check(
            CertificateError::Expired,
            Failure::Expired,
            "certificate has expired",
        );
        check(
            CertificateError::UnknownIssuer,
            Failure::NotTrusted,
            "nobody who is trusted",
        );
        let dane = rustls::OtherError(Arc::new(DaneError::NoMatch));
        check(
            CertificateError::Other(dane),
            Failure::TlsaInvalid,
            "no TLSA record matches",
        );
        let cut = io::Error::from(io::ErrorKind::UnexpectedEof);
        assert_eq!(fault(&cut).words, "the server hung up in the middle of it");
        let alert = Error::AlertReceived(rustls::AlertDescription::HandshakeFailure);
        let found = fault(&io::Error::new(io::ErrorKind::InvalidData, alert));
        assert_eq!(found.failure, Failure::Validation);
    }
}
