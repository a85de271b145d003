//! The default gateways of this network namespace, as the kernel's routing tables name them.
//!
//! Whoever connects from a gateway's address wears it: a NAT, such as that of a container engine, has put it in place
//! of the client's own. What follows from that is for the caller; nothing here looks at a connection.

use std::io;
use std::net::IpAddr;

use crate::routes::{self, Route, Way};

/// The default gateways, IPv4 and IPv6. None where the system has no such tables.
///
/// # Errors
/// A table is there and cannot be read.
pub fn default_gateways() -> io::Result<Vec<IpAddr>> {
    let mut found = Vec::new();
    for table in routes::tables() {
        found.extend(table?.into_iter().filter_map(default_gateway));
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// Through whom a route leads, if it leads everywhere.
fn default_gateway(route: Route) -> Option<IpAddr> {
    let default = route.to.prefix_len() == 0 && route.to.addr().is_unspecified();
    match route.way {
        Way::Gateway(gateway) if default && !gateway.is_unspecified() => Some(gateway),
        Way::Gateway(_) | Way::Direct => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Option<&str>) {
        let route = routes::ipv4(line).or_else(|| routes::ipv6(line));
        let found = route.and_then(default_gateway);
        assert_eq!(found, expected.map(|text| text.parse().unwrap()), "{line}");
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn a_default_route_through_a_host_names_its_gateway() {
        check(
            "eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0",
            Some("172.17.0.1"),
        );
        check(
            "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0 ",
            Some("192.0.2.1"),
        );
    }

    #[test]
    fn other_lines_name_none() {
        check(
            "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT",
            None,
        );
        check(
            "eth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0",
            None,
        );
        check(
            "eth0\t000011AC\t010011AC\t0003\t0\t0\t0\t0000FFFF\t0\t0\t0",
            None,
        );
        check(
            "eth0\t00000000\t010011AC\t0002\t0\t0\t0\t00000000\t0\t0\t0",
            None,
        );
        check(
            "ppp0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0",
            None,
        );
        check("", None);
        check("eth0\tnonsense", None);
    }

    #[test]
    fn a_default_route_of_ipv6_names_its_gateway() {
        const ZERO: &str = "00000000000000000000000000000000";
        let line = |length, hop, flags| {
            format!("{ZERO} {length} {ZERO} 00 {hop} 00000400 00000001 00000000 {flags} eth0")
        };
        let hop = "fd000000000000000000000000000001";
        check(&line("00", hop, "00000003"), Some("fd00::1"));
        check(&line("40", hop, "00000003"), None);
        check(&line("00", ZERO, "00200200"), None);
    }

    #[test]
    fn the_tables_of_this_machine_are_understood() {
        for gateway in default_gateways().unwrap() {
            assert!(!gateway.is_unspecified());
        }
    }
}
