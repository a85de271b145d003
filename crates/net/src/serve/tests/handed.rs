//! Connections that go on in the hands of the host.

use super::*;

#[tokio::test(start_paused = true)]
async fn the_host_goes_on_with_the_stream_and_with_nothing_from_before() {
    let mut scene = plain();
    scene.send("give\r\nsmuggled\r\n").await;
    // In the same breath, and more than is read at a time.
    scene.send(&"x".repeat(40_000)).await;
    scene.hears(&["hello", "yours", "mine"]).await;
    scene.send("answer").await;
    scene.client.shutdown().await.unwrap();
    assert_eq!(scene.rest().await, b"");
    let watch = Arc::clone(&scene.service.watch);
    scene.served.await.unwrap();
    assert_eq!(watch.body.lock().unwrap().as_slice(), b"answer");
    assert_eq!(watch.hosts_dropped.load(Ordering::SeqCst), 1);
    assert!(
        !watch.closed.load(Ordering::SeqCst),
        "the peer was never lost"
    );
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_is_gone_before_it_can_read_that_is_lost() {
    let mut scene = open(16, Security::Plain, Admission::Welcome);
    scene.send("big 60000\r\n").await;
    scene.send("give\r\n").await;
    drop(scene.client);
    scene.served.await.unwrap();
    let watch = Arc::clone(&scene.service.watch);
    assert_eq!(watch.body.lock().unwrap().as_slice(), b"");
    assert_eq!(watch.hosts_dropped.load(Ordering::SeqCst), 1);
}
