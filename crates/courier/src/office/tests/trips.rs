//! Attempts: who gets what, over which line, and what the store knows then.

use std::time::Duration;

use delivery::schedule::{Door, NextHop, Rules, Scope, Verdict};
use reply::Enhanced;

use super::world::{HOUR, Letterhead, MINUTE, Manner, World, hops, times};
use crate::office::{Errand, Nowhere, Route, Which};

#[tokio::test(start_paused = true)]
async fn what_is_delivered_leaves_the_queue_without_our_return_path() {
    let world = World::new(Rules::default()).await;
    let letter = Letterhead::new("<alice@here.test>", &["<bob@a.test>", "<carol@a.test>"]);
    let id = world.post(&letter).await;
    world.settle().await;
    assert_eq!(world.queued(id), None);
    let sent = world.roads.sent();
    assert_eq!(sent.len(), 1, "one transaction for both");
    assert_eq!(sent[0].to(), ["<bob@a.test>", "<carol@a.test>"]);
    assert_eq!(String::from_utf8_lossy(&sent[0].octets), letter.text);
    assert_eq!(sent[0].transaction.size, letter.text.len() as u64);
    assert_eq!(world.alices(), [""; 0], "nobody asked to be told");
}

#[tokio::test(start_paused = true)]
async fn a_large_message_is_the_same_each_time_it_is_asked_for() {
    let world = World::new(Rules::default()).await;
    let mut letter = Letterhead::new("<alice@here.test>", &["<bob@a.test>"]);
    letter.text = format!("Subject: x\r\n\r\n{}", "0123456789abcd\r\n".repeat(20_000));
    world.post(&letter).await;
    world.settle().await;
    let sent = world.roads.sent();
    assert_eq!(sent[0].octets, letter.text.as_bytes());
}

#[tokio::test(start_paused = true)]
async fn each_recipient_has_a_fate_of_its_own() {
    let world = World::new(Rules::default()).await;
    let sorts = vec![("bob", Verdict::Refused), ("carol", Verdict::Deferred)];
    world.roads.set("a.test", Manner::Sorts(sorts));
    let to = ["<bob@a.test>", "<carol@a.test>", "<dave@a.test>"];
    let id = world.post(&Letterhead::new("<alice@here.test>", &to)).await;
    world.settle().await;
    let left = world.queued(id).unwrap();
    assert_eq!(left.waiting.len(), 1);
    let carol = &left.waiting[0];
    assert_eq!((carol.recipient, carol.attempts), (1, 1));
    let heard = carol.heard.as_ref().unwrap();
    assert_eq!(heard.host(), "mx.a.test");
    assert_eq!(heard.words(), "451 4.3.2 busy, come back (4.3.2)");
    let told = world.alices();
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("Final-Recipient: rfc822; bob@a.test"));
    assert!(told[0].contains("Status: 5.1.1"));
    assert!(told[0].contains("Diagnostic-Code: smtp; 550 5.1.1 nobody of that name"));
    assert!(!told[0].contains("carol"));
    assert!(told[0].starts_with("Return-Path: <>\r\n"));

    world.roads.set("a.test", Manner::Takes);
    world.pass(20 * MINUTE).await;
    assert_eq!(world.queued(id), None);
    let sent = world.roads.sent();
    assert_eq!(sent[1].to(), ["<carol@a.test>"], "only who has it not yet");
    assert_eq!(sent.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn copies_that_are_forwarded_leave_under_an_address_of_ours() {
    let world = World::new(Rules::default()).await;
    let to = ["<bob@a.test>", "<carol@a.test>"];
    let mut letter = Letterhead::new("<eve@far.test>", &to);
    letter.forwarded = vec![1];
    world.post(&letter).await;
    world.settle().await;
    let sent = world.roads.sent();
    assert_eq!(sent.len(), 2, "two transactions");
    let from = |at: usize| sent[at].transaction.envelope.reverse_path.to_string();
    assert_eq!(
        (from(0), sent[0].to()),
        ("<eve@far.test>".into(), vec!["<bob@a.test>".to_owned()])
    );
    assert_eq!(from(1), "<SRS0=rewritten@here.test>");
    assert_eq!(sent[1].to(), ["<carol@a.test>"]);
    assert_eq!(sent[0].line, sent[1].line, "over one line");
    assert_eq!(sent[1].octets, letter.text.as_bytes());
    assert_eq!(world.queue(), []);

    // Of our own senders nothing is rewritten, and one transaction is enough.
    let mut letter = Letterhead::new("<alice@here.test>", &to);
    letter.forwarded = vec![1];
    world.post(&letter).await;
    world.settle().await;
    assert_eq!(world.roads.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_used_again_and_a_line_that_is_gone_is_not() {
    let world = World::new(Rules::default()).await;
    let letter = Letterhead::new("<alice@here.test>", &["<bob@a.test>"]);
    for _ in 0..3 {
        world.post(&letter).await;
        world.settle().await;
    }
    let lines = |world: &World| {
        let sent = world.roads.sent();
        sent.iter().map(|one| one.line).collect::<Vec<_>>()
    };
    assert_eq!(lines(&world), [1, 1, 1]);
    // The other side has closed it, and nobody has noticed.
    world.roads.close_idle();
    let id = world.post(&letter).await;
    world.settle().await;
    assert_eq!(world.queued(id), None);
    assert_eq!(lines(&world), [1, 1, 1, 2]);
    // Idle for too long: we close it.
    world.pass(MINUTE).await;
    assert_eq!(world.office.census().await.schedule.connections, 0);
    assert!(world.roads.lines.lock().unwrap().contains(&('-', 2)));
    assert_eq!(world.queue(), []);
}

#[tokio::test(start_paused = true)]
async fn one_line_is_closed_before_the_next_is_opened_where_there_may_be_one() {
    let rules = Rules {
        connections: 1,
        ..Rules::default()
    };
    let world = World::new(rules).await;
    for host in ["a", "b", "c", "b"] {
        let to = format!("<bob@{host}.test>");
        world
            .post(&Letterhead::new("<alice@here.test>", &[&to]))
            .await;
        world.settle().await;
    }
    assert_eq!(
        hops(&world.roads.sent()),
        ["a.test", "b.test", "c.test", "b.test"]
    );
    let lines = world.roads.lines.lock().unwrap().clone();
    let expected = [
        ('+', 1),
        ('-', 1),
        ('+', 2),
        ('-', 2),
        ('+', 3),
        ('-', 3),
        ('+', 4),
    ];
    assert_eq!(lines, expected);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_tried_before_the_release_however_much_somebody_hurries() {
    let world = World::new(Rules::default()).await;
    let mut letter = Letterhead::new("<alice@here.test>", &["<bob@a.test>"]);
    letter.release = Some(world.now() + 3 * HOUR);
    let id = world.post(&letter).await;
    world.settle().await;
    world.office.retry(Which::Message(id));
    world.office.retry(Which::Scope(Scope::All));
    world.pass(2 * HOUR).await;
    assert_eq!(world.roads.count(), 0);
    world.pass(HOUR + MINUTE).await;
    assert_eq!(world.roads.count(), 1);
    assert_eq!(world.queued(id), None);
}

#[tokio::test(start_paused = true)]
async fn somebody_can_hurry_one_message_or_a_next_hop() {
    let world = World::new(Rules::default()).await;
    world.roads.set_all(Manner::Defers);
    let a = world
        .post(&Letterhead::new("<alice@here.test>", &["<bob@a.test>"]))
        .await;
    let b = world
        .post(&Letterhead::new("<alice@here.test>", &["<bob@b.test>"]))
        .await;
    world.settle().await;
    assert_eq!(world.roads.count(), 2);
    world.office.retry(Which::Message(a));
    world.settle().await;
    assert_eq!(hops(&world.roads.sent())[2..], ["a.test"]);
    let hop = NextHop::Host("b.test".parse().unwrap());
    world.office.retry(Which::Scope(Scope::NextHop(hop.into())));
    world.settle().await;
    let sent = hops(&world.roads.sent());
    assert_eq!(sent.len(), 4, "{sent:?}");
    assert_eq!(sent[3], "b.test");
    world.roads.set_all(Manner::Takes);
    world.office.retry(Which::Scope(Scope::All));
    world.settle().await;
    assert_eq!((world.queued(a), world.queued(b)), (None, None));
}

#[tokio::test(start_paused = true)]
async fn what_somebody_hurries_waits_no_longer_afterwards() {
    let world = World::new(Rules::default()).await;
    world.roads.set_all(Manner::Defers);
    let letter = Letterhead::new("<alice@here.test>", &["<bob@a.test>"]);
    let id = world.post(&letter).await;
    world.settle().await;
    let hop = NextHop::Host("a.test".parse().unwrap());
    for (tries, which) in [
        (2, Which::Message(id)),
        (3, Which::Scope(Scope::All)),
        (4, Which::Scope(Scope::NextHop(hop.into()))),
        (5, Which::Message(id)),
    ] {
        world.office.retry(which);
        world.settle().await;
        assert_eq!(world.roads.count(), tries);
        assert_eq!(world.queued(id).unwrap().waiting[0].attempts, 1);
    }
    // The first wait is a quarter of an hour, more or less.
    world.pass(20 * MINUTE).await;
    assert_eq!(world.roads.count(), 6);
    assert_eq!(world.queued(id).unwrap().waiting[0].attempts, 2);
}

#[tokio::test(start_paused = true)]
async fn who_is_due_later_is_tried_in_time_while_another_recipient_cannot_start() {
    let world = World::new(Rules::default()).await;
    let hop = NextHop::Host("a.test".parse().unwrap());
    world.office.pause(Scope::NextHop(hop.clone().into()));
    world.roads.set("b.test", Manner::Defers);
    let letter = Letterhead::new("<alice@here.test>", &["<bob@a.test>", "<carol@b.test>"]);
    let id = world.post(&letter).await;
    world.settle().await;
    assert_eq!(hops(&world.roads.sent()), ["b.test"]);
    // The index has the message where it is due for a.test, which is over.
    world.pass(20 * MINUTE).await;
    assert_eq!(hops(&world.roads.sent()), ["b.test", "b.test"]);
    world.office.resume(Scope::NextHop(hop.into()));
    world.roads.set("b.test", Manner::Takes);
    world.pass(2 * HOUR).await;
    assert_eq!(world.queued(id), None);
    assert_eq!(world.roads.count(), 4);
}

#[tokio::test(start_paused = true)]
async fn other_routes_hold_for_what_waits_already() {
    let world = World::new(Rules::default()).await;
    world.roads.set("a.test", Manner::Dead);
    let id = world
        .post(&Letterhead::new("<alice@here.test>", &["<bob@a.test>"]))
        .await;
    world.pass(10 * MINUTE).await;
    assert!(world.queued(id).is_some());
    let smarthost = Route::Hop(NextHop::Route("smarthost".into()).into());
    let routes = &world.villa.routes;
    routes
        .lock()
        .unwrap()
        .insert("a.test".to_owned(), smarthost);
    world.office.reload(Rules::default());
    world.office.retry(Which::Message(id));
    world.settle().await;
    assert_eq!(hops(&world.roads.sent()), ["route smarthost"]);
    assert_eq!(world.queued(id), None);
    world.pass(2 * HOUR).await;
    assert_eq!(world.roads.count(), 1, "and nobody else has it sent again");
}

#[tokio::test(start_paused = true)]
async fn mail_for_what_is_ours_by_now_goes_into_its_mailbox() {
    let world = World::new(Rules::default()).await;
    let here = Route::Here(vec![world.alice]);
    let routes = &world.villa.routes;
    routes.lock().unwrap().insert("moved.test".to_owned(), here);
    let mut letter = Letterhead::new("<alice@here.test>", &["<bob@moved.test>"]);
    letter.envelope.recipients = vec![address::Recipient {
        path: "<x@y>".parse().unwrap(),
        notify: Some(address::dsn::Notify::parse(b"SUCCESS").unwrap()),
        orcpt: None,
    }];
    let id = world.post(&letter).await;
    world.settle().await;
    world.pass(MINUTE).await;
    assert_eq!(world.queued(id), None);
    assert_eq!(world.roads.count(), 0);
    let mail = world.alices();
    assert_eq!(mail.len(), 2, "{mail:#?}");
    assert_eq!(
        mail.iter()
            .filter(|one| one.ends_with("at noon\r\n"))
            .count(),
        1
    );
    assert_eq!(times(&mail.concat(), "Action: delivered"), 1);
    let housed = world.villa.housed.lock().unwrap().clone();
    let [housed] = housed.as_slice() else {
        panic!("said once: {housed:?}");
    };
    assert_eq!(housed.accounts, [world.alice]);
    assert_eq!(housed.beginning, letter.text);
}

#[tokio::test(start_paused = true)]
async fn mail_that_goes_nowhere_goes_back_or_waits() {
    let world = World::new(Rules::default()).await;
    let nowhere = |status, words: &str| {
        Route::Nowhere(Nowhere {
            status,
            row: None,
            words: words.to_owned(),
        })
    };
    let off = nowhere(reply::Enhanced(4, 3, 2), "sending is switched off");
    let barred = nowhere(reply::Enhanced(5, 7, 1), "nothing is sent there");
    {
        let mut routes = world.villa.routes.lock().unwrap();
        routes.insert("off.test".to_owned(), off);
        routes.insert("barred.test".to_owned(), barred);
    }
    let to = ["<bob@off.test>", "<bob@barred.test>"];
    let id = world.post(&Letterhead::new("<alice@here.test>", &to)).await;
    world.pass(MINUTE).await;
    let told = world.alices();
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("Status: 5.7.1"));
    let left = world.queued(id).unwrap();
    assert_eq!(left.waiting.len(), 1);
    let heard = left.waiting[0].heard.as_ref().unwrap();
    assert_eq!(heard.words(), "sending is switched off (4.3.2)");
    world.villa.routes.lock().unwrap().clear();
    world.office.reload(Rules::default());
    world.pass(HOUR).await;
    assert_eq!(world.queued(id), None);
    assert_eq!(hops(&world.roads.sent()), ["off.test"]);
}

#[tokio::test(start_paused = true)]
async fn a_fault_in_the_middle_of_an_attempt_puts_it_off() {
    let world = World::new(Rules::default()).await;
    world.roads.set("a.test", Manner::Panics);
    let id = world
        .post(&Letterhead::new("<alice@here.test>", &["<bob@a.test>"]))
        .await;
    world.settle().await;
    let waiting = world.queued(id).unwrap().waiting;
    assert_eq!(waiting[0].attempts, 1);
    world.roads.set("a.test", Manner::Takes);
    world.pass(20 * MINUTE + Duration::from_secs(1)).await;
    assert_eq!(world.queued(id), None);
}

// OUT-13
#[tokio::test(start_paused = true)]
async fn a_lost_connection_is_no_refusal() {
    let world = World::new(Rules::default()).await;
    world.roads.set("a.test", Manner::Loses);
    let id = world
        .post(&Letterhead::new("<alice@here.test>", &["<bob@a.test>"]))
        .await;
    world.pass(HOUR).await;
    let attempts = world.roads.count();
    assert!((2..=3).contains(&attempts), "{attempts}");
    assert_eq!(world.alices().len(), 0);
    assert_eq!(world.office.census().await.schedule.connections, 0);
    world.roads.set("a.test", Manner::Takes);
    world.pass(2 * HOUR).await;
    assert_eq!(world.queued(id), None);
}

#[tokio::test(start_paused = true)]
async fn of_a_next_hop_somebody_can_know_whether_it_is_left_alone() {
    let world = World::new(Rules::default()).await;
    world.roads.set("a.test", Manner::Dead);
    let hop = || NextHop::Host("a.test".parse().unwrap());
    assert_eq!(world.office.door(hop()).await, Some(Door::Open));
    world
        .post(&Letterhead::new("<alice@here.test>", &["<bob@a.test>"]))
        .await;
    world.settle().await;
    let door = world.office.door(hop()).await;
    assert!(matches!(door, Some(Door::BackedOff(until)) if until > world.now()));
    world.office.pause(Scope::NextHop(hop().into()));
    assert_eq!(world.office.door(hop()).await, Some(Door::Paused));
    world.office.stop(MINUTE).await;
    assert_eq!(world.office.door(hop()).await, None);
}

#[tokio::test(start_paused = true)]
async fn errands_of_the_house_are_done_put_off_and_refused_like_any_mail() {
    let world = World::new(Rules::default()).await;
    let routes = &world.villa.routes;
    routes
        .lock()
        .unwrap()
        .insert("lists.test".to_owned(), Route::Errand);
    let outcome = |verdict, status, words: &str| {
        *world.villa.outcome.lock().unwrap() = Some(Errand {
            verdict,
            status,
            words: words.to_owned(),
        });
    };
    outcome(Verdict::Deferred, Enhanced(4, 3, 0), "not now");
    let mut letter = Letterhead::new("<alice@here.test>", &["<staff@lists.test>"]);
    letter.envelope.recipients = vec![address::Recipient {
        path: "<x@y>".parse().unwrap(),
        notify: Some(address::dsn::Notify::parse(b"SUCCESS,FAILURE").unwrap()),
        orcpt: None,
    }];
    let id = world.post(&letter).await;
    world.settle().await;
    let queued = world.queued(id).unwrap();
    assert_eq!(queued.waiting[0].attempts, 1);
    let heard = queued.waiting[0].heard.as_ref().unwrap();
    assert_eq!(heard.words(), "not now (4.3.0)");
    outcome(
        Verdict::Delivered,
        Enhanced(2, 0, 0),
        "handed to the members",
    );
    world.office.retry(Which::Message(id));
    world.settle().await;
    world.pass(MINUTE).await;
    assert_eq!(world.queued(id), None);
    assert_eq!(*world.villa.errands.lock().unwrap(), [(id, 0), (id, 0)]);
    assert_eq!(times(&world.alices().concat(), "Action: delivered"), 1);
    outcome(Verdict::Refused, Enhanced(5, 4, 6), "it was here before");
    let id = world.post(&letter).await;
    world.settle().await;
    world.pass(MINUTE).await;
    assert_eq!(world.queued(id), None);
    let mail = world.alices().concat();
    assert_eq!(times(&mail, "Action: failed"), 1, "{mail}");
    assert_eq!(times(&mail, "Status: 5.4.6"), 1, "{mail}");
    assert_eq!(world.roads.count(), 0);
}
