//! Who is found under which address, and which changes make no sense.

use address::Mailbox;

use super::{Directory, Resolution};
use crate::account::{Alias, Change, ChangeError, NewAccount};

fn mailbox(text: &str) -> Mailbox {
    text.parse().unwrap()
}

fn put(address: &str) -> Change {
    Change::AddAccount(NewAccount::new(mailbox(address)))
}

fn alias(address: &str, targets: &[&str]) -> Change {
    Change::PutAlias(Alias {
        address: mailbox(address),
        targets: targets.iter().map(|target| mailbox(target)).collect(),
    })
}

fn changed(directory: &Directory, changes: Vec<Change>) -> Result<Directory, ChangeError> {
    let mut next = directory.clone();
    for decision in directory.decide(changes)? {
        next.apply(&decision);
    }
    Ok(next)
}

/// alice, bob, carol (disabled), alice at another domain; aliases among them.
fn town() -> Directory {
    let changes = vec![
        put("alice@example.test"),
        put("Bob@example.test"),
        put("carol@example.test"),
        put("alice@other.test"),
        put("\"john smith\"@example.test"),
        alias(
            "info@example.test",
            &["alice@example.test", "BOB@example.test"],
        ),
        alias(
            "all@example.test",
            &[
                "info@example.test",
                "bob@example.test",
                "carol@example.test",
            ],
        ),
        alias("gone@example.test", &["nobody@example.test"]),
        alias("off@example.test", &["carol@example.test"]),
        alias("tagged@example.test", &["bob+work@example.test"]),
        alias("bob+list@example.test", &["alice@example.test"]),
    ];
    let town = changed(&Directory::default(), changes).unwrap();
    let mut carol = town.find_login("carol").unwrap().clone();
    carol.enabled = false;
    changed(&town, vec![Change::PutAccount(carol)]).unwrap()
}

#[track_caller]
fn resolves(address: &str, expected: &[&str]) {
    let town = town();
    let ids = expected
        .iter()
        .map(|address| town.by_address(&mailbox(address)).unwrap().id);
    let expected = Resolution::Accounts(ids.collect());
    assert_eq!(town.resolve(&mailbox(address)), expected, "{address}");
}

#[test]
fn addresses_lead_to_accounts() {
    resolves("alice@example.test", &["alice@example.test"]);
    resolves("ALICE@Example.Test", &["alice@example.test"]);
    resolves("alice@other.test", &["alice@other.test"]);
    resolves("bob+shop@example.test", &["bob@example.test"]);
    resolves("bob+a+b@example.test", &["bob@example.test"]);
    resolves(
        "\"john smith\"@example.test",
        &["\"john smith\"@example.test"],
    );
    resolves(
        "\"john smith+x\"@example.test",
        &["\"john smith\"@example.test"],
    );
    resolves(
        "info@example.test",
        &["alice@example.test", "bob@example.test"],
    );
    resolves(
        "info+x@example.test",
        &["alice@example.test", "bob@example.test"],
    );
    resolves(
        "all@example.test",
        &["alice@example.test", "bob@example.test"],
    );
    resolves("tagged@example.test", &["bob@example.test"]);
    // An alias of exactly that name comes before the account without the detail.
    resolves("bob+list@example.test", &["alice@example.test"]);
}

#[test]
fn other_addresses_lead_nowhere() {
    let town = town();
    for (address, expected) in [
        ("nobody@example.test", Resolution::Unknown),
        ("alice@third.test", Resolution::Unknown),
        ("gone@example.test", Resolution::Unknown),
        ("+alice@example.test", Resolution::Unknown),
        ("carol@example.test", Resolution::Disabled),
        ("carol+x@example.test", Resolution::Disabled),
        ("off@example.test", Resolution::Disabled),
    ] {
        assert_eq!(town.resolve(&mailbox(address)), expected, "{address}");
    }
}

#[test]
fn logins_are_full_addresses_or_unique_local_parts() {
    let town = town();
    for (login, expected) in [
        ("alice@example.test", Some("alice@example.test")),
        ("Alice@EXAMPLE.test", Some("alice@example.test")),
        ("bob", Some("Bob@example.test")),
        ("BOB", Some("Bob@example.test")),
        ("carol", Some("carol@example.test")),
        ("john smith", Some("\"john smith\"@example.test")),
        ("\"bob\"@example.test", Some("Bob@example.test")),
        // Two of them.
        ("alice", None),
        ("bob+shop", None),
        ("info", None),
        ("info@example.test", None),
        ("", None),
        ("' OR 1=1--", None),
        ("../../etc/passwd", None),
        ("bob\0", None),
    ] {
        let found = town
            .find_login(login)
            .map(|account| account.address.to_string());
        assert_eq!(found.as_deref(), expected, "{login:?}");
    }
}

#[track_caller]
fn refused(changes: Vec<Change>, expected: &str) {
    let error = changed(&town(), changes).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn changes_that_make_no_sense_are_refused() {
    let town = town();
    let alice = town.by_address(&mailbox("alice@example.test")).unwrap();
    refused(
        vec![put("ALICE@example.test")],
        "ALICE@example.test is already taken",
    );
    refused(
        vec![put("info@example.test")],
        "info@example.test is already taken",
    );
    refused(
        vec![put("dave+x@example.test")],
        "dave+x@example.test: an account or list address has no +detail",
    );
    refused(
        vec![put("eve@example.test"), put("eve@example.test")],
        "eve@example.test is already taken",
    );
    let mut moved = alice.clone();
    moved.address = mailbox("bob@example.test");
    refused(
        vec![Change::PutAccount(moved)],
        "bob@example.test is already taken",
    );
    let gone = || Change::RemoveAccount(alice.id);
    refused(vec![gone(), gone()], "there is no account 1");
    refused(
        vec![gone(), Change::PutAccount(alice.clone())],
        "there is no account 1",
    );
    refused(
        vec![alias("bob@example.test", &["alice@example.test"])],
        "bob@example.test is already taken",
    );
    refused(
        vec![alias("none@example.test", &[])],
        "the alias or forward of none@example.test needs at least one address",
    );
    refused(
        vec![Change::RemoveAlias(mailbox("x@example.test"))],
        "there is no alias x@example.test",
    );
    for targets in [
        ["self@example.test"],
        ["all@example.test"],
        ["self+x@example.test"],
    ] {
        let changes = vec![
            alias("info@example.test", &["self@example.test"]),
            alias("self@example.test", &targets),
        ];
        refused(
            changes,
            "the alias self@example.test would lead back to itself",
        );
    }
}

#[test]
fn an_account_made_again_is_another_one() {
    let town = town();
    let before = town.find_login("bob").unwrap().clone();
    let changes = vec![Change::RemoveAccount(before.id), put("bob@example.test")];
    let town = changed(&town, changes).unwrap();
    let after = town.find_login("bob").unwrap();
    assert!(after.id > before.id);
    assert!(after.epoch > before.epoch);
}

#[test]
fn a_change_keeps_the_epoch_and_moves_the_generation() {
    let town = town();
    let mut bob = town.find_login("bob").unwrap().clone();
    let before = bob.clone();
    bob.address = mailbox("robert@example.test");
    bob.epoch = 99;
    bob.generation = 99;
    let town = changed(&town, vec![Change::PutAccount(bob)]).unwrap();
    let after = town.find_login("robert").unwrap();
    assert_eq!((after.id, after.epoch), (before.id, before.epoch));
    assert_eq!(after.generation, before.generation + 1);
    assert!(town.find_login("bob").is_none());
    assert_eq!(town.accounts().len(), 5);
}

#[test]
fn an_account_without_a_mailbox_owns_its_address_and_gets_nothing() {
    let town = town();
    let mut bob = town.find_login("bob").unwrap().clone();
    bob.terms.mailbox = false;
    let id = bob.id;
    let town = changed(&town, vec![Change::PutAccount(bob)]).unwrap();
    for (address, expected) in [
        ("bob@example.test", Resolution::Unknown),
        ("bob+shop@example.test", Resolution::Unknown),
        (
            "info@example.test",
            town.resolve(&mailbox("alice@example.test")),
        ),
        ("tagged@example.test", Resolution::Unknown),
    ] {
        assert_eq!(town.resolve(&mailbox(address)), expected, "{address}");
        assert!(town.leads_to(&mailbox(address), id), "{address}");
    }
    assert!(!town.leads_to(&mailbox("alice@example.test"), id));
}
