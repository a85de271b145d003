//! Accounts in domains that are not served. A domain taken off the list, perhaps by a slip of the finger, leaves
//! its accounts without new mail; the log says so. Nothing is changed. The mailbox a first start makes for postmaster
//! is nobody's loss: without a password it never was anybody's.

use std::collections::BTreeSet;

use address::{Domain, Host};
use mailstore::{Account, Store};

/// Names each such domain.
pub fn mention(store: &Store, served: &[Domain]) {
    let directory = store.directory();
    for domain in strange(directory.accounts(), served) {
        tracing::warn!(%domain, "not among domains, so mail for its accounts is refused");
    }
}

fn strange<'a>(accounts: impl Iterator<Item = &'a Account>, served: &[Domain]) -> BTreeSet<String> {
    accounts
        .filter(|account| account.enabled && account.password.is_some())
        .filter(|account| match &account.address.host {
            Host::Domain(domain) => !served.contains(domain),
            Host::Literal(_) => true,
        })
        .map(|account| account.address.host.to_string())
        .collect()
}

#[cfg(test)]
mod tests {
    use address::Mailbox;
    use mailstore::{Change, NewAccount, Options};

    use super::*;

    #[tokio::test]
    async fn domains_of_enabled_accounts_that_are_not_served_are_named_once() {
        let store = Store::in_memory(Options::default()).unwrap();
        let password = auth::PasswordHash::hash(&"vq7-Rmd2-kLw9".into()).unwrap();
        for (address, enabled, has_password) in [
            ("alice@example.test", true, true),
            ("bob@other.test", true, true),
            ("carol@OTHER.test", true, true),
            ("dora@gone.test", false, true),
            ("postmaster@localhost", true, false),
        ] {
            let account = NewAccount {
                enabled,
                password: has_password.then(|| password.clone()),
                ..NewAccount::new(Mailbox::parse_user(address).unwrap())
            };
            store.change(Change::AddAccount(account)).await.unwrap();
        }
        let served = [Domain::parse("example.test").unwrap()];
        let directory = store.directory();
        let strange: Vec<_> = strange(directory.accounts(), &served).into_iter().collect();
        assert_eq!(strange, ["other.test"]);
    }
}
