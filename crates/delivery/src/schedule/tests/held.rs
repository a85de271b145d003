//! Mail that is kept until somebody fetches it (RFC 2645): nothing of it starts, and its time runs out all the same.

use std::sync::Arc;

use super::world::{Did, World, hop, seconds};
use crate::schedule::{Delay, Door, Event, GiveUp, Job, NextHop, Rules, Scope};

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

fn held() -> Arc<NextHop> {
    Arc::new(NextHop::Held("spoke.test".parse().unwrap()))
}

fn job(world: &World, message: u64) -> Job {
    Job {
        next_hop: held(),
        ..world.job(message, 1, "spoke.test")
    }
}

#[test]
fn what_is_to_be_fetched_never_starts_and_takes_no_memory() {
    let mut world = World::new(Rules::default());
    for message in 1..200 {
        world.accept(job(&world, message));
    }
    world.accept(world.job(200, 1, "a.test"));
    world.pass(seconds(HOUR));
    assert_eq!(world.started(), [200]);
    assert_eq!(world.schedule.door(&held()), Door::Held);
    assert_eq!(world.schedule.door(&hop("spoke.test")), Door::Open);
    world.handle(Event::RetryAll(Scope::All));
    world.handle(Event::RetryAll(Scope::NextHop(held())));
    world.handle(Event::Retry(job(&world, 7)));
    world.pass(seconds(HOUR));
    assert_eq!(world.started(), [200]);
    assert_eq!(world.schedule.census().jobs, 0);
    // Pausing it says so, and nothing else changes.
    world.handle(Event::Pause(Scope::NextHop(held())));
    assert_eq!(world.schedule.door(&held()), Door::Paused);
    world.handle(Event::Resume(Scope::NextHop(held())));
    world.pass(seconds(60));
    assert_eq!(world.schedule.door(&held()), Door::Held);
    assert_eq!(world.started(), [200]);
}

#[test]
fn who_wrote_what_nobody_fetches_is_told_in_time() {
    let mut world = World::new(Rules::default());
    world.accept(job(&world, 1));
    world.pass(seconds(4 * HOUR - 60));
    assert_eq!(world.log, []);
    world.pass(seconds(HOUR));
    assert_eq!(world.log, [Did::Reported(1, Delay::Slow)]);
    world.pass(seconds(5 * DAY - 6 * HOUR));
    assert_eq!(world.log.len(), 1, "{:?}", world.log);
    world.pass(seconds(2 * HOUR));
    let expected = [
        Did::Reported(1, Delay::Slow),
        Did::GaveUp(1, GiveUp::Expired),
    ];
    assert_eq!(world.log, expected);
    assert!(world.store.is_empty());
}
