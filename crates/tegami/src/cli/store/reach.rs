//! Getting at the files of the log: by asking the running server to hold them, or else by taking the lock.
//!
//! Whoever reads them afterwards need not know which it was.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use admin::{Client, Held};
use anyhow::{Result, bail};
use mailstore::{AtRest, Census, OpenError, Position};

use crate::cli::report::Stuck;

/// How long a store held by somebody who does not answer is waited for: a server that is starting binds its
/// socket in this time, another command is done.
const PATIENCE: Duration = Duration::from_secs(5);

/// The files of a log, none of which goes away while this lives.
#[derive(Debug)]
pub struct Reached {
    /// Everything before this place is durable; what stands behind is none of a reader's business.
    pub end: Position,
    by: By,
}

#[derive(Debug)]
enum By {
    Server { held: Held, census: Census },
    Lock { _claimed: AtRest },
}

impl Reached {
    /// What the running server's index holds at [`Reached::end`]; `None` while no server runs.
    pub fn census(&self) -> Option<&Census> {
        match &self.by {
            By::Server { census, .. } => Some(census),
            By::Lock { .. } => None,
        }
    }

    /// Makes sure that nothing went away meanwhile. To be asked when all has been read.
    ///
    /// # Errors
    /// The server has stopped, so its files may have been changed by the next one.
    pub fn check(&self) -> Result<()> {
        match &self.by {
            By::Server { held, .. } if !held.is_held() => bail!(Stuck::new(
                "the server stopped meanwhile, so what was read may not belong together",
                "repeat it",
            )),
            By::Server { .. } | By::Lock { .. } => Ok(()),
        }
    }
}

/// Reaches the files of this data directory or copy of one.
///
/// # Errors
/// A server that does not answer or refuses, or files that cannot be read.
pub fn reach(data_dir: &Path) -> Result<Reached> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(client) = Client::connect(data_dir)? {
            let (held, census) = client.hold()??;
            return Ok(Reached {
                end: census.end,
                by: By::Server { held, census },
            });
        }
        match AtRest::claim(data_dir) {
            Ok(at_rest) => {
                return Ok(Reached {
                    end: at_rest.end()?,
                    by: By::Lock { _claimed: at_rest },
                });
            }
            Err(OpenError::InUse { .. }) if Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(100));
            }
            Err(error) => return Err(error.into()),
        }
    }
}
