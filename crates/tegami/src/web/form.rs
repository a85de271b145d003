//! The one form there is: whether it asks for leaving with one click (RFC 8058 section 3.2).

/// Its one field, and what that must be.
pub const FIELD: &str = "List-Unsubscribe";
pub const VALUE: &str = "One-Click";

/// Whether a body of this type is the form. RFC 8058 section 3.1: `multipart/form-data`, or the type that browsers send
/// without being told (which is taken for it when there is none).
pub fn asks_to_leave(content_type: Option<&str>, body: &[u8]) -> bool {
    let content_type = content_type.unwrap_or("application/x-www-form-urlencoded");
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        let mut fields = form_urlencoded::parse(body.trim_ascii_end());
        return fields.any(|(name, value)| name == FIELD && value == VALUE);
    }
    if kind.eq_ignore_ascii_case("multipart/form-data")
        && let Some(boundary) = parameter(content_type, "boundary")
        && let Ok(body) = str::from_utf8(body)
    {
        return parts(body, boundary).any(is_it);
    }
    false
}

/// What stands between the lines of the boundary (RFC 2046 section 5.1.1). A part without an end is none.
fn parts<'a>(body: &'a str, boundary: &str) -> impl Iterator<Item = &'a str> {
    let delimiter = format!("--{boundary}");
    let mut pieces: Vec<&str> = body.split(&delimiter).collect();
    let closed = pieces.last().is_some_and(|last| last.starts_with("--"));
    pieces.truncate(if closed { pieces.len() - 1 } else { 0 });
    pieces
        .into_iter()
        .skip(1)
        .filter_map(|part| part.trim_start_matches([' ', '\t']).strip_prefix("\r\n"))
        .filter_map(|part| part.strip_suffix("\r\n"))
}

/// RFC 7578 section 4.2: the name of a field stands in its Content-Disposition.
fn is_it(part: &str) -> bool {
    let Some((head, content)) = part.split_once("\r\n\r\n") else {
        return false;
    };
    let named = head.lines().any(|line| {
        line.split_once(':').is_some_and(|(name, value)| {
            name.eq_ignore_ascii_case("content-disposition")
                && parameter(value, "name") == Some(FIELD)
        })
    });
    named && content == VALUE
}

/// The value of a parameter, without its quotes.
fn parameter<'a>(value: &'a str, wanted: &str) -> Option<&'a str> {
    let mut parameters = value.split(';').skip(1);
    let found = parameters.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let same = name.trim().eq_ignore_ascii_case(wanted);
        same.then_some(value.trim())
    })?;
    let bare = found
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(found);
    // RFC 2046 section 5.1.1: up to 70 letters.
    (1..=70).contains(&bare.len()).then_some(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MULTIPART: &str = "--X\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--X--\r\n";

    #[track_caller]
    fn check(content_type: Option<&str>, body: &str, expected: bool) {
        let found = asks_to_leave(content_type, body.as_bytes());
        assert_eq!(found, expected, "{content_type:?} {body:?}");
    }

    #[test]
    fn both_kinds_of_forms_are_understood() {
        let urlencoded = Some("application/x-www-form-urlencoded");
        let multipart = Some("multipart/form-data; boundary=X");
        for (content_type, body, expected) in [
            (urlencoded, "List-Unsubscribe=One-Click", true),
            (None, "List-Unsubscribe=One-Click", true),
            (urlencoded, "List-Unsubscribe=One-Click\r\n", true),
            (urlencoded, "a=b&List%2DUnsubscribe=One%2dClick&c", true),
            (
                Some("Application/X-WWW-Form-Urlencoded; charset=UTF-8"),
                "List-Unsubscribe=One-Click",
                true,
            ),
            (urlencoded, "", false),
            (urlencoded, "List-Unsubscribe", false),
            (urlencoded, "List-Unsubscribe=One-Click!", false),
            (urlencoded, "list-unsubscribe=one-click", false),
            (urlencoded, MULTIPART, false),
            (multipart, MULTIPART, true),
            (
                Some("multipart/form-data; charset=utf-8; Boundary=\"X\""),
                MULTIPART,
                true,
            ),
            (Some("Multipart/Form-Data;boundary=\"Y\""), MULTIPART, false),
            (Some("multipart/form-data"), MULTIPART, false),
            (Some("multipart/form-data; boundary="), MULTIPART, false),
            (Some("multipart/mixed; boundary=X"), MULTIPART, false),
            (Some("text/plain"), "List-Unsubscribe=One-Click", false),
            (Some(";"), "List-Unsubscribe=One-Click", false),
        ] {
            check(content_type, body, expected);
        }
    }

    #[test]
    fn of_a_multipart_only_whole_parts_count() {
        let content_type = Some("multipart/form-data; boundary=X");
        let cut = |at: usize| &MULTIPART[..at];
        for at in 0..MULTIPART.len() - "--\r\n".len() + 2 {
            check(content_type, cut(at), false);
        }
        let others = format!(
            "before\r\n--X \r\ncontent-disposition: form-data; name=b\r\nX: y\r\n\r\n1\r\n{MULTIPART}"
        );
        check(content_type, &others, true);
        for (old, new) in [
            ("One-Click\r\n", "One-Click \r\n"),
            ("name=\"List-Unsubscribe\"", "name=\"x\""),
            ("name=\"List-Unsubscribe\"", "filename=\"List-Unsubscribe\""),
            ("\r\n\r\n", "\r\n"),
            ("Content-Disposition", "X-Content-Disposition"),
        ] {
            check(content_type, &MULTIPART.replacen(old, new, 1), false);
        }
    }
}
