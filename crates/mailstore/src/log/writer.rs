//! The one thread that appends to the log: it gathers what waits, writes it at once, syncs once, and answers all.
//!
//! A failed write or sync is the end of that segment (rule 7): nothing is answered before a new one states, durably,
//! where the old one ends for ever. It neither decides nor reads.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::frame::{Joined, OPENING, Opening};
use super::moves::{Moves, Touched};
use super::record::Draft;
use super::spool::Bodies;
use super::{Gauges, Position};
use crate::account::Decision;
use crate::disk::{Disk, DiskFile, Layout};
use crate::engine::Ticket;
use crate::error::StoreError;
use crate::index::{Change, Group, Index};

/// Octets written at once.
const GROUP_OCTETS: u64 = 8 << 20;
/// Records written at once.
const GROUP_RECORDS: usize = 1_000;

/// Least octets of zeros written ahead.
const LEAST_ROOM: u64 = 16 << 10;

/// What zeros are written from, as often as it takes.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// A record and who waits for it.
pub(crate) struct Operation {
    draft: Draft,
    ticket: Ticket,
    /// The next one is written with it: both become durable, or neither does.
    joined: bool,
}

/// What waits for the writer. Its bound is the tickets' share of the queue.
#[derive(Default)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    ready: Condvar,
}

#[derive(Default)]
struct Waiting {
    operations: VecDeque<Operation>,
    /// Who waits for the segment to be ended.
    ends: Vec<Ticket>,
    /// The writer has nothing to do.
    idle: bool,
    closed: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, mut draft: Draft, ticket: Ticket) {
        draft.frame.joined = Joined::No;
        self.put(std::iter::once(Operation {
            draft,
            ticket,
            joined: false,
        }));
    }

    /// Records that become durable together, or none of them does.
    pub(crate) fn push_together(&self, mut records: Vec<(Draft, Ticket)>) {
        let last = records.len().saturating_sub(1);
        for (at, (draft, _)) in records.iter_mut().enumerate() {
            // A write may end between them: then a start has to know that what is there is not all.
            draft.frame.joined = match (at, last) {
                (_, 0) => Joined::No,
                (0, _) => Joined::Next,
                (at, last) if at == last => Joined::Before,
                _ => Joined::Both,
            };
        }
        let operations = records.into_iter().enumerate();
        self.put(operations.map(|(at, (draft, ticket))| Operation {
            draft,
            ticket,
            joined: at < last,
        }));
    }

    fn put(&self, operations: impl Iterator<Item = Operation>) {
        let mut waiting = self.lock();
        if waiting.closed {
            drop(waiting);
            for Operation { ticket, .. } in operations {
                ticket.settle(Err(StoreError::Stopped));
            }
            return;
        }
        waiting.operations.extend(operations);
        let wake = std::mem::take(&mut waiting.idle);
        drop(waiting);
        if wake {
            self.ready.notify_one();
        }
    }

    /// Ends the segment being written: nothing is added to it any more.
    pub(crate) fn end_segment(&self, ticket: Ticket) {
        let mut waiting = self.lock();
        if waiting.closed {
            drop(waiting);
            return ticket.settle(Err(StoreError::Stopped));
        }
        waiting.ends.push(ticket);
        waiting.idle = false;
        drop(waiting);
        self.ready.notify_one();
    }

    fn take_ends(&self) -> Vec<Ticket> {
        std::mem::take(&mut self.lock().ends)
    }

    /// What is waiting is still done; nothing more is taken.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.ready.notify_all();
    }

    fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// All that waits, at the latest after `patience` if given; `None` when there will never be more.
    fn take(&self, patience: Option<Duration>) -> Option<VecDeque<Operation>> {
        let mut waiting = self.lock();
        let deadline = patience.map(|patience| Instant::now() + patience);
        while waiting.operations.is_empty() && waiting.ends.is_empty() {
            if waiting.closed {
                return None;
            }
            waiting.idle = true;
            waiting = match deadline {
                None => self
                    .ready
                    .wait(waiting)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        break;
                    }
                    self.ready
                        .wait_timeout(waiting, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        }
        waiting.idle = false;
        Some(std::mem::take(&mut waiting.operations))
    }
}

/// The segment being written.
struct Tail {
    file: Arc<dyn DiskFile>,
    number: u32,
    mark: [u8; 8],
    /// Where the next record goes; 0 while the opening has not been written.
    offset: u64,
    /// Where the zeros written ahead of it end; `None` when there was no space for them.
    room: Option<u64>,
}

impl Tail {
    /// Writes zeros where the next records will go, after `group` octets of them: at most a quarter of what stands there
    /// already, so that a small store stays small, and not where records outgrow that. A sync of octets that lie inside
    /// a file has no new size and no new blocks to make durable, which is half of its work.
    fn make_room(&mut self, group: u64, terms: &Terms) {
        let ahead = (self.offset / 4).clamp(LEAST_ROOM.min(terms.room), terms.room);
        let Some(room) = self.room.map(|room| room.max(self.offset)) else {
            return;
        };
        let until = (self.offset + ahead).min(terms.segment);
        if group > ahead / 2 || room >= until || room - self.offset >= ahead / 2 {
            return;
        }
        let mut left = usize::try_from(until - room).unwrap_or_default();
        let mut zeros = Vec::with_capacity(left.div_ceil(ZEROS.len()));
        while left > 0 {
            let piece = left.min(ZEROS.len());
            zeros.push(IoSlice::new(&ZEROS[..piece]));
            left -= piece;
        }
        let written = self.file.write_at(&mut zeros, room);
        // Nothing is lost without them: the next record finds out whether there is space for it.
        self.room = written.is_ok().then_some(until);
    }

    /// Cuts off what is left of them, durably, since a backup may give this file a second name. Should that fail they
    /// stay, and mean nothing.
    fn end(self) {
        if self.room.is_none_or(|room| room > self.offset) {
            let cut = self.file.truncate(self.offset);
            if let Err(error) = cut.and_then(|()| self.file.sync()) {
                tracing::debug!(%error, segment = self.number, "zeros stay at the end of a segment");
            }
        }
    }
}

/// Where the log goes on.
pub(crate) struct Start {
    /// Everything behind this is void.
    pub(crate) durable: Position,
    /// Number of the next segment.
    pub(crate) segment: u32,
    /// Sequence number of the next record.
    pub(crate) sequence: u64,
    /// Highest account id or epoch ever given out.
    pub(crate) ids: u64,
}

/// Times and sizes.
pub(crate) struct Terms {
    /// Octets of a segment.
    pub(crate) segment: u64,
    /// Most octets of zeros written ahead of the records.
    pub(crate) room: u64,
    /// How long a failure keeps its answers back.
    pub(crate) hold: Duration,
    /// Between two attempts to write again.
    pub(crate) retry: Duration,
}

/// The writer's own.
pub(crate) struct Writer {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) layout: Layout,
    pub(crate) queue: Arc<Queue>,
    pub(crate) index: Arc<Index>,
    pub(crate) bodies: Arc<Bodies>,
    pub(crate) gauges: Arc<Gauges>,
    pub(crate) moves: Arc<Moves>,
    pub(crate) terms: Terms,
    pub(crate) at: Start,
    tail: Option<Tail>,
    /// Why the last write failed, until a new segment has stated it.
    failed: Option<StoreError>,
    tried: Instant,
}

impl Writer {
    #[expect(
        clippy::too_many_arguments,
        reason = "made in one place, from parts made there"
    )]
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        layout: Layout,
        queue: Arc<Queue>,
        index: Arc<Index>,
        bodies: Arc<Bodies>,
        gauges: Arc<Gauges>,
        moves: Arc<Moves>,
        terms: Terms,
        at: Start,
    ) -> Self {
        Self {
            disk,
            layout,
            queue,
            index,
            bodies,
            gauges,
            moves,
            terms,
            at,
            tail: None,
            failed: None,
            tried: Instant::now(),
        }
    }

    /// Works until the queue is closed and empty.
    pub(crate) fn run(mut self) {
        loop {
            let patience = self.failed.as_ref().map(|_| self.terms.retry);
            let Some(operations) = self.queue.take(patience) else {
                return self.end_tail();
            };
            for ticket in self.queue.take_ends() {
                ticket.settle(self.end_segment());
            }
            if let Some(error) = self.failed.clone()
                && (self.tried.elapsed() < self.terms.retry || !self.recover())
            {
                settle_all(operations, &error, false);
                continue;
            }
            self.write_all(operations);
        }
    }

    /// Goes on in a new segment, whose opening says where all before it ended.
    fn end_segment(&mut self) -> Result<(), StoreError> {
        if (self.tail.as_ref()).is_some_and(|tail| tail.offset == OPENING) {
            return Ok(());
        }
        // Whatever becomes of it: nothing may follow in a segment whose end may have been stated.
        self.end_tail();
        match self.state_end() {
            Ok(tail) => {
                self.gauges.seal_below(tail.number);
                self.tail = Some(tail);
                Ok(())
            }
            Err(error) => {
                let error = StoreError::io("making a segment", error);
                self.gauges.set_failure(Some(error.to_string()));
                self.failed = Some(error.clone());
                Err(error)
            }
        }
    }

    fn write_all(&mut self, mut operations: VecDeque<Operation>) {
        while let Some(first) = operations.front() {
            let mut length = first.draft.length();
            // What counts together stands together.
            let pairs = operations.iter().zip(operations.iter().skip(1));
            for (_, next) in pairs.take_while(|(one, _)| one.joined) {
                length += next.draft.length();
            }
            if let Err(error) = self.find_segment(length) {
                return self.fail(operations, "making a segment", error);
            }
            let before = self.tail.as_ref().map_or(0, |tail| tail.offset);
            let cut = self.cut(&mut operations);
            let (mut group, mut aside) = self.leave_out_touched(cut);
            if group.is_empty() {
                continue;
            }
            if let Err((doing, error)) = self.append(&mut group) {
                group.append(&mut aside);
                group.append(&mut operations);
                return self.fail(group, doing, error);
            }
            self.publish(group);
            for operation in aside {
                operation.ticket.settle(Ok(()));
            }
            if let Some(tail) = &mut self.tail {
                tail.make_room(tail.offset.saturating_sub(before), &self.terms);
            }
        }
    }

    /// A segment with room for a record of this length, a new one if need be (rule 1).
    fn find_segment(&mut self, length: u64) -> io::Result<()> {
        if let Some(tail) = &self.tail
            && (tail.offset <= OPENING || tail.offset + length <= self.terms.segment)
        {
            return Ok(());
        }
        self.end_tail();
        self.tail = Some(self.new_segment()?);
        Ok(())
    }

    fn end_tail(&mut self) {
        if let Some(tail) = self.tail.take() {
            tail.end();
        }
    }

    fn new_segment(&mut self) -> io::Result<Tail> {
        let number = self.at.segment;
        let mut mark = [0; 8];
        getrandom::fill(&mut mark).map_err(io::Error::other)?;
        self.at.segment += 1;
        let path = self.layout.segment(number);
        let file = self.disk.create(&path)?;
        if let Err(error) = self.disk.sync_directory(&self.layout.log) {
            // It holds nothing; should it stay, it says nothing.
            let _ = self.disk.remove(&path);
            return Err(error);
        }
        self.gauges.segments.fetch_add(1, Ordering::Relaxed);
        Ok(Tail {
            file,
            number,
            mark,
            offset: 0,
            room: Some(0),
        })
    }

    fn opening(&self, tail: &Tail) -> Vec<u8> {
        let opening = Opening {
            segment: tail.number,
            mark: tail.mark,
            durable: self.at.durable,
            ids: self.at.ids,
            sequence: self.at.sequence,
        };
        opening.to_record()
    }

    /// As many operations as fit into the segment and into one write, at least one.
    fn cut(&self, operations: &mut VecDeque<Operation>) -> VecDeque<Operation> {
        let start = self
            .tail
            .as_ref()
            .map_or(0, |tail| tail.offset.max(OPENING));
        let (mut octets, mut count, mut joined) = (0, 0, false);
        for operation in operations.iter() {
            octets += operation.draft.length();
            let fits = octets <= GROUP_OCTETS
                && count < GROUP_RECORDS
                && start + octets <= self.terms.segment;
            if count > 0 && !fits && !joined {
                break;
            }
            count += 1;
            joined = operation.joined;
        }
        let rest = operations.split_off(count);
        std::mem::replace(operations, rest)
    }

    /// Copies of what has changed since compaction looked are not written. Gives those aside that this very group makes
    /// superfluous: whether they are is known only when it is durable.
    fn leave_out_touched(
        &self,
        group: VecDeque<Operation>,
    ) -> (VecDeque<Operation>, VecDeque<Operation>) {
        let touched = self.moves.lock();
        let Some(touched) = &*touched else {
            return (group, VecDeque::new());
        };
        let (mut left, mut aside) = (VecDeque::with_capacity(group.len()), VecDeque::new());
        let mut here = Touched::default();
        for operation in group {
            match &operation.draft.said {
                Some(said) if touched.has(said) => operation.ticket.settle(Ok(())),
                Some(said) if here.has(said) => aside.push_back(operation),
                Some(_) => left.push_back(operation),
                None => {
                    here.note(&operation.draft.change);
                    left.push_back(operation);
                }
            }
        }
        (left, aside)
    }

    /// Writes and syncs a group.
    fn append(&mut self, group: &mut VecDeque<Operation>) -> Result<(), (&'static str, io::Error)> {
        let Some(mut tail) = self.tail.take() else {
            return Ok(());
        };
        let opening = if tail.offset == 0 {
            self.opening(&tail)
        } else {
            Vec::new()
        };
        let start = tail.offset;
        let mut end = start + opening.len() as u64;
        for operation in group.iter_mut() {
            let draft = &mut operation.draft;
            draft.stamp(&tail.mark, self.at.sequence, tail.number, end);
            if draft.uid.is_none() {
                self.at.sequence += 1;
            }
            end += draft.length();
        }
        let mut slices = Vec::with_capacity(1 + 2 * group.len());
        if !opening.is_empty() {
            slices.push(IoSlice::new(&opening));
        }
        for operation in group.iter() {
            slices.push(IoSlice::new(&operation.draft.front));
            if !operation.draft.body.is_empty() {
                slices.push(IoSlice::new(&operation.draft.body));
            }
        }
        let written = tail
            .file
            .write_at(&mut slices, start)
            .map_err(|error| ("writing the log", error))
            .and_then(|()| tail.file.sync().map_err(|error| ("syncing the log", error)));
        if let Err(error) = written {
            // Its best effort at having nothing there; what counts is what the next segment states.
            let durable = self.at.durable;
            let size = if durable.segment == tail.number {
                durable.offset
            } else {
                0
            };
            let _ = tail.file.truncate(size);
            return Err(error);
        }
        tail.offset = end;
        self.at.durable = Position {
            segment: tail.number,
            offset: end,
        };
        self.gauges.octets.fetch_add(end - start, Ordering::Relaxed);
        self.gauges.seal_below(tail.number);
        self.tail = Some(tail);
        Ok(())
    }

    /// Tells the index, then everybody who waits.
    fn publish(&mut self, group: VecDeque<Operation>) {
        let mut changes = Vec::with_capacity(group.len());
        let mut tickets = Vec::with_capacity(group.len());
        let moves = Arc::clone(&self.moves);
        let mut touched = moves.lock();
        for Operation {
            draft, mut ticket, ..
        } in group
        {
            if let Some(claim) = draft.claim {
                claim.named();
            }
            if let Change::Decisions(decisions) = &draft.change {
                self.see_ids(decisions);
            }
            if let Change::Message(posted) = &draft.change {
                ticket.number(posted.uid);
            }
            if draft.said.is_none()
                && let Some(touched) = &mut *touched
            {
                touched.note(&draft.change);
            }
            changes.push(draft.change);
            tickets.push(ticket);
        }
        self.index.publish(Group {
            changes,
            end: self.at.durable,
            sequence: self.at.sequence,
            bodies: self.bodies.settled_below(),
        });
        drop(touched);
        for ticket in tickets {
            ticket.settle(Ok(()));
        }
    }

    fn see_ids(&mut self, decisions: &[Decision]) {
        for decision in decisions {
            if let Decision::Account(account) = decision {
                let highest = account.id.0.max(u64::from(account.epoch));
                self.at.ids = self.at.ids.max(highest);
            }
        }
    }

    /// The end of a segment by failure. Answers are held back until a new one states that they failed, for a while.
    fn fail(&mut self, operations: VecDeque<Operation>, doing: &'static str, error: io::Error) {
        tracing::error!(%error, doing, "log write failed; a new segment is begun");
        self.tail = None;
        let error = StoreError::io(doing, error);
        self.gauges.set_failure(Some(error.to_string()));
        self.failed = Some(error.clone());
        let deadline = Instant::now() + self.terms.hold;
        let mut stated = self.recover();
        while !stated && Instant::now() < deadline && !self.queue.is_closed() {
            std::thread::sleep(self.terms.retry.min(self.terms.hold));
            stated = self.recover();
        }
        settle_all(operations, &error, stated);
    }

    /// Begins a new segment whose opening, durable at once, says where the log ended before the failure.
    fn recover(&mut self) -> bool {
        self.tried = Instant::now();
        match self.state_end() {
            Ok(tail) => {
                tracing::info!(segment = tail.number, "log goes on in a new segment");
                self.tail = Some(tail);
                self.failed = None;
                self.gauges.set_failure(None);
                true
            }
            Err(error) => {
                tracing::debug!(%error, "log cannot be written yet");
                false
            }
        }
    }

    fn state_end(&mut self) -> io::Result<Tail> {
        let mut tail = self.new_segment()?;
        let opening = self.opening(&tail);
        let stated = tail
            .file
            .write_at(&mut [IoSlice::new(&opening)], 0)
            .and_then(|()| tail.file.sync());
        if let Err(error) = stated {
            let _ = self.disk.remove(&self.layout.segment(tail.number));
            self.gauges.segments.fetch_sub(1, Ordering::Relaxed);
            return Err(error);
        }
        tail.offset = OPENING;
        Ok(tail)
    }
}

impl Drop for Writer {
    /// However the writer ends, nobody waits for it in vain.
    fn drop(&mut self) {
        self.queue.close();
        drop(std::mem::take(&mut self.queue.lock().operations));
        drop(self.queue.take_ends());
    }
}

/// Answers with a failure. `stated` says that none of these can ever be read back.
fn settle_all(operations: VecDeque<Operation>, error: &StoreError, stated: bool) {
    for Operation { draft, ticket, .. } in operations {
        if let Some(claim) = draft.claim
            && !stated
        {
            claim.leave();
        }
        ticket.settle(Err(error.clone()));
    }
}
