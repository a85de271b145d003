//! How much time a server has that never finished a conversation, and one that did.

use std::time::Duration;

use courier::carry::Carry as _;
use courier::roads::{Roads, Settings};

use crate::server::Manner;
use crate::world::{TEXT, Text, hop, told, transaction, world};

const TOO_LONG: &str =
    "Deferred 4.4.2 The conversation with mx1.plain.test [127.0.0.1] took longer than any should.";
const SILENT: &str = "Deferred 4.4.2 mx1.plain.test [127.0.0.1] fell silent at MAIL.";

/// Sends a message of this size and from this sender over a new connection.
async fn send(roads: &Roads, from: &str, text: &str) -> String {
    let mut letter = Text::new(text);
    let mut sent = transaction(&["a@plain.test"], text.len());
    sent.envelope.reverse_path = format!("<{from}@we.test>").parse().unwrap();
    let hop = hop("plain.test");
    let mut trip = roads.carry(&hop, None, sent, &mut letter).await;
    if let Some(line) = trip.line.take() {
        roads.part(line).await;
    }
    told(&trip).pop().unwrap()
}

/// Who is not known has no time at all; otherwise the wait for the reply to MAIL is over first.
fn impatient(settings: &mut Settings) {
    settings.first = Duration::ZERO;
    settings.timeouts.mail = Duration::from_millis(50);
}

#[tokio::test]
async fn a_server_that_is_not_known_has_less_time_beside_what_the_size_allows() {
    let mut world = world(vec![Manner::of("mx1").says("MAIL", "SILENCE")]).await;
    impatient(&mut world.settings);
    let roads = world.roads();
    assert_eq!(send(&roads, "a", TEXT).await, TOO_LONG);
    let large = format!("a: b\r\n\r\n{}", "0123456789\r\n".repeat(10_000));
    assert_eq!(send(&roads, "a", &large).await, SILENT);
}

#[tokio::test]
async fn a_server_that_finished_a_conversation_has_all_the_time_until_it_is_lost() {
    let manner = Manner::of("mx1")
        .says("MAIL FROM:<silence@", "SILENCE")
        .says("MAIL FROM:<hang@", "HANG");
    let mut world = world(vec![manner]).await;
    let roads = world.roads();
    let taken = "Delivered 2.0.0 mx1.plain.test [127.0.0.1] took the message: 250 2.0.0 taken";
    assert_eq!(send(&roads, "a", TEXT).await, taken);
    impatient(&mut world.settings);
    roads.reload(world.settings.clone()).unwrap();
    assert_eq!(send(&roads, "silence", TEXT).await, SILENT);
    assert_eq!(send(&roads, "silence", TEXT).await, TOO_LONG);
    // Once more from the beginning; this time it hangs up.
    world.settings.first = Duration::from_secs(60);
    roads.reload(world.settings.clone()).unwrap();
    assert_eq!(send(&roads, "a", TEXT).await, taken);
    send(&roads, "hang", TEXT).await;
    impatient(&mut world.settings);
    roads.reload(world.settings.clone()).unwrap();
    assert_eq!(send(&roads, "silence", TEXT).await, TOO_LONG);
}
