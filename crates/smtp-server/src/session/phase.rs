//! The three situations in which a command may come, and how a command is answered in any of them.

use std::time::Instant;

use reply::{Reply, Row, smtp};

use super::chunk::Message;
use super::context::{Context, Patience};
use super::{State, Turn};
use crate::ask::Ask;
use crate::helo::Helo;
use crate::trace::Origin;

/// Octets that may wait behind a reply held back. With more, waiting would cost memory instead of the peer's
/// time; the error budget ends such a session soon enough.
pub(super) const BACKLOG: usize = 64 * 1024;

/// How far the client has come.
#[derive(Debug)]
pub(super) enum Phase {
    /// It has not said EHLO or HELO since the connection, or TLS, began. RFC 5321 section 4.1.4: NOOP, HELP, EXPN, VRFY
    /// and RSET do not need it.
    Connected,
    /// It has.
    Greeted(Greeted),
    /// MAIL was accepted.
    Transaction(Transaction),
}

/// After EHLO or HELO.
#[derive(Debug)]
pub(super) struct Greeted {
    pub(super) helo: Helo,
}

/// After MAIL.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) greeted: Greeted,
    /// RCPT commands so far.
    pub(super) attempted: u32,
    /// Those of them that were accepted.
    pub(super) accepted: u32,
    /// MAIL said SMTPUTF8.
    pub(super) smtputf8: bool,
    /// Where the message came from, in the words of XFORWARD.
    pub(super) origin: Option<Box<Origin>>,
    /// What has come of the message by BDAT.
    pub(super) message: Option<Box<Message>>,
}

impl Greeted {
    /// Answers, and waits for the next command.
    pub(super) fn reply(self, row: &'static Row) -> Turn {
        Phase::Greeted(self).reply(row)
    }
}

impl Phase {
    /// Answers with a row that needs no arguments, and waits for the next command.
    pub(super) fn reply(self, row: &'static Row) -> Turn {
        self.say(Reply::new(row))
    }

    /// Answers, and waits for the next command.
    pub(super) fn say(self, reply: Reply) -> Turn {
        Turn::reply(reply, State::Commanding(self))
    }

    /// Refuses with a row that needs no arguments; see [`Phase::refuse`].
    pub(super) fn refuse_row(self, row: &'static Row, context: &mut Context) -> Turn {
        self.refuse(Reply::new(row), context)
    }

    /// Refuses a command. Refusals are counted: half of the budget slows the session down, all of it ends it.
    pub(super) fn refuse(self, reply: Reply, context: &mut Context) -> Turn {
        let after = match context.count_error() {
            Patience::Plenty => return self.say(reply),
            Patience::Little => Some(self),
            Patience::None => None,
        };
        let slowed = Box::new(Slowed {
            until: context.now + context.config.slow_reply,
            reply,
            after,
        });
        slowed.proceed(context)
    }

    /// After a RCPT that named nobody. RFC 9422 section 4.2: RCPTMAX counts each, whatever becomes of it.
    pub(super) fn with_one_more_rcpt(mut self) -> Self {
        match &mut self {
            Self::Transaction(transaction) => {
                transaction.attempted = transaction.attempted.saturating_add(1);
            }
            Self::Connected | Self::Greeted(_) => {}
        }
        self
    }

    /// Forgets the transaction, if there is one, then answers and goes on as `next`.
    pub(super) fn reset(self, reply: Reply, next: Self) -> Turn {
        match self {
            Self::Connected | Self::Greeted(_) => next.say(reply),
            Self::Transaction(_) => Abandoning::begin(reply, next),
        }
    }
}

/// A reply is held back, because the peer made too many mistakes.
#[derive(Debug)]
pub(super) struct Slowed {
    until: Instant,
    reply: Reply,
    /// How it goes on; `None` when the budget is spent.
    after: Option<Phase>,
}

impl Slowed {
    pub(super) fn proceed(self: Box<Self>, context: &Context) -> Turn {
        if context.now < self.until && context.reader.len() <= BACKLOG {
            return Turn::wait(self.until, State::Slowed(self));
        }
        match self.after {
            Some(phase) => phase.say(self.reply),
            // RFC 5321 section 3.8: the reply to the command first, then 421.
            None => Turn::reply(
                self.reply,
                State::Leaving(context.named(&smtp::ERROR_LIMIT)),
            ),
        }
    }
}

/// The host forgets a transaction.
#[derive(Debug)]
pub(super) struct Abandoning {
    reply: Reply,
    /// The reply counts as an error.
    counts: bool,
    next: Phase,
}

impl Abandoning {
    pub(super) fn begin(reply: Reply, next: Phase) -> Turn {
        Self::ask(reply, false, next)
    }

    /// The same where the client made a mistake; see [`Phase::refuse`].
    pub(super) fn refusing(reply: Reply, next: Phase) -> Turn {
        Self::ask(reply, true, next)
    }

    fn ask(reply: Reply, counts: bool, next: Phase) -> Turn {
        let abandoning = Box::new(Self {
            reply,
            counts,
            next,
        });
        Turn::ask(Ask::Abandon, State::Abandoning(abandoning))
    }

    pub(super) fn done(self, context: &mut Context) -> Turn {
        if self.counts {
            self.next.refuse(self.reply, context)
        } else {
            self.next.say(self.reply)
        }
    }
}
