//! Plays a script against a session: feeds it, drains it, answers for its host, and compares.
//!
//! The same script is played at several paces, which must all give the same replies (ARCHITECTURE.md, rule 5 of
//! sessions). The player knows no protocol; it checks what holds for both.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use reply::{Enhanced, Language, Reply, Row, Status};
use wire::{Input, Output, Session, TlsFacts};

use super::script::{Script, Step, escape, matches};

/// The host side of a dialogue.
pub trait Stage {
    /// The session played against it.
    type Session: Session;

    /// What a client says to log in as alice.
    const LOGIN: &'static [u8];

    /// Takes up a fact; before the session starts, and between its commands.
    ///
    /// # Errors
    /// When the fact is not known.
    fn given(&mut self, fact: &str) -> Result<(), String>;
    /// The session as the facts so far describe it.
    fn open(&mut self, now: Instant) -> Self::Session;
    /// Answers one question.
    fn answer(
        &mut self,
        ask: <Self::Session as Session>::Ask,
    ) -> <Self::Session as Session>::Answer;
    /// Takes message octets.
    fn body(&mut self, octets: &[u8]);
    /// What the host has been told so far, one line each.
    fn told(&self) -> &[String];
}

/// How the client's octets and the host's answers arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// What stands together in the script arrives together; the host answers at once.
    Whole,
    /// Octet by octet.
    Octets,
    /// In two pieces, the first so many octets long.
    SplitAt(usize),
    /// Octet by octet, and everything arrives before the host's first answer.
    SlowHost,
}

/// What came out of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A line, without its CRLF, escaped as in the files.
    Line(String),
    /// The handshake starts.
    StartTls,
    /// The connection is handed over.
    HandOver,
    /// The connection closes.
    Close,
}

/// The whole of what a script brought about.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Everything the session said and did.
    pub events: Vec<Event>,
    /// Every row it used.
    pub rows: Vec<&'static Row>,
    /// Everything the host was told.
    pub told: Vec<String>,
}

/// Longest group of client octets that is fed octet by octet throughout.
const SMALL: usize = 4096;

/// One session under way.
pub struct Player<H: Stage> {
    host: H,
    session: Option<H::Session>,
    pace: Pace,
    now: Instant,
    wake: Option<Instant>,
    held: Option<<H::Session as Session>::Ask>,
    buffer: Vec<u8>,
    unread: VecDeque<Event>,
    outcome: Outcome,
    handshake: bool,
    closed: bool,
    checked: usize,
}

impl<H: Stage> Player<H> {
    /// A player before its session starts.
    pub fn new(host: H, pace: Pace) -> Self {
        Self {
            host,
            session: None,
            pace,
            now: Instant::now(),
            wake: None,
            held: None,
            buffer: Vec::new(),
            unread: VecDeque::new(),
            outcome: Outcome::default(),
            handshake: false,
            closed: false,
            checked: 0,
        }
    }

    /// Plays the whole script.
    ///
    /// # Errors
    /// When something else happens than the script says.
    pub fn play(mut self, script: &Script) -> Result<Outcome, String> {
        let mut lenient = false;
        for (line, step) in &script.steps {
            let step_done = self.step(step, &mut lenient);
            step_done.map_err(|problem| {
                format!("{}:{line} ({:?}): {problem}", script.name, self.pace)
            })?;
        }
        self.expect_silence(lenient)
            .map_err(|problem| format!("{} at its end: {problem}", script.name))?;
        Ok(self.finish())
    }

    /// The rows used so far.
    pub fn rows(&self) -> &[&'static Row] {
        &self.outcome.rows
    }

    /// What came about. A session that has closed is offered more, and must stay closed.
    pub fn finish(mut self) -> Outcome {
        if self.closed {
            let now = self.now;
            for input in [
                Input::Bytes(b"NOOP\r\n"),
                Input::Deadline,
                Input::Shutdown,
                Input::Closed,
            ] {
                self.session_mut().handle(now, input);
                assert!(
                    matches!(self.session_mut().output(), Output::Close),
                    "a closed session goes on"
                );
            }
        }
        self.outcome.told = self.host.told().to_vec();
        self.outcome
    }

    fn step(&mut self, step: &Step, lenient: &mut bool) -> Result<(), String> {
        match step {
            Step::Given(fact) => return self.host.given(fact),
            Step::Line(pattern) => self.expect_line(pattern, std::mem::take(lenient))?,
            Step::Anything => {
                self.start();
                *lenient = true;
            }
            Step::HandOver => self.expect(&Event::HandOver, std::mem::take(lenient))?,
            Step::Close => self.expect(&Event::Close, std::mem::take(lenient))?,
            Step::StartTls => self.expect(&Event::StartTls, std::mem::take(lenient))?,
            Step::Told(pattern) => self.expect_told(pattern)?,
            Step::Count(count, pattern) => {
                let found = self
                    .host
                    .told()
                    .iter()
                    .filter(|told| matches(pattern, told))
                    .count();
                if found != *count {
                    return Err(format!(
                        "{pattern:?} was told {found} times, not {count}: {:#?}",
                        self.host.told()
                    ));
                }
            }
            Step::Client(octets) => {
                self.expect_silence(std::mem::take(lenient))?;
                self.feed(octets);
            }
            Step::LogIn => self.feed(H::LOGIN),
            Step::TlsReady(version) => {
                self.expect_silence(std::mem::take(lenient))?;
                if !self.secure(version) {
                    return Err("no handshake has started".to_owned());
                }
            }
            Step::Later(duration) => {
                self.expect_silence(std::mem::take(lenient))?;
                self.pass(*duration)?;
            }
            Step::Shutdown => self.give(Input::Shutdown),
            Step::Gone => self.give(Input::Closed),
        }
        Ok(())
    }

    /// The session, started with the facts given so far when this is the first step after them.
    pub fn start(&mut self) {
        if self.session.is_none() {
            self.session = Some(self.host.open(self.now));
            self.drain();
        }
    }

    /// Octets from the client, at the player's pace.
    pub fn feed(&mut self, octets: &[u8]) {
        self.start();
        let mut rest = octets;
        while !rest.is_empty() && !self.closed && !self.handshake {
            let (piece, after) = rest.split_at(self.piece(octets.len(), octets.len() - rest.len()));
            self.hand(Input::Bytes(piece));
            rest = after;
        }
        self.settle();
    }

    /// How many octets come next in a group of `total`, of which `done` have come.
    fn piece(&self, total: usize, done: usize) -> usize {
        let left = total - done;
        match self.pace {
            Pace::Whole => left,
            Pace::SplitAt(at) if done == 0 && at < total => at,
            Pace::SplitAt(_) => left,
            // The middle of something huge comes in larger pieces; what surrounds it does not.
            Pace::Octets | Pace::SlowHost
                if total > SMALL && done > SMALL / 2 && left > SMALL / 2 =>
            {
                (left - SMALL / 2).min(1000)
            }
            Pace::Octets | Pace::SlowHost => 1,
        }
    }

    /// One input, and the answers to whatever it made the session ask.
    fn give(&mut self, input: Input<'_, <H::Session as Session>::Answer>) {
        self.start();
        self.hand(input);
        self.settle();
    }

    fn hand(&mut self, input: Input<'_, <H::Session as Session>::Answer>) {
        if self.closed {
            return;
        }
        let now = self.now;
        self.session_mut().handle(now, input);
        self.drain();
    }

    /// Gives the answers that were held back.
    fn settle(&mut self) {
        while let Some(ask) = self.held.take() {
            let answer = self.host.answer(ask);
            self.hand(Input::Answer(answer));
        }
    }

    /// Completes the handshake, if one has started.
    pub fn secure(&mut self, version: &'static str) -> bool {
        let started = std::mem::take(&mut self.handshake);
        if started {
            let facts = TlsFacts {
                version,
                cipher: "TLS_AES_256_GCM_SHA384".to_owned(),
                binding: Some(super::binding()),
            };
            self.give(Input::TlsReady(facts));
        }
        started
    }

    fn session_mut(&mut self) -> &mut H::Session {
        self.session.as_mut().expect("started before it is used")
    }

    /// Does what the session says until it waits.
    fn drain(&mut self) {
        for _ in 0..10_000_000 {
            if self.held.is_some() || self.closed {
                return;
            }
            match self.session_mut().output() {
                Output::Reply(reply) => {
                    assert!(
                        reply.is_complete(),
                        "{}: arguments do not fit the text: {reply:?}",
                        reply.row().id
                    );
                    self.outcome.rows.push(reply.row());
                    let start = self.buffer.len();
                    reply.encode(&mut self.buffer);
                    check_wire(&reply, &self.buffer[start..]);
                    self.take_lines();
                }
                Output::Send(octets) => {
                    self.buffer.extend_from_slice(&octets);
                    self.take_lines();
                }
                Output::Body(octets) => self.host.body(&octets),
                Output::Ask(ask) if self.pace == Pace::SlowHost => self.held = Some(ask),
                Output::Ask(ask) => {
                    let answer = self.host.answer(ask);
                    let now = self.now;
                    self.session_mut().handle(now, Input::Answer(answer));
                }
                Output::StartTls => {
                    self.handshake = true;
                    self.wake = None;
                    self.happen(Event::StartTls);
                    return;
                }
                Output::Wait(until) => {
                    self.wake = Some(until);
                    return;
                }
                Output::HandOver => {
                    self.closed = true;
                    self.happen(Event::HandOver);
                    return;
                }
                Output::Close => {
                    if !self.buffer.is_empty() {
                        let line = escape(&std::mem::take(&mut self.buffer));
                        self.happen(Event::Line(line));
                    }
                    self.closed = true;
                    self.happen(Event::Close);
                    return;
                }
            }
        }
        panic!("the session never waits");
    }

    fn take_lines(&mut self) {
        let mut start = 0;
        while let Some(length) = self.buffer[start..]
            .windows(2)
            .position(|pair| pair == b"\r\n")
        {
            let line = escape(&self.buffer[start..start + length]);
            self.happen(Event::Line(line));
            start += length + 2;
        }
        self.buffer.drain(..start);
    }

    fn happen(&mut self, event: Event) {
        self.unread.push_back(event.clone());
        self.outcome.events.push(event);
    }

    /// Lets time pass, waking the session whenever it asked to be.
    ///
    /// # Errors
    /// When the session asks to be woken at an instant at which it was woken already.
    pub fn pass(&mut self, duration: Duration) -> Result<(), String> {
        self.start();
        let end = self.now + duration;
        while let Some(wake) = self.wake.filter(|wake| *wake <= end && !self.closed) {
            self.now = self.now.max(wake);
            self.give(Input::Deadline);
            if !self.closed && self.wake.is_some_and(|next| next <= wake) {
                return Err("the session waits for the same instant again".to_owned());
            }
        }
        self.now = end;
        Ok(())
    }

    fn next(&mut self, wanted: impl Fn(&Event) -> bool, lenient: bool) -> Option<Event> {
        self.start();
        if lenient {
            while self.unread.front().is_some_and(|event| !wanted(event)) {
                self.unread.pop_front();
            }
        }
        self.unread.pop_front()
    }

    fn expect_line(&mut self, pattern: &str, lenient: bool) -> Result<(), String> {
        let fits = |event: &Event| matches!(event, Event::Line(line) if matches(pattern, line));
        match self.next(fits, lenient) {
            Some(event) if fits(&event) => Ok(()),
            found => Err(format!(
                "expected {pattern:?}, found {}",
                Shown(found.as_ref())
            )),
        }
    }

    fn expect(&mut self, wanted: &Event, lenient: bool) -> Result<(), String> {
        match self.next(|event| event == wanted, lenient) {
            Some(event) if event == *wanted => Ok(()),
            found => Err(format!(
                "expected {}, found {}",
                Shown(Some(wanted)),
                Shown(found.as_ref())
            )),
        }
    }

    fn expect_silence(&mut self, lenient: bool) -> Result<(), String> {
        self.start();
        if lenient {
            self.unread.clear();
        }
        match self.unread.front() {
            None => Ok(()),
            unread => Err(format!("not expected: {}", Shown(unread))),
        }
    }

    fn expect_told(&mut self, pattern: &str) -> Result<(), String> {
        let told = &self.host.told()[self.checked..];
        match told.iter().position(|line| matches(pattern, line)) {
            Some(found) => {
                self.checked += found + 1;
                Ok(())
            }
            None => Err(format!("the host was not told {pattern:?} but {told:#?}")),
        }
    }
}

/// What every reply keeps, whatever it says: REP-02, REP-03, REP-06, POP-02, PEX-06.
#[track_caller]
pub fn check_wire(reply: &Reply, wire: &[u8]) {
    let row = reply.row();
    for line in wire.split_inclusive(|octet| *octet == b'\n') {
        let text = line.strip_suffix(b"\r\n").expect("CRLF ends every line");
        // RFC 6856 section 3, RFC 6531 section 3.7.4.2: what the client asked for may be UTF-8, and nothing else.
        let international = reply.language() != Language::default()
            || reply.is_in_utf8()
            || row.name == "LANGUAGES";
        let readable = str::from_utf8(text).is_ok_and(|text| !text.chars().any(char::is_control));
        assert!(
            readable && (international || text.is_ascii()),
            "{}: unprintable: {}",
            row.id,
            escape(text)
        );
        assert!(
            row.name == "CHALLENGE" || line.len() <= 512,
            "{}: {} octets in a line",
            row.id,
            line.len()
        );
        if let Status::Smtp(code, enhanced) = row.status {
            let prefix = &text[..4];
            assert!(
                prefix == format!("{code} ").as_bytes() || prefix == format!("{code}-").as_bytes(),
                "{}",
                row.id
            );
            if let Some(Enhanced(class, subject, detail)) = enhanced {
                let expected = format!("{class}.{subject}.{detail} ");
                assert!(
                    text[4..].starts_with(expected.as_bytes()),
                    "{}: {}",
                    row.id,
                    escape(text)
                );
            }
        }
    }
}

/// An event as the files would write it.
struct Shown<'a>(Option<&'a Event>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(Event::Line(line)) => write!(f, "`S: {line}`"),
            Some(Event::StartTls) => f.write_str("`S! tls`"),
            Some(Event::HandOver) => f.write_str("`S! handed over`"),
            Some(Event::Close) => f.write_str("`S! close`"),
            None => f.write_str("silence"),
        }
    }
}
