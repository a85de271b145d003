//! Words of command: retry, pause, hold, remove; and what the store says late.

use super::world::{Did, Manner, World, hop, seconds};
use crate::schedule::{Cursor, Door, Ending, Event, Output, Rest, Rules, Scope, Verdict};

const WELL: Ending = Ending::Finished { open: true };

fn few() -> Rules {
    Rules {
        connections: 4,
        first_per_hop: 1,
        most_per_hop: 1,
        ..Rules::default()
    }
}

/// Holds or removes a message: the store first, then the schedule.
fn hold(world: &mut World, message: u64) {
    for job in world.jobs_of(message) {
        world.store.remove(&job.key());
        world.held.insert(job.key(), job);
    }
    world.handle(Event::Withdrawn(message));
}

fn release(world: &mut World, message: u64) {
    let held: Vec<_> = world.held.keys().cloned().collect();
    for key in held.into_iter().filter(|key| key.message == message) {
        let job = world.held.remove(&key).unwrap();
        world.accept(job);
    }
}

#[test]
fn everything_can_be_paused() {
    let mut world = World::new(few());
    world.handle(Event::Pause(Scope::All));
    world.accept(world.job(1, 1, "a.test"));
    world.pass(seconds(3 * 3600));
    assert_eq!(world.started(), [0_u64; 0]);
    assert_eq!(world.schedule.door(&hop("a.test")), Door::Paused);
    world.handle(Event::Resume(Scope::All));
    world.settle();
    assert_eq!(world.started(), [1]);
}

#[test]
fn one_next_hop_can_be_paused_and_what_is_running_goes_on() {
    let mut world = World::new(few());
    world.set("a.test", Manner::Hangs);
    world.accept(world.job(1, 1, "a.test"));
    for message in 2..500 {
        world.accept(world.job(message, 1, "a.test"));
    }
    world.settle();
    world.handle(Event::Pause(World::scope("a.test")));
    world.accept(world.job(500, 1, "b.test"));
    world.settle();
    assert_eq!(world.started(), [1, 500]);
    let running = *world.running.keys().next().unwrap();
    world.end(running, WELL, Verdict::Delivered);
    world.settle();
    assert_eq!(world.connections.len(), 1, "the connection was closed");
    world.handle(Event::Pause(World::scope("b.test")));
    world.settle();
    assert_eq!(world.connections.len(), 0, "idle connections are closed");
    world.handle(Event::Resume(World::scope("b.test")));
    // What is paused takes no memory.
    assert_eq!(world.schedule.census().jobs, 0);
    world.set("a.test", Manner::Takes);
    world.pass(seconds(3600));
    assert_eq!(world.started(), [1, 500]);
    world.handle(Event::Resume(World::scope("a.test")));
    world.pass(seconds(10));
    assert_eq!(world.delivered.len(), 500);
}

#[test]
fn a_pause_lets_no_time_run_out() {
    let mut world = World::new(few());
    world.set("a.test", Manner::Dead);
    for message in 0..20 {
        world.accept(world.job(message, 1, "a.test"));
    }
    world.settle();
    world.handle(Event::Pause(World::scope("a.test")));
    world.pass(seconds(6 * 24 * 3600));
    let said = |world: &World| {
        let said = world.log.iter();
        said.filter(|did| !matches!(did, Did::Started(..))).count()
    };
    assert_eq!(said(&world), 0, "{:?}", world.log);
    // And there is one more attempt behind it.
    world.set("a.test", Manner::Takes);
    world.handle(Event::Resume(World::scope("a.test")));
    world.handle(Event::RetryAll(World::scope("a.test")));
    world.pass(seconds(60));
    assert_eq!(world.delivered.len(), 20, "{:?}", world.log);
}

#[test]
fn a_next_hop_that_was_being_left_alone_is_tried_at_once_when_its_pause_ends() {
    let mut world = World::new(few());
    world.set("a.test", Manner::Dead);
    world.accept(world.job(1, 1, "a.test"));
    world.settle();
    world.accept(world.job(2, 1, "a.test"));
    world.handle(Event::Pause(World::scope("a.test")));
    world.set("a.test", Manner::Takes);
    world.settle();
    assert_eq!(world.started(), [1]);
    world.handle(Event::Resume(World::scope("a.test")));
    world.settle();
    assert_eq!(world.started(), [1, 2]);
}

#[test]
fn a_message_can_be_held_released_and_removed() {
    let mut world = World::new(few());
    world.handle(Event::Pause(Scope::All));
    for message in 1..4 {
        world.accept(world.job(message, 1, "a.test"));
    }
    world.accept(world.job(2, 1, "b.test"));
    hold(&mut world, 2);
    world.store.retain(|key, _| key.message != 3);
    world.handle(Event::Withdrawn(3));
    world.handle(Event::Resume(Scope::All));
    world.pass(seconds(3600));
    assert_eq!(world.started(), [1]);
    release(&mut world, 2);
    world.settle();
    assert_eq!(world.started(), [1, 2, 2]);
    assert_eq!(world.delivered.len(), 3);
}

#[test]
fn a_message_held_while_it_is_tried_does_not_come_again() {
    let mut world = World::new(few());
    world.set("a.test", Manner::Hangs);
    world.accept(world.job(1, 1, "a.test"));
    world.settle();
    hold(&mut world, 1);
    let running = *world.running.keys().next().unwrap();
    let job = world.put_down(running, WELL);
    world.conclude(&job, Verdict::Deferred);
    world.pass(seconds(2 * 24 * 3600));
    assert_eq!(world.started(), [1]);
    assert_eq!(world.held.len(), 1);
}

#[test]
fn a_message_held_while_it_is_tried_does_not_come_back_from_a_dead_connection() {
    let mut world = World::new(few());
    world.accept(world.job(1, 1, "a.test"));
    world.settle();
    world.set("a.test", Manner::Hangs);
    world.accept(world.job(2, 1, "a.test"));
    world.settle();
    hold(&mut world, 2);
    let running = *world.running.keys().next().unwrap();
    world.put_down(running, Ending::Stale);
    world.pass(seconds(3600));
    assert_eq!(world.started(), [1, 2]);
    release(&mut world, 2);
    world.settle();
    assert_eq!(world.started(), [1, 2, 2]);
    // Held and released while it is tried: as if nothing had been.
    hold(&mut world, 2);
    release(&mut world, 2);
    let running = *world.running.keys().next().unwrap();
    world.put_down(running, Ending::Stale);
    world.settle();
    assert_eq!(world.started(), [1, 2, 2, 2]);
}

#[test]
fn what_the_store_said_early_of_a_message_that_is_held_now_does_not_count() {
    let mut world = World::new(few());
    world.set("a.test", Manner::Hangs);
    world.accept(world.job(1, 1, "a.test"));
    world.settle();
    let (connection, job) = world.running.first_key_value().unwrap();
    let (connection, job) = (*connection, job.clone());
    world.conclude(&job, Verdict::Untried);
    hold(&mut world, 1);
    world.put_down(connection, WELL);
    world.pass(seconds(3600));
    assert_eq!(world.started(), [1]);
}

#[test]
fn one_message_can_be_retried_at_once() {
    let mut world = World::new(few());
    world.set("a.test", Manner::Dead);
    for message in 1..10 {
        world.accept(world.job(message, 1, "a.test"));
    }
    world.settle();
    assert_eq!(world.started(), [1]);
    world.set("a.test", Manner::Takes);
    let job = world.store[&world.job(1, 1, "a.test").key()].clone();
    assert!(job.due > world.now);
    world.handle(Event::Retry(job));
    world.settle();
    // Its next hop answers, so the others go, too.
    assert_eq!(world.delivered.len(), 9);
    assert!(world.started()[1..].contains(&1));
    // What is in hand already is not started twice.
    world.set("b.test", Manner::Hangs);
    let job = world.job(10, 1, "b.test");
    world.accept(job.clone());
    world.settle();
    world.handle(Event::Retry(job));
    world.settle();
    assert_eq!(world.running.len(), 1);
}

#[test]
fn all_mail_or_that_for_one_next_hop_can_be_retried_at_once() {
    let mut world = World::new(few());
    for (name, first) in [("a.test", 0), ("b.test", 100), ("c.test", 200)] {
        world.set(name, Manner::Defers);
        for message in first..first + 100 {
            world.accept(world.job(message, 1, name));
        }
    }
    world.set("d.test", Manner::Dead);
    for message in 300..310 {
        world.accept(world.job(message, 1, "d.test"));
    }
    world.settle();
    assert_eq!(world.started().len(), 301);
    world.now += seconds(5);
    for name in ["a.test", "b.test", "c.test", "d.test"] {
        world.set(name, Manner::Takes);
    }
    world.handle(Event::RetryAll(World::scope("b.test")));
    world.settle();
    assert_eq!(world.delivered.len(), 100);
    assert!(
        world
            .delivered
            .iter()
            .all(|key| key.next_hop == hop("b.test"))
    );
    world.handle(Event::RetryAll(Scope::All));
    world.settle();
    assert_eq!(world.delivered.len(), 310);
}

#[test]
fn a_retry_begins_with_what_is_known() {
    for scope in [Scope::All, World::scope("a.test")] {
        let mut world = World::new(few());
        world.set("a.test", Manner::Dead);
        for message in 1..4 {
            world.accept(world.job(message, 1, "a.test"));
        }
        world.settle();
        world.set("a.test", Manner::Takes);
        world.slow_store = true;
        world.handle(Event::RetryAll(scope));
        world.settle();
        assert_eq!(world.started(), [1, 2, 3], "before the store answers");
    }
}

#[test]
fn a_retry_reaches_even_what_finds_no_room_at_once() {
    let mut world = World::new(Rules {
        memory: 40,
        page: 7,
        ..few()
    });
    world.set("a.test", Manner::Defers);
    for message in 0..500 {
        world.accept(world.job(message, 1, "a.test"));
    }
    world.pass(seconds(600));
    assert_eq!(world.started().len(), 500);
    // They cannot all be known at once, and the first few take their time.
    world.set("a.test", Manner::Hangs);
    world.handle(Event::RetryAll(Scope::All));
    world.settle();
    world.set("a.test", Manner::Takes);
    let connection = *world.running.keys().next().unwrap();
    world.end(connection, WELL, Verdict::Delivered);
    world.settle();
    assert_eq!(world.delivered.len(), 500);
    assert!(world.most_jobs <= 40 + 7);
}

#[test]
fn what_was_retried_in_vain_is_not_retried_for_ever() {
    let mut world = World::new(few());
    world.set("a.test", Manner::Defers);
    for message in 0..10 {
        world.accept(world.job(message, 1, "a.test"));
    }
    world.settle();
    world.now += seconds(5);
    world.handle(Event::RetryAll(Scope::All));
    world.settle();
    assert_eq!(world.started().len(), 20);
    world.pass(seconds(600));
    assert_eq!(world.started().len(), 20);
}

/// A page is read, then something happens, then the schedule gets the page.
#[track_caller]
fn stale(happens: impl Fn(&mut World), starts: &[u64]) {
    let mut world = World::new(few());
    world.slow_store = true;
    world.set("a.test", Manner::Hangs);
    world.accept(world.job(1, 1, "a.test"));
    world.accept(world.job(2, 1, "a.test"));
    world.settle();
    assert_eq!(world.started(), [1]);
    world.handle(Event::RetryAll(Scope::All));
    let Output::Want(want) = world.step() else {
        panic!("no question");
    };
    let (jobs, rest) = world.page(&want);
    assert_eq!(jobs.len(), 2);
    world.wants.clear();
    happens(&mut world);
    world.settle();
    world.loaded(want, jobs, rest);
    world.settle();
    assert_eq!(world.started(), starts);
}

#[test]
fn an_old_page_brings_nothing_back() {
    stale(|_| (), &[1]);
    let finish = |world: &mut World, verdict| {
        let running = *world.running.keys().next().unwrap();
        world.end(running, WELL, verdict);
    };
    stale(|world| finish(world, Verdict::Delivered), &[1, 2]);
    stale(|world| finish(world, Verdict::Deferred), &[1, 2]);
    stale(|world| finish(world, Verdict::Refused), &[1, 2]);
    stale(
        |world| {
            hold(world, 2);
            finish(world, Verdict::Delivered);
        },
        &[1],
    );
    stale(
        |world| {
            finish(world, Verdict::Delivered);
            world.settle();
            finish(world, Verdict::Delivered);
            world.settle();
        },
        &[1, 2],
    );
}

#[test]
fn an_answer_to_no_question_is_not_heard() {
    let mut world = World::new(few());
    let job = world.job(1, 1, "a.test");
    let rest = Rest::After(Cursor {
        due: world.now,
        message: 1,
    });
    let loaded = Event::Loaded {
        token: 77,
        jobs: vec![job],
        rest,
        draw: 0,
    };
    world.handle(loaded);
    world.settle();
    assert_eq!(world.started(), [0_u64; 0]);
}

#[test]
fn a_store_that_cannot_be_read_is_asked_again_later() {
    let mut world = World::new(few());
    world.slow_store = true;
    let job = world.job(1, 1, "a.test");
    world.store.insert(job.key(), job);
    world.handle(Event::RetryAll(Scope::All));
    let Output::Want(want) = world.step() else {
        panic!("no question");
    };
    world.wants.clear();
    world.handle(Event::Unreadable { token: want.token });
    let until = world.settle().unwrap();
    assert_eq!(until, world.now + seconds(60));
    world.slow_store = false;
    world.pass(seconds(61));
    assert_eq!(world.started(), [1]);
}

#[test]
fn the_store_may_know_before_the_connection_is_free() {
    let mut world = World::new(few());
    world.set("a.test", Manner::Hangs);
    world.accept(world.job(1, 1, "a.test"));
    world.accept(world.job(2, 1, "a.test"));
    world.settle();
    let (connection, job) = world.running.first_key_value().unwrap();
    let (connection, job) = (*connection, job.clone());
    world.conclude(&job, Verdict::Deferred);
    world.settle();
    assert_eq!(world.started(), [1]);
    world.put_down(connection, WELL);
    world.settle();
    assert_eq!(world.started(), [1, 2]);
    world.pass(seconds(1));
    world.set("a.test", Manner::Takes);
    let connection = *world.running.keys().next().unwrap();
    world.end(connection, WELL, Verdict::Delivered);
    world.pass(seconds(1800));
    assert_eq!(world.started(), [1, 2, 1]);
}
