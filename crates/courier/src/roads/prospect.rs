//! What would be done with mail for a next hop, for people who ask: the hosts, and which TLS each has to have. Nobody is
//! connected to but web servers of policies.

use std::sync::Arc;

use address::Host;
use delivery::schedule::{NextHop, Verdict};

use super::Roads;
use super::findings::Who;
use super::guard::Guard;
use super::journey;
use super::settings::RouteTls;
use super::stops::Way;

/// Where mail would go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prospect {
    /// To the first of these that takes it.
    Stops(Vec<Stop>),
    /// Nowhere; why, in words.
    Nowhere {
        /// It would be returned; otherwise it waits.
        refused: bool,
        /// Why.
        words: String,
    },
}

/// One host at one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Its name, or the literal.
    pub host: Host,
    /// Its address and port.
    pub address: std::net::SocketAddr,
    /// Which TLS there would be, in words.
    pub tls: String,
}

impl Roads {
    /// What would be done with mail for this next hop.
    pub async fn prospect(&self, hop: &NextHop) -> Prospect {
        let live = self.live.load_full();
        let found = match Way::to(hop, &live.settings) {
            Err(finding) => Err(*finding),
            Ok(way) => {
                let place = self.place(&live).await;
                let stops = way.stops(&self.resolver, &live.settings, &place).await;
                stops.map(|(stops, _)| (way, stops))
            }
        };
        let (way, stops) = match found {
            Ok(found) => found,
            Err(finding) => {
                return Prospect::Nowhere {
                    refused: finding.verdict == Verdict::Refused,
                    words: finding.words,
                };
            }
        };
        let policy = journey::policy(self, &live, &way).await;
        let mut told: Vec<Stop> = Vec::new();
        let mut last = None;
        for stop in stops {
            let same = last
                .as_ref()
                .is_some_and(|host| Arc::ptr_eq(host, &stop.host));
            let tls = match told.last() {
                Some(before) if same => before.tls.clone(),
                Some(_) | None => match &way {
                    Way::Route(_, route) => of_route(route.tls).to_owned(),
                    Way::Mx(domain) => {
                        let guard = journey::guard(self, &live, &way, &stop, &policy);
                        match guard.await {
                            Ok(guard) => of_guard(&guard).to_owned(),
                            Err(barred) => {
                                let who = Who {
                                    host: stop.host.name.clone(),
                                    address: None,
                                };
                                who.barred(barred, domain).words
                            }
                        }
                    }
                },
            };
            told.push(Stop {
                host: stop.host.name.clone(),
                address: stop.address,
                tls,
            });
            last = Some(stop.host);
        }
        Prospect::Stops(told)
    }
}

fn of_route(tls: RouteTls) -> &'static str {
    match tls {
        RouteTls::None => "No TLS.",
        RouteTls::Opportunistic => "TLS if it is offered, with any certificate.",
        RouteTls::StartTls => "TLS by STARTTLS, with a certificate that is checked.",
        RouteTls::Implicit => "TLS from the first octet, with a certificate that is checked.",
    }
}

fn of_guard(guard: &Guard) -> &'static str {
    match guard {
        Guard::Plain => "No TLS.",
        Guard::Opportunistic { testing: false } => "TLS if it is offered, with any certificate.",
        Guard::Opportunistic { testing: true } => {
            "TLS if it is offered, with any certificate; the domain tests a policy (MTA-STS)."
        }
        Guard::Encrypted => {
            "TLS, with any certificate: what DNS promises of it (TLSA) cannot be used."
        }
        Guard::Promised { .. } => "TLS, with the certificate that DNS promises (DANE).",
        Guard::Verified => {
            "TLS, with a certificate that is checked: the domain has a policy (MTA-STS)."
        }
    }
}
