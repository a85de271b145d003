//! The ways to log in that this server knows, and small ordered lists of them.
//!
//! Names and properties only; the exchanges are in `sasl`.

use std::fmt;

/// A way to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// RFC 7677 with channel binding `tls-exporter` (RFC 9266), so TLS 1.3 only.
    ScramSha256Plus,
    /// RFC 7677.
    ScramSha256,
    /// RFC 5802; for clients that know nothing better.
    ScramSha1,
    /// RFC 2195; needs a secret that can be read back.
    CramMd5,
    /// RFC 4616: everything in one message.
    Plain,
    /// draft-murchison-sasl-login: user name and password asked for one after the other.
    Login,
}

impl Mechanism {
    /// Every mechanism, strongest first.
    pub const ALL: [Self; 6] = [
        Self::ScramSha256Plus,
        Self::ScramSha256,
        Self::ScramSha1,
        Self::CramMd5,
        Self::Plain,
        Self::Login,
    ];

    /// The name as EHLO and CAPA list it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha1 => "SCRAM-SHA-1",
            Self::CramMd5 => "CRAM-MD5",
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
        }
    }

    /// Finds a mechanism by name, in any letter case (RFC 4954 section 4: an ABNF string).
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|mechanism| mechanism.name().eq_ignore_ascii_case(name))
    }

    /// True when the password itself crosses the wire, so that TLS is needed under it.
    pub fn cleartext(self) -> bool {
        match self {
            Self::Plain | Self::Login => true,
            Self::ScramSha256Plus | Self::ScramSha256 | Self::ScramSha1 | Self::CramMd5 => false,
        }
    }

    /// True when it is tied to the TLS connection under it, so that there must be one that can be bound to.
    pub fn binds_channel(self) -> bool {
        match self {
            Self::ScramSha256Plus => true,
            Self::ScramSha256 | Self::ScramSha1 | Self::CramMd5 | Self::Plain | Self::Login => {
                false
            }
        }
    }

    /// True when an initial response makes no sense, because the client has nothing to say before the
    /// challenge. (LOGIN is server-first too, yet clients in the field send the user name at once.)
    pub fn refuses_initial_response(self) -> bool {
        match self {
            Self::CramMd5 => true,
            Self::ScramSha256Plus
            | Self::ScramSha256
            | Self::ScramSha1
            | Self::Plain
            | Self::Login => false,
        }
    }
}

/// Mechanisms in the order in which they are listed, each at most once. Small enough to be copied into every
/// session.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Mechanisms([Option<Mechanism>; Mechanism::ALL.len()]);

impl Mechanisms {
    /// The mechanisms, first to last.
    pub fn iter(&self) -> impl Iterator<Item = Mechanism> {
        self.0.into_iter().flatten()
    }

    /// Whether this one is among them.
    pub fn contains(&self, mechanism: Mechanism) -> bool {
        self.0.contains(&Some(mechanism))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }
}

impl FromIterator<Mechanism> for Mechanisms {
    fn from_iter<T: IntoIterator<Item = Mechanism>>(mechanisms: T) -> Self {
        let mut list = Self::default();
        for mechanism in mechanisms {
            if !list.contains(mechanism)
                && let Some(place) = list.0.iter_mut().find(|place| place.is_none())
            {
                *place = Some(mechanism);
            }
        }
        list
    }
}

impl fmt::Debug for Mechanisms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mechanisms_have_names_in_any_letter_case() {
        for (name, mechanism) in [
            ("PLAIN", Some(Mechanism::Plain)),
            ("plain", Some(Mechanism::Plain)),
            ("Login", Some(Mechanism::Login)),
            ("scram-sha-256", Some(Mechanism::ScramSha256)),
            ("Scram-Sha-256-Plus", Some(Mechanism::ScramSha256Plus)),
            ("SCRAM-SHA-1", Some(Mechanism::ScramSha1)),
            ("CRAM-MD5", Some(Mechanism::CramMd5)),
            // RFC 5802 section 4: another mechanism, which is not here.
            ("SCRAM-SHA-1-PLUS", None),
            ("EXTERNAL", None),
            ("GSSAPI", None),
            ("PLAIN ", None),
            ("", None),
        ] {
            assert_eq!(Mechanism::parse(name), mechanism, "{name:?}");
        }
        for mechanism in Mechanism::ALL {
            assert_eq!(Mechanism::parse(mechanism.name()), Some(mechanism));
        }
    }

    #[test]
    fn only_two_show_the_password_and_only_one_binds() {
        let clear: Vec<_> = Mechanism::ALL
            .into_iter()
            .filter(|one| one.cleartext())
            .collect();
        assert_eq!(clear, [Mechanism::Plain, Mechanism::Login]);
        let bound: Vec<_> = Mechanism::ALL
            .into_iter()
            .filter(|one| one.binds_channel())
            .collect();
        assert_eq!(bound, [Mechanism::ScramSha256Plus]);
    }

    #[test]
    fn a_list_keeps_its_order_and_names_each_once() {
        let list: Mechanisms = [Mechanism::Login, Mechanism::Plain, Mechanism::Login]
            .into_iter()
            .collect();
        assert_eq!(
            list.iter().collect::<Vec<_>>(),
            [Mechanism::Login, Mechanism::Plain]
        );
        assert!(!list.contains(Mechanism::CramMd5) && !list.is_empty());
        assert!(Mechanisms::default().is_empty());
        let all: Mechanisms = Mechanism::ALL.into_iter().collect();
        assert_eq!(all.iter().collect::<Vec<_>>(), Mechanism::ALL);
    }
}
