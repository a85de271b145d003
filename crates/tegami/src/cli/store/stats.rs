//! `tegami store stats`: what the store holds, and what it takes on the disk.

use std::time::Duration;

use admin::{Request, Response, StoreFacts};
use anyhow::{Context, Result};
use mailstore::DiskUse;
use serde::Serialize;

use crate::cli::access::ask;
use crate::cli::account::unexpected;
use crate::cli::print_json;
use crate::cli::table::{counted, pairs, size};
use crate::config::Config;
use crate::terminal::print;

/// What is shown.
#[derive(Serialize)]
struct Figures {
    /// As `tegami status --json` has it.
    #[serde(flatten)]
    store: StoreFacts,
    disk: DiskUse,
    /// Octets that the files of the log are longer than what is written in them: room made ahead.
    room_ahead: u64,
    /// Octets of log and bodies for each octet of mail; none without mail.
    ratio: Option<f64>,
}

/// Shows it.
///
/// # Errors
/// Nobody could be asked, or the data directory cannot be looked at.
pub fn run(config: &Config, json: bool) -> Result<()> {
    let Response::Status(status) = ask(config, &Request::Status)? else {
        return Err(unexpected());
    };
    let disk = DiskUse::of(&config.data_dir)
        .with_context(|| format!("cannot look at {}", config.data_dir.display()))?;
    let figures = figures(status.store, disk);
    if json {
        return print_json(&figures);
    }
    print(&describe(&figures))
}

/// A time in words: whole days where it is some.
fn length(time: Duration) -> String {
    let days = time.as_secs() / (24 * 60 * 60);
    match time.as_secs() % (24 * 60 * 60) {
        0 if days > 0 => counted(days, "day"),
        _ => humantime::format_duration(time).to_string(),
    }
}

fn figures(store: StoreFacts, disk: DiskUse) -> Figures {
    let kept = store.log.saturating_add(disk.bodies.octets);
    Figures {
        // Looked at one after the other, while mail may come in.
        room_ahead: disk.segments.octets.saturating_sub(store.log),
        ratio: (store.octets > 0).then(|| kept as f64 / store.octets as f64),
        store,
        disk,
    }
}

fn describe(figures: &Figures) -> String {
    let Figures {
        store,
        disk,
        room_ahead,
        ratio,
    } = figures;
    let ratio = match ratio {
        Some(ratio) => format!("; log and bodies are {ratio:.2} times the mail"),
        None => String::new(),
    };
    let amount = |count, what, octets| format!("{}, {}", counted(count, what), size(octets));
    let mut rows = vec![
        ("Accounts", store.accounts.to_string()),
        ("Mail", amount(store.messages, "message", store.octets)),
        ("Log", {
            let log = amount(disk.segments.files, "segment", store.log);
            match room_ahead {
                0 => log,
                ahead => format!("{log}, and {} of room made ahead", size(*ahead)),
            }
        }),
        (
            "Bodies",
            format!(
                "{} with a file of their own, {}{ratio}",
                disk.bodies.files,
                size(disk.bodies.octets)
            ),
        ),
        ("Index", size(disk.index.octets)),
    ];
    for (name, kept) in [("Arriving", disk.tmp), ("Quarantine", disk.quarantine)] {
        if kept.files > 0 {
            rows.push((name, amount(kept.files, "file", kept.octets)));
        }
    }
    let removed = amount(store.removed_messages, "message", store.removed_octets);
    let window = Duration::from_secs(store.undelete_window);
    rows.push((
        "Removed",
        format!(
            "{removed}, still in the log; undelete brings back those of the last {}, once",
            length(window)
        ),
    ));
    let free = store.free.map_or_else(|| "unknown".to_owned(), size);
    let reserve = size(store.reserve);
    let taking = if store.takes_mail { "is" } else { "is NOT" };
    rows.push((
        "Free",
        format!("{free}; new mail {taking} taken, which needs {reserve}"),
    ));
    pairs(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use admin::IndexFacts;

    #[test]
    fn the_disk_is_set_against_the_mail() {
        let store = StoreFacts {
            accounts: 3,
            disabled: 1,
            suspended: 0,
            without_mailbox: 0,
            aliases: 2,
            queue: Box::default(),
            messages: 1200,
            octets: 40_000_000,
            free: Some(9_000_000_000),
            reserve: 104_608_864,
            takes_mail: true,
            log: 50_000_000,
            removed_messages: 7,
            removed_octets: 120_000,
            undelete_window: 7 * 24 * 60 * 60,
            index: IndexFacts::Ready,
            write_failure: None,
        };
        let mut disk = DiskUse::default();
        disk.segments.files = 2;
        disk.segments.octets = 50_600_000;
        disk.bodies.files = 4;
        disk.bodies.octets = 10_000_000;
        disk.index.octets = 16_000_000;
        disk.tmp.files = 1;
        disk.quarantine.files = 2;
        disk.quarantine.octets = 900;
        assert_eq!(
            describe(&figures(store.clone(), disk))
                .lines()
                .collect::<Vec<_>>(),
            [
                "Accounts    3",
                "Mail        1200 messages, 40.0 MB",
                "Log         2 segments, 50.0 MB, and 600.0 kB of room made ahead",
                "Bodies      4 with a file of their own, 10.0 MB; log and bodies are 1.50 times the mail",
                "Index       16.0 MB",
                "Arriving    1 file, 0 B",
                "Quarantine  2 files, 900 B",
                "Removed     7 messages, 120.0 kB, still in the log; undelete brings back those of the last 7 days, once",
                "Free        9.0 GB; new mail is taken, which needs 104.6 MB",
            ]
        );
        // As it is while no server runs.
        disk.segments.octets = store.log;
        let same = describe(&figures(store.clone(), disk));
        assert!(
            same.contains("\nLog         2 segments, 50.0 MB\n"),
            "{same}"
        );
        let empty = StoreFacts { octets: 0, ..store };
        assert_eq!(figures(empty, disk).ratio, None);
    }
}
