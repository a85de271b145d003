//! A server that keeps mail for others (RFC 2645), played by the test itself: who visits it is told what the test says, and once
//! the connection has turned round, the test sends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tempfile::TempDir;

/// Far longer than anything takes; only so that a hanging test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// The password that customers are expected to have.
pub const PASSWORD: &str = "open sesame";

/// One that listens, until its test ends.
pub struct Provider {
    pub port: u16,
    tls: Arc<ServerConfig>,
    files: TempDir,
    visitors: Receiver<TcpStream>,
}

impl Provider {
    pub fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("a bound socket").port();
        let (sender, visitors) = channel();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if sender.send(stream).is_err() {
                    return;
                }
            }
        });
        let files = tempfile::tempdir().expect("a temporary directory");
        let (tls, pem) = certificate();
        std::fs::write(files.path().join("hub.pem"), pem).expect("our own file");
        std::fs::write(files.path().join("password"), PASSWORD).expect("our own file");
        Self {
            port,
            tls,
            files,
            visitors,
        }
    }

    /// Shows another certificate from now on than the one customers were told to expect.
    pub fn change_certificate(&mut self) {
        self.tls = certificate().0;
    }

    fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// What a customer has in its configuration to be visiting, with these lines besides.
    pub fn fetch(&self, more: &str) -> String {
        let (ca, password) = (self.file("hub.pem"), self.file("password"));
        format!(
            "[[relay.fetch]]\nfrom = \"127.0.0.1:{}\"\nuser = \"spoke\"\npassword_file = {password:?}\nca = {ca:?}\n\
             every = \"10s\"\n{more}",
            self.port
        )
    }

    /// The next visitor, who has not been greeted.
    pub fn visitor(&self) -> Visitor {
        let socket = self.visitors.recv_timeout(PATIENCE).expect("a visitor");
        socket
            .set_read_timeout(Some(PATIENCE))
            .expect("a timeout can be set");
        Visitor {
            stream: BufReader::new(Box::new(socket)),
        }
    }

    /// Whether somebody came who was not looked at.
    pub fn has_visitor(&self) -> bool {
        self.visitors.try_recv().is_ok()
    }

    /// The next visitor, once it has said EHLO under TLS.
    pub fn secured(&self) -> Visitor {
        let mut visitor = self.covered();
        visitor.hears(
            "EHLO mail.example.test",
            "250-hub.test\r\n250-AUTH PLAIN\r\n250 ATRN",
        );
        visitor
    }

    /// The next visitor under TLS, unless it does not like the certificate: then nothing can be heard of it any more.
    pub fn covered(&self) -> Visitor {
        let mut visitor = self.visitor();
        visitor.says("220 hub.test ESMTP");
        visitor.hears("EHLO mail.example.test", "250-hub.test\r\n250 STARTTLS");
        visitor.hears("STARTTLS", "220 go on");
        let connection = ServerConnection::new(Arc::clone(&self.tls)).expect("a server");
        assert!(visitor.stream.buffer().is_empty(), "nothing is sent ahead");
        let socket = visitor.stream.into_inner();
        Visitor {
            stream: BufReader::new(Box::new(StreamOwned::new(connection, socket))),
        }
    }

    /// The next visitor, once it has logged in.
    pub fn customer(&self) -> Visitor {
        let mut visitor = self.secured();
        visitor.hears(&login(), "235 2.7.0 welcome");
        visitor
    }

    /// The next customer, who asked for these, after the connection has turned round; it has been greeted by it.
    pub fn turned(&self, asked: &str) -> Visitor {
        let mut visitor = self.customer();
        visitor.hears(asked, "250 2.0.0 your turn");
        visitor.told("220 mail.example.test");
        visitor
    }
}

/// What a customer logs in with.
pub fn login() -> String {
    let response = super::client::base64(format!("\0spoke\0{PASSWORD}").as_bytes());
    format!("AUTH PLAIN {response}")
}

/// A certificate of its own for this machine, and what it looks like to others.
fn certificate() -> (Arc<ServerConfig>, String) {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("a name");
    let certificate = params.self_signed(&key).expect("a certificate");
    let private = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows them")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .expect("they fit");
    (Arc::new(config), certificate.pem())
}

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// One connection.
pub struct Visitor {
    stream: BufReader<Box<dyn Stream>>,
}

impl Visitor {
    fn read(&mut self) -> Option<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line).ok()?;
        Some(line.strip_suffix("\r\n")?.to_owned())
    }

    /// Whether it says nothing more, because it is gone.
    pub fn is_gone(&mut self) -> bool {
        self.read().is_none()
    }

    pub fn says(&mut self, octets: &str) {
        let stream = self.stream.get_mut();
        let sent = stream.write_all(format!("{octets}\r\n").as_bytes());
        sent.and_then(|()| stream.flush())
            .expect("the visitor reads");
    }

    /// It says exactly this line, and is answered.
    #[track_caller]
    pub fn hears(&mut self, line: &str, answer: &str) {
        self.asks(line);
        self.says(answer);
    }

    /// It says exactly this line, and waits.
    #[track_caller]
    pub fn asks(&mut self, line: &str) {
        assert_eq!(self.read().as_deref(), Some(line));
    }

    /// Its reply, all lines of it, whose last line begins so.
    #[track_caller]
    pub fn told(&mut self, expected: &str) -> String {
        let mut reply = String::new();
        loop {
            let line = self.read().expect("the customer answers");
            reply.push_str(&line);
            reply.push('\n');
            if line.as_bytes().get(3) != Some(&b'-') {
                assert!(line.starts_with(expected), "{expected}: {reply}");
                return reply;
            }
        }
    }

    /// Now that we are the client: a command and the beginning of its reply.
    #[track_caller]
    pub fn command(&mut self, line: &str, expected: &str) -> String {
        self.says(line);
        self.told(expected)
    }
}
