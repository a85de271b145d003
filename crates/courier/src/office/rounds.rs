//! What came of the jobs of one message at about the same time is reported as one: a message that fails at thirty domains
//! makes one report and not thirty.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, SystemTime};

use super::fates::Found;

/// How long the first result waits for others.
const GATHER: Duration = Duration::from_secs(2);
/// Stories that a round ends with: more make several reports anyway.
const ENOUGH: usize = 200;

/// Results that wait for others of the same message.
#[derive(Default)]
pub(super) struct Rounds {
    rounds: BTreeMap<u64, Round>,
    /// When they end, the first in front; a round that ended early still stands here.
    order: VecDeque<(SystemTime, u64)>,
}

struct Round {
    found: Vec<Found>,
    until: SystemTime,
}

impl Rounds {
    /// Takes a result in; hands back what is to be written down now. Only what its sender is to hear of waits, and never
    /// what has been delivered.
    pub(super) fn add(&mut self, found: Found, now: SystemTime) -> Option<Vec<Found>> {
        let message = found.matter.id;
        let waits = !found.stories.is_empty() && !found.delivered;
        let order = &mut self.order;
        let round = self.rounds.entry(message).or_insert_with(|| {
            let until = now.checked_add(GATHER).unwrap_or(now);
            if waits {
                order.push_back((until, message));
            }
            Round {
                found: Vec::new(),
                until,
            }
        });
        round.found.push(found);
        let stories: usize = round.found.iter().map(|found| found.stories.len()).sum();
        if waits && stories < ENOUGH {
            return None;
        }
        self.rounds.remove(&message).map(|round| round.found)
    }

    /// Results that wait.
    pub(super) fn len(&self) -> usize {
        self.rounds.values().map(|round| round.found.len()).sum()
    }

    /// When there may be a round that has ended.
    pub(super) fn next(&self) -> Option<SystemTime> {
        self.order.front().map(|(until, _)| *until)
    }

    /// A round that has ended.
    pub(super) fn ended(&mut self, now: SystemTime) -> Option<Vec<Found>> {
        while let Some((until, message)) = self.order.front().copied() {
            if until > now {
                return None;
            }
            self.order.pop_front();
            let same = |round: &Round| round.until == until;
            if self.rounds.get(&message).is_some_and(same) {
                return self.rounds.remove(&message).map(|round| round.found);
            }
        }
        None
    }

    /// All of them, whether they have ended or not.
    pub(super) fn end(&mut self) -> Vec<Vec<Found>> {
        self.order.clear();
        let all = std::mem::take(&mut self.rounds);
        all.into_values().map(|round| round.found).collect()
    }
}
