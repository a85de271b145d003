//! Mailing lists, replies while somebody is away, and word that a message has arrived.

use super::client::Client;
use super::server::{Output, Server};
use super::sink::{Letter, Sink};
use super::{ALICE, BOB, PASSWORD, fetch_all, log_in, patiently, send};

pub const STAFF: &str = "staff@example.test";

/// A server that sends everything elsewhere to `port` of this machine.
fn sending_to(port: u16) -> Server {
    let server = Server::start(&format!(
        "[smtp]\nexpn = \"on\"\n[relay]\nsmarthost = \"127.0.0.1:{port}\"\nsmarthost_tls = \"none\"\n"
    ));
    for address in [ALICE, BOB] {
        server.add_account(address, PASSWORD);
    }
    server
}

#[track_caller]
pub fn done(output: Output) -> String {
    assert_eq!(output.code, Some(0), "{output:?}");
    output.stdout
}

/// A list whose owner is Alice.
pub fn list(server: &Server, members: &[&str], more: &[&str]) {
    let mut arguments = vec!["list", "add", STAFF, "--owner", ALICE];
    for member in members {
        arguments.extend(["--member", member]);
    }
    arguments.extend(more);
    done(server.tegami(&arguments, ""));
}

pub fn user(server: &Server, login: &str) -> Client {
    let mut client = Client::tls(server.port("submissions"));
    client.expect("220");
    client.command("EHLO pc.example", "250");
    log_in(&mut client, login);
    client
}

fn stranger(server: &Server) -> Client {
    let mut client = Client::plain(server.port("smtp"));
    client.expect("220");
    client.command("EHLO other.example", "250");
    client
}

pub fn message(subject: &str) -> String {
    format!("From: X <x@author.example>\r\nTo: {STAFF}\r\nSubject: {subject}\r\n\r\nbody\r\n")
}

/// The rest of the line behind this.
#[track_caller]
fn behind<'a>(text: &'a str, start: &str) -> &'a str {
    let mut lines = text.lines();
    let found = lines.find_map(|line| line.trim_start().strip_prefix(start));
    found.unwrap_or_else(|| panic!("no {start:?} in {text}"))
}

/// Asks until somebody has so many messages.
#[track_caller]
pub fn until_there_are(server: &Server, login: &str, count: usize) -> Vec<String> {
    let mut last = 0;
    for () in patiently() {
        let listed = done(server.tegami(&["account", "list", "--json"], ""));
        let listed: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
        let mut accounts = listed.as_array().expect("a list").iter();
        let account = accounts.find(|account| account["address"] == login);
        last = account
            .and_then(|one| one["messages"].as_u64())
            .expect("a number") as usize;
        if last >= count {
            break;
        }
    }
    assert_eq!(last, count, "{login}");
    fetch_all(server, login)
}

#[track_caller]
pub fn until_the_queue_is_empty(server: &Server) {
    let mut last = String::new();
    for () in patiently() {
        last = done(server.tegami(&["queue", "list"], ""));
        if last.contains("No mail waits to leave.") {
            return;
        }
    }
    panic!("{last}");
}

// REL-05, REL-06
#[test]
fn a_post_reaches_members_here_behind_an_alias_and_elsewhere() {
    let sink = Sink::start();
    let server = sending_to(sink.port);
    done(server.tegami(
        &[
            "alias",
            "add",
            "crew@example.test",
            ALICE,
            "they@other.test",
        ],
        "",
    ));
    list(
        &server,
        &[BOB, "crew@example.test", "you@other.test"],
        &["--name", "Staff", "--expansion", "members"],
    );
    let mut alice = user(&server, ALICE);
    send(&mut alice, ALICE, STAFF, &message("lunch"));
    let letter = sink.letter();
    let mut letters = vec![letter];
    if letters[0].to.len() == 1 {
        letters.push(sink.letter());
    }
    let mut to: Vec<&str> = letters
        .iter()
        .flat_map(|one| &one.to)
        .map(String::as_str)
        .collect();
    to.sort_unstable();
    assert_eq!(to, ["<they@other.test>", "<you@other.test>"]);
    let here = until_there_are(&server, BOB, 1).remove(0);
    let behind_alias = until_there_are(&server, ALICE, 1).remove(0);
    let away = letters.iter().map(|letter| {
        assert!(
            letter.from.starts_with("<staff-bounces@example.test>"),
            "{letter:?}"
        );
        letter.text.clone()
    });
    for copy in away.chain([here.clone(), behind_alias]) {
        for part in [
            "List-Id: Staff <staff.example.test>\r\n",
            "List-Unsubscribe: <mailto:staff-request@example.test?subject=unsubscribe>\r\n",
            "List-Post: <mailto:staff@example.test>\r\n",
            "Delivered-To: staff@example.test\r\n",
            "From: X <x@author.example>\r\n",
            "Subject: lunch\r\n\r\nbody\r\n",
        ] {
            assert!(copy.contains(part), "no {part:?} in {copy}");
        }
        // There is no server that would answer it.
        assert!(!copy.contains("List-Unsubscribe-Post"), "{copy}");
    }
    assert!(
        here.starts_with("Return-Path: <staff-bounces@example.test>\r\n"),
        "{here}"
    );
    until_the_queue_is_empty(&server);
    // Only members are told who the others are.
    stranger(&server).command("EXPN staff", "550");
    let told = alice.command("EXPN staff", "250");
    assert!(told.contains("you@other.test"), "{told}");
}

#[test]
fn who_may_not_post_is_told_so_and_nothing_goes_round() {
    let sink = Sink::start();
    let server = sending_to(sink.port);
    list(&server, &[BOB, "you@other.test"], &[]);
    let mut client = stranger(&server);
    for (from, reply) in [
        ("they@other.test", "550 5.7.2"),
        (BOB, "530 5.7.0"),
        ("", "550 5.7.2"),
        ("staff-bounces@example.test", "554 5.4.6"),
    ] {
        client.command(&format!("MAIL FROM:<{from}>"), "250");
        client.command(&format!("RCPT TO:<{STAFF}>"), reply);
        client.command("RSET", "250");
    }
    for (field, reply) in [
        ("List-Id: Staff <staff.example.test>", "554 5.4.6"),
        ("Delivered-To: staff@example.test", "554 5.4.6"),
        ("Auto-Submitted: auto-replied", "550 5.7.2"),
    ] {
        client.command("MAIL FROM:<you@other.test>", "250");
        client.command(&format!("RCPT TO:<{STAFF}>"), "250");
        client.command("DATA", "354");
        client.command(
            &format!("{field}\r\nSubject: again\r\n\r\nbody\r\n."),
            reply,
        );
    }
    until_the_queue_is_empty(&server);
    assert_eq!(sink.rest(), []);
}

#[test]
fn two_lists_on_each_other_do_not_make_a_circle() {
    let sink = Sink::start();
    let server = sending_to(sink.port);
    list(&server, &[], &[]);
    let others = [
        "list",
        "add",
        "others@example.test",
        "--owner",
        ALICE,
        "--member",
        BOB,
        "--member",
        STAFF,
    ];
    done(server.tegami(&others, ""));
    let both = ["list", "member", "add", STAFF, "others@example.test"];
    done(server.tegami(&both, ""));
    send(&mut user(&server, ALICE), ALICE, STAFF, &message("round"));
    let copy = until_there_are(&server, BOB, 1).remove(0);
    assert!(copy.contains("List-Id: <others.example.test>"), "{copy}");
    until_the_queue_is_empty(&server);
    assert_eq!(fetch_all(&server, BOB).len(), 1);
}

#[test]
fn what_a_member_bounces_is_for_the_owner() {
    let sink = Sink::start();
    let server = sending_to(sink.port);
    list(&server, &["never@other.test"], &[]);
    send(&mut user(&server, ALICE), ALICE, STAFF, &message("hello"));
    let report = until_there_are(&server, ALICE, 1).remove(0);
    assert!(report.starts_with("Return-Path: <>\r\n"), "{report}");
    assert!(
        report.contains("Final-Recipient: rfc822; never@other.test"),
        "{report}"
    );
    let typed = format!("tegami list member remove {STAFF} never@other.test\r\n");
    assert!(report.contains(&typed), "{report}");
    // What people write to the owner keeps its sender.
    let mut client = stranger(&server);
    send(
        &mut client,
        "they@other.test",
        "staff-owner@example.test",
        &message("who are you"),
    );
    let mail = until_there_are(&server, ALICE, 2).remove(1);
    assert!(
        mail.starts_with("Return-Path: <they@other.test>\r\n"),
        "{mail}"
    );
    until_the_queue_is_empty(&server);
}

#[test]
fn a_post_whose_header_is_too_long_to_be_looked_at_reaches_no_member() {
    let sink = Sink::start();
    let server = sending_to(sink.port);
    list(&server, &[BOB], &[]);
    let long = "X-Filler: a line of a header that does not end\r\n".repeat(6000);
    let post = format!("{long}TLS-Required: No\r\n{}", message("long"));
    send(&mut user(&server, ALICE), ALICE, STAFF, &post);
    let report = until_there_are(&server, ALICE, 1).remove(0);
    assert!(report.contains("\r\nStatus: 5.6.0\r\n"), "{report}");
    until_the_queue_is_empty(&server);
    until_there_are(&server, BOB, 0);
}

#[test]
fn a_post_waits_for_its_moderator() {
    let sink = Sink::start();
    let server = sending_to(sink.port);
    list(&server, &[BOB], &["--posting", "moderated"]);
    let mut client = stranger(&server);
    let mut notices = Vec::new();
    for (number, subject) in ["one", "two", "three"].into_iter().enumerate() {
        send(&mut client, "they@other.test", STAFF, &message(subject));
        let notice = until_there_are(&server, ALICE, number + 1).remove(number);
        assert!(
            notice.contains("A post to staff@example.test waits for you"),
            "{notice}"
        );
        assert!(
            notice.contains(&format!("Subject: {subject}\r\n\r\nbody")),
            "{notice}"
        );
        notices.push(notice);
    }
    assert_eq!(fetch_all(&server, BOB).len(), 0);
    let request = "staff-request@example.test";
    let decide = |number: usize, word: &str| {
        let words = behind(&notices[number], word);
        let subject = format!("Re: {word}{words}");
        send(
            &mut user(&server, ALICE),
            ALICE,
            request,
            &message(&subject),
        );
    };
    decide(0, "approve ");
    let posted = until_there_are(&server, BOB, 1).remove(0);
    assert!(posted.contains("Subject: one\r\n"), "{posted}");
    let answers = until_there_are(&server, ALICE, 4);
    assert!(
        answers[3].contains("Subject: The post to staff@example.test goes out"),
        "{}",
        answers[3]
    );
    let release = behind(&notices[1], "`tegami queue release ");
    let id = release.split('`').next().expect("a number");
    // Whoever lets all held mail go publishes nothing.
    let all = done(server.tegami(&["queue", "release", "--all"], ""));
    let left_out = "2 posts wait for a moderator of their list and are left out";
    assert!(all.contains(left_out), "{all}");
    done(server.tegami(&["queue", "release", id], ""));
    until_there_are(&server, BOB, 2);
    decide(2, "reject ");
    let answers = until_there_are(&server, ALICE, 5);
    assert!(answers[4].contains("is turned away"), "{}", answers[4]);
    let wrong = message("Re: approve 17-WRONGWORD");
    send(&mut user(&server, ALICE), ALICE, request, &wrong);
    let answers = until_there_are(&server, ALICE, 6);
    let subject = "Subject: Nothing was decided about a post to staff@example.test";
    assert!(answers[5].contains(subject), "{}", answers[5]);
    assert!(
        answers[5].contains("is wrong, or it is used up"),
        "{}",
        answers[5]
    );
    until_the_queue_is_empty(&server);
    assert_eq!(fetch_all(&server, BOB).len(), 2);
    // Its sender is not told: it may be forged.
    assert_eq!(sink.rest(), []);
}

#[test]
fn somebody_joins_a_list_by_mail_and_leaves_it() {
    let sink = Sink::start();
    let server = sending_to(sink.port);
    list(&server, &[BOB], &["--joining", "open"]);
    let you = "you@other.test";
    let ask = |subject: &str| -> Letter {
        let mut client = stranger(&server);
        send(
            &mut client,
            you,
            "staff-request@example.test",
            &message(subject),
        );
        sink.letter()
    };
    let members = || done(server.tegami(&["list", "member", "list", STAFF], ""));
    for (asked, answer, is_member) in [
        ("subscribe", "You are on staff@example.test now", true),
        ("unsubscribe", "You have left staff@example.test", false),
    ] {
        let letter = ask(asked);
        assert_eq!(letter.to, ["<you@other.test>"]);
        assert!(letter.from.starts_with("<>"), "{letter:?}");
        assert_eq!(members().contains(you), !is_member);
        let word = behind(&letter.text, "Subject: ").to_owned();
        assert!(word.starts_with("confirm "), "{letter:?}");
        let letter = ask(&format!("Re: {word}"));
        assert!(letter.text.contains(answer), "{letter:?}");
        assert_eq!(members().contains(you), is_member);
    }
    let letter = ask("help");
    assert!(
        letter.text.contains("staff-owner@example.test"),
        "{letter:?}"
    );
    until_the_queue_is_empty(&server);
}

/// Signs of Japanese add it, as in delivery reports: in the address of who asks, or in what was written.
#[test]
fn lists_write_japanese_to_those_who_read_it() {
    let sink = Sink::start();
    let server = sending_to(sink.port);
    list(&server, &[BOB], &["--posting", "moderated"]);
    let mut client = stranger(&server);
    for (from, subject, is_japanese) in [
        ("you@other.test", "help", false),
        ("you@other.jp", "help", true),
    ] {
        send(
            &mut client,
            from,
            "staff-request@example.test",
            &message(subject),
        );
        let letter = sink.letter();
        assert_eq!(letter.to, [format!("<{from}>")]);
        let base64 = letter
            .text
            .contains("Content-Transfer-Encoding: base64\r\n");
        assert_eq!(base64, is_japanese, "{letter:?}");
        let subject = behind(&letter.text, "Subject: ");
        let english = "What staff@example.test can do for you";
        assert!(subject.starts_with(english), "{letter:?}");
        assert_eq!(subject != english, is_japanese, "{letter:?}");
    }
    for (number, language) in ["en", "ja"].into_iter().enumerate() {
        let post = format!("Content-Language: {language}\r\n{}", message("lunch"));
        send(&mut client, "they@other.test", STAFF, &post);
        let notice = until_there_are(&server, ALICE, number + 1).remove(number);
        let base64 = notice.contains("Content-Transfer-Encoding: base64\r\n");
        assert_eq!(base64, language == "ja", "{notice}");
    }
}

/// What members elsewhere get of a post when the server is killed once some copies are made, none of which has left, and then
/// goes on.
pub fn killed_between_copies(server: Server, sink: &Sink) -> (Server, Vec<Letter>) {
    let hop = format!("127.0.0.1:{}", sink.port);
    done(server.tegami(&["queue", "pause", &hop], ""));
    send(&mut user(&server, ALICE), ALICE, STAFF, &message("to all"));
    server.logged_after(
        "posted to members",
        1,
        "mail for a list or an alias has to wait",
    );
    let server = server.kill().start_again();
    let mut last = String::new();
    for () in patiently() {
        last = done(server.tegami(&["queue", "list"], ""));
        if last.contains("No mail waits to leave.") {
            return (server, sink.rest());
        }
        server.tegami(&["queue", "retry", "--all"], "");
    }
    panic!("{last}");
}

#[test]
fn every_member_gets_a_post_once_though_the_server_is_killed_in_between() {
    let sink = Sink::start();
    let server = sending_to(sink.port);
    // The post itself, and one group of copies: in front of each further one it has to stop.
    server.reconfigure("[relay]\n", "[relay]\nqueue_messages = 2\n");
    let server = server.stop().start_again();
    list(&server, &[BOB], &[]);
    let members: Vec<String> = (0..1100)
        .map(|number| format!("m{number}@other.test"))
        .collect();
    let mut arguments = vec!["list", "member", "add", STAFF];
    arguments.extend(members.iter().map(String::as_str));
    done(server.tegami(&arguments, ""));
    let (server, letters) = killed_between_copies(server, &sink);
    let mut to: Vec<String> = letters.into_iter().flat_map(|letter| letter.to).collect();
    to.sort_unstable();
    let mut expected: Vec<String> = members.iter().map(|member| format!("<{member}>")).collect();
    expected.sort_unstable();
    assert_eq!(to, expected);
    assert_eq!(fetch_all(&server, BOB).len(), 1);
}

// REL-04
#[test]
fn whoever_is_away_says_so_once_and_never_to_lists_or_machines() {
    let sink = Sink::start();
    let server = sending_to(sink.port);
    list(&server, &[ALICE], &["--posting", "anyone"]);
    done(server.tegami(
        &["account", "vacation", ALICE, "--text", "Back in May."],
        "",
    ));
    let letter = |to: &str, more: &str| {
        format!("From: x@other.test\r\nTo: {to}\r\nSubject: hi\r\n{more}\r\nbody\r\n")
    };
    let mut client = stranger(&server);
    send(&mut client, "you@other.test", ALICE, &letter(ALICE, ""));
    let reply = sink.letter();
    assert_eq!(
        (reply.from.split(' ').next(), &reply.to[..]),
        (Some("<>"), &["<you@other.test>".to_owned()][..])
    );
    assert!(reply.text.contains("Subject: Auto: hi\r\n"), "{reply:?}");
    assert!(
        reply.text.contains("Auto-Submitted: auto-replied\r\n"),
        "{reply:?}"
    );
    assert!(
        reply.text.ends_with("\r\n\r\nBack in May.\r\n"),
        "{reply:?}"
    );
    send(&mut client, "you@other.test", ALICE, &letter(ALICE, ""));
    send(&mut client, "", ALICE, &letter(ALICE, ""));
    send(
        &mut client,
        "they@other.test",
        ALICE,
        &letter("undisclosed:;", ""),
    );
    send(
        &mut client,
        "they@other.test",
        ALICE,
        &letter(ALICE, "Precedence: list\r\n"),
    );
    send(&mut client, "they@other.test", STAFF, &letter(ALICE, ""));
    server.logged("posted to members");
    // It is remembered also behind a restart.
    let server = server.stop().start_again();
    let mut client = stranger(&server);
    send(&mut client, "you@other.test", ALICE, &letter(ALICE, ""));
    // A sender here is answered here, and after all the others.
    send(&mut user(&server, BOB), BOB, ALICE, &letter(ALICE, ""));
    let here = until_there_are(&server, BOB, 1).remove(0);
    assert!(here.contains("Auto: hi"), "{here}");
    until_the_queue_is_empty(&server);
    assert_eq!(sink.rest(), []);
}

// DSN-08, DSN-15
#[test]
fn who_asks_hears_that_a_message_has_arrived() {
    let sink = Sink::start();
    let server = sending_to(sink.port);
    list(&server, &[BOB], &["--posting", "anyone"]);
    done(server.tegami(
        &[
            "alias",
            "add",
            "crew@example.test",
            ALICE,
            "they@other.test",
        ],
        "",
    ));
    let mut client = stranger(&server);
    for (to, action) in [
        (BOB, "delivered"),
        ("crew@example.test", "expanded"),
        (STAFF, "delivered"),
    ] {
        client.command(
            "MAIL FROM:<you@other.test> RET=FULL ENVID=number+2B7",
            "250",
        );
        let wish = "NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;First@else.test";
        client.command(&format!("RCPT TO:<{to}> {wish}"), "250");
        client.command("DATA", "354");
        client.command("Subject: asked\r\n\r\nsecret body\r\n.", "250");
        let letters = if action == "expanded" { 2 } else { 1 };
        let letters: Vec<Letter> = (0..letters).map(|_| sink.letter()).collect();
        let reports: Vec<&Letter> = letters
            .iter()
            .filter(|one| one.to == ["<you@other.test>"])
            .collect();
        let [report] = &reports[..] else {
            panic!("{letters:?}");
        };
        assert!(report.from.starts_with("<>"), "{report:?}");
        for part in [
            &format!("Action: {action}\r\n")[..],
            "Original-Envelope-Id: number+7\r\n",
            "Original-Recipient: rfc822; First@else.test\r\n",
            &format!("Final-Recipient: rfc822; {to}\r\n"),
            "Subject: asked\r\n",
        ] {
            assert!(report.text.contains(part), "no {part:?} in {}", report.text);
        }
        // RFC 3461 section 4.3: RET is for failures.
        assert!(!report.text.contains("secret body"), "{report:?}");
    }
    // Senders here have it in their mailbox.
    let mut alice = user(&server, ALICE);
    alice.command(&format!("MAIL FROM:<{ALICE}>"), "250");
    alice.command(&format!("RCPT TO:<{BOB}> NOTIFY=SUCCESS"), "250");
    alice.command("DATA", "354");
    alice.command("Subject: asked\r\n\r\nbody\r\n.", "250");
    // One was for the crew.
    let mine = fetch_all(&server, ALICE);
    assert_eq!(mine.len(), 2, "{mine:#?}");
    assert!(
        mine[0].starts_with("Return-Path: <you@other.test>\r\n"),
        "{}",
        mine[0]
    );
    assert!(mine[1].contains("Action: delivered\r\n"), "{}", mine[1]);
    // Nobody asks, nobody hears.
    for wish in ["", " NOTIFY=NEVER", " NOTIFY=FAILURE,DELAY"] {
        client.command("MAIL FROM:<you@other.test>", "250");
        client.command(&format!("RCPT TO:<{BOB}>{wish}"), "250");
        client.command("DATA", "354");
        client.command("Subject: quiet\r\n\r\nbody\r\n.", "250");
    }
    client.command("MAIL FROM:<>", "250");
    client.command(&format!("RCPT TO:<{BOB}> NOTIFY=SUCCESS"), "250");
    client.command("DATA", "354");
    client.command("Subject: quiet\r\n\r\nbody\r\n.", "250");
    until_the_queue_is_empty(&server);
    assert_eq!(sink.rest(), []);
}
