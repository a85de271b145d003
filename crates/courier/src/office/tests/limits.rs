//! What an account may send within a day.

use std::sync::Arc;

use delivery::schedule::Rules;
use mailstore::AccountId;

use super::world::{Carrier, HOUR, Letterhead, MINUTE, World};
use crate::office::{House, Office};

fn rules() -> Rules {
    Rules {
        recipients_per_day: Some(3),
        notice: None,
        ..Rules::default()
    }
}

fn letter(account: AccountId) -> Letterhead {
    Letterhead {
        account: Some(account),
        ..Letterhead::new("<alice@here.test>", &["<bob@a.test>"])
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_sent_enough_for_a_day_is_stopped_and_both_are_told() {
    let world = World::at_noon(rules()).await;
    for _ in 0..5 {
        world.post(&letter(world.alice)).await;
        world.settle().await;
    }
    world.pass(MINUTE).await;
    assert_eq!(world.roads.count(), 3);
    assert!(world.office.is_stopped(world.alice).await);
    let told = [world.alices(), world.postmasters()];
    for told in &told {
        assert_eq!(told.len(), 1);
        assert!(
            told[0].starts_with("Return-Path: <>\r\nFrom: "),
            "{}",
            told[0]
        );
        assert!(told[0].contains("alice@here.test has written to 3 recipients"));
        for what in [
            "account disable",
            "queue list --from",
            "queue remove --from",
            "account password",
        ] {
            let line = format!("\r\n    tegami {what} alice@here.test\r\n");
            assert!(told[0].contains(&line), "{what}: {}", told[0]);
        }
        assert!(told[0].contains("Auto-Submitted: auto-generated"));
    }
    // Others are not.
    world.post(&letter(world.postmaster)).await;
    world.settle().await;
    assert_eq!(world.roads.count(), 4);
    world.pass(24 * HOUR).await;
    assert_eq!(world.roads.count(), 6, "the next day");
    assert_eq!(world.queue(), []);
}

#[tokio::test(start_paused = true)]
async fn somebody_may_let_an_account_go_on() {
    let world = World::at_noon(rules()).await;
    for _ in 0..5 {
        world.post(&letter(world.alice)).await;
    }
    world.pass(MINUTE).await;
    assert_eq!(world.roads.count(), 3);
    world.office.allow(world.alice);
    world.pass(2 * MINUTE).await;
    assert_eq!(world.queue(), []);
    assert!(!world.office.is_stopped(world.alice).await);
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_today_is_known_behind_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("sent-today");
    let world = World::at_noon(rules()).await;
    world.office.stop(MINUTE).await;
    let open = || {
        let carrier = Arc::new(Carrier(Arc::clone(&world.roads)));
        let house = Arc::clone(&world.villa) as Arc<dyn House>;
        let (store, file) = (world.store.clone(), file.clone());
        Office::start(store, carrier, rules(), house, Some(file))
    };
    let office = open();
    for _ in 0..2 {
        let id = world.keep(&letter(world.alice)).await;
        office.arrived(id);
    }
    while world.store.queue_counts().messages > 0 {
        office.census().await;
        tokio::time::advance(std::time::Duration::from_millis(1)).await;
    }
    office.stop(MINUTE).await;
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.ends_with(&format!("\n{} 2\n", world.alice)), "{text}");

    let office = open();
    for _ in 0..2 {
        let id = world.keep(&letter(world.alice)).await;
        office.arrived(id);
    }
    while !office.is_stopped(world.alice).await {
        tokio::time::advance(std::time::Duration::from_millis(1)).await;
    }
    office.stop(MINUTE).await;
    assert_eq!(world.roads.count(), 3);
    assert_eq!(world.store.queue_counts().messages, 1);
}
