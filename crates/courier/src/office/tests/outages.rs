//! Configured servers that do not take our mail, and who hears of it.

use std::sync::Arc;

use delivery::schedule::{NextHop, Rules};

use super::world::{HOUR, Letterhead, MINUTE, Manner, World};
use crate::office::Route;

async fn with_smarthost() -> World {
    let rules = Rules {
        notice: None,
        ..Rules::default()
    };
    let world = World::at_noon(rules).await;
    let hop = Route::Hop(Arc::new(NextHop::Route("smart".into())));
    let mut routes = world.villa.routes.lock().unwrap();
    routes.insert("a.test".to_owned(), hop);
    drop(routes);
    world
}

fn letter() -> Letterhead {
    Letterhead::new("<alice@here.test>", &["<bob@a.test>"])
}

#[tokio::test(start_paused = true)]
async fn a_smarthost_that_is_away_is_known_after_some_attempts_and_the_postmaster_hears_of_it_once()
{
    let world = with_smarthost().await;
    world.roads.set("route smart", Manner::Dead);
    world.post(&letter()).await;
    world.settle().await;
    assert_eq!(world.office.outages(), [], "one attempt says nothing");
    world.pass(30 * MINUTE).await;
    let known = world.office.outages();
    assert_eq!(known.len(), 1);
    assert_eq!(&*known[0].hop, "smart");
    assert_eq!(known[0].words, "it does not answer");
    assert_eq!(world.postmasters(), [""; 0], "not for so short a time");
    world.pass(6 * HOUR).await;
    let letters = world.postmasters();
    assert_eq!(letters.len(), 1, "{letters:?}");
    for part in [
        "Return-Path: <>\r\n",
        "Subject: Mail is waiting: smart does not take it\r\n",
        "it does not answer",
        "Auto-Submitted: auto-generated",
    ] {
        assert!(letters[0].contains(part), "no {part:?} in {}", letters[0]);
    }
    world.roads.set("route smart", Manner::Takes);
    world.pass(3 * HOUR).await;
    assert_eq!(world.queue(), []);
    assert_eq!(world.office.outages(), []);
    // Another outage is another letter.
    world.roads.set("route smart", Manner::Dead);
    world.post(&letter()).await;
    world.pass(6 * HOUR).await;
    assert_eq!(world.postmasters().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_login_that_is_refused_is_known_at_once() {
    let world = with_smarthost().await;
    world.roads.set("route smart", Manner::Distrusts);
    world.post(&letter()).await;
    world.settle().await;
    let known = world.office.outages();
    assert_eq!(known.len(), 1, "{known:?}");
    assert_eq!(known[0].words, "it refused our login");
    // What is not configured any more is not spoken of.
    world.office.configured(&[]);
    assert_eq!(world.office.outages(), []);
}

#[tokio::test(start_paused = true)]
async fn a_domain_of_somebody_else_is_not_our_outage() {
    let world = with_smarthost().await;
    world.roads.set("b.test", Manner::Dead);
    world
        .post(&Letterhead::new("<alice@here.test>", &["<bob@b.test>"]))
        .await;
    world.pass(6 * HOUR).await;
    assert_eq!(world.office.outages(), []);
    assert_eq!(world.postmasters(), [""; 0]);
}
