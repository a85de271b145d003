//! Dot transparency: known answers, the smuggling list, and a byte-by-byte oracle.

use proptest::prelude::*;
use wire::{DotDecoder, DotEncoder, Malformed, Unstuffed};

/// Everything a decoder has to say about a stream.
#[derive(Debug, PartialEq, Eq)]
struct Verdict {
    message: Vec<u8>,
    consumed: usize,
    done: bool,
    malformed: Option<Malformed>,
}

fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Verdict {
    let mut decoder = DotDecoder::new();
    let mut message = Vec::new();
    let (mut consumed, mut done) = (0, false);
    for piece in pieces {
        let step = decoder.decode(piece, &mut message);
        assert!(
            step.done || step.consumed == piece.len(),
            "octets left although the end was not seen"
        );
        assert!(
            !done
                || step
                    == Unstuffed {
                        consumed: 0,
                        done: true
                    },
            "octets taken after the end"
        );
        consumed += step.consumed;
        done = step.done;
    }
    Verdict {
        message,
        consumed,
        done,
        malformed: decoder.malformed(),
    }
}

/// The definition, octet by octet: the stream is read as if CRLF stood before it, the end is the first
/// CRLF dot CRLF, and a dot just after CRLF is taken out. A CR is bare when the octet after it is no LF, an
/// LF when the octet before it is no CR; a CR at the end of what has come so far is not judged yet.
fn oracle(stream: &[u8]) -> Verdict {
    let text = [b"\r\n", stream].concat();
    let end = (0..text.len()).find(|at| text[*at..].starts_with(b"\r\n.\r\n"));
    let whole = end.map_or(&text[..], |at| &text[..at + 2]);
    let mut message = Vec::new();
    let mut malformed = None;
    let mut at = 2;
    while at < whole.len() {
        let octet = whole[at];
        let flaw = match octet {
            0 => Some(Malformed::Nul),
            b'\n' if whole[at - 1] != b'\r' => Some(Malformed::BareLf),
            b'\r' if whole.get(at + 1).is_some_and(|next| *next != b'\n') => {
                Some(Malformed::BareCr)
            }
            _ => None,
        };
        malformed = malformed.or(flaw);
        let stuffed = octet == b'.' && whole[..at].ends_with(b"\r\n");
        // A CR after such a dot may be the beginning of the end, so it is held back.
        let held =
            end.is_none() && octet == b'\r' && at + 1 == whole.len() && whole.ends_with(b"\r\n.\r");
        if !stuffed && !held {
            message.push(octet);
        }
        at += 1;
    }
    let consumed = end.map_or(stream.len(), |at| at + 3);
    Verdict {
        message,
        consumed,
        done: end.is_some(),
        malformed,
    }
}

#[track_caller]
fn check(stream: &[u8], message: &[u8], rest: Option<&[u8]>, malformed: Option<Malformed>) {
    let consumed = stream.len() - rest.map_or(0, <[u8]>::len);
    let expected = Verdict {
        message: message.to_vec(),
        consumed,
        done: rest.is_some(),
        malformed,
    };
    assert_eq!(
        oracle(stream),
        expected,
        "oracle on {}",
        stream.escape_ascii()
    );
    assert_eq!(decode([stream]), expected, "in one piece");
    assert_eq!(decode(stream.chunks(1)), expected, "octet by octet");
    for at in 0..=stream.len() {
        assert_eq!(
            decode([&stream[..at], &stream[at..]]),
            expected,
            "split at {at}"
        );
    }
}

#[test]
fn takes_out_one_dot_and_finds_the_end() {
    check(b".\r\n", b"", Some(b""), None);
    check(b"\r\n.\r\nQUIT\r\n", b"\r\n", Some(b"QUIT\r\n"), None);
    check(b"a\r\n.\r\n.\r\n", b"a\r\n", Some(b".\r\n"), None);
    check(b"..\r\n.\r\n", b".\r\n", Some(b""), None);
    check(b"...\r\n.\r\n", b"..\r\n", Some(b""), None);
    check(b".a\r\n..b\r\n.\r\n", b"a\r\n.b\r\n", Some(b""), None);
    check(b"a.b.\r\n.\r\n", b"a.b.\r\n", Some(b""), None);
    check(
        b"a\r\n\r\n..\r\n\r\n.\r\n",
        b"a\r\n\r\n.\r\n\r\n",
        Some(b""),
        None,
    );
    check(b"\xff\x80\t\r\n.\r\n", b"\xff\x80\t\r\n", Some(b""), None);
}

#[test]
fn waits_for_an_end_that_has_not_come() {
    check(b"", b"", None, None);
    check(b".", b"", None, None);
    check(b".\r", b"", None, None);
    check(b"a", b"a", None, None);
    check(b"a\r", b"a\r", None, None);
    check(b"a\r\n.", b"a\r\n", None, None);
    check(b"a\r\n.\r", b"a\r\n", None, None);
}

#[test]
fn nothing_but_crlf_dot_crlf_ends_a_message() {
    // CVE-2023-51764, CVE-2023-51765, CVE-2023-51766: each of these has ended a message somewhere.
    let smuggled: [(&[u8], &[u8], Malformed); 12] = [
        (b"\n.\n", b"\n.\n", Malformed::BareLf),
        (b"\r.\r", b"\r.\r", Malformed::BareCr),
        (b"\r.\n", b"\r.\n", Malformed::BareCr),
        (b"\n.\r", b"\n.\r", Malformed::BareLf),
        (b"\n.\r\n", b"\n.\r\n", Malformed::BareLf),
        (b"\r\n.\n", b"\r\n\n", Malformed::BareLf),
        (b"\r.\r\n", b"\r.\r\n", Malformed::BareCr),
        (b"\r\n.\r", b"\r\n\r", Malformed::BareCr),
        (b"\r\n\0.\r\n", b"\r\n\0.\r\n", Malformed::Nul),
        (b"\r\n.\r\r\n", b"\r\n\r\r\n", Malformed::BareCr),
        (b"\r\r\n.\r\r\n", b"\r\r\n\r\r\n", Malformed::BareCr),
        (b"\r\n.\0\r\n", b"\r\n\0\r\n", Malformed::Nul),
    ];
    for (sequence, kept, flaw) in smuggled {
        let command = b"MAIL FROM:<a@b>\r\n";
        let stream = [b"x", sequence, command, b".\r\nQUIT\r\n"].concat();
        let message = [b"x", kept, command].concat();
        check(&stream, &message, Some(b"QUIT\r\n"), Some(flaw));
    }
}

#[test]
fn names_the_first_flaw_and_keeps_consuming() {
    check(
        b"a\nb\rc\0\r\n.\r\n",
        b"a\nb\rc\0\r\n",
        Some(b""),
        Some(Malformed::BareLf),
    );
    check(
        b"a\0b\rc\n\r\n.\r\n",
        b"a\0b\rc\n\r\n",
        Some(b""),
        Some(Malformed::Nul),
    );
    check(
        b"\n\r\n.\r\n",
        b"\n\r\n",
        Some(b""),
        Some(Malformed::BareLf),
    );
    check(b"\0\r\n.\r\n", b"\0\r\n", Some(b""), Some(Malformed::Nul));
    check(
        b"\r\r\n.\r\n",
        b"\r\r\n",
        Some(b""),
        Some(Malformed::BareCr),
    );
    check(
        b".\n\r\n.\r\n",
        b"\n\r\n",
        Some(b""),
        Some(Malformed::BareLf),
    );
    check(
        b".\rx\n\r\n.\r\n",
        b"\rx\n\r\n",
        Some(b""),
        Some(Malformed::BareCr),
    );
}

fn encode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut encoder = DotEncoder::new();
    let mut sent = Vec::new();
    for piece in pieces {
        encoder.encode(piece, &mut sent);
    }
    encoder.finish(&mut sent);
    sent
}

#[track_caller]
fn check_encoding(message: &[u8], expected: &[u8]) {
    assert_eq!(encode([message]), expected, "in one piece");
    assert_eq!(encode(message.chunks(1)), expected, "octet by octet");
    for at in 0..=message.len() {
        assert_eq!(
            encode([&message[..at], b"", &message[at..]]),
            expected,
            "split at {at}"
        );
    }
}

#[test]
fn doubles_dots_that_begin_lines_and_ends_the_last_line() {
    check_encoding(b"", b".\r\n");
    check_encoding(b"a\r\n", b"a\r\n.\r\n");
    check_encoding(b"a", b"a\r\n.\r\n");
    check_encoding(b"a\r", b"a\r\r\n.\r\n");
    check_encoding(b"\n", b"\n\r\n.\r\n");
    check_encoding(b".", b"..\r\n.\r\n");
    check_encoding(b".\r\n.\r\n", b"..\r\n..\r\n.\r\n");
    check_encoding(b"\r\n..\r\n", b"\r\n...\r\n.\r\n");
    check_encoding(b"a.b\r\n.c", b"a.b\r\n..c\r\n.\r\n");
    // Only CRLF begins a line, for us and for whoever reads us strictly.
    check_encoding(b"a\n.b\r.c\r\n", b"a\n.b\r.c\r\n.\r\n");
}

/// Streams in which the interesting octets are frequent.
fn octets() -> impl Strategy<Value = Vec<u8>> {
    let token = prop::sample::select(vec![
        &b"\r\n"[..],
        b"\r\n.",
        b"\r\n.\r\n",
        b".",
        b"\r",
        b"\n",
        b"\0",
        b"a",
        b"bcd",
    ]);
    prop::collection::vec(token, 0..60).prop_map(|tokens| tokens.concat())
}

fn pieces<'a>(stream: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut rest = stream;
    let mut pieces = Vec::new();
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at(rest.len().min(*size));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn any_split_decodes_as_the_oracle(stream in octets(), sizes in prop::collection::vec(1_usize..12, 1..30)) {
        prop_assert_eq!(decode(pieces(&stream, &sizes)), oracle(&stream));
    }

    #[test]
    fn what_was_encoded_decodes_to_itself(message in octets(), sizes in prop::collection::vec(1_usize..12, 1..30)) {
        let sent = encode(pieces(&message, &sizes));
        prop_assert_eq!(&sent, &encode([&message[..]]));
        let mut expected = message;
        if !expected.is_empty() && !expected.ends_with(b"\r\n") {
            expected.extend_from_slice(b"\r\n");
        }
        let verdict = decode(pieces(&sent, &sizes));
        prop_assert_eq!(verdict.message, expected);
        prop_assert_eq!((verdict.consumed, verdict.done), (sent.len(), true));
    }
}
