//! TCP to one address, from the address that was configured.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::settings::Settings;

/// A connection that stands.
///
/// # Errors
/// Nobody answered there in time, or the system cannot.
pub(super) async fn connect(address: SocketAddr, settings: &Settings) -> io::Result<TcpStream> {
    let (socket, source) = match address {
        SocketAddr::V4(_) => (TcpSocket::new_v4()?, settings.source_v4.map(Into::into)),
        SocketAddr::V6(_) => (TcpSocket::new_v6()?, settings.source_v6.map(Into::into)),
    };
    if let Some(source) = source {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    let stream = timeout(settings.connect, socket.connect(address)).await;
    let stream = stream.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
    // What is sent is gathered here; nothing is to wait for more.
    stream.set_nodelay(true)?;
    Ok(stream)
}
