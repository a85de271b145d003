//! The door for mail that another server keeps for us and hands out over a connection of ours (RFC 2645).
//!
//! Whoever is at the other end was chosen by the configuration and has shown its certificate. What it hands out it has taken
//! in already, so whatever is refused here becomes a report to its sender: rates, and what DNS says of senders, are for those
//! who come by themselves. It has mail for the domains that were fetched, and nothing leaves by this door.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use address::{Domain, ForwardPath};

use super::Policy;

/// One visit to such a server.
#[derive(Debug, Default)]
pub struct Fetched {
    /// Whose mail was asked for; with none, that of all domains of ours.
    domains: Vec<Domain>,
    taken: AtomicU64,
    cut: AtomicBool,
}

impl Fetched {
    /// A visit for mail for these.
    pub fn new(domains: Vec<Domain>) -> Self {
        Self {
            domains,
            ..Self::default()
        }
    }

    /// Whether mail for this recipient was asked for.
    pub fn is_for(&self, policy: &Policy, to: &ForwardPath) -> bool {
        let mailbox = match to {
            // RFC 5321 section 4.5.1: of whatever domain.
            ForwardPath::Postmaster => return true,
            ForwardPath::Mailbox(mailbox) => mailbox,
        };
        mailbox.host.domain().is_some_and(|domain| {
            policy.domains.contains(domain)
                && (self.domains.is_empty() || self.domains.contains(domain))
        })
    }

    /// A message is kept.
    pub fn took(&self) {
        self.taken.fetch_add(1, Ordering::Relaxed);
    }

    /// The connection ended in the middle of a message, which is still at the other side.
    pub fn was_cut(&self) {
        self.cut.store(true, Ordering::Relaxed);
    }

    /// How many messages are kept, and whether another was on its way.
    pub fn outcome(&self) -> (u64, bool) {
        let cut = self.cut.load(Ordering::Relaxed);
        (self.taken.load(Ordering::Relaxed), cut)
    }
}
