//! Where this machine is in the network: the networks it is in, its gateways, and the addresses it would send from.
//!
//! It is looked at to notice that something has changed (another network, a new lease), not to trust anybody for it. What a
//! NAT between here and the world does cannot be seen from here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use ipnet::IpNet;

use crate::{default_gateways, own_networks};

/// Addresses that are nobody's (RFC 5737, RFC 3849), so that the way to them is the way to the world.
const WORLD: [(IpAddr, IpAddr); 2] = [
    (
        IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    ),
    (
        IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
    ),
];

/// What is known of it at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whereabouts {
    networks: Vec<IpNet>,
    gateways: Vec<IpAddr>,
    /// By which the world would see us, if nothing stands between.
    sources: Vec<IpAddr>,
}

impl Whereabouts {
    /// Looks. Nothing is sent.
    #[must_use]
    pub fn now() -> Self {
        Self {
            networks: own_networks(),
            gateways: default_gateways().unwrap_or_default(),
            sources: WORLD.into_iter().filter_map(source).collect(),
        }
    }

    /// Whether this machine is in any network.
    #[must_use]
    pub fn is_anywhere(&self) -> bool {
        !self.networks.is_empty() || !self.sources.is_empty()
    }
}

/// The address that packets to `world` would bear. Connecting a UDP socket chooses it, and sends nothing.
fn source((ours, world): (IpAddr, IpAddr)) -> Option<IpAddr> {
    let socket = UdpSocket::bind(SocketAddr::new(ours, 0)).ok()?;
    socket.connect(SocketAddr::new(world, 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_twice_shows_the_same_place() {
        assert_eq!(Whereabouts::now(), Whereabouts::now());
    }

    #[test]
    fn the_address_that_packets_would_bear_is_one_of_ours() {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let here = source((IpAddr::V4(Ipv4Addr::UNSPECIFIED), loopback));
        assert_eq!(here, Some(loopback));
    }

    #[test]
    fn a_new_lease_in_the_same_network_is_another_place() {
        let at = |source: &str| Whereabouts {
            networks: vec!["192.168.1.0/24".parse().unwrap()],
            gateways: vec!["192.168.1.1".parse().unwrap()],
            sources: vec![source.parse().unwrap()],
        };
        assert_ne!(at("192.168.1.7"), at("192.168.1.8"));
        assert!(at("192.168.1.7").is_anywhere() && !Whereabouts::default().is_anywhere());
    }
}
