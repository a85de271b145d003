//! The networks this machine is in itself, as the kernel's routing tables name them: those it reaches without a gateway.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::routes::{self, Route, Way};

/// The networks of this machine's interfaces, loopback and link-local ones left out. None where the system has no such
/// tables, or they cannot be read.
#[must_use]
pub fn own_networks() -> Vec<IpNet> {
    let routes = routes::tables().into_iter().flatten().flatten();
    let mut found: Vec<IpNet> = routes.filter_map(own).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Where a route leads, if that is a network of ours.
fn own(route: Route) -> Option<IpNet> {
    let usual = match route.to.addr() {
        IpAddr::V4(to) => !to.is_loopback() && !to.is_link_local(),
        IpAddr::V6(to) => !to.is_loopback() && !to.is_multicast() && !to.is_unicast_link_local(),
    };
    (route.way == Way::Direct && route.to.prefix_len() > 0 && usual).then_some(route.to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Option<&str>) {
        let route = routes::ipv4(line).or_else(|| routes::ipv6(line));
        let found = route.and_then(own);
        assert_eq!(found, expected.map(|text| text.parse().unwrap()), "{line}");
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn a_route_without_a_gateway_leads_to_a_network_of_ours() {
        for (line, expected) in [
            (
                "eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0",
                Some("192.168.1.0/24"),
            ),
            (
                "eth0\t0001A8C0\t010011AC\t0003\t0\t0\t0\t00FFFFFF\t0\t0\t0",
                None,
            ),
            (
                "eth0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0",
                None,
            ),
            (
                "lo\t0000007F\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0",
                None,
            ),
            ("Iface\tDestination\tGateway \tFlags", None),
        ] {
            check(line, expected);
        }
    }

    #[test]
    fn so_does_one_of_ipv6() {
        const ZERO: &str = "00000000000000000000000000000000";
        let line = |to, length, flags| {
            format!("{to} {length} {ZERO} 00 {ZERO} 00000100 00000001 00000000 {flags} eth0")
        };
        let ours = "fd000000000000010000000000000000";
        check(&line(ours, "40", "00000001"), Some("fd00:0:0:1::/64"));
        check(&line(ours, "40", "00000003"), None);
        check(&line(ZERO, "00", "00000001"), None);
        let link = "fe800000000000000000000000000000";
        check(&line(link, "40", "00000001"), None);
    }
}
