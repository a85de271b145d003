//! What `tegami check` finds out about mail out beyond the configuration itself: the files it names, the addresses of this
//! machine. No server is asked anything.

use std::net::{IpAddr, UdpSocket};
use std::{io, iter};

use address::Domain;
use anyhow::{Context, Result};
use serde::Serialize;

use crate::config::{Config, Fetch};
use crate::serve::outbound;
use crate::web::UNSUBSCRIBE;

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

/// What else there is to say.
#[derive(Serialize)]
pub(super) struct Besides {
    /// Where mail is fetched, and for whom.
    fetching: Vec<String>,
    /// Under which address members leave lists with one click.
    one_click: Option<String>,
}

impl Besides {
    pub(super) fn of(config: &Config) -> Self {
        let url = config.web.url.as_ref();
        Self {
            fetching: config.relay.fetch.iter().map(fetching).collect(),
            one_click: url.map(|url| url.below(UNSUBSCRIBE).to_string()),
        }
    }

    pub(super) fn rows(&self) -> Vec<(&'static str, String)> {
        let names = iter::once("Fetching").chain(iter::repeat(""));
        let mut rows: Vec<_> = names.zip(self.fetching.iter().cloned()).collect();
        if let Some(page) = &self.one_click {
            let ways = format!("by mail, and with one click at {page}/...");
            rows.push(("Leaving lists", ways));
        }
        rows
    }
}

fn fetching(fetch: &Fetch) -> String {
    let domains: Vec<String> = fetch.domains.iter().map(Domain::unicode).collect();
    let domains = match domains.as_slice() {
        [] => "whatever it keeps".to_owned(),
        some => some.join(", "),
    };
    let every = humantime::format_duration(fetch.every);
    format!("from {}, every {every}: {domains}", fetch.name())
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
    fn what_is_fetched_and_where_lists_are_left_is_said() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("hub.password"), "vq7-Rmd2-kLw9\n").unwrap();
        let fetch = |domains: &str| {
            format!(
                "[[relay.fetch]]\nfrom = \"hub.test\"\nuser = \"me\"\npassword_file = \"hub.password\"\n{domains}"
            )
        };
        let text = format!(
            "domains = [\"a.test\"]\n[web]\nurl = \"https://lists.a.test/mail\"\n{}{}",
            fetch("domains = [\"a.test\"]\nevery = \"90s\"\n"),
            fetch("").replace("hub.test", "hub2.test")
        );
        let path = directory.path().join("tegami.toml");
        std::fs::write(&path, text).unwrap();
        let sources = crate::config::Sources {
            explicit: Some(path),
            variables: Vec::new(),
            usual: "absent".into(),
        };
        let said = super::super::show(&sources.load().unwrap(), false).unwrap();
        for line in [
            "               web 127.0.0.1:8080\n",
            "Fetching       from hub.test:366 as me, every 1m 30s: a.test\n\
             \x20              from hub2.test:366 as me, every 5m: whatever it keeps\n",
            "Leaving lists  by mail, and with one click at https://lists.a.test/mail/unsubscribe/...\n",
        ] {
            assert!(said.contains(line), "no {line:?} in\n{said}");
        }
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
