//! What accounts are held to, changed by hand.

use admin::{NewTerms, Request};
use auth::Floor;
use mailstore::Terms;

use super::{Office, add, declare, mailbox};

fn set(terms: NewTerms) -> Request {
    Request::AccountTerms {
        address: mailbox("alice@example.test"),
        terms,
    }
}

fn terms(office: &Office) -> Terms {
    let directory = office.store.directory();
    let account = directory.by_address(&mailbox("alice@example.test"));
    account.unwrap().terms.clone()
}

#[tokio::test]
async fn what_is_not_named_stays() {
    let office = Office::new();
    office.ask(add("alice@example.test")).await;
    let suspend = |suspended| Request::AccountSuspend {
        address: mailbox("alice@example.test"),
        suspended,
    };
    let mut expected = Terms::default();
    assert_eq!(terms(&office), expected);
    office.ask(suspend(true)).await;
    expected.suspended = true;
    assert_eq!(terms(&office), expected);
    office
        .ask(set(NewTerms {
            mailbox: Some(false),
            login: Some(Floor::Scram),
            ..NewTerms::default()
        }))
        .await;
    (expected.mailbox, expected.login) = (false, Floor::Scram);
    assert_eq!(terms(&office), expected);
    office
        .ask(set(NewTerms {
            mailbox: Some(true),
            utf8: Some(false),
            send_to: Some(vec!["example.org".parse().unwrap()]),
            ..NewTerms::default()
        }))
        .await;
    (expected.mailbox, expected.utf8) = (true, false);
    expected.send_to = vec!["example.org".parse().unwrap()];
    assert_eq!(terms(&office), expected);
    office.ask(suspend(false)).await;
    office
        .ask(set(NewTerms {
            send_to: Some(Vec::new()),
            ..NewTerms::default()
        }))
        .await;
    (expected.suspended, expected.send_to) = (false, Vec::new());
    assert_eq!(terms(&office), expected);
}

#[tokio::test]
async fn declared_accounts_are_suspended_here_and_changed_in_their_file() {
    let office = Office::new();
    *office.server.accounts_file.lock().unwrap() = Some("/etc/accounts.toml".into());
    office.ask(add("alice@example.test")).await;
    declare(&office, "alice@example.test").await;
    let refused = office
        .ask(set(NewTerms {
            mailbox: Some(false),
            ..NewTerms::default()
        }))
        .await;
    assert_eq!(
        refused,
        "Declared: alice@example.test is declared in /etc/accounts.toml"
    );
    office
        .ask(Request::AccountSuspend {
            address: mailbox("alice@example.test"),
            suspended: true,
        })
        .await;
    assert!(terms(&office).suspended);
}
