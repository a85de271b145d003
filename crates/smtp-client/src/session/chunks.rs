//! The message in chunks (BDAT, RFC 3030), for peers that take them: no dots to double, and no end to be mistaken.

use super::context::Context;
use super::envelope::{next_round, refusal};
use super::message::{advanced, finished, want};
use super::work::Work;
use super::{State, Want};
use crate::ending::{Ending, Stage};
use crate::heard::{Class, Fault, Heard};
use crate::mend::Mender;

/// Most chunks under way that have no reply yet.
const WINDOW: usize = 4;

/// The message is on its way.
pub(super) struct Chunking {
    work: Box<Work>,
    mender: Mender,
    /// Octets that are sent.
    offset: u64,
    /// Chunks without a reply.
    unanswered: usize,
    /// The last chunk is sent.
    complete: bool,
}

/// A chunk was refused while others were under way, whose replies mean nothing (RFC 3030 section 2).
pub(super) struct Draining {
    pub(super) work: Box<Work>,
    unanswered: usize,
}

/// Begins with it.
pub(super) fn begin(chunking: Chunking, context: &mut Context) -> State {
    context.allow(context.config.timeouts.block);
    if chunking.work.transaction.size == 0 {
        return Box::new(chunking).send(&[], context);
    }
    State::Chunking(Box::new(chunking))
}

impl Chunking {
    pub(super) fn new(work: Box<Work>) -> Self {
        Self {
            work,
            mender: Mender::default(),
            offset: 0,
            unanswered: 0,
            complete: false,
        }
    }

    pub(super) fn stage(&self) -> Stage {
        if self.complete {
            Stage::Finish
        } else {
            Stage::Body
        }
    }

    /// The next octets, if another chunk may be sent now. RFC 3030 section 4.2: several at once only under PIPELINING.
    pub(super) fn want(&self, context: &Context) -> Option<Want> {
        let most = if context.features.pipelining {
            WINDOW
        } else {
            1
        };
        let room = !self.complete && self.unanswered < most;
        room.then(|| want(&self.work, self.offset, context))
    }

    /// Takes the next octets of the message.
    pub(super) fn body(mut self: Box<Self>, octets: &[u8], context: &mut Context) -> State {
        let Some(want) = self.want(context) else {
            return State::Chunking(self);
        };
        if self.unanswered == 0 && context.reader.is_midway() {
            return State::Chunking(self).unfit(Fault::TooSoon, context);
        }
        let Some(offset) = advanced(self.offset, octets, want) else {
            return State::Chunking(self).end(Ending::Unread, context);
        };
        self.offset = offset;
        self.send(octets, context)
    }

    fn send(mut self: Box<Self>, octets: &[u8], context: &mut Context) -> State {
        let mut chunk = Vec::new();
        self.mender.mend(octets, &mut chunk);
        self.complete = self.offset == self.work.transaction.size;
        if self.complete {
            self.mender.finish(&mut chunk);
        }
        // The LF of a CRLF that was cut in two makes no chunk of its own.
        if self.complete || !chunk.is_empty() {
            let last = if self.complete { " LAST" } else { "" };
            context.line(&format!("BDAT {}{last}", chunk.len()));
            if !chunk.is_empty() {
                context.send(chunk);
            }
            self.unanswered += 1;
        }
        self.allow(context);
        State::Chunking(self)
    }

    /// Takes the reply to the oldest chunk that has none.
    pub(super) fn heard(mut self: Box<Self>, heard: &Heard, context: &mut Context) -> State {
        if self.unanswered == 0 {
            return State::Chunking(self).interrupted(heard, context);
        }
        let last = self.complete && self.unanswered == 1;
        match heard.class() {
            Class::GoOn => State::Chunking(self).unfit(Fault::Unfit(heard.said()), context),
            Class::Done | Class::NotNow | Class::Never if last => {
                finished(self.work, heard, context)
            }
            Class::Done => {
                self.unanswered -= 1;
                self.allow(context);
                State::Chunking(self)
            }
            Class::NotNow | Class::Never => {
                self.work.settle_taken(&refusal(Stage::Body, heard.said()));
                let draining = Draining {
                    work: self.work,
                    unanswered: self.unanswered - 1,
                };
                Box::new(draining).go_on(context)
            }
        }
    }

    /// The connection ends.
    pub(super) fn end(self, ending: &Ending, context: &mut Context) {
        if self.complete {
            self.work.end_after_all(ending, context);
        } else {
            self.work.end(ending, context);
        }
    }

    fn allow(&self, context: &mut Context) {
        let timeouts = &context.config.timeouts;
        let time = if self.complete {
            timeouts.finish
        } else {
            timeouts.block
        };
        context.allow(time);
    }
}

impl Draining {
    pub(super) fn heard(mut self: Box<Self>, context: &mut Context) -> State {
        self.unanswered -= 1;
        self.go_on(context)
    }

    /// RFC 3030 section 2: after a chunk that failed only RSET helps.
    fn go_on(self: Box<Self>, context: &mut Context) -> State {
        if self.unanswered == 0 {
            return next_round(self.work, context);
        }
        context.allow(context.config.timeouts.finish);
        State::Draining(self)
    }
}
