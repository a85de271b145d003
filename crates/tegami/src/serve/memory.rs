//! Memory that is free goes back to the system, also while nothing happens.
//!
//! mimalloc gives back what was freed a while ago when a thread that has allocated ends, and at no other time. A server
//! at rest ends none, and would keep for ever what a burst of work took. So a thread begins and ends now and then. What
//! opening the store took, some segments of sled's, goes back the same way: it is opened on a thread of its own.

use std::hint::black_box;
use std::thread;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::sleep;

/// After the start; longer than mimalloc keeps what was freed.
const FIRST: Duration = Duration::from_secs(2);
/// From then on.
const EVERY: Duration = Duration::from_secs(30);

/// Gives memory back now and then, until aborted.
pub fn tend() -> JoinHandle<()> {
    tokio::spawn(async {
        let mut pause = FIRST;
        loop {
            sleep(pause).await;
            pause = EVERY;
            let thread = thread::Builder::new()
                .name("tegami-memory".to_owned())
                .spawn(|| drop(black_box(Vec::<u8>::with_capacity(64))));
            if let Err(error) = thread {
                tracing::debug!(%error, "no thread to give memory back");
            }
        }
    })
}
