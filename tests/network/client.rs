//! A blocking client that sends what it is told and checks how replies begin.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned,
    SupportedProtocolVersion,
};

/// Far longer than any reply takes; only so that a hanging server fails the test instead of stopping it.
const PATIENCE: Duration = Duration::from_secs(60);

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// One connection.
pub struct Client {
    stream: BufReader<Box<dyn Stream>>,
    socket: TcpStream,
    /// What a login can be bound to (RFC 9266), under TLS 1.3.
    pub binding: Option<[u8; 32]>,
}

impl Client {
    pub fn plain(port: u16) -> Self {
        let socket = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
        socket
            .set_read_timeout(Some(PATIENCE))
            .expect("a timeout can be set");
        let stream: Box<dyn Stream> = Box::new(socket.try_clone().expect("a socket can be cloned"));
        Self {
            stream: BufReader::new(stream),
            socket,
            binding: None,
        }
    }

    /// Goes away without a word, so that whatever the server does next fails.
    pub fn reset(self) {
        rustix::net::sockopt::set_socket_linger(&self.socket, Some(Duration::ZERO))
            .expect("a socket can be told not to linger");
    }

    pub fn tls(port: u16) -> Self {
        Self::plain(port).into_tls()
    }

    /// Shakes hands. Whatever the server sent in the clear must have been read.
    pub fn into_tls(self) -> Self {
        self.into_tls_of(&[&TLS13, &TLS12])
    }

    /// Shakes hands with a version of TLS that is going out of use.
    pub fn into_old_tls(self) -> Self {
        self.into_tls_of(&[&TLS12])
    }

    fn into_tls_of(self, versions: &[&'static SupportedProtocolVersion]) -> Self {
        assert!(
            self.stream.buffer().is_empty(),
            "the server said more than its reply"
        );
        let name = ServerName::try_from("localhost").expect("a name");
        let mut connection = ClientConnection::new(config(versions), name).expect("a client");
        let mut socket = self.socket.try_clone().expect("a socket can be cloned");
        while connection.is_handshaking() {
            connection.complete_io(&mut socket).expect("a handshake");
        }
        let binding = connection
            .export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b""))
            .ok();
        let stream: Box<dyn Stream> = Box::new(StreamOwned::new(connection, socket));
        Self {
            stream: BufReader::new(stream),
            socket: self.socket,
            binding,
        }
    }

    pub fn send(&mut self, octets: &[u8]) {
        let stream = self.stream.get_mut();
        stream.write_all(octets).expect("the server reads");
        stream.flush().expect("the server reads");
    }

    /// Sends a line; the last line of the reply must begin with `expected`.
    #[track_caller]
    pub fn command(&mut self, line: &str, expected: &str) -> String {
        self.send(format!("{line}\r\n").as_bytes());
        self.expect(expected)
    }

    /// Says EHLO; returns all lines of the reply.
    #[track_caller]
    pub fn ehlo(&mut self) -> String {
        self.send(b"EHLO client.example\r\n");
        let mut reply = String::new();
        loop {
            let line = self.line();
            assert!(line.starts_with("250"), "{line:?}");
            reply.push_str(&line);
            if line.starts_with("250 ") {
                return reply;
            }
        }
    }

    #[track_caller]
    pub fn expect(&mut self, expected: &str) -> String {
        loop {
            let line = self.line();
            if line.as_bytes().get(3) == Some(&b'-') && line.as_bytes()[0].is_ascii_digit() {
                continue;
            }
            assert!(
                line.starts_with(expected),
                "expected {expected:?}, got {line:?}"
            );
            return line;
        }
    }

    /// The lines up to a lone dot, unstuffed, CRLF kept.
    pub fn listing(&mut self) -> String {
        let mut text = String::new();
        loop {
            let line = self.line();
            if line == ".\r\n" {
                return text;
            }
            text.push_str(line.strip_prefix('.').unwrap_or(&line));
        }
    }

    /// Whether the server has closed the connection and said nothing more.
    pub fn is_closed(&mut self) -> bool {
        self.stream.fill_buf().is_ok_and(<[u8]>::is_empty)
    }

    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream
            .read_line(&mut line)
            .expect("the server answers");
        assert!(
            line.ends_with("\r\n"),
            "the connection ended after {line:?}"
        );
        line
    }
}

pub fn base64(octets: &[u8]) -> String {
    auth::encode_base64(octets)
}

fn config(versions: &[&'static SupportedProtocolVersion]) -> Arc<ClientConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("the provider knows TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate))
        .with_no_client_auth();
    Arc::new(config)
}

/// The certificate is made by the server under test; which one it is, other tests look at.
#[derive(Debug)]
struct AnyCertificate;

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
