//! The format of the store as a whole: what may be opened, and what is kept before a newer format is written.
//!
//! Every segment says in its opening which format it has. A store with a newer one is refused before anything is
//! touched. Of one whose newest is older than ours, all is kept first, in `snapshots/format-N/`: second names for the
//! files of the log, which nobody writes to any more, and copies of the keys. [`roll_back`] goes back there. The
//! snapshot is never removed by us; it costs the space of what is deleted or compacted later.

mod rollback;
#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::backup::{self, BackupError, Doing, Step, Steps, house_files};
use crate::disk::{Layout, body_number, segment_number};
use crate::error::OpenError;
use crate::log::frame::{FIRST, FRAME, Frame};

pub use rollback::{RolledBack, roll_back};

/// Where snapshots are, in the data directory.
const SNAPSHOTS: &str = "snapshots";
const PREFIX: &str = "format-";

/// Refuses a data directory in which something was interrupted that has to be finished first.
///
/// # Errors
/// Then, with the command that finishes it.
pub(crate) fn refuse_unfinished(layout: &Layout) -> Result<(), OpenError> {
    for (name, command) in [
        (backup::UNFINISHED, "restore"),
        (rollback::UNFINISHED, "rollback"),
    ] {
        let path = layout.root.join(name);
        if path.exists() {
            return Err(OpenError::Unfinished { path, command });
        }
    }
    Ok(())
}

/// Sees to it that a version which writes `current` may open the store, and that what it finds can be brought back.
/// Called by whoever holds the data directory, before anything else is done there.
///
/// # Errors
/// When it may not, or what is there cannot be kept.
pub(crate) fn prepare(layout: &Layout, current: u8) -> Result<(), OpenError> {
    refuse_unfinished(layout)?;
    let Some((newest, path)) = newest(&layout.log)? else {
        return Ok(());
    };
    if newest > current {
        return Err(OpenError::Newer {
            path,
            offset: 0,
            version: newest,
        });
    }
    if newest < current {
        let mut on = |_: &Step<'_>| ControlFlow::Continue(());
        let kept = snapshot(layout, newest, &mut Steps::new(&mut on)).map_err(unkept)?;
        tracing::info!(
            format = newest,
            snapshot = %kept.display(),
            "the store as the version before left it is kept; remove it when it is not wanted any more"
        );
    }
    Ok(())
}

fn unkept(error: BackupError) -> OpenError {
    match error {
        BackupError::Io {
            path,
            doing,
            source,
        } => OpenError::Io {
            path,
            doing: doing.words(),
            source,
        },
        BackupError::Open(error) => error,
        // None of these comes of making a snapshot.
        other @ (BackupError::Interrupted
        | BackupError::Inside(_)
        | BackupError::NoParent(_)
        | BackupError::TargetInUse(_)
        | BackupError::NoBackup(_)
        | BackupError::Manifest { .. }
        | BackupError::Newer(_)
        | BackupError::Altered { .. }
        | BackupError::NotEmpty { .. }
        | BackupError::NoSnapshot(_)
        | BackupError::Store(_)) => OpenError::Index(other.to_string()),
    }
}

/// The newest format in a log and the segment that has it; `None` without segments.
fn newest(log: &Path) -> Result<Option<(u8, PathBuf)>, OpenError> {
    let failed = |path: &Path, source| OpenError::Io {
        path: path.to_owned(),
        doing: "reading",
        source,
    };
    let mut newest: Option<(u8, PathBuf)> = None;
    for name in names(log).map_err(|source| failed(log, source))? {
        if segment_number(&name).is_none() {
            continue;
        }
        let path = log.join(&name);
        let version = version_of(&path).map_err(|source| failed(&path, source))?;
        if let Some(version) = version
            && newest.as_ref().is_none_or(|(before, _)| version > *before)
        {
            newest = Some((version, path));
        }
    }
    Ok(newest)
}

/// The format of a segment; `None` when its opening is not whole.
fn version_of(segment: &Path) -> io::Result<Option<u8>> {
    use std::os::unix::fs::FileExt;
    let mut front = [0; FRAME];
    match fs::File::open(segment)?.read_exact_at(&mut front, 0) {
        Ok(()) => Ok(Frame::read(&FIRST, &front).map(|frame| frame.version)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// Names in a directory, in order; none if it is not there.
fn names(directory: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut names = Vec::new();
    for entry in entries {
        if let Ok(name) = entry?.file_name().into_string() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Names of the files a log is made of.
fn log_files(log: &Path) -> io::Result<Vec<String>> {
    let mut files = names(log)?;
    files.retain(|name| segment_number(name).is_some() || body_number(name).is_some());
    Ok(files)
}

/// Keeps the log and the keys as they are; gives the place.
fn snapshot(
    layout: &Layout,
    format: u8,
    steps: &mut Steps<'_, '_>,
) -> Result<PathBuf, BackupError> {
    let root = layout.root.join(SNAPSHOTS);
    let place = root.join(format!("{PREFIX}{format}"));
    let (work, old) = (
        root.join(format!(".{PREFIX}{format}")),
        root.join(format!(".{PREFIX}{format}.old")),
    );
    let same = steps.take(Doing::Looking, &place, || {
        same_files(&layout.log, &place.join("log"))
    })?;
    if same {
        return Ok(place);
    }
    if !root.exists() {
        steps.make_directory(&root)?;
        steps.sync_directory(&layout.root)?;
    }
    steps.remove_tree(&work)?;
    steps.make_directory(&work)?;
    link_log(&layout.log, &work.join("log"), steps)?;
    let house = steps.take(Doing::Looking, &layout.root, || house_files(&layout.root))?;
    for name in house.iter().filter(|name| !name.contains('/')) {
        steps.copy(&layout.root.join(name), &work.join(name), u64::MAX)?;
    }
    steps.sync_directory(&work)?;
    if place.exists() {
        // From an upgrade that was rolled back since: what is kept now is that, and all that came after.
        steps.remove_tree(&old)?;
        steps.rename(&place, &old)?;
    }
    steps.rename(&work, &place)?;
    steps.sync_directory(&root)?;
    steps.remove_tree(&old)?;
    Ok(place)
}

/// Whether two logs are made of the very same files.
fn same_files(one: &Path, other: &Path) -> io::Result<bool> {
    let files = log_files(one)?;
    if log_files(other)? != files {
        return Ok(false);
    }
    for name in files {
        let (one, other) = (
            fs::metadata(one.join(&name))?,
            fs::metadata(other.join(&name))?,
        );
        if (one.dev(), one.ino()) != (other.dev(), other.ino()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Makes a directory with the files of a log, which nobody writes to: second names, or copies where there are none.
fn link_log(from: &Path, to: &Path, steps: &mut Steps<'_, '_>) -> Result<(), BackupError> {
    steps.make_directory(to)?;
    let files = steps.take(Doing::Looking, from, || log_files(from))?;
    for name in files {
        let (source, copy) = (from.join(&name), to.join(&name));
        match steps.link(&source, &copy) {
            Err(BackupError::Io { .. }) => {
                steps.copy(&source, &copy, u64::MAX)?;
            }
            other => other?,
        }
    }
    steps.sync_directory(to)
}
