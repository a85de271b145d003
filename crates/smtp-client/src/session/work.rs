//! A transaction as it is worked off: who is settled, who is offered now, who comes later.
//!
//! One transaction of ours may take several of the peer's, for it may take fewer recipients at a time than there are. In
//! each at least one recipient is settled, so there is an end to it.

use super::context::Context;
use super::envelope::{next_round, refusal};
use super::{Output, State, parting, turn};
use crate::ending::Ending;
use crate::outcome::{Lack, Outcome, Reason, Verdict};
use crate::transaction::{Transaction, domain, needs_utf8};

pub(super) struct Work {
    pub(super) transaction: Transaction,
    /// What became of each recipient, once that is known.
    settled: Vec<Option<Outcome>>,
    /// Those who are offered in the round under way.
    pub(super) round: Vec<usize>,
    /// Those of them whom the peer has taken so far.
    pub(super) taken: Vec<usize>,
    /// MAIL says SMTPUTF8 in this round.
    pub(super) utf8: bool,
    /// MAIL is said without parameters that can be left out.
    pub(super) bare: bool,
}

/// Begins a transaction.
pub(super) fn begin(transaction: Transaction, context: &mut Context) -> State {
    let mut work = Box::new(Work {
        settled: vec![None; transaction.envelope.recipients.len()],
        transaction,
        round: Vec::new(),
        taken: Vec::new(),
        utf8: false,
        bare: context.bare,
    });
    let obstacle = work.transaction.obstacle(
        &context.features,
        context.secured.as_ref(),
        context.config.just_send_8,
    );
    if let Some(outcome) = obstacle {
        work.settle_open(&outcome);
    } else if !context.features.smtputf8 {
        work.leave_out_international();
    }
    next_round(work, context)
}

/// Between transactions, and before the first.
pub(super) fn rest(context: &mut Context) -> State {
    if let Some(domains) = &context.config.clone().fetch {
        return turn::ask(domains, context);
    }
    if context.leaving || !context.may_begin() {
        return parting::part(Ending::Parted, context);
    }
    context.allow(context.config.timeouts.idle);
    State::Idle
}

impl Work {
    /// Chooses whom to offer next: as many as the peer takes at a time (RFC 9422 sections 4.2 and 4.3), and not more than
    /// we want to.
    pub(super) fn choose(&mut self, context: &Context) {
        let limits = &context.features.limits;
        let theirs = limits.recipients.map_or(u32::MAX, u32::from);
        let theirs = usize::try_from(theirs).unwrap_or(usize::MAX);
        let most = context.config.max_recipients.max(1).min(theirs);
        let recipients = &self.transaction.envelope.recipients;
        let mut domains: Vec<String> = Vec::new();
        self.taken.clear();
        self.round.clear();
        for (place, recipient) in recipients.iter().enumerate() {
            if self.round.len() == most {
                break;
            }
            if self.settled[place].is_some() {
                continue;
            }
            if let Some(most_domains) = limits.domains {
                let domain = domain(&recipient.path);
                if !domains.contains(&domain) {
                    if domains.len() as u64 == u64::from(u32::from(most_domains)) {
                        continue;
                    }
                    domains.push(domain);
                }
            }
            self.round.push(place);
        }
        let paths = self.round.iter().map(|place| &recipients[*place].path);
        self.utf8 = self.transaction.needs_utf8(paths);
    }

    /// Settles one recipient.
    pub(super) fn settle(&mut self, recipient: usize, outcome: Outcome) {
        self.settled[recipient].get_or_insert(outcome);
    }

    /// Settles those whom the peer has taken.
    pub(super) fn settle_taken(&mut self, outcome: &Outcome) {
        for recipient in std::mem::take(&mut self.taken) {
            self.settle(recipient, outcome.clone());
        }
    }

    /// Settles everybody of this round who is open.
    pub(super) fn settle_round(&mut self, outcome: &Outcome) {
        for recipient in std::mem::take(&mut self.round) {
            self.settle(recipient, outcome.clone());
        }
    }

    /// Settles everybody who is open.
    pub(super) fn settle_open(&mut self, outcome: &Outcome) {
        for settled in &mut self.settled {
            settled.get_or_insert_with(|| outcome.clone());
        }
    }

    /// RFC 6531 section 3.2: an address in UTF-8 cannot be named to a peer without SMTPUTF8; the others can.
    fn leave_out_international(&mut self) {
        let recipients = &self.transaction.envelope.recipients;
        for (settled, recipient) in self.settled.iter_mut().zip(recipients) {
            if needs_utf8(&recipient.path) {
                *settled = Some(Outcome::Failed(Reason::Lacks(Lack::SmtpUtf8)));
            }
        }
    }

    /// The connection ends, and the message was not sent to anybody of this round.
    pub(super) fn end(mut self, ending: &Ending, context: &mut Context) {
        let outcome = if let Ending::Refused { at, said } = ending {
            refusal(*at, said.clone())
        } else {
            Outcome::Deferred(Reason::Ended(ending.clone()))
        };
        self.settle_taken(&outcome);
        self.end_rest(ending, context);
    }

    /// The connection ends, and all of the message was sent. RFC 5321 section 4.5.3.2.6: whether it was taken is not known,
    /// unless the peer said that it was not.
    pub(super) fn end_after_all(mut self, ending: &Ending, context: &mut Context) {
        if !matches!(ending, Ending::Refused { .. }) {
            self.settle_taken(&Outcome::Unknown(ending.clone()));
        }
        self.end(ending, context);
    }

    /// Those who were offered wait; those who were not may be served elsewhere at once, if this connection was of any use.
    fn end_rest(mut self, ending: &Ending, context: &mut Context) {
        let before = |place: usize| !self.round.contains(&place);
        let useful = self
            .settled
            .iter()
            .enumerate()
            .any(|(place, settled)| settled.is_some() && before(place));
        let deferred = Outcome::Deferred(Reason::Ended(ending.clone()));
        self.settle_round(&deferred);
        let rest = if useful { Outcome::NotTried } else { deferred };
        self.settle_open(&rest);
        self.tell(context);
    }

    /// Whether everybody is settled.
    pub(super) fn is_done(&self) -> bool {
        self.settled.iter().all(Option::is_some)
    }

    /// Tells what became of everybody.
    pub(super) fn tell(self, context: &mut Context) {
        let outcomes = self.settled.into_iter().enumerate();
        let verdicts = outcomes.filter_map(|(recipient, outcome)| {
            let outcome = outcome?;
            Some(Verdict { recipient, outcome })
        });
        context
            .outputs
            .push_back(Output::Verdicts(verdicts.collect()));
    }
}
