//! What must hold for any text: it is read as it was written, and no line is too long for what is in it.
#![allow(clippy::unwrap_used)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mime::Field;
use mime::transfer::Transfer;
use proptest::prelude::*;

/// Words and letters of every width, and whatever has a meaning to somebody.
fn any_text() -> impl Strategy<Value = String> {
    let known = vec![
        "a",
        "word",
        " ",
        " ",
        "  ",
        "\t",
        "\r\n",
        "\r",
        "\n",
        "\0",
        "\u{1b}",
        "=?",
        "?=",
        "=",
        "\"",
        "\\",
        ",",
        ".",
        "<",
        "é",
        "ü",
        "手",
        "手紙",
        "\u{3000}",
        "\u{85}",
        "\u{1f4e8}",
        "か\u{3099}",
    ];
    let piece = prop_oneof![
        40 => prop::sample::select(known).prop_map(str::to_owned),
        10 => any::<char>().prop_map(String::from),
        4 => (30_usize..80).prop_map(|length| "b".repeat(length)),
        1 => (900_usize..1100).prop_map(|length| "c".repeat(length)),
    ];
    prop::collection::vec(piece, 0..50).prop_map(|pieces| pieces.concat())
}

/// The names of fields.
fn any_name(longest: usize) -> impl Strategy<Value = String> {
    (1..=longest).prop_map(|length| "N".repeat(length))
}

/// The lines of a field; none but the first without anything in front, none empty, none too long.
fn lines(field: &str) -> Vec<&str> {
    let field = field.strip_suffix("\r\n").unwrap();
    let lines: Vec<&str> = field.split("\r\n").collect();
    for (at, line) in lines.iter().enumerate() {
        assert!(!line.contains(['\r', '\n']), "{line:?}");
        assert_eq!(line.starts_with(' '), at > 0, "{line:?}");
        assert!(!line.trim().is_empty(), "{line:?}");
        assert!(line.len() <= mime::LONGEST_LINE, "{line:?}");
        let words = line.split(' ').filter(|word| !word.is_empty()).count();
        // A quoted string is one word, and a word that is too long has nowhere to go.
        let many = words > usize::from(at == 0) + 1 && !line.contains('"');
        if many || line.contains("=?utf-8?B?") {
            assert!(line.len() <= mime::LINE, "{line:?}");
        }
        for word in line
            .split(' ')
            .filter(|word| word.starts_with("=?utf-8?B?"))
        {
            assert!(word.len() <= 75, "{word:?}");
            assert!(String::from_utf8(mime::decode(word)).is_ok(), "{word:?}");
        }
    }
    lines
}

/// The value of a field, unfolded (RFC 5322 section 2.2.3).
fn value(field: &str, name: &str) -> String {
    let value = lines(field).concat();
    let value = value.strip_prefix(name).unwrap().strip_prefix(':').unwrap();
    value.trim_start_matches(' ').to_owned()
}

fn read(text: &str) -> String {
    String::from_utf8(mime::decode(text)).unwrap()
}

/// A quoted string (RFC 5322 section 3.2.4), if it is one.
fn unquoted(text: &str) -> Option<String> {
    let inside = text.strip_prefix('"')?.strip_suffix('"')?;
    let mut letters = inside.chars();
    let mut out = String::new();
    while let Some(letter) = letters.next() {
        assert_ne!(letter, '"');
        out.extend(if letter == '\\' {
            letters.next()
        } else {
            Some(letter)
        });
    }
    Some(out)
}

fn one_line(text: &str) -> String {
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// Reads both encodings slowly, and nothing but what is right.
fn slowly(transfer: Transfer, encoded: &str) -> Vec<u8> {
    match transfer {
        Transfer::SevenBit | Transfer::EightBit => encoded.as_bytes().to_vec(),
        Transfer::Base64 => STANDARD.decode(encoded.replace("\r\n", "")).unwrap(),
        Transfer::QuotedPrintable => {
            let joined = encoded.replace("=\r\n", "");
            let mut parts = joined.split('=');
            let mut octets = parts.next().unwrap().as_bytes().to_vec();
            for part in parts {
                octets.push(u8::from_str_radix(&part[..2], 16).unwrap());
                octets.extend_from_slice(&part.as_bytes()[2..]);
            }
            octets
        }
    }
}

/// Encoded as it would be if it came in pieces of this length.
fn encoded_in_pieces(transfer: Transfer, octets: &[u8], length: usize) -> Vec<u8> {
    let mut encoder = transfer.encoder();
    let mut out = Vec::new();
    for piece in octets.chunks(length) {
        encoder.push(piece, &mut out);
    }
    encoder.finish(&mut out);
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn encoded_text_is_read_to_the_letter(text in any_text(), name in any_name(90)) {
        let field = Field::new(&name).encoded(&text).finish();
        prop_assert!(field.is_ascii());
        prop_assert_eq!(read(&value(&field, &name)), text);
    }

    #[test]
    fn mixed_text_is_read_with_single_spaces(text in any_text(), name in any_name(75)) {
        // What looks like an encoded word is one.
        let text = text.replace("=?", "=!");
        let field = Field::new(&name).text(&text).finish();
        prop_assert!(field.is_ascii());
        prop_assert_eq!(read(&value(&field, &name)), one_line(&text));
    }

    #[test]
    fn names_are_read_as_they_are(name in any_text()) {
        let field = Field::new("From").mailbox(&name, &"a@b.example").finish();
        prop_assert!(field.is_ascii());
        let value = value(&field, "From");
        let parts = name.split(['\r', '\n', '\t']).map(str::trim_ascii);
        let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
        let expected = parts.join(" ");
        match value.strip_suffix(" <a@b.example>") {
            None => prop_assert!(expected.is_empty() && value == "a@b.example"),
            Some(name) => {
                let seen = unquoted(name).unwrap_or_else(|| read(name));
                // Between atoms every run of spaces is one.
                prop_assert!(seen == expected || seen == one_line(&expected), "{name}");
            }
        }
    }

    #[test]
    fn octets_are_read_as_they_were(
        octets in prop::collection::vec(prop_oneof![
            any::<u8>(),
            prop::sample::select(b" \t\r\n=.a".to_vec()),
        ], 0..400),
        length in 1_usize..100,
    ) {
        for transfer in [Transfer::QuotedPrintable, Transfer::Base64] {
            let encoded = transfer.encode(&octets);
            prop_assert_eq!(&encoded_in_pieces(transfer, &octets, length), &encoded);
            prop_assert_eq!(transfer.decode(&encoded), Some(octets.clone()));
            let encoded = String::from_utf8(encoded).unwrap();
            prop_assert_eq!(&slowly(transfer, &encoded), &octets);
            for line in encoded.split("\r\n") {
                prop_assert!(line.is_ascii() && line.len() <= 76 && !line.ends_with([' ', '\t']));
                prop_assert!(!line.contains(['\r', '\n', '\0']));
            }
        }
    }

    #[test]
    fn any_text_gets_through_everywhere(text in any_text()) {
        let (transfer, octets) = Transfer::suiting(&text);
        prop_assert_eq!(transfer.decode(&octets), Some(text.into_bytes()));
        let longest = if transfer == Transfer::SevenBit { 998 } else { 76 };
        let octets = String::from_utf8(octets).unwrap();
        for line in octets.split("\r\n") {
            prop_assert!(line.is_ascii() && !line.contains(['\r', '\n', '\0']));
            prop_assert!(line.len() <= longest);
        }
    }

    #[test]
    fn anything_can_be_read(octets in prop::collection::vec(any::<u8>(), 0..200), text in any_text()) {
        let _ = Transfer::Base64.decode(&octets);
        let _ = Transfer::QuotedPrintable.decode(&octets);
        let _ = mime::decode(&text);
        let _ = mime::decode(&String::from_utf8_lossy(&octets));
    }
}
