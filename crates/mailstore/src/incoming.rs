//! The body of a message on its way in: a little memory, then a file.
//!
//! It does not know what it means; dots and line ends are the session's business.

use std::mem;
use std::sync::Arc;

use bytes::Bytes;

use crate::budget::{Budget, Share};
use crate::engine::{Body, Engine, Spool};
use crate::error::StoreError;
use crate::pool::Pool;

/// Octets of a body that may sit in memory.
pub(crate) const SHARE: usize = 64 << 10;

/// A body being received. Dropping it throws away what came so far.
pub struct Incoming {
    engine: Arc<dyn Engine>,
    pools: Arc<Pools>,
    /// Present while memory may be used.
    share: Option<Share>,
    /// Octets not yet in the spool; all of them while there is none.
    held: Vec<u8>,
    spool: Spooling,
    octets: u64,
    crc: u32,
}

/// Threads for files of bodies.
pub(crate) struct Pools {
    /// Writes what comes in.
    pub(crate) spoolers: Pool,
    /// Syncs large bodies, which takes long and must not hold up what comes in.
    pub(crate) sealers: Pool,
    /// Reads what becomes of queued messages.
    pub(crate) queuers: Pool,
}

/// Where the part of the body is that does not fit into memory.
enum Spooling {
    NotNeeded,
    Open(Box<dyn Spool>),
    /// A write failed, or was abandoned half way; nothing good can come of this body.
    Broken,
}

impl Incoming {
    pub(crate) fn new(engine: Arc<dyn Engine>, pools: Arc<Pools>, budget: &Arc<Budget>) -> Self {
        Self {
            engine,
            pools,
            share: budget.take(SHARE),
            held: Vec::new(),
            spool: Spooling::NotNeeded,
            octets: 0,
            crc: 0,
        }
    }

    /// Octets received so far.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.octets
    }

    /// Nothing received so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.octets == 0
    }

    /// Adds octets. Returns when they are taken, so that a slow disk slows the sender down.
    ///
    /// # Errors
    /// When the file they go to cannot be written; every later call fails, too.
    pub async fn write(&mut self, octets: Bytes) -> Result<(), StoreError> {
        if matches!(self.spool, Spooling::Broken) {
            return Err(StoreError::Incomplete);
        }
        self.octets += octets.len() as u64;
        self.crc = crc32c::crc32c_append(self.crc, &octets);
        if self.share.is_some() && self.held.len() + octets.len() <= SHARE {
            self.held.extend_from_slice(&octets);
            return Ok(());
        }
        let held = mem::take(&mut self.held);
        self.held = Box::pin(self.spool_out(held, octets)).await?;
        Ok(())
    }

    /// Moves `held` and `octets` to the spool; gives the emptied buffer back.
    async fn spool_out(&mut self, mut held: Vec<u8>, octets: Bytes) -> Result<Vec<u8>, StoreError> {
        let spool = match mem::replace(&mut self.spool, Spooling::Broken) {
            Spooling::NotNeeded => None,
            Spooling::Open(spool) => Some(spool),
            Spooling::Broken => return Err(StoreError::Incomplete),
        };
        let engine = Arc::clone(&self.engine);
        let (spool, held) = self
            .pools
            .spoolers
            .run(move || {
                let mut spool = match spool {
                    Some(spool) => spool,
                    None => engine.spool()?,
                };
                if !held.is_empty() {
                    spool.append(&held)?;
                }
                if !octets.is_empty() {
                    spool.append(&octets)?;
                }
                held.clear();
                Ok::<_, StoreError>((spool, held))
            })
            .await??;
        self.spool = Spooling::Open(spool);
        Ok(held)
    }

    /// Makes the body fit for a record: held in memory, or durable in a place of its own above `inline` octets.
    pub(crate) async fn finish(mut self, inline: u64) -> Result<Body, StoreError> {
        if matches!(self.spool, Spooling::NotNeeded) {
            return Ok(Body::Held {
                octets: mem::take(&mut self.held),
                crc: self.crc,
            });
        }
        // Boxed, so that a message that is all in memory does not carry room for it from call to call.
        Box::pin(self.finish_spooled(inline)).await
    }

    async fn finish_spooled(mut self, inline: u64) -> Result<Body, StoreError> {
        let (octets, crc) = (self.octets, self.crc);
        let held = mem::take(&mut self.held);
        if !held.is_empty() {
            self.spool_out(held, Bytes::new()).await?;
        }
        let Spooling::Open(mut spool) = mem::replace(&mut self.spool, Spooling::Broken) else {
            return Err(StoreError::Incomplete);
        };
        if octets > inline {
            let sealers = &self.pools.sealers;
            return sealers.run(move || spool.seal(octets, crc)).await?;
        }
        self.pools
            .spoolers
            .run(move || {
                let read = spool.read_back()?;
                if read.len() as u64 != octets || crc32c::crc32c(&read) != crc {
                    return Err(StoreError::Incomplete);
                }
                Ok(Body::Held { octets: read, crc })
            })
            .await?
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // Removing a large file takes its time.
        if let Spooling::Open(spool) = mem::replace(&mut self.spool, Spooling::Broken) {
            self.pools.spoolers.post(move || drop(spool));
        }
    }
}
