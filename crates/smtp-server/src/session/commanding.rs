//! A command is awaited: takes the next line and hands it to the file of its group.

use reply::smtp;

use super::context::{CommandLine, Context};
use super::phase::Phase;
use super::{
    State, Turn, arrival, aside, chunk, encryption, envelope, login, lookup, message, proxy, queue,
};
use crate::command::{self, Verb};
use crate::config::Role;

/// Goes on to the next command, or waits for it.
pub(super) fn proceed(phase: Phase, context: &mut Context) -> Turn {
    // RFC 5321 section 3.8: between commands is the place to stop.
    if context.stopping {
        return Turn::leave(context.named(&smtp::STOPPING));
    }
    match context.next_command() {
        Some(CommandLine::Text(line)) => take(phase, &line, context),
        Some(CommandLine::Control(line)) => take_control(phase, &line, context),
        Some(CommandLine::Unparsable) => phase.refuse_row(&smtp::UNPARSABLE, context),
        Some(CommandLine::TooLong) => phase.refuse_row(&smtp::LINE_TOO_LONG, context),
        Some(CommandLine::AuthTooLong) => phase.refuse_row(&smtp::RESPONSE_TOO_LONG, context),
        None => Turn::wait(context.line_deadline(), State::Commanding(phase)),
    }
}

fn take(phase: Phase, line: &[u8], context: &mut Context) -> Turn {
    let (word, argument) = command::split(line);
    match Verb::parse(word) {
        Some(verb) => obey(phase, verb, argument, context),
        None if word.is_empty() || !word.is_ascii() => phase.refuse_row(&smtp::UNPARSABLE, context),
        None => phase.refuse_row(&smtp::UNKNOWN_VERB, context),
    }
}

/// RFC 5321 section 4.1.2: an argument with control octets is never read.
fn take_control(phase: Phase, line: &[u8], context: &mut Context) -> Turn {
    let (word, _) = command::split(line);
    match Verb::parse(word).map(|verb| (verb, verb.bad_octets())) {
        Some((_, Some(row))) => phase.refuse_row(row, context),
        Some((verb, None)) => obey(phase, verb, b"", context),
        None => phase.refuse_row(&smtp::UNPARSABLE, context),
    }
}

fn obey(phase: Phase, verb: Verb, argument: &[u8], context: &mut Context) -> Turn {
    if carries_no_mail(verb) && context.count_idle_command() {
        return Turn::leave(context.named(&smtp::IDLE_LIMIT));
    }
    if context.role == Role::OnDemand && !queue::is_on_demand(verb) {
        return phase.refuse_row(&smtp::NOT_IMPLEMENTED, context);
    }
    // RFC 3207 section 4: where TLS is required, everything else waits for it.
    if context.needs_tls() && !goes_before_tls(verb) {
        return phase.refuse_row(&smtp::START_TLS_FIRST, context);
    }
    match verb {
        Verb::Ehlo => arrival::ehlo(phase, argument, context),
        Verb::Helo => arrival::helo(phase, argument, context),
        Verb::Mail => envelope::mail(arrival::presume_helo(phase, context), argument, context),
        Verb::Rcpt => envelope::rcpt(phase, argument, context),
        Verb::Data => message::data(phase, argument, context),
        Verb::Bdat => chunk::bdat(phase, argument, context),
        Verb::Rset => aside::rset(phase, argument, context),
        // RFC 5321 section 4.1.1.9: whatever stands behind it.
        Verb::Noop => phase.reply(&smtp::NOOP),
        Verb::Quit => aside::quit(phase, argument, context),
        Verb::Help => aside::help(phase, argument, context),
        Verb::Vrfy => lookup::vrfy(phase, argument, context),
        Verb::Expn => lookup::expn(phase, argument, context),
        Verb::StartTls => encryption::starttls(phase, argument, context),
        Verb::Auth => login::auth(arrival::presume_helo(phase, context), argument, context),
        Verb::Etrn => queue::etrn(phase, argument, context),
        Verb::Atrn => queue::atrn(phase, argument, context),
        Verb::XClient => proxy::xclient(phase, argument, context),
        Verb::XForward => proxy::xforward(phase, argument, context),
        Verb::NotOffered => phase.refuse_row(&smtp::NOT_IMPLEMENTED, context),
        // A browser made to talk to us would send its own headers as commands: nothing more is read.
        Verb::Http => Turn::leave(context.named(&smtp::NOT_A_WEB_SERVER)),
    }
}

fn carries_no_mail(verb: Verb) -> bool {
    match verb {
        Verb::Ehlo
        | Verb::Helo
        | Verb::Rset
        | Verb::Noop
        | Verb::Help
        | Verb::Vrfy
        | Verb::Expn
        | Verb::Etrn
        | Verb::Atrn
        | Verb::XClient
        | Verb::XForward => true,
        Verb::Mail
        | Verb::Rcpt
        | Verb::Data
        | Verb::Bdat
        | Verb::Quit
        | Verb::StartTls
        | Verb::Auth
        | Verb::NotOffered
        | Verb::Http => false,
    }
}

/// RFC 3207 section 4 names EHLO, NOOP, STARTTLS and QUIT; HELO does no more than EHLO. What is never offered
/// is refused as such in every state; ETRN and ATRN, which some listeners offer, look for TLS themselves. A proxy speaks before the client whose handshake it passes on. BDAT must take its octets first; it is refused all the same.
fn goes_before_tls(verb: Verb) -> bool {
    match verb {
        Verb::Ehlo
        | Verb::Helo
        | Verb::Noop
        | Verb::Bdat
        | Verb::StartTls
        | Verb::Quit
        | Verb::Etrn
        | Verb::Atrn
        | Verb::XClient
        | Verb::XForward
        | Verb::NotOffered
        | Verb::Http => true,
        Verb::Mail
        | Verb::Rcpt
        | Verb::Data
        | Verb::Rset
        | Verb::Help
        | Verb::Vrfy
        | Verb::Expn
        | Verb::Auth => false,
    }
}
