//! What the service manager that started us is told (sd_notify): ready, reloading, stopping, alive.
//!
//! Without a manager that listens (`NOTIFY_SOCKET`) every word of this goes nowhere. A failure to tell is logged and
//! otherwise of no consequence: mail goes on.

use std::sync::Arc;
use std::time::Duration;

use net::Server;
use sd_notify::NotifyState;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

/// The server accepts connections; after a reload: the new configuration is in force.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The configuration is being read again. systemd wants to know since when.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "service manager not told"),
    }
}

/// The server has begun to stop.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Tells the manager that the server is alive, twice as often as it wants to hear it (systemd: `WatchdogSec=`), for
/// as long as every listener can accept. It runs where the sessions run: if they starve, so does this.
pub fn watchdog(server: &Arc<Server>) -> Option<JoinHandle<()>> {
    let patience = sd_notify::watchdog_enabled()?;
    let period = (patience / 2).max(Duration::from_millis(1));
    let server = Arc::clone(server);
    Some(tokio::spawn(async move {
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if server.is_accepting() {
                tell(&[NotifyState::Watchdog]);
            } else {
                tracing::warn!(
                    "a listener does not accept; the watchdog is not told that all is well"
                );
            }
        }
    }))
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "service manager not told");
    }
}
