//! Which networks are trusted for their addresses, once the addresses that hide somebody are taken out.
//!
//! Behind a container engine's NAT the whole world may connect from the address of the default gateway. A network
//! that was meant for the office (`auth.allow_cleartext_from`, `relay.networks`, `limits.exempt`, `smtp.normalize_from`,
//! `proxy.xclient_from`, a device's `networks`) must not let the world in with it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use net::Server;

use super::{Running, listeners, policy};
use crate::config::Config;

/// How often the routes are looked at: a container may be given a network while it runs.
const LOOK: Duration = Duration::from_secs(60);

/// Networks whose clients are trusted with something, gateways left out.
pub struct Trust {
    /// Passwords may cross without TLS. Nobody behind a gateway is meant by this, however it is listed.
    pub cleartext: Vec<IpNet>,
    /// Limits per address do not hold. A gateway that is listed all by itself is meant.
    pub exempt: Vec<IpNet>,
    /// Clients may say whom they speak for. Behind a gateway anybody could; one that is listed all by itself is meant.
    pub xclient: Vec<IpNet>,
    /// Line ends of old devices are mended. Here, too, a gateway is meant only by itself.
    pub normalize: Vec<IpNet>,
    /// Clients may send anywhere without a login. Nobody behind a gateway is meant by this, however it is listed.
    pub relay: Vec<IpNet>,
    /// Clients may have waiting mail sent at once without a login. A gateway that is listed all by itself is meant.
    pub etrn: Vec<IpNet>,
    /// Devices by name. Nobody behind a gateway is one.
    pub devices: HashMap<String, Vec<IpNet>>,
}

impl Trust {
    /// What `config` trusts, where `gateways` hide their clients.
    pub fn new(config: &Config, gateways: &[IpAddr]) -> Self {
        Self {
            cleartext: without(&config.auth.allow_cleartext_from, gateways),
            exempt: without_unmeant(&config.limits.exempt, gateways),
            xclient: without_unmeant(&config.proxy.xclient_from, gateways),
            normalize: without_unmeant(&config.smtp.normalize_from, gateways),
            relay: without(&config.relay.networks, gateways),
            etrn: without_unmeant(&config.relay.etrn_from, gateways),
            devices: config
                .devices
                .iter()
                .map(|device| (device.name.clone(), without(&device.networks, gateways)))
                .collect(),
        }
    }
}

/// The default gateways. Where they cannot be known, none is guarded against, and the log says so.
pub fn gateways() -> Vec<IpAddr> {
    net::default_gateways().unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot read the routes; clients behind a NAT would not be noticed");
        Vec::new()
    })
}

/// Waits until the gateways are others than the server knows.
pub async fn moved(server: &Server) -> Vec<IpAddr> {
    loop {
        tokio::time::sleep(LOOK).await;
        if let Ok(found) = net::default_gateways()
            && found != *server.gateways()
        {
            return found;
        }
    }
}

/// Makes whatever depends on trust depend on these gateways.
pub fn apply(running: &Running, config: &Config, gateways: Vec<IpAddr>) {
    let trust = Trust::new(config, &gateways);
    running.server.set_gateways(gateways);
    running.server.set_limits(listeners::limits(config, &trust));
    let mut policy = policy::of(config, &trust);
    policy.go_on(&running.house.policy.load());
    running
        .house
        .authenticator
        .set_disclosure(policy.disclosure);
    running.house.policy.store(Arc::new(policy));
    running.house.authenticator.set_exempt(trust.exempt);
}

/// `networks` without these hosts, whatever the network they are in.
fn without(networks: &[IpNet], hosts: &[IpAddr]) -> Vec<IpNet> {
    let mut left = networks.to_vec();
    for host in hosts {
        left = left
            .into_iter()
            .flat_map(|network| pieces(network, *host))
            .collect();
    }
    left
}

/// The same, except that a host which is listed all by itself stays: then it is meant.
fn without_unmeant(networks: &[IpNet], hosts: &[IpAddr]) -> Vec<IpNet> {
    let (meant, wide): (Vec<IpNet>, Vec<IpNet>) =
        networks.iter().partition(|network| is_host(network));
    [meant, without(&wide, hosts)].concat()
}

fn is_host(network: &IpNet) -> bool {
    network.prefix_len() == network.max_prefix_len()
}

/// `network` in pieces, each as large as can be, that together are all of it but `host`.
fn pieces(network: IpNet, host: IpAddr) -> Vec<IpNet> {
    if !network.contains(&host) {
        return vec![network];
    }
    let (mut pieces, mut around) = (Vec::new(), network);
    while let Ok(mut halves) = around.subnets(around.prefix_len() + 1) {
        let (Some(one), Some(other)) = (halves.next(), halves.next()) else {
            break;
        };
        let (with, free) = if one.contains(&host) {
            (one, other)
        } else {
            (other, one)
        };
        pieces.push(free);
        around = with;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn hosts(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[track_caller]
    fn check(listed: &[&str], gateways: &[&str], expected: &[&str]) {
        assert_eq!(
            without(&networks(listed), &hosts(gateways)),
            networks(expected)
        );
    }

    #[test]
    fn a_network_is_all_that_it_was_but_for_the_gateway() {
        check(&["10.0.0.0/8"], &["172.17.0.1"], &["10.0.0.0/8"]);
        check(
            &["172.17.0.0/30"],
            &["172.17.0.1"],
            &["172.17.0.2/31", "172.17.0.0/32"],
        );
        check(
            &["172.17.0.1/32", "10.0.0.0/8"],
            &["172.17.0.1"],
            &["10.0.0.0/8"],
        );
        check(&["10.0.0.0/31"], &["10.0.0.0", "10.0.0.1"], &[]);
        check(&["fd00::/127"], &["fd00::1"], &["fd00::/128"]);
        check(&["0.0.0.0/0"], &["fd00::1"], &["0.0.0.0/0"]);
    }

    #[test]
    fn whatever_is_taken_out_of_the_whole_internet_the_rest_stays() {
        let left = without(
            &networks(&["0.0.0.0/0", "::/0"]),
            &hosts(&["172.17.0.1", "fd00::1"]),
        );
        let holds = |text: &str| {
            left.iter()
                .any(|network| network.contains(&text.parse::<IpAddr>().unwrap()))
        };
        for host in [
            "0.0.0.0",
            "172.17.0.0",
            "172.17.0.2",
            "255.255.255.255",
            "::",
            "fd00::2",
        ] {
            assert!(holds(host), "{host}");
        }
        assert!(!holds("172.17.0.1") && !holds("fd00::1"));
    }

    #[test]
    fn the_office_is_trusted_and_the_gateway_in_its_network_is_not() {
        let mut config = Config::default();
        config.auth.allow_cleartext_from = networks(&["172.17.0.0/16", "172.17.0.1/32"]);
        config.limits.exempt = networks(&["172.17.0.0/16"]);
        config.proxy.xclient_from = networks(&["172.17.0.0/16"]);
        let trust = Trust::new(&config, &hosts(&["172.17.0.1"]));
        for list in [&trust.cleartext, &trust.exempt, &trust.xclient] {
            let holds = |host: &str| {
                list.iter()
                    .any(|network| network.contains(&host.parse::<IpAddr>().unwrap()))
            };
            assert!(holds("172.17.0.2") && holds("172.17.255.255") && !holds("172.17.0.1"));
        }
    }

    #[test]
    fn a_gateway_listed_by_itself_is_meant() {
        let listed = networks(&["172.17.0.1/32", "172.17.0.0/31"]);
        let left = without_unmeant(&listed, &hosts(&["172.17.0.1"]));
        assert_eq!(left, networks(&["172.17.0.1/32", "172.17.0.0/32"]));
    }
}
