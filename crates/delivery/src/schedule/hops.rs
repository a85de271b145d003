//! Next hops and the connections to them: how many there may be, what may be used again, and which next hop is left
//! alone for a while. No job is looked at here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use super::backoff::later;
use super::job::{JobKey, NextHop};
use super::lines::TICK;
use super::proven::{Proven, Standing, Trials};
use super::rules::Rules;

/// A next hop that wanted fewer connections is asked for more after so many successes, not at every one: what it refuses
/// meanwhile would be put off.
const CAUTION: u32 = 50;

/// So many connections in a row that a next hop let us have and lost, and nothing that came to an end between them: then it
/// is left alone. Fewer may be the doing of one message.
const LOSSES: u32 = 3;

/// A connection, by the number the schedule gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// Whether jobs for a next hop can start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// They can, within the limits.
    Open,
    /// It could not be reached and is left alone until then.
    BackedOff(SystemTime),
    /// Somebody said so.
    Paused,
    /// Nothing is ever sent there; it is fetched.
    Held,
}

#[derive(Debug)]
struct Hop {
    /// Connections there may be.
    limit: u32,
    /// Connections there are.
    open: u32,
    /// Successes that are still to come before there may be more again.
    caution: u32,
    /// Failures to reach it, in a row.
    failures: u32,
    closed_until: Option<SystemTime>,
    /// Idle connections, the one that worked last at the end.
    idle: BTreeSet<(SystemTime, ConnectionId)>,
}

#[derive(Debug)]
struct Connection {
    hop: Arc<NextHop>,
    /// What it carries; nothing while it is idle.
    job: Option<JobKey>,
    jobs: u32,
    since: SystemTime,
    /// What was known of its next hop when it was opened, and has not been proven since.
    standing: Standing,
}

#[derive(Debug, Default)]
pub(super) struct Hops {
    /// Those with a connection or with failures; of others there is nothing to know.
    hops: BTreeMap<Arc<NextHop>, Hop>,
    paused: BTreeSet<Arc<NextHop>>,
    connections: BTreeMap<ConnectionId, Connection>,
    idle: BTreeSet<(SystemTime, ConnectionId)>,
    /// Next hops by when they may be tried again.
    reopening: BTreeSet<(SystemTime, Arc<NextHop>)>,
    /// Connections that were lost since the last transaction that came to an end; of [`Rules::memory`] next hops at most.
    losses: BTreeMap<Arc<NextHop>, u32>,
    proven: Proven,
    trials: Trials,
    last: u64,
}

impl Hops {
    pub(super) fn door(&self, hop: &Arc<NextHop>, now: SystemTime) -> Door {
        if self.paused.contains(hop) {
            return Door::Paused;
        }
        match **hop {
            NextHop::Held(_) => return Door::Held,
            NextHop::Route(_) | NextHop::Host(_) => {}
        }
        match self.hops.get(hop).and_then(|hop| hop.closed_until) {
            Some(until) if until > now => Door::BackedOff(until),
            Some(_) | None => Door::Open,
        }
    }

    /// It failed, and there was no success since.
    pub(super) fn is_doubtful(&self, hop: &Arc<NextHop>) -> bool {
        self.hops.get(hop).is_some_and(|hop| hop.failures > 0)
    }

    /// Whether a job could start now: on an idle connection or on a new one.
    pub(super) fn can_take(&self, rules: &Rules, hop: &Arc<NextHop>, now: SystemTime) -> bool {
        if self.door(hop, now) != Door::Open {
            return false;
        }
        let known = self.hops.get(hop);
        if known.is_some_and(|hop| !hop.idle.is_empty()) {
            return true;
        }
        let standing = self.standing(hop);
        let proven = standing == Standing::Proven;
        // One at a time until it has finished something.
        let room = known.is_none_or(|hop| hop.open < if proven { hop.limit } else { 1 });
        room && self.has_room_for(rules, standing)
            && (self.has_room(rules) || !self.idle.is_empty())
    }

    /// What is known of a next hop.
    pub(super) fn standing(&self, hop: &Arc<NextHop>) -> Standing {
        if self.proven.has(hop) {
            Standing::Proven
        } else if self.is_doubtful(hop) {
            Standing::Again
        } else {
            Standing::Fresh
        }
    }

    /// Whether there may be one more connection to next hops of which this is known.
    pub(super) fn has_room_for(&self, rules: &Rules, standing: Standing) -> bool {
        self.trials.have_room(rules, standing)
    }

    /// Whether nothing at all could start.
    pub(super) fn is_busy(&self, rules: &Rules) -> bool {
        !self.has_room(rules) && self.idle.is_empty()
    }

    fn has_room(&self, rules: &Rules) -> bool {
        self.connections.len() < usize::try_from(rules.connections).unwrap_or(usize::MAX)
    }

    /// The connection for a job that [can be taken](Self::can_take): whether it is a new one, and which one had to be
    /// closed for that.
    pub(super) fn start(
        &mut self,
        rules: &Rules,
        key: &JobKey,
        now: SystemTime,
    ) -> (ConnectionId, bool, Option<ConnectionId>) {
        let known = self.hops.get(&key.next_hop);
        if let Some((_, id)) = known.and_then(|hop| hop.idle.last().copied()) {
            self.wake(id);
            if let Some(connection) = self.connections.get_mut(&id) {
                connection.job = Some(key.clone());
                connection.jobs += 1;
            }
            return (id, false, None);
        }
        let oldest = self.idle.first().map(|(_, id)| *id);
        let closed = oldest.filter(|_| !self.has_room(rules));
        if let Some(id) = closed {
            self.forget(id);
        }
        let standing = self.standing(&key.next_hop);
        self.trials.begin(standing);
        self.last += 1;
        let id = ConnectionId(self.last);
        let connection = Connection {
            hop: Arc::clone(&key.next_hop),
            job: Some(key.clone()),
            jobs: 1,
            since: now,
            standing,
        };
        self.connections.insert(id, connection);
        self.known(rules, &key.next_hop).open += 1;
        (id, true, closed)
    }

    /// The job of a connection, which carries none from now on.
    pub(super) fn unload(&mut self, id: ConnectionId) -> Option<JobKey> {
        self.connections.get_mut(&id)?.job.take()
    }

    /// A connection without a job waits for the next one, if it may; otherwise false.
    pub(super) fn rest(&mut self, rules: &Rules, id: ConnectionId, now: SystemTime) -> bool {
        let Some(connection) = self.connections.get_mut(&id) else {
            return false;
        };
        let paused = self.paused.contains(&connection.hop);
        let Some(hop) = self.hops.get_mut(&connection.hop) else {
            return false;
        };
        let worn = connection.jobs >= rules.jobs_per_connection || hop.open > hop.limit;
        if worn || paused || hop.closed_until.is_some() {
            return false;
        }
        connection.since = now;
        hop.idle.insert((now, id));
        self.idle.insert((now, id));
        true
    }

    /// Forgets a connection that is closed, or will be at once.
    pub(super) fn forget(&mut self, id: ConnectionId) -> Option<JobKey> {
        self.wake(id);
        let connection = self.connections.remove(&id)?;
        self.trials.end(connection.standing);
        if let Some(hop) = self.hops.get_mut(&connection.hop) {
            hop.open = hop.open.saturating_sub(1);
            if hop.open == 0 && hop.failures == 0 {
                self.hops.remove(&connection.hop);
            }
        }
        connection.job
    }

    fn wake(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get(&id) {
            let entry = (connection.since, id);
            self.idle.remove(&entry);
            if let Some(hop) = self.hops.get_mut(&connection.hop) {
                hop.idle.remove(&entry);
            }
        }
    }

    /// A connection that has been idle for too long, forgotten by now.
    pub(super) fn idle_too_long(&mut self, rules: &Rules, now: SystemTime) -> Option<ConnectionId> {
        let (since, id) = *self.idle.first()?;
        if later(since, rules.idle) > now {
            return None;
        }
        self.forget(id);
        Some(id)
    }

    /// The idle connections to a next hop, forgotten by now.
    pub(super) fn dismiss(&mut self, hop: &Arc<NextHop>) -> Vec<ConnectionId> {
        let idle = self.hops.get(hop).into_iter().flat_map(|hop| &hop.idle);
        let ids: Vec<ConnectionId> = idle.map(|(_, id)| *id).collect();
        for id in &ids {
            self.forget(*id);
        }
        ids
    }

    /// Idle connections beyond what a next hop may have, forgotten by now.
    pub(super) fn surplus(&mut self, hop: &Arc<NextHop>) -> Option<ConnectionId> {
        let known = self.hops.get(hop).filter(|hop| hop.open > hop.limit)?;
        let (_, id) = *known.idle.first()?;
        self.forget(id);
        Some(id)
    }

    /// A transaction went through, whatever the answers were. True when there had been failures before it.
    pub(super) fn succeeded(&mut self, rules: &Rules, hop: &Arc<NextHop>) -> bool {
        let most = rules.most_per_hop;
        self.losses.remove(hop);
        let first = self.prove(rules, hop);
        let known = self.known(rules, hop);
        let recovered = known.failures > 0;
        if first && !recovered {
            known.limit = known.limit.max(rules.first_per_hop);
        } else if known.caution > 0 {
            known.caution -= 1;
        } else {
            known.limit = (known.limit + 1).min(most);
        }
        known.failures = 0;
        if let Some(until) = known.closed_until.take() {
            self.reopening.remove(&(until, Arc::clone(hop)));
        }
        recovered
    }

    /// It finishes what it begins: its connections count as those of others do. True when that is new.
    fn prove(&mut self, rules: &Rules, hop: &Arc<NextHop>) -> bool {
        let first = self.proven.note(rules, hop);
        if first {
            for connection in self.connections.values_mut() {
                if connection.hop == *hop {
                    self.trials.end(connection.standing);
                    connection.standing = Standing::Proven;
                }
            }
        }
        first
    }

    /// A connection was lost in the middle; it is forgotten by now. Fewer at once from now on. When it was the only one and
    /// the last of several in a row, it is as if the next hop could not be reached (true: it is left alone): what one
    /// message brings about does not stop the others.
    pub(super) fn faltered(
        &mut self,
        rules: &Rules,
        hop: &Arc<NextHop>,
        now: SystemTime,
        draw: u64,
    ) -> bool {
        let losses = self.lost(rules, hop);
        match self.hops.get_mut(hop) {
            Some(known) if known.open > 0 => {
                known.limit = (known.limit / 2).max(1);
                known.caution = CAUTION;
                false
            }
            Some(_) | None if losses >= LOSSES => self.unreachable(rules, hop, now, draw),
            Some(_) | None => false,
        }
    }

    /// Counts one more; hands back how many in a row that makes.
    fn lost(&mut self, rules: &Rules, hop: &Arc<NextHop>) -> u32 {
        if self.losses.len() >= rules.memory && !self.losses.contains_key(hop) {
            self.losses.pop_first();
        }
        let losses = self.losses.entry(Arc::clone(hop)).or_default();
        *losses = losses.saturating_add(1);
        *losses
    }

    /// It could not be reached; the connection is forgotten by now. True when it is left alone from now on: not when
    /// other connections to it stand, for then it merely wants no more of them.
    pub(super) fn unreachable(
        &mut self,
        rules: &Rules,
        hop: &Arc<NextHop>,
        now: SystemTime,
        draw: u64,
    ) -> bool {
        if matches!(self.door(hop, now), Door::BackedOff(_)) {
            return false;
        }
        let standing = self.worked(hop);
        if standing == 0 {
            self.proven.forget(hop);
        }
        let known = self.known(rules, hop);
        if standing > 0 {
            known.limit = standing.min(known.limit).max(1);
            known.caution = CAUTION;
            return false;
        }
        known.failures = known.failures.saturating_add(1);
        known.limit = 1;
        let until = later(now, rules.reconnect.after(known.failures, draw));
        let before = known.closed_until.replace(until);
        if let Some(before) = before {
            self.reopening.remove(&(before, Arc::clone(hop)));
        }
        self.reopening.insert((until, Arc::clone(hop)));
        true
    }

    /// Connections to a next hop that have carried a job to its end.
    fn worked(&self, hop: &Arc<NextHop>) -> u32 {
        let proven = self
            .connections
            .values()
            .filter(|connection| connection.hop == *hop)
            .filter(|connection| connection.jobs > 1 || connection.job.is_none());
        u32::try_from(proven.count()).unwrap_or(u32::MAX)
    }

    /// When too many are left alone, forgets the failures of the one that has to wait the least, so that their number is
    /// bounded.
    pub(super) fn forgive(&mut self, rules: &Rules) -> Option<Arc<NextHop>> {
        if self.reopening.len() <= rules.memory {
            return None;
        }
        let (_, hop) = self.reopening.first().cloned()?;
        self.reopen(&hop);
        Some(hop)
    }

    /// Lets a next hop be tried at once. True when it was being left alone.
    pub(super) fn reopen(&mut self, hop: &Arc<NextHop>) -> bool {
        self.losses.remove(hop);
        let Some(known) = self.hops.get_mut(hop) else {
            return false;
        };
        let Some(until) = known.closed_until.take() else {
            return false;
        };
        // With a connection it is known until that ends, without failures, and with the limit of one.
        known.failures = 0;
        let unused = known.open == 0;
        self.reopening.remove(&(until, Arc::clone(hop)));
        if unused {
            self.hops.remove(hop);
        }
        true
    }

    /// Lets every next hop be tried at once; hands back those that were being left alone.
    pub(super) fn reopen_all(&mut self) -> Vec<Arc<NextHop>> {
        let hops = self.reopening.iter().map(|(_, hop)| Arc::clone(hop));
        let hops: Vec<Arc<NextHop>> = hops.collect();
        for hop in &hops {
            self.reopen(hop);
        }
        hops
    }

    /// True when that is new.
    pub(super) fn pause(&mut self, hop: &Arc<NextHop>) -> bool {
        self.paused.insert(Arc::clone(hop))
    }

    /// True when it was paused.
    pub(super) fn resume(&mut self, hop: &Arc<NextHop>) -> bool {
        self.paused.remove(hop)
    }

    /// The first time at which an idle connection is to be closed or a next hop may be tried again.
    pub(super) fn next_change(&self, rules: &Rules, now: SystemTime) -> Option<SystemTime> {
        let idle = self
            .idle
            .first()
            .map(|(since, _)| later(*since, rules.idle));
        let behind = (later(now, TICK), Arc::new(NextHop::Route("".into())));
        let reopening = self.reopening.range(behind..).next().map(|(at, _)| *at);
        [idle, reopening].into_iter().flatten().min()
    }

    /// Next hops that could be tried again since `before`.
    pub(super) fn reopened(&self, before: SystemTime, now: SystemTime) -> Vec<Arc<NextHop>> {
        let behind = (later(before, TICK), Arc::new(NextHop::Route("".into())));
        let reopened = self.reopening.range(behind..);
        reopened
            .take_while(|(at, _)| *at <= now)
            .map(|(_, hop)| Arc::clone(hop))
            .collect()
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.len()
    }

    pub(super) fn idle(&self) -> usize {
        self.idle.len()
    }

    /// Next hops with failures.
    pub(super) fn failing(&self) -> usize {
        self.reopening.len()
    }

    fn known(&mut self, rules: &Rules, hop: &Arc<NextHop>) -> &mut Hop {
        let limit = if self.proven.has(hop) {
            rules.first_per_hop
        } else {
            1
        };
        self.hops.entry(Arc::clone(hop)).or_insert_with(|| Hop {
            limit,
            open: 0,
            caution: 0,
            failures: 0,
            closed_until: None,
            idle: BTreeSet::new(),
        })
    }
}
