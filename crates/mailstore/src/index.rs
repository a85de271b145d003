//! The index: which messages every mailbox has and where they are, always rebuildable from the log.
//!
//! The writer hands over groups of changes as they become durable. They wait here, visible to readers, until the
//! worker thread has put them into the [`table::Table`]; no acknowledgement waits for that. It holds no body and
//! decides nothing.

pub(crate) mod applier;
mod gate;
mod inquiry;
pub(crate) mod keys;
mod listings;
mod queue;
#[cfg(test)]
pub(crate) mod simulated;
pub(crate) mod table;
#[cfg(test)]
mod tests;
pub(crate) mod tree;
mod worker;

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::account::{AccountId, Decision};
use crate::census::Census;
use crate::engine::{Addressee, Entry, Place};
use crate::error::StoreError;
use crate::ledger::Usage;
use crate::log::Position;
use crate::log::replay::Replay;
use crate::outgoing::{Pending, QUEUE, QueueCounts};
use crate::stats::IndexState;

pub(crate) use inquiry::Stand;
use tokio::sync::oneshot;

use applier::{Applier, Beat};
use gate::Gate;
use keys::Retirement;
use listings::{Kept as Remembered, Listings, Turn};
use table::{Table, TableError, Tables};

/// Entries read from the table at one go; between two goes the worker gets its turn.
const SCAN: usize = 2_000;

/// What one record changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Message(Posted),
    Expunge {
        account: AccountId,
        uids: Vec<u64>,
        /// Milliseconds since 1970; 0 when nobody wrote it down.
        when: u64,
    },
    Decisions(Vec<Decision>),
    Attempted(Attempted),
    Retired {
        files: Retirement,
        /// Removed messages that no segment holds any more.
        forgotten: Vec<(AccountId, Vec<u64>)>,
    },
    Released {
        account: AccountId,
        uids: Vec<u64>,
    },
}

/// A message and the mailboxes it is in, or was removed from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Posted {
    pub(crate) uid: u64,
    pub(crate) octets: u64,
    pub(crate) kept: Vec<Kept>,
    pub(crate) utf8: bool,
    pub(crate) uidl: Option<Arc<str>>,
    pub(crate) place: Place,
    /// Each mailbox's share of the record and of the file of a body.
    pub(crate) weight: u64,
    /// By compaction; it has been somewhere else before.
    pub(crate) moved: bool,
    /// What becomes of it in the queue, if it is there.
    pub(crate) queue: Option<Arc<Pending>>,
}

/// What becomes of a queued message from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attempted {
    pub(crate) id: u64,
    pub(crate) pending: Arc<Pending>,
    /// Segment and offset of the record that says so.
    pub(crate) at: (u32, u32),
}

/// One mailbox a message is in, or was removed from at that time (milliseconds since 1970).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) account: AccountId,
    pub(crate) epoch: u32,
    pub(crate) removed: Option<u64>,
}

impl Kept {
    /// It waits to leave.
    pub(crate) fn is_queued(&self) -> bool {
        self.account == QUEUE && self.removed.is_none()
    }
}

impl From<Addressee> for Kept {
    fn from(to: Addressee) -> Self {
        Self {
            account: to.account,
            epoch: to.epoch,
            removed: None,
        }
    }
}

impl Posted {
    /// As this mailbox has it.
    fn entry(&self, kept: &Kept) -> Entry {
        Entry {
            uid: self.uid,
            epoch: kept.epoch,
            octets: self.octets,
            utf8: self.utf8,
            uidl: self.uidl.clone(),
            place: self.place,
            weight: self.weight,
        }
    }
}

/// Changes that became durable together.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) changes: Vec<Change>,
    /// Where the log goes on behind them.
    pub(crate) end: Position,
    /// Sequence number of the record behind them.
    pub(crate) sequence: u64,
    /// Every body file below this number is named by a record up to here, or never will be.
    pub(crate) bodies: u64,
}

/// How the index behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Records that may wait.
    pub(crate) backlog: usize,
    /// How long one step may take.
    pub(crate) patience: Duration,
}

/// The index of a running store.
pub(crate) struct Index {
    shared: Arc<Shared>,
    watch: Mutex<Option<JoinHandle<()>>>,
}

/// What its threads share.
struct Shared {
    state: Mutex<State>,
    /// Something for the worker to do.
    work: Condvar,
    /// The worker got on, or another one began.
    progress: Condvar,
    /// Something for the watch to look at.
    alarm: Condvar,
    tables: Arc<dyn Tables>,
    replay: Replay,
    pace: Pace,
    beat: Arc<Beat>,
}

struct State {
    /// Not in the table yet, oldest first.
    groups: VecDeque<Arc<Group>>,
    /// Records in `groups`.
    waiting: usize,
    /// Kept from one login to the next.
    listings: Listings,
    /// The worker waits a moment for company; less than that is not worth waking it.
    pausing: bool,
    /// Some groups were dropped while rebuilding: the log has to be read once more.
    dropped: bool,
    /// Where the log ends.
    end: Position,
    /// Everything before this is in the table.
    applied: Position,
    /// Removed messages that the log still has, as far as that is.
    kept: Usage,
    /// Mail that waits to leave, likewise.
    queue: QueueCounts,
    /// And durable, if the table is of the kind that lasts.
    durable: Position,
    /// Somebody waits for this to be applied.
    urgent: Position,
    /// Somebody waits for this to be durable.
    asked: Option<Position>,
    /// The table readers use; none while there is none to trust.
    table: Option<(Arc<dyn Table>, Arc<Gate>)>,
    phase: IndexState,
    /// Who wants the table counted, and at which place of the log at the earliest.
    censuses: Vec<(Position, oneshot::Sender<Census>)>,
    /// Counts the workers; one that finds another number gives up.
    generation: u64,
    /// Tables given up so far.
    stalls: u32,
    /// Somebody has to begin a rebuild.
    wanted: bool,
    /// Since when the worker has been inside the table.
    step: Option<Instant>,
    closing: bool,
    closed: bool,
    /// All of it was made durable before it was closed.
    written: bool,
}

impl Index {
    /// Takes over an applier that has caught up with the log.
    pub(crate) fn start(
        applier: Applier,
        tables: Arc<dyn Tables>,
        replay: Replay,
        pace: Pace,
        check: bool,
    ) -> std::io::Result<Self> {
        let state = State {
            groups: VecDeque::new(),
            waiting: 0,
            listings: Listings::default(),
            pausing: false,
            dropped: false,
            end: applier.position(),
            applied: applier.position(),
            kept: applier.kept(),
            queue: applier.queue_counts(),
            durable: Position::default(),
            urgent: Position::default(),
            asked: None,
            table: None,
            phase: IndexState::Rebuilding,
            censuses: Vec::new(),
            generation: 0,
            stalls: 0,
            wanted: false,
            step: None,
            closing: false,
            closed: false,
            written: false,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            work: Condvar::new(),
            progress: Condvar::new(),
            alarm: Condvar::new(),
            tables,
            replay,
            pace,
            beat: applier.beat(),
        });
        worker::start(&shared, applier, check)?;
        let watch = worker::watch(&shared)?;
        Ok(Self {
            shared,
            watch: Mutex::new(Some(watch)),
        })
    }

    /// Hands over what has become durable. Waits while too much is waiting already, unless the index is being
    /// rebuilt; then the rebuild reads it from the log.
    pub(crate) fn publish(&self, group: Group) {
        let shared = &self.shared;
        let mut state = shared.lock();
        while state.waiting >= shared.pace.backlog && state.table.is_some() {
            state = shared.wait(&shared.progress, state);
        }
        state.end = group.end;
        if state.waiting >= shared.pace.backlog {
            state.groups.clear();
            state.waiting = 0;
            state.dropped = true;
        }
        for change in &group.changes {
            state.listings.note(change);
        }
        state.waiting += group.changes.len();
        state.groups.push_back(Arc::new(group));
        if !state.pausing || state.waiting >= worker::COMPANY {
            shared.work.notify_one();
        }
    }

    /// The messages of a mailbox, oldest first.
    pub(crate) fn listing(&self, account: AccountId) -> Result<Arc<[Entry]>, StoreError> {
        loop {
            let (table, gate, waiting, turn) = {
                let mut state = self.shared.lock();
                let (table, gate) = match &state.table {
                    Some(table) => table.clone(),
                    None if state.closed => return Err(StoreError::Stopped),
                    None => return Err(StoreError::Rebuilding),
                };
                let turn = match state.listings.ask(account) {
                    Remembered::Current(entries) => return Ok(entries),
                    Remembered::Old(entries, news, turn) => {
                        drop(state);
                        let entries = news.over(entries.to_vec());
                        return Ok(self.keep(&turn, entries));
                    }
                    Remembered::Nothing(turn) => turn,
                };
                let waiting: Vec<_> = state.groups.iter().cloned().collect();
                (table, gate, waiting, turn)
            };
            // What waits is looked at first: a group that moves into the table meanwhile is seen twice, not missed.
            let overlay = Overlay::of(account, &waiting);
            drop(waiting);
            match Self::scan(&*table, &gate, account) {
                Ok(entries) => return Ok(self.keep(&turn, overlay.over(entries))),
                Err(TableError::Abandoned) => {}
                Err(TableError::Failed(why)) => {
                    self.shared.give_up_table(&table, &why);
                    return Err(StoreError::Rebuilding);
                }
            }
        }
    }

    /// Remembers a listing, if it is still the latest one asked for.
    fn keep(&self, turn: &Turn, entries: Vec<Entry>) -> Arc<[Entry]> {
        let entries = entries.into();
        self.shared.lock().listings.keep(turn, &entries);
        entries
    }

    fn scan(table: &dyn Table, gate: &Gate, account: AccountId) -> Result<Vec<Entry>, TableError> {
        let prefix = keys::mailbox(account);
        let mut entries = Vec::new();
        let mut from = prefix.to_vec();
        loop {
            let pass = gate.read()?;
            let before = entries.len();
            let mut wrong = false;
            let mut last = Vec::new();
            table.scan(&prefix, &from, SCAN, &mut |key, value| {
                match keys::entry(key, value) {
                    Some(entry) => entries.push(entry),
                    None => wrong = true,
                }
                last.clear();
                last.extend_from_slice(key);
            })?;
            drop(pass);
            if wrong {
                return Err(TableError::Failed("an entry does not read".to_owned()));
            }
            if entries.len() - before < SCAN {
                return Ok(entries);
            }
            last.push(0);
            from = last;
        }
    }

    /// Counts what the table holds once everything durable by now is in it, and all of it has been checked. Never
    /// answered when there is no table, or when it is given up before.
    pub(crate) fn census(&self) -> oneshot::Receiver<Census> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.shared.lock();
        if state.table.is_some() {
            let end = state.end;
            state.censuses.push((end, sender));
            self.shared.work.notify_one();
        }
        receiver
    }

    /// Records that wait, and what the index is doing.
    pub(crate) fn stats(&self) -> Figures {
        let state = self.shared.lock();
        Figures {
            lag: state.waiting as u64,
            phase: state.phase.clone(),
            kept: state.kept,
            queue: state.queue,
        }
    }

    /// Puts everything into the table, makes it durable and stops; says whether that worked. Blocks.
    pub(crate) fn close(&self) -> bool {
        let mut state = self.shared.lock();
        state.closing = true;
        self.shared.work.notify_all();
        while !state.closed {
            if state.table.is_none() && state.phase == IndexState::Rebuilding {
                // Unfinished or given up: the next start reads on from the log.
                state.closed = true;
                state.generation += 1;
                break;
            }
            state = self.shared.wait(&self.shared.progress, state);
        }
        let written = state.written;
        drop(state);
        self.shared.alarm.notify_all();
        let watch = self
            .watch
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(watch) = watch {
            let _ = watch.join();
        }
        written
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, on: &Condvar, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        on.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}

/// How the index is.
pub(crate) struct Figures {
    /// Records that wait for it.
    pub(crate) lag: u64,
    pub(crate) phase: IndexState,
    /// Removed messages that the log still has.
    pub(crate) kept: Usage,
    /// Mail that waits to leave.
    pub(crate) queue: QueueCounts,
}

/// What the waiting groups do to one mailbox.
#[derive(Default)]
struct Overlay {
    added: BTreeMap<u64, Entry>,
    removed: HashSet<u64>,
    gone: bool,
}

impl Overlay {
    fn of(account: AccountId, groups: &[Arc<Group>]) -> Self {
        let mut overlay = Self::default();
        for change in groups.iter().flat_map(|group| &group.changes) {
            overlay.see(account, change);
        }
        overlay
    }

    fn see(&mut self, account: AccountId, change: &Change) {
        match change {
            Change::Message(posted) => {
                let live = |kept: &&Kept| kept.account == account && kept.removed.is_none();
                if let Some(kept) = posted.kept.iter().find(live) {
                    self.added.insert(posted.uid, posted.entry(kept));
                }
            }
            Change::Expunge {
                account: whose,
                uids,
                ..
            } => {
                if *whose == account {
                    for uid in uids {
                        self.added.remove(uid);
                    }
                    self.removed.extend(uids);
                }
            }
            Change::Retired { .. } | Change::Released { .. } | Change::Attempted(_) => {}
            Change::Decisions(decisions) => {
                if decisions.contains(&Decision::NoAccount(account)) {
                    self.gone = true;
                }
            }
        }
    }

    fn over(mut self, table: Vec<Entry>) -> Vec<Entry> {
        if self.gone {
            return Vec::new();
        }
        let mut entries = table;
        if !self.removed.is_empty() {
            entries.retain(|entry| !self.removed.contains(&entry.uid));
        }
        // Uids grow with time, so nearly all that waits stands behind what is in the table.
        let last = entries.last().map_or(0, |entry| entry.uid);
        let new = self.added.split_off(&(last + 1));
        for (uid, entry) in self.added {
            match entries.binary_search_by_key(&uid, |entry| entry.uid) {
                Ok(at) => entries[at] = entry,
                Err(at) => entries.insert(at, entry),
            }
        }
        entries.extend(new.into_values());
        entries
    }
}
