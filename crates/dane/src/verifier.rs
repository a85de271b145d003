//! The question of [`verify`], asked by rustls in a handshake.

use std::sync::Arc;

use address::Domain;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};

use crate::record::Tlsa;
use crate::verify::{DaneError, verify};

/// Accepts the certificates that TLSA records promise, and no others. It is made for one host: the name of the handshake
/// (SNI, which is to be the host's, RFC 7672 section 8.1) selects nothing here.
#[derive(Debug)]
pub struct Verifier {
    records: Vec<Tlsa>,
    names: Vec<Domain>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    /// For the host with these records, whose certificate may be for any of `names`.
    #[must_use]
    pub fn new(records: Vec<Tlsa>, names: Vec<Domain>, provider: Arc<CryptoProvider>) -> Self {
        Self {
            records,
            names,
            provider,
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let mut chain = vec![end_entity.clone()];
        chain.extend_from_slice(intermediates);
        let algorithms = &self.provider.signature_verification_algorithms;
        match verify(&self.records, &chain, &self.names, now, algorithms) {
            Ok(()) => Ok(ServerCertVerified::assertion()),
            Err(error) => Err(refusal(error)),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

fn refusal(error: DaneError) -> Error {
    let other = OtherError(Arc::new(error));
    Error::InvalidCertificate(CertificateError::Other(other))
}
