//! What the schedule is told, what it says, and what follows from what.

use std::sync::Arc;
use std::time::SystemTime;

use super::hops::ConnectionId;
use super::job::{Job, JobKey, NextHop, Sender};
use super::lines::Place;
use super::outcome::{Delay, GiveUp};
use super::scan::{Rest, Want};
use super::{Schedule, room};

/// Something happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The instant named by the last [`Output::Wait`] has passed, or any time has.
    Tick,
    /// The answer to [`Output::Want`].
    Loaded {
        /// [`Want::token`].
        token: u64,
        /// Every job of the messages of the page, whatever its own due time, but none that is held.
        jobs: Vec<Job>,
        /// How it goes on.
        rest: Rest,
        /// Uniform over all its values.
        draw: u64,
    },
    /// The store could not be read.
    Unreadable {
        /// [`Want::token`].
        token: u64,
    },
    /// The store has a job that was not there, or was held, or goes elsewhere from now on.
    Arrived(Job),
    /// Somebody wants this job to be tried now, even if its next hop is backed off. A message that is not yet to be
    /// released stays (RFC 4865 section 4.2).
    Retry(Job),
    /// The same for all, or for all to one next hop.
    RetryAll(Scope),
    /// Nothing (more) is to start there. What is running goes on.
    Pause(Scope),
    /// It may start again.
    Resume(Scope),
    /// The store says that a message is held, or removed: nothing of it is to start. What is running goes on.
    Withdrawn(u64),
    /// A connection is through with its job, or is no more.
    Ended {
        /// The connection.
        connection: ConnectionId,
        /// How.
        how: Ending,
        /// Uniform over all its values.
        draw: u64,
    },
    /// The store knows what came of a job that was started, given up or reported.
    Settled {
        /// Which.
        key: JobKey,
        /// What is left of it, if it stays in the queue and is not held.
        again: Option<Job>,
    },
    /// What an account has written today already, known from elsewhere after a start.
    Counted {
        /// The account.
        sender: Arc<Sender>,
        /// Recipients.
        recipients: u32,
    },
    /// An account that was stopped may go on, with a new day's allowance.
    Allowed(Arc<Sender>),
}

/// What a word of command is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything.
    All,
    /// All mail for one next hop.
    NextHop(Arc<NextHop>),
}

/// How a job left its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The next hop answered to the end, whatever it answered.
    Finished {
        /// The connection stands and can take another job.
        open: bool,
    },
    /// The next hop let us in, and the connection was lost in the middle, or what was said was no SMTP. Said of a
    /// connection without a job, it means no harm.
    Lost,
    /// No host of the next hop could be reached, or none let us in or goes on (421).
    Unreachable,
    /// A connection that was used again turned out to be gone before anything of this job was said.
    Stale,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Try this now; [`Event::Ended`] and [`Event::Settled`] follow.
    Start(Start),
    /// Take leave of the next hop: nothing more comes over this connection, and no event about it is due.
    Close(ConnectionId),
    /// This is not tried any more: fail its recipients; [`Event::Settled`] follows.
    GiveUp {
        /// Which.
        job: Arc<Job>,
        /// Why.
        why: GiveUp,
    },
    /// Tell the sender that it takes longer, and have the store remember that; [`Event::Settled`] follows.
    Report {
        /// Which.
        job: Arc<Job>,
        /// Which report.
        delay: Delay,
    },
    /// An account has sent all it may within a day and is stopped until its end: somebody should look. Said once a day.
    Warn {
        /// The account.
        sender: Arc<Sender>,
        /// Recipients it wrote to today.
        recipients: u32,
        /// The most there may be.
        limit: u32,
    },
    /// Read this from the store; [`Event::Loaded`] or [`Event::Unreadable`] follows.
    Want(Want),
    /// Nothing to do before the next event; [`Event::Tick`] at this time, if there is one.
    Wait(Option<SystemTime>),
}

/// A job for a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// Which.
    pub connection: ConnectionId,
    /// It is to be opened.
    pub fresh: bool,
    /// What to send.
    pub job: Arc<Job>,
}

impl Schedule {
    /// What one event changes.
    pub(super) fn take_in(&mut self, event: Event) {
        match event {
            Event::Tick => (),
            Event::Loaded {
                token,
                jobs,
                rest,
                draw,
            } => self.loaded(token, jobs, rest, draw),
            Event::Unreadable { token } => {
                if self.scan.accepts(token) {
                    self.scan.failed(&self.rules, self.now);
                }
            }
            Event::Arrived(job) => self.take(job, room::Origin::Told),
            Event::Retry(job) => self.retry(job),
            Event::RetryAll(scope) => self.retry_all(&scope),
            Event::Pause(scope) => self.pause(&scope),
            Event::Resume(scope) => self.resume(&scope),
            Event::Withdrawn(message) => self.withdraw(message),
            Event::Ended {
                connection,
                how,
                draw,
            } => self.ended(connection, how, draw),
            Event::Settled { key, again } => self.settled(&key, again),
            Event::Counted { sender, recipients } => self.allowances.count(sender, recipients),
            Event::Allowed(sender) => {
                if self.allowances.allow(&sender) {
                    self.scan.wake();
                }
            }
        }
    }

    fn loaded(&mut self, token: u64, jobs: Vec<Job>, rest: Rest, draw: u64) {
        if !self.scan.accepts(token) {
            return;
        }
        for job in jobs {
            if !self.scan.is_stale(&job.key()) {
                self.take(job, room::Origin::Page(draw));
            }
        }
        self.scan.turn_page(rest);
    }

    fn retry(&mut self, mut job: Job) {
        if self.hops.reopen(&job.next_hop) {
            self.reopened(&job.next_hop);
        }
        job.due = self.now;
        let key = job.key();
        match self.lines.get(&key) {
            Some(_) => self.hurry(&key),
            None => self.take(job, room::Origin::Told),
        }
    }

    fn retry_all(&mut self, scope: &Scope) {
        let keys = match scope {
            Scope::All => {
                for hop in self.hops.reopen_all() {
                    self.reopened(&hop);
                }
                self.scan.hurry_all(self.now);
                self.lines.keys()
            }
            // Nobody is in a hurry but whoever fetches it.
            Scope::NextHop(hop) if matches!(**hop, NextHop::Held(_)) => return,
            Scope::NextHop(hop) => {
                if self.hops.reopen(hop) {
                    self.reopened(hop);
                }
                self.scan.hurry(&self.rules, hop, self.now);
                self.lines.keys_for(hop)
            }
        };
        for key in keys {
            self.hurry(&key);
        }
    }

    /// Lets a waiting job start now, unless it is to be released later.
    fn hurry(&mut self, key: &JobKey) {
        let Some(entry) = self.lines.get(key) else {
            return;
        };
        let release = entry.job.release.unwrap_or(self.now);
        self.lines.hurry(key, release.max(self.now));
    }

    fn pause(&mut self, scope: &Scope) {
        match scope {
            Scope::All => self.paused = true,
            Scope::NextHop(hop) => {
                if self.hops.pause(hop) {
                    self.shed(hop, 0);
                    let idle = self.hops.dismiss(hop);
                    self.pending.extend(idle.into_iter().map(Output::Close));
                }
            }
        }
    }

    fn resume(&mut self, scope: &Scope) {
        match scope {
            Scope::All => {
                self.paused = false;
                for key in self.lines.keys() {
                    self.arm(&key);
                }
                self.scan.wake();
            }
            Scope::NextHop(hop) => {
                // Whoever lets mail go wants to see it go.
                if self.hops.resume(hop) | self.hops.reopen(hop) {
                    self.reopened(hop);
                }
            }
        }
    }

    fn withdraw(&mut self, message: u64) {
        self.scan.withdrawn(&self.rules, message);
        for key in self.lines.keys_of(message) {
            let Some(entry) = self.lines.get_mut(&key) else {
                continue;
            };
            match &mut entry.place {
                Place::Waiting => {
                    if let Some(job) = self.lines.remove(&key) {
                        self.made_room(&job);
                    }
                }
                Place::Running(early) => {
                    entry.withdrawn = true;
                    if let Some(early) = early {
                        *early = None;
                    }
                }
                Place::Settling => (),
            }
        }
    }

    fn ended(&mut self, connection: ConnectionId, how: Ending, draw: u64) {
        let Some(key) = self.hops.unload(connection) else {
            // An idle connection; some servers close those before we do.
            self.hops.forget(connection);
            return;
        };
        let hop = &key.next_hop;
        let well = !self.hops.is_doubtful(hop);
        match how {
            Ending::Finished { open } => {
                if self.hops.succeeded(&self.rules, hop) {
                    self.reopened(hop);
                }
                if !(open && self.hops.rest(&self.rules, connection, self.now)) {
                    self.hops.forget(connection);
                    if open {
                        self.pending.push_back(Output::Close(connection));
                    }
                }
            }
            Ending::Lost => {
                self.hops.forget(connection);
                if self.hops.faltered(&self.rules, hop, self.now, draw) {
                    self.close(hop, well);
                }
            }
            Ending::Unreachable => {
                self.hops.forget(connection);
                if self.hops.unreachable(&self.rules, hop, self.now, draw) {
                    self.close(hop, well);
                }
            }
            Ending::Stale => {
                self.hops.forget(connection);
            }
        }
        self.lines.stands(hop, self.hops.standing(hop));
        while let Some(surplus) = self.hops.surplus(hop) {
            self.pending.push_back(Output::Close(surplus));
        }
        self.put_down(&key, how);
    }

    /// A job that is on no connection any more.
    fn put_down(&mut self, key: &JobKey, how: Ending) {
        let Some(entry) = self.lines.get(key) else {
            return;
        };
        let (place, withdrawn) = (entry.place.clone(), entry.withdrawn);
        if let Place::Running(Some(again)) = place {
            // There turned out to be nothing to do.
            if how == Ending::Stale {
                self.allowances.give_back(&entry.job);
            }
            self.lines.end(key);
            self.settled(key, again.map(Arc::unwrap_or_clone));
            return;
        }
        if how != Ending::Stale {
            self.lines.end(key);
            return;
        }
        let Some(job) = self.lines.remove(key) else {
            return;
        };
        self.allowances.give_back(&job);
        if withdrawn {
            self.made_room(&job);
            return;
        }
        let mut job = Arc::unwrap_or_clone(job);
        job.due = job.due.min(self.now);
        self.take(job, room::Origin::Told);
    }

    fn settled(&mut self, key: &JobKey, again: Option<Job>) {
        if let Some(entry) = self.lines.get_mut(key)
            && let Place::Running(early) = &mut entry.place
        {
            *early = Some(again.map(Arc::new));
            return;
        }
        self.scan.changed(&self.rules, key.clone());
        if let Some(job) = self.lines.remove(key) {
            self.made_room(&job);
        }
        if let Some(job) = again {
            self.take(job, room::Origin::Told);
        }
    }
}
