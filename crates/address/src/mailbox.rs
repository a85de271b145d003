//! A mailbox: local part, `@`, host.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use crate::fold::fold;
use crate::host::{Host, HostError};
use crate::local_part::{LocalPart, LocalPartError};
use crate::text::{ROOM, serde_as_text};

/// An address somebody can be written to.
///
/// ```
/// let mailbox: address::Mailbox = "\"Alice\"@Example.TEST".parse().unwrap();
/// assert_eq!(mailbox.to_string(), "Alice@example.test");
/// assert_eq!(mailbox.key(), "alice@example.test");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mailbox {
    /// Left of the `@`.
    pub local: LocalPart,
    /// Right of the `@`.
    pub host: Host,
}

/// Why a text is not a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MailboxError {
    /// No `@`, or nothing left of it.
    #[error("write the full address, such as alice@example.test")]
    Incomplete,
    /// The left side is wrong.
    #[error(transparent)]
    LocalPart(#[from] LocalPartError),
    /// The right side is wrong.
    #[error(transparent)]
    Host(#[from] HostError),
}

impl Mailbox {
    /// Puts one together.
    #[must_use]
    pub fn new(local: LocalPart, host: Host) -> Self {
        Self { local, host }
    }

    /// Reads an address as people write it in configuration and on the command line: as in SMTP, and
    /// international domains become A-labels.
    ///
    /// # Errors
    /// What is wrong with it, in words for the person who typed it.
    pub fn parse_user(text: &str) -> Result<Self, MailboxError> {
        // The last `@` is the separator: a host has none, a quoted local part may.
        let (local, host) = text.rsplit_once('@').ok_or(MailboxError::Incomplete)?;
        if local.is_empty() {
            return Err(MailboxError::Incomplete);
        }
        Ok(Self {
            local: local.parse()?,
            host: Host::parse(host)?,
        })
    }

    /// The key to compare local mailboxes by: the shortest correct form, see [`fold`].
    #[must_use]
    pub fn key(&self) -> String {
        let mut text = String::with_capacity(ROOM);
        // Writing into memory does not fail.
        let _ = write!(text, "{self}");
        if text.is_ascii() {
            text.make_ascii_lowercase();
            return text;
        }
        fold(&text)
    }

    /// The address as people read it: international domains in their own letters.
    #[must_use]
    pub fn unicode(&self) -> String {
        match &self.host {
            Host::Domain(domain) => format!("{}@{}", self.local, domain.unicode()),
            Host::Literal(_) => self.to_string(),
        }
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.local, f)?;
        f.write_char('@')?;
        match &self.host {
            // A width is for the whole, and nothing is made of it.
            Host::Domain(domain) => f.write_str(domain.as_str()),
            Host::Literal(_) => fmt::Display::fmt(&self.host, f),
        }
    }
}

impl FromStr for Mailbox {
    type Err = MailboxError;

    fn from_str(text: &str) -> Result<Self, MailboxError> {
        Self::parse_user(text)
    }
}

serde_as_text!(Mailbox);

#[cfg(test)]
mod tests {
    use super::{Mailbox, MailboxError};
    use crate::{DomainError, HostError, LocalPartError};

    #[track_caller]
    fn check(input: &str, expected: Result<&str, MailboxError>) {
        let parsed = Mailbox::parse_user(input);
        let seen = parsed
            .as_ref()
            .map(ToString::to_string)
            .map_err(|error| *error);
        assert_eq!(seen, expected.map(str::to_owned), "{input:?}");
        if let Ok(mailbox) = parsed {
            assert_eq!(mailbox.to_string().parse(), Ok(mailbox));
        }
    }

    #[test]
    fn known_mailboxes() {
        let domain = |error| Err(MailboxError::Host(HostError::Domain(error)));
        check("alice@example.test", Ok("alice@example.test"));
        check("Alice@EXAMPLE.test", Ok("Alice@example.test"));
        check("\"alice\"@example.test", Ok("alice@example.test"));
        check("\"a@b\"@example.test", Ok("\"a@b\"@example.test"));
        check("alice@bücher.example", Ok("alice@xn--bcher-kva.example"));
        check("alice@[192.0.2.1]", Ok("alice@[192.0.2.1]"));
        check("alice@[IPv6:2001:db8::1]", Ok("alice@[IPv6:2001:db8::1]"));
        check("alice", Err(MailboxError::Incomplete));
        check("", Err(MailboxError::Incomplete));
        check("@example.test", Err(MailboxError::Incomplete));
        check(
            "a@b@example.test",
            Err(MailboxError::LocalPart(LocalPartError::Syntax)),
        );
        check(
            "a b@example.test",
            Err(MailboxError::LocalPart(LocalPartError::Syntax)),
        );
        check("Jürgen@example.test", Ok("Jürgen@example.test"));
        check("手紙@日本語.jp", Ok("手紙@xn--wgv71a119e.jp"));
        check("alice@", domain(DomainError::Empty));
        check("alice@example.test.", domain(DomainError::EmptyLabel));
        check("alice@exa mple.test", domain(DomainError::Character));
        check(
            "alice@[example]",
            Err(MailboxError::Host(HostError::Literal)),
        );
    }

    #[test]
    fn equivalent_spellings_share_one_key() {
        let key = |text: &str| Mailbox::parse_user(text).unwrap().key();
        assert_eq!(key("ALICE@Example.Test"), "alice@example.test");
        assert_eq!(key("\"Alice\"@example.test"), "alice@example.test");
        assert_eq!(key("\"A b\"@example.test"), "\"a b\"@example.test");
        assert_eq!(
            key("JO\u{308}RG@BÜCHER.example"),
            key("jörg@xn--bcher-kva.example")
        );
    }

    #[test]
    fn people_read_international_domains_in_their_own_letters() {
        let unicode = |text: &str| Mailbox::parse_user(text).unwrap().unicode();
        assert_eq!(unicode("jörg@xn--bcher-kva.example"), "jörg@bücher.example");
        assert_eq!(unicode("a@example.test"), "a@example.test");
        assert_eq!(unicode("a@[192.0.2.1]"), "a@[192.0.2.1]");
    }
}
