//! ETRN (RFC 1985): whose waiting mail is sent at once when its server asks.

use toml_edit::Value;

use super::super::check::Findings;
use super::super::setting::{Setting, not_among};
use super::super::{Config, Raw};

/// What a client hears of the queue it asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EtrnReply {
    /// How many messages there are.
    #[default]
    Count,
    /// Whether there are any.
    Started,
    /// Nothing.
    Plain,
}

impl EtrnReply {
    const WORDS: [(&'static str, Self); 3] = [
        ("count", Self::Count),
        ("started", Self::Started),
        ("plain", Self::Plain),
    ];
}

impl Setting for EtrnReply {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        let text = raw.text()?;
        let found = Self::WORDS.iter().find(|(word, _)| *word == text);
        found
            .map(|(_, reply)| *reply)
            .ok_or_else(|| not_among(text, &Self::WORDS.map(|(word, _)| word)))
    }

    fn show(&self) -> Option<Value> {
        let word = Self::WORDS.iter().find(|(_, reply)| reply == self);
        word.map(|(word, _)| Value::from(*word))
    }
}

/// What no single key can show.
pub(super) fn check(found: &mut Findings, config: &Config) {
    let relay = &config.relay;
    for domain in &relay.etrn_domains {
        if config.domains.contains(domain) {
            found.problem(
                "relay.etrn_domains",
                format!("{domain} stands under domains, too: its mail is delivered here and never waits to be sent; leave one of them out"),
            );
        }
    }
    if relay.etrn_domains.is_empty() && !relay.etrn_from.is_empty() {
        found.problem(
            "relay.etrn_from",
            "relay.etrn_domains is not set, so there is nothing to ask for; name the domains there",
        );
    }
}
