//! The argument of MAIL.

mod hold;

use address::dsn::{Envid, Ret};
use address::{DeliverBy, PathError, ReversePath, path, xtext};
use reply::{Reply, smtp};

use super::parameters::{self, Parameter, set_once};
use crate::ask::{Body, MailFrom};
use crate::config::Role;
use crate::hold::Hold;

/// Most digits a SIZE may have (RFC 1870 section 5).
const MAX_SIZE_DIGITS: usize = 20;

/// Reads the argument of MAIL.
///
/// ```text
/// mail = "MAIL FROM:" Reverse-path [SP Mail-parameters] CRLF     ; RFC 5321 section 4.1.1.2
/// ```
/// A SIZE too large for 64 bits is taken for the largest number there is.
pub(crate) fn parse(argument: &[u8], role: Role) -> Result<MailFrom, Reply> {
    let usage = || Reply::new(&smtp::MAIL_USAGE);
    let argument = super::after_keyword(argument, "FROM:").ok_or_else(usage)?;
    let (reverse_path, rest) = match (argument.first(), role) {
        (Some(b'<'), _) => path::reverse_path(argument).map_err(refusal)?,
        // Devices that submit mail leave the brackets out; other servers never do.
        (Some(_), Role::Submission | Role::Device) => {
            let (mailbox, rest) = path::unbracketed(argument).map_err(refusal)?;
            (ReversePath::Mailbox(mailbox), rest)
        }
        (Some(_), Role::Exchange | Role::OnDemand | Role::Outsider) | (None, _) => {
            return Err(usage());
        }
    };
    let mut given = Given::default();
    for parameter in parameters::parse(rest) {
        given.take(&parameter?)?;
    }
    if given.smtputf8.is_none() {
        // RFC 6531 section 3.5.
        let path = &argument[..argument.len() - rest.len()];
        if !path.is_ascii() {
            return Err(Reply::new(&smtp::NON_ASCII_SENDER));
        }
    }
    Ok(MailFrom {
        reverse_path,
        smtputf8: given.smtputf8.is_some(),
        size: given.size,
        body: given.body.unwrap_or_default(),
        ret: given.ret,
        envid: given.envid,
        auth: given.auth,
        requiretls: given.requiretls.is_some(),
        deliver_by: given.deliver_by,
        hold: given.hold,
    })
}

/// The same argument with `<>` in the place of its sender, whatever that was.
pub(crate) fn without_sender(argument: &[u8]) -> Option<Vec<u8>> {
    let sender = super::after_keyword(argument, "FROM:")?;
    let end = match sender.first() {
        Some(b'<') => sender
            .iter()
            .position(|octet| *octet == b'>')
            .map(|at| at + 1),
        Some(_) | None => sender
            .iter()
            .position(|octet| matches!(octet, b' ' | b'\t')),
    };
    let rest = &sender[end.unwrap_or(sender.len())..];
    Some([b"FROM:<>", rest].concat())
}

fn refusal(error: PathError) -> Reply {
    Reply::new(match error {
        PathError::Syntax | PathError::TooLong => &smtp::BAD_SENDER,
        PathError::LocalPartTooLong => &smtp::LOCAL_PART_RULE,
    })
}

/// The parameters seen so far.
#[derive(Default)]
struct Given {
    size: Option<u64>,
    body: Option<Body>,
    ret: Option<Ret>,
    envid: Option<Envid>,
    auth: Option<ReversePath>,
    smtputf8: Option<()>,
    requiretls: Option<()>,
    deliver_by: Option<DeliverBy>,
    hold: Option<Hold>,
}

impl Given {
    fn take(&mut self, parameter: &Parameter<'_>) -> Result<(), Reply> {
        let value = parameter.value.unwrap_or_default();
        if parameter.is("SIZE") {
            set_once(&mut self.size, size(value), || Reply::new(&smtp::BAD_SIZE))
        } else if parameter.is("BODY") {
            // Mail with arbitrary octets could never leave over POP3, so BINARYMIME is not offered (RFC 3030).
            if value.eq_ignore_ascii_case(b"BINARYMIME") {
                return Err(parameter.unknown());
            }
            set_once(&mut self.body, body(value), || parameter.bad())
        } else if parameter.is("RET") {
            set_once(&mut self.ret, Ret::parse(value).ok(), || {
                parameter.bad_dsn()
            })
        } else if parameter.is("ENVID") {
            set_once(&mut self.envid, Envid::parse(value).ok(), || {
                parameter.bad_dsn()
            })
        } else if parameter.is("AUTH") {
            set_once(&mut self.auth, auth(value), || parameter.bad())
        } else if parameter.is("SMTPUTF8") {
            // RFC 6531 section 3.4: it has no value.
            let nothing = parameter.value.is_none().then_some(());
            set_once(&mut self.smtputf8, nothing, || parameter.bad())
        } else if parameter.is("REQUIRETLS") {
            // RFC 8689 section 2: it has no value.
            let nothing = parameter.value.is_none().then_some(());
            set_once(&mut self.requiretls, nothing, || parameter.bad())
        } else if parameter.is("BY") {
            set_once(&mut self.deliver_by, DeliverBy::parse(value).ok(), || {
                Reply::new(&smtp::BAD_BY)
            })
        } else if let Some(hold) = hold::parse(parameter) {
            // RFC 4865 section 4.2: one of the two, once.
            set_once(&mut self.hold, hold.ok(), || Reply::new(&smtp::BAD_HOLD))
        } else {
            Err(parameter.unknown())
        }
    }
}

fn size(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > MAX_SIZE_DIGITS || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let add_digit = |size: u64, digit: &u8| {
        size.saturating_mul(10)
            .saturating_add(u64::from(digit - b'0'))
    };
    Some(value.iter().fold(0, add_digit))
}

fn body(value: &[u8]) -> Option<Body> {
    if value.eq_ignore_ascii_case(b"7BIT") {
        Some(Body::SevenBit)
    } else if value.eq_ignore_ascii_case(b"8BITMIME") {
        Some(Body::EightBitMime)
    } else {
        None
    }
}

/// RFC 4954 section 5: `<>` or an address, in xtext. What decodes but is no address names nobody, like `<>`.
fn auth(value: &[u8]) -> Option<ReversePath> {
    if value.is_empty() {
        return None;
    }
    let decoded = xtext::decode(value)?;
    Some(match path::unbracketed(&decoded) {
        Ok((mailbox, [])) => ReversePath::Mailbox(mailbox),
        Ok(_) | Err(_) => ReversePath::Null,
    })
}

#[cfg(test)]
#[path = "mail/tests.rs"]
mod tests;
