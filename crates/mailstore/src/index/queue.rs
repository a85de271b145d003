//! The queue as it is now: what the table has, and what the waiting groups make of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::keys;
use super::table::TableError;
use super::{Change, Index};
use crate::engine::{Entry, Page, Waits};
use crate::error::StoreError;
use crate::outgoing::{Pending, QUEUE};

/// Due time and id that a key names.
type ReadKey = fn(&[u8]) -> Option<(u64, u64)>;

/// What the waiting groups do to the queue.
type News = BTreeMap<u64, New>;

/// What they do to one message.
#[derive(Default)]
struct New {
    /// Where it is, if one of them brings it.
    entry: Option<Entry>,
    /// None: it has left the queue.
    pending: Option<Arc<Pending>>,
}

fn see(news: &mut News, change: &Change) {
    match change {
        Change::Message(posted) => {
            if let Some(pending) = &posted.queue
                && let Some(kept) = posted.kept.iter().find(|kept| kept.is_queued())
            {
                let new = New {
                    entry: Some(posted.entry(kept)),
                    pending: Some(Arc::clone(pending)),
                };
                news.insert(posted.uid, new);
            }
        }
        Change::Attempted(attempted) => {
            news.entry(attempted.id).or_default().pending = Some(Arc::clone(&attempted.pending));
        }
        Change::Expunge {
            account: QUEUE,
            uids,
            ..
        } => news.extend(uids.iter().map(|id| (*id, New::default()))),
        Change::Expunge { .. }
        | Change::Decisions(_)
        | Change::Retired { .. }
        | Change::Released { .. } => {}
    }
}

/// May it say something of this message?
fn is_about(change: &Change, id: u64) -> bool {
    match change {
        Change::Message(posted) => posted.uid == id,
        Change::Attempted(attempted) => attempted.id == id,
        Change::Expunge { account, uids, .. } => *account == QUEUE && uids.contains(&id),
        Change::Decisions(_) | Change::Retired { .. } | Change::Released { .. } => false,
    }
}

impl Index {
    fn news(&self) -> News {
        let waiting: Vec<_> = self.shared.lock().groups.iter().cloned().collect();
        let mut news = News::new();
        for change in waiting.iter().flat_map(|group| &group.changes) {
            see(&mut news, change);
        }
        news
    }

    /// A message of the queue and what becomes of it.
    pub(crate) fn queued(&self, id: u64) -> Result<Option<Waits>, StoreError> {
        let waiting: Vec<_> = self.shared.lock().groups.iter().cloned().collect();
        let mut news = News::new();
        // Asked for at every attempt: what is about others is passed by.
        for change in waiting.iter().flat_map(|group| &group.changes) {
            if is_about(change, id) {
                see(&mut news, change);
            }
        }
        self.one(id, news.remove(&id))
    }

    /// What there is of a message, the news of it first.
    fn one(&self, id: u64, new: Option<New>) -> Result<Option<Waits>, StoreError> {
        let (entry, pending) = match new {
            Some(New { entry, pending }) => (entry, pending),
            None => (None, self.on_its_way(id)?.map(|known| known.pending)),
        };
        let Some(pending) = pending else {
            return Ok(None);
        };
        if let Some(entry) = entry {
            return Ok(Some((entry, pending)));
        }
        let key = keys::message(QUEUE, id);
        // It may have left the queue since.
        let Some(value) = self.value(&key)? else {
            return Ok(None);
        };
        let entry = keys::entry(&key, &value).ok_or(StoreError::Rebuilding)?;
        Ok(Some((entry, pending)))
    }

    /// What the table says becomes of a message, and where the log says so. What waits is not looked at.
    pub(crate) fn on_its_way(&self, id: u64) -> Result<Option<keys::OnItsWay>, StoreError> {
        let key = keys::on_its_way(id);
        let Some(value) = self.value(&key)? else {
            return Ok(None);
        };
        let read = keys::read_on_its_way(&key, &value).ok_or(StoreError::Rebuilding)?;
        Ok(Some(read.1))
    }

    /// Some of the queue. A message that changes meanwhile may be missed; then the next round has it.
    pub(crate) fn queue(&self, page: Page) -> Result<Vec<Waits>, StoreError> {
        let mut news = self.news();
        let there = news
            .iter()
            .filter_map(|(id, new)| Some((*id, new.pending.as_ref()?)));
        let (mut found, most) = match page {
            Page::Due { until, after, most } => {
                let waiting = there.filter_map(|(id, pending)| Some((pending.due()?, id)));
                let mut found: Vec<_> = waiting
                    .filter(|(due, _)| *due <= until)
                    .filter(|one| after.is_none_or(|after| *one > after))
                    .collect();
                found.extend(self.due(until, after, most, &news)?);
                (found, most)
            }
            Page::All { after, most } => {
                let waiting = there.filter(|(id, _)| *id > after);
                let mut found: Vec<_> = waiting.map(|(id, _)| (0, id)).collect();
                found.extend(self.all(after, most, &news)?);
                (found, most)
            }
        };
        found.sort_unstable();
        found.truncate(most);
        let waits = found
            .into_iter()
            .map(|(_, id)| self.one(id, news.remove(&id)));
        waits.filter_map(Result::transpose).collect()
    }

    /// Due time and id of what the table has, but for those there is news of.
    fn due(
        &self,
        until: u64,
        after: Option<(u64, u64)>,
        most: usize,
        news: &News,
    ) -> Result<Vec<(u64, u64)>, StoreError> {
        let from = match after {
            None => keys::DUE.to_vec(),
            Some((due, id)) => behind(keys::due(due, id)),
        };
        let mut found = self.some(keys::DUE, from, most, news, keys::read_due)?;
        found.retain(|(due, _)| *due <= until);
        Ok(found)
    }

    /// Ids of what the table has, likewise.
    fn all(&self, after: u64, most: usize, news: &News) -> Result<Vec<(u64, u64)>, StoreError> {
        let from = behind(keys::on_its_way(after));
        self.some(keys::ON_ITS_WAY, from, most, news, |key| {
            Some((0, keys::id_of(key)?.0))
        })
    }

    fn some(
        &self,
        prefix: &[u8],
        mut from: Vec<u8>,
        most: usize,
        news: &News,
        read: ReadKey,
    ) -> Result<Vec<(u64, u64)>, StoreError> {
        let (table, gate) = self.table()?;
        let mut found = Vec::new();
        loop {
            let (mut seen, mut wrong) = (0, false);
            let mut last = Vec::new();
            let mut scan = || {
                let _pass = gate.read()?;
                table.scan(prefix, &from, most, &mut |key, _| {
                    seen += 1;
                    match read(key) {
                        Some(one) if !news.contains_key(&one.1) => found.push(one),
                        Some(_) => {}
                        None => wrong = true,
                    }
                    last.clear();
                    last.extend_from_slice(key);
                })
            };
            let mut outcome = scan();
            if outcome.is_ok() && wrong {
                outcome = Err(TableError::Failed("an entry does not read".to_owned()));
            }
            outcome.map_err(|error| self.doubt(&table, &error))?;
            if seen < most || found.len() >= most {
                return Ok(found);
            }
            from = behind(last);
        }
    }
}

/// The first key there could be behind this one.
fn behind(mut key: Vec<u8>) -> Vec<u8> {
    key.push(0);
    key
}
