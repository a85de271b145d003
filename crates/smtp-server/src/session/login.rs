//! AUTH and the exchange it begins (RFC 4954). What the octets mean is known to `auth` alone.

use auth::{Mechanism, decode_base64, encode_base64};
use reply::{Reply, Row, smtp};
use wire::Line;

use super::context::Context;
use super::phase::{Greeted, Phase};
use super::{State, Turn};
use crate::ask::{Ask, AuthVerdict};
use crate::command::words;

/// RFC 4954 section 4.
pub(super) fn auth(phase: Phase, argument: &[u8], context: &mut Context) -> Turn {
    let mut words = words(argument);
    let (Some(name), initial, None) = (words.next(), words.next(), words.next()) else {
        return phase.refuse_row(&smtp::AUTH_USAGE, context);
    };
    if !context.knows_auth() {
        return phase.refuse_row(&smtp::AUTH_OFF, context);
    }
    if context.login.is_some() {
        return phase.refuse_row(&smtp::ALREADY_LOGGED_IN, context);
    }
    let greeted = match phase {
        Phase::Connected => return phase.refuse_row(&smtp::EHLO_BEFORE_AUTH, context),
        Phase::Transaction(_) => return phase.refuse_row(&smtp::NOT_IN_TRANSACTION, context),
        Phase::Greeted(greeted) => greeted,
    };
    match first_message(name, initial, context) {
        Ok((mechanism, initial)) => Turn::ask(
            Ask::AuthStart {
                mechanism,
                initial,
                binding: context.channel_binding(),
            },
            State::AskingLogin(AskingLogin { greeted }),
        ),
        Err(row) => Phase::Greeted(greeted).refuse_row(row, context),
    }
}

/// The mechanism, if it is offered, and the first response, if it came along.
fn first_message(
    name: &[u8],
    initial: Option<&[u8]>,
    context: &Context,
) -> Result<(Mechanism, Option<Vec<u8>>), &'static Row> {
    let mechanism = str::from_utf8(name)
        .ok()
        .and_then(Mechanism::parse)
        .filter(|mechanism| context.can_use(*mechanism))
        .ok_or(&smtp::MECHANISM_NOT_OFFERED)?;
    if !context.is_safe(mechanism) {
        return Err(&smtp::TLS_FOR_PASSWORDS);
    }
    // RFC 4954 section 4: there is nothing to answer before the challenge.
    if initial.is_some() && mechanism.refuses_initial_response() {
        return Err(&smtp::INITIAL_RESPONSE_UNWANTED);
    }
    let initial = match initial {
        None => None,
        // RFC 4954 section 4: present, but empty.
        Some(b"=") => Some(Vec::new()),
        Some(text) => Some(decode_base64(text).map_err(|_| &smtp::NOT_BASE64)?),
    };
    Ok((mechanism, initial))
}

/// The exchange is with the host.
#[derive(Debug)]
pub(super) struct AskingLogin {
    greeted: Greeted,
}

impl AskingLogin {
    pub(super) fn answered(self, verdict: AuthVerdict, context: &mut Context) -> Turn {
        let phase = Phase::Greeted;
        match verdict {
            AuthVerdict::Challenge(octets) => {
                let reply = Reply::new(&smtp::CHALLENGE).arg("challenge", encode_base64(octets));
                Turn::reply(
                    reply,
                    State::Challenged(Challenged {
                        greeted: self.greeted,
                    }),
                )
            }
            AuthVerdict::Accepted { login } => {
                context.login = Some(login);
                self.greeted.reply(&smtp::LOGGED_IN)
            }
            AuthVerdict::Rejected => {
                phase(self.greeted).refuse_row(&smtp::BAD_CREDENTIALS, context)
            }
            AuthVerdict::Malformed => {
                phase(self.greeted).refuse_row(&smtp::MALFORMED_RESPONSE, context)
            }
            AuthVerdict::Disabled => {
                phase(self.greeted).refuse_row(&smtp::ACCOUNT_DISABLED, context)
            }
            AuthVerdict::TooWeak => {
                phase(self.greeted).refuse_row(&smtp::MECHANISM_TOO_WEAK, context)
            }
            AuthVerdict::Transition => {
                phase(self.greeted).refuse_row(&smtp::TRANSITION_NEEDED, context)
            }
            AuthVerdict::Busy => self.greeted.reply(&smtp::LOGIN_UNAVAILABLE),
            AuthVerdict::Throttled => Turn::leave(
                context
                    .named(&smtp::LOGIN_THROTTLED)
                    .arg("peer", context.peer_text()),
            ),
        }
    }
}

/// The client's answer to a challenge is awaited.
#[derive(Debug)]
pub(super) struct Challenged {
    greeted: Greeted,
}

impl Challenged {
    pub(super) fn proceed(self, context: &mut Context) -> Turn {
        if context.stopping {
            return Turn::leave(context.named(&smtp::STOPPING));
        }
        match context.next_response() {
            None => Turn::wait(context.line_deadline(), State::Challenged(self)),
            Some(Line::Complete(text)) => self.take(&text),
            Some(Line::Control(_) | Line::Bare) => self.cancel(&smtp::NOT_BASE64),
            Some(Line::TooLong | Line::Flood) => self.cancel(&smtp::RESPONSE_TOO_LONG),
        }
    }

    fn take(self, text: &[u8]) -> Turn {
        // RFC 4954 section 4: a lone asterisk gives up.
        if text == b"*" {
            return self.cancel(&smtp::AUTH_CANCELLED);
        }
        match decode_base64(text) {
            Ok(response) => Turn::ask(
                Ask::AuthRespond(response),
                State::AskingLogin(AskingLogin {
                    greeted: self.greeted,
                }),
            ),
            Err(_) => self.cancel(&smtp::NOT_BASE64),
        }
    }

    fn cancel(self, row: &'static Row) -> Turn {
        Turn::ask(
            Ask::AuthCancel,
            State::CancellingLogin(CancellingLogin {
                greeted: self.greeted,
                row,
            }),
        )
    }
}

/// The host forgets an exchange.
#[derive(Debug)]
pub(super) struct CancellingLogin {
    greeted: Greeted,
    row: &'static Row,
}

impl CancellingLogin {
    pub(super) fn done(self, context: &mut Context) -> Turn {
        Phase::Greeted(self.greeted).refuse_row(self.row, context)
    }
}
