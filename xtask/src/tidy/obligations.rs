//! That no obligation is forgotten, that every proof named is there, and that the document says so.

use std::collections::BTreeSet;
use std::fs;

use crate::obligations::{self, AREAS, Level, Obligation, Standing, document, ids, proof};
use crate::workspace;

fn declared() -> Vec<Obligation> {
    obligations::read().unwrap()
}

#[track_caller]
fn no_complaints(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn every_obligation_is_declared_once_and_in_its_place() {
    assert_eq!(ids().count(), 313);
    assert_eq!(declared().len(), 313);
}

#[test]
fn every_proof_of_an_obligation_is_there() {
    let mut complaints = Vec::new();
    for one in declared() {
        let proofs = match &one.standing {
            Standing::Held(proofs) | Standing::Deviation(_, proofs) => proofs,
            Standing::Waiting(_) => continue,
        };
        let faults = proofs
            .iter()
            .filter_map(|proof| proof::fault(&one.id, proof));
        complaints.extend(faults.map(|fault| format!("{}: {fault}", one.id)));
    }
    no_complaints(&complaints);
}

#[test]
fn obligations_are_sentences_from_known_places() {
    let mut complaints = Vec::new();
    let mut told = BTreeSet::new();
    for one in declared() {
        let mut wrong = |what: &str| complaints.push(format!("{}: {what}", one.id));
        let reason = match &one.standing {
            Standing::Deviation(reason, _) => Some(reason),
            Standing::Held(_) | Standing::Waiting(_) => None,
        };
        for sentence in [Some(&one.says), reason, one.note.as_ref()]
            .into_iter()
            .flatten()
        {
            if !sentence.trim_end_matches(')').ends_with('.') || sentence.len() < 20 {
                wrong("no sentence");
            }
        }
        if !told.insert(one.says.clone()) {
            wrong("says the same as another");
        }
        if !one.clients.chars().all(|letter| "TOAD".contains(letter)) {
            wrong("clients are T, O, A and D");
        }
        if !one.rfc.split("; ").all(is_source) {
            wrong("no RFC with its sections, nor product or practice");
        }
        // What an RFC demands of a server is not given up for convenience alone.
        if one.level <= Level::MustNot && reason.is_some_and(|reason| reason.len() < 60) {
            wrong("too short a reason to break a MUST");
        }
    }
    no_complaints(&complaints);
}

fn is_source(part: &str) -> bool {
    let Some((number, sections)) = part.split_once(' ') else {
        return ["product", "practice"].contains(&part);
    };
    let section = |section: &str| {
        section
            .split('.')
            .all(|number| !number.is_empty() && number.bytes().all(|octet| octet.is_ascii_digit()))
    };
    number.bytes().all(|octet| octet.is_ascii_digit()) && sections.split(", ").all(section)
}

#[test]
fn the_document_shows_the_obligations_as_they_are_declared() {
    let path = workspace::root().join("docs/OBLIGATIONS.md");
    let written = fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == document::markdown(&declared()),
        "docs/OBLIGATIONS.md is stale: run `cargo xtask obligations`"
    );
}

/// Every obligation a dialogue says it is about exists, so that nobody looks for it in vain.
#[test]
fn dialogues_speak_of_obligations_that_exist() {
    let ids: BTreeSet<String> = ids().collect();
    let mut complaints = Vec::new();
    let mut pending: Vec<_> = proof::DIALOGUES
        .iter()
        .map(|place| workspace::root().join(place))
        .collect();
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            for id in text
                .lines()
                .take_while(|line| line.starts_with('#'))
                .flat_map(named)
            {
                if !ids.contains(id) {
                    complaints.push(format!("{}: no obligation {id}", path.display()));
                }
            }
        }
    }
    no_complaints(&complaints);
}

/// The words of a comment that look like the id of an obligation.
fn named(comment: &str) -> impl Iterator<Item = &str> {
    comment
        .split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-')
        .filter(|word| {
            AREAS
                .iter()
                .any(|area| word.split('-').next() == Some(area.letters))
        })
        .filter(|word| {
            let number = word.get(4..).unwrap_or_default();
            word.get(3..4) == Some("-") && number.bytes().all(|octet| octet.is_ascii_digit())
        })
}
