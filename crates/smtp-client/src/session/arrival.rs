//! From the greeting to the first transaction: EHLO or HELO, and STARTTLS (RFC 5321 section 3.1 and 3.2, RFC 3207).

use super::context::Context;
use super::work::rest;
use super::{State, login, parting};
use crate::config::{Secured, TlsUse};
use crate::ending::{Ending, Stage};
use crate::features::{self, Features};
use crate::heard::{Class, Fault, Heard, Reader};

/// Takes the greeting. RFC 5321 section 4.3.1: nothing was said before it.
pub(super) fn greeted(heard: &Heard, context: &mut Context) -> State {
    match heard.class() {
        Class::Done => {
            context.peer = features::name(heard);
            introduce(true, context)
        }
        // RFC 5321 section 3.1: 554 is not for this client; RFC 7504 section 3: 521 is for nobody. Both want a QUIT.
        Class::NotNow | Class::Never => refused(Stage::Greeting, heard, context),
        Class::GoOn => State::Greeting.unfit(Fault::Unfit(heard.said()), context),
    }
}

/// Says EHLO, or HELO to servers that do not know it.
fn introduce(extended: bool, context: &mut Context) -> State {
    let verb = if extended { "EHLO" } else { "HELO" };
    let line = format!("{verb} {}", context.config.hostname);
    context.line(&line);
    context.allow(context.config.timeouts.command);
    State::Hello { extended }
}

/// Takes the reply to EHLO or HELO.
pub(super) fn answered(heard: &Heard, extended: bool, context: &mut Context) -> State {
    match heard.class() {
        Class::Done => {
            context.peer = features::name(heard);
            if context
                .peer
                .eq_ignore_ascii_case(&context.config.hostname.to_string())
            {
                return parting::part(Ending::Ourselves, context);
            }
            // RFC 9422 section 3.6: what an earlier reply said is forgotten.
            context.features = if extended {
                Features::read(heard)
            } else {
                Features::default()
            };
            proceed(context)
        }
        Class::Never if extended && is_unknown(heard) && !needs_extensions(context) => {
            introduce(false, context)
        }
        Class::NotNow | Class::Never => refused(Stage::Hello, heard, context),
        Class::GoOn => State::Hello { extended }.unfit(Fault::Unfit(heard.said()), context),
    }
}

/// RFC 5321 section 3.2: HELO is for servers that do not recognise EHLO; such replies are about syntax, 50z (section
/// 4.2.1). Others refuse the client, and would again.
fn is_unknown(heard: &Heard) -> bool {
    heard.code / 10 == 50
}

/// Behind HELO there is neither TLS nor a login.
fn needs_extensions(context: &Context) -> bool {
    let tls = context.config.tls == TlsUse::Required && context.secured.is_none();
    tls || context.config.login.is_some()
}

/// The next step to where mail can be sent.
fn proceed(context: &mut Context) -> State {
    if context.secured.is_none() {
        let wanted = match context.config.tls {
            TlsUse::Never => false,
            TlsUse::Opportunistic | TlsUse::Required => !context.tls_refused,
        };
        if wanted && context.features.starttls {
            context.line("STARTTLS");
            context.allow(context.config.timeouts.command);
            return State::StartingTls;
        }
        if context.config.tls == TlsUse::Required {
            return parting::part(Ending::NoTls(None), context);
        }
    }
    if context.config.login.is_some() && !context.logged_in {
        return login::begin(context);
    }
    rest(context)
}

/// Takes the reply to STARTTLS.
pub(super) fn tls_answered(heard: &Heard, context: &mut Context) -> State {
    match heard.class() {
        Class::Done => {
            context.allow(context.config.timeouts.handshake);
            State::Handshaking
        }
        Class::NotNow | Class::Never if context.config.tls == TlsUse::Required => {
            parting::part(Ending::NoTls(Some(heard.said())), context)
        }
        Class::NotNow | Class::Never => {
            context.tls_refused = true;
            proceed(context)
        }
        Class::GoOn => State::StartingTls.unfit(Fault::Unfit(heard.said()), context),
    }
}

/// RFC 3207 section 4.2: after the handshake nothing counts that was said before it, and EHLO is said again.
pub(super) fn begin_anew(secured: Secured, context: &mut Context) -> State {
    context.reader = Reader::default();
    context.features = Features::default();
    context.peer.clear();
    context.secured = Some(secured);
    introduce(true, context)
}

fn refused(at: Stage, heard: &Heard, context: &mut Context) -> State {
    let said = heard.said();
    parting::part(Ending::Refused { at, said }, context)
}
