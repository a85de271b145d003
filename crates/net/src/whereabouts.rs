//! Where this machine is in the network: the networks it is in, its gateways, and the addresses it would send from.
//!
//! It is looked at to notice that something has changed (another network, a new lease), not to trust anybody for it. What a
//! NAT between here and the world does cannot be seen from here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use ipnet::IpNet;

use crate::{default_gateways, own_networks};

/// Addresses that are nobody's (RFC 5737, RFC 3849), so that the way to them is the way to the world.
const WORLD: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
];

/// Networks whose way is looked at; a machine with many containers is in many.
const NETWORKS: usize = 32;

/// What is known of it at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whereabouts {
    networks: Vec<IpNet>,
    gateways: Vec<IpAddr>,
    /// By which the world, and the networks we are in, would see us, if nothing stands between.
    sources: Vec<IpAddr>,
}

impl Whereabouts {
    /// Looks. Nothing is sent.
    #[must_use]
    pub fn now() -> Self {
        let networks = own_networks();
        let near = networks.iter().take(NETWORKS);
        let near = near.filter_map(|network| network.hosts().next());
        Self {
            sources: WORLD.into_iter().chain(near).filter_map(source).collect(),
            gateways: default_gateways().unwrap_or_default(),
            networks,
        }
    }

    /// Whether this machine is in any network.
    #[must_use]
    pub fn is_anywhere(&self) -> bool {
        !self.networks.is_empty() || !self.sources.is_empty()
    }
}

/// The address that packets to this one would bear. Connecting a UDP socket chooses it, and sends nothing.
fn source(to: IpAddr) -> Option<IpAddr> {
    let ours = match to {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let socket = UdpSocket::bind(SocketAddr::new(ours, 0)).ok()?;
    socket.connect(SocketAddr::new(to, 9)).ok()?;
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
        assert_eq!(source(loopback), Some(loopback));
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
