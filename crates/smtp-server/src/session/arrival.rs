//! The greeting, HELO and EHLO.

use std::borrow::Cow;

use reply::smtp;
use wire::Admission;

use super::Turn;
use super::barred::Barred;
use super::context::Context;
use super::phase::{Greeted, Phase};
use crate::command::proxy;
use crate::config::{Config, Expn, ProxyCommands, Role, Taking, Vrfy};
use crate::helo::Helo;
use crate::hold;

/// A line behind the first: most of them are always the same, and none is copied to be said.
type Keyword = Cow<'static, str>;

/// Room for all keywords there are, so that the list of them is made in one go.
const MOST_KEYWORDS: usize = 20;
/// Octets that a keyword with a number fits into.
const KEYWORD_ROOM: usize = 32;

/// The largest value LIMITS can carry (RFC 9422 section 4).
const MOST_ANNOUNCED: u32 = 999_999;

/// The first thing a session says. Whoever is not welcome hears nothing else, or is heard no further than QUIT.
pub(super) fn greet(admission: Admission, phase: Phase, context: &Context) -> Turn {
    let peer = || context.peer_text();
    let refusal = match admission {
        Admission::Welcome if context.stopping => context.named(&smtp::GREETING_STOPPING),
        Admission::Welcome if context.role == Role::Outsider => {
            context.named(&smtp::NOT_A_DEVICE).arg("peer", peer())
        }
        Admission::Welcome => return welcome(phase, context),
        // RFC 5321 section 3.1: 554, then wait for QUIT and answer everything else with 503.
        Admission::Refused => {
            let refusal = context.named(&smtp::ADDRESS_REFUSED).arg("peer", peer());
            return Barred::behind(refusal, &smtp::ONLY_QUIT);
        }
        Admission::TooManySessions => context.named(&smtp::TOO_MANY_SESSIONS),
        Admission::TooManyFromAddress => context
            .named(&smtp::TOO_MANY_FROM_ADDRESS)
            .arg("peer", peer()),
        Admission::TooFast => context.named(&smtp::TOO_FAST).arg("peer", peer()),
        Admission::Stopping => context.named(&smtp::GREETING_STOPPING),
        Admission::EarlyTalker => context.named(&smtp::EARLY_TALKER),
    };
    Turn::leave(refusal)
}

fn welcome(phase: Phase, context: &Context) -> Turn {
    match context.taking {
        Taking::Mail if context.is_tls_too_weak() => {
            Barred::behind(context.named(&smtp::GREETING), &smtp::TLS_TOO_WEAK)
        }
        Taking::Mail => phase.say(context.named(&smtp::GREETING)),
        Taking::Suspended => Turn::leave(context.named(&smtp::SUSPENDED)),
        // RFC 7504 section 3.
        Taking::Never => Barred::behind(context.named(&smtp::NO_MAIL), &smtp::NO_MAIL_EVER),
    }
}

pub(super) fn helo(phase: Phase, argument: &[u8], context: &mut Context) -> Turn {
    let Some(helo) = name(argument, false, context) else {
        return phase.refuse_row(&smtp::HELO_USAGE, context);
    };
    context.origin = None;
    let reply = context
        .named(&smtp::HELO)
        .arg("client", helo.name.as_str())
        .arg("peer", context.peer_text());
    phase.reset(reply, Phase::Greeted(Greeted { helo }))
}

/// RFC 5321 section 4.1.4: a later EHLO acts as RSET; a refused one changes nothing.
pub(super) fn ehlo(phase: Phase, argument: &[u8], context: &mut Context) -> Turn {
    let Some(helo) = name(argument, true, context) else {
        return phase.refuse_row(&smtp::EHLO_USAGE, context);
    };
    context.origin = None;
    let opening = context
        .named(&smtp::EHLO)
        .arg("client", helo.name.as_str())
        .arg("peer", context.peer_text());
    let reply = opening.further(keywords(context));
    phase.reset(reply, Phase::Greeted(Greeted { helo }))
}

/// What the client calls itself. Devices put their model there, or nothing at all, and cannot be taught otherwise:
/// their address then stands for them.
fn name(argument: &[u8], extended: bool, context: &Context) -> Option<Helo> {
    let parsed = Helo::parse(argument, extended);
    match context.role {
        Role::Device => parsed.or_else(|| Some(nameless(extended, context))),
        Role::Exchange | Role::Submission | Role::OnDemand | Role::Outsider => parsed,
    }
}

fn nameless(extended: bool, context: &Context) -> Helo {
    Helo::of_address(context.peer, extended)
}

/// A device that sends mail, or logs in, without having said HELO is taken to have said it.
pub(super) fn presume_helo(phase: Phase, context: &Context) -> Phase {
    match phase {
        Phase::Connected if context.role == Role::Device => Phase::Greeted(Greeted {
            helo: nameless(false, context),
        }),
        Phase::Connected | Phase::Greeted(_) | Phase::Transaction(_) => phase,
    }
}

/// What this session can do right now (RFC 5321 section 4.1.1.1: every extension, and none that is not there).
fn keywords(context: &Context) -> Vec<Keyword> {
    let config = &context.config;
    let mut keywords = Vec::with_capacity(MOST_KEYWORDS);
    match context.role {
        // RFC 2645 section 5.1.1. Nothing may be sent ahead of ATRN's reply, so there is no PIPELINING.
        Role::OnDemand => keywords.extend(["ENHANCEDSTATUSCODES", "ATRN"].map(Keyword::Borrowed)),
        Role::Exchange | Role::Submission | Role::Device | Role::Outsider => {
            of_mail(context, &mut keywords);
        }
    }
    if context.may_start_tls() {
        keywords.push("STARTTLS".into());
    }
    let mechanisms: Vec<&str> = context
        .offered_mechanisms()
        .map(auth::Mechanism::name)
        .collect();
    if !mechanisms.is_empty() {
        keywords.push(format!("AUTH {}", mechanisms.join(" ")).into());
    }
    if context.role != Role::OnDemand {
        keywords.extend(of_lookups(config));
    }
    keywords.push("HELP".into());
    match context.proxy {
        ProxyCommands::Allowed => keywords.extend([
            format!("XCLIENT {}", proxy::XCLIENT.join(" ")).into(),
            format!("XFORWARD {}", proxy::XFORWARD.join(" ")).into(),
        ]),
        ProxyCommands::Off | ProxyCommands::Forbidden => {}
    }
    keywords
}

/// What concerns MAIL, RCPT and the message.
fn of_mail(context: &Context, keywords: &mut Vec<Keyword>) {
    let config = &context.config;
    keywords.push("PIPELINING".into());
    // RFC 1870 section 3: SIZE without a number promises no fixed limit.
    keywords.push(match config.max_message_size {
        0 => "SIZE".into(),
        limit => numbered("SIZE ", limit),
    });
    // RFC 6531 section 3.1: SMTPUTF8 needs 8BITMIME.
    let always = [
        "8BITMIME",
        "SMTPUTF8",
        "CHUNKING",
        "ENHANCEDSTATUSCODES",
        "DSN",
    ];
    keywords.extend(always.map(Keyword::Borrowed));
    // RFC 2852 section 3: local delivery is immediate, so what is asked for can be kept.
    keywords.push(match config.deliver_by_min {
        0 => "DELIVERBY".into(),
        seconds => format!("DELIVERBY {seconds}").into(),
    });
    // RFC 8689 section 2.
    if context.tls.is_some() {
        keywords.push("REQUIRETLS".into());
    }
    let most_recipients = config.max_recipients.min(MOST_ANNOUNCED);
    keywords.push(match config.max_transactions {
        Some(most) => format!(
            "LIMITS MAILMAX={} RCPTMAX={most_recipients}",
            most.min(MOST_ANNOUNCED)
        )
        .into(),
        None => numbered("LIMITS RCPTMAX=", u64::from(most_recipients)),
    });
    // RFC 4865 section 4.2: for users, and nowhere else.
    let hold = context.future_release();
    let hold = hold.and_then(|longest| hold::keyword(longest, context.clock()));
    keywords.extend(hold.map(Keyword::Owned));
}

/// A keyword with a number behind it.
fn numbered(keyword: &str, number: u64) -> Keyword {
    let mut text = String::with_capacity(KEYWORD_ROOM);
    text.push_str(keyword);
    // Formats a number of its own accord, and faster than `write!` would.
    text.push_str(&number.to_string());
    text.into()
}

/// What concerns names: who exists, who is on a list, whose queue is run.
fn of_lookups(config: &Config) -> impl Iterator<Item = Keyword> {
    let vrfy = match config.vrfy {
        Vrfy::Verify | Vrfy::Noncommittal => Some("VRFY"),
        Vrfy::Unimplemented => None,
    };
    // RFC 5321 section 3.5.2: EXPN is listed where it works.
    let expn = match config.expn {
        Expn::On | Expn::Members | Expn::Noncommittal => Some("EXPN"),
        Expn::Off => None,
    };
    let etrn = config.etrn.then_some("ETRN");
    [vrfy, expn, etrn]
        .into_iter()
        .flatten()
        .map(Keyword::Borrowed)
}
