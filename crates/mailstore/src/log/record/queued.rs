//! Heads of the records that only the queue has: what becomes of a message, and what has left.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Draft, FRAME, encode, finish, steps, uids};
use crate::error::StoreError;
use crate::index::{Attempted, Change};
use crate::log::frame::Kind;
use crate::log::moves::Said;
use crate::outgoing::{Pending, QUEUE};

/// Head of what becomes of a message.
#[derive(Serialize, Deserialize)]
struct AttemptedHead {
    id: u64,
    pending: Arc<Pending>,
}

/// Head of what has left. The ids grow; each is written as the distance from the one before.
#[derive(Serialize, Deserialize)]
struct DoneHead {
    steps: Vec<u64>,
}

pub(super) fn draft_attempted(id: u64, pending: Arc<Pending>) -> Result<Draft, StoreError> {
    let head = AttemptedHead { id, pending };
    let front = encode(&head, vec![0; FRAME])?;
    let change = Change::Attempted(Attempted {
        id,
        pending: head.pending,
        at: (0, 0),
    });
    finish(Kind::Attempted, front, Vec::new(), 0, change)
}

/// Says once more what becomes of a message.
pub(in crate::log) fn draft_attempted_again(
    id: u64,
    pending: Arc<Pending>,
) -> Result<Draft, StoreError> {
    let mut draft = draft_attempted(id, pending)?;
    draft.said = Some(Said::Message(vec![(QUEUE, id)]));
    Ok(draft)
}

pub(super) fn draft_done(mut ids: Vec<u64>) -> Result<Draft, StoreError> {
    let head = DoneHead {
        steps: steps(&mut ids),
    };
    let front = encode(&head, vec![0; FRAME])?;
    finish(Kind::Done, front, Vec::new(), 0, left(ids))
}

pub(super) fn attempted(head: &[u8], at: (u32, u32)) -> Option<Change> {
    let head: AttemptedHead = postcard::from_bytes(head).ok()?;
    Some(Change::Attempted(Attempted {
        id: head.id,
        pending: head.pending,
        at,
    }))
}

pub(super) fn done(head: &[u8]) -> Option<Change> {
    let head: DoneHead = postcard::from_bytes(head).ok()?;
    Some(left(uids(head.steps)?))
}

/// What has left the queue is removed as other messages are, and nobody brings it back.
fn left(ids: Vec<u64>) -> Change {
    Change::Expunge {
        account: QUEUE,
        uids: ids,
        when: 0,
    }
}
