//! The list of ids and their proofs against the dialogues and tests there are. What the list says is in
//! `crates/reply/src/evidence`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use reply::evidence::{Entry, Evidence, added, conceived, dialogue, over_the_wire};
use reply::{Enhanced, Row, Status};

use super::harness::player::{Outcome, Stage};
use super::harness::script::{Script, Step};
use super::harness::{pop3::Pop3Stage, smtp::SmtpStage};
use super::{play_all, root, scripts};

/// Every dialogue with what came about in it, by its path from the root of the workspace.
struct Dialogues(BTreeMap<String, (Script, Outcome)>);

impl Dialogues {
    fn play() -> Self {
        let mut all = BTreeMap::new();
        Self::add::<SmtpStage>("smtp", &mut all);
        Self::add::<Pop3Stage>("pop3", &mut all);
        Self(all)
    }

    fn add<H: Stage + Default>(protocol: &str, all: &mut BTreeMap<String, (Script, Outcome)>) {
        for (script, outcome) in scripts(protocol).into_iter().zip(play_all::<H>(protocol)) {
            let path = format!("tests/dialogues/{protocol}/{}.txt", script.name);
            all.insert(path, (script, outcome));
        }
    }

    /// Whether the dialogue named after `id` gets the row `wanted`, and says so in a line of its own.
    fn show(&self, id: &str, wanted: &str) -> Result<(), String> {
        let path = dialogue(id);
        let Some((script, outcome)) = self.0.get(&path) else {
            return Err(format!("{path} is not there"));
        };
        let Some(row) = outcome.rows.iter().find(|row| row.id == wanted) else {
            return Err(format!("{path} does not show {wanted}"));
        };
        let written = script
            .steps
            .iter()
            .any(|(_, step)| matches!(step, Step::Line(pattern) if is_written(row, pattern)));
        if !written {
            return Err(format!("{path} passes over {wanted} in silence"));
        }
        Ok(())
    }
}

/// Whether a line that is expected names the row's code, its enhanced code and its response code.
fn is_written(row: &Row, pattern: &str) -> bool {
    match row.status {
        Status::Smtp(code, None) => {
            pattern.starts_with(&format!("{code} ")) || pattern.starts_with(&format!("{code}-"))
        }
        Status::Smtp(code, Some(Enhanced(class, subject, detail))) => [' ', '-']
            .iter()
            .any(|sign| pattern.starts_with(&format!("{code}{sign}{class}.{subject}.{detail} "))),
        Status::Ok => pattern.starts_with("+OK "),
        Status::Err(Some(code)) => pattern.starts_with(&format!("-ERR [{code}] ")),
        Status::Err(None) => pattern.starts_with("-ERR ") && !pattern.starts_with("-ERR ["),
        Status::Continue => pattern.starts_with("+ "),
    }
}

/// What is wrong with the proof of an id.
fn fault(entry: &Entry, dialogues: &Dialogues) -> Result<(), String> {
    if entry.own_row().is_none() && entry.what.is_empty() {
        return Err("is no row of ours, and nothing says what it is".to_owned());
    }
    match entry.evidence {
        Evidence::Dialogue([]) => dialogues.show(entry.id, entry.id),
        Evidence::Dialogue(rows) => show_all(entry, rows, dialogues),
        Evidence::Several(ids) => ids.iter().try_for_each(|id| {
            let wanted = if entry.own_row().is_some() {
                entry.id
            } else {
                id
            };
            dialogues.show(id, wanted)
        }),
        Evidence::Test { file, name } => {
            let there = has_test(file, name);
            there
                .then_some(())
                .ok_or_else(|| format!("{file} has no test {name}"))
        }
        Evidence::Waiting(_) if entry.own_row().is_some() => {
            Err("is a row of ours and waits for nothing".to_owned())
        }
        Evidence::Waiting(_) => Ok(()),
    }
}

fn show_all(entry: &Entry, rows: &[&str], dialogues: &Dialogues) -> Result<(), String> {
    rows.iter()
        .try_for_each(|row| dialogues.show(entry.id, row))
}

fn has_test(file: &str, name: &str) -> bool {
    let text = fs::read_to_string(root().join(file)).unwrap_or_default();
    let attributes = ["#[test]\n", "#[tokio::test(start_paused = true)]\nasync "];
    let mut forms = attributes.iter();
    forms.any(|attribute| text.contains(&format!("{attribute}fn {name}()")))
}

#[test]
fn every_test_over_the_wire_is_there_and_its_ids_are() {
    let known = |id: &str| {
        conceived()
            .copied()
            .chain(added())
            .any(|entry| entry.id == id)
    };
    for (file, name, ids) in over_the_wire() {
        assert!(has_test(file, name), "{file} has no test {name}");
        for id in ids {
            assert!(known(id), "{name}: no id is {id}");
        }
    }
}

#[test]
fn every_id_of_the_catalogue_has_its_proof() {
    let dialogues = Dialogues::play();
    let faults: Vec<String> = conceived()
        .copied()
        .chain(added())
        .filter_map(|entry| Some((entry.id, fault(&entry, &dialogues).err()?)))
        .map(|(id, fault)| format!("{id}: {fault}"))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_dialogue_among_the_rows_is_named_after_an_id() {
    let ids: Vec<String> = conceived()
        .copied()
        .chain(added())
        .map(|entry| dialogue(entry.id))
        .collect();
    for protocol in ["smtp", "pop3"] {
        for script in scripts(protocol) {
            let path = format!("tests/dialogues/{protocol}/{}.txt", script.name);
            let among_rows = Path::new(&script.name).starts_with("rows");
            assert!(!among_rows || ids.contains(&path), "{path} is no id's");
        }
    }
}

/// The number that makes a row one of this class, such as 2 for `D-2`, `D-x2` and `E-2`.
fn number(class: &str, row: &Row) -> Option<u16> {
    let Status::Smtp(code, enhanced) = row.status else {
        return None;
    };
    match class {
        "D-" => Some(code / 100),
        "D-x" => Some(code / 10 % 10),
        "E-" => enhanced.map(|Enhanced(_, subject, _)| subject),
        _ => None,
    }
}

#[test]
fn what_stands_for_a_class_belongs_to_it() {
    let mut seen = 0;
    for entry in conceived() {
        let (Evidence::Dialogue(rows) | Evidence::Several(rows)) = entry.evidence else {
            continue;
        };
        let class = entry.id.trim_end_matches(|c: char| c.is_ascii_digit());
        if !["D-", "D-x", "E-"].contains(&class) {
            continue;
        }
        seen += 1;
        let wanted: u16 = entry.id[class.len()..].parse().unwrap();
        assert!(rows.len() > 1, "{}: one row is no class", entry.id);
        for id in rows {
            let row = reply::rows().find(|row| row.id == *id);
            let row = row.unwrap_or_else(|| panic!("{}: no row is called {id}", entry.id));
            assert_eq!(number(class, row), Some(wanted), "{}: {id}", entry.id);
        }
    }
    assert_eq!(
        seen, 17,
        "D-2 to D-5, D-x0 to D-x5 without D-x4, E-0 to E-7"
    );
}
