//! Where an attempt may stop: the hosts of a next hop at their addresses, in the order of trying.

use std::net::SocketAddr;
use std::sync::Arc;

use address::Host;
use delivery::schedule::NextHop;
use resolver::{MailHost, Place, Plan, Resolver};

use super::findings;
use super::memory::Memory;
use super::settings::{Route, Settings};
use super::tally::Finding;

/// Addresses that are tried in one attempt.
pub(super) const MOST: usize = 16;

/// What kind of way it is.
#[derive(Clone, Debug)]
pub(super) enum Way {
    /// By the MX records of a domain, or to an address literal.
    Mx(Host),
    /// As configured.
    Route(Box<str>, Arc<Route>),
}

/// One host at one address.
#[derive(Clone, Debug)]
pub(super) struct Stop {
    pub(super) host: Arc<MailHost>,
    pub(super) address: SocketAddr,
}

impl Way {
    /// The way to a next hop.
    ///
    /// # Errors
    /// There is no such route.
    pub(super) fn to(hop: &NextHop, settings: &Settings) -> Result<Self, Box<Finding>> {
        match hop {
            NextHop::Host(host) => Ok(Self::Mx(host.clone())),
            NextHop::Route(name) => match settings.routes.get(name) {
                Some(route) => Ok(Self::Route(name.clone(), Arc::new(route.clone()))),
                None => Err(findings::no_route(name).into()),
            },
            NextHop::Held(domain) => Err(findings::held(domain).into()),
        }
    }

    /// The stops on it, in the order of trying; the second says that there are more.
    ///
    /// # Errors
    /// There are none.
    pub(super) async fn stops(
        &self,
        resolver: &Resolver,
        settings: &Settings,
        place: &Place,
    ) -> Result<(Vec<Stop>, bool), Finding> {
        let mut stops = Vec::new();
        match self {
            Self::Mx(host) => match resolver.plan(host, place, &mut draw).await {
                Plan::Hosts(hosts) => add(&mut stops, hosts, settings.port),
                Plan::Never(why) => return Err(findings::nowhere(host, why)),
                Plan::Later => return Err(findings::later(host)),
                Plan::Forged(name) => return Err(findings::forged(&name)),
            },
            Self::Route(name, route) => {
                let anywhere = anywhere(place);
                let mut last = None;
                for (host, port) in &route.hosts {
                    let plan = if route.mx {
                        resolver.plan(host, &anywhere, &mut draw).await
                    } else {
                        resolver.plan_for_host(host, &anywhere).await
                    };
                    match plan {
                        Plan::Hosts(hosts) => add(&mut stops, hosts, *port),
                        Plan::Never(why) => last = Some(findings::no_way(name, host, why)),
                        Plan::Later => last = Some(findings::later(host)),
                        Plan::Forged(name) => last = Some(findings::forged(&name)),
                    }
                }
                if stops.is_empty() {
                    return Err(last.unwrap_or_else(|| findings::no_route(name)));
                }
            }
        }
        let more = stops.len() > MOST;
        stops.truncate(MOST);
        Ok((stops, more))
    }

    /// The domain whose promises of TLS count.
    pub(super) fn domain(&self) -> Option<&address::Domain> {
        match self {
            Self::Mx(host) => host.domain(),
            Self::Route(..) => None,
        }
    }
}

/// Who answered a moment ago comes first.
pub(super) fn living_first(stops: &mut [Stop], dead: &Memory) {
    stops.sort_by_cached_key(|stop| dead.has(stop.address));
}

/// What the administrator names may be anywhere, and be this machine.
fn anywhere(place: &Place) -> Place {
    let all = ["0.0.0.0/0", "::/0"];
    Place {
        names: Vec::new(),
        addresses: Vec::new(),
        allowed: all.iter().filter_map(|all| all.parse().ok()).collect(),
        families: place.families,
        dnssec: false,
    }
}

fn add(stops: &mut Vec<Stop>, hosts: Vec<MailHost>, port: u16) {
    for host in hosts {
        let host = Arc::new(host);
        stops.extend(host.addresses.iter().map(|address| Stop {
            host: Arc::clone(&host),
            address: SocketAddr::new(*address, port),
        }));
    }
}

/// A number below its argument. Without randomness the order is that of DNS, which turns it as well.
fn draw(below: usize) -> usize {
    let drawn = usize::try_from(getrandom::u64().unwrap_or_default() >> 1).unwrap_or_default();
    drawn % below.max(1)
}
