//! What an accounts file changes in a store, played through with a store of our own.

use std::sync::{Arc, Mutex};

use mailstore::{AccountId, Change, ChangeError, Forward, Handling, StoredList, Terms};

use super::*;

/// Accounts and aliases, changed as the real store changes them.
#[derive(Clone, Default)]
pub(super) struct Store(Arc<Mutex<Contents>>);

#[derive(Default)]
struct Contents {
    accounts: Vec<Account>,
    aliases: Vec<Alias>,
    lists: Vec<StoredList>,
    /// It takes nothing.
    full: bool,
    /// Somebody disables this account while passwords are hashed.
    meanwhile: Option<Mailbox>,
}

impl Keeper for Store {
    type Changing = ();

    fn stored(&self) -> Stored {
        Self::stored(self)
    }

    async fn changing(&self) {
        let meanwhile = self.0.lock().unwrap().meanwhile.take();
        if let Some(address) = meanwhile {
            self.edit(&address.key(), |account| account.enabled = false);
        }
    }

    fn change(
        &self,
        change: Change,
    ) -> impl Future<Output = Result<(), ChangeError>> + Send + 'static {
        std::future::ready(Self::change(self, change))
    }
}

impl Store {
    pub(super) fn change(&self, change: Change) -> Result<(), ChangeError> {
        let mut contents = self.0.lock().unwrap();
        if contents.full {
            return Err(ChangeError::Store(mailstore::StoreError::Full));
        }
        match change {
            Change::AddAccount(new) => {
                if contents
                    .accounts
                    .iter()
                    .any(|account| account.address.key() == new.address.key())
                {
                    return Err(ChangeError::AddressTaken(new.address));
                }
                let id = AccountId(contents.accounts.len() as u64 + 1);
                contents.accounts.push(Account {
                    id,
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
                    epoch: 1,
                });
            }
            Change::PutAccount(account) => {
                let old = contents
                    .accounts
                    .iter_mut()
                    .find(|old| old.id == account.id)
                    .unwrap();
                *old = Account {
                    generation: old.generation + 1,
                    ..account
                };
            }
            Change::RemoveAccount(id) | Change::PutKeys { account: id, .. } => {
                return Err(ChangeError::NoAccount(id));
            }
            Change::PutAlias(alias) => {
                let mut next = alias.targets.clone();
                while let Some(target) = next.pop() {
                    if target.key() == alias.address.key() {
                        return Err(ChangeError::AliasCycle(alias.address));
                    }
                    let further = contents.aliases.iter();
                    let further = further.filter(|one| one.address.key() == target.key());
                    next.extend(further.flat_map(|one| one.targets.clone()));
                }
                contents
                    .aliases
                    .retain(|old| old.address.key() != alias.address.key());
                contents.aliases.push(alias);
            }
            Change::RemoveAlias(address) => contents
                .aliases
                .retain(|old| old.address.key() != address.key()),
            Change::PutList(list) => {
                contents
                    .lists
                    .retain(|old| old.address.key() != list.address.key());
                contents.lists.push(list);
            }
            Change::RemoveList(address) => return Err(ChangeError::NoList(address)),
        }
        Ok(())
    }

    /// It takes nothing more, or again.
    pub(super) fn fill(&self, full: bool) {
        self.0.lock().unwrap().full = full;
    }

    pub(super) fn stored(&self) -> Stored {
        let contents = self.0.lock().unwrap();
        Stored {
            accounts: contents.accounts.clone(),
            aliases: contents.aliases.clone(),
            lists: contents.lists.clone(),
        }
    }

    fn contents(&self) -> (Vec<Account>, Vec<Alias>) {
        let contents = self.0.lock().unwrap();
        (contents.accounts.clone(), contents.aliases.clone())
    }

    #[track_caller]
    pub(super) fn account(&self, address: &str) -> Account {
        self.contents()
            .0
            .into_iter()
            .find(|account| account.address.key() == address)
            .unwrap()
    }

    pub(super) fn edit(&self, address: &str, edit: impl FnOnce(&mut Account)) {
        let mut account = self.account(address);
        edit(&mut account);
        self.change(Change::PutAccount(account)).unwrap();
    }

    pub(super) fn alias(&self, address: &str) -> Option<Vec<String>> {
        let alias = self
            .contents()
            .1
            .into_iter()
            .find(|alias| alias.address.key() == address)?;
        Some(alias.targets.iter().map(ToString::to_string).collect())
    }
}

fn workshop(wanted: Wanted) -> Workshop {
    Workshop {
        keyring: Arc::new(Keyring::new(&[1; 32]).unwrap()),
        wanted,
    }
}

/// Makes the store what this accounts file says.
pub(super) async fn reconciled(
    office: &Office,
    store: &Store,
    file: &str,
) -> Result<Report, String> {
    reconciled_with(office, store, file, Wanted::default()).await
}

async fn reconciled_with(
    office: &Office,
    store: &Store,
    file: &str,
    wanted: Wanted,
) -> Result<Report, String> {
    fs::write(office.0.path().join("accounts.toml"), file).unwrap();
    let declarations = office.load()?;
    let here = format!("{}/", office.0.path().display());
    let (domains, workshop) = (domains(), workshop(wanted));
    let reconciled = reconcile(&declarations, store, &domains, office.0.path(), workshop);
    let reconciled = reconciled.await;
    reconciled.map_err(|error| error.to_string().replace(&here, ""))
}

pub(super) fn mailbox(text: &str) -> Mailbox {
    text.parse().unwrap()
}

#[tokio::test]
async fn makes_accounts_and_leaves_them_alone_the_second_time() {
    let (office, store) = (Office::new(""), Store::default());
    let bob = account(&format!(
        "address = \"bob@example.test\"\npassword_hash = \"{HASH}\""
    ));
    let file = format!(
        "{}{bob}",
        alice("name = \"Alice\"\nquota = \"1MB\"\naliases = [\"info@example.test\"]")
    );
    let report = reconciled(&office, &store, &file).await.unwrap();
    assert_eq!(
        report.made,
        [mailbox("alice@example.test"), mailbox("bob@example.test")]
    );
    assert_eq!(report.aliases_put, [mailbox("info@example.test")]);
    let account = store.account("alice@example.test");
    assert!(
        account.enabled
            && account
                .password
                .is_some_and(|hash| hash.verify(&Secret::from("vq7-Rmd2-kLw9")))
    );
    assert_eq!(
        (account.name.as_str(), account.quota),
        ("Alice", Some(1_000_000))
    );
    assert_eq!(
        store.account("bob@example.test").password.unwrap().as_str(),
        HASH
    );
    assert_eq!(
        store.alias("info@example.test").unwrap(),
        ["alice@example.test"]
    );

    let before = store.contents();
    let report = reconciled(&office, &store, &file).await.unwrap();
    assert_eq!(
        report,
        Report {
            unchanged: 2,
            ..Report::default()
        }
    );
    assert_eq!(store.contents(), before);
}

#[tokio::test]
async fn a_thousand_accounts_start_as_fast_as_one() {
    let (office, store) = (Office::new(""), Store::default());
    let numbered = |n: usize| {
        account(&format!(
            "address = \"a{n}@example.test\"\npassword_file = \"alice\""
        ))
    };
    let file: String = (0..1000).map(numbered).collect();
    fs::write(office.0.path().join("accounts.toml"), &file).unwrap();
    let fingerprints = Fingerprints::open(office.0.path()).unwrap();
    for declaration in office.load().unwrap().accounts {
        let fingerprint = fingerprints.of(&declaration.secret);
        let declared = Some(mailstore::Declared {
            fingerprint,
            aliases: Vec::new(),
        });
        let hash = PasswordHash::parse(HASH).unwrap();
        let account = mailstore::NewAccount {
            password: Some(hash),
            declared,
            ..mailstore::NewAccount::new(declaration.address)
        };
        store.change(Change::AddAccount(account)).unwrap();
    }
    // Had a single password been hashed again, its salt would be another one.
    let report = reconciled(&office, &store, &file).await.unwrap();
    assert_eq!(
        report,
        Report {
            unchanged: 1000,
            ..Report::default()
        }
    );
    assert!(store.contents().0.iter().all(|account| {
        account
            .password
            .as_ref()
            .is_some_and(|hash| hash.as_str() == HASH)
    }));
}

#[tokio::test]
async fn a_new_secret_is_a_new_password_and_nothing_else_is() {
    let (office, store) = (Office::new(""), Store::default());
    reconciled(&office, &store, &alice("")).await.unwrap();
    let first = store.account("alice@example.test");
    reconciled(&office, &store, &alice("quota = \"1MB\""))
        .await
        .unwrap();
    let second = store.account("alice@example.test");
    assert_eq!(
        (second.quota, &second.password),
        (Some(1_000_000), &first.password)
    );
    office.secret("alice", b"three", 0o600);
    let report = reconciled(&office, &store, &alice("quota = \"1MB\""))
        .await
        .unwrap();
    assert_eq!(report.altered, [mailbox("alice@example.test")]);
    assert!(
        store
            .account("alice@example.test")
            .password
            .unwrap()
            .verify(&Secret::from("three"))
    );
}

/// What is kept of a declared password follows the mechanisms and `apop`, whenever they change.
#[tokio::test]
async fn a_declared_password_is_kept_in_the_forms_that_are_wanted_now() {
    let (office, store) = (Office::new(""), Store::default());
    let keys = || store.account("alice@example.test").keys;
    let scram = Wanted {
        scram_sha_256: true,
        ..Wanted::default()
    };
    for (file, wanted, altered) in [
        ("", Wanted::default(), 0),
        ("", scram, 1),
        ("", scram, 0),
        ("apop = true", scram, 1),
        ("apop = true", scram, 0),
        ("apop = false", scram, 1),
        ("", scram, 0),
        // What is not wanted any more waits for the next password.
        ("", Wanted::default(), 0),
    ] {
        let declared = alice(file);
        let report = reconciled_with(&office, &store, &declared, wanted);
        let report = report.await.unwrap();
        assert_eq!(report.altered.len(), altered, "{file:?} {wanted:?}");
        let apop = file == "apop = true";
        assert!(
            !keys().lack(wanted.with_sealed(apop)),
            "{file:?} {wanted:?}"
        );
        assert_eq!(keys().sealed().is_some(), apop, "{file:?} {wanted:?}");
    }
}

#[tokio::test]
async fn a_declaration_that_disappears_switches_its_account_off_and_a_new_one_on_again() {
    let (office, store) = (Office::new(""), Store::default());
    let bob = alice("").replace("alice", "bob");
    reconciled(
        &office,
        &store,
        &format!("{}{bob}", alice("aliases = [\"info@example.test\"]")),
    )
    .await
    .unwrap();
    let report = reconciled(&office, &store, &bob).await.unwrap();
    assert_eq!(report.switched_off, [mailbox("alice@example.test")]);
    assert_eq!(report.aliases_removed, [mailbox("info@example.test")]);
    let account = store.account("alice@example.test");
    assert!(!account.enabled && account.declared.is_none() && account.password.is_some());
    assert_eq!(store.alias("info@example.test"), None);
    assert_eq!(
        reconciled(&office, &store, &bob).await.unwrap(),
        Report {
            unchanged: 1,
            ..Report::default()
        }
    );
    reconciled(&office, &store, &format!("{}{bob}", alice("")))
        .await
        .unwrap();
    assert!(store.account("alice@example.test").enabled);
}

#[tokio::test]
async fn what_people_do_by_hand_stays() {
    let (office, store) = (Office::new(""), Store::default());
    reconciled(&office, &store, &alice("")).await.unwrap();
    let bob = mailbox("bob@example.test");
    store
        .change(Change::AddAccount(mailstore::NewAccount::new(bob.clone())))
        .unwrap();
    store
        .change(Change::PutAlias(Alias {
            address: mailbox("info@example.test"),
            targets: vec![bob.clone()],
        }))
        .unwrap();
    store.edit("alice@example.test", |account| account.enabled = false);
    reconciled(&office, &store, &alice("aliases = [\"info@example.test\"]"))
        .await
        .unwrap();
    assert!(
        store.account("bob@example.test").enabled,
        "an account made by hand is left alone"
    );
    assert!(
        !store.account("alice@example.test").enabled,
        "an account switched off by hand stays off"
    );
    assert_eq!(
        store.alias("info@example.test").unwrap(),
        ["bob@example.test", "alice@example.test"]
    );
    reconciled(&office, &store, &alice("")).await.unwrap();
    assert_eq!(
        store.alias("info@example.test").unwrap(),
        ["bob@example.test"]
    );
}

#[tokio::test]
async fn accounts_can_share_an_alias_and_pass_it_on() {
    let (office, store) = (Office::new(""), Store::default());
    let with = alice("aliases = [\"info@example.test\"]");
    let bob = with.replace("alice", "bob");
    reconciled(&office, &store, &format!("{with}{bob}"))
        .await
        .unwrap();
    assert_eq!(
        store.alias("info@example.test").unwrap(),
        ["alice@example.test", "bob@example.test"]
    );
    reconciled(&office, &store, &format!("{}{bob}", alice("")))
        .await
        .unwrap();
    assert_eq!(
        store.alias("info@example.test").unwrap(),
        ["bob@example.test"]
    );
}

#[tokio::test]
async fn an_alias_can_become_an_account() {
    let (office, store) = (Office::new(""), Store::default());
    reconciled(&office, &store, &alice("aliases = [\"bob@example.test\"]"))
        .await
        .unwrap();
    reconciled(
        &office,
        &store,
        &format!("{}{}", alice(""), alice("").replace("alice", "bob")),
    )
    .await
    .unwrap();
    assert_eq!(store.alias("bob@example.test"), None);
    assert!(store.account("bob@example.test").enabled);
}

#[tokio::test]
async fn a_contradiction_changes_nothing_and_names_both_sides() {
    let (office, store) = (Office::new(""), Store::default());
    store
        .change(Change::PutAlias(Alias {
            address: mailbox("alice@example.test"),
            targets: vec![mailbox("x@example.test")],
        }))
        .unwrap();
    let before = store.contents();
    let bob = alice("").replace("alice", "bob");
    assert_eq!(
        reconciled(&office, &store, &format!("{bob}{}", alice("")))
            .await
            .unwrap_err(),
        "accounts.toml:5: address: alice@example.test is an alias already; `tegami alias remove alice@example.test` makes room"
    );
    assert_eq!(store.contents(), before);
}

#[tokio::test]
async fn a_refusal_of_the_store_names_the_account() {
    let (office, store) = (Office::new(""), Store::default());
    store.fill(true);
    let error = reconciled(&office, &store, &alice("")).await.unwrap_err();
    assert_eq!(error, "alice@example.test: no space left for mail");
}

/// Hashing takes a while, and nobody waits for it.
#[tokio::test]
async fn what_is_done_while_passwords_are_hashed_is_not_undone() {
    let (office, store) = (Office::new(""), Store::default());
    let bob = |name: &str| {
        account(&format!(
            "address = \"bob@example.test\"\npassword_file = \"bob\"\nname = \"{name}\""
        ))
    };
    reconciled(&office, &store, &bob("Bob")).await.unwrap();
    store.0.lock().unwrap().meanwhile = Some(mailbox("bob@example.test"));
    let file = alice("") + &bob("Robert");
    reconciled(&office, &store, &file).await.unwrap();
    let account = store.account("bob@example.test");
    assert_eq!((account.name.as_str(), account.enabled), ("Robert", false));
    assert!(store.account("alice@example.test").enabled);
}

#[tokio::test]
async fn forwards_are_as_declared_and_what_else_becomes_of_mail_is_done_by_hand() {
    let (office, store) = (Office::new(""), Store::default());
    let handling = || store.account("alice@example.test").handling;
    let forward = |to: &str, keep| Forward {
        to: vec![to.parse().unwrap()],
        keep,
        disclosed: false,
    };
    for (line, expected) in [
        (
            "forward = [\"a@far.test\"]",
            Some(forward("a@far.test", true)),
        ),
        (
            "forward = [\"b@far.test\"]\nkeep = false",
            Some(forward("b@far.test", false)),
        ),
        ("forward = []", None),
        ("", None),
    ] {
        let report = reconciled(&office, &store, &alice(line)).await.unwrap();
        assert_eq!(report.unchanged, usize::from(line.is_empty()), "{line}");
        assert_eq!(handling().forward, expected, "{line}");
    }
    store.edit("alice@example.test", |alice| {
        alice.handling.vacation = Some("{}".to_owned());
        alice.handling.moved = Some("a@far.test".parse().unwrap());
    });
    let report = reconciled(&office, &store, &alice("")).await.unwrap();
    assert_eq!(report.unchanged, 1);
    // One account cannot do both; what is declared counts.
    let line = "forward = [\"a@far.test\"]";
    reconciled(&office, &store, &alice(line)).await.unwrap();
    let expected = Handling {
        forward: Some(forward("a@far.test", true)),
        moved: None,
        vacation: Some("{}".to_owned()),
    };
    assert_eq!(handling(), expected);
}

#[tokio::test]
async fn terms_are_as_declared_and_suspending_is_done_by_hand() {
    let (office, store) = (Office::new(""), Store::default());
    let held = "mailbox = false\nutf8 = false\nlogin = \"scram\"\nsend_to = [\"example.test\", \"boss@other.test\"]";
    reconciled(&office, &store, &alice(held)).await.unwrap();
    let terms = store.account("alice@example.test").terms;
    let expected = Terms {
        suspended: false,
        mailbox: false,
        utf8: false,
        login: auth::Floor::Scram,
        send_to: vec![
            "example.test".parse().unwrap(),
            "boss@other.test".parse().unwrap(),
        ],
    };
    assert_eq!(terms, expected);
    store.edit("alice@example.test", |alice| alice.terms.suspended = true);
    let report = reconciled(&office, &store, &alice(held)).await.unwrap();
    assert_eq!(report.unchanged, 1);
    // What is not declared any more is as for everybody; who is suspended stays so.
    reconciled(&office, &store, &alice("")).await.unwrap();
    let expected = Terms {
        suspended: true,
        ..Terms::default()
    };
    assert_eq!(store.account("alice@example.test").terms, expected);
}
