//! RSET, HELP and QUIT. (NOOP needs no code.)

use reply::{Reply, smtp};

use super::Turn;
use super::context::Context;
use super::phase::{Abandoning, Phase};
use crate::command::Verb;
use crate::config::Role;

/// RFC 5321 section 4.1.1.5.
pub(super) fn rset(phase: Phase, argument: &[u8], context: &mut Context) -> Turn {
    if !argument.is_empty() {
        return phase.refuse_row(&smtp::RSET_USAGE, context);
    }
    context.origin = None;
    match phase {
        Phase::Transaction(transaction) => Abandoning::begin(
            Reply::new(&smtp::RESET),
            Phase::Greeted(transaction.greeted),
        ),
        Phase::Connected | Phase::Greeted(_) => phase.reply(&smtp::RESET),
    }
}

/// RFC 5321 section 4.1.1.10.
pub(super) fn quit(phase: Phase, argument: &[u8], context: &mut Context) -> Turn {
    if !argument.is_empty() {
        return phase.refuse_row(&smtp::QUIT_USAGE, context);
    }
    context.parted = context.reader.is_empty();
    Turn::leave(context.named(&smtp::GOODBYE))
}

/// RFC 5321 section 4.1.1.8.
pub(super) fn help(phase: Phase, argument: &[u8], context: &mut Context) -> Turn {
    if argument.is_empty() {
        return phase.reply(&smtp::HELP);
    }
    if argument.eq_ignore_ascii_case(b"STATUS") {
        return phase.say(status(context));
    }
    match Verb::parse(argument).and_then(|verb| usage(verb, context)) {
        Some(usage) => phase.say(Reply::new(&smtp::HELP_TOPIC).arg("usage", usage)),
        None => phase.refuse_row(&smtp::NO_SUCH_TOPIC, context),
    }
}

/// What the session has come to, for those who are logged in; others get the general help.
fn status(context: &Context) -> Reply {
    let Some(login) = &context.login else {
        return Reply::new(&smtp::HELP);
    };
    Reply::new(&smtp::STATUS)
        .arg(
            "tls",
            context.tls.as_ref().map_or("none", |tls| tls.version),
        )
        .arg("login", login)
        .arg("size", context.config.max_message_size)
}

fn usage(verb: Verb, context: &Context) -> Option<&'static str> {
    match verb {
        Verb::Ehlo => Some("EHLO <name>: introduce yourself; the reply lists the extensions"),
        Verb::Helo => Some("HELO <name>: introduce yourself without extensions"),
        Verb::Mail => Some(
            "MAIL FROM:<address> [SIZE=n] [BODY=8BITMIME] [SMTPUTF8] [RET=FULL|HDRS] [ENVID=id] [BY=seconds;R|N] [REQUIRETLS]",
        ),
        Verb::Rcpt => {
            Some("RCPT TO:<address> [NOTIFY=NEVER|SUCCESS,FAILURE,DELAY] [ORCPT=rfc822;address]")
        }
        Verb::Data => Some("DATA: the message follows, up to a line holding only a dot"),
        Verb::Bdat => Some("BDAT <octets> [LAST]: that many octets of the message follow"),
        Verb::Rset => Some("RSET: forget the sender and the recipients"),
        Verb::Noop => Some("NOOP: do nothing"),
        Verb::Quit => Some("QUIT: end the session"),
        Verb::Help => {
            Some("HELP [<verb>|STATUS]: explain a verb, or show the state of the session")
        }
        Verb::Vrfy => Some("VRFY <user>: ask whether a mailbox exists"),
        Verb::Expn => Some("EXPN <alias>: ask who receives the mail of an alias"),
        Verb::StartTls => Some("STARTTLS: encrypt the connection"),
        Verb::Auth => Some("AUTH <mechanism> [response]: log in"),
        Verb::Etrn if context.config.etrn => {
            Some("ETRN [@]<domain>: send what waits for that domain to its server")
        }
        Verb::Atrn if context.role == Role::OnDemand => {
            Some("ATRN [<domain>,<domain>]: send what waits for these domains over this connection")
        }
        Verb::Etrn
        | Verb::Atrn
        | Verb::XClient
        | Verb::XForward
        | Verb::NotOffered
        | Verb::Http => None,
    }
}
