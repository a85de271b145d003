//! Reading the store's index by due time, page by page: what was asked, what was seen, and what was left there for
//! want of room or because it could not start anyway.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use super::backoff::{draw_for, later, scaled};
use super::job::{Job, JobKey, NextHop, Sender};
use super::rules::Rules;

/// A place in the index: behind the message that is due then and has this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// The due time the index has it under.
    pub due: SystemTime,
    /// The message.
    pub message: u64,
}

/// A question to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Want {
    /// To be named with the answer.
    pub token: u64,
    /// Messages due behind this place; without it, from the beginning.
    pub after: Option<Cursor>,
    /// Messages due until then; without it, all.
    pub until: Option<SystemTime>,
    /// No more messages than this.
    pub most: usize,
}

/// How a page ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// There may be more until [`Want::until`]: this was the last message looked at.
    After(Cursor),
    /// There is no more until then; the first message behind it is due at this time, if there is one.
    Nothing(Option<SystemTime>),
}

/// What the schedule knows about what it does not know in detail.
#[derive(Debug)]
pub(super) struct Scan {
    /// Everything due until here has been seen.
    pub(super) edge: Option<SystemTime>,
    /// The first that is due behind it, as far as is known.
    pub(super) next_due: Option<SystemTime>,
    asked: Option<Asked>,
    pub(super) left: Left,
    eager: Eager,
    /// Something that was left can be taken now.
    wanted: bool,
    /// Not before this time: the store could not be read.
    pause: Option<SystemTime>,
    /// When everything was read last.
    last_full: Option<SystemTime>,
    restart: Option<Restart>,
    token: u64,
}

/// A reading that is going on.
#[derive(Debug)]
struct Asked {
    full: bool,
    until: Option<SystemTime>,
    after: Option<Cursor>,
    /// The question that is out, if one is.
    token: Option<u64>,
    /// When it began: what was said to be hurried later than this has not been seen by it.
    began: SystemTime,
    /// What changed while the question was out: the answer may be older than that.
    changed: BTreeSet<JobKey>,
    withdrawn: BTreeSet<u64>,
    /// Too much changed; the answer is of no use.
    void: bool,
}

/// What was seen and left in the store.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// For want of room in all.
    pub(super) room: bool,
    /// For next hops that had enough, or could not take it.
    pub(super) hops: BTreeSet<Arc<NextHop>>,
    /// Of senders that had enough, or were stopped.
    pub(super) senders: BTreeSet<Arc<Sender>>,
    /// When one of them has to be looked at.
    pub(super) judged: Option<SystemTime>,
}

/// What is due because somebody said so: everything last tried before the time given.
#[derive(Debug, Default)]
struct Eager {
    all: Option<SystemTime>,
    hops: BTreeMap<Arc<NextHop>, SystemTime>,
}

/// The first reading after a start.
#[derive(Clone, Copy, Debug)]
struct Restart {
    at: SystemTime,
    seen: u32,
}

impl Scan {
    pub(super) fn new(now: SystemTime) -> Self {
        Self {
            edge: None,
            next_due: Some(now),
            asked: None,
            left: Left::default(),
            eager: Eager::default(),
            wanted: true,
            pause: None,
            last_full: None,
            restart: Some(Restart { at: now, seen: 0 }),
            token: 0,
        }
    }

    /// Something that was left can be taken now.
    pub(super) fn wake(&mut self) {
        self.wanted = true;
    }

    /// The next question, if it is time for one and none is out.
    pub(super) fn ask(&mut self, rules: &Rules, now: SystemTime) -> Option<Want> {
        if self.asked.is_none() {
            let full = self.full_at(rules).is_some_and(|at| at <= now);
            let further = self.next_due.is_some_and(|due| due <= now);
            if !full && !further {
                return None;
            }
            self.begin(rules, now, full);
        }
        let asked = self.asked.as_mut()?;
        if asked.token.is_some() {
            return None;
        }
        self.token += 1;
        asked.token = Some(self.token);
        asked.changed.clear();
        asked.withdrawn.clear();
        asked.void = false;
        Some(Want {
            token: self.token,
            after: asked.after,
            until: asked.until,
            most: rules.page,
        })
    }

    fn begin(&mut self, rules: &Rules, now: SystemTime, full: bool) {
        let until = later(now, rules.horizon);
        // What is due at the edge itself has been seen: the store is asked for what lies behind it.
        let after = self.edge.filter(|_| !full).map(|due| Cursor {
            due,
            message: u64::MAX,
        });
        let everything = full && (self.eager.all.is_some() || !self.eager.hops.is_empty());
        if full {
            self.last_full = Some(now);
            self.left = Left::default();
            self.wanted = false;
        }
        self.edge = self.edge.max(Some(until));
        self.next_due = None;
        self.asked = Some(Asked {
            full,
            until: (!everything).then_some(self.edge.unwrap_or(until)),
            after,
            token: None,
            began: now,
            changed: BTreeSet::new(),
            withdrawn: BTreeSet::new(),
            void: false,
        });
    }

    /// When everything is to be read again.
    fn full_at(&self, rules: &Rules) -> Option<SystemTime> {
        let wanted = self.wanted.then_some(SystemTime::UNIX_EPOCH);
        // What has to be looked at piles up a little, or each of 10,000 messages would have a reading of its own.
        let earliest = self.last_full.map(|last| later(last, rules.look_again));
        let judged = self.left.judged.map(|at| at.max(earliest.unwrap_or(at)));
        let at = [wanted, judged].into_iter().flatten().min()?;
        Some(self.pause.map_or(at, |pause| pause.max(at)))
    }

    /// When the next question is due; nothing while one is out.
    pub(super) fn next_change(&self, rules: &Rules) -> Option<SystemTime> {
        if self.asked.is_some() {
            return None;
        }
        [self.full_at(rules), self.next_due]
            .into_iter()
            .flatten()
            .min()
    }

    /// Whether this is the answer to the question that is out and can be used; if it cannot, it is asked again.
    pub(super) fn accepts(&mut self, token: u64) -> bool {
        let Some(asked) = self.asked.as_mut() else {
            return false;
        };
        if asked.token != Some(token) {
            return false;
        }
        asked.token = None;
        !asked.void
    }

    /// A job in a page that was changed since it was asked for.
    pub(super) fn is_stale(&self, key: &JobKey) -> bool {
        self.asked.as_ref().is_some_and(|asked| {
            asked.changed.contains(key) || asked.withdrawn.contains(&key.message)
        })
    }

    /// Remembers that the answer that is out may be wrong about a job.
    pub(super) fn changed(&mut self, rules: &Rules, key: JobKey) {
        if let Some(asked) = self.asked.as_mut().filter(|asked| asked.token.is_some()) {
            asked.changed.insert(key);
            asked.void |= asked.changed.len() > rules.memory;
        }
    }

    /// The same for a whole message.
    pub(super) fn withdrawn(&mut self, rules: &Rules, message: u64) {
        if let Some(asked) = self.asked.as_mut().filter(|asked| asked.token.is_some()) {
            asked.withdrawn.insert(message);
            asked.void |= asked.withdrawn.len() > rules.memory;
        }
    }

    /// The end of a page, and perhaps of the reading.
    pub(super) fn turn_page(&mut self, rest: Rest) {
        let Some(asked) = self.asked.as_mut() else {
            return;
        };
        let next_due = match rest {
            Rest::After(cursor) => {
                asked.after = Some(cursor);
                return;
            }
            Rest::Nothing(next_due) => next_due,
        };
        self.beyond(next_due);
        self.restart = None;
        if let Some(asked) = self.asked.take()
            && asked.full
        {
            self.pause = None;
            self.calm(asked.began);
        }
    }

    /// The store could not be read: the reading is given up, and begun anew after a while.
    pub(super) fn failed(&mut self, rules: &Rules, now: SystemTime) {
        self.asked = None;
        self.wanted = true;
        self.pause = Some(later(now, rules.look_again));
    }

    /// Something is due behind the edge.
    pub(super) fn beyond(&mut self, due: Option<SystemTime>) {
        self.next_due = [self.next_due, due].into_iter().flatten().min();
    }

    pub(super) fn hurry_all(&mut self, now: SystemTime) {
        self.eager.hops.clear();
        self.eager.all = Some(now);
        self.wake();
    }

    pub(super) fn hurry(&mut self, rules: &Rules, hop: &Arc<NextHop>, now: SystemTime) {
        if self.eager.hops.len() >= rules.memory {
            self.hurry_all(now);
            return;
        }
        self.eager.hops.insert(Arc::clone(hop), now);
        self.wake();
    }

    /// Whether somebody wants this job tried now, whatever its due time says.
    pub(super) fn is_eager(&self, job: &Job) -> bool {
        let by_hop = self.eager.hops.get(&job.next_hop).copied();
        [self.eager.all, by_hop]
            .into_iter()
            .flatten()
            .any(|said| job.tried.is_none_or(|tried| tried < said))
    }

    /// After a reading: what was wanted in a hurry before it began, and not left, has been found.
    fn calm(&mut self, began: SystemTime) {
        let left = &self.left;
        let waits = left.room || !left.hops.is_empty() || !left.senders.is_empty();
        if self.eager.all.is_some_and(|said| said <= began) && !waits {
            self.eager.all = None;
        }
        let waits = left.room || !left.senders.is_empty();
        self.eager
            .hops
            .retain(|hop, said| *said > began || waits || left.hops.contains(hop));
    }

    /// When an overdue job found after a start may begin: the more there are, the further apart.
    pub(super) fn spread(&mut self, rules: &Rules, due: SystemTime, draw: u64) -> SystemTime {
        let Some(restart) = self.restart.as_mut() else {
            return due;
        };
        if due > restart.at {
            return due;
        }
        let width = rules.restart_each.saturating_mul(restart.seen);
        let wait = scaled(
            width.min(rules.restart_most),
            draw_for(draw, u64::from(restart.seen)),
        );
        restart.seen = restart.seen.saturating_add(1);
        later(restart.at, wait)
    }
}

impl Left {
    /// Remembers that a job was left because its next hop could not take it.
    pub(super) fn for_hop(&mut self, rules: &Rules, job: &Job) {
        if self.hops.len() < rules.memory || self.hops.contains(&job.next_hop) {
            self.hops.insert(Arc::clone(&job.next_hop));
        } else {
            self.room = true;
        }
    }

    /// Remembers that a job was left because its sender had enough.
    pub(super) fn for_sender(&mut self, rules: &Rules, job: &Job) {
        if self.senders.len() < rules.memory || self.senders.contains(&job.sender) {
            self.senders.insert(Arc::clone(&job.sender));
        } else {
            self.room = true;
        }
    }

    /// Remembers when a job that was left has to be looked at.
    pub(super) fn look_at(&mut self, at: Option<SystemTime>) {
        self.judged = [self.judged, at].into_iter().flatten().min();
    }
}
