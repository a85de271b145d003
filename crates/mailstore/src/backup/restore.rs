//! Makes a data directory from a backup, in a way that leaves either all of it or nothing that a server would start on.
//!
//! Everything is made inside of the data directory, below `restore.unfinished/data`: the directory may be a volume or
//! belong to somebody who can make no other beside it. When all of it is durable the parts are moved up, the log last,
//! and `restore.unfinished` goes. As long as that is there no store opens, and the next restore begins anew.
//!
//! What was delivered after the backup is lost, and its uids will be given out again, to other messages. So that no
//! mail program takes those for the ones it has, every account gets a new epoch, which the lost time cannot have used:
//! numbers given out one by one do not overtake the clock.
//!
//! What waited to leave waits again. Of that, what left after the backup leaves a second time: its recipients get it
//! twice, for nobody can know any more that they have it, and a letter twice is better than none. [`Restored::queued`]
//! says how many those may be, so that somebody can hold or remove them before the server starts.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::files::{Target, seconds};
use super::manifest::{self, Manifest};
use super::steps::{Doing, Steps, Watch, failed};
use super::{BackupError, DECLARED, verify};
use crate::disk::Layout;
use crate::log::{Held, Position};
use crate::options::Options;
use crate::report::Opened;
use crate::store::Store;

/// Where a restore is made, in the data directory; no store opens while it is there.
pub(crate) const UNFINISHED: &str = "restore.unfinished";

/// A data directory that was made from a backup.
#[derive(Clone, Debug)]
pub struct Restored {
    /// The backup.
    pub backup: PathBuf,
    /// When it was made, as its manifest says.
    pub made: String,
    /// Where its log ended.
    pub end: Position,
    /// Files that were copied.
    pub files: u64,
    /// Octets of these files.
    pub octets: u64,
    /// Accounts there are.
    pub accounts: u64,
    /// Messages that wait to leave, as they did when the backup was made: those that left since will leave again.
    pub queued: u64,
    /// The epoch of mail that comes from now on, in every account.
    pub epoch: u64,
    /// What opening the store found.
    pub opened: Opened,
    /// Root made the files, and this is the user who will need them.
    pub belongs_to: Option<u32>,
}

/// Makes a data directory from a backup, or from the newest one in a directory of backups. The data directory must be
/// empty or not be there. Blocks, and must not be called where tokio runs tasks.
///
/// # Errors
/// Then no server starts on the data directory before it has been restored; unless it was not empty, then nothing in
/// it has been touched.
pub fn restore(
    from: &Path,
    data_dir: &Path,
    options: Options,
    now: SystemTime,
    watch: &mut Watch<'_>,
) -> Result<Restored, BackupError> {
    let mut steps = Steps::new(watch);
    let backup = choose(from)?;
    let manifest = Manifest::read(&backup)?;
    check_empty(data_dir)?;
    verify::compare(&manifest, &backup, &mut steps)?;

    let layout = Layout::new(data_dir);
    let (held, work) = claim(&layout, &mut steps)?;
    let data = work.join("data");
    steps.remove_tree(&data)?;
    copy(&manifest, &backup, &data, &mut steps)?;
    verify::compare(&manifest, &data, &mut steps)?;
    let (store, opened) =
        steps.take(Doing::Writing, &data, || Ok(Store::open(&data, options)))??;
    let epoch = store.renumber(u64::try_from(seconds(now)).unwrap_or_default())?;
    let accounts = store.directory().accounts().len() as u64;
    let queued = store.queue_counts().messages;
    drop(store);
    move_up(&data, data_dir, &mut steps)?;
    steps.remove_tree(&work)?;
    steps.sync_directory(data_dir)?;
    held.release(true);
    Ok(Restored {
        belongs_to: other_owner(data_dir, &backup),
        backup,
        made: manifest.made.clone(),
        end: manifest.end,
        files: manifest.files.len() as u64,
        octets: manifest.octets(),
        accounts,
        queued,
        epoch,
        opened: Opened::clone(&opened),
    })
}

/// The backup itself, or the newest one in a directory of backups.
fn choose(from: &Path) -> Result<PathBuf, BackupError> {
    if from.join(manifest::NAME).exists() {
        return Ok(from.to_owned());
    }
    let found = Target::list(from).map_err(failed(Doing::Looking, from))?;
    let newest = found.backups.last().cloned();
    newest.ok_or_else(|| BackupError::NoBackup(from.to_owned()))
}

/// What is in a data directory, but for what file systems and this restore put there.
fn contents(data_dir: &Path) -> Result<Vec<String>, BackupError> {
    let entries = match fs::read_dir(data_dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(failed(Doing::Looking, data_dir))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed(Doing::Looking, data_dir))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // A volume of its own has this from the beginning.
        if name != "lost+found" {
            names.push(name);
        }
    }
    Ok(names)
}

/// Refuses a data directory with anything in it, unless it is what an interrupted restore left.
fn check_empty(data_dir: &Path) -> Result<(), BackupError> {
    let names = contents(data_dir)?;
    if names.is_empty() {
        return Ok(());
    }
    let path = data_dir.to_owned();
    if names.iter().any(|name| name == UNFINISHED) {
        // While it is there, nobody but a restore makes files.
        let ours = |name: &String| {
            let known = [
                UNFINISHED,
                "lock",
                "log",
                "index",
                "tls",
                "quarantine",
                "snapshots",
                DECLARED,
            ];
            known.contains(&name.as_str()) || name.ends_with(".key")
        };
        return match names.iter().all(ours) {
            true => Ok(()),
            false => Err(BackupError::NotEmpty { path }),
        };
    }
    if names.iter().any(|name| name == "lock") {
        // Says who has it, if somebody has.
        let (held, unclean) = Held::take(&Layout::new(data_dir))?;
        held.release(!unclean);
    }
    Err(BackupError::NotEmpty { path })
}

/// Takes the data directory for a restore: from here on no store opens in it.
fn claim(layout: &Layout, steps: &mut Steps<'_, '_>) -> Result<(Held, PathBuf), BackupError> {
    let root = &layout.root;
    if !root.exists() {
        steps.make_directory(root)?;
        let parent = match root.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            Some(_) | None => Path::new("."),
        };
        steps.sync_directory(parent)?;
    }
    let work = root.join(UNFINISHED);
    if !work.exists() {
        steps.make_directory(&work)?;
    }
    steps.sync_directory(root)?;
    let (held, _) = steps.take(Doing::Locking, root, || Ok(Held::take(layout)))??;
    // A server may have been faster than us, and what an interrupted restore moved up already is made again.
    check_empty(root)?;
    for name in contents(root)? {
        let path = root.join(&name);
        if name == UNFINISHED || name == "lock" {
            continue;
        }
        if path.is_dir() {
            steps.remove_tree(&path)?;
        } else {
            steps.take(Doing::Removing, &path, || fs::remove_file(&path))?;
        }
    }
    Ok((held, work))
}

/// Copies every file of a backup, checking each on the way, and makes all of them durable.
fn copy(
    manifest: &Manifest,
    backup: &Path,
    data: &Path,
    steps: &mut Steps<'_, '_>,
) -> Result<(), BackupError> {
    steps.expect(manifest.octets());
    let mut directories = vec![data.to_owned()];
    steps.make_directory(data)?;
    for line in &manifest.files {
        let to = data.join(&line.path);
        let inside = to.parent().unwrap_or(data);
        if !directories.iter().any(|made| made == inside) {
            steps.make_directory(inside)?;
            directories.push(inside.to_owned());
        }
        let path = backup.join(&line.path);
        let sum = steps.copy(&path, &to, u64::MAX)?;
        if sum != (line.octets, line.crc32c) {
            let what = "it changed while it was read";
            return Err(BackupError::Altered { path, what });
        }
    }
    directories
        .iter()
        .rev()
        .try_for_each(|directory| steps.sync_directory(directory))
}

/// Moves what was made to its place; the log, without which there is no mail, comes last.
fn move_up(data: &Path, data_dir: &Path, steps: &mut Steps<'_, '_>) -> Result<(), BackupError> {
    let made = Layout::new(data);
    for name in contents(data)? {
        let from = data.join(&name);
        if from != made.lock && from != made.tmp && from != made.log {
            steps.rename(&from, &data_dir.join(&name))?;
        }
    }
    steps.sync_directory(data_dir)?;
    steps.rename(&made.log, &Layout::new(data_dir).log)?;
    steps.sync_directory(data_dir)
}

/// The user for whom root has restored, as far as that can be told.
fn other_owner(data_dir: &Path, backup: &Path) -> Option<u32> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    [data_dir.to_owned(), backup.join(manifest::NAME)]
        .iter()
        .filter_map(|path| fs::metadata(path).ok())
        .map(|found| found.uid())
        .find(|owner| *owner != 0)
}
