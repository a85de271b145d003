//! The paths of MAIL and RCPT, read strictly from the octets of a command line.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use crate::domain::Domain;
use crate::host::{self, Host};
use crate::local_part::{LocalPart, LocalPartError};
use crate::mailbox::Mailbox;
use crate::text::serde_as_text;

/// Longest path in octets, brackets and all (RFC 5321 section 4.5.3.1.3).
const MAX_OCTETS: usize = 256;
/// A domain longer than this fits into no path of 256 octets, `<a@` and `>` taken off.
const MAX_DOMAIN_WITHIN_PATH: usize = MAX_OCTETS - 4;

/// Where reports about a message go: the argument of MAIL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReversePath {
    /// `<>`: nobody wants to hear about it.
    #[default]
    Null,
    /// Somebody does.
    Mailbox(Mailbox),
}

/// Whom a message is for: the argument of RCPT.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ForwardPath {
    /// `<Postmaster>` without a domain, in any case (RFC 5321 section 4.5.1).
    Postmaster,
    /// Anybody else.
    Mailbox(Mailbox),
}

impl ReversePath {
    /// The mailbox, unless it is null.
    #[must_use]
    pub fn mailbox(&self) -> Option<&Mailbox> {
        match self {
            Self::Mailbox(mailbox) => Some(mailbox),
            Self::Null => None,
        }
    }
}

impl ForwardPath {
    /// The mailbox, unless it is the postmaster without a domain.
    #[must_use]
    pub fn mailbox(&self) -> Option<&Mailbox> {
        match self {
            Self::Mailbox(mailbox) => Some(mailbox),
            Self::Postmaster => None,
        }
    }
}

/// Why the argument of MAIL or RCPT is no path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The grammar does not allow it.
    #[error("the path is malformed")]
    Syntax,
    /// Well-formed, but the local part has more than 64 octets.
    #[error("the local part is longer than 64 octets")]
    LocalPartTooLong,
    /// Well-formed, but the path has more than 256 octets.
    #[error("the path is longer than 256 octets")]
    TooLong,
}

/// Reads the path of MAIL from the front of `input` and hands back what follows it.
///
/// ```text
/// Reverse-path = Path / "<>"                              ; RFC 5321 section 4.1.2
/// Path         = "<" [ A-d-l ":" ] Mailbox ">"
/// A-d-l        = At-domain *( "," At-domain )
/// At-domain    = "@" Domain
/// Mailbox      = Local-part "@" ( Domain / address-literal )
/// ```
/// Source routes are read and dropped (RFC 5321 section 4.1.1.3, appendix C). Letters beyond ASCII are read
/// (RFC 6531 section 3.3); whether the client may send them is for the session to see. All limits are in octets as
/// they came (RFC 6531 section 3.3, last paragraph).
///
/// # Errors
/// Why it is no reverse-path.
pub fn reverse_path(input: &[u8]) -> Result<(ReversePath, &[u8]), PathError> {
    if let Some(rest) = input.strip_prefix(b"<>") {
        return Ok((ReversePath::Null, rest));
    }
    let (mailbox, rest) = bracketed(input)?;
    Ok((ReversePath::Mailbox(mailbox), rest))
}

/// Reads the path of RCPT from the front of `input` and hands back what follows it.
///
/// ```text
/// RCPT argument = ( "<Postmaster@" Domain ">" / "<Postmaster>" / Forward-path )   ; RFC 5321 section 4.1.1.3
/// Forward-path  = Path
/// ```
///
/// # Errors
/// Why it is no forward-path.
pub fn forward_path(input: &[u8]) -> Result<(ForwardPath, &[u8]), PathError> {
    if let Some((name, rest)) = input.split_at_checked(b"<postmaster>".len())
        && name.eq_ignore_ascii_case(b"<postmaster>")
    {
        return Ok((ForwardPath::Postmaster, rest));
    }
    let (mailbox, rest) = bracketed(input)?;
    Ok((ForwardPath::Mailbox(mailbox), rest))
}

/// Reads a mailbox without its angle brackets, as sloppy devices write it, and hands back what follows it.
///
/// # Errors
/// Why it is no mailbox.
pub fn unbracketed(input: &[u8]) -> Result<(Mailbox, &[u8]), PathError> {
    mailbox(input)
}

fn bracketed(input: &[u8]) -> Result<(Mailbox, &[u8]), PathError> {
    let inside = input.strip_prefix(b"<").ok_or(PathError::Syntax)?;
    let behind_route = skip_source_route(inside)?;
    let (mailbox, rest) = mailbox(behind_route)?;
    let rest = rest.strip_prefix(b">").ok_or(PathError::Syntax)?;
    let routed = behind_route.len() < inside.len();
    if input.len() - rest.len() > MAX_OCTETS && (routed || !outgrows_path(&mailbox)) {
        return Err(PathError::TooLong);
    }
    Ok((mailbox, rest))
}

/// RFC 5321 section 4.5.3.1 wants domains of 255 octets and paths of 256 taken; the longest domains fit into
/// no such path, and there the domain's limit decides.
fn outgrows_path(mailbox: &Mailbox) -> bool {
    mailbox
        .host
        .domain()
        .is_some_and(|domain| domain.as_str().len() > MAX_DOMAIN_WITHIN_PATH)
}

/// `@one,@two:` before the mailbox; checked, then ignored.
fn skip_source_route(input: &[u8]) -> Result<&[u8], PathError> {
    let mut rest = input;
    if !rest.starts_with(b"@") {
        return Ok(rest);
    }
    loop {
        rest = rest.strip_prefix(b"@").ok_or(PathError::Syntax)?;
        let (domain, behind) = rest.split_at(domain_end(rest));
        self::domain(domain)?;
        match behind.split_first() {
            Some((b',', next)) => rest = next,
            Some((b':', mailbox)) => return Ok(mailbox),
            Some(_) | None => return Err(PathError::Syntax),
        }
    }
}

fn mailbox(input: &[u8]) -> Result<(Mailbox, &[u8]), PathError> {
    let (local, rest) = LocalPart::take(input).map_err(local_part_error)?;
    let rest = rest.strip_prefix(b"@").ok_or(PathError::Syntax)?;
    let (host, rest) = take_host(rest)?;
    Ok((
        Mailbox {
            local: local.finish().map_err(local_part_error)?,
            host,
        },
        rest,
    ))
}

fn take_host(input: &[u8]) -> Result<(Host, &[u8]), PathError> {
    if let Some(inside) = input.strip_prefix(b"[") {
        let end = inside
            .iter()
            .position(|octet| *octet == b']')
            .ok_or(PathError::Syntax)?;
        let address = host::literal(&inside[..end]).ok_or(PathError::Syntax)?;
        return Ok((Host::Literal(address), &inside[end + 1..]));
    }
    let (domain, rest) = input.split_at(domain_end(input));
    // A final dot is an empty label, so `u@x.` is a fault of grammar, never another spelling of `u@x`.
    Ok((Host::Domain(self::domain(domain)?), rest))
}

/// RFC 6531 section 3.3: `sub-domain =/ U-label`.
fn domain(octets: &[u8]) -> Result<Domain, PathError> {
    let text = str::from_utf8(octets).map_err(|_| PathError::Syntax)?;
    Domain::parse(text).map_err(|_| PathError::Syntax)
}

/// Where the run of octets ends that a domain may consist of.
fn domain_end(input: &[u8]) -> usize {
    input
        .iter()
        .position(|octet| !octet.is_ascii_alphanumeric() && !matches!(octet, b'-' | b'.' | 128..))
        .unwrap_or(input.len())
}

fn local_part_error(error: LocalPartError) -> PathError {
    match error {
        LocalPartError::Syntax => PathError::Syntax,
        LocalPartError::TooLong => PathError::LocalPartTooLong,
    }
}

fn in_brackets(mailbox: &Mailbox, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_char('<')?;
    fmt::Display::fmt(mailbox, f)?;
    f.write_char('>')
}

impl fmt::Display for ReversePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("<>"),
            Self::Mailbox(mailbox) => in_brackets(mailbox, f),
        }
    }
}

impl fmt::Display for ForwardPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postmaster => f.write_str("<Postmaster>"),
            Self::Mailbox(mailbox) => in_brackets(mailbox, f),
        }
    }
}

/// Reads what `Display` writes. The limit of a path counts octets as they came (RFC 6531 section 3.3), and A-labels may
/// be longer than the letters they came as; so it is not kept here.
fn written(text: &str) -> Result<Mailbox, PathError> {
    let inside = text
        .strip_prefix('<')
        .and_then(|text| text.strip_suffix('>'))
        .ok_or(PathError::Syntax)?;
    match mailbox(inside.as_bytes())? {
        (mailbox, []) => Ok(mailbox),
        _ => Err(PathError::Syntax),
    }
}

impl FromStr for ReversePath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        match text {
            "<>" => Ok(Self::Null),
            text => written(text).map(Self::Mailbox),
        }
    }
}

impl FromStr for ForwardPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        if text.eq_ignore_ascii_case("<postmaster>") {
            return Ok(Self::Postmaster);
        }
        written(text).map(Self::Mailbox)
    }
}

serde_as_text!(ReversePath, ForwardPath);

#[cfg(test)]
#[path = "path/tests.rs"]
mod tests;
