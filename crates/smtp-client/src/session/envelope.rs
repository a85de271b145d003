//! MAIL, RCPT and the question whether the message may come (RFC 5321 section 3.3), in one go where the peer takes it so
//! (RFC 2920).

use std::collections::VecDeque;
use std::time::Duration;

use reply::Enhanced;

use super::chunks::Chunking;
use super::context::Context;
use super::message::Sending;
use super::work::{Work, rest};
use super::{State, chunks, message};
use crate::ending::Stage;
use crate::heard::{Class, Fault, Heard, Said};
use crate::outcome::{Outcome, Reason};

/// The envelope is being told.
pub(super) struct Enveloping {
    pub(super) work: Box<Work>,
    /// Commands whose replies are awaited, in order (RFC 2920 section 3.1: one for each).
    sent: VecDeque<Step>,
    /// Commands that are not sent yet.
    unsent: VecDeque<Step>,
    /// What DATA was answered, if it was asked.
    may_send: Option<bool>,
}

/// One command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Reset,
    Mail,
    Rcpt(usize),
    Data,
}

/// Offers the message to those who are not settled yet, or tells what became of all.
pub(super) fn next_round(mut work: Box<Work>, context: &mut Context) -> State {
    if !work.is_done() && !context.may_begin() {
        work.settle_open(&Outcome::NotTried);
    }
    if work.is_done() {
        work.tell(context);
        return rest(context);
    }
    work.choose(context);
    let mut unsent = VecDeque::new();
    if context.dirty {
        unsent.push_back(Step::Reset);
    }
    unsent.push_back(Step::Mail);
    unsent.extend(work.round.iter().copied().map(Step::Rcpt));
    // RFC 2920 section 3.1: DATA ends a group. A chunk is not sent on trust: nobody may want it.
    if context.features.pipelining && !context.features.chunking {
        unsent.push_back(Step::Data);
    }
    let enveloping = Enveloping {
        work,
        sent: VecDeque::new(),
        unsent,
        may_send: None,
    };
    Box::new(enveloping).go_on(context)
}

impl Enveloping {
    pub(super) fn stage(&self) -> Stage {
        self.sent.front().map_or(Stage::Mail, |step| match step {
            Step::Reset => Stage::Reset,
            Step::Mail => Stage::Mail,
            Step::Rcpt(_) => Stage::Rcpt,
            Step::Data => Stage::Data,
        })
    }

    /// Sends what may be sent now, or moves on.
    fn go_on(mut self: Box<Self>, context: &mut Context) -> State {
        if self.sent.is_empty() {
            self.send(context);
        }
        if let Some(step) = self.sent.front() {
            let time = step.time(context);
            context.allow(time);
            return State::Enveloping(self);
        }
        self.told(context)
    }

    /// Sends the next command, or all of them where that is allowed. RFC 2920 section 3.1: never more than one otherwise.
    fn send(&mut self, context: &mut Context) {
        let most = if context.features.pipelining {
            usize::MAX
        } else {
            1
        };
        let mut group = String::new();
        for step in self.unsent.drain(..self.unsent.len().min(most)) {
            let work = &self.work;
            match step {
                Step::Reset => group.push_str("RSET"),
                Step::Mail => {
                    context.mails += 1;
                    group.push_str(&mail(work, context, work.bare));
                }
                Step::Rcpt(recipient) => {
                    let transaction = &work.transaction;
                    group.push_str(&transaction.rcpt(recipient, &context.features, work.utf8));
                }
                Step::Data => group.push_str("DATA"),
            }
            group.push_str("\r\n");
            self.sent.push_back(step);
        }
        if !group.is_empty() {
            context.send(group);
        }
    }

    /// Takes the reply to the oldest command that has none.
    pub(super) fn heard(mut self: Box<Self>, heard: &Heard, context: &mut Context) -> State {
        let Some(step) = self.sent.front().copied() else {
            return State::Enveloping(self).unfit(Fault::OutOfTurn(heard.said()), context);
        };
        let fits = match (step, heard.class()) {
            (Step::Reset, Class::Done) => {
                context.dirty = false;
                true
            }
            // A peer that does not forget cannot be told anything new.
            (Step::Reset, Class::NotNow | Class::Never) => {
                return State::Enveloping(self).refused(heard.said(), context);
            }
            (Step::Mail, Class::Done) => {
                context.dirty = true;
                context.bare = self.work.bare;
                true
            }
            (Step::Mail, Class::NotNow | Class::Never) => {
                self.mail_refused(&heard.said(), context);
                true
            }
            (Step::Rcpt(recipient), Class::Done) => {
                // RFC 2920 section 3.1: a peer that takes recipients after refusing the sender means nothing by it.
                if self.work.round.contains(&recipient) {
                    self.work.taken.push(recipient);
                }
                true
            }
            (Step::Rcpt(recipient), Class::NotNow | Class::Never) => {
                self.rcpt_refused(recipient, heard.said());
                true
            }
            (Step::Data, Class::GoOn) => {
                self.may_send = Some(true);
                true
            }
            // RFC 5321 section 3.3: nothing is sent then.
            (Step::Data, Class::NotNow | Class::Never) => {
                self.may_send = Some(false);
                let outcome = refusal(Stage::Data, heard.said());
                self.work.settle_taken(&outcome);
                true
            }
            (Step::Data, Class::Done) | (Step::Reset | Step::Mail | Step::Rcpt(_), Class::GoOn) => {
                false
            }
        };
        if !fits {
            return State::Enveloping(self).unfit(Fault::Unfit(heard.said()), context);
        }
        self.sent.pop_front();
        self.go_on(context)
    }

    /// Nobody of this round gets it, unless the same can be said in fewer words: some servers offer AUTH or SIZE and do not
    /// know what MAIL may say because of it.
    fn mail_refused(&mut self, said: &Said, context: &Context) {
        let work = &mut self.work;
        let fewer = !work.bare && mail(work, context, true) != mail(work, context, false);
        if fewer && is_about_words(said) && context.may_begin() {
            work.bare = true;
            work.round.clear();
            self.unsent.clear();
            return;
        }
        let outcome = refusal(Stage::Mail, said.clone());
        self.work.settle_round(&outcome);
        self.unsent.clear();
    }

    fn rcpt_refused(&mut self, recipient: usize, said: Said) {
        if !self.work.round.contains(&recipient) {
            // MAIL was refused before, and that is all there is to it.
            return;
        }
        if is_too_many(&said) && !self.work.taken.is_empty() {
            // They are offered again in a transaction of their own.
            return;
        }
        // RFC 5321 section 4.5.3.1.10: that there are too many is never for good, whatever the code.
        let outcome = if said.enhanced.is_some_and(says_too_many) {
            let at = Stage::Rcpt;
            Outcome::Deferred(Reason::Said { at, said })
        } else {
            refusal(Stage::Rcpt, said)
        };
        self.work.settle(recipient, outcome);
    }

    /// Every command was answered.
    fn told(mut self: Box<Self>, context: &mut Context) -> State {
        match (self.may_send, self.work.taken.is_empty()) {
            (Some(true), false) => message::begin(Sending::new(self.work), context),
            // RFC 2920 section 3.1: everybody was refused and the peer waits for a message all the same.
            (Some(true), true) => {
                context.send(&b".\r\n"[..]);
                context.allow(context.config.timeouts.finish);
                State::Discarding(self.work)
            }
            (Some(false), _) | (None, true) => next_round(self.work, context),
            (None, false) if context.features.chunking => {
                chunks::begin(Chunking::new(self.work), context)
            }
            (None, false) => {
                self.unsent.push_back(Step::Data);
                self.go_on(context)
            }
        }
    }
}

impl Step {
    /// How long its reply may take (RFC 5321 section 4.5.3.2).
    fn time(self, context: &Context) -> Duration {
        let timeouts = &context.config.timeouts;
        match self {
            Self::Reset => timeouts.command,
            Self::Mail => timeouts.mail,
            Self::Rcpt(_) => timeouts.rcpt,
            Self::Data => timeouts.data,
        }
    }
}

/// The line of MAIL, with or without what can be left out.
fn mail(work: &Work, context: &Context, bare: bool) -> String {
    let (transaction, logged_in) = (&work.transaction, context.logged_in);
    if bare {
        transaction.mail(&context.features.bare(), work.utf8, logged_in)
    } else {
        transaction.mail(&context.features, work.utf8, logged_in)
    }
}

/// Whether it may be the parameters that are not liked (RFC 5321 section 4.1.1.11: 555, 501 for their values; 504).
fn is_about_words(said: &Said) -> bool {
    matches!(said.code, 501 | 504 | 555)
}

/// A refusal of the peer's. RFC 5321 section 4.2.1: 4yz while it lasts, 5yz for good.
pub(super) fn refusal(at: Stage, said: Said) -> Outcome {
    let lasting = said.is_lasting();
    let reason = Reason::Said { at, said };
    if lasting {
        Outcome::Failed(reason)
    } else {
        Outcome::Deferred(reason)
    }
}

/// RFC 5321 section 4.5.3.1.10: too many recipients is 452, and 552 where that was said in its place. Both codes have other
/// meanings, which the enhanced code (RFC 3463, X.5.3 here) tells apart.
fn is_too_many(said: &Said) -> bool {
    matches!(said.code, 452 | 552) && said.enhanced.is_none_or(says_too_many)
}

/// X.5.3.
fn says_too_many(status: Enhanced) -> bool {
    (status.1, status.2) == (5, 3)
}
