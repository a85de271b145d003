//! A reply on its way to the wire, and the only place where reply bytes are made.
//!
//! It does not decide anything: code, enhanced code, shape and text come from the row. Whatever was given at run
//! time passes through one filter, so that no argument can end a line, start another or outgrow its own.

use std::borrow::Cow;

use crate::language::Language;
use crate::row::{Enhanced, Row, Shape, Status, next_argument};

/// Longest reply line in octets without its CRLF (RFC 5321 section 4.5.3.1.5; RFC 1939 section 3).
const LINE_LIMIT: usize = 510;
/// Longest SASL challenge line in octets without its CRLF (RFC 4954 section 4, RFC 5034 section 4).
const CHALLENGE_LIMIT: usize = 12_288 - 2;
/// Longest argument in octets; a whole mailbox (RFC 5321 section 4.5.3.1.3) fits.
const ARGUMENT_LIMIT: usize = 256;

/// Digits of a reply code; behind them stands what says whether more lines come.
const CODE_DIGITS: usize = 3;
/// Octets of code, enhanced code and CRLF, or somewhat more.
const ROOM_OF_A_PREFIX: usize = 16;

/// A row of the catalogue with its arguments filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    row: &'static Row,
    args: Vec<(&'static str, String)>,
    lines: Vec<Cow<'static, str>>,
    language: Language,
    utf8: bool,
}

impl Reply {
    /// A reply with no arguments yet.
    #[must_use]
    pub fn new(row: &'static Row) -> Self {
        Self {
            row,
            args: Vec::new(),
            lines: Vec::new(),
            language: Language::default(),
            utf8: false,
        }
    }

    /// Fills in `{name}`. Anything unprintable becomes `?`, and long text is shortened.
    #[must_use]
    pub fn arg(mut self, name: &'static str, value: impl std::fmt::Display) -> Self {
        self.args.push((name, value.to_string()));
        self
    }

    /// Adds a line after the first: an EHLO keyword, a help line, a POP3 listing line.
    #[must_use]
    pub fn line(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.lines.push(text.into());
        self
    }

    /// Adds several such lines.
    #[must_use]
    pub fn further(mut self, mut lines: Vec<Cow<'static, str>>) -> Self {
        if self.lines.is_empty() {
            self.lines = lines;
        } else {
            self.lines.append(&mut lines);
        }
        self
    }

    /// Adds why, and what to do, in English, where the row takes it ([`Row::takes_reasons`]) and has no lines yet.
    #[must_use]
    pub fn explained(self) -> Self {
        match self.row.remedy_for_sender() {
            Some(remedy) if self.row.takes_reasons() && self.lines.is_empty() => {
                let cause = self.row.cause;
                self.line(cause).line(remedy)
            }
            Some(_) | None => self,
        }
    }

    /// Says it in this language, where the row knows it. Status and response code stay what they are.
    #[must_use]
    pub fn in_language(mut self, language: Language) -> Self {
        self.language = language;
        self
    }

    /// Lets arguments and further lines hold UTF-8, for a client that asked for it (RFC 6531 section 3.7.4.2).
    #[must_use]
    pub fn in_utf8(mut self, asked: bool) -> Self {
        self.utf8 = asked;
        self
    }

    /// Whether its arguments may hold UTF-8.
    #[must_use]
    pub fn is_in_utf8(&self) -> bool {
        self.utf8
    }

    /// The language of the text.
    #[must_use]
    pub fn language(&self) -> Language {
        self.language
    }

    /// The catalogue row.
    #[must_use]
    pub fn row(&self) -> &'static Row {
        self.row
    }

    /// Whether the arguments given are exactly those the row's text names. Tests ask; the encoder copes.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.row
            .arguments()
            .all(|wanted| self.argument(wanted).is_some())
            && self
                .args
                .iter()
                .all(|(given, _)| self.row.arguments().any(|wanted| wanted == *given))
    }

    /// Appends the reply as it goes over the wire, every line ended by CRLF.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self.row.status {
            Status::Smtp(code, enhanced) => self.encode_smtp(code, enhanced, out),
            Status::Ok => self.encode_pop3(b"+OK ", None, out),
            Status::Err(code) => self.encode_pop3(b"-ERR ", code, out),
            Status::Continue => {
                // RFC 5034 section 4: "+", one space, then base64 or nothing.
                let start = out.len();
                out.extend_from_slice(b"+ ");
                self.fill(CHALLENGE_LIMIT, out);
                finish_line(start, CHALLENGE_LIMIT, out);
            }
        }
    }

    /// RFC 5321 section 4.2.1: a hyphen after the code on every line but the last.
    fn encode_smtp(&self, code: u16, enhanced: Option<Enhanced>, out: &mut Vec<u8>) {
        // RFC 4954 section 4: 334 carries base64 and nothing else, however long the mechanism makes it.
        let (line_limit, argument_limit) = if code == 334 {
            (CHALLENGE_LIMIT, CHALLENGE_LIMIT)
        } else {
            (LINE_LIMIT, ARGUMENT_LIMIT)
        };
        out.reserve(self.roughly());
        let start = out.len();
        smtp_prefix(code, enhanced, self.lines.is_empty(), out);
        let prefix = start..out.len();
        self.fill(argument_limit, out);
        finish_line(start, line_limit, out);
        for (index, line) in self.lines.iter().enumerate() {
            let start = out.len();
            out.extend_from_within(prefix.clone());
            if index + 1 == self.lines.len() {
                out[start + CODE_DIGITS] = b' ';
            }
            self.push(line, LINE_LIMIT, out);
            finish_line(start, LINE_LIMIT, out);
        }
    }

    /// About as many octets as it takes, so that the buffer grows once.
    fn roughly(&self) -> usize {
        let lines = self.lines.iter().map(|line| line.len() + ROOM_OF_A_PREFIX);
        let arguments = self.args.iter().map(|(_, value)| value.len());
        let text = self.row.text_in(self.language).len();
        ROOM_OF_A_PREFIX + text + lines.sum::<usize>() + arguments.sum::<usize>()
    }

    /// Text given at run time: printable ASCII, or printable UTF-8 where the client asked for that.
    fn push(&self, text: &str, limit: usize, out: &mut Vec<u8>) {
        if self.utf8 {
            let start = out.len();
            push_text(text, out);
            shorten(start, limit, out);
        } else {
            push_printable(text, limit, out);
        }
    }

    fn encode_pop3(&self, status: &[u8], code: Option<&str>, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(status);
        if let Some(code) = code {
            out.push(b'[');
            out.extend_from_slice(code.as_bytes());
            out.extend_from_slice(b"] ");
        }
        let text = out.len();
        self.fill(ARGUMENT_LIMIT, out);
        // RFC 2449 section 6.4: where RESP-CODES is announced, a text in brackets is a response code.
        if out.get(text) == Some(&b'[') {
            out[text] = b'(';
        }
        finish_line(start, LINE_LIMIT, out);
        match self.row.shape {
            Shape::Line => debug_assert!(
                self.lines.is_empty(),
                "{}: a POP3 status line stands alone",
                self.row.id
            ),
            Shape::List => {
                for line in &self.lines {
                    let start = out.len();
                    // RFC 1939 section 3: a line that begins with the termination octet is stuffed.
                    if line.starts_with('.') {
                        out.push(b'.');
                    }
                    push_text(line, out);
                    finish_line(start, LINE_LIMIT, out);
                }
                out.extend_from_slice(b".\r\n");
            }
        }
    }

    /// The row's text with its arguments in place.
    fn fill(&self, argument_limit: usize, out: &mut Vec<u8>) {
        let mut rest = self.row.text_in(self.language);
        while let Some((before, name, after)) = next_argument(rest) {
            out.extend_from_slice(before.as_bytes());
            self.push(self.argument(name).unwrap_or("?"), argument_limit, out);
            rest = after;
        }
        out.extend_from_slice(rest.as_bytes());
    }

    fn argument(&self, name: &str) -> Option<&str> {
        self.args
            .iter()
            .find(|(given, _)| *given == name)
            .map(|(_, value)| value.as_str())
    }
}

/// `250-2.1.5 ` and its kind, on every line (RFC 2034 section 4); no formatting machinery, since this runs for every
/// command of every session.
fn smtp_prefix(code: u16, enhanced: Option<Enhanced>, last: bool, out: &mut Vec<u8>) {
    push_number(code, out);
    out.push(if last { b' ' } else { b'-' });
    if let Some(Enhanced(class, subject, detail)) = enhanced {
        push_number(u16::from(class), out);
        out.push(b'.');
        push_number(subject, out);
        out.push(b'.');
        push_number(detail, out);
        out.push(b' ');
    }
}

/// Decimal digits without leading zeros (RFC 3463 section 2 forbids them).
fn push_number(number: u16, out: &mut Vec<u8>) {
    if number >= 10 {
        push_number(number / 10, out);
    }
    out.push(b'0' + (number % 10) as u8);
}

/// At most `limit` octets of `text`, each a printable ASCII character or `?`; what was cut ends in `...`.
fn push_printable(text: &str, limit: usize, out: &mut Vec<u8>) {
    let start = out.len();
    if text.len() <= limit && text.bytes().all(is_printable) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    // One `?` per character, not per octet, so that a name in another alphabet keeps its length.
    let filtered = text.chars().map(|c| {
        if c.is_ascii() && is_printable(c as u8) {
            c as u8
        } else {
            b'?'
        }
    });
    out.extend(filtered.take(limit + 1));
    shorten(start, limit, out);
}

/// The same for text that may hold UTF-8, such as a line of a POP3 list (RFC 6856 section 3.2); whoever calls bounds it.
fn push_text(text: &str, out: &mut Vec<u8>) {
    let mut octets = [0; 4];
    for c in text.chars() {
        let c = if c.is_control() { '?' } else { c };
        out.extend_from_slice(c.encode_utf8(&mut octets).as_bytes());
    }
}

fn is_printable(octet: u8) -> bool {
    matches!(octet, b' '..=b'~')
}

/// Bounds the line that began at `start` and ends it.
fn finish_line(start: usize, limit: usize, out: &mut Vec<u8>) {
    shorten(start, limit, out);
    out.extend_from_slice(b"\r\n");
}

fn shorten(start: usize, limit: usize, out: &mut Vec<u8>) {
    if out.len() - start > limit {
        let mut end = start + limit - 3;
        // Never half a character: a continuation octet of UTF-8 is 10xxxxxx.
        while out[end] & 0xc0 == 0x80 {
            end -= 1;
        }
        out.truncate(end);
        out.extend_from_slice(b"...");
    }
}

#[cfg(test)]
#[path = "encode_tests.rs"]
mod tests;
