//! Mail that waits for us at a provider: it is asked for over a connection of ours, and sent over the same (RFC 2645).
//!
//! Here is what comes before the provider begins to send. From then on the connection is that of a server session, whose
//! greeting the provider waits for (section 5.3).

use std::net::SocketAddr;

use address::{Domain, Host};
use delivery::schedule::NextHop;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use wire::TlsFacts;

use super::Roads;
use super::approach::Approach;
use super::findings::Who;
use super::guard::Guard;
use super::stops::{Way, living_first};
use super::stream::Stream;

/// What came of asking.
pub enum Fetched {
    /// Mail comes.
    Turned(Turned),
    /// None waits.
    Nothing,
}

/// A connection on which the other side is the client from now on.
pub struct Turned {
    stream: Stream<TcpStream>,
    /// The provider, as the configuration names it.
    pub host: Host,
    /// Where it is.
    pub address: SocketAddr,
    /// What is known of the TLS around it.
    pub tls: Option<TlsFacts>,
}

impl Turned {
    /// The connection. Nothing that was said on it before counts any more.
    pub fn into_stream(self) -> impl AsyncRead + AsyncWrite + Unpin + Send + 'static {
        self.stream
    }
}

impl Roads {
    /// Asks the server of a route for the mail that waits for these domains, or for all of the account's if there are none.
    ///
    /// # Errors
    /// In words for people, that of the host that was asked last.
    pub async fn fetch(&self, route: &str, domains: &[Domain]) -> Result<Fetched, String> {
        let live = self.live.load_full();
        let hop = NextHop::Route(route.into());
        let way = Way::to(&hop, &live.settings).map_err(|finding| finding.words)?;
        let place = self.place(&live).await;
        let stops = way.stops(&self.resolver, &live.settings, &place).await;
        let (mut stops, _) = stops.map_err(|finding| finding.words)?;
        living_first(&mut stops, &self.dead);
        let mut words = String::new();
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
                Ok(line) => {
                    let secured = line.conversation.secured();
                    let tls = secured.map(|secured| secured.facts.clone());
                    return Ok(Fetched::Turned(Turned {
                        stream: line.conversation.into_stream(),
                        host: who.host,
                        address: stop.address,
                        tls,
                    }));
                }
                Err(failed) if failed.nothing => return Ok(Fetched::Nothing),
                Err(failed) => words = failed.finding.words,
            }
        }
        Err(words)
    }
}
