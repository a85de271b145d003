//! Servers that flood, and servers that answer before they are asked.

use super::*;

/// More than anybody reads of a reply.
const MUCH: usize = 100 * 1024;

/// Says so much of this, as long as somebody listens. How much was taken.
async fn pours(peer: &mut Peer, piece: &[u8], pieces: usize) -> usize {
    for poured in 0..pieces {
        if peer.0.write_all(piece).await.is_err() {
            return poured * piece.len();
        }
    }
    pieces * piece.len()
}

/// The beginning of a conversation with a server that floods at one place.
async fn opening(flood: impl AsyncFnOnce(&mut Peer) -> usize) -> (Rest, usize) {
    let (mut conversation, theirs) = pair(4096);
    let mut theirs = Peer(theirs);
    let all = async {
        let poured = flood(&mut theirs).await;
        drop(theirs);
        poured
    };
    tokio::join!(conversation.begin(HOUR), all)
}

#[track_caller]
fn is_cut_off(rest: &Rest, at: Stage, poured: usize) {
    let Rest::Over(Ending::NotSmtp { at: found, fault }) = rest else {
        panic!("{rest:?}");
    };
    assert_eq!((*found, fault), (at, &Fault::TooLong));
    assert!(poured <= 48 * 1024, "{poured} octets were read");
}

#[tokio::test(start_paused = true)]
async fn a_greeting_or_an_offer_without_end_is_cut_off() {
    let line = b"220-hello\r\n";
    let (rest, poured) = opening(async |peer| pours(peer, line, MUCH / line.len()).await).await;
    is_cut_off(&rest, Stage::Greeting, poured);
    // One line of 100 KiB.
    let (rest, poured) = opening(async |peer| {
        peer.says("220 ").await;
        pours(peer, &[b'x'; 64], MUCH / 64).await
    })
    .await;
    is_cut_off(&rest, Stage::Greeting, poured);
    // Ten thousand extensions.
    let (rest, poured) = opening(async |peer| {
        peer.says("220 peer.test\r\n").await;
        peer.hears("EHLO").await;
        pours(peer, b"250-X-EXTENSION-WITH-A-LONG-NAME\r\n", 10_000).await
    })
    .await;
    is_cut_off(&rest, Stage::Hello, poured);
}

/// A reply of a thousand lines at each place of a transaction: the message is not taken, or nobody knows.
#[tokio::test(start_paused = true)]
async fn a_reply_of_a_thousand_lines_ends_the_conversation_wherever_it_comes() {
    for (place, stage) in [
        ("MAIL", Stage::Mail),
        ("RCPT", Stage::Rcpt),
        ("DATA", Stage::Data),
        (".", Stage::Finish),
    ] {
        let mut text = Text::new("a: b\r\n\r\nc\r\n");
        let said = send(&mut text, 4096, &[], async |peer| {
            for (command, reply) in [
                ("MAIL", "250 ok\r\n"),
                ("RCPT", "250 ok\r\n"),
                ("DATA", "354 go\r\n"),
                (".", "250 taken\r\n"),
            ] {
                peer.hears(command).await;
                if command == place {
                    let line = format!("{}-more\r\n", &reply[..3]);
                    assert!(pours(peer, line.as_bytes(), 1_000).await < 16 * 1024);
                    return;
                }
                peer.says(reply).await;
            }
        })
        .await;
        let Rest::Over(Ending::NotSmtp { at, .. }) = &said.rest else {
            panic!("{place}: {:?}", said.rest);
        };
        assert_eq!(*at, stage);
        let unknown = matches!(outcome(&said), Outcome::Unknown(_));
        assert_eq!(unknown, place == ".", "{place}");
        assert!(unknown || matches!(outcome(&said), Outcome::Deferred(_)));
    }
}

/// All replies of a transaction in one packet, before anything was asked: no message counts as taken that was not sent.
#[tokio::test(start_paused = true)]
async fn answers_in_advance_deliver_nothing() {
    let replies = "250 peer.test\r\n250 ok\r\n250 ok\r\n354 go\r\n250 taken\r\n221 bye\r\n";
    let (rest, _) = opening(async |peer| {
        peer.says(&format!("220 peer.test\r\n{replies}")).await;
        peer.hears_the_end().await
    })
    .await;
    assert!(
        matches!(rest, Rest::Over(Ending::NotSmtp { .. })),
        "{rest:?}"
    );
    for at in ["MAIL", "RCPT", "DATA"] {
        let mut text = Text::new("a: b\r\n\r\nc\r\n");
        let said = send(&mut text, 65536, &[], async |peer| {
            for (command, reply) in [
                ("MAIL", "250 ok\r\n"),
                ("RCPT", "250 ok\r\n"),
                ("DATA", "354 go\r\n"),
            ] {
                peer.hears(command).await;
                peer.says(reply).await;
                if command == at {
                    break;
                }
            }
            peer.says("250 ok\r\n354 go\r\n250 taken\r\n").await;
            peer.hears_the_end().await;
        })
        .await;
        assert!(
            !matches!(outcome(&said), Outcome::Accepted { .. }),
            "{at}: {said:?}"
        );
    }
}

/// Somebody who has something to say at any time, and takes nothing.
struct Flood {
    /// What comes first.
    before: Bytes,
    /// Octets that are still to come.
    left: usize,
}

impl tokio::io::AsyncRead for Flood {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.before.is_empty() {
            let much = self.left.min(into.remaining());
            self.left -= much;
            into.put_slice(&vec![b'x'; much]);
        } else {
            let first = self.before.len().min(into.remaining());
            into.put_slice(&self.before.split_to(first));
        }
        Poll::Ready(Ok(()))
    }
}

impl tokio::io::AsyncWrite for Flood {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

/// Octets in clear that never end, behind a reply to STARTTLS that came before the question.
#[tokio::test(start_paused = true)]
async fn a_flood_before_the_handshake_is_no_reason_to_go_on_reading() {
    use super::super::super::{roots, tls::Tls};
    let tls = Tls::new(roots::usual(None).unwrap()).unwrap();
    let name = rustls::pki_types::ServerName::try_from("a.test").unwrap();
    let replies = "220 peer.test\r\n250-peer.test\r\n250 STARTTLS\r\n220 go\r\n";
    let much = 10 << 20;
    for wanted in [TlsUse::Opportunistic, TlsUse::Required] {
        let config = Config {
            tls: wanted,
            ..config()
        };
        let flood = Flood {
            before: Bytes::from_static(replies.as_bytes()),
            left: much,
        };
        let handshake = Some(tls.any(name.clone()));
        let mut conversation = Conversation::plain(flood, config.into(), handshake, String::new());
        let rest = conversation.begin(HOUR).await;
        assert_eq!(rest, Rest::Over(Ending::TlsFailed));
        let why = conversation.fault().unwrap().to_string();
        assert!(why.contains("before"), "{why}");
    }
}

/// Time is up for those, too, who keep us reading all the time.
#[tokio::test]
async fn whoever_is_never_silent_is_out_of_time_all_the_same() {
    // Every octet of it is a reply's.
    let flood = Flood {
        before: Bytes::from_static(b"220-"),
        left: 10 << 20,
    };
    let mut conversation = Conversation::plain(flood, config().into(), None, String::new());
    let rest = conversation.begin(Duration::ZERO).await;
    assert_eq!(rest, Rest::Over(Ending::Lost(Stage::Greeting)));
    assert!(conversation.is_overtime());
}

/// RFC 5321 section 4.5.3.1.10, and servers that never come to an end with it.
#[tokio::test(start_paused = true)]
async fn a_thousand_recipients_that_are_put_off_are_named_once_each() {
    for (pipelining, code) in [
        (false, "450"),
        (true, "450"),
        (true, "452"),
        (true, "452 4.5.3"),
    ] {
        let (mut conversation, theirs) = pair(65536);
        let mut theirs = Peer(theirs);
        let mut text = Text::new("a: b\r\n\r\n");
        let mut feed = Feed::new(&mut text, 8);
        let ours = async {
            conversation.begin(HOUR).await;
            let said = conversation
                .send(transaction(1_000, 8), &mut feed, HOUR)
                .await;
            conversation.part(HOUR).await;
            said
        };
        let all = async {
            let extensions: &[&str] = if pipelining {
                &[NAMED, "PIPELINING"]
            } else {
                &[NAMED]
            };
            theirs.opens(extensions).await;
            let (mut mails, mut rcpts) = (0, 0);
            loop {
                let line = theirs.hears("").await;
                let reply = match &line[..4] {
                    "MAIL" => {
                        mails += 1;
                        "250 ok".to_owned()
                    }
                    "RCPT" => {
                        rcpts += 1;
                        format!("{code} later")
                    }
                    "DATA" => "503 nobody".to_owned(),
                    "QUIT" => return (mails, rcpts),
                    _ => "250 ok".to_owned(),
                };
                theirs.says(&format!("{reply}\r\n")).await;
            }
        };
        let (said, counts) = tokio::join!(ours, all);
        assert_eq!(counts, (10, 1_000), "{code}");
        let put_off = |one: &smtp_client::Verdict| matches!(one.outcome, Outcome::Deferred(_));
        assert!(said.verdicts.len() == 1_000 && said.verdicts.iter().all(put_off));
    }
}
