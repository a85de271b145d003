//! The message behind DATA (RFC 5321 section 4.1.1.4): its dots doubled, its line ends right, and the reply to its end.

use wire::DotEncoder;

use super::context::Context;
use super::envelope::{next_round, refusal};
use super::work::Work;
use super::{State, Want};
use crate::ending::{Ending, Stage};
use crate::heard::{Class, Fault, Heard};
use crate::mend::Mender;
use crate::outcome::Outcome;

/// The message is on its way.
pub(super) struct Sending {
    pub(super) work: Box<Work>,
    mender: Mender,
    encoder: DotEncoder,
    /// Octets that are sent.
    offset: u64,
}

/// Begins with it.
pub(super) fn begin(sending: Sending, context: &mut Context) -> State {
    context.allow(context.config.timeouts.block);
    if sending.work.transaction.size == 0 {
        return sending.finish(Vec::new(), context);
    }
    State::Sending(Box::new(sending))
}

impl Sending {
    pub(super) fn new(work: Box<Work>) -> Self {
        Self {
            work,
            mender: Mender::default(),
            encoder: DotEncoder::new(),
            offset: 0,
        }
    }

    pub(super) fn want(&self, context: &Context) -> Want {
        want(&self.work, self.offset, context)
    }

    /// Takes the next octets of the message.
    pub(super) fn body(mut self: Box<Self>, octets: &[u8], context: &mut Context) -> State {
        if context.reader.is_midway() {
            return State::Sending(self).unfit(Fault::TooSoon, context);
        }
        let Some(offset) = advanced(self.offset, octets, self.want(context)) else {
            return State::Sending(self).end(Ending::Unread, context);
        };
        self.offset = offset;
        let (mut mended, mut out) = (Vec::new(), Vec::new());
        self.mender.mend(octets, &mut mended);
        self.encoder.encode(&mended, &mut out);
        if self.offset == self.work.transaction.size {
            return self.finish(out, context);
        }
        if !out.is_empty() {
            context.send(out);
        }
        context.allow(context.config.timeouts.block);
        State::Sending(self)
    }

    fn finish(mut self, mut out: Vec<u8>, context: &mut Context) -> State {
        self.encoder.finish(&mut out);
        context.send(out);
        context.allow(context.config.timeouts.finish);
        State::Finishing(self.work)
    }
}

/// What is wanted at this place.
pub(super) fn want(work: &Work, offset: u64, context: &Context) -> Want {
    let left = usize::try_from(work.transaction.size - offset).unwrap_or(usize::MAX);
    Want {
        offset,
        most: left.min(context.config.piece.max(1)),
        until: context.deadline,
    }
}

/// The place behind these octets; none if they are not what was wanted, for then nothing is known of the rest.
pub(super) fn advanced(offset: u64, octets: &[u8], want: Want) -> Option<u64> {
    let fits = (1..=want.most).contains(&octets.len());
    let octets = u64::try_from(octets.len()).ok()?;
    fits.then_some(offset + octets)
}

/// Takes the reply to the end of the message.
pub(super) fn finished(mut work: Box<Work>, heard: &Heard, context: &mut Context) -> State {
    let outcome = match heard.class() {
        Class::Done => Outcome::Accepted {
            said: heard.said(),
            passed: work.transaction.passed(&context.features),
        },
        Class::NotNow | Class::Never => refusal(Stage::Finish, heard.said()),
        Class::GoOn => {
            let fault = Fault::Unfit(heard.said());
            return State::Finishing(work).unfit(fault, context);
        }
    };
    // RFC 5321 section 4.1.1.4: whatever the reply, the buffers are empty now.
    context.dirty = false;
    work.settle_taken(&outcome);
    next_round(work, context)
}
