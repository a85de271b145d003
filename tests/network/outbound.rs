//! Mail to other servers: handed in, kept, sent on, put off, sent back, and looked after by `tegami queue`.

use super::client::{Client, base64};
use super::dns::{NameServer, Says};
use super::server::{Output, Server};
use super::sink::Sink;
use super::{ALICE, BOB, PASSWORD, fetch_all, log_in, patiently, send};

/// A server that sends everything elsewhere to `port` of this machine, without TLS.
pub fn sending_to(port: u16, more: &str) -> Server {
    let relay =
        format!("[relay]\nsmarthost = \"127.0.0.1:{port}\"\nsmarthost_tls = \"none\"\n{more}");
    let server = Server::start(&relay);
    for address in [ALICE, BOB] {
        server.add_account(address, PASSWORD);
    }
    server
}

/// A user who has logged in.
pub fn alice(server: &Server) -> Client {
    let mut client = Client::tls(server.port("submissions"));
    client.expect("220");
    client.command("EHLO pc.example", "250");
    log_in(&mut client, ALICE);
    client
}

pub fn stranger(server: &Server) -> Client {
    let mut client = Client::plain(server.port("smtp"));
    client.expect("220");
    client.command("EHLO other.example", "250");
    client
}

#[track_caller]
pub fn done(output: Output, expected: &str) -> String {
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stdout.contains(expected), "{output:?}");
    output.stdout
}

/// The number of the only message in the queue.
pub fn only_message(server: &Server) -> String {
    let listed = done(server.tegami(&["queue", "list", "--json"], ""), "messages");
    let listed: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
    let messages = listed["messages"].as_array().expect("a list");
    assert_eq!(messages.len(), 1, "{listed}");
    messages[0]["id"].to_string()
}

/// Asks until the queue says so. It is written down soon behind what the other server heard, but behind it.
#[track_caller]
pub fn until_queue_says(server: &Server, arguments: &[&str], part: &str) -> String {
    let mut last = String::new();
    for () in patiently() {
        let output = server.tegami(arguments, "");
        if output.stdout.contains(part) {
            return output.stdout;
        }
        last = format!("{output:?}");
    }
    panic!("no {part:?} in {last}");
}

#[test]
fn a_users_letter_reaches_another_server() {
    let sink = Sink::start();
    let server = sending_to(sink.port, "");
    let mut client = alice(&server);
    client.command(&format!("MAIL FROM:<{ALICE}>"), "250");
    client.command("RCPT TO:<you@other.test>", "250");
    client.command("RCPT TO:<They@other.test>", "250");
    client.command(&format!("RCPT TO:<{BOB}>"), "250");
    client.command("DATA", "354");
    client.command("Subject: hello\r\n\r\n..\r\nbody\r\n.", "250 2.0.0");
    let letter = sink.letter();
    assert_eq!(letter.from.split(' ').next(), Some("<alice@example.test>"));
    assert_eq!(letter.to, ["<you@other.test>", "<They@other.test>"]);
    // What final delivery writes into a message stays here.
    assert!(
        letter.text.starts_with("Received: from pc.example"),
        "{letter:?}"
    );
    assert!(
        letter.text.ends_with("Subject: hello\r\n\r\n.\r\nbody\r\n"),
        "{letter:?}"
    );
    let here = fetch_all(&server, BOB);
    assert!(
        here[0].starts_with("Return-Path: <alice@example.test>\r\nReceived: "),
        "{here:?}"
    );
    until_queue_says(&server, &["queue", "list"], "No mail waits to leave.");
    done(server.tegami(&["status"], ""), "Queue        empty");
    assert_eq!(sink.rest(), []);
}

#[test]
fn one_account_does_not_fill_the_queue_for_the_others() {
    let sink = Sink::start();
    let server = sending_to(sink.port, "queue_messages = 5\n");
    let mut client = alice(&server);
    let say = |client: &mut Client, from: &str, expected: &str| {
        client.command(&format!("MAIL FROM:<{from}>"), "250");
        client.command("RCPT TO:<later@other.test>", expected);
        if expected == "250" {
            client.command("DATA", "354");
            client.command("Subject: waits\r\n\r\nbody\r\n.", "250 2.0.0");
        }
    };
    say(&mut client, ALICE, "250");
    say(&mut client, ALICE, "250");
    say(&mut client, ALICE, "452 4.3.1 Too much mail waits");
    // Who is here gets it nevertheless.
    client.command(&format!("RCPT TO:<{BOB}>"), "250");
    client.command("RSET", "250");
    let mut other = Client::tls(server.port("submissions"));
    other.expect("220");
    other.command("EHLO pc.example", "250");
    log_in(&mut other, BOB);
    say(&mut other, BOB, "250");
    say(&mut other, BOB, "250");
}

#[test]
fn a_full_queue_takes_no_more_for_elsewhere() {
    let sink = Sink::start();
    let server = sending_to(sink.port, "queue_messages = 1\n");
    send(
        &mut alice(&server),
        ALICE,
        "later@other.test",
        "Subject: waits\r\n\r\nbody",
    );
    done(
        server.tegami(&["alias", "add", "team@example.test", "x@other.test"], ""),
        "x@other.test",
    );
    let mut client = stranger(&server);
    client.command("MAIL FROM:<sender@third.test>", "250");
    client.command(
        "RCPT TO:<team@example.test>",
        "452 4.3.1 Too much mail waits",
    );
}

#[test]
fn a_smarthost_is_logged_in_to_under_verified_tls() {
    let smarthost = Server::start("");
    smarthost.reconfigure("\"mail.example.test\"", "\"smart.example.test\"");
    smarthost.reconfigure("[\"example.test\"]", "[\"other.test\", \"example.test\"]");
    let smarthost = smarthost.stop().start_again();
    for address in [ALICE, "you@other.test"] {
        smarthost.add_account(address, PASSWORD);
    }
    let names = NameServer::start(&[("smart.example.test", Says::Address("127.0.0.1"))]);
    let ca = smarthost.data_dir().join("tls").join("certificate.pem");
    let secret = tempfile::tempdir().expect("a temporary directory");
    let secret = secret.path().join("password");
    std::fs::create_dir_all(secret.parent().expect("a directory")).expect("a directory");
    std::fs::write(&secret, PASSWORD).expect("the password is written");
    for (service, subject) in [("submission", "one"), ("submissions", "two")] {
        let port = smarthost.port(service);
        let tls = if service == "submission" {
            "starttls"
        } else {
            "implicit"
        };
        let server = Server::start(&format!(
            "[dns]\nservers = [\"{}\"]\n[relay]\nsmarthost = \"smart.example.test:{port}\"\nsmarthost_tls = \"{tls}\"\n\
             smarthost_user = \"{ALICE}\"\nsmarthost_password_file = {secret:?}\nsmarthost_ca = {ca:?}\n",
            names.address
        ));
        server.add_account(ALICE, PASSWORD);
        send(
            &mut alice(&server),
            ALICE,
            "you@other.test",
            &format!("Subject: {subject}\r\n\r\nbody"),
        );
        let sent = server.logged("sent on");
        assert_eq!(sent["outcome"], "delivered", "{sent}");
        let messages = fetch_all(&smarthost, "you@other.test");
        let last = messages.last().expect("a message");
        assert!(
            last.contains(&format!("Subject: {subject}\r\n")),
            "{messages:?}"
        );
        assert!(last.contains("with ESMTPSA"), "{messages:?}");
    }
}

#[test]
fn a_certificate_that_does_not_hold_gets_neither_password_nor_mail() {
    let smarthost = Server::start("");
    smarthost.reconfigure("\"mail.example.test\"", "\"smart.example.test\"");
    let smarthost = smarthost.stop().start_again();
    smarthost.add_account(ALICE, PASSWORD);
    let port = smarthost.port("submission");
    let server = Server::start(&format!(
        "[relay]\nsmarthost = \"127.0.0.1:{port}\"\nsmarthost_user = \"{ALICE}\"\nsmarthost_password = \"{PASSWORD}\"\n"
    ));
    server.add_account(ALICE, PASSWORD);
    send(
        &mut alice(&server),
        ALICE,
        "you@other.test",
        "Subject: secret\r\n\r\nbody",
    );
    let sent = server.logged("sent on");
    assert_eq!(sent["outcome"], "deferred", "{sent}");
    let shown = until_queue_says(&server, &["queue", "list"], "certificate");
    assert!(!shown.contains(PASSWORD), "{shown}");
}

/// The message is durable or it is not; in the middle there is nothing.
#[test]
fn mail_whose_client_goes_away_behind_its_end_leaves_or_was_never_there() {
    let sink = Sink::start();
    let server = sending_to(sink.port, "");
    done(
        server.tegami(&["alias", "add", "team@example.test", "x@other.test"], ""),
        "x@other.test",
    );
    for _ in 0..30 {
        let mut client = stranger(&server);
        client.command("MAIL FROM:<sender@third.test>", "250");
        client.command("RCPT TO:<team@example.test>", "250");
        client.command("DATA", "354");
        client.send(b"Subject: gone\r\n\r\nbody\r\n.\r\n");
        client.reset();
    }
    until_queue_says(&server, &["queue", "list"], "No mail waits to leave.");
}

#[test]
fn what_is_put_off_waits_and_queue_retry_sends_it() {
    let sink = Sink::start();
    let server = sending_to(sink.port, "");
    send(
        &mut alice(&server),
        ALICE,
        "later@other.test",
        "Subject: moon\r\n\r\nbody",
    );
    let words = "Come back when the moon is full";
    until_queue_says(&server, &["queue", "list"], words);
    let id = only_message(&server);
    let shown = done(server.tegami(&["queue", "show", &id], ""), words);
    assert!(
        shown.contains("later@other.test, by way of 127.0.0.1:"),
        "{shown}"
    );
    assert!(shown.contains("tried 1 time"), "{shown}");
    assert!(shown.contains("next try in "), "{shown}");
    done(server.tegami(&["status"], ""), "Queue        1 message, ");
    sink.open();
    done(
        server.tegami(&["queue", "retry", &id], ""),
        "1 message is tried now.",
    );
    assert_eq!(sink.letter().to, ["<later@other.test>"]);
    until_queue_says(&server, &["queue", "list"], "No mail waits to leave.");
    let gone = server.tegami(&["queue", "show", &id], "");
    assert_eq!(gone.code, Some(1), "{gone:?}");
    assert!(gone.stderr.contains("there is no message"), "{gone:?}");
}

#[test]
fn what_is_refused_comes_back_to_its_sender() {
    let sink = Sink::start();
    let server = sending_to(sink.port, "");
    send(
        &mut alice(&server),
        ALICE,
        "never@other.test",
        "Subject: lost\r\n\r\nbody",
    );
    let sent = server.logged("sent on");
    assert_eq!(sent["outcome"], "failed", "{sent}");
    until_queue_says(&server, &["queue", "list"], "No mail waits to leave.");
    let messages = fetch_all(&server, ALICE);
    let [report] = messages.as_slice() else {
        panic!("{messages:?}");
    };
    for part in [
        "Return-Path: <>\r\n",
        "Content-Type: multipart/report;",
        "Final-Recipient: rfc822; never@other.test",
        "There is no such person",
        "Subject: lost",
    ] {
        assert!(report.contains(part), "no {part:?} in {report}");
    }
}

#[test]
fn sigkill_loses_nothing_that_waits() {
    let sink = Sink::start();
    let server = sending_to(sink.port, "");
    done(
        server.tegami(&["queue", "pause"], ""),
        "Paused: everything.",
    );
    let mut client = alice(&server);
    for number in 0..10 {
        let to = format!("you{number}@other.test");
        send(
            &mut client,
            ALICE,
            &to,
            &format!("Subject: {number}\r\n\r\nbody"),
        );
    }
    done(server.tegami(&["status"], ""), "10 messages");
    assert_eq!(sink.rest(), []);
    let stopped = server.kill();
    let listed = done(stopped.tegami(&["queue", "list"], ""), "you9@other.test");
    assert!(
        listed.contains("first try when the server runs"),
        "{listed}"
    );
    let server = stopped.start_again();
    let mut came: Vec<String> = (0..10).map(|_| sink.letter().to.concat()).collect();
    came.sort();
    let expected: Vec<String> = (0..10)
        .map(|number| format!("<you{number}@other.test>"))
        .collect();
    assert_eq!(came, expected);
    until_queue_says(&server, &["queue", "list"], "No mail waits to leave.");
}

#[test]
fn people_decide_about_mail_that_waits_whether_the_server_runs_or_not() {
    let sink = Sink::start();
    let server = sending_to(sink.port, "");
    done(
        server.tegami(&["queue", "pause"], ""),
        "Paused: everything.",
    );
    let mut client = alice(&server);
    for wish in ["BY=60;R", "HOLDFOR=60"] {
        client.command(&format!("MAIL FROM:<{ALICE}> {wish}"), "455 4.3.3");
    }
    for to in ["a@one.test", "b@one.test", "c@two.test"] {
        send(&mut client, ALICE, to, "Subject: x\r\n\r\nbody");
    }
    let one = ["--domain", "one.test"];
    let with = |verb: &'static str, more: &[&'static str]| {
        let mut arguments = vec!["queue", verb];
        arguments.extend(more);
        arguments
    };
    done(
        server.tegami(&with("hold", &one), ""),
        "2 messages are held until `tegami queue release`.",
    );
    done(
        server.tegami(&["queue", "resume"], ""),
        "Resumed: everything. All mail leaves.",
    );
    assert_eq!(sink.letter().to, ["<c@two.test>"]);
    until_queue_says(&server, &["status"], "Queue        2 messages");
    let stopped = server.stop();
    let paused = stopped.tegami(&["queue", "pause"], "");
    assert_eq!(paused.code, Some(1), "{paused:?}");
    assert!(paused.stderr.contains("relay"), "{paused:?}");
    let listed = done(
        stopped.tegami(&["queue", "list", "--domain", "one.test"], ""),
        "held",
    );
    assert!(
        listed.contains("a@one.test") && listed.contains("b@one.test"),
        "{listed}"
    );
    done(
        stopped.tegami(&["queue", "list", "--domain", "two.test"], ""),
        "No such mail waits to leave.",
    );
    let first = listed
        .lines()
        .nth(1)
        .and_then(|line| line.split_whitespace().next());
    let first = first.expect("a number").to_owned();
    done(
        stopped.tegami(&["queue", "remove", &first], ""),
        "1 message is removed.",
    );
    done(
        stopped.tegami(&["queue", "release", "--all"], ""),
        "1 message is released.",
    );
    let server = stopped.start_again();
    assert_eq!(sink.letter().to, ["<b@one.test>"]);
    until_queue_says(&server, &["queue", "list"], "No mail waits to leave.");
    assert_eq!(sink.rest(), []);
}

#[test]
fn nobody_relays_but_users_and_listed_networks() {
    let sink = Sink::start();
    let names = NameServer::start(&[("backup.test", Says::Fault)]);
    let dns = format!("[dns]\nservers = [\"{}\"]\n", names.address);
    let server = sending_to(
        sink.port,
        &format!("backup_domains = [\"backup.test\"]\n{dns}"),
    );
    for recipient in [
        "u@other.test",
        "u%other.test@example.test",
        "u%other.test@[127.0.0.1]",
        "u%other.test@backup.test",
        "\"u@other.test\"@example.test",
        "\"u@other.test\"@backup.test",
        "other.test!u@example.test",
        "@example.test:u@other.test",
        "@backup.test,@example.test:u@other.test",
        "u@[127.0.0.1]",
        "u@sub.example.test",
        "u@sub.backup.test",
        "SRS0=AAAA=22=other.test=u@example.test",
        "SRS1=AAAA=other.test==BBBB=22=third.test=u@example.test",
    ] {
        for sender in ["someone@other.example", ALICE, ""] {
            let mut client = stranger(&server);
            client.command(&format!("MAIL FROM:<{sender}>"), "250");
            client.command(&format!("RCPT TO:<{recipient}>"), "55");
            client.command("DATA", "554");
        }
    }
    let mut client = stranger(&server);
    client.command("XCLIENT LOGIN=alice@example.test", "5");
    send(
        &mut client,
        "someone@other.example",
        "u@backup.test",
        "Subject: safe\r\n\r\nbody",
    );
    done(server.tegami(&["queue", "list"], ""), "u@backup.test");
    let trusting = sending_to(sink.port, "networks = [\"127.0.0.0/8\"]\n");
    send(
        &mut stranger(&trusting),
        "printer@example.test",
        "u@other.test",
        "Subject: scan\r\n\r\nbody",
    );
    assert_eq!(sink.letter().to, ["<u@other.test>"]);
    assert_eq!(sink.rest(), []);
}

#[test]
fn relaying_can_be_switched_off_and_on_by_a_reload() {
    let sink = Sink::start();
    let server = sending_to(sink.port, "enabled = false\n");
    let refused = |server: &Server| {
        let mut client = alice(server);
        client.command(&format!("MAIL FROM:<{ALICE}>"), "250");
        client.command("RCPT TO:<you@other.test>", "550 5.4.4");
    };
    refused(&server);
    server.reconfigure("enabled = false", "enabled = true");
    server.reload();
    server.event("reloaded");
    send(
        &mut alice(&server),
        ALICE,
        "you@other.test",
        "Subject: on\r\n\r\nbody",
    );
    assert_eq!(sink.letter().to, ["<you@other.test>"]);
    server.reconfigure("enabled = true", "enabled = false");
    server.reload();
    server.event("reloaded");
    refused(&server);
    done(
        server.tegami(&["queue", "list"], ""),
        "Paused: everything, by relay.enabled = false.",
    );
}

#[test]
fn domains_that_take_no_mail_are_named_at_once() {
    let names = NameServer::start(&[
        ("null.test", Says::Mx(0, ".")),
        ("silent.test", Says::Fault),
        ("silent", Says::Fault),
        ("known", Says::Mx(0, "mx.known")),
    ]);
    let server = Server::start(&format!(
        "[dns]\nservers = [\"{}\"]\n[relay]\n",
        names.address
    ));
    server.add_account(ALICE, PASSWORD);
    done(server.tegami(&["queue", "pause"], ""), "Paused");
    for (recipient, reply) in [
        ("you@null.test", "556 5.1.10"),
        ("you@absent.test", "550 5.1.2"),
        // Whoever cannot be asked now is asked later.
        ("you@silent.test", "250 2.1.5"),
        // A single word counts as a domain only if DNS says so.
        ("you@absent", "554 5.1.2"),
        ("you@silent", "450 4.4.3"),
        ("you@known", "250 2.1.5"),
    ] {
        let mut client = alice(&server);
        client.command(&format!("MAIL FROM:<{ALICE}>"), "250");
        client.command(&format!("RCPT TO:<{recipient}>"), reply);
    }
}

// SUB-04
#[test]
fn a_single_word_goes_to_the_smarthost_only_if_somebody_listed_it() {
    let routes = "networks = [\"127.0.0.0/8\"]\n[[relay.route]]\ndomains = [\"intern\"]\nvia = \"127.0.0.1:9\"\ntls = \"none\"\n";
    let server = sending_to(9, routes);
    done(server.tegami(&["queue", "pause"], ""), "Paused");
    for mut client in [alice(&server), stranger(&server)] {
        for (recipient, reply) in [
            (
                "u@sales",
                "554 5.1.2 Domain of <u@sales> is not complete; write it in full",
            ),
            ("u@sales.test", "250 2.1.5"),
            ("u@intern", "250 2.1.5"),
        ] {
            client.command(&format!("MAIL FROM:<{ALICE}>"), "250");
            client.command(&format!("RCPT TO:<{recipient}>"), reply);
            client.command("RSET", "250");
        }
    }
    done(
        server.tegami(&["route", "u@sales"], ""),
        "is refused: its domain is one word",
    );
    done(server.tegami(&["route", "u@intern"], ""), "leaves by ");
}

#[test]
fn a_letter_for_tomorrow_waits_here_and_elsewhere() {
    let sink = Sink::start();
    let server = sending_to(sink.port, "");
    let mut client = alice(&server);
    assert!(client.ehlo().contains("FUTURERELEASE 2592000 "));
    client.command(&format!("MAIL FROM:<{ALICE}> HOLDFOR=86400"), "250");
    client.command("RCPT TO:<you@other.test>", "250");
    client.command(&format!("RCPT TO:<{BOB}>"), "250");
    client.command("DATA", "354");
    client.command("Subject: tomorrow\r\n\r\nbody\r\n.", "250 2.0.0");
    let id = only_message(&server);
    done(server.tegami(&["queue", "retry", &id], ""), "1 message");
    let shown = done(
        server.tegami(&["queue", "show", &id], ""),
        "Its sender wants it to wait until ",
    );
    assert!(
        shown.contains("you@other.test") && shown.contains("bob@example.test"),
        "{shown}"
    );
    assert!(shown.contains("first try in 23h 59m"), "{shown}");
    assert_eq!(fetch_all(&server, BOB), [""; 0]);
    assert_eq!(sink.rest(), []);
}

#[test]
fn a_device_sends_elsewhere_only_where_it_may() {
    let sink = Sink::start();
    let server = sending_to(
        sink.port,
        "[[device]]\nname = \"scanner\"\nlisten = [\"127.0.0.1:0\"]\nnetworks = [\"127.0.0.1\"]\n\
         sender = \"scanner@example.test\"\nsend_to = [\"archive.test\"]\n",
    );
    let port = server.listed("device");
    let port = port.rsplit(':').next().and_then(|port| port.parse().ok());
    let mut scanner = Client::plain(port.expect("a port"));
    scanner.expect("220");
    scanner.command("HELO scanner", "250");
    scanner.command("MAIL FROM:<scanner@example.test>", "250");
    scanner.command("RCPT TO:<you@other.test>", "550 5.7.1");
    scanner.command("RCPT TO:<us@archive.test>", "250");
    scanner.command("DATA", "354");
    scanner.command("Subject: page\r\n\r\n1\r\n.", "250");
    assert_eq!(sink.letter().to, ["<us@archive.test>"]);
}

#[test]
fn a_password_for_another_server_is_in_no_log_and_no_answer() {
    let server = Server::start(
        "[relay]\nsmarthost = \"127.0.0.1:9\"\nsmarthost_user = \"me\"\nsmarthost_password = \"correct horse\"\n",
    );
    server.add_account(ALICE, PASSWORD);
    let secrets = ["correct horse".to_owned(), base64(b"\0me\0correct horse")];
    let said = server.tegami(&["check", "--json"], "");
    let mut server = server;
    server.terminate();
    assert_eq!(server.exit_code(), Some(0));
    let log = server.rest_of_the_log();
    for secret in secrets {
        assert!(
            !said.stdout.contains(&secret) && !said.stderr.contains(&secret),
            "{said:?}"
        );
        assert!(!log.contains(&secret), "{log}");
    }
}
