//! `[[alias]]`: what it may say, and what it changes in a store.

use mailstore::{Alias, Change};

use super::reconcile::{Store, mailbox, reconciled};
use super::*;

fn alias(address: &str, targets: &str) -> String {
    format!("[[alias]]\naddress = \"{address}\"\ntargets = [{targets}]\n")
}

/// The file has Alice, and then this.
#[track_caller]
fn wrong(more: &str, expected: &[&str]) {
    bad(&format!("{}{more}", alice("")), expected);
}

#[test]
fn aliases_that_make_no_sense_are_named() {
    wrong(
        "[[alias]]\naddress = \"team@foreign.test\"\ntargets = []\n",
        &["accounts.toml:6: address: team@foreign.test is in none of the domains of this server"],
    );
    wrong(
        "[[alias]]\naddress = \"team@example.test\"\n",
        &["accounts.toml:5: targets: name at least one address"],
    );
    wrong(
        "[[alias]]\ntargets = [\"x@foreign.test\"]\n",
        &["accounts.toml:5: address is missing"],
    );
    wrong(
        "[[alias]]\naddress = \"team+x@example.test\"\ntarget = [\"two words\"]\ntargets = [\"x@y.test\"]\n",
        &[
            "accounts.toml:7: unknown key \"alias.target\"; did you mean \"targets\"?",
            "accounts.toml:6: address: team+x@example.test has a +detail, which leads to the address before the + anyway",
        ],
    );
    let team = alias("team@example.test", "\"x@y.test\"");
    wrong(
        &format!("{team}{team}"),
        &["accounts.toml:8: address: team@example.test is declared at accounts.toml:5 already"],
    );
    wrong(
        &alias("Alice@example.test", "\"x@y.test\""),
        &[
            "accounts.toml:5: address: Alice@example.test is an account, declared at accounts.toml:1",
        ],
    );
    wrong(
        "[alias]\naddress = \"team@example.test\"\n",
        &["accounts.toml:5: write [[alias]], with two pairs of brackets, above each alias"],
    );
}

#[tokio::test]
async fn an_alias_leads_to_people_here_and_elsewhere_while_it_is_declared() {
    let (office, store) = (Office::new(""), Store::default());
    let all = "*@example.test";
    let first = format!(
        "{}{}{}",
        alice("aliases = [\"team@example.test\"]"),
        alias(
            "team@example.test",
            "\"carol@far.test\", \"help@example.test\""
        ),
        alias(all, "\"team@example.test\""),
    ) + &alias("help@example.test", "\"alice@example.test\"");
    let report = reconciled(&office, &store, &first).await.unwrap();
    assert_eq!(report.aliases_put.len(), 3);
    let team = ["alice@example.test", "carol@far.test", "help@example.test"];
    assert_eq!(store.alias("team@example.test").unwrap(), team);
    assert_eq!(store.alias(all).unwrap(), ["team@example.test"]);
    let again = reconciled(&office, &store, &first).await.unwrap();
    assert_eq!(
        (again.aliases_put.len(), again.aliases_removed.len()),
        (0, 0)
    );
    // By hand somebody else is put in.
    store
        .change(Change::PutAlias(Alias {
            address: mailbox("team@example.test"),
            targets: team
                .map(mailbox)
                .into_iter()
                .chain([mailbox("eve@far.test")])
                .collect(),
        }))
        .unwrap();
    let less = format!(
        "{}{}",
        alice(""),
        alias("team@example.test", "\"help@example.test\""),
    ) + &alias("help@example.test", "\"alice@example.test\"");
    let report = reconciled(&office, &store, &less).await.unwrap();
    assert_eq!(report.aliases_removed, [mailbox(all)]);
    let left = ["help@example.test", "eve@far.test"];
    assert_eq!(store.alias("team@example.test").unwrap(), left);
    // Without any, what was said by hand is left.
    reconciled(&office, &store, &alice("")).await.unwrap();
    assert_eq!(store.alias("team@example.test").unwrap(), ["eve@far.test"]);
    assert_eq!(store.alias("help@example.test"), None);
}

#[tokio::test]
async fn an_end_in_the_middle_forgets_nothing() {
    let (office, store) = (Office::new(""), Store::default());
    let team = alias("team@example.test", "\"carol@far.test\"");
    let with = format!("{}{team}", alice(""));
    reconciled(&office, &store, &with).await.unwrap();
    // The store does not take the next one.
    store
        .change(Change::AddAccount(mailstore::NewAccount::new(mailbox(
            "bob@example.test",
        ))))
        .unwrap();
    let half = format!(
        "{}{}",
        alice(""),
        alias("help@example.test", "\"carol@far.test\"")
    );
    let remembered = alias::Remembered::open(office.0.path()).unwrap();
    fs::write(office.0.path().join("accounts.toml"), &half).unwrap();
    remembered.add(&office.load().unwrap().aliases).unwrap();
    reconciled(&office, &store, &alice("")).await.unwrap();
    assert_eq!(store.alias("team@example.test"), None);
    let known = alias::Remembered::open(office.0.path()).unwrap();
    assert!(known.aliases.is_empty());
    fs::write(office.0.path().join("declared-aliases.json"), "[{").unwrap();
    let error = reconciled(&office, &store, &with).await.unwrap_err();
    assert!(error.starts_with("declared-aliases.json: "), "{error}");
}

#[tokio::test]
async fn an_alias_takes_nobodys_place_and_leads_to_nobody_who_is_not_there() {
    let (office, store) = (Office::new(""), Store::default());
    let bob = mailbox("bob@example.test");
    store
        .change(Change::AddAccount(mailstore::NewAccount::new(bob)))
        .unwrap();
    let file = format!(
        "{}{}{}",
        alice(""),
        alias("bob@example.test", "\"x@far.test\""),
        alias(
            "team@example.test",
            "\"carl@example.test\", \"carl@far.test\", \"bob@example.test\""
        ),
    );
    assert_eq!(
        reconciled(&office, &store, &file).await.unwrap_err(),
        "accounts.toml:5: address: bob@example.test is an account already; `tegami account remove bob@example.test` would delete it with its mail\n\
         accounts.toml:8: targets: carl@example.test is neither an account nor an alias nor a list here"
    );
    assert_eq!(store.alias("team@example.test"), None);
}
