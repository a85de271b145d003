//! The lines of the log: one for each recipient and outcome, as far as they are worth a line.

use std::time::SystemTime;

use delivery::schedule::{GiveUp, Verdict};
use mailstore::{Heard, Waiting};

use super::fates::Matter;
use crate::carry::Carried;

/// Lines for one attempt.
const MOST: usize = 50;

/// What an attempt came to.
pub(super) fn attempted(matter: &Matter, carried: &[(u32, Carried)], now: SystemTime) {
    let age = now.duration_since(matter.received).unwrap_or_default();
    let seconds = age.as_secs();
    for (recipient, one) in carried.iter().take(MOST) {
        let to = matter.recipient(*recipient).map(|to| to.path.to_string());
        let host = one.remote.as_ref().map(|remote| remote.host.to_string());
        tracing::info!(
            id = matter.id,
            to = to.unwrap_or_default(),
            outcome = name(one.verdict),
            host = host.unwrap_or_default(),
            status = %one.status,
            words = one.words,
            seconds,
            "sent on"
        );
    }
    if carried.len() > MOST {
        let more = carried.len() - MOST;
        let delivered = |(_, one): &&(u32, Carried)| one.verdict == Verdict::Delivered;
        let delivered = carried.iter().skip(MOST).filter(delivered).count();
        tracing::info!(id = matter.id, more, delivered, seconds, "sent on, others");
    }
}

/// An attempt was ended in the middle.
pub(super) fn cut_off(id: u64, withdrawn: bool) {
    if withdrawn {
        tracing::info!(id, "cut off: it was removed or is held");
    } else {
        tracing::info!(id, "cut off: this server stops");
    }
}

/// A recipient is given up without another attempt.
pub(super) fn given_up(matter: &Matter, waiting: &Waiting, why: GiveUp, now: SystemTime) {
    let age = now.duration_since(matter.received).unwrap_or_default();
    let to = matter.recipient(waiting.recipient);
    let heard = waiting.heard.as_ref();
    tracing::info!(
        id = matter.id,
        to = to.map(|to| to.path.to_string()).unwrap_or_default(),
        outcome = "failed",
        host = heard.map(Heard::host).unwrap_or_default(),
        words = heard.map(Heard::words).unwrap_or_default(),
        ?why,
        seconds = age.as_secs(),
        "given up"
    );
}

fn name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Delivered => "delivered",
        Verdict::Refused => "failed",
        Verdict::Deferred => "deferred",
        Verdict::Untried => "not tried",
    }
}
