//! What may show that an attack does not work, and whether it is there: a dialogue, a test function, a fuzz target, a
//! command of our own, or what another program is told to do with the built server.

use std::fs;

use clap::CommandFactory as _;

use crate::obligations::proof::{is_dialogue, is_test};
use crate::{Cli, workspace};

/// Nothing if the proof is there, else what is wrong.
pub fn fault(proof: &str) -> Option<String> {
    if let Some(words) = proof.strip_prefix("cargo ") {
        return Cli::command()
            .try_get_matches_from(words.split(' '))
            .err()
            .map(|_| format!("`{proof}` is not understood"));
    }
    let (file, function) = match proof.split_once("::") {
        Some((file, function)) => (file, Some(function)),
        None => (proof, None),
    };
    let Ok(text) = fs::read_to_string(workspace::root().join(file)) else {
        return Some(format!("{file} does not exist"));
    };
    let kinds = ["fuzz/targets/", "tests/interop/", "xtask/src/interop/"];
    match function {
        Some(function) if is_test(&text, function) => None,
        Some(function) => Some(format!("{file} has no test called {function}")),
        None if is_dialogue(file) => None,
        None if kinds.iter().any(|kind| file.starts_with(kind)) => None,
        None => Some(format!("{file} is no test")),
    }
}

/// Whether the client of a dialogue sends these octets, which are written as they are there.
pub fn sends(proof: &str, octets: &str) -> bool {
    let text = fs::read_to_string(workspace::root().join(proof)).unwrap_or_default();
    proof.starts_with("tests/dialogues/")
        && text
            .lines()
            .any(|line| line.starts_with('C') && line.contains(octets))
}
