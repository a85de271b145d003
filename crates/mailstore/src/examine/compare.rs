//! The index against what the log leads to.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use address::Mailbox;

use super::{Examination, Examined, Finding, Hit, Log, each_message};
use crate::account::{Account, AccountId, Alias};
use crate::census::Census;
use crate::engine::Entry;
use crate::handling::StoredList;
use crate::index::applier::Applier;
use crate::index::keys;
use crate::index::table::{Table, TableError, Tables};
use crate::index::tree::Trees;
use crate::ledger::Usage;
use crate::log::replay::Segment;
use crate::log::{Position, known_and_missing};
use crate::outgoing::QUEUE;

/// A copy of the index, brought up to the end of the log as a start would do it.
pub(super) struct Copied {
    pub(super) table: Arc<dyn Table>,
    pub(super) addresses: HashMap<AccountId, Mailbox>,
    /// See [`Census::bodies`], before it was brought up.
    pub(super) bodies: u64,
    /// Up to where it had the log, before it was brought up.
    pub(super) position: Position,
    census: Census,
    /// Removed when this goes; behind the table, which lets go of its files first.
    _directory: tempfile::TempDir,
}

/// The index of a store at rest, in a copy because opening it changes it. None when there is none of any use.
pub(super) fn copy(examination: &Examination, found: &mut Examined) -> Option<Copied> {
    match try_copy(examination) {
        Ok(copied) => copied,
        Err(Trouble::Io(error)) => {
            found.unfinished = Some(format!(
                "the index could not be compared, because no copy of it could be made in {}: {error}",
                std::env::temp_dir().display()
            ));
            None
        }
        Err(Trouble::Table(error)) => {
            found.findings.push(Finding::Index {
                why: error.to_string(),
            });
            None
        }
    }
    .or_else(|| {
        if found.unfinished.is_none() && found.findings.is_empty() {
            found.index_not_compared = Some("there is none; the next start makes one".to_owned());
        }
        None
    })
}

enum Trouble {
    Io(io::Error),
    Table(TableError),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<TableError> for Trouble {
    fn from(error: TableError) -> Self {
        Self::Table(error)
    }
}

fn try_copy(examination: &Examination) -> Result<Option<Copied>, Trouble> {
    let source = &examination.replay.layout.index;
    let numbers = match fs::read_dir(source) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let latest = numbers
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u64>().ok())
        .max();
    let Some(latest) = latest else {
        return Ok(None);
    };
    let directory = tempfile::tempdir()?;
    let latest = latest.to_string();
    copy_all(&source.join(&latest), &directory.path().join(&latest))?;
    let table = Trees::new(directory.path().to_owned()).latest()?;
    let mut applier = Applier::load(Arc::clone(&table), Arc::default())?;
    applier.inventory()?;
    applier.begin_check();
    while applier.check_some()? {}
    let (bodies, position) = (applier.checkpoint().bodies, applier.position());
    // What is missing is found by the walk, as damage before the end.
    known_and_missing(&examination.segments, position)?;
    let replay = &examination.replay;
    let end = examination.end.max(position);
    replay.feed_until(&mut applier, end, &mut |work| work())?;
    let accounts = applier.inventory()?.accounts.into_iter();
    Ok(Some(Copied {
        table,
        addresses: accounts
            .map(|account| (account.id, account.address))
            .collect(),
        bodies,
        position,
        census: applier.census(),
        _directory: directory,
    }))
}

fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_all(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), &to)?;
        }
    }
    Ok(())
}

/// What a running server counts against what the log comes to.
pub(super) fn sums(log: &Log, index: &Census, found: &mut Examined) {
    mailboxes(log, index, &HashMap::new(), found);
    if index.directory != log.census.directory {
        found.findings.push(Finding::Directory {
            name: None,
            lost: false,
        });
    }
    let agree = |index: &Census| (index.messages, index.octets);
    let sums = |index: &Census| (index.entries, index.removed);
    if sums(index) != sums(&log.census) && agree(index) == agree(&log.census) {
        found.findings.push(Finding::Entries);
    } else if sums(index) == sums(&log.census) && index.queue != log.census.queue {
        found.findings.push(Finding::Queue { id: None });
    }
}

/// Counters of all mailboxes.
fn mailboxes(
    log: &Log,
    index: &Census,
    addresses: &HashMap<AccountId, Mailbox>,
    found: &mut Examined,
) {
    let ours: HashMap<_, _> = log.census.mailboxes.iter().copied().collect();
    let theirs: HashMap<_, _> = index.mailboxes.iter().copied().collect();
    let mut all: Vec<AccountId> = ours.keys().chain(theirs.keys()).copied().collect();
    all.sort_unstable();
    all.dedup();
    for account in all {
        let usage = |of: &HashMap<_, Usage>| of.get(&account).copied().unwrap_or_default();
        if usage(&ours) != usage(&theirs) {
            let address = log.addresses.get(&account);
            found.findings.push(Finding::Mailbox {
                account,
                address: address.or_else(|| addresses.get(&account)).cloned(),
                index: usage(&theirs),
                log: usage(&ours),
            });
        }
    }
}

/// Segments in which the index has messages and of which there is nothing any more.
pub(super) fn missing(copied: &Copied, segments: &BTreeMap<u32, Segment>, found: &mut Examined) {
    let mut missing: BTreeMap<u32, Vec<Hit>> = BTreeMap::new();
    each_message(&*copied.table, &mut |id, entry| {
        let (number, _) = entry.place.record();
        if segments.get(&number).is_none_or(Segment::is_empty) {
            let hit = Hit::new(copied.addresses.get(&id), id, &entry);
            missing.entry(number).or_default().push(hit);
        }
    });
    let missing = missing.into_iter();
    found
        .findings
        .extend(missing.map(|(segment, messages)| Finding::MissingSegment { segment, messages }));
}

/// Every entry of an index at rest. Messages at damaged places have been named there.
pub(super) fn entries(log: &Log, copied: &Copied, found: &mut Examined) {
    let named: HashSet<(AccountId, u64)> = found
        .findings
        .iter()
        .flat_map(Finding::messages)
        .map(|hit| (hit.account, hit.uid))
        .collect();
    let fresh = |id, entry: &Entry| !named.contains(&(id, entry.uid));
    let in_table = |table: &dyn Table, id: AccountId, entry: &Entry| {
        let key = keys::message(id, entry.uid);
        table
            .get(&key)
            .ok()
            .flatten()
            .and_then(|value| keys::entry(&key, &value))
    };
    each_message(&*log.table, &mut |id, entry| {
        let message = Hit::new(log.addresses.get(&id), id, &entry);
        match in_table(&*copied.table, id, &entry) {
            Some(same) if same == entry => {}
            Some(_) => found.findings.push(Finding::Differs { message }),
            None => found.findings.push(Finding::NotInIndex { message }),
        }
    });
    each_message(&*copied.table, &mut |id, entry| {
        if fresh(id, &entry) && in_table(&*log.table, id, &entry).is_none() {
            let message = Hit::new(copied.addresses.get(&id), id, &entry);
            found.findings.push(Finding::NotInLog { message });
        }
    });
    mailboxes(log, &copied.census, &copied.addresses, found);
    if copied.census.removed != log.census.removed {
        found.findings.push(Finding::Entries);
    }
    if copied.census.queue != log.census.queue {
        queue(log, copied, found);
    }
    if copied.census.directory != log.census.directory {
        directory(log, copied, found);
    }
}

/// What becomes of queued messages that both have.
fn queue(log: &Log, copied: &Copied, found: &mut Examined) {
    let mut differ = BTreeSet::new();
    for (one, other) in [(&log.table, &copied.table), (&copied.table, &log.table)] {
        let prefix = keys::ON_ITS_WAY;
        let _ = one.scan(prefix, prefix, usize::MAX, &mut |key, value| {
            let get = |key: &[u8]| other.get(key).ok().flatten();
            if let Some(AccountId(id)) = keys::id_of(key)
                && get(key).as_deref() != Some(value)
                && get(&keys::message(QUEUE, id)).is_some()
            {
                differ.insert(id);
            }
        });
    }
    let findings = differ.into_iter().map(|id| Finding::Queue { id: Some(id) });
    found.findings.extend(findings);
}

/// Which accounts, aliases and lists differ.
fn directory(log: &Log, copied: &Copied, found: &mut Examined) {
    // What an undamaged log does not have is too much in the index, not too little in the log.
    let damaged = found
        .findings
        .iter()
        .any(|finding| matches!(finding, Finding::Record { .. }));
    for prefix in [keys::ACCOUNT, keys::ALIAS, keys::LIST] {
        let mut of = |one: &dyn Table, other: &dyn Table, missing_only: bool| {
            let _ = one.scan(prefix, prefix, usize::MAX, &mut |key, value| {
                let there = other.get(key).ok().flatten();
                let differs = there.as_deref() != Some(value);
                if differs && !(missing_only && there.is_some()) {
                    found.findings.push(Finding::Directory {
                        name: name(prefix, value),
                        lost: missing_only && damaged,
                    });
                }
            });
        };
        of(&*log.table, &*copied.table, false);
        of(&*copied.table, &*log.table, true);
    }
}

fn name(prefix: &[u8], value: &[u8]) -> Option<String> {
    if prefix == keys::ACCOUNT {
        let account: Account = postcard::from_bytes(value).ok()?;
        Some(format!("the account {}", account.address.unicode()))
    } else if prefix == keys::LIST {
        let list: StoredList = postcard::from_bytes(value).ok()?;
        Some(format!("the list {}", list.address.unicode()))
    } else {
        let alias: Alias = postcard::from_bytes(value).ok()?;
        Some(format!("the alias {}", alias.address.unicode()))
    }
}
