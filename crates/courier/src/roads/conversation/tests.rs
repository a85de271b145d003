//! Conversations over a pipe, with a clock that jumps: what waits for what, and for how long.

use std::time::Duration;

use address::{Envelope, Recipient};
use smtp_client::{Fault, Lack, Outcome, Reason, Stage, TlsUse};
use tokio::io::{AsyncReadExt as _, DuplexStream, duplex};

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

/// A message in memory.
struct Text {
    octets: Bytes,
    rest: Bytes,
    /// After so many octets it cannot be read.
    fails_at: Option<usize>,
    /// After its end there is more.
    longer: bool,
    rewinds: usize,
}

impl Text {
    fn new(octets: impl Into<Bytes>) -> Self {
        let octets = octets.into();
        Self {
            rest: octets.clone(),
            octets,
            fails_at: None,
            longer: false,
            rewinds: 0,
        }
    }
}

impl Letter for Text {
    async fn rewind(&mut self) -> io::Result<()> {
        self.rest = self.octets.clone();
        self.rewinds += 1;
        Ok(())
    }

    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let given = self.octets.len() - self.rest.len();
        if self.fails_at.is_some_and(|at| given >= at) {
            return Err(io::Error::other("the disk is broken"));
        }
        if self.rest.is_empty() && self.longer {
            return Ok(Some(Bytes::from_static(b"more")));
        }
        let piece = self.rest.split_to(self.rest.len().min(65_536));
        Ok((!piece.is_empty()).then_some(piece))
    }

    fn waives_tls(&self) -> bool {
        false
    }
}

fn transaction(recipients: usize, size: usize) -> Transaction {
    let recipients = (0..recipients).map(|number| Recipient {
        path: format!("<r{number}@a.test>").parse().unwrap(),
        notify: None,
        orcpt: None,
    });
    Transaction {
        envelope: Envelope {
            recipients: recipients.collect(),
            ..Envelope::default()
        },
        size: size as u64,
        submitter: None,
    }
}

fn config() -> Config {
    Config {
        tls: TlsUse::Never,
        ..Config::new("we.test".parse().unwrap())
    }
}

/// A conversation, and the other side of it, which takes so much before somebody has to read.
fn pair(room: usize) -> (Conversation<DuplexStream>, DuplexStream) {
    let (ours, theirs) = duplex(room);
    let conversation = Conversation::plain(ours, config().into(), None, String::new());
    (conversation, theirs)
}

/// The other side, line by line.
struct Peer(DuplexStream);

impl Peer {
    async fn says(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Hears up to the end of a line that begins like this.
    async fn hears(&mut self, beginning: &str) -> String {
        loop {
            let mut line = Vec::new();
            while !line.ends_with(b"\r\n") {
                line.push(self.0.read_u8().await.unwrap());
            }
            let line = String::from_utf8(line).unwrap();
            if line.starts_with(beginning) {
                return line;
            }
        }
    }

    /// Hears that it is over, whatever comes before.
    async fn hears_the_end(&mut self) -> usize {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).await.unwrap()
    }

    async fn opens(&mut self, extensions: &[&str]) {
        self.says("220 peer.test\r\n").await;
        self.hears("EHLO").await;
        for extension in extensions {
            self.says(&format!("250-{extension}\r\n")).await;
        }
        self.says("250 peer.test\r\n").await;
    }
}

/// What the session makes of its first line being the peer's name.
const NAMED: &str = "peer.test";

fn outcome(said: &Said) -> &Outcome {
    &said.verdicts[0].outcome
}

/// Sends a text to one recipient while `peer` does its part.
async fn send(
    text: &mut Text,
    room: usize,
    extensions: &[&str],
    peer: impl AsyncFnOnce(&mut Peer),
) -> Said {
    let (mut conversation, theirs) = pair(room);
    let mut theirs = Peer(theirs);
    let size = text.octets.len();
    let ours = async {
        let begun = conversation.begin(HOUR).await;
        assert!(matches!(begun, Rest::Ready(_)), "{begun:?}");
        let mut feed = Feed::new(text, size as u64);
        conversation
            .send(transaction(1, size), &mut feed, HOUR)
            .await
    };
    let all = async {
        let named: Vec<&str> = [NAMED]
            .into_iter()
            .chain(extensions.iter().copied())
            .collect();
        theirs.opens(&named).await;
        peer(&mut theirs).await;
    };
    let (said, ()) = tokio::join!(ours, all);
    said
}

#[tokio::test(start_paused = true)]
async fn every_wait_has_an_end() {
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    let begun = Instant::now();
    // Nobody greets.
    let (mut conversation, _theirs) = pair(1024);
    let start = tokio::time::Instant::now();
    let rest = conversation.begin(HOUR).await;
    assert_eq!(rest, Rest::Over(Ending::Silent(Stage::Greeting)));
    assert!(start.elapsed() >= minutes(5) && start.elapsed() < minutes(6));
    assert!(!conversation.is_overtime());
    // Somebody drips, and the conversation as a whole is over.
    let (mut conversation, theirs) = pair(1024);
    let mut theirs = Peer(theirs);
    let drips = async {
        loop {
            tokio::time::sleep(minutes(1)).await;
            if theirs.0.write_all(b"2").await.is_err() {
                return;
            }
        }
    };
    let start = tokio::time::Instant::now();
    let (rest, ()) = tokio::join!(conversation.begin(minutes(2)), drips);
    assert_eq!(rest, Rest::Over(Ending::Lost(Stage::Greeting)));
    assert!(conversation.is_overtime());
    assert!(start.elapsed() < minutes(4));
    assert!(begun.elapsed() < minutes(1), "no time has passed outside");
}

#[tokio::test(start_paused = true)]
async fn a_message_goes_in_few_writes_and_its_end_waits_for_that_of_the_letter() {
    let mut text = Text::new("a: b\r\n\r\n.c\r\n");
    let said = send(&mut text, 65536, &["PIPELINING"], async |peer| {
        // All commands come at once.
        let mut octets = vec![0; 4096];
        let read = peer.0.read(&mut octets).await.unwrap();
        let told = String::from_utf8_lossy(&octets[..read]).into_owned();
        assert_eq!(told, "MAIL FROM:<>\r\nRCPT TO:<r0@a.test>\r\nDATA\r\n");
        peer.says("250 ok\r\n250 ok\r\n354 go\r\n").await;
        let read = peer.0.read(&mut octets).await.unwrap();
        let told = String::from_utf8_lossy(&octets[..read]).into_owned();
        assert_eq!(told, "a: b\r\n\r\n..c\r\n.\r\n");
        peer.says("250 taken\r\n").await;
    })
    .await;
    assert!(matches!(outcome(&said), Outcome::Accepted { .. }));
    assert!(matches!(said.rest, Rest::Ready(_)) && said.answered);
    // In chunks: the command and the octets together.
    let mut text = Text::new("a: b\r\n\r\n.c\r\n");
    let said = send(
        &mut text,
        65536,
        &["PIPELINING", "CHUNKING"],
        async |peer| {
            peer.hears("RCPT").await;
            peer.says("250 ok\r\n250 ok\r\n").await;
            let mut octets = vec![0; 4096];
            let read = peer.0.read(&mut octets).await.unwrap();
            let told = String::from_utf8_lossy(&octets[..read]).into_owned();
            assert_eq!(told, "BDAT 12 LAST\r\na: b\r\n\r\n.c\r\n");
            peer.says("250 taken\r\n").await;
        },
    )
    .await;
    assert!(matches!(outcome(&said), Outcome::Accepted { .. }));
}

/// What cannot be read to its end is not sent to its end.
#[tokio::test(start_paused = true)]
async fn half_a_message_is_never_taken() {
    let long = "x".repeat(70).repeat(3000);
    for (fails_at, longer) in [
        (Some(0), false),
        (Some(100_000), false),
        (Some(210_000), false),
        (None, true),
    ] {
        for chunking in [false, true] {
            let mut text = Text::new(long.clone());
            text.fails_at = fails_at;
            text.longer = longer;
            let extensions: &[&str] = if chunking {
                &["CHUNKING", "PIPELINING"]
            } else {
                &[]
            };
            let said = send(&mut text, 1 << 20, extensions, async |peer| {
                peer.hears("MAIL").await;
                peer.says("250 ok\r\n").await;
                peer.hears("RCPT").await;
                peer.says("250 ok\r\n").await;
                if !chunking {
                    peer.hears("DATA").await;
                    peer.says("354 go\r\n").await;
                }
                let mut rest = Vec::new();
                peer.0.read_to_end(&mut rest).await.unwrap();
                let rest = String::from_utf8(rest).unwrap();
                assert!(!rest.ends_with("\r\n.\r\n") && !rest.contains("LAST"));
            })
            .await;
            let expected = Outcome::Deferred(Reason::Ended(Ending::Unread));
            assert_eq!(*outcome(&said), expected, "{fails_at:?} {longer}");
        }
    }
}

/// A server that refuses in the middle of a message, and reads no more, is heard all the same.
#[tokio::test(start_paused = true)]
async fn a_refusal_is_heard_while_nothing_can_be_written() {
    let mut text = Text::new("x".repeat(1_000_000));
    let start = tokio::time::Instant::now();
    let said = send(&mut text, 1000, &[], async |peer| {
        peer.hears("MAIL").await;
        peer.says("250 ok\r\n").await;
        peer.hears("RCPT").await;
        peer.says("250 ok\r\n").await;
        peer.hears("DATA").await;
        peer.says("354 go\r\n552 5.3.4 too much\r\n").await;
        // It is over, though most was never read.
        assert!(peer.hears_the_end().await < 300_000);
    })
    .await;
    let Outcome::Failed(Reason::Said { said, .. }) = outcome(&said) else {
        panic!("{said:?}");
    };
    assert_eq!(said.code, 552);
    assert!(start.elapsed() < Duration::from_secs(60));
}

/// RFC 5321 section 4.5.3.2.5: so long for a piece, and no longer, however it is taken.
#[tokio::test(start_paused = true)]
async fn a_server_that_reads_nothing_is_given_up() {
    let mut text = Text::new("x".repeat(1_000_000));
    let start = tokio::time::Instant::now();
    let said = send(&mut text, 1000, &[], async |peer| {
        peer.hears("MAIL").await;
        peer.says("250 ok\r\n").await;
        peer.hears("RCPT").await;
        peer.says("250 ok\r\n").await;
        peer.hears("DATA").await;
        peer.says("354 go\r\n").await;
        tokio::time::sleep(HOUR).await;
    })
    .await;
    let expected = Outcome::Deferred(Reason::Ended(Ending::Silent(Stage::Body)));
    assert_eq!(*outcome(&said), expected);
    assert!(start.elapsed() >= HOUR, "the peer sleeps that long");
}

/// RFC 2920 section 3.1: a server may answer before it has read everything.
#[tokio::test(start_paused = true)]
async fn hundreds_of_recipients_do_not_block_each_other() {
    let (mut conversation, theirs) = pair(500);
    let mut theirs = Peer(theirs);
    let many = 90;
    let mut text = Text::new("a: b\r\n\r\n");
    let mut feed = Feed::new(&mut text, 8);
    let ours = async {
        conversation.begin(HOUR).await;
        conversation
            .send(transaction(many, 8), &mut feed, HOUR)
            .await
    };
    let all = async {
        theirs.opens(&[NAMED, "PIPELINING"]).await;
        theirs.hears("MAIL").await;
        theirs.says("250 ok\r\n").await;
        let long = "y".repeat(200);
        for number in 0..many {
            theirs.hears("RCPT").await;
            let code = if number % 2 == 0 { 250 } else { 550 };
            theirs.says(&format!("{code} {long}\r\n")).await;
        }
        theirs.hears("DATA").await;
        theirs.says("354 go\r\n").await;
        theirs.hears(".").await;
        theirs.says("250 taken\r\n").await;
    };
    let (said, ()) = tokio::join!(ours, all);
    let taken = said
        .verdicts
        .iter()
        .filter(|one| matches!(one.outcome, Outcome::Accepted { .. }));
    assert_eq!((taken.count(), said.verdicts.len()), (45, 90));
}

/// Servers that take few recipients at a time get the message as often.
#[tokio::test(start_paused = true)]
async fn a_message_is_read_again_for_further_recipients() {
    let (mut conversation, theirs) = pair(1 << 20);
    let mut theirs = Peer(theirs);
    let body = "x".repeat(70_000);
    let mut text = Text::new(body.clone());
    let mut feed = Feed::new(&mut text, 70_000);
    let ours = async {
        conversation.begin(HOUR).await;
        conversation
            .send(transaction(3, 70_000), &mut feed, HOUR)
            .await
    };
    let all = async {
        theirs.opens(&[NAMED, "LIMITS RCPTMAX=1"]).await;
        for _ in 0..3 {
            theirs.hears("MAIL").await;
            theirs.says("250 ok\r\n").await;
            theirs.hears("RCPT").await;
            theirs.says("250 ok\r\n").await;
            theirs.hears("DATA").await;
            theirs.says("354 go\r\n").await;
            assert_eq!(theirs.hears("x").await.len(), 70_002);
            theirs.hears(".").await;
            theirs.says("250 taken\r\n").await;
        }
    };
    let (said, ()) = tokio::join!(ours, all);
    assert!(
        said.verdicts
            .iter()
            .all(|one| matches!(one.outcome, Outcome::Accepted { .. }))
    );
    assert_eq!(text.rewinds, 3);
}

#[tokio::test(start_paused = true)]
async fn an_idle_conversation_is_watched() {
    for (words, waits) in [("", true), ("421 4.4.2 bye\r\n", false)] {
        let (mut conversation, theirs) = pair(1024);
        let mut theirs = Peer(theirs);
        tokio::join!(conversation.begin(HOUR), theirs.opens(&[NAMED]));
        assert!(conversation.is_quiet().await);
        let start = tokio::time::Instant::now();
        theirs.says(words).await;
        assert_eq!(conversation.gone().await, waits);
        // Without a word it is the end of the time that it may be idle.
        assert_eq!(start.elapsed() >= Duration::from_secs(5), waits, "{words}");
    }
    let (mut conversation, theirs) = pair(1024);
    let mut theirs = Peer(theirs);
    tokio::join!(conversation.begin(HOUR), theirs.opens(&[NAMED]));
    drop(theirs);
    assert!(!conversation.is_quiet().await);
}

#[tokio::test(start_paused = true)]
async fn leave_is_taken_in_words_and_within_a_time() {
    let (mut conversation, theirs) = pair(1024);
    let mut theirs = Peer(theirs);
    tokio::join!(conversation.begin(HOUR), theirs.opens(&[NAMED]));
    let all = async {
        theirs.hears("QUIT").await;
        theirs.says("221 bye\r\n").await;
        theirs.hears_the_end().await
    };
    let (_, rest) = tokio::join!(conversation.part(HOUR), all);
    assert_eq!(rest, 0);
    // Whoever does not answer is not waited for.
    let (mut conversation, theirs) = pair(1024);
    let mut theirs = Peer(theirs);
    tokio::join!(conversation.begin(HOUR), theirs.opens(&[NAMED]));
    let start = tokio::time::Instant::now();
    conversation.part(HOUR).await;
    assert!(start.elapsed() <= Duration::from_secs(13));
}

#[tokio::test(start_paused = true)]
async fn what_is_said_in_a_pause_belongs_to_nothing() {
    let (mut conversation, theirs) = pair(1024);
    let mut theirs = Peer(theirs);
    tokio::join!(conversation.begin(HOUR), theirs.opens(&[NAMED]));
    theirs.says("250 what\r\n").await;
    assert!(!conversation.is_quiet().await);
    let mut text = Text::new("a: b\r\n\r\n");
    let mut feed = Feed::new(&mut text, 8);
    let said = conversation.send(transaction(1, 8), &mut feed, HOUR).await;
    let Rest::Over(Ending::NotSmtp {
        fault: Fault::OutOfTurn(_),
        ..
    }) = said.rest
    else {
        panic!("{said:?}");
    };
}

#[tokio::test(start_paused = true)]
async fn what_a_server_lacks_is_known_without_asking() {
    let (mut conversation, theirs) = pair(1024);
    let mut theirs = Peer(theirs);
    tokio::join!(conversation.begin(HOUR), theirs.opens(&[NAMED]));
    let mut text = Text::new("a: b\r\n\r\n");
    let mut feed = Feed::new(&mut text, 8);
    let mut eight = transaction(1, 8);
    eight.envelope.body8bit = true;
    let said = conversation.send(eight, &mut feed, HOUR).await;
    let expected = Outcome::Failed(Reason::Lacks(Lack::EightBitMime));
    assert_eq!(*outcome(&said), expected);
    assert!(matches!(said.rest, Rest::Ready(_)));
}

/// SCRAM: what takes long is done elsewhere, and the server has to know the password, too.
#[tokio::test(start_paused = true)]
async fn a_login_is_derived_beside() {
    let credentials = auth::Credentials::new("user", auth::Secret::new("pencil".to_owned()));
    let config = Config {
        login: Some(smtp_client::Login::new(credentials)),
        ..config()
    };
    let (ours, theirs) = duplex(4096);
    let nonce = "fresh".to_owned();
    let mut conversation = Conversation::plain(ours, config.into(), None, nonce);
    let mut theirs = Peer(theirs);
    let all = async {
        theirs.opens(&[NAMED, "AUTH SCRAM-SHA-256"]).await;
        theirs.hears("AUTH SCRAM-SHA-256 ").await;
        let challenge = auth::encode_base64("r=fresh0-and-theirs,s=AAAA,i=4096");
        theirs.says(&format!("334 {challenge}\r\n")).await;
        let proof = theirs.hears("").await;
        let decoded = auth::decode_base64(proof.trim_end().as_bytes());
        let proof = decoded.expect(&proof);
        let proof = String::from_utf8(proof).unwrap();
        assert!(proof.contains("r=fresh0-and-theirs,p="), "{proof}");
        let signature = auth::encode_base64("v=AAAA");
        theirs.says(&format!("334 {signature}\r\n")).await;
        theirs.hears("*").await;
        theirs.says("501 ok\r\n").await;
        theirs.hears("QUIT").await;
        theirs.says("221 bye\r\n").await;
    };
    let (rest, ()) = tokio::join!(conversation.begin(HOUR), all);
    let Rest::Over(Ending::LoginDistrusted { distrust, .. }) = rest else {
        panic!("{rest:?}");
    };
    assert_eq!(distrust, auth::Distrust::Unproven);
}

/// Under TLS the end is said, so that nobody can have cut it off (RFC 8446 section 6.1).
#[tokio::test]
async fn tls_is_ended_in_an_orderly_way() {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(["a.test".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let private = rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der());
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private.into())
        .unwrap();
    let tls = super::super::tls::Tls::new(super::super::roots::usual(None).unwrap()).unwrap();
    let name = rustls::pki_types::ServerName::try_from("a.test").unwrap();
    let (ours, theirs) = duplex(4096);
    let config = Config {
        tls: TlsUse::Required,
        ..config()
    };
    let handshake = Some(tls.any(name));
    let mut conversation = Conversation::plain(ours, config.into(), handshake, String::new());
    let all = async {
        let mut plain = Peer(theirs);
        plain.opens(&[NAMED, "STARTTLS"]).await;
        plain.hears("STARTTLS").await;
        plain.says("220 go on\r\n").await;
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
        let mut stream = acceptor.accept(plain.0).await.unwrap();
        let mut octets = vec![0; 4096];
        let read = stream.read(&mut octets).await.unwrap();
        assert_eq!(&octets[..read], b"EHLO we.test\r\n");
        stream.write_all(b"250 peer.test\r\n").await.unwrap();
        let read = stream.read(&mut octets).await.unwrap();
        assert_eq!(&octets[..read], b"QUIT\r\n");
        stream.write_all(b"221 bye\r\n").await.unwrap();
        // Without close_notify this were an error.
        assert_eq!(stream.read(&mut octets).await.unwrap(), 0);
    };
    let ours = async {
        let begun = conversation.begin(HOUR).await;
        assert!(matches!(begun, Rest::Ready(_)), "{begun:?}");
        let secured = conversation.secured().unwrap();
        assert!(!secured.authenticated && secured.facts.binding.is_some());
        assert_eq!(secured.facts.version, "TLS1.3");
        conversation.part(HOUR).await;
    };
    tokio::join!(ours, all);
}

mod hostile;
mod patience;
