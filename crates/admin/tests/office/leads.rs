//! Where mail goes on to, changed by hand: aliases that lead elsewhere, forwards, references, vacations and lists.

use admin::{HandlingRequest, ListRequest, NewForward, NewList, Request};
use delivery::list::{Posting, Settings as List};
use delivery::vacation::{PERIOD, Settings as Vacation};
use mailstore::{Forward, Handling};

use super::{Mailbox, Office, add, alias, declare, mailbox, no_alias, remove};

fn mailboxes(addresses: &[&str]) -> Vec<Mailbox> {
    addresses.iter().map(|address| mailbox(address)).collect()
}

fn forward(to: &[&str], keep: Option<bool>, disclosed: Option<bool>) -> Request {
    Request::from(HandlingRequest::Forward {
        address: mailbox("alice@example.test"),
        forward: NewForward {
            to: (!to.is_empty()).then(|| mailboxes(to)),
            keep,
            disclosed,
        },
    })
}

fn no_forward() -> Request {
    Request::from(HandlingRequest::ForwardOff {
        address: mailbox("alice@example.test"),
    })
}

fn refer(to: Option<&str>) -> Request {
    Request::from(HandlingRequest::Refer {
        address: mailbox("alice@example.test"),
        to: to.map(mailbox),
    })
}

fn vacation(text: &str, from: Option<&str>) -> Request {
    let settings = Vacation {
        name: None,
        address: from.map(mailbox),
        subject: None,
        text: text.to_owned(),
        from: None,
        until: None,
        period: PERIOD,
    };
    Request::from(HandlingRequest::Vacation {
        address: mailbox("alice@example.test"),
        settings: Some(settings),
    })
}

fn list(address: &str, owners: &[&str], members: &[&str]) -> Request {
    let settings = List {
        address: mailbox(address),
        name: String::new(),
        description: String::new(),
        owners: mailboxes(owners),
        members: mailboxes(members),
        moderators: Vec::new(),
        posting: Posting::default(),
        expansion: Default::default(),
        joining: Default::default(),
        reply_to: Default::default(),
        subject_tag: None,
    };
    Request::from(ListRequest::Add {
        settings: Box::new(settings),
    })
}

fn members(add: &[&str], remove: &[&str]) -> Request {
    Request::from(ListRequest::Members {
        address: mailbox("staff@example.test"),
        add: mailboxes(add),
        remove: mailboxes(remove),
    })
}

fn handling(office: &Office) -> Handling {
    let directory = office.store.directory();
    let account = directory.by_address(&mailbox("alice@example.test"));
    account.unwrap().handling.clone()
}

async fn town() -> Office {
    let office = Office::new();
    for name in ["alice", "bob", "carol"] {
        office.ask(add(&format!("{name}@example.test"))).await;
    }
    office
}

#[tokio::test]
async fn aliases_lead_anywhere_and_what_is_elsewhere_is_said() {
    let office = town().await;
    for (request, outcome) in [
        (
            alias("info@example.test", &["bob@example.test", "x@far.test"]),
            "info@example.test -> bob@example.test x@far.test, elsewhere x@far.test",
        ),
        (
            alias("*@example.org", &["alice@example.test"]),
            "*@example.org -> alice@example.test",
        ),
        // Behind a catch-all everybody is somebody.
        (
            alias("sales@example.test", &["who@example.org"]),
            "sales@example.test -> who@example.org",
        ),
        (
            alias("sales@example.test", &["who@example.test"]),
            "Unsuitable: who@example.test is neither an account nor an alias nor a list here",
        ),
        (
            alias("*@far.test", &["alice@example.test"]),
            "Unsuitable: far.test is not a domain of this server, which has: example.org, example.test",
        ),
        (
            add("*@example.test"),
            "Unsuitable: *@example.test: only an alias can be a catch-all",
        ),
        (
            no_alias("*@example.org", &[]),
            "*@example.org gone with 0, 0",
        ),
    ] {
        office.is(&office.ask(request).await, outcome);
    }
}

#[tokio::test]
async fn a_forward_is_what_was_said_of_it_last() {
    let office = town().await;
    let nobody = office.ask(forward(&[], Some(false), None)).await;
    assert_eq!(nobody, "Unsuitable: alice@example.test forwards nothing");
    for (request, to, keep, disclosed) in [
        (
            forward(&["bob@example.test"], None, None),
            "bob@example.test",
            true,
            false,
        ),
        (
            forward(&["x@far.test"], None, None),
            "x@far.test",
            true,
            false,
        ),
        (forward(&[], Some(false), None), "x@far.test", false, false),
        (forward(&[], None, Some(true)), "x@far.test", false, true),
        (forward(&[], Some(true), None), "x@far.test", true, false),
        (forward(&[], None, Some(true)), "x@far.test", false, true),
        (
            forward(&["y@far.test"], None, None),
            "y@far.test",
            false,
            false,
        ),
    ] {
        office.ask(request.clone()).await;
        let expected = Forward {
            to: vec![mailbox(to)],
            keep,
            disclosed,
        };
        assert_eq!(handling(&office).forward, Some(expected), "{request:?}");
    }
    office.ask(no_forward()).await;
    assert_eq!(handling(&office), Handling::default());
}

#[tokio::test]
async fn what_would_lose_mail_is_refused() {
    let office = town().await;
    for (request, outcome) in [
        (
            forward(&["x@far.test", "Alice@example.test"], None, None),
            "Unsuitable: Alice@example.test is an address of alice@example.test itself",
        ),
        (
            forward(&["who@example.test"], None, None),
            "Unsuitable: who@example.test is neither an account nor an alias nor a list here",
        ),
        (
            forward(&["x@far.test", "bob@example.test"], None, Some(true)),
            "Unsuitable: alice@example.test can tell senders the new address only if it forwards to one address and \
             keeps no copy",
        ),
        (
            refer(Some("alice@example.test")),
            "Unsuitable: alice@example.test cannot refer senders to itself",
        ),
        (
            refer(Some("x@far.test")),
            "alice@example.test enabled=true quota=1000",
        ),
        (
            forward(&["x@far.test"], None, None),
            "Unsuitable: alice@example.test cannot both forward mail and refer senders to another address",
        ),
        (refer(None), "alice@example.test enabled=true quota=1000"),
        (
            vacation("", None),
            "Unsuitable: the text of the vacation reply is empty; write what senders should know",
        ),
        (
            vacation("away", Some("bob@example.test")),
            "Unsuitable: bob@example.test is no address of alice@example.test",
        ),
        (
            vacation("away", Some("alice+x@example.test")),
            "alice@example.test enabled=true quota=1000",
        ),
        (
            Request::from(HandlingRequest::VacationShow {
                address: mailbox("alice@example.test"),
            }),
            "says away",
        ),
        (
            Request::from(HandlingRequest::Vacation {
                address: mailbox("alice@example.test"),
                settings: None,
            }),
            "alice@example.test enabled=true quota=1000",
        ),
        (
            Request::from(HandlingRequest::VacationShow {
                address: mailbox("alice@example.test"),
            }),
            "says nothing",
        ),
    ] {
        office.is(&office.ask(request).await, outcome);
    }
    assert_eq!(handling(&office), Handling::default());
    let mut alice = {
        let directory = office.store.directory();
        directory
            .by_address(&mailbox("alice@example.test"))
            .cloned()
            .unwrap()
    };
    alice.terms.mailbox = false;
    office
        .store
        .change(mailstore::Change::PutAccount(alice))
        .await
        .unwrap();
    for request in [forward(&["x@far.test"], None, None), vacation("away", None)] {
        let refused = office.ask(request).await;
        let expected = "Unsuitable: alice@example.test has no mailbox, so nobody can write to it";
        assert_eq!(refused, expected);
    }
}

/// The file speaks of forwards, and of nothing else of this.
#[tokio::test]
async fn of_declared_accounts_the_file_says_where_mail_goes() {
    let office = town().await;
    declare(&office, "alice@example.test").await;
    *office.server.accounts_file.lock().unwrap() = Some("/etc/tegami/accounts.toml".into());
    for request in [forward(&["x@far.test"], None, None), no_forward()] {
        let refused = office.ask(request).await;
        assert!(refused.starts_with("Declared: "), "{refused}");
    }
    for request in [vacation("away", None), refer(Some("x@far.test"))] {
        let done = office.ask(request).await;
        assert_eq!(done, "alice@example.test enabled=true quota=1000");
    }
}

#[tokio::test]
async fn lists_from_the_first_to_the_last() {
    let office = town().await;
    let staff = || mailbox("staff@example.test");
    let set = |changes| {
        Request::from(ListRequest::Set {
            address: staff(),
            changes,
        })
    };
    for (request, outcome) in [
        (Request::from(ListRequest::List), ""),
        (
            list(
                "staff@example.test",
                &["alice@example.test"],
                &["bob@example.test", "x@far.test"],
            ),
            "staff@example.test of 2, owned by alice@example.test",
        ),
        (
            list("Staff-Owner@example.test", &["alice@example.test"], &[]),
            "Taken: Staff-Owner@example.test is a list already",
        ),
        (
            list("news@far.test", &["alice@example.test"], &[]),
            "Unsuitable: far.test is not a domain of this server, which has: example.org, example.test",
        ),
        (
            list("news@example.test", &[], &[]),
            "Unsuitable: a list needs an owner, who hears of bounces",
        ),
        (
            list("bob@example.test", &["alice@example.test"], &[]),
            "Taken: bob@example.test is already taken",
        ),
        (
            list("news@example.test", &["who@example.test"], &[]),
            "Unsuitable: who@example.test is neither an account nor an alias nor a list here",
        ),
        (
            add("staff-request@example.test"),
            "Taken: staff-request@example.test is already taken",
        ),
        (
            members(&["carol@example.test", "BOB@example.test"], &["x@far.test"]),
            "staff@example.test of 2, owned by alice@example.test",
        ),
        (
            members(&[], &["x@far.test"]),
            "Unsuitable: x@far.test is not on the list staff@example.test",
        ),
        (
            members(&["staff@example.test"], &[]),
            "Unsuitable: staff@example.test is an address of the list itself and cannot be its member, owner or moderator",
        ),
        (
            set(NewList {
                owners: Some(mailboxes(&["bob@example.test"])),
                posting: Some(Posting::Anyone),
                subject_tag: Some("staff".to_owned()),
                ..NewList::default()
            }),
            "staff@example.test of 2, owned by bob@example.test",
        ),
        (
            set(NewList {
                subject_tag: Some("a b".to_owned()),
                ..NewList::default()
            }),
            "Unsuitable: the tag of a list may have up to 100 ASCII letters, digits and marks, and no brackets or spaces",
        ),
        (
            Request::from(ListRequest::Show {
                address: mailbox("staff-owner@example.test"),
            }),
            "NoList: there is no list staff-owner@example.test",
        ),
        (
            alias(
                "post@example.test",
                &["staff@example.test", "bob@example.test"],
            ),
            "post@example.test -> staff@example.test bob@example.test",
        ),
        (
            alias("chief@example.test", &["staff-owner@example.test"]),
            "chief@example.test -> staff-owner@example.test",
        ),
        (
            forward(&["staff@example.test"], None, None),
            "alice@example.test enabled=true quota=1000",
        ),
        (Request::from(ListRequest::List), "staff@example.test of 2"),
        (
            Request::from(ListRequest::Remove { address: staff() }),
            "staff@example.test gone with 0, 0, left post@example.test, emptied chief@example.test, \
             forwards alice@example.test",
        ),
        (
            Request::from(ListRequest::Remove { address: staff() }),
            "NoList: there is no list staff@example.test",
        ),
        (Request::from(ListRequest::List), ""),
    ] {
        office.is(&office.ask(request).await, outcome);
    }
    assert_eq!(handling(&office), Handling::default());
}

/// Whoever gets the address later must not get that mail.
#[tokio::test]
async fn nothing_is_sent_on_to_an_account_that_has_gone() {
    let office = town().await;
    office
        .ask(alias("team@example.test", &["bob@example.test"]))
        .await;
    let to = ["bob+x@example.test", "team@example.test", "x@far.test"];
    office.ask(forward(&to, Some(false), None)).await;
    let gone = office.ask(remove("bob@example.test", true)).await;
    assert_eq!(
        gone,
        "bob@example.test gone with 0, 0, emptied team@example.test, forwards alice@example.test"
    );
    let forward = handling(&office).forward.unwrap();
    assert_eq!(
        (forward.to, forward.keep),
        (mailboxes(&["x@far.test"]), false)
    );
}
