//! The session: its states, and nothing about what happens in them.
//!
//! Each place where a session waits is a type that holds what is known there and nothing else; what comes in consumes it,
//! and the state after it comes out. What is to be done meanwhile is put into the context's outputs. This file only
//! dispatches.

mod arrival;
mod chunks;
mod context;
mod envelope;
mod login;
mod message;
mod parting;
mod turn;
mod work;

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use auth::{Derivation, Derived};
use bytes::Bytes;

use crate::config::{Config, Connection, Secured};
use crate::ending::{Ending, Stage};
use crate::features::Features;
use crate::heard::{Fault, Heard, Said};
use crate::outcome::Verdict;
use crate::transaction::Transaction;
use context::Context;

/// One event given to a session.
#[derive(Debug)]
pub enum Input<'a> {
    /// Octets from the peer, in order; any split is allowed.
    Bytes(&'a [u8]),
    /// The handshake after [`Output::StartTls`] succeeded.
    TlsReady(Secured),
    /// The handshake after [`Output::StartTls`] failed, for whatever reason.
    TlsFailed,
    /// What came of [`Output::Derive`].
    Derived(Derived),
    /// A message to be sent; the answer to [`Output::Ready`]. Before that, and after QUIT, it is not taken:
    /// [`Output::Verdicts`] then says of each recipient that it was not tried.
    Transaction(Box<Transaction>),
    /// The octets that [`Output::NeedBody`] asked for: at least one, at most as many as it said.
    Body(&'a [u8]),
    /// They cannot be had.
    BodyFailed,
    /// No more messages: take leave, as soon as the transaction under way is over.
    Quit,
    /// The instant named by the last output that named one has passed.
    Deadline,
    /// The connection is gone.
    Closed,
}

/// One thing to be done for a session.
pub enum Output {
    /// Send these octets. They may be gathered and written together. `Debug` does not show them, for there may be a
    /// password in them.
    Send(Bytes),
    /// Write what is to be sent, then run the TLS handshake; [`Input::TlsReady`], [`Input::TlsFailed`] or
    /// [`Input::Closed`] follows, or [`Input::Deadline`] at this instant. Octets that came in clear behind the reply to
    /// STARTTLS are not the handshake's.
    StartTls(Instant),
    /// Have this derived where nobody waits for it, and give what comes of it with [`Input::Derived`]. Octets are read
    /// meanwhile; how long it may take is said by the [`Output::Wait`] behind it.
    Derive(Derivation),
    /// Write what is to be sent, then give octets of the message with [`Input::Body`]. Replies are read meanwhile.
    NeedBody(Want),
    /// The transaction is over; every recipient is named once.
    Verdicts(Vec<Verdict>),
    /// Nothing to do: [`Input::Transaction`] or [`Input::Quit`] may come, or octets; at this instant [`Input::Deadline`].
    Ready(Instant),
    /// Write what is to be sent, then wait for octets, at the latest until this instant.
    Wait(Instant),
    /// The peer has granted what [`Config::fetch`] asks for: the session is over, and the connection is not. From here on
    /// we are the server (RFC 2645 section 5.3), and greet first. Octets that came before that answer nothing.
    Reversed,
    /// Write what is to be sent, then close the connection.
    Close(Ending),
}

/// What is wanted of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Want {
    /// Where, in octets from the message's beginning.
    pub offset: u64,
    /// The most octets that are taken at once; there are so many left.
    pub most: usize,
    /// When these octets must be here and those before them written (RFC 5321 section 4.5.3.2.5).
    pub until: Instant,
}

/// One connection to another server, from its greeting to its end.
///
/// Whoever drives it calls [`handle`](Session::handle) with one input, then [`output`](Session::output) until it yields
/// [`Output::StartTls`], [`Output::Derive`], [`Output::NeedBody`], [`Output::Ready`], [`Output::Wait`],
/// [`Output::Reversed`] or [`Output::Close`]. What always holds:
///
/// 1. However the peer's octets are cut, what is sent and decided is the same.
/// 2. Nothing is sent before the greeting (RFC 5321 section 4.3.1), and nothing that was not offered.
/// 3. Every transaction has its verdicts exactly once, before the connection's end; nothing comes after
///    [`Output::Close`] or [`Output::Reversed`].
/// 4. At [`Output::StartTls`] everything that the peer said before is forgotten (RFC 3207 section 4.2).
/// 5. Bodies pass through in pieces. No session holds a message.
///
/// Octets are to be read while others are written: a peer that answers a long group of commands may not read before its
/// answers are read (RFC 2920 section 3.1).
///
/// ```
/// use smtp_client::{Config, Connection, Input, Output, Session};
/// let config = Config::new("client.example".parse().unwrap());
/// let now = std::time::Instant::now();
/// let mut session = Session::new(config.into(), Connection::default(), now);
/// assert!(matches!(session.output(), Output::Wait(_)), "nobody speaks before the greeting");
/// session.handle(now, Input::Bytes(b"220 mx.example\r\n"));
/// assert!(matches!(session.output(), Output::Send(octets) if octets == "EHLO client.example\r\n"));
/// session.handle(now, Input::Bytes(b"250 mx.example\r\n"));
/// assert!(matches!(session.output(), Output::Ready(_)));
/// ```
pub struct Session {
    context: Context,
    state: State,
}

/// Where a session stands.
enum State {
    Greeting,
    Hello {
        extended: bool,
    },
    StartingTls,
    Handshaking,
    LoggingIn(Box<login::LoggingIn>),
    Deriving(Box<login::LoggingIn>),
    CancellingLogin(Ending),
    Idle,
    Enveloping(Box<envelope::Enveloping>),
    Sending(Box<message::Sending>),
    /// The final dot is sent.
    Finishing(Box<work::Work>),
    /// A dot is sent for a message that nobody gets.
    Discarding(Box<work::Work>),
    Chunking(Box<chunks::Chunking>),
    Draining(Box<chunks::Draining>),
    /// ATRN is sent.
    Turning,
    /// The peer is the client now.
    Reversed,
    /// QUIT is sent.
    Parting(Ending),
    /// Over.
    Gone(Ending),
}

impl Session {
    /// A session at its beginning. If the connection is TLS from its first octet, the handshake is done.
    #[must_use]
    pub fn new(config: Arc<Config>, connection: Connection, now: Instant) -> Self {
        Self {
            context: Context::new(config, connection, now),
            state: State::Greeting,
        }
    }

    /// Takes in one event. `now` never goes backwards.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        self.context.now = now;
        match input {
            Input::Bytes(octets) => self.take_in(octets),
            Input::TlsReady(secured) => self.turn(|state, context| state.secured(secured, context)),
            Input::TlsFailed => self.turn(State::handshake_failed),
            Input::Derived(derived) => self.turn(|state, context| state.derived(derived, context)),
            Input::Transaction(transaction) => {
                self.turn(|state, context| state.begin(*transaction, context));
            }
            Input::Body(octets) => self.turn(|state, context| state.body(octets, context)),
            Input::BodyFailed => self.turn(State::unread),
            Input::Quit => self.turn(State::quit),
            Input::Deadline if self.context.is_overdue() => self.turn(State::expired),
            // It has moved since.
            Input::Deadline => {}
            Input::Closed => self.turn(State::lost),
        }
    }

    /// The next thing to do. After [`Output::Close`] it answers `Close` for ever, after [`Output::Reversed`] that.
    pub fn output(&mut self) -> Output {
        match self.context.outputs.pop_front() {
            Some(output) => output,
            None => self.state.rest(&self.context),
        }
    }

    /// What the peer offers, as it said last.
    #[must_use]
    pub fn features(&self) -> &Features {
        &self.context.features
    }

    /// The name the peer gave itself, made harmless; empty before its greeting.
    #[must_use]
    pub fn peer(&self) -> &str {
        &self.context.peer
    }

    /// What is being said, or waited for.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.state.stage()
    }

    /// What is known of the TLS under the conversation, if it is there.
    #[must_use]
    pub fn secured(&self) -> Option<&Secured> {
        self.context.secured.as_ref()
    }

    /// Takes octets reply by reply, until the peer is no longer listened to.
    fn take_in(&mut self, octets: &[u8]) {
        let mut rest = octets;
        while !rest.is_empty() && self.state.listens() {
            let (taken, heard) = self.context.reader.take(rest);
            rest = &rest[taken..];
            match heard {
                Some(Ok(heard)) => self.turn(|state, context| state.heard(&heard, context)),
                Some(Err(fault)) => self.turn(|state, context| {
                    let at = state.stage();
                    state.end(Ending::NotSmtp { at, fault }, context)
                }),
                None => {}
            }
        }
    }

    fn turn(&mut self, transition: impl FnOnce(State, &mut Context) -> State) {
        // What a panic inside a transition leaves behind: such a session says nothing more.
        let gone = State::Gone(Ending::Lost(self.state.stage()));
        let state = std::mem::replace(&mut self.state, gone);
        self.state = transition(state, &mut self.context);
    }
}

impl State {
    /// Whether octets from the peer mean anything. RFC 3207 section 4.2: what comes in clear behind the reply to STARTTLS
    /// does not.
    fn listens(&self) -> bool {
        !matches!(self, Self::Handshaking | Self::Reversed | Self::Gone(_))
    }

    fn stage(&self) -> Stage {
        match self {
            Self::Greeting => Stage::Greeting,
            Self::Hello { .. } => Stage::Hello,
            Self::StartingTls => Stage::StartTls,
            Self::Handshaking => Stage::Handshake,
            Self::LoggingIn(_) | Self::Deriving(_) | Self::CancellingLogin(_) => Stage::Auth,
            Self::Idle => Stage::Idle,
            Self::Enveloping(enveloping) => enveloping.stage(),
            Self::Sending(_) => Stage::Body,
            Self::Chunking(chunking) => chunking.stage(),
            Self::Draining(_) => Stage::Body,
            Self::Finishing(_) | Self::Discarding(_) => Stage::Finish,
            Self::Turning | Self::Reversed => Stage::Turn,
            Self::Parting(_) | Self::Gone(_) => Stage::Quit,
        }
    }

    /// Takes a reply.
    fn heard(self, heard: &Heard, context: &mut Context) -> Self {
        // RFC 5321 sections 3.8 and 4.2.1: 421 may come in answer to anything, and nothing comes after it.
        if heard.code == CLOSING && !matches!(self, Self::Parting(_) | Self::CancellingLogin(_)) {
            return self.refused(heard.said(), context);
        }
        match self {
            Self::Greeting => arrival::greeted(heard, context),
            Self::Hello { extended } => arrival::answered(heard, extended, context),
            Self::StartingTls => arrival::tls_answered(heard, context),
            Self::LoggingIn(login) => login.heard(heard, context),
            Self::CancellingLogin(ending) => parting::part(ending, context),
            Self::Enveloping(enveloping) => enveloping.heard(heard, context),
            Self::Sending(_) => self.interrupted(heard, context),
            Self::Chunking(chunking) => chunking.heard(heard, context),
            Self::Draining(draining) => draining.heard(context),
            Self::Finishing(work) => message::finished(work, heard, context),
            Self::Discarding(work) => envelope::next_round(work, context),
            Self::Turning => turn::answered(heard, context),
            Self::Parting(ending) => Self::close(ending, context),
            // Nothing was asked.
            Self::Idle | Self::Deriving(_) => self.unfit(Fault::OutOfTurn(heard.said()), context),
            Self::Handshaking | Self::Reversed | Self::Gone(_) => self,
        }
    }

    /// A reply before the message was complete. RFC 5321 section 4.1.1.4 has none here; servers that run out of patience
    /// or room send one nevertheless, and are believed if it is a refusal.
    fn interrupted(self, heard: &Heard, context: &mut Context) -> Self {
        if heard.code >= 400 {
            return self.refused(heard.said(), context);
        }
        self.unfit(Fault::OutOfTurn(heard.said()), context)
    }

    /// Ends the connection because of what the peer said.
    fn refused(self, said: Said, context: &mut Context) -> Self {
        let at = self.stage();
        self.end(Ending::Refused { at, said }, context)
    }

    /// Ends the connection because what the peer said makes no sense here.
    fn unfit(self, fault: Fault, context: &mut Context) -> Self {
        let at = self.stage();
        self.end(Ending::NotSmtp { at, fault }, context)
    }

    fn secured(self, secured: Secured, context: &mut Context) -> Self {
        if let Self::Handshaking = self {
            return arrival::begin_anew(secured, context);
        }
        self
    }

    fn handshake_failed(self, context: &mut Context) -> Self {
        if let Self::Handshaking = self {
            return Self::close(Ending::TlsFailed, context);
        }
        self
    }

    fn derived(self, derived: Derived, context: &mut Context) -> Self {
        if let Self::Deriving(login) = self {
            return login.derived(derived, context);
        }
        self
    }

    fn begin(self, transaction: Transaction, context: &mut Context) -> Self {
        let is_ready = matches!(self, Self::Idle) && !context.reader.is_midway();
        if is_ready {
            return work::begin(transaction, context);
        }
        // Nothing comes after the end.
        if !matches!(self, Self::Reversed | Self::Gone(_)) {
            context.refuse(&transaction);
        }
        self
    }

    fn body(self, octets: &[u8], context: &mut Context) -> Self {
        if let Self::Sending(sending) = self {
            return sending.body(octets, context);
        }
        if let Self::Chunking(chunking) = self {
            return chunking.body(octets, context);
        }
        self
    }

    fn unread(self, context: &mut Context) -> Self {
        if let Self::Sending(_) | Self::Chunking(_) = self {
            return self.end(Ending::Unread, context);
        }
        self
    }

    fn quit(self, context: &mut Context) -> Self {
        if let Self::Idle = self {
            return parting::part(Ending::Parted, context);
        }
        context.leaving = true;
        self
    }

    /// The deadline has passed.
    fn expired(self, context: &mut Context) -> Self {
        if let Self::Idle = self {
            return parting::part(Ending::Parted, context);
        }
        let at = self.stage();
        self.over(Ending::Silent(at), context)
    }

    /// The connection is gone.
    fn lost(self, context: &mut Context) -> Self {
        let at = self.stage();
        self.over(Ending::Lost(at), context)
    }

    /// It is over, for this reason unless there was one before.
    fn over(self, ending: Ending, context: &mut Context) -> Self {
        // The connection is not ours any more.
        if let Self::Reversed = self {
            return self;
        }
        if let Self::Parting(before) | Self::CancellingLogin(before) | Self::Gone(before) = self {
            return Self::close(before, context);
        }
        self.end(ending, context)
    }

    /// Ends the connection at once, and tells what that means for the transaction under way.
    fn end(self, ending: Ending, context: &mut Context) -> Self {
        match self {
            Self::Enveloping(enveloping) => enveloping.work.end(&ending, context),
            Self::Sending(sending) => sending.work.end(&ending, context),
            Self::Chunking(chunking) => chunking.end(&ending, context),
            Self::Draining(draining) => draining.work.end(&ending, context),
            Self::Finishing(work) => work.end_after_all(&ending, context),
            Self::Discarding(work) => work.end(&ending, context),
            Self::Greeting
            | Self::Hello { .. }
            | Self::StartingTls
            | Self::Handshaking
            | Self::LoggingIn(_)
            | Self::Deriving(_)
            | Self::CancellingLogin(_)
            | Self::Idle
            | Self::Turning
            | Self::Reversed
            | Self::Parting(_)
            | Self::Gone(_) => {}
        }
        Self::close(ending, context)
    }

    fn close(ending: Ending, context: &mut Context) -> Self {
        context.reader = crate::heard::Reader::default();
        Self::Gone(ending)
    }

    /// What is waited for when there is nothing to do.
    fn rest(&self, context: &Context) -> Output {
        let until = context.deadline;
        match self {
            Self::Handshaking => Output::StartTls(until),
            Self::Idle if !context.reader.is_midway() => Output::Ready(until),
            Self::Sending(sending) => Output::NeedBody(sending.want(context)),
            Self::Chunking(chunking) => match chunking.want(context) {
                Some(want) => Output::NeedBody(want),
                None => Output::Wait(until),
            },
            Self::Reversed => Output::Reversed,
            Self::Gone(ending) => Output::Close(ending.clone()),
            Self::Greeting
            | Self::Hello { .. }
            | Self::StartingTls
            | Self::LoggingIn(_)
            | Self::Deriving(_)
            | Self::CancellingLogin(_)
            | Self::Idle
            | Self::Enveloping(_)
            | Self::Finishing(_)
            | Self::Discarding(_)
            | Self::Draining(_)
            | Self::Turning
            | Self::Parting(_) => Output::Wait(until),
        }
    }
}

/// The reply that ends a connection (RFC 5321 section 3.8).
const CLOSING: u16 = 421;

/// Shows nothing of what is sent: passwords may be among it.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("stage", &self.state.stage())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(octets) => write!(f, "Send({} octets)", octets.len()),
            Self::StartTls(until) => f.debug_tuple("StartTls").field(until).finish(),
            Self::Derive(derivation) => f.debug_tuple("Derive").field(derivation).finish(),
            Self::NeedBody(want) => f.debug_tuple("NeedBody").field(want).finish(),
            Self::Verdicts(verdicts) => f.debug_tuple("Verdicts").field(verdicts).finish(),
            Self::Ready(until) => f.debug_tuple("Ready").field(until).finish(),
            Self::Wait(until) => f.debug_tuple("Wait").field(until).finish(),
            Self::Reversed => f.write_str("Reversed"),
            Self::Close(ending) => f.debug_tuple("Close").field(ending).finish(),
        }
    }
}
