//! What accounts have written to elsewhere today, kept in a small file, so that a restart does not begin the day anew.
//!
//! The schedule counts for itself; this only remembers. What was not written down before a crash, a minute at most, is
//! forgotten.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// How long something may be known here only.
const WRITE_AFTER: Duration = Duration::from_secs(60);
/// Largest file that is read, in octets: one of 100,000 accounts is smaller.
const MOST: u64 = 4 << 20;

/// Recipients of today, by account.
#[derive(Debug, Default)]
pub(super) struct Counts {
    path: Option<PathBuf>,
    /// Days since 1970 (UTC), as the schedule counts them.
    day: u64,
    written: BTreeMap<u64, u32>,
    /// When it has to be written down.
    dirty: Option<SystemTime>,
}

impl Counts {
    /// Reads what is there. What cannot be read counts as nothing.
    pub(super) fn read(path: Option<PathBuf>) -> Self {
        let mut counts = Self::default();
        if let Some(path) = path {
            let small = fs::metadata(&path).is_ok_and(|file| file.len() <= MOST);
            match fs::read_to_string(&path) {
                Ok(text) if small => counts.parse(&text),
                Ok(_) => tracing::warn!(path = %path.display(), "not a file of counts"),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => (),
                Err(error) => tracing::warn!(path = %path.display(), %error, "counts not read"),
            }
            counts.path = Some(path);
        }
        counts
    }

    /// A line with the day, then one for each account: its number and its recipients.
    fn parse(&mut self, text: &str) {
        let mut lines = text.lines();
        self.day = lines.next().and_then(|day| day.parse().ok()).unwrap_or(0);
        for line in lines {
            let pair = line.split_once(' ');
            if let Some((Ok(account), Ok(recipients))) =
                pair.map(|(account, recipients)| (account.parse(), recipients.parse()))
            {
                self.written.insert(account, recipients);
            }
        }
    }

    fn text(&self) -> String {
        let mut text = format!("{}\n", self.day);
        for (account, recipients) in &self.written {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{account} {recipients}");
        }
        text
    }

    /// What accounts have written by now.
    pub(super) fn today(&mut self, now: SystemTime) -> Vec<(u64, u32)> {
        self.turn_over(now);
        let each = self.written.iter();
        each.map(|(account, recipients)| (*account, *recipients))
            .collect()
    }

    /// So many more.
    pub(super) fn add(&mut self, account: u64, recipients: usize, now: SystemTime) {
        self.turn_over(now);
        let more = u32::try_from(recipients).unwrap_or(u32::MAX);
        let written = self.written.entry(account).or_default();
        *written = written.saturating_add(more);
        self.touch(now);
    }

    /// So many did not begin after all.
    pub(super) fn give_back(&mut self, account: u64, recipients: usize) {
        let less = u32::try_from(recipients).unwrap_or(u32::MAX);
        if let Some(written) = self.written.get_mut(&account) {
            *written = written.saturating_sub(less);
        }
    }

    /// An account begins its day anew.
    pub(super) fn forget(&mut self, account: u64, now: SystemTime) {
        if self.written.remove(&account).is_some() {
            self.touch(now);
        }
    }

    fn touch(&mut self, now: SystemTime) {
        if self.path.is_some() && self.dirty.is_none() {
            self.dirty = now.checked_add(WRITE_AFTER);
        }
    }

    fn turn_over(&mut self, now: SystemTime) {
        let since = now.duration_since(SystemTime::UNIX_EPOCH);
        let today = since.unwrap_or_default().as_secs() / (24 * 60 * 60);
        if today != self.day {
            self.day = today;
            self.written.clear();
        }
    }

    /// When it has to be written down.
    pub(super) fn due(&self) -> Option<SystemTime> {
        self.dirty
    }

    /// Writes it down, if there is anything new: what is to be run where blocking is allowed.
    pub(super) fn write(&mut self) -> Option<impl FnOnce() + Send + 'static> {
        self.dirty.take()?;
        let (path, text) = (self.path.clone()?, self.text());
        Some(move || {
            let beside = path.with_extension("new");
            let done = fs::write(&beside, text).and_then(|()| fs::rename(&beside, &path));
            if let Err(error) = done {
                tracing::warn!(path = %path.display(), %error, "counts not written");
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::Counts;

    fn day(days: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(days * 86_400 + 60)
    }

    #[test]
    fn a_day_is_remembered_until_it_is_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = Some(directory.path().join("sent-today"));
        let mut counts = Counts::read(path.clone());
        assert_eq!(counts.today(day(20_000)), []);
        assert!(counts.write().is_none(), "nothing is new");
        counts.add(7, 3, day(20_000));
        counts.add(7, 2, day(20_000));
        counts.add(9, 5, day(20_000));
        counts.give_back(9, 1);
        assert_eq!(counts.due(), Some(day(20_000) + Duration::from_secs(60)));
        counts.write().unwrap()();
        assert_eq!(counts.due(), None);

        let mut again = Counts::read(path.clone());
        assert_eq!(again.today(day(20_000)), [(7, 5), (9, 4)]);
        again.forget(7, day(20_000));
        again.write().unwrap()();
        let mut again = Counts::read(path.clone());
        assert_eq!(again.today(day(20_000)), [(9, 4)]);
        assert_eq!(again.today(day(20_001)), []);
    }

    #[test]
    fn what_is_no_file_of_counts_counts_as_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sent-today");
        std::fs::write(&path, "20000\nx y\n7\n8 9 10\n-1 4\n5 6\n").unwrap();
        let mut counts = Counts::read(Some(path));
        assert_eq!(counts.today(day(20_000)), [(5, 6)]);
    }
}
