//! `tegami store backup`: a backup that is whole and durable, or none.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use clap::Args;
use mailstore::{BackedUp, BackupError, BackupOptions, Moment, Verified, back_up};

use super::progress::Progress;
use super::reach::reach;
use crate::cli::print_json;
use crate::cli::report::Stuck;
use crate::cli::table::{counted, size};
use crate::config::Config;
use crate::declared::memory_octets;
use crate::terminal::print;

/// What can be typed.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Where backups are kept; the new one becomes DIR/backup-YYYYMMDDThhmmssZ
    #[arg(value_name = "DIR")]
    directory: PathBuf,

    /// Read all of it back from the disk before it counts, and check every record
    #[arg(long)]
    verify: bool,

    /// Read it back as with --verify, then remove all but the N newest backups in DIR; if anything is wrong, none is removed
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,

    /// Share no file with the data directory; otherwise files are hard links where both are on one file system
    #[arg(long)]
    copy: bool,

    /// Write JSON for programs instead of text for people
    #[arg(long)]
    json: bool,
}

/// Makes a backup, whether the server runs or not.
///
/// # Errors
/// There is none then; or there is one, of a store in which something is wrong.
pub fn run(config: &Config, arguments: &Arguments) -> Result<()> {
    let data_dir = &config.data_dir;
    if let Err(error) = fs::metadata(data_dir.join("log")) {
        return Err(error)
            .with_context(|| format!("there is nothing to back up in {}", data_dir.display()));
    }
    let options = BackupOptions {
        copy: arguments.copy,
        verify: arguments.verify,
        keep: arguments.keep.map(|keep| keep as usize),
    };
    let declared = || {
        let file = data_dir.join(mailstore::DECLARED);
        memory_octets(data_dir).with_context(|| format!("cannot read {}", file.display()))
    };
    let (reached, declared) = together(declared, || reach(data_dir))?;
    let of = Moment {
        end: reached.end,
        declared,
    };
    let progress = Progress::octets("Backing up", 0);
    let outcome = back_up(
        data_dir,
        of,
        &arguments.directory,
        options,
        SystemTime::now(),
        &mut |step| {
            progress.of(step.done, step.total);
            match reached.check() {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        },
    );
    drop(progress);
    if let Err(BackupError::Interrupted) = outcome {
        reached.check()?;
    }
    let made = outcome?;
    if arguments.json {
        print_json(&made)?;
    } else {
        print(&describe(&made))?;
    }
    match &made.verified {
        Some(verified) if !verified.flaws.is_empty() => bail!(Stuck::new(
            "the backup is faithful, but something is wrong in the store itself",
            "`tegami store verify` says what it hits; keep the backups from before (none of them was removed)",
        )),
        Some(_) | None => Ok(()),
    }
}

/// What was reached, and what was read both before and after it was: that belongs to it, as nobody wrote another between.
fn together<Read: PartialEq, Reached>(
    read: impl Fn() -> Result<Read>,
    reach: impl Fn() -> Result<Reached>,
) -> Result<(Reached, Read)> {
    let mut before = read()?;
    loop {
        let reached = reach()?;
        let after = read()?;
        if after == before {
            return Ok((reached, after));
        }
        before = after;
    }
}

fn describe(made: &BackedUp) -> String {
    let mut shares = Vec::new();
    for (number, what) in [
        (made.from_previous, "shared with the backup before"),
        (made.from_data, "shared with the data directory"),
    ] {
        if number > 0 {
            shares.push(format!("{number} {what}"));
        }
    }
    shares.push(format!(
        "{} copied ({})",
        made.copied,
        size(made.copied_octets)
    ));
    let mut text = format!(
        "{}: {}, {}; {}",
        made.path.display(),
        counted(made.files, "file"),
        size(made.octets),
        shares.join(", ")
    );
    if let Some(verified) = &made.verified {
        text.push_str(&format!("\n{}", say(verified)));
    }
    for removed in &made.removed {
        text.push_str(&format!("\nremoved {}", name(removed)));
    }
    text
}

fn say(verified: &Verified) -> String {
    let flaws = &verified.flaws;
    let mut text = format!(
        "Read back: every file is what was backed up, and {} whole.",
        match verified.records {
            1 => "1 record is".to_owned(),
            number => format!("{number} records are"),
        }
    );
    for place in &flaws.places {
        text.push_str(&format!(
            "\nWRONG: {} octets of segment {} from {} on are not what had been written",
            place.octets, place.segment, place.offset
        ));
    }
    for body in &flaws.bodies {
        text.push_str(&format!(
            "\nWRONG: the large body {body} is missing or damaged"
        ));
    }
    if flaws.short {
        text.push_str("\nWRONG: the log ends before the place where the server said it does");
    }
    text
}

fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn what_a_reload_writes_meanwhile_is_reached_once_more() {
        let (read, reached) = (Cell::new(0), Cell::new(0));
        let written = [1, 2, 2];
        let (times, known) = together(
            || Ok(written[read.replace(read.get() + 1)]),
            || Ok(reached.replace(reached.get() + 1) + 1),
        )
        .unwrap();
        assert_eq!((times, known), (2, 2));
    }

    #[test]
    fn says_what_a_backup_costs() {
        let mut made = BackedUp {
            path: "/backup/backup-20261122T052846Z".into(),
            files: 12,
            octets: 640_000_000,
            from_previous: 9,
            from_data: 1,
            copied: 2,
            copied_octets: 20_000,
            verified: None,
            removed: vec!["/backup/backup-20261022T052846Z".into()],
        };
        assert_eq!(
            describe(&made),
            "/backup/backup-20261122T052846Z: 12 files, 640.0 MB; 9 shared with the backup before, \
             1 shared with the data directory, 2 copied (20.0 kB)\nremoved backup-20261022T052846Z"
        );
        made.removed.clear();
        (made.from_previous, made.from_data) = (0, 0);
        made.verified = Some(Verified {
            records: 7,
            ..Verified::default()
        });
        assert_eq!(
            describe(&made),
            "/backup/backup-20261122T052846Z: 12 files, 640.0 MB; 2 copied (20.0 kB)\n\
             Read back: every file is what was backed up, and 7 records are whole."
        );
    }
}
