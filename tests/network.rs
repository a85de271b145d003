//! The built server on loopback, talked to through its own ports: what no pure session test can show.
//!
//! Every test starts its own server on free ports with its own data directory. Nothing here waits for a clock:
//! a server is ready when it says so, and a reply is waited for until it comes.

#![expect(clippy::expect_used, reason = "a test that cannot go on says why")]

#[path = "network/accounts.rs"]
mod accounts;
#[path = "network/attacks.rs"]
mod attacks;
#[path = "network/backups.rs"]
mod backups;
#[path = "network/client.rs"]
mod client;
#[path = "network/crowded.rs"]
mod crowded;
#[path = "network/declared.rs"]
mod declared;
#[path = "network/devices.rs"]
mod devices;
#[path = "network/dns.rs"]
mod dns;
#[path = "network/doors.rs"]
mod doors;
#[path = "network/etrn.rs"]
mod etrn;
#[path = "network/explain.rs"]
mod explain;
#[path = "network/fetching.rs"]
mod fetching;
#[path = "network/hub_and_spoke.rs"]
mod hub_and_spoke;
#[path = "network/later.rs"]
mod later;
#[path = "network/leaving.rs"]
mod leaving;
#[path = "network/lifecycle.rs"]
mod lifecycle;
#[path = "network/lists.rs"]
mod lists;
#[path = "network/locked.rs"]
mod locked;
#[path = "network/manager.rs"]
mod manager;
#[path = "network/moving.rs"]
mod moving;
#[path = "network/obligations.rs"]
mod obligations;
#[path = "network/on_demand.rs"]
mod on_demand;
#[path = "network/onward.rs"]
mod onward;
#[path = "network/outages.rs"]
mod outages;
#[path = "network/outbound.rs"]
mod outbound;
#[path = "network/pauses.rs"]
mod pauses;
#[path = "network/postmaster.rs"]
mod postmaster;
#[path = "network/provider.rs"]
mod provider;
#[path = "network/proxied.rs"]
mod proxied;
#[path = "network/refusals.rs"]
mod refusals;
#[path = "network/relayed.rs"]
mod relayed;
#[path = "network/rows.rs"]
mod rows;
#[path = "network/scram.rs"]
mod scram;
#[path = "network/senders.rs"]
mod senders;
#[path = "network/server.rs"]
mod server;
#[path = "network/sink.rs"]
mod sink;
#[path = "network/upkeep.rs"]
mod upkeep;
#[path = "network/waiting.rs"]
mod waiting;
#[path = "network/withdrawn.rs"]
mod withdrawn;

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use client::Client;
use server::Server;

const ALICE: &str = "alice@example.test";
const BOB: &str = "bob@example.test";
const PASSWORD: &str = "a long enough password";

/// Again and again for a minute, however fast the machine is: for what is about to be so.
fn patiently() -> impl Iterator<Item = ()> {
    let begun = Instant::now();
    let minute = Duration::from_secs(60);
    std::iter::repeat(()).take_while(move |()| begun.elapsed() < minute)
}

fn server_with_accounts() -> Server {
    let server = Server::start("");
    for address in [ALICE, BOB] {
        server.add_account(address, PASSWORD);
    }
    server
}

fn log_in(client: &mut Client, login: &str) {
    let response = client::base64(format!("\0{login}\0{PASSWORD}").as_bytes());
    client.command(&format!("AUTH PLAIN {response}"), "235 2.7.0");
}

fn send(client: &mut Client, from: &str, to: &str, body: &str) {
    client.command(&format!("MAIL FROM:<{from}>"), "250 2.1.0");
    client.command(&format!("RCPT TO:<{to}>"), "250 2.1.5");
    client.command("DATA", "354");
    client.send(body.as_bytes());
    client.command("\r\n.", "250 2.0.0");
}

fn fetch_all(server: &Server, login: &str) -> Vec<String> {
    let mut client = Client::tls(server.port("pop3s"));
    client.expect("+OK");
    client.command(&format!("USER {login}"), "+OK");
    client.command(&format!("PASS {PASSWORD}"), "+OK");
    let stat = client.command("STAT", "+OK");
    let count: usize = stat
        .split(' ')
        .nth(1)
        .and_then(|count| count.parse().ok())
        .expect("STAT counts");
    let messages = (1..=count)
        .map(|number| {
            client.command(&format!("RETR {number}"), "+OK");
            client.listing()
        })
        .collect();
    client.command("QUIT", "+OK");
    messages
}

/// What POP3 clients know the messages of a mailbox by.
fn unique_ids(server: &Server, login: &str) -> Vec<String> {
    let mut client = Client::tls(server.port("pop3s"));
    client.expect("+OK");
    client.command(&format!("USER {login}"), "+OK");
    client.command(&format!("PASS {PASSWORD}"), "+OK");
    client.command("UIDL", "+OK");
    let lines = client.listing();
    client.command("QUIT", "+OK");
    let id = |line: &str| line.split_once(' ').map(|(_, id)| id.to_owned());
    lines.lines().filter_map(id).collect()
}

#[test]
fn a_letter_goes_in_through_every_smtp_listener_and_out_through_both_pop3_listeners() {
    let server = server_with_accounts();

    let mut exchange = Client::plain(server.port("smtp"));
    exchange.expect("220");
    exchange.command("EHLO other.example", "250");
    send(
        &mut exchange,
        "someone@other.example",
        BOB,
        "Subject: one\r\n\r\n..stuffed",
    );
    exchange.command("QUIT", "221");

    let mut submission = Client::plain(server.port("submission"));
    submission.expect("220");
    submission.command("EHLO pc", "250");
    submission.command("STARTTLS", "220");
    let mut submission = submission.into_tls();
    submission.command("EHLO pc", "250");
    log_in(&mut submission, ALICE);
    send(&mut submission, ALICE, BOB, "Subject: two\r\n\r\nbody");

    let mut submissions = Client::tls(server.port("submissions"));
    submissions.expect("220");
    submissions.command("EHLO pc", "250");
    log_in(&mut submissions, "alice");
    send(&mut submissions, ALICE, BOB, "Subject: three\r\n\r\nbody");

    let messages = fetch_all(&server, BOB);
    assert_eq!(messages.len(), 3);
    assert!(
        messages[0].ends_with("Subject: one\r\n\r\n.stuffed\r\n"),
        "{:?}",
        messages[0]
    );
    assert!(
        messages[0]
            .starts_with("Return-Path: <someone@other.example>\r\nReceived: from other.example")
    );
    assert!(messages[1].contains("with ESMTPSA"), "{:?}", messages[1]);

    let mut stls = Client::plain(server.port("pop3"));
    stls.expect("+OK");
    stls.command("STLS", "+OK");
    let mut stls = stls.into_tls();
    stls.command("USER bob", "+OK");
    stls.command(&format!("PASS {PASSWORD}"), "+OK");
    stls.command("DELE 1", "+OK");
    stls.command("QUIT", "+OK");
    assert_eq!(fetch_all(&server, BOB).len(), 2);
}

#[test]
fn a_letter_in_chunks_reaches_a_name_beyond_ascii() {
    let server = Server::start("[smtp]\nnormalize_from = [\"127.0.0.0/8\", \"::1\"]\n");
    server.add_account("jörg@example.test", PASSWORD);
    let mut exchange = Client::plain(server.port("smtp"));
    exchange.expect("220");
    exchange.command("EHLO other.example", "250");
    exchange.command("MAIL FROM:<手紙@other.example> SMTPUTF8", "250 2.1.0");
    exchange.command("RCPT TO:<JÖRG@example.test>", "250 2.1.5");
    // The helper adds the CRLF that ends each chunk.
    exchange.command("BDAT 14\r\nSubject: 手", "250 2.0.0 14 octets");
    exchange.command("BDAT 9 LAST\r\n\r\n\nbody", "250 2.0.0 Stored");
    let mut pop3 = Client::tls(server.port("pop3s"));
    pop3.expect("+OK");
    let response = client::base64(format!("\0Jo\u{308}rg@example.test\0{PASSWORD}").as_bytes());
    pop3.command(&format!("AUTH PLAIN {response}"), "+OK");
    assert!(pop3.command("STAT", "+OK").starts_with("+OK 1 "));
}

#[test]
fn acknowledged_mail_survives_sigkill_and_unique_ids_stay() {
    let server = server_with_accounts();
    let mut exchange = Client::plain(server.port("smtp"));
    exchange.expect("220");
    exchange.command("EHLO other.example", "250");
    for number in 0..20 {
        send(
            &mut exchange,
            "",
            BOB,
            &format!("Subject: {number}\r\n\r\nbody"),
        );
    }
    let before = unique_ids(&server, BOB);
    let server = server.kill().start_again();
    assert_eq!(unique_ids(&server, BOB), before);
    let messages = fetch_all(&server, BOB);
    assert_eq!(messages.len(), 20);
    for (number, message) in messages.iter().enumerate() {
        assert!(
            message.contains(&format!("Subject: {number}\r\n")),
            "{message:?}"
        );
    }
}

#[test]
fn one_session_at_a_time_holds_a_maildrop() {
    let server = server_with_accounts();
    let mut first = Client::tls(server.port("pop3s"));
    first.expect("+OK");
    first.command("USER bob", "+OK");
    first.command(&format!("PASS {PASSWORD}"), "+OK");
    let mut second = Client::tls(server.port("pop3s"));
    second.expect("+OK");
    second.command("USER bob", "+OK");
    second.command(&format!("PASS {PASSWORD}"), "-ERR [IN-USE]");
    first.command("QUIT", "+OK");
    second.command("USER bob", "+OK");
    second.command(&format!("PASS {PASSWORD}"), "+OK");
}

#[test]
fn plaintext_behind_starttls_is_forgotten() {
    let server = Server::start("");
    let mut client = Client::plain(server.port("smtp"));
    client.expect("220");
    client.command("EHLO other.example", "250");
    client.command("STARTTLS\r\nNOOP", "220");
    let mut client = client.into_tls();
    // Had NOOP been kept, its reply would come first.
    client.command("MAIL FROM:<a@other.example>", "503 5.5.1");
    client.command("EHLO other.example", "250");
}

#[test]
fn users_log_in_on_port_25_only_where_that_is_switched_on() {
    for (setting, in_clear, over_tls) in [
        ("", "503 5.5.1", "503 5.5.1"),
        ("true", "538 5.7.11", "235 2.7.0"),
    ] {
        let mut server = Server::start_managed(|mut command| {
            if !setting.is_empty() {
                command.env("TEGAMI_AUTH__ON_MX", setting);
            }
            command
        });
        server.add_account(ALICE, PASSWORD);
        let mut client = Client::plain(server.port("smtp"));
        client.expect("220");
        client.command("EHLO old.example", "250");
        let response = client::base64(format!("\0{ALICE}\0{PASSWORD}").as_bytes());
        client.command(&format!("AUTH PLAIN {response}"), in_clear);
        client.command("STARTTLS", "220");
        let mut client = client.into_tls();
        client.command("EHLO old.example", "250");
        client.command(&format!("AUTH PLAIN {response}"), over_tls);
        server.terminate();
        assert_eq!(server.exit_code(), Some(0));
    }
}

#[test]
fn administration_works_with_and_without_a_running_server() {
    let server = server_with_accounts();
    let online = server.tegami(&["account", "list", "--json"], "");
    assert!(
        online.stdout.contains(ALICE) && online.stdout.contains(BOB),
        "{online:?}"
    );
    let stopped = server.kill();
    let added = stopped.tegami(
        &[
            "account",
            "add",
            "carol@example.test",
            "--password-file",
            "-",
        ],
        PASSWORD,
    );
    assert_eq!(added.code, Some(0), "{added:?}");
    let offline = stopped.tegami(&["account", "list", "--json"], "");
    assert!(offline.stdout.contains("carol@example.test"), "{offline:?}");
    let server = stopped.start_again();
    assert_eq!(fetch_all(&server, "carol").len(), 0);
    let removed = server.tegami(&["account", "disable", "carol@example.test"], "");
    assert_eq!(removed.code, Some(0), "{removed:?}");
    let mut client = Client::tls(server.port("pop3s"));
    client.expect("+OK");
    client.command("USER carol", "+OK");
    client.command(&format!("PASS {PASSWORD}"), "-ERR [AUTH]");
}

#[test]
fn the_health_check_passes_and_leaves_the_log_as_it_was() {
    let mut server = Server::start("");
    let output = server.tegami(&["healthcheck"], "");
    assert_eq!(output.code, Some(0), "{output:?}");
    server.terminate();
    assert_eq!(server.exit_code(), Some(0));
    let events = server.events_after("ready");
    assert_eq!(events, ["stopping", "stopped"]);
    let output = server.tegami(&["healthcheck"], "");
    assert_eq!(output.code, Some(1), "{output:?}");
}

/// A renewed certificate is taken over some seconds after it is on disk; the health check once failed until then.
#[test]
fn the_health_check_looks_at_the_certificate_shown_and_not_at_the_one_on_disk() {
    let server = Server::start("");
    let certificate = server.data_dir().join("tls").join("certificate.pem");
    std::fs::write(certificate, "half of another one").expect("the certificate is written over");
    let output = server.tegami(&["healthcheck"], "");
    assert_eq!(output.code, Some(0), "{output:?}");
}

#[test]
fn what_is_stored_is_nobody_elses_business() {
    let server = server_with_accounts();
    let mut pending = vec![server.data_dir()];
    while let Some(path) = pending.pop() {
        let metadata = std::fs::symlink_metadata(&path).expect("what is listed exists");
        let expected = if metadata.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(
            metadata.permissions().mode() & 0o777,
            expected,
            "{}",
            path.display()
        );
        if metadata.is_dir() {
            pending.extend(
                std::fs::read_dir(&path)
                    .expect("our directory")
                    .map(|entry| entry.expect("an entry").path()),
            );
        }
    }
}

#[test]
fn an_account_may_not_log_in_to_pop3_sooner_than_the_delay() {
    let server = Server::start("[pop3]\nlogin_delay = \"1h\"\n");
    for address in [ALICE, BOB] {
        server.add_account(address, PASSWORD);
    }
    let session = |login: &str, password: &str, expected: &str| {
        let mut client = Client::tls(server.port("pop3s"));
        client.expect("+OK");
        client.command("CAPA", "+OK");
        let capabilities = client.listing();
        assert!(
            capabilities.contains("\r\nLOGIN-DELAY 3600\r\n"),
            "{capabilities}"
        );
        client.command(&format!("USER {login}"), "+OK");
        client.command(&format!("PASS {password}"), expected);
        client.command("QUIT", "+OK");
    };
    // A refused login does not count, and a wrong password learns nothing.
    session(ALICE, "wrong", "-ERR [AUTH]");
    session(ALICE, PASSWORD, "+OK");
    session(
        ALICE,
        PASSWORD,
        "-ERR [LOGIN-DELAY] Minimum interval between logins is 3600 s",
    );
    session(ALICE, "wrong", "-ERR [AUTH]");
    session(BOB, PASSWORD, "+OK");
}

#[test]
fn pop3_speaks_japanese_over_the_wire() {
    let server = server_with_accounts();
    let mut client = Client::tls(server.port("pop3s"));
    client.expect("+OK");
    client.command("UTF8", "+OK UTF8 enabled");
    client.command("LANG ja-JP", "+OK ja これからは日本語で応答します");
    client.command(&format!("USER {ALICE}"), "+OK PASS を送信してください");
    client.command(
        &format!("PASS {PASSWORD}"),
        "+OK メールボックスを開きました。メッセージは 0 通です",
    );
    client.command("QUIT", "+OK ご利用ありがとうございました");
}

#[test]
fn international_mail_has_a_surrogate_for_clients_without_utf8_mode() {
    let server = server_with_accounts();
    let mut exchange = Client::plain(server.port("smtp"));
    exchange.expect("220");
    exchange.command("EHLO other.example", "250");
    exchange.command("MAIL FROM:<josé@other.example> SMTPUTF8", "250 2.1.0");
    exchange.command(&format!("RCPT TO:<{BOB}>"), "250 2.1.5");
    exchange.command("DATA", "354");
    let letter = "From: José <josé@other.example>\r\nSubject: 手紙\r\n\r\nこんにちは\r\n";
    exchange.send(letter.as_bytes());
    exchange.command(".", "250 2.0.0");
    let fetch = |modes: &[&str]| {
        let mut client = Client::tls(server.port("pop3s"));
        client.expect("+OK");
        for mode in modes {
            client.command(mode, "+OK");
        }
        client.command(&format!("USER {BOB}"), "+OK");
        client.command(&format!("PASS {PASSWORD}"), "+OK");
        let stat = client.command("STAT", "+OK 1 ");
        client.command("RETR 1", "+OK");
        let message = client.listing();
        client.command("QUIT", "+OK");
        assert_eq!(stat, format!("+OK 1 {}\r\n", message.len()), "{message}");
        message
    };
    let surrogate = fetch(&[]);
    let (header, body) = surrogate.split_once("\r\n\r\n").expect("a blank line");
    assert!(header.is_ascii(), "{header}");
    assert!(
        header.contains("<invalid@internationalized-address.invalid>"),
        "{header}"
    );
    assert!(
        header.contains("\r\nSubject: =?utf-8?B?5omL57SZ?="),
        "{header}"
    );
    assert_eq!(body, "こんにちは\r\n");
    let original = fetch(&["UTF8"]);
    assert!(original.ends_with(letter), "{original}");
}

#[test]
fn quota_refuses_the_message_after_the_one_that_filled_the_mailbox() {
    let server = server_with_accounts();
    let output = server.tegami(&["account", "quota", BOB, "1000"], "");
    assert_eq!(output.code, Some(0), "{output:?}");
    let mut exchange = Client::plain(server.port("smtp"));
    exchange.expect("220");
    exchange.command("EHLO other.example", "250");
    send(
        &mut exchange,
        "",
        BOB,
        &format!("Subject: big\r\n\r\n{}", "x".repeat(900)),
    );
    exchange.command("MAIL FROM:<>", "250");
    exchange.command(&format!("RCPT TO:<{BOB}>"), "452 4.2.2");
    exchange.command(&format!("RCPT TO:<{ALICE}>"), "250");
}

#[test]
fn a_listed_proxy_names_the_client_and_must_name_one() {
    let server = Server::start("[proxy]\nfrom = [\"127.0.0.0/8\"]\n");
    server.add_account(BOB, PASSWORD);
    let mut passed_on = Client::plain(server.port("smtp"));
    passed_on.send(b"PROXY TCP4 192.0.2.9 198.51.100.1 1025 25\r\n");
    passed_on.expect("220");
    passed_on.command("EHLO other.example", "250");
    send(&mut passed_on, "", BOB, "Subject: proxied\r\n\r\nbody");

    let mut fetching = Client::plain(server.port("pop3s"));
    fetching.send(b"PROXY UNKNOWN\r\n");
    let mut fetching = fetching.into_tls();
    fetching.expect("+OK");
    fetching.command("USER bob", "+OK");
    fetching.command(&format!("PASS {PASSWORD}"), "+OK");
    fetching.command("RETR 1", "+OK");
    let message = fetching.listing();
    assert!(
        message.contains("from other.example ([192.0.2.9])"),
        "{message}"
    );

    let mut unnamed = Client::plain(server.port("smtp"));
    unnamed.send(b"EHLO a\r\n");
    assert!(unnamed.is_closed());
    let health = server.tegami(&["healthcheck"], "");
    assert_eq!(health.code, Some(0), "{health:?}");
}

#[test]
fn a_proxy_header_of_nobody_in_particular_is_an_unknown_command() {
    let server = Server::start("");
    let mut client = Client::plain(server.port("smtp"));
    client.expect("220");
    client.command("PROXY TCP4 192.0.2.9 198.51.100.1 1025 25", "500");
}

#[test]
fn scram_is_bound_to_the_tls_connection_it_runs_in() {
    let server = server_with_accounts();
    let exporter = "p=tls-exporter,,";
    let plus = "SCRAM-SHA-256-PLUS";
    // Over both protocols, with implicit TLS and after STARTTLS.
    let mut client = Client::plain(server.port("submission"));
    client.expect("220");
    client.command("EHLO client.example", "250");
    client.command("STARTTLS", "220");
    let mut client = client.into_tls();
    client.command("EHLO client.example", "250");
    let binding = client.binding.expect("TLS 1.3 on both sides");
    let mut wrong = binding;
    wrong[0] ^= 1;
    let bound = (plus, exporter, &wrong[..]);
    scram::log_in(
        &mut client,
        &scram::SMTP,
        bound,
        (ALICE, PASSWORD),
        "535 5.7.8",
    );
    let bound = (plus, exporter, &binding[..]);
    scram::log_in(
        &mut client,
        &scram::SMTP,
        bound,
        (ALICE, "wrong"),
        "535 5.7.8",
    );
    scram::log_in(
        &mut client,
        &scram::SMTP,
        bound,
        ("nobody", PASSWORD),
        "535 5.7.8",
    );
    scram::log_in(
        &mut client,
        &scram::SMTP,
        bound,
        (ALICE, PASSWORD),
        "235 2.7.0",
    );
    client.command(&format!("MAIL FROM:<{ALICE}>"), "250");

    let mut client = Client::tls(server.port("pop3s"));
    client.expect("+OK");
    let binding = client.binding.expect("TLS 1.3 on both sides");
    let bound = (plus, exporter, &binding[..]);
    scram::log_in(&mut client, &scram::POP3, bound, (BOB, PASSWORD), "+OK");
    client.command("STAT", "+OK 0 0");
    client.command("QUIT", "+OK");

    // Without binding, where nobody offered any: in clear.
    let mut client = Client::plain(server.port("pop3"));
    client.expect("+OK");
    let unbound = ("SCRAM-SHA-256", "y,,", &b""[..]);
    scram::log_in(&mut client, &scram::POP3, unbound, ("bob", PASSWORD), "+OK");
}

#[test]
fn an_account_gets_its_keys_with_its_first_password_login() {
    let server = Server::start("[auth]\nmechanisms = [\"PLAIN\"]");
    server.add_account(ALICE, PASSWORD);
    let shown = server.tegami(&["account", "show", ALICE], "");
    assert!(!shown.stdout.contains("SCRAM"), "{shown:?}");
    server.reconfigure("[\"PLAIN\"]", "[\"SCRAM-SHA-256\", \"PLAIN\"]");
    let server = server.kill().start_again();
    let mut client = Client::tls(server.port("submissions"));
    client.expect("220");
    let without = client.ehlo();
    assert!(without.contains("AUTH PLAIN"), "{without}");
    log_in(&mut client, ALICE);
    server.event("keys for SCRAM made");
    let mut client = Client::tls(server.port("submissions"));
    client.expect("220");
    let with = client.ehlo();
    assert!(with.contains("AUTH SCRAM-SHA-256 PLAIN"), "{with}");
    let unbound = ("SCRAM-SHA-256", "n,,", &b""[..]);
    scram::log_in(
        &mut client,
        &scram::SMTP,
        unbound,
        (ALICE, PASSWORD),
        "235 2.7.0",
    );
}

#[test]
fn apop_is_there_once_every_account_was_allowed_it() {
    let server = Server::start("[pop3]\napop = true");
    server.add_account(ALICE, PASSWORD);
    server.add_account(BOB, PASSWORD);
    let allow = |address| {
        let arguments = ["account", "allow-apop", address, "--password-file", "-"];
        let output = server.tegami(&arguments, PASSWORD);
        assert_eq!(output.code, Some(0), "{output:?}");
        output
    };
    let output = allow(ALICE);
    assert!(output.stderr.contains("1 account cannot yet"), "{output:?}");
    let mut client = Client::plain(server.port("pop3"));
    let greeting = client.expect("+OK");
    assert!(!greeting.contains('<'), "{greeting}");
    allow(BOB);
    let mut client = Client::plain(server.port("pop3"));
    let greeting = client.expect("+OK");
    let other = Client::plain(server.port("pop3")).expect("+OK");
    assert_ne!(greeting, other, "no timestamp comes twice");
    let timestamp = &greeting[greeting.find('<').expect("a timestamp")..].trim_end();
    let digest = |password: &str| {
        let octets = <md5::Md5 as md5::Digest>::digest(format!("{timestamp}{password}"));
        octets
            .iter()
            .map(|octet| format!("{octet:02x}"))
            .collect::<String>()
    };
    client.command(&format!("APOP {ALICE} {}", digest("wrong")), "-ERR [AUTH]");
    client.command(&format!("APOP {ALICE} {}", digest(PASSWORD)), "+OK");

    // A new password goes on with APOP; taking the permission back ends it for all.
    let output = server.tegami(
        &["account", "password", ALICE, "--password-file", "-"],
        "another good password",
    );
    assert_eq!(output.code, Some(0), "{output:?}");
    let shown = server.tegami(&["account", "show", ALICE], "");
    assert!(shown.stdout.contains("APOP"), "{shown:?}");
    let output = server.tegami(&["account", "allow-apop", ALICE, "--off"], "");
    assert_eq!(output.code, Some(0), "{output:?}");
    let mut client = Client::plain(server.port("pop3"));
    let greeting = client.expect("+OK");
    assert!(!greeting.contains('<'), "{greeting}");
    client.command(
        "APOP alice c4c9334bac560ecc979e58001b3e22fb",
        "-ERR APOP is switched off",
    );
    server.reconfigure("apop = true", "apop = false");
    let arguments = ["account", "allow-apop", ALICE, "--password-file", "-"];
    let output = server.tegami(&arguments, PASSWORD);
    assert!(output.stderr.contains("apop = true"), "{output:?}");
}
