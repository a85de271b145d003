//! What stands to the right of the `@`, or behind EHLO: a domain name or an address literal.

use std::fmt::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::domain::{Domain, DomainError};
use crate::text::serde_as_text;

/// A domain, or an IP address in brackets.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    /// A name.
    Domain(Domain),
    /// `[192.0.2.1]` or `[IPv6:2001:db8::1]`.
    Literal(IpAddr),
}

/// Why a text is not a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// Not a domain name.
    #[error(transparent)]
    Domain(#[from] DomainError),
    /// Brackets around something that is no IPv4 address and no `IPv6:` address.
    #[error("the address literal is not [a.b.c.d] or [IPv6:...]")]
    Literal,
}

impl Host {
    /// Reads a host as SMTP writes it.
    ///
    /// ```text
    /// address-literal      = "[" ( IPv4-address-literal / IPv6-address-literal ) "]"  ; RFC 5321 section 4.1.3
    /// IPv4-address-literal = Snum 3("." Snum)
    /// IPv6-address-literal = "IPv6:" IPv6-addr
    /// ```
    /// General-address-literal is refused: no other tag has ever been registered.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_ascii(octets: &[u8]) -> Result<Self, HostError> {
        match octets.strip_prefix(b"[") {
            Some(rest) => {
                let inner = rest.strip_suffix(b"]").ok_or(HostError::Literal)?;
                literal(inner).map(Self::Literal).ok_or(HostError::Literal)
            }
            None => Ok(Self::Domain(Domain::from_ascii(octets)?)),
        }
    }

    /// Reads a host as people write it: international names are welcome.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, HostError> {
        if text.is_ascii() {
            return Self::from_ascii(text.as_bytes());
        }
        Ok(Self::Domain(Domain::parse(text)?))
    }

    /// The name, if it is one.
    #[must_use]
    pub fn domain(&self) -> Option<&Domain> {
        match self {
            Self::Domain(domain) => Some(domain),
            Self::Literal(_) => None,
        }
    }
}

/// The inside of an address literal.
pub(crate) fn literal(inner: &[u8]) -> Option<IpAddr> {
    if let Some(tagged) = strip_tag(inner) {
        let address: Ipv6Addr = str::from_utf8(tagged).ok()?.parse().ok()?;
        return Some(IpAddr::V6(address));
    }
    ipv4(inner).map(IpAddr::V4)
}

/// Takes `IPv6:` off, in any case (ABNF strings have none, RFC 5234 section 2.3).
fn strip_tag(inner: &[u8]) -> Option<&[u8]> {
    let (tag, rest) = inner.split_at_checked(5)?;
    tag.eq_ignore_ascii_case(b"IPv6:").then_some(rest)
}

/// `Snum` allows leading zeros, which the standard library refuses; they are decimal here.
fn ipv4(text: &[u8]) -> Option<Ipv4Addr> {
    let mut octets = [0_u8; 4];
    let mut parts = text.split(|octet| *octet == b'.');
    for octet in &mut octets {
        let part = parts.next()?;
        if part.is_empty() || part.len() > 3 || !part.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let value = part
            .iter()
            .fold(0_u16, |value, digit| value * 10 + u16::from(digit - b'0'));
        *octet = u8::try_from(value).ok()?;
    }
    parts.next().is_none().then(|| Ipv4Addr::from(octets))
}

/// Writes an IPv4 address. Nearly every message and log line has one, so it goes without the formatting machinery,
/// which takes a thousand instructions for it.
///
/// # Errors
/// Those of `to`.
pub fn dotted(address: Ipv4Addr, to: &mut (impl fmt::Write + ?Sized)) -> fmt::Result {
    let mut text = [b'.'; 15];
    let mut length = 0;
    for (at, octet) in address.octets().into_iter().enumerate() {
        length += usize::from(at > 0);
        for (least, power) in [(100, 100), (10, 10), (0, 1)] {
            if octet >= least {
                text[length] = b'0' + octet / power % 10;
                length += 1;
            }
        }
    }
    to.write_str(str::from_utf8(&text[..length]).unwrap_or_default())
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain(domain) => domain.fmt(f),
            Self::Literal(IpAddr::V4(address)) => {
                f.write_char('[')?;
                dotted(*address, f)?;
                f.write_char(']')
            }
            Self::Literal(IpAddr::V6(address)) => write!(f, "[IPv6:{address}]"),
        }
    }
}

impl FromStr for Host {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        Self::parse(text)
    }
}

impl From<Domain> for Host {
    fn from(domain: Domain) -> Self {
        Self::Domain(domain)
    }
}

serde_as_text!(Host);

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::{Host, HostError, dotted};
    use crate::DomainError;

    #[test]
    fn ipv4_addresses_are_written_as_the_standard_library_writes_them() {
        for octets in [
            [0, 0, 0, 0],
            [127, 0, 0, 1],
            [9, 10, 99, 100],
            [101, 110, 199, 200],
            [255, 255, 255, 255],
        ] {
            let (address, mut text) = (Ipv4Addr::from(octets), String::new());
            dotted(address, &mut text).unwrap();
            assert_eq!(text, address.to_string());
        }
    }

    #[track_caller]
    fn check(input: &str, expected: Result<&str, HostError>) {
        let parsed = Host::from_ascii(input.as_bytes());
        assert_eq!(
            parsed
                .as_ref()
                .map(ToString::to_string)
                .map_err(|error| *error),
            expected.map(str::to_owned)
        );
        if let Ok(host) = parsed {
            assert_eq!(host.to_string().parse(), Ok(host));
        }
    }

    #[test]
    fn known_hosts() {
        check("Mail.Example.Test", Ok("mail.example.test"));
        check("[192.0.2.1]", Ok("[192.0.2.1]"));
        check("[192.000.002.001]", Ok("[192.0.2.1]"));
        check("[255.255.255.255]", Ok("[255.255.255.255]"));
        check("[IPv6:2001:db8::1]", Ok("[IPv6:2001:db8::1]"));
        check("[ipv6:2001:DB8:0:0:0:0:0:1]", Ok("[IPv6:2001:db8::1]"));
        check("[IPv6:::ffff:192.0.2.1]", Ok("[IPv6:::ffff:192.0.2.1]"));
        check("[IPv6:::]", Ok("[IPv6:::]"));
        check("[256.0.0.1]", Err(HostError::Literal));
        check("[1.2.3]", Err(HostError::Literal));
        check("[1.2.3.4.5]", Err(HostError::Literal));
        check("[1.2.3.0004]", Err(HostError::Literal));
        check("[1.2..4]", Err(HostError::Literal));
        check("[+1.2.3.4]", Err(HostError::Literal));
        check("[2001:db8::1]", Err(HostError::Literal));
        check("[IPv6:1.2.3.4]", Err(HostError::Literal));
        check("[IPv6:fe80::1%eth0]", Err(HostError::Literal));
        check("[IPv6:]", Err(HostError::Literal));
        check("[tag:anything]", Err(HostError::Literal));
        check("[]", Err(HostError::Literal));
        check("[", Err(HostError::Literal));
        check("[1.2.3.4", Err(HostError::Literal));
        check("[1.2.3.4]x", Err(HostError::Literal));
        check("", Err(HostError::Domain(DomainError::Empty)));
        check("a..b", Err(HostError::Domain(DomainError::EmptyLabel)));
    }
}
