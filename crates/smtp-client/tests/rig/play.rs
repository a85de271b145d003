//! Plays the part of whoever drives a client session: carries out what it says, and looks at what must always hold.
//!
//! The peer's octets come in one piece or octet by octet; all of them are in before the message, a handshake or another
//! transaction is given, so that both ways are the same conversation.

use std::sync::Arc;
use std::time::{Duration, Instant};

use smtp_client::{
    Config, Connection, Ending, Input, Outcome, Output, Reason, Secured, Session, Transaction,
    Verdict, Want,
};

/// How the peer's octets arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Together.
    Whole,
    /// Each alone.
    Octets,
}

/// What the session waits for.
#[derive(Debug)]
pub enum Rest {
    Wait(Instant),
    Ready(Instant),
    Body(Want),
    Handshake(Instant),
    Derive(auth::Derivation),
    Reversed,
    Closed,
}

/// A session under way.
pub struct Play {
    pub session: Session,
    pub now: Instant,
    pub pace: Pace,
    /// Octets that the session sent, and nobody has looked at yet.
    pub sent: Vec<u8>,
    /// What became of recipients, likewise.
    pub verdicts: Vec<String>,
    pub ending: Option<Ending>,
    pub rest: Rest,
    /// Whether messages are given as soon as they are wanted.
    pub gives_bodies: bool,
    body: Vec<u8>,
    /// Recipients of the transaction that has no verdicts yet.
    open: Option<usize>,
    /// The last octet sent.
    last: u8,
}

impl Play {
    pub fn new(config: Config, connection: Connection, pace: Pace) -> Self {
        let now = Instant::now();
        let mut play = Self {
            session: Session::new(Arc::new(config), connection, now),
            now,
            pace,
            sent: Vec::new(),
            verdicts: Vec::new(),
            ending: None,
            rest: Rest::Closed,
            gives_bodies: true,
            body: Vec::new(),
            open: None,
            last: b'\n',
        };
        play.drain();
        // RFC 5321 section 4.3.1.
        assert!(play.sent.is_empty(), "spoke before the greeting");
        play
    }

    /// Gives octets of the peer, then whatever else is wanted and at hand.
    pub fn peer(&mut self, octets: &[u8]) {
        match self.pace {
            Pace::Whole => self.give(Input::Bytes(octets)),
            Pace::Octets => {
                for octet in octets {
                    self.give(Input::Bytes(&[*octet]));
                }
            }
        }
        self.settle();
    }

    /// Gives a message.
    pub fn message(&mut self, transaction: Transaction, body: &[u8]) {
        assert!(self.open.is_none(), "one at a time");
        self.body = body.to_vec();
        self.open = Some(transaction.envelope.recipients.len());
        self.give(Input::Transaction(Box::new(transaction)));
        self.settle();
    }

    /// Gives the next octets of the message.
    pub fn piece(&mut self) {
        let Rest::Body(want) = &self.rest else {
            panic!("no message is wanted: {:?}", self.rest);
        };
        let from = usize::try_from(want.offset).unwrap();
        let piece = self.body[from..from + want.most].to_vec();
        self.give(Input::Body(&piece));
    }

    /// The time has come that the session waits for at the latest.
    pub fn deadline(&mut self) {
        let until = self.until().expect("something with an end is waited for");
        // A moment before, nothing happens.
        self.now = self.now.max(until - Duration::from_nanos(1));
        let (sent, told) = (self.sent.len(), self.verdicts.len());
        self.give(Input::Deadline);
        assert_eq!((sent, told), (self.sent.len(), self.verdicts.len()));
        assert!(self.ending.is_none(), "too early");
        self.now = until;
        self.give(Input::Deadline);
    }

    /// How long the session waits at most.
    pub fn until(&self) -> Option<Instant> {
        match &self.rest {
            Rest::Wait(until) | Rest::Ready(until) | Rest::Handshake(until) => Some(*until),
            Rest::Body(want) => Some(want.until),
            Rest::Derive(_) | Rest::Reversed | Rest::Closed => None,
        }
    }

    pub fn secured(&mut self, secured: Secured) {
        assert!(matches!(self.rest, Rest::Handshake(_)), "{:?}", self.rest);
        self.give(Input::TlsReady(secured));
    }

    pub fn give(&mut self, input: Input<'_>) {
        self.session.handle(self.now, input);
        self.drain();
    }

    /// Gives what is at hand: what was derived, and the message.
    pub fn settle(&mut self) {
        loop {
            if let Some(derivation) = self.derivation() {
                self.give(Input::Derived(derivation.derive()));
            } else if self.gives_bodies && matches!(self.rest, Rest::Body(_)) {
                self.piece();
            } else {
                return;
            }
        }
    }

    /// What is to be derived, if that is what is waited for.
    fn derivation(&mut self) -> Option<auth::Derivation> {
        if !matches!(self.rest, Rest::Derive(_)) {
            return None;
        }
        let Rest::Derive(derivation) = std::mem::replace(&mut self.rest, Rest::Closed) else {
            return None;
        };
        Some(derivation)
    }

    fn drain(&mut self) {
        let derivation = self.derivation();
        self.rest = loop {
            match self.session.output() {
                Output::Send(octets) => self.send(&octets),
                Output::Verdicts(verdicts) => self.tell(&verdicts),
                Output::StartTls(until) => break Rest::Handshake(until),
                Output::Derive(derivation) => break Rest::Derive(derivation),
                Output::NeedBody(want) => {
                    assert!(want.most > 0 && want.until > self.now);
                    break Rest::Body(want);
                }
                Output::Ready(until) => {
                    assert!(self.open.is_none(), "ready, and the verdicts are missing");
                    break Rest::Ready(until);
                }
                Output::Wait(until) => {
                    assert!(until > self.now, "waits for what is over");
                    // What is being derived is still wanted.
                    break derivation.map_or(Rest::Wait(until), Rest::Derive);
                }
                Output::Reversed => {
                    self.stays_reversed();
                    break Rest::Reversed;
                }
                Output::Close(ending) => {
                    assert!(self.open.is_none(), "closed, and the verdicts are missing");
                    self.ending = Some(ending);
                    self.stays_closed();
                    break Rest::Closed;
                }
            }
        };
    }

    fn send(&mut self, octets: &[u8]) {
        assert!(self.ending.is_none(), "sends behind the end");
        for octet in octets {
            // RFC 5321 section 2.3.8.
            assert_eq!(*octet == b'\n', self.last == b'\r', "a bare CR or LF");
            self.last = *octet;
        }
        self.sent.extend_from_slice(octets);
    }

    fn tell(&mut self, verdicts: &[Verdict]) {
        let recipients = self.open.take().expect("verdicts of a transaction");
        let places: Vec<usize> = verdicts.iter().map(|verdict| verdict.recipient).collect();
        assert_eq!(places, (0..recipients).collect::<Vec<_>>(), "each once");
        self.verdicts.extend(verdicts.iter().map(shown));
    }

    fn stays_reversed(&mut self) {
        for input in [
            Input::Bytes(b"250 more\r\n"),
            Input::Deadline,
            Input::Quit,
            Input::Transaction(Box::default()),
            Input::Closed,
        ] {
            self.session
                .handle(self.now + Duration::from_secs(3600), input);
            let output = self.session.output();
            assert!(matches!(output, Output::Reversed), "{output:?} behind it");
        }
    }

    fn stays_closed(&mut self) {
        for input in [
            Input::Bytes(b"250 more\r\n"),
            Input::Deadline,
            Input::Quit,
            Input::Body(b"x"),
            Input::TlsFailed,
            Input::Closed,
        ] {
            self.session.handle(self.now, input);
            let output = self.session.output();
            assert!(
                matches!(&output, Output::Close(ending) if Some(ending) == self.ending.as_ref()),
                "{output:?} behind the end"
            );
        }
    }
}

/// A verdict in one line: the recipient's place, what became of it, the status, why.
fn shown(verdict: &Verdict) -> String {
    let status = verdict.outcome.status();
    let status = status.map_or_else(String::new, |status| format!(" {status}"));
    let (word, why) = match &verdict.outcome {
        Outcome::Accepted { said, passed } => {
            let dsn = if passed.dsn { " (dsn)" } else { "" };
            let by = if passed.deliver_by { " (by)" } else { "" };
            ("accepted", format!(": {said}{dsn}{by}"))
        }
        Outcome::Failed(reason) => ("failed", because(reason)),
        Outcome::Deferred(reason) => ("deferred", because(reason)),
        Outcome::Unknown(ending) => ("unknown", format!(": {ending}")),
        Outcome::NotTried => ("not tried", String::new()),
    };
    format!("{} {word}{status}{why}", verdict.recipient)
}

fn because(reason: &Reason) -> String {
    match reason {
        Reason::Said { at, said } => format!(" at {at}: {said}"),
        Reason::Lacks(lack) => format!(": lacks {lack:?}"),
        Reason::TooLarge { limit } => format!(": takes {limit} octets"),
        Reason::Ended(ending) => format!(": {ending}"),
    }
}
