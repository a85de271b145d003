//! The threads that check passwords: few, at low priority, with a short queue.
//!
//! A check costs tens of milliseconds and 19 MiB. The number of threads bounds the memory, the queue bounds the
//! wait, and what does not fit is told so at once: a login flood can neither starve mail nor exhaust memory.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use argon2::Block;
use tokio::sync::oneshot;

use crate::cache::Fingerprint;
use crate::password::{Recipe, usual_blocks};
use crate::secret::Secret;

/// How long an idle worker keeps its block of memory.
const KEEP_MEMORY: Duration = Duration::from_secs(10);

/// A bounded pool of password checks. Its threads end when it is dropped.
pub(crate) struct Pool(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    work: Condvar,
    queue: usize,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    /// Who wants to know the outcome of each check that is queued or running.
    asking: HashMap<Fingerprint, Vec<oneshot::Sender<bool>>>,
    closed: bool,
}

struct Job {
    login: Fingerprint,
    recipe: Recipe,
    password: Secret,
}

impl Pool {
    /// Starts `workers` threads with room for `queue` checks waiting for one.
    pub(crate) fn start(workers: usize, queue: usize) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            work: Condvar::new(),
            queue,
        });
        let pool = Self(shared);
        for number in 0..workers {
            let shared = Arc::clone(&pool.0);
            thread::Builder::new()
                .name(format!("login-{number}"))
                .spawn(move || shared.serve())?;
        }
        Ok(pool)
    }

    /// Checks a password, or answers `None` at once when the queue is full. The same login already queued or
    /// running is not computed twice: fifty connections of one client cost one check.
    pub(crate) async fn check(
        &self,
        login: Fingerprint,
        recipe: Recipe,
        password: Secret,
    ) -> Option<bool> {
        let outcome = self.0.submit(Job {
            login,
            recipe,
            password,
        })?;
        outcome.await.ok()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.work.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while holding it, and a half-made change is not possible either.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn submit(&self, job: Job) -> Option<oneshot::Receiver<bool>> {
        let (tell, outcome) = oneshot::channel();
        let mut state = self.lock();
        if let Some(others) = state.asking.get_mut(&job.login) {
            others.push(tell);
            return Some(outcome);
        }
        if state.waiting.len() >= self.queue {
            return None;
        }
        state.asking.insert(job.login, vec![tell]);
        state.waiting.push_back(job);
        drop(state);
        self.work.notify_one();
        Some(outcome)
    }

    /// One worker's life.
    fn serve(&self) {
        lower_priority();
        let mut memory = Vec::new();
        while let Some(job) = self.next(&mut memory) {
            // A panic in the arithmetic must not take the worker, and with it all logins, away.
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                job.recipe.verify(&job.password, &mut memory)
            }));
            let asking = self.lock().asking.remove(&job.login);
            if let Ok(fits) = outcome {
                for tell in asking.into_iter().flatten() {
                    // Whoever has gone meanwhile does not need the answer.
                    let _ = tell.send(fits);
                }
            }
            // A costlier hash from elsewhere may have needed more than usual: that is not kept.
            if memory.len() > usual_blocks() {
                memory = Vec::new();
            }
        }
    }

    /// Waits for a job; `None` when the pool is closed.
    fn next(&self, memory: &mut Vec<Block>) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            // A client that left while it was queued is not worth the work.
            while let Some(job) = state.waiting.pop_front() {
                let wanted = state
                    .asking
                    .get(&job.login)
                    .is_some_and(|asking| asking.iter().any(|tell| !tell.is_closed()));
                if wanted {
                    return Some(job);
                }
                state.asking.remove(&job.login);
            }
            state = if memory.is_empty() {
                self.work
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner)
            } else {
                let (state, waited) = self
                    .work
                    .wait_timeout(state, KEEP_MEMORY)
                    .unwrap_or_else(PoisonError::into_inner);
                if waited.timed_out() {
                    *memory = Vec::new();
                }
                state
            };
        }
    }
}

/// Lets everything else run first: mail goes on while passwords are guessed.
fn lower_priority() {
    // On Linux the priority belongs to the calling thread; elsewhere it would slow the whole process.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, 5) {
        tracing::debug!(%error, "login threads keep their priority");
    }
}
