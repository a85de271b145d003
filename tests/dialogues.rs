//! Plays the dialogue files against the pure sessions, at every pace, and proves the catalogue of replies row by
//! row. Real sockets, TLS and the store are tested elsewhere.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails where it stands"
)]

mod harness;
mod rows;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use harness::player::{Outcome, Pace, Player, Stage};
use harness::pop3::Pop3Stage;
use harness::script::{Script, Step, read_all};
use harness::smtp::SmtpStage;
use reply::Protocol;
use reply::evidence::{Evidence, added, conceived};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn scripts(protocol: &str) -> Vec<Script> {
    read_all(&root().join("tests/dialogues").join(protocol))
}

fn play<H: Stage + Default>(script: &Script, pace: Pace) -> Result<Outcome, String> {
    Player::new(H::default(), pace).play(script)
}

/// Plays every script at a pace and reports all that went otherwise than written.
#[track_caller]
fn play_all<H: Stage + Default>(protocol: &str) -> Vec<Outcome> {
    let (outcomes, problems): (Vec<_>, Vec<_>) = scripts(protocol)
        .iter()
        .map(|script| play::<H>(script, Pace::Whole))
        .partition(Result::is_ok);
    let problems: Vec<String> = problems.into_iter().filter_map(Result::err).collect();
    assert!(
        problems.is_empty(),
        "{} dialogues:\n{}",
        problems.len(),
        problems.join("\n")
    );
    outcomes.into_iter().filter_map(Result::ok).collect()
}

/// ARCHITECTURE.md, rule 5 of sessions: neither where the input is split nor when the host answers changes a word.
#[track_caller]
fn play_at_every_pace<H: Stage + Default>(protocol: &str) {
    let mut problems = Vec::new();
    for script in scripts(protocol) {
        let Ok(whole) = play::<H>(&script, Pace::Whole) else {
            continue;
        };
        for pace in paces(&script) {
            match play::<H>(&script, pace) {
                Err(problem) => problems.push(problem),
                Ok(other) if other.events != whole.events => {
                    problems.push(format!(
                        "{} ({pace:?}): other replies than in one piece",
                        script.name
                    ));
                }
                Ok(other) if other.told != whole.told => {
                    problems.push(format!(
                        "{} ({pace:?}): the host is told otherwise",
                        script.name
                    ));
                }
                Ok(_) => continue,
            }
            break;
        }
    }
    assert!(
        problems.is_empty(),
        "{} dialogues:\n{}",
        problems.len(),
        problems.join("\n")
    );
}

/// Octet by octet, with a slow host, and in two pieces: cut at every octet of short groups, near the ends of long
/// ones.
fn paces(script: &Script) -> Vec<Pace> {
    let mut splits = BTreeSet::new();
    for (_, step) in &script.steps {
        if let Step::Client(octets) = step {
            let near = match octets.len() {
                0..=1_000 => usize::MAX,
                1_001..=10_000 => 40,
                _ => 6,
            };
            splits.extend((1..octets.len()).filter(|at| *at < near || octets.len() - at < near));
        }
    }
    let splits = splits.into_iter().map(Pace::SplitAt);
    [Pace::Octets, Pace::SlowHost]
        .into_iter()
        .chain(splits)
        .collect()
}

#[test]
fn smtp_dialogues_go_as_written() {
    play_all::<SmtpStage>("smtp");
}

#[test]
fn pop3_dialogues_go_as_written() {
    play_all::<Pop3Stage>("pop3");
}

#[test]
fn smtp_dialogues_go_alike_at_every_pace() {
    play_at_every_pace::<SmtpStage>("smtp");
}

#[test]
fn pop3_dialogues_go_alike_at_every_pace() {
    play_at_every_pace::<Pop3Stage>("pop3");
}

#[test]
fn every_dialogue_tells_a_story_of_its_own() {
    for protocol in ["smtp", "pop3"] {
        let mut stories = BTreeSet::new();
        for script in scripts(protocol) {
            assert!(
                script.story.len() > 20,
                "{}: {:?} is no story",
                script.name,
                script.story
            );
            assert!(
                stories.insert(script.story.clone()),
                "{}: told before: {}",
                script.name,
                script.story
            );
        }
    }
}

#[test]
fn every_row_of_the_catalogue_is_proven() {
    let smtp = play_all::<SmtpStage>("smtp");
    let pop3 = play_all::<Pop3Stage>("pop3");
    let seen: BTreeSet<&str> = smtp
        .iter()
        .chain(&pop3)
        .flat_map(|outcome| &outcome.rows)
        .map(|row| row.id)
        .collect();
    // Whether the test that is named is there, and the dialogue the right one, is judged in `rows.rs`.
    let tested: BTreeSet<&str> = conceived()
        .copied()
        .chain(added())
        .filter(|entry| matches!(entry.evidence, Evidence::Test { .. }))
        .map(|entry| entry.id)
        .collect();
    let mut unproven = Vec::new();
    for row in reply::rows() {
        let proven = seen.contains(row.id) || tested.contains(row.id);
        if !proven {
            let protocol = if row.protocol() == Protocol::Smtp {
                "smtp"
            } else {
                "pop3"
            };
            unproven.push(format!("{protocol}::{} ({})", row.name, row.id));
        }
    }
    assert!(unproven.is_empty(), "no proof of: {unproven:#?}");
}
