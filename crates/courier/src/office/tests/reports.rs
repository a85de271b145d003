//! Who hears of what, when, and how often.

use std::time::Duration;

use address::Recipient;
use address::dsn::{Notify, Ret};
use delivery::schedule::{NextHop, Rules, Scope, Verdict};
use mailstore::{Change, Options};

use super::world::{HOUR, Letterhead, MINUTE, Manner, World, times};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn notify(letter: &mut Letterhead, value: &str) {
    letter.envelope.recipients = vec![Recipient {
        path: "<x@y>".parse().unwrap(),
        notify: Some(Notify::parse(value.as_bytes()).unwrap()),
        orcpt: None,
    }];
}

#[tokio::test(start_paused = true)]
async fn a_delay_is_told_once_and_after_five_days_it_is_given_up() {
    let world = World::new(Rules::default()).await;
    world.roads.set("a.test", Manner::Defers);
    let id = world
        .post(&Letterhead::new("<alice@here.test>", &["<bob@a.test>"]))
        .await;
    world.settle().await;
    world.pass(HOUR).await;
    assert_eq!(world.roads.count(), 2, "two attempts in the first hour");
    world.pass(2 * HOUR).await;
    assert_eq!(world.alices().len(), 0);
    // At the next attempt behind the fourth hour.
    world.pass(5 * HOUR).await;
    let told = world.alices();
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("Action: delayed"), "{}", told[0]);
    assert!(told[0].contains("Will-Retry-Until: "));
    assert!(told[0].contains("In-Reply-To: <lunch@here.test>"));
    world.pass(4 * DAY).await;
    assert_eq!(world.alices().len(), 1, "told once");
    assert!(world.queued(id).is_some());
    world.pass(DAY).await;
    assert_eq!(world.queued(id), None);
    let told = world.alices();
    assert_eq!(told.len(), 2);
    assert!(told[1].contains("Action: failed"));
    assert!(told[1].contains("Status: 4.4.7"));
    assert!(told[1].contains("451 4.3.2 busy, come back"));
    assert!(
        told[1].contains("Subject: lunch"),
        "the header of the message"
    );
    assert!(!told[1].contains("at noon"), "and not its text");
    let attempts = world.roads.count();
    assert!((40..60).contains(&attempts), "{attempts} attempts");
    world.pass(DAY).await;
    assert_eq!((world.roads.count(), world.alices().len()), (attempts, 2));
}

/// More messages than a host that takes none is tried with.
async fn twenty_for_a_dead_host() -> World {
    let world = World::new(Rules::default()).await;
    world.roads.set("a.test", Manner::Dead);
    for _ in 0..20 {
        world
            .post(&Letterhead::new("<alice@here.test>", &["<bob@a.test>"]))
            .await;
    }
    world
}

#[tokio::test(start_paused = true)]
async fn what_could_never_be_tried_is_told_and_given_up_all_the_same() {
    let world = twenty_for_a_dead_host().await;
    world.pass(5 * HOUR).await;
    assert_eq!(times(&world.alices().concat(), "Action: delayed"), 20);
    world.pass(5 * DAY).await;
    assert_eq!(world.queue(), []);
    let told = world.alices().concat();
    assert_eq!(times(&told, "Action: failed"), 20);
    assert!(told.contains("mx.a.test"), "who was asked last");
}

#[tokio::test(start_paused = true)]
async fn one_message_that_fails_at_many_domains_makes_one_report() {
    let world = World::new(Rules::default()).await;
    world.roads.set_all(Manner::Refuses);
    let to: Vec<String> = (0..30).map(|at| format!("<bob@d{at}.test>")).collect();
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    world.post(&Letterhead::new("<alice@here.test>", &to)).await;
    world.settle().await;
    assert_eq!(world.alices().len(), 0, "not yet");
    world.pass(MINUTE).await;
    let told = world.alices();
    assert_eq!(told.len(), 1);
    assert_eq!(times(&told[0], "Final-Recipient: "), 30);
    assert_eq!(world.queue(), []);
}

#[tokio::test(start_paused = true)]
async fn a_report_names_a_hundred_recipients_at_most() {
    let world = World::new(Rules::default()).await;
    world.roads.set_all(Manner::Refuses);
    let to: Vec<String> = (0..250).map(|at| format!("<bob{at}@a.test>")).collect();
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    let id = world.post(&Letterhead::new("<alice@here.test>", &to)).await;
    world.pass(MINUTE).await;
    let told = world.alices();
    let each: Vec<usize> = told
        .iter()
        .map(|one| times(one, "Final-Recipient: "))
        .collect();
    assert_eq!(each, [100, 100, 50]);
    for recipient in 0..250 {
        let line = format!("; bob{recipient}@a.test\r\n");
        assert_eq!(times(&told.concat(), &line), 1, "{recipient}");
    }
    assert_eq!(world.queued(id), None);
}

#[tokio::test(start_paused = true)]
async fn notify_decides_who_hears_of_what() {
    let check = async |value: &str, manner: Manner, expected: &[&str]| {
        let world = World::new(Rules::default()).await;
        world.roads.set("a.test", manner.clone());
        let mut letter = Letterhead::new("<alice@here.test>", &["<bob@a.test>"]);
        notify(&mut letter, value);
        let id = world.post(&letter).await;
        world.pass(8 * HOUR).await;
        let told = world.alices();
        assert_eq!(told.len(), expected.len(), "{value} {manner:?}");
        for (told, action) in told.iter().zip(expected) {
            let line = format!("Action: {action}");
            assert!(told.contains(&line), "{value} {manner:?}");
        }
        let left = world.queued(id).map(|left| left.waiting[0].told);
        assert_eq!(left, (manner == Manner::Defers).then_some(true));
    };
    check("SUCCESS", Manner::Takes, &["relayed"]).await;
    check("SUCCESS", Manner::Reports, &[]).await;
    check("FAILURE", Manner::Takes, &[]).await;
    check("FAILURE", Manner::Refuses, &["failed"]).await;
    check("NEVER", Manner::Refuses, &[]).await;
    check("SUCCESS,DELAY", Manner::Refuses, &[]).await;
    check("DELAY", Manner::Defers, &["delayed"]).await;
    check("FAILURE", Manner::Defers, &[]).await;
}

// EXT-21, EXT-24
#[tokio::test(start_paused = true)]
async fn what_is_to_be_returned_when_it_is_late_is_returned_in_time() {
    let world = World::new(Rules::default()).await;
    world.roads.set("a.test", Manner::Defers);
    let mut letter = Letterhead::new("<alice@here.test>", &["<bob@a.test>"]);
    letter.envelope.deliver_by = Some("1800;R".parse().unwrap());
    let id = world.post(&letter).await;
    world.pass(20 * MINUTE).await;
    let sent = world.roads.sent();
    assert_eq!(sent.len(), 2);
    let left = |at: usize| sent[at].transaction.envelope.deliver_by.unwrap().seconds();
    assert!((1700..=1800).contains(&left(0)), "{}", left(0));
    assert!((600..=1040).contains(&left(1)), "{}", left(1));
    world.pass(11 * MINUTE).await;
    assert_eq!(world.queued(id), None);
    let told = world.alices();
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("Status: 5.4.7"), "{}", told[0]);
}

#[tokio::test(start_paused = true)]
async fn what_is_late_is_told_and_tried_on_if_that_was_wished() {
    let world = World::new(Rules::default()).await;
    world.roads.set("a.test", Manner::Defers);
    let mut letter = Letterhead::new("<alice@here.test>", &["<bob@a.test>"]);
    letter.envelope.deliver_by = Some("1800;N".parse().unwrap());
    let id = world.post(&letter).await;
    world.pass(10 * HOUR).await;
    let told = world.alices();
    assert_eq!(told.len(), 1, "told of this, and not of the delay besides");
    assert!(told[0].contains("Action: delayed"));
    assert!(told[0].contains("Status: 4.4.7"));
    let waiting = world.queued(id).unwrap().waiting;
    assert!(waiting[0].told_late);
    world.roads.set("a.test", Manner::Takes);
    world.pass(4 * HOUR).await;
    assert_eq!(world.queued(id), None);
    let told = world.alices();
    assert_eq!(told.len(), 2, "a server that does not know BY");
    assert!(told[1].contains("Action: relayed"));
    let sent = world.roads.sent();
    let last = sent
        .last()
        .unwrap()
        .transaction
        .envelope
        .deliver_by
        .unwrap();
    assert!(last.seconds() < 0, "{last}");
}

#[tokio::test(start_paused = true)]
async fn all_of_a_message_comes_back_where_that_was_wished() {
    let world = World::new(Rules::default()).await;
    world.roads.set_all(Manner::Refuses);
    let mut letter = Letterhead::new("<alice@here.test>", &["<bob@a.test>"]);
    letter.envelope.ret = Some(Ret::Full);
    world.post(&letter).await;
    world.pass(MINUTE).await;
    let told = world.alices();
    assert!(
        told[0].contains("Content-Type: message/rfc822"),
        "{}",
        told[0]
    );
    assert!(told[0].contains(&letter.text));
    assert_eq!(
        times(&told[0], "Return-Path: "),
        1,
        "not that of the original"
    );
    // Too large, and in several pieces: its header.
    letter.text.push_str(&"0123456789abcdef\r\n".repeat(60_000));
    world.post(&letter).await;
    world.pass(MINUTE).await;
    let told = world.alices();
    assert!(told[1].contains("Content-Type: text/rfc822-headers"));
    assert!(told[1].len() < 8_000, "{}", told[1].len());
}

#[tokio::test(start_paused = true)]
async fn a_sender_elsewhere_is_told_by_the_queue() {
    let world = World::new(Rules::default()).await;
    world.roads.set("a.test", Manner::Refuses);
    let id = world
        .post(&Letterhead::new("<eve@far.test>", &["<bob@a.test>"]))
        .await;
    world.pass(MINUTE).await;
    assert_eq!(world.queued(id), None);
    let sent = world.roads.sent();
    assert_eq!(sent.len(), 2);
    let report = &sent[1];
    assert_eq!(report.hop, "far.test");
    assert_eq!(report.to(), ["<eve@far.test>"]);
    assert_eq!(report.transaction.envelope.reverse_path.to_string(), "<>");
    let text = String::from_utf8_lossy(&report.octets);
    assert!(text.starts_with("From: "), "{text}");
    assert_eq!(world.queue(), []);
    assert_eq!(world.postmasters().len(), 0);
}

// DSN-10
#[tokio::test(start_paused = true)]
async fn what_can_neither_be_delivered_nor_returned_the_postmaster_hears_of_once() {
    let world = World::new(Rules::default()).await;
    world.roads.set_all(Manner::Refuses);
    world
        .post(&Letterhead::new("<eve@far.test>", &["<bob@a.test>"]))
        .await;
    world.pass(MINUTE).await;
    assert_eq!(world.queue(), []);
    let told = world.postmasters();
    assert_eq!(told.len(), 1);
    assert!(
        told[0].contains("Final-Recipient: rfc822; eve@far.test"),
        "{}",
        told[0]
    );

    // Different recipients of one message fail one after the other.
    let sorts = vec![("bob", Verdict::Refused), ("carol", Verdict::Deferred)];
    world.roads.set("b.test", Manner::Sorts(sorts));
    let to = ["<bob@b.test>", "<carol@b.test>"];
    world.post(&Letterhead::new("<>", &to)).await;
    world.pass(MINUTE).await;
    assert_eq!(world.postmasters().len(), 2);
    world.roads.set("b.test", Manner::Refuses);
    world.pass(HOUR).await;
    assert_eq!(world.queue(), []);
    assert_eq!(world.postmasters().len(), 2);
    // And of a delay nobody hears.
    world.roads.set("b.test", Manner::Defers);
    world.post(&Letterhead::new("<>", &["<bob@b.test>"])).await;
    world.pass(8 * HOUR).await;
    assert_eq!(world.postmasters().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_postmaster_is_not_flooded() {
    let world = World::new(Rules::default()).await;
    world.roads.set_all(Manner::Refuses);
    for _ in 0..100 {
        world.post(&Letterhead::new("<>", &["<bob@a.test>"])).await;
    }
    world.pass(MINUTE).await;
    assert_eq!(world.queue(), []);
    let told = world.postmasters().len();
    assert!(
        (20..=40).contains(&told),
        "{told} in an hour, or at the turn of two"
    );
}

#[tokio::test(start_paused = true)]
async fn those_whose_addresses_were_made_use_of_are_not_flooded() {
    let world = World::new(Rules::default()).await;
    world.roads.set("a.test", Manner::Refuses);
    for _ in 0..50 {
        let letter = Letterhead::new("<victim@forged.test>", &["<bob@a.test>"]);
        world.post(&letter).await;
    }
    world.pass(MINUTE).await;
    assert_eq!(world.queue(), []);
    let told = world.roads.count() - 50;
    assert!(
        (10..=20).contains(&told),
        "{told} in an hour, or at the turn of two"
    );
    assert_eq!(world.postmasters().len(), 0);
    // Our own are told of all.
    for _ in 0..30 {
        let letter = Letterhead::new("<alice@here.test>", &["<bob@a.test>"]);
        world.post(&letter).await;
    }
    world.pass(MINUTE).await;
    assert_eq!(world.alices().len(), 30);
}

#[tokio::test(start_paused = true)]
async fn who_has_no_room_for_a_report_keeps_nothing_in_the_queue() {
    let options = Options {
        default_quota: 1,
        ..Options::default()
    };
    let world = World::with(Rules::default(), options).await;
    world.roads.set_all(Manner::Refuses);
    let check = async |from: &str| {
        world.post(&Letterhead::new(from, &["<bob@a.test>"])).await;
        world.pass(MINUTE).await;
        assert_eq!(world.queue(), [], "{from}");
    };
    // The mailbox is full, and so is that of the postmaster.
    check("<alice@here.test>").await;
    check("<nobody@here.test>").await;
    assert_eq!((world.alices().len(), world.postmasters().len()), (0, 0));
    // The postmaster has room: it is told instead.
    let mut postmaster = world
        .store
        .directory()
        .account(world.postmaster)
        .unwrap()
        .clone();
    postmaster.quota = Some(0);
    world
        .store
        .change(Change::PutAccount(postmaster))
        .await
        .unwrap();
    check("<alice@here.test>").await;
    check("<nobody@here.test>").await;
    assert_eq!((world.alices().len(), world.postmasters().len()), (0, 2));
    for (told, from) in world.postmasters().iter().zip(["alice", "nobody"]) {
        let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains("nor its sender told"), "{told}");
        assert!(told.contains(&format!("A message from {from}@here.test,")));
        assert!(!told.contains("without a return address"), "{told}");
        assert!(!told.contains("forged"), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_paused_does_not_run_out_of_time() {
    let world = World::new(Rules::default()).await;
    let hop = NextHop::Host("a.test".parse().unwrap());
    world.office.pause(Scope::NextHop(hop.clone().into()));
    let id = world
        .post(&Letterhead::new("<alice@here.test>", &["<bob@a.test>"]))
        .await;
    world.pass(6 * DAY).await;
    assert!(world.queued(id).is_some());
    assert_eq!(world.alices().len(), 0);
    world.office.resume(Scope::NextHop(hop.into()));
    world.pass(MINUTE).await;
    assert_eq!((world.queued(id), world.roads.count()), (None, 1));
}

#[tokio::test(start_paused = true)]
async fn other_rules_hold_for_what_waits_already() {
    let world = World::new(Rules::default()).await;
    world.roads.set("a.test", Manner::Defers);
    let id = world
        .post(&Letterhead::new("<alice@here.test>", &["<bob@a.test>"]))
        .await;
    world.pass(30 * MINUTE).await;
    world.office.reload(Rules {
        lifetime: 2 * HOUR,
        notice: None,
        ..Rules::default()
    });
    world.pass(HOUR).await;
    assert!(world.queued(id).is_some());
    world.pass(3 * HOUR).await;
    assert_eq!(world.queued(id), None);
    let told = world.alices();
    assert_eq!(told.len(), 1, "of the end, and of no delay");
    assert!(told[0].contains("Action: failed"));
}

#[tokio::test(start_paused = true)]
async fn what_time_alone_ends_is_reported_with_what_was_heard_last_or_that_nobody_could_be_asked() {
    let rules = |lifetime| Rules {
        lifetime,
        notice: None,
        ..Rules::default()
    };
    let world = World::new(rules(DAY)).await;
    let letter = |to: &str| Letterhead::new("<alice@here.test>", &[to]);
    world.roads.set("a.test", Manner::Defers);
    world.post(&letter("<first@a.test>")).await;
    world.settle().await;
    world.roads.set("a.test", Manner::Dead);
    world.post(&letter("<second@a.test>")).await;
    world.settle().await;
    // The next hop is left alone by now.
    world.post(&letter("<third@a.test>")).await;
    world.settle().await;
    world.office.reload(rules(MINUTE));
    world.pass(HOUR).await;
    assert_eq!(world.queue(), []);
    let told = world.alices();
    let about = |name: &str| {
        let mut told = told.iter().filter(|report| report.contains(name));
        let report = told.next().unwrap();
        assert!(told.next().is_none(), "one report for {name}");
        report
    };
    for (name, there, absent) in [
        (
            "first@a.test",
            ["mx.a.test", "451 4.3.2 busy, come back"],
            "No server could be tried",
        ),
        (
            "second@a.test",
            ["The server that was tried", "mx.a.test"],
            "No server could be tried",
        ),
        (
            "third@a.test",
            ["The server that was tried: mx.a.test", "Status: 4.4.7"],
            "Last tried on",
        ),
    ] {
        let report = about(name);
        for part in there {
            assert!(report.contains(part), "no {part:?} in {report}");
        }
        assert!(!report.contains(absent), "{absent:?} in {report}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_delay_of_what_could_not_be_tried_names_what_was_in_the_way() {
    let world = twenty_for_a_dead_host().await;
    world.pass(5 * HOUR).await;
    let told = world.alices();
    assert_eq!(told.len(), 20);
    let untried = told.iter().filter(|one| !one.contains("Last tried on"));
    assert!(untried.count() > 0);
    for told in told {
        for part in ["Action: delayed", "Status: 4.4.1", "mx.a.test"] {
            assert!(told.contains(part), "no {part:?} in {told}");
        }
        assert!(!told.contains("The reason was not given"), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_delay_for_the_limit_of_an_account_says_so() {
    let world = World::at_noon(Rules {
        recipients_per_day: Some(1),
        ..Rules::default()
    })
    .await;
    let letter = Letterhead {
        account: Some(world.alice),
        ..Letterhead::new("<alice@here.test>", &["<bob@a.test>"])
    };
    for _ in 0..2 {
        world.post(&letter).await;
        world.settle().await;
    }
    world.pass(6 * HOUR).await;
    assert_eq!(world.roads.count(), 1);
    let told = world.alices();
    let told = told.iter().find(|one| one.contains("Action: delayed"));
    let told = told.unwrap().replace("=\r\n", "");
    let plain = told.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "Your account has reached how much it may send a day",
        "goes on after midnight UTC",
        "Status: 4.7.0",
    ] {
        assert!(plain.contains(part), "no {part:?} in {plain}");
    }
}
