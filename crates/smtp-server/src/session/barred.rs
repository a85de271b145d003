//! A session that is heard no further than QUIT: after a greeting that refused, or under TLS that is not good enough.

use std::time::Instant;

use reply::{Reply, Row, smtp};

use super::context::{CommandLine, Context, Patience};
use super::phase::BACKLOG;
use super::{State, Turn};
use crate::command::{self, Verb};

/// Every command but QUIT is answered with this row. It counts as an error, so that the session ends.
#[derive(Debug)]
pub(super) struct Barred {
    row: &'static Row,
    held: Option<Held>,
}

/// The answer is held back until then.
#[derive(Debug)]
struct Held {
    until: Instant,
    /// It is the last one.
    last: bool,
}

impl Barred {
    pub(super) fn begin(row: &'static Row) -> Self {
        Self { row, held: None }
    }

    /// The same, behind a greeting.
    pub(super) fn behind(greeting: Reply, row: &'static Row) -> Turn {
        Turn::reply(greeting, State::Barred(Self::begin(row)))
    }

    pub(super) fn proceed(mut self, context: &mut Context) -> Turn {
        if let Some(held) = &self.held {
            if context.now < held.until && context.reader.len() <= BACKLOG {
                return Turn::wait(held.until, State::Barred(self));
            }
            let refusal = Reply::new(self.row);
            if held.last {
                let end = State::Leaving(context.named(&smtp::ERROR_LIMIT));
                return Turn::reply(refusal, end);
            }
            self.held = None;
            return Turn::reply(refusal, State::Barred(self));
        }
        // RFC 5321 section 3.8: between commands is the place to stop.
        if context.stopping {
            return Turn::leave(context.named(&smtp::STOPPING));
        }
        match context.next_command() {
            Some(CommandLine::Text(line)) if is_quit(&line) => {
                context.parted = context.reader.is_empty();
                Turn::leave(context.named(&smtp::GOODBYE))
            }
            Some(
                CommandLine::Text(_)
                | CommandLine::Control(_)
                | CommandLine::Unparsable
                | CommandLine::TooLong
                | CommandLine::AuthTooLong,
            ) => self.refuse(context),
            None => Turn::wait(context.line_deadline(), State::Barred(self)),
        }
    }

    fn refuse(mut self, context: &mut Context) -> Turn {
        let last = match context.count_error() {
            Patience::Plenty => return Turn::reply(Reply::new(self.row), State::Barred(self)),
            Patience::Little => false,
            Patience::None => true,
        };
        self.held = Some(Held {
            until: context.now + context.config.slow_reply,
            last,
        });
        self.proceed(context)
    }
}

fn is_quit(line: &[u8]) -> bool {
    let (word, argument) = command::split(line);
    Verb::parse(word) == Some(Verb::Quit) && argument.is_empty()
}
