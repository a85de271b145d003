//! What a code means, whoever sent it: our own replies that match, what its digits say, what other servers mean.
//!
//! [`find`] finds codes in text; [`explain`] gathers what is known about one. Nothing here reads a file or prints:
//! `tegami explain` shows it, and the documentation is written from the same tables.

mod codes;
mod digits;
mod elsewhere;
mod find;
mod matching;
mod registry;
mod response;
#[cfg(test)]
mod tests;
mod unsent;

use std::borrow::Cow;
use std::fmt;

use crate::language::Language;
use crate::row::{Enhanced, Row};

pub use codes::CODES;
pub use digits::{CLASSES, FIRST, SECOND, SUBJECTS};
pub use elsewhere::{ELSEWHERE, Elsewhere};
pub use find::{Found, Source, find};
pub use matching::{Explanation, explain};
pub use registry::REGISTRY;
pub use response::RESPONSES;
pub use unsent::{UNSENT, Unsent, Waits};

/// What can be typed, for `tegami explain --help`.
pub const EXAMPLES: &str = "\
Examples: tegami explain 550 5.1.1
          tegami explain 5.7.26 --lang ja
          tegami explain \"-ERR [IN-USE]\"
          tegami explain S-452b
          tegami explain \"550 5.7.1 Relay access denied\"
          tegami explain - < bounce.eml";

/// What to type instead, when there was no code in it.
pub const TRY: &str = "tegami explain 550 5.1.1, tegami explain \"-ERR [IN-USE]\", tegami explain S-452b; \
     a code has three digits (550), or three numbers with dots (5.1.1)";

/// The same words in every language of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    /// In plain English, ASCII.
    pub en: &'static str,
    /// In plain Japanese.
    pub ja: &'static str,
}

impl Words {
    /// The words in this language.
    #[must_use]
    pub const fn in_language(&self, language: Language) -> &'static str {
        match language {
            Language::English => self.en,
            Language::Japanese => self.ja,
        }
    }
}

/// Makes words; the tables are full of them.
const fn words(en: &'static str, ja: &'static str) -> Words {
    Words { en, ja }
}

/// A code of either protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// An SMTP reply code, with the enhanced code that stood behind it.
    Smtp(u16, Option<Enhanced>),
    /// An enhanced code alone (RFC 3463).
    Enhanced(Enhanced),
    /// `+OK`.
    Ok,
    /// `-ERR`, with the response code in brackets.
    Err(Option<String>),
    /// The id of a row of ours.
    Row(&'static Row),
    /// An id of the catalogue that this release does not send.
    Unsent(&'static Unsent),
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Smtp(code, Some(enhanced)) => write!(f, "{code} {enhanced}"),
            Self::Smtp(code, None) => write!(f, "{code}"),
            Self::Enhanced(enhanced) => write!(f, "{enhanced}"),
            Self::Ok => f.write_str("+OK"),
            Self::Err(Some(response)) => write!(f, "-ERR [{response}]"),
            Self::Err(None) => f.write_str("-ERR"),
            Self::Row(row) => f.write_str(row.id),
            Self::Unsent(unsent) => f.write_str(unsent.id),
        }
    }
}

impl fmt::Display for Enhanced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// What a part of a code says, such as the `5` of `550`, or all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// The part: `5yz`, `550`, `5.x.x`, `x.7.x`, `x.7.26`, `[IN-USE]`.
    pub of: Cow<'static, str>,
    /// What it says.
    pub words: Words,
    /// Where that is written.
    pub rfc: &'static str,
}
