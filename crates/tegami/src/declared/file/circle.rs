//! Aliases and forwards of one file that lead back to where they came from.

use std::collections::{HashMap, HashSet, VecDeque};

use address::Mailbox;

use super::super::Declarations;
use crate::config::Problem;

/// What each address leads on to, by key.
type Ways<'a> = HashMap<String, &'a [Mailbox]>;

/// Circles of aliases, each said once. Whoever is an account ends the way: mail stays there.
pub fn of_aliases(declared: &Declarations) -> Vec<Problem> {
    let ways = aliases(declared);
    let mut known: HashSet<String> = HashSet::new();
    let mut problems = Vec::new();
    for alias in &declared.aliases {
        if known.contains(&alias.address.key()) {
            continue;
        }
        let Some(circle) = way_back(&alias.address, &ways) else {
            continue;
        };
        known.extend(circle.iter().map(|one| reached(one, &ways)));
        problems.push(alias.place.problem(format!(
            "to: mail for {} would go in a circle ({}); take one of these aliases out, or let it lead to an account",
            alias.address,
            told(&circle)
        )));
    }
    problems
}

/// Accounts that shall keep nothing, and whose forwards lead back to them: what the store does then, in a sentence each.
pub fn of_forwards(declared: &Declarations) -> Vec<String> {
    let mut ways = aliases(declared);
    let forwards = declared.accounts.iter();
    let forwards =
        forwards.filter_map(|one| Some((one.address.key(), one.forward.as_ref()?.to.as_slice())));
    ways.extend(forwards);
    let accounts = declared.accounts.iter();
    let keep_nothing =
        accounts.filter(|one| (one.forward.as_ref()).is_some_and(|forward| !forward.keep));
    keep_nothing.filter_map(|account| {
        let circle = way_back(&account.address, &ways)?;
        Some(format!(
            "{}: the forwarding of {} leads back to itself ({}), so a copy stays in its mailbox",
            account.place,
            account.address,
            told(&circle)
        ))
    })
    .collect()
}

fn aliases(declared: &Declarations) -> Ways<'_> {
    let aliases = declared.aliases.iter();
    aliases
        .map(|alias| (alias.address.key(), alias.to.as_slice()))
        .collect()
}

/// The shortest way from an address back to itself: all who are passed, the first of them being `from`.
fn way_back(from: &Mailbox, ways: &Ways<'_>) -> Option<Vec<Mailbox>> {
    let home = from.key();
    // Each address that was reached, and from where.
    let mut before: HashMap<String, (&Mailbox, String)> = HashMap::new();
    let mut next = VecDeque::from([home.clone()]);
    while let Some(here) = next.pop_front() {
        for to in ways.get(&here).into_iter().copied().flatten() {
            let key = reached(to, ways);
            if key == home {
                let mut circle = Vec::new();
                let mut at = &here;
                while let Some((mailbox, earlier)) = before.get(at) {
                    circle.push((*mailbox).clone());
                    at = earlier;
                }
                circle.push(from.clone());
                circle.reverse();
                return Some(circle);
            }
            if !before.contains_key(&key) {
                before.insert(key.clone(), (to, here.clone()));
                next.push_back(key);
            }
        }
    }
    None
}

/// By which name the file knows an address: mail for `name+detail` goes to `name`.
fn reached(address: &Mailbox, ways: &Ways<'_>) -> String {
    let key = address.key();
    if ways.contains_key(&key) {
        return key;
    }
    if address.local.detail().is_none() {
        return key;
    }
    let base = format!("{}@{}", address.local.base(), address.host);
    // Of a base that needs quotes the store says it.
    base.parse().map_or(key, |base: Mailbox| base.key())
}

fn told(circle: &[Mailbox]) -> String {
    let all = circle.iter().chain(circle.first());
    let all: Vec<String> = all.map(ToString::to_string).collect();
    all.join(" to ")
}
