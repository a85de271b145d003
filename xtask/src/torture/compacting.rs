//! Compaction that never ends: `tegami store compact --force`, again and again while the load lasts.

use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use super::trial::Trial;

/// Between two looks at whether it has ended.
const LOOK: Duration = Duration::from_millis(5);
/// After one that did not succeed, most likely because the server is busy ending.
const PAUSE: Duration = Duration::from_millis(50);

/// Compacts while this lives.
pub struct Compacting {
    stop: Arc<AtomicBool>,
    /// The one at work.
    child: Arc<Mutex<Option<Child>>>,
    worker: JoinHandle<u32>,
}

impl Compacting {
    /// Begins.
    pub fn start(trial: &Trial) -> Self {
        let site = trial.site.clone();
        let (stop, child) = (
            Arc::<AtomicBool>::default(),
            Arc::<Mutex<Option<Child>>>::default(),
        );
        let worker = thread::spawn({
            let (stop, child) = (Arc::clone(&stop), Arc::clone(&child));
            move || {
                let mut done = 0;
                while !stop.load(Ordering::Relaxed) {
                    let begun = {
                        let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
                        if stop.load(Ordering::Relaxed) {
                            break;
                        }
                        let mut command = site.command(&["store", "compact", "--force"]);
                        command.stdout(Stdio::null()).stderr(Stdio::null());
                        *child = command.spawn().ok();
                        child.is_some()
                    };
                    match begun && ended_well(&child) {
                        true => done += 1,
                        false => thread::sleep(PAUSE),
                    }
                }
                done
            }
        });
        Self {
            stop,
            child,
            worker,
        }
    }

    /// Nobody asks any more; what the server has begun for the one who asked last goes on. Says how many ended well.
    ///
    /// # Errors
    /// When the one at work cannot be ended.
    pub fn finish(self) -> Result<u32> {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(child) = &mut *self.child.lock().unwrap_or_else(PoisonError::into_inner) {
            // Otherwise it would open the store itself as soon as the server is gone.
            child.kill().context("ending `tegami store compact`")?;
        }
        let done = self.worker.join();
        done.map_err(|_| anyhow!("compacting panicked"))
    }
}

fn ended_well(child: &Mutex<Option<Child>>) -> bool {
    loop {
        let mut held = child.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = held.as_mut().and_then(|child| child.try_wait().ok()?);
        if let Some(status) = ended {
            *held = None;
            return status.success();
        }
        drop(held);
        thread::sleep(LOOK);
    }
}
