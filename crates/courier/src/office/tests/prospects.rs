//! What people are told of mail that waits.

use std::sync::Arc;

use delivery::schedule::{NextHop, Rules, Scope};

use super::world::{Letterhead, MINUTE, Manner, World};
use crate::office::Prospect;

#[tokio::test(start_paused = true)]
async fn why_mail_waits_is_known() {
    let rules = Rules {
        recipients_per_day: Some(1),
        ..Rules::default()
    };
    let world = World::at_noon(rules).await;
    let hop = |name: &str| Arc::new(NextHop::Host(name.parse().unwrap()));
    let look = async |name: &str, account| {
        let prospects = world.office.prospects(vec![(hop(name), account)]).await;
        prospects.into_iter().next().unwrap()
    };
    assert_eq!(look("a.test", None).await, Prospect::Open);
    world.roads.set("a.test", Manner::Dead);
    let letter = Letterhead::new("<eve@far.test>", &["<bob@a.test>"]);
    let first = world.post(&letter).await;
    world.settle().await;
    assert_eq!(world.office.on_its_way(first), [0; 0]);
    // Nobody has tried this one: it waits behind the other.
    let second = world.post(&letter).await;
    world.settle().await;
    assert_eq!(world.queued(second).unwrap().waiting[0].heard, None);
    let Prospect::Shut { until, heard } = look("a.test", None).await else {
        panic!("a.test cannot be reached");
    };
    assert!(until > world.now() && until < world.now() + 10 * MINUTE);
    let heard = heard.unwrap();
    assert_eq!(heard.host(), "mx.a.test");
    assert!(heard.words().starts_with("it does not answer"), "{heard:?}");
    assert_eq!(look("b.test", None).await, Prospect::Open);

    let mut spam = Letterhead::new("<alice@here.test>", &["<bob@b.test>"]);
    spam.account = Some(world.alice);
    world.post(&spam).await;
    world.post(&spam).await;
    world.settle().await;
    let alice = Some(world.alice);
    assert_eq!(look("b.test", alice).await, Prospect::Stopped);
    assert_eq!(look("b.test", None).await, Prospect::Open);

    world.office.pause(Scope::NextHop(hop("b.test")));
    assert_eq!(look("b.test", None).await, Prospect::Paused);
    world.office.pause(Scope::All);
    assert_eq!(look("c.test", None).await, Prospect::Paused);
}

#[tokio::test(start_paused = true)]
async fn what_is_being_sent_is_known() {
    let world = World::new(Rules::default()).await;
    world.roads.set("a.test", Manner::Stalls);
    world.roads.set("b.test", Manner::Defers);
    let to = ["<bob@a.test>", "<carol@b.test>", "<dave@a.test>"];
    let id = world.post(&Letterhead::new("<alice@here.test>", &to)).await;
    world.settle().await;
    assert_eq!(world.office.on_its_way(id), [0, 2]);
    world.roads.let_go();
    world.settle().await;
    assert_eq!(world.office.on_its_way(id), [0; 0]);
}
