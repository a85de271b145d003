//! What may prove an obligation, and whether it is there: a dialogue of our server or of our client, a test function, or
//! what another program is told to do with the built server.

use std::fs;

use crate::workspace;

/// Where the dialogues are: those of the server, and those of the client.
pub const DIALOGUES: [&str; 2] = ["tests/dialogues/", "crates/smtp-client/tests/dialogues/"];

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
        None if is_dialogue(file) && comments(&text).contains(id) => None,
        None if is_dialogue(file) => Some(format!("{file} does not say that it is about {id}")),
        None if file.starts_with("tests/interop/") || file.starts_with("xtask/src/interop/") => {
            None
        }
        None => Some(format!("{file} is no test")),
    }
}

/// Whether a file of this name is a dialogue.
pub fn is_dialogue(file: &str) -> bool {
    DIALOGUES.iter().any(|place| file.starts_with(place))
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
