//! Goes back to the log as it was before a newer format was written.
//!
//! Nothing is removed: the newer log stays in the data directory under another name. While the two change places,
//! `rollback.unfinished` is there and no store opens; a rollback that was interrupted is finished by the next one.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{PREFIX, SNAPSHOTS, link_log, names, newest};
use crate::backup::{BackupError, Doing, Steps, Watch, failed, house_files, stamp};
use crate::disk::Layout;
use crate::log::Held;

/// Where the older log is made, in the data directory; no store opens while it is there.
pub(super) const UNFINISHED: &str = "rollback.unfinished";

/// A store that was brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolledBack {
    /// The format it has now.
    pub format: u8,
    /// Where the newer log is now.
    pub set_aside: PathBuf,
}

/// Brings back the store as it was before this version or one before it first wrote to it. What came in since is only
/// in the log that is set aside. No server may run.
///
/// # Errors
/// When there is nothing to go back to, when a server has the data directory, and when files cannot be written. The
/// store may then not open before this is done again.
pub fn roll_back(
    data_dir: &Path,
    now: SystemTime,
    watch: &mut Watch<'_>,
) -> Result<RolledBack, BackupError> {
    let mut steps = Steps::new(watch);
    let layout = Layout::new(data_dir);
    let nothing = || BackupError::NoSnapshot(data_dir.to_owned());
    if !data_dir.join(SNAPSHOTS).exists() {
        return Err(nothing());
    }
    let (held, unclean) = Held::take(&layout)?;
    if !data_dir.join(UNFINISHED).exists() {
        let there = newest(&layout.log)?.map_or(0, |(format, _)| format);
        let Some(snapshot) = newest_snapshot(data_dir, there)? else {
            held.release(!unclean);
            return Err(nothing());
        };
        prepare(&layout, &snapshot, &mut steps)?;
    }
    let done = change_places(&layout, now, &mut steps)?;
    held.release(true);
    Ok(done)
}

/// The newest snapshot of a format below `below`.
fn newest_snapshot(data_dir: &Path, below: u8) -> Result<Option<PathBuf>, BackupError> {
    let root = data_dir.join(SNAPSHOTS);
    let found = names(&root).map_err(failed(Doing::Looking, &root))?;
    let formats = found
        .iter()
        .filter_map(|name| name.strip_prefix(PREFIX)?.parse::<u8>().ok());
    let newest = formats.filter(|format| *format < below).max();
    Ok(newest.map(|format| root.join(format!("{PREFIX}{format}"))))
}

/// Makes the log that will be, beside the one that is, and brings keys back that are gone. From its last step on no
/// store opens.
fn prepare(layout: &Layout, snapshot: &Path, steps: &mut Steps<'_, '_>) -> Result<(), BackupError> {
    let making = layout.root.join("rollback.making");
    steps.remove_tree(&making)?;
    steps.make_directory(&making)?;
    link_log(&snapshot.join("log"), &making.join("log"), steps)?;
    steps.sync_directory(&making)?;
    let keys = steps.take(Doing::Looking, snapshot, || house_files(snapshot))?;
    for name in keys {
        let to = layout.root.join(&name);
        if !to.exists() {
            steps.copy(&snapshot.join(&name), &to, u64::MAX)?;
        }
    }
    steps.rename(&making, &layout.root.join(UNFINISHED))?;
    steps.sync_directory(&layout.root)
}

/// Puts the log that was made in the place of the one that is there, as far as that has not been done before.
fn change_places(
    layout: &Layout,
    now: SystemTime,
    steps: &mut Steps<'_, '_>,
) -> Result<RolledBack, BackupError> {
    let root = &layout.root;
    let work = root.join(UNFINISHED);
    if layout.index.exists() {
        // It knows the newer log; it is made from the log again.
        steps.rename(&layout.index, &work.join("index"))?;
        steps.sync_directory(root)?;
    }
    let made = work.join("log");
    let mut set_aside = None;
    if made.exists() {
        if let Some((format, _)) = newest(&layout.log)? {
            let path = free_name(root, format, now);
            steps.rename(&layout.log, &path)?;
            steps.sync_directory(root)?;
            set_aside = Some(path);
        }
        steps.rename(&made, &layout.log)?;
        steps.sync_directory(root)?;
    }
    steps.remove_tree(&work)?;
    steps.sync_directory(root)?;
    Ok(RolledBack {
        format: newest(&layout.log)?.map_or(0, |(format, _)| format),
        set_aside: set_aside.unwrap_or_else(|| newest_set_aside(root)),
    })
}

/// A name for the log that is set aside.
fn free_name(data_dir: &Path, format: u8, now: SystemTime) -> PathBuf {
    let stem = format!("log.{PREFIX}{format}-{}", stamp(now));
    let mut path = data_dir.join(&stem);
    let mut number = 1;
    while path.exists() {
        number += 1;
        path = data_dir.join(format!("{stem}-{number}"));
    }
    path
}

/// What an interrupted rollback has set aside: the newest there is.
fn newest_set_aside(data_dir: &Path) -> PathBuf {
    let begins = format!("log.{PREFIX}");
    let changed = |path: &PathBuf| fs::metadata(path).and_then(|found| found.modified()).ok();
    names(data_dir)
        .unwrap_or_default()
        .into_iter()
        .filter(|name| name.starts_with(&begins))
        .map(|name| data_dir.join(name))
        .max_by_key(changed)
        .unwrap_or_else(|| data_dir.to_owned())
}
