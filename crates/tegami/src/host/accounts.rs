//! The store's directory of accounts, as the authenticator wants to see it.

use auth::{AccountRef, Accounts};
use mailstore::{Account, Store};

/// Looks logins up in the directory that the store keeps in memory.
pub struct StoredAccounts(pub Store);

impl Accounts for StoredAccounts {
    fn find(&self, login: &str) -> Option<AccountRef> {
        self.0.directory().find_login(login).map(account_ref)
    }
}

fn account_ref(account: &Account) -> AccountRef {
    AccountRef {
        key: account.id.0,
        address: account.address.to_string(),
        generation: account.generation,
        hash: account.password.clone(),
        keys: account.keys.clone(),
        enabled: account.enabled,
        floor: account.terms.login,
    }
}
