//! Which queued message is tried when, and how many at once.
//!
//! [`Schedule`] has no socket, clock, file or randomness. Give it an [`Event`] with the time, then ask for
//! [`Output`]s until it names what it waits for. It never tries anything itself and never decides about a recipient:
//! [`next`] does, for whoever made the attempt.
//!
//! ```text
//!            Want                 Start               (an attempt)            Settled
//! store  -----------> schedule ---------> connection -------------> store -------------> schedule
//!        <-----------          <---------
//!           Loaded                Ended
//! ```
//!
//! # The rules of its use
//!
//! 1. Time is that of the clock on the wall, for due times outlive the process. Should it jump, mail is tried too early
//!    or too late by as much, and nothing worse.
//! 2. [`Event::Settled`] says that the store knows what came of a job: what is read from the store later shows it. Until
//!    then the job is in hand, and nothing starts it again. So nothing is started twice at once, and nothing that is
//!    done is started again, however old the page in which it stands.
//! 3. Whatever the store has and is due comes by way of [`Output::Want`]; held messages do not stand in its pages. New,
//!    released and rerouted mail is told with [`Event::Arrived`] when the store has it.
//! 4. An [`Output::Close`] is to be obeyed before the [`Output::Start`] behind it.
//!
//! # Memory
//!
//! Detail is kept for [`Rules::memory`] jobs. One next hop and one sender have a quarter of that at most, and when it is
//! full the longest lane gives way to a shorter one. What finds no room stays in the store and is read again when there is
//! some. For a next hop that cannot be reached a handful of jobs is kept to try it with (none when there are very many
//! such); nobody looks at the others before it answers, or before their senders have to be told.
//!
//! # Fairness
//!
//! Turns go to the sender, and then to the next hop, with the least work running. A connection that has
//! done its work is free for whoever has the next turn: for the same next hop it is used again; if all connections there
//! may be are taken, an idle one is closed for somebody else.
//!
//! A next hop that has not finished a transaction yet gets one connection, and all such together get half of those there
//! may be; of that, half is for those that could not be reached before. So servers that let everybody in and then say
//! nothing never hold all connections, however many they are. Configured routes are trusted from the beginning.

mod allowance;
mod backoff;
mod events;
mod hops;
mod job;
mod lines;
mod outcome;
mod proven;
mod room;
mod rules;
mod scan;
mod turns;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

pub use backoff::{Backoff, BackoffError};
pub use events::{Ending, Event, Output, Scope, Start};
pub use hops::{ConnectionId, Door};
pub use job::{Deadline, Job, JobKey, NextHop, Sender};
pub use outcome::{Delay, GiveUp, Next, Verdict, next};
pub use rules::Rules;
pub use scan::{Cursor, Rest, Want};

use allowance::{Admission, Allowances};
use hops::Hops;
use lines::Lines;
use scan::Scan;

/// Next hops remembered to be busy while the next turn is looked for.
const REMEMBERED: usize = 8;

/// The schedule of everything that is to leave this server.
#[derive(Debug)]
pub struct Schedule {
    rules: Rules,
    now: SystemTime,
    lines: Lines,
    hops: Hops,
    scan: Scan,
    allowances: Allowances,
    /// Nothing starts.
    paused: bool,
    /// Said by the next calls of [`Schedule::output`].
    pending: VecDeque<Output>,
    /// Nothing more can start before something happens.
    quiet: bool,
}

/// How much there is, for whoever watches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Jobs known in detail, wherever they are.
    pub jobs: usize,
    /// Those that wait.
    pub waiting: usize,
    /// Connections.
    pub connections: usize,
    /// Those without a job.
    pub idle: usize,
    /// Next hops that could not be reached.
    pub failing: usize,
}

impl Schedule {
    /// A schedule that knows nothing yet; the first thing it wants is what is due.
    #[must_use]
    pub fn new(rules: Rules, now: SystemTime) -> Self {
        let mut allowances = Allowances::default();
        allowances.turn_over(now);
        Self {
            rules: rules.workable(),
            now,
            lines: Lines::default(),
            hops: Hops::default(),
            scan: Scan::new(now),
            allowances,
            paused: false,
            pending: VecDeque::new(),
            quiet: false,
        }
    }

    /// Takes in one event.
    pub fn handle(&mut self, now: SystemTime, event: Event) {
        self.advance(now);
        self.take_in(event);
        self.look();
        self.quiet = false;
    }

    /// Goes by other rules from now on. Whoever routes mail in another way says so here, too: the store is read anew.
    pub fn reload(&mut self, now: SystemTime, rules: Rules) {
        self.advance(now);
        let before = self.rules.recipients_per_day;
        self.rules = rules.workable();
        self.allowances
            .raised(before, self.rules.recipients_per_day);
        for key in self.lines.keys() {
            self.arm(&key);
        }
        self.scan.wake();
        self.look();
        self.quiet = false;
    }

    /// The next thing to do; [`Output::Wait`] when there is nothing.
    pub fn output(&mut self) -> Output {
        if let Some(output) = self.pending.pop_front() {
            return output;
        }
        if !self.quiet {
            if let Some(output) = self.start() {
                return output;
            }
            self.quiet = true;
        }
        if let Some(want) = self.scan.ask(&self.rules, self.now) {
            return Output::Want(want);
        }
        Output::Wait(self.next_change())
    }

    /// How much there is.
    #[must_use]
    pub fn census(&self) -> Census {
        Census {
            jobs: self.lines.len(),
            waiting: self.lines.waiting(),
            connections: self.hops.connections(),
            idle: self.hops.idle(),
            failing: self.hops.failing(),
        }
    }

    /// Whether mail for a next hop can start, or why it cannot.
    #[must_use]
    pub fn door(&self, hop: &Arc<NextHop>) -> Door {
        if self.paused {
            return Door::Paused;
        }
        self.hops.door(hop, self.now)
    }

    /// Whether a next hop failed, without a success since.
    #[must_use]
    pub fn is_doubtful(&self, hop: &Arc<NextHop>) -> bool {
        self.hops.is_doubtful(hop)
    }

    /// Whether an account has used up what it may send today.
    #[must_use]
    pub fn is_stopped(&self, sender: &Arc<Sender>) -> bool {
        self.allowances.is_stopped(sender)
    }

    /// Starts the job whose turn it is.
    fn start(&mut self) -> Option<Output> {
        if self.paused || self.hops.is_busy(&self.rules) {
            return None;
        }
        let (hops, rules, now) = (&self.hops, &self.rules, self.now);
        let few = |hop: &Arc<NextHop>| hops.can_take(rules, hop, now);
        if !self.lines.may_start(REMEMBERED, few) {
            return None;
        }
        // Next hops are few where senders are many: each is asked once.
        let mut full: Vec<&Arc<NextHop>> = Vec::new();
        // Where there is no room, thousands may wait.
        let among = |standing| hops.has_room_for(rules, standing);
        let job = self.lines.next(among, |hop| {
            if full.iter().any(|known| Arc::ptr_eq(known, hop)) {
                return false;
            }
            let takes = hops.can_take(rules, hop, now);
            if !takes && full.len() < REMEMBERED {
                full.push(hop);
            }
            takes
        })?;
        if let Admission::Stopped { recipients, limit } = self.allowances.admit(rules, &job) {
            self.stop(&job.sender);
            return Some(Output::Warn {
                sender: Arc::clone(&job.sender),
                recipients,
                limit,
            });
        }
        let key = job.key();
        self.lines.start(&key);
        let (connection, fresh, closed) = self.hops.start(&self.rules, &key, now);
        let start = Output::Start(Start {
            connection,
            fresh,
            job,
        });
        let Some(closed) = closed else {
            return Some(start);
        };
        self.pending.push_front(start);
        Some(Output::Close(closed))
    }

    /// When something happens by itself.
    fn next_change(&self) -> Option<SystemTime> {
        [
            self.lines.next_due(),
            self.lines.next_judged(),
            self.hops.next_change(&self.rules, self.now),
            self.scan.next_change(&self.rules),
            self.allowances.next_change(),
        ]
        .into_iter()
        .flatten()
        .min()
    }
}
