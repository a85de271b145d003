//! The next server, as people write it: where it is, how the connection is protected, which addresses are tried.

use std::fmt;
use std::net::IpAddr;

use address::{Domain, Host};
use toml_edit::Value;

use super::super::setting::{Raw, Setting};

/// Where mail is submitted (RFC 6409), and where with TLS from the start (RFC 8314 section 3.3).
const SUBMISSION: u16 = 587;
const SUBMISSIONS: u16 = 465;

/// Why a login does not go with a connection without TLS that must be there.
pub(super) const NO_LOGIN: &str = "a password could be read on the way, or asked for by somebody in between; with a user, take \"starttls\" or \"implicit\"";

/// A server and its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Its name, or its address.
    pub host: Host,
    /// Its port.
    pub port: u16,
}

impl Hop {
    /// Reads `smtp.example.net:587`, `192.0.2.1:25`, `[2001:db8::1]:25`; without a port it is 587.
    ///
    /// # Errors
    /// A sentence for the person who wrote it.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::parse_at(text, SUBMISSION)
    }

    /// The same with another port where none is given.
    ///
    /// # Errors
    /// A sentence for the person who wrote it.
    pub fn parse_at(text: &str, usual_port: u16) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is no server; write a name or an address and a port, such as \"smtp.example.net:{usual_port}\""
            )
        };
        let (host, port) = match text.rsplit_once(':') {
            // An IPv6 address without a port has colons of its own.
            Some((host, port)) if text.parse::<IpAddr>().is_err() && !text.ends_with(']') => {
                (host, port.parse().map_err(|_| wrong())?)
            }
            Some(_) | None => (text, usual_port),
        };
        if port == 0 {
            return Err(wrong());
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let host = match bare.parse::<IpAddr>() {
            Ok(address) => literal(address).ok_or_else(wrong)?,
            Err(_) => Host::Domain(Domain::parse(bare).map_err(|_| wrong())?),
        };
        Ok(Self { host, port })
    }
}

fn literal(address: IpAddr) -> Option<Host> {
    let text = match address.to_canonical() {
        IpAddr::V4(v4) => format!("[{v4}]"),
        IpAddr::V6(v6) => format!("[IPv6:{v6}]"),
    };
    text.parse().ok()
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.host.to_string();
        let host = host.trim_start_matches("[IPv6:");
        match host.contains(':') {
            true => write!(f, "[{}]:{}", host.trim_end_matches(']'), self.port),
            false => {
                let host = host.trim_start_matches('[').trim_end_matches(']');
                write!(f, "{host}:{}", self.port)
            }
        }
    }
}

impl Setting for Hop {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        Self::parse(raw.text()?)
    }

    fn show(&self) -> Option<Value> {
        Some(Value::from(self.to_string()))
    }
}

/// How a connection is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HopTls {
    /// From the start at port 465, by STARTTLS at every other; required, and the certificate is verified.
    #[default]
    Auto,
    /// By STARTTLS: required, and verified.
    StartTls,
    /// From the start, and verified.
    Implicit,
    /// Where the other side can, with any certificate.
    Opportunistic,
    /// Not at all.
    None,
}

impl HopTls {
    /// What it is at this port; never [`HopTls::Auto`].
    #[must_use]
    pub fn at(self, port: u16) -> Self {
        match self {
            Self::Auto if port == SUBMISSIONS => Self::Implicit,
            Self::Auto => Self::StartTls,
            Self::StartTls | Self::Implicit | Self::Opportunistic | Self::None => self,
        }
    }

    /// Whether a password may be sent over it.
    pub(super) fn may_log_in(self) -> bool {
        match self {
            Self::Auto | Self::StartTls | Self::Implicit => true,
            Self::Opportunistic | Self::None => false,
        }
    }
}

/// Which addresses of other servers are tried, in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Families(pub resolver::Families);

impl Families {
    const WORDS: [(&'static str, resolver::Families); 4] = [
        ("ipv6-first", resolver::Families::Ipv6First),
        ("ipv4-first", resolver::Families::Ipv4First),
        ("ipv4", resolver::Families::Ipv4Only),
        ("ipv6", resolver::Families::Ipv6Only),
    ];
}

impl Setting for Families {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        let text = raw.text()?;
        let found = Self::WORDS.iter().find(|(word, _)| *word == text);
        let words = Self::WORDS.map(|(word, _)| word);
        found
            .map(|(_, families)| Self(*families))
            .ok_or_else(|| super::super::setting::not_among(text, &words))
    }

    fn show(&self) -> Option<Value> {
        let word = Self::WORDS.iter().find(|(_, families)| *families == self.0);
        word.map(|(word, _)| Value::from(*word))
    }
}

/// A value, or `"off"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrOff<T>(pub Option<T>);

impl<T: Setting> Setting for OrOff<T> {
    fn read(raw: Raw<'_>) -> Result<Self, String> {
        match raw.text() {
            Ok("off") => Ok(Self(None)),
            Ok(_) | Err(_) => T::read(raw)
                .map(|value| Self(Some(value)))
                .map_err(|why| format!("{why}; or \"off\"")),
        }
    }

    fn show(&self) -> Option<Value> {
        match &self.0 {
            Some(value) => value.show(),
            None => Some(Value::from("off")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Hop;

    #[test]
    fn reads_servers_and_shows_them_as_they_are_written() {
        for (text, shown) in [
            ("smtp.example.net:2525", Some("smtp.example.net:2525")),
            ("smtp.example.net", Some("smtp.example.net:587")),
            ("192.0.2.1:25", Some("192.0.2.1:25")),
            ("192.0.2.1", Some("192.0.2.1:587")),
            ("[2001:db8::1]:25", Some("[2001:db8::1]:25")),
            ("[2001:db8::1]", Some("[2001:db8::1]:587")),
            ("2001:db8::1", Some("[2001:db8::1]:587")),
            ("[smtp.example.net]:465", Some("smtp.example.net:465")),
            ("smtp.example.net:", None),
            ("smtp.example.net:0", None),
            ("smtp.example.net:smtp", None),
            ("smtp.example.net:70000", None),
            ("", None),
            (":25", None),
            ("a b:25", None),
        ] {
            let found = Hop::parse(text).ok().map(|hop| hop.to_string());
            assert_eq!(found.as_deref(), shown, "{text:?}");
        }
    }
}
