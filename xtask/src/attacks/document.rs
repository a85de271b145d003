//! The attacks as a document for people: what is sent, what must come of it, and where it is shown.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{Attack, CHAPTERS, Chapter, Waiting};

const OPENING: &str = "\
# What is done to mail servers

<!-- Written by `cargo xtask attacks` from docs/attacks.toml; edit the lines there. -->

The attacks and faults we know of, one by one: what is sent or happens, what must come of it, and the tests that would
fail if it went otherwise. [SECURITY.md](../SECURITY.md) tells the same as a story; [OBLIGATIONS.md](OBLIGATIONS.md)
lists what the RFCs ask for.

Proofs are dialogues with the server (what a client says and must hear, below [tests/dialogues](../tests/dialogues);
each is played in one piece, octet by octet, cut at its octets, and with a slow store) or of our client with other
servers (below [crates/smtp-client/tests/dialogues](../crates/smtp-client/tests/dialogues)), tests in the code (file and
function), fuzz targets, and commands that measure or torture the built server: `cargo xtask torture`, `cargo xtask
bench`, `cargo xtask attack`. Those take minutes and a quiet machine, so they are run for releases and not for every
change.
";

/// The whole document.
pub fn markdown(attacks: &[Attack]) -> String {
    let mut text = String::from(OPENING);
    counts(attacks, &mut text);
    for chapter in &CHAPTERS {
        describe(chapter, attacks, &mut text);
    }
    text
}

fn of<'a>(chapter: &Chapter, attacks: &'a [Attack]) -> Vec<&'a Attack> {
    let letter = chapter.letter;
    attacks
        .iter()
        .filter(|one| one.id.starts_with(letter))
        .collect()
}

fn counts(attacks: &[Attack], text: &mut String) {
    text.push_str(
        "\n## Counts\n\n| | All | Proven | Waiting: outbound | Waiting: web |\n|---|--:|--:|--:|--:|\n",
    );
    let cells = |some: &[&Attack]| {
        let waiting = |what| some.iter().filter(|one| one.waiting == what).count();
        format!(
            "{} | {} | {} | {} |",
            some.len(),
            waiting(None),
            waiting(Some(Waiting::Outbound)),
            waiting(Some(Waiting::Web))
        )
    };
    for chapter in &CHAPTERS {
        let _ = writeln!(
            text,
            "| [{}](#{}) | {}",
            chapter.about,
            anchor(chapter.about),
            cells(&of(chapter, attacks))
        );
    }
    let all: Vec<&Attack> = attacks.iter().collect();
    let _ = writeln!(text, "| **All** | {}", cells(&all));
    let names: BTreeSet<&String> = attacks.iter().flat_map(|one| &one.proofs).collect();
    let _ = writeln!(text, "\nThey name {} different proofs.", names.len());
}

/// As GitHub makes it of the heading.
fn anchor(heading: &str) -> String {
    heading.to_lowercase().replace(' ', "-")
}

fn describe(chapter: &Chapter, attacks: &[Attack], text: &mut String) {
    let _ = writeln!(
        text,
        "\n## {}\n\n{}\n\n| | What is sent or happens | What must come of it | Proof |\n|---|---|---|---|",
        chapter.about, chapter.introduction
    );
    for one in of(chapter, attacks) {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            one.id,
            cell(&one.sent),
            cell(&one.must),
            proof(one)
        );
    }
}

/// A bar would end the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn proof(one: &Attack) -> String {
    let mut text = match one.waiting {
        Some(Waiting::Outbound) => "*waiting: outbound*".to_owned(),
        Some(Waiting::Web) => "*waiting: web*".to_owned(),
        None => {
            let links: Vec<String> = one.proofs.iter().map(|proof| link(proof)).collect();
            links.join(", ")
        }
    };
    if let Some(figures) = &one.by_hand {
        let _ = write!(text, ". Measured by hand: {}", cell(figures));
    }
    if let Some(note) = &one.note {
        let _ = write!(text, ". {}", cell(note));
    }
    text
}

fn link(proof: &str) -> String {
    if proof.starts_with("cargo ") {
        return format!("`{proof}`");
    }
    if let Some((file, function)) = proof.split_once("::") {
        return format!("[{function}](../{file})");
    }
    let name = proof.rsplit('/').next().unwrap_or(proof);
    if proof.starts_with("fuzz/") {
        return format!("[fuzz {}](../{proof})", name.trim_end_matches(".rs"));
    }
    format!("[{}](../{proof})", name.trim_end_matches(".txt"))
}
