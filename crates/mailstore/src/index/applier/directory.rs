//! Accounts, aliases and lists, in the table: what was decided, and what goes with an account.
//!
//! What may be decided was asked before.

use std::collections::HashSet;

use super::{Applier, NEVER_BACK, unread};
use crate::account::{Account, AccountId, Alias, Decision};
use crate::engine::Inventory;
use crate::handling::StoredList;
use crate::index::keys;
use crate::index::table::TableError;
use crate::outgoing::QUEUE;

impl Applier {
    /// Accounts, aliases, lists and counters as the table has them.
    ///
    /// # Errors
    /// When they are not what was put in.
    pub(crate) fn inventory(&self) -> Result<Inventory, TableError> {
        let mut inventory = Inventory {
            mark: self.checkpoint.ids,
            ..Inventory::default()
        };
        let mut sum = 0_u64;
        let mut unread = false;
        let (accounts, aliases, lists) = (
            &mut inventory.accounts,
            &mut inventory.aliases,
            &mut inventory.lists,
        );
        self.each(keys::ACCOUNT, |key, value| {
            sum = sum.wrapping_add(keys::fingerprint(key, value));
            unread |= !read_into::<Account>(value, accounts);
        })?;
        self.each(keys::ALIAS, |key, value| {
            sum = sum.wrapping_add(keys::fingerprint(key, value));
            unread |= !read_into::<Alias>(value, aliases);
        })?;
        self.each(keys::LIST, |key, value| {
            sum = sum.wrapping_add(keys::fingerprint(key, value));
            unread |= !read_into::<StoredList>(value, lists);
        })?;
        if unread || sum != self.checkpoint.totals.directory {
            let what = "its accounts, aliases and lists are not what was put in";
            return Err(TableError::Failed(what.to_owned()));
        }
        inventory.usage = self.usage.iter().map(|(id, usage)| (*id, *usage)).collect();
        Ok(inventory)
    }

    /// At the end of the log: whoever has messages but no account went while they were on their way.
    pub(crate) fn drop_unknown(&mut self) -> Result<(), TableError> {
        self.write()?;
        let mut known = HashSet::from([QUEUE]);
        self.each(keys::ACCOUNT, |key, _| known.extend(keys::id_of(key)))?;
        let unknown = self.usage.keys().copied().filter(|id| !known.contains(id));
        for id in unknown.collect::<Vec<_>>() {
            self.drop_mailbox(id)?;
        }
        self.write()
    }

    fn drop_mailbox(&mut self, id: AccountId) -> Result<(), TableError> {
        self.remove_mailbox(id)?;
        self.usage.remove(&id);
        self.touched.remove(&id);
        self.batch.insert(keys::usage(id), None);
        Ok(())
    }

    pub(super) fn decide(&mut self, decision: &Decision) -> Result<(), TableError> {
        match decision {
            Decision::Account(account) => {
                self.given(account.id.0.max(u64::from(account.epoch)));
                self.usage.entry(account.id).or_default();
                self.touched.insert(account.id);
                self.put(keys::account(account.id), Some(keys::value(account)))
            }
            Decision::NoAccount(id) => {
                self.drop_mailbox(*id)?;
                self.put(keys::account(*id), None)
            }
            Decision::Alias(alias) => {
                self.put(keys::alias(&alias.address.key()), Some(keys::value(alias)))
            }
            Decision::NoAlias(address) => self.put(keys::alias(&address.key()), None),
            Decision::List(list) => {
                self.put(keys::list(&list.address.key()), Some(keys::value(list)))
            }
            Decision::NoList(address) => self.put(keys::list(&address.key()), None),
        }
    }

    /// Sets or removes an account, alias or list and keeps the sum over them right.
    fn put(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) -> Result<(), TableError> {
        let before = self.current(&key)?;
        let sum = &mut self.checkpoint.totals.directory;
        if let Some(before) = before {
            *sum = sum.wrapping_sub(keys::fingerprint(&key, &before));
        }
        if let Some(value) = &value {
            *sum = sum.wrapping_add(keys::fingerprint(&key, value));
        }
        self.batch.insert(key, value);
        Ok(())
    }

    fn remove_mailbox(&mut self, id: AccountId) -> Result<(), TableError> {
        let prefix = keys::mailbox(id);
        loop {
            let found = self.piece(&prefix)?;
            if found.is_empty() {
                break;
            }
            for (key, value) in found {
                let entry = keys::entry(&key, &value).ok_or_else(unread)?;
                self.forget(id, &entry, key, &value);
            }
        }
        let prefix = keys::removed_of(id);
        loop {
            let found = self.piece(&prefix)?;
            if found.is_empty() {
                return Ok(());
            }
            for (key, value) in found {
                let (entry, when) = keys::removed_entry(&key, &value).ok_or_else(unread)?;
                if when > NEVER_BACK {
                    self.checkpoint.totals.kept.subtract(1, entry.octets);
                }
                self.count(&key, keys::fingerprint(&key, &value).wrapping_neg());
                self.batch.insert(key, None);
            }
        }
    }
}

/// Whether it reads; then it is added.
fn read_into<T: serde::de::DeserializeOwned>(value: &[u8], into: &mut Vec<T>) -> bool {
    let read = postcard::from_bytes(value);
    let reads = read.is_ok();
    into.extend(read);
    reads
}
