//! A password on its way through the server: wiped when dropped, never printed.
//!
//! It does not protect against someone who can read the process's memory; it keeps passwords out of logs,
//! panic messages and freed memory.

use std::borrow::Cow;
use std::fmt;

use icu_normalizer::ComposingNormalizerBorrowed;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// Text that must not be seen: a password as typed.
///
/// There is no `Display`, `Debug` is redacted, comparison takes the same time wherever the difference lies,
/// and the memory is wiped on drop.
#[derive(Clone, Default)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes ownership of the text.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself, for the one place that must know it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// True when there is no text at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text in the one form that is hashed and compared.
    ///
    /// RFC 8265 section 4.2.2 (OpaqueString): other spaces become U+0020, then normalisation form C, so that
    /// the same password typed on two systems is the same password. Letter case and width are kept. Code
    /// points the profile disallows are not looked for: a password containing them simply works as it is.
    pub(crate) fn prepared(&self) -> Prepared<'_> {
        if self.0.is_ascii() {
            return Prepared(Cow::Borrowed(&self.0));
        }
        let spaced: Zeroizing<String> = Zeroizing::new(self.0.chars().map(plain_space).collect());
        let normalised = ComposingNormalizerBorrowed::new_nfc()
            .normalize(&spaced)
            .into_owned();
        Prepared(Cow::Owned(normalised))
    }

    /// The text as SCRAM clients hash it (RFC 5802 section 2.2: SASLprep, RFC 4013): other spaces become
    /// U+0020, what is mapped to nothing goes, then normalisation form KC. Forbidden code points are not looked
    /// for, as in [`Secret::prepared`].
    pub(crate) fn saslprep(&self) -> Prepared<'_> {
        if self.0.is_ascii() {
            return Prepared(Cow::Borrowed(&self.0));
        }
        let mapped: Zeroizing<String> = Zeroizing::new(
            self.0
                .chars()
                .filter(|letter| !maps_to_nothing(*letter))
                .map(plain_space)
                .collect(),
        );
        let normalised = ComposingNormalizerBorrowed::new_nfkc()
            .normalize(&mapped)
            .into_owned();
        Prepared(Cow::Owned(normalised))
    }
}

/// RFC 3454 table B.1, which RFC 4013 section 2.1 maps to nothing.
fn maps_to_nothing(letter: char) -> bool {
    matches!(
        letter,
        '\u{00ad}'
            | '\u{034f}'
            | '\u{1806}'
            | '\u{180b}'..='\u{180d}'
            | '\u{200b}'..='\u{200d}'
            | '\u{2060}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
    )
}

/// A prepared password; wiped like the [`Secret`] it came from.
pub(crate) struct Prepared<'a>(Cow<'a, str>);

impl Prepared<'_> {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl Drop for Prepared<'_> {
    fn drop(&mut self) {
        if let Cow::Owned(text) = &mut self.0 {
            text.zeroize();
        }
    }
}

/// RFC 8265 section 4.2.2, rule 2: any space separator (general category Zs) becomes U+0020.
fn plain_space(letter: char) -> char {
    match letter {
        '\u{00a0}'
        | '\u{1680}'
        | '\u{2000}'..='\u{200a}'
        | '\u{202f}'
        | '\u{205f}'
        | '\u{3000}' => ' ',
        other => other,
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret {}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(typed: &str, prepared: &str) {
        let secret = Secret::from(typed);
        assert_eq!(
            secret.prepared().as_bytes(),
            prepared.as_bytes(),
            "{typed:?}"
        );
        assert_eq!(secret.expose(), typed, "the text itself is kept");
    }

    #[test]
    fn one_password_in_two_unicode_forms_is_one_password() {
        check("plain ASCII, untouched", "plain ASCII, untouched");
        check("", "");
        check("cafe\u{301}", "caf\u{e9}");
        check("caf\u{e9}", "caf\u{e9}");
        check("\u{1100}\u{1161}", "\u{ac00}");
        check("a\u{a0}b\u{3000}c", "a b c");
        // Neither case nor width is folded: that would make different passwords equal.
        check("\u{ff21}\u{c9}", "\u{ff21}\u{c9}");
        check("手紙", "手紙");
    }

    /// RFC 4013 section 3, and what both profiles agree on.
    #[test]
    fn saslprep_is_that_of_rfc_4013() {
        for (typed, prepared) in [
            ("I\u{ad}X", "IX"),
            ("user", "user"),
            ("USER", "USER"),
            ("\u{aa}", "a"),
            ("\u{2168}", "IX"),
            ("cafe\u{301}", "caf\u{e9}"),
            ("a\u{a0}b", "a b"),
            ("手紙", "手紙"),
        ] {
            let secret = Secret::from(typed);
            assert_eq!(
                secret.saslprep().as_bytes(),
                prepared.as_bytes(),
                "{typed:?}"
            );
        }
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::from("hunter2")), "Secret(..)");
    }

    #[test]
    fn equality_is_of_the_text() {
        assert_eq!(Secret::from("a"), Secret::from("a"));
        assert_ne!(Secret::from("a"), Secret::from("b"));
        assert_ne!(Secret::from("a"), Secret::from("aa"));
        assert!(Secret::default().is_empty());
    }
}
