//! The languages in which POP3 texts can be given (RFC 6856 section 3), and how a client's wish finds one.
//!
//! SMTP has no way to ask, so its texts are English. Nothing here translates: the words stand in the table.

/// A language of the catalogue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// In ASCII; what every session begins with.
    #[default]
    English,
    /// In UTF-8.
    Japanese,
}

impl Language {
    /// Every language, in the order in which LANG lists them.
    pub const ALL: [Self; 2] = [Self::English, Self::Japanese];

    /// Its tag (RFC 5646).
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Japanese => "ja",
        }
    }

    /// Its name in the language itself (RFC 6856 section 3.2).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Japanese => "\u{65e5}\u{672c}\u{8a9e}",
        }
    }

    /// The language that suits a basic language range (RFC 4647 section 2.1), if there is one.
    ///
    /// RFC 4647 section 3.4: the range is shortened from its end until it is a tag we have, so that `ja-JP` finds
    /// `ja`. `*` is the default language, the same for everybody (RFC 6856 section 7: it must not tell whose
    /// session this is).
    #[must_use]
    pub fn lookup(range: &str) -> Option<Self> {
        if range == "*" {
            return Some(Self::default());
        }
        let mut subtags = range.split('-');
        let well_formed = subtags.all(|subtag| {
            (1..=8).contains(&subtag.len()) && subtag.bytes().all(|c| c.is_ascii_alphanumeric())
        });
        let first = range.split('-').next().unwrap_or(range);
        Self::ALL
            .into_iter()
            .find(|language| well_formed && language.tag().eq_ignore_ascii_case(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_find_the_language_they_begin_with() {
        use Language::{English, Japanese};
        for (range, expected) in [
            ("en", Some(English)),
            ("EN", Some(English)),
            ("en-GB", Some(English)),
            ("en-boont", Some(English)),
            ("ja", Some(Japanese)),
            ("ja-JP", Some(Japanese)),
            ("ja-Latn-hepburn", Some(Japanese)),
            ("*", Some(English)),
            ("de", None),
            ("jav", None),
            ("j", None),
            ("", None),
            ("-", None),
            ("ja-", None),
            ("ja--JP", None),
            ("ja_JP", None),
            ("ja-toolongasubtag", None),
            ("*-JP", None),
            ("x-ja", None),
            ("\u{65e5}\u{672c}", None),
        ] {
            assert_eq!(Language::lookup(range), expected, "{range:?}");
        }
    }
}
