//! Compaction: moves what still counts out of a segment to the end of the log, and gives its file back.
//!
//! One segment at a time: look at every record, copy, say durably that the segment is retired, bring the index behind
//! that, and only then remove files; the next one begins when their names are durably gone. Until then a crash at any
//! moment leaves a log that says the same with or without the copies. A damaged segment is left alone.

mod plan;
mod shift;
#[cfg(test)]
mod tests;
mod void;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use plan::{Before, Plan, Times};

use super::Gauges;
use super::moves::Moves;
use super::read::Files;
use super::replay::{Replay, Segment};
use super::writer::Queue;
use crate::compaction::{Compacted, Hold, Turns, Way};
use crate::disk::{body_number, segment_number};
use crate::engine::{Effect, Ticket};
use crate::error::{CompactError, OpenError, StoreError};
use crate::index::Index;
use crate::index::keys::{Hint, Retirement};
use crate::options::Options;
use crate::store::{milliseconds, unix_milliseconds};

/// Time between two looks at the hints.
const EVERY: Duration = Duration::from_secs(60);
/// Shortest time between two runs.
const BREATH: Duration = Duration::from_secs(1);
/// Shortest and longest time before a segment that was not worth it is looked at again.
const AGAIN: (u64, u64) = (60_000, 12 * 60 * 60 * 1_000);
/// As many small segments may stay; a small one is shorter than this part of a segment.
const SMALL: (usize, u64) = (16, 16);

/// Octets of a segment still being written that are worth the asking.
const TAIL: u64 = 64 << 10;

/// Octets beside what is moved: a segment of its own for it, and what is said at the end.
const AROUND: u64 = 16 << 10;

/// Sizes and times.
pub(crate) struct Limits {
    /// Octets of a segment.
    pub(crate) segment: u64,
    /// How long a removed message is kept, in milliseconds.
    pub(crate) window: AtomicU64,
    /// With less than this free, removed messages are not kept.
    pub(crate) reserve: AtomicU64,
}

impl Limits {
    pub(crate) fn of(options: &Options) -> Self {
        Self {
            segment: options.segment,
            window: AtomicU64::new(milliseconds(options.undelete_window)),
            reserve: AtomicU64::new(options.reserve(options.max_message)),
        }
    }
}

/// All that compaction works with.
pub(crate) struct Compactor {
    pub(crate) replay: Replay,
    pub(crate) queue: Arc<Queue>,
    pub(crate) index: Arc<Index>,
    pub(crate) moves: Arc<Moves>,
    pub(crate) files: Arc<Files>,
    pub(crate) gauges: Arc<Gauges>,
    pub(crate) limits: Limits,
    pub(crate) turns: Arc<Turns>,
    /// Segments that were not worth it, or are damaged.
    pub(crate) tried: Mutex<HashMap<u32, Tried>>,
    /// Files have been removed, and the next power cut may bring them back.
    pub(crate) unsynced: AtomicBool,
}

/// When to look at a segment again.
#[derive(Clone, Copy)]
pub(crate) enum Tried {
    /// When its hint says less, or at this time.
    Full {
        live: u64,
        again: u64,
        window: u64,
    },
    Damaged,
}

/// One run.
struct Run<'a> {
    way: Way,
    now: u64,
    done: Compacted,
    progress: &'a mut dyn FnMut(Compacted),
}

impl Run<'_> {
    fn is_worth(&self, candidate: &Candidate, plan: &Plan) -> bool {
        let (kept, total) = (u128::from(plan.kept), u128::from(plan.total));
        match self.way {
            _ if candidate.anyway => true,
            Way::Forced => kept * 16 <= total * 15,
            Way::Background | Way::Asked => kept * 3 <= total * 2,
        }
    }
}

/// A segment worth a look.
struct Candidate {
    segment: Segment,
    hint: Hint,
    /// It goes whatever is in it: it is small, or something of it has gone already.
    anyway: bool,
}

impl Compactor {
    /// Its thread.
    pub(crate) fn start(self: &Arc<Self>) -> io::Result<JoinHandle<()>> {
        let compactor = Arc::clone(self);
        thread::Builder::new()
            .name("tegami-compact".to_owned())
            .spawn(move || compactor.work())
    }

    /// Works by itself until all is closing.
    fn work(&self) {
        if let Some(_turn) = self.turns.begin()
            && let Err(error) = self.finish(&mut Compacted::default())
        {
            tracing::debug!(%error, "a retired segment is not removed yet");
        }
        while self.turns.idle(EVERY) {
            match self.run(Way::Background, unix_milliseconds(), &mut |_| {}) {
                Ok(done) if done.removed > 0 => {
                    tracing::info!(files = done.removed, octets = done.freed, "log compacted");
                }
                Ok(_) | Err(CompactError::Held) => {}
                Err(CompactError::Store(error)) => tracing::warn!(%error, "log not compacted"),
            }
            // However often somebody says that space is low.
            self.turns.pause(BREATH);
        }
    }

    pub(crate) fn hold(&self) -> Option<Hold> {
        self.turns.hold()
    }

    /// From now on removed messages are kept for so long, unless less than the reserve is free.
    pub(crate) fn set_limits(&self, window: Duration, reserve: u64) {
        let limits = &self.limits;
        limits.window.store(milliseconds(window), Ordering::Relaxed);
        limits.reserve.store(reserve, Ordering::Relaxed);
    }

    pub(crate) fn poke(&self) {
        self.turns.poke();
    }

    pub(crate) fn close(&self) {
        self.turns.close();
    }

    /// Looks at all segments that may be worth it, once.
    pub(crate) fn run(
        &self,
        way: Way,
        now: u64,
        progress: &mut dyn FnMut(Compacted),
    ) -> Result<Compacted, CompactError> {
        let _turn = self.turns.begin().ok_or_else(|| self.why_stopped())?;
        let mut run = Run {
            way,
            now,
            done: Compacted::default(),
            progress,
        };
        let outcome = self.run_all(&mut run);
        self.moves.rest();
        outcome.map(|()| run.done)
    }

    fn run_all(&self, run: &mut Run<'_>) -> Result<(), CompactError> {
        // What the last run, or the last process, did not get done comes first.
        self.finish(&mut run.done)?;
        if self.ends_tail(run)? {
            self.wait_for(|ticket| self.queue.end_segment(ticket))?;
        }
        let candidates = self.candidates(run)?;
        run.done.segments = candidates.len() as u64;
        for candidate in candidates {
            self.go_on()?;
            self.take(&candidate, run)?;
            run.done.looked_at += 1;
            (run.progress)(run.done);
        }
        Ok(())
    }

    fn why_stopped(&self) -> CompactError {
        if self.turns.closing() {
            CompactError::Store(StoreError::Stopped)
        } else {
            CompactError::Held
        }
    }

    fn go_on(&self) -> Result<(), CompactError> {
        if self.turns.stopped() {
            return Err(self.why_stopped());
        }
        Ok(())
    }

    /// Hands the writer something and waits for its answer.
    fn wait_for(&self, hand: impl FnOnce(Ticket)) -> Result<(), CompactError> {
        let (ticket, answer) = Ticket::new(Effect::Nothing, None);
        hand(ticket);
        let outcome = answer.blocking_recv().unwrap_or(Err(StoreError::Stopped));
        outcome.map(drop).map_err(CompactError::Store)
    }

    fn free(&self) -> u64 {
        let (disk, root) = (&self.replay.disk, &self.replay.layout.root);
        disk.free(root).unwrap_or(u64::MAX)
    }

    /// How long removed messages are kept: not at all while space is low.
    fn window(&self) -> u64 {
        if self.is_low() {
            0
        } else {
            self.limits.window.load(Ordering::Relaxed)
        }
    }

    fn is_low(&self) -> bool {
        self.free() < self.limits.reserve.load(Ordering::Relaxed)
    }

    /// The segment being written is worth a look, too, if nothing more is added to it.
    fn ends_tail(&self, run: &Run<'_>) -> Result<bool, CompactError> {
        let least = match run.way {
            Way::Forced => return Ok(true),
            Way::Asked => TAIL,
            Way::Background => self.limits.segment / SMALL.1,
        };
        let end = self.index.end();
        let mut segments = self.replay.survey().map_err(unreadable)?;
        let Some(mut last) = segments.last_entry() else {
            return Ok(false);
        };
        let (number, tail) = (*last.key(), last.get_mut());
        if end.segment == number {
            // The zeros behind it are room for what comes.
            tail.size = tail.size.min(end.offset);
        }
        let written = number >= self.gauges.sealed.load(Ordering::Relaxed);
        let hint = (self.index.hints()?.get(&number).copied()).unwrap_or_default();
        // With the large bodies it names.
        let octets = tail.size.max(hint.total);
        Ok(written && octets >= least && self.promising(tail, hint, run))
    }

    /// The segments worth a look, oldest first.
    fn candidates(&self, run: &Run<'_>) -> Result<Vec<Candidate>, CompactError> {
        let hints = self.index.hints()?;
        let sealed = self.gauges.sealed.load(Ordering::Relaxed);
        let segments = self.replay.survey().map_err(unreadable)?;
        let is_small =
            |segment: &Segment| segment.size < self.limits.segment / SMALL.1 && segment.size > 0;
        // One that nothing has been written behind yet may end in what an interrupted write left.
        let old = || {
            let before = segments.range(..sealed).map(|(_, segment)| segment);
            before.filter(|segment| segment.sealed)
        };
        let many = old().filter(|segment| is_small(segment)).count() > SMALL.0;
        let candidates = old().filter_map(|segment| {
            let hint = hints.get(&segment.number).copied().unwrap_or_default();
            let anyway = hint.begun || (many && is_small(segment));
            let worth = run.way == Way::Forced || anyway || self.promising(segment, hint, run);
            let readable = segment.opening.is_some();
            let tried = run.way == Way::Background && self.is_damaged(segment.number);
            (worth && readable && !tried).then(|| Candidate {
                segment: segment.clone(),
                hint,
                anyway,
            })
        });
        Ok(candidates.collect())
    }

    /// The hint says that a third could be given back, and nobody has found out otherwise lately. Who asks may know more.
    fn promising(&self, segment: &Segment, hint: Hint, run: &Run<'_>) -> bool {
        let total = segment.size.max(hint.total);
        let mostly_live = u128::from(hint.live) * 3 > u128::from(total) * 2;
        let tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        let anew = match tried.get(&segment.number) {
            None => true,
            Some(Tried::Full { .. }) if run.way != Way::Background => true,
            Some(Tried::Damaged) => false,
            Some(Tried::Full {
                live,
                again,
                window,
            }) => hint.live < *live || run.now >= *again || self.window() < *window,
        };
        !mostly_live && anew
    }

    fn remember(&self, segment: u32, tried: Tried) {
        let mut all = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(segment, tried);
    }

    /// Waits until the index has everything up to now, and notes what changes from now on.
    fn watch(&self) -> Result<(), CompactError> {
        let end = self.moves.watch(&self.index);
        let applied = self.index.applied(end, &|| self.turns.stopped());
        self.go_on()?;
        Ok(applied?)
    }

    /// Moves what counts out of one segment and removes it, if that is worth it.
    fn take(&self, candidate: &Candidate, run: &mut Run<'_>) -> Result<(), CompactError> {
        let number = candidate.segment.number;
        let mut first = true;
        loop {
            self.watch()?;
            // As far as it counts now: a segment begun since may have said so.
            let segments = self.replay.survey().map_err(unreadable)?;
            let Some(segment) = segments.get(&number) else {
                return Ok(());
            };
            let before = self.before(number, &segments)?;
            let times = Times {
                way: run.way,
                now: run.now,
                window: self.window(),
            };
            let looked = match self.look(segment, before, times, first) {
                // What cannot be read is as good as damaged, and keeps no other segment from its turn.
                Err(CompactError::Store(StoreError::Io { .. })) if first => None,
                looked => looked?,
            };
            let Some(plan) = looked else {
                run.done.damaged += 1;
                self.note_damage(number);
                return Ok(());
            };
            let fits = self.free() >= plan.copied.saturating_add(AROUND);
            let worth = run.is_worth(candidate, &plan);
            if first && !(worth && fits) {
                let mut pause = AGAIN.0;
                if worth {
                    run.done.no_room += plan.copied;
                } else {
                    pause = (times.window / 16).clamp(AGAIN.0, AGAIN.1);
                }
                let tried = Tried::Full {
                    live: candidate.hint.live,
                    again: run.now.saturating_add(pause),
                    window: times.window,
                };
                self.remember(number, tried);
                return Ok(());
            }
            if plan.moves.is_empty() {
                self.retire(plan.retirement, plan.forgotten)?;
                return self.finish(&mut run.done);
            }
            // What changed while this was copied was left out; the next look sees it as it is now.
            self.copy(number, plan.moves, run)?;
            first = false;
        }
    }

    fn before(
        &self,
        number: u32,
        segments: &BTreeMap<u32, Segment>,
    ) -> Result<Before, CompactError> {
        let hints = self.index.hints()?;
        let begun = |older: &u32| hints.get(older).is_some_and(|hint| hint.begun);
        let mut older = segments.range(..number).map(|(older, _)| older).peekable();
        Ok(Before {
            oldest: older.peek().is_none(),
            unfinished: older.any(begun),
        })
    }

    fn is_damaged(&self, segment: u32) -> bool {
        let tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(tried.get(&segment), Some(Tried::Damaged))
    }

    fn note_damage(&self, segment: u32) {
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(tried.insert(segment, Tried::Damaged), Some(Tried::Damaged)) {
            tracing::warn!(segment, "a damaged segment is not compacted");
        }
    }

    /// Removes the files of the segment retired last, if they are still there.
    fn finish(&self, done: &mut Compacted) -> Result<(), CompactError> {
        let end = self.index.end();
        self.index.applied(end, &|| self.turns.closing())?;
        let Some(retired) = self.index.retirement()? else {
            return Ok(());
        };
        let there = self.still_there(&retired)?;
        if there.is_empty() && !self.unsynced.load(Ordering::Relaxed) {
            return Ok(());
        }
        // An index from before would bring back what the log does not say any more.
        if !self.index.checkpoint(end, &|| self.turns.closing())? {
            return Err(StoreError::Rebuilding.into());
        }
        self.files.forget(&retired);
        self.remove_void(retired.segment)?;
        self.unsynced.store(true, Ordering::Relaxed);
        let mut removed = Vec::new();
        for (path, octets, segment) in there {
            self.replay.disk.remove(&path).map_err(failed("removing"))?;
            removed.push((octets, segment));
        }
        let log = &self.replay.layout.log;
        let synced = self.replay.disk.sync_directory(log);
        synced.map_err(failed("syncing the log directory"))?;
        self.unsynced.store(false, Ordering::Relaxed);
        self.files.forget(&retired);
        for (octets, segment) in removed {
            done.removed += 1;
            done.freed += octets;
            if segment {
                self.gauges.segments.fetch_sub(1, Ordering::Relaxed);
                self.gauges.octets.fetch_sub(octets, Ordering::Relaxed);
            }
        }
        Ok(())
    }

    /// Path and size of what is left of a retired segment, and whether it is the segment itself. The segment comes
    /// last: while it is there, the rest is not forgotten.
    fn still_there(
        &self,
        retired: &Retirement,
    ) -> Result<Vec<(std::path::PathBuf, u64, bool)>, CompactError> {
        let layout = &self.replay.layout;
        let bodies: BTreeSet<u64> = retired.bodies.iter().copied().collect();
        let found = self.replay.disk.list(&layout.log);
        let mut there = Vec::new();
        for (name, size) in found.map_err(failed("listing the log"))? {
            let segment = segment_number(&name) == Some(retired.segment);
            let body = body_number(&name).is_some_and(|number| bodies.contains(&number));
            if segment || body {
                there.push((layout.log.join(&name), size, segment));
            }
        }
        there.sort_by_key(|(_, _, segment)| *segment);
        Ok(there)
    }
}

fn failed(doing: &'static str) -> impl Fn(io::Error) -> CompactError {
    move |error| CompactError::Store(StoreError::io(doing, error))
}

fn unreadable(error: OpenError) -> CompactError {
    CompactError::Store(StoreError::io("reading the log", io::Error::other(error)))
}
