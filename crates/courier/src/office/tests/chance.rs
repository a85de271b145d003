//! Whatever happens in whatever order: nobody gets a message twice, and everybody has it, or is reported, in the end.

use std::collections::BTreeSet;
use std::time::Duration;

use delivery::schedule::{NextHop, Rules, Scope, Verdict};
use mailstore::StoreError;

use super::world::{HOUR, Letterhead, MINUTE, Manner, World};
use crate::office::{Route, Which};

const HOPS: [&str; 5] = ["a.test", "b.test", "c.test", "d.test", "e.test"];

/// A generator that gives the same for the same seed (xorshift).
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % most
    }

    fn hop(&mut self) -> &'static str {
        HOPS[self.below(HOPS.len())]
    }

    fn scope(&mut self) -> Scope {
        if self.below(4) == 0 {
            Scope::All
        } else {
            Scope::NextHop(NextHop::Host(self.hop().parse().unwrap()).into())
        }
    }

    fn manner(&mut self) -> Manner {
        match self.below(9) {
            0 | 1 => Manner::Takes,
            2 => Manner::Defers,
            3 => Manner::Refuses,
            4 => Manner::Dead,
            5 => Manner::Loses,
            6 => Manner::Hangs,
            7 => Manner::Reports,
            _ => Manner::Sorts(vec![("r0", Verdict::Deferred), ("r1", Verdict::Refused)]),
        }
    }
}

/// What a run has posted, and what people did to it.
#[derive(Default)]
struct Posted {
    ids: Vec<u64>,
    /// First lines and recipients.
    all: BTreeSet<(String, String)>,
    /// Messages that were removed.
    removed: BTreeSet<String>,
}

async fn post(world: &World, chance: &mut Chance, posted: &mut Posted) {
    let number = posted.ids.len();
    let mut to = BTreeSet::new();
    for _ in 0..=chance.below(6) {
        to.insert(format!("<r{}@{}>", chance.below(4), chance.hop()));
    }
    let some: Vec<&str> = to.iter().map(String::as_str).collect();
    let mut letter = Letterhead::new(["<alice@here.test>", "<eve@far.test>"][number % 2], &some);
    letter.text = format!("Subject: {number}\r\n\r\nhello\r\n");
    letter.forwarded = (0..u32::try_from(some.len()).unwrap())
        .filter(|_| chance.below(3) == 0)
        .collect();
    if chance.below(8) == 0 {
        letter.release = Some(world.now() + HOUR);
    }
    posted.ids.push(world.post(&letter).await);
    let first = format!("Subject: {number}");
    posted
        .all
        .extend(to.into_iter().map(|to| (first.clone(), to)));
}

/// One thing that happens.
async fn happen(world: &mut World, chance: &mut Chance, posted: &mut Posted) {
    let some = chance.below(posted.ids.len().max(1));
    let id = posted.ids.get(some).copied().unwrap_or(0);
    match chance.below(15) {
        0..=3 => post(world, chance, posted).await,
        4 => world.roads.set(chance.hop(), chance.manner()),
        5 => world.roads.let_go(),
        6 => world.roads.close_idle(),
        7 => {
            let held = chance.below(2) == 0;
            if world.store.queue_hold(id, held).await.is_ok() {
                if held {
                    world.office.withdrawn(id);
                } else {
                    world.office.arrived(id);
                }
            }
        }
        8 => world.office.pause(chance.scope()),
        9 => world.office.resume(chance.scope()),
        10 => world.office.retry(Which::Message(id)),
        11 => world.office.retry(Which::Scope(chance.scope())),
        12 => {
            let route = Route::Hop(NextHop::Route("smarthost".into()).into());
            let mut routes = world.villa.routes.lock().unwrap();
            if routes.remove("a.test").is_none() {
                routes.insert("a.test".to_owned(), route);
            }
            drop(routes);
            world.office.reload(Rules::default());
        }
        13 if posted.ids.len() > 5 && chance.below(3) == 0 => {
            if world.store.queue_remove(id).await.is_ok_and(|was| was) {
                world.office.withdrawn(id);
                posted.removed.insert(format!("Subject: {some}"));
            }
        }
        13 => world.faults.fail_writes(1, Some(StoreError::Full)),
        _ => restart(world).await,
    }
    let millis = [0, 1, 700, 5_000, 60_000, 1_200_000][chance.below(6)];
    go_on(world, Duration::from_millis(millis)).await;
    world.faults.fail_writes(0, None);
}

/// Time goes by, whatever hangs or fails meanwhile.
async fn go_on(world: &World, time: Duration) {
    let step = (time / 20).max(Duration::from_millis(1));
    for _ in 0..20 {
        tokio::time::advance(step).await;
        for _ in 0..10 {
            world.office.census().await;
            std::thread::yield_now();
        }
    }
}

/// Another process goes on, when this one has written down what it knows. What hung is cut off.
async fn restart(world: &mut World) {
    world.faults.fail_writes(0, None);
    while world.office.census().await.unwritten > 0 {
        tokio::time::advance(Duration::from_millis(500)).await;
        std::thread::yield_now();
    }
    world.stop_at_once().await;
    world.reopen(Rules::default());
}

/// Every hindrance is gone.
async fn clear(world: &World, posted: &Posted) {
    world.office.resume(Scope::All);
    for hop in HOPS {
        world.roads.set(hop, Manner::Takes);
        let hop = NextHop::Host(hop.parse().unwrap());
        world.office.resume(Scope::NextHop(hop.into()));
    }
    world.roads.let_go();
    for id in &posted.ids {
        if world.store.queue_hold(*id, false).await.unwrap().is_some() {
            world.office.arrived(*id);
        }
    }
    // Whatever was being written down again and again.
    go_on(world, 3 * MINUTE).await;
    world.pass(MINUTE).await;
    world.roads.let_go();
    world.pass(9 * HOUR).await;
}

async fn run(seed: u64) {
    let mut world = World::new(Rules::default()).await;
    let (mut chance, mut posted) = (Chance(seed * 0x9e37_79b9 + 1), Posted::default());
    for _ in 0..60 {
        happen(&mut world, &mut chance, &mut posted).await;
    }
    clear(&world, &posted).await;
    assert_eq!(world.queue(), [], "seed {seed}");
    let census = world.office.census().await;
    assert_eq!(
        (census.schedule.jobs, census.unwritten),
        (0, 0),
        "seed {seed}"
    );
    let delivered = world.roads.delivered.lock().unwrap().clone();
    for (of, times) in delivered.iter().filter(|(of, _)| posted.all.contains(of)) {
        assert_eq!(*times, 1, "seed {seed}: {of:?}");
    }
    let alice = world.alices().concat();
    for (first, to) in &posted.all {
        let known = delivered.contains_key(&(first.clone(), to.clone()));
        let number: usize = first.trim_start_matches("Subject: ").parse().unwrap();
        if known || posted.removed.contains(first) || number % 2 == 1 {
            continue;
        }
        let bare = to.trim_matches(['<', '>']);
        let line = format!("; {bare}\r\n");
        assert!(alice.contains(&line), "seed {seed}: {first} {to} is lost");
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_gets_a_message_twice_and_none_is_lost() {
    for seed in 1..=12 {
        run(seed).await;
    }
}
