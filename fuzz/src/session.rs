//! Plays sequences of operations against a session of either protocol, with the scripted hosts of the dialogues.
//!
//! What must hold is the session contract (ARCHITECTURE.md): no panic, the same replies however the octets are cut and
//! however slow the host is, one reply per command, well-formed lines, nothing believed that came in clear behind a
//! STARTTLS, nothing after the end, and never more memory than a bound.

use std::fmt;
use std::time::{Duration, Instant};

use wire::{ChannelBinding, Input, Output, Session, TlsFacts};

use crate::memory;
use crate::sequence::Operation;
use crate::tests_sources::harness::player::{Stage, check_wire};

/// Most memory a session may hold beside what was given to it while a question was open.
const MEMORY: usize = 320 * 1024;
/// Most outputs that one input may lead to, and one more for each octet of it.
const OUTPUTS: usize = 10_000;
/// Longest group of octets that is given octet by octet throughout.
const SMALL: usize = 2048;

/// How octets and answers arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// Together, answered at once.
    Whole,
    /// Octet by octet.
    Octets,
    /// Octet by octet, all of them before the first answer.
    SlowHost,
}

/// What a client and a host saw.
#[derive(PartialEq, Eq)]
struct Transcript {
    heard: Vec<u8>,
    told: Vec<String>,
}

impl fmt::Debug for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:#?}", self.heard.escape_ascii(), self.told)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Waiting(Instant),
    /// A question is open.
    Asking,
    Handshake,
    Closed,
}

/// Plays the same operations at each pace and compares.
pub fn alike<H: Stage + Default>(facts: &[&str], conditions: &[&str], operations: &[Operation]) {
    let play = |pace| Play::<H>::open(facts, conditions, pace).run(operations);
    let whole = play(Pace::Whole);
    assert_eq!(play(Pace::Octets), whole, "octet by octet");
    assert_eq!(play(Pace::SlowHost), whole, "with a slow host");
}

/// Gives lines one by one; each that is a command must have one reply.
///
/// `is_open_ended` tells of the replies behind which lines are no commands, and `is_end` of the lines that end this.
pub fn one_reply_each<H: Stage + Default>(facts: &[&str], lines: &[&[u8]], inside: &'static str) {
    let mut play = Play::<H>::open(facts, &[], Pace::Whole);
    for line in lines {
        let before = play.rows.len();
        let in_message = play.rows.last().is_some_and(|row| *row == inside) && *line != b".";
        play.bytes(line);
        play.bytes(b"\r\n");
        // A reply that was held back for the peer's mistakes comes a second later.
        if let Standing::Waiting(until) = play.standing
            && until <= play.now + Duration::from_secs(2)
        {
            play.wake(until);
        }
        let replies = play.rows.len() - before;
        let shown = line.escape_ascii();
        assert_eq!(
            replies,
            usize::from(!in_message),
            "{shown}: {:?}",
            &play.rows[before..]
        );
        if !matches!(play.standing, Standing::Waiting(_)) {
            return;
        }
    }
}

/// One session under way.
struct Play<'a, H: Stage> {
    stage: H,
    conditions: &'a [&'a str],
    session: H::Session,
    pace: Pace,
    now: Instant,
    standing: Standing,
    open: Option<<H::Session as Session>::Ask>,
    /// Questions stay open until an operation answers them.
    holding: bool,
    /// The same for the pace's sake, until the end of a group of octets.
    gathering: bool,
    stopping: bool,
    heard: Vec<u8>,
    rows: Vec<&'static str>,
    /// Octets given while a question was open.
    ahead: usize,
}

impl<'a, H: Stage + Default> Play<'a, H> {
    fn open(facts: &[&str], conditions: &'a [&'a str], pace: Pace) -> Self {
        let mut stage = H::default();
        for fact in facts {
            stage.given(fact).expect("a fact that the stage knows");
        }
        let now = Instant::now();
        let session = stage.open(now);
        let mut play = Self {
            stage,
            conditions,
            session,
            pace,
            now,
            standing: Standing::Closed,
            open: None,
            holding: false,
            gathering: false,
            stopping: false,
            heard: Vec::new(),
            rows: Vec::new(),
            ahead: 0,
        };
        play.drain(0);
        play
    }

    fn run(mut self, operations: &[Operation]) -> Transcript {
        for operation in operations {
            if self.standing == Standing::Closed {
                break;
            }
            self.take(operation);
        }
        if self.standing == Standing::Closed {
            self.stays_closed();
        }
        drop(self.open.take());
        let held = memory::held_by(self.session);
        assert!(
            held <= MEMORY + 2 * self.ahead,
            "the session held {held} octets, {:?}, {:?}",
            self.standing,
            self.pace
        );
        Transcript {
            heard: self.heard,
            told: self.stage.told().to_vec(),
        }
    }

    fn take(&mut self, operation: &Operation) {
        match (operation, self.standing) {
            (Operation::Bytes(octets), _) => self.bytes(octets),
            (Operation::Hold, _) => self.holding = true,
            (Operation::Answer, Standing::Asking) => self.answer(),
            (Operation::Release, _) => {
                self.holding = false;
                self.settle();
            }
            (Operation::TlsReady, Standing::Handshake) => self.secure(),
            (Operation::Later, Standing::Waiting(until)) => {
                self.now += until.saturating_duration_since(self.now) / 2;
            }
            (Operation::Deadline, Standing::Waiting(until)) => self.wake(until),
            (Operation::Late, Standing::Waiting(until)) => {
                self.wake(until + Duration::from_secs(3600));
            }
            // A driver says it once, and waits for the end of a handshake.
            (Operation::Shutdown, Standing::Waiting(_) | Standing::Asking) if !self.stopping => {
                self.stopping = true;
                self.hand(Input::Shutdown, 0);
            }
            (Operation::Closed, _) => {
                let before = self.heard.len();
                self.open = None;
                self.standing = Standing::Handshake;
                self.hand(Input::Closed, 0);
                assert_eq!(self.standing, Standing::Closed, "the peer is gone");
                assert_eq!(self.heard[before..], *b"<close>", "said to nobody");
            }
            (Operation::Fact(number), _) if !self.conditions.is_empty() => {
                let fact = self.conditions[usize::from(*number) % self.conditions.len()];
                self.stage
                    .given(fact)
                    .expect("a condition that the stage knows");
            }
            // Not now.
            (_, _) => {}
        }
    }

    fn bytes(&mut self, octets: &[u8]) {
        self.gathering = self.pace == Pace::SlowHost;
        let mut rest = octets;
        while !rest.is_empty() && !matches!(self.standing, Standing::Handshake | Standing::Closed) {
            let done = octets.len() - rest.len();
            let size = match self.pace {
                Pace::Whole => rest.len(),
                // The middle of something huge comes in larger pieces; what surrounds it does not.
                Pace::Octets | Pace::SlowHost if done > SMALL / 2 && rest.len() > SMALL => 997,
                Pace::Octets | Pace::SlowHost => 1,
            };
            let (piece, behind) = rest.split_at(size);
            if self.standing == Standing::Asking {
                self.ahead += piece.len();
            }
            self.hand(Input::Bytes(piece), piece.len());
            rest = behind;
        }
        self.gathering = false;
        self.settle();
    }

    fn secure(&mut self) {
        let before = self.heard.len();
        self.hand(
            Input::TlsReady(TlsFacts {
                version: "TLS1.3",
                cipher: "TLS_AES_256_GCM_SHA384".to_owned(),
                binding: Some(ChannelBinding([7; 32])),
            }),
            0,
        );
        // RFC 3207 section 4.2, RFC 2595 section 4: whatever stood behind the command is forgotten. A server that stops
        // says so without being asked.
        let said = self.heard.len() > before;
        assert!(
            self.stopping || !said,
            "said before the client spoke under TLS"
        );
        assert!(
            self.session.witness().login.is_none(),
            "a login in clear is remembered"
        );
    }

    fn wake(&mut self, at: Instant) {
        self.now = self.now.max(at);
        self.hand(Input::Deadline, 0);
        if let Standing::Waiting(until) = self.standing {
            assert!(until > self.now, "woken, and wants to be woken at once");
        }
    }

    fn answer(&mut self) {
        let Some(question) = self.open.take() else {
            return;
        };
        let answer = self.stage.answer(question);
        self.standing = Standing::Handshake;
        self.hand(Input::Answer(answer), self.ahead);
    }

    fn settle(&mut self) {
        while !self.holding && self.open.is_some() {
            self.answer();
        }
    }

    /// Gives an input and does what the session says, unless its question is open.
    fn hand(&mut self, input: Input<'_, <H::Session as Session>::Answer>, octets: usize) {
        self.session.handle(self.now, input);
        if self.open.is_none() {
            self.drain(octets);
        }
    }

    fn drain(&mut self, octets: usize) {
        for _ in 0..OUTPUTS + octets {
            match self.session.output() {
                Output::Reply(reply) => {
                    assert!(
                        reply.is_complete(),
                        "{}: arguments do not fit",
                        reply.row().id
                    );
                    let start = self.heard.len();
                    reply.encode(&mut self.heard);
                    check_wire(&reply, &self.heard[start..]);
                    self.rows.push(reply.row().id);
                }
                Output::Send(octets) => self.heard.extend_from_slice(&octets),
                Output::Body(octets) => self.stage.body(&octets),
                Output::Ask(question) => {
                    if self.holding || self.gathering {
                        self.open = Some(question);
                        self.standing = Standing::Asking;
                        return;
                    }
                    let answer = self.stage.answer(question);
                    self.session.handle(self.now, Input::Answer(answer));
                }
                Output::StartTls => {
                    self.heard.extend_from_slice(b"<tls>");
                    self.standing = Standing::Handshake;
                    return;
                }
                Output::Wait(until) => {
                    self.standing = Standing::Waiting(until);
                    return;
                }
                Output::HandOver => {
                    self.heard.extend_from_slice(b"<handed over>");
                    self.standing = Standing::Closed;
                    return;
                }
                Output::Close => {
                    self.heard.extend_from_slice(b"<close>");
                    self.standing = Standing::Closed;
                    return;
                }
            }
        }
        panic!("the session never waits");
    }

    fn stays_closed(&mut self) {
        let inputs = [
            Input::Bytes(b"NOOP\r\n"),
            Input::Deadline,
            Input::Shutdown,
            Input::Closed,
        ];
        for input in inputs {
            self.session.handle(self.now, input);
            let output = self.session.output();
            assert!(matches!(output, Output::Close), "a closed session goes on");
        }
    }
}
