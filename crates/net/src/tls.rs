//! TLS for the listeners: versions, provider, ALPN and tickets. Certificates are in [`Certificates`].
//!
//! TLS 1.2 and 1.3 by rustls over aws-lc-rs; nothing older, no renegotiation, no client certificates. Nothing
//! here remembers a peer: tickets are stateless, and the name a client asks for (SNI) selects nothing.

mod certificate;
mod self_signed;
mod store;

use std::sync::Arc;

use reply::Protocol;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::NoServerSessionStorage;
use rustls::version::{TLS12, TLS13};
use rustls::{ProtocolVersion, ServerConfig, ServerConnection};
use wire::{ChannelBinding, TlsFacts};

pub use certificate::{CertificateError, CertificateFacts};
pub use store::{Certificates, Reload, Source, WATCH_INTERVAL};

/// Why there is no TLS configuration.
#[derive(Debug, thiserror::Error)]
#[error("TLS cannot be set up: {0}")]
pub struct TlsError(#[from] rustls::Error);

/// Makes aws-lc-rs the provider of everything in the process that uses rustls. Call it first in `main`; a
/// second call changes nothing.
pub fn install_provider() {
    // The error is the provider that is installed already, and there is only one kind in this build.
    let _already = aws_lc_rs::default_provider().install_default();
}

/// Has the cryptography library gather its first randomness, which takes it some 30 ms of measuring the processor's
/// jitter, on a thread of its own, while the caller has other things to do. Without this, whoever needs it first waits.
pub fn begin() {
    let gathering = std::thread::Builder::new()
        .name("tegami-random".to_owned())
        // What fails here fails again, and is reported, where the randomness is needed.
        .spawn(|| drop(provider().secure_random.fill(&mut [0])));
    if let Err(error) = gathering {
        tracing::debug!(%error, "no thread to gather randomness");
    }
}

/// The configuration of all listeners of one protocol.
///
/// A client that offers ALPN must offer our protocol: one that thinks it speaks HTTP, or was led here by
/// somebody between, is refused (RFC 7301 section 3.2, RFC 9325 section 3.7). One that offers none is served.
///
/// # Errors
/// When the cryptography library fails to start.
pub fn server_config(
    certificates: Arc<Certificates>,
    protocol: Protocol,
) -> Result<Arc<ServerConfig>, TlsError> {
    let mut config = ServerConfig::builder_with_provider(provider())
        // RFC 8314 section 4.1, RFC 8996: nothing older.
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = vec![match protocol {
        Protocol::Smtp => b"smtp".to_vec(),
        Protocol::Pop3 => b"pop3".to_vec(),
    }];
    // RFC 9325 section 4.2.1: ours is the order that counts, the strongest first, whatever the client's is.
    config.ignore_client_order = true;
    // Resumption by tickets only, with keys of this configuration's own: a ticket from one protocol is worth
    // nothing on the other, and no table of sessions grows with the number of clients.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    config.send_tls13_tickets = 1;
    Ok(Arc::new(config))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// What a finished handshake established, in the words of the Received field.
pub(crate) fn facts(connection: &ServerConnection) -> TlsFacts {
    let version = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLS1.3",
        _ => "TLS1.2",
    };
    let name = connection
        .negotiated_cipher_suite()
        .and_then(|suite| suite.suite().as_str());
    // rustls writes TLS13_ where the IANA registry says TLS_.
    let cipher = name.unwrap_or("unknown").replacen("TLS13_", "TLS_", 1);
    TlsFacts {
        version,
        cipher,
        binding: binding(connection),
    }
}

/// RFC 9266 section 2: label `EXPORTER-Channel-Binding`, empty context, 32 octets. Under TLS 1.2 it would be
/// safe only with the extended master secret (section 4.2); there, nothing is bound.
fn binding(connection: &ServerConnection) -> Option<ChannelBinding> {
    if connection.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
        return None;
    }
    connection
        .export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b""))
        .map(ChannelBinding)
        .ok()
}

#[cfg(test)]
pub(crate) mod tests;
