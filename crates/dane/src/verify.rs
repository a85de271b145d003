//! Whether a chain of certificates is what TLSA records promise (RFC 7672 section 3.1, RFC 7671 section 5).

use address::Domain;
use rustls::RootCertStore;
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;

use crate::record::{Tlsa, Usage};

/// Certificates of a chain that are looked at.
const LONGEST_CHAIN: usize = 16;

/// Why a chain of certificates is not the one that was promised.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DaneError {
    /// The server sent none.
    #[error("the server showed no certificate")]
    NoCertificate,
    /// No record matches any of them.
    #[error("no TLSA record matches the certificates of the server")]
    NoMatch,
    /// A trust anchor matches, and the server's certificate is not signed by way of it, is over, or not for servers.
    #[error(
        "a TLSA record names who signs, but the certificate of the server is not good by that: {0}"
    )]
    Chain(String),
    /// A trust anchor signed it, for somebody else.
    #[error("a TLSA record names who signs, but the certificate of the server is for another host")]
    Name,
}

/// Whether a server that shows `chain` (its own certificate first) is the one of `records`. `names` are those it may have:
/// its host name, and the domain the mail is for (RFC 7672 section 3.2.2).
///
/// # Errors
/// Why it is not. Then nothing may be sent to it.
pub fn verify(
    records: &[Tlsa],
    chain: &[CertificateDer<'_>],
    names: &[Domain],
    now: UnixTime,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<(), DaneError> {
    let (own, rest) = chain.split_first().ok_or(DaneError::NoCertificate)?;
    let rest = &rest[..rest.len().min(LONGEST_CHAIN - 1)];
    let of = |usage| records.iter().filter(move |record| record.usage() == usage);
    // RFC 7672 section 3.1.1: with DANE-EE(3), neither the name nor the time nor who signed it counts.
    if of(Usage::EndEntity).any(|record| record.matches(own)) {
        return Ok(());
    }
    let mut anchors = RootCertStore::empty();
    for record in of(Usage::TrustAnchor) {
        let sent = rest
            .iter()
            .filter(|certificate| record.matches(certificate));
        let in_dns = record.whole_anchor().map(CertificateDer::from);
        for anchor in sent.cloned().chain(in_dns) {
            // One that cannot be read signs nothing.
            let _unreadable = anchors.add(anchor);
        }
    }
    if anchors.is_empty() {
        return Err(DaneError::NoMatch);
    }
    let chain = |error: rustls::Error| DaneError::Chain(error.to_string());
    let certificate = ParsedCertificate::try_from(own).map_err(chain)?;
    verify_server_cert_signed_by_trust_anchor(&certificate, &anchors, rest, now, algorithms.all)
        .map_err(chain)?;
    let is_for = |name: &Domain| {
        let name = ServerName::try_from(name.as_str());
        name.is_ok_and(|name| verify_server_name(&certificate, &name).is_ok())
    };
    if names.iter().any(is_for) {
        Ok(())
    } else {
        Err(DaneError::Name)
    }
}
