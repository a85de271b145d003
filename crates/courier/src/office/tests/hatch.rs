//! Mail that is fetched: who gets what at the hatch, and what the store knows then.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use delivery::schedule::{NextHop, Rules, Verdict};

use super::world::{HOUR, Letterhead, MINUTE, Manner, World, hops};
use crate::office::{Route, Served};

fn held(domain: &str) -> NextHop {
    NextHop::Held(domain.parse().unwrap())
}

/// A world in which mail for these domains is fetched.
async fn world(domains: &[&str]) -> World {
    let world = World::new(Rules::default()).await;
    for domain in domains {
        let route = Route::Hop(Arc::new(held(domain)));
        let mut routes = world.villa.routes.lock().unwrap();
        routes.insert((*domain).to_owned(), route);
    }
    world
}

fn letter(to: &[&str]) -> Letterhead {
    Letterhead::new("<alice@here.test>", to)
}

fn these(domains: &[&str]) -> BTreeSet<NextHop> {
    domains.iter().map(|domain| held(domain)).collect()
}

async fn visit(world: &World, domains: &[&str]) -> Served {
    let line = world.roads.line();
    let served = world
        .hatch
        .serve(&these(domains), line, || false, |_| false)
        .await;
    world.settle().await;
    served
}

const WHOLE: fn(u64) -> Served = |messages| Served {
    messages,
    cut: false,
    paused: false,
};

#[tokio::test(start_paused = true)]
async fn what_waits_is_given_over_one_line_and_nothing_else_is() {
    let world = world(&["spoke.test", "other.test"]).await;
    for to in ["<a@spoke.test>", "<b@spoke.test>", "<c@other.test>"] {
        world.post(&letter(&[to])).await;
    }
    world.pass(HOUR).await;
    assert_eq!(world.roads.count(), 0, "nobody is called");
    assert_eq!(world.hatch.waits(&these(&["spoke.test"])).await, Ok(true));
    assert_eq!(world.hatch.waits(&these(&["third.test"])).await, Ok(false));
    assert_eq!(visit(&world, &["spoke.test"]).await, WHOLE(2));
    let sent = world.roads.sent();
    assert_eq!(hops(&sent), ["spoke.test", "spoke.test"]);
    assert_eq!(*world.roads.lines.lock().unwrap(), [('+', 1), ('-', 1)]);
    assert_eq!(world.queue().len(), 1);
    assert_eq!(world.hatch.waits(&these(&["spoke.test"])).await, Ok(false));
    assert_eq!(visit(&world, &["spoke.test"]).await, WHOLE(0));
    assert_eq!(visit(&world, &["spoke.test", "other.test"]).await, WHOLE(1));
    assert!(world.queue().is_empty());
}

#[tokio::test(start_paused = true)]
async fn of_a_message_for_several_places_each_goes_its_own_way() {
    let world = world(&["spoke.test"]).await;
    let id = world
        .post(&letter(&["<a@spoke.test>", "<b@a.test>", "<c@spoke.test>"]))
        .await;
    world.settle().await;
    let left = world.queued(id).unwrap();
    let left: Vec<u32> = left.waiting.iter().map(|one| one.recipient).collect();
    assert_eq!(left, [0, 2]);
    assert_eq!(visit(&world, &["spoke.test"]).await, WHOLE(1));
    let sent = world.roads.sent();
    assert_eq!(hops(&sent), ["a.test", "spoke.test"]);
    assert_eq!(sent[1].to(), ["<a@spoke.test>", "<c@spoke.test>"]);
    assert_eq!(world.queued(id), None);
}

#[tokio::test(start_paused = true)]
async fn what_is_put_off_is_offered_once_a_visit_and_what_is_refused_comes_back() {
    let world = world(&["spoke.test"]).await;
    let sorts = vec![("off", Verdict::Deferred), ("no", Verdict::Refused)];
    world.roads.set("spoke.test", Manner::Sorts(sorts));
    let id = world.post(&letter(&["<off@spoke.test>"])).await;
    world.post(&letter(&["<no@spoke.test>"])).await;
    world.pass(MINUTE).await;
    assert_eq!(visit(&world, &["spoke.test"]).await, WHOLE(2));
    assert_eq!(world.roads.count(), 2);
    // Reports wait a moment for others of the same message.
    world.pass(MINUTE).await;
    let told = world.alices();
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("Final-Recipient: rfc822; no@spoke.test"));
    let left = world.queued(id).unwrap();
    assert_eq!((world.queue().len(), left.waiting[0].attempts), (1, 1));
    // It is not due yet, but whoever fetches has it.
    world.roads.set("spoke.test", Manner::Takes);
    assert_eq!(visit(&world, &["spoke.test"]).await, WHOLE(1));
    assert!(world.queue().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_line_that_is_lost_leaves_the_rest_as_it_was() {
    let world = world(&["spoke.test"]).await;
    world.roads.set("spoke.test", Manner::Loses);
    for _ in 0..3 {
        world.post(&letter(&["<a@spoke.test>"])).await;
    }
    world.pass(MINUTE).await;
    let served = visit(&world, &["spoke.test"]).await;
    assert!(served.cut && served.messages == 1, "{served:?}");
    let attempts: Vec<u32> = world
        .queue()
        .iter()
        .map(|one| one.waiting[0].attempts)
        .collect();
    assert_eq!(attempts, [1, 0, 0]);
    world.pass(MINUTE).await;
    world.roads.set("spoke.test", Manner::Takes);
    assert_eq!(visit(&world, &["spoke.test"]).await, WHOLE(3));
}

#[tokio::test(start_paused = true)]
async fn a_line_that_was_gone_before_anything_was_said_changes_nothing() {
    let world = world(&["spoke.test"]).await;
    let id = world.post(&letter(&["<a@spoke.test>"])).await;
    world.settle().await;
    let before = world.queued(id);
    let line = world.roads.line();
    world.roads.close_idle();
    let these = these(&["spoke.test"]);
    let served = world.hatch.serve(&these, line, || false, |_| false);
    assert!(served.await.cut);
    world.settle().await;
    assert_eq!(world.queued(id), before);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_begun_once_it_is_enough() {
    let world = world(&["spoke.test"]).await;
    for _ in 0..3 {
        world.post(&letter(&["<a@spoke.test>"])).await;
    }
    world.settle().await;
    let line = world.roads.line();
    let is_enough = || world.roads.count() == 1;
    let these = these(&["spoke.test"]);
    let served = world.hatch.serve(&these, line, is_enough, |_| false);
    let served = served.await;
    assert!(served.cut && served.messages == 1, "{served:?}");
    world.settle().await;
    assert_eq!(world.queue().len(), 2);
    assert_eq!(*world.roads.lines.lock().unwrap(), [('+', 1), ('-', 1)]);
}

#[tokio::test(start_paused = true)]
async fn an_office_that_closes_writes_down_what_was_fetched() {
    let mut world = world(&["spoke.test"]).await;
    world.roads.set("spoke.test", Manner::Hangs);
    let id = world.post(&letter(&["<a@spoke.test>"])).await;
    world.settle().await;
    let (line, these) = (world.roads.line(), these(&["spoke.test"]));
    let office = world.office.clone();
    let serve = world.hatch.serve(&these, line, || false, |_| false);
    let stop = async {
        while world.roads.hanging() == 0 {
            tokio::task::yield_now().await;
        }
        let stop = office.stop(Duration::from_secs(30));
        let let_go = async { world.roads.let_go() };
        tokio::join!(stop, let_go)
    };
    let (served, _) = tokio::join!(serve, stop);
    assert_eq!(served, WHOLE(1));
    assert_eq!(world.queued(id), None);
    world.reopen(Rules::default());
}

#[tokio::test(start_paused = true)]
async fn whoever_is_cut_off_in_the_middle_has_it_next_time() {
    let world = world(&["spoke.test"]).await;
    world.roads.set("spoke.test", Manner::Hangs);
    let id = world.post(&letter(&["<a@spoke.test>"])).await;
    world.settle().await;
    let before = world.queued(id);
    let these = these(&["spoke.test"]);
    tokio::select! {
        biased;
        _ = world.hatch.serve(&these, world.roads.line(), || false, |_| false) => panic!("it hangs"),
        () = async {
            while world.roads.hanging() == 0 {
                tokio::task::yield_now().await;
            }
        } => {}
    }
    world.settle().await;
    assert_eq!(world.queued(id), before);
    world.roads.set("spoke.test", Manner::Takes);
    assert_eq!(visit(&world, &["spoke.test"]).await, WHOLE(1));
    assert_eq!(world.queued(id), None);
}

#[tokio::test(start_paused = true)]
async fn who_wrote_what_nobody_fetches_is_told_of_the_delay_and_of_the_end() {
    let world = world(&["spoke.test"]).await;
    let id = world.post(&letter(&["<a@spoke.test>"])).await;
    world.pass(5 * HOUR).await;
    let told = world.alices();
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("Action: delayed"), "{}", told[0]);
    assert!(told[0].contains("Status: 4.4.1"), "{}", told[0]);
    world.pass(5 * 24 * HOUR).await;
    let told = world.alices();
    assert_eq!(told.len(), 2);
    assert!(told[1].contains("Action: failed"), "{}", told[1]);
    assert!(told[1].contains("is down or"), "{}", told[1]);
    assert_eq!(world.queued(id), None);
    assert_eq!(world.roads.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_to_wait_from_now_on_is_not_given_out_and_the_rest_is() {
    let world = world(&["spoke.test", "other.test"]).await;
    for to in ["<a@spoke.test>", "<b@spoke.test>", "<c@other.test>"] {
        world.post(&letter(&[to])).await;
    }
    world.settle().await;
    // Somebody says so while the first letter is being said.
    let waits = |hop: &NextHop| *hop == held("spoke.test") && world.roads.count() > 0;
    let (these, line) = (these(&["spoke.test", "other.test"]), world.roads.line());
    let served = world.hatch.serve(&these, line, || false, waits).await;
    world.settle().await;
    let expected = Served {
        messages: 2,
        cut: false,
        paused: true,
    };
    assert_eq!(served, expected);
    assert_eq!(hops(&world.roads.sent()), ["spoke.test", "other.test"]);
    assert_eq!(world.queue().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_has_it_is_written_down_when_the_office_is_closed_in_the_middle_of_a_visit() {
    let world = world(&["spoke.test"]).await;
    world.roads.set("spoke.test", Manner::Splits);
    let id = world
        .post(&letter(&["<a@spoke.test>", "<b@spoke.test>"]))
        .await;
    world.settle().await;
    let these = these(&["spoke.test"]);
    let serve = world
        .hatch
        .serve(&these, world.roads.line(), || false, |_| false);
    let stop = async {
        while world.roads.hanging() == 0 {
            tokio::task::yield_now().await;
        }
        world.stop_at_once().await;
    };
    let (served, ()) = tokio::join!(serve, stop);
    assert!(served.cut);
    let left = world.queued(id).unwrap().waiting;
    assert_eq!((left.len(), left[0].recipient), (1, 1));
}
