//! What may prove an obligation, and whether it is there: a dialogue, a test function, or what another program is told
//! to do with the built server.

use std::fs;

use crate::workspace;

/// Nothing if the proof is there and is for `id`, else what is wrong.
pub fn fault(id: &str, proof: &str) -> Option<String> {
    let (file, function) = match proof.split_once("::") {
        Some((file, function)) => (file, Some(function)),
        None => (proof, None),
    };
    let Ok(text) = fs::read_to_string(workspace::root().join(file)) else {
        return Some(format!("{file} does not exist"));
    };
    match function {
        Some(function) if is_test(&text, function) => None,
        Some(function) => Some(format!("{file} has no test called {function}")),
        // A dialogue of a reply is named after the reply; every other says in its comments what it is for.
        None if file.contains("/rows/") => None,
        None if file.starts_with("tests/dialogues/") && comments(&text).contains(id) => None,
        None if file.starts_with("tests/dialogues/") => {
            Some(format!("{file} does not say that it is about {id}"))
        }
        None if file.starts_with("tests/interop/") || file.starts_with("xtask/src/interop/") => {
            None
        }
        None => Some(format!("{file} is no test")),
    }
}

fn comments(text: &str) -> String {
    text.lines()
        .filter(|line| line.starts_with('#'))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Whether there is a function of this name with an attribute that makes it a test.
pub fn is_test(text: &str, function: &str) -> bool {
    let declaration = format!("fn {function}(");
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines.iter().enumerate().any(|(at, line)| {
        line.contains(&declaration)
            && lines[..at]
                .iter()
                .rev()
                .take_while(|before| before.starts_with('#') || before.starts_with("//"))
                .any(|before| before.starts_with("#[test]") || before.starts_with("#[tokio::test"))
    })
}
