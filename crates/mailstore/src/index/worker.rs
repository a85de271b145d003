//! The thread that puts waiting groups into the table, the watch over it, and the rebuild when it is stuck.
//!
//! A thread stuck inside sled cannot be ended. It is left alone: its gate is closed, its number is outdated, and
//! another one builds a fresh table from the log. sled's lock is one for the whole process, so a second stall means
//! that no sled table will work before the next start, and the third one is kept in memory.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::applier::Applier;
use super::table::{Table, TableError};
use super::{Group, Shared, State};
use crate::log::Position;
use crate::stats::IndexState;

/// Records applied in one batch when several groups wait.
const BATCH: usize = 1_024;
/// Records worth waking up for at once; fewer wait a moment for company, so that a burst of mail has the processor.
pub(super) const COMPANY: usize = 2_000;
/// That moment.
const MOMENT: Duration = Duration::from_millis(100);
/// Batches between two flushes; rare flushes let sled stall.
const BATCHES_PER_FLUSH: u32 = 100;
/// Longest time between a batch and the next flush.
const FLUSH_EVERY: Duration = Duration::from_secs(1);
/// Time between a batch and the next checkpoint.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);
/// Stalls after which the index is kept in memory.
const STALLS_ON_DISK: u32 = 2;

/// Starts a worker on a table that has caught up with the log.
pub(super) fn start(shared: &Arc<Shared>, applier: Applier, check: bool) -> io::Result<()> {
    let mut state = shared.lock();
    state.generation += 1;
    let generation = state.generation;
    let worker = Worker::new(shared, generation, applier, check);
    thread::Builder::new()
        .name("tegami-index".to_owned())
        .spawn({
            let worker = worker.enter(&mut state, IndexState::Ready);
            drop(state);
            move || worker.run()
        })?;
    Ok(())
}

/// Starts the watch: it begins rebuilds, and gives a worker up that stays inside the table too long.
pub(super) fn watch(shared: &Arc<Shared>) -> io::Result<JoinHandle<()>> {
    let shared = Arc::clone(shared);
    thread::Builder::new()
        .name("tegami-watch".to_owned())
        .spawn(move || shared.watch())
}

impl Shared {
    fn watch(self: &Arc<Self>) {
        let mut state = self.lock();
        let mut beat = 0;
        while !state.closed {
            let stuck = state
                .step
                .is_some_and(|since| since.elapsed() >= self.pace.patience);
            let beats = self.beat.load(Ordering::Relaxed);
            let alive = beats != std::mem::replace(&mut beat, beats);
            if stuck && alive {
                // Removing a large mailbox is one step of many batches.
                state.step = Some(Instant::now());
            } else if stuck {
                Self::give_up(&mut state, "a step took too long");
                self.progress.notify_all();
            }
            if state.wanted {
                state.wanted = false;
                state.generation += 1;
                let (generation, stalls) = (state.generation, state.stalls);
                let shared = Arc::clone(self);
                let thread = thread::Builder::new()
                    .name("tegami-index".to_owned())
                    .spawn(move || shared.rebuild(generation, stalls));
                if let Err(error) = thread {
                    tracing::error!(%error, "index rebuild not started");
                    state.wanted = true;
                }
            }
            let pause = self.pace.patience / 4;
            state = self
                .alarm
                .wait_timeout(state, pause)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Gives the current table up, if this is the current table.
    pub(super) fn give_up_table(&self, table: &Arc<dyn Table>, why: &str) {
        let mut state = self.lock();
        let current = state.table.as_ref();
        if current.is_some_and(|(current, _)| Arc::ptr_eq(current, table)) {
            Self::give_up(&mut state, why);
            self.progress.notify_all();
            self.alarm.notify_all();
        }
    }

    fn give_up(state: &mut State, why: &str) {
        tracing::error!(why, "index given up; it is being built again from the log");
        if let Some((_, gate)) = state.table.take() {
            gate.abandon();
        }
        // Outdated from here on: whatever the old worker still does is seen by nobody.
        state.generation += 1;
        state.stalls += 1;
        state.step = None;
        state.censuses.clear();
        state.listings.clear();
        state.pausing = false;
        state.phase = IndexState::Rebuilding;
        state.wanted = true;
        state.asked = None;
        state.durable = Position::default();
    }

    /// Builds a fresh table from the log and goes on as its worker.
    fn rebuild(self: Arc<Self>, generation: u64, stalls: u32) {
        let memory = stalls > STALLS_ON_DISK;
        let built = self.build(generation, memory);
        let mut state = self.lock();
        if state.generation != generation {
            return;
        }
        match built {
            Ok(applier) => {
                let phase = if memory {
                    IndexState::InMemory
                } else {
                    IndexState::Ready
                };
                let worker = Worker::new(&self, generation, applier, false);
                let worker = worker.enter(&mut state, phase);
                drop(state);
                tracing::info!("index built");
                worker.run();
            }
            Err(error) => {
                Self::give_up(&mut state, &error.to_string());
                drop(state);
                self.progress.notify_all();
                // The watch comes round by itself: no faster than it looks, or a dead disk would keep us busy.
            }
        }
    }

    fn build(&self, generation: u64, memory: bool) -> Result<Applier, TableError> {
        let table = self.step(generation, || {
            if memory {
                Ok(self.tables.in_memory())
            } else {
                self.tables.fresh()
            }
        })?;
        let mut applier = self.step(generation, || Applier::load(table, Arc::clone(&self.beat)))?;
        loop {
            let end = {
                let mut state = self.lock();
                state.groups.clear();
                state.waiting = 0;
                state.dropped = false;
                state.end
            };
            self.replay
                .feed_until(&mut applier, end, &mut |work| self.step(generation, work))?;
            if !self.lock().dropped {
                return Ok(applier);
            }
        }
    }

    /// One step inside the table, under the eye of the watch.
    fn step<T>(
        &self,
        generation: u64,
        work: impl FnOnce() -> Result<T, TableError>,
    ) -> Result<T, TableError> {
        {
            let mut state = self.lock();
            if state.generation != generation {
                return Err(TableError::Abandoned);
            }
            state.step = Some(Instant::now());
        }
        let done = work();
        let mut state = self.lock();
        if state.generation != generation {
            return Err(TableError::Abandoned);
        }
        state.step = None;
        done
    }
}

/// What to do next.
enum Next {
    Apply(Vec<Arc<Group>>),
    Check,
    /// Look at everything, because somebody wants it counted.
    Look,
    Census,
    Flush,
    Checkpoint,
    Close,
    Outdated,
}

struct Worker {
    shared: Arc<Shared>,
    generation: u64,
    applier: Applier,
    checking: bool,
    /// A check has begun since somebody wanted a census.
    looked: bool,
    batches: u32,
    /// When the first batch since the last flush was applied.
    unflushed: Option<Instant>,
    /// When the first batch since the last checkpoint was applied.
    unchecked: Option<Instant>,
}

impl Worker {
    fn new(shared: &Arc<Shared>, generation: u64, mut applier: Applier, check: bool) -> Self {
        applier.trust();
        if check {
            applier.begin_check();
        }
        Self {
            shared: Arc::clone(shared),
            generation,
            applier,
            checking: check,
            looked: check,
            batches: 0,
            unflushed: None,
            unchecked: Some(Instant::now()),
        }
    }

    /// Lets readers in.
    fn enter(self, state: &mut MutexGuard<'_, State>, phase: IndexState) -> Self {
        state.table = Some(self.applier.table());
        state.applied = self.applier.position();
        state.kept = self.applier.kept();
        state.queue = self.applier.queue_counts();
        state.phase = if self.checking {
            IndexState::Checking
        } else {
            phase
        };
        self.shared.progress.notify_all();
        self
    }

    fn run(mut self) {
        loop {
            let done = match self.next() {
                Next::Apply(groups) => self.apply(&groups),
                Next::Check => self.check(),
                Next::Look => {
                    self.applier.begin_check();
                    (self.checking, self.looked) = (true, true);
                    Ok(())
                }
                Next::Census => {
                    self.census();
                    Ok(())
                }
                Next::Flush => self.flush(),
                Next::Checkpoint => self.checkpoint(),
                Next::Close => return self.close(),
                Next::Outdated => return,
            };
            match done {
                Ok(()) => {}
                Err(TableError::Abandoned) => return,
                Err(TableError::Failed(why)) => {
                    let (table, _) = self.applier.table();
                    return self.shared.give_up_table(&table, &why);
                }
            }
        }
    }

    fn next(&self) -> Next {
        let shared = &self.shared;
        let mut state = shared.lock();
        let mut waited = false;
        loop {
            if state.generation != self.generation {
                return Next::Outdated;
            }
            let now = Instant::now();
            if self
                .unchecked
                .is_some_and(|since| now - since >= CHECKPOINT_EVERY)
            {
                return Next::Checkpoint;
            }
            if self.is_asked(&state) {
                return Next::Checkpoint;
            }
            let counting = self.is_counting(&state);
            if counting && let Some(step) = self.towards_census(&state) {
                return step;
            }
            let urgent = state.urgent > state.applied;
            let ready = state.waiting >= COMPANY || waited || urgent || state.closing || counting;
            if state.waiting > 0 && ready {
                return Next::Apply(Self::first_groups(&state));
            }
            if state.closing {
                return Next::Close;
            }
            let pause = if state.waiting > 0 {
                waited = true;
                state.pausing = true;
                MOMENT
            } else if self
                .unflushed
                .is_some_and(|since| now - since >= FLUSH_EVERY)
            {
                return Next::Flush;
            } else if self.checking {
                return Next::Check;
            } else if self.unflushed.is_some() {
                FLUSH_EVERY
            } else {
                CHECKPOINT_EVERY
            };
            let deadline = now + pause;
            let enough = if waited { COMPANY } else { 1 };
            // Wake-ups before the moment is over are not worth taking.
            while let Some(left) = deadline.checked_duration_since(Instant::now()) {
                let work = &shared.work;
                state = work
                    .wait_timeout(state, left)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0;
                if self.is_wanted(&state, enough) {
                    break;
                }
            }
            state.pausing = false;
        }
    }

    /// Something cannot wait until the moment is over.
    fn is_wanted(&self, state: &State, enough: usize) -> bool {
        state.waiting >= enough
            || (state.waiting > 0 && state.urgent > state.applied)
            || self.is_asked(state)
            || self.is_counting(state)
            || state.closing
            || state.generation != self.generation
    }

    /// Somebody waits for a checkpoint that could be made now.
    fn is_asked(&self, state: &State) -> bool {
        state
            .asked
            .is_some_and(|position| self.applier.position() >= position)
    }

    /// A census is asked for, and nothing of the check is left to do first.
    fn is_counting(&self, state: &State) -> bool {
        !state.censuses.is_empty() && !self.checking
    }

    /// What brings the census that is asked for nearer, unless groups have to be applied first.
    fn towards_census(&self, state: &State) -> Option<Next> {
        if !self.looked {
            return Some(Next::Look);
        }
        let here = self.applier.position();
        let all = state.censuses.iter().all(|(end, _)| *end <= here);
        all.then_some(Next::Census)
    }

    fn first_groups(state: &State) -> Vec<Arc<Group>> {
        let mut groups = Vec::new();
        let mut records = 0;
        for group in &state.groups {
            records += group.changes.len();
            if !groups.is_empty() && records > BATCH {
                break;
            }
            groups.push(Arc::clone(group));
        }
        groups
    }

    fn apply(&mut self, groups: &[Arc<Group>]) -> Result<(), TableError> {
        let applier = &mut self.applier;
        self.shared
            .step(self.generation, || applier.apply(groups))?;
        let mut state = self.shared.lock();
        if state.generation != self.generation {
            return Err(TableError::Abandoned);
        }
        state.groups.drain(..groups.len());
        state.waiting -= groups
            .iter()
            .map(|group| group.changes.len())
            .sum::<usize>();
        state.applied = self.applier.position();
        state.kept = self.applier.kept();
        state.queue = self.applier.queue_counts();
        drop(state);
        self.shared.progress.notify_all();
        let now = Instant::now();
        self.unflushed.get_or_insert(now);
        self.unchecked.get_or_insert(now);
        self.batches += 1;
        if self.batches >= BATCHES_PER_FLUSH {
            self.flush()?;
        }
        if self.checking {
            self.check()?;
        }
        Ok(())
    }

    fn check(&mut self) -> Result<(), TableError> {
        let applier = &mut self.applier;
        let more = self.shared.step(self.generation, || applier.check_some())?;
        if !more {
            self.checking = false;
            let mut state = self.shared.lock();
            if state.phase == IndexState::Checking {
                state.phase = IndexState::Ready;
            }
            self.looked &= !state.censuses.is_empty();
            drop(state);
            tracing::info!("index checked: all of it is in order");
        }
        Ok(())
    }

    /// Answers everybody who wants to know what is in the table now.
    fn census(&mut self) {
        self.looked = false;
        let here = self.applier.position();
        let mut state = self.shared.lock();
        let asked: Vec<_> = state
            .censuses
            .extract_if(.., |(end, _)| *end <= here)
            .collect();
        drop(state);
        let census = self.applier.census();
        for (_, asked) in asked {
            // Whoever went away does not need it.
            let _ = asked.send(census.clone());
        }
    }

    fn flush(&mut self) -> Result<(), TableError> {
        let (table, _) = self.applier.table();
        self.shared.step(self.generation, || table.flush())?;
        self.batches = 0;
        self.unflushed = None;
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<(), TableError> {
        let (table, _) = self.applier.table();
        let position = self.applier.position();
        self.flush()?;
        // A slow disk is no stall: nobody watches this.
        table.sync()?;
        self.unchecked = None;
        // Whoever asks needs to know that the next start finds no index from before: none at all will do, too.
        let asked = self.shared.lock().asked.is_some();
        let durable = table.lasts() || (asked && self.shared.tables.discard().is_ok());
        let mut state = self.shared.lock();
        if state.generation != self.generation {
            return Err(TableError::Abandoned);
        }
        if durable {
            state.durable = position;
        }
        state.asked = state.asked.filter(|asked| *asked > position);
        drop(state);
        self.shared.progress.notify_all();
        Ok(())
    }

    fn close(mut self) {
        let closing = Closing(Arc::clone(&self.shared));
        match self.checkpoint() {
            Ok(()) => {
                let mut state = self.shared.lock();
                state.written = state.phase != IndexState::InMemory;
            }
            Err(error) => {
                tracing::warn!(%error, "index not written out; the next start reads it from the log");
            }
        }
        // sled gives its directory back when the last handle goes, so that comes before anybody is told.
        let mut state = self.shared.lock();
        state.censuses.clear();
        let table = state.table.take();
        drop(state);
        drop(table);
        drop(self);
        drop(closing);
    }
}

/// Says that the index is closed, whatever happens on the way.
struct Closing(Arc<Shared>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.progress.notify_all();
        self.0.alarm.notify_all();
    }
}
