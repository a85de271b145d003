//! `tegami store repair`: sets damage aside by name and makes log and index agree again, while no server runs.

use std::path::Path;

use anyhow::{Result, bail};
use mailstore::{Hit, RepairError, Repaired};

use super::progress::Progress;
use super::{check_stopped, verify};
use crate::cli::access::check_owner_of;
use crate::cli::print_json;
use crate::cli::report::Stuck;
use crate::cli::table::counted;
use crate::config::Config;
use crate::serve;
use crate::terminal::print;

/// Repairs the store and shows what was done.
///
/// # Errors
/// A server runs, the store could not be read or written, or something is wrong with it still.
pub fn run(config: &Config, json: bool) -> Result<()> {
    let data_dir = &config.data_dir;
    check_stopped(
        data_dir,
        "mail it hands out must not change under it (`tegami store verify` works meanwhile)",
    )?;
    check_owner_of(data_dir)?;
    let progress = Progress::octets("Reading", octets(data_dir));
    let repaired = mailstore::repair(data_dir, &serve::store_options(config), &mut |octets| {
        progress.reached(octets);
    });
    drop(progress);
    let repaired = match repaired {
        Err(RepairError::Unfinished(why)) => bail!(verify::unfinished(&why)),
        other => other?,
    };
    if json {
        print_json(&repaired)?;
    } else {
        print(&describe(&repaired))?;
    }
    match &repaired.after {
        Some(after) if !after.findings.is_empty() => Err(Stuck::new(
            format!(
                "the store is not in order yet: {}",
                counted(after.findings.len() as u64, "finding")
            ),
            "restore a backup (`tegami store restore`), or run `tegami store verify` for what is left",
        )
        .into()),
        Some(_) | None => Ok(()),
    }
}

/// Octets to read, for the bar alone; what cannot be looked at is told by the repair.
fn octets(data_dir: &Path) -> u64 {
    let found = mailstore::DiskUse::of(data_dir).unwrap_or_default();
    found.segments.octets.saturating_add(found.bodies.octets)
}

fn describe(repaired: &Repaired) -> String {
    let Some(after) = &repaired.after else {
        let text = verify::describe(&repaired.before);
        return format!("{text}\nThere was nothing to repair, and nothing has been changed.");
    };
    let mut text = String::from("Found:");
    for finding in &repaired.before.findings {
        text.push_str(&format!("\n  {finding}"));
    }
    let mut section = |heading: &str, lines: &mut dyn Iterator<Item = String>| {
        let mut lines = lines.peekable();
        if lines.peek().is_some() {
            text.push_str(&format!("\n{heading}"));
            lines.for_each(|line| text.push_str(&format!("\n  {line}")));
        }
    };
    let hits = |hits: &'_ [Hit]| {
        let lines: Vec<String> = hits.iter().map(ToString::to_string).collect();
        lines.into_iter()
    };
    section(
        "Removed from their mailboxes, because they are damaged:",
        &mut hits(&repaired.removed),
    );
    section(
        "Whole, but new to mail programs now, because the record of their account was damaged:",
        &mut hits(&repaired.renewed),
    );
    section(
        "Removed by their owners before; the record of that was damaged and stands again:",
        &mut hits(&repaired.removed_again),
    );
    section(
        "Set aside:",
        &mut repaired
            .quarantine
            .iter()
            .map(|file| file.display().to_string()),
    );
    if repaired.directory > 0 {
        let stated = counted(repaired.directory, "statement");
        text.push_str(&format!(
            "\nAccounts, aliases and lists: {stated} whose records were damaged made again from the index."
        ));
    }
    if repaired.queue > 0 {
        let queued = counted(repaired.queue, "queued message");
        text.push_str(&format!(
            "\nQueue: what becomes of {queued}, whose records were damaged, stated again from the index."
        ));
    }
    if repaired.index_built {
        text.push_str("\nThe index was built anew from the log.");
    }
    format!("{text}\nAfterwards:\n{}", verify::describe(after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mailstore::{AccountId, Damage, Examined, Finding};

    #[test]
    fn everything_that_was_done_is_said() {
        let hit = |uid: u64| Hit {
            account: AccountId(3),
            address: Some("alice@example.test".parse().unwrap()),
            uid,
            uidl: format!("4.{uid:x}"),
            octets: 300,
        };
        let place = Damage {
            segment: 3,
            offset: 4096,
            octets: 444,
        };
        let repaired = Repaired {
            before: Examined {
                findings: vec![Finding::Record {
                    place: place.clone(),
                    messages: vec![hit(26)],
                }],
                ..Examined::default()
            },
            after: Some(Examined {
                set_aside: vec![place],
                ..Examined::default()
            }),
            quarantine: vec!["/data/quarantine/0000000003-4096.rec".into()],
            removed: vec![hit(26)],
            renewed: vec![hit(27)],
            removed_again: vec![hit(28)],
            directory: 1,
            queue: 2,
            index_built: true,
        };
        assert_eq!(
            describe(&repaired).lines().collect::<Vec<_>>(),
            [
                "Found:",
                "  segment 3 at 4096: 444 octets are not what had been written",
                "Removed from their mailboxes, because they are damaged:",
                "  alice@example.test: message 26 (UIDL 4.1a), 300 octets",
                "Whole, but new to mail programs now, because the record of their account was damaged:",
                "  alice@example.test: message 27 (UIDL 4.1b), 300 octets",
                "Removed by their owners before; the record of that was damaged and stands again:",
                "  alice@example.test: message 28 (UIDL 4.1c), 300 octets",
                "Set aside:",
                "  /data/quarantine/0000000003-4096.rec",
                "Accounts, aliases and lists: 1 statement whose records were damaged made again from the index.",
                "Queue: what becomes of 2 queued messages, whose records were damaged, stated again from the index.",
                "The index was built anew from the log.",
                "Afterwards:",
                "Log       0 records in 0 segments, up to segment 0 at 0",
                "Mail      0 messages, 0 B",
                "Harmless  segment 3 at 4096: 444 damaged octets, in the quarantine since a repair; they hit no message",
                "Everything is in order.",
            ]
        );
        let nothing = describe(&Repaired::default());
        assert!(nothing.ends_with("nothing has been changed."), "{nothing}");
    }
}
