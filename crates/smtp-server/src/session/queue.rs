//! ETRN (RFC 1985) and ATRN (RFC 2645): customers ask for the mail that waits for them. Who may, and what waits, is the
//! host's to say; the mail itself goes over a connection of its own, or over this one once it is handed over.

use reply::{Reply, Row, smtp};
use wire::Output;

use super::context::Context;
use super::phase::Phase;
use super::{State, Turn};
use crate::ask::{Ask, QueueRefusal, QueueVerdict, TurnVerdict};
use crate::command::Verb;
use crate::command::queue::{self, Node};
use crate::config::Role;

/// Takes ETRN.
pub(super) fn etrn(phase: Phase, argument: &[u8], context: &mut Context) -> Turn {
    if !context.config.etrn {
        return phase.refuse_row(&smtp::NOT_IMPLEMENTED, context);
    }
    if context.needs_tls() {
        return phase.refuse_row(&smtp::START_TLS_FIRST, context);
    }
    let node = match queue::node(argument) {
        Ok(node) => node,
        Err(reply) => return phase.refuse(reply, context),
    };
    match phase {
        // It is an extension, so it comes after EHLO told of it (RFC 1985 section 3).
        Phase::Connected => phase.refuse_row(&smtp::EHLO_FIRST, context),
        // RFC 1985 section 5.
        Phase::Transaction(_) => phase.refuse_row(&smtp::NOT_IN_TRANSACTION, context),
        Phase::Greeted(_) if context.needs_login() => {
            phase.refuse_row(&smtp::LOG_IN_FIRST, context)
        }
        Phase::Greeted(_) => Turn::ask(
            Ask::RunQueue(node.clone()),
            State::AskingQueue(AskingQueue { phase, node }),
        ),
    }
}

/// ETRN is with the host.
#[derive(Debug)]
pub(super) struct AskingQueue {
    phase: Phase,
    node: Node,
}

impl AskingQueue {
    pub(super) fn answered(self, verdict: QueueVerdict, context: &mut Context) -> Turn {
        let of = |row: &'static Row| Reply::new(row).arg("node", &self.node);
        let reply = match verdict {
            QueueVerdict::Accepted => of(&smtp::QUEUE_RUN),
            QueueVerdict::Empty => of(&smtp::QUEUE_EMPTY),
            QueueVerdict::Begun => of(&smtp::QUEUE_BEGUN),
            QueueVerdict::Counted(count) => of(&smtp::QUEUE_COUNTED).arg("count", count),
            QueueVerdict::Stuck => of(&smtp::QUEUE_STUCK),
            QueueVerdict::Forbidden(refusal) => {
                let reply = of(&smtp::QUEUE_FORBIDDEN).arg("reason", reason(refusal));
                return self.phase.refuse(reply, context);
            }
        };
        self.phase.say(reply)
    }
}

fn reason(refusal: QueueRefusal) -> &'static str {
    match refusal {
        QueueRefusal::NotListed => "it is not set up for that here",
        QueueRefusal::Client => "not for this client",
        QueueRefusal::LogIn => "log in first",
    }
}

/// RFC 2645 section 5.4: what there is on port 366. Everything else is refused, MAIL before all.
pub(super) fn is_on_demand(verb: Verb) -> bool {
    match verb {
        Verb::Ehlo
        | Verb::Helo
        | Verb::Rset
        | Verb::Noop
        | Verb::Quit
        | Verb::Help
        | Verb::StartTls
        | Verb::Auth
        | Verb::Atrn
        // Whether a proxy may speak is settled where it is for all listeners.
        | Verb::XClient
        | Verb::XForward
        // These are refused everywhere.
        | Verb::NotOffered
        | Verb::Http => true,
        // BDAT must take its octets first; it is refused all the same.
        Verb::Bdat => true,
        Verb::Mail | Verb::Rcpt | Verb::Data | Verb::Vrfy | Verb::Expn | Verb::Etrn => false,
    }
}

/// Takes ATRN.
pub(super) fn atrn(phase: Phase, argument: &[u8], context: &mut Context) -> Turn {
    if context.role != Role::OnDemand {
        return phase.refuse_row(&smtp::NOT_IMPLEMENTED, context);
    }
    if context.needs_tls() {
        return phase.refuse_row(&smtp::START_TLS_FIRST, context);
    }
    let greeted = match phase {
        Phase::Greeted(_) => phase,
        Phase::Connected | Phase::Transaction(_) => {
            return phase.refuse_row(&smtp::EHLO_FIRST, context);
        }
    };
    if context.login.is_none() {
        return greeted.refuse_row(&smtp::LOG_IN_TO_TURN, context);
    }
    match queue::domains(argument) {
        Ok(domains) => Turn::ask(
            Ask::Turn(domains),
            State::AskingTurn(AskingTurn { phase: greeted }),
        ),
        Err(reply) => greeted.refuse(reply, context),
    }
}

/// ATRN is with the host.
#[derive(Debug)]
pub(super) struct AskingTurn {
    phase: Phase,
}

impl AskingTurn {
    pub(super) fn answered(self, verdict: TurnVerdict, context: &mut Context) -> Turn {
        match verdict {
            TurnVerdict::Granted => Turn::reply(Reply::new(&smtp::TURNED), State::Turning),
            TurnVerdict::NotGranted => self.phase.refuse_row(&smtp::TURN_REFUSED, context),
            TurnVerdict::Unclear => self.phase.reply(&smtp::TURN_UNCLEAR),
            TurnVerdict::Empty => self.phase.reply(&smtp::TURN_EMPTY),
            TurnVerdict::TryLater => self.phase.reply(&smtp::TRY_LATER),
        }
    }
}

/// Gives the connection away. A customer waits for 250 before it greets, so what came behind ATRN before that is no reply
/// to anything: it is forgotten, as behind STARTTLS. Taken for replies, it would let whoever smuggled it in answer for the
/// customer.
pub(super) fn hand_over(context: &mut Context) -> Turn {
    context.reader.clear();
    Turn {
        output: Output::HandOver,
        next: State::Gone,
    }
}
