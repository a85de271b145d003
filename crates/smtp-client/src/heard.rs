//! Replies as they come in (RFC 5321 section 4.2), read octet by octet.
//!
//! Every octet is a stranger's. A reply is bounded in its lines, their length and its whole; what is no reply is known at
//! the first octet that shows it, and nothing is guessed behind that. What a code means to us is not decided here.

use std::fmt;

use reply::Enhanced;

/// Longest line of a reply, in octets without CRLF. RFC 5321 section 4.5.3.1.5 allows 512; servers with much to explain are
/// not that short.
pub const MOST_LINE: usize = 2048;
/// Longest reply, in octets.
pub const MOST_OCTETS: usize = 32 * 1024;
/// Most lines of one reply; an EHLO reply has a line for every extension.
const MOST_LINES: usize = 256;
/// Longest text kept of a reply, in octets.
const MOST_TEXT: usize = 1024;
/// Longest beginning shown of what was no reply, in octets.
const MOST_SHOWN: usize = 80;

/// The sort of a reply, by its first digit (RFC 5321 section 4.2.1). Codes that are not known are judged by it (section
/// 4.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// 2yz.
    Done,
    /// 3yz.
    GoOn,
    /// 4yz.
    NotNow,
    /// 5yz.
    Never,
}

/// Why something is no reply, or no reply at this place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A line that does not begin with a code from 200 to 599, and a space, a hyphen or nothing behind it (RFC 5321
    /// section 4.2; codes beyond are none to go on with). Its beginning, made harmless.
    #[error("{0:?} is no reply")]
    NoReply(String),
    /// A CR or LF that does not belong to a CRLF (RFC 5321 section 2.3.8).
    #[error("a line end that is not CRLF")]
    BareNewline,
    /// The lines of one reply have different codes (RFC 5321 section 4.2.1).
    #[error("one reply with two codes")]
    MixedCodes,
    /// A line, or all lines together, longer than is borne.
    #[error("a reply without end")]
    TooLong,
    /// A reply of a kind that this command does not have, such as 250 to DATA.
    #[error("a reply that does not fit: {0}")]
    Unfit(Said),
    /// A reply to nothing that was asked.
    #[error("a reply to nothing: {0}")]
    OutOfTurn(Said),
    /// The beginning of a reply to what had not been asked yet.
    #[error("an answer before the question")]
    TooSoon,
}

/// What the peer said: a reply, made harmless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// 200 to 599.
    pub code: u16,
    /// The enhanced status code (RFC 2034), where there was one of the code's own class.
    pub enhanced: Option<Enhanced>,
    /// The text of all lines without their codes, at most 1,024 octets, printable.
    pub text: String,
}

/// A reply as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) code: u16,
    /// What stands behind the code and its separator, line by line.
    pub(crate) lines: Vec<Vec<u8>>,
}

/// Reads replies. It never holds more than one, and never more than [`MOST_OCTETS`].
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// The line so far.
    line: Vec<u8>,
    after_cr: bool,
    /// The code of the lines before.
    code: Option<[u8; 3]>,
    lines: Vec<Vec<u8>>,
    /// Octets of the reply so far.
    octets: usize,
}

impl Reader {
    /// Takes octets up to the end of a reply, or to where it turns out that there is none. Says how many it took.
    pub(crate) fn take(&mut self, octets: &[u8]) -> (usize, Option<Result<Heard, Fault>>) {
        for (at, octet) in octets.iter().enumerate() {
            if let Some(result) = self.octet(*octet).transpose() {
                *self = Self::default();
                return (at + 1, Some(result));
            }
        }
        (octets.len(), None)
    }

    /// Whether a reply has begun and not ended.
    pub(crate) fn is_midway(&self) -> bool {
        self.octets > 0
    }

    fn octet(&mut self, octet: u8) -> Result<Option<Heard>, Fault> {
        self.octets += 1;
        match octet {
            b'\n' if self.after_cr => return self.end_of_line(),
            b'\n' => return Err(Fault::BareNewline),
            _ if self.after_cr => return Err(Fault::BareNewline),
            b'\r' => self.after_cr = true,
            _ => self.text(octet)?,
        }
        if self.octets > MOST_OCTETS {
            return Err(Fault::TooLong);
        }
        Ok(None)
    }

    /// ```text
    /// Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF   ; section 4.2
    /// Reply-code = %x32-35 %x30-35 %x30-39
    /// ```
    /// The second digit may be any, as unknown codes count by their first (section 4.3.2).
    fn text(&mut self, octet: u8) -> Result<(), Fault> {
        let at = self.line.len();
        if at >= MOST_LINE {
            return Err(Fault::TooLong);
        }
        self.line.push(octet);
        let fits = match at {
            0 => matches!(octet, b'2'..=b'5'),
            1 | 2 => octet.is_ascii_digit(),
            3 => matches!(octet, b' ' | b'-'),
            _ => true,
        };
        if !fits {
            return Err(self.no_reply());
        }
        match self.code {
            Some(code) if at < 3 && code[at] != octet => Err(Fault::MixedCodes),
            _ => Ok(()),
        }
    }

    fn end_of_line(&mut self) -> Result<Option<Heard>, Fault> {
        let line = std::mem::take(&mut self.line);
        self.after_cr = false;
        let Some((code, rest)) = line.split_first_chunk::<3>() else {
            self.line = line;
            return Err(self.no_reply());
        };
        // RFC 5321 section 4.2: a code alone is to be put up with.
        let (goes_on, text) = match rest.split_first() {
            Some((separator, text)) => (*separator == b'-', text),
            None => (false, rest),
        };
        self.lines.push(text.to_vec());
        if goes_on {
            self.code = Some(*code);
            let many = self.lines.len() >= MOST_LINES || self.octets > MOST_OCTETS;
            return if many { Err(Fault::TooLong) } else { Ok(None) };
        }
        let number = code
            .iter()
            .fold(0, |number, digit| number * 10 + u16::from(digit - b'0'));
        Ok(Some(Heard {
            code: number,
            lines: std::mem::take(&mut self.lines),
        }))
    }

    fn no_reply(&self) -> Fault {
        Fault::NoReply(harmless(&self.line, MOST_SHOWN))
    }
}

impl Heard {
    pub(crate) fn class(&self) -> Class {
        match self.code {
            ..300 => Class::Done,
            300..400 => Class::GoOn,
            400..500 => Class::NotNow,
            500.. => Class::Never,
        }
    }

    /// The reply for people, logs and reports.
    pub(crate) fn said(&self) -> Said {
        let first = self.lines.first().map_or(&[][..], Vec::as_slice);
        let (enhanced, _) = enhanced(first, self.code);
        let mut text = Vec::new();
        for line in &self.lines {
            // RFC 2034 section 4: each line repeats the enhanced code.
            let (_, rest) = enhanced_of(line, enhanced, self.code);
            if !text.is_empty() {
                text.push(b' ');
            }
            text.extend_from_slice(rest);
            if text.len() > MOST_TEXT {
                break;
            }
        }
        Said {
            code: self.code,
            enhanced,
            text: harmless(&text, MOST_TEXT),
        }
    }
}

impl Said {
    /// The status of RFC 3463: the peer's own, or that of the code's class.
    #[must_use]
    pub fn status(&self) -> Enhanced {
        let class = if self.is_lasting() { 5 } else { 4 };
        let class = if self.code < 300 { 2 } else { class };
        self.enhanced.unwrap_or(Enhanced(class, 0, 0))
    }

    /// Whether it is meant for good (5yz).
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        self.code >= 500
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(enhanced) = self.enhanced {
            write!(f, " {enhanced}")?;
        }
        if self.text.is_empty() {
            return Ok(());
        }
        write!(f, " {}", self.text)
    }
}

/// The enhanced code at the front of a text, and what follows it.
///
/// ```text
/// status-code = ("2" / "4" / "5") "." 1*3digit "." 1*3digit    ; RFC 2034 section 4, RFC 3463 section 2
/// ```
/// It counts only when it is of the code's own class (RFC 2034 section 4).
fn enhanced(text: &[u8], code: u16) -> (Option<Enhanced>, &[u8]) {
    let end = text.iter().position(|octet| *octet == b' ');
    let (word, rest) = text.split_at(end.unwrap_or(text.len()));
    let number = |part: &[u8]| {
        let digits = (1..=3).contains(&part.len()) && part.iter().all(u8::is_ascii_digit);
        let text = str::from_utf8(part).ok().filter(|_| digits)?;
        text.parse::<u16>().ok()
    };
    let mut parts = word.split(|octet| *octet == b'.').map(number);
    let read = (parts.next(), parts.next(), parts.next(), parts.next());
    let (Some(Some(class)), Some(Some(subject)), Some(Some(detail)), None) = read else {
        return (None, text);
    };
    if class != code / 100 || class == 3 {
        return (None, text);
    }
    // It is a single digit, for it equals the code's first.
    let class = u8::try_from(class).unwrap_or_default();
    let rest = rest.strip_prefix(b" ").unwrap_or(rest);
    (Some(Enhanced(class, subject, detail)), rest)
}

/// The same for a further line: only a repetition is taken off.
fn enhanced_of(text: &[u8], expected: Option<Enhanced>, code: u16) -> (Option<Enhanced>, &[u8]) {
    match enhanced(text, code) {
        (found, rest) if found == expected => (found, rest),
        (found, _) => (found, text),
    }
}

/// Text that can go into a log, a report or a terminal: well-formed, bounded, without control characters and without those
/// that change the direction of what follows.
pub(crate) fn harmless(octets: &[u8], most: usize) -> String {
    let cut = &octets[..octets.len().min(most)];
    let mut text = String::with_capacity(cut.len());
    for letter in String::from_utf8_lossy(cut).chars() {
        let letter = match letter {
            '\t' => ' ',
            letter if letter.is_control() || is_directing(letter) => '?',
            letter => letter,
        };
        // Replacements may be longer than what they replace.
        if text.len() + letter.len_utf8() > most {
            break;
        }
        text.push(letter);
    }
    text.trim_end().to_owned()
}

/// Marks of direction and line separators of Unicode, which are no control characters by category.
fn is_directing(letter: char) -> bool {
    matches!(
        letter,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    )
}

#[cfg(test)]
mod tests;
