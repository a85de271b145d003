//! The moving itself: records read once more, verified, and handed to the writer in small groups.

use std::sync::Arc;
use std::time::Duration;

use super::plan::Move;
use super::{Compactor, Run, failed};
use crate::account::AccountId;
use crate::compaction::Way;
use crate::disk::DiskFile;
use crate::engine::{Effect, Ticket, Wait};
use crate::error::{CompactError, StoreError};
use crate::index::Kept;
use crate::index::keys::Retirement;
use crate::log::frame::{FRAME, Frame, Kind};
use crate::log::record::{self, Draft, Stored, queued};
use crate::outgoing::Pending;

/// Octets handed over at once, and records.
const GROUP: (u64, usize) = (1 << 20, 500);
/// Octets a second when nobody is in a hurry.
const RATE: u64 = 16 << 20;

impl Compactor {
    /// Lets others have the disk for as long as so many octets may take.
    pub(super) fn breathe(&self, way: Way, octets: u64) -> Result<(), CompactError> {
        if way == Way::Background && !self.is_low() {
            self.turns.pause(time_for(octets));
        }
        self.go_on()
    }

    /// Says everything again at the end of the log; returns when it is durable.
    pub(super) fn copy(
        &self,
        segment: u32,
        moves: Vec<Move>,
        run: &mut Run<'_>,
    ) -> Result<(), CompactError> {
        let path = self.replay.layout.segment(segment);
        let opened = self.replay.disk.open(&path);
        let file = opened.map_err(failed("reading the log"))?;
        let (mut group, mut octets) = (Vec::new(), 0);
        for what in moves {
            let draft = match what {
                Move::Message { at, kept, queue } => message(&*file, at, kept, queue)?,
                Move::Attempted { id, pending } => queued::draft_attempted_again(id, pending)?,
                Move::Decision(decision) => record::draft_decision(*decision)?,
                Move::Tombstone {
                    account,
                    uids,
                    when,
                } => record::draft_tombstone(account, uids, when)?,
                Move::Released { account, uids } => {
                    let mut draft = record::draft_released(account, uids)?;
                    draft.said = Some(crate::log::moves::Said::Anyway);
                    draft
                }
            };
            octets += draft.length();
            group.push(draft);
            if octets >= GROUP.0 || group.len() >= GROUP.1 {
                self.hand_over(std::mem::take(&mut group), run)?;
                self.breathe(run.way, octets)?;
                octets = 0;
            }
        }
        self.hand_over(group, run)
    }

    fn hand_over(&self, group: Vec<Draft>, run: &mut Run<'_>) -> Result<(), CompactError> {
        let mut answers = Vec::with_capacity(group.len());
        for draft in group {
            run.done.moved += draft.length();
            let (ticket, answer) = Ticket::new(Effect::Nothing, None);
            self.queue.push(draft, ticket);
            answers.push(answer);
        }
        // All of them, also after a failure: while one waits, what changes has to be noted.
        let mut outcome = Ok(());
        for answer in answers {
            let answer = answer.blocking_recv().unwrap_or(Err(StoreError::Stopped));
            outcome = outcome.and(answer.map(drop));
        }
        outcome.map_err(CompactError::Store)?;
        (run.progress)(run.done);
        Ok(())
    }

    /// Says that a segment counts no more; returns when that is durable.
    pub(super) fn retire(
        &self,
        files: Retirement,
        forgotten: Vec<(AccountId, Vec<u64>)>,
    ) -> Result<(), CompactError> {
        let draft = record::draft_retired(files, forgotten)?;
        self.wait_for(|ticket| self.queue.push(draft, ticket))
    }
}

/// How long reading or writing so many octets may take when nobody is in a hurry.
fn time_for(octets: u64) -> Duration {
    Duration::from_millis(octets.saturating_mul(1_000) / RATE)
}

/// The copy of the message whose record begins there.
fn message(
    file: &dyn DiskFile,
    at: u64,
    kept: Vec<Kept>,
    queue: Option<Arc<Pending>>,
) -> Result<Draft, CompactError> {
    let mut front = [0; FRAME];
    fill(file, &mut front, at)?;
    let frame = front
        .first_chunk()
        .and_then(|mark| Frame::read(mark, &front))
        .ok_or(CompactError::Store(StoreError::Incomplete))?;
    let changed = || CompactError::Store(StoreError::Incomplete);
    let kind = Kind::from_number(frame.kind).ok_or_else(changed)?;
    let mut head = vec![0; frame.head as usize];
    fill(file, &mut head, at + FRAME as u64)?;
    let length = usize::try_from(frame.body).map_err(|_| changed())?;
    let mut body = vec![0; length];
    fill(file, &mut body, at + (FRAME + head.len()) as u64)?;
    // It was whole a moment ago.
    if crc32c::crc32c(&head) != frame.head_crc || crc32c::crc32c(&body) != frame.body_crc {
        return Err(changed());
    }
    let stored = Stored::read(kind, &frame, &head).ok_or_else(changed)?;
    let mut head = stored.head;
    head.kept = kept;
    head.queue = queue;
    let (uid, crc) = (frame.sequence, frame.body_crc);
    let draft = record::draft_copy(uid, head, stored.sealed, stored.envelope, body, crc);
    draft.map_err(CompactError::Store)
}

fn fill(file: &dyn DiskFile, buffer: &mut [u8], at: u64) -> Result<(), CompactError> {
    let read = file.read_at(buffer, at, Wait::Allowed);
    if read.map_err(failed("reading the log"))? < buffer.len() {
        return Err(CompactError::Store(StoreError::Incomplete));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{RATE, time_for};
    use std::time::Duration;

    #[test]
    fn a_segment_takes_seconds_when_nobody_is_in_a_hurry() {
        assert_eq!(time_for(0), Duration::ZERO);
        assert_eq!(time_for(RATE), Duration::from_secs(1));
        assert_eq!(time_for(64 << 20), Duration::from_secs(4));
    }
}
