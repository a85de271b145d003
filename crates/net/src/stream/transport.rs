//! What carries the octets of a connection, below TLS: a TCP socket, or whatever stands for one in tests.
//!
//! It knows one thing more than a stream does: that a writer may be about to close.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::service::Octets;

/// Octets both ways, with an end.
pub trait Transport: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Writes octets behind which the transport is shut down or dropped at once. They may wait for that.
    fn poll_write_last(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write(cx, octets)
    }

    /// Writes the first octets of a connection, unless that has to wait. The runtime learns with the first event that
    /// there is room, and nearly always there is: the greeting need not wait for the news.
    ///
    /// # Errors
    /// Those of a write; `WouldBlock` when it is to be tried in the usual way.
    fn write_first(&self, _octets: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

/// A connection that was somebody else's before, under TLS that was made there.
impl Transport for Box<dyn Octets> {}

impl Transport for TcpStream {
    #[cfg(target_os = "linux")]
    fn write_first(&self, octets: &[u8]) -> io::Result<usize> {
        use rustix::io::Errno;
        use rustix::net::SendFlags;

        match rustix::net::send(self, octets, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Err(Errno::INTR) => Err(io::ErrorKind::WouldBlock.into()),
            written => Ok(written?),
        }
    }

    /// The last reply and the end of the stream leave in one segment, which spares both sides a packet. Whatever ends
    /// the connection sends it, be it our own death.
    #[cfg(target_os = "linux")]
    fn poll_write_last(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        use rustix::net::SendFlags;
        use tokio::io::Interest;

        let socket = self.get_mut();
        loop {
            ready!(socket.poll_write_ready(cx))?;
            let written = socket.try_io(Interest::WRITABLE, || {
                let flags = SendFlags::MORE | SendFlags::NOSIGNAL;
                Ok(rustix::net::send(&*socket, octets, flags)?)
            });
            match written {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap());
        let (client, accepted) = tokio::join!(client, listener.accept());
        (client.unwrap(), accepted.unwrap().0)
    }

    async fn say(server: &mut TcpStream, octets: &[u8]) {
        let mut said = 0;
        while said < octets.len() {
            let server = &mut *server;
            said += poll_fn(|cx| Pin::new(&mut *server).poll_write_last(cx, &octets[said..]))
                .await
                .unwrap();
        }
    }

    #[tokio::test]
    async fn what_is_written_last_arrives_when_the_socket_is_dropped_or_shut_down() {
        for shut_down in [false, true] {
            let (mut client, mut server) = pair().await;
            say(&mut server, b"so long\r\n").await;
            let kept = if shut_down {
                server.shutdown().await.unwrap();
                Some(server)
            } else {
                drop(server);
                None
            };
            let mut heard = Vec::new();
            client.read_to_end(&mut heard).await.unwrap();
            assert_eq!(heard, b"so long\r\n", "shut down: {shut_down}");
            drop(kept);
        }
    }

    #[tokio::test]
    async fn what_is_written_first_arrives_in_front_of_the_rest_and_never_waits() {
        let (mut client, mut server) = pair().await;
        assert_eq!(server.write_first(b"hello, ").unwrap(), 7);
        server.write_all(b"world").await.unwrap();
        let mut heard = [0; 12];
        client.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"hello, world");
        let much = vec![0; 1 << 20];
        let full = loop {
            if let Err(error) = server.write_first(&much) {
                break error;
            }
        };
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
    }

    #[tokio::test]
    async fn more_than_a_peer_takes_at_once_arrives_whole() {
        let (mut client, mut server) = pair().await;
        let much: Vec<u8> = (0..8_000_000_u32).map(|n| n as u8).collect();
        let expected = much.clone();
        let served = tokio::spawn(async move { say(&mut server, &much).await });
        let mut heard = Vec::new();
        client.read_to_end(&mut heard).await.unwrap();
        served.await.unwrap();
        assert!(heard == expected);
    }
}
