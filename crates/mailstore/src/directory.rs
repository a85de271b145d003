//! Accounts, aliases and lists in memory, where every RCPT and every login looks.
//!
//! A [`Directory`] never changes: a change makes the next one, and the store swaps them. It knows no domains; which
//! of them are local is the host's business.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use address::Mailbox;
use auth::ScramHash;

use crate::account::{Account, AccountId, Alias, Decision};
use crate::engine::Inventory;
use crate::handling::{self, ListAddress, StoredList};

mod decide;
mod expand;

pub use expand::{AtList, Away, Expansion, Leads, Local, Unresolvable};

/// Aliases followed one after the other before a chain counts as leading nowhere.
const MAX_HOPS: usize = 16;

/// All accounts, aliases and lists at one moment.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    accounts: BTreeMap<AccountId, Arc<Account>>,
    /// Address key to account.
    addresses: HashMap<String, AccountId>,
    /// Folded local part to the accounts that have it.
    locals: HashMap<String, Vec<AccountId>>,
    /// Address key to alias.
    aliases: BTreeMap<String, Arc<Alias>>,
    /// Address key to list.
    lists: BTreeMap<String, Arc<StoredList>>,
    lacking: Lacking,
    /// Highest account id or epoch ever given out.
    mark: u64,
}

/// How many accounts that can log in have no key of a kind, so that nobody is offered what some cannot use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lacking {
    /// For SCRAM-SHA-256.
    pub scram_sha_256: usize,
    /// For SCRAM-SHA-1.
    pub scram_sha_1: usize,
    /// For APOP and CRAM-MD5.
    pub sealed: usize,
}

/// Who gets mail for an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// These accounts, each once, at least one.
    Accounts(Vec<AccountId>),
    /// The address is known but every account behind it is disabled.
    Disabled,
    /// Nobody.
    Unknown,
}

impl Directory {
    pub(crate) fn new(inventory: Inventory) -> Self {
        let mut directory = Self {
            mark: inventory.mark,
            ..Self::default()
        };
        for account in inventory.accounts {
            directory.put_account(account);
        }
        for alias in inventory.aliases {
            directory
                .aliases
                .insert(alias.address.key(), Arc::new(alias));
        }
        for list in inventory.lists {
            directory.lists.insert(list.address.key(), Arc::new(list));
        }
        directory
    }

    /// The account of that id.
    #[must_use]
    pub fn account(&self, id: AccountId) -> Option<&Account> {
        self.accounts.get(&id).map(Arc::as_ref)
    }

    /// The account of exactly that address, in any case.
    #[must_use]
    pub fn by_address(&self, address: &Mailbox) -> Option<&Account> {
        self.account(*self.addresses.get(&address.key())?)
    }

    /// Whether there is an account, alias or list of this address, or of the address without its `+detail`, wherever it
    /// leads. What a catch-all takes is not known.
    #[must_use]
    pub fn knows(&self, address: &Mailbox) -> bool {
        self.has(address) || without_detail(address).is_some_and(|base| self.knows(&base))
    }

    /// The alias of exactly that address, in any case.
    #[must_use]
    pub fn alias(&self, address: &Mailbox) -> Option<&Alias> {
        self.aliases.get(&address.key()).map(Arc::as_ref)
    }

    /// The list that has exactly this address, in any case, and what it is for there.
    #[must_use]
    pub fn list(&self, address: &Mailbox) -> Option<(&StoredList, ListAddress)> {
        if let Some(list) = self.lists.get(&address.key()) {
            return Some((list, ListAddress::Post));
        }
        let mut bases = handling::bases(address);
        bases.find_map(|(what, key)| Some((self.lists.get(&key)?.as_ref(), what)))
    }

    /// Whether exactly this address is an account's, an alias's or a list's.
    fn has(&self, address: &Mailbox) -> bool {
        let key = address.key();
        self.addresses.contains_key(&key)
            || self.aliases.contains_key(&key)
            || self.list(address).is_some()
    }

    /// The alias that takes what there is nobody else for at that host. Never mail for postmaster: whoever keeps the
    /// server has it, and not whoever takes what is misspelt (RFC 5321 section 4.5.1).
    fn catch_all(&self, address: &Mailbox) -> Option<&Alias> {
        if address.local.folded() == "postmaster" {
            return None;
        }
        self.alias(&handling::catch_all(address)?)
    }

    /// Who logs in so: a full address or, where only one account has it, a local part; in any case.
    #[must_use]
    pub fn find_login(&self, login: &str) -> Option<&Account> {
        let folded = address::fold(login);
        if let Some(id) = self.addresses.get(&folded) {
            return self.account(*id);
        }
        if let Ok(address) = Mailbox::parse_user(login) {
            return self.by_address(&address);
        }
        match self.locals.get(&folded)?.as_slice() {
            [id] => self.account(*id),
            _ => None,
        }
    }

    /// Which accounts an address leads to: an account or alias of that name, otherwise of the name without its
    /// `+detail`, otherwise the alias `*@host`; aliases are followed to the accounts. Accounts without a mailbox get none.
    /// Nothing is asked about what becomes of mail beside that: [`Directory::expand`] says where it goes.
    #[must_use]
    pub fn resolve(&self, address: &Mailbox) -> Resolution {
        let mut walk = Walk::default();
        self.follow(address, 0, &mut walk);
        if !walk.found.is_empty() {
            Resolution::Accounts(walk.found)
        } else if walk.disabled {
            Resolution::Disabled
        } else {
            Resolution::Unknown
        }
    }

    /// Whether mail for `address` reaches this account, among others perhaps, or would if it had a mailbox: by its own
    /// address, with or without `+detail`, or through aliases.
    #[must_use]
    pub fn leads_to(&self, address: &Mailbox, account: AccountId) -> bool {
        let mut walk = Walk::default();
        self.follow(address, 0, &mut walk);
        walk.found.contains(&account) || walk.without_mailbox.contains(&account)
    }

    /// All accounts, in the order they were made.
    pub fn accounts(&self) -> impl ExactSizeIterator<Item = &Account> {
        self.accounts.values().map(Arc::as_ref)
    }

    /// All aliases, by address.
    pub fn aliases(&self) -> impl ExactSizeIterator<Item = &Alias> {
        self.aliases.values().map(Arc::as_ref)
    }

    /// All mailing lists, by address.
    pub fn lists(&self) -> impl ExactSizeIterator<Item = &StoredList> {
        self.lists.values().map(Arc::as_ref)
    }

    /// What some of the accounts that can log in do not have.
    #[must_use]
    pub fn lacking(&self) -> Lacking {
        self.lacking
    }

    /// Highest account id or epoch ever given out.
    pub(crate) fn mark(&self) -> u64 {
        self.mark
    }

    fn follow(&self, address: &Mailbox, hops: usize, walk: &mut Walk) {
        let key = address.key();
        if hops > MAX_HOPS || !walk.seen.insert(key.clone()) {
            return;
        }
        if let Some(account) = self.addresses.get(&key).and_then(|id| self.account(*id)) {
            if !account.enabled {
                walk.disabled = true;
            } else if !account.terms.mailbox {
                walk.without_mailbox.push(account.id);
            } else if !walk.found.contains(&account.id) {
                walk.found.push(account.id);
            }
        } else if let Some(alias) = self.aliases.get(&key) {
            for target in &alias.targets {
                self.follow(target, hops + 1, walk);
            }
        } else if self.list(address).is_some() {
            // Who is on it is not known here.
        } else if let Some(base) = without_detail(address) {
            self.follow(&base, hops + 1, walk);
        } else if let Some(all) = self.catch_all(address) {
            self.follow(&all.address, hops + 1, walk);
        }
    }

    pub(crate) fn apply(&mut self, decision: &Decision) {
        match decision {
            Decision::Account(account) => self.put_account(Account::clone(account)),
            Decision::NoAccount(id) => self.forget(*id),
            Decision::Alias(alias) => {
                self.aliases
                    .insert(alias.address.key(), Arc::new(alias.clone()));
            }
            Decision::NoAlias(address) => {
                self.aliases.remove(&address.key());
            }
            Decision::List(list) => {
                self.lists
                    .insert(list.address.key(), Arc::new(list.clone()));
            }
            Decision::NoList(address) => {
                self.lists.remove(&address.key());
            }
        }
    }

    fn put_account(&mut self, account: Account) {
        self.forget(account.id);
        self.lacking.count(&account, 1);
        self.mark = self.mark.max(account.id.0).max(u64::from(account.epoch));
        self.addresses.insert(account.address.key(), account.id);
        self.locals
            .entry(account.address.local.folded())
            .or_default()
            .push(account.id);
        self.accounts.insert(account.id, Arc::new(account));
    }

    fn forget(&mut self, id: AccountId) {
        let Some(account) = self.accounts.remove(&id) else {
            return;
        };
        self.lacking.count(&account, -1);
        self.addresses.remove(&account.address.key());
        let folded = account.address.local.folded();
        if let Some(ids) = self.locals.get_mut(&folded) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.locals.remove(&folded);
            }
        }
    }
}

impl Lacking {
    /// Counts an account in (1) or out (-1).
    fn count(&mut self, account: &Account, by: isize) {
        if !account.enabled || account.password.is_none() {
            return;
        }
        let keys = &account.keys;
        for (kind, there) in [
            (
                &mut self.scram_sha_256,
                keys.scram(ScramHash::Sha256).is_some(),
            ),
            (&mut self.scram_sha_1, keys.scram(ScramHash::Sha1).is_some()),
            (&mut self.sealed, keys.sealed().is_some()),
        ] {
            if !there {
                *kind = kind.saturating_add_signed(by);
            }
        }
    }
}

/// What following an address has found.
#[derive(Default)]
struct Walk {
    seen: HashSet<String>,
    found: Vec<AccountId>,
    /// Accounts that only send.
    without_mailbox: Vec<AccountId>,
    disabled: bool,
}

/// `user+detail@host` as `user@host`; `None` without a detail.
fn without_detail(address: &Mailbox) -> Option<Mailbox> {
    address.local.detail()?;
    // Always as a quoted string, for the base of `"john smith+x"` has a blank, too.
    let base = address
        .local
        .base()
        .replace('\\', "\\\\")
        .replace('"', "\\\"");
    let local = format!("\"{base}\"").parse().ok()?;
    Some(Mailbox::new(local, address.host.clone()))
}

#[cfg(test)]
mod tests;
