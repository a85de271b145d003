//! The way out for log lines: a bounded buffer and a thread that empties it.
//!
//! Whoever logs never waits for the other end. Lines that find the buffer full are counted and dropped, and the count
//! is logged once there is room again. An error of the other end (a closed pipe) is no reason to stop: lines are
//! lost, the server goes on.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::MakeWriter;

/// Octets that may wait: some thousand lines.
const CAPACITY: usize = 1024 * 1024;

/// A busy server logs thousands of lines a second: one write for many costs less than a wake-up for each. So the
/// thread gathers for this long after the first line, or until there is enough.
const GATHER: Duration = Duration::from_millis(5);
const ENOUGH: usize = 64 * 1024;

/// The writing end. Clones share one buffer and one thread.
#[derive(Clone)]
pub struct Outlet {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// There is something to write.
    filled: Condvar,
    /// Everything has been written.
    emptied: Condvar,
}

#[derive(Default)]
struct State {
    /// Whole lines.
    waiting: Vec<u8>,
    /// Lines that found no room since the last one that did.
    dropped: u64,
    /// The thread has taken lines out and not come back yet.
    writing: bool,
    /// Somebody waits for everything to be written.
    flushing: bool,
}

impl Outlet {
    /// Starts the thread that writes to `to` and tells `dropped` how many lines were lost; it runs as long as
    /// the process.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(to: impl Write + Send + 'static, dropped: fn(u64)) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            filled: Condvar::new(),
            emptied: Condvar::new(),
        });
        let of_thread = Arc::clone(&shared);
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || of_thread.drain(to, dropped))?;
        Ok(Self { shared })
    }

    /// Waits until everything is written, at most this long.
    pub fn flush(&self, at_most: Duration) {
        let until = Instant::now() + at_most;
        let mut state = self.shared.lock();
        state.flushing = true;
        self.shared.filled.notify_one();
        while state.writing || !state.waiting.is_empty() {
            let Some(left) = until.checked_duration_since(Instant::now()) else {
                return;
            };
            (state, _) = self
                .shared
                .emptied
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes one whole line, or counts it as dropped.
    fn take(&self, line: &[u8]) {
        let mut state = self.shared.lock();
        if state.waiting.len() + line.len() > CAPACITY {
            state.dropped += 1;
            return;
        }
        let before = state.waiting.len();
        state.waiting.extend_from_slice(line);
        let wake = before == 0 || (before < ENOUGH && state.waiting.len() >= ENOUGH);
        drop(state);
        if wake {
            self.shared.filled.notify_one();
        }
    }
}

impl Shared {
    /// A panic while logging must not silence the log.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drain(&self, mut to: impl Write, say_dropped: fn(u64)) {
        let mut lines = Vec::new();
        loop {
            let dropped = {
                let mut state = self.lock();
                state.writing = false;
                while state.waiting.is_empty() {
                    state.flushing = false;
                    self.emptied.notify_all();
                    state = self
                        .filled
                        .wait(state)
                        .unwrap_or_else(PoisonError::into_inner);
                }
                let gathering = |state: &mut State| state.waiting.len() < ENOUGH && !state.flushing;
                (state, _) = self
                    .filled
                    .wait_timeout_while(state, GATHER, gathering)
                    .unwrap_or_else(PoisonError::into_inner);
                state.writing = true;
                std::mem::swap(&mut state.waiting, &mut lines);
                std::mem::take(&mut state.dropped)
            };
            // Nobody can be told that nobody can be told.
            let _ = to.write_all(&lines).and_then(|()| to.flush());
            lines.clear();
            if dropped > 0 {
                say_dropped(dropped);
            }
        }
    }
}

impl<'a> MakeWriter<'a> for Outlet {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(self)
    }
}

/// Takes one line; it comes in a single write.
pub struct Line<'a>(&'a Outlet);

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.take(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn ignore(_: u64) {}

    /// Hands every write over, after it is allowed to.
    struct Gate {
        allowed: Receiver<io::Result<()>>,
        written: Sender<Vec<u8>>,
    }

    impl Write for Gate {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.allowed.recv().unwrap()?;
            self.written.send(octets.to_vec()).unwrap();
            Ok(octets.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn gate() -> (Gate, Sender<io::Result<()>>, Receiver<Vec<u8>>) {
        let (allow, allowed) = channel();
        let (written, writes) = channel();
        (Gate { allowed, written }, allow, writes)
    }

    #[test]
    fn writes_lines_in_order() {
        let (gate, allow, writes) = gate();
        let outlet = Outlet::start(gate, ignore).unwrap();
        for line in ["one\n", "two\n", "three\n"] {
            outlet.make_writer().write_all(line.as_bytes()).unwrap();
            allow.send(Ok(())).unwrap();
        }
        outlet.flush(LONG);
        let all: Vec<u8> = writes.try_iter().flatten().collect();
        assert_eq!(all, b"one\ntwo\nthree\n");
    }

    #[test]
    fn a_stuck_end_costs_lines_and_no_time_and_says_how_many() {
        static DROPPED: AtomicU64 = AtomicU64::new(0);
        let (gate, allow, writes) = gate();
        let outlet = Outlet::start(gate, |lines| {
            DROPPED.fetch_add(lines, Ordering::SeqCst);
        })
        .unwrap();
        // The thread is stuck with the first line, the buffer takes two halves, the rest is too much.
        outlet.take(b"first\n");
        while !outlet.shared.lock().writing {
            thread::yield_now();
        }
        let half = vec![b'x'; CAPACITY / 2];
        for _ in 0..5 {
            outlet.take(&half);
        }
        assert_eq!(outlet.shared.lock().waiting.len(), CAPACITY);
        for _ in 0..4 {
            allow.send(Ok(())).unwrap();
        }
        outlet.flush(LONG);
        assert_eq!(writes.try_iter().flatten().count(), CAPACITY + 6);
        assert_eq!(DROPPED.load(Ordering::SeqCst), 3);
    }

    #[test]
    fn a_closed_end_does_not_end_the_log() {
        let (gate, allow, writes) = gate();
        let outlet = Outlet::start(gate, ignore).unwrap();
        allow.send(Err(io::ErrorKind::BrokenPipe.into())).unwrap();
        outlet.take(b"lost\n");
        outlet.flush(LONG);
        allow.send(Ok(())).unwrap();
        outlet.take(b"found\n");
        outlet.flush(LONG);
        assert_eq!(writes.try_iter().flatten().collect::<Vec<u8>>(), b"found\n");
    }

    #[test]
    fn flushing_gives_up_on_a_stuck_end() {
        let (gate, _allow, _writes) = gate();
        let outlet = Outlet::start(gate, ignore).unwrap();
        outlet.take(b"stuck\n");
        outlet.flush(Duration::from_millis(1));
        assert!(outlet.shared.lock().writing || !outlet.shared.lock().waiting.is_empty());
    }
}
