//! Messages of all sizes, whole or not at all, to one and to hundreds.

use courier::carry::Carry as _;
use delivery::schedule::{Ending, Verdict};

use crate::server::Manner;
use crate::world::{Text, hop, told, transaction, world};

const ONE: &[&str] = &["a@plain.test"];

#[tokio::test]
async fn large_messages_arrive_whole() {
    let line = "0123456789".repeat(7) + "\r\n";
    let text = format!("a: b\r\n\r\n{}", line.repeat(40_000));
    for chunking in [false, true] {
        let manner = Manner::of("mx1").lists("PIPELINING");
        let manner = if chunking {
            manner.lists("CHUNKING")
        } else {
            manner
        };
        let world = world(vec![manner]).await;
        let trip = world.send_text(ONE, &text, |_| {}).await;
        assert_eq!(
            trip.carried[0].verdict,
            Verdict::Delivered,
            "{:?}",
            told(&trip)
        );
        let heard = world.servers[0].heard();
        let pieces = heard.iter().filter_map(|one| one.strip_prefix("MESSAGE "));
        let arrived: String = pieces.collect();
        assert!(
            arrived == text,
            "{} of {} octets",
            arrived.len(),
            text.len()
        );
    }
}

#[tokio::test]
async fn hundreds_of_recipients_are_served_in_groups() {
    let manner = Manner::of("mx1")
        .lists("PIPELINING")
        .says("RCPT TO:<r7@", "550 5.1.1 who");
    let world = world(vec![manner]).await;
    let names: Vec<String> = (0..350)
        .map(|number| format!("r{number}@plain.test"))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let trip = world.send(&names).await;
    let places: Vec<usize> = trip.carried.iter().map(|one| one.recipient).collect();
    assert_eq!(places, (0..350).collect::<Vec<usize>>());
    let of = |verdict| {
        trip.carried
            .iter()
            .filter(move |one| one.verdict == verdict)
    };
    assert_eq!(
        (of(Verdict::Delivered).count(), of(Verdict::Refused).count()),
        (349, 1)
    );
    let server = &world.servers[0];
    let counts = ["CONNECT", "MAIL", "RCPT", "MESSAGE"].map(|one| server.count(one));
    assert_eq!(counts, [1, 4, 350, 4]);
}

/// What cannot be read here is no host's fault, and no other host gets half of it.
#[tokio::test]
async fn a_message_that_cannot_be_read_is_put_off() {
    let text = "a: b\r\n\r\n".to_owned() + &"x".repeat(250_000);
    let world = world(vec![Manner::of("mx1"), Manner::of("mx2")]).await;
    let roads = world.roads();
    let mut letter = Text::new(&text);
    letter.fails_at = Some(100_000);
    let sent = transaction(ONE, text.len());
    let trip = roads
        .carry(&hop("plain.test"), None, sent, &mut letter)
        .await;
    assert_eq!(
        told(&trip),
        ["Deferred 4.3.0 The message could not be read here: the disk is broken."]
    );
    assert_eq!(trip.how, Ending::Finished { open: false });
    assert!(trip.carried[0].remote.is_none());
    let counts = world
        .servers
        .iter()
        .map(|server| (server.count("CONNECT"), server.count("MESSAGE")));
    assert_eq!(counts.collect::<Vec<_>>(), [(1, 0), (0, 0)]);
}

/// The next host gets the message from its beginning.
#[tokio::test]
async fn a_message_that_was_cut_off_begins_anew_elsewhere() {
    let text = "a: b\r\n\r\n".to_owned() + &("x".repeat(70) + "\r\n").repeat(100_000);
    let first = Manner::of("mx1").says("HALF", "451 4.3.1 no room");
    let world = world(vec![first, Manner::of("mx2")]).await;
    let roads = world.roads();
    let mut letter = Text::new(&text);
    let sent = transaction(ONE, text.len());
    let trip = roads
        .carry(&hop("plain.test"), None, sent, &mut letter)
        .await;
    assert_eq!(
        told(&trip),
        ["Delivered 2.0.0 mx2.plain.test [127.0.0.2] took the message: 250 2.0.0 taken"]
    );
    assert_eq!(letter.rewinds, 2);
    assert!(
        world.servers[1]
            .heard()
            .contains(&format!("MESSAGE {text}"))
    );
}
