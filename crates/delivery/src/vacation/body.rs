//! A text of ours as the body of a message: in lines, and encoded so that every server can carry it.

use mime::transfer::Transfer;

/// A body, and how it is encoded.
pub(super) fn of(text: &str) -> (Transfer, Vec<u8>) {
    let (transfer, mut octets) = Transfer::suiting(&in_lines(text));
    // The line end of the text is encoded in base64, and the message ends with one.
    if !octets.ends_with(b"\r\n") {
        octets.extend_from_slice(b"\r\n");
    }
    (transfer, octets)
}

/// CRLF after every line, no blank lines at the end, no controls but tabs.
fn in_lines(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines = String::with_capacity(text.len() + 64);
    for line in text.trim_end().split('\n') {
        lines.extend(
            line.chars()
                .filter(|letter| *letter == '\t' || !letter.is_control()),
        );
        lines.push_str("\r\n");
    }
    lines
}

#[cfg(test)]
mod tests {
    use mime::transfer::Transfer;
    use proptest::prelude::*;

    use super::{in_lines, of};

    #[track_caller]
    fn check(text: &str, encoding: &str, octets: &str) {
        let (transfer, body) = of(text);
        assert_eq!(transfer.name(), encoding, "{text:?}");
        assert_eq!(String::from_utf8(body).unwrap(), octets, "{text:?}");
    }

    #[test]
    fn the_encoding_is_chosen_by_content() {
        check("I am away.", "7bit", "I am away.\r\n");
        check("a\nb\r\nc\rd\n\n\n", "7bit", "a\r\nb\r\nc\r\nd\r\n");
        check("a\tb\0\u{1b}[2J\u{7f}", "7bit", "a\tb[2J\r\n");
        check(
            "Ich bin für eine Woche weg. 1+1=2 \nx",
            "quoted-printable",
            "Ich bin f=C3=BCr eine Woche weg. 1+1=3D2=20\r\nx\r\n",
        );
        check("留守です。", "base64", "55WZ5a6I44Gn44GZ44CCDQo=\r\n");
        let long = "a".repeat(999);
        let broken: String = ["a".repeat(75).repeat(13)]
            .iter()
            .flat_map(|text| text.as_bytes().chunks(75))
            .map(|line| format!("{}=\r\n", String::from_utf8_lossy(line)))
            .collect();
        check(
            &long,
            "quoted-printable",
            &format!("{broken}{}\r\n", "a".repeat(24)),
        );
        check(&long[1..], "7bit", &format!("{}\r\n", &long[1..]));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn any_text_is_read_as_it_was_written(text in "([a-z =.\t\r\n]|é|手|\u{1b}){0,300}") {
            let (transfer, body) = of(&text);
            prop_assert_eq!(transfer.decode(&body), Some(in_lines(&text).into_bytes()));
            let octets = String::from_utf8(body).unwrap();
            prop_assert!(octets.is_ascii() && octets.ends_with("\r\n"));
            for line in octets.split("\r\n") {
                prop_assert!(!line.contains(['\r', '\n']));
                let longest = if transfer == Transfer::SevenBit { 998 } else { 76 };
                prop_assert!(line.len() <= longest);
            }
        }
    }
}
