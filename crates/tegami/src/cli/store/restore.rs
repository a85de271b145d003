//! `tegami store restore` and `tegami store rollback`: the store as it was.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::SystemTime;

use anyhow::Result;
use mailstore::{BackupError, OpenError, Restored, RolledBack, roll_back};

use super::progress::Progress;
use super::{check_stopped, running};
use crate::cli::access::check_owner_of;
use crate::cli::table::{counted, size};
use crate::config::Config;
use crate::serve;
use crate::terminal::{note, print};

/// What a running server has to do with a restore.
const WHY: &str = "its data directory is in use";

/// A server that has the directory and does not answer is to be stopped like any other.
fn told(error: BackupError, why: &str) -> anyhow::Error {
    if let BackupError::Open(OpenError::InUse { .. }) = error {
        return running(why).into();
    }
    error.into()
}

/// Makes the data directory from a backup.
///
/// # Errors
/// Nothing has been restored; what has to be done is said.
pub fn run(config: &Config, from: &Path) -> Result<()> {
    let data_dir = &config.data_dir;
    check_stopped(data_dir, WHY)?;
    let progress = Progress::octets("Restoring", 0);
    let outcome = mailstore::restore(
        from,
        data_dir,
        serve::store_options(config),
        SystemTime::now(),
        &mut |step| {
            progress.of(step.done, step.total);
            ControlFlow::Continue(())
        },
    );
    drop(progress);
    let restored = outcome.map_err(|error| told(error, WHY))?;
    for place in &restored.opened.damaged {
        note(&format!(
            "note: the store was damaged when it was backed up: {} octets of segment {} from {} on; \
             `tegami store verify` says what that hits",
            place.octets, place.segment, place.offset
        ));
    }
    if let Some(owner) = restored.belongs_to {
        note(&format!(
            "warning: the files belong to root now, and user {owner} will need them: chown -R {owner}: {}",
            data_dir.display()
        ));
    }
    print(&describe(&restored, data_dir))
}

fn describe(restored: &Restored, data_dir: &Path) -> String {
    let mut text = format!(
        "Restored {} ({}, {}) with {} into {}.\n\
         The store is as it was at {}; what came later is not in it. Mail keeps its unique ids, and mail from now on \
         gets new ones.",
        restored.backup.display(),
        counted(restored.files, "file"),
        size(restored.octets),
        counted(restored.accounts, "account"),
        data_dir.display(),
        restored.made,
    );
    if restored.queued > 0 {
        text.push_str(&format!(
            "\nThe queue is as it was then, too, with {}: what has left since will be sent a second time.",
            counted(restored.queued, "message")
        ));
    }
    text
}

/// Brings back the log as it was before a newer format was written.
///
/// # Errors
/// There is nothing to go back to, or it could not be done to its end.
pub fn roll_back_store(config: &Config) -> Result<()> {
    let data_dir = &config.data_dir;
    let why = "its log must not change under it";
    check_stopped(data_dir, why)?;
    check_owner_of(data_dir)?;
    let outcome = roll_back(data_dir, SystemTime::now(), &mut |_| {
        ControlFlow::Continue(())
    });
    let RolledBack { format, set_aside } = outcome.map_err(|error| told(error, why))?;
    print(&format!(
        "The store is as it was before the upgrade from format {format}. The newer log is kept in\n  {}\n\
         and mail that came since is only there. Start the older tegami now; this one would upgrade again.",
        set_aside.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mailstore::{Opened, Position};

    #[test]
    fn says_what_was_restored_and_what_that_means() {
        let restored = Restored {
            backup: "/backup/backup-20261122T052846Z".into(),
            made: "2026-11-22T05:28:46Z".to_owned(),
            end: Position::default(),
            files: 5,
            octets: 2_000_000,
            accounts: 1,
            queued: 0,
            epoch: 1_795_325_326,
            opened: Opened::default(),
            belongs_to: None,
        };
        assert_eq!(
            describe(&restored, Path::new("/var/lib/tegami")),
            "Restored /backup/backup-20261122T052846Z (5 files, 2.0 MB) with 1 account into /var/lib/tegami.\n\
             The store is as it was at 2026-11-22T05:28:46Z; what came later is not in it. Mail keeps its unique ids, \
             and mail from now on gets new ones."
        );
        let queued = describe(
            &Restored {
                queued: 2,
                ..restored
            },
            Path::new("/var/lib/tegami"),
        );
        let said = "\nThe queue is as it was then, too, with 2 messages: what has left since will be sent a second time.";
        assert!(queued.ends_with(said), "{queued}");
    }
}
