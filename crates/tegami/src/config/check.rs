//! What no single value can show: keys that wait for a feature, and values that do not go together.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use address::Host;
use ipnet::IpNet;

use super::defaults::NAMELESS;
use super::load::Layers;
use super::problem::{Place, Problem};
use super::{Config, device, relay, web};
use super::{Mechanism, TlsFloor};

/// The one listener that is not for mail.
const WEB: &str = "listen.web";

/// Adds what is wrong, and what is odd, to `layers`.
pub(super) fn check(layers: &mut Layers) {
    relay::read_password(layers);
    let mut found = Findings {
        origins: layers.origins.clone(),
        problems: Vec::new(),
        warnings: Vec::new(),
    };
    names(&mut found, &layers.config);
    listeners(&mut found, &layers.config);
    certificate(&mut found, &layers.config);
    numbers(&mut found, &layers.config);
    logins(&mut found, &layers.config);
    relay::check(&mut found, &layers.config);
    web::check(&mut found, &layers.config);
    let (mut problems, mut warnings) = device::check(&layers.config);
    found.problems.append(&mut problems);
    found.warnings.append(&mut warnings);
    closed_doors(&mut found, &layers.config);
    layers.problems.append(&mut found.problems);
    layers.warnings.append(&mut found.warnings);
}

pub(super) struct Findings {
    origins: BTreeMap<&'static str, Place>,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<String>,
}

impl Findings {
    fn place(&self, key: &str) -> Place {
        self.origins.get(key).cloned().unwrap_or(Place::BuiltIn)
    }

    pub(super) fn problem(&mut self, key: &str, message: impl AsRef<str>) {
        let problem = self
            .place(key)
            .problem(format!("{key}: {}", message.as_ref()));
        self.problems.push(problem);
    }

    pub(super) fn warning(&mut self, key: &str, message: impl AsRef<str>) {
        self.warnings.push(
            self.place(key)
                .problem(format!("{key}: {}", message.as_ref()))
                .to_string(),
        );
    }
}

fn names(found: &mut Findings, config: &Config) {
    let made_up = !found.origins.contains_key("hostname") && config.hostname.as_str() == NAMELESS;
    let hostname = config.hostname.as_str();
    if made_up || !hostname.contains('.') || hostname.parse::<IpAddr>().is_ok() {
        found.warning(
            "hostname",
            format!("{hostname:?} is no fully qualified name, so other servers cannot look it up"),
        );
    }
    if config.domains.is_empty() {
        found.problem(
            "domains",
            "at least one domain is needed, or no mail could be delivered",
        );
    } else if !found.origins.contains_key("domains") {
        found.warning("domains", "not set, so mail is taken for localhost only");
    }
    if let Some(postmaster) = &config.postmaster {
        let local = match &postmaster.host {
            Host::Domain(domain) => config.domains.contains(domain),
            Host::Literal(_) => false,
        };
        if !local && !config.domains.is_empty() {
            found.problem(
                "postmaster",
                format!("{postmaster} is in none of the domains of this server"),
            );
        }
    }
}

fn listeners(found: &mut Findings, config: &Config) {
    let listen = &config.listen;
    let services: [(&str, &[SocketAddr]); 7] = [
        ("listen.smtp", &listen.smtp),
        ("listen.submission", &listen.submission),
        ("listen.submissions", &listen.submissions),
        ("listen.pop3", &listen.pop3),
        ("listen.pop3s", &listen.pop3s),
        ("listen.odmr", &listen.odmr),
        (WEB, &listen.web),
    ];
    let mut seen: Vec<(SocketAddr, &str)> = Vec::new();
    for (key, addresses) in services {
        for address in addresses.iter().copied() {
            match seen
                .iter()
                .find(|(other, _)| *other == address && address.port() != 0)
            {
                Some((_, other)) if *other == key => {
                    found.problem(key, format!("{address} is listed twice"))
                }
                Some((_, other)) => {
                    found.problem(key, format!("{address} is taken by {other} already"))
                }
                None => seen.push((address, key)),
            }
        }
    }
    // A web page alone is no mail server.
    if seen.iter().all(|(_, key)| *key == WEB) {
        found.problem(
            "listen.smtp",
            "every listener is switched off; give at least one address under [listen]",
        );
    }
    for (key, networks) in [
        ("proxy.from", &config.proxy.from),
        ("proxy.xclient_from", &config.proxy.xclient_from),
    ] {
        if has_everybody(networks) {
            found.problem(
                key,
                "anybody could claim any address; name only the proxies that stand in front of this server",
            );
        }
    }
}

/// What keeps mail or clients out: meant, perhaps, and forgotten easily.
fn closed_doors(found: &mut Findings, config: &Config) {
    if config.suspended {
        found.warning("suspended", "no mail is taken from anybody");
    }
    if config.smtp.no_mail {
        found.warning(
            "smtp.no_mail",
            "the smtp listener refuses all mail from other servers, for good",
        );
    }
    if has_everybody(&config.limits.refuse_from) {
        found.warning("limits.refuse_from", "a whole address family is refused");
    } else {
        refused_friends(found, config);
    }
}

/// Who stands in the configuration elsewhere, or is this machine, and may not connect.
fn refused_friends(found: &mut Findings, config: &Config) {
    let refused = &config.limits.refuse_from;
    let loopback = [IpAddr::from([127, 0, 0, 1]), Ipv6Addr::LOCALHOST.into()];
    for address in loopback {
        if let Some(network) = refused.iter().find(|network| network.contains(&address)) {
            let message = format!(
                "{network} holds this machine itself: programs on it are refused, and `tegami healthcheck` fails"
            );
            found.warning("limits.refuse_from", message);
        }
    }
    let proxies = config.proxy.from.iter().chain(&config.proxy.xclient_from);
    let proxies = proxies.map(|proxy| (proxy, "a proxy of [proxy]".to_owned()));
    let devices = config.devices.iter().flat_map(|device| {
        let networks = device.networks.iter();
        networks.map(|network| (network, format!("device {:?}", device.name)))
    });
    for (friend, who) in proxies.chain(devices) {
        if let Some(network) = refused.iter().find(|network| network.contains(friend)) {
            let message = format!("{network} holds {friend}, which is {who}: it is refused");
            found.warning("limits.refuse_from", message);
        }
    }
}

fn has_everybody(networks: &[IpNet]) -> bool {
    networks.iter().any(|network| network.prefix_len() == 0)
}

fn certificate(found: &mut Findings, config: &Config) {
    match (&config.tls.certificate, &config.tls.key) {
        (Some(_), None) => found.problem(
            "tls.certificate",
            "tls.key is missing; set both, or neither for a self-signed one",
        ),
        (None, Some(_)) => found.problem(
            "tls.key",
            "tls.certificate is missing; set both, or neither for a self-signed one",
        ),
        (Some(_), Some(_)) | (None, None) => {}
    }
}

fn numbers(found: &mut Findings, config: &Config) {
    for (key, number) in [
        ("smtp.max_recipients", config.smtp.max_recipients),
        ("smtp.max_received", config.smtp.max_received),
        ("limits.sessions", config.limits.sessions),
        ("limits.errors", config.limits.errors),
    ] {
        if number == 0 {
            found.problem(key, "must be at least 1");
        }
    }
    if config.smtp.command_timeout.is_zero() {
        found.problem("smtp.command_timeout", "must be longer than nothing");
    }
    // RFC 5321 sections 4.5.3.1.7 and 4.5.3.1.8: 64 KiB of message and 100 recipients must be possible.
    if (1..100).contains(&config.smtp.max_recipients) {
        found.warning("smtp.max_recipients", "RFC 5321 wants at least 100");
    }
    if (1..65_536).contains(&config.smtp.max_message_size.0) {
        found.warning("smtp.max_message_size", "RFC 5321 wants at least 64KiB");
    }
}

fn logins(found: &mut Findings, config: &Config) {
    let mechanisms = &config.auth.mechanisms;
    if mechanisms.is_empty() {
        found.warning(
            "auth.mechanisms",
            "none is named, so nobody can submit mail",
        );
    }
    let twice = mechanisms
        .iter()
        .enumerate()
        .find(|(place, mechanism)| mechanisms[..*place].contains(mechanism));
    if let Some((_, mechanism)) = twice {
        found.problem(
            "auth.mechanisms",
            format!("{} is listed twice", mechanism.name()),
        );
    }
    let by_password = [Mechanism::Plain, Mechanism::Login];
    if config.auth.transition_hint && !by_password.iter().any(|one| mechanisms.contains(one)) {
        found.problem(
            "auth.transition_hint",
            "it sends people to PLAIN or LOGIN, and auth.mechanisms has neither",
        );
    }
    if config.auth.on_mx && config.tls.submission_min == TlsFloor::Tls13 {
        found.warning(
            "auth.on_mx",
            "users who log in on port 25 may do so with TLS 1.2: tls.submission_min holds for submission only",
        );
    }
    if has_everybody(&config.auth.allow_cleartext_from) {
        found.warning(
            "auth.allow_cleartext_from",
            "passwords of the whole Internet may cross without TLS",
        );
    }
}
