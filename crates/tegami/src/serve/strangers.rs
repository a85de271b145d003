//! Accounts in domains that are not served. A domain taken off the list, perhaps by a slip of the finger, leaves
//! its accounts without new mail; the log says so. Nothing is changed. The mailbox a first start makes for postmaster
//! is nobody's loss: without a password it never was anybody's. The other way round, an account that is to fetch mail and is
//! not there is named, too.

use std::collections::BTreeSet;

use address::{Domain, Host};
use mailstore::{Account, Directory, Store};

use crate::config::{Config, RelayHold};

/// Names each such domain and account.
pub fn mention(store: &Store, config: &Config) {
    let directory = store.directory();
    for domain in strange(directory.accounts(), &config.domains) {
        tracing::warn!(%domain, "not among domains, so mail for its accounts is refused");
    }
    for hold in unfetched(&directory, &config.relay.holds) {
        tracing::warn!(
            account = %hold.account,
            "[[relay.hold]] names an account that does not exist, so nobody can fetch the mail that is kept for it; \
             add it with `tegami account add`"
        );
    }
}

/// What nobody can fetch.
fn unfetched<'a>(directory: &Directory, holds: &'a [RelayHold]) -> Vec<&'a RelayHold> {
    let accounts: BTreeSet<String> = directory.accounts().map(|one| one.address.key()).collect();
    let missing = |hold: &&RelayHold| !accounts.contains(&hold.account.key());
    holds.iter().filter(missing).collect()
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

    #[tokio::test]
    async fn an_account_that_is_to_fetch_mail_and_does_not_exist_is_named() {
        let store = Store::in_memory(Options::default()).unwrap();
        let spoke = NewAccount::new(Mailbox::parse_user("Spoke@a.test").unwrap());
        store.change(Change::AddAccount(spoke)).await.unwrap();
        let holds = |accounts: [&str; 2]| {
            let tables = accounts.map(|account| {
                format!("[[relay.hold]]\ndomains = [\"{account}.test\"]\naccount = \"{account}@a.test\"\n")
            });
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("tegami.toml");
            let text = format!("domains = [\"a.test\"]\n{}", tables.concat());
            std::fs::write(&path, text).unwrap();
            let sources = crate::config::Sources {
                explicit: Some(path),
                variables: Vec::new(),
                usual: "absent".into(),
            };
            sources.load().unwrap().config.relay.holds
        };
        let holds = holds(["spoke", "nobody"]);
        let missing: Vec<String> = unfetched(&store.directory(), &holds)
            .into_iter()
            .map(|hold| hold.account.to_string())
            .collect();
        assert_eq!(missing, ["nobody@a.test"]);
    }
}
