//! What was acknowledged, what arrived, and when: counted in crashes.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::torture::books::Verdict;

/// A copy of a letter: its number and the address it goes to.
type Copy = (u64, String);

#[derive(Default)]
struct Fate {
    acknowledged: bool,
    /// How many crashes there had been at each arrival.
    arrivals: Vec<u32>,
}

#[derive(Default)]
struct Pages {
    next: u64,
    crashes: u32,
    newly: u64,
    copies: BTreeMap<Copy, Fate>,
    changed: Vec<String>,
}

/// The ledger of one store.
#[derive(Default)]
pub struct Ledger(Mutex<Pages>);

impl Ledger {
    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of the next letter.
    pub fn next(&self) -> u64 {
        let mut pages = self.pages();
        pages.next += 1;
        pages.next
    }

    /// The server has taken a letter for these.
    pub fn acknowledged(&self, number: u64, recipients: &[String]) {
        let mut pages = self.pages();
        pages.newly += 1;
        for recipient in recipients {
            pages
                .copies
                .entry((number, recipient.clone()))
                .or_default()
                .acknowledged = true;
        }
    }

    /// How many crashes there have been.
    pub fn crashes(&self) -> u32 {
        self.pages().crashes
    }

    /// A letter has arrived for these, over a connection that was made when there had been so many crashes: what is read from it
    /// may be read after the next one.
    pub fn arrived_for(&self, number: u64, recipients: &[String], crashes: u32) {
        let mut pages = self.pages();
        for recipient in recipients {
            pages
                .copies
                .entry((number, recipient.clone()))
                .or_default()
                .arrivals
                .push(crashes);
        }
    }

    /// Something arrived that was not sent so.
    pub fn changed(&self, words: String) {
        self.pages().changed.push(words);
    }

    /// One more crash.
    pub fn crashed(&self) {
        self.pages().crashes += 1;
    }

    /// Letters acknowledged since this was asked before.
    pub fn newly_acknowledged(&self) -> u64 {
        std::mem::take(&mut self.pages().newly)
    }

    /// Copies that were acknowledged and have not arrived.
    pub fn waiting(&self) -> usize {
        let pages = self.pages();
        pages
            .copies
            .values()
            .filter(|fate| fate.acknowledged && fate.arrivals.is_empty())
            .count()
    }

    /// Arrivals in all.
    pub fn arrived(&self) -> usize {
        self.pages()
            .copies
            .values()
            .map(|fate| fate.arrivals.len())
            .sum()
    }

    /// Arrivals that were not the first.
    pub fn twice(&self) -> usize {
        self.pages()
            .copies
            .values()
            .map(|fate| fate.arrivals.len().saturating_sub(1))
            .sum()
    }

    /// What is wrong; with `dry`, everything must have arrived.
    pub fn verdict(&self, dry: bool) -> Verdict {
        let pages = self.pages();
        let mut verdict = Verdict::default();
        for ((number, recipient), fate) in &pages.copies {
            if dry && fate.acknowledged && fate.arrivals.is_empty() {
                verdict.lose(format!("letter {number} to {recipient} did not arrive"));
            }
            let mut sorted = fate.arrivals.clone();
            sorted.sort_unstable();
            if sorted.windows(2).any(|two| two[0] == two[1]) {
                verdict.double(format!(
                    "letter {number} to {recipient} came again without a crash: {:?}",
                    fate.arrivals
                ));
            }
        }
        for words in &pages.changed {
            verdict.change(words.clone());
        }
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to() -> Vec<String> {
        vec!["a@far.test".to_owned()]
    }

    #[track_caller]
    fn check(ledger: &Ledger, lost: u64, doubled: u64) {
        let verdict = ledger.verdict(true);
        assert_eq!(
            (verdict.lost, verdict.doubled),
            (lost, doubled),
            "{:?}",
            verdict.words
        );
    }

    #[test]
    fn what_was_acknowledged_has_to_arrive() {
        let ledger = Ledger::default();
        let number = ledger.next();
        check(&ledger, 0, 0);
        ledger.acknowledged(number, &to());
        assert_eq!(ledger.waiting(), 1);
        check(&ledger, 1, 0);
        assert!(ledger.verdict(false).is_clean());
        ledger.arrived_for(number, &to(), ledger.crashes());
        check(&ledger, 0, 0);
    }

    #[test]
    fn a_crash_excuses_one_more_arrival() {
        let ledger = Ledger::default();
        let number = ledger.next();
        ledger.arrived_for(number, &to(), 0);
        ledger.crashed();
        ledger.arrived_for(number, &to(), ledger.crashes());
        check(&ledger, 0, 0);
        assert_eq!(ledger.twice(), 1);
        ledger.arrived_for(number, &to(), 1);
        check(&ledger, 0, 1);
    }

    #[test]
    fn what_was_changed_on_the_way_is_told() {
        let ledger = Ledger::default();
        ledger.changed("letter 1".to_owned());
        assert_eq!(ledger.verdict(false).changed, 1);
    }
}
