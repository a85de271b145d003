//! How other servers are reached: DNS, TCP, TLS and the conversation, host by host. It knows no queue.
//!
//! Where things are: `settings.rs` is what it is told; `journey.rs` one attempt over all hosts of a next hop; `plan.rs` which
//! hosts these are; `guard.rs` which TLS each has to have; `conversation.rs` drives the pure session of `smtp-client` over a
//! stream; `policies.rs` and `https.rs` are MTA-STS; `tls_report.rs` counts what came of TLS (RFC 8460).

mod roots;
mod settings;

pub use roots::RootsError;
pub use settings::{Route, RouteTls, Settings};

use std::sync::Arc;

use arc_swap::ArcSwap;
use resolver::Resolver;
use rustls::RootCertStore;

/// The way to other servers.
pub struct Roads {
    live: ArcSwap<Live>,
    resolver: Arc<Resolver>,
}

/// Settings, and what was made of them.
struct Live {
    settings: Settings,
    roots: Arc<RootCertStore>,
}

impl Roads {
    /// Roads by these settings; the resolver is to be told whom to ask.
    ///
    /// # Errors
    /// A file of certificate authorities cannot be used.
    pub fn new(settings: Settings, resolver: Arc<Resolver>) -> Result<Self, RootsError> {
        let live = ArcSwap::from_pointee(Live::new(settings)?);
        Ok(Self { live, resolver })
    }

    /// New settings for all attempts that begin from now on.
    ///
    /// # Errors
    /// A file of certificate authorities cannot be used. Then everything stays as it was.
    pub fn reload(&self, settings: Settings) -> Result<(), RootsError> {
        self.live.store(Arc::new(Live::new(settings)?));
        Ok(())
    }
}

impl Live {
    fn new(settings: Settings) -> Result<Self, RootsError> {
        let roots = roots::usual(settings.ca.as_deref())?;
        Ok(Self { settings, roots })
    }
}
