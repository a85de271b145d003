//! The arguments of XCLIENT and XFORWARD, commands that mail proxies and filters agreed upon among themselves.
//!
//! ```text
//! argument  = attribute *( SP attribute )
//! attribute = name "=" xtext                     ; RFC 3461 section 4; [UNAVAILABLE] is what is not known
//! ```
//! Whether the client may say any of this is not known here.

use std::net::IpAddr;

use address::xtext;
use reply::{Reply, smtp};

use super::words;
use crate::helo::Helo;
use crate::trace::Origin;

/// What EHLO lists behind XCLIENT. LOGIN, which others have there, is understood and means nothing: see [`xclient`].
pub(crate) const XCLIENT: [&str; 5] = ["NAME", "ADDR", "PORT", "PROTO", "HELO"];

/// What EHLO lists behind XFORWARD.
pub(crate) const XFORWARD: [&str; 7] = ["NAME", "ADDR", "PORT", "PROTO", "HELO", "IDENT", "SOURCE"];

/// Most octets of a value, decoded.
const LONGEST: usize = 255;

/// What a proxy says about the client it speaks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Claim {
    /// The client's address.
    pub(crate) address: Said<IpAddr>,
    /// The client's host name.
    pub(crate) name: Said<String>,
    /// What the client called itself.
    pub(crate) helo: Said<String>,
    /// Whether the client said EHLO; otherwise HELO.
    pub(crate) extended: Said<bool>,
}

/// One attribute of a claim.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Said<T> {
    /// It did not come.
    #[default]
    Nothing,
    /// It came, and the proxy does not know.
    Unknown,
    /// It came.
    This(T),
}

impl<T> Said<T> {
    /// What this leaves of what was said before.
    pub(crate) fn over(self, before: Option<T>) -> Option<T> {
        match self {
            Self::Nothing => before,
            Self::Unknown => None,
            Self::This(value) => Some(value),
        }
    }
}

/// Reads the argument of XCLIENT.
///
/// LOGIN is read and forgotten. A user proves who he is to this server, with a password or by SCRAM; a name that comes
/// without a proof would make every hole of a proxy a hole of ours, and would let whoever reaches the proxy's address
/// send as anybody. It is not refused, since proxies that have checked a password send it unasked. PORT is read for the
/// same reason: there is nothing here that it decides.
pub(crate) fn xclient(argument: &[u8]) -> Result<Claim, Reply> {
    let mut claim = Claim::default();
    for attribute in attributes(argument, &[&XCLIENT[..], &["LOGIN"]].concat())? {
        match attribute.name {
            "ADDR" => claim.address = attribute.read(address)?,
            "NAME" => claim.name = attribute.read(host_name)?,
            "HELO" => claim.helo = attribute.read(helo)?,
            "PROTO" => claim.extended = attribute.read(is_extended)?,
            "PORT" => {
                attribute.read(port)?;
            }
            // LOGIN, which may be anything.
            _ => {}
        }
    }
    Ok(claim)
}

/// Reads the argument of XFORWARD into what was said before.
pub(crate) fn xforward(argument: &[u8], mut origin: Origin) -> Result<Origin, Reply> {
    for attribute in attributes(argument, &XFORWARD)? {
        match attribute.name {
            "ADDR" => origin.address = attribute.read(address)?.over(None),
            "NAME" => origin.name = attribute.read(host_name)?.over(None),
            "HELO" => origin.helo = attribute.read(helo)?.over(None),
            "PROTO" => origin.protocol = attribute.read(protocol)?.over(None),
            "PORT" => origin.port = attribute.read(port)?.over(None),
            "IDENT" => origin.ident = attribute.read(printable)?.over(None),
            // SOURCE: whether the filter had it from its own machine. Nothing here depends on it.
            _ => {
                attribute.read(source)?;
            }
        }
    }
    Ok(origin)
}

/// An attribute by one of the names that are known, with its value decoded; `None` is [UNAVAILABLE].
struct Attribute {
    name: &'static str,
    value: Option<Vec<u8>>,
}

impl Attribute {
    fn read<T>(&self, parse: impl FnOnce(&[u8]) -> Option<T>) -> Result<Said<T>, Reply> {
        match &self.value {
            None => Ok(Said::Unknown),
            Some(value) => parse(value).map(Said::This).ok_or_else(|| bad(self.name)),
        }
    }
}

fn attributes(argument: &[u8], known: &[&'static str]) -> Result<Vec<Attribute>, Reply> {
    let mut found: Vec<Attribute> = Vec::new();
    for word in words(argument) {
        let (name, value) = match word.iter().position(|octet| *octet == b'=') {
            None | Some(0) => return Err(Reply::new(&smtp::NOT_AN_ATTRIBUTE)),
            Some(at) => (&word[..at], &word[at + 1..]),
        };
        let mut names = known.iter();
        let Some(name) = names.find(|one| name.eq_ignore_ascii_case(one.as_bytes())) else {
            return Err(bad(&name.escape_ascii().to_string()));
        };
        if found.iter().any(|before| before.name == *name) {
            return Err(bad(name));
        }
        let value = decoded(name, value)?;
        found.push(Attribute { name, value });
    }
    if found.is_empty() {
        return Err(Reply::new(&smtp::MISSING_ARGUMENT));
    }
    Ok(found)
}

fn decoded(name: &str, value: &[u8]) -> Result<Option<Vec<u8>>, Reply> {
    let value = xtext::decode(value).ok_or_else(|| bad(name))?;
    if value.len() > LONGEST {
        return Err(Reply::new(&smtp::ATTRIBUTE_TOO_LONG).arg("parameter", name));
    }
    let unknown = [&b"[UNAVAILABLE]"[..], b"[TEMPUNAVAIL]"];
    let is_unknown = unknown.iter().any(|word| value.eq_ignore_ascii_case(word));
    Ok((!is_unknown).then(|| value.into_owned()))
}

fn bad(name: &str) -> Reply {
    Reply::new(&smtp::BAD_ATTRIBUTE).arg("parameter", name)
}

fn text(value: &[u8]) -> Option<&str> {
    str::from_utf8(value).ok()
}

/// `192.0.2.1`, `IPV6:2001:db8::1`, without brackets.
fn address(value: &[u8]) -> Option<IpAddr> {
    let text = text(value)?;
    let address: IpAddr = match text.split_at_checked(5) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("IPV6:") => {
            IpAddr::V6(rest.parse().ok()?)
        }
        _ => text.parse().ok()?,
    };
    Some(address.to_canonical())
}

/// A host name; an address literal is none.
fn host_name(value: &[u8]) -> Option<String> {
    helo(value).filter(|name| !name.starts_with('['))
}

fn helo(value: &[u8]) -> Option<String> {
    Helo::parse(value, true).map(|helo| helo.name)
}

fn is_extended(value: &[u8]) -> Option<bool> {
    match value.to_ascii_uppercase().as_slice() {
        b"ESMTP" => Some(true),
        b"SMTP" => Some(false),
        _ => None,
    }
}

fn protocol(value: &[u8]) -> Option<String> {
    let plain = !value.is_empty() && value.iter().all(u8::is_ascii_alphanumeric);
    text(value).filter(|_| plain).map(str::to_owned)
}

fn port(value: &[u8]) -> Option<u16> {
    let plain = value.iter().all(u8::is_ascii_digit);
    text(value)
        .filter(|_| plain)
        .and_then(|text| text.parse().ok())
}

fn printable(value: &[u8]) -> Option<String> {
    let plain = value.iter().all(|octet| (b' '..=b'~').contains(octet));
    text(value).filter(|_| plain).map(str::to_owned)
}

fn source(value: &[u8]) -> Option<()> {
    let known = [&b"LOCAL"[..], b"REMOTE"];
    known
        .iter()
        .any(|word| value.eq_ignore_ascii_case(word))
        .then_some(())
}

#[cfg(test)]
mod tests;
