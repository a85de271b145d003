//! Lines that stand: used again, gone in between, and left.

use courier::carry::Carry as _;
use delivery::schedule::{Ending, Verdict};

use crate::server::Manner;
use crate::world::{TEXT, Text, hop, told, transaction, world};

const OPEN: Ending = Ending::Finished { open: true };
const ONE: &[&str] = &["a@plain.test"];

#[tokio::test]
async fn one_line_carries_many_messages() {
    for extensions in [vec![], vec!["PIPELINING"], vec!["PIPELINING", "CHUNKING"]] {
        let mut manner = Manner::of("mx1");
        for extension in &extensions {
            manner = manner.lists(extension);
        }
        let world = world(vec![manner]).await;
        let roads = world.roads();
        let mut line = None;
        for _ in 0..5 {
            let mut letter = Text::new(TEXT);
            let sent = transaction(ONE, TEXT.len());
            let trip = roads
                .carry(&hop("plain.test"), line, sent, &mut letter)
                .await;
            assert_eq!(
                (trip.how, trip.carried[0].verdict),
                (OPEN, Verdict::Delivered)
            );
            line = trip.line;
        }
        roads.part(line.unwrap()).await;
        let server = &world.servers[0];
        let counts = ["CONNECT", "EHLO", "MAIL", "MESSAGE", "QUIT"].map(|one| server.count(one));
        assert_eq!(counts, [1, 1, 5, 5, 1], "{extensions:?}");
    }
}

/// Nothing is tried when a line turns out to be gone: whoever holds the queue decides.
#[tokio::test]
async fn a_line_that_is_gone_is_stale() {
    for (to, answer) in [
        ("MAIL FROM:<second@", "HANG"),
        ("MAIL FROM:<second@", "421 4.7.0 enough"),
    ] {
        let world = world(vec![Manner::of("mx1").says(to, answer), Manner::of("mx2")]).await;
        let roads = world.roads();
        let mut letter = Text::new(TEXT);
        let sent = transaction(ONE, TEXT.len());
        let trip = roads
            .carry(&hop("plain.test"), None, sent, &mut letter)
            .await;
        assert_eq!(trip.how, OPEN);
        let mut letter = Text::new(TEXT);
        let mut sent = transaction(ONE, TEXT.len());
        sent.envelope.reverse_path = "<second@we.test>".parse().unwrap();
        let trip = roads
            .carry(&hop("plain.test"), trip.line, sent.clone(), &mut letter)
            .await;
        assert_eq!(
            (trip.how, trip.carried[0].verdict),
            (Ending::Stale, Verdict::Untried)
        );
        assert!(trip.line.is_none());
        assert_eq!((letter.rewinds, world.servers[1].count("CONNECT")), (0, 0));
        // Over a fresh connection the same answer is one.
        let trip = roads
            .carry(&hop("plain.test"), None, sent, &mut letter)
            .await;
        assert_eq!(
            (trip.how, trip.carried[0].verdict),
            (OPEN, Verdict::Delivered)
        );
        assert_eq!(world.servers[1].count("MESSAGE"), 1);
    }
}

#[tokio::test]
async fn whoever_watches_an_idle_line_sees_it_end() {
    let mut world = world(vec![Manner::of("mx1").says("NOOP", "250 ok")]).await;
    // Not the end of the time that it may be idle.
    world.settings.timeouts.idle = std::time::Duration::from_secs(3600);
    let roads = world.roads();
    let mut letter = Text::new(TEXT);
    let sent = transaction(ONE, TEXT.len());
    let trip = roads
        .carry(&hop("plain.test"), None, sent, &mut letter)
        .await;
    let mut line = trip.line.unwrap();
    world.servers[0].hang_up();
    roads.gone(&mut line).await;
    let mut letter = Text::new(TEXT);
    let sent = transaction(ONE, TEXT.len());
    let trip = roads
        .carry(&hop("plain.test"), Some(line), sent, &mut letter)
        .await;
    assert_eq!(trip.how, Ending::Stale);
    // Leave can be taken of it all the same.
    let sent = transaction(ONE, TEXT.len());
    let trip = roads
        .carry(&hop("plain.test"), None, sent, &mut letter)
        .await;
    let line = trip.line.unwrap();
    world.servers[0].hang_up();
    roads.part(line).await;
}

/// What the server of a line puts off is offered to the other hosts, and not to it again.
#[tokio::test]
async fn from_a_line_that_stands_it_goes_on_to_other_hosts() {
    let first = Manner::of("mx1").says("MAIL FROM:<second@", "451 4.3.0 not now");
    let world = world(vec![first, Manner::of("mx2")]).await;
    let roads = world.roads();
    let mut letter = Text::new(TEXT);
    let sent = transaction(ONE, TEXT.len());
    let trip = roads
        .carry(&hop("plain.test"), None, sent, &mut letter)
        .await;
    let mut letter = Text::new(TEXT);
    let mut sent = transaction(ONE, TEXT.len());
    sent.envelope.reverse_path = "<second@we.test>".parse().unwrap();
    let trip = roads
        .carry(&hop("plain.test"), trip.line, sent, &mut letter)
        .await;
    assert_eq!(
        told(&trip),
        ["Delivered 2.0.0 mx2.plain.test [127.0.0.2] took the message: 250 2.0.0 taken"]
    );
    assert_eq!(world.servers[0].count("CONNECT"), 1);
}

/// RFC 9422: a server that takes one message over a connection gets as many connections.
#[tokio::test]
async fn few_recipients_at_a_time_take_several_connections() {
    let manner = Manner::of("mx1").lists("LIMITS RCPTMAX=2 MAILMAX=1");
    let world = world(vec![manner, Manner::of("mx2")]).await;
    let names: Vec<String> = (0..7)
        .map(|number| format!("r{number}@plain.test"))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let trip = world.send(&names).await;
    assert!(
        trip.carried
            .iter()
            .all(|one| one.verdict == Verdict::Delivered),
        "{:?}",
        told(&trip)
    );
    let server = &world.servers[0];
    let counts = ["CONNECT", "MAIL", "RCPT", "MESSAGE"].map(|one| server.count(one));
    assert_eq!(counts, [4, 4, 7, 4]);
    assert_eq!(world.servers[1].count("CONNECT"), 0);
}

/// Whoever ends an attempt in the middle knows who has the message.
#[tokio::test]
async fn who_has_the_message_is_said_while_others_are_still_to_be_served() {
    let manner = Manner::of("mx1").lists("LIMITS RCPTMAX=2 MAILMAX=1");
    let world = world(vec![manner]).await;
    let names: Vec<String> = (0..5)
        .map(|number| format!("r{number}@plain.test"))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut letter = Text::new(TEXT);
    let sent = transaction(&names, TEXT.len());
    let roads = world.roads();
    let trip = roads
        .carry(&hop("plain.test"), None, sent, &mut letter)
        .await;
    assert_eq!(trip.carried.len(), 5);
    assert_eq!(letter.delivered, [vec![0, 1], vec![0, 1, 2, 3]]);
}

#[tokio::test]
async fn new_settings_are_for_attempts_of_now_on() {
    let world = world(vec![Manner::of("mx1")]).await;
    let roads = world.roads();
    let mut letter = Text::new(TEXT);
    let sent = transaction(ONE, TEXT.len());
    let trip = roads
        .carry(&hop("plain.test"), None, sent.clone(), &mut letter)
        .await;
    let mut settings = world.settings.clone();
    settings.hostname = "other.test".parse().unwrap();
    roads.reload(settings.clone()).unwrap();
    let mut letter = Text::new(TEXT);
    let trip = roads
        .carry(&hop("plain.test"), trip.line, sent.clone(), &mut letter)
        .await;
    assert_eq!(trip.how, OPEN);
    roads
        .carry(&hop("plain.test"), None, sent, &mut letter)
        .await;
    assert_eq!(world.servers[0].count("EHLO we.test"), 1);
    assert_eq!(world.servers[0].count("EHLO other.test"), 1);
    // What cannot be used changes nothing.
    settings.ca = Some(world.directory.path().join("none"));
    assert!(roads.reload(settings).is_err());
}

/// Whoever sends a message twice over sends it from its beginning: to further groups of recipients, for one.
#[tokio::test]
async fn a_letter_that_was_read_begins_anew() {
    let world = world(vec![Manner::of("mx1")]).await;
    let roads = world.roads();
    let mut letter = Text::new(TEXT);
    let sent = transaction(ONE, TEXT.len());
    let trip = roads
        .carry(&hop("plain.test"), None, sent.clone(), &mut letter)
        .await;
    let trip = roads
        .carry(&hop("plain.test"), trip.line, sent, &mut letter)
        .await;
    assert_eq!(
        trip.carried[0].verdict,
        Verdict::Delivered,
        "{:?}",
        told(&trip)
    );
    assert_eq!(world.servers[0].count("MESSAGE Subject: hello"), 2);
}

/// Leave is taken of a line whose time is up, and no message goes over it any more.
#[tokio::test]
async fn a_line_that_was_idle_for_long_is_left_in_words() {
    let mut world = world(vec![Manner::of("mx1")]).await;
    world.settings.timeouts.idle = std::time::Duration::ZERO;
    let roads = world.roads();
    let mut letter = Text::new(TEXT);
    let sent = transaction(ONE, TEXT.len());
    let trip = roads
        .carry(&hop("plain.test"), None, sent.clone(), &mut letter)
        .await;
    let mut line = trip.line.unwrap();
    roads.gone(&mut line).await;
    assert_eq!(world.servers[0].count("QUIT"), 1);
    let trip = roads
        .carry(&hop("plain.test"), Some(line), sent, &mut letter)
        .await;
    assert_eq!(trip.how, Ending::Stale);
}
