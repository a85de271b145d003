//! Next hops that let everybody in and then say nothing: what they may hold, and who goes on beside them.

use super::world::{Did, Manner, World, hop, seconds};
use crate::schedule::{Ending, Rules, Verdict};

/// As long as a tarpit can hold a connection.
const HELD: u64 = 35 * 60;

fn rules(connections: u32) -> Rules {
    Rules {
        connections,
        idle: seconds(60),
        ..Rules::default()
    }
}

fn tarpit(number: u64) -> String {
    format!("tar{number}.test")
}

/// Mail of one sender for so many tarpits, three each.
fn besieged(connections: u32, tarpits: u64) -> World {
    let mut world = World::new(rules(connections));
    besiege(&mut world, tarpits);
    world
}

fn besiege(world: &mut World, tarpits: u64) {
    for number in 0..3 * tarpits {
        let name = tarpit(number % tarpits);
        world.set(&name, Manner::Hangs);
        world.accept(world.job(number, 1, &name));
    }
    world.settle();
}

/// Every tarpit that holds a connection is given up.
fn give_up(world: &mut World) {
    world.now += seconds(HELD);
    let held: Vec<_> = world.running.keys().copied().collect();
    for connection in held {
        world.end(connection, Ending::Unreachable, Verdict::Deferred);
    }
    world.settle();
}

#[test]
fn tarpits_hold_half_of_all_connections_and_one_each() {
    for (connections, most) in [(1, 1), (2, 1), (3, 1), (10, 5), (100, 50)] {
        let world = besieged(connections, 3 * u64::from(connections));
        assert_eq!(world.running.len(), most, "of {connections}");
    }
    assert_eq!(besieged(100, 7).running.len(), 7);
}

#[test]
fn a_next_hop_that_has_proven_itself_never_waits_for_tarpits() {
    let mut world = World::new(rules(10));
    world.prove("honest.test");
    besiege(&mut world, 30);
    for message in 1_000..1_020 {
        // The sender is the same.
        world.accept(world.job(message, 1, "honest.test"));
        world.settle();
        let started = Did::Started(message, hop("honest.test"), message == 1_000);
        assert_eq!(world.log.last(), Some(&started));
    }
    assert_eq!(world.running.len(), 5, "tarpits");
}

#[test]
fn a_new_next_hop_has_the_first_connection_that_a_tarpit_lets_go() {
    let mut world = besieged(10, 30);
    world.accept(world.job(1_000, 2, "fresh.test"));
    world.settle();
    assert!(!world.started().contains(&1_000));
    let first = *world.running.keys().next().unwrap();
    world.end(first, Ending::Unreachable, Verdict::Deferred);
    world.settle();
    assert_eq!(world.delivered.len(), 1, "{:?}", world.started());
    // From now on it is as any other, whatever the tarpits hold.
    world.accept(world.job(1_001, 1, "fresh.test"));
    world.settle();
    assert_eq!(world.delivered.len(), 2);
}

#[test]
fn mail_behind_three_hundred_tarpits_of_the_same_sender_leaves_when_each_was_tried_once() {
    let mut world = besieged(100, 300);
    world.accept(world.job(10_000, 1, "fresh.test"));
    world.settle();
    let mut rounds = 0;
    while world.delivered.is_empty() {
        give_up(&mut world);
        rounds += 1;
        assert!(rounds <= 12, "{rounds}");
        let again = world.running.values().filter(|job| job.attempts > 0);
        assert!(again.count() <= 25, "who failed before holds no more");
    }
    // At least 25 of 50 connections try somebody new: 300 / 25.
    assert!(rounds >= 6, "{rounds}");
}

#[test]
fn who_cannot_be_reached_any_more_begins_anew() {
    let mut world = World::new(rules(10));
    for number in 0..6 {
        world.prove(&tarpit(number));
    }
    besiege(&mut world, 6);
    assert_eq!(world.running.len(), 10, "all that there are");
    give_up(&mut world);
    world.pass(seconds(2 * 3600));
    assert_eq!(world.running.len(), 2, "a quarter for who failed before");
}
