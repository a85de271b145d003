//! How local names are compared: without regard to case and to the way letters with marks are put together.
//!
//! It is for our own mailboxes only; what names mean elsewhere is not known here (RFC 5321 section 2.4).

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;

/// The key to compare a local part, an address or a login name by.
///
/// RFC 6532 section 3.1: text is compared in Normalization Form C, so that `ö` is `ö` whether it is one character or an
/// `o` and its dots. Each character is in lower case, whatever stands around it.
///
/// ```
/// assert_eq!(address::fold("Jo\u{308}RG"), "jörg");
/// ```
#[must_use]
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let lower: String = nfc(text).chars().flat_map(char::to_lowercase).collect();
    nfc(&lower).into_owned()
}

fn nfc(text: &str) -> Cow<'_, str> {
    ComposingNormalizerBorrowed::new_nfc().normalize(text)
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(fold(text), expected, "{text:?}");
        assert_eq!(fold(expected), expected, "{text:?} folded twice");
    }

    #[test]
    fn case_and_composition_do_not_count() {
        check("User.NAME+X", "user.name+x");
        check("JÖRG", "jörg");
        check("Jo\u{308}rg", "jörg");
        check("JO\u{308}RG", "jörg");
        check("\u{212b}", "å");
        check("ΣΑΣ", "σασ");
        check("İ", "i\u{307}");
        check("手紙", "手紙");
        check("straße", "straße");
        check("", "");
    }
}
