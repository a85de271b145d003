//! The store as the rest of tegami sees it: it decides, an engine keeps.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use address::Envelope;
use tokio::sync::Semaphore;

use crate::account::{AccountId, Change, ChangeError};
use crate::budget::Budget;
use crate::census::Census;
use crate::compaction::{Compacted, Hold, Way};
use crate::directory::Directory;
use crate::engine::faulty::{Faults, FaultyEngine};
use crate::engine::memory::MemoryEngine;
use crate::engine::{Effect, Engine, Fact, Inventory, Ticket};
use crate::error::{CompactError, Full, Low, MaildropError, OpenError, StoreError};
use crate::hall::Hall;
use crate::incoming::{Incoming, Pools};
use crate::ledger::{Allowance, Reservation, Usage};
use crate::log::LogEngine;
use crate::maildrop::{Locks, Maildrop};
use crate::options::Options;
use crate::outgoing::QUEUE;
use crate::pool::Pool;
use crate::report::Opened;
use crate::stats::Stats;
use deliver::Letter;

mod deliver;
pub(crate) mod outgoing;
mod placed;
mod renumber;
mod restate;
pub(crate) mod undelete;

/// How old a measurement of the free space may be.
const FREE_AGE: Duration = Duration::from_millis(500);
/// Octets of queue that one permit stands for; also the least a record counts, which bounds their number.
const QUEUE_UNIT: usize = 4 << 10;
/// Threads that write bodies to files.
const SPOOLERS: usize = 4;
/// Threads that sync large bodies.
const SEALERS: usize = 2;
/// Threads that read the queue.
const QUEUERS: usize = 2;

/// Accounts, mailboxes and messages. Cheap to clone; all clones are the same store.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

/// The right to replace what is there; it ends with the value. See [`Store::changing`].
#[derive(Debug)]
pub struct Changing(
    #[expect(dead_code, reason = "held, not read")] tokio::sync::OwnedMutexGuard<()>,
);

struct Inner {
    engine: Arc<dyn Engine>,
    hall: Arc<Hall>,
    options: Options,
    default_quota: AtomicU64,
    max_message: AtomicU64,
    /// Milliseconds.
    undelete_window: AtomicU64,
    budget: Arc<Budget>,
    queue: Arc<Semaphore>,
    queue_permits: u32,
    locks: Arc<Locks>,
    pools: Arc<Pools>,
    /// One change of accounts at a time.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// One at a time looks at what is there in order to replace it.
    changing: Arc<tokio::sync::Mutex<()>>,
    queue_turns: outgoing::Turns,
    free: Mutex<Option<(Instant, Result<u64, StoreError>)>>,
    opened: Arc<Opened>,
}

impl Store {
    /// Opens the store in a data directory, which is made if it is not there. Blocks.
    ///
    /// # Errors
    /// When another process has it, when files cannot be read or written, and when a newer version wrote it.
    /// Damage is no error: it is reported, and everything else is served.
    pub fn open(directory: &Path, options: Options) -> Result<(Self, Arc<Opened>), OpenError> {
        let (engine, inventory, opened) = LogEngine::open(directory, &options)?;
        let store = Self::assemble(Arc::new(engine), inventory, opened, options)?;
        let opened = Arc::clone(&store.inner.opened);
        Ok((store, opened))
    }

    /// A store that forgets everything, for tests.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn in_memory(options: Options) -> Result<Self, OpenError> {
        let engine = Arc::new(MemoryEngine::default());
        Self::assemble(engine, Inventory::default(), Opened::default(), options)
    }

    /// A store that forgets everything and fails when told to, for tests.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn with_faults(options: Options) -> Result<(Self, Arc<Faults>), OpenError> {
        let faults = Arc::new(Faults::default());
        let engine = FaultyEngine::new(MemoryEngine::default(), Arc::clone(&faults));
        let store = Self::assemble(
            Arc::new(engine),
            Inventory::default(),
            Opened::default(),
            options,
        )?;
        Ok((store, faults))
    }

    pub(crate) fn assemble(
        engine: Arc<dyn Engine>,
        inventory: Inventory,
        mut opened: Opened,
        options: Options,
    ) -> Result<Self, OpenError> {
        let pools = Pools {
            spoolers: Pool::start("tegami-spool", SPOOLERS).map_err(OpenError::Thread)?,
            sealers: Pool::start("tegami-seal", SEALERS).map_err(OpenError::Thread)?,
            queuers: Pool::start("tegami-queue", QUEUERS).map_err(OpenError::Thread)?,
        };
        let needed = options.reserve(options.max_message);
        // Where it cannot be measured, MAIL will say so.
        let free = engine.free().unwrap_or(needed);
        opened.low = (free < needed).then_some(Low { free, needed });
        let permits = options
            .queue_memory
            .div_ceil(QUEUE_UNIT)
            .clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
        let inner = Inner {
            engine,
            hall: Arc::new(Hall::new(inventory)),
            default_quota: AtomicU64::new(options.default_quota),
            max_message: AtomicU64::new(options.max_message),
            undelete_window: AtomicU64::new(milliseconds(options.undelete_window)),
            budget: Arc::new(Budget::new(options.body_memory)),
            queue: Arc::new(Semaphore::new(permits)),
            queue_permits: u32::try_from(permits).unwrap_or(u32::MAX),
            locks: Arc::default(),
            pools: Arc::new(pools),
            turn: Arc::default(),
            changing: Arc::default(),
            queue_turns: outgoing::Turns::default(),
            free: Mutex::default(),
            opened: Arc::new(opened),
            options,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Accounts, aliases and lists as they are now.
    #[must_use]
    pub fn directory(&self) -> Arc<Directory> {
        self.inner.hall.directory.load_full()
    }

    /// Whoever replaces accounts, aliases or lists by what became of those in [`Store::directory`] looks there and makes the
    /// change while holding this: so nobody undoes what somebody else did in between.
    pub async fn changing(&self) -> Changing {
        Changing(Arc::clone(&self.inner.changing).lock_owned().await)
    }

    /// Changes accounts, aliases or lists. Returns when the change is durable and [`Store::directory`] shows it.
    ///
    /// # Errors
    /// When the change makes no sense or cannot be made durable.
    pub async fn change(&self, change: Change) -> Result<(), ChangeError> {
        self.change_all(vec![change]).await
    }

    /// Makes several changes at once: all of them or none, also after a crash.
    ///
    /// # Errors
    /// The first change that makes no sense, or that they cannot be made durable.
    pub async fn change_all(&self, changes: Vec<Change>) -> Result<(), ChangeError> {
        if changes.is_empty() {
            return Ok(());
        }
        let inner = &self.inner;
        let turn = Arc::clone(&inner.turn).lock_owned().await;
        let decisions = inner.hall.directory.load().decide(changes)?;
        let effect = Effect::Decided {
            hall: Arc::clone(&inner.hall),
            decisions: decisions.clone(),
            _turn: turn,
        };
        let (ticket, answer) = Ticket::new(effect, None);
        inner.engine.submit(Fact::Decisions(decisions), ticket);
        answer.await.map_err(|_| StoreError::Stopped)??;
        Ok(())
    }

    /// Is there room for a message of `octets` (0 when the sender did not say) above the reserve? Asked at MAIL.
    ///
    /// # Errors
    /// When there is not, or when it cannot be found out.
    pub fn room(&self, octets: u64) -> Result<(), Low> {
        let needed = self.reserve_octets().saturating_add(octets);
        let free = self.free().unwrap_or(0);
        if free < needed {
            self.inner.engine.low();
            return Err(Low { free, needed });
        }
        Ok(())
    }

    fn reserve_octets(&self) -> u64 {
        let largest = self.inner.max_message.load(Ordering::Relaxed);
        self.inner.options.reserve(largest)
    }

    fn free(&self) -> Result<u64, StoreError> {
        let mut free = self
            .inner
            .free
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        match &*free {
            Some((when, octets)) if now.duration_since(*when) < FREE_AGE => octets.clone(),
            Some(_) | None => {
                let octets = self.inner.engine.free();
                *free = Some((now, octets.clone()));
                octets
            }
        }
    }

    /// Promises room in a mailbox for one message of `octets` (0 when the sender did not say). Asked at RCPT.
    ///
    /// # Errors
    /// When the mailbox is full.
    pub fn reserve(&self, account: AccountId, octets: u64) -> Result<Reservation, Full> {
        let inner = &self.inner;
        let directory = inner.hall.directory.load();
        let owner = directory.account(account).ok_or(Full::Gone)?;
        let allowance = Allowance {
            octets: owner
                .quota
                .unwrap_or_else(|| inner.default_quota.load(Ordering::Relaxed)),
            messages: inner.options.messages_per_mailbox,
        };
        let ledger = &inner.hall.ledger;
        ledger.reserve(account, owner.epoch, octets, allowance)
    }

    /// A place for the body of a message. Asked at DATA.
    #[must_use]
    pub fn begin(&self) -> Incoming {
        let inner = &self.inner;
        Incoming::new(
            Arc::clone(&inner.engine),
            Arc::clone(&inner.pools),
            &inner.budget,
        )
    }

    /// Puts a message into every mailbox it has a reservation for. Returns when it is durable; from then on it is
    /// found after any crash. Each mailbox gets it once, however often it is named.
    ///
    /// If the caller goes away while this waits, the message may still be delivered.
    ///
    /// # Errors
    /// Then it is in no mailbox and never will be.
    pub async fn deliver(
        &self,
        incoming: Incoming,
        reservations: Vec<Reservation>,
        envelope: Envelope,
    ) -> Result<(), StoreError> {
        self.deliver_as(incoming, reservations, envelope, None)
            .await
    }

    /// The same for a message that POP3 clients know by a unique id of another server (RFC 1939 section 7: 1 to 70
    /// characters from 0x21 to 0x7E), which stays its own.
    ///
    /// # Errors
    /// Then it is in no mailbox and never will be.
    pub async fn deliver_as(
        &self,
        incoming: Incoming,
        reservations: Vec<Reservation>,
        envelope: Envelope,
        uidl: Option<Arc<str>>,
    ) -> Result<(), StoreError> {
        let letter = Letter {
            incoming,
            reservations,
            envelope,
            uidl,
            queue: None,
        };
        self.deliver_all(vec![letter], None).await.map(drop)
    }

    /// Opens a mailbox for one session alone. May block: call it on a thread that may.
    ///
    /// # Errors
    /// When another session has it, or it cannot be listed.
    pub fn open_maildrop(&self, account: AccountId) -> Result<Maildrop, MaildropError> {
        let inner = &self.inner;
        if inner.hall.directory.load().account(account).is_none() {
            return Err(MaildropError::NoAccount);
        }
        let lock = inner.locks.take(account).ok_or(MaildropError::InUse)?;
        let messages = inner.engine.listing(account)?;
        Ok(Maildrop::new(
            Arc::clone(&inner.engine),
            Arc::clone(&inner.hall.ledger),
            account,
            messages,
            lock,
        ))
    }

    /// Gives back to the file system what removed messages take, and says now and then how far it is. With `force`
    /// everything with something to give back is taken, not only what is worth it, and the segment being written is
    /// ended first. Blocks, perhaps for long: call it on a thread that may.
    ///
    /// # Errors
    /// When somebody holds the files, or the disk fails; what was done until then stands.
    pub fn compact(
        &self,
        force: bool,
        progress: &mut dyn FnMut(Compacted),
    ) -> Result<Compacted, CompactError> {
        self.compact_as_of(force, unix_milliseconds(), progress)
    }

    /// The same as if it were that time, in milliseconds since 1970.
    pub(crate) fn compact_as_of(
        &self,
        force: bool,
        now: u64,
        progress: &mut dyn FnMut(Compacted),
    ) -> Result<Compacted, CompactError> {
        let way = if force { Way::Forced } else { Way::Asked };
        self.inner.engine.compact(way, now, progress)
    }

    /// How many messages a mailbox may hold.
    #[must_use]
    pub fn messages_per_mailbox(&self) -> u64 {
        self.inner.options.messages_per_mailbox
    }

    /// How long a removed message can be brought back.
    #[must_use]
    pub fn undelete_window(&self) -> Duration {
        Duration::from_millis(self.inner.undelete_window.load(Ordering::Relaxed))
    }

    /// What a mailbox holds. Never touches the disk.
    #[must_use]
    pub fn usage(&self, account: AccountId) -> Usage {
        self.inner.hall.ledger.usage(account)
    }

    /// Takes over limits from a configuration that was read again.
    pub fn set_limits(&self, default_quota: u64, max_message: u64, undelete_window: Duration) {
        let inner = &self.inner;
        inner.default_quota.store(default_quota, Ordering::Relaxed);
        inner.max_message.store(max_message, Ordering::Relaxed);
        let window = milliseconds(undelete_window);
        inner.undelete_window.store(window, Ordering::Relaxed);
        inner
            .engine
            .set_limits(undelete_window, self.reserve_octets());
    }

    /// Figures for people. Cheap.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let inner = &self.inner;
        let directory = inner.hall.directory.load();
        let total = inner.hall.ledger.total();
        Stats {
            accounts: directory.accounts().len() as u64,
            aliases: directory.aliases().len() as u64,
            lists: directory.lists().len() as u64,
            queued: inner.hall.ledger.usage(QUEUE),
            messages: total.messages,
            octets: total.octets,
            free: self.free().ok(),
            reserve: self.reserve_octets(),
            in_memory: inner.budget.in_use() as u64,
            engine: inner.engine.stats(),
            opened: Arc::clone(&inner.opened),
        }
    }

    /// Keeps every file of the log where it is for as long as the [`Hold`] lives, and counts what is in the store now,
    /// once all entries of the index have been compared with their sum.
    ///
    /// # Errors
    /// When too many hold already, and when the index is being built from the log or had to be given up meanwhile.
    pub async fn hold(&self) -> Result<(Hold, Census), StoreError> {
        let engine = Arc::clone(&self.inner.engine);
        let held = self.inner.pools.sealers.run(move || engine.hold()).await;
        let (hold, census) = held?.ok_or(StoreError::Held)?;
        let census = census.await.map_err(|_| StoreError::Rebuilding)?;
        Ok((hold, census))
    }

    /// Finishes what is waiting, brings the index up to date and lets go of the data directory. Whatever is asked
    /// of another clone afterwards is answered with [`StoreError::Stopped`].
    pub async fn close(self) {
        let engine = Arc::clone(&self.inner.engine);
        // Not answered only if the pool is gone, and it lives as long as `self`.
        let _ = self.inner.pools.sealers.run(move || engine.close()).await;
    }
}

pub(crate) fn unix_milliseconds() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    milliseconds(since)
}

pub(crate) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
