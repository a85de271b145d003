//! Mail that waits for us at a provider: it is asked for over a connection of ours, and sent over the same (RFC 2645).
//!
//! Here is what comes before the provider begins to send. From then on the connection is that of a server session, whose
//! greeting the provider waits for (section 5.3).

use std::net::SocketAddr;

use address::{Domain, Host};
use delivery::schedule::NextHop;
use reply::Enhanced;
use smtp_client::{Ending, Stage};
use tokio::io::{AsyncRead, AsyncWrite};
use wire::TlsFacts;

use super::Roads;
use super::approach::{Approach, Failed};
use super::findings::{self, Who};
use super::guard::Guard;
use super::line::Line;
use super::stops::{Way, living_first};
use super::stream::{Io, Stream};
use super::tally::{Finding, Weight};

/// What came of asking.
pub enum Fetched {
    /// Mail comes.
    Turned(Turned),
    /// None waits.
    Nothing,
}

/// A connection on which the other side is the client from now on.
pub struct Turned {
    stream: Stream<Box<dyn Io>>,
    /// The provider, as the configuration names it.
    pub host: Host,
    /// Where it is.
    pub address: SocketAddr,
    /// What is known of the TLS around it.
    pub tls: Option<TlsFacts>,
}

/// Why no mail can be fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub struct NotFetched {
    /// What it is about.
    pub about: About,
    /// For people.
    pub words: String,
}

/// What has to be looked at when no mail can be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// Where the provider is, whether it runs, and whether there is a way to it.
    Reach,
    /// Its certificate, or that it has none.
    Tls,
    /// The name and the password.
    Login,
    /// Whether it lets this account fetch these domains.
    Domains,
    /// It is no provider, or not at this port.
    Provider,
    /// Anything else.
    Other,
}

impl About {
    fn of(finding: &Finding) -> Self {
        match finding.status {
            Enhanced(_, 4, _) => Self::Reach,
            Enhanced(..) => Self::Other,
        }
    }

    fn of_failed(failed: &Failed) -> Self {
        match &failed.ending {
            _ if failed.tls => Self::Tls,
            None => Self::of(&failed.finding),
            Some(
                Ending::LoginRefused { .. } | Ending::LoginDistrusted { .. } | Ending::NoMechanism,
            ) => Self::Login,
            Some(Ending::NoTls(_) | Ending::TlsFailed) => Self::Tls,
            Some(Ending::Refused {
                at: Stage::Turn, ..
            }) => Self::Domains,
            Some(Ending::NoTurn | Ending::NotSmtp { .. }) => Self::Provider,
            Some(Ending::Silent(_) | Ending::Lost(_)) => Self::Reach,
            Some(
                Ending::Refused { .. }
                | Ending::Ourselves
                | Ending::Parted
                | Ending::NothingWaits
                | Ending::Unread,
            ) => Self::Other,
        }
    }
}

impl From<Finding> for NotFetched {
    fn from(finding: Finding) -> Self {
        Self {
            about: About::of(&finding),
            words: finding.words,
        }
    }
}

impl Turned {
    /// The connection. Nothing that was said on it before counts any more.
    pub fn into_stream(self) -> impl AsyncRead + AsyncWrite + Unpin + Send + 'static {
        self.stream
    }
}

impl Roads {
    /// Asks the server of a route for the mail that waits for these domains, or for all of the account's if there are none.
    /// A server that says no is believed: its other addresses are asked only where nobody answered, or not as it should.
    ///
    /// # Errors
    /// In words for people, that of the address that had most to say.
    pub async fn fetch(&self, route: &str, domains: &[Domain]) -> Result<Fetched, NotFetched> {
        let live = self.live.load_full();
        let hop = NextHop::Route(route.into());
        let way = Way::to(&hop, &live.settings).map_err(|finding| *finding)?;
        let place = self.place(&live).await;
        let (mut stops, _) = way.stops(&self.resolver, &live.settings, &place).await?;
        living_first(&mut stops, &self.dead);
        let mut worst: Option<Failed> = None;
        for stop in &stops {
            let who = Who {
                host: stop.host.name.clone(),
                address: Some(stop.address),
            };
            let approach = Approach {
                roads: self,
                live: &live,
                way: &way,
                stop,
                // That of a route is what the route says.
                guard: Guard::Plain,
                who: &who,
                // Whoever fetches mail says who it is, so nothing is tried again in the clear.
                secret: true,
                lax: false,
                fetch: Some(domains),
            };
            match Box::pin(approach.connect()).await {
                Ok(line) => return Ok(Fetched::Turned(turned(line, who.host, stop.address))),
                Err(failed) if failed.ending == Some(Ending::NothingWaits) => {
                    return Ok(Fetched::Nothing);
                }
                Err(failed) => {
                    let stands = failed.finding.weight >= Weight::Door;
                    if worst
                        .as_ref()
                        .is_none_or(|worst| worst.finding.weight <= failed.finding.weight)
                    {
                        worst = Some(failed);
                    }
                    if stands {
                        break;
                    }
                }
            }
        }
        Err(match worst {
            Some(failed) => NotFetched {
                about: About::of_failed(&failed),
                words: failed.finding.words,
            },
            None => NotFetched::from(findings::no_route(route)),
        })
    }
}

fn turned(line: Line, host: Host, address: SocketAddr) -> Turned {
    let secured = line.conversation.secured();
    let tls = secured.map(|secured| secured.facts.clone());
    Turned {
        stream: line.conversation.into_stream(),
        host,
        address,
        tls,
    }
}
