//! Errands of the house: posts that are handed to the members of a list, and what else the addresses of a list are for.
//!
//! What is done is the house's to know; here its outcome becomes that of an attempt.

use std::sync::Arc;
use std::time::SystemTime;

use delivery::schedule::Ending;

use super::super::hands::Hands;
use super::super::letter::blocking;
use super::super::means::Means;
use super::{Fate, Prepared, Tried};

/// Has the house do what there is to do, for one recipient after the other.
pub(super) async fn run<Line>(
    means: &Arc<Means>,
    entry: &mut Prepared,
    hands: &Hands,
    began: SystemTime,
) -> Option<Tried<Line>> {
    let mut carried = Vec::with_capacity(hands.recipients.len());
    for recipient in &hands.recipients {
        let errand = means.house.errand(entry.matter.id, *recipient).await;
        let fate = Fate {
            verdict: errand.verdict,
            status: errand.status,
            row: None,
            words: errand.words,
        };
        carried.push((*recipient, fate.carried(began)));
    }
    // How far an errand got is written down already, and must not be forgotten because it stopped half-way.
    let (store, id) = (means.store.clone(), entry.matter.id);
    if let Ok(Ok(Some(queued))) = blocking(means, move || store.queued(id)).await {
        entry.waiting = queued.waiting;
    }
    Some(Tried {
        carried,
        how: Ending::Finished { open: false },
        line: None,
    })
}
