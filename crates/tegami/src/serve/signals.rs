//! The signals a server obeys: SIGTERM and SIGINT stop it, and a second one at once; SIGHUP reloads it.

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal as Listener, SignalKind, signal};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Finish and end.
    Stop,
    /// Read the configuration again.
    Reload,
}

/// Listens from its creation on, so that no signal is missed during the start.
pub struct Signals {
    terminate: Listener,
    interrupt: Listener,
    hangup: Listener,
}

impl Signals {
    /// Begins to listen.
    ///
    /// # Errors
    /// The system refuses the handlers.
    pub fn new() -> Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// The next signal.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.interrupt.recv() => Signal::Stop,
            _ = self.hangup.recv() => Signal::Reload,
        }
    }

    /// Waits until the server shall stop. What else is asked for meanwhile is still there for [`Signals::next`].
    pub async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
