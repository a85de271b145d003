//! STARTTLS (RFC 3207).

use reply::{Reply, smtp};
use wire::TlsFacts;

use super::barred::Barred;
use super::context::Context;
use super::phase::Phase;
use super::{State, Turn, commanding};
use crate::ask::Ask;

/// RFC 3207 section 4.
pub(super) fn starttls(phase: Phase, argument: &[u8], context: &mut Context) -> Turn {
    let row = if !argument.is_empty() {
        &smtp::STARTTLS_USAGE
    } else if context.tls.is_some() {
        &smtp::TLS_ALREADY_ON
    } else if !context.knows_starttls() {
        &smtp::NOT_IMPLEMENTED
    } else if matches!(phase, Phase::Transaction(_)) {
        &smtp::NOT_IN_TRANSACTION
    } else if context.login.is_some() {
        // The handshake would undo the login (RFC 3207 section 4.2), which no client means to happen.
        &smtp::ALREADY_LOGGED_IN
    } else {
        return Turn::ask(Ask::TlsReady, State::AskingTls(AskingTls { phase }));
    };
    phase.refuse_row(row, context)
}

/// Whether a handshake may start is with the host.
#[derive(Debug)]
pub(super) struct AskingTls {
    phase: Phase,
}

impl AskingTls {
    pub(super) fn answered(self, usable: bool) -> Turn {
        if usable {
            Turn::reply(Reply::new(&smtp::START_TLS_NOW), State::Encrypting)
        } else {
            self.phase.reply(&smtp::TLS_UNAVAILABLE)
        }
    }
}

/// RFC 3207 section 4.2: nothing the client said before the handshake counts, and it says EHLO again.
///
/// What a proxy said about the client (XCLIENT) stays: it was not the client who said it, and forgetting it would give
/// the client, whose handshake this may be, the rights of the proxy.
pub(super) fn begin_anew(facts: TlsFacts, context: &mut Context) -> Turn {
    context.reader.clear();
    context.origin = None;
    context.tls = Some(facts);
    // RFC 3207 section 4.1: every command but QUIT is told so.
    if context.is_tls_too_weak() {
        return Barred::begin(&smtp::TLS_TOO_WEAK).proceed(context);
    }
    commanding::proceed(Phase::Connected, context)
}
