//! The session: states, the order of things, and every way in which a connection ends.
//!
//! Commands before login are in `session/authorization.rs`, those on an open maildrop in
//! `session/transaction.rs`. Replies are made lazily, one command at a time, so that a thousand pipelined
//! commands never have a thousand answers in memory.

mod authorization;
mod transaction;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use reply::{Language, Reply, Row, pop3};
use wire::{Admission, Input, Line, LineReader, Output, TlsFacts, Witness};

use crate::ask::{Answer, Ask};
use crate::capabilities::{Stls, capabilities};
use crate::command::{Command, Fault};
use crate::config::{Config, Connection};
use crate::listing::ListingWriter;
use crate::maildrop::Maildrop;
use crate::number::NumberFault;
use crate::transfer::Transfer;

/// Longest command line in octets with its CRLF (RFC 2449 section 4).
const COMMAND_LIMIT: usize = 255;
/// Longest line of a SASL exchange in octets with its CRLF (RFC 5034 section 4).
const RESPONSE_LIMIT: usize = 12_288;
/// The over-long line that ends a session.
const LONG_LINES: u32 = 3;
/// How much later the errors in the second half of the budget are answered.
const PAUSE: Duration = Duration::from_secs(1);
/// With this many octets waiting a pause is cut short, so that nobody can fill memory during it.
const PAUSE_BACKLOG: usize = 16 * 1024;

/// One POP3 session.
pub struct Session {
    config: Arc<Config>,
    connection: Connection,
    reader: LineReader,
    state: State,
    /// What the last event or command led to, not yet taken by the driver.
    queue: VecDeque<Output<Ask>>,
    login: Option<String>,
    /// Of the texts in replies (RFC 6856 section 3).
    language: Language,
    /// The client reads UTF-8 headers (RFC 6856 section 2.1).
    utf8: bool,
    now: Instant,
    /// When silence ends the session.
    deadline: Instant,
    /// Nothing goes out before this instant.
    pause: Option<Instant>,
    bad_commands: u32,
    idle_commands: u32,
    long_lines: u32,
    draining: bool,
    /// The client said QUIT, and nothing behind it.
    parted: bool,
}

/// Where the session stands. The three states of RFC 1939 with their waits.
#[derive(Debug)]
enum State {
    /// AUTHORIZATION; a name was given if USER came last.
    Authorization { user: Option<String> },
    /// The host verifies a password.
    LoggingIn,
    /// The host takes a step of a SASL exchange.
    Exchanging,
    /// The client is to answer a challenge.
    AwaitingResponse,
    /// The host forgets an exchange; then comes this reply.
    Cancelling { refusal: Refusal },
    /// The host says whether TLS may start.
    AskingForTls { user: Option<String> },
    /// The host takes note of UTF8 mode.
    EnablingUtf8 { user: Option<String> },
    /// The driver runs the handshake.
    Handshaking,
    /// TRANSACTION.
    Transaction(Maildrop),
    /// TRANSACTION, a listing is going out.
    Listing(Maildrop, ListingWriter),
    /// TRANSACTION, the host reads a part of a message.
    Reading(Maildrop, Transfer),
    /// UPDATE; the host removes so many messages.
    Updating { removed: usize },
    /// Over. Also what a panic in the middle of a transition leaves behind.
    Closed,
}

/// A refusal to be said once the host has answered.
#[derive(Debug)]
enum Refusal {
    /// Counts as an error.
    Malformed(&'static Row),
    /// Does not.
    Plain(&'static Row),
    /// The line was too long.
    TooLong,
    /// The line was so long that the session is over.
    Flood,
}

impl Session {
    /// A session for a new connection. Its first output is the greeting, or a refusal if it was not admitted.
    #[must_use]
    pub fn new(config: Arc<Config>, connection: Connection, now: Instant) -> Self {
        let deadline = now + config.idle_timeout;
        let mut session = Self {
            config,
            connection,
            reader: LineReader::new(),
            state: State::Authorization { user: None },
            queue: VecDeque::new(),
            login: None,
            language: Language::default(),
            utf8: false,
            now,
            deadline,
            pause: None,
            bad_commands: 0,
            idle_commands: 0,
            long_lines: 0,
            draining: false,
            parted: false,
        };
        session.greet();
        session
    }

    fn greet(&mut self) {
        let peer = self.connection.peer;
        let refusal = match self.connection.admission {
            Admission::Welcome => {
                // RFC 1939 section 7: a timestamp in the greeting says that there is APOP.
                let greeting = match &self.connection.timestamp {
                    Some(timestamp) => Reply::new(&pop3::GREETING_APOP).arg("timestamp", timestamp),
                    None => Reply::new(&pop3::GREETING),
                };
                return self.say(greeting.arg("host", &self.config.hostname));
            }
            Admission::TooManySessions => Reply::new(&pop3::TOO_MANY_SESSIONS),
            Admission::TooManyFromAddress => {
                Reply::new(&pop3::TOO_MANY_FROM_ADDRESS).arg("peer", peer)
            }
            Admission::TooFast => Reply::new(&pop3::TOO_FAST).arg("peer", peer),
            Admission::Stopping => Reply::new(&pop3::GREETING_STOPPING),
            Admission::EarlyTalker => Reply::new(&pop3::EARLY_TALKER),
            Admission::Refused => Reply::new(&pop3::ADDRESS_REFUSED).arg("peer", peer),
        };
        self.say_and_close(refusal);
    }

    fn say(&mut self, reply: Reply) {
        self.queue
            .push_back(Output::Reply(reply.in_language(self.language)));
    }

    fn say_row(&mut self, row: &'static Row) {
        self.say(Reply::new(row));
    }

    /// The answer to QUIT.
    fn part(&mut self, reply: Reply) {
        self.parted = self.reader.is_empty();
        self.say_and_close(reply);
    }

    fn say_and_close(&mut self, reply: Reply) {
        self.say(reply);
        self.close();
    }

    fn send(&mut self, octets: Bytes) {
        if !octets.is_empty() {
            self.queue.push_back(Output::Send(octets));
        }
    }

    fn ask(&mut self, question: Ask) {
        self.queue.push_back(Output::Ask(question));
    }

    /// Ends the session once the queue is drained. RFC 1939 section 6: without QUIT nothing is removed from the maildrop.
    fn close(&mut self) {
        self.state = State::Closed;
        self.pause = None;
        self.reader.clear();
    }

    /// Answers a command that is none. Only these count as errors.
    fn refuse_malformed(&mut self, row: &'static Row) {
        self.bad_commands = self.bad_commands.saturating_add(1);
        let budget = self.config.errors.max(1);
        if self.bad_commands >= budget {
            return self.say_and_close(Reply::new(&pop3::ERROR_LIMIT));
        }
        if self.bad_commands > budget / 2 {
            self.pause = Some(self.now + PAUSE);
        }
        self.say_row(row);
    }

    fn refuse_long_line(&mut self, row: &'static Row) {
        self.long_lines += 1;
        if self.long_lines >= LONG_LINES {
            return self.say_and_close(Reply::new(&pop3::LINE_FLOOD));
        }
        self.say_row(row);
    }

    /// Takes the state out to change it; whoever does puts the next one in.
    fn take_state(&mut self) -> State {
        std::mem::replace(&mut self.state, State::Closed)
    }

    fn rearm(&mut self) {
        self.deadline = self.now + self.config.idle_timeout;
    }

    // ---- events ----

    fn tls_ready(&mut self, facts: TlsFacts) {
        if matches!(self.state, State::Handshaking) {
            // RFC 2595 section 4: whatever was known before the handshake is forgotten.
            self.reader.clear();
            self.connection.tls = Some(facts);
            self.language = Language::default();
            self.state = State::Authorization { user: None };
            self.rearm();
        }
    }

    fn deadline_passed(&mut self) {
        match self.state {
            // The client is not the one who keeps us waiting.
            State::LoggingIn
            | State::Exchanging
            | State::Cancelling { .. }
            | State::AskingForTls { .. }
            | State::EnablingUtf8 { .. }
            | State::Handshaking
            | State::Listing(..)
            | State::Reading(..)
            | State::Updating { .. } => self.rearm(),
            // RFC 1939 section 3: closed without a response and without entering the UPDATE state.
            State::Authorization { .. } | State::AwaitingResponse | State::Transaction(_) => {
                if self.now >= self.deadline {
                    self.close();
                }
            }
            State::Closed => {}
        }
    }

    fn answered(&mut self, answer: Answer) {
        self.rearm();
        match (self.take_state(), answer) {
            (State::LoggingIn, Answer::Login(verdict)) => self.login_ended(verdict),
            (State::Exchanging, Answer::Auth(verdict)) => self.exchange_moved(verdict),
            (State::Cancelling { refusal }, Answer::Done) => self.exchange_cancelled(refusal),
            (State::AskingForTls { user }, Answer::Tls(ready)) => self.tls_decided(user, ready),
            (State::EnablingUtf8 { user }, Answer::Done) => self.utf8_enabled(user),
            (State::Reading(maildrop, transfer), Answer::Read(verdict)) => {
                self.read(maildrop, transfer, verdict)
            }
            (State::Updating { removed }, Answer::Expunged(done)) => self.updated(removed, done),
            // The peer may have gone, and the session with it, while the host was thinking.
            (State::Closed, _) => {}
            // An answer to another question: our own side is broken, so nothing is trusted any more.
            (
                State::Authorization { .. }
                | State::LoggingIn
                | State::Exchanging
                | State::AwaitingResponse
                | State::Cancelling { .. }
                | State::AskingForTls { .. }
                | State::EnablingUtf8 { .. }
                | State::Handshaking
                | State::Transaction(_)
                | State::Listing(..)
                | State::Reading(..)
                | State::Updating { .. },
                _,
            ) => self.say_and_close(Reply::new(&pop3::INTERNAL_FAILURE)),
        }
    }

    // ---- lines ----

    /// Takes one more step. `Some` when there is nothing to do but wait.
    fn advance(&mut self) -> Option<Output<Ask>> {
        match &mut self.state {
            State::Closed => return Some(Output::Close),
            State::LoggingIn
            | State::Exchanging
            | State::Cancelling { .. }
            | State::AskingForTls { .. }
            | State::EnablingUtf8 { .. }
            | State::Handshaking
            | State::Reading(..)
            | State::Updating { .. } => return Some(Output::Wait(self.deadline)),
            State::Listing(maildrop, writer) => {
                let (piece, last) = writer.piece(maildrop);
                self.send(piece.into());
                if last && let State::Listing(maildrop, _) = self.take_state() {
                    self.state = State::Transaction(maildrop);
                }
                return None;
            }
            State::Authorization { .. } | State::AwaitingResponse | State::Transaction(_) => {}
        }
        if self.draining {
            // RFC 1939 section 6: the UPDATE state is not entered, so nothing is removed.
            self.say_and_close(Reply::new(&pop3::STOPPING));
            return None;
        }
        let in_exchange = matches!(self.state, State::AwaitingResponse);
        let limit = if in_exchange {
            RESPONSE_LIMIT
        } else {
            COMMAND_LIMIT
        };
        let Some(line) = self.reader.next(limit) else {
            // An idle session holds no buffers.
            self.queue = VecDeque::new();
            return Some(Output::Wait(self.deadline));
        };
        // RFC 1939 section 3: any command resets the timer.
        self.rearm();
        if in_exchange {
            self.response(line)
        } else {
            self.command_line(line)
        }
        None
    }

    fn command_line(&mut self, line: Line) {
        match line {
            Line::Complete(line) => {
                let parsed = Command::parse(line);
                if self.is_idling(&parsed) {
                    return self.say_and_close(Reply::new(&pop3::IDLE_LIMIT));
                }
                match parsed {
                    Ok(command) => self.command(command),
                    Err(fault) => self.refuse_fault(fault),
                }
            }
            // ATTACKS: whatever hides in such a line, it is one bad command.
            Line::Bare | Line::Control(_) => self.refuse_malformed(&pop3::UNKNOWN_VERB),
            Line::TooLong => self.refuse_long_line(&pop3::LINE_TOO_LONG),
            Line::Flood => self.say_and_close(Reply::new(&pop3::LINE_FLOOD)),
        }
    }

    fn refuse_fault(&mut self, fault: Fault) {
        match fault {
            Fault::UnknownVerb => self.refuse_malformed(&pop3::UNKNOWN_VERB),
            Fault::WrongArguments => self.refuse_malformed(&pop3::WRONG_ARGUMENTS),
            Fault::MessageNumber(NumberFault::NotANumber) => self.say_row(&pop3::NOT_A_NUMBER),
            Fault::MessageNumber(NumberFault::OutOfRange) => {
                self.say_row(&pop3::NUMBER_OUT_OF_RANGE)
            }
            Fault::LineCount(NumberFault::NotANumber) => self.say_row(&pop3::NOT_A_LINE_COUNT),
            Fault::LineCount(NumberFault::OutOfRange) => {
                self.say_row(&pop3::LINE_COUNT_OUT_OF_RANGE)
            }
            Fault::WebRequest => self.say_and_close(Reply::new(&pop3::NOT_A_WEB_SERVER)),
        }
    }

    fn command(&mut self, command: Command) {
        match (self.take_state(), command) {
            (State::Authorization { user }, command) => self.before_login(user, command),
            (State::Transaction(maildrop), command) => self.after_login(maildrop, command),
            (
                State::LoggingIn
                | State::Exchanging
                | State::AwaitingResponse
                | State::Cancelling { .. }
                | State::AskingForTls { .. }
                | State::EnablingUtf8 { .. }
                | State::Handshaking
                | State::Listing(..)
                | State::Reading(..)
                | State::Updating { .. }
                | State::Closed,
                _,
            ) => self.say_and_close(Reply::new(&pop3::INTERNAL_FAILURE)),
        }
    }

    fn capabilities(&self) -> Reply {
        let stls = if self.login.is_none() && !self.utf8 {
            Stls::Permitted
        } else {
            Stls::TooLate
        };
        capabilities(&self.config, &self.connection, stls)
    }

    /// LANG, which is the same before and after login (RFC 6856 section 3.2).
    fn choose_language(&mut self, range: Option<&str>) {
        let Some(range) = range else {
            let lines = Language::ALL
                .iter()
                .map(|language| format!("{} {}", language.tag(), language.name()));
            return self.say(lines.fold(Reply::new(&pop3::LANGUAGES), Reply::line));
        };
        let Some(language) = Language::lookup(range) else {
            return self.say_row(&pop3::LANGUAGE_UNKNOWN);
        };
        self.language = language;
        self.say(Reply::new(&pop3::LANGUAGE_CHOSEN).arg("language", language.tag()));
    }
}

/// Written by hand: what the client sent may be a password.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("login", &self.login)
            .finish_non_exhaustive()
    }
}

impl wire::Session for Session {
    type Ask = Ask;
    type Answer = Answer;

    fn handle(&mut self, now: Instant, input: Input<'_, Answer>) {
        self.now = now;
        match input {
            // Before and during the handshake nothing in clear counts (CVE-2011-0411).
            Input::Bytes(octets) => {
                if !matches!(self.state, State::Closed | State::Handshaking) {
                    self.reader.push(octets);
                }
            }
            Input::Answer(answer) => self.answered(answer),
            Input::TlsReady(facts) => self.tls_ready(facts),
            Input::Deadline => self.deadline_passed(),
            Input::Shutdown => self.draining = true,
            Input::Closed => {
                self.queue = VecDeque::new();
                self.close();
            }
        }
    }

    fn output(&mut self) -> Output<Ask> {
        if let Some(pause) = self.pause {
            if self.now < pause && !self.draining && self.reader.len() < PAUSE_BACKLOG {
                return Output::Wait(pause);
            }
            self.pause = None;
        }
        loop {
            if let Some(output) = self.queue.pop_front() {
                return output;
            }
            if let Some(wait) = self.advance() {
                return wait;
            }
            if self.pause.is_some() {
                return self.output();
            }
        }
    }

    fn witness(&self) -> Witness<'_> {
        Witness {
            login: self.login.as_deref(),
            parted: self.parted,
        }
    }
}
