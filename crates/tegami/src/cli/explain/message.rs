//! Parts of a pasted message that are encoded for transport (RFC 2045 section 6), made readable, so that the codes in them
//! are found.
//!
//! It is no parser of MIME: what is pasted is often half a message. Whatever says how it is encoded, and can be decoded
//! so, is; everything else stays as it is. One pass, and nothing grows.

use mime::transfer::Transfer;

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
            let mut body = String::new();
            while let Some(line) = lines.next_if(|line| belongs(encoding, line)) {
                body.push_str(line);
            }
            push_decoded(&mut out, encoding, &body);
        }
    }
    out
}

/// What a header field says about the encoding: `None` where it is another field, or none; `Some(None)` for an encoding
/// that nobody knows.
fn encoding_field(line: &str) -> Option<Option<Transfer>> {
    let (name, value) = line.split_once(':')?;
    name.trim()
        .eq_ignore_ascii_case("content-transfer-encoding")
        .then(|| Transfer::named(value.trim()))
}

/// Whether the line goes on with such a body. Where the boundary was pasted along, its line begins with two hyphens and
/// has no blank in it.
fn belongs(encoding: Transfer, line: &str) -> bool {
    let line = line.trim_end();
    match encoding {
        Transfer::SevenBit | Transfer::EightBit => false,
        Transfer::Base64 => line
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/' | b'=')),
        Transfer::QuotedPrintable => {
            // The last one opens a signature, one of hyphens alone divides a text.
            let divides = line.trim_matches('-').is_empty();
            !line.starts_with("--") || divides || line.contains(' ') || line == "--=20"
        }
    }
}

/// Adds the body, decoded if it is text; as it was, if it cannot be decoded.
fn push_decoded(out: &mut String, encoding: Transfer, body: &str) {
    // A picture is no text.
    let octets = encoding.decode(body.as_bytes());
    match octets.filter(|octets| !octets.contains(&0)) {
        Some(octets) => {
            out.push_str(&String::from_utf8_lossy(&octets));
            if !out.ends_with('\n') {
                out.push('\n');
            }
        }
        None => out.push_str(body),
    }
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
