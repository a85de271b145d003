//! The session: its states, and nothing about what happens in them.
//!
//! Each place where a session waits is a type that holds what is known there and nothing else; it consumes itself
//! and yields a [`Turn`]: one thing to do, and the state after it. This file only dispatches.

mod arrival;
mod aside;
mod barred;
mod chunk;
mod commanding;
mod context;
mod device;
mod encryption;
mod envelope;
mod login;
mod lookup;
mod message;
mod phase;
mod proxy;
mod queue;
mod recipient;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use reply::{Reply, smtp};
use wire::{Admission, Input, Output, Witness};

use crate::ask::{Answer, Ask};
use crate::config::{Config, Connection};
use context::Context;
use phase::Phase;

/// One SMTP session.
///
/// See [`wire::Session`] for how it is driven. Octets that arrive while a question is open, or while a reply is
/// held back, wait inside; whoever drives it bounds how many that are.
pub struct Session {
    context: Context,
    state: State,
    /// What the last event led to, if [`wire::Session::output`] has not fetched it yet.
    ready: Option<Output<Ask>>,
}

/// Where a session stands.
#[derive(Debug)]
enum State {
    /// Connected, not greeted yet.
    Arrived(Admission),
    /// A command is awaited.
    Commanding(Phase),
    /// A reply is held back.
    Slowed(Box<phase::Slowed>),
    /// Questions are open.
    AskingMail(envelope::AskingMail),
    AskingRcpt(recipient::AskingRcpt),
    AskingData(message::AskingData),
    AskingChunk(chunk::AskingChunk),
    AskingFinish(message::AskingFinish),
    Abandoning(Box<phase::Abandoning>),
    AskingLogin(login::AskingLogin),
    CancellingLogin(login::CancellingLogin),
    AskingVerify(lookup::AskingVerify),
    AskingExpand(lookup::AskingExpand),
    AskingQueue(queue::AskingQueue),
    AskingTurn(queue::AskingTurn),
    AskingTls(encryption::AskingTls),
    Claiming(proxy::Claiming),
    /// Nothing but QUIT is heard.
    Barred(barred::Barred),
    /// The client's answer to a challenge is awaited.
    Challenged(login::Challenged),
    /// A message is coming in.
    Receiving(Box<message::Receiving>),
    /// A chunk of a message is coming in.
    Chunking(Box<chunk::Chunking>),
    /// 220 was said to STARTTLS; the handshake comes next.
    Encrypting,
    /// The handshake runs.
    Handshaking,
    /// 250 was said to ATRN; the connection is given away next.
    Turning,
    /// One reply more, then the end.
    Leaving(Reply),
    /// Over. Also what a panic inside a transition leaves behind: such a session says nothing more.
    Gone,
}

/// One step of a session.
#[derive(Debug)]
struct Turn {
    output: Output<Ask>,
    next: State,
}

impl Turn {
    fn reply(reply: Reply, next: State) -> Self {
        Self {
            output: Output::Reply(reply),
            next,
        }
    }

    fn ask(ask: Ask, next: State) -> Self {
        Self {
            output: Output::Ask(ask),
            next,
        }
    }

    fn wait(until: Instant, next: State) -> Self {
        Self {
            output: Output::Wait(until),
            next,
        }
    }

    /// The last reply.
    fn leave(reply: Reply) -> Self {
        Self::reply(reply, State::Gone)
    }

    fn close() -> Self {
        Self {
            output: Output::Close,
            next: State::Gone,
        }
    }
}

impl Session {
    /// A session at its beginning; its first output is the greeting, or the refusal `connection` asks for.
    #[must_use]
    pub fn new(config: Arc<Config>, connection: Connection, now: Instant) -> Self {
        let state = State::Arrived(connection.admission);
        Self {
            context: Context::new(config, connection, now),
            state,
            ready: None,
        }
    }

    /// Makes a transition whose output is fetched later.
    fn turn(&mut self, transition: impl FnOnce(State, &mut Context) -> Turn) {
        let state = std::mem::replace(&mut self.state, State::Gone);
        let turn = transition(state, &mut self.context);
        self.state = turn.next;
        self.ready = Some(turn.output);
    }

    fn take_in(&mut self, octets: &[u8]) {
        match &mut self.state {
            State::Receiving(receiving) => receiving.take_in(octets, &self.context),
            State::Chunking(chunking) => chunking.take_in(octets, &mut self.context),
            // RFC 3207 section 4.2: what comes in clear behind STARTTLS is not believed.
            State::Encrypting
            | State::Handshaking
            | State::Turning
            | State::Leaving(_)
            | State::Gone => {}
            State::Arrived(_)
            | State::Commanding(_)
            | State::Slowed(_)
            | State::AskingMail(_)
            | State::AskingRcpt(_)
            | State::AskingData(_)
            | State::AskingChunk(_)
            | State::AskingFinish(_)
            | State::Abandoning(_)
            | State::AskingLogin(_)
            | State::CancellingLogin(_)
            | State::AskingVerify(_)
            | State::AskingExpand(_)
            | State::AskingQueue(_)
            | State::AskingTurn(_)
            | State::AskingTls(_)
            | State::Claiming(_)
            | State::Barred(_)
            | State::Challenged(_) => self.context.reader.push(octets),
        }
    }

    /// What comes next, as the states say it.
    fn next_output(&mut self) -> Output<Ask> {
        if let Some(output) = self.ready.take() {
            return output;
        }
        let state = std::mem::replace(&mut self.state, State::Gone);
        let turn = state.proceed(&mut self.context);
        self.state = turn.next;
        if matches!(self.state, State::Gone) {
            // Nobody will read what is left.
            self.context.reader.clear();
        }
        turn.output
    }
}

/// Shows nothing of what the client sent: passwords may be among it.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

impl wire::Session for Session {
    type Ask = Ask;
    type Answer = Answer;

    fn handle(&mut self, now: Instant, input: Input<'_, Answer>) {
        self.context.now = now;
        match input {
            Input::Bytes(octets) => self.take_in(octets),
            Input::Answer(answer) => self.turn(|state, context| state.answered(answer, context)),
            Input::TlsReady(facts) => {
                if matches!(self.state, State::Handshaking) {
                    self.turn(|_, context| encryption::begin_anew(facts, context));
                }
            }
            Input::Deadline => self.turn(State::expired),
            Input::Shutdown => self.context.stop(),
            // RFC 5321 section 4.1.1.10: the transaction under way goes with the connection; what was answered 250 stays.
            Input::Closed => {
                self.state = State::Gone;
                self.ready = None;
                self.context.reader.clear();
            }
        }
    }

    fn output(&mut self) -> Output<Ask> {
        let mut output = self.next_output();
        if let Output::Reply(reply) = &mut output
            && self.context.config.verbose
        {
            *reply = reply.clone().explained();
        }
        output
    }

    fn witness(&self) -> Witness<'_> {
        Witness {
            login: self.context.login.as_deref(),
            parted: self.context.parted,
        }
    }
}

impl State {
    /// Goes on as far as one output.
    fn proceed(self, context: &mut Context) -> Turn {
        match self {
            Self::Arrived(admission) => arrival::greet(admission, Phase::Connected, context),
            Self::Barred(barred) => barred.proceed(context),
            Self::Commanding(phase) => commanding::proceed(phase, context),
            Self::Slowed(slowed) => slowed.proceed(context),
            Self::Challenged(challenged) => challenged.proceed(context),
            Self::Receiving(receiving) => receiving.proceed(context),
            Self::Chunking(chunking) => chunking.proceed(context),
            Self::Encrypting => {
                context.reader.clear();
                Turn {
                    output: Output::StartTls,
                    next: Self::Handshaking,
                }
            }
            Self::Turning => queue::hand_over(context),
            Self::Leaving(reply) => Turn::leave(reply),
            Self::Gone => Turn::close(),
            // The driver does not ask for output now; if it does, there is nothing to do but wait.
            Self::AskingMail(_)
            | Self::AskingRcpt(_)
            | Self::AskingData(_)
            | Self::AskingChunk(_)
            | Self::AskingFinish(_)
            | Self::Abandoning(_)
            | Self::AskingLogin(_)
            | Self::CancellingLogin(_)
            | Self::AskingVerify(_)
            | Self::AskingExpand(_)
            | Self::AskingQueue(_)
            | Self::AskingTurn(_)
            | Self::AskingTls(_)
            | Self::Claiming(_)
            | Self::Handshaking => Turn::wait(context.now + context.config.command_timeout, self),
        }
    }

    /// Takes the host's answer.
    fn answered(self, answer: Answer, context: &mut Context) -> Turn {
        match (self, answer) {
            (Self::AskingMail(asking), Answer::Mail(verdict)) => asking.answered(verdict, context),
            (Self::AskingRcpt(asking), Answer::Rcpt(verdict)) => asking.answered(&verdict, context),
            (Self::AskingData(asking), Answer::Data(verdict)) => asking.answered(verdict, context),
            (Self::AskingChunk(asking), Answer::Data(verdict)) => asking.answered(verdict, context),
            (Self::AskingFinish(asking), Answer::Finish(verdict)) => {
                asking.answered(verdict, context)
            }
            (Self::Abandoning(abandoning), Answer::Done) => abandoning.done(context),
            (Self::AskingLogin(asking), Answer::Auth(verdict)) => asking.answered(verdict, context),
            (Self::CancellingLogin(cancelling), Answer::Done) => cancelling.done(context),
            (Self::AskingVerify(asking), Answer::Verify(verdict)) => {
                asking.answered(verdict, context)
            }
            (Self::AskingExpand(asking), Answer::Expand(verdict)) => {
                asking.answered(verdict, context)
            }
            (Self::AskingQueue(asking), Answer::Queue(verdict)) => {
                asking.answered(verdict, context)
            }
            (Self::AskingTurn(asking), Answer::Turn(verdict)) => asking.answered(verdict, context),
            (Self::AskingTls(asking), Answer::Tls(usable)) => asking.answered(usable),
            (Self::Claiming(claiming), Answer::Claimed(facts)) => claiming.answered(facts, context),
            // The peer left while its question was open.
            (Self::Gone, _) => Turn::close(),
            // An answer that fits no question is a fault of ours: fail closed.
            (_, _) => Turn::leave(context.named(&smtp::INTERNAL_FAILURE)),
        }
    }

    /// The deadline has passed: tells the client, unless the deadline has moved since.
    fn expired(self, context: &mut Context) -> Turn {
        let awaits_a_line = matches!(
            self,
            Self::Commanding(_) | Self::Challenged(_) | Self::Barred(_)
        );
        if awaits_a_line && context.is_overdue() {
            return context.time_out();
        }
        if let Self::Receiving(receiving) = &self
            && receiving.is_overdue(context)
        {
            return receiving.time_out(context);
        }
        if let Self::Chunking(chunking) = &self
            && chunking.is_overdue(context)
        {
            return chunking.time_out(context);
        }
        self.proceed(context)
    }
}
