//! The kernel's routing tables of this network namespace, as proc(5) shows them. What a route is good for is decided
//! elsewhere.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// `RTF_UP` and `RTF_GATEWAY` (route(8)): the route is in force, and leads through another host.
const UP: u32 = 0x0001;
const THROUGH_GATEWAY: u32 = 0x0002;

/// A route in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// Where it leads.
    pub(crate) to: IpNet,
    /// How it gets there.
    pub(crate) way: Way,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// It begins at an interface of this machine and needs nobody.
    Direct,
    /// Through this host; unspecified where an interface alone was named.
    Gateway(IpAddr),
}

/// The routes of IPv4 and those of IPv6, none where the system has no such table. An error: a table is there and cannot
/// be read.
pub(crate) fn tables() -> [io::Result<Vec<Route>>; 2] {
    [
        table("/proc/net/route", ipv4),
        table("/proc/net/ipv6_route", ipv6),
    ]
}

fn table(path: &str, route: fn(&str) -> Option<Route>) -> io::Result<Vec<Route>> {
    match fs::read_to_string(path) {
        Ok(lines) => Ok(lines.lines().filter_map(route).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// A line of `/proc/net/route`: interface, destination, gateway, flags, three counters, mask, and more. Addresses are
/// hexadecimal, as they lie in memory.
pub(crate) fn ipv4(line: &str) -> Option<Route> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let [_, destination, gateway, flags, _, _, _, mask, ..] = words[..] else {
        return None;
    };
    let number = |word| u32::from_str_radix(word, 16).ok();
    let address = |word| Some(Ipv4Addr::from(number(word)?.to_ne_bytes()));
    let to = Ipv4Net::with_netmask(address(destination)?, address(mask)?).ok()?;
    let way = way(number(flags)?, address(gateway)?.into())?;
    Some(Route { to: to.into(), way })
}

/// A line of `/proc/net/ipv6_route`: destination and its prefix length, source and its, next hop, metric, two
/// counters, flags, interface; everything but the interface hexadecimal.
pub(crate) fn ipv6(line: &str) -> Option<Route> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let [destination, length, _, _, hop, _, _, _, flags, _] = words[..] else {
        return None;
    };
    let address = |word| Some(Ipv6Addr::from(u128::from_str_radix(word, 16).ok()?));
    let length = u8::from_str_radix(length, 16).ok()?;
    let to = Ipv6Net::new(address(destination)?, length).ok()?;
    let way = way(u32::from_str_radix(flags, 16).ok()?, address(hop)?.into())?;
    Some(Route { to: to.into(), way })
}

/// None for a route that is not in force.
fn way(flags: u32, gateway: IpAddr) -> Option<Way> {
    let way = if flags & THROUGH_GATEWAY == 0 {
        Way::Direct
    } else {
        Way::Gateway(gateway)
    };
    (flags & UP != 0).then_some(way)
}
