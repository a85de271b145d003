//! Lines: known answers, then a byte-by-byte oracle against which every split of random streams is compared.

use proptest::prelude::*;
use wire::{FLOOD, Line, LineReader};

const LIMIT: usize = 16;

fn complete(text: &[u8]) -> Line {
    Line::Complete(text.to_vec())
}

/// Feeds `pieces` one by one and takes all lines after each.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, limit: usize) -> Vec<Line> {
    let mut reader = LineReader::new();
    let mut lines = Vec::new();
    for piece in pieces {
        reader.push(piece);
        while let Some(line) = reader.next(limit) {
            lines.push(line);
        }
        assert!(
            !reader.is_empty() || reader.capacity() == 0,
            "an empty reader holds memory"
        );
    }
    lines
}

/// The definition: octet by octet, with no bound on anything.
fn oracle(stream: &[u8], limit: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut line: Vec<u8> = Vec::new();
    for &octet in stream {
        line.push(octet);
        let ended = line.ends_with(b"\r\n");
        if ended && line.len() > FLOOD {
            // Reported when it reached that length.
        } else if ended && line.len() > limit {
            lines.push(Line::TooLong);
        } else if ended {
            let text = &line[..line.len() - 2];
            lines.push(if text.contains(&b'\r') || text.contains(&b'\n') {
                Line::Bare
            } else if text
                .iter()
                .any(|o| (*o < 0x20 && *o != b'\t') || *o == 0x7f)
            {
                Line::Control(text.to_vec())
            } else {
                complete(text)
            });
        } else if line.len() == FLOOD {
            lines.push(Line::Flood);
        }
        if ended {
            line.clear();
        }
    }
    lines
}

#[track_caller]
fn check(stream: &[u8], expected: &[Line]) {
    assert_eq!(
        oracle(stream, LIMIT),
        expected,
        "oracle on {:?}",
        stream.escape_ascii().to_string()
    );
    assert_eq!(read([stream], LIMIT), expected, "in one piece");
    assert_eq!(read(stream.chunks(1), LIMIT), expected, "octet by octet");
    for at in 0..=stream.len() {
        assert_eq!(
            read([&stream[..at], &stream[at..]], LIMIT),
            expected,
            "split at {at}"
        );
    }
}

#[test]
fn cuts_lines_at_crlf_only() {
    check(b"", &[]);
    check(b"NOOP", &[]);
    check(b"NOOP\r", &[]);
    check(b"NOOP\n", &[]);
    check(b"\r\n", &[complete(b"")]);
    check(b"NOOP\r\n", &[complete(b"NOOP")]);
    check(
        b"NOOP\r\nRSET\r\nQU",
        &[complete(b"NOOP"), complete(b"RSET")],
    );
    check(b"a\tb \r\n", &[complete(b"a\tb ")]);
    check(b"\xc3\xa9\xff\r\n", &[complete(b"\xc3\xa9\xff")]);
}

#[test]
fn a_line_with_bare_cr_or_lf_is_one_bad_line() {
    check(b"NOOP\nRSET\r\n", &[Line::Bare]);
    check(b"NOOP\rRSET\r\n", &[Line::Bare]);
    check(b"\nNOOP\r\n", &[Line::Bare]);
    check(b"\rNOOP\r\n", &[Line::Bare]);
    check(b"NOOP\r\r\nX\r\n", &[Line::Bare, complete(b"X")]);
    check(b"NOOP\n\r\nX\r\n", &[Line::Bare, complete(b"X")]);
    check(b"A\0\nB\r\n", &[Line::Bare]);
}

#[test]
fn a_line_with_other_controls_is_one_bad_line() {
    check(b"NO\0OP\r\n", &[Line::Control(b"NO\0OP".to_vec())]);
    check(
        b"\x1b[2J\r\nX\r\n",
        &[Line::Control(b"\x1b[2J".to_vec()), complete(b"X")],
    );
    check(b"a\x7f\r\n", &[Line::Control(b"a\x7f".to_vec())]);
}

#[test]
fn the_limit_counts_the_crlf() {
    check(b"12345678901234\r\n", &[complete(b"12345678901234")]);
    check(b"123456789012345\r\n", &[Line::TooLong]);
    check(b"1234567890123456\r\n", &[Line::TooLong]);
    check(b"1234567890123456789", &[]);
    check(b"1234567890123456789\n", &[]);
}

#[test]
fn nothing_of_an_over_long_line_becomes_a_command() {
    check(
        b"1234567890123456QUIT\r\nNOOP\r\n",
        &[Line::TooLong, complete(b"NOOP")],
    );
    check(
        b"1234567890123456\nQUIT\r\nNOOP\r\n",
        &[Line::TooLong, complete(b"NOOP")],
    );
    check(
        b"1234567890123456\rQUIT\r\nNOOP\r\n",
        &[Line::TooLong, complete(b"NOOP")],
    );
    check(b"123456789012345\nQUIT\r\n", &[Line::TooLong]);
    check(
        b"1234\n6789012345678\r\nA\r\n",
        &[Line::TooLong, complete(b"A")],
    );
}

#[test]
fn a_flood_is_said_so_once_and_costs_no_memory() {
    let mut reader = LineReader::new();
    let piece = [b'x'; 8192];
    let mut lines = Vec::new();
    // 256 MB, without a newline.
    for _ in 0..(1 << 28) / piece.len() {
        reader.push(&piece);
        while let Some(line) = reader.next(512) {
            lines.push(line);
        }
        assert_eq!(reader.capacity(), 0);
    }
    reader.push(b"\nQUIT\r\nNOOP\r\n");
    while let Some(line) = reader.next(512) {
        lines.push(line);
    }
    assert_eq!(lines, [Line::Flood, complete(b"NOOP")]);
}

#[test]
fn a_flood_begins_at_its_octet_whatever_the_split() {
    for (length, flood) in [(FLOOD - 2, false), (FLOOD - 1, true), (FLOOD, true)] {
        let mut stream = vec![b'x'; length];
        stream.extend_from_slice(b"\r\nQUIT\r\n");
        let expected = oracle(&stream, LIMIT);
        assert_eq!(
            expected.contains(&Line::Flood),
            flood,
            "{length} octets before CRLF"
        );
        for size in [1, 7, 4096, FLOOD, stream.len()] {
            assert_eq!(
                read(stream.chunks(size), LIMIT),
                expected,
                "{length} octets in pieces of {size}"
            );
        }
    }
}

/// What a session learns from the head must not depend on how the octets were cut.
#[test]
fn the_head_is_that_of_the_line_behind_a_reported_flood() {
    let mut reader = LineReader::new();
    reader.push(&[b'x'; FLOOD + 9]);
    assert_eq!(reader.next(LIMIT), Some(Line::Flood));
    assert_eq!(reader.head(), b"");
    reader.push(b"x\r\nAUTH ");
    assert_eq!(reader.head(), b"AUTH ");
    assert_eq!(reader.next(LIMIT), None);
}

#[test]
fn the_limit_may_change_from_line_to_line() {
    let mut reader = LineReader::new();
    reader.push(b"AUTH PLAIN\r\n0123456789012345678901234567890123456789\r\nQUIT\r\n");
    assert_eq!(reader.next(LIMIT), Some(complete(b"AUTH PLAIN")));
    assert_eq!(
        reader.next(100),
        Some(complete(b"0123456789012345678901234567890123456789"))
    );
    assert_eq!(reader.next(LIMIT), Some(complete(b"QUIT")));
}

#[test]
fn clear_forgets_lines_and_the_rest_of_an_over_long_one() {
    let mut reader = LineReader::new();
    reader.push(b"12345678901234567890");
    assert_eq!((reader.next(LIMIT), reader.capacity()), (None, 0));
    reader.clear();
    reader.push(b"NOOP\r\n");
    assert_eq!(reader.next(LIMIT), Some(complete(b"NOOP")));
    reader.push(b"A\r\nB\r\n");
    reader.clear();
    assert_eq!(
        (reader.next(LIMIT), reader.len(), reader.capacity()),
        (None, 0, 0)
    );
}

#[test]
fn take_hands_over_what_was_not_given_out() {
    let mut reader = LineReader::new();
    reader.push(b"DATA\r\nSubject: x\r\n");
    assert_eq!(reader.next(LIMIT), Some(complete(b"DATA")));
    assert_eq!(reader.take(), b"Subject: x\r\n");
    assert_eq!((reader.len(), reader.capacity()), (0, 0));
}

#[test]
fn a_long_pipeline_read_slowly_stays_bounded() {
    let mut reader = LineReader::new();
    // Two lines come in for each that is taken until 1,000 wait; then one for one, for a long time.
    for _ in 0..1_000 {
        reader.push(b"NOOP\r\nNOOP\r\n");
        assert_eq!(reader.next(512), Some(complete(b"NOOP")));
    }
    for _ in 0..100_000 {
        reader.push(b"NOOP\r\n");
        assert_eq!(reader.next(512), Some(complete(b"NOOP")));
    }
    assert_eq!(reader.len(), 6_000);
    assert!(
        reader.capacity() < 32 * 1024,
        "{} octets of memory",
        reader.capacity()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_split_gives_the_lines_of_the_oracle(
        stream in prop::collection::vec(prop::sample::select(b"\r\n\r\n\0\x1ba.\xe9".to_vec()), 0..200),
        sizes in prop::collection::vec(1_usize..20, 1..40),
        limit in 2_usize..24,
    ) {
        let mut pieces = Vec::new();
        let mut rest = &stream[..];
        for size in sizes.iter().cycle() {
            if rest.is_empty() { break }
            let (piece, after) = rest.split_at(rest.len().min(*size));
            pieces.push(piece);
            rest = after;
        }
        prop_assert_eq!(read(pieces, limit), oracle(&stream, limit));
    }
}

/// RFC 3030: a chunk of octets between two commands.
#[test]
fn octets_between_lines_can_be_taken() {
    let mut reader = LineReader::new();
    reader.push(b"BDAT 5\r\na\r\nb\n");
    assert_eq!(reader.next(512), Some(Line::Complete(b"BDAT 5".to_vec())));
    assert_eq!(reader.take_front(3), b"a\r\n");
    assert_eq!(reader.take_front(0), b"");
    assert_eq!(reader.take_front(2), b"b\n");
    assert_eq!(reader.take_front(9), b"");
    assert_eq!(reader.capacity(), 0);
    reader.push(b"xxNOOP\r\nQU");
    assert_eq!(reader.take_front(2), b"xx");
    assert_eq!(reader.next(512), Some(Line::Complete(b"NOOP".to_vec())));
    reader.push(b"IT\r\n");
    assert_eq!(reader.next(512), Some(Line::Complete(b"QUIT".to_vec())));
}

#[test]
fn half_a_command_behind_many_keeps_little_memory() {
    let mut reader = LineReader::new();
    reader.push(&b"NOOP\r\n".repeat(10_000));
    reader.push(b"NO");
    while reader.next(512).is_some() {}
    assert_eq!(reader.head(), b"NO");
    assert!(reader.capacity() <= 4096, "{} octets", reader.capacity());
    reader.push(b"OP\r\n");
    assert_eq!(reader.next(512), Some(complete(b"NOOP")));
}
