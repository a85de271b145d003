//! Tables for tests: like sled, they forget what came after some batch when the process dies; unlike sled, they stall,
//! fail and rot when told to.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex};

use super::table::{Batch, MemoryTable, Table, TableError, Tables, Visit};
use crate::disk::simulated::Random;

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// Tables that come from memory and can be told to misbehave.
#[derive(Clone, Default)]
pub(crate) struct SimulatedTables {
    latest: Arc<Mutex<Option<Arc<SimulatedTable>>>>,
    orders: Arc<Orders>,
}

/// What the tables shall do wrong.
#[derive(Default)]
struct Orders {
    wrong: Mutex<Wrong>,
    changed: Condvar,
}

#[derive(Default)]
struct Wrong {
    /// Every batch waits until this is over.
    stalled: bool,
    /// The tables before this number stall; later ones work.
    stalls: u32,
    /// The next batch fails.
    failing: bool,
    /// No table can be made durable.
    unsynced: bool,
    fresh: u32,
}

impl SimulatedTables {
    /// The tables as the next process finds them: some batches since the last checkpoint are lost.
    pub(crate) fn after_crash(&self, random: &mut Random) -> Self {
        let tables = Self::default();
        if let Some(table) = &*self.latest.lock().unwrap() {
            let history = table.history.lock().unwrap();
            let map = history[random.below(history.len())].clone();
            tables.install(map);
        }
        tables
    }

    /// Changes what the latest table holds, behind everybody's back.
    pub(crate) fn tamper(&self, change: impl FnOnce(&mut Map)) -> Self {
        let tables = Self::default();
        if let Some(table) = &*self.latest.lock().unwrap() {
            let mut map = table.history.lock().unwrap().last().unwrap().clone();
            change(&mut map);
            tables.install(map);
        }
        tables
    }

    fn install(&self, map: Map) {
        let table = SimulatedTable::new(Arc::clone(&self.orders));
        let batch = map
            .iter()
            .map(|(key, value)| (key.clone(), Some(value.clone())));
        table.map.apply(&batch.collect()).unwrap();
        *table.history.lock().unwrap() = vec![map];
        *self.latest.lock().unwrap() = Some(Arc::new(table));
    }

    /// Lets the batches of this and the next `tables - 1` tables stall.
    pub(crate) fn stall(&self, tables: u32) {
        let mut wrong = self.orders.wrong.lock().unwrap();
        wrong.stalled = true;
        wrong.stalls = wrong.fresh + tables;
    }

    /// Lets every stalled thread go on.
    pub(crate) fn release(&self) {
        self.orders.wrong.lock().unwrap().stalled = false;
        self.orders.changed.notify_all();
    }

    /// Lets the next batch fail.
    pub(crate) fn fail(&self) {
        self.orders.wrong.lock().unwrap().failing = true;
    }

    /// Lets every checkpoint fail.
    pub(crate) fn refuse_checkpoints(&self) {
        self.orders.wrong.lock().unwrap().unsynced = true;
    }

    /// How many fresh tables have been asked for.
    pub(crate) fn fresh_ones(&self) -> u32 {
        self.orders.wrong.lock().unwrap().fresh
    }

    fn make(&self) -> Arc<dyn Table> {
        let table = Arc::new(SimulatedTable::new(Arc::clone(&self.orders)));
        *self.latest.lock().unwrap() = Some(Arc::clone(&table));
        table
    }
}

impl Tables for SimulatedTables {
    fn latest(&self) -> Result<Arc<dyn Table>, TableError> {
        let latest = self.latest.lock().unwrap().clone();
        match latest {
            Some(table) => Ok(table),
            None => Ok(self.make()),
        }
    }

    fn fresh(&self) -> Result<Arc<dyn Table>, TableError> {
        let mut wrong = self.orders.wrong.lock().unwrap();
        wrong.fresh += 1;
        drop(wrong);
        Ok(self.make())
    }

    fn discard(&self) -> Result<(), TableError> {
        *self.latest.lock().unwrap() = None;
        Ok(())
    }
}

/// One table and what it held after each batch since the last checkpoint.
struct SimulatedTable {
    map: MemoryTable,
    history: Mutex<Vec<Map>>,
    orders: Arc<Orders>,
    /// How many fresh ones were made before it.
    number: u32,
}

impl SimulatedTable {
    fn new(orders: Arc<Orders>) -> Self {
        let number = orders.wrong.lock().unwrap().fresh;
        Self {
            map: MemoryTable::default(),
            history: Mutex::new(vec![Map::new()]),
            orders,
            number,
        }
    }

    fn snapshot(&self) -> Map {
        let mut map = Map::new();
        self.map
            .scan(b"", b"", usize::MAX, &mut |key, value| {
                map.insert(key.to_vec(), value.to_vec());
            })
            .unwrap();
        map
    }
}

impl Table for SimulatedTable {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, TableError> {
        self.map.get(key)
    }

    fn scan(
        &self,
        prefix: &[u8],
        from: &[u8],
        limit: usize,
        visit: Visit<'_>,
    ) -> Result<(), TableError> {
        self.map.scan(prefix, from, limit, visit)
    }

    fn apply(&self, batch: &Batch) -> Result<(), TableError> {
        let mut wrong = self.orders.wrong.lock().unwrap();
        if std::mem::take(&mut wrong.failing) {
            return Err(TableError::Failed("a failure was asked for".to_owned()));
        }
        while wrong.stalled && self.number < wrong.stalls {
            wrong = self.orders.changed.wait(wrong).unwrap();
        }
        drop(wrong);
        self.map.apply(batch)?;
        let snapshot = self.snapshot();
        self.history.lock().unwrap().push(snapshot);
        Ok(())
    }

    fn flush(&self) -> Result<(), TableError> {
        Ok(())
    }

    fn sync(&self) -> Result<(), TableError> {
        if self.orders.wrong.lock().unwrap().unsynced {
            return Err(TableError::Failed("a failure was asked for".to_owned()));
        }
        let mut history = self.history.lock().unwrap();
        let last = history.pop();
        history.clear();
        history.extend(last);
        Ok(())
    }
}
