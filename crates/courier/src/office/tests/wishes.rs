//! What a message was handed in with leaves with it: the sender's wishes, who submitted it, and every octet, each time it is
//! tried.

use std::time::Duration;

use address::dsn::{Envid, Notify, Orcpt, Ret};
use address::{Envelope, Recipient};
use delivery::schedule::Rules;

use super::world::{HOUR, Letterhead, MINUTE, Manner, World};

// DSN-04, DSN-05, AUT-13
#[tokio::test(start_paused = true)]
async fn wishes_go_on_as_they_came_and_none_that_did_not() {
    let world = World::new(Rules::default()).await;
    let mut letter = Letterhead::new("<alice@here.test>", &["<bob@a.test>"]);
    letter.account = Some(world.alice);
    letter.envelope = Envelope {
        ret: Some(Ret::Full),
        envid: Some(Envid::parse(b"QQ+2B1").unwrap()),
        requiretls: true,
        recipients: vec![Recipient {
            path: "<x@y>".parse().unwrap(),
            notify: Some(Notify::parse(b"SUCCESS,DELAY").unwrap()),
            orcpt: Some(Orcpt::parse(b"rfc822;X+2By@z").unwrap()),
        }],
        ..Envelope::default()
    };
    world.post(&letter).await;
    world
        .post(&Letterhead::new("<eve@far.test>", &["<bob@b.test>"]))
        .await;
    world.settle().await;
    let sent = world.roads.sent();
    let of = |hop: &str| {
        let found = sent.iter().find(|one| one.hop == hop);
        found.unwrap().transaction.clone()
    };
    let wished = of("a.test");
    let expected = Envelope {
        reverse_path: "<alice@here.test>".parse().unwrap(),
        recipients: vec![Recipient {
            path: "<bob@a.test>".parse().unwrap(),
            ..letter.envelope.recipients[0].clone()
        }],
        ..letter.envelope.clone()
    };
    assert_eq!(wished.envelope, expected);
    let submitter = wished.submitter.map(|one| one.to_string());
    assert_eq!(submitter.as_deref(), Some("alice@here.test"));
    // Of a stranger's nothing is known, and nothing is made up.
    let plain = of("b.test");
    let expected = Envelope {
        reverse_path: "<eve@far.test>".parse().unwrap(),
        recipients: vec![Recipient {
            path: "<bob@b.test>".parse().unwrap(),
            notify: None,
            orcpt: None,
        }],
        ..Envelope::default()
    };
    assert_eq!((plain.envelope, plain.submitter), (expected, None));
}

// TLS-14
#[tokio::test(start_paused = true)]
async fn who_wrote_a_message_may_waive_tls_in_its_header() {
    let world = World::new(Rules::default()).await;
    let waived = "TLS-Required: No\r\nSubject: expired\r\n\r\nsee there\r\n".to_owned();
    let long = format!("X-Long: {}\r\n", "x".repeat(900)).repeat(80) + &waived;
    for (from, text, expected) in [
        ("<a@here.test>", waived.clone(), true),
        ("<>", waived.clone(), true),
        (
            "<a@here.test>",
            format!("Subject: x\r\n\r\n{waived}"),
            false,
        ),
        // Behind the first 64 KiB nobody looks.
        ("<a@here.test>", long, false),
    ] {
        let mut letter = Letterhead::new(from, &["<bob@a.test>", "<carol@a.test>"]);
        letter.text = text;
        // A copy that is sent on says the same.
        letter.forwarded = vec![1];
        let before = world.roads.sent().len();
        world.post(&letter).await;
        world.settle().await;
        let sent = world.roads.sent().split_off(before);
        assert!(!sent.is_empty());
        for one in sent {
            assert_eq!(one.waives_tls, expected, "{:?}", one.to());
            assert_eq!(one.octets, letter.text.as_bytes());
        }
    }
}

// OUT-13
#[tokio::test(start_paused = true)]
async fn what_is_sent_again_is_the_same_message() {
    let world = World::new(Rules::default()).await;
    world.roads.set("a.test", Manner::Loses);
    let letter = Letterhead::new("<alice@here.test>", &["<bob@a.test>"]);
    world.post(&letter).await;
    world.pass(HOUR).await;
    let sent = world.roads.sent();
    assert!(sent.len() >= 2, "{}", sent.len());
    assert!(
        letter
            .text
            .contains("\r\nMessage-ID: <lunch@here.test>\r\n")
    );
    for one in &sent {
        assert_eq!(String::from_utf8_lossy(&one.octets), letter.text);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_comes_to_an_end_does_not_stop_mail_for_others() {
    let world = World::new(Rules::default()).await;
    world.roads.set("slow.test", Manner::Hangs);
    for _ in 0..200 {
        world
            .post(&Letterhead::new("<alice@here.test>", &["<bob@slow.test>"]))
            .await;
    }
    world.pass(MINUTE).await;
    let begun = world.roads.hanging();
    assert!((1..200).contains(&begun), "{begun}");
    for number in 0..20 {
        let to = format!("<bob@d{number}.test>");
        let before = world.now();
        let id = world
            .post(&Letterhead::new("<alice@here.test>", &[&to]))
            .await;
        world.settle().await;
        assert_eq!(world.queued(id), None, "{to}");
        let waited = world.now().duration_since(before).unwrap();
        assert!(waited <= Duration::from_secs(1), "{to} waited {waited:?}");
    }
    assert_eq!(world.store.queue_counts().messages, 200);
}
