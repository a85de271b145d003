//! How connections end: in order, by the peer, by the server, by a panic.

use super::*;

#[tokio::test(start_paused = true)]
async fn everything_is_free_before_the_last_reply_can_be_read() {
    let mut scene = plain();
    scene.send("quit\r\n").await;
    scene.hears(&["hello", "bye"]).await;
    let last = scene.writes().pop().unwrap();
    assert!(last.octets.ends_with(&said(&["bye"])));
    assert!(last.hosts_gone == 1 && last.place_gone, "{last:?}");
}

#[tokio::test(start_paused = true)]
async fn a_long_last_reply_keeps_its_place() {
    let mut scene = plain();
    scene.send("big 60000\r\nquit\r\n").await;
    scene.hears(&["hello"]).await;
    assert!(scene.rest().await.ends_with(&said(&["bye"])));
    let last = scene.writes().pop().unwrap();
    assert!(last.hosts_gone == 1 && !last.place_gone);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_gets_a_long_last_reply_whole() {
    let mut scene = open(1000, Security::Plain, Admission::Welcome);
    scene.send("big 60000\r\nquit\r\n").await;
    scene.hears(&["hello"]).await;
    let mut gulp = [0; 1000];
    for _ in 0..60 {
        scene.client.read_exact(&mut gulp).await.unwrap();
        tokio::time::advance(Duration::from_secs(2)).await;
    }
    scene.hears(&["bye"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_short_last_reply_that_nobody_reads_is_given_up_soon() {
    let mut scene = open(16, Security::Plain, Admission::Welcome);
    scene.send("quit\r\n").await;
    scene.served.await.unwrap();
    assert_eq!((now() - scene.begun).as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn closes_its_side_then_waits_shortly_for_the_peer() {
    let mut scene = plain();
    scene.send("quit\r\n").await;
    scene.hears(&["hello", "bye"]).await;
    assert_eq!(scene.rest().await, b"", "our side is closed at once");
    assert_eq!(scene.elapsed(), Duration::ZERO);
    scene.send("echo too late\r\n").await;
    scene.served.await.unwrap();
    assert_eq!((now() - scene.begun).as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn is_gone_as_soon_as_the_peer_closes_too() {
    let mut scene = plain();
    scene.send("quit\r\n").await;
    scene.hears(&["hello", "bye"]).await;
    drop(scene.client);
    scene.served.await.unwrap();
    assert_eq!(now(), scene.begun);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_talks_on_for_ever_is_not_listened_to_for_ever() {
    let mut scene = open(1024, Security::Plain, Admission::Welcome);
    scene.send("quit\r\n").await;
    let mut taken = 0;
    while scene.client.write_all(&[b'x'; 1024]).await.is_ok() {
        taken += 1024;
    }
    assert!(taken < 200_000, "{taken}");
    assert_eq!(scene.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_closed_its_side_still_gets_its_answers() {
    let mut scene = plain();
    scene.send("echo a\r\nlater b\r\necho c\r\n").await;
    scene.client.shutdown().await.unwrap();
    scene.settle().await;
    scene.service.answers.add_permits(1);
    scene.hears(&["hello", "a", "b", "c"]).await;
    assert_eq!(scene.rest().await, b"");
    scene.served.await.unwrap();
    assert!(scene.service.watch.closed.load(Ordering::SeqCst));
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_dropped_when_the_connection_breaks() {
    let mut scene = open(64, Security::Plain, Admission::Welcome);
    scene.hears(&["hello"]).await;
    scene
        .send(&format!("echo {}\r\nlater b\r\n", "x".repeat(200)))
        .await;
    scene.settle().await;
    drop(scene.client);
    scene.served.await.unwrap();
    let watch = &scene.service.watch;
    assert!(watch.answer_dropped.load(Ordering::SeqCst));
    assert!(watch.closed.load(Ordering::SeqCst));
    assert_eq!(watch.hosts_dropped.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_panic_closes_the_connection_and_nothing_else() {
    for commands in ["echo a\r\npanic\r\n", "echo a\r\nhost panic\r\n"] {
        let mut scene = plain();
        scene.hears(&["hello"]).await;
        scene.send(commands).await;
        assert_eq!(
            scene.rest().await,
            b"",
            "a panic fails closed: what was said before is not sent"
        );
        scene.served.await.expect("the panic went no further");
        assert_eq!(scene.service.watch.hosts_dropped.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_peer_gets_one_reply_and_little_patience() {
    let mut scene = open(1024, Security::Plain, Admission::TooFast);
    scene.hears(&["TooFast"]).await;
    assert_eq!(scene.rest().await, b"");

    let scene = open(4, Security::Plain, Admission::TooManySessions);
    scene.served.await.unwrap();
    assert_eq!(
        (now() - scene.begun).as_secs(),
        10,
        "one that does not read even that is dropped"
    );
}

#[tokio::test(start_paused = true)]
async fn draining_tells_the_session_when_what_it_has_in_hand_is_done() {
    let mut scene = plain();
    scene.send("later a\r\n").await;
    scene.hears(&["hello"]).await;
    scene.settle().await;
    scene.stop.raise(Level::Draining);
    scene.settle().await;
    scene.service.answers.add_permits(1);
    scene.hears(&["a", "stopping"]).await;
    assert_eq!(scene.rest().await, b"");
}

#[tokio::test(start_paused = true)]
async fn draining_wakes_an_idle_session() {
    let mut scene = plain();
    scene.hears(&["hello"]).await;
    scene.settle().await;
    scene.stop.raise(Level::Draining);
    scene.hears(&["stopping"]).await;
    assert_eq!(scene.elapsed(), Duration::ZERO);
}

/// Drops the server while the connection is in the state that `commands` bring it to.
#[track_caller]
fn check_dropped(window: usize, commands: &'static str) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        let mut scene = open(window, Security::Plain, Admission::Welcome);
        scene.send(commands).await;
        scene.settle().await;
        scene.stop.raise(Level::Dropping);
        scene.served.await.unwrap();
        assert_eq!(now(), scene.begun, "at {caller}");
        assert_eq!(
            scene.service.watch.hosts_dropped.load(Ordering::SeqCst),
            1,
            "at {caller}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_ends_a_connection_in_any_state() {
    check_dropped(1024, "").await;
    check_dropped(1024, "later a\r\n").await;
    check_dropped(1024, "body a\r\n").await;
    check_dropped(64, "big 100000\r\n").await;
    check_dropped(64, "big 1000\r\nquit\r\n").await;
    check_dropped(1024, "quit\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_took_its_leave_is_not_waited_for() {
    let mut scene = plain();
    scene.send("part\r\n").await;
    scene.served.await.unwrap();
    assert_eq!(now(), scene.begun);
    let mut heard = Vec::new();
    scene.client.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, said(&["hello", "bye"]));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_talks_on_after_its_leave_is_waited_for() {
    let mut scene = open(16, Security::Plain, Admission::Welcome);
    scene.send("part\r\n").await;
    // Its leave is taken, the answer is stuck half way: what comes now would be answered with a reset.
    scene.settle().await;
    scene.send("and now?\r\n").await;
    scene.settle().await;
    scene.hears(&["hello", "bye"]).await;
    scene.served.await.unwrap();
    assert_eq!((now() - scene.begun).as_secs(), 2);
}
