//! Which name servers are asked: those of the configuration, else the system's, and nobody while nothing needs them.

use std::net::SocketAddr;
use std::time::Duration;

use resolver::{Resolver, ServersError};

use crate::config::Config;

/// How often the system's list is looked at: networks change while a server runs.
const LOOK: Duration = Duration::from_secs(60);

/// The servers that `config` wants to be asked.
///
/// # Errors
/// They are to be the system's, whose list cannot be used.
pub fn servers(config: &Config) -> Result<Vec<SocketAddr>, ServersError> {
    if !config.sender.asks() {
        return Ok(Vec::new());
    }
    if config.dns.servers.is_empty() {
        return resolver::system_servers();
    }
    Ok(config.dns.servers.iter().map(|server| server.0).collect())
}

/// What keeps the checks of `[sender]` from working, for people.
pub fn warning(config: &Config) -> Option<String> {
    servers(config).err().map(|error| {
        format!("dns.servers: none are set, and {error}; until this is mended, [sender] lets everybody wait (450)")
    })
}

/// Has `resolver` ask these servers. While the system's list cannot be used it goes on with those it knows.
pub fn settle(resolver: &Resolver, config: &Config) {
    match servers(config) {
        Ok(servers) => {
            if !servers.is_empty() {
                tracing::info!(?servers, "name servers");
            }
            resolver.ask(&servers);
        }
        Err(_) => {
            if let Some(warning) = warning(config) {
                tracing::warn!(%warning, "configuration");
            }
        }
    }
}

/// Waits until the system asks other servers than `resolver` does.
pub async fn moved(resolver: &Resolver, config: &Config) -> Vec<SocketAddr> {
    loop {
        tokio::time::sleep(LOOK).await;
        if let Ok(found) = servers(config)
            && found != resolver.servers()
        {
            return found;
        }
    }
}
