//! A scripted host and a client in virtual time, for the tests of the session.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use auth::{Exchange, Mechanism, Setting, Step};
use bytes::Bytes;
use wire::{Admission, Input, Output, Session as _, TlsFacts};

use crate::ask::{Answer, Ask, AuthVerdict, KeptIds, Listing, LoginVerdict, Message, ReadVerdict};
use crate::{Config, Connection, Session};

/// The only right password.
pub(super) const PASSWORD: &str = "two words";

/// What the host holds and how it behaves.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    pub(super) config: Config,
    pub(super) connection: Connection,
    pub(super) mail: Vec<Vec<u8>>,
    /// Sizes of messages that exist in the listing only, instead of `mail`.
    pub(super) sizes: Option<Vec<u64>>,
    pub(super) chunk: usize,
    /// What reads of a message from an offset on lead to, instead of its octets.
    pub(super) faults: BTreeMap<(usize, u64), ReadVerdict>,
    /// What the right password leads to, instead of the maildrop.
    pub(super) login: Option<LoginVerdict>,
    pub(super) expunges: bool,
    pub(super) tls: bool,
    /// Index of a message without a surrogate.
    pub(super) international: Option<usize>,
    utf8: bool,
}

impl Desk {
    /// Two letters, TLS on, and everything works.
    pub(super) fn new() -> Self {
        Self {
            config: Config::new("mx.example.test"),
            connection: Connection {
                peer: [192, 0, 2, 1].into(),
                tls: Some(facts()),
                tls_available: true,
                cleartext_login: false,
                mechanisms: [Mechanism::Plain, Mechanism::Login].into_iter().collect(),
                timestamp: None,
                admission: Admission::Welcome,
            },
            mail: vec![
                b"Subject: one\r\n\r\n.dot\r\nend\r\n".to_vec(),
                b"Subject: two\r\n\r\nbody\r\n".to_vec(),
            ],
            sizes: None,
            chunk: 7,
            faults: BTreeMap::new(),
            login: None,
            expunges: true,
            tls: true,
            international: None,
            utf8: false,
        }
    }

    /// The same without TLS so far.
    pub(super) fn in_clear() -> Self {
        let mut desk = Self::new();
        desk.connection.tls = None;
        desk
    }

    pub(super) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn listing(&self) -> Listing {
        let sizes = self
            .sizes
            .clone()
            .unwrap_or_else(|| self.mail.iter().map(|mail| mail.len() as u64).collect());
        let messages = sizes.iter().zip(1..).map(|(octets, uid)| Message {
            octets: *octets,
            needs_utf8: !self.utf8 && self.international == Some(uid as usize - 1),
            epoch: 1,
            uid,
        });
        Listing::new(messages.collect::<Vec<_>>(), KeptIds::default())
    }

    fn log_in(&self, user: &str, password: &str) -> LoginVerdict {
        if (user, password) != ("bob", PASSWORD) {
            return LoginVerdict::BadCredentials;
        }
        let open = || LoginVerdict::Open {
            login: "bob@example.test".into(),
            listing: self.listing(),
        };
        self.login.clone().unwrap_or_else(open)
    }

    fn read(&self, message: usize, offset: u64) -> ReadVerdict {
        if let Some(fault) = self.faults.get(&(message, offset)) {
            return fault.clone();
        }
        let rest = &self.mail[message][usize::try_from(offset).expect("a small offset")..];
        let octets = Bytes::copy_from_slice(&rest[..rest.len().min(self.chunk)]);
        ReadVerdict::Chunk {
            last: octets.len() == rest.len(),
            octets,
        }
    }
}

pub(super) fn facts() -> TlsFacts {
    TlsFacts {
        version: "TLS1.3",
        cipher: "TLS_AES_256_GCM_SHA384".into(),
        binding: None,
    }
}

/// How a conversation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Waiting,
    Handshake,
    Closed,
}

/// A session with its host and its clock.
pub(super) struct Talk {
    desk: Desk,
    exchange: Option<Exchange>,
    pub(super) session: Session,
    pub(super) now: Instant,
    /// When the session wants to be woken.
    pub(super) wake: Instant,
    pub(super) standing: Standing,
    sent: Vec<u8>,
    /// Every question asked, in words.
    pub(super) asked: Vec<String>,
    /// The largest single output in octets.
    pub(super) largest: usize,
}

impl Talk {
    pub(super) fn new(desk: Desk) -> Self {
        let now = Instant::now();
        let session = Session::new(Arc::new(desk.config.clone()), desk.connection.clone(), now);
        let mut talk = Self {
            desk,
            exchange: None,
            session,
            now,
            wake: now,
            standing: Standing::Waiting,
            sent: Vec::new(),
            asked: Vec::new(),
            largest: 0,
        };
        talk.drain();
        talk
    }

    /// A session that has logged in, its first words already read.
    pub(super) fn logged_in(desk: Desk) -> Self {
        let mut talk = Self::new(desk);
        talk.say(b"USER bob\r\nPASS two words\r\n");
        assert_eq!(talk.session.witness().login, Some("bob@example.test"));
        talk.asked.clear();
        talk.hear();
        talk
    }

    /// The client sends octets.
    pub(super) fn say(&mut self, octets: &[u8]) {
        self.give(Input::Bytes(octets));
    }

    /// Everything the server sent since last time.
    pub(super) fn hear(&mut self) -> String {
        String::from_utf8(std::mem::take(&mut self.sent))
            .expect("tests send ASCII mail, replies are UTF-8")
    }

    pub(super) fn give(&mut self, input: Input<'_, Answer>) {
        self.session.handle(self.now, input);
        self.drain();
    }

    /// Lets time pass. The session is woken when it asked to be.
    pub(super) fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.standing == Standing::Waiting && self.wake <= end {
            self.now = self.now.max(self.wake);
            self.give(Input::Deadline);
        }
        self.now = end;
    }

    fn drain(&mut self) {
        loop {
            match self.session.output() {
                Output::Reply(reply) => {
                    assert!(reply.is_complete(), "arguments do not fit: {reply:?}");
                    let before = self.sent.len();
                    reply.encode(&mut self.sent);
                    self.largest = self.largest.max(self.sent.len() - before);
                }
                Output::Send(octets) => {
                    self.largest = self.largest.max(octets.len());
                    self.sent.extend_from_slice(&octets);
                }
                Output::Ask(ask) => {
                    let answer = self.answer(ask);
                    self.session.handle(self.now, Input::Answer(answer));
                }
                Output::Wait(until) => {
                    self.wake = until;
                    return;
                }
                Output::StartTls => {
                    self.standing = Standing::Handshake;
                    return;
                }
                Output::Close => {
                    self.standing = Standing::Closed;
                    assert!(
                        matches!(self.session.output(), Output::Close),
                        "something after Close"
                    );
                    return;
                }
                Output::Body(_) => panic!("POP3 takes in no message"),
                Output::HandOver => panic!("POP3 never changes sides"),
            }
        }
    }

    fn answer(&mut self, ask: Ask) -> Answer {
        self.asked.push(format!("{ask:?}"));
        match ask {
            Ask::Login { user, password } => {
                Answer::Login(self.desk.log_in(&user, password.expose()))
            }
            Ask::Apop { user, .. } => Answer::Login(self.desk.log_in(&user, "two words")),
            Ask::AuthStart {
                mechanism,
                initial,
                binding,
            } => {
                let setting = Setting {
                    host: self.desk.config.hostname.clone(),
                    nonce: "nonce".to_owned(),
                    binding: binding.map(|binding| binding.0),
                };
                let (exchange, step) = Exchange::start(mechanism, initial.as_deref(), setting);
                self.exchange = Some(exchange);
                self.step(step)
            }
            Ask::AuthRespond(octets) => {
                let step = self
                    .exchange
                    .as_mut()
                    .expect("an exchange is under way")
                    .respond(&octets);
                self.step(step)
            }
            Ask::AuthCancel => {
                self.exchange.take().expect("an exchange is under way");
                Answer::Done
            }
            Ask::Read { message, offset } => Answer::Read(self.desk.read(message, offset)),
            Ask::Expunge(_) => Answer::Expunged(self.desk.expunges),
            Ask::Utf8 => {
                self.desk.utf8 = true;
                Answer::Done
            }
            Ask::TlsReady => Answer::Tls(self.desk.tls),
        }
    }

    fn step(&mut self, step: Step) -> Answer {
        Answer::Auth(match step {
            Step::Challenge(octets) => AuthVerdict::Challenge(octets),
            Step::Malformed => AuthVerdict::Malformed,
            Step::Refused => AuthVerdict::Login(LoginVerdict::BadCredentials),
            Step::Keys(..) | Step::Prove(_) => panic!("this desk knows passwords only"),
            Step::Verify(credentials) => AuthVerdict::Login(
                self.desk
                    .log_in(&credentials.login, credentials.password.expose()),
            ),
        })
    }
}

/// Plays `client` against a fresh session in one piece, octet by octet and in two pieces at every place, and
/// compares what comes back: `expected` is the lines joined by LF, without the greeting.
#[track_caller]
pub(super) fn check(desk: &Desk, client: &str, expected: &str) {
    check_end(desk, client, expected, Standing::Waiting);
}

/// The same where the session ends closed, or with a handshake.
#[track_caller]
pub(super) fn check_end(desk: &Desk, client: &str, expected: &str, end: Standing) {
    let whole = play(desk, [client.as_bytes()]);
    let expected = expected
        .trim()
        .lines()
        .map(|line| format!("{}\r\n", line.trim_start()))
        .collect::<String>();
    assert_eq!(whole, (expected, end), "for {client:?}");
    assert_eq!(
        play(desk, client.as_bytes().chunks(1)),
        whole,
        "octet by octet: {client:?}"
    );
    for at in 1..client.len() {
        let (first, second) = client.as_bytes().split_at(at);
        assert_eq!(
            play(desk, [first, second]),
            whole,
            "split at {at}: {client:?}"
        );
    }
}

/// Plays pieces one after the other, then lets a minute pass.
pub(super) fn play<'a>(
    desk: &Desk,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (String, Standing) {
    let mut talk = Talk::new(desk.clone());
    assert!(talk.hear().contains("mx.example.test"), "no greeting");
    for piece in pieces {
        // Nothing more is read once the driver closes, and during a handshake TLS reads it.
        talk.say(piece);
    }
    talk.pass(Duration::from_secs(60));
    (talk.hear(), talk.standing)
}
