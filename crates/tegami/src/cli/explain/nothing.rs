//! What is said when there is nothing to explain: what was probably meant.

use reply::explain::{RESPONSES, TRY};

use crate::cli::report::Stuck;

/// So many ids are named.
const MOST: usize = 8;

/// What was typed, or pasted, holds no code.
pub fn found(text: &str, typed: bool) -> Stuck {
    if typed {
        let word = text.trim();
        return unknown_id(word)
            .or_else(|| number(word))
            .or_else(|| response(word))
            .unwrap_or_else(|| Stuck::new("there is no code in this", TRY));
    }
    logged_id(text)
        .and_then(unknown_id)
        .unwrap_or_else(|| Stuck::new("no code was found in this text", TRY))
}

/// The id of a line of the log.
fn logged_id(text: &str) -> Option<&str> {
    let (_, behind) = text
        .split_once("id=\"")
        .or_else(|| text.split_once("\"id\":\""))?;
    behind.split_once('"').map(|(id, _)| id)
}

/// One or more letters, a hyphen, and a digit somewhere behind it: an id, and none of ours.
fn unknown_id(word: &str) -> Option<Stuck> {
    let (letters, behind) = word.split_once('-')?;
    let fits = (1..=3).contains(&letters.len())
        && letters.bytes().all(|c| c.is_ascii_alphabetic())
        && (1..=8).contains(&behind.len())
        && behind.bytes().all(|c| c.is_ascii_alphanumeric())
        && behind.bytes().any(|c| c.is_ascii_digit());
    if !fits {
        return None;
    }
    // `S-550z` and `S-550` both mean one of `S-550a`, `S-550b` and so on.
    let stem = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let near: Vec<&str> = reply::rows()
        .map(|row| row.id)
        .filter(|id| {
            id.get(..stem.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(stem))
        })
        .take(MOST)
        .collect();
    let remedy = if near.is_empty() {
        "the ids are those of docs/REPLIES.md, such as S-550a; a reply code alone does as well: tegami explain 550".to_owned()
    } else {
        format!("did you mean {}?", near.join(", "))
    };
    Some(Stuck::new(
        format!("{word} is the id of no reply of this release"),
        remedy,
    ))
}

/// A number that cannot be a code.
fn number(word: &str) -> Option<Stuck> {
    let digits = !word.is_empty() && word.bytes().all(|c| c.is_ascii_digit());
    let dotted = word.split('.').count() > 1
        && word
            .split('.')
            .all(|part| !part.is_empty() && part.bytes().all(|c| c.is_ascii_digit()));
    if digits {
        Some(Stuck::new(
            format!(
                "{word} is no reply code of SMTP: these are three digits, and the first is 2, 3, 4 or 5"
            ),
            "look at the whole line again, or paste it: tegami explain -; a server that does send such a code means its \
             first digit, and anything but 2 to 5 is a fault of that server",
        ))
    } else if dotted {
        Some(Stuck::new(
            format!(
                "{word} is no enhanced code: these are three numbers, and the first is 2, 4 or 5"
            ),
            "such as tegami explain 5.1.1; look at the whole line again, or paste it: tegami explain -",
        ))
    } else {
        None
    }
}

/// A word as it stands in the brackets of POP3, and none that means anything.
fn response(word: &str) -> Option<Stuck> {
    let bracketed = word
        .strip_prefix('[')
        .and_then(|inside| inside.strip_suffix(']'));
    let name = bracketed.unwrap_or(word);
    let small = bracketed.is_some();
    let fits = (1..=32).contains(&name.len())
        && name.bytes().any(|c| c.is_ascii_alphabetic())
        && name.bytes().all(|c| {
            c.is_ascii_uppercase()
                || c.is_ascii_digit()
                || matches!(c, b'-' | b'/')
                || (small && c.is_ascii_lowercase())
        });
    if !fits {
        return None;
    }
    let known: Vec<&str> = RESPONSES.iter().map(|(name, ..)| *name).collect();
    Some(Stuck::new(
        format!(
            "[{name}] is no response code of POP3 that means the same everywhere; those are {}",
            known.join(", ")
        ),
        "the text behind it says what that server means",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::report::describe;

    #[track_caller]
    fn check(text: &str, typed: bool, said: &str, remedy: &str) {
        let message = describe(&found(text, typed).into());
        let (what, todo) = message.split_once("\n  try: ").unwrap();
        assert!(what.contains(said) && todo.contains(remedy), "{message}");
    }

    #[test]
    fn whoever_types_what_is_no_code_hears_why() {
        for (text, said, remedy) in [
            ("S-550z", "S-550z is the id of no reply", "S-550a, S-550b"),
            ("s-550", "s-550 is the id of no reply", "S-550a"),
            ("Q-7", "Q-7 is the id of no reply", "docs/REPLIES.md"),
            ("999", "999 is no reply code of SMTP", "paste it"),
            ("100", "100 is no reply code of SMTP", "paste it"),
            ("6.1.1", "6.1.1 is no enhanced code", "5.1.1"),
            ("[NO-SUCH]", "[NO-SUCH] is no response code", "behind it"),
            ("QUOTA", "those are AUTH, IN-USE", "behind it"),
            ("[\u{1b}]", "there is no code in this", "550 5.1.1"),
            (
                "hello",
                "there is no code in this",
                "tegami explain 550 5.1.1",
            ),
            ("", "there is no code in this", "tegami explain 550 5.1.1"),
        ] {
            check(text, true, said, remedy);
        }
        check(
            "refused id=\"S-550z\" from=x",
            false,
            "S-550z is the id",
            "S-550a",
        );
        check("{\"id\":\"S-550z\"}", false, "S-550z is the id", "S-550a");
        check("a letter", false, "no code was found", "tegami explain 550");
    }
}
