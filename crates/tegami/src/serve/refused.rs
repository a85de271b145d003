//! What `limits.refuse_from` shuts out that hardly anybody means: the networks this machine is in, and its gateway.
//!
//! Lists of addresses that should not be on the Internet are easily copied, and private networks stand in all of them.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::config::Config;

/// One warning for each network that is refused as a whole.
pub fn warnings(config: &Config, own: &[IpNet], gateways: &[IpAddr]) -> Vec<String> {
    let refused = &config.limits.refuse_from;
    let by = |holds: &dyn Fn(&IpNet) -> bool| refused.iter().find(|network| holds(network));
    let gateways = gateways.iter().filter_map(|gateway| {
        let network = by(&|network| network.contains(gateway))?;
        Some(format!(
            "limits.refuse_from: {network} holds the default gateway {gateway}; behind a NAT every client comes from there, \
             and is refused"
        ))
    });
    let own = own.iter().filter_map(|own| {
        let network = by(&|network| network.contains(own))?;
        Some(format!(
            "limits.refuse_from: {network} holds {own}, a network this machine is in; mail programs and devices there are refused"
        ))
    });
    gateways.chain(own).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_of_this_machine_are_only_refused_knowingly() {
        let own = [
            "192.168.1.0/24".parse().unwrap(),
            "fd00::/64".parse().unwrap(),
        ];
        let gateways = ["172.17.0.1".parse().unwrap()];
        for (refused, expected) in [
            (&[][..], 0),
            (&["203.0.113.0/24"], 0),
            // One neighbour that is not wanted.
            (&["192.168.1.40/32"], 0),
            (&["192.168.0.0/16"], 1),
            (&["192.168.1.0/24"], 1),
            (&["192.168.0.0/16", "fc00::/7", "172.16.0.0/12"], 3),
        ] {
            let mut config = Config::default();
            config.limits.refuse_from = refused.iter().map(|one| one.parse().unwrap()).collect();
            let found = warnings(&config, &own, &gateways);
            assert_eq!(found.len(), expected, "{refused:?}: {found:?}");
        }
    }
}
