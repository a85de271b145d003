//! What cannot be, given what else there is.

use std::collections::{BTreeMap, HashMap, HashSet};

use address::{Domain, Mailbox};
use mailstore::Alias;

use super::super::{Declarations, Stored};
use crate::config::{ConfigError, Place, Problem};

/// What the addresses of a list beside its own end with.
const LIST_SUFFIXES: [&str; 3] = ["-request", "-bounces", "-owner"];

/// Refuses addresses that would be two things at once, and ones of ours that would lead to nobody. `aliases` is what they
/// shall be.
pub fn check(
    declared: &Declarations,
    stored: &Stored,
    domains: &[Domain],
    aliases: &BTreeMap<String, Alias>,
) -> Result<(), ConfigError> {
    let house = House::new(declared, stored, domains, aliases);
    let mut problems = Vec::new();
    for account in &declared.accounts {
        let address = &account.address;
        problems.extend(house.not_alias(address, &account.place));
        problems.extend(house.not_list(address, "address", &account.place));
        if let Some(forward) = &account.forward {
            problems.extend(house.lead_somewhere("forward", &forward.to, &account.place));
        }
        for alias in &account.aliases {
            problems.extend(house.not_account(alias, "aliases", &account.place));
            problems.extend(house.not_list(alias, "aliases", &account.place));
        }
    }
    for alias in &declared.aliases {
        problems.extend(house.not_account(&alias.address, "address", &alias.place));
        problems.extend(house.not_list(&alias.address, "address", &alias.place));
        problems.extend(house.lead_somewhere("to", &alias.to, &alias.place));
    }
    for list in &declared.lists {
        let address = &list.settings.address;
        problems.extend(house.not_account(address, "address", &list.place));
        problems.extend(house.not_alias(address, &list.place));
        let people = [
            ("owners", &list.settings.owners),
            ("members", &list.settings.members),
            ("moderators", &list.settings.moderators),
        ];
        for (key, people) in people {
            problems.extend(house.lead_somewhere(key, people, &list.place));
        }
    }
    ConfigError::unless_empty(problems)
}

/// Who there will be, by key.
struct House<'a> {
    domains: &'a [Domain],
    /// Accounts that are there already.
    accounts: HashSet<String>,
    aliases: HashSet<&'a str>,
    /// All addresses of lists, and the lists they belong to.
    lists: HashMap<String, &'a Mailbox>,
    /// Everybody.
    known: HashSet<String>,
}

impl<'a> House<'a> {
    fn new(
        declared: &'a Declarations,
        stored: &'a Stored,
        domains: &'a [Domain],
        aliases: &'a BTreeMap<String, Alias>,
    ) -> Self {
        let accounts: HashSet<String> = stored
            .accounts
            .iter()
            .map(|account| account.address.key())
            .collect();
        let filled = aliases
            .iter()
            .filter(|(_, alias)| !alias.targets.is_empty());
        let aliases: HashSet<&str> = filled.map(|(key, _)| key.as_str()).collect();
        let ours = declared.lists.iter().map(|list| &list.settings.address);
        let lists = stored.lists.iter().map(|list| &list.address).chain(ours);
        let lists: HashMap<String, &Mailbox> = lists
            .flat_map(|list| all_of(list).map(move |address| (address, list)))
            .collect();
        let new = declared
            .accounts
            .iter()
            .map(|account| account.address.key());
        let mut known: HashSet<String> = accounts.iter().cloned().chain(new).collect();
        known.extend(aliases.iter().map(ToString::to_string));
        known.extend(lists.keys().cloned());
        Self {
            domains,
            accounts,
            aliases,
            lists,
            known,
        }
    }

    fn not_alias(&self, address: &Mailbox, place: &Place) -> Option<Problem> {
        self.aliases.contains(address.key().as_str()).then(|| {
            place.problem(format!(
                "address: {address} is an alias already; `tegami alias remove {address}` makes room"
            ))
        })
    }

    fn not_account(&self, address: &Mailbox, key: &str, place: &Place) -> Option<Problem> {
        self.accounts.contains(&address.key()).then(|| {
            place.problem(format!(
                "{key}: {address} is an account already; `tegami account remove {address}` would delete it with its mail"
            ))
        })
    }

    fn not_list(&self, address: &Mailbox, key: &str, place: &Place) -> Option<Problem> {
        let list = self.lists.get(&address.key())?;
        let message = format!(
            "{key}: {address} belongs to the list {list}; choose another, or remove that: tegami list remove {list}"
        );
        Some(place.problem(message))
    }

    fn lead_somewhere(&self, key: &str, targets: &[Mailbox], place: &Place) -> Vec<Problem> {
        let nobody = targets.iter().filter(|target| !self.knows(target));
        let problems = nobody.map(|target| {
            place.problem(format!(
                "{key}: {target} is neither an account nor an alias nor a list here; correct it, or declare it, too"
            ))
        });
        problems.collect()
    }

    /// Whether somebody gets mail for this address; what becomes of mail for elsewhere is not known here.
    fn knows(&self, address: &Mailbox) -> bool {
        let here = (address.host.domain()).is_some_and(|domain| self.domains.contains(domain));
        let as_it_is = |local: &str| {
            let local = local.parse().ok();
            let address = local.map(|local| Mailbox::new(local, address.host.clone()).key());
            address.is_some_and(|key| self.known.contains(&key))
        };
        !here
            || self.known.contains(&address.key())
            || as_it_is(address.local.base())
            || as_it_is("*")
    }
}

/// The keys of all addresses of a list.
fn all_of(list: &Mailbox) -> impl Iterator<Item = String> {
    let others = LIST_SUFFIXES.iter().filter_map(move |suffix| {
        let local = format!("{}{suffix}", list.local).parse().ok()?;
        Some(Mailbox::new(local, list.host.clone()).key())
    });
    std::iter::once(list.key()).chain(others)
}
