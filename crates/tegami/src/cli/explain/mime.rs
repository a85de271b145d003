//! Parts of a pasted message that are encoded for transport (RFC 2045 section 6), made readable, so that the codes in them
//! are found.
//!
//! It is no parser of MIME: what is pasted is often half a message. Whatever says how it is encoded, and can be decoded
//! so, is; everything else stays as it is. One pass, and nothing grows.

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

/// Padding is often lost with the last line.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Base64,
    QuotedPrintable,
}

/// The text with its encoded parts decoded.
pub fn decoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut announced = None;
    let mut lines = text.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        out.push_str(line);
        if let Some(field) = encoding_field(line) {
            announced = field;
        } else if line.trim_end().is_empty()
            && let Some(encoding) = announced.take()
        {
            let mut body = Vec::new();
            while let Some(line) = lines.next_if(|line| belongs(encoding, line)) {
                body.push(line);
            }
            push_decoded(&mut out, encoding, &body);
        }
    }
    out
}

/// What a header field says about the encoding: `None` where it is another field, or none; `Some(None)` for the encodings
/// that encode nothing.
fn encoding_field(line: &str) -> Option<Option<Encoding>> {
    let (name, value) = line.split_once(':')?;
    if !name
        .trim()
        .eq_ignore_ascii_case("content-transfer-encoding")
    {
        return None;
    }
    let value = value.trim();
    Some(if value.eq_ignore_ascii_case("base64") {
        Some(Encoding::Base64)
    } else if value.eq_ignore_ascii_case("quoted-printable") {
        Some(Encoding::QuotedPrintable)
    } else {
        None
    })
}

/// Whether the line goes on with such a body. Where the boundary was pasted along, its line begins with two hyphens and
/// has no blank in it.
fn belongs(encoding: Encoding, line: &str) -> bool {
    let line = line.trim_end();
    match encoding {
        Encoding::Base64 => line
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/' | b'=')),
        Encoding::QuotedPrintable => {
            // The last one opens a signature, one of hyphens alone divides a text.
            let divides = line.trim_matches('-').is_empty();
            !line.starts_with("--") || divides || line.contains(' ') || line == "--=20"
        }
    }
}

/// Adds the body, decoded if it is text; as it was, if it cannot be decoded.
fn push_decoded(out: &mut String, encoding: Encoding, body: &[&str]) {
    let octets = match encoding {
        Encoding::Base64 => {
            let joined: String = body.iter().map(|line| line.trim_end()).collect();
            BASE64.decode(joined).ok()
        }
        Encoding::QuotedPrintable => Some(quoted_printable(body)),
    };
    // A picture is no text.
    match octets.filter(|octets| !octets.contains(&0)) {
        Some(octets) => {
            out.push_str(&String::from_utf8_lossy(&octets));
            if !out.ends_with('\n') {
                out.push('\n');
            }
        }
        None => body.iter().for_each(|line| out.push_str(line)),
    }
}

/// RFC 2045 section 6.7; what is no `=XX` stays as it is.
fn quoted_printable(body: &[&str]) -> Vec<u8> {
    let mut octets = Vec::new();
    for line in body {
        let ended = line.ends_with('\n');
        // Blanks at the end were added on the way.
        let line = line.trim_end();
        let (line, goes_on) = match line.strip_suffix('=') {
            Some(line) => (line, true),
            None => (line, false),
        };
        let mut rest = line.as_bytes();
        while let [first, behind @ ..] = rest {
            let escaped = match (first, behind) {
                (b'=', [high, low, ..]) => digit(*high).zip(digit(*low)),
                _ => None,
            };
            if let Some((high, low)) = escaped {
                octets.push(high << 4 | low);
                rest = &behind[2..];
            } else {
                octets.push(*first);
                rest = behind;
            }
        }
        if ended && !goes_on {
            octets.push(b'\n');
        }
    }
    octets
}

fn digit(c: u8) -> Option<u8> {
    char::from(c)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(decoded(text), expected);
        assert_eq!(
            decoded(&text.replace('\n', "\r\n")).replace("\r\n", "\n"),
            expected
        );
    }

    #[test]
    fn encoded_parts_become_readable_and_the_rest_stays() {
        check(
            "--b\nContent-Type: text/plain\ncontent-transfer-encoding: Base64\nX: y\n\n\
             NTUwIDUuMS4xIE5v\nIHN1Y2ggdXNlcg==\n--b\nContent-Type: message/delivery-status\n\nStatus: 5.1.1\n",
            "--b\nContent-Type: text/plain\ncontent-transfer-encoding: Base64\nX: y\n\n\
             550 5.1.1 No such user\n--b\nContent-Type: message/delivery-status\n\nStatus: 5.1.1\n",
        );
        check(
            "Content-Transfer-Encoding: quoted-printable\n\nsaid: 550=205.1.=\n1 Caf=C3=A9 =3d=ZZ  \n--=20\n---\nme\n--b--\n=35",
            "Content-Transfer-Encoding: quoted-printable\n\nsaid: 550 5.1.1 Caf\u{e9} ==ZZ\n-- \n---\nme\n--b--\n=35",
        );
        for same in [
            "",
            "550 5.1.1 =35=35=30\n",
            "Content-Transfer-Encoding: 7bit\n\n=35NTUw\n",
            "Content-Transfer-Encoding: base64\n",
            "Content-Transfer-Encoding: base64\n\nno base64, but words\n",
            "Content-Transfer-Encoding: base64\n\nA\n",
            "Content-Transfer-Encoding: base64\n\nAAAA\n",
        ] {
            check(same, same);
        }
    }
}
