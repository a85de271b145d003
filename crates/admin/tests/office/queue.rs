//! The queue, looked at and decided about; whoever sends it hears of every decision.

use address::{Domain, Envelope, Recipient};
use admin::{ListRequest, QueueNews, QueueRequest, QueueResponse, Request, Response, Which};
use bytes::Bytes;
use mailstore::{AccountId, Outgoing, Parcel, Waiting};

use super::{Office, mailbox};

/// A message from Alice to these, in the queue.
async fn post(office: &Office, recipients: &[&str]) -> u64 {
    post_from(office, "<alice@example.test>", None, recipients).await
}

/// A message to these in the queue, from an account if there is one.
async fn post_from(
    office: &Office,
    sender: &str,
    account: Option<AccountId>,
    recipients: &[&str],
) -> u64 {
    let mut incoming = office.store.begin();
    incoming.write(Bytes::from_static(b"x")).await.unwrap();
    let recipients = recipients.iter().map(|address| Recipient {
        path: format!("<{address}>").parse().unwrap(),
        notify: None,
        orcpt: None,
    });
    let envelope = Envelope {
        reverse_path: sender.parse().unwrap(),
        recipients: recipients.collect(),
        ..Envelope::default()
    };
    let places = 0..u32::try_from(envelope.recipients.len()).unwrap();
    let outgoing = Outgoing {
        room: office.store.reserve_outgoing(1).unwrap(),
        account,
        release: None,
        waiting: places.map(|place| Waiting::new(place, 7)).collect(),
    };
    let parcel = Parcel {
        incoming,
        reservations: Vec::new(),
        envelope,
        outgoing: Some(outgoing),
    };
    office.store.post(parcel).await.unwrap().unwrap()
}

async fn ask(office: &Office, request: QueueRequest) -> Result<QueueResponse, String> {
    match office.operations.execute(Request::Queue(request)).await {
        Ok(Response::Queue(response)) => Ok(response),
        Ok(other) => panic!("{other:?}"),
        Err(refusal) => Err(refusal.message),
    }
}

/// The ids of the messages that are listed, and whether all of each is held.
async fn listed(office: &Office, which: Which) -> Vec<(u64, bool)> {
    let request = QueueRequest::List { which, after: 0 };
    let QueueResponse::Listed { messages, next, .. } = ask(office, request).await.unwrap() else {
        panic!("no list");
    };
    assert_eq!(next, None);
    let held = |one: &admin::QueuedFacts| one.recipients.iter().all(|recipient| recipient.held);
    messages.iter().map(|one| (one.id, held(one))).collect()
}

fn news(office: &Office) -> Vec<QueueNews> {
    std::mem::take(&mut *office.server.news.lock().unwrap())
}

fn done_to(messages: u64) -> QueueResponse {
    QueueResponse::Done {
        messages,
        missing: Vec::new(),
        perhaps_sent: Vec::new(),
        left_out: Vec::new(),
    }
}

fn domain(text: &str) -> Which {
    Which::Domain(Domain::parse(text).unwrap())
}

#[tokio::test]
async fn messages_are_found_by_number_and_by_domain() {
    let office = Office::new();
    let many = [
        "a@one.test",
        "b@two.test",
        "c@two.test",
        "d@two.test",
        "e@two.test",
    ];
    let first = post(&office, &many).await;
    let second = post(&office, &["f@two.test"]).await;
    let both = vec![(first, false), (second, false)];
    assert_eq!(listed(&office, Which::All).await, both);
    assert_eq!(listed(&office, domain("TWO.test")).await, both);
    assert_eq!(listed(&office, domain("one.test")).await, both[..1]);
    assert_eq!(listed(&office, domain("test")).await, []);
    let shown = ask(&office, QueueRequest::Show { id: first })
        .await
        .unwrap();
    let QueueResponse::Shown(shown) = shown else {
        panic!("{shown:?}");
    };
    let addresses: Vec<&str> = shown
        .recipients
        .iter()
        .map(|one| one.address.as_str())
        .collect();
    assert_eq!((addresses.as_slice(), shown.more), (&many[..], 0));
    assert_eq!(
        (shown.sender.as_str(), shown.octets),
        ("<alice@example.test>", 1)
    );
}

#[tokio::test]
async fn messages_are_found_by_sender_whatever_address_of_theirs_they_wrote_under() {
    let office = Office::new();
    office.ask(super::add("mallory@example.test")).await;
    let mallory = office.store.directory();
    let mallory = mallory.find_login("mallory").unwrap().id;
    let post = |sender, account| post_from(&office, sender, account, &["a@one.test"]);
    let named = post("<MALLORY@Example.Test>", None).await;
    let handed_in = post("<sales@example.test>", Some(mallory)).await;
    let other = post("<bob@example.test>", None).await;
    let report = post("<>", None).await;
    let from = |sender: &str| Which::Sender(sender.parse().unwrap());
    let stolen = from("<mallory@example.test>");
    let both = [(named, false), (handed_in, false)];
    assert_eq!(listed(&office, stolen.clone()).await, both);
    assert_eq!(listed(&office, from("<>")).await, [(report, false)]);
    assert_eq!(listed(&office, from("<nobody@example.test>")).await, []);
    let which = stolen;
    let removed = ask(&office, QueueRequest::Remove { which }).await;
    assert_eq!(removed, Ok(done_to(2)));
    let left = [(other, false), (report, false)];
    assert_eq!(listed(&office, Which::All).await, left);
}

#[tokio::test]
async fn several_messages_are_decided_about_at_once_and_those_that_are_gone_are_named() {
    let office = Office::new();
    let (first, second) = (
        post(&office, &["a@one.test"]).await,
        post(&office, &["b@one.test"]).await,
    );
    *office.server.on_its_way.lock().unwrap() = vec![second, 99];
    let which = Which::Messages(vec![first, 99, second, first]);
    let held = ask(&office, QueueRequest::Hold { which }).await;
    let some = QueueResponse::Done {
        messages: 2,
        missing: vec![99],
        perhaps_sent: vec![second],
        left_out: Vec::new(),
    };
    assert_eq!(held, Ok(some));
    assert_eq!(
        listed(&office, Which::All).await,
        [(first, true), (second, true)]
    );
    let which = Which::Messages(vec![98, 99]);
    let none = ask(&office, QueueRequest::Remove { which }).await;
    let gone = "there is no message 98 or 99 in the queue (any more)";
    assert_eq!(none, Err(gone.to_owned()));
}

#[tokio::test]
async fn decisions_are_kept_and_told() {
    let office = Office::new();
    let first = post(&office, &["a@one.test"]).await;
    let second = post(&office, &["b@two.test"]).await;
    let one = done_to(1);
    let which = domain("one.test");
    let done = ask(&office, QueueRequest::Hold { which }).await;
    assert_eq!(done, Ok(one.clone()));
    let expected = [(first, true), (second, false)];
    assert_eq!(listed(&office, Which::All).await, expected);
    assert_eq!(news(&office), [QueueNews::Withdrawn(first)]);
    let which = Which::Messages(vec![first]);
    let done = ask(
        &office,
        QueueRequest::Release {
            which: which.clone(),
        },
    )
    .await;
    assert_eq!(done, Ok(one.clone()));
    assert_eq!(news(&office), [QueueNews::Released(first)]);
    let done = ask(&office, QueueRequest::Retry { which: Which::All }).await;
    assert_eq!(done, Ok(done_to(2)));
    assert_eq!(news(&office), [QueueNews::RetryAll]);
    let done = ask(
        &office,
        QueueRequest::Remove {
            which: which.clone(),
        },
    )
    .await;
    assert_eq!(done, Ok(one));
    assert_eq!(news(&office), [QueueNews::Withdrawn(first)]);
    assert_eq!(listed(&office, Which::All).await, [(second, false)]);
    let gone = format!("there is no message {first} in the queue (any more)");
    for request in [
        QueueRequest::Show { id: first },
        QueueRequest::Retry {
            which: which.clone(),
        },
        QueueRequest::Hold {
            which: which.clone(),
        },
        QueueRequest::Remove { which },
    ] {
        assert_eq!(ask(&office, request).await, Err(gone.clone()));
    }
    let none = ask(
        &office,
        QueueRequest::Remove {
            which: domain("one.test"),
        },
    )
    .await;
    assert_eq!(none, Ok(done_to(0)));
}

/// Whoever lets held mail go has not decided what everybody on a list reads.
#[tokio::test]
async fn a_post_that_waits_for_moderators_is_released_by_its_number_only() {
    let office = Office::new();
    office.ask(super::add("alice@example.test")).await;
    let staff = r#"{"address":"staff@example.test","owners":["alice@example.test"]}"#;
    let settings = serde_json::from_str(staff).unwrap();
    let made = office.ask(ListRequest::Add { settings }.into()).await;
    assert!(made.contains("staff@example.test"), "{made}");
    let mail = post(&office, &["a@one.test"]).await;
    let wanted = post(&office, &["b@one.test", "staff@example.test"]).await;
    let owner = post(&office, &["staff-owner@example.test"]).await;
    let release = |which| QueueRequest::Release { which };
    for (which, messages) in [
        (Which::All, 2),
        (domain("one.test"), 1),
        (domain("example.test"), 1),
        (Which::Sender("<alice@example.test>".parse().unwrap()), 2),
    ] {
        let all = Which::All;
        ask(&office, QueueRequest::Hold { which: all })
            .await
            .unwrap();
        news(&office);
        let done = ask(&office, release(which.clone())).await;
        let expected = QueueResponse::Done {
            messages,
            missing: Vec::new(),
            perhaps_sent: Vec::new(),
            left_out: vec![wanted],
        };
        assert_eq!(done, Ok(expected), "{which:?}");
        let listed = listed(&office, Which::All).await;
        assert_eq!(listed[1], (wanted, true));
        let freed = listed[0] == (mail, false) || listed[2] == (owner, false);
        assert!(freed, "{listed:?}");
        assert!(!news(&office).contains(&QueueNews::Released(wanted)));
    }
    let named = Which::Messages(vec![wanted]);
    assert_eq!(ask(&office, release(named)).await, Ok(done_to(1)));
    assert!(listed(&office, Which::All).await.contains(&(wanted, false)));
}

#[tokio::test]
async fn a_route_says_where_mail_for_an_address_goes() {
    let office = Office::new();
    office.ask(super::add("alice@example.test")).await;
    office
        .ask(super::alias(
            "info@example.test",
            &["alice@example.test", "x@other.test"],
        ))
        .await;
    for (address, parts) in [
        (
            "info@example.test",
            &["Leads", "alice@example.test", "Elsewhere", "x@other.test"][..],
        ),
        ("alice+x@example.test", &["Leads", "Mailbox"]),
        ("nobody@example.test", &["Nobody"]),
        ("postmaster@example.org", &["Postmaster"]),
        ("x@other.test", &["Elsewhere"]),
    ] {
        let address = mailbox(address);
        let told = office
            .ask(Request::Route {
                postmaster: false,
                address: address.clone(),
            })
            .await;
        for part in parts {
            let local = part.split('@').next().unwrap_or(part);
            assert!(told.contains(local), "{address}: no {part:?} in {told}");
        }
    }
}
