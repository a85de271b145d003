//! The alias verbs.

use std::collections::{BTreeMap, BTreeSet};

use address::Mailbox;
use mailstore::{Alias, Change, Forward};

use super::{Operations, refusal};
use crate::message::{AliasFacts, Answer, Refusal, RefusalKind, Response};

/// What has to change so that nothing leads to an address any more.
#[derive(Default)]
pub(super) struct Without {
    /// Aliases that lose a target and keep others.
    pub left: Vec<Mailbox>,
    /// Aliases that lose their last target, and are gone then.
    pub emptied: Vec<Mailbox>,
    /// Accounts that forward there, and elsewhere perhaps.
    pub forwards: Vec<Mailbox>,
    /// The changes, to be made together.
    pub changes: Vec<Change>,
}

impl Operations {
    pub(super) async fn add_alias(&self, address: Mailbox, targets: Vec<Mailbox>) -> Answer {
        self.check_domain(&address)?;
        self.check_targets(&targets)?;
        let mut alias = self.alias(&address).unwrap_or_else(|| Alias {
            address: address.clone(),
            targets: Vec::new(),
        });
        for target in targets {
            if !alias
                .targets
                .iter()
                .any(|present| present.key() == target.key())
            {
                alias.targets.push(target);
            }
        }
        self.put_alias(alias).await
    }

    pub(super) fn list_aliases(&self) -> Vec<AliasFacts> {
        let directory = self.store.directory();
        let facts = directory
            .aliases()
            .map(|alias| self.alias_facts(alias.clone()));
        let mut aliases: Vec<AliasFacts> = facts.collect();
        aliases.sort_by_key(|alias| (alias.address.host.to_string(), alias.address.key()));
        aliases
    }

    pub(super) async fn remove_alias(&self, address: Mailbox, targets: Vec<Mailbox>) -> Answer {
        let missing = |message: String| {
            Refusal::new(RefusalKind::NoAlias, message).remedy("see `tegami alias list`")
        };
        let mut alias = self
            .alias(&address)
            .ok_or_else(|| missing(format!("there is no alias {address}")))?;
        for target in &targets {
            let before = alias.targets.len();
            alias
                .targets
                .retain(|present| present.key() != target.key());
            if alias.targets.len() == before {
                return Err(missing(format!(
                    "the alias {address} does not lead to {target}"
                )));
            }
        }
        if !targets.is_empty() && !alias.targets.is_empty() {
            return self.put_alias(alias).await;
        }
        // An alias that leads to nothing would look like a mailbox that refuses mail.
        let mut without = self.without(vec![alias.address.clone()]);
        without
            .changes
            .push(Change::RemoveAlias(alias.address.clone()));
        self.store
            .change_all(without.changes)
            .await
            .map_err(refusal)?;
        tracing::info!(alias = %alias.address, "alias removed");
        Ok(Response::Removed {
            address: alias.address,
            messages: 0,
            octets: 0,
            left: without.left,
            emptied: without.emptied,
            forwards: without.forwards,
        })
    }

    /// Takes addresses out of all aliases, and with it the aliases that led only there; then all of these out of what
    /// accounts forward to. Of one that forwarded only there the mail stays here.
    pub(super) fn without(&self, addresses: Vec<Mailbox>) -> Without {
        let directory = self.store.directory();
        let mut aliases: BTreeMap<String, Alias> = directory
            .aliases()
            .map(|alias| (alias.address.key(), alias.clone()))
            .collect();
        let names: BTreeSet<String> = aliases.keys().cloned().collect();
        let mut touched = BTreeSet::new();
        let own: BTreeSet<String> = addresses.iter().map(Mailbox::key).collect();
        let mut going = addresses;
        let mut all_gone = Vec::new();
        while let Some(gone) = going.pop() {
            all_gone.push(gone.clone());
            for (key, alias) in &mut aliases {
                let before = alias.targets.len();
                alias
                    .targets
                    .retain(|target| !leads_to(target, &gone, &names));
                if alias.targets.len() == before {
                    continue;
                }
                touched.insert(key.clone());
                if alias.targets.is_empty() {
                    going.push(alias.address.clone());
                }
            }
        }
        let mut without = Without::default();
        for alias in touched.iter().filter_map(|key| aliases.remove(key)) {
            if alias.targets.is_empty() {
                without.emptied.push(alias.address.clone());
                without.changes.push(Change::RemoveAlias(alias.address));
            } else {
                without.left.push(alias.address.clone());
                without.changes.push(Change::PutAlias(alias));
            }
        }
        for account in directory.accounts() {
            let Some(forward) = &account.handling.forward else {
                continue;
            };
            let stays =
                |target: &&Mailbox| !all_gone.iter().any(|gone| leads_to(target, gone, &names));
            let to: Vec<Mailbox> = forward.to.iter().filter(stays).cloned().collect();
            if to.len() == forward.to.len() || own.contains(&account.address.key()) {
                continue;
            }
            let mut account = account.clone();
            account.handling.forward = (!to.is_empty()).then(|| Forward {
                to,
                ..forward.clone()
            });
            without.forwards.push(account.address.clone());
            without.changes.push(Change::PutAccount(account));
        }
        without
    }

    async fn put_alias(&self, alias: Alias) -> Answer {
        self.change(Change::PutAlias(alias.clone())).await?;
        tracing::info!(alias = %alias.address, targets = alias.targets.len(), "alias set");
        Ok(Response::Alias(self.alias_facts(alias)))
    }

    fn alias_facts(&self, alias: Alias) -> AliasFacts {
        AliasFacts {
            elsewhere: self.elsewhere(&alias.targets),
            address: alias.address,
            targets: alias.targets,
        }
    }

    fn alias(&self, address: &Mailbox) -> Option<Alias> {
        self.store.directory().alias(address).cloned()
    }
}

/// Whether mail for `target` goes to `gone`: the same address, or that of a `+detail` which is no alias of its own.
fn leads_to(target: &Mailbox, gone: &Mailbox, aliases: &BTreeSet<String>) -> bool {
    let key = target.key();
    if key == gone.key() {
        return true;
    }
    target.host == gone.host
        && target.local.detail().is_some()
        && gone.local.detail().is_none()
        && target.local.base().eq_ignore_ascii_case(gone.local.base())
        && !aliases.contains(&key)
}
