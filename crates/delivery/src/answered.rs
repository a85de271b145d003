//! Who was written to by a machine, and when: so that nobody hears the same twice within a period, and so that nobody
//! can make us write to any number of strangers.

use std::collections::BTreeMap;

use address::Mailbox;
use serde::{Deserialize, Serialize};

use crate::senders::person;

/// Most addresses that are remembered, and so the most that are written to within one period.
pub const CAPACITY: usize = 1000;

/// The memory of one account or list. It is for the caller to keep; it has to be durable before the mail leaves.
///
/// **What is forgotten:** when it is full, every address whose period is over, and none else. If that makes no room,
/// a stranger is not written to: to forget one who was would mean to write to him twice, and a flood of forged senders
/// would become a flood of mail to those they name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// By [`Mailbox::key`] of whoever is behind the address: one sender does not become two by another case of letters,
    /// nor by the marks that servers put into addresses and change every day.
    at: BTreeMap<String, u64>,
    /// The latest time seen. Clocks that are set back do not make anything longer ago.
    latest: u64,
}

/// Why somebody is not written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// He was, within the period.
    Already,
    /// Too many others were.
    Full,
}

impl Answered {
    /// Nobody was written to yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that `to` is written to at `now`, in seconds since 1970-01-01, if that may be: not within `period` seconds
    /// of the last time.
    ///
    /// # Errors
    /// Why it may not.
    pub fn note(&mut self, to: &Mailbox, now: u64, period: u64) -> Result<(), Refused> {
        self.latest = self.latest.max(now);
        let now = self.latest;
        let is_over = |at: &u64| now.saturating_sub(*at) >= period;
        let key = person(to).key();
        match self.at.get(&key) {
            Some(at) if !is_over(at) => return Err(Refused::Already),
            Some(_) => {}
            None if self.at.len() < CAPACITY => {}
            None => {
                self.at.retain(|_, at| !is_over(at));
                if self.at.len() >= CAPACITY {
                    return Err(Refused::Full);
                }
            }
        }
        self.at.insert(key, now);
        Ok(())
    }

    /// How many are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.at.len()
    }

    /// Whether nobody is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.at.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use address::Mailbox;

    use super::{Answered, CAPACITY, Refused};

    fn sender(number: usize) -> Mailbox {
        format!("s{number}@example.test").parse().unwrap()
    }

    #[test]
    fn once_in_a_period_whatever_the_case_of_letters() {
        let mut answered = Answered::new();
        let (small, large) = (sender(1), "S1@EXAMPLE.test".parse().unwrap());
        assert_eq!(answered.note(&small, 1000, 10), Ok(()));
        assert_eq!(answered.note(&large, 1009, 10), Err(Refused::Already));
        assert_eq!(answered.note(&large, 1010, 10), Ok(()));
        assert_eq!(answered.note(&small, 1019, 10), Err(Refused::Already));
        assert_eq!(answered.len(), 1);
    }

    #[test]
    fn marks_that_change_from_day_to_day_make_nobody_new() {
        let mut answered = Answered::new();
        let mut note = |to: &str| answered.note(&to.parse().unwrap(), 1000, 10);
        assert_eq!(note("prvs=0001aaaaaa=bob@example.net"), Ok(()));
        for again in [
            "prvs=0002bbbbbb=bob@example.net",
            "SRS0=AB=CD=example.net=bob@f.test",
            "bob@example.net",
        ] {
            assert_eq!(note(again), Err(Refused::Already), "{again}");
        }
        assert_eq!(note("SRS0=AB=CD=example.net=eve@f.test"), Ok(()));
    }

    #[test]
    fn a_clock_that_is_set_back_makes_nobody_hear_twice() {
        let mut answered = Answered::new();
        assert_eq!(answered.note(&sender(1), 1000, 10), Ok(()));
        assert_eq!(answered.note(&sender(1), 5, 10), Err(Refused::Already));
        assert_eq!(answered.note(&sender(2), 5, 10), Ok(()));
        assert_eq!(answered.note(&sender(2), 1005, 10), Err(Refused::Already));
        assert_eq!(answered.note(&sender(2), 1010, 10), Ok(()));
    }

    #[test]
    fn a_full_memory_forgets_only_those_whose_period_is_over() {
        let mut answered = Answered::new();
        for number in 0..CAPACITY {
            let at = if number < 10 { 1000 } else { 1050 };
            assert_eq!(answered.note(&sender(number), at, 100), Ok(()));
        }
        assert_eq!(
            answered.note(&sender(CAPACITY), 1099, 100),
            Err(Refused::Full)
        );
        assert_eq!(answered.note(&sender(CAPACITY), 1100, 100), Ok(()));
        assert_eq!(answered.len(), CAPACITY - 9);
        assert_eq!(answered.note(&sender(10), 1100, 100), Err(Refused::Already));
        assert_eq!(answered.note(&sender(0), 1100, 100), Ok(()));
    }

    #[test]
    fn it_can_be_kept() {
        let mut answered = Answered::new();
        assert!(answered.is_empty());
        answered.note(&sender(1), 1000, 10).unwrap();
        let kept = serde_json::to_string(&answered).unwrap();
        let mut back: Answered = serde_json::from_str(&kept).unwrap();
        assert_eq!(back, answered);
        assert_eq!(back.note(&sender(1), 1001, 10), Err(Refused::Already));
    }
}
