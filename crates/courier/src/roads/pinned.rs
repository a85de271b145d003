//! Certificates that a route believes: those by its authorities, and those that stand in its file themselves.
//!
//! A certificate that somebody made for one server alone often says that it is an authority, too (`openssl req -x509` does),
//! and the usual verification takes none of these for a server's. In the file it was named octet for octet, so there is
//! nothing left to be vouched for; its time, its name and its purpose are looked at all the same.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::time::ASN1Time;

/// Verifies for one route.
#[derive(Debug)]
pub(super) struct Pinned {
    /// By authorities; every certificate of the file may be one.
    pub(super) authorities: Arc<WebPkiServerVerifier>,
    /// What stands in the file.
    pub(super) file: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let usual = self
            .authorities
            .verify_server_cert(end_entity, intermediates, name, ocsp, now);
        match usual {
            Err(_) if self.file.iter().any(|one| one == end_entity) => {
                is_usable(end_entity, now)?;
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            usual => usual,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}

/// Whether a certificate is in its time and, where it says what it is for, for servers (RFC 5280 sections 4.1.2.5 and
/// 4.2.1.12).
fn is_usable(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let bad = |why| Error::InvalidCertificate(why);
    let (_, read) =
        X509Certificate::from_der(certificate).map_err(|_| bad(CertificateError::BadEncoding))?;
    let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let at = ASN1Time::from_timestamp(seconds).map_err(|_| bad(CertificateError::BadEncoding))?;
    let validity = read.validity();
    if at < validity.not_before {
        return Err(bad(CertificateError::NotValidYet));
    }
    if at > validity.not_after {
        return Err(bad(CertificateError::Expired));
    }
    let purposes = read
        .extended_key_usage()
        .map_err(|_| bad(CertificateError::BadEncoding))?;
    match purposes {
        Some(purposes) if !purposes.value.server_auth && !purposes.value.any => {
            Err(bad(CertificateError::InvalidPurpose))
        }
        Some(_) | None => Ok(()),
    }
}
