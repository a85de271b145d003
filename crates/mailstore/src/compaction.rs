//! Giving back what removed messages take: what it did, and whose turn it is.
//!
//! One compaction at a time, and none while somebody needs the files to stay where they are. The work itself is the
//! engine's.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// Holds at the same time; more would only be forgotten ones.
const HOLDS: usize = 4;

/// What a compaction has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compacted {
    /// Segments it means to look at.
    pub segments: u64,
    /// Segments it has looked at.
    pub looked_at: u64,
    /// Segments and bodies whose files it has removed.
    pub removed: u64,
    /// Octets of those files.
    pub freed: u64,
    /// Octets it has moved to the end of the log.
    pub moved: u64,
    /// Segments left alone because they are damaged.
    pub damaged: u64,
    /// Octets that would have to be moved first, and for which there is no room.
    pub no_room: u64,
}

/// How eager a compaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// By itself: what is worth it, slowly.
    Background,
    /// Somebody asked: what is worth it, at once.
    Asked,
    /// Everything that has something to give back, the segment being written included.
    Forced,
}

/// While this lives, no file of the log is removed.
#[derive(Debug)]
pub struct Hold(Arc<Turns>);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.lock().holders -= 1;
        self.0.changed.notify_all();
    }
}

/// Whose turn it is.
#[derive(Default)]
pub(crate) struct Turns {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    running: bool,
    holders: usize,
    poked: bool,
    closing: bool,
}

/// The right to compact; ends when dropped.
pub(crate) struct Turn(Arc<Turns>);

impl fmt::Debug for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Turns")
    }
}

impl Turns {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&'a self, state: MutexGuard<'a, State>, left: Duration) -> MutexGuard<'a, State> {
        self.changed
            .wait_timeout(state, left)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }

    /// Waits for the one before to end. `None` while somebody holds compaction, or when all is closing.
    pub(crate) fn begin(self: &Arc<Self>) -> Option<Turn> {
        let mut state = self.lock();
        while state.running && !state.closing {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if state.closing || state.holders > 0 {
            return None;
        }
        state.running = true;
        Some(Turn(Arc::clone(self)))
    }

    /// Returns once nothing is being compacted; `None` when too many hold already.
    pub(crate) fn hold(self: &Arc<Self>) -> Option<Hold> {
        let mut state = self.lock();
        if state.holders >= HOLDS {
            return None;
        }
        state.holders += 1;
        while state.running {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        Some(Hold(Arc::clone(self)))
    }

    /// Whoever compacts should stop as soon as it can.
    pub(crate) fn stopped(&self) -> bool {
        let state = self.lock();
        state.closing || state.holders > 0
    }

    pub(crate) fn closing(&self) -> bool {
        self.lock().closing
    }

    /// Waits; false when it is time to stop.
    pub(crate) fn pause(&self, pause: Duration) -> bool {
        let deadline = Instant::now() + pause;
        let mut state = self.lock();
        loop {
            if state.closing || state.holders > 0 {
                return false;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            state = self.wait(state, left);
        }
    }

    /// Waits for a poke, for so long at most; false when all is closing.
    pub(crate) fn idle(&self, pause: Duration) -> bool {
        let deadline = Instant::now() + pause;
        let mut state = self.lock();
        loop {
            if state.closing {
                return false;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if std::mem::take(&mut state.poked) || left.is_zero() {
                return true;
            }
            state = self.wait(state, left);
        }
    }

    pub(crate) fn poke(&self) {
        self.lock().poked = true;
        self.changed.notify_all();
    }

    pub(crate) fn close(&self) {
        self.lock().closing = true;
        self.changed.notify_all();
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.lock().running = false;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::{HOLDS, Turns};
    use std::sync::Arc;

    #[test]
    fn a_few_may_hold_at_once_and_each_gives_its_place_back() {
        let turns = Arc::<Turns>::default();
        let mut taken: Vec<_> = (0..HOLDS).map(|_| turns.hold().unwrap()).collect();
        assert!(turns.hold().is_none());
        taken.pop();
        assert!(turns.hold().is_some());
        assert!(turns.begin().is_none());
        taken.clear();
        assert!(turns.begin().is_some());
    }
}
