//! Where mail for others never goes unless somebody has said so: this machine, the networks around it, the services of a
//! cloud that tell secrets to whoever asks, and addresses that are nobody's. Anyone can write such an address into the DNS of
//! his domain and then have us knock there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Whether mail may go there.
pub fn may_be_sent_to(address: IpAddr, allowed: &[IpNet]) -> bool {
    let address = address.to_canonical();
    let listed = allowed.iter().any(|network| network.contains(&address));
    listed
        || match address {
            IpAddr::V4(v4) => !is_inside_v4(v4),
            IpAddr::V6(v6) => !is_inside_v6(v6),
        }
}

/// The special registries of IANA (RFC 6890), as far as no mail server of somebody else can be there. Networks for examples
/// lead nowhere and hurt nobody.
fn is_inside_v4(v4: Ipv4Addr) -> bool {
    let [first, second, third, _] = v4.octets();
    match first {
        // This network; class E, which has the broadcast address; multicast.
        0 | 224..=255 => true,
        // RFC 6598: behind a provider's NAT. Some clouds keep their metadata here.
        100 => (64..128).contains(&second),
        // RFC 6890: protocol assignments. Some clouds keep their metadata here.
        192 if second == 0 => third == 0,
        // RFC 2544: devices that measure networks.
        198 => second == 18 || second == 19,
        // RFC 3927 holds 169.254.169.254, the metadata of most clouds.
        _ => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
    }
}

fn is_inside_v6(v6: Ipv6Addr) -> bool {
    let segments = v6.segments();
    match segments {
        // ::, ::1, and the old way to write IPv4.
        [0, 0, 0, 0, 0, 0, _, _] => true,
        // RFC 6052: an IPv4 address behind NAT64.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => is_inside_v4(v4_of(high, low)),
        // RFC 8215: the same with a prefix of the local network's own.
        [0x64, 0xff9b, 1, ..] => true,
        // RFC 3056 (6to4).
        [0x2002, high, low, ..] => is_inside_v4(v4_of(high, low)),
        // RFC 4380 (Teredo): leads through a server of somebody's choice.
        [0x2001, 0, ..] => true,
        // RFC 4193, RFC 4291 link-local, RFC 3879 site-local, multicast; RFC 6666: the address that discards.
        [first, ..] => {
            first & 0xfe00 == 0xfc00
                || first & 0xff80 == 0xfe80
                || first & 0xff00 == 0xff00
                || segments[..4] == [0x100, 0, 0, 0]
        }
    }
}

fn v4_of(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(addresses: &[&str], expected: bool) {
        for text in addresses {
            let address = text.parse().unwrap();
            assert_eq!(may_be_sent_to(address, &[]), expected, "{text}");
        }
    }

    #[test]
    fn mail_goes_to_the_internet() {
        check(
            &[
                "1.1.1.1",
                "100.63.0.1",
                "100.128.0.1",
                "169.253.0.1",
                "172.15.0.1",
                "172.32.0.1",
                "192.0.1.1",
                "192.0.2.1",
                "192.169.0.1",
                "198.17.0.1",
                "198.51.100.1",
                "223.255.255.255",
                "2001:db8::1",
                "2001:1::1",
                "2a00::1",
                "64:ff9b::101:101",
                "2002:101:101::1",
                "::ffff:1.1.1.1",
            ],
            true,
        );
    }

    #[test]
    fn mail_never_goes_inside() {
        check(
            &[
                "0.0.0.0",
                "0.1.2.3",
                "10.0.0.1",
                "100.64.0.1",
                "100.100.100.200",
                "100.127.255.255",
                "127.0.0.1",
                "127.255.255.255",
                "169.254.169.254",
                "172.16.0.1",
                "172.31.255.255",
                "192.0.0.192",
                "192.168.1.1",
                "198.18.0.1",
                "198.19.255.255",
                "224.0.0.1",
                "240.0.0.1",
                "255.255.255.255",
                "::",
                "::1",
                "::127.0.0.1",
                "::ffff:127.0.0.1",
                "::ffff:169.254.169.254",
                "64:ff9b::7f00:1",
                "64:ff9b:1::1",
                "2002:7f00:1::1",
                "2002:a9fe:a9fe::1",
                "2001::1",
                "100::1",
                "fc00::1",
                "fd00:ec2::254",
                "fe80::1",
                "febf::1",
                "fec0::1",
                "ff02::1",
            ],
            false,
        );
    }

    #[test]
    fn what_is_listed_may_be_sent_to() {
        let allowed: [IpNet; 2] = ["10.1.0.0/16".parse().unwrap(), "::1/128".parse().unwrap()];
        for (text, expected) in [
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("10.2.0.1", false),
            ("::1", true),
            ("127.0.0.1", false),
        ] {
            let address = text.parse().unwrap();
            assert_eq!(may_be_sent_to(address, &allowed), expected, "{text}");
        }
    }
}
