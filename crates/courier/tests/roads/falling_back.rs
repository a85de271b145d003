//! Host after host (RFC 5321 section 5.1): who is asked next, and what is said in the end.

use courier::roads::Prospect;
use delivery::schedule::Ending;

use crate::server::{Manner, Server};
use crate::world::{World, at, make, mx, send_by, told, world};

const ONE: &[&str] = &["a@plain.test"];

/// What the servers heard of it, as `CONNECT`s and messages, and what was told.
#[track_caller]
fn check(
    world: &World,
    trip: &courier::carry::Trip<courier::roads::Line>,
    asked: &[(usize, usize)],
    how: Ending,
    words: &[&str],
) {
    let found: Vec<(usize, usize)> = world
        .servers
        .iter()
        .map(|server| (server.count("CONNECT"), server.count("MESSAGE")))
        .collect();
    let told = told(trip);
    assert_eq!(found, asked, "{told:?}");
    assert_eq!(trip.how, how, "{told:?}");
    assert_eq!(told, words);
}

const OPEN: Ending = Ending::Finished { open: true };
const SHUT: Ending = Ending::Finished { open: false };

#[tokio::test]
async fn the_best_host_gets_the_message() {
    let world = world(vec![Manner::of("mx1"), Manner::of("mx2")]).await;
    let trip = world.send(ONE).await;
    check(
        &world,
        &trip,
        &[(1, 1), (0, 0)],
        OPEN,
        &["Delivered 2.0.0 mx1.plain.test [127.0.0.1] took the message: 250 2.0.0 taken"],
    );
    let heard = world.servers[0].heard();
    let dotted = crate::world::TEXT.replace("\r\n.", "\r\n..");
    assert_eq!(
        heard,
        [
            "CONNECT 127.0.0.1",
            "EHLO we.test",
            "MAIL FROM:<from@we.test>",
            "RCPT TO:<a@plain.test>",
            "DATA",
            &format!("MESSAGE {dotted}"),
            "QUIT",
        ]
    );
    let remote = trip.carried[0].remote.as_ref().unwrap();
    assert_eq!(remote.host.to_string(), "mx1.plain.test");
    assert_eq!(remote.said.as_ref().unwrap().code, 250);
}

/// What one host puts off is offered to the next; what it refuses in words stands.
#[tokio::test]
async fn what_is_put_off_is_offered_to_the_next_host() {
    let taken = "Delivered 2.0.0 mx2.plain.test [127.0.0.2] took the message: 250 2.0.0 taken";
    let first = "mx1.plain.test [127.0.0.1]";
    for (to, answer, how, second, words) in [
        ("CONNECT", "421 4.3.2 closing", OPEN, 1, taken.to_owned()),
        ("CONNECT", "554 5.3.2 no service", OPEN, 1, taken.to_owned()),
        ("CONNECT", "521 5.3.2 never", OPEN, 1, taken.to_owned()),
        ("CONNECT", "HANG", OPEN, 1, taken.to_owned()),
        ("CONNECT", "SSH-2.0-x", OPEN, 1, taken.to_owned()),
        ("EHLO", "421 4.3.2 closing", OPEN, 1, taken.to_owned()),
        ("EHLO", "550 5.7.1 go away", OPEN, 1, taken.to_owned()),
        ("EHLO", "250 we.test", OPEN, 1, taken.to_owned()),
        ("MAIL", "451 4.3.0 not now", OPEN, 1, taken.to_owned()),
        ("MAIL", "421 4.3.2 closing", OPEN, 1, taken.to_owned()),
        ("RCPT", "450 4.2.0 greylisted", OPEN, 1, taken.to_owned()),
        ("RCPT", "421 4.3.2 closing", OPEN, 1, taken.to_owned()),
        ("DATA", "451 4.3.0 not now", OPEN, 1, taken.to_owned()),
        ("DATA", "421 4.3.2 closing", OPEN, 1, taken.to_owned()),
        ("DATA", "HANG", OPEN, 1, taken.to_owned()),
        (
            "MAIL",
            "550 5.7.1 not you",
            OPEN,
            0,
            format!("Refused 5.7.1 {first} refused the sender: 550 5.7.1 not you"),
        ),
        (
            "RCPT",
            "550 5.1.1 who",
            OPEN,
            0,
            format!("Refused 5.1.1 {first} refused the recipient: 550 5.1.1 who"),
        ),
        (
            "DATA",
            "554 5.6.0 no",
            OPEN,
            0,
            format!("Refused 5.6.0 {first} refused the message: 554 5.6.0 no"),
        ),
        (
            "DOT",
            "451 4.3.0 not now",
            OPEN,
            0,
            format!("Deferred 4.3.0 {first} does not take the message now: 451 4.3.0 not now"),
        ),
        (
            "DOT",
            "554 5.7.1 spam",
            OPEN,
            0,
            format!("Refused 5.7.1 {first} refused the message: 554 5.7.1 spam"),
        ),
        // RFC 5321 section 3.8: a 421 to the dot says that it was not taken, and that nothing else is.
        (
            "DOT",
            "421 4.3.2 closing",
            Ending::Unreachable,
            0,
            format!("Deferred 4.3.2 {first} does not take the message now: 421 4.3.2 closing"),
        ),
        // Nobody knows, so nobody else is asked.
        (
            "DOT",
            "HANG",
            Ending::Lost,
            0,
            format!(
                "Deferred 4.4.2 The whole message was sent to {first}, which did not say whether it took it. The connection to {first} was lost at the end of the message. It is sent again later, so the recipient may get it twice."
            ),
        ),
    ] {
        let world = world(vec![Manner::of("mx1").says(to, answer), Manner::of("mx2")]).await;
        let trip = world.send(ONE).await;
        let told = told(&trip);
        assert_eq!(told, [words], "{to} {answer}");
        assert_eq!(trip.how, how, "{to} {answer}");
        assert_eq!(world.servers[1].count("MESSAGE"), second, "{to} {answer}");
    }
}

#[tokio::test]
async fn when_all_hosts_fail_the_most_telling_reason_is_kept() {
    let third = "mx3.plain.test [127.0.0.3]";
    let first = "mx1.plain.test [127.0.0.1]";
    for (answers, how, words) in [
        (
            [("CONNECT", "554 5.3.2 no"), ("CONNECT", "554 5.3.2 no"), ("CONNECT", "521 5.3.2 never")],
            Ending::Unreachable,
            format!("Refused 5.3.2 {third} refused to go on at the greeting: 521 5.3.2 never"),
        ),
        (
            [("CONNECT", "554 5.3.2 no"), ("CONNECT", "HANG"), ("CONNECT", "554 5.3.2 no")],
            Ending::Unreachable,
            "Deferred 4.4.1 The connection to mx2.plain.test [127.0.0.2] was lost at the greeting.".to_owned(),
        ),
        (
            [("RCPT", "450 4.2.1 full"), ("CONNECT", "HANG"), ("CONNECT", "421 4.3.2 busy")],
            Ending::Finished { open: false },
            format!("Deferred 4.2.1 {first} does not take mail for the recipient now: 450 4.2.1 full"),
        ),
        (
            [("EHLO", "HANG"), ("CONNECT", "421 4.3.2 busy"), ("CONNECT", "HANG")],
            Ending::Unreachable,
            "Deferred 4.3.2 mx2.plain.test [127.0.0.2] refused to go on at the greeting: 421 4.3.2 busy".to_owned(),
        ),
    ] {
        let manners = answers.iter().map(|(to, answer)| Manner::of("mx").says(to, answer));
        let world = world(manners.collect()).await;
        let trip = world.send(ONE).await;
        check(&world, &trip, &[(1, 0), (1, 0), (1, 0)], how, &[&words]);
    }
}

#[tokio::test]
async fn recipients_go_their_own_ways() {
    let first = Manner::of("mx1")
        .says("RCPT TO:<b@", "450 4.2.1 full")
        .says("RCPT TO:<c@", "550 5.1.1 who");
    let world = world(vec![first, Manner::of("mx2")]).await;
    let trip = world
        .send(&["a@plain.test", "b@plain.test", "c@plain.test"])
        .await;
    // Somebody was served, so the others are not offered elsewhere.
    check(
        &world,
        &trip,
        &[(1, 1), (0, 0)],
        OPEN,
        &[
            "Delivered 2.0.0 mx1.plain.test [127.0.0.1] took the message: 250 2.0.0 taken",
            "Deferred 4.2.1 mx1.plain.test [127.0.0.1] does not take mail for the recipient now: 450 4.2.1 full",
            "Refused 5.1.1 mx1.plain.test [127.0.0.1] refused the recipient: 550 5.1.1 who",
        ],
    );
}

/// Only those who are open are offered to the next host.
#[tokio::test]
async fn nobody_is_offered_twice() {
    let first = Manner::of("mx1")
        .says("RCPT", "450 4.2.1 full")
        .says("RCPT TO:<c@", "550 5.1.1 who");
    let world = world(vec![first, Manner::of("mx2")]).await;
    let trip = world
        .send(&["a@plain.test", "b@plain.test", "c@plain.test"])
        .await;
    let verdicts: Vec<_> = trip
        .carried
        .iter()
        .map(|one| format!("{:?}", one.verdict))
        .collect();
    assert_eq!(verdicts, ["Delivered", "Delivered", "Refused"]);
    assert_eq!(world.servers[1].count("RCPT"), 2);
    assert_eq!(world.servers[1].count("RCPT TO:<c@"), 0);
}

#[tokio::test]
async fn what_one_host_cannot_do_another_may() {
    let world = world(vec![Manner::of("mx1"), Manner::of("mx2").lists("8BITMIME")]).await;
    let eight = |envelope: &mut address::Envelope| envelope.body8bit = true;
    let trip = world.send_text(ONE, "a: b\r\n\r\n\u{e9}\r\n", eight).await;
    check(
        &world,
        &trip,
        &[(1, 0), (1, 1)],
        OPEN,
        &["Delivered 2.0.0 mx2.plain.test [127.0.0.2] took the message: 250 2.0.0 taken"],
    );
    let world = crate::world::world(vec![Manner::of("mx1"), Manner::of("mx2")]).await;
    let eight = |envelope: &mut address::Envelope| envelope.body8bit = true;
    let trip = world.send_text(ONE, "a: b\r\n\r\n\u{e9}\r\n", eight).await;
    check(
        &world,
        &trip,
        &[(1, 0), (1, 0)],
        SHUT,
        &[
            "Refused 5.6.3 mx2.plain.test [127.0.0.2] takes no messages with 8-bit letters (8BITMIME).",
        ],
    );
}

#[tokio::test]
async fn who_did_not_answer_just_now_is_asked_last() {
    let mut world = world(vec![Manner::of("mx1"), Manner::of("mx2")]).await;
    let first = world.servers[0].address;
    world.servers.remove(0).stop().await;
    let roads = world.roads();
    let trip = send_by(&roads, ONE).await;
    let taken = "Delivered 2.0.0 mx2.plain.test [127.0.0.2] took the message: 250 2.0.0 taken";
    check(&world, &trip, &[(1, 1)], OPEN, &[taken]);
    // It is back, and nobody looks for a while.
    let listener = tokio::net::TcpListener::bind(first).await.unwrap();
    let back = Server::start(listener, Manner::of("mx1"));
    let trip = send_by(&roads, ONE).await;
    check(&world, &trip, &[(2, 2)], OPEN, &[taken]);
    assert_eq!(back.count("CONNECT"), 0);
    // Others know nothing of that.
    let trip = send_by(&world.roads(), ONE).await;
    check(
        &world,
        &trip,
        &[(2, 2)],
        OPEN,
        &["Delivered 2.0.0 mx1.plain.test [127.0.0.1] took the message: 250 2.0.0 taken"],
    );
}

#[tokio::test]
async fn where_there_is_nobody_to_ask_it_is_said_why() {
    let listeners = crate::server::listeners(1).await;
    let made = make(listeners);
    let mut world = made
        .servers(
            vec![Manner::of("mx1")],
            crate::server::Authority::new(),
            |_| {
                vec![
                    ("null.plain.test.", mx(0, ".")),
                    ("inside.plain.test.", mx(0, "inside.plain.test.")),
                    ("inside.plain.test.", at("10.0.0.1")),
                    ("bare.plain.test.", crate::world::txt("x")),
                    ("loop.plain.test.", mx(0, "we.plain.test.")),
                    ("we.plain.test.", at("192.0.2.1")),
                    ("homeless.plain.test.", mx(0, "nowhere.plain.test.")),
                ]
            },
        )
        .await;
    world.settings.place.names = vec!["we.plain.test".parse().unwrap()];
    let never = SHUT;
    for (domain, how, words) in [
        (
            "null.plain.test",
            never,
            "Refused 5.1.10 null.plain.test takes no mail at all, and says so in DNS (null MX).",
        ),
        (
            "missing.plain.test",
            never,
            "Refused 5.1.2 There is no domain missing.plain.test.",
        ),
        (
            "bare.plain.test",
            never,
            "Refused 5.1.2 The domain bare.plain.test has neither a mail server nor an address in DNS.",
        ),
        (
            "inside.plain.test",
            never,
            "Refused 5.4.4 The mail servers of inside.plain.test are in private networks, where no mail is sent unless relay.allow_to says so.",
        ),
        (
            "loop.plain.test",
            never,
            "Refused 5.4.6 DNS says that mail for loop.plain.test goes to this server, which does not take mail for it.",
        ),
        (
            "homeless.plain.test",
            never,
            "Refused 5.4.4 The mail servers of homeless.plain.test have no address that can be used.",
        ),
        (
            "fault.plain.test",
            Ending::Unreachable,
            "Deferred 4.4.3 DNS could not say where mail for fault.plain.test goes.",
        ),
        (
            "[10.0.0.1]",
            never,
            "Refused 5.4.4 The mail servers of [10.0.0.1] are in private networks, where no mail is sent unless relay.allow_to says so.",
        ),
        (
            "[127.0.0.1]",
            OPEN,
            "Delivered 2.0.0 [127.0.0.1] took the message: 250 2.0.0 taken",
        ),
    ] {
        let trip = world.send(&[&format!("a@{domain}")]).await;
        assert_eq!(told(&trip), [words]);
        assert_eq!(trip.how, how, "{domain}");
        assert_eq!(trip.carried[0].remote.is_some(), how == OPEN, "{domain}");
        let row = trip.carried[0].row.map(|row| row.id);
        let expected = match domain {
            "null.plain.test" => Some("X-01"),
            "missing.plain.test" | "bare.plain.test" => Some("X-15a"),
            _ => None,
        };
        assert_eq!(row, expected, "{domain}");
    }
}

/// Time is up: no further host is begun with, and nobody is refused for that.
#[tokio::test]
async fn patience_has_an_end() {
    let refusing = |name: &str| Manner::of(name).says("CONNECT", "554 5.3.2 no");
    let mut world = world(vec![refusing("mx1"), refusing("mx2")]).await;
    world.settings.patience = std::time::Duration::ZERO;
    let trip = world.send(ONE).await;
    check(
        &world,
        &trip,
        &[(0, 0), (0, 0)],
        Ending::Unreachable,
        &["Untried 4.4.2 It was not this recipient's turn yet."],
    );
}

/// Nobody keeps a connection for long before a message can be offered.
#[tokio::test]
async fn who_does_not_come_to_the_point_is_left() {
    let slow = Manner::of("mx1").says("EHLO", "SILENCE");
    let mut world = world(vec![slow, Manner::of("mx2")]).await;
    world.settings.opening = std::time::Duration::from_secs(2);
    let soon = std::time::Duration::from_secs(60);
    let trip = tokio::time::timeout(soon, world.send(ONE)).await.unwrap();
    assert_eq!(trip.how, OPEN);
    assert_eq!(world.servers[0].count("EHLO"), 1);
    assert_eq!(world.servers[1].count("MESSAGE"), 1);
}

/// Who keeps others waiting for a greeting is asked last the next time.
#[tokio::test]
async fn who_hangs_up_at_once_is_asked_last_for_a_while() {
    let world = world(vec![
        Manner::of("mx1").says("CONNECT", "HANG"),
        Manner::of("mx2"),
    ])
    .await;
    let roads = world.roads();
    for _ in 0..3 {
        assert_eq!(send_by(&roads, ONE).await.how, OPEN);
    }
    assert_eq!(
        (
            world.servers[0].count("CONNECT"),
            world.servers[1].count("CONNECT")
        ),
        (1, 3)
    );
}

#[tokio::test]
async fn connections_come_from_the_address_that_is_configured() {
    let mut world = world(vec![Manner::of("mx1")]).await;
    world.settings.source_v4 = Some("127.0.0.77".parse().unwrap());
    let trip = world.send(ONE).await;
    assert_eq!(
        (trip.how, world.servers[0].count("CONNECT 127.0.0.77")),
        (OPEN, 1)
    );
    // One that this machine does not have is no fault of the host.
    world.settings.source_v4 = Some("192.0.2.1".parse().unwrap());
    let trip = world.send(ONE).await;
    assert_eq!(trip.how, Ending::Unreachable);
    let words = told(&trip).concat();
    assert!(
        words.starts_with("Deferred 4.4.1 No connection to mx1.plain.test [127.0.0.1]: "),
        "{words}"
    );
    assert!(
        trip.carried[0]
            .remote
            .as_ref()
            .is_some_and(|remote| remote.address.is_none())
    );
}

/// What people are told who ask where their mail would go.
#[tokio::test]
async fn what_would_be_done_can_be_asked() {
    let world = world(vec![Manner::of("mx1"), Manner::of("mx2")]).await;
    let roads = world.roads();
    let prospect = roads.prospect(&crate::world::hop("plain.test")).await;
    let Prospect::Stops(stops) = prospect else {
        panic!("{prospect:?}")
    };
    let told: Vec<String> = stops
        .iter()
        .map(|stop| format!("{} {} {}", stop.host, stop.address.ip(), stop.tls))
        .collect();
    assert_eq!(
        told,
        [
            "mx1.plain.test 127.0.0.1 TLS if it is offered, with any certificate.",
            "mx2.plain.test 127.0.0.2 TLS if it is offered, with any certificate.",
        ]
    );
    let forged = crate::world::hop("checked.signed.test");
    let Prospect::Nowhere { refused, words } = roads.prospect(&forged).await else {
        panic!("there is a way to a forged domain");
    };
    assert!(!refused && words.contains("fails DNSSEC validation"));
    let prospect = roads
        .prospect(&crate::world::hop("missing.plain.test"))
        .await;
    let words = "There is no domain missing.plain.test.".to_owned();
    assert_eq!(
        prospect,
        Prospect::Nowhere {
            refused: true,
            words
        }
    );
    assert_eq!(world.servers[0].count("CONNECT"), 0);
}
