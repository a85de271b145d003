//! An ordered map from keys to values that applies a batch as a whole: what the index needs from sled.
//!
//! Nothing in it is believed that the log does not say, so it may forget, but it may not invent.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock};

/// Changes applied as a whole: `None` removes.
pub(crate) type Batch = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Sees one key and its value.
pub(crate) type Visit<'a> = &'a mut dyn FnMut(&[u8], &[u8]);

/// Why a table did not do what it should.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum TableError {
    /// It has been given up; another one takes its place.
    #[error("the index was given up")]
    Abandoned,
    /// It failed, or what it said cannot be.
    #[error("{0}")]
    Failed(String),
}

/// The map.
pub(crate) trait Table: Send + Sync + 'static {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, TableError>;
    /// Visits at most `limit` keys that begin with `prefix`, from `from` on, in order.
    fn scan(
        &self,
        prefix: &[u8],
        from: &[u8],
        limit: usize,
        visit: Visit<'_>,
    ) -> Result<(), TableError>;
    fn apply(&self, batch: &Batch) -> Result<(), TableError>;
    /// Lets go of buffers; says nothing about durability.
    fn flush(&self) -> Result<(), TableError>;
    /// Makes everything flushed so far survive a power cut. Waits for the disk and for nothing else.
    fn sync(&self) -> Result<(), TableError>;
    /// Is it still there after the process?
    fn lasts(&self) -> bool {
        true
    }
}

/// Where tables come from.
pub(crate) trait Tables: Send + Sync + 'static {
    /// The one used last, or an empty one.
    fn latest(&self) -> Result<Arc<dyn Table>, TableError>;
    /// An empty one, in a place of its own; it is the latest from now on.
    fn fresh(&self) -> Result<Arc<dyn Table>, TableError>;
    /// Removes, durably, whatever the next start would find.
    fn discard(&self) -> Result<(), TableError>;
    /// An empty one that needs no disk.
    fn in_memory(&self) -> Arc<dyn Table> {
        Arc::new(MemoryTable::default())
    }
}

/// A table that lives as long as the process.
#[derive(Default)]
pub(crate) struct MemoryTable {
    map: RwLock<BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl Table for MemoryTable {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, TableError> {
        let map = self.map.read().unwrap_or_else(PoisonError::into_inner);
        Ok(map.get(key).cloned())
    }

    fn scan(
        &self,
        prefix: &[u8],
        from: &[u8],
        limit: usize,
        visit: Visit<'_>,
    ) -> Result<(), TableError> {
        let map = self.map.read().unwrap_or_else(PoisonError::into_inner);
        let range = map.range::<[u8], _>((Bound::Included(from), Bound::Unbounded));
        for (key, value) in range
            .take_while(|(key, _)| key.starts_with(prefix))
            .take(limit)
        {
            visit(key, value);
        }
        Ok(())
    }

    fn apply(&self, batch: &Batch) -> Result<(), TableError> {
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in batch {
            match value {
                Some(value) => map.insert(key.clone(), value.clone()),
                None => map.remove(key),
            };
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), TableError> {
        Ok(())
    }

    fn sync(&self) -> Result<(), TableError> {
        Ok(())
    }

    fn lasts(&self) -> bool {
        false
    }
}
