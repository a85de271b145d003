//! The alias verbs.

use std::collections::{BTreeMap, BTreeSet};

use address::Mailbox;
use mailstore::{Alias, Change, Resolution};

use super::{Operations, refusal};
use crate::message::{AliasFacts, Answer, Refusal, RefusalKind, Response};

/// What has to change so that nothing leads to an address any more.
#[derive(Default)]
pub(super) struct Without {
    /// Aliases that lose a target and keep others.
    pub left: Vec<Mailbox>,
    /// Aliases that lose their last target, and are gone then.
    pub emptied: Vec<Mailbox>,
    /// The changes, to be made together.
    pub changes: Vec<Change>,
}

impl Operations {
    pub(super) async fn add_alias(&self, address: Mailbox, targets: Vec<Mailbox>) -> Answer {
        self.check_domain(&address)?;
        let directory = self.store.directory();
        for target in &targets {
            // A target that leads nowhere would make the alias look like a mailbox that loses mail.
            if directory.resolve(target) == Resolution::Unknown {
                let message = format!("{target} is neither an account nor an alias here");
                return Err(Refusal::new(RefusalKind::Unsuitable, message).remedy(
                    "add the account first; forwarding to other servers does not exist yet",
                ));
            }
        }
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
        let facts = directory.aliases().map(|alias| AliasFacts {
            address: alias.address.clone(),
            targets: alias.targets.clone(),
        });
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
        let mut without = self.without(&alias.address);
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
        })
    }

    /// Takes an address out of all aliases, and with it the aliases that led only there.
    pub(super) fn without(&self, address: &Mailbox) -> Without {
        let directory = self.store.directory();
        let mut aliases: BTreeMap<String, Alias> = directory
            .aliases()
            .map(|alias| (alias.address.key(), alias.clone()))
            .collect();
        let names: BTreeSet<String> = aliases.keys().cloned().collect();
        let mut touched = BTreeSet::new();
        let mut going = vec![address.clone()];
        while let Some(gone) = going.pop() {
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
        without
    }

    async fn put_alias(&self, alias: Alias) -> Answer {
        self.change(Change::PutAlias(alias.clone())).await?;
        tracing::info!(alias = %alias.address, targets = alias.targets.len(), "alias set");
        Ok(Response::Alias(AliasFacts {
            address: alias.address,
            targets: alias.targets,
        }))
    }

    pub(super) fn alias(&self, address: &Mailbox) -> Option<Alias> {
        let key = address.key();
        let directory = self.store.directory();
        directory
            .aliases()
            .find(|alias| alias.address.key() == key)
            .cloned()
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
