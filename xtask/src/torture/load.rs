//! The load of a round: senders, and readers who remove a share of what they find, until they are told to stop.
//!
//! Whatever the server does to them, they go on: what it answered is counted, a broken connection is made again.

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::USERS;
use super::books::{Books, Verdict};
use super::letter::Read;
use super::pop3::Reader;
use super::smtp::{Answer, Sender};
use crate::server::Running;

/// Connections that send.
const SENDERS: usize = 8;
/// Connections that remove.
const REMOVERS: u32 = 2;
/// The most letters over one connection.
const LETTERS: u64 = 7;
/// The most messages one session removes.
const REMOVED: usize = 10;
/// Until the first acknowledgement.
const FIRST: Duration = Duration::from_secs(30);
/// After a refusal or a broken connection.
const PAUSE: Duration = Duration::from_millis(20);

/// What the load saw.
#[derive(Default)]
pub struct Seen {
    /// Letters acknowledged.
    pub acknowledged: AtomicU64,
    /// Connections of senders that broke in the middle of a letter.
    pub broken: AtomicU64,
    /// Refusals of letters, by the command and the reply's codes.
    refusals: Mutex<BTreeMap<String, u64>>,
    /// What readers were given that was not as it must be.
    wrong: Mutex<Verdict>,
}

impl Seen {
    /// Refusals of letters, by the command and the reply's codes.
    pub fn refusals(&self) -> BTreeMap<String, u64> {
        let refusals = self.refusals.lock();
        refusals.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What readers were given that was not as it must be; told once.
    pub fn wrong(&self) -> Verdict {
        std::mem::take(&mut *self.wrong.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn refused(&self, command: &str, reply: &str) {
        let codes: Vec<&str> = reply.split(' ').take(2).collect();
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        *refusals
            .entry(format!("{} to {command}", codes.join(" ")))
            .or_default() += 1;
    }
}

/// Senders and removers at work. Dropped, they stop.
pub struct Load {
    stop: Arc<AtomicBool>,
    seen: Arc<Seen>,
    workers: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts all and returns once the first letter was acknowledged.
    ///
    /// # Errors
    /// When nothing is acknowledged.
    pub fn start(server: &Running, books: &Arc<Books>) -> Result<Self> {
        let (smtp, pop3) = (server.address("smtp")?, server.address("pop3")?);
        let mut load = Self {
            stop: Arc::default(),
            seen: Arc::default(),
            workers: Vec::new(),
        };
        for _ in 0..SENDERS {
            load.spawn(books, move |work| work.send(smtp));
        }
        for lane in 0..REMOVERS {
            load.spawn(books, move |work| work.remove(pop3, lane));
        }
        if !load.acknowledges(1, FIRST) {
            bail!(
                "nothing was acknowledged within {} s; refusals: {:?}",
                FIRST.as_secs(),
                load.seen.refusals()
            );
        }
        Ok(load)
    }

    fn spawn(&mut self, books: &Arc<Books>, work: impl FnOnce(&Work) + Send + 'static) {
        let place = Work {
            books: Arc::clone(books),
            stop: Arc::clone(&self.stop),
            seen: Arc::clone(&self.seen),
        };
        self.workers.push(thread::spawn(move || work(&place)));
    }

    /// What was seen up to now.
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Waits until so many more letters have been acknowledged; false when that takes longer than `patience`.
    pub fn acknowledges(&self, more: u64, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        let goal = self.seen.acknowledged.load(Ordering::Relaxed) + more;
        while self.seen.acknowledged.load(Ordering::Relaxed) < goal {
            if Instant::now() >= deadline {
                return false;
            }
            thread::sleep(Duration::from_millis(5));
        }
        true
    }

    /// Stops all and waits for them; what they were in the middle of comes to its end first, if it can.
    pub fn finish(mut self) -> Arc<Seen> {
        self.end();
        Arc::clone(&self.seen)
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for worker in self.workers.drain(..) {
            // One that panicked has said so.
            let _said = worker.join();
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.end();
    }
}

/// What every worker has.
struct Work {
    books: Arc<Books>,
    stop: Arc<AtomicBool>,
    seen: Arc<Seen>,
}

impl Work {
    fn over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn send(&self, server: SocketAddr) {
        while !self.over() {
            let Ok(mut sender) = Sender::connect(server) else {
                thread::sleep(PAUSE);
                continue;
            };
            for _ in 0..=any() % LETTERS {
                if self.over() {
                    return;
                }
                match sender.deliver(&self.books) {
                    Ok(Answer::Acknowledged) => {
                        self.seen.acknowledged.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(Answer::Refused(command, reply)) => {
                        self.seen.refused(command, &reply);
                        thread::sleep(PAUSE);
                        break;
                    }
                    Err(_) => {
                        self.seen.broken.fetch_add(1, Ordering::Relaxed);
                        break;
                    }
                }
            }
        }
    }

    fn remove(&self, server: SocketAddr, lane: u32) {
        while !self.over() {
            // Each in maildrops of its own: two sessions in one exclude each other.
            let lanes = USERS / REMOVERS;
            let user = lane + REMOVERS * u32::try_from(any() % u64::from(lanes)).unwrap_or(0);
            // A broken session has removed nothing, or what the books say was leaving.
            let _broken = self.remove_some(server, user);
            thread::sleep(PAUSE);
        }
    }

    /// Removes about half of the first messages of a maildrop; one session in four breaks off before QUIT, which
    /// removes nothing (RFC 1939 section 6).
    fn remove_some(&self, server: SocketAddr, user: u32) -> io::Result<()> {
        let mut reader = Reader::login(server, user)?;
        let uidls = reader.uidls()?;
        let mut removed = Vec::new();
        for (number, uidl) in (1..=REMOVED).zip(uidls) {
            match reader.retrieve(number, self.books.sizes)? {
                Read::Whole(letter) => {
                    if any().is_multiple_of(2) {
                        reader.delete(number)?;
                        removed.push(letter);
                    }
                }
                other @ (Read::Changed(_) | Read::Strange) => {
                    let mut wrong = self
                        .seen
                        .wrong
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner);
                    wrong.change(format!("user{user}, message {uidl}, under load: {other:?}"));
                }
            }
        }
        if any().is_multiple_of(4) {
            return Ok(());
        }
        self.books.leaving(user, &removed);
        reader.quit()?;
        self.books.gone(user, &removed);
        Ok(())
    }
}

/// Any number: what falls together with a crash must not be what somebody thought of.
pub fn any() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A random time between two bounds in milliseconds.
pub fn between(least: u64, most: u64) -> Duration {
    Duration::from_millis(least + any() % (most - least + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_times_keep_their_bounds() {
        for _ in 0..1000 {
            let time = between(50, 52).as_millis();
            assert!((50..=52).contains(&time), "{time}");
        }
    }

    #[test]
    fn refusals_are_counted_by_their_codes() {
        let seen = Seen::default();
        seen.refused("MAIL", "452 4.3.1 Mail store is low on space");
        seen.refused("MAIL", "452 4.3.1 other words");
        assert_eq!(
            seen.refusals(),
            BTreeMap::from([("452 4.3.1 to MAIL".to_owned(), 2)])
        );
    }
}
