//! Which jobs are kept in detail, and which stay in the store: the bound of the memory, and what time says about jobs
//! that do not start.

use std::sync::Arc;
use std::time::SystemTime;

use super::Schedule;
use super::events::Output;
use super::hops::Door;
use super::job::{Job, JobKey, NextHop, Sender};
use super::lines::Place;
use super::outcome::{Judgement, judge, judged_at};

/// How a job comes to be known.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin {
    /// Somebody told.
    Told,
    /// It stood in a page that came with this draw.
    Page(u64),
}

/// What there is no room in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Full {
    /// What one next hop may have.
    Hop,
    /// What one sender may have.
    Sender,
    /// Everything.
    Memory,
}

impl Schedule {
    /// Time goes on.
    pub(super) fn advance(&mut self, now: SystemTime) {
        let before = std::mem::replace(&mut self.now, now);
        self.lines.ripen(now);
        if self.allowances.turn_over(now) {
            self.scan.wake();
        }
        for hop in self.hops.reopened(before, now) {
            self.lines.sleep(&hop, false);
            self.wants_for(&hop);
        }
        while let Some(connection) = self.hops.idle_too_long(&self.rules, now) {
            self.pending.push_back(Output::Close(connection));
        }
        self.look();
    }

    /// Looks at the waiting jobs whose time has come.
    pub(super) fn look(&mut self) {
        while let Some(job) = self.lines.judged_by(self.now) {
            let key = job.key();
            match judge(&self.rules, &job, self.now, self.is_failing(&job)) {
                Some(judgement) => {
                    self.lines.set_aside(&key);
                    self.say(job, judgement);
                }
                None => self.arm(&key),
            }
        }
    }

    fn say(&mut self, job: Arc<Job>, judgement: Judgement) {
        self.pending.push_back(match judgement {
            Judgement::GiveUp(why) => Output::GiveUp { job, why },
            Judgement::Report(delay) => Output::Report { job, delay },
        });
    }

    /// Names the time at which a waiting job has to be looked at, as things stand.
    pub(super) fn arm(&mut self, key: &JobKey) {
        let Some(job) = self.lines.get(key).map(|entry| Arc::clone(&entry.job)) else {
            return;
        };
        let failing = self.is_failing(&job);
        self.lines
            .judge_at(key, judged_at(&self.rules, &job, failing));
    }

    /// Nothing can be tried although somebody would. What is paused is not failing: its time does not run out. What waits to
    /// be fetched is: whoever wrote it is to hear that nobody comes for it.
    fn is_failing(&self, job: &Job) -> bool {
        let stopped = self.allowances.is_stopped(&job.sender);
        match self.door(&job.next_hop) {
            Door::Open => stopped || self.hops.is_doubtful(&job.next_hop),
            Door::BackedOff(_) | Door::Held => true,
            Door::Paused => false,
        }
    }

    fn is_asleep(&self, hop: &Arc<NextHop>) -> bool {
        matches!(self.hops.door(hop, self.now), Door::BackedOff(_))
    }

    /// Takes a job into the memory, or leaves it in the store, or says that its time is over.
    pub(super) fn take(&mut self, mut job: Job, origin: Origin) {
        if let Some(known) = self.lines.get_mut(&job.key()) {
            // Released while its connection is busy: if the store is beyond that already, it comes again.
            if let (Place::Running(early), Origin::Told) = (&mut known.place, origin) {
                known.withdrawn = false;
                if let Some(early) = early {
                    *early = Some(Arc::new(job));
                }
            }
            return;
        }
        let eager = self.scan.is_eager(&job);
        // What is due now may be taken even where the store has not been read yet: there it will be known already.
        let edge = self.scan.edge.max(Some(self.now));
        let is_near = |due: SystemTime| Some(due) <= edge;
        let (near, released) = (is_near(job.due), job.release.is_none_or(is_near));
        if !near && (!eager || !released) {
            // It is read when its time comes.
            self.scan.beyond(Some(job.due));
            return;
        }
        if !released {
            // SUB-12, RFC 4865 section 4.2: not before, whatever its due time says.
            self.scan.left.look_at(job.release);
            return;
        }
        let due = if eager { self.now } else { job.due };
        let due = match origin {
            Origin::Told => due,
            Origin::Page(draw) => self.scan.spread(&self.rules, due, draw),
        };
        let due = job.release.map_or(due, |release| release.max(due));
        self.lines.shared(&mut job);
        let failing = self.is_failing(&job);
        if let Some(judgement) = judge(&self.rules, &job, self.now, failing) {
            self.take_judged(job, judgement);
        } else if self.admits(&job) {
            let judged = judged_at(&self.rules, &job, failing);
            let job = Arc::new(job);
            let hop = Arc::clone(&job.next_hop);
            self.lines.insert(job, due, judged, Place::Waiting);
            self.lines.sleep(&hop, self.is_asleep(&hop));
            self.lines.stands(&hop, self.hops.standing(&hop));
        }
    }

    /// A job whose time is over is not tried, so it may stand beside the others in a full memory.
    fn take_judged(&mut self, job: Job, judgement: Judgement) {
        if self.lines.len() >= self.rules.memory + self.rules.page {
            self.scan.left.room = true;
            self.scan.left.look_at(Some(self.now));
            return;
        }
        let job = Arc::new(job);
        self.lines
            .insert(Arc::clone(&job), self.now, None, Place::Settling);
        self.say(job, judgement);
    }

    /// Whether a job is to be known in detail; makes room for it if that is fair.
    fn admits(&mut self, job: &Job) -> bool {
        let door = self.hops.door(&job.next_hop, self.now);
        let most = match door {
            Door::Held => {
                self.leave_to_be_fetched(job);
                return false;
            }
            Door::Paused => 0,
            Door::BackedOff(_) => self.kept(),
            Door::Open if self.hops.is_doubtful(&job.next_hop) => self.rules.kept,
            Door::Open => usize::MAX,
        };
        if self.lines.waiting_for(&job.next_hop) >= most {
            self.leave(job, Full::Hop);
            return false;
        }
        if self.allowances.is_stopped(&job.sender) {
            self.leave(job, Full::Sender);
            return false;
        }
        while let Some((full, longest)) = self.full_for(job) {
            let own = self.lines.waiting_in(&job.sender, &job.next_hop);
            let victim = longest.filter(|(waiting, _)| *waiting > own + 1);
            let Some((_, victim)) = victim else {
                self.leave(job, full);
                return false;
            };
            if let Some(victim) = self.lines.remove(&victim) {
                self.leave(&victim, full);
            }
        }
        true
    }

    /// What has no room for a job, and the job that could give way, with how many stand in its lane.
    fn full_for(&self, job: &Job) -> Option<(Full, Option<(usize, JobKey)>)> {
        let share = self.rules.share();
        if self.lines.waiting_for(&job.next_hop) >= share {
            return Some((Full::Hop, self.lines.longest_for(&job.next_hop)));
        }
        if self.lines.waiting_of(&job.sender) >= share {
            return Some((Full::Sender, self.lines.longest_of(&job.sender)));
        }
        if self.lines.len() < self.rules.memory {
            return None;
        }
        // Whoever has the most gives way to whoever has less: not to itself.
        let greediest = self.lines.greediest();
        let own = self.lines.waiting_of(&job.sender);
        let giving = greediest.filter(|(waiting, _)| *waiting > own + 1);
        let longest = giving.and_then(|(waiting, sender)| {
            let (_, key) = self.lines.longest_of(&sender)?;
            Some((waiting, key))
        });
        let longest = longest.or_else(|| {
            let (waiting, hop) = self.lines.busiest()?;
            let own = self.lines.waiting_for(&job.next_hop);
            let (_, key) = self.lines.longest_for(hop).filter(|_| waiting > own + 1)?;
            Some((waiting, key))
        });
        Some((Full::Memory, longest))
    }

    /// Leaves a job in the store, and remembers why.
    fn leave(&mut self, job: &Job, full: Full) {
        let failing = self.is_failing(job);
        let left = &mut self.scan.left;
        match full {
            Full::Hop => left.for_hop(&self.rules, job),
            Full::Sender => left.for_sender(&self.rules, job),
            Full::Memory => left.room = true,
        }
        left.look_at(judged_at(&self.rules, job, failing));
        if Some(job.due) > self.scan.edge {
            // The store has it where it has not been read yet.
            self.scan.beyond(Some(job.due));
        }
    }

    /// Leaves a job in the store that is never started, and remembers when its time is over. Nobody has to read it before.
    fn leave_to_be_fetched(&mut self, job: &Job) {
        self.scan.left.look_at(judged_at(&self.rules, job, true));
        if Some(job.due) > self.scan.edge {
            self.scan.beyond(Some(job.due));
        }
    }

    /// A next hop is left alone from now on: but for a few to try it with, its jobs go back to the store. `news`: it was
    /// well until now, so the time of those that were left there has to be looked at anew.
    pub(super) fn close(&mut self, hop: &Arc<NextHop>, news: bool) {
        if news && self.scan.left.hops.contains(hop) {
            self.scan.left.look_at(Some(self.now));
        }
        self.shed(hop, self.kept());
        self.lines.sleep(hop, true);
        let idle = self.hops.dismiss(hop);
        self.pending.extend(idle.into_iter().map(Output::Close));
        while let Some(forgiven) = self.hops.forgive(&self.rules) {
            self.reopened(&forgiven);
        }
    }

    /// How many jobs are kept for a next hop that is left alone: none when there are many such, or they would fill the
    /// memory. The store is read when one of those may be tried again.
    fn kept(&self) -> usize {
        if self.lines.asleep() < self.rules.share() {
            self.rules.kept
        } else {
            0
        }
    }

    /// Leaves all but some of the jobs for a next hop in the store.
    pub(super) fn shed(&mut self, hop: &Arc<NextHop>, kept: usize) {
        for (number, key) in self.lines.keys_for(hop).into_iter().enumerate() {
            if number < kept {
                self.arm(&key);
            } else if let Some(job) = self.lines.remove(&key) {
                self.leave(&job, Full::Hop);
            }
        }
    }

    /// An account is stopped: its jobs go back to the store.
    pub(super) fn stop(&mut self, sender: &Arc<Sender>) {
        if self.scan.left.senders.contains(sender) {
            self.scan.left.look_at(Some(self.now));
        }
        for key in self.lines.keys_by(sender) {
            if let Some(job) = self.lines.remove(&key) {
                self.leave(&job, Full::Sender);
            }
        }
    }

    /// Mail for a next hop can start (again): what was left is of use.
    pub(super) fn reopened(&mut self, hop: &Arc<NextHop>) {
        self.lines.sleep(hop, false);
        self.lines.stands(hop, self.hops.standing(hop));
        for key in self.lines.keys_for(hop) {
            self.arm(&key);
        }
        if self.scan.left.hops.contains(hop) {
            self.scan.wake();
        }
    }

    /// A job is gone: perhaps another can have its place.
    pub(super) fn made_room(&mut self, gone: &Job) {
        let half = self.rules.share() / 2;
        let by_sender = self.scan.left.senders.contains(&gone.sender)
            && !self.allowances.is_stopped(&gone.sender)
            && self.lines.waiting_of(&gone.sender) <= half;
        let in_all = self.scan.left.room && self.lines.len() <= self.rules.memory / 2;
        if by_sender || in_all {
            self.scan.wake();
        }
        self.wants_for(&gone.next_hop);
    }

    /// Reads on for a next hop that can take more than is known for it.
    fn wants_for(&mut self, hop: &Arc<NextHop>) {
        if !self.scan.left.hops.contains(hop) || self.hops.door(hop, self.now) != Door::Open {
            return;
        }
        let few = if self.hops.is_doubtful(hop) {
            0
        } else {
            self.rules.share() / 2
        };
        if self.lines.waiting_for(hop) <= few {
            self.scan.wake();
        }
    }
}
