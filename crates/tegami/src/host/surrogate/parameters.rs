//! Content-Type and Content-Disposition with parameters beyond ASCII, such as the name of a file (RFC 2231).

use std::fmt::Write as _;

/// Octets of an encoded value on one line.
const PIECE: usize = 54;

/// The value in ASCII, word by word; nothing if what stands before the parameters has no ASCII form.
pub(super) fn words(value: &str) -> Vec<String> {
    let mut parts = split(value).into_iter();
    let Some(kind) = parts.next().filter(|kind| kind.is_ascii()) else {
        return Vec::new();
    };
    let mut parameters: Vec<String> = vec![kind.to_owned()];
    for part in parts.filter(|part| !part.is_empty()) {
        if part.is_ascii() {
            parameters.push(part.to_owned());
        } else if let Some((name, value)) = part.split_once('=') {
            parameters.extend(encode(name.trim(), &unquoted(value.trim())));
        }
    }
    let last = parameters.len() - 1;
    for parameter in &mut parameters[..last] {
        parameter.push(';');
    }
    parameters
}

/// RFC 2231 sections 3 and 4: charset, percent-encoding, and several pieces where it is long.
fn encode(name: &str, value: &str) -> Vec<String> {
    let token = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_');
    if name.is_empty() || !name.bytes().all(token) {
        return Vec::new();
    }
    let mut pieces = vec![String::from("UTF-8''")];
    for octet in value.bytes() {
        if pieces.last().is_some_and(|piece| piece.len() >= PIECE) {
            pieces.push(String::new());
        }
        if let Some(piece) = pieces.last_mut() {
            if token(octet) {
                piece.push(char::from(octet));
            } else {
                let written = write!(piece, "%{octet:02X}");
                debug_assert!(written.is_ok(), "writing to memory does not fail");
            }
        }
    }
    if let [value] = pieces.as_slice() {
        return vec![format!("{name}*={value}")];
    }
    let pieces = pieces.iter().enumerate();
    pieces
        .map(|(index, value)| format!("{name}*{index}*={value}"))
        .collect()
}

/// Splits at semicolons outside of quotes.
fn split(value: &str) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, c) in value.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ';' if !quoted => {
                parts.push(value[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(value[start..].trim());
    parts
}

fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"') else {
        return value.to_owned();
    };
    let mut text = String::new();
    let mut characters = inner.chars();
    while let Some(c) = characters.next() {
        match c {
            '"' => break,
            '\\' => text.extend(characters.next()),
            c => text.push(c),
        }
    }
    text
}
