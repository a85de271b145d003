//! Goes through a line from one word to the next and says which of them are codes.
//!
//! How far it looks back and ahead is bounded, so that a line costs time in proportion to its length, whatever is in
//! it.

use super::super::{Code, response};
use super::{Source, enhanced, id, is_plausible, reply_code};

/// What may stand between a reply code and its enhanced code: `550-5.1.1`, `550 #5.1.1`, `550; "5.1.1"`.
const BETWEEN: &[char] = &[' ', '-', '#', ';', ',', ':', '(', '[', '"', '\'', '\t'];
/// What may stand between a code and its text, and is no part of it.
const BEHIND: &[char] = &[' ', '-', ';', ',', ':', ')', ']', '"', '\'', '\t'];
/// So many octets before a code are looked at.
const BACK: usize = 64;
/// No id of the catalogue is longer.
const LONGEST_ID: usize = 12;

/// Words before a reply that is quoted.
const SPEAKERS: [&str; 7] = [
    "returned", "replied", "code", "error", "said", "response", "status",
];
/// Words before the version of a program.
const PROGRAMS: [&str; 9] = [
    "exim", "version", "v", "postfix", "sendmail", "dovecot", "release", "esmtp", "tegami",
];

/// A place in a line.
pub(super) struct Cursor<'a> {
    line: &'a str,
    at: usize,
    source: Source,
    /// A word that is no code has been passed: what follows is a sentence, and numbers in it may be anything.
    prose: bool,
}

/// Letters, digits and what holds the parts of a code together. Everything else ends a word.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '_' | '@')
}

fn word_at(text: &str) -> &str {
    text.split(|c| !is_word(c)).next().unwrap_or_default()
}

impl<'a> Cursor<'a> {
    pub(super) fn new(line: &'a str, source: Source) -> Self {
        Self {
            line,
            at: 0,
            source,
            prose: false,
        }
    }

    /// The next code, and what stands behind it on the line.
    pub(super) fn next_code(&mut self) -> Option<(Code, &'a str)> {
        loop {
            let begins = |c| is_word(c) || matches!(c, '+' | '-' | '[');
            self.at += self.rest().find(begins)?;
            let (code, length) = self.here();
            // All that is looked at here is ASCII or whole words, so this is where a character begins.
            self.at += length;
            self.prose |= code.is_none() && length > 1;
            if let Some(code) = code {
                return Some((code, self.rest().trim_start_matches(BEHIND)));
            }
        }
    }

    fn rest(&self) -> &'a str {
        &self.line[self.at..]
    }

    /// What stands before, as far as it matters.
    fn before(&self) -> &'a str {
        let mut start = self.at.saturating_sub(BACK);
        while !self.line.is_char_boundary(start) {
            start += 1;
        }
        &self.line[start..self.at]
    }

    /// The code that begins here, if one does, and the length of what was looked at.
    fn here(&self) -> (Option<Code>, usize) {
        if let Some((code, length)) = self.pop3() {
            return (Some(code), length);
        }
        let rest = self.rest();
        let word = word_at(rest);
        if word.is_empty() {
            return (None, 1);
        }
        if let Some((code, length)) = self.id() {
            return (Some(code), length);
        }
        let bare = word.trim_end_matches('.');
        if let Some(code) = reply_code(bare) {
            return self.smtp(code, word.len());
        }
        let alone = enhanced(bare).filter(|code| self.is_enhanced_code_here(code.0, code.1));
        (alone.map(Code::Enhanced), word.len())
    }

    /// A reply code, with the enhanced code that may follow it.
    fn smtp(&self, code: u16, length: usize) -> (Option<Code>, usize) {
        let behind = &self.rest()[length..];
        let next = behind.trim_start_matches(BETWEEN);
        let gap = behind.len() - next.len();
        let next = word_at(next);
        if let Some(together) = enhanced(next.trim_end_matches('.'))
            && (1..=4).contains(&gap)
            && self.begins_a_word()
        {
            let code = Code::Smtp(code, Some(together));
            return (Some(code), length + gap + next.len());
        }
        let alone = self.source == Source::Typed && !self.prose && self.begins_a_word();
        let here = alone || (is_plausible(code) && self.is_reply_here(behind));
        (here.then_some(Code::Smtp(code, None)), length)
    }

    /// Whether a reply begins here in a pasted text: at the beginning of a line, or where somebody is quoted.
    fn is_reply_here(&self, behind: &str) -> bool {
        if !(behind.is_empty() || behind.starts_with([' ', '-', '"', '\'', ')', ';', ','])) {
            return false;
        }
        let before = self.before();
        let quoted = before.trim_end_matches([' ', '\t', '"', '\'', '<', '(', '[']);
        // `> ` and `<<< ` stand before quoted lines of mail and of transcripts.
        let opens = self.at <= BACK && quoted.trim_matches(['>', '<', '|', '*', ' ']).is_empty();
        let after_mark = quoted
            .strip_suffix([':', ';', '='])
            .is_some_and(|marked| !marked.ends_with(|c: char| c.is_ascii_digit()));
        let after_word =
            quoted.len() < before.len() && SPEAKERS.iter().any(|word| ends_with_word(quoted, word));
        opens || after_mark || after_word
    }

    /// Whether what looks like an enhanced code is one, and no version, date or address.
    fn is_enhanced_code_here(&self, class: u8, subject: u16) -> bool {
        if self.source == Source::Typed {
            return true;
        }
        let key = self.before().trim_end_matches([' ', '=', ':', '#', '"']);
        let keyed = ["dsn", "status"]
            .iter()
            .any(|word| ends_with_word(key, word));
        let program = PROGRAMS.iter().any(|word| ends_with_word(key, word));
        keyed || (class != 2 && subject <= 7 && self.begins_a_word() && !program)
    }

    /// Whether nothing touches the word from the left that would make it a part of another.
    fn begins_a_word(&self) -> bool {
        let before = self.before();
        !before.ends_with(|c: char| is_word(c) || matches!(c, '-' | '/'))
    }

    /// `-ERR [IN-USE]`, `+OK`; typed, also the bracket alone, or what stands in it if nothing else was typed.
    fn pop3(&self) -> Option<(Code, usize)> {
        let rest = self.rest();
        let typed = self.source == Source::Typed;
        let says = |status: &str| {
            let head = rest.get(..status.len())?;
            let same = head == status || (typed && head.eq_ignore_ascii_case(status));
            let tail = &rest[status.len()..];
            (same && !tail.starts_with(is_word)).then_some(tail)
        };
        if typed && says("+OK").is_some() {
            return Some((Code::Ok, 3));
        }
        if let Some(tail) = says("-ERR") {
            let behind = tail.trim_start_matches(' ');
            return Some(match response::bracketed(behind) {
                Some((name, length)) => {
                    let length = rest.len() - behind.len() + length;
                    (Code::Err(Some(name)), length)
                }
                None => (Code::Err(None), 4),
            });
        }
        if typed && let Some(name) = self.response_alone() {
            let length = name.len();
            return Some((Code::Err(Some(name)), length));
        }
        let (name, length) = response::bracketed(rest).filter(|_| typed)?;
        response::is_registered(&name).then_some((Code::Err(Some(name)), length))
    }

    /// What stands in the brackets of POP3, when it is all there is. The line is looked at when it is that short only.
    fn response_alone(&self) -> Option<String> {
        let line = self.line.trim();
        let first = self.line.len() <= BACK && self.rest().trim_end() == line;
        let name = first.then(|| line.to_ascii_uppercase())?;
        response::is_registered(&name).then_some(name)
    }

    /// An id of the catalogue: typed, or the value of a field in a log line.
    fn id(&self) -> Option<(Code, usize)> {
        let here = match self.source {
            Source::Typed => self.begins_a_word(),
            Source::Pasted => self.before().ends_with(['=', '"', '`']),
        };
        if !here {
            return None;
        }
        let part = |c: &u8| c.is_ascii_alphanumeric() || *c == b'-';
        let length = self
            .rest()
            .bytes()
            .take(LONGEST_ID)
            .take_while(part)
            .count();
        let code = id(&self.rest()[..length])?;
        Some((code, length))
    }
}

fn ends_with_word(text: &str, word: &str) -> bool {
    let Some(start) = text.len().checked_sub(word.len()) else {
        return false;
    };
    text.is_char_boundary(start)
        && text[start..].eq_ignore_ascii_case(word)
        && !text[..start].ends_with(char::is_alphanumeric)
}
