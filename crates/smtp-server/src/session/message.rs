//! DATA, the message itself, and the reply to its end.

use std::time::{Duration, Instant};

use reply::{Reply, smtp};
use wire::Output;

use super::context::Context;
use super::phase::{Abandoning, Greeted, Phase, Transaction};
use super::{State, Turn};
use crate::ask::{Ask, DataVerdict, FinishVerdict};
use crate::data::Intake;
use crate::trace::{Trace, protocol};

/// RFC 5321 section 4.1.1.4.
pub(super) fn data(phase: Phase, argument: &[u8], context: &mut Context) -> Turn {
    if !argument.is_empty() {
        return phase.refuse_row(&smtp::DATA_USAGE, context);
    }
    let transaction = match phase {
        Phase::Transaction(transaction) => transaction,
        Phase::Greeted(_) if context.needs_login() => {
            return phase.refuse_row(&smtp::LOG_IN_FIRST, context);
        }
        Phase::Connected | Phase::Greeted(_) => {
            return phase.refuse_row(&smtp::MAIL_FIRST, context);
        }
    };
    // RFC 3030 section 2: one message comes with DATA or with BDAT, not with both.
    if transaction.message.is_some() {
        return Phase::Transaction(transaction).refuse_row(&smtp::OUT_OF_ORDER, context);
    }
    // RFC 5321 section 3.3: 503 or 554, and a reader is helped by knowing which of the two it was.
    if transaction.attempted == 0 {
        return Phase::Transaction(transaction).refuse_row(&smtp::RCPT_FIRST, context);
    }
    // RFC 2920 section 3.1: also when DATA came in one group with RCPT.
    if transaction.accepted == 0 {
        return Phase::Transaction(transaction).refuse_row(&smtp::ALL_REFUSED, context);
    }
    Turn::ask(
        Ask::Data(Box::new(trace(&transaction, context))),
        State::AskingData(AskingData { transaction }),
    )
}

/// How the message came, for its Received field.
pub(super) fn trace(transaction: &Transaction, context: &Context) -> Trace {
    let helo = &transaction.greeted.helo;
    Trace {
        helo: helo.name.clone(),
        protocol: protocol(
            helo.extended,
            context.tls.is_some(),
            context.login.is_some(),
            transaction.smtputf8,
        ),
        smtputf8: transaction.smtputf8,
        peer: context.peer,
        name: context.client_name.clone(),
        origin: transaction.origin.as_deref().cloned(),
        tls: context.tls.clone(),
        login: context.login.clone(),
    }
}

/// DATA is with the host.
#[derive(Debug)]
pub(super) struct AskingData {
    transaction: Transaction,
}

impl AskingData {
    pub(super) fn answered(self, verdict: DataVerdict, context: &mut Context) -> Turn {
        match verdict {
            DataVerdict::Go => Receiving::begin(self.transaction.greeted, context),
            // The transaction stands, so that the client may try DATA again.
            DataVerdict::StoreLow => Phase::Transaction(self.transaction).reply(&smtp::STORE_LOW),
            DataVerdict::TryLater => Phase::Transaction(self.transaction).reply(&smtp::TRY_LATER),
        }
    }
}

/// A message is coming in.
#[derive(Debug)]
pub(super) struct Receiving {
    greeted: Greeted,
    intake: Intake,
    pulse: Pulse,
}

impl Receiving {
    fn begin(greeted: Greeted, context: &mut Context) -> Turn {
        let intake = Intake::new(&context.config, context.bare_newline);
        let mut receiving = Box::new(Self {
            greeted,
            intake,
            pulse: Pulse {
                began: context.now,
                heard: context.now,
            },
        });
        // Well-behaved clients wait for 354; what others sent ahead is the beginning of the message.
        let ahead = context.reader.take();
        if !ahead.is_empty() {
            receiving.intake.take_in(&ahead);
        }
        Turn::reply(Reply::new(&smtp::SEND_MESSAGE), State::Receiving(receiving))
    }

    pub(super) fn take_in(&mut self, octets: &[u8], context: &Context) {
        self.pulse.heard = context.now;
        self.intake.take_in(octets);
    }

    pub(super) fn proceed(mut self: Box<Self>, context: &mut Context) -> Turn {
        if let Some(octets) = self.intake.chunk() {
            return Turn {
                output: Output::Body(octets),
                next: State::Receiving(self),
            };
        }
        if self.intake.is_done() {
            return self.end(context);
        }
        Turn::wait(self.deadline(context), State::Receiving(self))
    }

    /// The lone dot was seen. What follows it are commands again.
    fn end(self, context: &mut Context) -> Turn {
        let refusal = self.intake.refusal();
        let rest = self.intake.into_rest();
        if !rest.is_empty() {
            context.reader.push(&rest);
        }
        match refusal {
            // RFC 5321 section 4.2.5: what is refused now is delivered to nobody.
            Some(reply) => Abandoning::begin(reply, Phase::Greeted(self.greeted)),
            None => AskingFinish::begin(self.greeted),
        }
    }

    fn deadline(&self, context: &Context) -> Instant {
        self.pulse.deadline(self.intake.received(), context)
    }

    pub(super) fn is_overdue(&self, context: &Context) -> bool {
        context.now >= self.deadline(context)
    }

    pub(super) fn time_out(&self, context: &Context) -> Turn {
        self.pulse.time_out(context)
    }
}

/// When a message, or a piece of it, moved.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pulse {
    pub(super) began: Instant,
    /// When the last octets came.
    pub(super) heard: Instant,
}

impl Pulse {
    /// A message may take as long as it likes, if only it moves: silence is bounded by the command timeout, and
    /// beyond that time the octets so far must have come at the minimum rate on average. A server that stops waits
    /// for the end of the message, but not for ever.
    pub(super) fn deadline(&self, received: u64, context: &Context) -> Instant {
        let timeout = context.config.command_timeout;
        let silence = self.heard + timeout;
        let rate = received.checked_div(context.config.min_rate);
        let slow = rate.map(|seconds| self.began + timeout + Duration::from_secs(seconds));
        [slow, context.last_call]
            .into_iter()
            .flatten()
            .fold(silence, Instant::min)
    }

    /// What a client is told that took too long.
    pub(super) fn time_out(&self, context: &Context) -> Turn {
        let silent = context.now >= self.heard + context.config.command_timeout;
        let stopped = context.last_call.is_some_and(|last| context.now >= last);
        Turn::leave(context.named(if stopped {
            &smtp::STOPPING
        } else if silent {
            &smtp::TIMEOUT
        } else {
            &smtp::TOO_SLOW
        }))
    }
}

/// The complete message is with the host.
#[derive(Debug)]
pub(super) struct AskingFinish {
    greeted: Greeted,
}

impl AskingFinish {
    pub(super) fn begin(greeted: Greeted) -> Turn {
        Turn::ask(Ask::Finish, State::AskingFinish(Self { greeted }))
    }

    pub(super) fn answered(self, verdict: FinishVerdict, context: &mut Context) -> Turn {
        match verdict {
            FinishVerdict::Stored { id } => {
                context.forgive_idle_commands();
                Phase::Greeted(self.greeted).say(Reply::new(&smtp::STORED).arg("id", id))
            }
            FinishVerdict::StoreLow => self.greeted.reply(&smtp::STORE_LOW),
            FinishVerdict::QueueFull => self.greeted.reply(&smtp::QUEUE_FULL),
            // For the time being, whatever the policy: the others this message is for have room.
            FinishVerdict::MailboxFull => self.greeted.reply(&smtp::MAILBOX_FULL_FOR_NOW),
            FinishVerdict::Expired => {
                Phase::Greeted(self.greeted).refuse_row(&smtp::DELIVER_BY_EXPIRED, context)
            }
            FinishVerdict::Utf8NotTaken => {
                Phase::Greeted(self.greeted).refuse_row(&smtp::UTF8_NOT_TAKEN, context)
            }
            FinishVerdict::ListForbidden => {
                Phase::Greeted(self.greeted).refuse_row(&smtp::LIST_FORBIDDEN, context)
            }
            FinishVerdict::Circle(at) => {
                let reply = Reply::new(&smtp::CIRCLE).arg("recipient", at.to_string());
                Phase::Greeted(self.greeted).refuse(reply, context)
            }
            FinishVerdict::TryLater => self.greeted.reply(&smtp::NOT_STORED),
        }
    }
}
