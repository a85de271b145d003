//! Many listeners behind one gate, from the first accept to the last connection gone.
//!
//! It owns the counts and the stopping; what is said on a connection is none of its business.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use ipnet::IpNet;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;
use wire::Admission;

use crate::accept::Door;
use crate::bind::Bound;
use crate::driver::now;
use crate::gate::{Gate, Limits, Permit};
use crate::reception::{ForGuests, ForMail, Guests, Reception};
use crate::serve::Endpoint;
use crate::service::Service;
use crate::stop::{Level, Stop};

mod turned;

/// Connections being turned away at a time, over all listeners. Beyond it they are closed without a word.
const REFUSALS: usize = 512;

/// Connections whose PROXY header is awaited at a time, over all listeners. Beyond it they are closed.
const ARRIVALS: usize = 1024;

/// After the drain deadline, how long to wait for dropped connections to be really gone.
const DROPPING: Duration = Duration::from_secs(1);

/// A running server. Clones are the same server.
#[derive(Clone, Debug)]
pub struct Server {
    shared: Arc<Shared>,
}

/// What all listeners of a server have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) gate: Arc<Gate>,
    pub(crate) stop: Stop,
    /// Connections that were let in.
    pub(crate) sessions: TaskTracker,
    /// How many of them there were when somebody wanted them dropped.
    cut: AtomicUsize,
    /// Accept loops, and connections being turned away.
    pub(crate) doorstep: TaskTracker,
    pub(crate) refusals: Arc<Semaphore>,
    /// Whose PROXY header is required, and believed.
    pub(crate) proxies: ArcSwap<Vec<IpNet>>,
    pub(crate) arrivals: Arc<Semaphore>,
    /// Addresses that hide whoever wears them.
    gateways: ArcSwap<Vec<IpAddr>>,
    gateway_seen: AtomicBool,
    ids: AtomicU64,
    listeners: Mutex<Vec<Arc<Listening>>>,
}

/// One listener's name, address and counts.
#[derive(Debug)]
pub(crate) struct Listening {
    pub(crate) name: Arc<str>,
    pub(crate) address: SocketAddr,
    /// Its accept loop runs, and the last accept did not fail for want of something of ours.
    pub(crate) accepting: AtomicBool,
    pub(crate) open: AtomicU64,
    pub(crate) total: AtomicU64,
    pub(crate) refused: AtomicU64,
}

/// One listener, for `tegami status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerStatus {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// The address it is bound to.
    pub address: SocketAddr,
    /// Sessions open now.
    pub open: u64,
    /// Sessions since the start, open ones included.
    pub total: u64,
    /// Connections turned away since the start.
    pub refused: u64,
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Sessions that were open when the drain began.
    pub open: usize,
    /// Those of them that were still open at the deadline and were dropped.
    pub dropped: usize,
}

impl Server {
    /// A server without listeners.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            shared: Arc::new(Shared {
                gate: Gate::new(limits),
                stop: Stop::new(),
                sessions: TaskTracker::new(),
                cut: AtomicUsize::new(0),
                doorstep: TaskTracker::new(),
                refusals: Arc::new(Semaphore::new(REFUSALS)),
                proxies: ArcSwap::default(),
                arrivals: Arc::new(Semaphore::new(ARRIVALS)),
                gateways: ArcSwap::default(),
                gateway_seen: AtomicBool::new(false),
                ids: AtomicU64::new(0),
                listeners: Mutex::default(),
            }),
        }
    }

    /// Starts accepting on a bound socket. Addresses with the same [`Endpoint::name`] are one listener to the
    /// limits per address.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn listen<S: Service>(&self, bound: Bound, endpoint: Endpoint, service: Arc<S>) {
        let name = Arc::clone(&endpoint.name);
        self.open(bound, name, ForMail { endpoint, service });
    }

    /// Starts accepting guests of another protocol, which the log calls `proto`. Addresses with the same `name` are one
    /// listener to the limits per address.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn listen_for_guests<G: Guests>(
        &self,
        bound: Bound,
        name: Arc<str>,
        proto: &'static str,
        guests: Arc<G>,
    ) {
        let reception = ForGuests {
            name: Arc::clone(&name),
            proto,
            guests,
        };
        self.open(bound, name, reception);
    }

    fn open(&self, bound: Bound, name: Arc<str>, reception: impl Reception) {
        let listening = Arc::new(Listening {
            name: Arc::clone(&name),
            address: bound.address(),
            accepting: AtomicBool::new(true),
            open: AtomicU64::new(0),
            total: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        });
        let number = {
            let mut listeners = self.shared.listeners();
            listeners.push(Arc::clone(&listening));
            number(&listeners, &name)
        };
        let door = Door {
            number,
            listening,
            reception,
            shared: Arc::clone(&self.shared),
        };
        self.shared
            .doorstep
            .spawn(Arc::new(door).keep(bound.listener));
    }

    /// Replaces the limits for connections to come.
    pub fn set_limits(&self, limits: Limits) {
        self.shared.gate.set_limits(limits);
    }

    /// Replaces the networks of proxies, for connections to come. Whoever connects from one of them must begin
    /// with a PROXY header, and the address it names counts from then on as the peer's. Guests are not asked for one.
    pub fn set_proxies(&self, networks: Vec<IpNet>) {
        self.shared.proxies.store(Arc::new(networks));
    }

    /// Replaces the addresses of gateways. The first connection that comes from one is worth a warning, since a NAT
    /// hides the client; what such an address is trusted with is the caller's affair.
    pub fn set_gateways(&self, addresses: Vec<IpAddr>) {
        self.shared.gateways.store(Arc::new(addresses));
    }

    /// The addresses last given to [`set_gateways`](Self::set_gateways).
    #[must_use]
    pub fn gateways(&self) -> Arc<Vec<IpAddr>> {
        self.shared.gateways.load_full()
    }

    /// Counts a session of this listener for the address that a proxy says it belongs to, for as long as the permit
    /// lives.
    ///
    /// # Errors
    /// That address has as many sessions as it may have, or comes too often.
    pub fn readmit(&self, listener: &str, peer: IpAddr) -> Result<Permit, Admission> {
        let number = number(&self.shared.listeners(), listener);
        self.shared.gate.readmit(number, peer, now())
    }

    /// Every listener, in the order they were added.
    #[must_use]
    pub fn status(&self) -> Vec<ListenerStatus> {
        let listeners = self.shared.listeners();
        listeners.iter().map(|one| one.status()).collect()
    }

    /// Whether every listener can take the next connection.
    #[must_use]
    pub fn is_accepting(&self) -> bool {
        let listeners = self.shared.listeners();
        listeners
            .iter()
            .all(|one| one.accepting.load(Ordering::Relaxed))
    }

    /// The switch that [`shutdown`](Self::shutdown) throws; other tasks of the process may watch it.
    #[must_use]
    pub fn stop(&self) -> &Stop {
        &self.shared.stop
    }

    /// Drops what is still open, now: a [`shutdown`](Self::shutdown) that waits goes on.
    pub fn cut(&self) {
        let open = self.shared.sessions.len();
        // Counted before they hear of it, for they may be gone before anybody looks.
        self.shared.cut.store(open, Ordering::Release);
        self.shared.stop.raise(Level::Dropping);
    }

    /// Stops: sessions are told to finish what they have in hand, newcomers are turned away, and what is still
    /// open after `within`, or once [`cut`](Self::cut) is called, is dropped. All connections
    /// and listening sockets are gone when this returns.
    pub async fn shutdown(&self, within: Duration) -> Drained {
        let shared = &self.shared;
        shared.stop.raise(Level::Draining);
        let open = shared.sessions.len();
        shared.sessions.close();
        let mut alarm = shared.stop.alarm();
        let dropped = tokio::select! {
            biased;
            () = alarm.at_least(Level::Dropping) => shared.cut.load(Ordering::Acquire),
            () = shared.sessions.wait() => 0,
            () = sleep(within) => shared.sessions.len(),
        };
        shared.stop.raise(Level::Dropping);
        shared.doorstep.close();
        let gone = async { tokio::join!(shared.sessions.wait(), shared.doorstep.wait()) };
        if timeout(DROPPING, gone).await.is_err() {
            tracing::warn!(left = shared.sessions.len(), "connections do not end");
        }
        Drained { open, dropped }
    }
}

impl Shared {
    /// Says, once in the life of the server, that a client came in a gateway's clothes.
    pub(crate) fn look_at(&self, peer: SocketAddr) {
        let address = peer.ip().to_canonical();
        if self.gateways.load().contains(&address)
            && !self.gateway_seen.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(
                gateway = %address,
                remedy = "let clients keep their addresses: host networking (network_mode: host), a proxy that sends \
                          PROXY headers ([proxy] from), or Docker without its userland-proxy and with IPv6 in the \
                          container's network",
                "a client wears the address of the default gateway, so a NAT hides who it is: this address is trusted \
                 for nothing, and all clients that wear it share the limits of one"
            );
        }
    }

    pub(crate) fn is_proxy(&self, peer: SocketAddr) -> bool {
        let address = peer.ip().to_canonical();
        let proxies = self.proxies.load();
        proxies.iter().any(|network| network.contains(&address))
    }

    pub(crate) fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Sessions open at all addresses of a listener.
    pub(crate) fn inside(&self, listener: &str) -> u64 {
        let listeners = self.listeners();
        let its = listeners.iter().filter(|one| *one.name == *listener);
        its.map(|one| one.open.load(Ordering::Relaxed)).sum()
    }

    fn listeners(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Listening>>> {
        self.listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same for all addresses of a listener.
fn number(listeners: &[Arc<Listening>], name: &str) -> u16 {
    let place = listeners.iter().position(|one| *one.name == *name);
    place
        .and_then(|place| u16::try_from(place).ok())
        .unwrap_or(u16::MAX)
}

impl Listening {
    fn status(&self) -> ListenerStatus {
        ListenerStatus {
            name: Arc::clone(&self.name),
            address: self.address,
            open: self.open.load(Ordering::Relaxed),
            total: self.total.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests;
