//! What was found by attacking the built server, told as tests: each once went another way.

use std::fs;

use super::client::Client;
use super::server::Server;
use super::{ALICE, BOB, PASSWORD, log_in, send, server_with_accounts};

/// A session of Alice's that is logged in before something happens to her account.
fn alice(server: &Server) -> Client {
    let mut client = Client::tls(server.port("submissions"));
    client.expect("220");
    client.command("EHLO pc", "250");
    log_in(&mut client, ALICE);
    client.command("MAIL FROM:<>", "250 2.1.0");
    client.command("RSET", "250");
    client
}

#[test]
fn an_account_that_is_disabled_or_removed_sends_nothing_more_not_even_without_a_sender() {
    for verb in [
        &["account", "disable", ALICE][..],
        &["account", "remove", ALICE],
    ] {
        let server = server_with_accounts();
        let mut client = alice(&server);
        let output = server.tegami(verb, "");
        assert_eq!(output.code, Some(0), "{output:?}");
        client.command("MAIL FROM:<>", "553 5.7.1");
        client.command(&format!("MAIL FROM:<{ALICE}>"), "553 5.7.1");
    }
}

#[test]
fn an_account_that_is_disabled_or_removed_does_not_finish_what_it_began() {
    for verb in [
        &["account", "disable", ALICE][..],
        &["account", "remove", ALICE, "--yes"],
    ] {
        let server = server_with_accounts();
        let (mut early, mut late) = (alice(&server), alice(&server));
        for client in [&mut early, &mut late] {
            client.command(&format!("MAIL FROM:<{ALICE}>"), "250");
            client.command(&format!("RCPT TO:<{BOB}>"), "250");
        }
        late.command("DATA", "354");
        let output = server.tegami(verb, "");
        assert_eq!(output.code, Some(0), "{output:?}");
        early.command(&format!("RCPT TO:<{BOB}>"), "550 5.7.1");
        late.command("Subject: too late\r\n\r\n.", "451 4.3.0");
    }
}

/// A client that has sent all of a message to Bob but its end.
fn nearly_done(server: &Server) -> Client {
    let mut client = Client::plain(server.port("smtp"));
    client.expect("220");
    client.command("EHLO other.example", "250");
    client.command("MAIL FROM:<>", "250");
    client.command(&format!("RCPT TO:<{BOB}>"), "250");
    client.command("DATA", "354");
    client.send(b"Subject: late\r\n\r\n");
    client
}

#[test]
fn what_happens_to_a_mailbox_while_a_message_comes_in_is_said_at_its_end() {
    let server = server_with_accounts();
    let output = server.tegami(&["account", "quota", BOB, "1000"], "");
    assert_eq!(output.code, Some(0), "{output:?}");
    let (mut first, mut second) = (nearly_done(&server), nearly_done(&server));
    first.send("x".repeat(1000).as_bytes());
    first.command("\r\n.", "250 2.0.0");
    second.command(".", "452 4.2.2");

    let output = server.tegami(&["account", "quota", BOB, "none"], "");
    assert_eq!(output.code, Some(0), "{output:?}");
    let mut third = nearly_done(&server);
    let output = server.tegami(&["account", "remove", BOB, "--yes"], "");
    assert_eq!(output.code, Some(0), "{output:?}");
    third.command(".", "451 4.3.0");
    third.command("MAIL FROM:<>", "250");
    third.command(&format!("RCPT TO:<{BOB}>"), "550 5.1.1");
}

#[test]
fn a_damaged_message_is_refused_and_the_log_says_whose_it_is() {
    const WORDS: &[u8] = b"what the disk will forget";
    let server = server_with_accounts();
    let mut exchange = Client::plain(server.port("smtp"));
    exchange.expect("220");
    exchange.command("EHLO other.example", "250");
    for body in ["first".as_bytes(), WORDS] {
        let body = String::from_utf8_lossy(body);
        send(&mut exchange, "", BOB, &format!("Subject: x\r\n\r\n{body}"));
    }
    let stopped = server.stop();
    let log = stopped.data_dir().join("log");
    let mut flipped = 0;
    for entry in fs::read_dir(log).expect("the log is there") {
        let path = entry.expect("an entry").path();
        let mut octets = fs::read(&path).expect("a segment can be read");
        if let Some(at) = octets.windows(WORDS.len()).position(|words| words == WORDS) {
            octets[at] ^= 1;
            fs::write(&path, octets).expect("a segment can be written");
            flipped += 1;
        }
    }
    assert_eq!(flipped, 1);

    let server = stopped.start_again();
    let mut client = Client::tls(server.port("pop3s"));
    client.expect("+OK");
    client.command("USER bob", "+OK");
    client.command(&format!("PASS {PASSWORD}"), "+OK");
    client.command("RETR 2", "-ERR [SYS/PERM]");
    client.command("RETR 1", "+OK");
    assert!(client.listing().ends_with("first\r\n"));
    let entry = server.logged("message not read");
    assert_eq!(entry["account"], BOB);
    assert_eq!(entry["number"], 2);
}

/// A5, W7: a name that would begin a line of its own, drive a terminal or be taken for a format.
#[test]
fn hostile_names_stay_in_their_place_in_the_log() {
    const NAME: &str = "%s%n%x {} a\r\nINFO ready \u{1b}[2J\u{202e}";
    let server = server_with_accounts();
    let mut client = Client::tls(server.port("submissions"));
    client.expect("220");
    client.command("EHLO pc", "250");
    let response = super::client::base64(format!("\0{NAME}\0x").as_bytes());
    client.command(&format!("AUTH PLAIN {response}"), "535 5.7.8");
    let mut pop3 = Client::tls(server.port("pop3s"));
    pop3.expect("+OK");
    pop3.command("USER %s%n ../../etc/passwd", "+OK");
    pop3.command("PASS x", "-ERR [AUTH]");
    for name in [NAME, "%s%n ../../etc/passwd"] {
        let entry = server.logged("login refused");
        assert_eq!(entry["login"], name, "{entry}");
    }
}

/// W8.
#[test]
fn no_password_is_in_the_log_the_arguments_or_the_environment() {
    const WRONG: &str = "not the right one";
    let mut server = Server::start_managed(|mut command| {
        command.env("TEGAMI_LOG__LEVEL", "trace");
        command
    });
    server.add_account(ALICE, PASSWORD);
    let plain = |password: &str| super::client::base64(format!("\0{ALICE}\0{password}").as_bytes());
    for (password, smtp, pop) in [(PASSWORD, "235", "+OK"), (WRONG, "535", "-ERR [AUTH]")] {
        let open = |port| {
            let mut client = Client::tls(server.port(port));
            client.expect(if port == "pop3s" { "+OK" } else { "220" });
            client
        };
        let mut client = open("submissions");
        client.command("EHLO pc", "250");
        client.command(&format!("AUTH PLAIN {}", plain(password)), smtp);
        let mut client = open("submissions");
        client.command("EHLO pc", "250");
        client.command("AUTH LOGIN", "334");
        client.command(&super::client::base64(ALICE.as_bytes()), "334");
        client.command(&super::client::base64(password.as_bytes()), smtp);
        let mut client = open("pop3s");
        client.command(&format!("USER {ALICE}"), "+OK");
        client.command(&format!("PASS {password}"), pop);
        client.command("QUIT", "+OK");
        let mut client = open("pop3s");
        client.command(&format!("AUTH PLAIN {}", plain(password)), pop);
        client.command("QUIT", "+OK");
    }
    let seen = server.seen_from_outside();
    server.terminate();
    assert_eq!(server.exit_code(), Some(0));
    let log = server.rest_of_the_log();
    assert!(log.contains("login"), "nothing was logged: {log}");
    for password in [PASSWORD, WRONG] {
        let base64 = super::client::base64(password.as_bytes());
        for secret in [password, &base64, &plain(password)] {
            assert!(!log.contains(secret), "{secret} is in the log: {log}");
            assert!(!seen.contains(secret), "{secret} is in {seen}");
        }
    }
}
