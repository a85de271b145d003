//! Servers that let everybody in and then say nothing, three for each connection there may be, and honest ones beside them.

use std::time::Duration;

use delivery::schedule::Rules;

use super::world::{HOUR, Letterhead, MINUTE, Manner, World};

/// What an attempt costs at most at a server that is not known to finish anything: ten minutes until a message can be
/// offered, 15 until all of it is sent, ten for the last answer.
const HELD: Duration = Duration::from_secs(35 * 60);

/// Three tarpits for each connection, each with a message from the same stranger.
async fn besieged() -> World {
    let world = World::new(Rules::default()).await;
    let known = Letterhead::new("<eve@far.test>", &["<bob@known.test>"]);
    world.post(&known).await;
    world.settle().await;
    for number in 0..300 {
        let tarpit = format!("tar{number}.test");
        world.roads.set(&tarpit, Manner::Tarpit(HELD));
        let to = format!("<bob@{tarpit}>");
        let letter = Letterhead::new("<eve@far.test>", &[&to]);
        world.post(&letter).await;
    }
    world.settle().await;
    assert_eq!(world.roads.hanging(), 50, "half of the connections");
    world
}

/// How long it takes until a message is with its server.
async fn leaves(world: &World, from: &str, to: &str) -> Duration {
    let begun = world.now();
    let id = world.post(&Letterhead::new(from, &[to])).await;
    world.settle().await;
    while world.queued(id).is_some() {
        world.pass(MINUTE).await;
        assert!(world.roads.most() <= 50, "no more than half, ever");
        let so_long = world.now().duration_since(begun).unwrap();
        assert!(so_long < 24 * HOUR, "it never leaves");
    }
    world.now().duration_since(begun).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_server_that_took_mail_before_is_not_held_up_by_tarpits() {
    let world = besieged().await;
    for _ in 0..20 {
        let waited = leaves(&world, "<eve@far.test>", "<bob@known.test>").await;
        assert!(waited < MINUTE / 60, "{waited:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_server_waits_for_the_first_tarpit_that_is_given_up() {
    let world = besieged().await;
    let waited = leaves(&world, "<alice@here.test>", "<bob@fresh.test>").await;
    assert!(waited <= HELD + 2 * MINUTE, "{waited:?}");
    let waited = leaves(&world, "<alice@here.test>", "<bob@fresh.test>").await;
    assert!(waited < MINUTE / 60, "it is known by now: {waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_new_server_behind_all_tarpits_waits_until_each_was_tried_once() {
    let world = besieged().await;
    let waited = leaves(&world, "<eve@far.test>", "<bob@fresh.test>").await;
    // At least 25 of the 50 connections try somebody new.
    assert!(waited <= 12 * (HELD + 2 * MINUTE), "{waited:?}");
}
