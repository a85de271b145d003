//! Bodies too large for memory: a file in `tmp`, which becomes a segment of its own above the inline size.
//!
//! The file has room for its frame from the start, so that sealing it is one small write, one fdatasync and one
//! rename. Whether a record ever names it is the writer's business.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, IoSlice};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::frame::{FIRST, FRAME, Frame, Kind};
use crate::disk::{Disk, DiskFile, Layout};
use crate::engine::{Body, Claim, Sealed, Spool, Wait};
use crate::error::StoreError;

/// The numbers of bodies, and which of them are still on their way to a record.
pub(crate) struct Bodies {
    disk: Arc<dyn Disk>,
    layout: Layout,
    /// Names in `tmp`.
    files: AtomicU64,
    numbers: Mutex<Numbers>,
}

struct Numbers {
    next: u64,
    on_their_way: BTreeSet<u64>,
}

impl Bodies {
    pub(crate) fn new(disk: Arc<dyn Disk>, layout: Layout, next: u64) -> Arc<Self> {
        let numbers = Numbers {
            next,
            on_their_way: BTreeSet::new(),
        };
        Arc::new(Self {
            disk,
            layout,
            files: AtomicU64::new(0),
            numbers: Mutex::new(numbers),
        })
    }

    pub(crate) fn spool(self: &Arc<Self>) -> Result<Box<dyn Spool>, StoreError> {
        let number = self.files.fetch_add(1, Ordering::Relaxed);
        let path = self.layout.tmp.join(number.to_string());
        let file = self
            .disk
            .create(&path)
            .map_err(|error| StoreError::io("making a file in tmp", error))?;
        Ok(Box::new(SpoolFile {
            bodies: Arc::clone(self),
            file,
            path: Some(path),
            octets: 0,
        }))
    }

    /// Every number below this is named by a record or never will be.
    pub(crate) fn settled_below(&self) -> u64 {
        let numbers = self.lock();
        let first = numbers.on_their_way.first();
        first.copied().unwrap_or(numbers.next)
    }

    /// A record names this body now, or it is not there any more.
    fn settle(&self, number: u64) {
        self.lock().on_their_way.remove(&number);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Numbers> {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn number(&self) -> u64 {
        let mut numbers = self.lock();
        let number = numbers.next;
        numbers.next += 1;
        numbers.on_their_way.insert(number);
        number
    }
}

/// One file.
struct SpoolFile {
    bodies: Arc<Bodies>,
    file: Arc<dyn DiskFile>,
    /// None once it has another name.
    path: Option<PathBuf>,
    octets: u64,
}

impl Spool for SpoolFile {
    fn append(&mut self, octets: &[u8]) -> Result<(), StoreError> {
        let at = FRAME as u64 + self.octets;
        self.file
            .write_at(&mut [IoSlice::new(octets)], at)
            .map_err(|error| StoreError::io("writing to tmp", error))?;
        self.octets += octets.len() as u64;
        Ok(())
    }

    fn read_back(&mut self) -> Result<Vec<u8>, StoreError> {
        let length = usize::try_from(self.octets).map_err(|_| StoreError::TooLarge)?;
        let mut octets = vec![0; length];
        let read = self
            .file
            .read_at(&mut octets, FRAME as u64, Wait::Allowed)
            .map_err(|error| StoreError::io("reading from tmp", error))?;
        octets.truncate(read);
        Ok(octets)
    }

    fn seal(mut self: Box<Self>, octets: u64, crc: u32) -> Result<Body, StoreError> {
        if octets != self.octets {
            return Err(StoreError::Incomplete);
        }
        let claim = BodyClaim {
            bodies: Arc::clone(&self.bodies),
            number: self.bodies.number(),
            open: true,
        };
        self.seal_as(claim.number, crc)?;
        let sealed = Sealed {
            body: claim.number,
            octets,
            crc,
        };
        let claim = Box::new(claim);
        Ok(Body::Sealed { sealed, claim })
    }
}

impl SpoolFile {
    fn seal_as(&mut self, number: u64, crc: u32) -> Result<(), StoreError> {
        let failed = |doing| move |error| StoreError::io(doing, error);
        let mut frame = Frame::new(Kind::Body, &[], self.octets, crc);
        frame.sequence = number;
        let mut front = [0; FRAME];
        frame.write(&FIRST, &mut front);
        self.file
            .write_at(&mut [IoSlice::new(&front)], 0)
            .map_err(failed("sealing a body"))?;
        self.file.sync().map_err(failed("syncing a body"))?;
        let (disk, layout) = (&self.bodies.disk, &self.bodies.layout);
        if let Some(path) = self.path.take() {
            let moved = disk.rename(&path, &layout.body(number));
            if moved.is_err() {
                self.path = Some(path);
            }
            moved.map_err(failed("moving a body into the log"))?;
        }
        disk.sync_directory(&layout.log)
            .map_err(failed("syncing the log directory"))
    }
}

impl Drop for SpoolFile {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            // What stays behind in tmp is removed at the next start.
            let _ = self.bodies.disk.remove(&path);
        }
    }
}

/// A sealed body that waits for its record.
struct BodyClaim {
    bodies: Arc<Bodies>,
    number: u64,
    open: bool,
}

impl fmt::Debug for BodyClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "body {}", self.number)
    }
}

impl Claim for BodyClaim {
    fn named(mut self: Box<Self>) {
        self.open = false;
        self.bodies.settle(self.number);
    }

    fn leave(mut self: Box<Self>) {
        self.open = false;
    }
}

impl Drop for BodyClaim {
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        // Should the file stay behind, no mailbox has it all the same, and the next start removes it, because its
        // number does not count as settled.
        let path = self.bodies.layout.body(self.number);
        match self.bodies.disk.remove(&path) {
            Ok(()) => self.bodies.settle(self.number),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.bodies.settle(self.number);
            }
            Err(error) => tracing::warn!(path = %path.display(), %error, "body not removed"),
        }
    }
}
