//! The argument of RCPT.

use address::dsn::{Notify, Orcpt};
use address::{ForwardPath, PathError, path};
use reply::{Reply, smtp};

use super::parameters::{self, Parameter, set_once};
use crate::ask::RcptTo;
use crate::config::Role;

/// Reads the argument of RCPT.
///
/// ```text
/// rcpt = "RCPT TO:" ( "<Postmaster@" Domain ">" / "<Postmaster>" / Forward-path )
///        [SP Rcpt-parameters] CRLF                               ; RFC 5321 section 4.1.1.3
/// ```
/// With the recipient comes whether writing it took letters beyond ASCII, which only SMTPUTF8 allows.
pub(crate) fn parse(argument: &[u8], role: Role) -> Result<(RcptTo, Letters), Reply> {
    let usage = || Reply::new(&smtp::RCPT_USAGE);
    let argument = super::after_keyword(argument, "TO:").ok_or_else(usage)?;
    let (path, rest) = match (argument.first(), role) {
        (Some(b'<'), _) => path::forward_path(argument).map_err(refusal)?,
        // Devices that submit mail leave the brackets out; other servers never do.
        (Some(_), Role::Submission | Role::Device) => {
            let (mailbox, rest) = path::unbracketed(argument).map_err(refusal)?;
            (ForwardPath::Mailbox(mailbox), rest)
        }
        (Some(_), Role::Exchange | Role::OnDemand | Role::Outsider) | (None, _) => {
            return Err(usage());
        }
    };
    let mut to = RcptTo {
        path,
        notify: None,
        orcpt: None,
    };
    for parameter in parameters::parse(rest) {
        to.take(&parameter?)?;
    }
    let letters = if argument.is_ascii() {
        Letters::Ascii
    } else {
        Letters::Utf8
    };
    Ok((to, letters))
}

/// What a recipient was written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Letters {
    Ascii,
    /// RFC 6531 section 3.3.
    Utf8,
}

fn refusal(error: PathError) -> Reply {
    Reply::new(match error {
        PathError::Syntax | PathError::TooLong => &smtp::BAD_RECIPIENT,
        PathError::LocalPartTooLong => &smtp::LOCAL_PART_RULE,
    })
}

impl RcptTo {
    fn take(&mut self, parameter: &Parameter<'_>) -> Result<(), Reply> {
        let value = parameter.value.unwrap_or_default();
        if parameter.is("NOTIFY") {
            set_once(&mut self.notify, Notify::parse(value).ok(), || {
                parameter.bad_dsn()
            })
        } else if parameter.is("ORCPT") {
            set_once(&mut self.orcpt, Orcpt::parse(value).ok(), || {
                parameter.bad_dsn()
            })
        } else {
            Err(parameter.unknown())
        }
    }
}

#[cfg(test)]
#[path = "rcpt/tests.rs"]
mod tests;
