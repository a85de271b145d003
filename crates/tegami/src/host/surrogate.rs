//! Surrogates: international messages for clients that read ASCII headers only (RFC 6856 section 2.1).
//!
//! The way of RFC 6858, the simple one: a header field in plain ASCII stays as it is, to the octet. In the others an
//! address with a name beyond ASCII gives way to one that cannot be written to, and stands in words beside it; where
//! only the domain is beyond ASCII its A-labels are put, so that replies work. Text becomes encoded words (RFC 2047),
//! parameters are written as RFC 2231 says, and a field that has no ASCII form at all is left out. What is lost
//! should look lost and never altered. The body, and so the headers of parts inside it, is not touched: clients have
//! been given 8-bit bodies for ever.

use std::borrow::Cow;

mod addresses;
mod parameters;

/// The longest header that is rewritten, and it is held in memory for that long.
pub const LONGEST_HEADER: usize = 1024 * 1024;
/// The longest header that may come of it: encoding makes text longer, and short addresses much longer.
const LONGEST_RESULT: usize = 4 * LONGEST_HEADER;

/// Where the header of `message` ends, its blank line included; `None` while that cannot be seen yet. The blank line
/// is looked for from `seen` on.
///
/// RFC 5322 section 2.1: the header ends with a line that has nothing before its CRLF.
pub fn header_length(message: &[u8], seen: usize) -> Option<usize> {
    if message.starts_with(b"\r\n") {
        return Some(2);
    }
    memchr::memmem::find(&message[seen..], b"\r\n\r\n").map(|at| seen + at + 4)
}

/// `header` in ASCII, or `None` if that would be too long. Its blank line, if it has one, stays.
pub fn header(header: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(header.len() + header.len() / 2);
    let mut rest = header;
    while !rest.is_empty() {
        let (field, after) = rest.split_at(field_length(rest));
        if field.is_ascii() {
            out.extend_from_slice(field);
        } else {
            rewrite(&String::from_utf8_lossy(field), &mut out);
        }
        if out.len() > LONGEST_RESULT {
            return None;
        }
        rest = after;
    }
    Some(out)
}

/// Octets of the first field with its folded lines.
fn field_length(header: &[u8]) -> usize {
    let mut from = 0;
    while let Some(at) = memchr::memmem::find(&header[from..], b"\r\n") {
        let end = from + at + 2;
        // RFC 5322 section 2.2.3: a line that begins with white space goes on with the field.
        if !matches!(header.get(end), Some(b' ' | b'\t')) {
            return end;
        }
        from = end;
    }
    header.len()
}

/// How the value of a field is built.
enum Value {
    /// Mailboxes and groups (RFC 5322 section 3.4).
    Addresses,
    /// A token with parameters (RFC 2045 section 5.1, RFC 2183).
    Parameters,
    /// Anything a person may read (RFC 5322 section 2.2.1).
    Text,
    /// Structure that programs rely on and that has no other form: left out (RFC 6858 section 2.4).
    Fixed,
}

fn value_of(name: &str) -> Value {
    match name.to_ascii_lowercase().as_str() {
        "from"
        | "sender"
        | "reply-to"
        | "to"
        | "cc"
        | "bcc"
        | "return-path"
        | "resent-from"
        | "resent-sender"
        | "resent-reply-to"
        | "resent-to"
        | "resent-cc"
        | "resent-bcc"
        | "disposition-notification-to"
        | "delivered-to"
        | "mail-followup-to" => Value::Addresses,
        "content-type" | "content-disposition" => Value::Parameters,
        "date"
        | "resent-date"
        | "message-id"
        | "resent-message-id"
        | "in-reply-to"
        | "references"
        | "received"
        | "received-spf"
        | "mime-version"
        | "content-transfer-encoding"
        | "content-id"
        | "content-location"
        | "content-language"
        | "authentication-results"
        | "dkim-signature"
        | "list-id"
        | "list-help"
        | "list-unsubscribe"
        | "list-subscribe"
        | "list-post"
        | "list-owner"
        | "list-archive" => Value::Fixed,
        other if other.starts_with("arc-") => Value::Fixed,
        _ => Value::Text,
    }
}

/// One field that is not ASCII.
fn rewrite(field: &str, out: &mut Vec<u8>) {
    let Some((name, value)) = field.split_once(':') else {
        return;
    };
    // RFC 5322 section 2.2; RFC 6532 section 3.1 leaves names in ASCII.
    if name.is_empty() || !name.bytes().all(|octet| octet.is_ascii_graphic()) {
        return;
    }
    let value = unfolded(value);
    let taken = name.len() + 1;
    let words = match value_of(name) {
        Value::Addresses => addresses::words(&value, taken),
        Value::Parameters => parameters::words(&value),
        Value::Text => mime::text(&value, taken),
        Value::Fixed => return,
    };
    if !words.is_empty() {
        let field = mime::Field::new(name).words(words).finish();
        out.extend_from_slice(field.as_bytes());
    }
}

fn unfolded(value: &str) -> Cow<'_, str> {
    if value.contains(['\r', '\n']) {
        Cow::Owned(value.replace(['\r', '\n'], ""))
    } else {
        Cow::Borrowed(value)
    }
}

#[cfg(test)]
mod tests;
