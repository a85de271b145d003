//! Finds codes in what somebody typed or pasted: a code, a reply, a bounce, a log line.
//!
//! The text is anybody's. It is read once from front to back, what is kept of it is bounded, and control characters
//! are gone from whatever is given back. What a code means is not known here.

use super::unsent::UNSENT;
use super::{Code, codes};
use crate::row::{Enhanced, Row};

mod cursor;

use cursor::Cursor;

/// No more codes than this are found in one text; no bounce has as many.
const MOST: usize = 32;
/// So much of the text behind a code is kept, in characters.
const LONGEST_TEXT: usize = 600;

/// Where the text comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Typed: every number that can be a code is one, until other words come.
    Typed,
    /// Pasted: a number is a code where its surroundings say so.
    Pasted,
}

/// A code, and what stood behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The code.
    pub code: Code,
    /// The text behind it, printable and bounded; lines of one reply are joined. May be empty.
    pub text: String,
}

/// Every code in a text, in the order in which they stand there, each once.
///
/// A code that says less than another one there is left out: `5.1.1`, and `550` with the same words, beside
/// `550 5.1.1`.
#[must_use]
pub fn find(text: &str, source: Source) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for line in lines(text) {
        let mut cursor = Cursor::new(&line, source);
        while let Some((code, rest)) = cursor.next_code() {
            note(&mut found, code, rest);
        }
    }
    let all = found.clone();
    found.retain(|one| !all.iter().any(|other| says_more(other, one)));
    found
}

/// The lines of a text. Bounces and header fields are wrapped: a line that is indented goes on with the one before, unless
/// it is a line of a reply of its own.
fn lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text
        .replace("\r\n", "\n")
        .split(['\n', '\r', '\u{2028}', '\u{2029}'])
    {
        let words = line.trim_start_matches([' ', '\t']);
        let first = words.split([' ', '-']).next().unwrap_or_default();
        let goes_on = words.len() < line.len() && !words.is_empty() && reply_code(first).is_none();
        match lines.last_mut() {
            Some(before) if goes_on && !before.is_empty() => {
                before.push(' ');
                before.push_str(words);
            }
            Some(_) | None => lines.push(line.to_owned()),
        }
    }
    lines
}

/// Adds a code, or its text to that of the same code.
fn note(found: &mut Vec<Found>, code: Code, text: &str) {
    if let Some(known) = found.iter_mut().find(|known| known.code == code) {
        let room = LONGEST_TEXT.saturating_sub(known.text.chars().count());
        if room <= 1 {
            return;
        }
        let more = clean(text);
        if !more.is_empty() && !known.text.contains(&more) {
            if !known.text.is_empty() {
                known.text.push(' ');
            }
            known.text.extend(more.chars().take(room - 1));
        }
    } else if found.len() < MOST {
        let text = clean(text);
        found.push(Found { code, text });
    }
}

/// Whether `more` is the same as `less` with something added. A bare code with words of its own is another reply.
fn says_more(more: &Found, less: &Found) -> bool {
    let same = less.text.is_empty()
        || more.text.contains(&less.text)
        || (!more.text.is_empty() && less.text.contains(&more.text));
    match (&more.code, &less.code) {
        (Code::Smtp(with, Some(_)), Code::Smtp(without, None)) => with == without && same,
        (Code::Smtp(_, Some(behind)), Code::Enhanced(alone)) => behind == alone,
        (Code::Err(Some(_)), Code::Err(None)) => same,
        (_, _) => false,
    }
}

/// Printable text without what drives a terminal, blanks run together.
fn clean(text: &str) -> String {
    let mut cleaned = String::new();
    let mut kept = 0;
    for c in text.chars() {
        if kept == LONGEST_TEXT {
            cleaned.push_str("...");
            break;
        }
        let blank = c.is_whitespace() || is_harmful(c);
        if !blank {
            cleaned.push(c);
            kept += 1;
        } else if !cleaned.is_empty() && !cleaned.ends_with(' ') {
            cleaned.push(' ');
            kept += 1;
        }
    }
    // What closes the quotation, or the field of a log line.
    let end = cleaned.trim_end_matches([' ', '"', '\'', '}', ',']).len();
    cleaned.truncate(end);
    cleaned
}

/// Control characters, and marks that are not seen or turn the text around.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// The row of ours with this id.
fn row(id: &str) -> Option<&'static Row> {
    crate::rows().find(|row| row.id.eq_ignore_ascii_case(id))
}

/// The id of the catalogue that this is, sent or not.
fn id(word: &str) -> Option<Code> {
    row(word).map(Code::Row).or_else(|| {
        UNSENT
            .iter()
            .find(|unsent| unsent.id.eq_ignore_ascii_case(word))
            .map(Code::Unsent)
    })
}

/// `5.1.1`, with anything that can stand there.
fn enhanced(word: &str) -> Option<Enhanced> {
    let mut parts = word.split('.');
    let mut number = || {
        let part = parts.next()?;
        // RFC 3463 section 2: one to three digits.
        let fits = (1..=3).contains(&part.len()) && part.bytes().all(|c| c.is_ascii_digit());
        fits.then(|| part.parse::<u16>().ok())?
    };
    let (class, subject, detail) = (number()?, number()?, number()?);
    let class = u8::try_from(class).ok()?;
    // RFC 3463 section 3.1: the classes there are.
    (matches!(class, 2 | 4 | 5) && parts.next().is_none())
        .then_some(Enhanced(class, subject, detail))
}

/// `550`, and any other three digits whose first one says something (RFC 5321 section 4.3.2: the rest may be unknown).
fn reply_code(word: &str) -> Option<u16> {
    let fits = word.len() == 3 && word.bytes().all(|c| c.is_ascii_digit());
    let code: u16 = fits.then(|| word.parse().ok())??;
    (2..=5).contains(&(code / 100)).then_some(code)
}

/// Whether a number that stands alone in a pasted text is a code rather than a count or a house number.
fn is_plausible(code: u16) -> bool {
    code >= 400 && codes::meaning(code).is_some()
}
