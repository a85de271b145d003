//! What stands between mail and its next hop, for whoever asks why it waits.

use std::sync::Arc;

use delivery::schedule::{Door, Job, NextHop, Sender};
use mailstore::{AccountId, Heard};

use super::Desk;
use crate::carry::Carry;
use crate::office::fates::{Found, Obstacle};
use crate::office::{Look, Prospect};

/// Words that are kept of next hops that are not left alone any more, before they are thrown away.
const MORE: usize = 64;

impl<C: Carry> Desk<C> {
    /// Keeps what was heard of a next hop that is left alone from now on.
    pub(super) fn note_heard(&mut self, found: &Found) {
        let hop = &found.job.next_hop;
        let last = found.again.iter().find_map(|one| one.heard.as_ref());
        let (Some(last), Door::BackedOff(_)) = (last, self.schedule.door(hop)) else {
            return;
        };
        if self.heard.len() > 2 * self.schedule.census().failing + MORE {
            let schedule = &self.schedule;
            let is_shut = |hop: &Arc<NextHop>| matches!(schedule.door(hop), Door::BackedOff(_));
            self.heard.retain(|hop, _| is_shut(hop));
        }
        self.heard.insert(Arc::clone(hop), last.clone());
    }

    /// What keeps a job from being tried at all, as far as its sender is to hear of it.
    pub(super) fn obstacle(&self, job: &Job) -> Option<Obstacle> {
        let account = match *job.sender {
            Sender::Account(account) => Some(AccountId(account)),
            Sender::Path(_) => None,
        };
        match self.prospect(&(Arc::clone(&job.next_hop), account)) {
            Prospect::Stopped => Some(Obstacle::Allowance),
            Prospect::Shut { heard, .. } => heard.map(Obstacle::Heard),
            // It may be asked again, and somebody else is.
            Prospect::Open if self.schedule.is_doubtful(&job.next_hop) => {
                self.heard.get(&job.next_hop).cloned().map(Obstacle::Heard)
            }
            Prospect::Open | Prospect::Paused | Prospect::Fetched => None,
        }
    }

    /// What stands between these and their next hops.
    pub(super) fn prospects(&self, looks: &[Look]) -> Vec<Prospect> {
        looks.iter().map(|look| self.prospect(look)).collect()
    }

    fn prospect(&self, (hop, account): &Look) -> Prospect {
        let heard = || -> Option<Heard> { self.heard.get(hop).cloned() };
        let is_stopped = |AccountId(number): AccountId| {
            let sender = Arc::new(Sender::Account(number));
            self.schedule.is_stopped(&sender)
        };
        match self.schedule.door(hop) {
            Door::Paused => Prospect::Paused,
            Door::Held => Prospect::Fetched,
            Door::Open | Door::BackedOff(_) if account.is_some_and(is_stopped) => Prospect::Stopped,
            Door::BackedOff(until) => Prospect::Shut {
                until,
                heard: heard(),
            },
            Door::Open => Prospect::Open,
        }
    }
}
