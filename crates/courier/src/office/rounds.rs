//! What came of the jobs of one message at about the same time is reported as one: a message that fails at thirty domains
//! makes one report and not thirty.

use std::collections::BTreeMap;
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
        let round = self.rounds.entry(message).or_insert_with(|| Round {
            found: Vec::new(),
            until: now.checked_add(GATHER).unwrap_or(now),
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

    /// When the next round ends. There are never many.
    pub(super) fn next(&self) -> Option<SystemTime> {
        self.rounds.values().map(|round| round.until).min()
    }

    /// The rounds that have ended.
    pub(super) fn ended(&mut self, now: SystemTime) -> Vec<Vec<Found>> {
        let over = self.rounds.extract_if(.., |_, round| round.until <= now);
        over.map(|(_, round)| round.found).collect()
    }

    /// All of them, whether they have ended or not.
    pub(super) fn end(&mut self) -> Vec<Vec<Found>> {
        let all = std::mem::take(&mut self.rounds);
        all.into_values().map(|round| round.found).collect()
    }
}
