//! What aliases shall lead to.

use std::collections::{BTreeMap, HashSet};

use address::Mailbox;
use mailstore::Alias;

use super::super::{Declarations, Memory, Stored};

/// All aliases as they shall be, by key. Targets that were declared before and are not any more are taken out, those
/// that are declared are put in; what was made by hand stays. An alias without targets is to be removed.
pub fn after(declared: &Declarations, stored: &Stored, before: &Memory) -> BTreeMap<String, Alias> {
    let wanted: Vec<(&Mailbox, &Mailbox)> = wanted(declared).collect();
    let stays: HashSet<(String, String)> = wanted
        .iter()
        .map(|(alias, target)| (alias.key(), target.key()))
        .collect();
    let mut after: BTreeMap<String, Alias> = stored
        .aliases
        .iter()
        .map(|alias| (alias.address.key(), alias.clone()))
        .collect();
    for gone in was(stored, before).filter(|pair| !stays.contains(pair)) {
        let (alias, target) = gone;
        if let Some(alias) = after.get_mut(&alias) {
            alias.targets.retain(|mailbox| mailbox.key() != target);
        }
    }
    for (address, target) in wanted {
        let alias = after.entry(address.key()).or_insert_with(|| Alias {
            address: address.clone(),
            targets: Vec::new(),
        });
        if !alias
            .targets
            .iter()
            .any(|mailbox| mailbox.key() == target.key())
        {
            alias.targets.push(target.clone());
        }
    }
    after
}

/// Each alias that is declared, with each of its targets.
fn wanted(declared: &Declarations) -> impl Iterator<Item = (&Mailbox, &Mailbox)> {
    let of_accounts = declared.accounts.iter().flat_map(|account| {
        let aliases = account.aliases.iter();
        aliases.map(|alias| (alias, &account.address))
    });
    let own = declared.aliases.iter().flat_map(|alias| {
        let targets = alias.to.iter();
        targets.map(|target| (&alias.address, target))
    });
    of_accounts.chain(own)
}

/// Each alias that was declared before, with each of its targets, by key.
fn was(stored: &Stored, before: &Memory) -> impl Iterator<Item = (String, String)> {
    let of_accounts = stored.accounts.iter().flat_map(|account| {
        let aliases = account.declared.iter().flat_map(|marks| &marks.aliases);
        aliases.map(|alias| (alias.key(), account.address.key()))
    });
    let own = before.aliases.iter().flat_map(|(alias, targets)| {
        let targets = targets.iter();
        targets.map(|target| (alias.clone(), target.key()))
    });
    of_accounts.chain(own)
}
