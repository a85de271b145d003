//! Which files a backup is made of, and which directories are backups.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// What the name of a backup begins with.
const PREFIX: &str = "backup-";
/// What stands behind it: the time it was made, in UTC.
const TIME: &str = "%Y%m%dT%H%M%SZ";

/// Directories of a data directory with files that are neither mail nor made anew.
const HOUSE: [&str; 2] = ["quarantine", "tls"];

/// The files of a data directory that are not mail and cannot be made anew, by their names in it: keys, the
/// certificate the server made for itself, and what repairs have set aside. Sorted.
///
/// # Errors
/// When the directory cannot be listed.
pub(crate) fn house_files(root: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for name in file_names(root)? {
        if name.ends_with(".key") {
            found.push(name);
        }
    }
    for directory in HOUSE {
        let names = match file_names(&root.join(directory)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            names => names?,
        };
        // Half a file on its way to its place is made anew.
        let whole = names.iter().filter(|name| !name.ends_with(".new"));
        found.extend(whole.map(|name| format!("{directory}/{name}")));
    }
    found.sort();
    Ok(found)
}

fn file_names(directory: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_file()
            && let Ok(name) = entry.file_name().into_string()
        {
            names.push(name);
        }
    }
    Ok(names)
}

/// The backups in a directory, oldest first, and what unfinished ones were left there.
pub(super) struct Target {
    pub(super) backups: Vec<PathBuf>,
    pub(super) leftovers: Vec<PathBuf>,
}

impl Target {
    pub(super) fn list(directory: &Path) -> io::Result<Self> {
        let (mut backups, mut leftovers) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            if !entry.file_type()?.is_dir() {
                continue;
            }
            if made(&name).is_some() {
                backups.push(entry.path());
            } else if name.strip_prefix('.').and_then(made).is_some() {
                leftovers.push(entry.path());
            }
        }
        // The time is written so that this is the order of time.
        backups.sort();
        Ok(Self { backups, leftovers })
    }

    /// The name of the next backup: of this moment, or of the second after the newest.
    pub(super) fn next_name(&self, now: SystemTime) -> String {
        let newest = self.backups.last().and_then(|path| {
            let name = path.file_name()?.to_str()?;
            made(name)
        });
        let now = seconds(now);
        let second = newest.map_or(now, |newest| now.max(newest + 1));
        let time = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
        format!("{PREFIX}{}", time.strftime(TIME))
    }
}

/// A time as it stands in names, in UTC.
pub(crate) fn stamp(time: SystemTime) -> String {
    let time = Timestamp::from_second(seconds(time)).unwrap_or(Timestamp::MAX);
    time.strftime(TIME).to_string()
}

/// Seconds since 1970.
pub(super) fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// When the backup of that name was made, in seconds since 1970; `None` for any other name.
fn made(name: &str) -> Option<i64> {
    let time = name.strip_prefix(PREFIX)?;
    let parsed = DateTime::strptime(TIME, time).ok()?;
    let stamp = parsed.to_zoned(TimeZone::UTC).ok()?.timestamp();
    // Only the one way to write it sorts.
    (stamp.strftime(TIME).to_string() == time).then(|| stamp.as_second())
}

/// The name a backup has as long as it is not whole, or not any more.
pub(super) fn unfinished(backup: &Path) -> PathBuf {
    let name = backup.file_name().unwrap_or_default().to_string_lossy();
    backup.with_file_name(format!(".{name}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn names_tell_the_time_and_grow_whatever_the_clock_does() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let mut target = Target {
            backups: Vec::new(),
            leftovers: Vec::new(),
        };
        for (now, name) in [
            (1_795_325_326, "backup-20261122T052846Z"),
            (1_795_325_326, "backup-20261122T052847Z"),
            (5, "backup-20261122T052848Z"),
            (1_795_325_400, "backup-20261122T053000Z"),
        ] {
            assert_eq!(target.next_name(at(now)), name);
            target.backups.push(PathBuf::from(name));
        }
        for other in ["backup-", "backup-2026", "backup-20261122T052846Z.old", "x"] {
            assert_eq!(made(other), None, "{other}");
        }
    }
}
