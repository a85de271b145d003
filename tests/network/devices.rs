//! Listeners for devices: what an old scanner may do there, and what nobody may.

use super::client::{Client, base64};
use super::server::{Server, Stopped};
use super::{ALICE, BOB, PASSWORD, fetch_all, log_in, server_with_accounts};

const SCANNER: &str = "scanner@example.test";
const OWN_PASSWORD: &str = "paper jam in tray two";

/// The end of a configuration: one device on a free port, with more lines if need be.
fn device(name: &str, networks: &str, more: &str) -> String {
    format!(
        "\n[[device]]\nname = \"{name}\"\nlisten = [\"127.0.0.1:0\"]\nnetworks = [\"{networks}\"]\n\
         sender = \"{SCANNER}\"\n{more}"
    )
}

/// A server with these devices, and a mailbox for Bob.
fn server(devices: &str) -> Server {
    let server = Server::start(devices);
    server.add_account(BOB, PASSWORD);
    server
}

/// The ports of the devices, in their order.
fn ports(server: &Server) -> Vec<u16> {
    let listed = server.listed("device");
    let port = |one: &str| one.rsplit(':').next()?.parse().ok();
    listed.split(',').filter_map(port).collect()
}

fn device_client(port: u16) -> Client {
    let mut client = Client::plain(port);
    client.expect("220");
    client
}

#[test]
fn an_old_scanner_delivers_without_tls_brackets_or_proper_line_ends() {
    let server = server(&device("scanner", "127.0.0.1", ""));
    let mut scanner = device_client(ports(&server)[0]);
    scanner.command("HELO KONICA MINOLTA bizhub", "250");
    scanner.command("AUTH LOGIN", "503 5.5.1");
    scanner.command("MAIL FROM:scanner@example.test", "250 2.1.0");
    scanner.command("RCPT TO:bob@example.test", "250 2.1.5");
    scanner.command("DATA", "354");
    scanner.command("Subject: scan\n\nPage 1\n.\r\n.", "250 2.0.0");
    // The dot before the last stands behind a bare LF, so it ended nothing.
    scanner.command("QUIT", "221");
    let messages = fetch_all(&server, BOB);
    let [message] = messages.as_slice() else {
        panic!("{messages:?}");
    };
    assert!(
        message.starts_with(
            "Return-Path: <scanner@example.test>\r\nReceived: from [127.0.0.1] ([127.0.0.1]) by mail.example.test with SMTP"
        ),
        "{message:?}"
    );
    assert!(
        message.ends_with("Subject: scan\r\n\r\nPage 1\r\n.\r\n"),
        "{message:?}"
    );
    assert!(!message.contains("Message-ID"), "{message:?}");
    let delivered = server.logged("delivered");
    assert_eq!(delivered["spans"][0]["listener"], "device.scanner");
}

#[test]
fn whoever_is_outside_the_networks_hears_one_line_and_is_named_in_no_other() {
    let server = server(&device("scanner", "192.168.1.40", ""));
    let mut stranger = Client::plain(ports(&server)[0]);
    let said = stranger.expect("421 mail.example.test Only devices of listed networks");
    assert!(!said.contains("scanner"), "{said}");
    assert!(stranger.is_closed());
    let output = server.tegami(&["healthcheck"], "");
    assert_eq!(output.code, Some(0), "{output:?}");
}

#[test]
fn a_device_sends_as_itself_and_to_nobody_elsewhere_and_is_its_own_listener_only() {
    let more = "rewrite_sender = true\n";
    let devices = device("strict", "127.0.0.0/8", "") + &device("lenient", "127.0.0.0/8", more);
    let server = server(&devices);
    let ports = ports(&server);
    let mut strict = device_client(ports[0]);
    strict.command(
        "MAIL FROM:<bob@example.test>",
        "553 5.7.1 This device sends only as <scanner@example.test>",
    );
    strict.command("MAIL FROM:<>", "553 5.7.1");
    strict.command(&format!("MAIL FROM:<{SCANNER}>"), "250");
    strict.command("RCPT TO:<nobody@example.test>", "550 5.1.1");
    // The relay forms of ATTACKS.md; what is foreign is refused as it is to a user on port 587.
    for (recipient, refusal) in [
        ("u@other.example", "550 5.4.4"),
        ("u%other.example@[127.0.0.1]", "553"),
        ("u%other.example@example.test", "553"),
        ("\"u@other.example\"", "501"),
        ("\"u%other.example\"", "501"),
        ("u@other.example@example.test", "501"),
        ("\"u@other.example\"@[127.0.0.1]", "553"),
        ("\"u@other.example\"@example.test", "553"),
        ("@[127.0.0.1]:u@other.example", "501"),
        ("@example.test:u@other.example", "550"),
        ("@example.test,@example.test:u@other.example", "550"),
        ("other.example!u", "501"),
        ("other.example!u@[127.0.0.1]", "553"),
        ("other.example!u@example.test", "553"),
        ("u@other.example.", "501"),
        ("u@[127.0.0.1]", "550"),
    ] {
        let mut relay = device_client(ports[0]);
        relay.command(&format!("MAIL FROM:<{SCANNER}>"), "250");
        relay.command(&format!("RCPT TO:<{recipient}>"), refusal);
        relay.command("DATA", "554 5.5.1");
    }
    let mut lenient = device_client(ports[1]);
    lenient.command("EHLO nas_box", "250");
    lenient.command("MAIL FROM:<root>", "250");
    lenient.command(&format!("RCPT TO:<{BOB}>"), "250");
    lenient.command("DATA", "354");
    lenient.command("disk 3 is failing\r\n.", "250");
    let message = fetch_all(&server, BOB).remove(0);
    assert!(
        message.starts_with("Return-Path: <scanner@example.test>\r\n"),
        "{message:?}"
    );
    // What holds for devices holds nowhere else.
    let mut exchange = Client::plain(server.port("smtp"));
    exchange.expect("220");
    exchange.command("MAIL FROM:<a@other.example>", "503 5.5.1");
    exchange.command("HELO KONICA MINOLTA", "501");
    exchange.command("HELO x", "250");
    exchange.command("MAIL FROM:a@other.example", "501");
    let mut submission = Client::plain(server.port("submission"));
    submission.expect("220");
    submission.command("EHLO x", "250");
    submission.command("AUTH LOGIN", "530 5.7.0");
}

/// AUTH LOGIN as devices do it.
fn auth_login(client: &mut Client, name: &str, password: &str, verdict: &str) {
    client.command("AUTH LOGIN", "334 VXNlcm5hbWU6");
    client.command(&base64(name.as_bytes()), "334 UGFzc3dvcmQ6");
    client.command(&base64(password.as_bytes()), verdict);
}

#[test]
fn a_device_logs_in_clear_with_its_own_password_or_as_its_account_and_as_nobody_else() {
    let secrets = tempfile::tempdir().expect("a temporary directory");
    let file = secrets.path().join("scanner.password");
    std::fs::write(&file, format!("{OWN_PASSWORD}\n")).expect("our own file");
    let own = format!("login = \"scanner\"\npassword_file = {file:?}\n");
    let account = format!("login = \"{ALICE}\"\n");
    let devices = device("own", "127.0.0.1", &own) + &device("account", "127.0.0.1", &account);
    let server = server(&devices);
    server.add_account(ALICE, PASSWORD);
    let ports = ports(&server);
    for (port, name, right, others) in [
        (
            ports[0],
            "scanner",
            OWN_PASSWORD,
            [(ALICE, PASSWORD), ("scanner", PASSWORD)],
        ),
        (
            ports[1],
            "alice",
            PASSWORD,
            [(BOB, PASSWORD), ("scanner", OWN_PASSWORD)],
        ),
    ] {
        let mut client = device_client(port);
        client.command("HELO scanner", "250");
        client.command(&format!("MAIL FROM:<{SCANNER}>"), "530 5.7.0");
        for (name, password) in others {
            auth_login(&mut client, name, password, "535 5.7.8");
        }
        client.command(&format!("MAIL FROM:<{SCANNER}>"), "530 5.7.0");
        auth_login(&mut client, name, right, "235 2.7.0");
        client.command(&format!("MAIL FROM:<{ALICE}>"), "553 5.7.1");
        client.command(&format!("MAIL FROM:<{SCANNER}>"), "250");
        client.command(&format!("RCPT TO:<{BOB}>"), "250");
        client.command("RCPT TO:<u@other.example>", "550 5.4.4");
        client.command("DATA", "354");
        client.command("Subject: x\r\n\r\n.", "250");
    }
    for message in fetch_all(&server, BOB) {
        assert!(message.contains("with ESMTPA"), "{message:?}");
    }
    // The device's password opens nothing else, and an account that is gone sends nothing more.
    let mut submissions = Client::tls(server.port("submissions"));
    submissions.expect("220");
    submissions.command("EHLO pc", "250");
    let response = base64(format!("\0scanner\0{OWN_PASSWORD}").as_bytes());
    submissions.command(&format!("AUTH PLAIN {response}"), "535");
    let mut client = device_client(ports[1]);
    let response = base64(format!("\0{ALICE}\0{PASSWORD}").as_bytes());
    client.command(&format!("AUTH PLAIN {response}"), "235");
    let output = server.tegami(&["account", "disable", ALICE], "");
    assert_eq!(output.code, Some(0), "{output:?}");
    client.command(&format!("MAIL FROM:<{SCANNER}>"), "553 5.7.1");
}

#[test]
fn guessing_the_password_of_a_device_ends_after_ten_tries() {
    let secrets = tempfile::tempdir().expect("a temporary directory");
    let file = secrets.path().join("scanner.password");
    std::fs::write(&file, OWN_PASSWORD).expect("our own file");
    let own = format!("login = \"scanner\"\npassword_file = {file:?}\n");
    let server = server(&device("own", "127.0.0.1", &own));
    for _ in 0..10 {
        let mut client = device_client(ports(&server)[0]);
        auth_login(&mut client, "scanner", "guess", "535");
    }
    // Nor does a reload let anybody guess again.
    server.reload();
    server.event("reloaded");
    let mut client = device_client(ports(&server)[0]);
    auth_login(&mut client, "scanner", OWN_PASSWORD, "421");
    assert!(client.is_closed());
}

#[test]
fn a_device_has_limits_of_its_own() {
    let more = "max_message_size = 1000\nmax_recipients = 2\nmail_rate = \"3/1h\"\nsessions = 2\n";
    let server = server(&device("small", "127.0.0.1", more));
    let port = ports(&server)[0];
    let mut client = device_client(port);
    let offer = client.ehlo();
    assert!(
        offer.contains("SIZE 1000") && offer.contains("RCPTMAX=2"),
        "{offer}"
    );
    assert!(
        offer.contains("STARTTLS") && !offer.contains("AUTH"),
        "{offer}"
    );
    client.command(&format!("MAIL FROM:<{SCANNER}> SIZE=1001"), "552 5.3.4");
    client.command(&format!("MAIL FROM:<{SCANNER}>"), "250");
    for verdict in ["250", "250", "452 4.5.3"] {
        client.command(&format!("RCPT TO:<{BOB}>"), verdict);
    }
    client.command("DATA", "354");
    client.command(&format!("{}\r\n.", "x".repeat(999)), "552 5.3.4");
    for verdict in ["250", "250", "450 4.7.1"] {
        client.command(&format!("MAIL FROM:<{SCANNER}>"), verdict);
        client.command("RSET", "250");
    }
    server.reload();
    server.event("reloaded");
    client.command(&format!("MAIL FROM:<{SCANNER}>"), "450 4.7.1");
    let _second = device_client(port);
    Client::plain(port).expect("421 mail.example.test Too many sessions");
    client.command("QUIT", "221");
    assert!(client.is_closed());
    device_client(port).command("QUIT", "221");
}

#[test]
fn a_device_that_knows_tls_may_use_it() {
    let server = server(&device("scanner", "127.0.0.1", ""));
    let output = server.tegami(&["healthcheck"], "");
    assert_eq!(output.code, Some(0), "{output:?}");
    let mut client = device_client(ports(&server)[0]);
    client.command("EHLO mfp", "250");
    client.command("STARTTLS", "220");
    let mut client = client.into_tls();
    client.command("EHLO mfp", "250");
    super::send(&mut client, SCANNER, BOB, "Subject: x\r\n\r\nbody");
    let message = fetch_all(&server, BOB).remove(0);
    assert!(
        message.contains("from mfp ([127.0.0.1])") && message.contains("with ESMTPS"),
        "{message:?}"
    );
}

#[test]
fn a_reload_changes_what_a_device_may_do_and_a_removed_one_may_do_nothing() {
    let server = server(&device("scanner", "192.168.1.40", ""));
    let port = ports(&server)[0];
    Client::plain(port).expect("421");
    server.reconfigure("192.168.1.40", "127.0.0.1");
    server.reload();
    server.event("reloaded");
    device_client(port).command(&format!("MAIL FROM:<{SCANNER}>"), "250");
    let status = server.tegami(&["status"], "").stdout;
    assert!(
        status.contains(&format!("device.scanner on 127.0.0.1:{port}")),
        "{status}"
    );
    server.reconfigure("name = \"scanner\"", "name = \"another\"");
    server.reload();
    assert_eq!(
        server.logged("changed, but takes effect only with a restart")["key"],
        "device.listen"
    );
    server.event("reloaded");
    Client::plain(port).expect("421");
}

#[test]
fn the_command_line_writes_a_device_that_works_and_nothing_that_does_not() {
    let stopped = Stopped::before("");
    let add = |more: &[&str]| {
        let words = [
            "device",
            "add",
            "scanner",
            "--listen",
            "127.0.0.1:0",
            "--network",
        ];
        stopped.tegami(&[&words, more].concat(), "")
    };
    let printed = add(&["127.0.0.1", "--sender", SCANNER, "--kind", "scanner"]);
    assert_eq!(printed.code, Some(0), "{printed:?}");
    for words in [
        "[[device]]\nname = \"scanner\"\nlisten = [\"127.0.0.1:0\"]\nnetworks = [\"127.0.0.1\"]\nsender = \"scanner@example.test\"\n",
        "Type this into the device:\n  Server        127.0.0.1 (or mail.example.test, if it can look that up)\n",
        "  Login         none\n  Sender        scanner@example.test\n  Test mail to  postmaster@example.test\n",
    ] {
        assert!(
            printed.stdout.contains(words),
            "{words:?} in {}",
            printed.stdout
        );
    }
    for (more, refusal) in [
        (
            &["0.0.0.0/0", "--sender", SCANNER][..],
            "0.0.0.0/0 is far more than",
        ),
        (&["::1", "--sender", "a@b.test"], "in none of the domains"),
        (
            &["::1", "--sender", SCANNER, "--login", "x"],
            "is no address",
        ),
        (
            &["::1", "--sender", SCANNER, "--to", "friend@b.test"],
            "--to friend@b.test: a device can write to addresses of this server only",
        ),
    ] {
        let refused = add(&[more, &["--write"]].concat());
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(refused.stderr.contains(refusal), "{refused:?}");
        // It was not written, so it has no lines.
        assert!(!refused.stderr.contains("tegami.toml:"), "{refused:?}");
    }
    let none = stopped.tegami(&["device", "list", "--json"], "");
    assert_eq!(none.stdout, "[]\n");
    let written = add(&["127.0.0.1", "--sender", SCANNER, "--write"]);
    assert_eq!(written.code, Some(0), "{written:?}");
    let again = add(&["127.0.0.1", "--sender", SCANNER, "--write"]);
    assert!(again.stderr.contains("is there twice"), "{again:?}");
    let list = stopped.tegami(&["device", "list"], "").stdout;
    assert!(
        list.lines().count() == 2 && list.contains(SCANNER),
        "{list}"
    );
    let check = stopped.tegami(&["check"], "").stdout;
    let line = format!("scanner on 127.0.0.1:0, from 127.0.0.1, as {SCANNER}, without a login");
    assert!(check.contains(&line), "{check}");
    let server = stopped.start_again();
    server.add_account(BOB, PASSWORD);
    let mut client = device_client(ports(&server)[0]);
    super::send(&mut client, SCANNER, BOB, "Subject: x\r\n\r\nbody");
    assert_eq!(fetch_all(&server, BOB).len(), 1);
}

#[test]
fn a_new_device_names_people_who_are_there() {
    let server = server_with_accounts();
    let add = |more: &[&str]| {
        let words = "device add nas --listen 127.0.0.1:0 --network 127.0.0.1 --sender";
        let words: Vec<&str> = words.split(' ').collect();
        server.tegami(&[&words, more].concat(), "")
    };
    let refused = add(&[ALICE, "--login", "nosuch@example.test"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(
        refused.stderr.contains("there is no such account"),
        "{refused:?}"
    );
    let fine = add(&[ALICE, "--login", ALICE, "--to", BOB]);
    assert_eq!((fine.code, fine.stderr.as_str()), (Some(0), ""), "{fine:?}");
    let odd = add(&[SCANNER, "--to", "nosuch@example.test"]);
    assert_eq!(odd.code, Some(0), "{odd:?}");
    for words in [
        "nobody gets mail for scanner@example.test",
        "nobody gets mail for nosuch@example.test",
    ] {
        assert!(odd.stderr.contains(words), "{odd:?}");
    }
}

/// Nothing of a device's freedom may come over a session that is none.
#[test]
fn without_a_device_there_is_no_such_listener() {
    let server = server_with_accounts();
    assert_eq!(server.listed("device"), "");
    let mut client = Client::tls(server.port("submissions"));
    client.expect("220");
    client.command("EHLO pc", "250");
    log_in(&mut client, ALICE);
    client.command(&format!("MAIL FROM:<{SCANNER}>"), "553 5.7.1");
}
