//! What happens behind an open door: a mail session, or guests of another protocol.
//!
//! Mail is greeted and driven by this crate (`serve`). Guests speak first, and whoever receives them knows their
//! protocol; from here they have what every connection has: the gate, a log span and the server's stop.

use std::future::Future;
use std::sync::Arc;

use tokio::net::TcpStream;
use tracing::Instrument as _;
use wire::Admission;

use crate::driver::{now, unheard};
use crate::gate::normalised;
use crate::serve::{Endpoint, Meeting, Security, guard, serve};
use crate::service::{Connection, Octets, Service};
use crate::stop::Stop;

/// Receives connections on which the client speaks first, in a protocol that this crate does not know.
pub trait Guests: Send + Sync + 'static {
    /// The connection is over, and its place free, when this returns. A guest that is not welcome is turned away by it
    /// soon, and it must end soon once `stop` is raised.
    fn receive(
        &self,
        line: Box<dyn Octets>,
        connection: Connection,
        stop: &Stop,
    ) -> impl Future<Output = ()> + Send;
}

/// What a listener does with a connection that was accepted and counted.
pub(crate) trait Reception: Send + Sync + 'static {
    /// Whether a proxy in front of us has to say whose connection it passes on; a client counts by its address.
    fn is_for_mail(&self) -> bool;

    /// Whether we speak first, in the clear, so that who has spoken already waited for no greeting.
    fn greets(&self) -> bool;

    /// Serves the connection; it is over when this returns.
    fn receive<P: Send>(
        &self,
        socket: TcpStream,
        stop: &Stop,
        meeting: Meeting<P>,
    ) -> impl Future<Output = ()> + Send;
}

/// Sessions of SMTP and POP3.
pub(crate) struct ForMail<S> {
    pub(crate) endpoint: Endpoint,
    pub(crate) service: Arc<S>,
}

impl<S: Service> Reception for ForMail<S> {
    fn is_for_mail(&self) -> bool {
        true
    }

    fn greets(&self) -> bool {
        match self.endpoint.security {
            Security::Plain | Security::StartTls(_) => true,
            Security::Implicit(_) => false,
        }
    }

    async fn receive<P: Send>(&self, socket: TcpStream, stop: &Stop, meeting: Meeting<P>) {
        serve(socket, &*self.service, &self.endpoint, stop, meeting).await;
    }
}

/// Guests.
pub(crate) struct ForGuests<G> {
    pub(crate) name: Arc<str>,
    pub(crate) proto: &'static str,
    pub(crate) guests: Arc<G>,
}

impl<G: Guests> Reception for ForGuests<G> {
    fn is_for_mail(&self) -> bool {
        false
    }

    fn greets(&self) -> bool {
        false
    }

    async fn receive<P: Send>(&self, socket: TcpStream, stop: &Stop, meeting: Meeting<P>) {
        let span = tracing::error_span!(
            "connection",
            proto = self.proto,
            conn = meeting.id,
            peer = %normalised(meeting.peer),
            listener = &*self.name,
        );
        let (admission, place) = match meeting.place {
            Ok(place) => (Admission::Welcome, Some(place)),
            Err(refusal) => (refusal, None),
        };
        let connection = Connection {
            id: meeting.id,
            peer: normalised(meeting.peer),
            local: normalised(meeting.local),
            tls: None,
            tls_available: false,
            admission,
        };
        // Newcomers of a server that stops are no news.
        if !matches!(admission, Admission::Welcome | Admission::Stopping) {
            span.in_scope(|| unheard(admission, now()));
        }
        let visit = self.guests.receive(Box::new(socket), connection, stop);
        guard(Box::pin(visit)).instrument(span).await;
        drop(place);
    }
}

#[cfg(test)]
mod tests;
