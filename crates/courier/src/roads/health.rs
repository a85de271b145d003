//! Whether DNSSEC can be looked at by way of the name servers there are. Where it never could, mail goes without, and the log
//! says so; where it once could, what looks forged from then on counts as forged.

use std::time::Duration;

use resolver::{Dnssec, Resolver};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long that it does not work is believed.
const PAUSE: Duration = Duration::from_secs(10 * 60);

/// How long nobody looks again when nothing could be said.
const AGAIN: Duration = Duration::from_secs(60);

/// What is known of it.
#[derive(Default)]
pub(super) struct Health(Mutex<State>);

#[derive(Clone, Copy, Default)]
enum State {
    /// Nobody has looked.
    #[default]
    Unknown,
    Good,
    /// Nothing could be said then.
    Unclear(Instant),
    /// Found then.
    Broken(Instant),
}

impl Health {
    /// Whether answers are to be held against DNSSEC.
    pub(super) async fn is_good(&self, resolver: &Resolver) -> bool {
        let mut state = self.0.lock().await;
        match *state {
            State::Good => return true,
            State::Broken(at) if at.elapsed() < PAUSE => return false,
            State::Unclear(at) if at.elapsed() < AGAIN => return true,
            State::Broken(_) | State::Unclear(_) | State::Unknown => {}
        }
        match resolver.dnssec().await {
            Dnssec::Works => *state = State::Good,
            Dnssec::Broken => {
                tracing::warn!(
                    "the name servers do not give signatures (DNSSEC), so certificates promised in DNS (DANE) cannot be \
                     looked at; use name servers that do, such as an unbound of your own"
                );
                *state = State::Broken(Instant::now());
                return false;
            }
            // Nothing is validated then, or everything is unclear.
            Dnssec::Off | Dnssec::Unclear => *state = State::Unclear(Instant::now()),
        }
        true
    }
}
