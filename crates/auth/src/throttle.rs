//! Slowing down password guessing (RFC 4954 section 9) without punishing an office behind one address.
//!
//! Counters only, with the time as an argument: no password, no account data, no sleeping. What is counted are
//! *different* failures: a phone with one stale password counts once, however often it asks.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use ipnet::IpNet;

use crate::aging::Aging;
use crate::cache::Fingerprint;

/// So many failures within so much time; the next attempt is refused until that time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Different failures that are let through.
    pub failures: u32,
    /// Counted from the first of them.
    pub within: Duration,
}

/// How much guessing is tolerated. The defaults are the documented numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThrottleRules {
    /// From one address (IPv6: one /64), and for one account from an address it was lately used from:
    /// 10 in a minute.
    pub address: Allowance,
    /// From one network (IPv4: /24, IPv6: /48): 40 in a minute.
    pub network: Allowance,
    /// For one account, from all addresses it was not lately used from: 100 in 10 minutes.
    pub account: Allowance,
    /// How long an address stays known for an account after a login: 7 days.
    pub known_for: Duration,
    /// How long a wrong password stays counted, so that it counts once: 1 hour.
    pub same_for: Duration,
    /// Entries held per map; the least recently used go first. 16,384, some MiB in all.
    pub bound: usize,
}

impl Default for ThrottleRules {
    fn default() -> Self {
        let minute = Duration::from_secs(60);
        Self {
            address: Allowance {
                failures: 10,
                within: minute,
            },
            network: Allowance {
                failures: 40,
                within: minute,
            },
            account: Allowance {
                failures: 100,
                within: 10 * minute,
            },
            known_for: 7 * 24 * 60 * minute,
            same_for: 60 * minute,
            bound: 16_384,
        }
    }
}

/// One attempt as the throttle sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    /// Fingerprint of the name that was tried, whether or not it exists.
    pub(crate) name: Fingerprint,
    /// The account, when there is one.
    pub(crate) account: Option<u64>,
    /// Fingerprint of name and password.
    pub(crate) login: Fingerprint,
    pub(crate) peer: IpAddr,
}

/// Everything counted so far.
pub(crate) struct Throttle {
    rules: ThrottleRules,
    exempt: Vec<IpNet>,
    addresses: Aging<Origin, Window>,
    networks: Aging<Origin, Window>,
    names: Aging<Fingerprint, Window>,
    pairs: Aging<(u64, Origin), Known>,
    known: Aging<Origin, Instant>,
    wrong: Aging<(Fingerprint, Origin), Instant>,
}

/// An (account, address) pair that has logged in.
#[derive(Clone, Copy, Debug)]
struct Known {
    verified: Instant,
    failures: Option<Window>,
}

impl Throttle {
    pub(crate) fn new(rules: ThrottleRules, exempt: Vec<IpNet>) -> Self {
        let bound = rules.bound;
        Self {
            rules,
            exempt,
            addresses: Aging::new(bound),
            networks: Aging::new(bound),
            names: Aging::new(bound),
            pairs: Aging::new(bound),
            known: Aging::new(bound),
            wrong: Aging::new(bound),
        }
    }

    pub(crate) fn set_exempt(&mut self, exempt: Vec<IpNet>) {
        self.exempt = exempt;
    }

    /// True when nobody at this address could log in now: it is over its allowance (or its network is) and no
    /// account was lately used from it.
    pub(crate) fn refuses_address(&self, peer: IpAddr, now: Instant) -> bool {
        let peer = peer.to_canonical();
        !self.is_exempt(peer) && self.origin_is_over(peer, now) && !self.is_known_address(peer, now)
    }

    /// True when this attempt must not be checked at all.
    pub(crate) fn refuses(&self, attempt: &Attempt, now: Instant) -> bool {
        let peer = attempt.peer.to_canonical();
        if self.is_exempt(peer) {
            return false;
        }
        if let Some(known) = self.pair(attempt, now) {
            // Its own counter: a neighbour's guesses elsewhere do not count against it, its own do, so that
            // sharing an office's address gives nobody unlimited guesses at a colleague's password.
            return is_over(known.failures.as_ref(), self.rules.address, now);
        }
        self.origin_is_over(peer, now)
            || is_over(self.names.peek(&attempt.name), self.rules.account, now)
    }

    /// True when this very login failed from this address not long ago: the answer is known.
    pub(crate) fn failed_before(&self, attempt: &Attempt, now: Instant) -> bool {
        let key = (attempt.login, Origin::of(attempt.peer.to_canonical()));
        self.wrong
            .peek(&key)
            .is_some_and(|at| now.saturating_duration_since(*at) < self.rules.same_for)
    }

    /// Counts a failure, unless the same one has been counted already.
    pub(crate) fn failed(&mut self, attempt: &Attempt, now: Instant) {
        let peer = attempt.peer.to_canonical();
        if self.failed_before(attempt, now) {
            return;
        }
        self.wrong.insert((attempt.login, Origin::of(peer)), now);
        if self.is_exempt(peer) {
            return;
        }
        if let (Some(known), Some(account)) = (self.pair(attempt, now), attempt.account) {
            let failures = Some(Window::counted(
                known.failures.as_ref(),
                self.rules.address,
                now,
            ));
            self.pairs
                .insert((account, Origin::of(peer)), Known { failures, ..known });
            return;
        }
        count(
            &mut self.addresses,
            Origin::of(peer),
            self.rules.address,
            now,
        );
        count(
            &mut self.networks,
            Origin::network_of(peer),
            self.rules.network,
            now,
        );
        count(&mut self.names, attempt.name, self.rules.account, now);
    }

    /// Remembers that this account is used from this address.
    pub(crate) fn succeeded(&mut self, account: u64, peer: IpAddr, now: Instant) {
        let origin = Origin::of(peer.to_canonical());
        let failures = self
            .pairs
            .peek(&(account, origin))
            .and_then(|known| known.failures);
        self.pairs.insert(
            (account, origin),
            Known {
                verified: now,
                failures,
            },
        );
        self.known.insert(origin, now);
    }

    fn is_exempt(&self, peer: IpAddr) -> bool {
        self.exempt.iter().any(|network| network.contains(&peer))
    }

    fn origin_is_over(&self, peer: IpAddr, now: Instant) -> bool {
        is_over(
            self.addresses.peek(&Origin::of(peer)),
            self.rules.address,
            now,
        ) || is_over(
            self.networks.peek(&Origin::network_of(peer)),
            self.rules.network,
            now,
        )
    }

    fn is_known_address(&self, peer: IpAddr, now: Instant) -> bool {
        self.known
            .peek(&Origin::of(peer))
            .is_some_and(|at| self.is_lately(*at, now))
    }

    fn pair(&self, attempt: &Attempt, now: Instant) -> Option<Known> {
        let key = (attempt.account?, Origin::of(attempt.peer.to_canonical()));
        self.pairs
            .peek(&key)
            .copied()
            .filter(|known| self.is_lately(known.verified, now))
    }

    fn is_lately(&self, at: Instant, now: Instant) -> bool {
        now.saturating_duration_since(at) < self.rules.known_for
    }
}

/// Where an attempt comes from, as far as one owner can change it freely: an IPv4 address or an IPv6 /64; for
/// networks a /24 or a /48.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Origin {
    V4(u32),
    V6(u64),
}

impl Origin {
    fn of(peer: IpAddr) -> Self {
        match peer {
            IpAddr::V4(address) => Self::V4(address.to_bits()),
            IpAddr::V6(address) => Self::V6((address.to_bits() >> 64) as u64),
        }
    }

    fn network_of(peer: IpAddr) -> Self {
        match Self::of(peer) {
            Self::V4(bits) => Self::V4(bits & 0xffff_ff00),
            Self::V6(bits) => Self::V6(bits & 0xffff_ffff_ffff_0000),
        }
    }
}

/// Failures since a first one.
#[derive(Clone, Copy, Debug)]
struct Window {
    since: Instant,
    failures: u32,
}

impl Window {
    /// One failure more, in the running window or a new one.
    fn counted(running: Option<&Self>, allowance: Allowance, now: Instant) -> Self {
        match running {
            Some(window) if window.runs(allowance, now) => Self {
                failures: window.failures.saturating_add(1),
                ..*window
            },
            Some(_) | None => Self {
                since: now,
                failures: 1,
            },
        }
    }

    fn runs(&self, allowance: Allowance, now: Instant) -> bool {
        now.saturating_duration_since(self.since) < allowance.within
    }
}

fn is_over(window: Option<&Window>, allowance: Allowance, now: Instant) -> bool {
    window
        .is_some_and(|window| window.runs(allowance, now) && window.failures >= allowance.failures)
}

fn count<K: Eq + std::hash::Hash + Clone>(
    map: &mut Aging<K, Window>,
    key: K,
    allowance: Allowance,
    now: Instant,
) {
    let window = Window::counted(map.peek(&key), allowance, now);
    map.insert(key, window);
}

#[cfg(test)]
mod tests;
