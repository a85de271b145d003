//! What happens in a run of the model test: steps made from a seed.

use crate::disk::simulated::Random;

/// Accounts there are at most.
pub(super) const ACCOUNTS: usize = 3;

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Closed,
    Killed,
    PowerCut,
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Makes the account of that number unless it is there.
    Add(usize),
    /// Renames its owner.
    Rename(usize),
    /// Removes it with all its mail.
    Remove(usize),
    /// One message to some accounts.
    Deliver(Letter),
    /// Several at once.
    Burst(Vec<Letter>),
    /// Removes every message of an account whose position divided by this leaves no rest.
    Expunge(usize, usize),
    /// Brings back what was removed from an account.
    Undelete(usize),
    /// Gives back what removed messages take; all of it if their time is over.
    Compact { over: bool },
    /// The same while one message comes and some of an account go.
    CompactBusy(Letter, usize),
    /// The process ends and another one starts.
    Restart(End),
}

/// A message to be.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    pub(super) to: Vec<usize>,
    pub(super) octets: usize,
}

/// Makes the steps of a scenario.
pub(super) fn scenario(seed: u64) -> Vec<Step> {
    let mut random = Random::new(seed.wrapping_mul(1_000_003));
    let mut steps: Vec<Step> = (0..ACCOUNTS).map(Step::Add).collect();
    for _ in 0..26 {
        steps.push(step(&mut random));
    }
    steps
}

fn step(random: &mut Random) -> Step {
    match random.below(28) {
        0 => Step::Add(random.below(ACCOUNTS)),
        1 => Step::Rename(random.below(ACCOUNTS)),
        2 => Step::Remove(random.below(ACCOUNTS)),
        3..=8 => Step::Deliver(letter(random)),
        9..=12 => Step::Burst((0..random.below(6) + 2).map(|_| letter(random)).collect()),
        13..=15 => Step::Expunge(random.below(ACCOUNTS), random.below(3) + 1),
        16 | 17 => Step::Restart(End::Closed),
        18 => Step::Restart(End::Killed),
        19..=22 => Step::Compact {
            over: random.coin(),
        },
        23 | 24 => Step::CompactBusy(letter(random), random.below(ACCOUNTS)),
        25 | 26 => Step::Undelete(random.below(ACCOUNTS)),
        _ => Step::Restart(End::PowerCut),
    }
}

fn letter(random: &mut Random) -> Letter {
    let to = (0..ACCOUNTS).filter(|_| random.coin()).collect::<Vec<_>>();
    let octets = match random.below(5) {
        0 => 0,
        1 | 2 => random.below(300),
        3 => 500 + random.below(1_500),
        _ => 2_000 + random.below(4_000),
    };
    let to = if to.is_empty() {
        vec![random.below(ACCOUNTS)]
    } else {
        to
    };
    Letter { to, octets }
}
