//! The list of ids and their proofs is complete, and what is never sent stands in no row.

use std::collections::BTreeSet;

use reply::evidence::{added, conceived};
use reply::{Enhanced, Status, rows};

/// The ids the server was conceived from. None may get lost.
const CONCEIVED: usize = 242;

fn codes() -> impl Iterator<Item = (&'static str, u16)> {
    rows().filter_map(|row| match row.status {
        Status::Smtp(code, _) => Some((row.id, code)),
        Status::Ok | Status::Err(_) | Status::Continue => None,
    })
}

#[test]
fn every_id_stands_in_the_list_once() {
    let ids: BTreeSet<&str> = conceived().map(|entry| entry.id).collect();
    assert_eq!((ids.len(), conceived().count()), (CONCEIVED, CONCEIVED));
    let all: BTreeSet<&str> = added().map(|entry| entry.id).chain(ids).collect();
    for row in rows() {
        assert!(all.contains(row.id), "{}", row.id);
    }
}

// RFC 5321 section 4.2.1
#[test]
fn first_digits_are_2_to_5() {
    for (id, code) in codes() {
        assert!((200..600).contains(&code), "{id}: {code}");
    }
}

// RFC 5321 section 4.2.1: 4 has no meaning as a second digit. 241 in old lists is a misprint of 214.
#[test]
fn no_second_digit_is_4() {
    for (id, code) in codes() {
        assert_ne!(code / 10 % 10, 4, "{id}: {code}");
    }
}

// RFC 5321 section 4.2.3: 550 stands for so much that the enhanced code must say what.
#[test]
fn every_550_has_a_reason_of_its_own() {
    let mut seen = 0;
    for row in rows() {
        if let Status::Smtp(550, enhanced) = row.status {
            seen += 1;
            assert!(
                matches!(enhanced, Some(Enhanced(5, subject, _)) if subject != 0),
                "{}: {enhanced:?}",
                row.id
            );
        }
    }
    assert!(seen > 3, "only {seen} rows are 550");
}

#[test]
fn the_table_of_proofs_shows_the_list_as_it_is() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/PROOF.md");
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == reply::evidence::markdown(),
        "docs/PROOF.md is stale: run `cargo xtask replies`"
    );
}

// A stranger who reads the repository was not there when it was planned.
#[test]
fn the_documents_speak_of_nothing_that_only_insiders_know() {
    for (name, text) in reply::document::all() {
        for words in ["conceived", "of our own", "plans", "planned"] {
            assert!(!text.contains(words), "{name} says {words:?}");
        }
    }
}
