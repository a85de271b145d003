//! A toy protocol for the tests: enough to make the driver do everything it can, with no mail in it.
//!
//! Lines in: `echo TEXT`, `ask TEXT` (answered at once), `later TEXT` (answered when the test says so),
//! `big OCTETS` (in pieces of [`PIECE`]), `body TEXT`, `tls`, `facts`, `peer`, `idle SECONDS`, `panic`,
//! `host panic`, `give` (the connection to the host), `part` (which promises that nothing follows), `quit` (which does not).

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use reply::{Reply, Row, Shape, Status};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Semaphore;
use wire::{Admission, Input, Output, Session, TlsFacts, Witness};

use crate::service::{Connection, Host, Octets, Service};
use crate::stop::Stop;

/// Size of the pieces of `big`: copied behind the replies.
pub(crate) const PIECE: usize = 1000;

static SAID: Row = Row {
    id: "T-1",
    name: "SAID",
    status: Status::Ok,
    text: "{text}",
    ja: None,
    shape: Shape::Line,
    rfc: "none",
    when: "the toy says something",
    cause: "a test",
    remedy: "none",
};

/// The bytes of what the toy says.
pub(crate) fn said(texts: &[&str]) -> Vec<u8> {
    let mut octets = Vec::new();
    for text in texts {
        Reply::new(&SAID).arg("text", text).encode(&mut octets);
    }
    octets
}

/// What a test sees of sessions and hosts from outside.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// Every question asked.
    pub(crate) asked: Mutex<Vec<String>>,
    /// All message content.
    pub(crate) body: Mutex<Vec<u8>>,
    /// Octets of `big` handed to the driver.
    pub(crate) pulled: AtomicUsize,
    /// Hosts gone.
    pub(crate) hosts_dropped: AtomicUsize,
    /// An answer was dropped before it was ready.
    pub(crate) answer_dropped: AtomicBool,
    /// The session was told that its peer is gone.
    pub(crate) closed: AtomicBool,
}

#[derive(Clone, Debug)]
pub(crate) struct ToyService {
    pub(crate) watch: Arc<Watch>,
    /// One permit lets one `later` be answered, or one body be taken.
    pub(crate) answers: Arc<Semaphore>,
}

impl ToyService {
    pub(crate) fn new() -> Self {
        Self {
            watch: Arc::default(),
            answers: Arc::new(Semaphore::new(0)),
        }
    }
}

impl Service for ToyService {
    type Host = ToyHost;

    fn connect(&self, connection: Connection, now: Instant) -> (Toy, ToyHost) {
        let mut toy = Toy {
            watch: Arc::clone(&self.watch),
            line: Vec::new(),
            out: VecDeque::new(),
            big: 0,
            blocked: false,
            closed: false,
            parted: false,
            facts: connection.tls,
            peer: connection.peer,
            deadline: now + Duration::from_secs(3600),
        };
        if connection.admission == Admission::Welcome {
            toy.say(if connection.tls_available {
                "hello tls"
            } else {
                "hello"
            });
        } else {
            toy.say(&format!("{:?}", connection.admission));
            toy.close();
        }
        (
            toy,
            ToyHost {
                watch: Arc::clone(&self.watch),
                answers: Arc::clone(&self.answers),
            },
        )
    }
}

#[derive(Debug)]
pub(crate) enum Ask {
    Now(String),
    Later(String),
    Panic,
}

#[derive(Debug)]
pub(crate) struct ToyHost {
    watch: Arc<Watch>,
    answers: Arc<Semaphore>,
}

impl Drop for ToyHost {
    fn drop(&mut self) {
        self.watch.hosts_dropped.fetch_add(1, Ordering::SeqCst);
    }
}

struct Unanswered<'a>(&'a AtomicBool, bool);

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        self.0.fetch_or(self.1, Ordering::SeqCst);
    }
}

impl Host for ToyHost {
    type Session = Toy;

    async fn answer(&mut self, ask: Ask) -> String {
        let text = match ask {
            Ask::Now(text) => {
                self.watch.asked.lock().unwrap().push(text.clone());
                return text;
            }
            Ask::Later(text) => text,
            Ask::Panic => panic!("the host panics"),
        };
        self.watch.asked.lock().unwrap().push(text.clone());
        let mut unanswered = Unanswered(&self.watch.answer_dropped, true);
        self.answers.acquire().await.unwrap().forget();
        unanswered.1 = false;
        text
    }

    async fn body(&mut self, octets: Bytes) {
        self.answers.acquire().await.unwrap().forget();
        self.watch.body.lock().unwrap().extend_from_slice(&octets);
    }

    /// Greets, then takes down everything to the end.
    async fn take_over(self, mut line: Box<dyn Octets>, _stop: Stop) {
        line.write_all(&said(&["mine"])).await.unwrap();
        line.flush().await.unwrap();
        let mut heard = Vec::new();
        let _cut = line.read_to_end(&mut heard).await;
        self.watch.body.lock().unwrap().extend_from_slice(&heard);
    }
}

#[derive(Debug)]
pub(crate) struct Toy {
    watch: Arc<Watch>,
    line: Vec<u8>,
    out: VecDeque<Output<Ask>>,
    big: usize,
    /// A question or a handshake is outstanding.
    blocked: bool,
    closed: bool,
    parted: bool,
    facts: Option<TlsFacts>,
    peer: SocketAddr,
    deadline: Instant,
}

impl Toy {
    fn say(&mut self, text: &str) {
        self.out
            .push_back(Output::Reply(Reply::new(&SAID).arg("text", text)));
    }

    fn close(&mut self) {
        self.closed = true;
        self.line.clear();
    }

    fn ask(&mut self, ask: Ask) {
        self.blocked = true;
        self.out.push_back(Output::Ask(ask));
    }

    /// Takes one command out of the buffer, if there is a whole one.
    fn step(&mut self) -> bool {
        let Some(end) = self.line.windows(2).position(|pair| pair == b"\r\n") else {
            return false;
        };
        let line: Vec<u8> = self.line.drain(..end + 2).collect();
        let line = String::from_utf8(line).unwrap();
        let (verb, rest) = line
            .trim_end()
            .split_once(' ')
            .unwrap_or((line.trim_end(), ""));
        match verb {
            "echo" => self.say(rest),
            "peer" => self.say(&self.peer.to_string()),
            "ask" => self.ask(Ask::Now(rest.to_owned())),
            "later" => self.ask(Ask::Later(rest.to_owned())),
            "host" => self.ask(Ask::Panic),
            "big" => self.big = rest.parse().unwrap(),
            "huge" => {
                let octets = Bytes::from(vec![b'H'; rest.parse().unwrap()]);
                self.out.push_back(Output::Send(octets));
            }
            "body" => self
                .out
                .push_back(Output::Body(Bytes::from(rest.to_owned()))),
            "facts" => {
                let facts = self
                    .facts
                    .clone()
                    .map(|facts| format!("{} {}", facts.version, facts.cipher));
                self.say(&facts.unwrap_or_else(|| "plain".to_owned()));
            }
            "idle" => {
                self.deadline = crate::driver::now() + Duration::from_secs(rest.parse().unwrap())
            }
            "tls" => {
                self.say("go ahead");
                self.blocked = true;
                self.line.clear();
                self.out.push_back(Output::StartTls);
            }
            "give" => {
                self.say("yours");
                self.out.push_back(Output::HandOver);
                self.close();
            }
            "panic" => panic!("the session panics"),
            "part" => {
                self.parted = true;
                self.say("bye");
                self.close();
            }
            _ => {
                self.say("bye");
                self.close();
            }
        }
        true
    }
}

impl Session for Toy {
    type Ask = Ask;
    type Answer = String;

    fn handle(&mut self, _now: Instant, input: Input<'_, String>) {
        match input {
            Input::Bytes(octets) if !self.closed => self.line.extend_from_slice(octets),
            Input::Bytes(_) => {}
            Input::Answer(text) => {
                self.blocked = false;
                if text == "tls" {
                    self.line.splice(..0, *b"tls\r\n");
                } else {
                    self.say(&text);
                }
            }
            Input::TlsReady(facts) => {
                self.blocked = false;
                self.facts = Some(facts);
            }
            Input::Deadline => {
                self.say("too slow");
                self.close();
            }
            Input::Shutdown => {
                self.say("stopping");
                self.close();
            }
            Input::Closed => {
                self.watch.closed.store(true, Ordering::SeqCst);
                self.close();
            }
        }
    }

    fn output(&mut self) -> Output<Ask> {
        loop {
            if let Some(output) = self.out.pop_front() {
                return output;
            }
            if self.closed {
                return Output::Close;
            }
            if self.big > 0 {
                let piece = self.big.min(PIECE);
                self.big -= piece;
                self.watch.pulled.fetch_add(piece, Ordering::SeqCst);
                return Output::Send(Bytes::from(vec![b'B'; piece]));
            }
            if self.blocked || !self.step() {
                return Output::Wait(self.deadline);
            }
        }
    }

    fn witness(&self) -> Witness<'_> {
        Witness {
            login: None,
            parted: self.parted,
        }
    }
}
