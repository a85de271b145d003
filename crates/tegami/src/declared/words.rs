//! A [`Plan`] in words, for whoever wants to know before it is carried out.

use std::collections::HashSet;

use address::Mailbox;
use delivery::list::Settings;
use mailstore::{Account, Alias, StoredList};

use super::{AccountStep, Plan, Stored};

/// A sentence for everything that would become of what is `stored`.
pub fn of(plan: &Plan, stored: &Stored) -> Vec<String> {
    let removed = plan.aliases_to_remove.iter();
    let removed = removed.map(|alias| format!("the alias {} is removed", alias.unicode()));
    let accounts = plan.accounts.iter().map(|step| account(step, stored));
    let lists = plan.lists_to_put.iter().map(|new| list(new, stored));
    let left = plan.lists_left.iter();
    let left = left.map(|list| {
        format!(
            "the list {} is declared no more and stays as it is",
            list.unicode()
        )
    });
    let aliases = plan.aliases_to_put.iter().map(|new| alias(new, stored));
    let all = removed.chain(accounts).chain(lists).chain(left);
    all.chain(aliases).collect()
}

/// Who stays away from lists, as nobody knows any more whether they have left.
pub fn not_joined(lists: &[(Mailbox, Vec<Mailbox>)]) -> impl Iterator<Item = String> + '_ {
    lists.iter().map(|(list, members)| {
        format!(
            "not on the list {}, though declared, stays {}: whether they left is not known any more; `tegami list member add` subscribes them",
            list.unicode(),
            named(members)
        )
    })
}

fn account(step: &AccountStep, stored: &Stored) -> String {
    match step {
        AccountStep::Make { account, .. } => {
            format!("the account {} is made", account.address.unicode())
        }
        AccountStep::SwitchOff(account) => format!(
            "the account {} is switched off, as it is declared no more; its mail stays",
            account.address.unicode()
        ),
        AccountStep::Alter { account, secret } => {
            let mut old = stored.accounts.iter();
            let old = old.find(|old| old.id == account.id);
            let what = old.map_or_else(Vec::new, |old| changed(old, account, secret.is_some()));
            format!(
                "the account {} is changed: {}",
                account.address.unicode(),
                what.join(", ")
            )
        }
    }
}

/// What is different about an account, in the words of the accounts file.
fn changed(old: &Account, new: &Account, secret: bool) -> Vec<&'static str> {
    let fingerprint = |one: &Account| one.declared.as_ref().map(|marks| marks.fingerprint.clone());
    let aliases = |one: &Account| one.declared.as_ref().map(|marks| marks.aliases.clone());
    let password = fingerprint(old) != fingerprint(new);
    let was_declared = old.declared.is_some();
    [
        (!was_declared, "from now on it is declared"),
        (password && secret, "password"),
        // What is kept of a password is made anew for a mechanism that was switched on, or for APOP.
        (!password && secret, "keys to log in with"),
        (old.keys != new.keys, "apop"),
        (old.enabled != new.enabled, "switched on"),
        (old.address != new.address, "address"),
        (old.name != new.name, "name"),
        (old.quota != new.quota, "quota"),
        (was_declared && aliases(old) != aliases(new), "aliases"),
        (old.terms.mailbox != new.terms.mailbox, "mailbox"),
        (old.terms.utf8 != new.terms.utf8, "utf8"),
        (old.terms.login != new.terms.login, "login"),
        (old.terms.send_to != new.terms.send_to, "send_to"),
        (old.handling.forward != new.handling.forward, "forward"),
        (old.handling.moved != new.handling.moved, "refer"),
        (old.handling.vacation != new.handling.vacation, "vacation"),
    ]
    .into_iter()
    .filter_map(|(is_new, what)| is_new.then_some(what))
    .collect()
}

fn list(new: &StoredList, stored: &Stored) -> String {
    let address = new.address.unicode();
    let mut old = stored.lists.iter();
    let old = old.find(|old| old.address.key() == new.address.key());
    let read = |list: &StoredList| serde_json::from_str::<Settings>(&list.settings).ok();
    let (Some(old), Some(new)) = (old.and_then(read), read(new)) else {
        return format!("the list {address} is made");
    };
    let (joined, gone) = (
        beside(&new.members, &old.members),
        beside(&old.members, &new.members),
    );
    let mut what = Vec::new();
    if !joined.is_empty() {
        what.push(format!("to it comes {joined}"));
    }
    if !gone.is_empty() {
        what.push(format!("off it goes {gone}"));
    }
    let settings = Settings {
        members: old.members.clone(),
        ..new
    };
    if settings != old {
        what.push("its settings are others".to_owned());
    }
    format!("the list {address} is changed: {}", what.join("; "))
}

/// Those of `some` who are not among `others`.
fn beside(some: &[Mailbox], others: &[Mailbox]) -> String {
    let others: HashSet<String> = others.iter().map(Mailbox::key).collect();
    named(some.iter().filter(|one| !others.contains(&one.key())))
}

fn alias(new: &Alias, stored: &Stored) -> String {
    let mut old = stored.aliases.iter();
    let is_there = old.any(|old| old.address.key() == new.address.key());
    let what = if is_there {
        "leads"
    } else {
        "is made and leads"
    };
    format!(
        "the alias {} {what} to {}",
        new.address.unicode(),
        named(&new.targets)
    )
}

fn named<'a>(some: impl IntoIterator<Item = &'a Mailbox>) -> String {
    let names: Vec<String> = some.into_iter().map(Mailbox::unicode).collect();
    names.join(", ")
}
