//! Reads a backup back: every file against the manifest, every record and large body against its own checksums.
//!
//! The two say different things: a file that is not what the manifest says went bad in the backup; a record that is not
//! what its checksum says was bad in the store already, and the backup is a faithful copy of that.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::manifest::{self, Manifest};
use super::steps::{Doing, Steps, Watch, failed};
use super::{BackupError, Flaws};
use crate::account::{AccountId, Decision};
use crate::disk::{Layout, RealDisk, body_number};
use crate::engine::Place;
use crate::error::OpenError;
use crate::index::Change;
use crate::index::table::TableError;
use crate::log::Position;
use crate::log::frame::{FIRST, FRAME, Frame, Kind};
use crate::log::replay::{Replay, WalkError};

/// What reading a backup found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Files that are what the manifest says.
    pub files: u64,
    /// Octets of these files.
    pub octets: u64,
    /// Records of the log that are whole.
    pub records: u64,
    /// What was wrong in the store already when it was backed up.
    pub flaws: Flaws,
}

/// Whether a directory is a backup: the list of its files is there.
#[must_use]
pub fn is_backup(directory: &Path) -> bool {
    directory.join(manifest::NAME).is_file()
}

/// Reads a backup back from the disk.
///
/// # Errors
/// When it is not what was backed up, or cannot be read.
pub fn verify_backup(backup: &Path, watch: &mut Watch<'_>) -> Result<Verified, BackupError> {
    verify(backup, &mut Steps::new(watch))
}

pub(super) fn verify(backup: &Path, steps: &mut Steps<'_, '_>) -> Result<Verified, BackupError> {
    let manifest = Manifest::read(backup)?;
    compare(&manifest, backup, steps)?;
    let walked = steps.take(Doing::Reading, &backup.join("log"), || Ok(walk(backup)))??;
    Ok(Verified {
        files: manifest.files.len() as u64,
        octets: manifest.octets(),
        records: walked.records,
        flaws: Flaws {
            places: walked.places,
            bodies: bad_bodies(&walked.bodies, &manifest, backup)?,
            short: walked.end < manifest.end,
        },
    })
}

/// Compares every file below `root` with the manifest.
pub(super) fn compare(
    manifest: &Manifest,
    root: &Path,
    steps: &mut Steps<'_, '_>,
) -> Result<(), BackupError> {
    steps.expect(manifest.octets());
    for line in &manifest.files {
        let path = root.join(&line.path);
        let (octets, crc) = match steps.sum_from_disk(&path) {
            Err(BackupError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Err(BackupError::Altered {
                    path,
                    what: "it is missing",
                });
            }
            other => other?,
        };
        if octets != line.octets {
            let what = "it has another size";
            return Err(BackupError::Altered { path, what });
        }
        if crc != line.crc32c {
            let what = "its checksum is another";
            return Err(BackupError::Altered { path, what });
        }
    }
    Ok(())
}

struct Walk {
    records: u64,
    end: Position,
    places: Vec<crate::report::Damage>,
    /// Large bodies of messages that are in a mailbox.
    bodies: BTreeSet<u64>,
}

/// Which mailbox holds which large body. What nobody holds any more may be gone.
#[derive(Default)]
struct Holders(HashMap<AccountId, HashMap<u64, u64>>);

impl Holders {
    fn take(&mut self, change: Change) {
        match change {
            Change::Message(message) => {
                if let Place::Sealed { body, .. } = message.place {
                    for to in message.kept.iter().filter(|to| to.removed.is_none()) {
                        let held = self.0.entry(to.account).or_default();
                        held.insert(message.uid, body);
                    }
                }
            }
            Change::Expunge { account, uids, .. } => {
                if let Some(held) = self.0.get_mut(&account) {
                    held.retain(|uid, _| uids.binary_search(uid).is_err());
                }
            }
            Change::Decisions(decisions) => {
                for decision in decisions {
                    if let Decision::NoAccount(account) = decision {
                        self.0.remove(&account);
                    }
                }
            }
            Change::Retired { .. } | Change::Released { .. } | Change::Attempted(_) => {}
        }
    }
}

fn walk(backup: &Path) -> Result<Walk, BackupError> {
    let replay = Replay {
        disk: Arc::new(RealDisk),
        layout: Layout::new(backup),
    };
    let segments = replay.survey()?;
    let mut holders = Holders::default();
    let walked = replay
        .walk(&segments, Position::default(), None, &mut |change, _, _| {
            holders.take(change);
            Ok(())
        })
        .map_err(|error| match error {
            WalkError::Log(error) => error,
            // Nothing is put into any table here.
            WalkError::Table(TableError::Failed(why)) => OpenError::Index(why),
            WalkError::Table(error) => OpenError::Index(error.to_string()),
        })?;
    Ok(Walk {
        records: walked.records,
        end: walked.end,
        places: walked
            .damaged
            .into_iter()
            .filter(|place| {
                !replay
                    .layout
                    .quarantined(place.segment, place.offset)
                    .exists()
            })
            .collect(),
        bodies: holders
            .0
            .into_values()
            .flat_map(HashMap::into_values)
            .collect(),
    })
}

/// Bodies that are not there, or not what their own frame says.
fn bad_bodies(
    named: &BTreeSet<u64>,
    manifest: &Manifest,
    backup: &Path,
) -> Result<Vec<u64>, BackupError> {
    let mut bad = named.clone();
    for line in &manifest.files {
        let Some(number) = line.path.strip_prefix("log/").and_then(body_number) else {
            continue;
        };
        let path = backup.join(&line.path);
        let mut front = [0; FRAME];
        let read = File::open(&path).and_then(|file| file.read_exact_at(&mut front, 0));
        match read {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => continue,
            other => other.map_err(failed(Doing::Reading, &path))?,
        }
        let whole = Frame::read(&FIRST, &front).is_some_and(|frame| {
            // The sum of the frame and what the frame says of the body, put together, must be the file's.
            let sum = crc32c::crc32c_combine(
                crc32c::crc32c(&front),
                frame.body_crc,
                usize::try_from(frame.body).unwrap_or(usize::MAX),
            );
            frame.kind == Kind::Body as u8
                && frame.sequence == number
                && frame.length() == line.octets
                && sum == line.crc32c
        });
        if whole {
            bad.remove(&number);
        }
    }
    Ok(bad.into_iter().collect())
}
