//! Puts changes into a table, with the counters, sums and checkpoint that belong to them, in the same batch.
//!
//! There is one applier per table and one thread at a time that has it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

mod directory;
mod queue;

use super::gate::Gate;
use super::keys::{self, Checkpoint, Hint, SHAPE};
use super::table::{Batch, Table, TableError};
use super::{Change, Group, Kept, Posted};
use crate::account::AccountId;
use crate::census::Census;
use crate::engine::{Entry, Place};
use crate::ledger::Usage;
use crate::log::Position;
use crate::outgoing::QUEUE;

/// Writes in one batch; sled does not like them large.
const BATCH: usize = 2_000;
/// The time of removal of what came back, or is not to.
const NEVER_BACK: u64 = 0;
/// Messages looked at in one step of a check.
const CHECK: usize = 5_000;

/// A table and how far it is.
pub(crate) struct Applier {
    table: Arc<dyn Table>,
    gate: Arc<Gate>,
    checkpoint: Checkpoint,
    usage: HashMap<AccountId, Usage>,
    batch: Batch,
    /// Mailboxes whose counters have changed since the last batch.
    touched: BTreeSet<AccountId>,
    hints: HashMap<u32, Hint>,
    /// Segments whose hints have changed since the last batch.
    weighed: BTreeSet<u32>,
    /// The changes may be in the table already: a batch was cut before its group ended.
    cautious: bool,
    check: Option<Check>,
    beat: Arc<Beat>,
}

/// A key and its value.
type Pair = (Vec<u8>, Vec<u8>);

/// Counts batches, so that long work can be told from no work.
pub(crate) type Beat = AtomicU64;

/// A look at every message of the table, a piece at a time, while changes go on.
struct Check {
    /// Keys up to here have been looked at.
    cursor: Vec<u8>,
    /// Sum of the fingerprints of all messages up to the cursor.
    sum: u64,
    /// The same for removed ones.
    removed: u64,
    /// The same for the queue.
    queue: u64,
}

impl Check {
    fn changed(&mut self, key: &[u8], fingerprint: u64) {
        if key <= self.cursor.as_slice() {
            self.count(key, fingerprint);
        }
    }

    fn count(&mut self, key: &[u8], fingerprint: u64) {
        let sum = if key.starts_with(keys::REMOVED) {
            &mut self.removed
        } else if queue::is_key(key) {
            &mut self.queue
        } else {
            &mut self.sum
        };
        *sum = sum.wrapping_add(fingerprint);
    }
}

impl Applier {
    /// Reads how far a table is.
    ///
    /// # Errors
    /// When what it holds cannot be right; the table has to be built anew.
    pub(crate) fn load(table: Arc<dyn Table>, beat: Arc<Beat>) -> Result<Self, TableError> {
        let wrong = |what: &str| TableError::Failed(what.to_owned());
        let checkpoint = match table.get(keys::CHECKPOINT)? {
            None => Checkpoint {
                shape: SHAPE,
                ..Checkpoint::default()
            },
            Some(value) => postcard::from_bytes(&value)
                .ok()
                .filter(|checkpoint: &Checkpoint| checkpoint.shape == SHAPE)
                .ok_or_else(|| wrong("it is of another shape"))?,
        };
        let mut applier = Self {
            table,
            gate: Arc::default(),
            checkpoint,
            usage: HashMap::new(),
            batch: Batch::new(),
            touched: BTreeSet::new(),
            hints: HashMap::new(),
            weighed: BTreeSet::new(),
            cautious: true,
            check: None,
            beat,
        };
        let mut sum = Usage::default();
        let mut unread = false;
        let mut found = HashMap::new();
        applier.each(keys::USAGE, |key, value| {
            match (keys::id_of(key), keys::read_usage(value)) {
                (Some(id), Some(usage)) => {
                    sum.add(usage.messages, usage.octets);
                    found.insert(id, usage);
                }
                _ => unread = true,
            }
        })?;
        found.entry(QUEUE).or_default();
        applier.usage = found;
        let mut hints = HashMap::new();
        applier.each(keys::SEGMENT, |key, value| {
            match (keys::segment_of(key), postcard::from_bytes(value)) {
                (Some(segment), Ok(hint)) => {
                    hints.insert(segment, hint);
                }
                _ => unread = true,
            }
        })?;
        applier.hints = hints;
        let totals = applier.checkpoint.totals;
        if unread || sum.messages != totals.messages || sum.octets != totals.octets {
            return Err(wrong("its counters do not add up"));
        }
        Ok(applier)
    }

    fn each(&self, prefix: &[u8], mut visit: impl FnMut(&[u8], &[u8])) -> Result<(), TableError> {
        self.table.scan(prefix, prefix, usize::MAX, &mut visit)
    }

    pub(crate) fn position(&self) -> Position {
        self.checkpoint.position
    }

    pub(crate) fn checkpoint(&self) -> Checkpoint {
        self.checkpoint
    }

    pub(crate) fn beat(&self) -> Arc<Beat> {
        Arc::clone(&self.beat)
    }

    pub(crate) fn table(&self) -> (Arc<dyn Table>, Arc<Gate>) {
        (Arc::clone(&self.table), Arc::clone(&self.gate))
    }

    /// Takes out of a set of bodies those that a message has, removed ones included. Looks at every message.
    pub(crate) fn strike_out_named(&self, bodies: &mut BTreeSet<u64>) -> Result<(), TableError> {
        let mut strike = |entry: Option<Entry>| {
            if let Some(Place::Sealed { body, .. }) = entry.map(|entry| entry.place) {
                bodies.remove(&body);
            }
        };
        self.each(keys::MESSAGE, |key, value| strike(keys::entry(key, value)))?;
        self.each(keys::REMOVED, |key, value| {
            strike(keys::removed_entry(key, value).map(|(entry, _)| entry));
        })
    }

    /// What the table holds, everything having been written.
    pub(crate) fn census(&self) -> Census {
        let Checkpoint {
            position,
            bodies,
            totals,
            ..
        } = self.checkpoint;
        let mut mailboxes: Vec<_> = self.usage.iter().map(|(id, used)| (*id, *used)).collect();
        mailboxes.sort_unstable_by_key(|(id, _)| *id);
        Census {
            end: position,
            bodies,
            messages: totals.messages,
            octets: totals.octets,
            entries: totals.entries,
            removed: totals.removed,
            directory: totals.directory,
            queue: totals.queue,
            queued: totals.queued,
            mailboxes,
        }
    }

    /// Removed messages that the log still has, without those that came back or never will.
    pub(crate) fn kept(&self) -> Usage {
        self.checkpoint.totals.kept
    }

    /// Segments that have messages, and the weight of those.
    pub(crate) fn weights(&self) -> impl Iterator<Item = (u32, u64)> {
        let used = self.hints.iter().filter(|(_, hint)| hint.live > 0);
        used.map(|(segment, hint)| (*segment, hint.live))
    }

    /// From here on, changes come once and in order.
    pub(crate) fn trust(&mut self) {
        self.cautious = false;
    }

    /// Applies whole groups and moves the checkpoint behind them.
    pub(crate) fn apply(&mut self, groups: &[Arc<Group>]) -> Result<(), TableError> {
        for group in groups {
            for change in &group.changes {
                self.change(change)?;
            }
            self.advance(group.end, group.sequence, group.bodies);
        }
        self.write()
    }

    /// Everything up to here is in the batch or in the table.
    pub(crate) fn advance(&mut self, end: Position, sequence: u64, bodies: u64) {
        let checkpoint = &mut self.checkpoint;
        checkpoint.position = end;
        checkpoint.sequence = checkpoint.sequence.max(sequence);
        checkpoint.bodies = checkpoint.bodies.max(bodies);
    }

    fn named(&mut self, body: u64) {
        self.checkpoint.named = self.checkpoint.named.max(body);
    }

    /// Ids up to here have been given out.
    pub(crate) fn given(&mut self, ids: u64) {
        self.checkpoint.ids = self.checkpoint.ids.max(ids);
    }

    /// Adds one change to the batch.
    pub(crate) fn change(&mut self, change: &Change) -> Result<(), TableError> {
        match change {
            Change::Message(posted) => {
                if let Place::Sealed { body, .. } = posted.place {
                    self.named(body);
                }
                for kept in &posted.kept {
                    self.add(posted, kept)?;
                }
            }
            Change::Expunge {
                account,
                uids,
                when,
            } => {
                for uid in uids {
                    self.expunge(*account, *uid, *when)?;
                    self.write_if_large()?;
                }
            }
            Change::Decisions(decisions) => {
                for decision in decisions {
                    self.decide(decision)?;
                }
            }
            Change::Attempted(attempted) => self.attempted(attempted)?,
            Change::Retired { files, forgotten } => {
                files.bodies.iter().for_each(|body| self.named(*body));
                for (account, uids) in forgotten {
                    for uid in uids {
                        self.forget_removed(*account, *uid, files.segment)?;
                        self.write_if_large()?;
                    }
                }
                self.hints.remove(&files.segment);
                self.weighed.remove(&files.segment);
                self.batch.insert(keys::segment(files.segment), None);
                let files = Some(keys::value(files));
                self.batch.insert(keys::RETIREMENT.to_vec(), files);
            }
            Change::Released { account, uids } => {
                for uid in uids {
                    self.release(*account, *uid)?;
                    self.write_if_large()?;
                }
            }
        }
        self.write_if_large()
    }

    fn add(&mut self, posted: &Posted, kept: &Kept) -> Result<(), TableError> {
        let account = kept.account;
        if !self.usage.contains_key(&account) {
            if !self.cautious {
                // The account went while the message was on its way.
                return Ok(());
            }
            // In a compacted log the record that made the account may come later: see `drop_unknown`.
            self.usage.insert(account, Usage::default());
            self.touched.insert(account);
        }
        let entry = posted.entry(kept);
        if self.cautious || posted.moved {
            let live = self.take(account, posted.uid)?;
            let removed = self
                .take_removed(account, posted.uid)?
                .map(|(entry, _)| entry);
            let (here, _) = entry.place.record();
            for before in [live, removed].into_iter().flatten() {
                if before.place.record().0 != here {
                    self.hint(&before).begun = true;
                }
            }
        }
        let hint = self.hint(&entry);
        hint.total = hint.total.saturating_add(entry.weight);
        match kept.removed {
            None => {
                self.insert(account, &entry);
                if let Some(pending) = &posted.queue {
                    self.send_on(&entry, pending, entry.place.record())?;
                }
            }
            Some(when) => self.insert_removed(account, &entry, when),
        }
        Ok(())
    }

    /// A message is in a mailbox from now on.
    fn insert(&mut self, account: AccountId, entry: &Entry) {
        if let Some(usage) = self.usage.get_mut(&account) {
            usage.add(1, entry.octets);
        }
        self.touched.insert(account);
        let hint = self.hint(entry);
        hint.live = hint.live.saturating_add(entry.weight);
        let totals = &mut self.checkpoint.totals;
        totals.messages += 1;
        totals.octets = totals.octets.saturating_add(entry.octets);
        let (key, value) = (keys::message(account, entry.uid), keys::entry_value(entry));
        self.count(&key, keys::fingerprint(&key, &value));
        self.batch.insert(key, Some(value));
    }

    /// A message has been removed from a mailbox, and a segment still has it.
    fn insert_removed(&mut self, account: AccountId, entry: &Entry, when: u64) {
        let key = keys::removed(account, entry.uid);
        let value = keys::removed_value(entry, when);
        if account != QUEUE && when > NEVER_BACK {
            self.checkpoint.totals.kept.add(1, entry.octets);
        }
        self.count(&key, keys::fingerprint(&key, &value));
        self.batch.insert(key, Some(value));
    }

    fn expunge(&mut self, account: AccountId, uid: u64, when: u64) -> Result<(), TableError> {
        if let Some(entry) = self.take(account, uid)? {
            self.insert_removed(account, &entry, when);
            if account == QUEUE {
                self.end_sending(uid)?;
            }
        }
        Ok(())
    }

    /// The segment goes, and with it what it alone had.
    fn forget_removed(&mut self, id: AccountId, uid: u64, from: u32) -> Result<(), TableError> {
        if let Some((entry, when)) = self.take_removed(id, uid)?
            && entry.place.record().0 != from
        {
            self.insert_removed(id, &entry, when);
        }
        Ok(())
    }

    fn release(&mut self, account: AccountId, uid: u64) -> Result<(), TableError> {
        if let Some((entry, _)) = self.take_removed(account, uid)? {
            self.insert_removed(account, &entry, NEVER_BACK);
        }
        Ok(())
    }

    fn current(&self, key: &[u8]) -> Result<Option<Vec<u8>>, TableError> {
        match self.batch.get(key) {
            Some(pending) => Ok(pending.clone()),
            None => self.table.get(key),
        }
    }

    /// Takes a message out of its mailbox, if it is there.
    fn take(&mut self, account: AccountId, uid: u64) -> Result<Option<Entry>, TableError> {
        let key = keys::message(account, uid);
        let Some(value) = self.current(&key)? else {
            return Ok(None);
        };
        let entry = keys::entry(&key, &value).ok_or_else(unread)?;
        self.forget(account, &entry, key, &value);
        Ok(Some(entry))
    }

    fn take_removed(
        &mut self,
        account: AccountId,
        uid: u64,
    ) -> Result<Option<(Entry, u64)>, TableError> {
        let key = keys::removed(account, uid);
        let Some(value) = self.current(&key)? else {
            return Ok(None);
        };
        let found = keys::removed_entry(&key, &value).ok_or_else(unread)?;
        if account != QUEUE && found.1 > NEVER_BACK {
            self.checkpoint.totals.kept.subtract(1, found.0.octets);
        }
        self.count(&key, keys::fingerprint(&key, &value).wrapping_neg());
        self.batch.insert(key, None);
        Ok(Some(found))
    }

    fn forget(&mut self, account: AccountId, entry: &Entry, key: Vec<u8>, value: &[u8]) {
        if let Some(usage) = self.usage.get_mut(&account) {
            usage.subtract(1, entry.octets);
            self.touched.insert(account);
        }
        let hint = self.hint(entry);
        hint.live = hint.live.saturating_sub(entry.weight);
        let totals = &mut self.checkpoint.totals;
        totals.messages = totals.messages.saturating_sub(1);
        totals.octets = totals.octets.saturating_sub(entry.octets);
        self.count(&key, keys::fingerprint(&key, value).wrapping_neg());
        self.batch.insert(key, None);
    }

    /// Adds to the sums over messages.
    fn count(&mut self, key: &[u8], fingerprint: u64) {
        let totals = &mut self.checkpoint.totals;
        let sum = if key.starts_with(keys::REMOVED) {
            &mut totals.removed
        } else if queue::is_key(key) {
            &mut totals.queue
        } else {
            &mut totals.entries
        };
        *sum = sum.wrapping_add(fingerprint);
        if let Some(check) = &mut self.check {
            check.changed(key, fingerprint);
        }
    }

    fn hint(&mut self, entry: &Entry) -> &mut Hint {
        let (segment, _) = entry.place.record();
        self.weighed.insert(segment);
        self.hints.entry(segment).or_default()
    }

    /// The first keys with this prefix, after everything before has been written.
    fn piece(&mut self, prefix: &[u8]) -> Result<Vec<Pair>, TableError> {
        self.write()?;
        let mut found = Vec::new();
        self.table
            .scan(prefix, prefix, BATCH / 2, &mut |key, value| {
                found.push((key.to_vec(), value.to_vec()));
            })?;
        Ok(found)
    }

    /// Begins to look at every message.
    pub(crate) fn begin_check(&mut self) {
        self.check = Some(Check {
            cursor: keys::REMOVED.to_vec(),
            sum: 0,
            removed: 0,
            queue: 0,
        });
    }

    /// Looks at some more messages; false when there was nothing left to look at.
    ///
    /// # Errors
    /// When an entry does not read, or the whole is not what was put in.
    pub(crate) fn check_some(&mut self) -> Result<bool, TableError> {
        let Some(check) = &mut self.check else {
            return Ok(false);
        };
        let mut from = check.cursor.clone();
        from.push(0);
        let (mut seen, mut wrong) = (0, false);
        // Removed messages, some other things, messages, the queue: that is their order in the table.
        self.table.scan(b"", &from, CHECK, &mut |key, value| {
            seen += 1;
            if key.starts_with(keys::MESSAGE) {
                wrong |= keys::entry(key, value).is_none();
            } else if key.starts_with(keys::REMOVED) {
                wrong |= keys::removed_entry(key, value).is_none();
            } else if queue::is_key(key) {
                wrong |= !queue::reads(key, value);
            }
            if [keys::MESSAGE, keys::REMOVED, keys::ON_ITS_WAY, keys::DUE].contains(&&key[..1]) {
                check.count(key, keys::fingerprint(key, value));
            }
            check.cursor.clear();
            check.cursor.extend_from_slice(key);
        })?;
        if seen == CHECK && !wrong {
            return Ok(true);
        }
        let totals = &self.checkpoint.totals;
        let sums = (check.sum, check.removed, check.queue);
        if wrong || sums != (totals.entries, totals.removed, totals.queue) {
            let what = "its messages are not what was put in";
            return Err(TableError::Failed(what.to_owned()));
        }
        self.check = None;
        Ok(false)
    }

    fn write_if_large(&mut self) -> Result<(), TableError> {
        if self.batch.len() >= BATCH {
            self.write()?;
        }
        Ok(())
    }

    /// Applies the batch with its counters and the checkpoint (rule 2).
    pub(crate) fn write(&mut self) -> Result<(), TableError> {
        for id in std::mem::take(&mut self.touched) {
            if let Some(usage) = self.usage.get(&id) {
                self.batch
                    .insert(keys::usage(id), Some(keys::usage_value(*usage)));
            }
        }
        for segment in std::mem::take(&mut self.weighed) {
            if let Some(hint) = self.hints.get(&segment) {
                self.batch
                    .insert(keys::segment(segment), Some(keys::value(hint)));
            }
        }
        let checkpoint = keys::value(&self.checkpoint);
        self.batch
            .insert(keys::CHECKPOINT.to_vec(), Some(checkpoint));
        let pass = self.gate.write()?;
        self.table.apply(&self.batch)?;
        drop(pass);
        self.beat.fetch_add(1, Ordering::Relaxed);
        self.batch.clear();
        Ok(())
    }
}

fn unread() -> TableError {
    TableError::Failed("an entry does not read".to_owned())
}
