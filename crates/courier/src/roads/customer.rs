//! A connection that a customer gave us (RFC 2645): it opened the connection, logged in, and asked for its mail with ATRN.
//! From here on it is the server, which greets first (section 5.3), and we are the client.
//!
//! Whose mail it is, and whether it may have it, was decided by whoever hands the connection over.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use address::Host;
use smtp_client::{Config, Secured, TlsUse};
use tokio::io::{AsyncRead, AsyncWrite};
use wire::TlsFacts;

use super::conversation::{Conversation, Rest};
use super::findings::Who;
use super::line::Line;
use super::stream::Io;
use super::{Live, Roads};

/// What is known of a customer.
#[derive(Clone, Debug)]
pub struct Customer {
    /// Its address.
    pub address: IpAddr,
    /// Whether there is TLS around the connection.
    pub tls: bool,
}

impl Roads {
    /// Waits for the greeting of a customer, and says EHLO. What the customer said before it was its turn must not be in
    /// the stream any more. It takes no longer than [`Settings::opening`](super::Settings::opening).
    ///
    /// # Errors
    /// In words for people: it said something else, or nothing.
    pub async fn turned(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        customer: Customer,
    ) -> Result<Line, String> {
        let live = self.live.load_full();
        let Customer { address, tls } = customer;
        // Nobody calls there, so its port is nothing to anybody.
        let address = SocketAddr::new(address, 0);
        let who = Who {
            host: Host::Literal(address.ip()),
            address: Some(address),
        };
        // Who logged in is known better than by any certificate, so mail that needs TLS (RFC 8689) may go over it.
        let secured = tls.then(|| Secured {
            // What was negotiated is of use to a login only, and we do not log in.
            facts: TlsFacts {
                version: "TLS",
                cipher: String::new(),
                binding: None,
            },
            authenticated: true,
        });
        let stream: Box<dyn Io> = Box::new(stream);
        let mut conversation = Box::new(Conversation::handed(stream, config(&live), secured));
        match conversation.begin(live.settings.opening).await {
            Rest::Ready(_) => Ok(Line {
                conversation,
                who,
                address,
                live,
                lax: false,
                spent: false,
            }),
            Rest::Turned => Err(who.internal("it wants mail of ours instead").words),
            Rest::Over(ending) => {
                let late = conversation.is_overtime();
                Err(who.ended(&ending, None, late).words)
            }
        }
    }
}

/// The customer cannot be called back, so everything goes over the one connection there is; TLS is around it, or is not.
fn config(live: &Live) -> Arc<Config> {
    let settings = &live.settings;
    Arc::new(Config {
        tls: TlsUse::Never,
        login: None,
        timeouts: settings.timeouts,
        max_recipients: settings.most_recipients,
        max_transactions: u32::MAX,
        ..Config::new(settings.hostname.clone())
    })
}
