//! Mail that other servers keep for us (RFC 2645, the customer's side): fetched on a schedule, and whenever this machine comes
//! to another address. It knows when; `visit.rs` knows how.
//!
//! Each server has one task, which visits it, waits, and visits it again, so nobody is ever visited twice at a time.

mod board;
mod schedule;
mod visit;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use net::{Server, Whereabouts};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use board::Board;
use schedule::Schedule;
use visit::{Outcome, Visitor};

use super::outbound::Outbound;
use crate::config::{Config, Fetch};
use crate::host::House;

/// How often it is looked whether this machine is somewhere else.
const LOOK: Duration = Duration::from_secs(5);

/// All servers that mail is fetched from.
pub struct Fetching {
    visitor: Arc<Visitor>,
    board: Arc<Board>,
    moves: watch::Receiver<u64>,
    watchman: JoinHandle<()>,
    visits: Mutex<BTreeMap<String, Visits>>,
}

/// Those to one server.
struct Visits {
    /// As the configuration has it; none while it does not name it.
    wanted: watch::Sender<Option<Fetch>>,
    task: JoinHandle<()>,
}

impl Fetching {
    /// Begins to fetch. To be called inside a tokio runtime.
    pub fn start(
        config: &Config,
        (house, server, outbound): (&Arc<House>, &Arc<Server>, &Outbound),
        board: Arc<Board>,
    ) -> Self {
        let visitor = Visitor {
            house: Arc::clone(house),
            server: Arc::clone(server),
            roads: Arc::clone(outbound.roads()),
            stopping: CancellationToken::new(),
        };
        let (moved, moves) = watch::channel(0);
        let fetching = Self {
            visitor: Arc::new(visitor),
            board,
            moves,
            // Where we are before the first visit.
            watchman: tokio::spawn(look_around(moved, Some(Whereabouts::now()))),
            visits: Mutex::default(),
        };
        fetching.reload(config);
        fetching
    }

    /// Takes on a configuration that was read again, which the roads have already. Who is being visited is visited to the end.
    pub fn reload(&self, config: &Config) {
        let mut visits = self.visits.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = config.relay.fetch.iter();
        let mut wanted: BTreeMap<String, &Fetch> = wanted.map(|one| (one.name(), one)).collect();
        for (name, known) in visits.iter() {
            let now = wanted.remove(name).cloned();
            known.wanted.send_if_modified(|before| {
                let is_new = *before != now;
                *before = now;
                is_new
            });
        }
        for (name, fetch) in wanted {
            let (wanted, changes) = watch::channel(Some(fetch.clone()));
            let tending = Tending {
                visitor: Arc::clone(&self.visitor),
                board: Arc::clone(&self.board),
                moves: self.moves.clone(),
                name: name.clone(),
            };
            let task = tokio::spawn(tending.run(changes));
            visits.insert(name, Visits { wanted, task });
        }
    }

    /// Begins no more visits, and returns when there are none, or after this time. What was being fetched is cut off with the
    /// server's other sessions.
    pub async fn stop(&self, within: Duration) {
        self.watchman.abort();
        self.visitor.stopping.cancel();
        let tasks: Vec<JoinHandle<()>> = {
            let mut visits = self.visits.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *visits)
                .into_values()
                .map(|visits| visits.task)
                .collect()
        };
        let until = tokio::time::Instant::now() + within;
        for mut task in tasks {
            if tokio::time::timeout_at(until, &mut task).await.is_err() {
                task.abort();
            }
        }
    }
}

/// Says whenever this machine is somewhere else than before. Looks only while there are visits to be made.
async fn look_around(moved: watch::Sender<u64>, mut last: Option<Whereabouts>) {
    loop {
        tokio::time::sleep(LOOK).await;
        // One is that of `Fetching`.
        if moved.receiver_count() < 2 {
            last = None;
            continue;
        }
        let now = Whereabouts::now();
        if is_elsewhere(last.get_or_insert_with(|| now.clone()), now) {
            tracing::debug!(now = ?last, "this machine is at another address");
            moved.send_modify(|moves| *moves = moves.wrapping_add(1));
        }
    }
}

/// Whether this machine came to another place. Nowhere is none: from there nobody can be visited.
fn is_elsewhere(last: &mut Whereabouts, now: Whereabouts) -> bool {
    let is_elsewhere = now != *last && now.is_anywhere();
    *last = now;
    is_elsewhere
}

/// The visits to one server, one after the other.
struct Tending {
    visitor: Arc<Visitor>,
    board: Arc<Board>,
    moves: watch::Receiver<u64>,
    name: String,
}

impl Tending {
    /// Goes on until the server stops.
    async fn run(mut self, mut wanted: watch::Receiver<Option<Fetch>>) {
        loop {
            let fetch = wanted.borrow_and_update().clone();
            let goes_on = match fetch {
                Some(fetch) => self.visits(&fetch, &mut wanted).await,
                None => {
                    self.board.forgets(&self.name);
                    tokio::select! {
                        biased;
                        () = self.visitor.stopping.cancelled() => false,
                        changed = wanted.changed() => changed.is_ok(),
                    }
                }
            };
            if !goes_on {
                return;
            }
        }
    }

    /// Visits a server until something else is wanted of it, which is true, or the server stops.
    async fn visits(&mut self, fetch: &Fetch, wanted: &mut watch::Receiver<Option<Fetch>>) -> bool {
        let mut schedule = Schedule::new(fetch.every, Instant::now(), lot());
        loop {
            self.board.awaits(fetch, schedule.due());
            tokio::select! {
                biased;
                () = self.visitor.stopping.cancelled() => return false,
                changed = wanted.changed() => return changed.is_ok(),
                Ok(()) = self.moves.changed() => {
                    schedule.moved(Instant::now());
                    continue;
                }
                () = tokio::time::sleep_until(schedule.due().into()) => {}
            }
            // Where we are now is where this visit begins.
            self.moves.mark_unchanged();
            schedule.begin(Instant::now());
            self.board.begins(&self.name);
            let outcome = self.visitor.visit(fetch).await;
            let now = Instant::now();
            match outcome {
                Outcome::Done(messages) => {
                    schedule.succeeded(now, lot());
                    self.board.succeeded(&self.name, messages);
                }
                Outcome::Failed(messages, trouble) => {
                    schedule.failed(now, lot());
                    self.board.failed(&self.name, messages, trouble);
                }
                Outcome::Suspended => schedule.succeeded(now, lot()),
                Outcome::TooSoon(trouble) => {
                    schedule.succeeded(now, lot());
                    self.board.failed(&self.name, 0, trouble);
                }
                Outcome::Stopped => return false,
            }
        }
    }
}

fn lot() -> u64 {
    getrandom::u64().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_place_is_noticed_once_and_nowhere_is_no_place() {
        // Loopback alone may be all that the machine has that runs this.
        let (here, nowhere) = (Whereabouts::now(), Whereabouts::default());
        let mut last = here.clone();
        for (now, expected) in [
            (&here, false),
            (&nowhere, false),
            (&here, here.is_anywhere()),
            (&here, false),
        ] {
            assert_eq!(is_elsewhere(&mut last, now.clone()), expected);
        }
    }
}
