//! Backups whose every write, sync, link, rename, new directory and opened file fails once: there is a new backup or
//! none, and those from before stay good.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::faults::{Extent, install};
use super::letter::Sizes;
use super::load::Load;
use super::outcome::Row;
use super::trial::Trial;
use crate::{process, workspace};

/// What a backup asks of the system.
const CALLS: [&str; 6] = ["mkdir", "linkat", "rename", "fsync", "write", "openat"];
/// How it fails, and what is asked of the backup then: links are tried, or nothing but copies.
const WAYS: [(&str, &[&str]); 2] = [("EIO", &[]), ("ENOSPC", &["--copy"])];
/// More than any backup of so little mail asks.
const MOST: u32 = 500;
/// How many letters there are at least.
const LETTERS: u64 = 100;
/// How long a backup, or reading one, may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Lets every call fail, one backup after the other; in the short form only some.
///
/// # Errors
/// When a backup that was good is gone or bad, or one that counts is not whole.
pub fn run(binary: &Path, extent: Extent, row: &mut Row) -> Result<()> {
    install()?;
    let place = workspace::fresh("torture/backups")?;
    let trial = Trial::new(binary, &place, &place.join("data"), Sizes::Mixed)?;
    let server = trial.site.start()?;
    let load = Load::start(&server, &trial.books)?;
    load.acknowledges(LETTERS, PATIENCE);
    row.judge(load.finish().wrong())?;
    row.acknowledged(trial.books.newly_acknowledged());
    server.stop()?;
    let step = if extent == Extent::All { 1 } else { 13 };
    for call in CALLS {
        for (error, words) in WAYS {
            let directory = place.join(format!("{call}-{error}"));
            fs::create_dir(&directory)?;
            let site = Backups {
                trial: &trial,
                directory,
                words,
            };
            site.make(None)?;
            let mut failed = 0;
            for nth in (1..MOST).step_by(step) {
                let begun = Instant::now();
                let fault = format!("{call}:error={error}:when={nth}");
                if !site.fail(&fault).with_context(|| fault.clone())? {
                    break;
                }
                failed += 1;
                row.round();
                row.recovered(begun.elapsed());
            }
            site.make(None).context("after all faults")?;
            println!(
                "backup, {call} with {error}: failed at {failed} places, and nothing was lost"
            );
            fs::remove_dir_all(&site.directory)?;
        }
    }
    fs::remove_dir_all(&place)?;
    Ok(())
}

/// A directory of backups of one store.
struct Backups<'a> {
    trial: &'a Trial,
    directory: PathBuf,
    words: &'static [&'static str],
}

impl Backups<'_> {
    /// Makes one; says whether a fault was hit, and whether it succeeded.
    fn make(&self, fault: Option<&str>) -> Result<(bool, bool)> {
        let said = self.directory.with_extension("strace");
        let mut site = self.trial.site.clone();
        if let Some(fault) = fault {
            let call = fault.split(':').next().unwrap_or_default();
            let (trace, inject) = (format!("trace={call}"), format!("inject={fault}"));
            let output = said.display().to_string();
            site = site.through(&[
                "strace", "-f", "-qq", "-o", &output, "-e", &trace, "-e", &inject,
            ]);
        }
        let directory = self.directory.display().to_string();
        let words = [&["store", "backup", &directory], self.words].concat();
        let done = process::capture(&mut site.command(&words), PATIENCE)?;
        let well = done.status.success();
        let Some(_) = fault else {
            if !well {
                bail!("a backup without faults fails: {}", done.last_words());
            }
            return Ok((false, true));
        };
        let hit = fs::read(&said)?;
        Ok((String::from_utf8_lossy(&hit).contains("(INJECTED)"), well))
    }

    /// Lets one fail; false when the fault never came.
    fn fail(&self, fault: &str) -> Result<bool> {
        let before = self.all()?;
        let (hit, well) = self.make(Some(fault))?;
        let after = self.all()?;
        if let Some(gone) = before.iter().find(|backup| !after.contains(backup)) {
            bail!("{} is gone", gone.display());
        }
        if well && after.len() == before.len() {
            bail!("it says that all is well, and there is no new backup");
        }
        for backup in &after {
            self.check(backup)?;
        }
        // Only a few at a time, or reading them all takes longer every time.
        for old in &after[1..] {
            fs::remove_dir_all(old)?;
        }
        Ok(hit)
    }

    /// All that count.
    fn all(&self) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let name = entry.file_name();
            if name.to_string_lossy().starts_with("backup-") {
                found.push(entry.path());
            }
        }
        found.sort();
        Ok(found)
    }

    fn check(&self, backup: &Path) -> Result<()> {
        let backup = backup.display().to_string();
        let words = ["store", "verify", "--data-dir", &backup];
        let done = process::capture(&mut self.trial.site.command(&words), PATIENCE)?;
        if !done.status.success() {
            bail!("{backup} is not good: {}", done.last_words());
        }
        Ok(())
    }
}
