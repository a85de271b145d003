//! A small, polite client for our own listeners: what `demo` and `healthcheck` talk with.
//!
//! It speaks lines and TLS and can print what is said; it is no mail client. The server's certificate is pinned,
//! never looked up in a root store, because the caller knows which certificate it serves.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use reply::{Reply, Row};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::terminal;

mod pinned;

pub use pinned::fingerprint;

/// No reply of ours takes longer than this on loopback, unless something is wrong.
const PATIENCE: Duration = Duration::from_secs(10);

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// One conversation with a listener.
pub struct Probe {
    stream: Box<dyn Stream>,
    buffered: Vec<u8>,
    printing: bool,
}

/// Which certificate the peer must show.
#[derive(Clone)]
pub struct Pin(Arc<rustls::ClientConfig>);

impl Pin {
    /// Trusts exactly the certificate with this [`fingerprint`].
    ///
    /// # Errors
    /// The TLS provider refuses the protocol versions, which would be a fault of the build.
    pub fn new(sha256: String) -> Result<Self> {
        Ok(Self(Arc::new(pinned::client_config(sha256)?)))
    }
}

impl Probe {
    /// Connects in the clear.
    pub async fn connect(address: SocketAddr) -> Result<Self> {
        let stream = tokio::time::timeout(PATIENCE, TcpStream::connect(address))
            .await
            .with_context(|| format!("{address} did not answer within {PATIENCE:?}"))?
            .with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: Box::new(stream),
            buffered: Vec::new(),
            printing: false,
        })
    }

    /// Connects with TLS from the first octet (RFC 8314 section 3).
    pub async fn connect_tls(address: SocketAddr, pin: &Pin) -> Result<Self> {
        Self::connect(address).await?.secure(pin).await
    }

    /// Says, as a proxy does before anything else, that this connection is its own (PROXY protocol, version 1).
    pub async fn introduce_as_proxy(&mut self) -> Result<()> {
        self.write(b"PROXY UNKNOWN\r\n").await
    }

    /// Upgrades after a STARTTLS or STLS that the server has accepted.
    pub async fn secure(self, pin: &Pin) -> Result<Self> {
        let name = ServerName::try_from("localhost").context("localhost is a server name")?;
        let handshake = TlsConnector::from(Arc::clone(&pin.0)).connect(name, self.stream);
        let stream = tokio::time::timeout(PATIENCE, handshake)
            .await
            .context("the TLS handshake did not finish")?
            .context("the TLS handshake failed")?;
        Ok(Self {
            stream: Box::new(stream),
            buffered: Vec::new(),
            printing: self.printing,
        })
    }

    /// Prints every line from now on, `C:` and `S:` marking who said it.
    #[must_use]
    pub fn printing(mut self) -> Self {
        self.printing = true;
        self
    }

    /// Sends one line and returns the reply to it, which must have the status of `expected`.
    pub async fn command(&mut self, line: &str, expected: &'static Row) -> Result<Vec<String>> {
        self.note("C", line);
        self.write(format!("{line}\r\n").as_bytes()).await?;
        self.expect(expected).await
    }

    /// Like [`command`](Self::command), with a line that nobody must see.
    pub async fn secret(
        &mut self,
        line: &str,
        shown: &str,
        expected: &'static Row,
    ) -> Result<Vec<String>> {
        self.note("C", shown);
        self.write(format!("{line}\r\n").as_bytes()).await?;
        self.expect(expected).await
    }

    /// Sends lines that are not commands (a message).
    pub async fn text(&mut self, text: &str) -> Result<()> {
        for line in text.lines() {
            self.note("C", line);
        }
        self.write(text.as_bytes()).await
    }

    /// Reads the greeting, which must have the status of `expected`.
    pub async fn greeted(&mut self, expected: &'static Row) -> Result<()> {
        self.expect(expected).await.map(|_| ())
    }

    /// Reads the greeting, which must have the status of `expected` or of `refusal`; says whether it was the first.
    pub async fn greeted_or_refused(
        &mut self,
        expected: &'static Row,
        refusal: &'static Row,
    ) -> Result<bool> {
        let line = self.line().await?;
        let greeted = line.starts_with(&status(expected));
        if !greeted && !line.starts_with(&status(refusal)) {
            bail!("no greeting: {line:?}");
        }
        Ok(greeted)
    }

    /// Asks a web listener for a page, which must be there.
    pub async fn get(&mut self, path: &str) -> Result<()> {
        self.write(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())
            .await?;
        let line = self.line().await?;
        if line.starts_with("HTTP/1.1 200 ") {
            return Ok(());
        }
        bail!("{path} is not there: {line:?}")
    }

    /// Reads one reply, SMTP (possibly multi-line) or the status line of POP3.
    async fn expect(&mut self, expected: &'static Row) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        loop {
            let line = self.line().await?;
            let more = line.as_bytes().get(3) == Some(&b'-') && line.as_bytes()[0].is_ascii_digit();
            lines.push(line);
            if !more {
                break;
            }
        }
        match lines.last() {
            Some(last) if last.starts_with(&status(expected)) => Ok(lines),
            Some(last) => bail!(
                "expected {:?} ({}), got {last:?}",
                status(expected),
                expected.id
            ),
            None => bail!("no reply"),
        }
    }

    /// Reads the lines after a POP3 status line, up to the lone dot, with the stuffing removed.
    pub async fn listing(&mut self) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        loop {
            let line = self.line().await?;
            if line == "." {
                return Ok(lines);
            }
            lines.push(line.strip_prefix('.').unwrap_or(&line).to_owned());
        }
    }

    async fn line(&mut self) -> Result<String> {
        loop {
            if let Some(end) = self.buffered.windows(2).position(|pair| pair == b"\r\n") {
                let line = String::from_utf8_lossy(&self.buffered[..end]).into_owned();
                self.buffered.drain(..end + 2);
                self.note("S", &line);
                return Ok(line);
            }
            let mut chunk = [0; 4096];
            let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut chunk))
                .await
                .context("the server did not answer in time")??;
            if read == 0 {
                bail!("the server closed the connection");
            }
            self.buffered.extend_from_slice(&chunk[..read]);
        }
    }

    async fn write(&mut self, octets: &[u8]) -> Result<()> {
        let writing = async {
            self.stream.write_all(octets).await?;
            self.stream.flush().await
        };
        tokio::time::timeout(PATIENCE, writing)
            .await
            .context("the server does not read")??;
        Ok(())
    }

    fn note(&self, who: &str, line: &str) {
        if self.printing {
            // A reader that has gone away must not end the conversation.
            let _ = terminal::print(&format!("   {who}: {line}"));
        }
    }
}

/// What every reply of this row begins with, whatever its words: the code, or `+OK` or its opposite.
fn status(row: &'static Row) -> String {
    let mut line = Vec::new();
    Reply::new(row).encode(&mut line);
    line.truncate(3);
    String::from_utf8_lossy(&line).into_owned()
}
