//! Which name servers are asked: those of the configuration, else the system's, and nobody while nothing needs them.
//! Mail that leaves does.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use resolver::{Resolver, ServersError, TrustAnchors};

use crate::config::Config;

/// How often the system's list is looked at: networks change while a server runs.
const LOOK: Duration = Duration::from_secs(60);

/// The servers that `config` wants to be asked.
///
/// # Errors
/// They are to be the system's, whose list cannot be used.
pub fn servers(config: &Config) -> Result<Vec<SocketAddr>, ServersError> {
    let asked = config.sender.asks() || config.relay.enabled;
    if !asked {
        return Ok(Vec::new());
    }
    if config.dns.servers.is_empty() {
        return resolver::system_servers();
    }
    Ok(config.dns.servers.iter().map(|server| server.0).collect())
}

/// The keys that DNSSEC begins with: what DANE promises is believed by them alone.
///
/// # Errors
/// They are to be those of a file that cannot be used.
pub fn anchors(config: &Config) -> Result<TrustAnchors> {
    let Some(file) = &config.dns.trust_anchors else {
        return Ok(TrustAnchors::root());
    };
    let named = || format!("dns.trust_anchors: {}", file.display());
    let text = fs::read_to_string(file).with_context(named)?;
    TrustAnchors::parse(&text).with_context(named)
}

/// What keeps the checks of `[sender]` from working, for people.
pub fn warning(config: &Config) -> Option<String> {
    servers(config).err().map(|error| nobody_to_ask(&error))
}

fn nobody_to_ask(error: &ServersError) -> String {
    format!(
        "dns.servers: none are set, and {error}; until this is mended, mail to other servers waits, and so does everybody whom [sender] wants to know more of (450)"
    )
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DnsServer;

    #[test]
    fn servers_are_read_for_those_who_ask() {
        let mut config = Config::default();
        config.dns.servers = vec![DnsServer::parse("127.0.0.1:5353").unwrap()];
        config.relay.enabled = false;
        assert_eq!(servers(&config).unwrap(), []);
        config.sender.reject_null_mx = true;
        let named = ["127.0.0.1:5353".parse().unwrap()];
        assert_eq!(servers(&config).unwrap(), named);
        let resolver = Resolver::new(Duration::ZERO);
        settle(&resolver, &config);
        assert_eq!(resolver.servers(), named);
        config.sender = crate::config::Sender::default();
        settle(&resolver, &config);
        assert_eq!(resolver.servers(), []);
        config.relay.enabled = true;
        settle(&resolver, &config);
        assert_eq!(resolver.servers(), named);
    }

    #[test]
    fn keys_come_from_the_file_that_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("root.key");
        let mut config = Config::default();
        assert!(anchors(&config).is_ok());
        config.dns.trust_anchors = Some(file.clone());
        let told = |config: &Config| format!("{:#}", anchors(config).err().unwrap());
        assert!(told(&config).starts_with("dns.trust_anchors: /"));
        fs::write(&file, "example. 1 IN A 192.0.2.1").unwrap();
        assert!(told(&config).contains("no DNSKEY records"));
        let key = "257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=";
        fs::write(&file, format!(". 3600 IN DNSKEY {key}\n")).unwrap();
        assert!(anchors(&config).is_ok());
    }

    #[test]
    fn a_list_of_the_system_that_cannot_be_used_is_quoted() {
        let error = resolver::servers_in("search lan\nnameserver dns.example\n").unwrap_err();
        let warning = nobody_to_ask(&error);
        let quoted = "dns.servers: none are set, and /etc/resolv.conf line 2: \"dns.example\" is no IP address";
        assert!(warning.starts_with(quoted), "{warning}");
    }
}
