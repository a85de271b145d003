//! Mail that waited, for addresses here: where they lead when its time comes, and who answers it then.

use super::client::Client;
use super::outbound::{alice, done, only_message, sending_to, until_queue_says};
use super::server::Server;
use super::sink::Sink;
use super::{ALICE, BOB, fetch_all};

/// Hands in a message for that recipient that is not to arrive before a second is over; nothing is until the queue goes on.
fn for_later(server: &Server, to: &str) -> Client {
    let mut client = alice(server);
    client.command(&format!("MAIL FROM:<{ALICE}> HOLDFOR=1"), "250");
    client.command(&format!("RCPT TO:<{to}>"), "250");
    done(
        server.tegami(&["queue", "pause"], ""),
        "Paused: everything.",
    );
    client.command("DATA", "354");
    let letter = format!("From: <{ALICE}>\r\nTo: <{BOB}>\r\nSubject: later\r\n\r\nbody\r\n.");
    client.command(&letter, "250 2.0.0");
    client
}

#[test]
fn whoever_is_away_answers_mail_that_comes_later_when_it_has_come() {
    let sink = Sink::start();
    let server = sending_to(sink.port, "");
    let away = ["account", "vacation", BOB, "--text", "back on Monday"];
    done(server.tegami(&away, ""), "");
    for_later(&server, BOB);
    assert_eq!(fetch_all(&server, ALICE), [""; 0]);
    done(server.tegami(&["queue", "resume"], ""), "All mail leaves.");
    let entry = server.logged("told that somebody is away");
    assert_eq!(entry["to"], ALICE, "{entry}");
    let mail = fetch_all(&server, BOB);
    assert!(
        mail.len() == 1 && mail[0].contains("Subject: later"),
        "{mail:?}"
    );
    let told = fetch_all(&server, ALICE);
    assert!(
        told.len() == 1 && told[0].contains("back on Monday"),
        "{told:?}"
    );
}

#[test]
fn mail_that_waited_goes_on_to_where_its_recipient_has_mail_sent_by_now() {
    let sink = Sink::start();
    let server = sending_to(sink.port, "");
    for_later(&server, BOB);
    let forward = ["account", "forward", BOB, "bob@elsewhere.test", "--no-keep"];
    done(server.tegami(&forward, ""), "bob@elsewhere.test");
    done(server.tegami(&["queue", "resume"], ""), "All mail leaves.");
    let letter = sink.letter();
    assert_eq!(letter.to, ["<bob@elsewhere.test>"]);
    assert!(letter.text.starts_with("Delivered-To: "), "{letter:?}");
    assert!(
        letter.text.contains("Subject: later\r\n\r\nbody\r\n"),
        "{letter:?}"
    );
    until_queue_says(&server, &["queue", "list"], "No mail waits to leave.");
    assert_eq!(fetch_all(&server, BOB), [""; 0]);
    assert_eq!(fetch_all(&server, ALICE), [""; 0], "nobody has to be told");
}

#[test]
fn mail_that_waited_for_an_alias_reaches_all_whom_it_leads_to_by_now() {
    let sink = Sink::start();
    let server = sending_to(sink.port, "");
    let team = "team@example.test";
    done(server.tegami(&["alias", "add", team, BOB], ""), BOB);
    for_later(&server, team);
    done(
        server.tegami(&["alias", "add", team, "x@elsewhere.test"], ""),
        "x@elsewhere.test",
    );
    done(server.tegami(&["queue", "resume"], ""), "All mail leaves.");
    assert_eq!(sink.letter().to, ["<x@elsewhere.test>"]);
    until_queue_says(&server, &["queue", "list"], "No mail waits to leave.");
    assert_eq!(fetch_all(&server, BOB).len(), 1);
}

#[test]
fn mail_that_waited_for_a_full_mailbox_waits_on_and_nobody_else_gets_it_twice() {
    let sink = Sink::start();
    let server = sending_to(sink.port, "");
    for_later(&server, BOB);
    let forward = ["account", "forward", BOB, "bob@elsewhere.test"];
    done(server.tegami(&forward, ""), "bob@elsewhere.test");
    done(server.tegami(&["account", "quota", BOB, "10B"], ""), "");
    done(server.tegami(&["queue", "resume"], ""), "All mail leaves.");
    until_queue_says(&server, &["queue", "list"], "the mailbox here has no room");
    assert_eq!(sink.rest(), []);
    let id = only_message(&server);
    done(server.tegami(&["account", "quota", BOB, "default"], ""), "");
    done(server.tegami(&["queue", "retry", &id], ""), "1 message");
    assert_eq!(sink.letter().to, ["<bob@elsewhere.test>"]);
    until_queue_says(&server, &["queue", "list"], "No mail waits to leave.");
    assert_eq!((fetch_all(&server, BOB).len(), sink.rest().len()), (1, 0));
}

#[test]
fn mail_that_waited_for_whom_nobody_has_the_address_of_any_more_comes_back_at_once() {
    let sink = Sink::start();
    let server = sending_to(sink.port, "");
    let team = "team@example.test";
    done(server.tegami(&["alias", "add", team, BOB], ""), BOB);
    for_later(&server, team);
    done(server.tegami(&["alias", "remove", team], ""), team);
    done(server.tegami(&["queue", "resume"], ""), "All mail leaves.");
    until_queue_says(&server, &["queue", "list"], "No mail waits to leave.");
    let reports = fetch_all(&server, ALICE);
    assert_eq!(reports.len(), 1, "{reports:?}");
    for part in [
        "Final-Recipient: rfc822; team@example.test",
        "Action: failed",
        "Status: 5.1.1",
    ] {
        assert!(reports[0].contains(part), "no {part:?} in {reports:?}");
    }
    assert_eq!(sink.rest(), []);
}

#[test]
fn beyond_its_day_the_mail_of_an_account_is_taken_and_waits_and_postmaster_hears_of_it() {
    let sink = Sink::start();
    let server = sending_to(sink.port, "recipients_per_day = 2\n");
    let mut client = alice(&server);
    for to in ["one@other.test", "two@other.test", "three@other.test"] {
        super::send(&mut client, ALICE, to, "Subject: x\r\n\r\nbody");
    }
    let words = "its account has written to as many as it may today (relay.recipients_per_day)";
    let listed = until_queue_says(&server, &["queue", "list"], words);
    let to: Vec<String> = (0..2).map(|_| sink.letter().to.concat()).collect();
    assert_eq!(to, ["<one@other.test>", "<two@other.test>"]);
    assert!(listed.contains("three@other.test"), "{listed}");
    // Postmaster is the first account, which is the same.
    server.logged("an account has sent all it may today");
    let notice = "Subject: Mail of alice@example.test is waiting: today's limit is reached";
    let mut heard = (0..500).map(|_| fetch_all(&server, ALICE).concat());
    assert!(heard.any(|mail| mail.contains(notice)));
    // Who is here gets mail nevertheless.
    super::send(&mut client, ALICE, BOB, "Subject: x\r\n\r\nbody");
    assert_eq!(fetch_all(&server, BOB).len(), 1);
    assert_eq!(sink.rest(), []);
}
