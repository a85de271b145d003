//! `[relay]` with its `[[relay.route]]`, `[[relay.hold]]` and `[[relay.fetch]]`: how mail leaves this server, and who may
//! send it through.
//!
//! Mail of users leaves directly, by what DNS says of each domain, unless a smarthost or a route takes it. What belongs
//! together (a server, its TLS, the login there) is checked here; whether a server answers is not.

mod doubts;
mod etrn;
mod fetch;
mod hold;
mod hop;
mod route;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use address::Domain;
use auth::Secret;
use ipnet::IpNet;

pub use etrn::EtrnReply;
pub use fetch::Fetch;
pub use hold::Hold;
pub use hop::{Families, Hop, HopTls, OrOff};
pub use route::{Login, Route, Via};

#[cfg(test)]
pub(super) use fetch::KEYS as FETCH_KEYS;
pub(super) use fetch::{SECTION as FETCHES, take as take_fetch};
#[cfg(test)]
pub(super) use hold::KEYS as HOLD_KEYS;
pub(super) use hold::{SECTION as HOLDS, take as take_hold};
#[cfg(test)]
pub(super) use route::KEYS as ROUTE_KEYS;
pub(super) use route::{SECTION as ROUTES, take};

use super::check::Findings;
use super::device::{is_private, open_to_others, password};
use super::load::Layers;
use super::{Config, Octets};

/// Mail out.
#[derive(Clone, Debug, PartialEq)]
pub struct Relay {
    /// Whether anything leaves, or is taken to leave.
    pub enabled: bool,
    /// Where everything goes that no route takes; without one mail goes where DNS says.
    pub smarthost: Option<Hop>,
    /// Who we are there.
    pub smarthost_user: Option<String>,
    /// The password there; of a file, what stands in it.
    pub smarthost_password: Option<Secret>,
    /// The file it is in.
    pub smarthost_password_file: Option<PathBuf>,
    /// How the connection there is protected.
    pub smarthost_tls: HopTls,
    /// Authorities, or the one certificate, to believe there instead of those everybody believes.
    pub smarthost_ca: Option<PathBuf>,
    /// Networks whose clients may send anywhere without a login.
    pub networks: Vec<IpNet>,
    /// Domains that mail is taken for, to be sent to the servers of theirs that come before us.
    pub backup_domains: Vec<Domain>,
    /// Domains whose waiting mail is sent at once when their server asks (RFC 1985).
    pub etrn_domains: Vec<Domain>,
    /// Networks whose clients may ask without a login.
    pub etrn_from: Vec<IpNet>,
    /// What they hear.
    pub etrn_reply: EtrnReply,
    /// Networks that are sent to although they are nobody's on the Internet.
    pub allow_to: Vec<IpNet>,
    /// Addresses of ours to send from, one of each family at most.
    pub source: Vec<IpAddr>,
    /// Which addresses of other servers are tried, in which order.
    pub families: Families,
    /// Whether DNSSEC-signed TLSA records of other servers are kept to (RFC 7672).
    pub dane: bool,
    /// Whether the policies by which domains promise TLS are kept to (RFC 8461).
    pub mta_sts: bool,
    /// When a message is tried again; the last time is repeated.
    pub retry: Vec<Duration>,
    /// How long a message is tried.
    pub give_up_after: Duration,
    /// When its sender is told that it takes long.
    pub delay_notice: OrOff<Duration>,
    /// Connections to other servers at a time, at least 1.
    pub connections: u32,
    /// Those to one of them, at least 1.
    pub connections_per_host: u32,
    /// Recipients elsewhere that one account may write to in a day.
    pub recipients_per_day: OrOff<u32>,
    /// Octets that may wait to leave, 0 for no limit.
    pub queue_size: Octets,
    /// Messages that may, at least 1.
    pub queue_messages: u32,
    /// Mail that goes another way than the rest.
    pub routes: Vec<Route>,
    /// Servers that keep mail for us until we come for it (RFC 2645).
    pub fetch: Vec<Fetch>,
    /// Mail that is kept until somebody fetches it.
    pub holds: Vec<Hold>,
}

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Default for Relay {
    fn default() -> Self {
        Self {
            enabled: true,
            smarthost: None,
            smarthost_user: None,
            smarthost_password: None,
            smarthost_password_file: None,
            smarthost_tls: HopTls::Auto,
            smarthost_ca: None,
            networks: Vec::new(),
            backup_domains: Vec::new(),
            etrn_domains: Vec::new(),
            etrn_from: Vec::new(),
            etrn_reply: EtrnReply::default(),
            allow_to: Vec::new(),
            source: Vec::new(),
            families: Families(resolver::Families::Ipv6First),
            dane: true,
            mta_sts: true,
            // RFC 5321 section 4.5.4.1: two attempts in the first hour, then one every two or three hours.
            retry: vec![HOUR / 4, HOUR, 2 * HOUR, 3 * HOUR],
            give_up_after: 5 * DAY,
            delay_notice: OrOff(Some(4 * HOUR)),
            connections: 100,
            connections_per_host: 20,
            // More than a person writes in a day, and little for whoever stole a password.
            recipients_per_day: OrOff(Some(1000)),
            queue_size: Octets(4 << 30),
            queue_messages: 200_000,
            routes: Vec::new(),
            fetch: Vec::new(),
            holds: Vec::new(),
        }
    }
}

impl Relay {
    /// How to log in to the smarthost, where that has to be.
    pub fn smarthost_login(&self) -> Option<Login> {
        let (user, password) = self
            .smarthost_user
            .as_ref()
            .zip(self.smarthost_password.as_ref())?;
        Some(Login {
            user: user.clone(),
            password: password.clone(),
        })
    }
}

/// Reads the password of the smarthost where a file has it. A path of the configuration file has been made absolute by
/// now.
pub(super) fn read_password(layers: &mut Layers) {
    let relay = &mut layers.config.relay;
    let Some(file) = relay.smarthost_password_file.as_deref() else {
        return;
    };
    let key = "relay.smarthost_password_file";
    let place = layers.origins.get(key).cloned();
    let place = place.unwrap_or(super::Place::BuiltIn);
    if relay.smarthost_password.is_some() {
        let message = format!("{key} is ignored: relay.smarthost_password is set, too, and wins");
        layers.warnings.push(place.problem(message).to_string());
        return;
    }
    match password(file) {
        Ok(secret) => relay.smarthost_password = Some(secret),
        Err(why) => layers.problems.push(place.problem(format!("{key}: {why}"))),
    }
    layers.warnings.extend(open_to_others(file));
}

/// What no single key can show.
pub(super) fn check(found: &mut Findings, config: &Config) {
    smarthost(found, &config.relay);
    doubts::smarthost(found, config);
    let (mut problems, mut warnings) = route::check(config);
    found.problems.append(&mut problems);
    found.warnings.append(&mut warnings);
    found.problems.append(&mut fetch::check(config));
    who_may_send(found, config);
    etrn::check(found, config);
    hold::check(found, config);
    times(found, &config.relay);
    numbers(found, &config.relay);
}

fn smarthost(found: &mut Findings, relay: &Relay) {
    if relay.smarthost.is_none() {
        let orphans = [
            ("relay.smarthost_user", relay.smarthost_user.is_some()),
            (
                "relay.smarthost_password",
                relay.smarthost_password.is_some() && relay.smarthost_password_file.is_none(),
            ),
            (
                "relay.smarthost_password_file",
                relay.smarthost_password_file.is_some(),
            ),
            (
                "relay.smarthost_tls",
                relay.smarthost_tls != HopTls::default(),
            ),
            ("relay.smarthost_ca", relay.smarthost_ca.is_some()),
        ];
        for (key, is_set) in orphans {
            if is_set {
                found.problem(
                    key,
                    "relay.smarthost is not set, so this is about no server; name the server there",
                );
            }
        }
        return;
    }
    match (&relay.smarthost_user, &relay.smarthost_password) {
        (Some(_), None) if relay.smarthost_password_file.is_none() => found.problem(
            "relay.smarthost_user",
            "relay.smarthost_password_file is missing; it names the file with the password that goes with this user",
        ),
        (None, Some(_)) => {
            let key = match relay.smarthost_password_file {
                Some(_) => "relay.smarthost_password_file",
                None => "relay.smarthost_password",
            };
            found.problem(key, "relay.smarthost_user is missing; it is the name that goes with this password");
        }
        (Some(_), Some(_)) if !relay.smarthost_tls.may_log_in() => {
            found.problem("relay.smarthost_tls", hop::NO_LOGIN);
        }
        // A file that could not be read has been said already.
        (Some(_), Some(_) | None) | (None, None) => {}
    }
}

fn who_may_send(found: &mut Findings, config: &Config) {
    let relay = &config.relay;
    for network in &relay.networks {
        if network.prefix_len() == 0 {
            found.problem(
                "relay.networks",
                format!("{network} is everybody: spam of the whole Internet would leave from here; name the networks of your own devices"),
            );
        } else if !is_private(network.addr()) {
            found.warning(
                "relay.networks",
                format!("{network} is no private network; whoever has an address in it sends to the whole world from here, without a login"),
            );
        }
    }
    for domain in &relay.backup_domains {
        if config.domains.contains(domain) {
            found.problem(
                "relay.backup_domains",
                format!("{domain} stands under domains, too: its mail is delivered here; leave one of them out"),
            );
        }
    }
    for (at, address) in relay.source.iter().enumerate() {
        if relay.source[..at]
            .iter()
            .any(|other| other.is_ipv4() == address.is_ipv4())
        {
            found.problem(
                "relay.source",
                format!("{address} is the second of its kind; give one IPv4 and one IPv6 address at most"),
            );
        }
        if address.is_unspecified() || address.is_multicast() {
            found.problem(
                "relay.source",
                format!("nothing can be sent from {address}"),
            );
        }
    }
}

fn times(found: &mut Findings, relay: &Relay) {
    if relay.retry.is_empty() {
        found.problem(
            "relay.retry",
            "at least one time is needed, such as [\"15m\", \"1h\"]",
        );
    }
    if relay.retry.iter().any(Duration::is_zero) {
        found.problem(
            "relay.retry",
            "a time of nothing would try without a pause; write \"1m\" or longer",
        );
    }
    if relay.give_up_after.is_zero() {
        found.problem("relay.give_up_after", "must be longer than nothing");
    } else if relay.give_up_after < 4 * DAY {
        // RFC 5321 section 4.5.4.1.
        found.warning(
            "relay.give_up_after",
            "RFC 5321 wants at least 4d: servers are down for a weekend",
        );
    }
    if relay
        .delay_notice
        .0
        .is_some_and(|notice| notice >= relay.give_up_after)
    {
        found.warning(
            "relay.delay_notice",
            "mail is given up before that, so nobody is ever told of a delay",
        );
    }
    if relay.delay_notice.0.is_some_and(|notice| notice.is_zero()) {
        found.problem(
            "relay.delay_notice",
            "must be longer than nothing; \"off\" tells nobody",
        );
    }
}

fn numbers(found: &mut Findings, relay: &Relay) {
    for (key, number) in [
        ("relay.connections", relay.connections),
        ("relay.connections_per_host", relay.connections_per_host),
        ("relay.queue_messages", relay.queue_messages),
    ] {
        if number == 0 {
            found.problem(key, "must be at least 1");
        }
    }
    if relay.recipients_per_day.0 == Some(0) {
        found.problem(
            "relay.recipients_per_day",
            "must be at least 1; \"off\" is no limit, and relay.enabled = false lets nobody write elsewhere",
        );
    }
}
