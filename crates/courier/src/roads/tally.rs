//! What an attempt comes to for each recipient, over all the hosts that were asked.

use std::time::SystemTime;

use delivery::schedule::Verdict;
use reply::{Enhanced, Row};
use smtp_client::Passed;

use crate::carry::{Carried, Remote};

/// How telling a finding is: of two that weigh the same the later is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// Nobody answered, or nobody was asked.
    Silence,
    /// There was somebody, and no TLS to trust in.
    Tls,
    /// Somebody said something, but not about this message.
    Door,
    /// Somebody said something about this message.
    Message,
}

/// What one host, or none, made of one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) verdict: Verdict,
    pub(super) status: Enhanced,
    pub(super) row: Option<&'static Row>,
    pub(super) remote: Option<Remote>,
    pub(super) passed: Option<Passed>,
    pub(super) words: String,
    pub(super) weight: Weight,
    /// No other host is to be asked about this recipient.
    pub(super) stands: bool,
}

/// What is known of one recipient.
#[derive(Clone, Debug, Default)]
struct Fate {
    settled: Option<Finding>,
    /// The most telling of what hosts said that would say it again.
    refused: Option<Finding>,
    /// The most telling of what may be different next time.
    deferred: Option<Finding>,
}

/// All recipients of a transaction.
#[derive(Debug)]
pub(super) struct Tally {
    fates: Vec<Fate>,
    /// There were more hosts than could be asked.
    incomplete: bool,
}

impl Tally {
    /// Nothing is known yet.
    pub(super) fn new(recipients: usize) -> Self {
        Self {
            fates: vec![Fate::default(); recipients],
            incomplete: false,
        }
    }

    /// Those who may be offered to another host.
    pub(super) fn open(&self) -> Vec<usize> {
        let places = self.fates.iter().enumerate();
        let open = places.filter(|(_, fate)| fate.settled.is_none());
        open.map(|(place, _)| place).collect()
    }

    /// Whether nobody is left to be offered.
    pub(super) fn is_settled(&self) -> bool {
        self.fates.iter().all(|fate| fate.settled.is_some())
    }

    /// Not all hosts were asked: nobody can say that none takes it.
    pub(super) fn leave_off(&mut self) {
        self.incomplete = true;
    }

    pub(super) fn note(&mut self, recipient: usize, finding: Finding) {
        let Some(fate) = self.fates.get_mut(recipient) else {
            return;
        };
        let place = if finding.stands {
            // What was said first stands.
            if fate.settled.is_some() {
                return;
            }
            &mut fate.settled
        } else if finding.verdict == Verdict::Refused {
            &mut fate.refused
        } else {
            &mut fate.deferred
        };
        let weaker = |known: &Finding| known.weight <= finding.weight;
        if place.as_ref().is_none_or(weaker) {
            *place = Some(finding);
        }
    }

    /// The same for everybody who is open.
    pub(super) fn note_open(&mut self, finding: &Finding) {
        for recipient in self.open() {
            self.note(recipient, finding.clone());
        }
    }

    /// Those who have the message by now.
    pub(super) fn delivered(&self, when: SystemTime) -> Vec<Carried> {
        let fates = self.fates.iter().enumerate();
        let delivered = fates.filter_map(|(recipient, fate)| {
            let settled = fate.settled.as_ref();
            let settled = settled.filter(|one| one.verdict == Verdict::Delivered)?;
            Some(settled.clone().carried(recipient, when))
        });
        delivered.collect()
    }

    /// What it comes to in the end.
    pub(super) fn carried(self, when: SystemTime) -> Vec<Carried> {
        let incomplete = self.incomplete;
        let fates = self.fates.into_iter().enumerate();
        let carried =
            fates.map(|(recipient, fate)| fate.comes_to(incomplete).carried(recipient, when));
        carried.collect()
    }
}

impl Fate {
    /// Refused is who is refused by every host there is.
    fn comes_to(self, incomplete: bool) -> Finding {
        if let Some(settled) = self.settled {
            return settled;
        }
        match (self.deferred, self.refused) {
            (Some(deferred), _) => deferred,
            (None, Some(refused)) if !incomplete => refused,
            (None, Some(refused)) => Finding {
                verdict: Verdict::Deferred,
                status: Enhanced(4, refused.status.1, refused.status.2),
                ..refused
            },
            (None, None) => Finding::untried(),
        }
    }
}

impl Finding {
    fn carried(self, recipient: usize, when: SystemTime) -> Carried {
        Carried {
            recipient,
            verdict: self.verdict,
            status: self.status,
            row: self.row,
            remote: self.remote,
            passed: self.passed,
            words: self.words,
            when,
        }
    }

    /// Nobody was asked.
    fn untried() -> Self {
        Self {
            verdict: Verdict::Untried,
            status: Enhanced(4, 4, 2),
            row: None,
            remote: None,
            passed: None,
            words: "It was not this recipient's turn yet.".to_owned(),
            weight: Weight::Silence,
            stands: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(verdict: Verdict, words: &str, weight: Weight, stands: bool) -> Finding {
        let class = if verdict == Verdict::Refused { 5 } else { 4 };
        Finding {
            verdict,
            status: Enhanced(class, 1, 2),
            words: words.to_owned(),
            weight,
            stands,
            ..Finding::untried()
        }
    }

    #[test]
    fn the_most_telling_finding_is_kept() {
        use Verdict::{Deferred, Delivered, Refused};
        use Weight::{Door, Message, Silence};
        let deferred = |words, weight| finding(Deferred, words, weight, false);
        let refused = |words, weight| finding(Refused, words, weight, false);
        for (findings, incomplete, expected) in [
            (
                vec![],
                false,
                "Untried 4 It was not this recipient's turn yet.",
            ),
            (vec![deferred("a", Silence)], false, "Deferred 4 a"),
            (
                vec![deferred("a", Silence), deferred("b", Silence)],
                false,
                "Deferred 4 b",
            ),
            (
                vec![deferred("a", Door), deferred("b", Silence)],
                false,
                "Deferred 4 a",
            ),
            (
                vec![deferred("a", Door), deferred("b", Message)],
                false,
                "Deferred 4 b",
            ),
            // All refuse, or not all.
            (
                vec![refused("a", Door), refused("b", Door)],
                false,
                "Refused 5 b",
            ),
            (
                vec![refused("a", Door), deferred("b", Silence)],
                false,
                "Deferred 4 b",
            ),
            (vec![refused("a", Door)], true, "Deferred 4 a"),
            // What stands was said first.
            (
                vec![
                    deferred("a", Message),
                    finding(Delivered, "b", Message, true),
                    finding(Refused, "c", Message, true),
                ],
                false,
                "Delivered 4 b",
            ),
        ] {
            let mut tally = Tally::new(1);
            let shown = format!("{findings:?}");
            for finding in findings {
                tally.note(0, finding);
            }
            if incomplete {
                tally.leave_off();
            }
            let carried = tally.carried(SystemTime::UNIX_EPOCH);
            let [one] = &carried[..] else {
                panic!("{carried:?}")
            };
            let told = format!("{:?} {} {}", one.verdict, one.status.0, one.words);
            assert_eq!(told, expected, "{shown}");
        }
    }

    #[test]
    fn who_is_settled_is_not_offered_again() {
        let mut tally = Tally::new(3);
        assert_eq!(tally.open(), [0, 1, 2]);
        tally.note(1, finding(Verdict::Refused, "no", Weight::Message, true));
        tally.note(0, finding(Verdict::Refused, "no", Weight::Message, false));
        assert_eq!((tally.open(), tally.is_settled()), (vec![0, 2], false));
        tally.note_open(&finding(Verdict::Delivered, "yes", Weight::Message, true));
        assert!(tally.is_settled());
        let carried = tally.carried(SystemTime::UNIX_EPOCH);
        let verdicts: Vec<Verdict> = carried.iter().map(|one| one.verdict).collect();
        use Verdict::{Delivered, Refused};
        assert_eq!(verdicts, [Delivered, Refused, Delivered]);
    }
}
