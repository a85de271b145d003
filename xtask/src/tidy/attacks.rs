//! That no attack is forgotten, that every proof named is there, and that the document says so.

use std::collections::BTreeSet;
use std::fs;

use crate::attacks::{self, Attack, document, ids, proof};
use crate::workspace;

fn declared() -> Vec<Attack> {
    attacks::read().unwrap()
}

#[track_caller]
fn no_complaints(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn every_attack_is_declared_once_and_in_its_place() {
    assert_eq!(ids().count(), 144);
    assert_eq!(declared().len(), 144);
}

#[test]
fn every_proof_against_an_attack_is_there() {
    let mut complaints = Vec::new();
    for one in declared() {
        let faults = one.proofs.iter().filter_map(|proof| proof::fault(proof));
        complaints.extend(faults.map(|fault| format!("{}: {fault}", one.id)));
        if let Some(octets) = &one.octets
            && !one.proofs.iter().any(|proof| proof::sends(proof, octets))
        {
            complaints.push(format!("{}: no dialogue named sends {octets}", one.id));
        }
    }
    no_complaints(&complaints);
}

#[test]
fn a_proof_that_is_not_there_is_noticed() {
    for (proof, there) in [
        ("tests/dialogues/smtp/http.txt", true),
        ("tests/dialogues/smtp/ftp.txt", false),
        ("xtask/src/bench.rs::the_middle_run_counts", true),
        ("xtask/src/bench.rs::middle", false),
        ("fuzz/targets/smtp.rs", true),
        ("xtask/src/bench.rs", false),
        ("cargo xtask torture --small-disk", true),
        ("cargo xtask torture --small-disc", false),
        ("cargo xtask tortoise", false),
    ] {
        assert_eq!(proof::fault(proof).is_none(), there, "{proof}");
    }
}

#[test]
fn lines_of_attacks_are_short_and_each_its_own() {
    let mut complaints = Vec::new();
    let mut told = BTreeSet::new();
    for one in declared() {
        for text in [&one.sent, &one.must] {
            if text.is_empty() || text.len() > 400 || text.contains('\n') {
                complaints.push(format!("{}: too short or too long: {text}", one.id));
            }
        }
        if !told.insert(one.sent.clone()) {
            complaints.push(format!("{}: sends the same as another", one.id));
        }
    }
    no_complaints(&complaints);
}

#[test]
fn the_document_shows_the_attacks_as_they_are_declared() {
    let path = workspace::root().join("docs/ATTACKS.md");
    let written = fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == document::markdown(&declared()),
        "docs/ATTACKS.md is stale: run `cargo xtask attacks`"
    );
}

/// A dialogue of an attack is called after its line, which names it.
#[test]
fn every_dialogue_of_an_attack_is_named_by_its_line() {
    let attacks = declared();
    let mut complaints = Vec::new();
    for protocol in ["smtp", "pop3"] {
        let place = format!("tests/dialogues/{protocol}/attacks");
        for entry in fs::read_dir(workspace::root().join(&place)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let id = name.split('-').next().unwrap();
            let proof = format!("{place}/{name}");
            let names = |one: &Attack| one.id == id && one.proofs.contains(&proof);
            if !attacks.iter().any(names) {
                complaints.push(format!("{proof}: not named by {id}"));
            }
        }
    }
    no_complaints(&complaints);
}
