//! The networks this machine is in itself, as the kernel's routing tables name them: those it reaches without a gateway.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// `RTF_UP` and `RTF_GATEWAY` (route(8)).
const UP: u32 = 0x0001;
const THROUGH_GATEWAY: u32 = 0x0002;

/// The networks of this machine's interfaces, loopback and link-local ones left out. None where the system has no such
/// tables, or they cannot be read.
#[must_use]
pub fn own_networks() -> Vec<IpNet> {
    let table = |path| fs::read_to_string(path).unwrap_or_default();
    let mut found: Vec<IpNet> = table("/proc/net/route").lines().filter_map(ipv4).collect();
    found.extend(table("/proc/net/ipv6_route").lines().filter_map(ipv6));
    found.sort_unstable();
    found.dedup();
    found
}

/// A line of `/proc/net/route`: interface, destination, gateway, flags, three counters, mask, and more.
fn ipv4(line: &str) -> Option<IpNet> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let [_, destination, _, flags, _, _, _, mask, ..] = words[..] else {
        return None;
    };
    let number = |word| u32::from_str_radix(word, 16).ok();
    let address = |word| Some(Ipv4Addr::from(number(word)?.to_ne_bytes()));
    let network = Ipv4Net::with_netmask(address(destination)?, address(mask)?).ok()?;
    let usual = !network.addr().is_loopback() && !network.addr().is_link_local();
    (is_direct(number(flags)?) && network.prefix_len() > 0 && usual).then_some(network.into())
}

/// A line of `/proc/net/ipv6_route`.
fn ipv6(line: &str) -> Option<IpNet> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let [destination, length, _, _, _, _, _, _, flags, _] = words[..] else {
        return None;
    };
    let address = Ipv6Addr::from(u128::from_str_radix(destination, 16).ok()?);
    let network = Ipv6Net::new(address, u8::from_str_radix(length, 16).ok()?).ok()?;
    let flags = u32::from_str_radix(flags, 16).ok()?;
    let usual =
        !address.is_loopback() && !address.is_multicast() && !address.is_unicast_link_local();
    (is_direct(flags) && network.prefix_len() > 0 && usual).then_some(network.into())
}

const fn is_direct(flags: u32) -> bool {
    flags & (UP | THROUGH_GATEWAY) == UP
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
