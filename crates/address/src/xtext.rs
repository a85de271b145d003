//! xtext: how SMTP parameters carry spaces, plus signs and equals signs (RFC 3461 section 4).

use std::borrow::Cow;

/// Decodes xtext.
///
/// ```text
/// xtext   = *( xchar / hexchar )       ; RFC 3461 section 4
/// xchar   = %d33-126 except "+" and "="
/// hexchar = "+" 2( upper-case hex digit )
/// ```
///
/// `None` when it is no xtext.
#[must_use]
pub fn decode(octets: &[u8]) -> Option<Cow<'_, [u8]>> {
    let plain = |octet: &u8| matches!(octet, 33..=126) && !matches!(octet, b'+' | b'=');
    if octets.iter().all(plain) {
        return Some(Cow::Borrowed(octets));
    }
    let mut decoded = Vec::with_capacity(octets.len());
    let mut rest = octets.iter();
    while let Some(octet) = rest.next() {
        match octet {
            b'+' => decoded.push(hex(*rest.next()?)? << 4 | hex(*rest.next()?)?),
            octet if plain(octet) => decoded.push(*octet),
            _ => return None,
        }
    }
    Some(Cow::Owned(decoded))
}

/// Encodes any octets as xtext.
#[must_use]
pub fn encode(octets: &[u8]) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut text = String::with_capacity(octets.len());
    for octet in octets {
        if matches!(octet, 33..=126) && !matches!(octet, b'+' | b'=') {
            text.push(char::from(*octet));
        } else {
            text.push('+');
            text.push(char::from(HEX[usize::from(octet >> 4)]));
            text.push(char::from(HEX[usize::from(octet & 15)]));
        }
    }
    text
}

/// Upper case only, as the grammar says.
const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[track_caller]
    fn check(input: &[u8], expected: Option<&[u8]>) {
        let decoded = decode(input);
        assert_eq!(decoded.as_deref(), expected, "{}", input.escape_ascii());
        if let Some(decoded) = decoded {
            assert_eq!(decode(encode(&decoded).as_bytes()), Some(decoded));
        }
    }

    #[test]
    fn known_xtext() {
        check(b"", Some(b""));
        check(b"abc", Some(b"abc"));
        check(b"a+2Bb+3Dc", Some(b"a+b=c"));
        check(b"a+20b", Some(b"a b"));
        check(b"+0D+0A", Some(b"\r\n"));
        check(b"+FF", Some(b"\xff"));
        check(b"a+2bb", None);
        check(b"a+2", None);
        check(b"a+", None);
        check(b"a=b", None);
        check(b"a b", None);
        check(b"a\x7f", None);
        check(b"a\xc3\xa4", None);
    }
}
