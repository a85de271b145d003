//! Messages through the whole intake: what comes out, what is refused, what is left behind.

use bytes::Bytes;

use super::Intake;
use crate::config::{BareNewline, Config};

/// What a message became.
#[derive(Debug, PartialEq, Eq)]
struct Taken {
    body: String,
    refusal: Option<&'static str>,
    rest: String,
    done: bool,
}

fn config() -> Config {
    Config {
        max_message_size: 200,
        max_header: 100,
        max_received: 2,
        ..Config::new("mail.example.test")
    }
}

fn intake(stream: &[u8], size: usize, bare_newline: BareNewline) -> Taken {
    let mut intake = Intake::new(&config(), bare_newline);
    let mut body = Vec::new();
    let mut pieces = stream.chunks(size.max(1));
    while !intake.is_done() {
        let Some(piece) = pieces.next() else { break };
        intake.take_in(piece);
        while let Some(chunk) = intake.chunk() {
            body.extend_from_slice(&chunk);
        }
    }
    let refusal = intake.refusal().map(|reply| {
        assert!(reply.is_complete(), "{reply:?}");
        reply.row().id
    });
    let done = intake.is_done();
    let mut rest = intake.into_rest().to_vec();
    rest.extend(pieces.flatten());
    Taken {
        // What was handed out of a refused message is nobody's business.
        body: if refusal.is_some() {
            String::new()
        } else {
            body.escape_ascii().to_string()
        },
        refusal,
        rest: rest.escape_ascii().to_string(),
        done,
    }
}

#[track_caller]
fn check_with(
    bare_newline: BareNewline,
    stream: &[u8],
    body: &[u8],
    refusal: Option<&'static str>,
    rest: &[u8],
) {
    let expected = Taken {
        body: body.escape_ascii().to_string(),
        refusal,
        rest: rest.escape_ascii().to_string(),
        done: true,
    };
    for size in [stream.len(), 1, 2, 3, 5, 64] {
        assert_eq!(
            intake(stream, size, bare_newline),
            expected,
            "{} by {size}",
            stream.escape_ascii()
        );
    }
}

#[track_caller]
fn check(stream: &[u8], body: &[u8], refusal: Option<&'static str>) {
    check_with(BareNewline::Reject, stream, body, refusal, b"");
}

#[test]
fn good_messages_come_out_unchanged() {
    check(b".\r\n", b"", None);
    check(b"\r\n.\r\n", b"\r\n", None);
    check(
        b"Subject: x\r\n\r\nbody\r\n.\r\n",
        b"Subject: x\r\n\r\nbody\r\n",
        None,
    );
    check(b"\r\n..\r\n...x\r\n.\r\n", b"\r\n.\r\n..x\r\n", None);
    check(b"\r\n\xff\xfe\x01\r\n.\r\n", b"\r\n\xff\xfe\x01\r\n", None);
    check(
        b"Return-Path: <x@y>\r\nSubject: x\r\n\r\n.\r\n",
        b"Subject: x\r\n\r\n",
        None,
    );
}

#[test]
fn what_follows_the_end_is_left_alone() {
    check_with(
        BareNewline::Reject,
        b"x\r\n.\r\nQUIT\r\n",
        b"x\r\n",
        None,
        b"QUIT\r\n",
    );
    check_with(
        BareNewline::Reject,
        b"x\n\r\n.\r\nQUIT\r\n",
        b"",
        Some("X-18"),
        b"QUIT\r\n",
    );
}

#[test]
fn smuggled_ends_end_nothing_and_are_refused() {
    for smuggled in [
        &b"\n.\n"[..],
        b"\r.\r",
        b"\r.\n",
        b"\n.\r",
        b"\n.\r\n",
        b"\r\n.\n",
        b"\r.\r\n",
        b"\r\n.\r",
        b"\r\n\0.\r\n",
        b"\r\n.\r\r\n",
        b"\r\r\n.\r\r\n",
    ] {
        let stream = [b"x", smuggled, b"MAIL FROM:<a@b>\r\n.\r\n"].concat();
        let expected = if smuggled.contains(&0) {
            "S-554a"
        } else {
            "X-18"
        };
        check(&stream, b"", Some(expected));
        // The same behind the size limit.
        let large = [&[b'x'; 300][..], &stream].concat();
        check(&large, b"", Some(expected));
    }
}

#[test]
fn limits_are_exact() {
    let message = |octets: usize| [b"\r\n", &vec![b'x'; octets - 4][..], b"\r\n.\r\n"].concat();
    check(&message(200), &message(200)[..200], None);
    check(&message(201), b"", Some("S-552a"));
    // The dots of transparency do not count.
    let dotted = [b"\r\n.", &vec![b'.'; 196][..], b"\r\n.\r\n"].concat();
    check(
        &dotted,
        &[b"\r\n", &vec![b'.'; 196][..], b"\r\n"].concat(),
        None,
    );

    let header = |octets: usize| [b"X: ", &vec![b'x'; octets - 5][..], b"\r\n\r\n.\r\n"].concat();
    check(&header(100), &header(100)[..102], None);
    check(&header(101), b"", Some("T-13"));

    check(
        &[&b"Received: x\r\n".repeat(2)[..], b"\r\n.\r\n"].concat(),
        b"Received: x\r\nReceived: x\r\n\r\n",
        None,
    );
    check(
        &[&b"Received: x\r\n".repeat(3)[..], b"\r\n.\r\n"].concat(),
        b"",
        Some("S-554f"),
    );
}

#[test]
fn the_fault_named_does_not_depend_on_the_order_of_arrival() {
    let long = vec![b'x'; 300];
    check(
        &[&b"a\nb\r\n"[..], &long, b"\r\n.\r\n"].concat(),
        b"",
        Some("X-18"),
    );
    check(
        &[&long[..], b"\r\na\nb\r\n.\r\n"].concat(),
        b"",
        Some("X-18"),
    );
}

#[test]
fn bare_line_ends_are_mended_for_listed_networks() {
    let mend =
        |stream: &[u8], body: &[u8]| check_with(BareNewline::Normalize, stream, body, None, b"");
    mend(
        b"Subject: x\n\nbody\n.\nmore\n\r\n.\r\n",
        b"Subject: x\r\n\r\nbody\r\n.\r\nmore\r\n\r\n",
    );
    mend(
        b"Return-Path: <x@y>\n folded\nA: 1\n\r\n.\r\n",
        b"A: 1\r\n\r\n",
    );
    mend(b"a\rb\r\n.\r\n", b"a\r\nb\r\n");
    check_with(
        BareNewline::Normalize,
        b"a\n\0\r\n.\r\n",
        b"",
        Some("S-554a"),
        b"",
    );
}

#[test]
fn large_pieces_leave_in_bounded_chunks() {
    for (bare_newline, filler, growth) in [
        (BareNewline::Reject, b'x', 1),
        (BareNewline::Normalize, b'\n', 2),
    ] {
        let config = Config {
            max_message_size: 0,
            max_header: 10_000,
            ..config()
        };
        let mut intake = Intake::new(&config, bare_newline);
        let mut stream = b"X: ".to_vec();
        stream.extend([b'n'; 900]);
        intake.take_in(&stream);
        stream.extend(b"\r\n\r\n");
        stream.extend(vec![filler; 1_000_000]);
        stream.extend_from_slice(b"\r\n.\r\nRSET\r\n");
        intake.take_in(&stream[903..]);
        let chunks: Vec<Bytes> = std::iter::from_fn(|| intake.chunk()).collect();
        assert!(chunks.iter().all(|chunk| chunk.len() <= 64 * 1024));
        assert_eq!(chunks.concat().len(), 907 + 1_000_000 * growth + 2);
        assert!(intake.is_done());
        assert_eq!(intake.received(), stream.len() as u64);
        assert_eq!(intake.into_rest(), b"RSET\r\n"[..]);
    }
}
