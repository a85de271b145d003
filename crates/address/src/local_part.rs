//! Local parts: what stands to the left of the `@`. Whether it names anybody is the store's business.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::str::FromStr;

use crate::fold::fold;
use crate::text::serde_as_text;

/// Longest local part in octets (RFC 5321 section 4.5.3.1.1), counted without quoting.
const MAX_OCTETS: usize = 64;

/// A local part with its case kept and its quoting removed. It may hold letters beyond ASCII (RFC 6531).
///
/// `"user"` and `user` are the same local part (RFC 5321 section 4.1.2); printing puts quotes and backslashes
/// back where the text needs them, and only there.
///
/// ```
/// let plain: address::LocalPart = "user".parse().unwrap();
/// let quoted: address::LocalPart = r#""us\er""#.parse().unwrap();
/// assert_eq!(plain, quoted);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LocalPart(Box<str>);

/// Why a text is not a local part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocalPartError {
    /// Neither a dot-string nor a quoted string.
    #[error("the part before the @ is malformed")]
    Syntax,
    /// More than 64 octets.
    #[error("the part before the @ is longer than 64 octets")]
    TooLong,
}

impl LocalPart {
    /// Takes a local part from the front of `input`; the rest is handed back.
    ///
    /// ```text
    /// Local-part     = Dot-string / Quoted-string              ; RFC 5321 section 4.1.2
    /// Dot-string     = Atom *("." Atom)
    /// Quoted-string  = DQUOTE *QcontentSMTP DQUOTE
    /// QcontentSMTP   = qtextSMTP / quoted-pairSMTP
    /// quoted-pairSMTP = %d92 %d32-126
    /// qtextSMTP      = %d32-33 / %d35-91 / %d93-126
    /// atext          =/ UTF8-non-ascii                        ; RFC 6531 section 3.3
    /// qtextSMTP      =/ UTF8-non-ascii
    /// ```
    /// Controls and marks that change the direction of text are refused: they show an address as another one.
    ///
    /// # Errors
    /// [`LocalPartError::Syntax`], or [`LocalPartError::TooLong`] when it is otherwise well-formed.
    pub(crate) fn take(input: &[u8]) -> Result<(Taken<'_>, &[u8]), LocalPartError> {
        match input.strip_prefix(b"\"") {
            Some(quoted) => take_quoted(quoted),
            None => take_dot_string(input),
        }
    }

    /// The text without quoting, case kept.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key to compare by, see [`fold`]. (Local delivery ignores case; other hosts' local parts are never
    /// folded, RFC 5321 section 2.4.)
    #[must_use]
    pub fn folded(&self) -> String {
        fold(&self.0)
    }

    /// Whether it can be sent without SMTPUTF8.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.0.is_ascii()
    }

    /// What stands before the first `+`: `user` of `user+list`. A leading `+` starts no detail.
    #[must_use]
    pub fn base(&self) -> &str {
        self.split_detail().0
    }

    /// What stands behind the first `+`, if there is one.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.split_detail().1
    }

    /// Whether it looks like a route to somewhere else: `u%x`, `x!u`, `"u@x"`.
    ///
    /// Relays of old followed these, and strangers still try them; so no mailbox here is called so.
    #[must_use]
    pub fn is_route(&self) -> bool {
        self.0.contains(['%', '!', '@'])
    }

    fn split_detail(&self) -> (&str, Option<&str>) {
        match self.0.split_once('+') {
            Some((base, detail)) if !base.is_empty() => (base, Some(detail)),
            Some(_) | None => (&self.0, None),
        }
    }
}

/// A local part on its way in, its length not judged yet, so that a fault further right is seen first.
pub(crate) struct Taken<'a>(Cow<'a, [u8]>);

impl Taken<'_> {
    /// Judges the length and keeps the value.
    pub(crate) fn finish(self) -> Result<LocalPart, LocalPartError> {
        if self.0.len() > MAX_OCTETS {
            return Err(LocalPartError::TooLong);
        }
        // RFC 3629 section 3: overlong forms, surrogates and stray octets are no UTF-8.
        let text = str::from_utf8(&self.0).map_err(|_| LocalPartError::Syntax)?;
        if text.contains(misleads) {
            return Err(LocalPartError::Syntax);
        }
        Ok(LocalPart(text.into()))
    }
}

fn take_dot_string(input: &[u8]) -> Result<(Taken<'_>, &[u8]), LocalPartError> {
    let end = input
        .iter()
        .position(|octet| !is_atext(*octet) && *octet != b'.')
        .unwrap_or(input.len());
    let (text, rest) = input.split_at(end);
    if !is_dot_string(text) {
        return Err(LocalPartError::Syntax);
    }
    Ok((Taken(Cow::Borrowed(text)), rest))
}

/// `quoted` starts behind the opening quote.
fn take_quoted(quoted: &[u8]) -> Result<(Taken<'_>, &[u8]), LocalPartError> {
    let mut content = Vec::new();
    let mut octets = quoted.iter().enumerate();
    while let Some((at, octet)) = octets.next() {
        match octet {
            b'"' => return Ok((Taken(Cow::Owned(content)), &quoted[at + 1..])),
            b'\\' => match octets.next() {
                Some((_, pair @ 32..=126)) => content.push(*pair),
                Some(_) | None => return Err(LocalPartError::Syntax),
            },
            32..=126 | 128.. => content.push(*octet),
            _ => return Err(LocalPartError::Syntax),
        }
    }
    Err(LocalPartError::Syntax)
}

/// Controls, line and paragraph separators, and marks that turn the text around.
fn misleads(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `atext` of RFC 5322 section 3.2.3 and RFC 6531 section 3.3.
const fn is_atext(octet: u8) -> bool {
    matches!(octet,
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9'
        | b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'/' | b'=' | b'?' | b'^' | b'_' | b'`'
        | b'{' | b'|' | b'}' | b'~' | 128..)
}

fn is_dot_string(text: &[u8]) -> bool {
    text.split(|octet| *octet == b'.')
        .all(|atom| !atom.is_empty() && atom.iter().all(|octet| is_atext(*octet)))
}

impl fmt::Display for LocalPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_dot_string(self.0.as_bytes()) {
            return f.write_str(&self.0);
        }
        f.write_char('"')?;
        for letter in self.0.chars() {
            if matches!(letter, '"' | '\\') {
                f.write_char('\\')?;
            }
            f.write_char(letter)?;
        }
        f.write_char('"')
    }
}

impl FromStr for LocalPart {
    type Err = LocalPartError;

    fn from_str(text: &str) -> Result<Self, LocalPartError> {
        let (taken, rest) = Self::take(text.as_bytes())?;
        if !rest.is_empty() {
            return Err(LocalPartError::Syntax);
        }
        taken.finish()
    }
}

serde_as_text!(LocalPart);

#[cfg(test)]
mod tests {
    use super::{LocalPart, LocalPartError};

    #[track_caller]
    fn check(input: &str, expected: Result<(&str, &str), LocalPartError>) {
        let parsed: Result<LocalPart, _> = input.parse();
        let seen = parsed
            .as_ref()
            .map(|local| (local.as_str().to_owned(), local.to_string()))
            .map_err(|e| *e);
        let expected = expected.map(|(text, shown)| (text.to_owned(), shown.to_owned()));
        assert_eq!(seen, expected, "{input:?}");
        if let Ok(local) = parsed {
            assert_eq!(local.to_string().parse(), Ok(local));
        }
    }

    #[test]
    fn known_local_parts() {
        check("user", Ok(("user", "user")));
        check("User.Name", Ok(("User.Name", "User.Name")));
        check("a+b", Ok(("a+b", "a+b")));
        check(
            "!#$%&'*+-/=?^_`{|}~",
            Ok(("!#$%&'*+-/=?^_`{|}~", "!#$%&'*+-/=?^_`{|}~")),
        );
        check(r#""user""#, Ok(("user", "user")));
        check(r#""us\er""#, Ok(("user", "user")));
        check(r#""a b""#, Ok(("a b", r#""a b""#)));
        check(r#""a\"b""#, Ok(("a\"b", r#""a\"b""#)));
        check(r#""a\\b""#, Ok(("a\\b", r#""a\\b""#)));
        check(r#""a@b""#, Ok(("a@b", r#""a@b""#)));
        check(r#""a>b""#, Ok(("a>b", r#""a>b""#)));
        check(r#""a..b""#, Ok(("a..b", r#""a..b""#)));
        check(r#"".a""#, Ok((".a", r#"".a""#)));
        check(r#""""#, Ok(("", r#""""#)));
        check("", Err(LocalPartError::Syntax));
        check(".", Err(LocalPartError::Syntax));
        check(".a", Err(LocalPartError::Syntax));
        check("a.", Err(LocalPartError::Syntax));
        check("a..b", Err(LocalPartError::Syntax));
        check("a b", Err(LocalPartError::Syntax));
        check("a(b", Err(LocalPartError::Syntax));
        check(";sleep 66;", Err(LocalPartError::Syntax));
        check("\"a", Err(LocalPartError::Syntax));
        check("\"a\\\"", Err(LocalPartError::Syntax));
        check("\"a\"b", Err(LocalPartError::Syntax));
        check("\"a\nb\"", Err(LocalPartError::Syntax));
        check("\"a\\\nb\"", Err(LocalPartError::Syntax));
        check("\"a\0b\"", Err(LocalPartError::Syntax));
        check("a\u{7f}b", Err(LocalPartError::Syntax));
        check("jürgen", Ok(("jürgen", "jürgen")));
        check(
            "Jo\u{308}rg.手紙",
            Ok(("Jo\u{308}rg.手紙", "Jo\u{308}rg.手紙")),
        );
        check(r#""jür gen""#, Ok(("jür gen", r#""jür gen""#)));
        check(r#""jürgen""#, Ok(("jürgen", "jürgen")));
        check("\"j\\ürgen\"", Err(LocalPartError::Syntax));
        check("j\u{85}", Err(LocalPartError::Syntax));
        check("j\u{2028}", Err(LocalPartError::Syntax));
        check("j\u{202e}", Err(LocalPartError::Syntax));
        check("\"j\u{200f}\"", Err(LocalPartError::Syntax));
        check("jürgen.", Err(LocalPartError::Syntax));
    }

    #[test]
    fn limit_is_64_octets_without_quoting() {
        check(&"ü".repeat(32), Ok((&"ü".repeat(32), &"ü".repeat(32))));
        check(
            &format!("{}a", "ü".repeat(32)),
            Err(LocalPartError::TooLong),
        );
        let longest = "a".repeat(64);
        check(&longest, Ok((&longest, &longest)));
        check(&format!("\"{longest}\""), Ok((&longest, &longest)));
        check(&"a".repeat(65), Err(LocalPartError::TooLong));
        check(
            &format!("\"{}\"", "a".repeat(65)),
            Err(LocalPartError::TooLong),
        );
    }

    #[test]
    fn detail_starts_at_the_first_plus() {
        #[track_caller]
        fn check(input: &str, base: &str, detail: Option<&str>) {
            let local: LocalPart = input.parse().unwrap();
            assert_eq!((local.base(), local.detail()), (base, detail), "{input:?}");
        }
        check("user", "user", None);
        check("user+list", "user", Some("list"));
        check("user+a+b", "user", Some("a+b"));
        check("user+", "user", Some(""));
        check("+user", "+user", None);
        check("+", "+", None);
    }

    #[test]
    fn routes_are_known_by_their_signs() {
        for (input, route) in [
            ("user", false),
            ("o'brien", false),
            ("u%x", true),
            ("x!u", true),
            ("\"u@x\"", true),
            ("\"u x\"", false),
        ] {
            let local: LocalPart = input.parse().unwrap();
            assert_eq!(local.is_route(), route, "{input:?}");
        }
    }

    #[test]
    fn folding_forgets_case_and_composition() {
        let folded = |text: &str| text.parse::<LocalPart>().unwrap().folded();
        assert_eq!(folded("User.NAME+X"), "user.name+x");
        assert_eq!(folded("JO\u{308}RG"), folded("\"jörg\""));
    }
}
