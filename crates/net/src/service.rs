//! What the host gives to the driver: one [`Service`] per listener, one [`Host`] per connection.
//!
//! The driver knows neither accounts nor mail. It only carries questions from a session to its host.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use wire::{Admission, Session, TlsFacts};

use crate::stop::Stop;

/// Octets both ways, in the clear or under TLS.
pub trait Octets: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Octets for T {}

/// Answers one connection's session. It lives exactly as long as its session, and longer only where it takes the
/// connection over.
///
/// When the session has said its last word the host is dropped before that word is written, so that whatever
/// the host holds for the connection (a maildrop lock, say) is free by the time the peer can read it.
pub trait Host: Send + 'static {
    /// The protocol this host answers.
    type Session: Session + Send;

    /// Answers the session's question.
    ///
    /// An answer that is ready when first polled costs no extra write. The future is dropped when the
    /// connection dies or the server stops for good, so it must leave nothing half done that matters.
    fn answer(
        &mut self,
        ask: <Self::Session as Session>::Ask,
    ) -> impl Future<Output = <Self::Session as Session>::Answer> + Send;

    /// Takes message content on its way in. The pieces come in order; while one is pending nothing more is
    /// read from the peer, which is how a slow store slows its senders.
    fn body(&mut self, octets: Bytes) -> impl Future<Output = ()> + Send;

    /// The session has handed the connection over ([`wire::Output::HandOver`]) and is gone: everything it said is written,
    /// and what the peer said before it could read that is forgotten. The connection is over, and its place free, when this
    /// returns. It must end soon once `stop` is raised.
    ///
    /// A host whose session never does that has nothing to do here.
    fn take_over(self, line: Box<dyn Octets>, stop: Stop) -> impl Future<Output = ()> + Send
    where
        Self: Sized,
    {
        async move { drop((line, stop)) }
    }

    /// Whom the refusal is about that the session has just given, for the log.
    fn regarding(&mut self) -> Regarding {
        Regarding::default()
    }
}

/// Whom a refusal is about, as far as there is somebody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Regarding {
    /// Who sends.
    pub from: Option<String>,
    /// Who was to get it.
    pub to: Option<String>,
}

/// Makes a session and its host for every connection of one listener.
pub trait Service: Send + Sync + 'static {
    /// The host of one connection.
    type Host: Host;

    /// Called once per connection, after the handshake where TLS is implicit. Must not block.
    fn connect(
        &self,
        connection: Connection,
        now: Instant,
    ) -> (<Self::Host as Host>::Session, Self::Host);
}

/// What is known about a connection when its session begins.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Counts up from 1 over the life of the server; the `conn` of the log span.
    pub id: u64,
    /// The peer, a v4-mapped address already turned into plain IPv4.
    pub peer: SocketAddr,
    /// Our end, normalised likewise.
    pub local: SocketAddr,
    /// What the handshake established, where TLS is implicit.
    pub tls: Option<TlsFacts>,
    /// Whether the session may answer with [`wire::Output::StartTls`].
    pub tls_available: bool,
    /// Whether to greet the peer or to turn it away.
    pub admission: Admission,
}
