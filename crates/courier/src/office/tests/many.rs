//! Much mail: a dead host in front of a living one, and a message for a thousand domains.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use delivery::schedule::{NextHop, Rules};
use mailstore::Options;

use super::world::{HOUR, Letterhead, MINUTE, Manner, World};
use crate::office::Route;

fn roomy() -> Options {
    Options {
        outgoing_messages: 50_000,
        ..Options::default()
    }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_messages_for_a_dead_host_do_not_slow_a_living_one() {
    let world = World::with(Rules::default(), roomy()).await;
    world.roads.set("dead.test", Manner::Dead);
    let letter = Letterhead::new("<alice@here.test>", &["<bob@dead.test>"]);
    for _ in 0..10_000 {
        world.post(&letter).await;
    }
    world.settle().await;
    let census = world.office.census().await;
    let known = census.schedule.jobs;
    assert!(known <= 10, "{census:?}");
    let alive = Letterhead::new("<alice@here.test>", &["<bob@alive.test>"]);
    for _ in 0..50 {
        let before = world.now();
        let id = world.post(&alive).await;
        world.settle().await;
        assert_eq!(world.queued(id), None, "at once");
        assert!(world.now().duration_since(before).unwrap() < MINUTE / 60);
    }
    world.pass(HOUR).await;
    let census = world.office.census().await;
    assert!(census.schedule.jobs <= 10, "{census:?}");
    assert_eq!(world.store.queue_counts().messages, 10_000);
    // It comes back to life.
    world.roads.set("dead.test", Manner::Takes);
    world.pass(2 * HOUR).await;
    assert_eq!(world.store.queue_counts().messages, 0);
    assert_eq!(world.roads.count(), 10_050);
}

#[tokio::test(start_paused = true)]
async fn a_message_for_five_thousand_at_a_thousand_domains_reaches_everybody_once() {
    let world = World::with(Rules::default(), roomy()).await;
    for number in 0..100 {
        world.roads.set(&format!("d{number}.test"), Manner::Defers);
    }
    let to: Vec<String> = (0..5_000)
        .map(|at| format!("<bob{at}@d{}.test>", at % 1_000))
        .collect();
    let some: Vec<&str> = to.iter().map(String::as_str).collect();
    let id = world.post(&Letterhead::new("<eve@far.test>", &some)).await;
    world.pass(MINUTE).await;
    assert_eq!(world.queued(id).unwrap().waiting.len(), 500);
    for number in 0..100 {
        world.roads.set(&format!("d{number}.test"), Manner::Takes);
    }
    world.pass(30 * MINUTE).await;
    assert_eq!(world.queued(id), None);
    let sent = world.roads.sent();
    assert_eq!(sent.len(), 1_100, "one transaction per domain and attempt");
    let mut attempts: BTreeMap<String, usize> = BTreeMap::new();
    for to in sent.iter().flat_map(super::world::Sent::to) {
        *attempts.entry(to).or_default() += 1;
    }
    let all: BTreeSet<&String> = to.iter().collect();
    assert_eq!(attempts.keys().collect::<BTreeSet<_>>(), all);
    assert_eq!(attempts.values().filter(|times| **times == 2).count(), 500);
    let census = world.office.census().await;
    assert_eq!(census.schedule.jobs, 0);
}

#[tokio::test(start_paused = true)]
async fn no_more_attempts_run_at_once_than_there_may_be_connections() {
    let rules = Rules {
        connections: 7,
        ..Rules::default()
    };
    let world = World::with(rules, roomy()).await;
    for number in 0..50 {
        let hop = NextHop::Route(format!("d{number}").into());
        let route = Route::Hop(Arc::new(hop));
        let mut routes = world.villa.routes.lock().unwrap();
        routes.insert(format!("d{number}.test"), route);
    }
    world.roads.set_all(Manner::Hangs);
    for number in 0..50 {
        let to = format!("<bob@d{number}.test>");
        world
            .post(&Letterhead::new("<alice@here.test>", &[&to]))
            .await;
    }
    while world.store.queue_counts().messages > 0 {
        world.settle().await;
        world.roads.let_go();
    }
    assert_eq!(world.roads.most(), 7);
    assert_eq!(world.roads.count(), 50);
}
