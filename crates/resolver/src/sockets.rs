//! Sockets for questions that DNSSEC has to prove. One of those asks for signatures and keys of every zone on the way, several
//! at a time if the owner of the name wants it so: turns do not bound them, this does.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hickory_resolver::net::runtime::iocompat::AsyncIoTokioAsStd;
use hickory_resolver::net::runtime::{
    DnsUdpSocket, RuntimeProvider, TokioHandle, TokioRuntimeProvider, TokioTime,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Open at once, all questions together. Whoever needs one more waits within the time of his question.
pub const MOST: usize = 128;

/// What opens them.
#[derive(Clone)]
pub struct FewSockets {
    tokio: TokioRuntimeProvider,
    free: Arc<Semaphore>,
}

/// A socket, and its place among those that may be open.
pub struct Held<S> {
    socket: S,
    _place: OwnedSemaphorePermit,
}

type Opening<S> = Pin<Box<dyn Send + Future<Output = io::Result<S>>>>;

impl Default for FewSockets {
    fn default() -> Self {
        Self {
            tokio: TokioRuntimeProvider::default(),
            free: Arc::new(Semaphore::new(MOST)),
        }
    }
}

impl FewSockets {
    async fn hold<S>(free: Arc<Semaphore>, opening: Opening<S>) -> io::Result<Held<S>> {
        let place = free.acquire_owned().await.map_err(io::Error::other)?;
        Ok(Held {
            socket: opening.await?,
            _place: place,
        })
    }
}

impl RuntimeProvider for FewSockets {
    type Handle = TokioHandle;
    type Timer = TokioTime;
    type Udp = Held<UdpSocket>;
    type Tcp = AsyncIoTokioAsStd<Held<TcpStream>>;

    fn create_handle(&self) -> Self::Handle {
        self.tokio.create_handle()
    }

    fn connect_tcp(
        &self,
        server: SocketAddr,
        from: Option<SocketAddr>,
        within: Option<Duration>,
    ) -> Opening<Self::Tcp> {
        let opening = self.tokio.connect_tcp(server, from, within);
        let opening = Box::pin(async move { Ok(opening.await?.0) });
        let held = Self::hold(Arc::clone(&self.free), opening);
        Box::pin(async move { Ok(AsyncIoTokioAsStd(held.await?)) })
    }

    fn bind_udp(&self, local: SocketAddr, server: SocketAddr) -> Opening<Self::Udp> {
        let opening = self.tokio.bind_udp(local, server);
        Box::pin(Self::hold(Arc::clone(&self.free), opening))
    }
}

impl DnsUdpSocket for Held<UdpSocket> {
    type Time = TokioTime;

    fn poll_recv_from(
        &self,
        context: &mut Context<'_>,
        octets: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        DnsUdpSocket::poll_recv_from(&self.socket, context, octets)
    }

    fn poll_send_to(
        &self,
        context: &mut Context<'_>,
        octets: &[u8],
        to: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        DnsUdpSocket::poll_send_to(&self.socket, context, octets, to)
    }
}

impl AsyncRead for Held<TcpStream> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, octets)
    }
}

impl AsyncWrite for Held<TcpStream> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[tokio::test]
    async fn no_more_are_open_than_may_be() {
        let sockets = FewSockets::default();
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut open = Vec::new();
        for _ in 0..MOST {
            open.push(sockets.bind_udp(any, any).await.unwrap());
        }
        let mut waits = sockets.bind_udp(any, any);
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(waits.as_mut().poll(&mut context).is_pending());
        open.pop();
        assert!(waits.await.is_ok());
    }
}
