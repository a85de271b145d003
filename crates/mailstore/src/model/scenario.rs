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

/// What is said of a queued message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Somebody is tried again later.
    Again,
    /// Somebody has it.
    One,
    /// All have it.
    All,
    /// Nobody gets it, and somebody here is told.
    Report,
    /// Somebody is tried again later, and somebody elsewhere is told.
    ReportAway,
    /// Nobody gets it, and somebody here and two elsewhere are told, one by one.
    Reports,
    /// It is held, or released.
    Hold,
    /// It is removed.
    Remove,
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
    /// Makes, changes or removes the alias and the list of that number.
    Lead(usize),
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
    /// One message for somebody elsewhere, and for the accounts, too, if so.
    Post(Letter, bool),
    /// Something is said of a queued message.
    Attempt(usize, What),
    /// Compaction while that happens.
    CompactTrying(Letter, usize),
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
    match random.below(30) {
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
        27 | 28 => Step::Lead(random.below(2)),
        25 | 26 => Step::Undelete(random.below(ACCOUNTS)),
        _ => Step::Restart(End::PowerCut),
    }
}

/// The same for the queue.
pub(super) fn queue_scenario(seed: u64) -> Vec<Step> {
    let mut random = Random::new(seed.wrapping_mul(1_000_003));
    let mut steps = vec![Step::Add(0), Step::Add(1)];
    for _ in 0..3 {
        steps.push(Step::Post(letter(&mut random), random.coin()));
    }
    for _ in 0..18 {
        steps.push(queue_step(&mut random));
    }
    steps
}

fn queue_step(random: &mut Random) -> Step {
    let which = random.below(100);
    match random.below(21) {
        0..=3 => Step::Post(letter(random), random.coin()),
        4..=11 => {
            let what = [
                What::Again,
                What::One,
                What::All,
                What::Report,
                What::ReportAway,
                What::Hold,
                What::Remove,
                What::Reports,
                What::Again,
            ];
            Step::Attempt(which, what[random.below(what.len())])
        }
        12 => Step::Deliver(letter(random)),
        13 => Step::Expunge(random.below(2), random.below(2) + 1),
        14 => Step::Restart(End::Closed),
        15 => Step::Restart(End::Killed),
        16 => Step::Restart(End::PowerCut),
        17 => Step::Compact {
            over: random.coin(),
        },
        18 => Step::Lead(random.below(2)),
        _ => Step::CompactTrying(letter(random), which),
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
