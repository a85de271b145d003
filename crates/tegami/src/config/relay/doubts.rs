//! What of `[relay]` can be read and will hardly do what somebody wanted: said, and taken all the same.

use std::net::SocketAddr;

use address::Host;

use super::{Hop, HopTls};
use crate::config::Config;
use crate::config::check::Findings;

/// About the smarthost.
pub(super) fn smarthost(found: &mut Findings, config: &Config) {
    let relay = &config.relay;
    let Some(hop) = &relay.smarthost else {
        return;
    };
    if relay.smarthost_ca.is_some()
        && let Some(message) = idle_authority(relay.smarthost_tls)
    {
        found.warning("relay.smarthost_ca", message);
    }
    if let Some(message) = ourselves(hop, config) {
        found.warning("relay.smarthost", message);
    }
}

/// A file of authorities where nobody looks at certificates.
pub(super) fn idle_authority(tls: HopTls) -> Option<String> {
    let why = match tls {
        HopTls::None => "there is no TLS there",
        HopTls::Opportunistic => "any certificate is taken there",
        HopTls::Auto | HopTls::StartTls | HopTls::Implicit => return None,
    };
    Some(format!(
        "{why}, so this file is not used; set tls to \"auto\", or leave the file out"
    ))
}

/// A server that is this one: mail would go round in circles.
pub(super) fn ourselves(hop: &Hop, config: &Config) -> Option<String> {
    let listen = &config.listen;
    let all = [&listen.smtp, &listen.submission, &listen.submissions];
    let mut ours = all
        .into_iter()
        .flatten()
        .filter(|one| one.port() == hop.port);
    let first = ours.clone().next()?;
    let is_it = match &hop.host {
        Host::Domain(domain) => *domain == config.hostname || domain.as_str() == "localhost",
        Host::Literal(literal) => {
            let named = literal.to_string();
            ours.any(|one| leads_to(*one, &named))
        }
    };
    is_it.then(|| {
        format!(
            "{hop} is this server itself, which listens on {first}: mail would go round in circles; name the server of your provider"
        )
    })
}

/// Whether a listener is reached at an address as it is written in a mailbox.
fn leads_to(listener: SocketAddr, literal: &str) -> bool {
    let bare = literal.trim_start_matches('[').trim_end_matches(']');
    let bare = bare.trim_start_matches("IPv6:");
    let Ok(address) = bare.parse::<std::net::IpAddr>() else {
        return false;
    };
    address == listener.ip() || (listener.ip().is_unspecified() && address.is_loopback())
}
