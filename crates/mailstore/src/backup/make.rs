//! Makes a backup: everything under a name that does not count, then the name.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;

use super::files::{Target, house_files, seconds, unfinished};
use super::manifest::{self, Line, Manifest};
use super::steps::{Doing, Steps, Watch, failed};
use super::verify;
use super::{BackedUp, BackupError, BackupOptions, DECLARED, Moment};
use crate::disk::{Layout, body_number, segment_number};
use crate::log::frame::{FRAME, OPENING};

/// Makes a backup of a data directory in a directory for backups, which is made if it is not there. What the log says
/// before the end of that moment will be in it; everything before it is durable, and nobody removes files of the log
/// meanwhile.
///
/// # Errors
/// Then there is no new backup, and those from before are as they were.
pub fn back_up(
    data_dir: &Path,
    of: impl Into<Moment>,
    directory: &Path,
    options: BackupOptions,
    now: SystemTime,
    watch: &mut Watch<'_>,
) -> Result<BackedUp, BackupError> {
    let options = BackupOptions {
        // Damage shows only when all is read, and what it hits may be whole in the older backups alone.
        verify: options.verify || options.keep.is_some(),
        ..options
    };
    let mut steps = Steps::new(watch);
    let directory = place(data_dir, directory, &mut steps)?;
    let _turn = lock(&directory, &mut steps)?;
    let list = || Target::list(&directory).map_err(failed(Doing::Looking, &directory));
    let target = list()?;
    for leftover in &target.leftovers {
        steps.remove_tree(leftover)?;
    }
    let path = directory.join(target.next_name(now));
    let work = unfinished(&path);
    let previous = target
        .backups
        .iter()
        .rev()
        .find_map(|backup| Previous::read(backup, data_dir));
    let mut making = Making {
        steps,
        data: Layout::new(data_dir),
        of: of.into(),
        options,
        previous,
        lines: Vec::new(),
        made: BackedUp {
            path: path.clone(),
            ..BackedUp::default()
        },
    };
    let outcome = making
        .fill(&work, now)
        .and_then(|()| making.steps.rename(&work, &path))
        .and_then(|()| making.steps.sync_directory(&directory));
    let Making {
        mut steps,
        mut made,
        ..
    } = making;
    if let Err(error) = outcome {
        // What cannot be removed now is removed by the next run.
        let _ = steps.remove_tree(&work);
        return Err(error);
    }
    // Backups from before the damage are the ones to keep.
    let flawed = |verified: &verify::Verified| !verified.flaws.is_empty();
    if made.verified.as_ref().is_some_and(flawed) {
        return Ok(made);
    }
    if let Some(keep) = options.keep {
        let backups = list()?.backups;
        let surplus = backups.len().saturating_sub(keep.max(1));
        for backup in &backups[..surplus] {
            remove(backup, &directory, &mut steps)?;
            made.removed.push(backup.clone());
        }
    }
    Ok(made)
}

/// The directory for backups, absolute, made if need be.
fn place(
    data_dir: &Path,
    directory: &Path,
    steps: &mut Steps<'_, '_>,
) -> Result<PathBuf, BackupError> {
    let whole = |path: &Path| fs::canonicalize(path).map_err(failed(Doing::Looking, path));
    let data_dir = whole(data_dir)?;
    if !directory.exists() {
        // Looked at before it is made, so that nothing is left in a data directory.
        let parent = match directory.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            Some(_) | None => Path::new("."),
        };
        if !parent.exists() {
            return Err(BackupError::NoParent(parent.to_owned()));
        }
        let parent = whole(parent)?;
        if parent.starts_with(&data_dir) {
            return Err(BackupError::Inside(directory.to_owned()));
        }
        steps.take(Doing::Making, directory, || {
            match DirBuilder::new().mode(0o700).create(directory) {
                // Another run made it meanwhile; the lock says whose turn it is.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                made => made,
            }
        })?;
        steps.sync_directory(&parent)?;
    }
    let directory = whole(directory)?;
    if directory.starts_with(&data_dir) {
        return Err(BackupError::Inside(directory));
    }
    Ok(directory)
}

/// Only one run at a time: another one's unfinished work looks like what an interrupted one left.
fn lock(directory: &Path, steps: &mut Steps<'_, '_>) -> Result<File, BackupError> {
    let file = steps.take(Doing::Locking, directory, || File::open(directory))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(BackupError::TargetInUse(directory.to_owned())),
        // Some network file systems lock no directory. Two runs at once would be a pity there: one of them fails.
        Err(TryLockError::Error(error)) => {
            tracing::debug!(%error, "directory of backups not locked");
            Ok(file)
        }
    }
}

/// Takes a backup out of those that count, then away.
fn remove(backup: &Path, directory: &Path, steps: &mut Steps<'_, '_>) -> Result<(), BackupError> {
    let away = unfinished(backup);
    steps.rename(backup, &away)?;
    steps.sync_directory(directory)?;
    steps.remove_tree(&away)
}

/// The backup before this one, if its files may serve again.
struct Previous {
    path: PathBuf,
    sums: HashMap<String, (u64, u32)>,
}

impl Previous {
    /// None unless the log it was made from is this log. After a restore from an older backup, numbers of segments and
    /// bodies are given out a second time; the newest segment both have tells, by its random mark.
    fn read(backup: &Path, data_dir: &Path) -> Option<Self> {
        let manifest = Manifest::read(backup).ok()?;
        let common = manifest
            .files
            .iter()
            .filter(|line| {
                let segment = line.path.strip_prefix("log/").and_then(segment_number);
                segment.is_some() && data_dir.join(&line.path).exists()
            })
            .max_by_key(|line| &line.path)?;
        let start = |root: &Path| beginning(&root.join(&common.path), OPENING);
        if start(backup).ok()? != start(data_dir).ok()? {
            return None;
        }
        let sums = manifest.files.into_iter();
        Some(Self {
            path: backup.to_owned(),
            sums: sums
                .map(|line| (line.path, (line.octets, line.crc32c)))
                .collect(),
        })
    }
}

/// The first octets of a file.
fn beginning(path: &Path, octets: u64) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    File::open(path)?.take(octets).read_to_end(&mut start)?;
    Ok(start)
}

/// A backup being made.
struct Making<'w, 'a> {
    steps: Steps<'w, 'a>,
    data: Layout,
    of: Moment,
    options: BackupOptions,
    previous: Option<Previous>,
    lines: Vec<Line>,
    made: BackedUp,
}

/// A file of the log.
struct Part {
    name: String,
    octets: u64,
    /// The last segment, which may still be written to.
    tail: bool,
}

impl Making<'_, '_> {
    fn fill(&mut self, work: &Path, now: SystemTime) -> Result<(), BackupError> {
        let parts = self.parts()?;
        self.steps
            .expect(parts.iter().map(|part| part.octets).sum());
        self.steps.make_directory(work)?;
        let log = work.join("log");
        self.steps.make_directory(&log)?;
        for part in &parts {
            self.take(part, work)?;
        }
        self.take_house(work)?;
        self.write_declared(work)?;
        let made = Timestamp::from_second(seconds(now)).unwrap_or(Timestamp::MAX);
        let lines = std::mem::take(&mut self.lines);
        let manifest = Manifest::new(made.to_string(), self.of.end, lines);
        self.made.files = manifest.files.len() as u64;
        self.made.octets = manifest.octets();
        self.steps
            .write(&work.join(manifest::NAME), &manifest.into_json())?;
        self.steps.sync_directory(&log)?;
        self.steps.sync_directory(work)?;
        if self.options.verify {
            self.made.verified = Some(verify::verify(work, &mut self.steps)?);
        }
        Ok(())
    }

    /// The files of the log that belong to it before its end.
    fn parts(&self) -> Result<Vec<Part>, BackupError> {
        let log = &self.data.log;
        let mut parts = Vec::new();
        let entries = fs::read_dir(log).map_err(failed(Doing::Looking, log))?;
        for entry in entries {
            let entry = entry.map_err(failed(Doing::Looking, log))?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let segment = segment_number(&name);
            if segment.is_none_or(|number| number > self.of.end.segment)
                && body_number(&name).is_none()
            {
                continue;
            }
            let tail = segment == Some(self.of.end.segment);
            let octets = match entry.metadata() {
                // The body of a message that was given up.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                found => found.map_err(failed(Doing::Looking, &entry.path()))?.len(),
            };
            parts.push(Part {
                name,
                octets: if tail { self.of.end.offset } else { octets },
                tail,
            });
        }
        parts.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(parts)
    }

    fn take(&mut self, part: &Part, work: &Path) -> Result<(), BackupError> {
        let source = self.data.log.join(&part.name);
        let path = format!("log/{}", part.name);
        let to = work.join(&path);
        let outcome = self.take_from(part, &source, &path, &to);
        let (octets, crc32c) = match outcome {
            // The body of a message that was given up meanwhile; no record names it.
            Err(BackupError::Io { source: error, .. })
                if error.kind() == io::ErrorKind::NotFound
                    && body_number(&part.name).is_some()
                    && !source.exists() =>
            {
                return Ok(());
            }
            other => other?,
        };
        self.lines.push(Line {
            path,
            octets,
            crc32c,
        });
        Ok(())
    }

    fn take_from(
        &mut self,
        part: &Part,
        source: &Path,
        path: &str,
        to: &Path,
    ) -> Result<(u64, u32), BackupError> {
        if !part.tail {
            if let Some(sum) = self.link_previous(part, source, path, to)? {
                self.made.from_previous += 1;
                return Ok(sum);
            }
            if !self.options.copy && self.link(source, to)? {
                self.made.from_data += 1;
                return self.steps.sum(to);
            }
        }
        let (octets, crc) = self.steps.copy(source, to, part.octets)?;
        self.made.copied += 1;
        self.made.copied_octets += octets;
        Ok((octets, crc))
    }

    /// A second name for a file, where the file systems and the rights allow it.
    fn link(&mut self, from: &Path, to: &Path) -> Result<bool, BackupError> {
        match self.steps.link(from, to) {
            Ok(()) => Ok(true),
            Err(BackupError::Io { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Takes the file from the backup before, if it is the same there; gives its size and CRC32C.
    fn link_previous(
        &mut self,
        part: &Part,
        source: &Path,
        path: &str,
        to: &Path,
    ) -> Result<Option<(u64, u32)>, BackupError> {
        let Some(previous) = &self.previous else {
            return Ok(None);
        };
        let Some(&(octets, crc)) = previous.sums.get(path) else {
            return Ok(None);
        };
        let from = previous.path.join(path);
        let (Ok(there), Ok(here)) = (fs::metadata(&from), fs::metadata(source)) else {
            return Ok(None);
        };
        let one_file = (there.dev(), there.ino()) == (here.dev(), here.ino());
        if there.len() != octets || octets != part.octets || (one_file && self.options.copy) {
            return Ok(None);
        }
        let front = if body_number(&part.name).is_some() {
            FRAME as u64
        } else {
            OPENING
        };
        let same = || Ok::<_, io::Error>(beginning(&from, front)? == beginning(source, front)?);
        if !one_file && !same().unwrap_or(false) {
            return Ok(None);
        }
        // A file that went bad in the backup before must not go on from backup to backup.
        if self.options.verify && self.steps.sum_from_disk(&from)? != (octets, crc) {
            return Ok(None);
        }
        if !self.link(&from, to)? {
            return Ok(None);
        }
        self.steps.spared(octets);
        Ok(Some((octets, crc)))
    }

    /// As it was at the end of the log: by now a reload may have written another.
    fn write_declared(&mut self, work: &Path) -> Result<(), BackupError> {
        let Some(declared) = &self.of.declared else {
            return Ok(());
        };
        self.steps.write(&work.join(DECLARED), declared)?;
        let octets = declared.len() as u64;
        self.made.copied += 1;
        self.made.copied_octets += octets;
        self.lines.push(Line {
            path: DECLARED.to_owned(),
            octets,
            crc32c: crc32c::crc32c(declared),
        });
        Ok(())
    }

    /// Keys, the certificate and the quarantine: copied every time.
    fn take_house(&mut self, work: &Path) -> Result<(), BackupError> {
        let root = self.data.root.clone();
        let names = house_files(&root).map_err(failed(Doing::Looking, &root))?;
        let mut directories: Vec<&str> = names
            .iter()
            .filter_map(|name| Some(name.split_once('/')?.0))
            .collect();
        directories.dedup();
        for directory in &directories {
            self.steps.make_directory(&work.join(directory))?;
        }
        for name in &names {
            let (octets, crc32c) = self
                .steps
                .copy(&root.join(name), &work.join(name), u64::MAX)?;
            self.made.copied += 1;
            self.made.copied_octets += octets;
            self.lines.push(Line {
                path: name.clone(),
                octets,
                crc32c,
            });
        }
        directories
            .iter()
            .try_for_each(|directory| self.steps.sync_directory(&work.join(directory)))
    }
}
