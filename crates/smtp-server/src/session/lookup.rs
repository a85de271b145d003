//! VRFY and EXPN (RFC 5321 section 3.5).

use address::Mailbox;
use reply::{Reply, smtp};

use super::context::Context;
use super::phase::Phase;
use super::{State, Turn};
use crate::ask::{Ask, ExpandVerdict, VerifyVerdict};
use crate::command::trim;
use crate::config::{Expn, Vrfy};

/// Most octets of a person's name in a reply, so that the address behind it always fits.
const MAX_NAME: usize = 64;

/// RFC 5321 section 4.1.1.6.
pub(super) fn vrfy(phase: Phase, argument: &[u8], context: &mut Context) -> Turn {
    let looks = match context.config.vrfy {
        Vrfy::Verify => true,
        Vrfy::Noncommittal => false,
        Vrfy::Unimplemented => return phase.refuse_row(&smtp::VRFY_OFF, context),
    };
    let Some(Asked { name, utf8 }) = asked(argument) else {
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
        State::AskingVerify(AskingVerify { phase, utf8 }),
    )
}

/// VRFY is with the host.
#[derive(Debug)]
pub(super) struct AskingVerify {
    phase: Phase,
    utf8: bool,
}

impl AskingVerify {
    pub(super) fn answered(self, verdict: VerifyVerdict, context: &mut Context) -> Turn {
        match verdict {
            VerifyVerdict::Mailbox { name, mailbox } => {
                let person = person(&name, &mailbox, self.utf8);
                if !fits(&person, self.utf8) {
                    return self.phase.reply(&smtp::UTF8_REPLY);
                }
                let reply = Reply::new(&smtp::VERIFIED).arg("mailbox", person);
                self.phase.say(reply.in_utf8(self.utf8))
            }
            // RFC 5321 section 3.5.3.
            VerifyVerdict::Forwarded(mailbox) if fits(&mailbox.to_string(), self.utf8) => {
                let reply = Reply::new(&smtp::VERIFIED_SENT_ON).arg("mailbox", mailbox);
                self.phase.say(reply.in_utf8(self.utf8))
            }
            VerifyVerdict::Moved(mailbox) if fits(&mailbox.to_string(), self.utf8) => {
                let reply = Reply::new(&smtp::MOVED).arg("mailbox", mailbox);
                self.phase.refuse(reply.in_utf8(self.utf8), context)
            }
            VerifyVerdict::Forwarded(_) | VerifyVerdict::Moved(_) => {
                self.phase.reply(&smtp::UTF8_REPLY)
            }
            VerifyVerdict::Elsewhere => self.phase.reply(&smtp::NOT_VERIFIED),
            // RFC 5321 section 3.5.1: 553, and the candidates.
            VerifyVerdict::Ambiguous(candidates) => {
                let list = shown(&candidates).join(" ");
                if !fits(&list, self.utf8) {
                    return self.phase.reply(&smtp::UTF8_REPLY);
                }
                let reply = Reply::new(&smtp::AMBIGUOUS).arg("candidates", list);
                self.phase.refuse(reply.in_utf8(self.utf8), context)
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
    let Some(Asked { name, utf8 }) = asked(argument) else {
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
        State::AskingExpand(AskingExpand { phase, utf8 }),
    )
}

/// EXPN is with the host.
#[derive(Debug)]
pub(super) struct AskingExpand {
    phase: Phase,
    utf8: bool,
}

impl AskingExpand {
    pub(super) fn answered(self, verdict: ExpandVerdict, context: &mut Context) -> Turn {
        match verdict {
            // RFC 5321 section 3.5.1: one mailbox per line.
            ExpandVerdict::Members(members) => {
                let lines = shown(&members);
                if !lines.iter().all(|line| fits(line, self.utf8)) {
                    return self.phase.reply(&smtp::UTF8_REPLY);
                }
                let mut lines = lines.into_iter();
                match lines.next() {
                    Some(first) => {
                        let reply = Reply::new(&smtp::EXPANDED).arg("member", first);
                        let reply = reply.in_utf8(self.utf8);
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

/// What is asked, and whether the answer may hold UTF-8.
struct Asked {
    name: String,
    utf8: bool,
}

/// The argument, if there is one: `user`, `user@domain` or either in angle brackets; in ASCII, unless the parameter
/// SMTPUTF8 stands behind it (RFC 6531 section 3.7.4.2).
fn asked(argument: &[u8]) -> Option<Asked> {
    let (name, utf8) = match argument
        .iter()
        .rposition(|octet| matches!(octet, b' ' | b'\t'))
    {
        Some(at) if argument[at + 1..].eq_ignore_ascii_case(b"SMTPUTF8") => {
            (trim(&argument[..at]), true)
        }
        Some(_) | None => (argument, false),
    };
    let bare = name
        .strip_prefix(b"<")
        .and_then(|rest| rest.strip_suffix(b">"))
        .unwrap_or(name);
    let name = str::from_utf8(bare).ok()?;
    (!name.is_empty() && fits(name, utf8)).then(|| Asked {
        name: name.to_owned(),
        utf8,
    })
}

fn fits(text: &str, utf8: bool) -> bool {
    utf8 || text.is_ascii()
}

fn shown(mailboxes: &[Mailbox]) -> Vec<String> {
    let brackets = |mailbox: &Mailbox| format!("<{mailbox}>");
    mailboxes.iter().map(brackets).collect()
}

/// `Full Name <user@domain>` (RFC 5321 section 3.5.1). A name that is not plain letters, of ASCII unless `utf8`, is left
/// out.
fn person(name: &str, mailbox: &Mailbox, utf8: bool) -> String {
    let plain = |letter: char| {
        letter.is_ascii_alphanumeric()
            || matches!(letter, ' ' | '.' | '-' | '\'' | '_')
            || (utf8 && !letter.is_ascii() && letter.is_alphanumeric())
    };
    let name = name.trim();
    if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(plain) {
        return format!("<{mailbox}>");
    }
    format!("{name} <{mailbox}>")
}
