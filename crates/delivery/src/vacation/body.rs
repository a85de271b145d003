//! A text of ours as the body of a message: lines, and the transfer encoding that suits it (RFC 2045 section 6).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Longest line that needs no encoding (RFC 5322 section 2.1.1), without its CRLF.
const LINE: usize = 998;
/// Longest encoded line (RFC 2045 sections 6.7 and 6.8), without its CRLF.
const ENCODED_LINE: usize = 76;

/// A body, and what Content-Transfer-Encoding says of it.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) encoding: &'static str,
    pub(super) octets: Vec<u8>,
}

impl Body {
    /// As it is if every server can carry that, or else in the encoding that is shorter: quoted-printable for text that
    /// is mostly ASCII, base64 for Japanese.
    pub(super) fn of(text: &str) -> Self {
        let text = in_lines(text);
        if text.is_ascii() && text.split("\r\n").all(|line| line.len() <= LINE) {
            return Self {
                encoding: "7bit",
                octets: text.into_bytes(),
            };
        }
        let beyond = text.bytes().filter(|octet| !octet.is_ascii()).count();
        if beyond * 6 <= text.len() {
            Self {
                encoding: "quoted-printable",
                octets: quoted_printable(&text),
            }
        } else {
            Self {
                encoding: "base64",
                octets: base64(&text),
            }
        }
    }
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

/// RFC 2045 section 6.7, for text in lines.
fn quoted_printable(text: &str) -> Vec<u8> {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = Vec::with_capacity(text.len() * 3 / 2);
    for line in text.split_terminator("\r\n") {
        let mut column = 0;
        for (at, octet) in line.bytes().enumerate() {
            let is_last = at + 1 == line.len();
            // Rule 3: white space at the end of a line is encoded.
            let plain = matches!(octet, b'!'..=b'<' | b'>'..=b'~')
                || (matches!(octet, b' ' | b'\t') && !is_last);
            let length = if plain { 1 } else { 3 };
            // Rule 5: a soft line break is a `=`, which needs its place, too.
            if column + length > ENCODED_LINE - 1 {
                out.extend_from_slice(b"=\r\n");
                column = 0;
            }
            if plain {
                out.push(octet);
            } else {
                let (high, low) = (HEX[usize::from(octet >> 4)], HEX[usize::from(octet & 15)]);
                out.extend_from_slice(&[b'=', high, low]);
            }
            column += length;
        }
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// RFC 2045 section 6.8.
fn base64(text: &str) -> Vec<u8> {
    let encoded = STANDARD.encode(text).into_bytes();
    let lines = encoded.chunks(ENCODED_LINE);
    lines.flat_map(|line| [line, b"\r\n"].concat()).collect()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use proptest::prelude::*;

    use super::{Body, STANDARD, in_lines};

    #[track_caller]
    fn check(text: &str, encoding: &str, octets: &str) {
        let body = Body::of(text);
        assert_eq!(body.encoding, encoding, "{text:?}");
        assert_eq!(String::from_utf8(body.octets).unwrap(), octets, "{text:?}");
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

    /// A slow reader of both encodings.
    fn read(body: &Body) -> Vec<u8> {
        match body.encoding {
            "base64" => {
                let text: Vec<u8> = body
                    .octets
                    .iter()
                    .copied()
                    .filter(|octet| !b"\r\n".contains(octet))
                    .collect();
                STANDARD.decode(text).unwrap()
            }
            "quoted-printable" => {
                let text = String::from_utf8(body.octets.clone())
                    .unwrap()
                    .replace("=\r\n", "");
                let mut parts = text.split('=');
                let mut out = parts.next().unwrap().as_bytes().to_vec();
                for part in parts {
                    out.push(u8::from_str_radix(&part[..2], 16).unwrap());
                    out.extend_from_slice(&part.as_bytes()[2..]);
                }
                out
            }
            _ => body.octets.clone(),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn any_text_is_read_as_it_was_written(text in "([a-z =.\t\r\n]|é|手|\u{1b}){0,300}") {
            let body = Body::of(&text);
            prop_assert_eq!(String::from_utf8(read(&body)).unwrap(), in_lines(&text));
            let octets = String::from_utf8(body.octets).unwrap();
            prop_assert!(octets.is_ascii() && octets.ends_with("\r\n"));
            for line in octets.split("\r\n") {
                prop_assert!(!line.contains(['\r', '\n']));
                let longest = if body.encoding == "7bit" { 998 } else { 76 };
                prop_assert!(line.len() <= longest);
            }
        }
    }
}
