//! A connection's octet stream, in the clear or under TLS, and the handshake between the two.
//!
//! The TLS branch is allocated only when it is needed, so that a plaintext connection does not pay for it.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use wire::TlsFacts;

use crate::stop::{Level, Stop};
use crate::tls;

mod transport;

pub use transport::Transport;

/// A handshake that takes longer is dropped. Stalled ones hold a socket and a few KiB until then.
pub const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(30);

/// A connection in the clear or under TLS.
#[derive(Debug)]
pub(crate) enum Stream<IO> {
    Plain(IO),
    Tls(Box<TlsStream<IO>>),
    /// A handshake took the stream and did not give it back.
    Gone,
}

/// Why there is no TLS after all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeError {
    #[error("the handshake failed: {0}")]
    Failed(#[source] io::Error),
    #[error("the handshake was not finished within {} s", HANDSHAKE_DEADLINE.as_secs())]
    TooSlow,
    #[error("the server stopped during the handshake")]
    Stopped,
}

/// Runs the server's side of a handshake.
///
/// # Errors
/// [`HandshakeError`], with the plain stream (whose peer has been sent an alert) when there still is one.
pub(crate) async fn secure<IO>(
    io: IO,
    config: Arc<ServerConfig>,
    stop: &Stop,
) -> Result<(Stream<IO>, TlsFacts), (HandshakeError, Stream<IO>)>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    // Handshake state is large and short-lived; boxed, it is not part of every connection's future.
    let mut handshake = Box::pin(tokio::time::timeout(
        HANDSHAKE_DEADLINE,
        TlsAcceptor::from(config).accept(io).into_fallible(),
    ));
    let mut alarm = stop.alarm();
    let outcome = poll_fn(|cx| {
        if alarm.check(cx) > Level::Serving {
            return Poll::Ready(None);
        }
        handshake.as_mut().poll(cx).map(Some)
    })
    .await;
    match outcome {
        Some(Ok(Ok(stream))) => {
            let facts = tls::facts(stream.get_ref().1);
            Ok((Stream::Tls(Box::new(stream)), facts))
        }
        Some(Ok(Err((error, io)))) => Err((HandshakeError::Failed(error), Stream::Plain(io))),
        Some(Err(_elapsed)) => Err((HandshakeError::TooSlow, Stream::Gone)),
        None => Err((HandshakeError::Stopped, Stream::Gone)),
    }
}

fn gone() -> io::Error {
    io::ErrorKind::NotConnected.into()
}

impl<IO: Transport> Stream<IO> {
    /// Writes the first octets of a connection in the clear; see [`Transport::write_first`].
    pub(crate) fn write_first(&self, octets: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(io) => io.write_first(octets),
            Self::Tls(_) | Self::Gone => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Writes octets behind which this stream is shut down or dropped at once. TLS has an end of its own to send.
    pub(crate) fn poll_write_last(
        &mut self,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(io) => Pin::new(io).poll_write_last(cx, octets),
            Self::Tls(_) | Self::Gone => Pin::new(self).poll_write(cx, octets),
        }
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<IO> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_read(cx, buf),
            Self::Gone => Poll::Ready(Err(gone())),
        }
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<IO> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_write(cx, octets),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_write(cx, octets),
            Self::Gone => Poll::Ready(Err(gone())),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_write_vectored(cx, slices),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_write_vectored(cx, slices),
            Self::Gone => Poll::Ready(Err(gone())),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(io) => io.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
            Self::Gone => false,
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_flush(cx),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_flush(cx),
            Self::Gone => Poll::Ready(Err(gone())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(io) => Pin::new(io).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_shutdown(cx),
            Self::Gone => Poll::Ready(Err(gone())),
        }
    }
}
