//! A place that mail may be sent to, as a rule names it: all of a domain, or one address.
//!
//! Whose rule it is, and what follows from it, is not known here.

use std::fmt;
use std::str::FromStr;

use crate::domain::Domain;
use crate::host::Host;
use crate::mailbox::Mailbox;
use crate::path::ForwardPath;
use crate::text::serde_as_text;

/// A domain, or one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Everybody there.
    Domain(Domain),
    /// One address, in any case, with or without `+detail`.
    Mailbox(Mailbox),
}

/// A text that names neither a domain nor an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither a domain nor an address")]
pub struct DestinationError;

impl Destination {
    /// Whether mail for `path` goes there. The postmaster without a domain is always ours (RFC 5321 section 4.5.1),
    /// which no rule is about.
    #[must_use]
    pub fn covers(&self, path: &ForwardPath) -> bool {
        let Some(mailbox) = path.mailbox() else {
            return true;
        };
        match self {
            Self::Domain(domain) => match &mailbox.host {
                Host::Domain(host) => host == domain,
                Host::Literal(_) => false,
            },
            Self::Mailbox(one) => {
                one.host == mailbox.host
                    && (one.key() == mailbox.key()
                        || crate::fold(mailbox.local.base()) == one.local.folded())
            }
        }
    }
}

impl FromStr for Destination {
    type Err = DestinationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains('@') {
            let mailbox = Mailbox::parse_user(text).map_err(|_| DestinationError)?;
            return Ok(Self::Mailbox(mailbox));
        }
        Domain::parse(text)
            .map(Self::Domain)
            .map_err(|_| DestinationError)
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain(domain) => domain.fmt(f),
            Self::Mailbox(mailbox) => mailbox.fmt(f),
        }
    }
}

serde_as_text!(Destination);

#[cfg(test)]
mod tests {
    use super::Destination;

    #[track_caller]
    fn check(rule: &str, path: &str, covered: bool) {
        let rule: Destination = rule.parse().unwrap();
        assert_eq!(
            rule.covers(&path.parse().unwrap()),
            covered,
            "{rule}: {path}"
        );
    }

    #[test]
    fn a_rule_covers_a_domain_or_one_address() {
        check("Example.test", "<bob@example.TEST>", true);
        check("example.test", "<bob@sub.example.test>", false);
        check("example.test", "<bob@[192.0.2.1]>", false);
        check("bücher.example", "<karl@xn--bcher-kva.example>", true);
        check("bob@example.test", "<Bob@example.test>", true);
        check("bob@example.test", "<bob+scans@example.test>", true);
        check("bob@example.test", "<bobby@example.test>", false);
        check("bob@example.test", "<bob@example.org>", false);
        check("bob@example.test", "<Postmaster>", true);
        for text in ["", "two words", "@example.test", "bob@", "*", "a@b@c d"] {
            assert!(text.parse::<Destination>().is_err(), "{text:?}");
        }
    }
}
