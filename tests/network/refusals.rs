//! What a postmaster finds in the log of a letter that did not come: one line for each refusal, with the id to explain.

use serde_json::Value;

use super::client::Client;
use super::server::Server;
use super::{ALICE, BOB, PASSWORD, log_in, server_with_accounts};

fn field<'a>(entry: &'a Value, name: &str) -> &'a str {
    entry[name].as_str().unwrap_or_default()
}

#[track_caller]
fn refused(server: &Server, id: &str, from: &str, to: &str) -> Value {
    let entry = server.logged("refused");
    assert_eq!(field(&entry, "level"), "INFO", "{entry}");
    let seen = ["id", "from", "to"].map(|name| field(&entry, name));
    assert_eq!(seen, [id, from, to], "{entry}");
    let peer = field(&entry["spans"][0], "peer");
    assert!(peer.starts_with("127.0.0.1:"), "{entry}");
    entry
}

#[test]
fn a_refused_recipient_sender_and_message_stand_in_the_log_with_whom_they_are_about() {
    let server = server_with_accounts();
    let mut client = Client::plain(server.port("smtp"));
    client.expect("220");
    client.command("EHLO other.example", "250");
    client.command("MAIL FROM:<someone@other.example>", "250 2.1.0");
    client.command("RCPT TO:<nosuch@example.test>", "550 5.1.1");
    client.command("RCPT TO:<a@elsewhere.example>", "550 5.7.1");
    client.command(&format!("RCPT TO:<{BOB}>"), "250 2.1.5");
    client.command("NOSUCH", "500 5.5.2");
    client.command("DATA", "354");
    client.send(b"bare\nline feed\r\n");
    client.command(".", "550 5.5.2");
    client.command("QUIT", "221");
    let unknown = refused(
        &server,
        "S-550a",
        "<someone@other.example>",
        "<nosuch@example.test>",
    );
    refused(
        &server,
        "S-550c",
        "<someone@other.example>",
        "<a@elsewhere.example>",
    );
    // About nobody in particular, so about the transaction.
    refused(&server, "S-500a", "<someone@other.example>", "");
    refused(&server, "X-18", "<someone@other.example>", "");
    let mut client = Client::tls(server.port("submissions"));
    client.expect("220");
    client.command("EHLO other.example", "250");
    log_in(&mut client, ALICE);
    client.command(&format!("MAIL FROM:<{BOB}>"), "553 5.7.1");
    let not_owner = refused(&server, "X-14", &format!("<{BOB}>"), "");
    assert_eq!(field(&not_owner, "login"), ALICE);
    let mut client = Client::tls(server.port("pop3s"));
    client.expect("+OK");
    client.command(&format!("USER {ALICE}"), "+OK");
    client.command("PASS a wrong password", "-ERR [AUTH]");
    server.logged("login refused");
    refused(&server, "X-P4", "", "");
    client.command(&format!("USER {ALICE}"), "+OK");
    client.command(&format!("PASS {PASSWORD}"), "+OK");
    // As it stands in the log, it is what `tegami explain` wants.
    let line = format!("{unknown}\n");
    let output = server.tegami(&["explain", "-", "--json"], &line);
    let explained: Value = serde_json::from_str(&output.stdout).expect("it is JSON");
    let codes: Vec<&str> = explained["codes"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|code| field(code, "code"))
        .collect();
    assert_eq!(codes, ["S-550a"], "{line}");
}

/// On loopback everybody is this machine, so a proxy says who they are.
#[test]
fn a_refused_connection_stands_in_the_log_with_the_address_it_comes_from() {
    let server = Server::start(
        "[proxy]\nfrom = [\"127.0.0.0/8\"]\n[limits]\nrefuse_from = [\"203.0.113.0/24\"]\n\
         [[device]]\nname = \"nas\"\nlisten = [\"127.0.0.1:0\"]\nnetworks = [\"192.168.1.40\"]\n\
         sender = \"nas@example.test\"\n",
    );
    let device = server.listed("device");
    let device = device.rsplit(':').next().and_then(|port| port.parse().ok());
    for (port, from, greeting, id) in [
        (server.port("smtp"), "203.0.113.9", "554", "S-554b"),
        (server.port("pop3"), "203.0.113.9", "-ERR", "T-P40"),
        (device.expect("a port"), "198.51.100.7", "421", "T-80"),
    ] {
        let mut client = Client::plain(port);
        client.send(format!("PROXY TCP4 {from} 127.0.0.1 4321 25\r\n").as_bytes());
        client.expect(greeting);
        let entry = server.logged("refused");
        assert_eq!(field(&entry, "id"), id, "{entry}");
        let peer = field(&entry["spans"][0], "peer");
        assert_eq!(peer, format!("{from}:4321"), "{entry}");
    }
}

#[test]
fn a_client_that_talks_nonsense_fills_no_log() {
    let mut server = Server::start("[limits]\nerrors = 1000\n");
    let mut client = Client::plain(server.port("smtp"));
    client.expect("220");
    for round in 0..50 {
        client.command("EHLO other.example", "250");
        client.command("MAIL FROM:<a@other.example>", "250 2.1.0");
        let recipient = format!("RCPT TO:<nosuch{round}@example.test>");
        client.command(&recipient, "550 5.1.1");
    }
    client.command("QUIT", "221");
    let more = server.logged_after("refused", 20, "refused again");
    assert_eq!(more["more"], 30);
    server.terminate();
    assert_eq!(server.exit_code(), Some(0));
    assert!(!server.rest_of_the_log().contains("\"message\":\"refused\""));
}

#[test]
fn the_health_check_of_a_listener_that_refuses_this_machine_stays_out_of_the_log() {
    let mut server = Server::start("[limits]\nrefuse_from = [\"127.0.0.0/8\"]\n");
    let mut client = Client::plain(server.port("smtp"));
    client.expect("554");
    client.command("NOOP", "503");
    server.terminate();
    assert_eq!(server.exit_code(), Some(0));
    // Nor does the end of a session that is told to go look like a refusal.
    let log = server.rest_of_the_log();
    assert_eq!(log.matches("\"message\":\"refused\"").count(), 1, "{log}");
}
