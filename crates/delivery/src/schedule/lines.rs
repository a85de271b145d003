//! Jobs in detail, and whose turn it is: a line per sender, in it a lane per next hop, in it what is due first.
//!
//! A turn goes to the sender with the least work running, among equals to the one that had its turn the longest ago; in
//! its line the same holds for next hops. Nobody starves: what is running ends, and who came later stands behind.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::job::{Job, JobKey, NextHop, Sender};
use super::proven::Standing;
use super::turns::Turns;

/// A letter this large counts as two, and so on: it keeps a connection as long.
const LARGE: u64 = 1024 * 1024;

/// The least that time goes on.
pub(super) const TICK: Duration = Duration::from_nanos(1);

/// Where a job in detail is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In its lane.
    Waiting,
    /// Handed to a connection. What the store says comes later; if it came already, it stands here.
    Running(Option<Verdicts>),
    /// Over, and the store has not yet said that it knows.
    Settling,
}

/// What the store said about a job that was still running.
pub(super) type Verdicts = Option<Arc<Job>>;

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) job: Arc<Job>,
    pub(super) place: Place,
    /// It was held or removed while it was running.
    pub(super) withdrawn: bool,
    /// When it may start: `job.due`, or what came of it by spreading and hurrying.
    due: SystemTime,
    /// It may.
    ripe: bool,
    /// Where it stands in [`Lines::judged`].
    judged: Option<SystemTime>,
}

/// Everything known in detail.
#[derive(Debug, Default)]
pub(super) struct Lines {
    entries: BTreeMap<JobKey, Entry>,
    senders: BTreeMap<Arc<Sender>, Line>,
    /// Senders with something that may start, in order of their turns.
    turns: Turns<Arc<Sender>>,
    hops: BTreeMap<Arc<NextHop>, Presence>,
    waiting: usize,
    /// Of these, for next hops that sleep.
    asleep: usize,
    /// What waits and may not start yet, by when it may.
    unripe: BTreeSet<(SystemTime, JobKey)>,
    /// What waits and has to be looked at by this time even if it cannot start.
    judged: BTreeSet<(SystemTime, JobKey)>,
    turn: u64,
    now: Option<SystemTime>,
}

/// Whose turn it is: the smallest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    /// Work running.
    pub(super) load: u64,
    /// Number of the last turn.
    pub(super) served: u64,
}

#[derive(Debug, Default)]
struct Line {
    rank: Rank,
    waiting: usize,
    lanes: BTreeMap<Arc<NextHop>, Lane>,
    /// Lanes with something that may start, but for those of next hops that sleep.
    turns: Turns<Arc<NextHop>>,
}

/// Who has a lane for a next hop, and how much waits in all of them.
#[derive(Debug, Default)]
struct Presence {
    waiting: usize,
    /// It cannot be reached: its lanes have no turns, so that a thousand of them cost the living nothing.
    asleep: bool,
    standing: Standing,
    senders: BTreeSet<Arc<Sender>>,
}

#[derive(Debug, Default)]
struct Lane {
    rank: Rank,
    ripe: usize,
    queue: BTreeSet<(SystemTime, u64)>,
}

impl Lines {
    /// Jobs in detail, wherever they are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Jobs waiting.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    pub(super) fn get(&self, key: &JobKey) -> Option<&Entry> {
        self.entries.get(key)
    }

    pub(super) fn get_mut(&mut self, key: &JobKey) -> Option<&mut Entry> {
        self.entries.get_mut(key)
    }

    /// Jobs waiting for next hops that sleep.
    pub(super) fn asleep(&self) -> usize {
        self.asleep
    }

    /// Jobs of one sender that wait.
    pub(super) fn waiting_of(&self, sender: &Arc<Sender>) -> usize {
        self.senders.get(sender).map_or(0, |line| line.waiting)
    }

    /// Jobs for one next hop that wait.
    pub(super) fn waiting_for(&self, hop: &Arc<NextHop>) -> usize {
        self.hops.get(hop).map_or(0, |presence| presence.waiting)
    }

    /// Jobs of one sender for one next hop that wait.
    pub(super) fn waiting_in(&self, sender: &Arc<Sender>, hop: &Arc<NextHop>) -> usize {
        let line = self.senders.get(sender);
        line.and_then(|line| line.lanes.get(hop))
            .map_or(0, |lane| lane.queue.len())
    }

    fn lanes_of(&self, hop: &Arc<NextHop>) -> impl Iterator<Item = (&Arc<Sender>, usize)> {
        let presence = self.hops.get(hop).into_iter();
        let senders = presence.flat_map(|presence| &presence.senders);
        senders.map(|sender| (sender, self.waiting_in(sender, hop)))
    }

    /// The `Arc`s that are already in use for these names, so that a name is kept once.
    pub(super) fn shared(&self, job: &mut Job) {
        if let Some((hop, _)) = self.hops.get_key_value(&job.next_hop) {
            job.next_hop = Arc::clone(hop);
        }
        if let Some((sender, _)) = self.senders.get_key_value(&job.sender) {
            job.sender = Arc::clone(sender);
        }
    }

    /// Puts a job that is not there into its lane.
    pub(super) fn insert(
        &mut self,
        job: Arc<Job>,
        due: SystemTime,
        judged: Option<SystemTime>,
        place: Place,
    ) {
        let key = job.key();
        let waiting = place == Place::Waiting;
        let entry = Entry {
            job,
            place,
            withdrawn: false,
            due,
            ripe: false,
            judged: None,
        };
        if let Some(replaced) = self.entries.insert(key.clone(), entry) {
            debug_assert!(false, "a job in hand was replaced: {replaced:?}");
        }
        if waiting {
            self.queue(&key);
            self.judge_at(&key, judged);
        }
    }

    /// Names the time at which a waiting job has to be looked at.
    pub(super) fn judge_at(&mut self, key: &JobKey, at: Option<SystemTime>) {
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        if let Some(before) = entry.judged {
            self.judged.remove(&(before, key.clone()));
        }
        entry.judged = at;
        if let Some(at) = at {
            self.judged.insert((at, key.clone()));
        }
    }

    /// A waiting job whose time to be looked at has come.
    pub(super) fn judged_by(&mut self, now: SystemTime) -> Option<Arc<Job>> {
        let (at, key) = self.judged.first()?;
        if *at > now {
            return None;
        }
        let key = key.clone();
        self.judge_at(&key, None);
        self.entries.get(&key).map(|entry| Arc::clone(&entry.job))
    }

    /// Lets a waiting job start from `due` on.
    pub(super) fn hurry(&mut self, key: &JobKey, due: SystemTime) {
        let Some(judged) = self.unqueue(key) else {
            return;
        };
        if let Some(entry) = self.entries.get_mut(key) {
            entry.due = due;
        }
        self.queue(key);
        self.judge_at(key, judged);
    }

    /// From waiting to running, which is its sender's turn.
    pub(super) fn start(&mut self, key: &JobKey) {
        self.unqueue(key);
        self.turn += 1;
        let turn = self.turn;
        if let Some(entry) = self.entries.get_mut(key) {
            entry.place = Place::Running(None);
            let job = Arc::clone(&entry.job);
            self.rerank(&job, |rank| Rank {
                load: rank.load + weight(&job),
                served: turn,
            });
        }
    }

    /// From running to settling.
    pub(super) fn end(&mut self, key: &JobKey) {
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        if matches!(entry.place, Place::Running(_)) {
            entry.place = Place::Settling;
            let job = Arc::clone(&entry.job);
            self.rerank(&job, |rank| Rank {
                load: rank.load.saturating_sub(weight(&job)),
                ..rank
            });
        }
    }

    /// From waiting to settling, without an attempt.
    pub(super) fn set_aside(&mut self, key: &JobKey) {
        self.unqueue(key);
        if let Some(entry) = self.entries.get_mut(key) {
            entry.place = Place::Settling;
        }
    }

    /// Forgets a job, wherever it is.
    pub(super) fn remove(&mut self, key: &JobKey) -> Option<Arc<Job>> {
        self.unqueue(key);
        self.end(key);
        let entry = self.entries.remove(key)?;
        self.tidy(&entry.job);
        Some(entry.job)
    }

    /// The keys of a message that are known.
    pub(super) fn keys_of(&self, message: u64) -> Vec<JobKey> {
        let known = self.entries.range(JobKey::first_of(message)..);
        known
            .map(|(key, _)| key)
            .take_while(|key| key.message == message)
            .cloned()
            .collect()
    }

    /// What waits for a next hop.
    pub(super) fn keys_for(&self, hop: &Arc<NextHop>) -> Vec<JobKey> {
        let lanes = self.lanes_of(hop);
        lanes
            .flat_map(|(sender, _)| self.keys_in(sender, hop))
            .collect()
    }

    /// What waits of a sender.
    pub(super) fn keys_by(&self, sender: &Arc<Sender>) -> Vec<JobKey> {
        let lanes = self
            .senders
            .get(sender)
            .into_iter()
            .flat_map(|line| line.lanes.keys());
        lanes.flat_map(|hop| self.keys_in(sender, hop)).collect()
    }

    /// Everything that waits.
    pub(super) fn keys(&self) -> Vec<JobKey> {
        let waiting = self.entries.iter();
        waiting
            .filter(|(_, entry)| entry.place == Place::Waiting)
            .map(|(key, _)| key.clone())
            .collect()
    }

    fn keys_in<'a>(
        &'a self,
        sender: &Arc<Sender>,
        hop: &'a Arc<NextHop>,
    ) -> impl Iterator<Item = JobKey> + use<'a> {
        let lane = self
            .senders
            .get(sender)
            .and_then(|line| line.lanes.get(hop));
        lane.into_iter()
            .flat_map(|lane| &lane.queue)
            .map(|(_, message)| JobKey {
                message: *message,
                next_hop: Arc::clone(hop),
            })
    }

    /// Time goes on: what may start by now stands in the order of turns.
    pub(super) fn ripen(&mut self, now: SystemTime) {
        self.now = Some(now);
        while let Some((due, _)) = self.unripe.first()
            && *due <= now
            && let Some((_, key)) = self.unripe.pop_first()
        {
            self.join(&key);
        }
    }

    /// The lanes for a next hop have no turns, or have them again.
    pub(super) fn sleep(&mut self, hop: &Arc<NextHop>, asleep: bool) {
        let Some(presence) = self.hops.get_mut(hop) else {
            return;
        };
        if std::mem::replace(&mut presence.asleep, asleep) == asleep {
            return;
        }
        if asleep {
            self.asleep += presence.waiting;
        } else {
            self.asleep -= presence.waiting;
        }
        for sender in &presence.senders {
            let Some(line) = self.senders.get_mut(sender) else {
                continue;
            };
            let Some(lane) = line.lanes.get(hop).filter(|lane| lane.ripe > 0) else {
                continue;
            };
            let turn = (lane.rank, Arc::clone(hop));
            if asleep {
                line.turns.remove(&turn);
            } else {
                line.turns.insert(presence.standing, turn);
            }
            let turn = (line.rank, Arc::clone(sender));
            self.turns.follow(&line.turns, turn);
        }
    }

    /// What is known of a next hop by now.
    pub(super) fn stands(&mut self, hop: &Arc<NextHop>, standing: Standing) {
        let Some(presence) = self.hops.get_mut(hop) else {
            return;
        };
        if std::mem::replace(&mut presence.standing, standing) == standing || presence.asleep {
            return;
        }
        for sender in &presence.senders {
            let Some(line) = self.senders.get_mut(sender) else {
                continue;
            };
            let Some(lane) = line.lanes.get(hop).filter(|lane| lane.ripe > 0) else {
                continue;
            };
            let turn = (lane.rank, Arc::clone(hop));
            line.turns.remove(&turn);
            line.turns.insert(standing, turn);
            let turn = (line.rank, Arc::clone(sender));
            self.turns.follow(&line.turns, turn);
        }
    }

    /// False when nothing waits for any next hop that can take something; only asked of `few` next hops.
    pub(super) fn may_start(&self, few: usize, can_take: impl Fn(&Arc<NextHop>) -> bool) -> bool {
        self.hops.len() > few || self.hops.keys().any(can_take)
    }

    /// The job whose turn it is, among next hops that can take one and of which this is known.
    pub(super) fn next<'a>(
        &'a self,
        among: impl Fn(Standing) -> bool,
        mut can_take: impl FnMut(&'a Arc<NextHop>) -> bool,
    ) -> Option<Arc<Job>> {
        for sender in self.turns.among(&among) {
            let line = self.senders.get(sender);
            let hops = line.into_iter().flat_map(|line| line.turns.among(&among));
            for hop in hops {
                if can_take(hop)
                    && let Some(key) = self.keys_in(sender, hop).next()
                {
                    return self.entries.get(&key).map(|entry| Arc::clone(&entry.job));
                }
            }
        }
        None
    }

    /// The first time at which something that waits may start and may not yet.
    pub(super) fn next_due(&self) -> Option<SystemTime> {
        self.unripe.first().map(|(due, _)| *due)
    }

    /// The first time at which something that waits has to be looked at.
    pub(super) fn next_judged(&self) -> Option<SystemTime> {
        self.judged.first().map(|(at, _)| *at)
    }

    /// The last job of the longest lane for a next hop, and how long that lane is.
    pub(super) fn longest_for(&self, hop: &Arc<NextHop>) -> Option<(usize, JobKey)> {
        let lanes = self.lanes_of(hop);
        let (sender, waiting) = lanes.max_by_key(|(_, waiting)| *waiting)?;
        Some((waiting, self.last_in(sender, hop)?))
    }

    /// The last job of the longest lane of a sender, and how long that lane is.
    pub(super) fn longest_of(&self, sender: &Arc<Sender>) -> Option<(usize, JobKey)> {
        let lanes = &self.senders.get(sender)?.lanes;
        let (hop, lane) = lanes.iter().max_by_key(|(_, lane)| lane.queue.len())?;
        Some((lane.queue.len(), self.last_in(sender, hop)?))
    }

    /// The sender with the most waiting, and how much that is.
    pub(super) fn greediest(&self) -> Option<(usize, Arc<Sender>)> {
        let (sender, line) = self.senders.iter().max_by_key(|(_, line)| line.waiting)?;
        Some((line.waiting, Arc::clone(sender)))
    }

    /// The next hop for which the most is waiting, and how much that is.
    pub(super) fn busiest(&self) -> Option<(usize, &Arc<NextHop>)> {
        let waiting = self.hops.iter().map(|(hop, known)| (known.waiting, hop));
        waiting.max_by_key(|(waiting, _)| *waiting)
    }

    fn last_in(&self, sender: &Arc<Sender>, hop: &Arc<NextHop>) -> Option<JobKey> {
        let lane = self.senders.get(sender)?.lanes.get(hop)?;
        let (_, message) = lane.queue.last()?;
        Some(JobKey {
            message: *message,
            next_hop: Arc::clone(hop),
        })
    }

    /// Puts a job into its lane. A new lane stands behind whoever has had a turn by now.
    fn queue(&mut self, key: &JobKey) {
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        entry.place = Place::Waiting;
        let (job, due) = (Arc::clone(&entry.job), entry.due);
        let newcomer = Rank {
            load: 0,
            served: self.turn,
        };
        let presence = self.hops.entry(Arc::clone(&job.next_hop)).or_default();
        presence.senders.insert(Arc::clone(&job.sender));
        presence.waiting += 1;
        self.asleep += usize::from(presence.asleep);
        let line = self.senders.entry(Arc::clone(&job.sender));
        let line = line.or_insert_with(|| Line {
            rank: newcomer,
            ..Line::default()
        });
        let lane = line.lanes.entry(Arc::clone(&job.next_hop));
        let lane = lane.or_insert_with(|| Lane {
            rank: newcomer,
            ..Lane::default()
        });
        lane.queue.insert((due, job.message));
        line.waiting += 1;
        self.waiting += 1;
        if self.now.is_some_and(|now| due <= now) {
            self.join(key);
        } else {
            self.unripe.insert((due, key.clone()));
        }
    }

    /// A waiting job may start: its lane and its line are among those that have turns.
    fn join(&mut self, key: &JobKey) {
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        entry.ripe = true;
        let job = Arc::clone(&entry.job);
        let presence = self.hops.get(&job.next_hop);
        let (asleep, standing) = presence.map_or_else(Default::default, |presence| {
            (presence.asleep, presence.standing)
        });
        let Some(line) = self.senders.get_mut(&job.sender) else {
            return;
        };
        let Some(lane) = line.lanes.get_mut(&job.next_hop) else {
            return;
        };
        lane.ripe += 1;
        if asleep {
            return;
        }
        let turn = (lane.rank, Arc::clone(&job.next_hop));
        line.turns.insert(standing, turn);
        let turn = (line.rank, Arc::clone(&job.sender));
        self.turns.follow(&line.turns, turn);
    }

    /// Takes a job out of its lane, if it stands there; hands back when it was to be looked at.
    fn unqueue(&mut self, key: &JobKey) -> Option<Option<SystemTime>> {
        let entry = self.entries.get_mut(key)?;
        if entry.place != Place::Waiting {
            return None;
        }
        let ripe = std::mem::take(&mut entry.ripe);
        let (job, due, judged) = (Arc::clone(&entry.job), entry.due, entry.judged);
        self.judge_at(key, None);
        self.waiting -= 1;
        if !ripe {
            self.unripe.remove(&(due, key.clone()));
        }
        if let Some(presence) = self.hops.get_mut(&job.next_hop) {
            presence.waiting -= 1;
            self.asleep -= usize::from(presence.asleep);
        }
        let line = self.senders.get_mut(&job.sender)?;
        let lane = line.lanes.get_mut(&job.next_hop)?;
        lane.queue.remove(&(due, job.message));
        line.waiting -= 1;
        if ripe {
            lane.ripe -= 1;
        }
        if lane.ripe == 0 {
            line.turns.remove(&(lane.rank, Arc::clone(&job.next_hop)));
        }
        let turn = (line.rank, Arc::clone(&job.sender));
        self.turns.follow(&line.turns, turn);
        Some(judged)
    }

    /// Changes the ranks of the line and the lane of a job.
    fn rerank(&mut self, job: &Job, change: impl Fn(Rank) -> Rank) {
        let Some(line) = self.senders.get_mut(&job.sender) else {
            return;
        };
        self.turns
            .rerank(&(line.rank, Arc::clone(&job.sender)), change(line.rank));
        line.rank = change(line.rank);
        let Some(lane) = line.lanes.get_mut(&job.next_hop) else {
            return;
        };
        let turn = (lane.rank, Arc::clone(&job.next_hop));
        line.turns.rerank(&turn, change(lane.rank));
        lane.rank = change(lane.rank);
    }

    /// Drops the lane and the line of a job that is gone, when there is nothing else in them.
    fn tidy(&mut self, job: &Job) {
        let Some(line) = self.senders.get_mut(&job.sender) else {
            return;
        };
        let idle = |lane: &Lane| lane.queue.is_empty() && lane.rank.load == 0;
        if line.lanes.get(&job.next_hop).is_some_and(idle) {
            line.lanes.remove(&job.next_hop);
            if let Some(presence) = self.hops.get_mut(&job.next_hop) {
                presence.senders.remove(&job.sender);
                if presence.senders.is_empty() {
                    self.hops.remove(&job.next_hop);
                }
            }
        }
        if line.lanes.is_empty() {
            self.senders.remove(&job.sender);
        }
    }
}

/// What a job counts while it runs.
fn weight(job: &Job) -> u64 {
    1 + job.octets / LARGE
}
