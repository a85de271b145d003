//! `[web]`: under which address the web listener is known to the world.

use std::net::SocketAddr;

use delivery::list::UrlBase;

use super::Config;
use super::check::Findings;

/// What web browsers and other programs see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Web {
    /// Where the world finds what `listen.web` serves, by way of a reverse proxy that has the certificate. Without it no
    /// message mentions it.
    pub url: Option<UrlBase>,
}

pub(super) fn check(found: &mut Findings, config: &Config) {
    let listen = &config.listen.web;
    if config.web.url.is_some() && listen.is_empty() {
        found.problem(
            "web.url",
            "nobody would answer there, because listen.web is empty; give it an address, such as \"127.0.0.1:8080\"",
        );
    }
    let open = |address: &&SocketAddr| !address.ip().to_canonical().is_loopback();
    if let Some(address) = listen.iter().find(open) {
        found.warning(
            "listen.web",
            format!(
                "{address} speaks HTTP without TLS and other machines may reach it; let only the reverse proxy connect"
            ),
        );
    }
}
