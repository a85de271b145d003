//! The alias verbs.

use address::Mailbox;
use mailstore::{Alias, Change, Resolution};

use super::Operations;
use crate::message::{AliasFacts, Answer, Refusal, RefusalKind, Response};

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
        self.change(Change::RemoveAlias(alias.address.clone()))
            .await?;
        tracing::info!(alias = %alias.address, "alias removed");
        Ok(Response::Removed {
            address: alias.address,
            messages: 0,
            octets: 0,
            aliases: Vec::new(),
        })
    }

    /// The aliases that lead to this address, and the changes after which they do not.
    pub(super) fn without_target(&self, target: &Mailbox) -> (Vec<Mailbox>, Vec<Change>) {
        let key = target.key();
        let directory = self.store.directory();
        let leading_there = directory
            .aliases()
            .filter(|alias| alias.targets.iter().any(|target| target.key() == key));
        leading_there
            .map(|alias| {
                let mut targets = alias.targets.clone();
                targets.retain(|target| target.key() != key);
                let address = alias.address.clone();
                let change = if targets.is_empty() {
                    Change::RemoveAlias(address.clone())
                } else {
                    Change::PutAlias(Alias {
                        address: address.clone(),
                        targets,
                    })
                };
                (address, change)
            })
            .unzip()
    }

    async fn put_alias(&self, alias: Alias) -> Answer {
        self.change(Change::PutAlias(alias.clone())).await?;
        tracing::info!(alias = %alias.address, targets = alias.targets.len(), "alias set");
        Ok(Response::Alias(AliasFacts {
            address: alias.address,
            targets: alias.targets,
        }))
    }

    fn alias(&self, address: &Mailbox) -> Option<Alias> {
        let key = address.key();
        let directory = self.store.directory();
        directory
            .aliases()
            .find(|alias| alias.address.key() == key)
            .cloned()
    }
}
