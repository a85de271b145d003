//! How other servers are reached: DNS, TCP, TLS and the conversation, host by host. It knows no queue.
//!
//! Where things are: `settings.rs` is what it is told; `journey.rs` one attempt over all hosts of a next hop, `stops.rs` which
//! hosts these are, `guard.rs` which TLS each has to have, `approach.rs` the way to one of them; `conversation.rs` drives the
//! pure session of `smtp-client` over a stream; `tally.rs` and `findings.rs` are what it comes to for each recipient, and in
//! which words; `fetch.rs` asks a provider for mail instead of bringing any (RFC 2645), `customer.rs` is
//! the other side of that; `policies.rs`, `web.rs` and `https.rs`
//! are MTA-STS; `tls_report.rs` counts what came of TLS (RFC 8460).
//!
//! What it costs: an attempt holds one connection, one piece of the message (64 KiB) and what is under way of it; an idle
//! line holds its session and, under TLS, the buffers of rustls. What is remembered of others is bounded.

mod approach;
mod connect;
mod conversation;
mod customer;
mod feed;
mod fetch;
mod findings;
mod guard;
mod health;
mod https;
mod journey;
mod line;
mod memory;
mod pinned;
mod policies;
mod prospect;
mod roots;
mod settings;
mod stops;
mod stream;
mod tally;
mod tls;
mod tls_report;
mod web;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use address::Domain;
use arc_swap::ArcSwap;
use delivery::schedule::NextHop;
use mta_sts::Announced;
use resolver::{Asker, Place, Resolver, Texts};
use rustls::ClientConfig;
use smtp_client::Transaction;

use crate::carry::{Carry, Letter, Trip};
pub use customer::Customer;
pub use fetch::{About, Fetched, NotFetched, Turned};
use health::Health;
use journey::Journey;
pub use line::Line;
use memory::Memory;
use policies::{Found, Policies};
pub use prospect::{Prospect, Stop};
pub use roots::RootsError;
pub use settings::{Route, RouteTls, Settings};
use tls::Tls;
use tls_report::Results;
use web::Web;

/// An address where nobody answered is asked last for so long.
const DEAD_FOR: Duration = Duration::from_secs(60);
/// TLS is not tried again for so long where it came to nothing and need not be.
const PLAIN_FOR: Duration = Duration::from_secs(60 * 60);
/// A server that finished a conversation is trusted to finish others for so long.
const PROVEN_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// The way to other servers.
pub struct Roads {
    live: ArcSwap<Live>,
    resolver: Arc<Resolver>,
    health: Health,
    policies: Arc<Policies>,
    results: Arc<Results>,
    /// Addresses where nobody answered.
    dead: Memory,
    /// Addresses where TLS came to nothing.
    plain: Memory,
    /// Addresses where a conversation came to its end.
    proven: Memory,
}

/// Why there are no roads.
#[derive(Debug, thiserror::Error)]
pub enum RoadsError {
    /// A file of certificate authorities cannot be used.
    #[error(transparent)]
    Roots(#[from] RootsError),
    /// The cryptography library does not want these authorities.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// Reads the files that settings name, as [`Roads::new`] does.
///
/// # Errors
/// There would be no roads by these.
pub fn examine(settings: &Settings) -> Result<(), RoadsError> {
    Live::new(settings.clone()).map(|_| ())
}

/// Settings, and what was made of them.
struct Live {
    settings: Settings,
    tls: Tls,
    /// Routes that trust authorities of their own.
    own: BTreeMap<Box<str>, Arc<ClientConfig>>,
}

impl Roads {
    /// Roads by these settings; the resolver is to be told whom to ask. Policies and results are kept where the settings said
    /// first, whatever they say later.
    ///
    /// # Errors
    /// A file of certificate authorities cannot be used.
    pub fn new(settings: Settings, resolver: Arc<Resolver>) -> Result<Self, RoadsError> {
        let policies = Policies::new(settings.directory.join("mta-sts"));
        let results = Results::new(settings.directory.join("tls-results"));
        Ok(Self {
            live: ArcSwap::from_pointee(Live::new(settings)?),
            resolver,
            health: Health::default(),
            policies: Arc::new(policies),
            results: Arc::new(results),
            dead: Memory::new(DEAD_FOR),
            plain: Memory::new(PLAIN_FOR),
            proven: Memory::new(PROVEN_FOR),
        })
    }

    /// New settings for all attempts that begin from now on.
    ///
    /// # Errors
    /// A file of certificate authorities cannot be used. Then everything stays as it was.
    pub fn reload(&self, settings: Settings) -> Result<(), RoadsError> {
        self.live.store(Arc::new(Live::new(settings)?));
        Ok(())
    }

    /// What we are and want for attempts of now.
    async fn place(&self, live: &Live) -> Place {
        let mut place = live.settings.place.clone();
        place.dnssec = place.dnssec && self.health.is_good(&self.resolver).await;
        place
    }

    /// The policy of a domain.
    async fn policy(&self, domain: &Domain, live: &Arc<Live>) -> Found {
        let texts = self
            .resolver
            .texts(mta_sts::LABEL, domain, Asker::Ourselves);
        let announced = match texts.await {
            Texts::Found(texts) => mta_sts::announced(texts.iter().map(Vec::as_slice)),
            Texts::None => Announced::Nothing,
            Texts::Unclear => Announced::Unclear,
        };
        let web = Web {
            live: Arc::clone(live),
            resolver: Arc::clone(&self.resolver),
        };
        self.policies.of(domain, &announced, web).await
    }
}

impl Live {
    fn new(settings: Settings) -> Result<Self, RoadsError> {
        let tls = Tls::new(roots::usual(settings.ca.as_deref())?)?;
        let mut own = BTreeMap::new();
        for (name, route) in &settings.routes {
            if let Some(file) = &route.ca {
                own.insert(name.clone(), tls.trusting(roots::certificates(file)?)?);
            }
        }
        Ok(Self { settings, tls, own })
    }
}

impl Carry for Roads {
    type Line = Line;

    async fn carry(
        &self,
        hop: &NextHop,
        line: Option<Line>,
        transaction: Transaction,
        letter: &mut impl Letter,
    ) -> Trip<Line> {
        // The way is long, and most attempts end at its beginning.
        let journey = Box::new(Journey::new(self, transaction, letter));
        Box::pin(journey.go(hop, line)).await
    }

    async fn gone(&self, line: &mut Line) {
        line.gone().await;
    }

    async fn part(&self, line: Line) {
        line.part().await;
    }
}
