//! The way of mail into a mailbox and out of it: through the running server, otherwise through the store itself. Both
//! speak the same over a connection, so whoever moves mail need not know which it is.

use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use admin::{Carrier, Client, Errand, Operations, Request, Response, Stopped, carry_here};
use anyhow::{Context, Result};
use mailstore::{OpenError, Store};

use crate::cli::access::{check_directory, unopened};
use crate::config::Config;
use crate::serve;

/// As in [`super::reach`].
const PATIENCE: Duration = Duration::from_secs(5);

/// Mail on its way.
#[derive(Debug)]
pub struct Moving {
    pub carrier: Carrier,
    /// Behind the carrier: what is left half done is undone when that is closed, and that is waited for.
    pub here: Here,
}

/// The store's end of the connection, if it is in this process.
#[derive(Debug)]
pub struct Here(Option<JoinHandle<()>>);

impl Drop for Here {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take() {
            // A panic there has been shown already.
            let _ = thread.join();
        }
    }
}

/// Asks for what takes a connection for itself.
///
/// # Errors
/// A refusal, or nobody could be asked.
pub fn carry(config: &Config, errand: &Errand) -> Result<(Moving, Response)> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(client) = Client::connect(&config.data_dir)? {
            let (carrier, response) = client.carry(errand)??;
            let here = Here(None);
            return Ok((Moving { carrier, here }, response));
        }
        check_directory(&config.data_dir, &Request::Carry(errand.clone()))?;
        match Store::open(&config.data_dir, serve::store_options(config)) {
            Ok((store, _)) => return carry_offline(config, store, errand),
            Err(OpenError::InUse { .. }) if Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(100));
            }
            Err(error) => return Err(unopened(error, &config.data_dir)),
        }
    }
}

fn carry_offline(config: &Config, store: Store, errand: &Errand) -> Result<(Moving, Response)> {
    let stopped = Stopped {
        domains: config.domains.clone(),
        default_quota: config.mailbox.quota.0,
        accounts_file: config.accounts_file.clone(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("cannot start")?;
    let (ours, theirs) = UnixStream::pair().context("cannot start")?;
    let operations =
        Operations::new(store.clone(), Arc::new(stopped)).in_directory(&config.data_dir);
    let asked = errand.clone();
    let thread = thread::spawn(move || {
        let inside = runtime.enter();
        // When it ends early, the other side has been told why, or has gone.
        let _ = carry_here(asked, &theirs, &operations);
        drop((inside, operations));
        runtime.block_on(store.close());
        // Last of all, so that whoever sees the end knows that the store is free.
        drop(theirs);
    });
    let here = Here(Some(thread));
    let (carrier, response) = Carrier::begin_asked(ours, &config.data_dir)??;
    Ok((Moving { carrier, here }, response))
}
