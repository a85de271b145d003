//! Who may be inside the table: any number of short readers, or the worker.
//!
//! sled takes a lock for the whole process while it applies a batch. A reader that waited for it inside sled could
//! never be told that the worker is stuck; here it can.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::table::TableError;

/// The door to one table.
#[derive(Default)]
pub(crate) struct Gate {
    inside: Mutex<Inside>,
    changed: Condvar,
}

#[derive(Default)]
struct Inside {
    readers: usize,
    writer: bool,
    abandoned: bool,
}

/// Leave to read; ends when dropped.
pub(crate) struct ReadPass<'a>(&'a Gate);

/// Leave to write; ends when dropped.
pub(crate) struct WritePass<'a>(&'a Gate);

impl Gate {
    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, inside: MutexGuard<'a, Inside>) -> MutexGuard<'a, Inside> {
        self.changed
            .wait(inside)
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the worker to be out.
    pub(crate) fn read(&self) -> Result<ReadPass<'_>, TableError> {
        let mut inside = self.lock();
        while inside.writer && !inside.abandoned {
            inside = self.wait(inside);
        }
        if inside.abandoned {
            return Err(TableError::Abandoned);
        }
        inside.readers += 1;
        Ok(ReadPass(self))
    }

    /// Keeps new readers out and waits for those inside.
    pub(crate) fn write(&self) -> Result<WritePass<'_>, TableError> {
        let mut inside = self.lock();
        inside.writer = true;
        while inside.readers > 0 && !inside.abandoned {
            inside = self.wait(inside);
        }
        if inside.abandoned {
            return Err(TableError::Abandoned);
        }
        Ok(WritePass(self))
    }

    /// Nobody enters any more, and whoever waits is told.
    pub(crate) fn abandon(&self) {
        self.lock().abandoned = true;
        self.changed.notify_all();
    }
}

impl Drop for ReadPass<'_> {
    fn drop(&mut self) {
        let mut inside = self.0.lock();
        inside.readers -= 1;
        if inside.readers == 0 {
            self.0.changed.notify_all();
        }
    }
}

impl Drop for WritePass<'_> {
    fn drop(&mut self) {
        self.0.lock().writer = false;
        self.0.changed.notify_all();
    }
}
