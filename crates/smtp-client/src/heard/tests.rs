//! Replies, good and bad, in one piece and octet by octet.

use super::*;

/// What one reply, or what is none, comes to; and how many octets it took.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (usize, Option<Result<Heard, Fault>>) {
    let mut reader = Reader::default();
    let mut taken = 0;
    for piece in pieces {
        let (some, heard) = reader.take(piece);
        taken += some;
        if heard.is_some() {
            assert!(!reader.is_midway(), "begins anew");
            return (taken, heard);
        }
        assert_eq!(some, piece.len());
    }
    (taken, None)
}

#[track_caller]
fn both(octets: &[u8]) -> (usize, Option<Result<Heard, Fault>>) {
    let whole = read([octets]);
    assert_eq!(read(octets.chunks(1)), whole, "{}", octets.escape_ascii());
    whole
}

#[track_caller]
fn says(octets: &[u8], expected: &str, status: Enhanced) {
    let (taken, heard) = both(octets);
    assert_eq!(taken, octets.len());
    let said = heard.unwrap().unwrap().said();
    assert_eq!(said.to_string(), expected);
    assert_eq!(said.status(), status);
}

#[track_caller]
fn fails(octets: &[u8], expected: &Fault) {
    let (taken, heard) = both(octets);
    assert_eq!(heard, Some(Err(expected.clone())));
    assert_eq!(
        taken,
        octets.len(),
        "known at the first octet that shows it"
    );
}

fn no_reply(text: &str) -> Fault {
    Fault::NoReply(text.to_owned())
}

#[test]
fn replies() {
    says(b"250 ok\r\n", "250 ok", Enhanced(2, 0, 0));
    says(b"250\r\n", "250", Enhanced(2, 0, 0));
    says(b"250 \r\n", "250", Enhanced(2, 0, 0));
    says(b"250-\r\n250 \r\n", "250", Enhanced(2, 0, 0));
    says(
        b"250-a\r\n250-b\r\n250 c\r\n",
        "250 a b c",
        Enhanced(2, 0, 0),
    );
    says(b"250-a\r\n250\r\n", "250 a", Enhanced(2, 0, 0));
    says(b"354 go\r\n", "354 go", Enhanced(4, 0, 0));
    says(b"451 x\r\n", "451 x", Enhanced(4, 0, 0));
    says(b"599 x\r\n", "599 x", Enhanced(5, 0, 0));
    says("550 größer\r\n".as_bytes(), "550 größer", Enhanced(5, 0, 0));
    says(
        b"550 gr\xf6\xdfer\r\n",
        "550 gr\u{fffd}\u{fffd}er",
        Enhanced(5, 0, 0),
    );
}

#[test]
fn enhanced_codes() {
    says(b"550 5.1.1 no\r\n", "550 5.1.1 no", Enhanced(5, 1, 1));
    says(b"550 5.7.509 no\r\n", "550 5.7.509 no", Enhanced(5, 7, 509));
    says(b"550 5.1.1\r\n", "550 5.1.1", Enhanced(5, 1, 1));
    says(
        b"550-5.1.1 a\r\n550 5.1.1 b\r\n",
        "550 5.1.1 a b",
        Enhanced(5, 1, 1),
    );
    says(
        b"550-5.1.1 a\r\n550 5.1.2 b\r\n",
        "550 5.1.1 a 5.1.2 b",
        Enhanced(5, 1, 1),
    );
    // Only of the code's own class, and well-formed.
    says(b"550 4.1.1 no\r\n", "550 4.1.1 no", Enhanced(5, 0, 0));
    says(b"354 3.0.0 no\r\n", "354 3.0.0 no", Enhanced(4, 0, 0));
    says(b"550 5.1 no\r\n", "550 5.1 no", Enhanced(5, 0, 0));
    says(b"550 5.1.1.1 no\r\n", "550 5.1.1.1 no", Enhanced(5, 0, 0));
    says(b"550 5.1.1234 no\r\n", "550 5.1.1234 no", Enhanced(5, 0, 0));
    says(b"550 5..1 no\r\n", "550 5..1 no", Enhanced(5, 0, 0));
    says(b"550 5.+1.1 no\r\n", "550 5.+1.1 no", Enhanced(5, 0, 0));
    says(b"550 55.1.1 no\r\n", "550 55.1.1 no", Enhanced(5, 0, 0));
}

#[test]
fn what_is_no_reply_is_known_at_once() {
    fails(b"1", &no_reply("1"));
    fails(b"6", &no_reply("6"));
    fails(b"x", &no_reply("x"));
    fails(b"\0", &no_reply("?"));
    fails(b" ", &no_reply(""));
    fails(b"2x", &no_reply("2x"));
    fails(b"25x", &no_reply("25x"));
    fails(b"250x", &no_reply("250x"));
    fails(b"250\t", &no_reply("250"));
    fails(b"25\r\n", &no_reply("25"));
    fails(b"\r\n", &no_reply(""));
    fails(b"\n", &Fault::BareNewline);
    fails(b"250 ok\n", &Fault::BareNewline);
    fails(b"250 ok\rx", &Fault::BareNewline);
    fails(b"250 ok\r\r", &Fault::BareNewline);
    fails(b"250-a\r\n3", &Fault::MixedCodes);
    fails(b"250-a\r\n251", &Fault::MixedCodes);
    fails(b"250-a\r\nx", &no_reply("x"));
}

#[test]
fn one_reply_is_taken_and_the_next_left() {
    let (taken, heard) = both(b"250 a\r\n550 b\r\n");
    assert_eq!(taken, 7);
    assert_eq!(heard.unwrap().unwrap().code, 250);
    let (taken, heard) = both(b"250-a\r\n25");
    assert_eq!((taken, heard), (9, None));
}

#[test]
fn lines_are_bounded() {
    let line = |octets: usize| format!("250 {}\r\n", "x".repeat(octets - 4)).into_bytes();
    let (_, heard) = both(&line(MOST_LINE));
    assert!(heard.unwrap().is_ok());
    fails(&line(MOST_LINE + 1)[..=MOST_LINE], &Fault::TooLong);
}

#[test]
fn replies_are_bounded() {
    // As many octets as there may be, and one more.
    let mut octets = b"250-x\r\n".repeat(MOST_LINES - 1);
    octets.extend(b"250 x\r\n");
    assert!(both(&octets).1.unwrap().is_ok());
    let many = b"250-x\r\n".repeat(MOST_LINES);
    fails(&many, &Fault::TooLong);

    let line = format!("250-{}\r\n", "x".repeat(1018)).into_bytes();
    assert_eq!(line.len(), 1024);
    let mut large = line.repeat(MOST_OCTETS / 1024 - 1);
    large.extend(format!("250 {}\r\n", "x".repeat(1018)).bytes());
    assert!(both(&large).1.unwrap().is_ok());
    let larger = line.repeat(MOST_OCTETS / 1024 + 1);
    fails(&larger[..=MOST_OCTETS], &Fault::TooLong);
}

#[test]
fn ten_megabytes_hold_no_more_than_the_first_of_them() {
    let mut reader = Reader::default();
    let endless = b"250-and another thing\r\n".repeat(500_000);
    let mut rest = &endless[..];
    let mut faults = 0;
    while !rest.is_empty() {
        let (taken, heard) = reader.take(rest);
        rest = &rest[taken..];
        faults += usize::from(heard == Some(Err(Fault::TooLong)));
        let held = reader.lines.iter().map(Vec::capacity).sum::<usize>();
        assert!(held + reader.line.capacity() <= 2 * MOST_OCTETS, "{held}");
    }
    assert!(faults > 0, "no end was seen");
}

#[test]
fn texts_are_bounded_and_harmless() {
    let said = |text: &str| {
        let octets = format!("550 {text}\r\n");
        let (_, heard) = read([octets.as_bytes()]);
        heard.unwrap().unwrap().said().text
    };
    assert_eq!(said(&"x".repeat(2000)).len(), MOST_TEXT);
    // Replacements are longer than what they replace; nothing is cut within a letter.
    assert!(said(&"é".repeat(700)).len() <= MOST_TEXT);
    assert_eq!(
        said("a\u{1b}[0m\u{7}\tb\0\u{85}\u{202e}c\u{2028}"),
        "a?[0m? b???c?"
    );
    for letter in (0_u8..=255).filter(|octet| !matches!(octet, b'\r' | b'\n')) {
        let octets = [b"550 a".as_slice(), &[letter], b"b\r\n"].concat();
        let text = both(&octets).1.unwrap().unwrap().said().text;
        assert!(!text.contains(char::is_control), "{letter}: {text:?}");
    }
}
