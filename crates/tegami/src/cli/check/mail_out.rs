//! What `tegami check` finds out about mail out beyond the configuration itself: the files it names, the addresses of this
//! machine. No server is asked anything.

use std::io;
use std::net::{IpAddr, UdpSocket};

use anyhow::{Context, Result};

use crate::config::Config;
use crate::serve::outbound;

/// Reads the files of certificate authorities as `tegami serve` does, and says what is odd.
///
/// # Errors
/// The server would not start.
pub(super) fn examine(config: &Config) -> Result<Vec<String>> {
    let settings = outbound::settings(config, &config.data_dir);
    courier::roads::examine(&settings).context(outbound::NO_ROADS)?;
    let sources = config.relay.source.iter().filter(|one| is_foreign(**one));
    let warning = |address: &IpAddr| {
        format!(
            "relay.source: this machine has no address {address} now, so nothing leaves from it"
        )
    };
    Ok(sources.map(warning).collect())
}

/// Whether no interface of this machine has the address. Nothing is sent.
fn is_foreign(address: IpAddr) -> bool {
    let bound = UdpSocket::bind((address, 0));
    bound.is_err_and(|error| error.kind() == io::ErrorKind::AddrNotAvailable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_no_interface_has_is_said() {
        let mut config = Config::default();
        config.relay.source = vec!["127.0.0.1".parse().unwrap(), "192.0.2.7".parse().unwrap()];
        assert_eq!(
            examine(&config).unwrap(),
            ["relay.source: this machine has no address 192.0.2.7 now, so nothing leaves from it"]
        );
    }

    #[test]
    fn a_file_of_authorities_that_cannot_be_used_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ca.pem");
        let mut config = Config::default();
        config.relay.smarthost = Some(crate::config::Hop::parse("smart.test").unwrap());
        config.relay.smarthost_ca = Some(file.clone());
        for (text, part) in [
            (None, "the certificate authorities cannot be read"),
            (
                Some("no PEM"),
                "there is no certificate of an authority in it",
            ),
        ] {
            if let Some(text) = text {
                std::fs::write(&file, text).unwrap();
            }
            let error = format!("{:#}", examine(&config).unwrap_err());
            assert!(error.contains(part), "{error}");
            assert!(error.contains("ca.pem"), "{error}");
        }
    }
}
