//! The greeting, HELO and EHLO.

use reply::{Reply, smtp};
use wire::Admission;

use super::Turn;
use super::context::Context;
use super::phase::{Greeted, Phase};
use crate::config::{Expn, Vrfy};
use crate::helo::Helo;

/// The largest value LIMITS can carry (RFC 9422 section 4).
const MOST_ANNOUNCED: u32 = 999_999;

/// The first thing a session says. Whoever is not welcome hears nothing else.
pub(super) fn greet(admission: Admission, context: &Context) -> Turn {
    let peer = || context.peer_text();
    let refusal = match admission {
        Admission::Welcome if context.stopping => context.named(&smtp::GREETING_STOPPING),
        Admission::Welcome => return Phase::Connected.say(context.named(&smtp::GREETING)),
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

pub(super) fn helo(phase: Phase, argument: &[u8], context: &mut Context) -> Turn {
    let Some(helo) = Helo::parse(argument, false) else {
        return phase.refuse_row(&smtp::HELO_USAGE, context);
    };
    let reply = context
        .named(&smtp::HELO)
        .arg("client", &helo.name)
        .arg("peer", context.peer_text());
    phase.reset(reply, Phase::Greeted(Greeted { helo }))
}

/// RFC 5321 section 4.1.4: a later EHLO acts as RSET; a refused one changes nothing.
pub(super) fn ehlo(phase: Phase, argument: &[u8], context: &mut Context) -> Turn {
    let Some(helo) = Helo::parse(argument, true) else {
        return phase.refuse_row(&smtp::EHLO_USAGE, context);
    };
    let opening = context
        .named(&smtp::EHLO)
        .arg("client", &helo.name)
        .arg("peer", context.peer_text());
    let reply = keywords(context).into_iter().fold(opening, Reply::line);
    phase.reset(reply, Phase::Greeted(Greeted { helo }))
}

/// What this session can do right now (RFC 5321 section 4.1.1.1: every extension, and none that is not there).
fn keywords(context: &Context) -> Vec<String> {
    let config = &context.config;
    let mut keywords = vec!["PIPELINING".to_owned()];
    // RFC 1870 section 3: SIZE without a number promises no fixed limit.
    keywords.push(match config.max_message_size {
        0 => "SIZE".to_owned(),
        limit => format!("SIZE {limit}"),
    });
    // RFC 6531 section 3.1: SMTPUTF8 needs 8BITMIME.
    let always = [
        "8BITMIME",
        "SMTPUTF8",
        "CHUNKING",
        "ENHANCEDSTATUSCODES",
        "DSN",
    ];
    keywords.extend(always.map(str::to_owned));
    // RFC 2852 section 3: local delivery is immediate, so what is asked for can be kept.
    keywords.push(match config.deliver_by_min {
        0 => "DELIVERBY".to_owned(),
        seconds => format!("DELIVERBY {seconds}"),
    });
    // RFC 8689 section 2.
    if context.tls.is_some() {
        keywords.push("REQUIRETLS".to_owned());
    }
    let most_recipients = config.max_recipients.min(MOST_ANNOUNCED);
    keywords.push(match config.max_transactions {
        Some(most) => format!(
            "LIMITS MAILMAX={} RCPTMAX={most_recipients}",
            most.min(MOST_ANNOUNCED)
        ),
        None => format!("LIMITS RCPTMAX={most_recipients}"),
    });
    if context.may_start_tls() {
        keywords.push("STARTTLS".to_owned());
    }
    let mechanisms: Vec<&str> = context
        .offered_mechanisms()
        .map(auth::Mechanism::name)
        .collect();
    if !mechanisms.is_empty() {
        keywords.push(format!("AUTH {}", mechanisms.join(" ")));
    }
    match config.vrfy {
        Vrfy::Verify | Vrfy::Noncommittal => keywords.push("VRFY".to_owned()),
        Vrfy::Unimplemented => {}
    }
    match config.expn {
        Expn::On | Expn::Members | Expn::Noncommittal => keywords.push("EXPN".to_owned()),
        Expn::Off => {}
    }
    keywords.push("HELP".to_owned());
    keywords
}
