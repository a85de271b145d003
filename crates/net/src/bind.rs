//! Listening sockets: dual-stack where the system has both, and options every connection inherits.
//!
//! Binding comes apart from serving, so that a taken port is known before anything is served.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt;
use tokio::net::{TcpListener, TcpSocket};

use crate::gate::normalised;

/// Connections the kernel holds for us while we are busy. (`net.core.somaxconn` may allow fewer.)
const BACKLOG: u32 = 1024;

/// Keepalive: a peer silent for a minute is probed every 20 seconds, and a dead one found after three
/// minutes at the latest. That is how long a maildrop stays locked by a client that died without a FIN.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEPALIVE_PROBES: u32 = 6;

/// The same for octets in flight that nobody acknowledges, which keepalive does not look at (RFC 5482).
const UNACKNOWLEDGED: Duration = Duration::from_secs(3 * 60);

/// A socket that listens and is not served yet.
#[derive(Debug)]
pub struct Bound {
    pub(crate) listener: TcpListener,
    asked: SocketAddr,
    address: SocketAddr,
}

impl Bound {
    fn new(listener: TcpListener, asked: SocketAddr) -> Result<Self, BindError> {
        let address = listener
            .local_addr()
            .map_err(|error| BindError::new(asked, error))?;
        Ok(Self {
            listener,
            asked,
            address: normalised(address),
        })
    }

    /// Where it really listens: the port is known even if 0 was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether `[::]` was asked for on a system without IPv6, and `0.0.0.0` was taken instead.
    #[must_use]
    pub fn is_ipv4_only(&self) -> bool {
        self.asked.is_ipv6() && self.address.is_ipv4()
    }
}

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else has it.
    #[error("{address} is taken: another program listens on port {}; stop it or choose another port", address.port())]
    Taken {
        /// The address asked for.
        address: SocketAddr,
    },
    /// Ports below 1024 need a privilege.
    #[error(
        "not allowed to listen on {address}: ports below 1024 need root or CAP_NET_BIND_SERVICE (sudo setcap \
         cap_net_bind_service=+ep PROGRAM; systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE; containers: map a \
         higher port)"
    )]
    NotAllowed {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The address belongs to no interface of this machine.
    #[error("cannot listen on {address}: this machine does not have that address")]
    NotOurs {
        /// The address asked for.
        address: SocketAddr,
    },
    /// A socket that was handed over is a connection, or was never told to listen.
    #[error("the socket handed over for {address} does not listen (systemd: Accept=no)")]
    NotListening {
        /// Its own address.
        address: SocketAddr,
    },
    /// Anything else.
    #[error("cannot listen on {address}: {source}")]
    Failed {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl BindError {
    fn new(address: SocketAddr, source: io::Error) -> Self {
        let kind = source.kind();
        if kind == io::ErrorKind::AddrInUse {
            Self::Taken { address }
        } else if kind == io::ErrorKind::PermissionDenied {
            Self::NotAllowed { address }
        } else if kind == io::ErrorKind::AddrNotAvailable {
            Self::NotOurs { address }
        } else {
            Self::Failed { address, source }
        }
    }
}

/// Binds one address. `[::]` takes IPv4 as well, and falls back to `0.0.0.0` where the system has no IPv6.
///
/// # Errors
/// [`BindError`], naming the address.
///
/// # Panics
/// Outside a tokio runtime.
pub fn bind(address: SocketAddr) -> Result<Bound, BindError> {
    let listener = match open(address, false) {
        Err(error) if is_any_ipv6(address) && has_no_ipv6(&error) => open(
            SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port()),
            false,
        ),
        other => other,
    };
    Bound::new(
        listener.map_err(|error| BindError::new(address, error))?,
        address,
    )
}

/// Takes over a socket that listens already, as a service manager hands it over.
///
/// # Errors
/// [`BindError::NotListening`], or [`BindError::Failed`] where it cannot be set up as our own are.
///
/// # Panics
/// Outside a tokio runtime.
pub fn adopt(socket: std::net::TcpListener) -> Result<Bound, BindError> {
    let nowhere = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
    let address = socket
        .local_addr()
        .map_err(|error| BindError::new(nowhere, error))?;
    let listens = sockopt::socket_acceptconn(&socket);
    if !listens.map_err(|errno| BindError::new(address, errno.into()))? {
        return Err(BindError::NotListening { address });
    }
    let listener = set_options(&socket)
        .and_then(|()| socket.set_nonblocking(true))
        .and_then(|()| TcpListener::from_std(socket));
    Bound::new(
        listener.map_err(|error| BindError::new(address, error))?,
        address,
    )
}

/// Binds all addresses of one listener, or none. Where `0.0.0.0` is listed beside `[::]` on the same port,
/// each family gets its own socket.
///
/// # Errors
/// The first [`BindError`].
///
/// # Panics
/// Outside a tokio runtime.
pub fn bind_all(addresses: &[SocketAddr]) -> Result<Vec<Bound>, BindError> {
    let ipv4_apart = |port| {
        port != 0
            && addresses
                .iter()
                .any(|a| a.port() == port && a.ip() == IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    };
    let mut all = Vec::with_capacity(addresses.len());
    for &address in addresses {
        if is_any_ipv6(address) && ipv4_apart(address.port()) {
            match open(address, true) {
                Ok(listener) => all.push(Bound::new(listener, address)?),
                // The `0.0.0.0` beside it is all there is to have.
                Err(error) if has_no_ipv6(&error) => {}
                Err(error) => return Err(BindError::new(address, error)),
            }
        } else {
            all.push(bind(address)?);
        }
    }
    Ok(all)
}

fn is_any_ipv6(address: SocketAddr) -> bool {
    address.is_ipv6() && address.ip().is_unspecified()
}

/// No IPv6 in the kernel, or switched off by `net.ipv6.conf.all.disable_ipv6`.
fn has_no_ipv6(error: &io::Error) -> bool {
    [Errno::AFNOSUPPORT, Errno::ADDRNOTAVAIL]
        .map(|errno| Some(errno.raw_os_error()))
        .contains(&error.raw_os_error())
}

fn open(address: SocketAddr, ipv6_only: bool) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // A restart must not wait for the last connections' TIME_WAIT.
    socket.set_reuseaddr(true)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, ipv6_only)?;
    }
    socket.bind(address)?;
    set_options(&socket)?;
    socket.listen(BACKLOG)
}

fn set_options(socket: impl AsFd) -> io::Result<()> {
    // Accepted sockets inherit these from the listening one (Linux does, and so do the BSDs), which saves
    // six system calls per connection.
    sockopt::set_tcp_nodelay(&socket, true)?;
    sockopt::set_socket_keepalive(&socket, true)?;
    sockopt::set_tcp_keepidle(&socket, KEEPALIVE_IDLE)?;
    sockopt::set_tcp_keepintvl(&socket, KEEPALIVE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(&socket, KEEPALIVE_PROBES)?;
    #[cfg(target_os = "linux")]
    sockopt::set_tcp_user_timeout(
        &socket,
        u32::try_from(UNACKNOWLEDGED.as_millis()).unwrap_or(u32::MAX),
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    fn loopback(port: u16) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, port))
    }

    #[tokio::test]
    async fn a_taken_port_is_named() {
        let first = bind(loopback(0)).unwrap();
        let error = bind(first.address()).unwrap_err();
        assert!(matches!(error, BindError::Taken { .. }), "{error}");
        assert!(
            error.to_string().contains(&first.address().to_string()),
            "{error}"
        );
    }

    #[tokio::test]
    async fn an_address_of_another_machine_is_named() {
        let error = bind("192.0.2.1:0".parse().unwrap()).unwrap_err();
        assert!(matches!(error, BindError::NotOurs { .. }), "{error}");
    }

    #[tokio::test]
    async fn the_any_address_takes_ipv4_connections_with_or_without_ipv6() {
        let bound = bind("[::]:0".parse().unwrap()).unwrap();
        assert_ne!(bound.address().port(), 0);
        let client = TcpStream::connect(loopback(bound.address().port()));
        let (client, accepted) = tokio::join!(client, bound.listener.accept());
        assert!(normalised(accepted.unwrap().1).is_ipv4());
        drop(client.unwrap());
    }

    #[tokio::test]
    async fn both_any_addresses_may_be_listed_for_one_port() {
        let port = bind("[::]:0".parse().unwrap()).unwrap().address().port();
        let addresses =
            [format!("[::]:{port}"), format!("0.0.0.0:{port}")].map(|text| text.parse().unwrap());
        let bound = bind_all(&addresses).unwrap();
        let ipv4_only = bind("[::]:0".parse().unwrap()).unwrap().is_ipv4_only();
        assert_eq!(bound.len(), if ipv4_only { 1 } else { 2 });
    }

    #[tokio::test]
    async fn a_socket_that_listens_already_is_taken_over_with_our_options() {
        let socket = std::net::TcpListener::bind(loopback(0)).unwrap();
        let address = socket.local_addr().unwrap();
        let bound = adopt(socket).unwrap();
        assert_eq!(bound.address(), address);
        let (client, accepted) = tokio::join!(TcpStream::connect(address), bound.listener.accept());
        let (socket, _) = accepted.unwrap();
        assert!(sockopt::socket_keepalive(&socket).unwrap());
        drop(client.unwrap());
    }

    #[test]
    fn a_connection_is_no_listener() {
        let listener = std::net::TcpListener::bind(loopback(0)).unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let socket = std::net::TcpListener::from(std::os::fd::OwnedFd::from(client));
        let error = adopt(socket).unwrap_err();
        assert!(matches!(error, BindError::NotListening { .. }), "{error}");
    }

    #[tokio::test]
    async fn accepted_sockets_inherit_the_options() {
        let bound = bind(loopback(0)).unwrap();
        let (client, accepted) =
            tokio::join!(TcpStream::connect(bound.address()), bound.listener.accept());
        let (socket, _) = accepted.unwrap();
        assert!(socket.nodelay().unwrap());
        assert!(sockopt::socket_keepalive(&socket).unwrap());
        assert_eq!(sockopt::tcp_keepidle(&socket).unwrap(), KEEPALIVE_IDLE);
        drop(client.unwrap());
    }
}
