//! Mail that is removed or held while it is on its way.

use std::time::Duration;

use delivery::schedule::Rules;

use super::world::{HOUR, Letterhead, MINUTE, Manner, World};
use crate::office::Which;

#[tokio::test(start_paused = true)]
async fn what_is_held_or_removed_does_not_start_and_what_has_been_said_to_its_end_goes_on() {
    let world = World::new(Rules::default()).await;
    world.roads.set("a.test", Manner::Hangs);
    let letter = Letterhead::new("<alice@here.test>", &["<bob@a.test>", "<carol@b.test>"]);
    world.roads.set("b.test", Manner::Defers);
    let id = world.post(&letter).await;
    world.settle().await;
    assert_eq!((world.roads.hanging(), world.roads.count()), (1, 2));
    world.store.queue_hold(id, true).await.unwrap();
    assert!(world.office.withdrawn(id), "the next hop may have it");
    world.pass(HOUR).await;
    assert_eq!(world.roads.count(), 2, "nothing of it starts");
    world.roads.let_go();
    world.settle().await;
    let left = world.queued(id).unwrap();
    assert_eq!(left.waiting.len(), 1, "what was running went through");
    assert!(left.waiting[0].held);
    world.pass(10 * HOUR).await;
    assert_eq!(world.roads.count(), 2);

    world.roads.set("b.test", Manner::Takes);
    world.store.queue_hold(id, false).await.unwrap();
    world.office.arrived(id);
    world.pass(MINUTE).await;
    assert_eq!(world.queued(id), None);

    let id = world.post(&letter).await;
    world.settle().await;
    assert_eq!(world.roads.hanging(), 1);
    assert!(world.store.queue_remove(id).await.unwrap());
    assert!(world.office.withdrawn(id), "the next hop may have it");
    world.roads.set("a.test", Manner::Refuses);
    world.roads.let_go();
    world.pass(6 * 24 * HOUR).await;
    assert_eq!(world.queue(), []);
    assert_eq!(world.alices().len(), 0, "of what was removed nobody hears");
}

/// A letter that stands at the beginning of an attempt at `a.test`.
async fn under_way(world: &World, letter: &Letterhead) -> u64 {
    world.roads.set("a.test", Manner::Stalls);
    let id = world.post(letter).await;
    world.settle().await;
    assert_eq!(world.roads.hanging(), 1);
    id
}

#[tokio::test(start_paused = true)]
async fn what_is_removed_before_it_was_said_to_its_end_reaches_nobody() {
    let world = World::new(Rules::default()).await;
    let letter = Letterhead::new("<alice@here.test>", &["<bob@a.test>"]);
    let id = under_way(&world, &letter).await;
    assert!(world.store.queue_remove(id).await.unwrap());
    assert!(!world.office.withdrawn(id), "nobody has it");
    world.settle().await;
    assert_eq!(world.roads.hanging(), 0, "it was cut off");
    assert_eq!(*world.roads.lines.lock().unwrap(), [('+', 1), ('-', 1)]);
    world.roads.let_go();
    world.roads.set("a.test", Manner::Takes);
    world.pass(6 * 24 * HOUR).await;
    assert_eq!((world.roads.count(), world.alices().len()), (0, 0));
    let schedule = world.office.census().await.schedule;
    assert_eq!(schedule.failing, 0, "the next hop is not to blame");
}

#[tokio::test(start_paused = true)]
async fn what_is_held_on_its_way_leaves_when_it_is_released() {
    let world = World::new(Rules::default()).await;
    let letter = Letterhead::new("<alice@here.test>", &["<bob@a.test>"]);
    let id = under_way(&world, &letter).await;
    world.store.queue_hold(id, true).await.unwrap();
    assert!(!world.office.withdrawn(id));
    world.roads.let_go();
    world.roads.set("a.test", Manner::Takes);
    world.pass(HOUR).await;
    assert_eq!(world.roads.count(), 0);
    assert_eq!(world.queued(id).unwrap().waiting[0].attempts, 0);
    world.store.queue_hold(id, false).await.unwrap();
    world.office.arrived(id);
    world.pass(MINUTE).await;
    assert_eq!((world.roads.count(), world.queued(id)), (1, None));
}

#[tokio::test(start_paused = true)]
async fn of_two_letters_in_one_only_the_one_that_has_not_left_is_cut_off() {
    let world = World::new(Rules::default()).await;
    // The copy leaves under an address of ours, behind the other, which is written down before.
    let mut letter = Letterhead::new("<eve@far.test>", &["<bob@a.test>", "<carol@a.test>"]);
    letter.forwarded = vec![1];
    let id = world.post(&letter).await;
    world.settle().await;
    assert_eq!(world.roads.count(), 2);
    assert_eq!(world.queued(id), None);
    world.roads.set("a.test", Manner::Hangs);
    let id = world.post(&letter).await;
    world.settle().await;
    assert_eq!(world.roads.count(), 3, "the first is at its end");
    world.store.queue_hold(id, true).await.unwrap();
    assert!(world.office.withdrawn(id));
    world.roads.let_go();
    world.roads.set("a.test", Manner::Takes);
    world.pass(HOUR).await;
    assert_eq!(world.roads.count(), 3, "the second never began");
    let left = world.queued(id).unwrap().waiting;
    assert_eq!((left.len(), left[0].recipient, left[0].held), (1, 1, true));
    world.store.queue_hold(id, false).await.unwrap();
    world.office.arrived(id);
    world.pass(HOUR).await;
    assert_eq!((world.roads.count(), world.queued(id)), (4, None));
}

#[tokio::test(start_paused = true)]
async fn who_was_not_offered_in_the_attempt_that_was_called_back_is_tried_at_once_when_released() {
    let world = World::new(Rules::default()).await;
    world.roads.set("a.test", Manner::Splits);
    let letter = Letterhead::new("<alice@here.test>", &["<bob@a.test>", "<carol@a.test>"]);
    let id = world.post(&letter).await;
    world.settle().await;
    assert_eq!(world.roads.hanging(), 1);
    world.store.queue_hold(id, true).await.unwrap();
    assert!(world.office.withdrawn(id), "bob has it");
    world.store.queue_hold(id, false).await.unwrap();
    world.office.retry(Which::Message(id));
    world.settle().await;
    world.roads.set("a.test", Manner::Takes);
    let before = world.now();
    world.roads.let_go();
    world.settle().await;
    assert_eq!(world.queue(), []);
    let took = world.now().duration_since(before).unwrap();
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(world.roads.sent()[1].to(), ["<carol@a.test>"]);
}
