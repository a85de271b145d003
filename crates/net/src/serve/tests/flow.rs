//! How octets move: batches, back-pressure, deadlines.

use super::*;
use crate::driver::{INBOX, OUTBOX, WRITE_DEADLINE};
use crate::toy::PIECE;

/// Sends `commands` in one write after the greeting and returns what came back, write by write.
async fn writes_for(commands: &str) -> Vec<Vec<u8>> {
    let mut scene = plain();
    scene.hears(&["hello"]).await;
    let before = scene.writes().len();
    scene.send(commands).await;
    scene.settle().await;
    scene.writes()[before..]
        .iter()
        .map(|write| write.octets.clone())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn answers_to_pipelined_commands_leave_in_one_write() {
    let writes = writes_for("echo a\r\nask b\r\necho c\r\nask d\r\n").await;
    assert_eq!(writes, [said(&["a", "b", "c", "d"])]);
}

#[tokio::test(start_paused = true)]
async fn a_reply_and_its_body_leave_in_one_write() {
    for octets in [10, 20_000, 60_000] {
        let writes = writes_for(&format!("echo here\r\nhuge {octets}\r\necho end\r\n")).await;
        let expected = [said(&["here"]), vec![b'H'; octets], said(&["end"])].concat();
        assert!(
            writes.len() == 1 && writes[0] == expected,
            "{octets} octets in {} writes",
            writes.len()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn earlier_replies_leave_while_the_host_is_busy() {
    let mut scene = plain();
    scene.hears(&["hello"]).await;
    scene.send("echo a\r\nlater b\r\necho c\r\n").await;
    scene.hears(&["a"]).await;
    scene.settle().await;
    assert_eq!(
        scene.writes().len(),
        2,
        "the greeting and the reply before the question"
    );
    scene.service.answers.add_permits(1);
    scene.hears(&["b", "c"]).await;
    assert_eq!(scene.writes().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn commands_sent_while_the_host_is_busy_are_answered_in_order() {
    let mut scene = plain();
    scene.send("later a\r\n").await;
    scene.settle().await;
    scene.send("echo b\r\nlater c\r\n").await;
    scene.settle().await;
    scene.send("echo d\r\n").await;
    scene.service.answers.add_permits(2);
    scene.hears(&["hello", "a", "b", "c", "d"]).await;
}

#[tokio::test(start_paused = true)]
async fn any_split_of_the_input_gives_the_same_output() {
    let mut scene = plain();
    for octet in "echo a\r\nask b\r\nquit\r\n".chars() {
        scene.send(&octet.to_string()).await;
        scene.settle().await;
    }
    scene.hears(&["hello", "a", "b", "bye"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_writes_everything_before_reading_is_served() {
    let mut scene = open(512, Security::Plain, Admission::Welcome);
    let texts: Vec<String> = (0..3000).map(|n| n.to_string()).collect();
    let commands: String = texts
        .iter()
        .map(|text| format!("echo {text}\r\n"))
        .collect();
    scene.send(&commands).await;
    let mut expected = vec!["hello"];
    expected.extend(texts.iter().map(String::as_str));
    scene.hears(&expected).await;
    assert_eq!(
        scene.elapsed(),
        Duration::ZERO,
        "nobody had to wait for a deadline"
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_reads_is_bounded_and_then_dropped() {
    let window = 4096;
    let mut scene = open(window, Security::Plain, Admission::Welcome);
    let line = format!("echo {}\r\n", "x".repeat(100));
    let mut taken = 0;
    while scene.client.write_all(line.as_bytes()).await.is_ok() {
        taken += line.len();
    }
    assert_eq!(scene.elapsed(), WRITE_DEADLINE);
    assert!(
        taken <= 2 * INBOX + OUTBOX + 2 * window,
        "{taken} octets were taken in"
    );
    scene.served.await.unwrap();
    assert!(
        scene.service.watch.closed.load(Ordering::SeqCst),
        "the session learned of it"
    );
}

#[tokio::test(start_paused = true)]
async fn no_more_output_is_made_than_the_peer_takes() {
    let mut scene = open(1000, Security::Plain, Admission::Welcome);
    scene.send("big 1000000\r\n").await;
    scene.settle().await;
    let pulled = scene.watch().pulled.load(Ordering::SeqCst);
    assert!(
        (OUTBOX - PIECE..=OUTBOX + 2 * PIECE).contains(&pulled),
        "{pulled} octets"
    );
    let mut all = vec![0; said(&["hello"]).len() + 1_000_000];
    scene.client.read_exact(&mut all).await.unwrap();
    assert!(all.ends_with(&[b'B'; 1000]));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_only_sips_is_dropped_as_well() {
    let mut scene = open(16, Security::Plain, Admission::Welcome);
    scene.send("big 5000\r\n").await;
    let mut sip = [0; 1];
    while scene.client.read_exact(&mut sip).await.is_ok() {
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert!((WRITE_DEADLINE..WRITE_DEADLINE + Duration::from_secs(20)).contains(&scene.elapsed()));
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_that_keeps_up_is_served_for_as_long_as_it_takes() {
    let mut scene = open(1000, Security::Plain, Admission::Welcome);
    scene.hears(&["hello"]).await;
    scene.send("big 400000\r\n").await;
    let mut gulp = [0; 1000];
    for _ in 0..400 {
        scene.client.read_exact(&mut gulp).await.unwrap();
        tokio::time::advance(Duration::from_secs(2)).await;
    }
    assert!(scene.elapsed() > 2 * WRITE_DEADLINE);
    scene.send("quit\r\n").await;
    scene.hears(&["bye"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_busy_host_slows_its_sender_down() {
    let mut scene = open(1000, Security::Plain, Admission::Welcome);
    scene.hears(&["hello"]).await;
    scene.send("body a\r\n").await;
    scene.settle().await;
    let more = "body b\r\n".repeat(1000);
    let sent = tokio::time::timeout(
        Duration::from_secs(60),
        scene.client.write_all(more.as_bytes()),
    )
    .await;
    assert!(
        sent.is_err(),
        "8000 octets went into a pipe of 1000 that nobody reads"
    );
    scene.service.answers.add_permits(2000);
    scene.settle().await;
    assert!(scene.watch().body.lock().unwrap().starts_with(b"abbb"));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_comes_when_it_was_asked_for() {
    let mut scene = plain();
    scene.send("idle 300\r\n").await;
    scene.settle().await;
    tokio::time::advance(Duration::from_secs(200)).await;
    scene.send("idle 600\r\necho moved\r\n").await;
    scene.hears(&["hello", "moved", "too slow"]).await;
    assert_eq!(scene.elapsed().as_secs(), 800);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_may_move_nearer() {
    let mut scene = plain();
    scene.settle().await;
    scene.send("idle 5\r\n").await;
    scene.hears(&["hello", "too slow"]).await;
    assert_eq!(scene.elapsed().as_secs(), 5);
}
