//! What a server said in an attempt that is long over, out of the line for people that the store kept of it.

use smtp_client::Said;

/// The reply in such a line: it stands at the end, behind a colon if there are words in front. Nothing where the server
/// said nothing. What was too long is not whole.
pub(super) fn said(line: &str) -> Option<Said> {
    // The status behind it was written by the office itself.
    let line = match line.rsplit_once(" (") {
        Some((line, status)) if is_status(status) => line,
        Some(_) | None => line,
    };
    let starts = line.match_indices(": ").map(|(at, colon)| at + colon.len());
    let mut replies = std::iter::once(0)
        .chain(starts)
        .filter_map(|at| reply(&line[at..]));
    replies.next()
}

fn is_status(text: &str) -> bool {
    text.strip_suffix(')').is_some_and(|status| {
        let numbers = status.split('.');
        numbers.clone().count() == 3 && numbers.clone().all(|one| one.parse::<u16>().is_ok())
    })
}

/// A refusal: a code, and text that may begin with an enhanced one.
fn reply(text: &str) -> Option<Said> {
    let (code, text) = text.split_once(' ').unwrap_or((text, ""));
    let is_code = code.len() == 3 && code.starts_with(['4', '5']);
    let code = code.parse().ok().filter(|_| is_code)?;
    Some(Said {
        code,
        enhanced: None,
        text: text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::said;

    #[test]
    fn the_reply_is_found_behind_the_words_and_nowhere_else() {
        let check = |line: &str, expected: Option<(u16, &str)>| {
            let found = said(line);
            let found = found.as_ref().map(|said| (said.code, said.text.as_str()));
            assert_eq!(found, expected, "{line}");
        };
        check(
            "mx.a.test [192.0.2.1] does not take mail for the recipient now: 450 4.2.0 greylisted: wait (4.2.0)",
            Some((450, "4.2.0 greylisted: wait")),
        );
        check("451 busy (4.3.2)", Some((451, "busy")));
        check("421 (4.0.0)", Some((421, "")));
        check(
            "No connection to mx.a.test [192.0.2.1]: nobody answered in time. (4.4.1)",
            None,
        );
        check("mx.a.test took the message: 250 ok (2.0.0)", None);
        check("450é (4.0.0)", None);
        check("", None);
    }
}
