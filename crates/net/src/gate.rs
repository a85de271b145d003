//! Who may come in: caps in total and per address, and how fast one address may connect.
//!
//! It counts and forgets; what a peer who is turned away hears is the session's business. Everything here is
//! bounded: the map holds at most [`MOST_ADDRESSES`] entries, and when it is full it first forgets addresses
//! that have no connection open. Those only lose their history of how fast they came.

mod rate;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use ipnet::IpNet;
use wire::Admission;

pub use rate::{Rate, RateError};

/// Most addresses remembered at a time, open connections excepted (each counts against [`Limits::sessions`]).
const MOST_ADDRESSES: usize = 64 * 1024;

/// The map is not swept while it is smaller than this.
const SWEEP_FROM: usize = 1024;

/// What a gate allows. May be replaced while the server runs; open sessions stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Sessions at a time, over all listeners (RFC 5321 section 4.5.4.2: many are served at once).
    pub sessions: usize,
    /// Sessions at a time from one address (IPv6: one /64), per listener.
    pub sessions_per_address: u32,
    /// New connections from one address, per listener; `None` is unlimited.
    pub connect_rate: Option<Rate>,
    /// Networks free of both limits per address.
    pub exempt: Vec<IpNet>,
    /// Networks of proxies that say in the session for whom they speak. They are free of both limits, too, until then;
    /// see [`Gate::readmit`].
    pub speakers: Vec<IpNet>,
    /// Networks of reverse proxies, whose guests all wear one address. Both limits are no limits for them where guests are
    /// received; see [`Gate::admit_guest`].
    pub fronts: Vec<IpNet>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions: 20_000,
            sessions_per_address: 30,
            connect_rate: Some(Rate::new(300, Duration::from_secs(60))),
            exempt: Vec::new(),
            speakers: Vec::new(),
            fronts: Vec::new(),
        }
    }
}

/// An address as limits see it: v4-mapped IPv6 is IPv4, and IPv6 is its /64, the least a site is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressKey {
    /// One IPv4 address.
    V4([u8; 4]),
    /// The upper half of an IPv6 address.
    V6([u8; 8]),
}

impl From<IpAddr> for AddressKey {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self::V4(v4.octets()),
            IpAddr::V6(v6) => {
                let [a, b, c, d, e, f, g, h, ..] = v6.octets();
                Self::V6([a, b, c, d, e, f, g, h])
            }
        }
    }
}

/// `address` with a v4-mapped IPv6 address turned into the IPv4 address it stands for.
pub(crate) fn normalised(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// The same as text, for logs that have it in every line.
pub(crate) fn shown(peer: SocketAddr) -> String {
    match normalised(peer) {
        SocketAddr::V4(v4) => {
            let mut text = String::with_capacity("255.255.255.255:65535".len());
            // Writing into memory does not fail.
            let _ = address::dotted(*v4.ip(), &mut text);
            text.push(':');
            // A number alone is written faster than anything `write!` does.
            text.push_str(&v4.port().to_string());
            text
        }
        v6 @ SocketAddr::V6(_) => v6.to_string(),
    }
}

/// Counts sessions and decides on new ones. Shared by all listeners of a server.
#[derive(Debug)]
pub struct Gate {
    limits: ArcSwap<Limits>,
    open: AtomicUsize,
    addresses: Mutex<Addresses>,
}

/// A listener and an address: the limits per address hold per listener.
type Key = (u16, AddressKey);

#[derive(Debug)]
struct Addresses {
    entries: HashMap<Key, Entry>,
    sweep_at: usize,
}

#[derive(Debug, Default)]
struct Entry {
    open: u32,
    /// When the connections so far would have come, evenly spaced (GCRA's theoretical arrival time).
    paced_until: Option<Instant>,
}

impl Gate {
    /// A gate with nobody inside.
    #[must_use]
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            limits: ArcSwap::from_pointee(limits),
            open: AtomicUsize::new(0),
            addresses: Mutex::new(Addresses {
                entries: HashMap::new(),
                sweep_at: SWEEP_FROM,
            }),
        })
    }

    /// Replaces the limits for connections to come.
    pub fn set_limits(&self, limits: Limits) {
        self.limits.store(Arc::new(limits));
    }

    /// The limits in force.
    #[must_use]
    pub fn limits(&self) -> Arc<Limits> {
        self.limits.load_full()
    }

    /// Sessions open over all listeners.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Lets a connection in, or says why not. `listener` is any number that is the same for one listener.
    ///
    /// # Errors
    /// The verdict to give to the session that turns the peer away; never [`Admission::Welcome`].
    pub fn admit(
        self: &Arc<Self>,
        listener: u16,
        peer: IpAddr,
        now: Instant,
    ) -> Result<Permit, Admission> {
        let limits = self.limits.load();
        let mut permit = self.count_one(&limits)?;
        let free = limits.exempt.iter().chain(&limits.speakers);
        permit.key = self.count(listener, peer, &limits, free, now)?;
        Ok(permit)
    }

    /// Lets a guest in (see [`Guests`](crate::Guests)), or says why not. `inside` is how many the listener has already, at
    /// all of its addresses: a quarter of all sessions is the most, so that mail has room whatever a reverse proxy passes
    /// on.
    ///
    /// # Errors
    /// As [`Gate::admit`].
    pub fn admit_guest(
        self: &Arc<Self>,
        listener: u16,
        peer: IpAddr,
        inside: u64,
        now: Instant,
    ) -> Result<Permit, Admission> {
        let limits = self.limits.load();
        if usize::try_from(inside).is_ok_and(|inside| inside < limits.sessions.div_ceil(4)) {
            let mut permit = self.count_one(&limits)?;
            let free = limits.exempt.iter().chain(&limits.fronts);
            permit.key = self.count(listener, peer, &limits, free, now)?;
            Ok(permit)
        } else {
            Err(Admission::TooManySessions)
        }
    }

    /// One more of all sessions.
    fn count_one(self: &Arc<Self>, limits: &Limits) -> Result<Permit, Admission> {
        if self.open.fetch_add(1, Ordering::AcqRel) >= limits.sessions {
            self.open.fetch_sub(1, Ordering::AcqRel);
            return Err(Admission::TooManySessions);
        }
        Ok(Permit {
            gate: Arc::clone(self),
            counts: true,
            key: None,
        })
    }

    /// Counts a session that is inside already for the address that a proxy says it belongs to. The session's own
    /// permit stays.
    ///
    /// # Errors
    /// As [`Gate::admit`], for the limits per address.
    pub fn readmit(
        self: &Arc<Self>,
        listener: u16,
        peer: IpAddr,
        now: Instant,
    ) -> Result<Permit, Admission> {
        let limits = self.limits.load();
        Ok(Permit {
            gate: Arc::clone(self),
            counts: false,
            key: self.count(listener, peer, &limits, limits.exempt.iter(), now)?,
        })
    }

    /// Counts a session for its address, unless that is in one of the `free` networks.
    fn count<'a>(
        &self,
        listener: u16,
        peer: IpAddr,
        limits: &Limits,
        mut free: impl Iterator<Item = &'a IpNet>,
        now: Instant,
    ) -> Result<Option<Key>, Admission> {
        let peer = peer.to_canonical();
        if free.any(|network| network.contains(&peer)) {
            return Ok(None);
        }
        let key = (listener, AddressKey::from(peer));
        self.lock().enter(key, limits, now)?;
        Ok(Some(key))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Addresses> {
        self.addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Addresses {
    fn enter(&mut self, key: Key, limits: &Limits, now: Instant) -> Result<(), Admission> {
        if self.entries.len() >= self.sweep_at {
            self.sweep(now);
        }
        let entry = self.entries.entry(key).or_default();
        if entry.open >= limits.sessions_per_address {
            return Err(Admission::TooManyFromAddress);
        }
        if let Some(rate) = limits.connect_rate {
            entry.paced_until = Some(
                rate.admit(entry.paced_until, now)
                    .ok_or(Admission::TooFast)?,
            );
        }
        entry.open += 1;
        Ok(())
    }

    fn leave(&mut self, key: Key) {
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.open = entry.open.saturating_sub(1);
            if entry.open == 0 && entry.paced_until.is_none() {
                self.entries.remove(&key);
            }
        }
    }

    /// Forgets whoever is neither here nor was here lately; under pressure, whoever is not here. The next
    /// sweep is a doubling away, so that its cost spreads thin.
    fn sweep(&mut self, now: Instant) {
        self.entries.retain(|_, entry| {
            entry.open > 0 || entry.paced_until.is_some_and(|until| until > now)
        });
        if self.entries.len() > MOST_ADDRESSES / 2 {
            self.entries.retain(|_, entry| entry.open > 0);
        }
        self.sweep_at = (self.entries.len() * 2).max(SWEEP_FROM);
        self.entries.shrink_to(self.sweep_at);
    }
}

/// A place inside the gate, free again when dropped.
#[derive(Debug)]
pub struct Permit {
    gate: Arc<Gate>,
    /// It is one of all sessions.
    counts: bool,
    key: Option<Key>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.counts {
            self.gate.open.fetch_sub(1, Ordering::AcqRel);
        }
        if let Some(key) = self.key {
            self.gate.lock().leave(key);
        }
    }
}

#[cfg(test)]
mod tests;
