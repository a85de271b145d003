//! A few threads for file work that may block, so that async workers never do.
//!
//! The number of threads is the bound on concurrency; every incoming message has at most one job waiting, so the
//! number of messages bounds the queue.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

use crate::error::StoreError;

type Job = Box<dyn FnOnce() + Send>;

/// Threads and the jobs that wait for them. Dropping it finishes all jobs first.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl Pool {
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(name: &str, threads: usize) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let mut pool = Self {
            shared,
            threads: Vec::with_capacity(threads),
        };
        for _ in 0..threads {
            let shared = Arc::clone(&pool.shared);
            let thread = thread::Builder::new()
                .name(name.to_owned())
                .spawn(move || shared.work())?;
            pool.threads.push(thread);
        }
        Ok(pool)
    }

    /// Runs a job on the pool without waiting for it.
    pub(crate) fn post(&self, job: impl FnOnce() + Send + 'static) {
        let mut queue = self.shared.lock();
        if !queue.closed {
            queue.jobs.push_back(Box::new(job));
            self.shared.changed.notify_one();
        }
    }

    /// Runs a job on the pool and waits for what it returns.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, receiver) = oneshot::channel();
        self.post(move || {
            // Nobody listening means the message was given up meanwhile.
            let _ = sender.send(job());
        });
        receiver.await.map_err(|_| StoreError::Stopped)
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut queue = self.lock();
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                drop(queue);
                job();
                queue = self.lock();
            } else if queue.closed {
                return;
            } else {
                queue = self
                    .changed
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
        let own = thread::current().id();
        for thread in self.threads.drain(..) {
            // The last message may be dropped, and the pool with it, by a job of this very pool.
            if thread.thread().id() != own {
                let _ = thread.join();
            }
        }
    }
}
