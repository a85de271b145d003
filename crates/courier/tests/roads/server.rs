//! A mail server with manners: it does what any server does, unless it was told to answer otherwise. It writes down what it
//! hears.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use rcgen::{CertificateParams, Issuer, KeyPair};
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufStream,
};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// How a server behaves.
#[derive(Clone, Default)]
pub struct Manner {
    name: String,
    /// What EHLO lists.
    lists: Vec<String>,
    /// Answers to commands that begin like this; of those that fit the last counts.
    says: Vec<(String, String)>,
    tls: Option<Arc<ServerConfig>>,
    implicit: bool,
}

impl Manner {
    /// One that takes everything, under this name.
    pub fn of(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// It offers this.
    pub fn lists(mut self, extension: &str) -> Self {
        self.lists.push(extension.to_owned());
        self
    }

    /// It answers so to commands that begin like this. `CONNECT` is the connection, `TLS` the handshake, `DOT` the end of a message, `HALF`
    /// the first octets of one. An answer of `HANG` is none, and the end; `SILENCE` is none.
    pub fn says(mut self, to: &str, answer: &str) -> Self {
        self.says.push((to.to_owned(), answer.to_owned()));
        self
    }

    /// It has STARTTLS with this certificate.
    pub fn with_tls(mut self, certificate: Certificate) -> Self {
        self.tls = Some(certificate.config());
        self.lists("STARTTLS")
    }

    /// It has TLS from the first octet.
    pub fn with_implicit_tls(mut self, certificate: Certificate) -> Self {
        self.tls = Some(certificate.config());
        self.implicit = true;
        self
    }

    fn answer(&self, command: &str) -> Option<&str> {
        let fitting = self.says.iter().rev();
        let mut fitting = fitting.filter(|(to, _)| command.starts_with(to.as_str()));
        fitting.next().map(|(_, answer)| answer.as_str())
    }
}

/// A running server; it ends when it is dropped.
pub struct Server {
    pub address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
    connections: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub fn start(listener: TcpListener, manner: Manner) -> Self {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let address = listener.local_addr().unwrap();
        let log = Arc::clone(&heard);
        let connections = Arc::new(Mutex::new(Vec::new()));
        let open = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            while let Ok((stream, peer)) = listener.accept().await {
                let (manner, log) = (manner.clone(), Arc::clone(&log));
                let connection = tokio::spawn(async move {
                    let from = peer.ip();
                    log.lock().unwrap().push(format!("CONNECT {from}"));
                    let mut stream = BufStream::new(stream);
                    if manner.implicit {
                        let _ended = under_tls(stream.into_inner(), &manner, &log).await;
                        return;
                    }
                    let ended = serve(&mut stream, &manner, &log, true).await;
                    if let Some(true) = ended {
                        let _ended = under_tls(stream.into_inner(), &manner, &log).await;
                    }
                });
                open.lock().unwrap().push(connection);
            }
        });
        Self {
            address,
            heard,
            task,
            connections,
        }
    }

    /// All connections are closed without a word.
    pub fn hang_up(&self) {
        for connection in self.connections.lock().unwrap().drain(..) {
            connection.abort();
        }
    }

    /// Nobody listens there any more.
    pub async fn stop(mut self) {
        self.task.abort();
        let _aborted = (&mut self.task).await;
    }

    /// What it heard: commands, `CONNECT`, `TLS`, and `MESSAGE` with the octets of one.
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    /// How often it heard something that begins like this.
    pub fn count(&self, beginning: &str) -> usize {
        let heard = self.heard();
        heard
            .iter()
            .filter(|one| one.starts_with(beginning))
            .count()
    }
}

async fn under_tls(
    stream: tokio::net::TcpStream,
    manner: &Manner,
    log: &Mutex<Vec<String>>,
) -> Option<bool> {
    if manner.answer("TLS") == Some("HANG") {
        return None;
    }
    let config = manner.tls.clone()?;
    let stream = TlsAcceptor::from(config).accept(stream).await.ok()?;
    log.lock().unwrap().push("TLS".to_owned());
    serve(&mut BufStream::new(stream), manner, log, manner.implicit).await
}

/// Nothing when the connection is over; true when TLS is to begin.
async fn serve<IO>(
    io: &mut IO,
    manner: &Manner,
    log: &Mutex<Vec<String>>,
    greets: bool,
) -> Option<bool>
where
    IO: tokio::io::AsyncBufRead + AsyncRead + AsyncWrite + Unpin,
{
    let greeting = format!("220 {} ready", manner.name);
    if greets {
        say(io, manner, "CONNECT", &greeting).await?;
    }
    loop {
        let mut line = String::new();
        io.read_line(&mut line)
            .await
            .ok()
            .filter(|octets| *octets > 0)?;
        let line = line.trim_end().to_owned();
        log.lock().unwrap().push(line.clone());
        let verb = line
            .split(' ')
            .next()
            .unwrap_or_default()
            .to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" => {
                let mut lines = vec![manner.name.clone()];
                let secured = greets == manner.implicit;
                lines.extend(
                    manner
                        .lists
                        .iter()
                        .filter(|one| !secured || *one != "STARTTLS")
                        .cloned(),
                );
                let last = lines.pop().unwrap();
                let mut reply: String =
                    lines.iter().map(|line| format!("250-{line}\r\n")).collect();
                reply.push_str(&format!("250 {last}"));
                say(io, manner, &line, &reply).await?;
            }
            "STARTTLS" => {
                say(io, manner, &line, "220 go on").await?;
                io.flush().await.ok()?;
                if manner.answer(&line).is_none() {
                    return Some(true);
                }
            }
            "DATA" => {
                let default = "354 go on";
                if !say(io, manner, &line, default).await?.starts_with('3') {
                    continue;
                }
                message(io, manner, log).await?;
                say(io, manner, "DOT", "250 2.0.0 taken").await?;
            }
            "BDAT" => {
                let mut words = line.split(' ').skip(1);
                let size: usize = words.next()?.parse().ok()?;
                let mut octets = vec![0; size];
                io.read_exact(&mut octets).await.ok()?;
                let text = String::from_utf8_lossy(&octets).into_owned();
                log.lock().unwrap().push(format!("MESSAGE {text}"));
                let key = if words.next().is_some() {
                    "DOT"
                } else {
                    "CHUNK"
                };
                say(io, manner, key, "250 2.0.0 taken").await?;
            }
            "QUIT" => {
                say(io, manner, &line, "221 bye").await?;
                io.shutdown().await.ok()?;
                return None;
            }
            _ => {
                say(io, manner, &line, "250 2.1.0 fine").await?;
            }
        }
    }
}

/// Takes octets up to the final dot.
async fn message<IO>(io: &mut IO, manner: &Manner, log: &Mutex<Vec<String>>) -> Option<()>
where
    IO: tokio::io::AsyncBufRead + AsyncWrite + Unpin,
{
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n.\r\n") && text != b".\r\n" {
        let octets = io.read_until(b'\n', &mut text).await.ok()?;
        if octets == 0 {
            return None;
        }
        if manner.answer("HALF").is_some() {
            say(io, manner, "HALF", "").await?;
            // From now on nothing is read: whoever sends is not to wait for that.
            std::future::pending::<()>().await;
        }
    }
    let end = text.len() - 3;
    let text = String::from_utf8_lossy(&text[..end]).into_owned();
    log.lock().unwrap().push(format!("MESSAGE {text}"));
    Some(())
}

async fn say<IO: AsyncWrite + Unpin>(
    io: &mut IO,
    manner: &Manner,
    to: &str,
    default: &str,
) -> Option<String> {
    let answer = manner.answer(to).unwrap_or(default).to_owned();
    if answer == "SILENCE" {
        std::future::pending::<()>().await;
    }
    if answer == "HANG" {
        return None;
    }
    io.write_all(format!("{answer}\r\n").as_bytes())
        .await
        .ok()?;
    io.flush().await.ok()?;
    if answer.starts_with("421") {
        io.shutdown().await.ok()?;
        return None;
    }
    Some(answer)
}

/// A certificate, and by whom.
#[derive(Clone)]
pub struct Certificate {
    pub der: Vec<u8>,
    /// The public key of the certificate.
    pub key: Vec<u8>,
    private: Vec<u8>,
}

impl Certificate {
    /// For this name, by its own owner.
    pub fn self_signed(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        Self::new(params.self_signed(&key).unwrap().der(), &key)
    }

    /// The same in the way of `openssl req -x509`: it says that it is an authority, too. Over, if `over`.
    pub fn self_signed_authority(name: &str, over: bool) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        if over {
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        }
        Self::new(params.self_signed(&key).unwrap().der(), &key)
    }

    /// As a file has it.
    pub fn pem(&self) -> String {
        let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &self.der);
        format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
    }

    fn new(der: &[u8], key: &KeyPair) -> Self {
        Self {
            der: der.to_vec(),
            key: rcgen::PublicKeyData::subject_public_key_info(key),
            private: key.serialize_der(),
        }
    }

    pub fn config(&self) -> Arc<ServerConfig> {
        let provider = tokio_rustls::rustls::crypto::aws_lc_rs::default_provider();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.private.clone()));
        let config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.der.clone().into()], key)
            .unwrap();
        Arc::new(config)
    }
}

/// Somebody whose certificates are trusted.
pub struct Authority {
    pub pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            pem,
            issuer: Issuer::new(params, key),
        }
    }

    /// A certificate for this name.
    pub fn signs(&self, name: &str) -> Certificate {
        self.sign(CertificateParams::new([name.to_owned()]).unwrap())
    }

    /// One that is over.
    pub fn signed(&self, name: &str) -> Certificate {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> Certificate {
        let key = KeyPair::generate().unwrap();
        let signed = params.signed_by(&key, &self.issuer).unwrap();
        Certificate::new(signed.der(), &key)
    }
}

/// Listeners on as many addresses of this machine, all on one port.
pub async fn listeners(count: u8) -> Vec<TcpListener> {
    'ports: loop {
        let mut listeners = Vec::new();
        let mut port = 0;
        for number in 1..=count {
            let address = SocketAddr::from((Ipv4Addr::new(127, 0, 0, number), port));
            let Ok(listener) = TcpListener::bind(address).await else {
                continue 'ports;
            };
            port = listener.local_addr().unwrap().port();
            listeners.push(listener);
        }
        return listeners;
    }
}
