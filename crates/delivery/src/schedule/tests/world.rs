//! A store that has a queue, and next hops that answer as they are told to; whatever the schedule says is obeyed and
//! held against what must always be so.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::schedule::{
    ConnectionId, Cursor, Delay, Ending, Event, GiveUp, Job, JobKey, Next, NextHop, Output, Rest,
    Rules, Schedule, Scope, Sender, Start, Verdict, Want, next,
};

/// Some morning in 2026.
pub(super) const START: u64 = 1_800_000_000;

pub(super) fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(START + seconds)
}

pub(super) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) fn hop(name: &str) -> Arc<NextHop> {
    Arc::new(NextHop::Host(name.parse().unwrap()))
}

pub(super) fn account(number: u64) -> Arc<Sender> {
    Arc::new(Sender::Account(number))
}

/// What a next hop does with a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// Takes it, and waits for more.
    Takes,
    /// Puts it off, and waits for more.
    Defers,
    /// Cannot be reached.
    Dead,
    /// Takes the connection and loses it.
    Loses,
    /// Says nothing until the test ends the job.
    Hangs,
}

/// One line of what happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Did {
    Started(u64, Arc<NextHop>, bool),
    GaveUp(u64, GiveUp),
    Reported(u64, Delay),
    Warned(Arc<Sender>, u32),
}

pub(super) struct World {
    pub(super) schedule: Schedule,
    pub(super) rules: Rules,
    pub(super) now: SystemTime,
    /// The queue; what is held is not in it.
    pub(super) store: BTreeMap<JobKey, Job>,
    pub(super) held: BTreeMap<JobKey, Job>,
    pub(super) manners: BTreeMap<Arc<NextHop>, Manner>,
    pub(super) connections: BTreeMap<ConnectionId, Arc<NextHop>>,
    pub(super) running: BTreeMap<ConnectionId, Arc<Job>>,
    /// Started, given up or reported, and the store has not said that it knows.
    pub(super) unsettled: BTreeMap<JobKey, ()>,
    pub(super) wants: VecDeque<Want>,
    pub(super) log: Vec<Did>,
    pub(super) delivered: BTreeSet<JobKey>,
    pub(super) failed: BTreeMap<JobKey, GiveUp>,
    /// Messages read from the store.
    pub(super) read: usize,
    /// The most there was of anything.
    pub(super) most_jobs: usize,
    pub(super) most_connections: usize,
    pub(super) draw: u64,
    /// Answers to [`Output::Want`] come only when they are asked for.
    pub(super) slow_store: bool,
}

/// Remembers that the sender was told, once.
fn tell(job: &mut Job, delay: Delay) {
    let told = match delay {
        Delay::Slow => &mut job.told,
        Delay::TooLate => &mut job.told_late,
    };
    assert!(!std::mem::replace(told, true), "told twice: {job:?}");
}

impl World {
    pub(super) fn new(rules: Rules) -> Self {
        let mut world = Self::restarted(rules, BTreeMap::new());
        world.settle();
        world
    }

    /// A schedule that finds this in its store.
    pub(super) fn restarted(rules: Rules, store: BTreeMap<JobKey, Job>) -> Self {
        Self {
            schedule: Schedule::new(rules.clone(), at(0)),
            rules,
            now: at(0),
            store,
            held: BTreeMap::new(),
            manners: BTreeMap::new(),
            connections: BTreeMap::new(),
            running: BTreeMap::new(),
            unsettled: BTreeMap::new(),
            wants: VecDeque::new(),
            log: Vec::new(),
            delivered: BTreeSet::new(),
            failed: BTreeMap::new(),
            read: 0,
            most_jobs: 0,
            most_connections: 0,
            draw: 1 << 63,
            slow_store: false,
        }
    }

    pub(super) fn set(&mut self, name: &str, manner: Manner) {
        self.manners.insert(hop(name), manner);
    }

    /// A next hop finishes a transaction, and nothing of that is left but that it is known to do so.
    pub(super) fn prove(&mut self, name: &str) {
        let before = self.manners.insert(hop(name), Manner::Takes);
        let job = self.job(1 << 40, 1 << 40, name);
        self.accept(job.clone());
        self.settle();
        let connections = std::mem::take(&mut self.connections);
        for (connection, of) in connections {
            if of == job.next_hop {
                let (how, draw) = (Ending::Lost, self.draw);
                self.handle(Event::Ended {
                    connection,
                    how,
                    draw,
                });
            } else {
                self.connections.insert(connection, of);
            }
        }
        assert!(self.delivered.remove(&job.key()), "{name}");
        self.log.clear();
        self.manners.remove(&job.next_hop);
        self.manners
            .extend(before.map(|manner| (job.next_hop, manner)));
    }

    /// A job with one recipient that arrives now.
    pub(super) fn job(&self, message: u64, sender: u64, name: &str) -> Job {
        Job {
            message,
            next_hop: hop(name),
            sender: account(sender),
            recipients: Box::new([0]),
            octets: 1_000,
            arrived: self.now,
            release: None,
            due: self.now,
            attempts: 0,
            tried: None,
            told: false,
            told_late: false,
            deadline: None,
        }
    }

    /// Accepts mail: the store has it, then the schedule hears of it.
    pub(super) fn accept(&mut self, job: Job) {
        self.store.insert(job.key(), job.clone());
        self.handle(Event::Arrived(job));
    }

    pub(super) fn handle(&mut self, event: Event) {
        self.schedule.handle(self.now, event);
    }

    /// Does what the schedule says until it waits; hands back until when.
    pub(super) fn settle(&mut self) -> Option<SystemTime> {
        loop {
            match self.step() {
                Output::Wait(until) => return until,
                Output::Start(_)
                | Output::Close(_)
                | Output::GiveUp { .. }
                | Output::Report { .. }
                | Output::Warn { .. }
                | Output::Want(_) => (),
            }
        }
    }

    /// Does one thing the schedule says.
    pub(super) fn step(&mut self) -> Output {
        let output = self.schedule.output();
        match output.clone() {
            Output::Start(start) => self.start(start),
            Output::Close(id) => {
                assert!(self.connections.remove(&id).is_some(), "closed: {id:?}");
                assert!(!self.running.contains_key(&id), "closed at work: {id:?}");
            }
            Output::GiveUp { job, why } => {
                self.log.push(Did::GaveUp(job.message, why));
                self.in_hand(&job);
                self.store.remove(&job.key());
                self.failed.insert(job.key(), why);
                self.settled(job.key(), None);
            }
            Output::Report { job, delay } => {
                self.log.push(Did::Reported(job.message, delay));
                self.in_hand(&job);
                let again = self.store.get_mut(&job.key()).map(|job| {
                    tell(job, delay);
                    job.clone()
                });
                self.settled(job.key(), again);
            }
            Output::Warn {
                sender, recipients, ..
            } => self.log.push(Did::Warned(sender, recipients)),
            Output::Want(want) => {
                self.wants.push_back(want);
                assert_eq!(self.wants.len(), 1, "one question at a time");
                if !self.slow_store {
                    self.answer();
                }
            }
            Output::Wait(_) => (),
        }
        self.check();
        output
    }

    fn check(&mut self) {
        let census = self.schedule.census();
        self.most_jobs = self.most_jobs.max(census.jobs);
        self.most_connections = self.most_connections.max(self.connections.len());
        let bound = self.rules.memory + self.rules.page;
        assert!(census.jobs <= bound, "{census:?}");
        assert!(self.connections.len() <= usize::try_from(self.rules.connections).unwrap());
        let mut per_hop: BTreeMap<&Arc<NextHop>, u32> = BTreeMap::new();
        for hop in self.connections.values() {
            *per_hop.entry(hop).or_default() += 1;
        }
        let most = per_hop.values().max().copied().unwrap_or(0);
        assert!(most <= self.rules.most_per_hop, "{per_hop:?}");
    }

    /// Nothing is in hand twice, and nothing that is over comes again.
    fn in_hand(&mut self, job: &Job) {
        let key = job.key();
        assert!(
            self.unsettled.insert(key.clone(), ()).is_none(),
            "twice at once: {key:?}"
        );
        let busy = self.running.values().any(|running| running.key() == key);
        assert!(!busy, "on two connections: {key:?}");
        assert!(!self.delivered.contains(&key), "delivered before: {key:?}");
        assert!(!self.failed.contains_key(&key), "failed before: {key:?}");
        assert!(!self.held.contains_key(&key), "held: {key:?}");
    }

    fn start(&mut self, start: Start) {
        let Start {
            connection,
            fresh,
            job,
        } = start;
        self.in_hand(&job);
        assert!(job.release.is_none_or(|release| release <= self.now));
        if fresh {
            let before = self
                .connections
                .insert(connection, Arc::clone(&job.next_hop));
            assert_eq!(before, None, "a number is used once");
        }
        assert_eq!(self.connections.get(&connection), Some(&job.next_hop));
        self.log
            .push(Did::Started(job.message, Arc::clone(&job.next_hop), fresh));
        let manner = self.manners.get(&job.next_hop).copied();
        let before = self.running.insert(connection, job);
        assert_eq!(before, None, "one job at a time");
        match manner.unwrap_or(Manner::Takes) {
            Manner::Takes => self.end(
                connection,
                Ending::Finished { open: true },
                Verdict::Delivered,
            ),
            Manner::Defers => self.end(
                connection,
                Ending::Finished { open: true },
                Verdict::Deferred,
            ),
            Manner::Dead => self.end(connection, Ending::Unreachable, Verdict::Deferred),
            Manner::Loses => self.end(connection, Ending::Lost, Verdict::Deferred),
            Manner::Hangs => (),
        }
    }

    /// A connection is through with its job: the schedule hears of it, and then the store knows.
    pub(super) fn end(&mut self, connection: ConnectionId, how: Ending, verdict: Verdict) {
        let job = self.put_down(connection, how);
        if how != Ending::Stale {
            self.conclude(&job, verdict);
        }
    }

    /// The first half: the connection is free, or gone.
    pub(super) fn put_down(&mut self, connection: ConnectionId, how: Ending) -> Arc<Job> {
        let job = self.running.remove(&connection).unwrap();
        if how != (Ending::Finished { open: true }) {
            self.connections.remove(&connection);
        }
        if how == Ending::Stale {
            self.unsettled.remove(&job.key());
        }
        let draw = self.draw;
        self.handle(Event::Ended {
            connection,
            how,
            draw,
        });
        job
    }

    /// The second half: the store knows, and the schedule hears of it.
    pub(super) fn conclude(&mut self, job: &Job, verdict: Verdict) {
        let key = job.key();
        let known = self.held.get(&key).or_else(|| self.store.get(&key));
        let Some(mut job) = known.cloned() else {
            // It was removed meanwhile.
            self.settled(key, None);
            return;
        };
        match next(&self.rules, &job, verdict, self.now, self.draw) {
            Next::Done => {
                self.delivered.insert(key.clone());
                self.store.remove(&key);
                self.held.remove(&key);
                self.settled(key, None);
            }
            Next::Failed(why) => {
                self.failed.insert(key.clone(), why);
                self.store.remove(&key);
                self.held.remove(&key);
                self.settled(key, None);
            }
            Next::Again {
                at,
                attempts,
                report,
            } => {
                if let Some(delay) = report {
                    self.log.push(Did::Reported(job.message, delay));
                    tell(&mut job, delay);
                }
                (job.due, job.attempts, job.tried) = (at, attempts, Some(self.now));
                if self.held.contains_key(&key) {
                    self.held.insert(key.clone(), job);
                    self.settled(key, None);
                } else {
                    self.store.insert(key.clone(), job.clone());
                    self.settled(key, Some(job));
                }
            }
        }
    }

    fn settled(&mut self, key: JobKey, again: Option<Job>) {
        self.unsettled.remove(&key);
        self.handle(Event::Settled { key, again });
    }

    /// What the store has to say to a question.
    pub(super) fn page(&self, want: &Want) -> (Vec<Job>, Rest) {
        // A job of a message that another stands before in the index is found when its own time comes: the office sees to it.
        let each = self.store.values().map(|job| Cursor {
            due: job.due,
            message: job.message,
        });
        let index: BTreeSet<Cursor> = each.collect();
        let behind = index
            .into_iter()
            .filter(|cursor| want.after.is_none_or(|after| *cursor > after));
        let (mut page, mut rest) = (Vec::new(), Rest::Nothing(None));
        let mut last = None;
        for cursor in behind {
            if want.until.is_some_and(|until| cursor.due > until) {
                rest = Rest::Nothing(Some(cursor.due));
                break;
            }
            if page.len() == want.most {
                rest = Rest::After(last.unwrap());
                break;
            }
            page.push(cursor);
            last = Some(cursor);
        }
        let jobs = page.iter().flat_map(|cursor| self.jobs_of(cursor.message));
        (jobs.collect(), rest)
    }

    pub(super) fn jobs_of(&self, message: u64) -> Vec<Job> {
        let known = self.store.range(JobKey::first_of(message)..);
        let known = known.take_while(|(key, _)| key.message == message);
        known.map(|(_, job)| job.clone()).collect()
    }

    /// Answers the question that is out.
    pub(super) fn answer(&mut self) {
        if let Some(want) = self.wants.pop_front() {
            let (jobs, rest) = self.page(&want);
            self.loaded(want, jobs, rest);
        }
    }

    pub(super) fn loaded(&mut self, want: Want, jobs: Vec<Job>, rest: Rest) {
        self.read += jobs.len();
        let (token, draw) = (want.token, self.draw);
        self.handle(Event::Loaded {
            token,
            jobs,
            rest,
            draw,
        });
    }

    /// Lets time go on, waking the schedule when it wants to be.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let until = self.settle().filter(|until| *until <= end);
            let Some(until) = until else { break };
            self.now = until.max(self.now + Duration::from_millis(1));
            self.handle(Event::Tick);
        }
        self.now = self.now.max(end);
        self.handle(Event::Tick);
        self.settle();
    }

    /// Messages started, in order.
    pub(super) fn started(&self) -> Vec<u64> {
        let started = self.log.iter().filter_map(|did| match did {
            Did::Started(message, _, _) => Some(*message),
            Did::GaveUp(..) | Did::Reported(..) | Did::Warned(..) => None,
        });
        started.collect()
    }

    pub(super) fn scope(name: &str) -> Scope {
        Scope::NextHop(hop(name))
    }
}
