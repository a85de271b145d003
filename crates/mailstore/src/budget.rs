//! How much of the mail on its way in may sit in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Octets that may still be handed out.
#[derive(Debug)]
pub(crate) struct Budget {
    left: AtomicUsize,
    size: usize,
}

/// A part of the budget; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Arc<Budget>,
    octets: usize,
}

impl Budget {
    pub(crate) fn new(octets: usize) -> Self {
        Self {
            left: AtomicUsize::new(octets),
            size: octets,
        }
    }

    /// All of it or nothing, at once: nobody ever waits for memory while holding some.
    pub(crate) fn take(self: &Arc<Self>, octets: usize) -> Option<Share> {
        self.left
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(octets)
            })
            .ok()?;
        Some(Share {
            budget: Arc::clone(self),
            octets,
        })
    }

    pub(crate) fn in_use(&self) -> usize {
        self.size - self.left.load(Ordering::Relaxed)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.left.fetch_add(self.octets, Ordering::Relaxed);
    }
}
