//! What a web browser says of itself and sends: the languages it likes, and the form for leaving a list. hyper reads the rest.

use crate::web_sources::form::asks_to_leave;
use crate::web_sources::language;
use reply::Language;

/// The form as it has to be, in parts.
const PARTS: &str = "--X\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--X--\r\n";

/// The first octet chooses the reader.
pub fn check(input: &[u8]) {
    let Some((first, rest)) = input.split_first() else {
        return;
    };
    match first % 3 {
        0 => languages(rest),
        1 => urlencoded(rest),
        _ => parts(rest),
    }
}

/// What is liked best and comes first is taken, whatever is behind it.
fn languages(octets: &[u8]) {
    let Ok(text) = str::from_utf8(octets) else {
        return;
    };
    for (first, expected) in [("ja,", Language::Japanese), ("en-GB,", Language::English)] {
        assert_eq!(language::of(Some(&format!("{first}{text}"))), expected);
    }
    language::of(Some(text));
}

/// As a slow reader takes it (WHATWG URL, section 5.1).
fn urlencoded(octets: &[u8]) {
    let body = octets.trim_ascii_end();
    let expected = body.split(|octet| *octet == b'&').any(|field| {
        let at = field.iter().position(|octet| *octet == b'=');
        let (name, value) = field.split_at(at.unwrap_or(field.len()));
        decoded(name) == b"List-Unsubscribe" && decoded(value) == b"=One-Click"
    });
    assert_eq!(asks_to_leave(None, octets), expected);
}

fn decoded(mut text: &[u8]) -> Vec<u8> {
    let mut octets = Vec::new();
    while let [first, rest @ ..] = text {
        text = rest;
        let hex = |octet: &u8| char::from(*octet).to_digit(16);
        match (first, rest) {
            (b'%', [high, low, behind @ ..])
                if let (Some(high), Some(low)) = (hex(high), hex(low)) =>
            {
                octets.extend(u8::try_from(high * 16 + low));
                text = behind;
            }
            (b'+', _) => octets.push(b' '),
            (other, _) => octets.push(*other),
        }
    }
    octets
}

/// Type and body, with a line end between them. Behind anything that does not have the boundary, the form is the form.
fn parts(octets: &[u8]) {
    let Ok(text) = str::from_utf8(octets) else {
        return;
    };
    let (content_type, body) = text.split_once('\n').unwrap_or((text, ""));
    if asks_to_leave(Some(content_type), body.as_bytes()) {
        let lower = content_type.to_ascii_lowercase();
        assert!(lower.contains("urlencoded") || lower.contains("multipart/form-data"));
        assert!(!lower.contains("multipart") || body.contains("List-Unsubscribe"));
    }
    if !body.contains("--X") {
        let behind = format!("{body}{PARTS}");
        let known = Some("multipart/form-data; boundary=X");
        // A hyphen or two more in front make it another line.
        let is_apart = !body.ends_with('-');
        assert!(
            !is_apart || asks_to_leave(known, behind.as_bytes()),
            "{body:?}"
        );
    }
}
