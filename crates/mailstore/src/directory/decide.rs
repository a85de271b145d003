//! Wishes become decisions, or are refused: no address is two things, and no alias leads to itself.
//!
//! Nothing is changed here, and nothing is made durable.

use std::collections::HashSet;

use address::Mailbox;

use super::{Directory, without_detail};
use crate::account::{Account, AccountId, Alias, Change, ChangeError, Decision, NewAccount};
use crate::handling::{MOST_LIST, MOST_TARGETS, StoredList, is_catch_all};

impl Directory {
    /// Turns wishes into decisions, each seeing those before it, without changing this directory.
    pub(crate) fn decide(&self, changes: Vec<Change>) -> Result<Vec<Decision>, ChangeError> {
        let mut next = self.clone();
        let mut decisions = Vec::with_capacity(changes.len());
        for change in changes {
            let decision = next.decide_one(change)?;
            next.apply(&decision);
            decisions.push(decision);
        }
        Ok(decisions)
    }

    fn decide_one(&self, change: Change) -> Result<Decision, ChangeError> {
        match change {
            Change::AddAccount(new) => self.add(new).map(Decision::account),
            Change::PutAccount(account) => {
                let before = self
                    .account(account.id)
                    .ok_or(ChangeError::NoAccount(account.id))?;
                self.check_address(&account.address, Some(account.id))?;
                account.handling.check(&account.address)?;
                Ok(Decision::account(Account {
                    generation: before.generation + 1,
                    epoch: before.epoch,
                    ..account
                }))
            }
            Change::PutKeys {
                account: id,
                generation,
                keys,
            } => {
                let before = self.account(id).ok_or(ChangeError::NoAccount(id))?;
                if before.generation != generation {
                    return Err(ChangeError::Changed(id));
                }
                let mut account = before.clone();
                account.generation += 1;
                account.keys.merge(keys);
                Ok(Decision::account(account))
            }
            Change::RemoveAccount(id) => match self.account(id) {
                Some(_) => Ok(Decision::NoAccount(id)),
                None => Err(ChangeError::NoAccount(id)),
            },
            Change::PutAlias(alias) => self.check_alias(alias).map(Decision::Alias),
            Change::RemoveAlias(address) => {
                if self.aliases.contains_key(&address.key()) {
                    Ok(Decision::NoAlias(address))
                } else {
                    Err(ChangeError::NoAlias(address))
                }
            }
            Change::PutList(list) => self.check_list(list).map(Decision::List),
            Change::RemoveList(address) => {
                if self.lists.contains_key(&address.key()) {
                    Ok(Decision::NoList(address))
                } else {
                    Err(ChangeError::NoList(address))
                }
            }
        }
    }

    fn add(&self, new: NewAccount) -> Result<Account, ChangeError> {
        self.check_address(&new.address, None)?;
        new.handling.check(&new.address)?;
        let mark = self.mark + 1;
        Ok(Account {
            id: AccountId(mark),
            address: new.address,
            name: new.name,
            enabled: new.enabled,
            password: new.password,
            keys: new.keys,
            quota: new.quota,
            declared: new.declared,
            terms: new.terms,
            handling: new.handling,
            generation: 1,
            // Four thousand million accounts is more than one store ever makes.
            epoch: u32::try_from(mark).unwrap_or(u32::MAX),
        })
    }

    fn check_address(&self, address: &Mailbox, own: Option<AccountId>) -> Result<(), ChangeError> {
        Self::check_name(address)?;
        let key = address.key();
        let taken = self.addresses.get(&key).is_some_and(|id| Some(*id) != own);
        if taken || self.aliases.contains_key(&key) || self.list(address).is_some() {
            return Err(ChangeError::AddressTaken(address.clone()));
        }
        Ok(())
    }

    /// Whether an account or a list can be called so.
    fn check_name(address: &Mailbox) -> Result<(), ChangeError> {
        if address.local.detail().is_some() {
            return Err(ChangeError::Detail(address.clone()));
        }
        if is_catch_all(address) {
            return Err(ChangeError::CatchAll(address.clone()));
        }
        Ok(())
    }

    fn check_list(&self, list: StoredList) -> Result<StoredList, ChangeError> {
        let address = &list.address;
        Self::check_name(address)?;
        if list.settings.len() > MOST_LIST {
            return Err(ChangeError::SettingsTooLong(list.address));
        }
        let others = list.others();
        let others = others.ok_or_else(|| ChangeError::ListName(address.clone()))?;
        let key = address.key();
        for one in std::iter::once(address).chain(&others) {
            let taken = self.addresses.contains_key(&one.key())
                || self.aliases.contains_key(&one.key())
                || (self.list(one)).is_some_and(|(there, _)| there.address.key() != key);
            if taken {
                return Err(ChangeError::AddressTaken(one.clone()));
            }
        }
        Ok(list)
    }

    fn check_alias(&self, alias: Alias) -> Result<Alias, ChangeError> {
        let key = alias.address.key();
        if self.addresses.contains_key(&key) || self.list(&alias.address).is_some() {
            return Err(ChangeError::AddressTaken(alias.address));
        }
        if alias.targets.is_empty() {
            return Err(ChangeError::NoTargets(alias.address));
        }
        if alias.targets.len() > MOST_TARGETS {
            return Err(ChangeError::TooMany {
                address: alias.address,
                most: MOST_TARGETS,
            });
        }
        let mut seen = HashSet::new();
        let mut next: Vec<Mailbox> = alias.targets.clone();
        while let Some(target) = next.pop() {
            let target_key = target.key();
            if target_key == key {
                return Err(ChangeError::AliasCycle(alias.address));
            }
            if !seen.insert(target_key.clone()) || self.addresses.contains_key(&target_key) {
                continue;
            }
            match self.aliases.get(&target_key) {
                Some(further) => next.extend(further.targets.iter().cloned()),
                None if self.list(&target).is_some() => {}
                None => match without_detail(&target) {
                    Some(base) => next.push(base),
                    None => next.extend(self.catch_all(&target).map(|all| all.address.clone())),
                },
            }
        }
        Ok(alias)
    }
}
