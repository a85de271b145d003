//! The default gateways of this network namespace, as the kernel's routing tables name them.
//!
//! Whoever connects from a gateway's address wears it: a NAT, such as that of a container engine, has put it in place
//! of the client's own. What follows from that is for the caller; nothing here looks at a connection.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// `RTF_UP` and `RTF_GATEWAY` (route(8)): the route is in force and leads through another host.
const UP_THROUGH_GATEWAY: u32 = 0x0001 | 0x0002;

/// The default gateways, IPv4 and IPv6. None where the system has no such tables.
///
/// # Errors
/// A table is there and cannot be read.
pub fn default_gateways() -> io::Result<Vec<IpAddr>> {
    let mut found: Vec<IpAddr> = table("/proc/net/route")?.lines().filter_map(ipv4).collect();
    found.extend(table("/proc/net/ipv6_route")?.lines().filter_map(ipv6));
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

fn table(path: &str) -> io::Result<String> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        other => other,
    }
}

/// A line of `/proc/net/route`: interface, destination, gateway, flags, three counters, mask, and more. Addresses are
/// hexadecimal, as they lie in memory.
fn ipv4(line: &str) -> Option<IpAddr> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let [_, destination, gateway, flags, _, _, _, mask, ..] = words[..] else {
        return None;
    };
    let number = |word| u32::from_str_radix(word, 16).ok();
    let default = number(destination)? == 0 && number(mask)? == 0;
    let gateway = Ipv4Addr::from(number(gateway)?.to_ne_bytes());
    (default && is_used(number(flags)?) && !gateway.is_unspecified()).then_some(gateway.into())
}

/// A line of `/proc/net/ipv6_route`: destination and its prefix length, source and its, next hop, metric, two
/// counters, flags, interface; everything but the interface hexadecimal.
fn ipv6(line: &str) -> Option<IpAddr> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let [destination, length, _, _, gateway, _, _, _, flags, _] = words[..] else {
        return None;
    };
    let number = |word| u128::from_str_radix(word, 16).ok();
    let default = number(destination)? == 0 && number(length)? == 0;
    let gateway = Ipv6Addr::from(number(gateway)?);
    let flags = u32::from_str_radix(flags, 16).ok()?;
    (default && is_used(flags) && !gateway.is_unspecified()).then_some(gateway.into())
}

const fn is_used(flags: u32) -> bool {
    flags & UP_THROUGH_GATEWAY == UP_THROUGH_GATEWAY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Option<&str>) {
        let found = ipv4(line).or_else(|| ipv6(line));
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
