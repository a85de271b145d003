//! Anything may happen in any order, and what must always be so is so; in the end everything has been delivered or
//! given up, once.

use std::collections::BTreeMap;

use address::deliver_by::Mode;
use proptest::prelude::*;
use proptest::sample::Index;

use super::world::{Manner, World, account, hop, seconds};
use crate::schedule::{
    Deadline, Ending, Event, Job, JobKey, Output, Rest, Rules, Scope, Verdict, Want,
};

const HOPS: [&str; 4] = ["a.test", "b.test", "c.test", "d.test"];

#[derive(Clone, Debug)]
enum Happening {
    Arrives {
        hop: usize,
        sender: u64,
        recipients: u32,
        large: bool,
        release: Option<u64>,
        deadline: Option<(u64, bool)>,
    },
    /// Another next hop of the last message.
    AlsoFor(usize),
    Passes(u64),
    Ends(Index, Ending),
    Concludes(Index, Verdict),
    /// The store says what it has; the answer is on its way.
    Reads,
    Answers,
    CannotRead,
    Idles(Index),
    Orders(Order),
}

/// What people say.
#[derive(Clone, Debug)]
enum Order {
    Retries(Index),
    RetriesHop(usize),
    RetriesAll,
    Pauses(Option<usize>),
    Resumes(Option<usize>),
    Holds(Index),
    Releases(Index),
    Removes(Index),
    Allows(u64),
    Manner(usize, Manner),
}

fn endings() -> impl Strategy<Value = Ending> {
    prop_oneof![
        4 => Just(Ending::Finished { open: true }),
        1 => Just(Ending::Finished { open: false }),
        1 => Just(Ending::Lost),
        1 => Just(Ending::Unreachable),
        1 => Just(Ending::Stale),
    ]
}

fn verdicts() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        3 => Just(Verdict::Delivered),
        1 => Just(Verdict::Refused),
        3 => Just(Verdict::Deferred),
        1 => Just(Verdict::Untried),
    ]
}

fn arrivals() -> impl Strategy<Value = Happening> {
    let release = proptest::option::weighted(0.2, 0_u64..20_000);
    let deadline = proptest::option::weighted(0.2, (1_u64..20_000, any::<bool>()));
    let who = (0..HOPS.len(), 0_u64..4, 1_u32..4, any::<bool>());
    (who, release, deadline).prop_map(|((hop, sender, recipients, large), release, deadline)| {
        Happening::Arrives {
            hop,
            sender,
            recipients,
            large,
            release,
            deadline,
        }
    })
}

fn orders() -> impl Strategy<Value = Order> {
    let manners = prop_oneof![
        Just(Manner::Takes),
        Just(Manner::Defers),
        Just(Manner::Dead),
        Just(Manner::Loses),
        Just(Manner::Hangs),
    ];
    let hops = 0..HOPS.len();
    let some_hop = proptest::option::of(0..HOPS.len());
    prop_oneof![
        1 => any::<Index>().prop_map(Order::Retries),
        1 => hops.clone().prop_map(Order::RetriesHop),
        1 => Just(Order::RetriesAll),
        1 => some_hop.clone().prop_map(Order::Pauses),
        2 => some_hop.prop_map(Order::Resumes),
        1 => any::<Index>().prop_map(Order::Holds),
        1 => any::<Index>().prop_map(Order::Releases),
        1 => any::<Index>().prop_map(Order::Removes),
        1 => (0_u64..4).prop_map(Order::Allows),
        3 => (hops, manners).prop_map(|(hop, manner)| Order::Manner(hop, manner)),
    ]
}

fn happenings() -> impl Strategy<Value = Happening> {
    prop_oneof![
        12 => arrivals(),
        2 => (0..HOPS.len()).prop_map(Happening::AlsoFor),
        6 => prop_oneof![0_u64..3, 0_u64..2_000, 0_u64..40_000].prop_map(Happening::Passes),
        8 => (any::<Index>(), endings()).prop_map(|(which, how)| Happening::Ends(which, how)),
        8 => (any::<Index>(), verdicts()).prop_map(|(which, what)| Happening::Concludes(which, what)),
        4 => Just(Happening::Reads),
        5 => Just(Happening::Answers),
        1 => Just(Happening::CannotRead),
        1 => any::<Index>().prop_map(Happening::Idles),
        13 => orders().prop_map(Happening::Orders),
    ]
}

struct Model {
    world: World,
    messages: u64,
    /// On no connection any more; the store does not know what came of them.
    over: BTreeMap<JobKey, Job>,
    answer: Option<(Want, Vec<Job>, Rest)>,
    removed: usize,
    accepted: usize,
}

impl Model {
    fn new(rules: Rules) -> Self {
        let mut world = World::new(rules);
        world.slow_store = true;
        for name in HOPS {
            world.set(name, Manner::Hangs);
        }
        Self {
            world,
            messages: 0,
            over: BTreeMap::new(),
            answer: None,
            removed: 0,
            accepted: 0,
        }
    }

    fn accept(&mut self, job: Job) {
        self.accepted += 1;
        self.world.accept(job);
    }

    fn happens(&mut self, happening: Happening) {
        match happening {
            Happening::Arrives {
                hop,
                sender,
                recipients,
                large,
                release,
                deadline,
            } => {
                self.messages += 1;
                let mut job = self.world.job(self.messages, sender, HOPS[hop]);
                job.recipients = (0..recipients).collect();
                job.octets = if large { 5 << 20 } else { 500 };
                job.release = release.map(|wait| self.world.now + seconds(wait));
                job.due = job.release.unwrap_or(job.due);
                job.deadline = deadline.map(|(wait, notify)| Deadline {
                    at: self.world.now + seconds(wait),
                    mode: if notify { Mode::Notify } else { Mode::Return },
                });
                self.accept(job);
            }
            Happening::AlsoFor(hop) => self.also_for(hop),
            Happening::Passes(time) => self.passes(time),
            Happening::Ends(which, how) => self.ends(which, how),
            Happening::Concludes(which, verdict) => self.concludes(which, verdict),
            Happening::Reads => self.reads(),
            Happening::Answers => self.answers(),
            Happening::CannotRead => {
                self.answer = None;
                if let Some(want) = self.world.wants.pop_front() {
                    self.world.handle(Event::Unreadable { token: want.token });
                }
            }
            Happening::Idles(which) => self.idles(which),
            Happening::Orders(order) => self.order(order),
        }
        self.world.settle();
    }

    fn order(&mut self, order: Order) {
        let scope = |hop: Option<usize>| hop.map_or(Scope::All, |hop| World::scope(HOPS[hop]));
        match order {
            Order::Retries(which) => {
                let jobs: Vec<&Job> = self.world.store.values().collect();
                if !jobs.is_empty() {
                    let job = (*which.get(&jobs)).clone();
                    self.world.handle(Event::Retry(job));
                }
            }
            Order::RetriesHop(hop) => self.world.handle(Event::RetryAll(scope(Some(hop)))),
            Order::RetriesAll => self.world.handle(Event::RetryAll(Scope::All)),
            Order::Pauses(hop) => self.world.handle(Event::Pause(scope(hop))),
            Order::Resumes(hop) => self.world.handle(Event::Resume(scope(hop))),
            Order::Holds(which) => {
                if let Some(message) = self.queued(which) {
                    for job in self.world.jobs_of(message) {
                        self.world.store.remove(&job.key());
                        self.world.held.insert(job.key(), job);
                    }
                    self.world.handle(Event::Withdrawn(message));
                }
            }
            Order::Releases(which) => {
                let keys: Vec<JobKey> = self.world.held.keys().cloned().collect();
                if !keys.is_empty() {
                    let key = which.get(&keys);
                    let job = self.world.held.remove(key).unwrap();
                    self.world.accept(job);
                }
            }
            Order::Removes(which) => {
                if let Some(message) = self.queued(which) {
                    for job in self.world.jobs_of(message) {
                        self.world.store.remove(&job.key());
                        self.removed += 1;
                    }
                    self.world.handle(Event::Withdrawn(message));
                }
            }
            Order::Allows(sender) => self.world.handle(Event::Allowed(account(sender))),
            Order::Manner(which, manner) => {
                self.world.manners.insert(hop(HOPS[which]), manner);
            }
        }
    }

    fn queued(&self, which: Index) -> Option<u64> {
        let messages: Vec<u64> = self.world.store.keys().map(|key| key.message).collect();
        (!messages.is_empty()).then(|| *which.get(&messages))
    }

    fn also_for(&mut self, hop: usize) {
        let jobs = self.world.jobs_of(self.messages);
        if let Some(job) = jobs.into_iter().next() {
            let mut job = job;
            job.next_hop = super::world::hop(HOPS[hop]);
            let key = job.key();
            let known = self.world.store.contains_key(&key)
                || self.world.held.contains_key(&key)
                || self.world.delivered.contains(&key)
                || self.world.failed.contains_key(&key)
                || self.world.unsettled.contains_key(&key);
            if !known {
                self.accept(job);
            }
        }
    }

    fn passes(&mut self, time: u64) {
        let end = self.world.now + seconds(time);
        // The store and the servers may be slow meanwhile; the schedule is woken when it wants to be.
        for _ in 0..200 {
            match self.world.settle() {
                Some(until) if until <= end => {
                    let least = self.world.now + std::time::Duration::from_millis(1);
                    self.world.now = until.max(least);
                    self.world.handle(Event::Tick);
                }
                Some(_) | None => break,
            }
        }
        self.world.now = self.world.now.max(end);
        self.world.handle(Event::Tick);
    }

    fn ends(&mut self, which: Index, how: Ending) {
        let running: Vec<_> = self.world.running.keys().copied().collect();
        if !running.is_empty() {
            let job = self.world.put_down(*which.get(&running), how);
            let unsettled = self.world.unsettled.contains_key(&job.key());
            if how != Ending::Stale && unsettled {
                self.over.insert(job.key(), (*job).clone());
            }
        }
    }

    /// The store knows what came of a job: mostly of one that is over, sometimes of one that is not quite.
    fn concludes(&mut self, which: Index, verdict: Verdict) {
        let over: Vec<JobKey> = self.over.keys().cloned().collect();
        let running = self.world.running.values().map(|job| job.key());
        let early = running.filter(|key| self.world.unsettled.contains_key(key));
        let all: Vec<JobKey> = over.iter().cloned().chain(early).collect();
        if all.is_empty() {
            return;
        }
        let key = which.get(&all).clone();
        let job = self.over.remove(&key).unwrap_or_else(|| {
            let mut running = self.world.running.values();
            (**running.find(|job| job.key() == key).unwrap()).clone()
        });
        self.world.conclude(&job, verdict);
    }

    fn reads(&mut self) {
        if let Some(want) = self.world.wants.front().copied() {
            let (jobs, rest) = self.world.page(&want);
            self.answer = Some((want, jobs, rest));
        }
    }

    fn answers(&mut self) {
        if self.answer.is_none() {
            self.reads();
        }
        if let Some((want, jobs, rest)) = self.answer.take() {
            self.world.wants.clear();
            self.world.loaded(want, jobs, rest);
        }
    }

    fn idles(&mut self, which: Index) {
        let idle = self.world.connections.keys().copied();
        let idle: Vec<_> = idle
            .filter(|id| !self.world.running.contains_key(id))
            .collect();
        if !idle.is_empty() {
            let connection = *which.get(&idle);
            self.world.connections.remove(&connection);
            self.world.handle(Event::Ended {
                connection,
                how: Ending::Lost,
                draw: 0,
            });
        }
    }

    /// Everything is well from now on: what is left in the end is lost or stuck.
    fn ends_well(mut self) {
        for name in HOPS {
            self.world.set(name, Manner::Takes);
            self.world.handle(Event::Resume(World::scope(name)));
        }
        self.world.handle(Event::Resume(Scope::All));
        while !self.world.running.is_empty() {
            let connection = *self.world.running.keys().next().unwrap();
            let how = Ending::Finished { open: true };
            let job = self.world.put_down(connection, how);
            if self.world.unsettled.contains_key(&job.key()) {
                self.over.insert(job.key(), (*job).clone());
            }
        }
        for job in std::mem::take(&mut self.over).into_values() {
            self.world.conclude(&job, Verdict::Delivered);
        }
        for (_, job) in std::mem::take(&mut self.world.held) {
            self.world.accept(job);
        }
        self.answers();
        self.world.slow_store = false;
        self.world.answer();
        // Nobody's allowance is used up for more than a day for every few messages.
        self.world.pass(seconds(2 * 24 * 3600));
        for sender in 0..4 {
            for _ in 0..60 {
                self.world.handle(Event::Allowed(account(sender)));
                self.world.pass(seconds(120));
            }
        }
        assert!(
            self.world.store.is_empty(),
            "stuck: {:#?}",
            self.world.store
        );
        let ended = self.world.delivered.len() + self.world.failed.len();
        // What was removed while it was running may have been delivered all the same, and is not counted then.
        assert_eq!(ended + self.removed, self.accepted);
        self.world.pass(seconds(60));
        let census = self.world.schedule.census();
        assert_eq!(census.jobs, 0);
        assert_eq!(census.connections, 0);
        assert!(matches!(self.world.step(), Output::Wait(_)));
    }
}

fn small(per_day: Option<u32>) -> Rules {
    Rules {
        connections: 4,
        first_per_hop: 2,
        most_per_hop: 3,
        jobs_per_connection: 3,
        recipients_per_day: per_day,
        memory: 12,
        kept: 2,
        page: 3,
        ..Rules::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_happens_everything_ends_once(
        per_day in proptest::option::of(4_u32..12),
        happenings in proptest::collection::vec(happenings(), 1..150),
    ) {
        let mut model = Model::new(small(per_day));
        for happening in happenings {
            model.happens(happening);
        }
        model.ends_well();
    }
}
