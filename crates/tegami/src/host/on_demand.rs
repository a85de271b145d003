//! Customers who fetch the mail that is kept for them (ODMR, RFC 2645): which domains they get at the moment, and the connection
//! that changes sides.
//!
//! A connection behind ATRN is the customer's to answer: it greets, and we send what waits, one message after the other, as the
//! client. What the customer sent before it could read our 250 was forgotten by then (`net::Host::take_over`): it answers
//! nothing we asked.

use std::collections::{BTreeSet, HashSet};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use address::Domain;
use courier::office::Hatch;
use courier::roads::{Customer, Roads};
use delivery::schedule::NextHop;
use net::{Level, Octets, Stop};
use tokio::time::Instant;

/// Behind so long a time no further message begins; the customer comes again for the rest. Each message has a time of its own
/// besides, as has every answer.
const LONGEST: Duration = Duration::from_secs(2 * 60 * 60);

/// So long after everybody was to leave a connection is cut off in any case.
const LAST_MOMENT: Duration = Duration::from_secs(3);

/// Where customers are served.
pub struct Customers {
    roads: Arc<Roads>,
    hatch: Hatch<Roads>,
    /// Domains whose mail somebody is getting.
    busy: Arc<Mutex<HashSet<Domain>>>,
}

/// Domains that nobody else gets while this lives.
struct Busy {
    all: Arc<Mutex<HashSet<Domain>>>,
    own: Vec<Domain>,
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut all = locked(&self.all);
        for domain in &self.own {
            all.remove(domain);
        }
    }
}

/// What a customer was granted.
pub struct Granted {
    hops: BTreeSet<NextHop>,
    busy: Busy,
}

/// Why nothing was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotGranted {
    /// Somebody is getting it at this moment.
    Busy,
    /// Nothing waits.
    Empty,
    /// The queue cannot be read.
    Unread,
}

/// Who is at the other end.
pub struct Visitor {
    /// The account that has logged in.
    pub account: String,
    /// Where it is.
    pub peer: IpAddr,
    /// Whether the connection is under TLS.
    pub tls: bool,
}

impl Customers {
    /// Nobody is served yet.
    pub fn new(roads: Arc<Roads>, hatch: Hatch<Roads>) -> Self {
        Self {
            roads,
            hatch,
            busy: Arc::default(),
        }
    }

    /// Sets the mail of these domains aside for one customer, if there is any. It looks through the queue.
    ///
    /// # Errors
    /// There is none, or it cannot be had now.
    pub async fn grant(&self, domains: Vec<Domain>) -> Result<Granted, NotGranted> {
        let busy = self.take(domains).ok_or(NotGranted::Busy)?;
        let hops = busy.own.iter().cloned().map(NextHop::Held).collect();
        match self.hatch.waits(&hops).await {
            Ok(true) => Ok(Granted { hops, busy }),
            Ok(false) => Err(NotGranted::Empty),
            Err(error) => {
                tracing::error!(error, "ATRN: the queue cannot be read");
                Err(NotGranted::Unread)
            }
        }
    }

    fn take(&self, domains: Vec<Domain>) -> Option<Busy> {
        let mut busy = locked(&self.busy);
        if domains.iter().any(|domain| busy.contains(domain)) {
            return None;
        }
        busy.extend(domains.iter().cloned());
        Some(Busy {
            all: Arc::clone(&self.busy),
            own: domains,
        })
    }

    /// Sends over this connection what was granted, and takes leave; no further message begins once it `is_over`, and none for
    /// a next hop that `waits`. Ends soon once `stop` is raised: behind the message that is on its way, or in the middle of it
    /// when that takes too long.
    pub async fn serve(
        &self,
        granted: Granted,
        line: Box<dyn Octets>,
        who: Visitor,
        stop: &Stop,
        (is_over, waits): (
            impl Fn() -> bool + Send + Sync,
            impl Fn(&NextHop) -> bool + Send + Sync,
        ),
    ) {
        let mut alarm = stop.alarm();
        // A type of its own: it is the deepest there is, and everything around it names it.
        let sent: Pin<Box<dyn Future<Output = ()> + Send + '_>> =
            Box::pin(self.send(&granted, line, &who, stop, (is_over, waits)));
        tokio::select! {
            biased;
            () = sent => {}
            // The office ends what is on its way, and writes down who has it.
            () = async {
                alarm.at_least(Level::Dropping).await;
                tokio::time::sleep(LAST_MOMENT).await;
            } => {
                tracing::info!(account = who.account, "cut off: the server stops");
            }
        }
        drop(granted.busy);
    }

    async fn send(
        &self,
        granted: &Granted,
        line: Box<dyn Octets>,
        who: &Visitor,
        stop: &Stop,
        (is_over, waits): (
            impl Fn() -> bool + Send + Sync,
            impl Fn(&NextHop) -> bool + Send + Sync,
        ),
    ) {
        let account = &who.account;
        let customer = Customer {
            address: who.peer,
            tls: who.tls,
        };
        let mut alarm = stop.alarm();
        let line = tokio::select! {
            biased;
            line = self.roads.turned(line, customer) => line,
            () = alarm.at_least(Level::Draining) => return,
        };
        let line = match line {
            Ok(line) => line,
            Err(why) => {
                tracing::warn!(account, why, "ATRN: no mail could be handed over");
                return;
            }
        };
        let until = Instant::now() + LONGEST;
        let is_enough = || stop.level() >= Level::Draining || Instant::now() >= until || is_over();
        let served = self
            .hatch
            .serve(&granted.hops, line, is_enough, waits)
            .await;
        tracing::info!(
            account,
            messages = served.messages,
            "ATRN: {}",
            if served.cut {
                "the connection ended before everything was offered"
            } else if served.paused {
                "the rest is paused"
            } else {
                "everything that waited was offered"
            }
        );
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
