//! A disk for tests: it counts what is asked of it, fails where told, and can lose power.
//!
//! What was written but not synced is pending, file by file; names are pending until their directory is synced. A
//! power cut keeps a random part of what is pending. A failed sync leaves what was pending in the cache but never
//! writes it later, as Linux does.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, ErrorKind, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use super::{Disk, DiskFile};
use crate::engine::Wait;

/// Numbers that look random and are the same for the same seed (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to but not including `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    pub(crate) fn coin(&mut self) -> bool {
        self.next().is_multiple_of(2)
    }
}

/// What goes wrong, and at which operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// So many operations fail, then all is well again.
    Errors(ErrorKind, u64),
    /// Nothing works any more until the power is back.
    PowerCut,
}

#[derive(Clone)]
pub(crate) struct SimulatedDisk(Arc<Mutex<State>>);

struct State {
    inodes: HashMap<u64, Inode>,
    next_inode: u64,
    names: BTreeMap<PathBuf, u64>,
    /// Changes of names since their directory was synced, in order: name before and after.
    pending_names: Vec<(PathBuf, Option<u64>)>,
    durable_names: BTreeMap<PathBuf, u64>,
    directories: BTreeSet<PathBuf>,
    operations: u64,
    fault: Option<(u64, Fault)>,
    dead: bool,
    random: Random,
    free: u64,
}

#[derive(Clone, Default)]
struct Inode {
    seen: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Pending>,
}

#[derive(Clone)]
enum Pending {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

impl Pending {
    fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Self::Write(at, octets) => {
                if to.len() < at + octets.len() {
                    to.resize(at + octets.len(), 0);
                }
                to[*at..at + octets.len()].copy_from_slice(octets);
            }
            Self::Truncate(size) => to.truncate(*size),
        }
    }

    /// What is left of it when the power goes while it is on its way.
    fn torn(&self, random: &mut Random) -> Self {
        match self {
            Self::Write(at, octets) => {
                Self::Write(*at, octets[..random.below(octets.len() + 1)].to_vec())
            }
            Self::Truncate(size) => Self::Truncate(*size),
        }
    }
}

impl SimulatedDisk {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            inodes: HashMap::new(),
            next_inode: 1,
            names: BTreeMap::new(),
            pending_names: Vec::new(),
            durable_names: BTreeMap::new(),
            directories: BTreeSet::new(),
            operations: 0,
            fault: None,
            dead: false,
            random: Random::new(seed),
            free: 1 << 40,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Lets something go wrong at the operation of that number, counted from the beginning.
    pub(crate) fn fail_at(&self, operation: u64, fault: Fault) {
        self.state().fault = Some((operation, fault));
    }

    /// Nothing goes wrong any more.
    pub(crate) fn heal(&self) {
        self.state().fault = None;
    }

    pub(crate) fn operations(&self) -> u64 {
        self.state().operations
    }

    /// The power went.
    pub(crate) fn is_dead(&self) -> bool {
        self.state().dead
    }

    /// The process is killed now, if it has not ended before: the disk as the next one finds it.
    pub(crate) fn after_kill(&self) -> Self {
        let state = self.state();
        Self(Arc::new(Mutex::new(State {
            inodes: state.inodes.clone(),
            next_inode: state.next_inode,
            names: state.names.clone(),
            pending_names: state.pending_names.clone(),
            durable_names: state.durable_names.clone(),
            directories: state.directories.clone(),
            operations: state.operations,
            fault: state.fault.filter(|_| !state.dead),
            dead: false,
            random: state.random.clone(),
            free: state.free,
        })))
    }

    /// The power goes now, if it has not gone before, and comes back: the disk as the next process finds it.
    pub(crate) fn after_power_cut(&self) -> Self {
        let mut guard = self.state();
        let state = &mut *guard;
        let mut inodes = HashMap::new();
        for (number, inode) in &state.inodes {
            let durable = surviving(inode, &mut state.random);
            let seen = durable.clone();
            let pending = Vec::new();
            inodes.insert(
                *number,
                Inode {
                    seen,
                    durable,
                    pending,
                },
            );
        }
        let mut names = state.durable_names.clone();
        let kept = state.random.below(state.pending_names.len() + 1);
        for (path, inode) in &state.pending_names[..kept] {
            match inode {
                Some(inode) => names.insert(path.clone(), *inode),
                None => names.remove(path),
            };
        }
        Self(Arc::new(Mutex::new(State {
            inodes,
            next_inode: state.next_inode,
            names: names.clone(),
            pending_names: Vec::new(),
            durable_names: names,
            directories: state.directories.clone(),
            operations: state.operations,
            fault: state.fault.filter(|_| !state.dead),
            dead: false,
            random: state.random.clone(),
            free: state.free,
        })))
    }

    /// Turns one bit of a file around, as if the disk had.
    pub(crate) fn flip(&self, path: &Path, offset: usize) {
        let mut state = self.state();
        let inode = state.names[path];
        let inode = state.inodes.get_mut(&inode).unwrap();
        inode.seen[offset] ^= 1;
        inode.durable[offset] ^= 1;
    }

    /// Adds octets to a file behind everybody's back.
    pub(crate) fn append(&self, path: &Path, octets: &[u8]) {
        let mut state = self.state();
        let inode = state.names[path];
        let inode = state.inodes.get_mut(&inode).unwrap();
        inode.seen.extend_from_slice(octets);
        inode.durable.extend_from_slice(octets);
    }

    pub(crate) fn contents(&self, path: &Path) -> Vec<u8> {
        let state = self.state();
        state.inodes[&state.names[path]].seen.clone()
    }

    /// So much is free from now on.
    pub(crate) fn set_free(&self, octets: u64) {
        self.state().free = octets;
    }

    /// Names of the files there are.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        self.state().names.keys().cloned().collect()
    }

    fn operation(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.state();
        state.operations += 1;
        if state.dead {
            return Err(ErrorKind::BrokenPipe.into());
        }
        match state.fault {
            Some((at, Fault::PowerCut)) if state.operations >= at => {
                state.dead = true;
                Err(ErrorKind::BrokenPipe.into())
            }
            Some((at, Fault::Errors(kind, count)))
                if (at..at + count).contains(&state.operations) =>
            {
                Err(kind.into())
            }
            _ => Ok(state),
        }
    }
}

/// What of a file survives a power cut.
fn surviving(inode: &Inode, random: &mut Random) -> Vec<u8> {
    let mut durable = inode.durable.clone();
    let whole = random.below(inode.pending.len() + 1);
    for pending in &inode.pending[..whole] {
        pending.apply(&mut durable);
    }
    if let Some(torn) = inode.pending.get(whole) {
        torn.torn(random).apply(&mut durable);
    }
    durable
}

impl Disk for SimulatedDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.operation()?;
        if state.names.contains_key(path) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let inode = state.next_inode;
        state.next_inode += 1;
        state.inodes.insert(inode, Inode::default());
        state.names.insert(path.to_owned(), inode);
        state.pending_names.push((path.to_owned(), Some(inode)));
        drop(state);
        let disk = self.clone();
        Ok(Arc::new(SimulatedFile { disk, inode }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let state = self.operation()?;
        let inode = *state.names.get(path).ok_or(ErrorKind::NotFound)?;
        drop(state);
        let disk = self.clone();
        Ok(Arc::new(SimulatedFile { disk, inode }))
    }

    fn make_directory(&self, path: &Path) -> io::Result<()> {
        self.operation()?.directories.insert(path.to_owned());
        Ok(())
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<(String, u64)>> {
        let state = self.operation()?;
        let inside = state
            .names
            .iter()
            .filter(|(path, _)| path.parent() == Some(directory));
        Ok(inside
            .map(|(path, inode)| {
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                (name, state.inodes[inode].seen.len() as u64)
            })
            .collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.operation()?;
        let inode = state.names.remove(from).ok_or(ErrorKind::NotFound)?;
        state.names.insert(to.to_owned(), inode);
        state.pending_names.push((from.to_owned(), None));
        state.pending_names.push((to.to_owned(), Some(inode)));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.operation()?;
        state.names.remove(path).ok_or(ErrorKind::NotFound)?;
        state.pending_names.push((path.to_owned(), None));
        Ok(())
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        let mut guard = self.operation()?;
        let state = &mut *guard;
        let pending = std::mem::take(&mut state.pending_names);
        for (name, inode) in pending {
            if name.parent() != Some(path) {
                state.pending_names.push((name, inode));
                continue;
            }
            match inode {
                Some(inode) => state.durable_names.insert(name, inode),
                None => state.durable_names.remove(&name),
            };
        }
        Ok(())
    }

    fn free(&self, _path: &Path) -> io::Result<u64> {
        Ok(self.state().free)
    }
}

struct SimulatedFile {
    disk: SimulatedDisk,
    inode: u64,
}

impl SimulatedFile {
    fn change(&self, pending: Pending) {
        let mut state = self.disk.state();
        let inode = state.inodes.get_mut(&self.inode).unwrap();
        pending.apply(&mut inode.seen);
        inode.pending.push(pending);
    }
}

impl DiskFile for SimulatedFile {
    fn write_at(&self, slices: &mut [IoSlice<'_>], offset: u64) -> io::Result<()> {
        let octets: Vec<u8> = slices
            .iter()
            .flat_map(|slice| slice.iter().copied())
            .collect();
        let write = Pending::Write(offset as usize, octets);
        let allowed = self.disk.operation().map(drop);
        if allowed.is_err() {
            // Part of it may have been written.
            let part = write.torn(&mut self.disk.state().random);
            self.change(part);
            return allowed;
        }
        self.change(write);
        Ok(())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64, _wait: Wait) -> io::Result<usize> {
        let state = self.disk.state();
        if state.dead {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let seen = &state.inodes[&self.inode].seen;
        let from = seen.len().min(offset as usize);
        let length = buffer.len().min(seen.len() - from);
        buffer[..length].copy_from_slice(&seen[from..from + length]);
        Ok(length)
    }

    fn sync(&self) -> io::Result<()> {
        let allowed = self.disk.operation().map(drop);
        let mut guard = self.disk.state();
        let state = &mut *guard;
        if state.dead {
            return allowed;
        }
        let inode = state.inodes.get_mut(&self.inode).unwrap();
        if allowed.is_ok() {
            for pending in &inode.pending {
                pending.apply(&mut inode.durable);
            }
        } else {
            inode.durable = surviving(inode, &mut state.random);
        }
        inode.pending.clear();
        allowed
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.disk.state().inodes[&self.inode].seen.len() as u64)
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        drop(self.disk.operation()?);
        self.change(Pending::Truncate(size as usize));
        Ok(())
    }
}
