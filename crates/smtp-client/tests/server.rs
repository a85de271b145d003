//! Our client against our server, pure against pure: whatever part of the server's offer is withheld, every message
//! arrives as it was sent, once, or fails for a reason that is known beforehand; and every way to log in works.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails where it stands"
)]

#[path = "../../../tests/harness/passwords.rs"]
#[allow(dead_code, reason = "the dialogues use the rest")]
mod passwords;
#[path = "rig/play.rs"]
#[allow(dead_code, reason = "the dialogues use the rest")]
mod play;

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Instant, SystemTime};

use address::dsn::{Envid, Notify, Ret};
use address::{Envelope, ForwardPath, Recipient};
use auth::{Credentials, Mechanism, Mechanisms};
use passwords::{Progress, Sasl};
use play::{Pace, Play, Rest};
use smtp_client::{Config, Ending, Input, Login, Secured, TlsUse, Transaction};
use smtp_server::{
    Admission, Answer, Ask, AuthVerdict, BareNewline, Body, DataVerdict, FinishVerdict, MailFrom,
    MailVerdict, ProxyCommands, RcptTo, RcptVerdict, Role, Taking, TurnVerdict,
};
use wire::{ChannelBinding, Output, Session, TlsFacts};

/// What may be withheld of the server's offer.
const KEYWORDS: [&str; 10] = [
    "PIPELINING",
    "CHUNKING",
    "8BITMIME",
    "SMTPUTF8",
    "DSN",
    "SIZE",
    "DELIVERBY",
    "REQUIRETLS",
    "STARTTLS",
    "LIMITS",
];

/// A message as the server's host got it.
#[derive(Debug, PartialEq)]
struct Stored {
    from: MailFrom,
    to: Vec<RcptTo>,
    body: Vec<u8>,
}

/// Server and host.
struct Server {
    session: smtp_server::Session,
    withheld: Vec<&'static str>,
    /// What waits for the client.
    outbox: Vec<u8>,
    handshake: bool,
    /// It gave the connection away.
    turned: bool,
    closed: bool,
    sasl: Sasl,
    open: Option<Stored>,
    stored: Vec<Stored>,
}

fn facts() -> TlsFacts {
    TlsFacts {
        version: "TLS1.3",
        cipher: "TLS_AES_256_GCM_SHA384".to_owned(),
        binding: Some(ChannelBinding([7; 32])),
    }
}

impl Server {
    fn new(role: Role, withheld: Vec<&'static str>) -> Self {
        let config = smtp_server::Config {
            // Refused recipients are no reason to be slow here.
            errors: 0,
            deliver_by_min: 10,
            max_transactions: Some(50),
            ..smtp_server::Config::new("mx.example.test")
        };
        let connection = smtp_server::Connection {
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
            role,
            tls: None,
            tls_available: true,
            cleartext_login: false,
            mechanisms: Mechanism::ALL.into_iter().collect(),
            bare_newline: BareNewline::Reject,
            admission: Admission::Welcome,
            taking: Taking::Mail,
            proxy: ProxyCommands::Off,
            clock: SystemTime::UNIX_EPOCH,
        };
        let mut server = Self {
            session: smtp_server::Session::new(config.into(), connection, Instant::now()),
            withheld,
            outbox: Vec::new(),
            handshake: false,
            turned: false,
            closed: false,
            sasl: Sasl::default(),
            open: None,
            stored: Vec::new(),
        };
        server.drain();
        server
    }

    fn give(&mut self, now: Instant, input: wire::Input<'_, Answer>) {
        self.session.handle(now, input);
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            match self.session.output() {
                Output::Reply(reply) => {
                    let mut octets = Vec::new();
                    reply.encode(&mut octets);
                    let text = String::from_utf8(octets).unwrap();
                    self.outbox.extend(self.without(&text).bytes());
                }
                Output::Send(octets) => self.outbox.extend(octets),
                Output::Body(octets) => {
                    let open = self.open.as_mut().unwrap();
                    open.body.extend(octets);
                }
                Output::Ask(ask) => {
                    let answer = self.answer(ask);
                    self.session
                        .handle(Instant::now(), wire::Input::Answer(answer));
                }
                Output::StartTls => return self.handshake = true,
                Output::Wait(_) => return,
                Output::HandOver => return self.turned = true,
                Output::Close => return self.closed = true,
            }
        }
    }

    /// The reply without the lines that are withheld.
    fn without(&self, reply: &str) -> String {
        if !reply.starts_with("250-") {
            return reply.to_owned();
        }
        let lines = reply.lines().map(|line| {
            let word = line[4..].split(' ').next().unwrap_or_default();
            if self.withheld.contains(&word) {
                format!("{}X-WITHHELD\r\n", &line[..4])
            } else {
                format!("{line}\r\n")
            }
        });
        lines.collect()
    }

    fn answer(&mut self, ask: Ask) -> Answer {
        match ask {
            Ask::Mail(from) => {
                self.open = Some(Stored {
                    from: *from,
                    to: Vec::new(),
                    body: Vec::new(),
                });
                Answer::Mail(MailVerdict::Accepted)
            }
            Ask::Rcpt(to) => Answer::Rcpt(self.rcpt(to)),
            Ask::Data(_) => Answer::Data(DataVerdict::Go),
            Ask::Finish => {
                self.stored.extend(self.open.take());
                let id = "4TEST".to_owned();
                Answer::Finish(FinishVerdict::Stored { id })
            }
            Ask::Abandon => {
                self.open = None;
                Answer::Done
            }
            Ask::AuthStart {
                mechanism,
                initial,
                binding,
            } => Answer::Auth(verdict(self.sasl.start(
                mechanism,
                initial.as_deref(),
                binding,
            ))),
            Ask::AuthRespond(response) => Answer::Auth(verdict(self.sasl.respond(&response))),
            Ask::AuthCancel => {
                self.sasl.cancel();
                Answer::Done
            }
            Ask::Turn(_) => Answer::Turn(TurnVerdict::Granted),
            Ask::TlsReady => Answer::Tls(true),
            ask @ (Ask::Verify(_) | Ask::Expand(_) | Ask::RunQueue(_) | Ask::Claim(_)) => {
                panic!("no client asks that: {ask:?}")
            }
        }
    }

    fn rcpt(&mut self, to: RcptTo) -> RcptVerdict {
        let mailbox = to.path.mailbox().unwrap();
        match mailbox.local.as_str() {
            "nobody" => RcptVerdict::UnknownMailbox,
            "full" => RcptVerdict::MailboxFullForNow,
            _ => {
                self.open.as_mut().unwrap().to.push(to);
                RcptVerdict::Accepted
            }
        }
    }
}

fn verdict(progress: Progress) -> AuthVerdict {
    match progress {
        Progress::Challenge(octets) => AuthVerdict::Challenge(octets),
        Progress::Malformed => AuthVerdict::Malformed,
        Progress::Verify(credentials) => logged_in(passwords::check(&credentials)),
        Progress::Proved(login) => logged_in(login),
    }
}

fn logged_in(login: Option<String>) -> AuthVerdict {
    login.map_or(AuthVerdict::Rejected, |login| AuthVerdict::Accepted {
        login,
    })
}

/// Client and server, and the line between them.
struct Pair {
    client: Play,
    server: Server,
    /// Every word the client sent.
    said: Vec<u8>,
}

impl Pair {
    fn new(config: Config, server: Server, pace: Pace) -> Self {
        let connection = smtp_client::Connection {
            secured: None,
            nonce: "rOprNGfwEbeRWgbNEkqO".to_owned(),
        };
        let mut pair = Self {
            client: Play::new(config, connection, pace),
            server,
            said: Vec::new(),
        };
        pair.run();
        pair
    }

    /// Carries octets to and fro until nobody has anything to say.
    fn run(&mut self) {
        loop {
            let now = self.client.now;
            let sent = std::mem::take(&mut self.client.sent);
            let answered = std::mem::take(&mut self.server.outbox);
            if !sent.is_empty() {
                self.said.extend(&sent);
                self.server.give(now, wire::Input::Bytes(&sent));
            } else if !answered.is_empty() {
                self.client.peer(&answered);
                continue;
            } else if self.server.handshake && matches!(self.client.rest, Rest::Handshake(_)) {
                self.server.handshake = false;
                self.server.give(now, wire::Input::TlsReady(facts()));
                self.client.secured(Secured {
                    facts: facts(),
                    authenticated: true,
                });
            } else {
                return;
            }
            let answered = [answered, std::mem::take(&mut self.server.outbox)].concat();
            self.server.outbox = answered;
        }
    }

    /// Sends a message and says what became of its recipients.
    fn send(&mut self, transaction: Transaction, body: &[u8]) -> Vec<String> {
        self.client.message(transaction, body);
        self.run();
        std::mem::take(&mut self.client.verdicts)
    }

    fn quit(mut self) -> Vec<Stored> {
        self.client.give(Input::Quit);
        self.run();
        assert_eq!(self.client.ending, Some(Ending::Parted));
        assert!(self.server.closed);
        self.server.stored
    }
}

fn recipient(name: &str) -> Recipient {
    Recipient {
        path: format!("<{name}@example.test>").parse().unwrap(),
        notify: Some(Notify::Never),
        orcpt: Some("rfc822;first@example.test".parse().unwrap()),
    }
}

fn message(body: &[u8], recipients: &[&str]) -> Transaction {
    Transaction {
        envelope: Envelope {
            reverse_path: "<sender@client.example>".parse().unwrap(),
            envid: Some(Envid::parse(b"QQ+2B1").unwrap()),
            ret: Some(Ret::Headers),
            recipients: recipients.iter().map(|name| recipient(name)).collect(),
            ..Envelope::default()
        },
        size: body.len() as u64,
        submitter: None,
    }
}

fn config() -> Config {
    Config {
        // Cuts bodies in the middle of everything.
        piece: 7,
        ..Config::new("client.example".parse().unwrap())
    }
}

/// What a sorted part of the offer makes of the same messages.
fn exchange(withheld: &[&'static str], pace: Pace) {
    let offered = |keyword: &'static str| !withheld.contains(&keyword);
    let mut pair = Pair::new(
        config(),
        Server::new(Role::Exchange, withheld.to_vec()),
        pace,
    );
    let secured = pair.client.session.secured().is_some();
    assert_eq!(secured, offered("STARTTLS"));
    let mut expected = Vec::new();

    // Everything about it is ordinary, but for its dots and its last line.
    let body = b"Subject: x\r\n\r\n.\r\n..\r\n.a\r\n\r\nno end";
    let told = pair.send(message(body, &["alice", "nobody", "full", "bob"]), body);
    let dsn = if offered("DSN") { " (dsn)" } else { "" };
    let by = if offered("DELIVERBY") { " (by)" } else { "" };
    let taken = |told: &str, place: usize| {
        let right = told.starts_with(&format!("{place} accepted 2.0.0: 250 2.0.0 "));
        assert!(right && told.ends_with(&format!("{dsn}{by}")), "{told}");
    };
    taken(&told[0], 0);
    assert!(
        told[1].starts_with("1 failed 5.1.1 at RCPT: 550 5.1.1 "),
        "{told:?}"
    );
    assert!(
        told[2].starts_with("2 deferred 4.2.2 at RCPT: 452 4.2.2 "),
        "{told:?}"
    );
    taken(&told[3], 3);
    expected.push([body.as_slice(), b"\r\n"].concat());

    // Nobody wants it; and what follows is not disturbed.
    let told = pair.send(message(body, &["nobody", "nobody"]), body);
    assert!(
        told.iter().all(|told| told.contains(" failed 5.1.1 ")),
        "{told:?}"
    );

    let body = b"Subject: gr\xc3\xbc\xc3\x9fe\r\n\r\n\xe4\r\n";
    let mut eight = message(body, &["alice"]);
    eight.envelope.body8bit = true;
    let told = pair.send(eight.clone(), body);
    if offered("8BITMIME") {
        taken(&told[0], 0);
        expected.push(body.to_vec());
    } else {
        assert_eq!(told, ["0 failed 5.6.3: lacks EightBitMime"]);
    }

    let mut international = message(body, &["jörg", "alice"]);
    international.envelope.smtputf8 = false;
    let told = pair.send(international, body);
    if offered("SMTPUTF8") {
        taken(&told[0], 0);
    } else {
        assert_eq!(told[0], "0 failed 5.6.7: lacks SmtpUtf8");
    }
    taken(&told[1], 1);
    expected.push(body.to_vec());

    let mut secret = message(body, &["alice"]);
    secret.envelope.requiretls = true;
    let told = pair.send(secret, body);
    if offered("REQUIRETLS") && secured {
        taken(&told[0], 0);
        expected.push(body.to_vec());
    } else if secured {
        assert_eq!(told, ["0 failed 5.7.30: lacks RequireTls"]);
    } else {
        assert_eq!(told, ["0 failed 5.7.10: lacks Encryption"]);
    }

    for (seconds, enough) in [("100;R", true), ("9;R", false)] {
        let mut urgent = message(body, &["alice"]);
        urgent.envelope.deliver_by = Some(seconds.parse().unwrap());
        let told = pair.send(urgent, body);
        if offered("DELIVERBY") && enough {
            taken(&told[0], 0);
            expected.push(body.to_vec());
        } else {
            assert_eq!(told, ["0 failed 5.3.3: lacks DeliverBy"]);
        }
    }

    // A message that was made to be read as two.
    let smuggled = b"x\n.\nMAIL FROM:<evil@b>\r\n.\r\n\r.\rRCPT TO:<a@b>\n";
    let told = pair.send(message(smuggled, &["bob"]), smuggled);
    taken(&told[0], 0);
    expected.push(b"x\r\n.\r\nMAIL FROM:<evil@b>\r\n.\r\n\r\n.\r\nRCPT TO:<a@b>\r\n".to_vec());

    // Nothing at all.
    let told = pair.send(message(b"", &["bob"]), b"");
    taken(&told[0], 0);
    expected.push(Vec::new());

    let stored = pair.quit();
    let bodies: Vec<_> = stored.iter().map(|stored| stored.body.clone()).collect();
    assert_eq!(bodies, expected, "each once, as it was sent: {withheld:?}");
    envelopes(&stored, &offered);
}

/// What the server was told of the envelopes is what it offered to hear.
fn envelopes(stored: &[Stored], offered: &dyn Fn(&'static str) -> bool) {
    for message in stored {
        let from = &message.from;
        assert_eq!(from.reverse_path.to_string(), "<sender@client.example>");
        assert_eq!(from.size.is_some(), offered("SIZE"));
        assert_eq!(from.ret.is_some(), offered("DSN"));
        assert_eq!(from.envid.is_some(), offered("DSN"));
        for to in &message.to {
            assert_eq!(to.notify.is_some(), offered("DSN"));
            assert_eq!(to.orcpt.is_some(), offered("DSN"));
        }
        let utf8 = message.to.iter().any(|to| match &to.path {
            ForwardPath::Mailbox(mailbox) => !mailbox.local.is_ascii(),
            ForwardPath::Postmaster => false,
        });
        assert_eq!(from.smtputf8, utf8);
        assert_eq!(from.auth, None);
        if from.body == Body::EightBitMime {
            assert!(offered("8BITMIME"));
        }
    }
    let first: Vec<_> = stored[0].to.iter().map(|to| to.path.to_string()).collect();
    assert_eq!(first, ["<alice@example.test>", "<bob@example.test>"]);
}

/// All of 1,024 parts of the offer.
#[test]
fn whatever_is_withheld_every_message_arrives_once_or_fails_for_a_known_reason() {
    for choice in 0..1 << KEYWORDS.len() {
        let withheld: Vec<_> = KEYWORDS
            .into_iter()
            .enumerate()
            .filter(|(bit, _)| choice >> bit & 1 == 1)
            .map(|(_, keyword)| keyword)
            .collect();
        exchange(&withheld, Pace::Whole);
        // The line of conversation is the same octet by octet; not every combination has to show it.
        if choice % 7 == 0 {
            exchange(&withheld, Pace::Octets);
        }
    }
}

fn login(password: &str, mechanisms: Mechanisms) -> Config {
    Config {
        tls: TlsUse::Required,
        login: Some(Login {
            credentials: Credentials::new("alice@example.test", password.into()),
            mechanisms,
        }),
        ..config()
    }
}

fn submit(password: &str, mechanisms: Mechanisms) -> Pair {
    let server = Server::new(Role::Submission, Vec::new());
    Pair::new(login(password, mechanisms), server, Pace::Whole)
}

#[test]
fn every_way_to_log_in_works() {
    for mechanism in Mechanism::ALL {
        let mut pair = submit("wonderland", [mechanism].into_iter().collect());
        let body = b"Date: x\r\nFrom: alice@example.test\r\n\r\nx\r\n";
        let told = pair.send(message(body, &["bob"]), body);
        assert!(
            told[0].starts_with("0 accepted 2.0.0"),
            "{mechanism:?}: {told:?}"
        );
        let said = String::from_utf8_lossy(&pair.said).into_owned();
        let expected = format!("\r\nAUTH {}", mechanism.name());
        assert!(said.contains(&expected), "{said}");
        // RFC 4954 section 5: nobody said who submitted it.
        let stored = pair.quit();
        assert_eq!(stored[0].from.auth, Some(address::ReversePath::Null));
    }
}

#[test]
fn the_strongest_way_to_log_in_is_taken() {
    let pair = submit("wonderland", Mechanism::ALL.into_iter().collect());
    let said = String::from_utf8_lossy(&pair.said).into_owned();
    assert!(said.contains("\r\nAUTH SCRAM-SHA-256-PLUS "), "{said}");
    assert!(matches!(pair.client.rest, Rest::Ready(_)));
}

#[test]
fn a_wrong_password_is_an_ending_of_its_own() {
    for mechanism in Mechanism::ALL {
        let pair = submit("looking-glass", [mechanism].into_iter().collect());
        assert!(
            matches!(
                &pair.client.ending,
                Some(Ending::LoginRefused { mechanism: tried, said }) if *tried == mechanism && said.code == 535
            ),
            "{:?}",
            pair.client.ending
        );
    }
}

/// EXT-20: a customer logs in under TLS and asks; then each side begins anew in the other's place, and mail comes in.
#[test]
fn mail_comes_over_the_connection_that_asked_for_it() {
    for pace in [Pace::Whole, Pace::Octets] {
        let customer = Config {
            fetch: Some(vec!["customer.example".parse().unwrap()]),
            ..login("wonderland", Mechanism::ALL.into_iter().collect())
        };
        let asking = Pair::new(customer, Server::new(Role::OnDemand, Vec::new()), pace);
        assert!(matches!(asking.client.rest, Rest::Reversed));
        assert!(asking.server.turned);
        // Nothing of the first part is left for the second to stumble over.
        assert!(asking.client.sent.is_empty() && asking.server.outbox.is_empty());
        let said = String::from_utf8_lossy(&asking.said).into_owned();
        assert!(said.ends_with("\r\nATRN customer.example\r\n"), "{said}");

        let customer = Server::new(Role::Exchange, vec!["STARTTLS"]);
        assert!(customer.outbox.starts_with(b"220 "), "the customer greets");
        let mut turned = Pair::new(config(), customer, pace);
        let body = b"Subject: at last\r\n\r\nx\r\n";
        let told = turned.send(message(body, &["alice"]), body);
        assert!(told[0].starts_with("0 accepted 2.0.0"), "{told:?}");
        assert_eq!(turned.quit()[0].body, body);
    }
}

/// A channel that is not what the client believes it is.
#[test]
fn a_login_that_is_bound_to_another_channel_is_refused() {
    let server = Server::new(Role::Submission, Vec::new());
    let mechanisms = [Mechanism::ScramSha256Plus].into_iter().collect();
    let mut pair = Pair {
        client: Play::new(
            login("wonderland", mechanisms),
            smtp_client::Connection {
                secured: Some(Secured {
                    facts: TlsFacts {
                        binding: Some(ChannelBinding([8; 32])),
                        ..facts()
                    },
                    authenticated: true,
                }),
                nonce: "nonce".to_owned(),
            },
            Pace::Whole,
        ),
        server,
        said: Vec::new(),
    };
    pair.server.outbox.clear();
    pair.client.peer(b"220 mx.example.test\r\n");
    // Somebody in the middle speaks TLS with both.
    let now = pair.client.now;
    pair.server
        .give(now, wire::Input::Bytes(b"EHLO x\r\nSTARTTLS\r\n"));
    pair.server.outbox.clear();
    pair.server.handshake = false;
    pair.server.give(now, wire::Input::TlsReady(facts()));
    pair.run();
    assert!(
        matches!(pair.client.ending, Some(Ending::LoginRefused { .. })),
        "{:?}",
        pair.client.ending
    );
}
