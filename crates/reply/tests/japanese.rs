//! Rules the Japanese words keep: every row has them, and they say what the English ones say.

use std::collections::BTreeSet;

use reply::{Language, japanese, rows};

/// What a reader must find in both languages: commands, keys, addresses to copy.
fn quoted(text: &str) -> BTreeSet<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_row_is_explained_in_japanese() {
    let known: BTreeSet<_> = japanese::ids().collect();
    let without: Vec<String> = rows()
        .filter(|row| !known.contains(row.id))
        .map(|row| format!("{} ({})", row.id, row.name))
        .collect();
    assert!(
        without.is_empty(),
        "no Japanese `when`, `cause` and `remedy` in crates/reply/src/japanese for: {}",
        without.join(", ")
    );
}

#[test]
fn every_japanese_entry_has_its_row_and_stands_there_once() {
    let ids: BTreeSet<_> = rows().map(|row| row.id).collect();
    let mut seen = BTreeSet::new();
    for id in japanese::ids() {
        assert!(ids.contains(id), "{id} has Japanese words but no row");
        assert!(seen.insert(id), "{id} has Japanese words twice");
    }
}

#[test]
fn japanese_words_are_japanese_sentences() {
    for row in rows().filter(|row| japanese::reasons(row.id).is_some()) {
        let reasons = row.reasons(Language::Japanese);
        for text in [reasons.when, reasons.cause, reasons.remedy] {
            assert!(
                text.ends_with('。') && !text.is_ascii(),
                "{}: {text:?} is no sentence",
                row.id
            );
            assert!(!text.chars().any(char::is_control), "{}: {text:?}", row.id);
            for sentence in text.split('。').filter(|sentence| !sentence.is_empty()) {
                // Polite throughout; what stands behind a bracket at the end belongs to the sentence.
                let end = sentence.trim_end_matches('）');
                assert!(
                    [
                        "です",
                        "ます",
                        "ません",
                        "ました",
                        "ください",
                        "ませんでした",
                        "ましょう"
                    ]
                    .iter()
                    .any(|polite| end.ends_with(polite))
                        || sentence.ends_with('）'),
                    "{}: {sentence:?} is not polite",
                    row.id
                );
            }
        }
    }
}

#[test]
fn commands_and_keys_are_the_same_in_both_languages() {
    for row in rows().filter(|row| japanese::reasons(row.id).is_some()) {
        let reasons = row.reasons(Language::Japanese);
        for (english, japanese) in [
            (row.when, reasons.when),
            (row.cause, reasons.cause),
            (row.remedy, reasons.remedy),
        ] {
            let words = |text| -> BTreeSet<String> {
                quoted(text)
                    .into_iter()
                    // Names of settings in mail programs are translated, those of ours are not.
                    .filter(|word| {
                        ![
                            "normal password",
                            "encrypted password",
                            "leave messages on server",
                        ]
                        .contains(word)
                    })
                    .map(str::to_owned)
                    .collect()
            };
            // The Japanese may name a key more.
            assert!(
                words(english).is_subset(&words(japanese)),
                "{}: {english:?} and {japanese:?}",
                row.id
            );
        }
        assert_eq!(
            row.remedy == "Nothing to do.",
            reasons.remedy == "対処は不要です。",
            "{}",
            row.id
        );
        assert_eq!(
            row.remedy.contains("Administrator"),
            reasons.remedy.contains("管理者："),
            "{}: who is to act",
            row.id
        );
    }
}
