//! Rows: what an accounts file says, what it changes in a store, and what is said about mistakes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

use mailstore::{AccountId, Change, ChangeError};

use super::*;

const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQxMjM0NTY3OA$Nov5DnZ6b3bCwC9gCqkFjDhbwO3TSzkQfPvpcPTR3kY";

fn domains() -> [Domain; 2] {
    ["example.test", "other.test"].map(|name| Domain::parse(name).unwrap())
}

/// A directory with password files, and an accounts file.
struct Office(tempfile::TempDir);

impl Office {
    fn new(accounts: &str) -> Self {
        let office = Self(tempfile::tempdir().unwrap());
        office.secret("alice", b"one\n", 0o600);
        office.secret("bob", b"two", 0o600);
        fs::write(office.0.path().join("accounts.toml"), accounts).unwrap();
        office
    }

    fn secret(&self, name: &str, octets: &[u8], mode: u32) {
        let path = self.0.path().join(name);
        fs::write(&path, octets).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Loads the file; messages lose the directory.
    fn load(&self) -> Result<Declarations, String> {
        let here = format!("{}/", self.0.path().display());
        load(&self.0.path().join("accounts.toml"), &domains())
            .map_err(|error| error.to_string().replace(&here, ""))
    }
}

/// `[[account]]` with these lines below it.
fn account(lines: &str) -> String {
    format!("[[account]]\n{lines}\n")
}

fn alice(more: &str) -> String {
    account(&format!(
        "address = \"alice@example.test\"\npassword_file = \"alice\"\n{more}"
    ))
}

/// The accounts file is refused with exactly these lines.
#[track_caller]
fn bad(file: &str, expected: &[&str]) {
    match Office::new(file).load() {
        Ok(_) => panic!("this loads: {file}"),
        Err(error) => assert_eq!(error.lines().collect::<Vec<_>>(), expected),
    }
}

#[test]
fn reads_all_that_an_account_can_say() {
    let office = Office::new(&alice(
        "name = \"Alice\"\nquota = \"5GB\"\naliases = [\"info@example.test\"]\napop = false",
    ));
    let declarations = office.load().unwrap();
    let [account] = declarations.accounts.as_slice() else {
        panic!("one account")
    };
    assert_eq!(account.address.to_string(), "alice@example.test");
    assert_eq!(account.name, "Alice");
    assert_eq!(account.quota, Some(Octets(5_000_000_000)));
    assert_eq!(
        account
            .aliases
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["info@example.test"]
    );
    assert!(
        matches!(&account.secret, DeclaredSecret::Password(password) if password.expose() == "one")
    );
    assert_eq!(declarations.warnings, Vec::<String>::new());
}

/// What the password file of these octets says.
#[track_caller]
fn password(octets: &[u8], expected: Result<&str, &str>) {
    let office = Office::new(&alice(""));
    office.secret("alice", octets, 0o600);
    let found = office
        .load()
        .map(|declarations| match &declarations.accounts[0].secret {
            DeclaredSecret::Password(password) => password.expose().to_owned(),
            DeclaredSecret::Hash(_) => panic!("a hash"),
        });
    let expected = expected
        .map(str::to_owned)
        .map_err(|message| format!("accounts.toml:3: password_file: {message}"));
    assert_eq!(found, expected);
}

#[test]
fn a_password_is_the_first_line_of_its_file() {
    password(b"secret\n", Ok("secret"));
    password(b"secret", Ok("secret"));
    password(b"secret\r\n", Ok("secret"));
    password(b" with spaces \n", Ok(" with spaces "));
    password(b"123\n", Ok("123"));
    password(b"first\nsecond\n", Ok("first"));
    password(b"", Err("alice has no password in its first line"));
    password(
        b"\nsecond\n",
        Err("alice has no password in its first line"),
    );
    password(b"\xff\n", Err("alice is not UTF-8 text"));
    password(&[b'x'; 20_000], Err("alice is too long for a password"));
}

#[test]
fn warns_once_about_password_files_that_others_can_read() {
    let office = Office::new(&alice(""));
    office.secret("alice", b"one", 0o644);
    let warnings = office.load().unwrap().warnings;
    assert_eq!(warnings.len(), 1);
    assert!(
        warnings[0].ends_with(
            "alice can be read by other users of this machine (mode 0644); chmod 600 it"
        ),
        "{warnings:?}"
    );
}

#[test]
fn a_file_without_accounts_is_an_error() {
    let nothing = "accounts.toml: declares no account; to switch declared accounts off, remove accounts_file from the configuration";
    bad("", &[nothing]);
    bad("# nothing yet\n", &[nothing]);
    let error = load(Path::new("/absent/accounts.toml"), &domains())
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("/absent/accounts.toml: cannot read this file: "),
        "{error}"
    );
}

#[test]
fn says_what_is_wrong_and_where() {
    bad(
        &alice("pasword_file = \"x\""),
        &["accounts.toml:4: unknown key \"account.pasword_file\"; did you mean \"password_file\"?"],
    );
    bad(
        &alice("apop = true"),
        &["accounts.toml:4: apop: APOP does not exist in this release; leave it at false"],
    );
    bad(
        &alice("quota = \"lots\""),
        &[
            "accounts.toml:4: quota: \"lots\" is not a size; write \"25MB\", \"64MiB\" or a number of octets",
        ],
    );
    bad(
        &account("address = \"alice@example.test\"\npassword_file = \"absent\""),
        &[
            "accounts.toml:3: password_file: cannot read absent: No such file or directory (os error 2)",
        ],
    );
    bad(
        &account("password_file = \"alice\""),
        &["accounts.toml:1: address is missing"],
    );
    bad(
        &account("address = \"alice@example.test\""),
        &["accounts.toml:1: password_file or password_hash is missing"],
    );
    bad(
        &account("address = \"alice@example.test\"\npassword_file = 1"),
        &["accounts.toml:3: password_file: a string in quotes is wanted here, not a number"],
    );
    bad(
        &alice("password_hash = \"x\""),
        &["accounts.toml:4: password_hash and password_file exclude each other; keep one"],
    );
    bad(
        "[account]\naddress = \"alice@example.test\"",
        &["accounts.toml:1: write [[account]], with two pairs of brackets, above each account"],
    );
    bad(
        "address = \"alice@example.test\"",
        &["accounts.toml:1: unknown key \"address\"; write [[account]] above it"],
    );
    bad(
        "[[acount]]\n",
        &["accounts.toml:1: unknown key \"acount\"; did you mean \"account\"?"],
    );
    bad(
        &alice("aliases = [\"info@foreign.test\"]"),
        &["accounts.toml:4: aliases: info@foreign.test is in none of the domains of this server"],
    );
    bad(
        &alice("aliases = [\"alice@example.test\"]"),
        &[
            "accounts.toml:1: aliases: alice@example.test is an account, declared at accounts.toml:1",
        ],
    );
    bad(
        &format!("{}{}", alice(""), alice("").replace("alice@", "Alice@")),
        &["accounts.toml:5: address: Alice@example.test is declared at accounts.toml:1 already"],
    );
    bad(
        &account("address = \"alice+x@example.test\"\npassword_file = \"alice\""),
        &[
            "accounts.toml:2: address: alice+x@example.test has a +detail, which leads to the address before the + anyway",
        ],
    );
    bad(
        &account("address = \"alice\"\npassword_hash = \"plain\""),
        &[
            "accounts.toml:2: address: \"alice\" is not an address: write the full address, such as alice@example.test",
            "accounts.toml:3: password_hash: not an argon2 hash such as $argon2id$v=19$m=19456,t=2,p=1$...",
        ],
    );
}

#[test]
fn the_example_file_shows_every_key_and_loads() {
    let example = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../config/accounts.toml"
    ))
    .unwrap();
    for key in file::KEYS {
        assert!(
            example
                .lines()
                .any(|line| line.starts_with(&format!("{key} = "))),
            "{key} is not shown"
        );
    }
    let office = Office::new(&example.replace("/run/secrets/alice", "alice"));
    let declarations = office.load().unwrap();
    let [_, bob] = declarations.accounts.as_slice() else {
        panic!("two accounts")
    };
    assert!(
        matches!(&bob.secret, DeclaredSecret::Hash(hash) if hash.verify(&Secret::from("correct horse")))
    );
}

/// Accounts and aliases, changed as the real store changes them.
#[derive(Clone, Default)]
struct Store(Arc<Mutex<Contents>>);

#[derive(Default)]
struct Contents {
    accounts: Vec<Account>,
    aliases: Vec<Alias>,
}

impl Store {
    fn change(&self, change: Change) -> Result<(), ChangeError> {
        let mut contents = self.0.lock().unwrap();
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
                    quota: new.quota,
                    declared: new.declared,
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
            Change::RemoveAccount(id) => return Err(ChangeError::NoAccount(id)),
            Change::PutAlias(alias) => {
                contents
                    .aliases
                    .retain(|old| old.address.key() != alias.address.key());
                contents.aliases.push(alias);
            }
            Change::RemoveAlias(address) => contents
                .aliases
                .retain(|old| old.address.key() != address.key()),
        }
        Ok(())
    }

    fn contents(&self) -> (Vec<Account>, Vec<Alias>) {
        let contents = self.0.lock().unwrap();
        (contents.accounts.clone(), contents.aliases.clone())
    }

    #[track_caller]
    fn account(&self, address: &str) -> Account {
        self.contents()
            .0
            .into_iter()
            .find(|account| account.address.key() == address)
            .unwrap()
    }

    fn edit(&self, address: &str, edit: impl FnOnce(&mut Account)) {
        let mut account = self.account(address);
        edit(&mut account);
        self.change(Change::PutAccount(account)).unwrap();
    }

    fn alias(&self, address: &str) -> Option<Vec<String>> {
        let alias = self
            .contents()
            .1
            .into_iter()
            .find(|alias| alias.address.key() == address)?;
        Some(alias.targets.iter().map(ToString::to_string).collect())
    }
}

/// Makes the store what this accounts file says.
async fn reconciled(office: &Office, store: &Store, file: &str) -> Result<Report, String> {
    fs::write(office.0.path().join("accounts.toml"), file).unwrap();
    let declarations = office.load()?;
    let (accounts, aliases) = store.contents();
    let change = |change| {
        let outcome = store.change(change);
        async move { outcome }
    };
    let here = format!("{}/", office.0.path().display());
    reconcile(
        &declarations.accounts,
        &accounts,
        &aliases,
        office.0.path(),
        change,
    )
    .await
    .map_err(|error| error.to_string().replace(&here, ""))
}

fn mailbox(text: &str) -> Mailbox {
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
                .is_some_and(|hash| hash.verify(&Secret::from("one")))
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
        .change(Change::AddAccount(mailstore::NewAccount {
            address: bob.clone(),
            name: String::new(),
            enabled: true,
            password: None,
            quota: None,
            declared: None,
        }))
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
    let office = Office::new(&alice(""));
    let declarations = office.load().unwrap();
    let refuse = |_| async { Err(ChangeError::Store(mailstore::StoreError::Full)) };
    let error = reconcile(&declarations.accounts, &[], &[], office.0.path(), refuse)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "alice@example.test: no space left for mail"
    );
}
