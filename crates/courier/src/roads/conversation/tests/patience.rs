//! How long a server can hold a conversation, whatever it does.

use super::*;

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

/// A message for so many, while `peer` does its part; how it ends, and how long it takes.
async fn held(
    recipients: usize,
    within: Duration,
    peer: impl AsyncFnOnce(&mut Peer),
) -> (Said, bool, Duration) {
    let (mut conversation, theirs) = pair(65536);
    let mut theirs = Peer(theirs);
    let mut text = Text::new("a: b\r\n\r\nc\r\n");
    let size = text.octets.len();
    let ours = async {
        conversation.begin(minutes(10)).await;
        let begun = tokio::time::Instant::now();
        let mut feed = Feed::new(&mut text, size as u64);
        let sent = conversation.send(transaction(recipients, size), &mut feed, within);
        (sent.await, begun.elapsed())
    };
    let all = async {
        theirs.opens(&[NAMED]).await;
        peer(&mut theirs).await;
    };
    let ((said, took), ()) = tokio::join!(ours, all);
    (said, conversation.is_overtime(), took)
}

async fn a_while() {
    tokio::time::sleep(Duration::from_secs(299)).await;
}

#[tokio::test(start_paused = true)]
async fn each_recipient_within_its_time_is_too_long_in_all() {
    // Each reply keeps to the time that the RFC has for it, and all of them would take more than eight hours.
    let (said, overtime, took) = held(100, minutes(15), async |peer| {
        peer.hears("MAIL").await;
        a_while().await;
        peer.says("250 ok\r\n").await;
        loop {
            let mut octet = [0];
            if peer.0.read(&mut octet).await.unwrap() == 0 {
                return;
            }
            if octet == *b"\n" {
                a_while().await;
                let _gone = peer.0.write_all(b"250 ok\r\n").await;
            }
        }
    })
    .await;
    assert!(overtime && took <= minutes(16), "{took:?}");
    assert!(matches!(said.rest, Rest::Over(Ending::Lost(Stage::Rcpt))));
    assert!(matches!(outcome(&said), Outcome::Deferred(_)));
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_as_a_whole_is_waited_for_beyond_all_patience() {
    // RFC 5321 section 4.5.3.2.6: whoever gives up too early sends it twice.
    let (said, overtime, took) = held(1, minutes(15), async |peer| {
        peer.hears("MAIL").await;
        a_while().await;
        peer.says("250 ok\r\n").await;
        peer.hears("RCPT").await;
        a_while().await;
        peer.says("250 ok\r\n").await;
        peer.hears("DATA").await;
        peer.says("354 go\r\n").await;
        peer.hears(".\r\n").await;
        tokio::time::sleep(Duration::from_secs(599)).await;
        peer.says("250 taken\r\n").await;
    })
    .await;
    assert!(matches!(outcome(&said), Outcome::Accepted { .. }));
    assert!(!overtime && took > minutes(19), "{took:?}");
    // But not for ever, and not for drops.
    let (said, overtime, took) = held(1, minutes(15), async |peer| {
        peer.hears("MAIL").await;
        peer.says("250 ok\r\n").await;
        peer.hears("RCPT").await;
        peer.says("250 ok\r\n").await;
        peer.hears("DATA").await;
        peer.says("354 go\r\n").await;
        peer.hears(".\r\n").await;
        loop {
            tokio::time::sleep(minutes(1)).await;
            if peer.0.write_all(b"2").await.is_err() {
                return;
            }
        }
    })
    .await;
    assert!(matches!(outcome(&said), Outcome::Unknown(_)));
    assert!(!overtime && took <= minutes(11), "{took:?}");
}
