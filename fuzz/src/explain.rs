//! Codes in pasted text: whatever is found is bounded, printable, found again by its own name, and can be explained.

use std::fmt::Write as _;

use reply::Language;
use reply::explain::{Source, explain, find};

/// No more codes are found in one text.
const MOST: usize = 32;
/// Nor is more text kept of one, in characters, the dots at its end included.
const LONGEST: usize = 610;

/// All of the input is a bounce.
pub fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    for source in [Source::Typed, Source::Pasted] {
        let found = find(&text, source);
        assert!(found.len() <= MOST, "{} codes", found.len());
        for (index, one) in found.iter().enumerate() {
            assert!(
                found[..index].iter().all(|other| other.code != one.code),
                "twice: {one:?}"
            );
            assert!(!one.text.chars().any(char::is_control), "{one:?}");
            assert!(one.text.chars().count() <= LONGEST, "{one:?}");
            let again = find(&one.code.to_string(), Source::Typed);
            assert_eq!(again.len(), 1, "{one:?}");
            assert_eq!(again[0].code, one.code);
            shown(&explain(one));
        }
    }
}

/// Reads all of an explanation.
fn shown(explanation: &reply::explain::Explanation<'_>) {
    let mut page = String::new();
    for language in Language::ALL {
        for row in &explanation.replies {
            page.push_str(row.reasons(language).remedy);
        }
        for meaning in &explanation.meanings {
            let _ = write!(
                page,
                "{}{}",
                meaning.of,
                meaning.words.in_language(language)
            );
        }
        for (other, _) in &explanation.elsewhere {
            let _ = write!(
                page,
                "{}{}",
                other.shown(),
                other.words.in_language(language)
            );
        }
        for unsent in &explanation.unsent {
            page.push_str(unsent.words.in_language(language));
        }
    }
    assert!(
        !page.is_empty(),
        "nothing is said of {:?}",
        explanation.found
    );
}
