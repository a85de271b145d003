//! One connection from its first octet to its last: handshake where TLS is implicit, session, farewell.
//!
//! It works over any stream, which is how the whole of it is tested without a socket. Accepting and counting
//! happen before it is called.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use reply::Protocol;
use rustls::ServerConfig;
use tracing::Instrument as _;
use wire::Admission;

use crate::driver::{self, Driver, Parting, REFUSED_WRITE_DEADLINE, Terms, WRITE_DEADLINE};
use crate::gate::{normalised, shown};
use crate::service::{Connection, Host, Service};
use crate::stop::Stop;
use crate::stream::{Stream, Transport};

/// What a listener offers.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Its name in the configuration, such as `submission` or `device.scanner`.
    pub name: Arc<str>,
    /// The protocol its sessions speak.
    pub protocol: Protocol,
    /// How it comes by TLS.
    pub security: Security,
}

/// How a listener comes by TLS. Make the configuration with [`crate::tls::server_config`].
#[derive(Clone, Debug)]
pub enum Security {
    /// Not at all.
    Plain,
    /// The session may ask for it (STARTTLS, STLS).
    StartTls(Arc<ServerConfig>),
    /// Before the session begins (RFC 8314 section 3).
    Implicit(Arc<ServerConfig>),
}

/// One connection as the listener met it.
#[derive(Debug)]
pub struct Meeting<P> {
    /// Number of the connection.
    pub id: u64,
    /// The peer's address.
    pub peer: SocketAddr,
    /// Our address.
    pub local: SocketAddr,
    /// Dropped when the peer's place is free again: with the session, or with a long last reply.
    pub place: Result<P, Admission>,
}

/// Serves one connection. It is over when this returns; a panic in the session or its host ends this
/// connection and nothing else.
pub async fn serve<IO, S, P>(
    io: IO,
    service: &S,
    endpoint: &Endpoint,
    stop: &Stop,
    meeting: Meeting<P>,
) where
    IO: Transport,
    S: Service,
{
    // At the highest level, so that whatever passes says whom it is about.
    let span = tracing::error_span!(
        "connection",
        proto = match endpoint.protocol {
            Protocol::Smtp => "smtp",
            Protocol::Pop3 => "pop3",
        },
        conn = meeting.id,
        peer = shown(meeting.peer),
        listener = &*endpoint.name,
        tls = tracing::field::Empty,
        // Whom a proxy says that it speaks for; the host fills it in.
        client = tracing::field::Empty,
    );
    // Boxed where it is made, so that it exists once, and not once more in every future around it.
    let connection = Box::pin(converse(io, service, endpoint, stop, meeting));
    guard(connection).instrument(span).await;
}

async fn converse<IO, S, P>(
    io: IO,
    service: &S,
    endpoint: &Endpoint,
    stop: &Stop,
    meeting: Meeting<P>,
) where
    IO: Transport,
    S: Service,
{
    let (admission, place) = match meeting.place {
        Ok(place) => (Admission::Welcome, Some(place)),
        Err(refusal) => (refusal, None),
    };
    let (stream, tls, starttls) = match &endpoint.security {
        Security::Plain => (Stream::Plain(io), None, None),
        Security::StartTls(config) => (Stream::Plain(io), None, Some(Arc::clone(config))),
        // A handshake is the dearest thing a peer can ask for; one that is turned away does not get it.
        Security::Implicit(_) if admission != Admission::Welcome => {
            // Newcomers of a server that stops are no news.
            if admission != Admission::Stopping {
                driver::unheard(admission, driver::now());
            }
            return;
        }
        Security::Implicit(config) => {
            match driver::greet_in_tls(io, Arc::clone(config), stop).await {
                Ok((stream, facts)) => (stream, Some(facts), None),
                Err(Some(farewell)) => return farewell.finish().await,
                Err(None) => return,
            }
        }
    };
    let connection = Connection {
        id: meeting.id,
        peer: normalised(meeting.peer),
        local: normalised(meeting.local),
        tls_available: starttls.is_some(),
        tls,
        admission,
    };
    tracing::debug!(?admission, "open");
    let write_deadline = if admission == Admission::Welcome {
        WRITE_DEADLINE
    } else {
        REFUSED_WRITE_DEADLINE
    };
    let terms = Terms {
        starttls,
        write_deadline,
        stop: stop.clone(),
        from_here: meeting.peer.ip().to_canonical().is_loopback(),
    };
    let (session, host) = service.connect(connection, driver::now());
    let mut driver = Driver::new(stream, session, host, terms);
    let outcome = driver.run().await;
    finish(driver.part(&outcome), place, stop).await;
}

/// What is left to be done when the session is over.
async fn finish<IO: Transport, H: Host, P>(parting: Parting<IO, H>, place: Option<P>, stop: &Stop) {
    match parting {
        Parting::Gone => {}
        Parting::Farewell(farewell) if farewell.is_short() => {
            drop(place);
            farewell.finish().await;
        }
        Parting::Farewell(farewell) => {
            farewell.finish().await;
            drop(place);
        }
        Parting::HandOver(stream, host) => {
            // Boxed, so that connections that stay what they are do not carry room for it.
            Box::pin(host.take_over(Box::new(stream), stop.clone())).await;
            drop(place);
        }
    }
}

/// Polls `connection` until it is done or panics. A panic leaves nothing behind that anyone could use: session,
/// host and stream are dropped with the future, so the peer sees the connection close.
pub(crate) async fn guard(mut connection: Pin<Box<impl Future<Output = ()>>>) {
    poll_fn(
        |cx| match catch_unwind(AssertUnwindSafe(|| connection.as_mut().poll(cx))) {
            Ok(polled) => polled,
            Err(panic) => {
                let said = panic.downcast_ref::<&str>().copied();
                let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
                tracing::error!(panic = said.unwrap_or("(no message)"), "session panicked");
                Poll::Ready(())
            }
        },
    )
    .await;
}

#[cfg(test)]
mod tests;
