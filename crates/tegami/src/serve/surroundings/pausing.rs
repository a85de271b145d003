//! Pauses of mail out, and their end: remembered by the house, told to the office.

use std::sync::Arc;

use admin::{PauseNews, Refusal, RefusalKind};
use courier::office::Office;
use delivery::schedule::{NextHop, Scope};

use crate::host::House;
use crate::host::outward::Outward;

/// Everything waits, or every pause ends.
pub(super) fn everything(house: &House, office: &Office, paused: bool) -> PauseNews {
    let mut pauses = house.paused();
    if paused {
        pauses.pause_everything();
        office.pause(Scope::All);
        return PauseNews::default();
    }
    let ended = pauses.resume_everything();
    for hop in ended.hops {
        office.resume(Scope::NextHop(hop));
    }
    // Also wakes those who waited for a domain: their routes are others now.
    office.resume(Scope::All);
    office.rerouted();
    PauseNews {
        ended: ended.names,
        is_server: false,
    }
}

/// What somebody calls so waits, or does no longer.
pub(super) fn named(
    house: &House,
    outward: &Outward,
    office: &Office,
    name: &str,
    paused: bool,
) -> Result<PauseNews, Refusal> {
    let hops = outward.hops_named(name);
    if hops.is_empty() && paused {
        return Err(Refusal {
            kind: RefusalKind::Unsuitable,
            message: format!("{name:?} is neither a domain nor a server of [relay]"),
            remedy: Some("`tegami queue list` shows by which way mail goes".to_owned()),
        });
    }
    let is_server = hops.iter().any(|hop| matches!(**hop, NextHop::Route(_)));
    let mut pauses = house.paused();
    if paused {
        for hop in &hops {
            office.pause(Scope::NextHop(Arc::clone(hop)));
        }
        pauses.pause(name, hops);
        return Ok(PauseNews {
            ended: Vec::new(),
            is_server,
        });
    }
    let ended = pauses.resume(name, &hops);
    for hop in ended.hops {
        office.resume(Scope::NextHop(hop));
    }
    office.rerouted();
    Ok(PauseNews {
        ended: ended.names,
        is_server,
    })
}
