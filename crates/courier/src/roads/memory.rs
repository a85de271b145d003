//! What is remembered of addresses for a while: that nobody answered there, or that TLS came to nothing. Bounded, and of no
//! consequence when it is forgotten.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Addresses remembered.
const MOST: usize = 1024;

/// Addresses of which something was true a while ago.
pub(super) struct Memory {
    until: Mutex<HashMap<SocketAddr, Instant>>,
    lasts: Duration,
}

impl Memory {
    /// What is noted is remembered for so long.
    pub(super) fn new(lasts: Duration) -> Self {
        Self {
            until: Mutex::default(),
            lasts,
        }
    }

    pub(super) fn note(&self, address: SocketAddr) {
        let now = Instant::now();
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if until.len() >= MOST && !until.contains_key(&address) {
            until.retain(|_, until| *until > now);
            if until.len() >= MOST {
                let first = until.iter().min_by_key(|(_, until)| **until);
                if let Some(first) = first.map(|(address, _)| *address) {
                    until.remove(&first);
                }
            }
        }
        until.insert(address, now + self.lasts);
    }

    pub(super) fn forget(&self, address: SocketAddr) {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.remove(&address);
    }

    pub(super) fn has(&self, address: SocketAddr) -> bool {
        let until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until
            .get(&address)
            .is_some_and(|until| *until > Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], number))
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_are_remembered_for_a_while_and_within_a_bound() {
        let memory = Memory::new(Duration::from_secs(60));
        memory.note(address(0));
        assert!(memory.has(address(0)));
        memory.forget(address(0));
        assert!(!memory.has(address(0)));
        memory.note(address(0));
        tokio::time::advance(Duration::from_secs(30)).await;
        for number in 1..=MOST {
            memory.note(address(u16::try_from(number).unwrap()));
        }
        // The oldest gave way.
        assert!(!memory.has(address(0)));
        assert!(memory.has(address(1)));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(!memory.has(address(1)));
        memory.note(address(0));
        assert_eq!(memory.until.lock().unwrap().len(), 1);
    }
}
