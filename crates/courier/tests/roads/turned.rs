//! Connections that customers gave us (RFC 2645): they greet, we send, and whatever they do comes to an end. No network is
//! needed, and time goes by as fast as nothing happens.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use courier::carry::{Carried, Carry as _, Letter, Trip};
use courier::roads::{Customer, Line, Roads, Settings};
use delivery::schedule::{Ending, NextHop, Verdict};
use resolver::Resolver;
use smtp_client::Transaction;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, duplex};
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);

fn roads() -> Roads {
    let directory = tempfile::tempdir().unwrap();
    let settings = Settings::new("hub.test".parse().unwrap(), directory.path().to_owned());
    Roads::new(settings, Arc::new(Resolver::new(Duration::from_secs(1)))).unwrap()
}

fn customer(tls: bool) -> Customer {
    Customer {
        address: IpAddr::from([192, 0, 2, 7]),
        tls,
    }
}

fn held() -> NextHop {
    NextHop::Held("spoke.test".parse().unwrap())
}

/// A short letter.
struct Short(bool);

impl Letter for Short {
    async fn rewind(&mut self) -> std::io::Result<()> {
        self.0 = false;
        Ok(())
    }

    async fn next(&mut self) -> std::io::Result<Option<Bytes>> {
        let first = !std::mem::replace(&mut self.0, true);
        Ok(first.then(|| Bytes::from_static(b"Subject: x\r\n\r\nhello\r\n")))
    }

    fn waives_tls(&self) -> bool {
        false
    }
}

fn transaction(to: &[&str], requiretls: bool) -> Transaction {
    let recipients = to.iter().map(|to| address::Recipient {
        path: format!("<{to}@spoke.test>").parse().unwrap(),
        notify: None,
        orcpt: None,
    });
    Transaction {
        envelope: address::Envelope {
            reverse_path: "<me@far.test>".parse().unwrap(),
            requiretls,
            recipients: recipients.collect(),
            ..address::Envelope::default()
        },
        size: 21,
        submitter: None,
    }
}

async fn carry(roads: &Roads, line: Option<Line>, transaction: Transaction) -> Trip<Line> {
    roads
        .carry(&held(), line, transaction, &mut Short(true))
        .await
}

fn told(carried: &[Carried]) -> Vec<(Verdict, &str)> {
    carried
        .iter()
        .map(|one| (one.verdict, one.words.as_str()))
        .collect()
}

/// A customer that says `greeting`, then answers each line by what it begins with, until nobody speaks any more. Hands back
/// the lines it heard.
async fn answers(
    end: DuplexStream,
    greeting: &'static str,
    rows: Vec<(&'static str, &'static str)>,
) -> Vec<String> {
    let mut end = BufReader::new(end);
    end.write_all(greeting.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    loop {
        let mut line = String::new();
        if end.read_line(&mut line).await.unwrap_or(0) == 0 {
            return heard;
        }
        let row = rows.iter().find(|(begin, _)| line.starts_with(begin));
        heard.push(line.trim_end().to_owned());
        if let Some((_, reply)) = row
            && end.write_all(reply.as_bytes()).await.is_err()
        {
            return heard;
        }
    }
}

fn fine() -> Vec<(&'static str, &'static str)> {
    vec![
        ("EHLO", "250-spoke.test\r\n250 PIPELINING\r\n"),
        ("RCPT TO:<off@", "450 4.2.1 not now\r\n"),
        ("RCPT TO:<no@", "550 5.1.1 nobody\r\n"),
        ("MAIL", "250 ok\r\n"),
        ("RCPT", "250 ok\r\n"),
        ("DATA", "354 go\r\n"),
        (".", "250 ok\r\n"),
        ("RSET", "250 ok\r\n"),
        ("QUIT", "221 bye\r\n"),
    ]
}

#[tokio::test]
async fn messages_go_along_the_line_that_was_given_and_nobody_is_dialled() {
    let roads = roads();
    let (ours, theirs) = duplex(4096);
    let peer = tokio::spawn(answers(theirs, "220 spoke.test\r\n", fine()));
    let line = roads.turned(ours, customer(true)).await.unwrap();
    let trip = carry(
        &roads,
        Some(line),
        transaction(&["yes", "off", "no"], false),
    )
    .await;
    let verdicts: Vec<Verdict> = trip.carried.iter().map(|one| one.verdict).collect();
    use Verdict::{Deferred, Delivered, Refused};
    assert_eq!(verdicts, [Delivered, Deferred, Refused]);
    assert_eq!(trip.how, Ending::Finished { open: true });
    let words = &trip.carried[1].words;
    assert!(
        words.contains("[192.0.2.7]") && words.contains("not now"),
        "{words}"
    );
    let trip = carry(&roads, trip.line, transaction(&["again"], true)).await;
    assert_eq!(trip.how, Ending::Finished { open: true });
    // TLS was around it, but it does not say that it knows REQUIRETLS.
    assert_eq!(
        trip.carried[0].verdict,
        Refused,
        "{:?}",
        told(&trip.carried)
    );
    let trip = carry(&roads, trip.line, transaction(&["last"], false)).await;
    roads.part(trip.line.unwrap()).await;
    let heard = peer.await.unwrap();
    assert_eq!(heard.first().unwrap(), "EHLO hub.test");
    assert_eq!(heard.last().unwrap(), "QUIT");
    assert_eq!(
        heard.iter().filter(|line| line.starts_with("MAIL")).count(),
        2
    );
}

#[tokio::test]
async fn without_a_line_nothing_is_tried() {
    let trip = carry(&roads(), None, transaction(&["yes"], false)).await;
    let words = "Mail for spoke.test is kept until its server fetches it.";
    assert_eq!(told(&trip.carried), [(Verdict::Untried, words)]);
    assert_eq!(trip.how, Ending::Finished { open: false });
    assert!(trip.line.is_none());
}

#[tokio::test]
async fn what_needs_tls_is_not_handed_over_in_clear_and_the_line_stands() {
    let roads = roads();
    let (ours, theirs) = duplex(4096);
    let peer = tokio::spawn(answers(theirs, "220 spoke.test\r\n", fine()));
    let line = roads.turned(ours, customer(false)).await.unwrap();
    let trip = carry(&roads, Some(line), transaction(&["yes"], true)).await;
    assert_eq!(trip.carried[0].verdict, Verdict::Deferred);
    assert!(
        trip.carried[0].words.contains("REQUIRETLS"),
        "{:?}",
        told(&trip.carried)
    );
    let trip = carry(&roads, trip.line, transaction(&["yes"], false)).await;
    assert_eq!(trip.carried[0].verdict, Verdict::Delivered);
    drop(trip);
    let heard = peer.await.unwrap();
    assert!(
        !heard.iter().any(|line| line.contains("REQUIRETLS")),
        "{heard:?}"
    );
}

#[tokio::test]
async fn a_line_that_is_gone_says_nothing_about_anybody() {
    let roads = roads();
    let (ours, theirs) = duplex(4096);
    let mut rows = fine();
    rows[0] = ("EHLO", "250 spoke.test\r\n");
    let peer = tokio::spawn(answers(theirs, "220 spoke.test\r\n", rows));
    let line = roads.turned(ours, customer(true)).await.unwrap();
    peer.abort();
    assert!(peer.await.is_err());
    let trip = carry(&roads, Some(line), transaction(&["yes"], false)).await;
    assert_eq!(trip.how, Ending::Stale);
    assert_eq!(trip.carried[0].verdict, Verdict::Untried);
}

#[tokio::test]
async fn a_customer_that_is_shut_down_says_so_and_nobody_else_is_asked() {
    let roads = roads();
    let (ours, theirs) = duplex(4096);
    let mut rows = fine();
    rows.insert(0, ("RCPT", "421 4.3.2 shutting down\r\n"));
    let peer = tokio::spawn(answers(theirs, "220 spoke.test\r\n", rows));
    let line = roads.turned(ours, customer(true)).await.unwrap();
    let trip = carry(&roads, Some(line), transaction(&["a", "b"], false)).await;
    assert!(trip.line.is_none());
    assert!(
        trip.carried
            .iter()
            .all(|one| one.verdict == Verdict::Deferred),
        "{:?}",
        told(&trip.carried)
    );
    drop(peer);
}

/// Whatever a customer does instead of greeting, it is over within this time.
async fn bounded(within: Duration, play: impl AsyncFnOnce(DuplexStream)) {
    let roads = roads();
    let (ours, theirs) = duplex(4096);
    let began = Instant::now();
    let (line, ()) = tokio::join!(roads.turned(ours, customer(true)), play(theirs));
    let Err(words) = line else {
        panic!("there is a line");
    };
    assert!(words.contains("[192.0.2.7]"), "{words}");
    assert!(began.elapsed() <= within, "{:?} {words}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_customer_that_never_greets_is_left_in_time() {
    bounded(6 * MINUTE, async |mut end| {
        let mut octets = Vec::new();
        let _ = tokio::io::AsyncReadExt::read_to_end(&mut end, &mut octets).await;
        assert_eq!(octets, b"", "nothing is said before the greeting");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_customer_that_drips_is_left_in_time() {
    bounded(6 * MINUTE, async |mut end| {
        while end.write_all(b"2").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_customer_that_greets_and_then_drips_is_left_in_time() {
    bounded(11 * MINUTE, async |mut end| {
        let _ = end.write_all(b"220 spoke.test\r\n").await;
        while end.write_all(b"250-x\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_line_without_an_end_is_not_read_to_its_end() {
    bounded(
        MINUTE,
        async |mut end| {
            while end.write_all(&[b'2'; 1000]).await.is_ok() {}
        },
    )
    .await;
}
