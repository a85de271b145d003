//! Stores that fail, processes that end, and the closing of the office.

use std::path::Path;
use std::time::Duration;

use delivery::schedule::{Rules, Verdict};
use mailstore::{Options, Store, StoreError};

use super::world::{HOUR, Letterhead, MINUTE, Manner, World};
use crate::office::Which;

/// Lets time go by without waiting for what cannot end.
async fn wait(world: &World, time: Duration) {
    let steps = time.as_millis() / 500;
    for _ in 0..steps {
        tokio::time::advance(Duration::from_millis(500)).await;
        for _ in 0..20 {
            world.office.census().await;
            std::thread::yield_now();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_written_down_is_said_again_and_not_sent_again() {
    let world = World::new(Rules::default()).await;
    let sorts = vec![("bob", Verdict::Refused), ("carol", Verdict::Deferred)];
    world.roads.set("a.test", Manner::Sorts(sorts));
    let to = ["<bob@a.test>", "<carol@a.test>", "<dave@a.test>"];
    let id = world.keep(&Letterhead::new("<alice@here.test>", &to)).await;
    world.faults.fail_writes(0, Some(StoreError::Full));
    world.office.arrived(id);
    wait(&world, 10 * MINUTE).await;
    assert_eq!(world.roads.count(), 1, "it is in hand");
    assert_eq!(world.queued(id).unwrap().waiting.len(), 3);
    assert_eq!(world.office.census().await.unwritten, 1);
    world.faults.fail_writes(0, None);
    wait(&world, 2 * MINUTE).await;
    world.settle().await;
    let left = world.queued(id).unwrap().waiting;
    assert_eq!(left.len(), 1);
    assert_eq!((left[0].recipient, left[0].attempts), (1, 1));
    assert_eq!(
        world.alices().len(),
        1,
        "one report, however often it was tried"
    );
    world.roads.set("a.test", Manner::Takes);
    world.pass(HOUR).await;
    assert_eq!(world.roads.count(), 2);
    assert_eq!(world.queue(), []);
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_cannot_be_read_is_read_later() {
    let world = World::new(Rules::default()).await;
    let id = world
        .keep(&Letterhead::new("<alice@here.test>", &["<bob@a.test>"]))
        .await;
    world.faults.fail_listings(Some(StoreError::Rebuilding));
    world.office.arrived(id);
    wait(&world, 3 * MINUTE).await;
    assert_eq!(world.roads.count(), 0);
    world.faults.fail_listings(None);
    wait(&world, 3 * MINUTE).await;
    assert_eq!(world.roads.count(), 1);
    assert_eq!(world.queue(), []);
}

/// Makes another message of the one in the log.
fn damage(directory: &Path) {
    for file in std::fs::read_dir(directory.join("log")).unwrap() {
        let path = file.unwrap().path();
        let mut octets = std::fs::read(&path).unwrap();
        let places = octets.windows(7).enumerate();
        let found = places.filter(|(_, seen)| *seen == b"at noon");
        let found: Vec<usize> = found.map(|(at, _)| at).collect();
        for at in found {
            octets[at + 3] = b'm';
        }
        std::fs::write(&path, octets).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_not_what_it_was_is_not_sent_and_goes_back_in_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(directory.path(), Options::default()).unwrap();
    let world = World::within(Rules::default(), store).await;
    let id = world
        .keep(&Letterhead::new("<alice@here.test>", &["<bob@a.test>"]))
        .await;
    damage(directory.path());
    world.office.arrived(id);
    world.pass(2 * HOUR).await;
    assert_eq!(world.roads.count(), 0);
    let waiting = world.queued(id).unwrap().waiting;
    assert!(waiting[0].attempts >= 2, "{waiting:?}");
    let heard = waiting[0].heard.as_ref().unwrap();
    assert!(
        heard.words().contains("could not be read"),
        "{}",
        heard.words()
    );
    world.pass(6 * 24 * HOUR).await;
    assert_eq!(world.queue(), []);
    let told = world.alices();
    assert_eq!(told.len(), 2, "of the delay, and of the end");
    assert!(!told.concat().contains("at moon"));
}

#[tokio::test(start_paused = true)]
async fn a_message_of_which_nothing_can_be_read_stays_and_disturbs_no_other() {
    let world = World::new(Rules::default()).await;
    let id = world
        .post(&Letterhead::new("<alice@here.test>", &["<bob@a.test>"]))
        .await;
    world.faults.damage_reads(true);
    world.pass(HOUR).await;
    assert_eq!(world.roads.count(), 0);
    world.faults.damage_reads(false);
    world.office.retry(Which::Message(id));
    world.settle().await;
    assert_eq!((world.roads.count(), world.queued(id)), (1, None));
}

#[tokio::test(start_paused = true)]
async fn what_was_running_when_the_process_ended_is_sent_once_more_at_most() {
    let mut world = World::new(Rules::default()).await;
    let check = |world: &World, sent: usize| assert_eq!(world.roads.count(), sent);
    // Before anything was said.
    world.stop_at_once().await;
    let id = world
        .post(&Letterhead::new("<alice@here.test>", &["<bob@a.test>"]))
        .await;
    world.reopen(Rules::default());
    world.pass(MINUTE).await;
    check(&world, 1);
    assert_eq!(world.queued(id), None);
    // In the middle: the other side may have it.
    world.roads.set("a.test", Manner::Hangs);
    let id = world
        .post(&Letterhead::new("<alice@here.test>", &["<bob@a.test>"]))
        .await;
    world.settle().await;
    check(&world, 2);
    world.stop_at_once().await;
    assert_eq!(world.roads.hanging(), 0, "cut off");
    world.roads.set("a.test", Manner::Takes);
    world.reopen(Rules::default());
    world.pass(MINUTE).await;
    check(&world, 3);
    assert_eq!(world.queued(id), None);
    // Behind it: it is not sent again.
    world.stop_at_once().await;
    world.reopen(Rules::default());
    world.pass(HOUR).await;
    check(&world, 3);
}

#[tokio::test(start_paused = true)]
async fn what_has_been_tried_is_known_to_the_next_process() {
    let mut world = World::new(Rules::default()).await;
    world.roads.set("a.test", Manner::Defers);
    let id = world
        .post(&Letterhead::new("<alice@here.test>", &["<bob@a.test>"]))
        .await;
    world.pass(8 * HOUR).await;
    let (attempts, told) = (world.roads.count(), world.alices().len());
    assert_eq!(told, 1);
    world.office.stop(MINUTE).await;
    world.reopen(Rules::default());
    world.pass(MINUTE).await;
    assert_eq!(world.roads.count(), attempts, "not due yet");
    world.pass(5 * 24 * HOUR).await;
    assert_eq!(world.queued(id), None);
    assert_eq!(world.alices().len(), 2, "the delay is not told again");
}

#[tokio::test(start_paused = true)]
async fn closing_lets_what_is_running_end_and_starts_nothing_more() {
    let world = World::new(Rules::default()).await;
    world.roads.set("a.test", Manner::Hangs);
    world.roads.set("b.test", Manner::Refuses);
    let running = world
        .post(&Letterhead::new("<alice@here.test>", &["<bob@a.test>"]))
        .await;
    let failed = world
        .post(&Letterhead::new("<alice@here.test>", &["<bob@b.test>"]))
        .await;
    world.settle().await;
    assert!(
        world.queued(failed).is_some(),
        "it waits to be reported with others"
    );
    let office = world.office.clone();
    let stopped = tokio::spawn(async move { office.stop(MINUTE).await });
    tokio::task::yield_now().await;
    let waiting = world
        .post(&Letterhead::new("<alice@here.test>", &["<bob@c.test>"]))
        .await;
    wait(&world, Duration::from_secs(20)).await;
    assert!(!stopped.is_finished());
    assert_eq!(world.queued(failed), None);
    assert_eq!(world.alices().len(), 1);
    world.roads.let_go();
    let before = world.now();
    stopped.await.unwrap();
    assert!(world.now().duration_since(before).unwrap() < MINUTE);
    assert_eq!(world.queued(running), None);
    assert!(world.queued(waiting).is_some());
    assert_eq!(world.roads.count(), 2);
    let lines = world.roads.lines.lock().unwrap().clone();
    let opened = lines.iter().filter(|(sign, _)| *sign == '+').count();
    assert_eq!(lines.len(), 2 * opened, "all have taken leave: {lines:?}");
    // Whoever comes late gets an answer.
    world.office.stop(MINUTE).await;
    assert_eq!(world.office.census().await.attempts, 0);
}

#[tokio::test(start_paused = true)]
async fn who_has_it_is_written_down_before_the_forwarded_copies_are_sent() {
    let mut world = World::new(Rules::default()).await;
    world.roads.set("a.test", Manner::Hangs);
    let mut letter = Letterhead::new("<eve@far.test>", &["<bob@a.test>", "<carol@a.test>"]);
    letter.forwarded = vec![1];
    let id = world.post(&letter).await;
    world.settle().await;
    world.roads.let_go();
    world.settle().await;
    assert_eq!((world.roads.count(), world.roads.hanging()), (2, 1));
    let left = world.queued(id).unwrap().waiting;
    assert_eq!(left.len(), 1, "bob has it");
    world.stop_at_once().await;
    world.roads.set("a.test", Manner::Takes);
    world.reopen(Rules::default());
    world.pass(MINUTE).await;
    assert_eq!(world.queue(), []);
    assert_eq!(world.roads.sent()[2].to(), ["<carol@a.test>"]);
    assert_eq!(world.roads.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn who_has_it_is_written_down_when_the_office_is_closed_before_the_others_have_it() {
    let mut world = World::new(Rules::default()).await;
    world.roads.set("a.test", Manner::Splits);
    let letter = Letterhead::new("<alice@here.test>", &["<bob@a.test>", "<carol@a.test>"]);
    let id = world.post(&letter).await;
    world.settle().await;
    assert_eq!(world.roads.hanging(), 1);
    let before = world.now();
    world.stop_at_once().await;
    let took = world.now().duration_since(before).unwrap();
    assert!(took < Duration::from_secs(4), "{took:?}");
    let left = world.queued(id).unwrap().waiting;
    assert_eq!((left.len(), left[0].recipient), (1, 1), "bob has it");
    world.roads.set("a.test", Manner::Takes);
    world.reopen(Rules::default());
    world.pass(5 * MINUTE).await;
    assert_eq!(world.queue(), []);
    assert!(
        world
            .roads
            .delivered
            .lock()
            .unwrap()
            .values()
            .all(|times| *times == 1)
    );
}

/// A letter that was said to its end, and nobody answers it.
async fn one_without_an_answer() -> (World, u64) {
    let world = World::new(Rules::default()).await;
    world.roads.set("a.test", Manner::Hangs);
    let id = world
        .post(&Letterhead::new("<alice@here.test>", &["<bob@a.test>"]))
        .await;
    world.settle().await;
    (world, id)
}

#[tokio::test(start_paused = true)]
async fn the_answer_to_what_was_said_to_its_end_is_waited_for_a_moment() {
    let (mut world, id) = one_without_an_answer().await;
    let office = world.office.clone();
    let stopped = tokio::spawn(async move { office.stop(Duration::ZERO).await });
    wait(&world, Duration::from_secs(1)).await;
    world.roads.let_go();
    stopped.await.unwrap();
    assert_eq!(world.queued(id), None, "it came in time");
    world.reopen(Rules::default());
    world.pass(5 * MINUTE).await;
    assert_eq!(world.roads.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_office_that_nobody_holds_any_more_is_closed() {
    let (mut world, id) = one_without_an_answer().await;
    assert_eq!(world.roads.hanging(), 1);
    world.roads.set("a.test", Manner::Takes);
    world.reopen(Rules::default());
    while world.roads.hanging() > 0 {
        tokio::task::yield_now().await;
    }
    world.pass(MINUTE).await;
    assert_eq!((world.queued(id), world.roads.count()), (None, 2));
}
