//! VRFY and EXPN (RFC 5321 section 3.5).

use address::Mailbox;
use reply::{Reply, smtp};

use super::context::Context;
use super::phase::Phase;
use super::{State, Turn};
use crate::ask::{Ask, ExpandVerdict, VerifyVerdict};
use crate::config::{Expn, Vrfy};

/// Most letters of a person's name in a reply, so that the address behind it always fits.
const MAX_NAME: usize = 64;

/// RFC 5321 section 4.1.1.6.
pub(super) fn vrfy(phase: Phase, argument: &[u8], context: &mut Context) -> Turn {
    let looks = match context.config.vrfy {
        Vrfy::Verify => true,
        Vrfy::Noncommittal => false,
        Vrfy::Unimplemented => return phase.refuse_row(&smtp::VRFY_OFF, context),
    };
    let Some(name) = text(argument) else {
        return phase.refuse_row(&smtp::VRFY_USAGE, context);
    };
    if context.needs_login() {
        return phase.refuse_row(&smtp::LOG_IN_FIRST, context);
    }
    if !looks {
        // RFC 5321 section 7.3: the same for every name.
        return phase.reply(&smtp::NOT_VERIFIED);
    }
    Turn::ask(
        Ask::Verify(name),
        State::AskingVerify(AskingVerify { phase }),
    )
}

/// VRFY is with the host.
#[derive(Debug)]
pub(super) struct AskingVerify {
    phase: Phase,
}

impl AskingVerify {
    pub(super) fn answered(self, verdict: VerifyVerdict, context: &mut Context) -> Turn {
        match verdict {
            VerifyVerdict::Mailbox { name, mailbox } => {
                let person = person(&name, &mailbox);
                self.phase
                    .say(Reply::new(&smtp::VERIFIED).arg("mailbox", person))
            }
            VerifyVerdict::Ambiguous(candidates) => {
                let list: Vec<String> = candidates
                    .iter()
                    .map(|mailbox| format!("<{mailbox}>"))
                    .collect();
                self.phase.refuse(
                    Reply::new(&smtp::AMBIGUOUS).arg("candidates", list.join(" ")),
                    context,
                )
            }
            VerifyVerdict::Unknown => self.phase.refuse_row(&smtp::NO_SUCH_USER, context),
            VerifyVerdict::TryLater => self.phase.reply(&smtp::TRY_LATER),
        }
    }
}

/// RFC 5321 section 4.1.1.7.
pub(super) fn expn(phase: Phase, argument: &[u8], context: &mut Context) -> Turn {
    let looks = match context.config.expn {
        Expn::On => true,
        Expn::Members => context.login.is_some(),
        Expn::Noncommittal => false,
        Expn::Off => return phase.refuse_row(&smtp::EXPN_OFF, context),
    };
    let Some(name) = text(argument) else {
        return phase.refuse_row(&smtp::MISSING_ARGUMENT, context);
    };
    if context.needs_login() {
        return phase.refuse_row(&smtp::LOG_IN_FIRST, context);
    }
    if !looks {
        return phase.reply(&smtp::NOT_VERIFIED);
    }
    Turn::ask(
        Ask::Expand(name),
        State::AskingExpand(AskingExpand { phase }),
    )
}

/// EXPN is with the host.
#[derive(Debug)]
pub(super) struct AskingExpand {
    phase: Phase,
}

impl AskingExpand {
    pub(super) fn answered(self, verdict: ExpandVerdict, context: &mut Context) -> Turn {
        match verdict {
            // RFC 5321 section 3.5.1: one mailbox per line.
            ExpandVerdict::Members(members) => {
                let mut lines = members.iter().map(|mailbox| format!("<{mailbox}>"));
                match lines.next() {
                    Some(first) => {
                        let reply = Reply::new(&smtp::EXPANDED).arg("member", first);
                        self.phase.say(lines.fold(reply, Reply::line))
                    }
                    None => self.phase.refuse_row(&smtp::NO_SUCH_USER, context),
                }
            }
            ExpandVerdict::Unknown => self.phase.refuse_row(&smtp::NO_SUCH_USER, context),
            ExpandVerdict::TryLater => self.phase.reply(&smtp::TRY_LATER),
        }
    }
}

/// The argument, if there is one and it is ASCII: `user`, `user@domain` or either in angle brackets.
fn text(argument: &[u8]) -> Option<String> {
    let bare = argument
        .strip_prefix(b"<")
        .and_then(|rest| rest.strip_suffix(b">"))
        .unwrap_or(argument);
    let readable = !bare.is_empty() && bare.is_ascii();
    readable.then(|| String::from_utf8_lossy(bare).into_owned())
}

/// `Full Name <user@domain>` (RFC 5321 section 3.5.1). A name that is not plain ASCII letters is left out.
fn person(name: &str, mailbox: &Mailbox) -> String {
    let fits = |letter: char| {
        letter.is_ascii_alphanumeric() || matches!(letter, ' ' | '.' | '-' | '\'' | '_')
    };
    let name = name.trim();
    if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(fits) {
        return format!("<{mailbox}>");
    }
    format!("{name} <{mailbox}>")
}
