//! BDAT (RFC 3030 section 2): a message in chunks whose octets the client counts.
//!
//! Whatever becomes of a chunk, exactly the octets announced are taken for it, so commands and message never get
//! mixed up. A chunk that is refused ends its transaction: a message with a piece missing must never be delivered.

use std::time::Instant;

use reply::{Reply, Row, smtp};
use wire::Output;

use super::context::Context;
use super::message::{self, AskingFinish, Pulse};
use super::phase::{Abandoning, Phase, Transaction};
use super::{State, Turn};
use crate::ask::{Ask, DataVerdict};
use crate::command::bdat::{self, Chunk};
use crate::config::Role;
use crate::data::Intake;

/// A message of which some chunks have come.
#[derive(Debug)]
pub(super) struct Message {
    intake: Intake,
    began: Instant,
}

/// Takes the command; its octets follow.
pub(super) fn bdat(phase: Phase, argument: &[u8], context: &mut Context) -> Turn {
    let Some(chunk) = bdat::parse(argument) else {
        // Nobody knows where the next command begins: going on could take a piece of a message for one.
        return Turn::leave(Reply::new(&smtp::BDAT_USAGE));
    };
    if chunk.octets == 0 && !chunk.last && context.count_idle_command() {
        return Turn::leave(context.named(&smtp::IDLE_LIMIT));
    }
    if let Some(row) = refusal(&phase, context) {
        return Chunking::discard(chunk, phase, Refusal::Fault(row), context);
    }
    match phase {
        Phase::Transaction(mut transaction) => match transaction.message.take() {
            Some(message) => Chunking::begin(chunk, transaction, message, context),
            None => Turn::ask(
                Ask::Data(Box::new(message::trace(&transaction, context))),
                State::AskingChunk(AskingChunk { transaction, chunk }),
            ),
        },
        Phase::Connected | Phase::Greeted(_) => {
            Chunking::discard(chunk, phase, Refusal::Fault(&smtp::MAIL_FIRST), context)
        }
    }
}

/// Why no chunk can be taken now; the same reasons as for DATA.
fn refusal(phase: &Phase, context: &Context) -> Option<&'static Row> {
    if context.needs_tls() {
        return Some(&smtp::START_TLS_FIRST);
    }
    // RFC 2645 section 5.4: there is no mail to be taken.
    if context.role == Role::OnDemand {
        return Some(&smtp::NOT_IMPLEMENTED);
    }
    match phase {
        Phase::Greeted(_) if context.needs_login() => Some(&smtp::LOG_IN_FIRST),
        Phase::Connected | Phase::Greeted(_) => Some(&smtp::MAIL_FIRST),
        Phase::Transaction(transaction) if transaction.attempted == 0 => Some(&smtp::RCPT_FIRST),
        Phase::Transaction(transaction) if transaction.accepted == 0 => Some(&smtp::ALL_REFUSED),
        Phase::Transaction(_) => None,
    }
}

/// The first chunk of a message is with the host.
#[derive(Debug)]
pub(super) struct AskingChunk {
    transaction: Transaction,
    chunk: Chunk,
}

impl AskingChunk {
    pub(super) fn answered(self, verdict: DataVerdict, context: &mut Context) -> Turn {
        let Self { transaction, chunk } = self;
        let row = match verdict {
            DataVerdict::Go => {
                let message = Box::new(Message {
                    intake: Intake::counted(&context.config, context.bare_newline),
                    began: context.now,
                });
                return Chunking::begin(chunk, transaction, message, context);
            }
            DataVerdict::StoreLow => &smtp::STORE_LOW,
            DataVerdict::TryLater => &smtp::TRY_LATER,
        };
        let phase = Phase::Transaction(transaction);
        Chunking::discard(chunk, phase, Refusal::OurSide(row), context)
    }
}

/// The octets of a chunk are coming in.
#[derive(Debug)]
pub(super) struct Chunking {
    chunk: Chunk,
    /// Octets still to come.
    missing: u64,
    /// Octets that count for the minimum rate.
    received: u64,
    pulse: Pulse,
    to: Destination,
}

/// Where the octets go.
#[derive(Debug)]
enum Destination {
    Message(Transaction, Box<Message>),
    Nowhere(Phase, Refusal),
}

/// What to say once the octets of a refused chunk have gone by.
#[derive(Debug)]
enum Refusal {
    /// The client's mistake, which counts.
    Fault(&'static Row),
    OurSide(&'static Row),
}

impl Chunking {
    fn begin(
        chunk: Chunk,
        transaction: Transaction,
        message: Box<Message>,
        context: &mut Context,
    ) -> Turn {
        // The whole message is held to the minimum rate: small chunks at long intervals are no way around it.
        let began = message.began;
        let received = message.intake.received();
        let to = Destination::Message(transaction, message);
        Self::start(chunk, began, received, to, context)
    }

    /// RFC 3030 section 2: the octets of a chunk that fails are read and dropped before it is told.
    fn discard(chunk: Chunk, phase: Phase, refusal: Refusal, context: &mut Context) -> Turn {
        let to = Destination::Nowhere(phase, refusal);
        Self::start(chunk, context.now, 0, to, context)
    }

    fn start(
        chunk: Chunk,
        began: Instant,
        received: u64,
        to: Destination,
        context: &mut Context,
    ) -> Turn {
        let mut chunking = Box::new(Self {
            chunk,
            missing: chunk.octets,
            received,
            pulse: Pulse {
                began,
                heard: context.now,
            },
            to,
        });
        // What was sent along with the command.
        let most = usize::try_from(chunk.octets).unwrap_or(usize::MAX);
        let ahead = context.reader.take_front(most);
        chunking.swallow(&ahead);
        chunking.proceed(context)
    }

    /// Takes what belongs to the chunk; behind it are commands again.
    pub(super) fn take_in(&mut self, octets: &[u8], context: &mut Context) {
        self.pulse.heard = context.now;
        let mine =
            usize::try_from(self.missing).map_or(octets.len(), |most| most.min(octets.len()));
        let (mine, behind) = octets.split_at(mine);
        self.swallow(mine);
        if !behind.is_empty() {
            context.reader.push(behind);
        }
    }

    fn swallow(&mut self, octets: &[u8]) {
        self.missing -= octets.len() as u64;
        self.received += octets.len() as u64;
        match &mut self.to {
            Destination::Message(_, message) => message.intake.take_in(octets),
            Destination::Nowhere(..) => {}
        }
    }

    pub(super) fn proceed(mut self: Box<Self>, context: &mut Context) -> Turn {
        if let Destination::Message(_, message) = &mut self.to {
            if let Some(octets) = message.intake.chunk() {
                return Turn {
                    output: Output::Body(octets),
                    next: State::Chunking(self),
                };
            }
            if self.missing == 0 && self.chunk.last && !message.intake.is_done() {
                message.intake.finish();
                return self.proceed(context);
            }
        }
        if self.missing > 0 {
            return Turn::wait(self.deadline(context), State::Chunking(self));
        }
        self.end(context)
    }

    /// All octets announced have come.
    fn end(self, context: &mut Context) -> Turn {
        match self.to {
            Destination::Message(mut transaction, message) => {
                if let Some(reply) = message.intake.refusal() {
                    return Abandoning::begin(reply, Phase::Greeted(transaction.greeted));
                }
                if self.chunk.last {
                    return AskingFinish::begin(transaction.greeted);
                }
                transaction.message = Some(message);
                let reply = Reply::new(&smtp::CHUNK_RECEIVED).arg("octets", self.chunk.octets);
                Phase::Transaction(transaction).say(reply)
            }
            Destination::Nowhere(Phase::Transaction(transaction), refusal) => {
                let next = Phase::Greeted(transaction.greeted);
                match refusal {
                    Refusal::Fault(row) => Abandoning::refusing(Reply::new(row), next),
                    Refusal::OurSide(row) => Abandoning::begin(Reply::new(row), next),
                }
            }
            Destination::Nowhere(phase, Refusal::Fault(row)) => phase.refuse_row(row, context),
            Destination::Nowhere(phase, Refusal::OurSide(row)) => phase.reply(row),
        }
    }

    fn deadline(&self, context: &Context) -> Instant {
        self.pulse.deadline(self.received, context)
    }

    pub(super) fn is_overdue(&self, context: &Context) -> bool {
        context.now >= self.deadline(context)
    }

    pub(super) fn time_out(&self, context: &Context) -> Turn {
        self.pulse.time_out(context)
    }
}
