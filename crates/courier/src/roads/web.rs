//! Where policies of MTA-STS come from: the web server of the domain, over HTTPS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use address::{Domain, Host};
use mta_sts::{Fetch, FetchError, Response};
use resolver::{MailHost, Plan, Resolver};
use rustls::pki_types::ServerName;
use tokio::io::BufStream;
use tokio::time::timeout;

use super::Live;
use super::connect::connect;
use super::https;
use super::tls_report::Failure;

/// How long all of it may take (RFC 8461 section 3.3).
const PATIENCE: Duration = Duration::from_secs(60);
/// Addresses that are tried.
const MOST: usize = 4;
/// Where a policy is.
const PATH: &str = "/.well-known/mta-sts.txt";

/// Asks web servers.
pub(super) struct Web {
    pub(super) live: Arc<Live>,
    pub(super) resolver: Arc<Resolver>,
}

impl Fetch for Web {
    async fn fetch(&self, domain: &Domain) -> Result<Response, FetchError> {
        let fetched = timeout(PATIENCE, self.ask(domain)).await;
        fetched.unwrap_or(Err(FetchError::Unreachable))
    }
}

impl Web {
    async fn ask(&self, domain: &Domain) -> Result<Response, FetchError> {
        let host = Domain::parse(&format!("mta-sts.{domain}"));
        let host = host.map_err(|_| FetchError::Unreachable)?;
        // Policies come from the networks that mail goes to.
        let place = &self.live.settings.place;
        let name = Host::Domain(host.clone());
        let Plan::Hosts(hosts) = self.resolver.plan_for_host(&name, place).await else {
            return Err(FetchError::Unreachable);
        };
        let addresses = hosts
            .iter()
            .flat_map(|MailHost { addresses, .. }| addresses);
        let mut error = FetchError::Unreachable;
        for address in addresses.take(MOST) {
            let address = SocketAddr::new(*address, self.live.settings.https_port);
            match self.get(&host, address).await {
                Ok(response) => return Ok(response),
                Err(other) => error = other,
            }
        }
        Err(error)
    }

    async fn get(&self, host: &Domain, address: SocketAddr) -> Result<Response, FetchError> {
        let unreachable = |_| FetchError::Unreachable;
        let stream = connect(address, &self.live.settings).await;
        let stream = stream.map_err(unreachable)?;
        let name = ServerName::try_from(host.as_str().to_owned());
        let name = name.map_err(|_| FetchError::Unreachable)?;
        let handshake = self.live.tls.verified(name).for_http();
        let made = handshake.make(stream).await.map_err(|fault| {
            tracing::debug!(%host, %fault, "no TLS with the web server of a policy");
            match fault.failure {
                Failure::HostMismatch | Failure::Expired | Failure::NotTrusted => {
                    FetchError::Certificate
                }
                Failure::NoStartTls
                | Failure::Validation
                | Failure::TlsaInvalid
                | Failure::DnssecInvalid
                | Failure::StsFetch
                | Failure::StsInvalid
                | Failure::StsWebpki => FetchError::Unreachable,
            }
        })?;
        let mut stream = BufStream::new(made.stream);
        https::get(&mut stream, host.as_str(), PATH).await
    }
}
