//! mbox files as programs write them and as they should not be, and what comes back of what we write.
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use std::io::{BufReader, Cursor};
use std::path::Path;

use mailfolder::Letter;
use mailfolder::mbox::{Dialect, Reader, Writer};
use proptest::prelude::*;

const FROM: &str = "From alice@example.test Sat Jan  3 01:05:34 1996\n";

/// Every item as a line: the message with its line ends shown, or what is wrong and where.
fn read(file: &[u8], dialect: Dialect, limit: usize) -> Vec<String> {
    // A small buffer: nothing may depend on what is in memory together.
    let reader = BufReader::with_capacity(7, Cursor::new(file));
    Reader::new(reader, Path::new("x"), dialect, limit)
        .map(|item| match item {
            Ok(letter) => {
                let id = letter.uidl.map(|id| format!("[{id}]")).unwrap_or_default();
                let text = String::from_utf8_lossy(&letter.octets);
                format!("{}{id} {}", letter.place.octet, text.replace("\r\n", "|"))
            }
            Err(fault) => fault.to_string(),
        })
        .collect()
}

#[track_caller]
fn check_as(dialect: Dialect, file: &str, expected: &[&str]) {
    let file = file.replace("FROM\n", FROM);
    assert_eq!(read(file.as_bytes(), dialect, 1_000), expected, "{file:?}");
}

#[track_caller]
fn check(file: &str, expected: &[&str]) {
    check_as(Dialect::Rd, file, expected);
}

#[test]
fn messages_are_taken_apart_at_their_separators() {
    check("", &[]);
    check("\n\n", &[]);
    check("FROM\nA: b\n\nc\n\n", &["0 A: b||c|"]);
    check("\nFROM\nA: b\n\nc\n\n", &["1 A: b||c|"]);
    check(
        "FROM\nA: b\n\nc\n\nFROM\nD: e\n\nf\n\n",
        &["0 A: b||c|", "58 D: e||f|"],
    );
    // Without the blank line at the end of the file, as some programs write it.
    check("FROM\nA: b\n\nc\n", &["0 A: b||c|"]);
    // Blank lines are the message's but the last.
    check("FROM\nA: b\n\n\n\n", &["0 A: b|||"]);
    check(
        "FROM\nA: b\n\nc\n\n\n\nFROM\nD: e\n\n",
        &["0 A: b||c|||", "60 D: e|"],
    );
}

#[test]
fn crlf_files_are_the_same() {
    check(
        "FROM\nA: b\r\n\r\nc\r\n\r\nFROM\nD: e\r\n\r\n",
        &["0 A: b||c|", "62 D: e|"],
    );
    check("FROM\nA: b\r\n\nc\n\n", &["0 A: b||c|"]);
}

#[test]
fn text_that_looks_like_a_separator_is_none() {
    check(
        "FROM\nA: b\n\nFrom now on\n\nFrom here to there\n\n",
        &["0 A: b||From now on||From here to there|"],
    );
    // Not behind a blank line.
    check(
        "FROM\nA: b\n\nc\nFROM\nd\n\n",
        &[&format!("0 A: b||c|{}|d|", FROM.trim_end())],
    );
}

#[test]
fn quoting_is_taken_away_as_the_dialect_says() {
    let file = "FROM\nA: b\n\n>From x\n>>From y\n> From z\n>Fromage\n\n";
    check_as(
        Dialect::Rd,
        file,
        &["0 A: b||From x|>From y|> From z|>Fromage|"],
    );
    check_as(
        Dialect::O,
        file,
        &["0 A: b||From x|>>From y|> From z|>Fromage|"],
    );
    let file = "FROM\nContent-Length: 16\n\n>From x\n>>From y\n\n";
    check_as(Dialect::Cl, file, &["0 Content-Length: 16||From x|>>From|"].map(|_| {
        "x, line 1 (octet 0): its Content-Length of 16 does not lead to the end of the message"
    }));
    let file = "FROM\nContent-Length: 17\n\n>From x\n>>From y\n\n";
    check_as(
        Dialect::Cl,
        file,
        &["0 Content-Length: 17||From x|>>From y|"],
    );
    check_as(
        Dialect::Cl2,
        file,
        &["0 Content-Length: 17||>From x|>>From y|"],
    );
}

#[test]
fn content_length_is_followed_where_the_dialect_has_it() {
    // "From x ... 1996" within the body is no separator then.
    let body = format!("a\n\n{FROM}b\n");
    let file = format!(
        "FROM\nContent-Length: {}\n\n{body}\nFROM\nC: d\n\n",
        body.len()
    );
    let whole = format!("0 Content-Length: 54||{}", body.replace('\n', "|"));
    check_as(Dialect::Cl2, &file, &[&whole, "124 C: d|"]);
    check(&file, &["0 Content-Length: 54||a|", "72 b|", "124 C: d|"]);
    // No blank line in front of the next one, or none at all.
    check_as(
        Dialect::Cl2,
        "FROM\nContent-Length: 2\n\na\nFROM\nC: d\n\n",
        &["0 Content-Length: 2||a|", "70 C: d|"],
    );
    check_as(
        Dialect::Cl2,
        "FROM\nContent-Length: 0\n\nFROM\nC: d\n\n",
        &["0 Content-Length: 0||", "68 C: d|"],
    );
    check_as(
        Dialect::Cl2,
        "FROM\nA: b\n\nc\n\nFROM\nC: d\n\n",
        &["0 A: b||c|", "58 C: d|"],
    );
}

#[test]
fn a_content_length_that_lies_is_a_fault_and_the_rest_is_read() {
    let wrong = |stated: u64| {
        format!(
            "x, line 1 (octet 0): its Content-Length of {stated} does not lead to the end of the message"
        )
    };
    check_as(
        Dialect::Cl2,
        "FROM\nContent-Length: 1\n\nab\ncd\n\nFROM\nC: d\n\n",
        &[&wrong(1), "75 C: d|"],
    );
    check_as(
        Dialect::Cl2,
        "FROM\nContent-Length: 9\n\na\n\nFROM\nC: d\n\nFROM\nE: f\n\n",
        &[&wrong(9), "126 E: f|"],
    );
    check_as(
        Dialect::Cl2,
        "FROM\nContent-Length: 18446744073709551615\n\na\n",
        &["x, line 1 (octet 0): the file ends in the middle of this message; was it cut off?"],
    );
    // No number, so it says nothing.
    check_as(
        Dialect::Cl2,
        "FROM\nContent-Length: many\n\na\n\n",
        &["0 Content-Length: many||a|"],
    );
}

#[test]
fn what_is_no_message_is_named_by_its_place() {
    let no_separator =
        "a line \"From sender date\" is expected here; all up to the next one is no message";
    check(
        "A: b\n\nc\n",
        &[&format!("x, line 1 (octet 0): {no_separator}")],
    );
    check(
        "\n\0\0\0\n\nFROM\nA: b\n\n",
        &[&format!("x, line 2 (octet 1): {no_separator}"), "6 A: b|"],
    );
    let empty = "an empty message";
    check(
        "FROM\n\nFROM\nA: b\n\n",
        &[&format!("x, line 1 (octet 0): {empty}"), "50 A: b|"],
    );
    check(
        "FROM\nFROM\nA: b\n\n",
        &[&format!("x, line 1 (octet 0): {empty}"), "49 A: b|"],
    );
    check("FROM\n", &[&format!("x, line 1 (octet 0): {empty}")]);
    let cut = "the file ends in the middle of this message; was it cut off?";
    check(
        "FROM\nA: b\n\nc\n\nFROM\nD: e\n\nf",
        &["0 A: b||c|", &format!("x, line 6 (octet 58): {cut}")],
    );
    check(FROM.trim_end(), &[&format!("x, line 1 (octet 0): {cut}")]);
}

#[test]
fn a_message_beyond_the_limit_is_a_fault_and_never_in_memory() {
    let long = format!("{FROM}A: {}\n\n{FROM}B: c\n\n", "x".repeat(200_000));
    let too_large = "x, line 1 (octet 0): a message of more than 100 octets";
    assert_eq!(
        read(long.as_bytes(), Dialect::Rd, 100),
        [too_large, "200054 B: c|"]
    );
    assert_eq!(
        read(long.as_bytes(), Dialect::Rd, 200_005)[1],
        "200054 B: c|"
    );
    assert!(read(long.as_bytes(), Dialect::Rd, 200_004)[0].ends_with("more than 200004 octets"));
    let many = format!("{FROM}A: b\n\n{}\n{FROM}B: c\n\n", "line\n".repeat(1_000));
    assert_eq!(read(many.as_bytes(), Dialect::Rd, 100)[0], too_large);
}

#[test]
fn unique_ids_are_found_and_ours_are_taken_out() {
    check("FROM\nX-UIDL: abc\nA: b\n\nc\n\n", &["0[abc] A: b||c|"]);
    check(
        "FROM\nA: b\nX-UIDL:   \"!x\"  \n\nc\n\n",
        &["0[\"!x\"] A: b|X-UIDL:   \"!x\"  ||c|"],
    );
    check("FROM\nx-uidl: 1\nX-UIDL: 2\n\n", &["0[1] X-UIDL: 2|"]);
    // Not in the body, not an empty one, not of any length.
    check("FROM\nA: b\n\nX-UIDL: 1\n\n", &["0 A: b||X-UIDL: 1|"]);
    check("FROM\nX-UIDL:\nA: b\n\n", &["0 X-UIDL:|A: b|"]);
    let long = "x".repeat(201);
    check(
        &format!("FROM\nX-UIDL: {long}\n\n"),
        &[&format!("0 X-UIDL: {long}|")],
    );
}

/// Writes messages in pieces of `size` octets, reads them again.
fn round_trip(messages: &[(Option<&str>, &[u8])], size: usize) -> (String, Vec<Letter>) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mbox");
    let mut writer = Writer::create(&path).unwrap();
    for (uidl, octets) in messages {
        writer.begin(*uidl);
        for piece in octets.chunks(size) {
            writer.write(piece).unwrap();
        }
        writer.end().unwrap();
    }
    assert!(!path.exists(), "it has its name before it is complete");
    writer.finish().unwrap();
    let file = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
    let reader = Reader::open(&path, Dialect::Rd, usize::MAX).unwrap();
    (file, reader.map(Result::unwrap).collect())
}

#[test]
fn what_is_written_is_an_mboxrd_file() {
    let message = b"Date: Sun, 9 Sep 2001 03:46:40 +0200\r\nA: b\r\n\r\nFrom x\r\n>From y\r\n.\r\n";
    for size in [1, 2, 3, 1_000] {
        let (file, letters) = round_trip(&[(Some("1.a"), message), (None, b"B: c\r\n\r\n")], size);
        assert_eq!(
            file,
            "From MAILER-DAEMON Sun Sep  9 01:46:40 2001\nX-UIDL: 1.a\n\
             Date: Sun, 9 Sep 2001 03:46:40 +0200\nA: b\n\n>From x\n>>From y\n.\n\n\
             From MAILER-DAEMON Thu Jan  1 00:00:00 1970\nB: c\n\n\n"
        );
        assert_eq!(letters[0].octets, message);
        assert_eq!(letters[0].uidl.as_deref(), Some("1.a"));
        assert_eq!(
            (letters[1].octets.as_slice(), &letters[1].uidl),
            (&b"B: c\r\n\r\n"[..], &None)
        );
    }
}

#[test]
fn a_file_that_is_there_is_left_alone_and_half_a_file_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mbox");
    std::fs::write(&path, "mine").unwrap();
    let refused = Writer::create(&path).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    std::fs::remove_file(&path).unwrap();
    let mut writer = Writer::create(&path).unwrap();
    writer.begin(None);
    writer.write(b"A: b\r\n").unwrap();
    drop(writer);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

/// Lines that an mbox file could mistake for something else.
fn line() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(Vec::new()),
        Just(FROM.trim_end().as_bytes().to_vec()),
        Just(b"X-UIDL: theirs".to_vec()),
        Just(b"Content-Length: 10".to_vec()),
        (0_usize..4, "(F|Fr|From|From )[a-z]{0,3}").prop_map(|(quotes, text)| {
            let mut line = vec![b'>'; quotes];
            line.extend_from_slice(text.as_bytes());
            line
        }),
        proptest::collection::vec(
            any::<u8>().prop_filter("a line", |octet| *octet != b'\n'),
            0..40
        ),
    ]
}

proptest! {
    #[test]
    fn what_is_written_comes_back_octet_for_octet(
        messages in proptest::collection::vec(proptest::collection::vec(line(), 0..8), 0..5),
        size in 1_usize..50,
    ) {
        let messages: Vec<Vec<u8>> = messages
            .into_iter()
            .map(|lines| lines.iter().flat_map(|line| [line, &b"\r\n"[..]].concat()).collect())
            .collect();
        let ids: Vec<String> = (0..messages.len()).map(|n| format!("id{n}")).collect();
        let given: Vec<_> = ids.iter().zip(&messages).map(|(id, octets)| (Some(&**id), &**octets)).collect();
        let (_, letters) = round_trip(&given, size);
        let back: Vec<_> = letters.iter().map(|letter| (letter.uidl.as_deref(), &*letter.octets)).collect();
        prop_assert_eq!(back, given);
    }

    #[test]
    fn any_octets_are_read_to_their_end(
        parts in proptest::collection::vec(prop_oneof![
            Just(FROM.as_bytes().to_vec()), Just(b"\n".to_vec()), Just(b"Content-Length: 7\n".to_vec()),
            proptest::collection::vec(any::<u8>(), 0..20),
        ], 0..30),
        limit in 0_usize..200,
    ) {
        let file = parts.concat();
        for dialect in [Dialect::Rd, Dialect::O, Dialect::Cl, Dialect::Cl2] {
            let mut reader = Reader::new(Cursor::new(&file), Path::new("x"), dialect, limit);
            for letter in reader.by_ref().flatten() {
                prop_assert!(letter.octets.len() <= limit);
            }
            prop_assert_eq!(reader.octets_read(), file.len() as u64);
        }
    }
}
