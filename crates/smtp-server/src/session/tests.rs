//! The core of the state machine against a host that mostly says yes. Whole dialogues are in `tests/dialogues`.

mod budgets;
mod order;
mod proxy;
mod splits;
mod time;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use auth::Mechanism;
use wire::{Admission, Input, Output, Session as _, TlsFacts};

use super::Session;
use crate::ask::{
    Answer, Ask, AuthVerdict, Claimed, DataVerdict, ExpandVerdict, FinishVerdict, MailVerdict,
    QueueVerdict, RcptVerdict, TurnVerdict, VerifyVerdict,
};
use crate::config::{BareNewline, Config, Connection, ProxyCommands, Role, Taking};

const HELLO: &str = "EHLO client.example\r\n";
const ENVELOPE: &str = "MAIL FROM:<a@b.example>\r\nRCPT TO:<bob@example.test>\r\n";

/// The defaults, with patience for many mistakes; `budgets.rs` is about less.
fn config() -> Config {
    Config {
        errors: 1000,
        ..Config::new("mx.example.test")
    }
}

fn connection(role: Role) -> Connection {
    Connection {
        peer: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        role,
        tls: None,
        tls_available: true,
        cleartext_login: false,
        mechanisms: [Mechanism::Plain, Mechanism::Login].into_iter().collect(),
        bare_newline: BareNewline::Reject,
        admission: Admission::Welcome,
        taking: Taking::Mail,
        proxy: ProxyCommands::Off,
        clock: SystemTime::UNIX_EPOCH,
    }
}

fn tls() -> TlsFacts {
    TlsFacts {
        version: "TLS1.3",
        cipher: "TLS_AES_128_GCM_SHA256".to_owned(),
        binding: None,
    }
}

/// A session, its clock and its host.
struct Rig {
    session: Session,
    now: Instant,
    /// What the session did: catalogue ids of replies, `tls`, `close`.
    events: Vec<String>,
    /// What the host was asked.
    asked: Vec<String>,
    /// The messages the host was told to keep.
    stored: Vec<Vec<u8>>,
    body: Vec<u8>,
    /// Until when the session said it would wait.
    until: Option<Instant>,
    /// The question left open by [`Rig::hold`].
    held: Option<Ask>,
    holding: bool,
}

impl Rig {
    fn new(config: Config, connection: Connection) -> Self {
        let now = Instant::now();
        let session = Session::new(Arc::new(config), connection, now);
        let mut rig = Self {
            session,
            now,
            events: Vec::new(),
            asked: Vec::new(),
            stored: Vec::new(),
            body: Vec::new(),
            until: None,
            held: None,
            holding: false,
        };
        rig.drain();
        rig
    }

    fn exchange() -> Self {
        Self::new(config(), connection(Role::Exchange))
    }

    /// Leaves the next questions open.
    fn hold(mut self) -> Self {
        self.holding = true;
        self
    }

    fn send(&mut self, octets: impl AsRef<[u8]>) -> &mut Self {
        self.give(Input::Bytes(octets.as_ref()));
        self
    }

    fn give(&mut self, input: Input<'_, Answer>) {
        self.session.handle(self.now, input);
        // With a question open the driver asks for nothing.
        if self.held.is_none() {
            self.drain();
        }
    }

    /// Answers the question left open.
    fn answer(&mut self, answer: Answer) -> &mut Self {
        self.held.take().expect("a question is open");
        self.give(Input::Answer(answer));
        self
    }

    /// Lets time pass; the deadline rings if it is reached.
    fn pass(&mut self, time: Duration) -> &mut Self {
        self.now += time;
        if self.until.is_some_and(|until| self.now >= until) {
            self.give(Input::Deadline);
        }
        self
    }

    fn drain(&mut self) {
        self.until = None;
        loop {
            match self.session.output() {
                Output::Reply(reply) => {
                    assert!(reply.is_complete(), "{reply:?}");
                    self.events.push(reply.row().id.to_owned());
                }
                Output::Send(octets) => panic!("SMTP sends replies only, not {octets:?}"),
                Output::Body(octets) => {
                    assert!(!octets.is_empty() && octets.len() <= 64 * 1024);
                    self.body.extend_from_slice(&octets);
                }
                Output::Ask(ask) => {
                    if let Ask::Finish = ask {
                        self.stored.push(std::mem::take(&mut self.body));
                    } else if let Ask::Abandon = ask {
                        self.body.clear();
                    }
                    self.asked.push(format!("{ask:?}"));
                    if self.holding {
                        self.held = Some(ask);
                        return;
                    }
                    self.session.handle(self.now, Input::Answer(yes(&ask)));
                }
                Output::StartTls => return self.events.push("tls".to_owned()),
                Output::Wait(until) => {
                    self.until = Some(until);
                    return;
                }
                Output::HandOver => return self.events.push("handed over".to_owned()),
                Output::Close => return self.events.push("close".to_owned()),
            }
        }
    }

    /// What happened since the last look.
    fn events(&mut self) -> String {
        std::mem::take(&mut self.events).join(" ")
    }

    /// Plays `sent` and compares what it led to.
    #[track_caller]
    fn check(&mut self, sent: impl AsRef<[u8]>, expected: &str) -> &mut Self {
        let shown = sent.as_ref().escape_ascii().to_string();
        self.send(sent);
        assert_eq!(self.events(), expected, "after {shown}");
        self
    }
}

/// What a host says that is glad of every letter: `nosuch` is unknown, everything else is fine.
fn yes(ask: &Ask) -> Answer {
    match ask {
        Ask::Mail(_) => Answer::Mail(MailVerdict::Accepted),
        Ask::Rcpt(to) if to.path.to_string().contains("nosuch") => {
            Answer::Rcpt(RcptVerdict::UnknownMailbox)
        }
        Ask::Rcpt(_) => Answer::Rcpt(RcptVerdict::Accepted),
        Ask::Data(_) => Answer::Data(DataVerdict::Go),
        Ask::Finish => Answer::Finish(FinishVerdict::Stored { id: "1".to_owned() }),
        Ask::Abandon | Ask::AuthCancel => Answer::Done,
        Ask::AuthStart { initial: None, .. } => Answer::Auth(AuthVerdict::Challenge(Vec::new())),
        Ask::AuthStart { .. } | Ask::AuthRespond(_) => Answer::Auth(AuthVerdict::Accepted {
            login: "alice@example.test".to_owned(),
        }),
        Ask::Verify(_) => Answer::Verify(VerifyVerdict::Unknown),
        Ask::Expand(_) => Answer::Expand(ExpandVerdict::Unknown),
        Ask::RunQueue(_) => Answer::Queue(QueueVerdict::Accepted),
        Ask::Turn(_) => Answer::Turn(TurnVerdict::Granted),
        Ask::TlsReady => Answer::Tls(true),
        Ask::Claim(_) => Answer::Claimed(Claimed {
            admission: Admission::Welcome,
            cleartext_login: false,
            bare_newline: BareNewline::Reject,
        }),
    }
}
