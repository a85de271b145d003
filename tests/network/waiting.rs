//! What is said of mail that waits, and what lets it leave: pauses, servers that are away, accounts that are disabled.

use std::net::TcpListener;

use super::client::Client;
use super::outbound::{alice, done, sending_to, until_queue_says};
use super::server::Server;
use super::sink::Sink;
use super::withdrawn::{PATIENCE, silent_at};
use super::{ALICE, PASSWORD, log_in, send};

const LETTER: &str = "Subject: x\r\n\r\nbody";

/// The states in the list, one a message.
fn states(server: &Server) -> Vec<String> {
    let listed = done(server.tegami(&["queue", "list"], ""), "");
    let lines = listed.lines().filter(|line| line.contains("@other.test"));
    let state = |line: &str| {
        let (_, behind) = line.split_once("@other.test").expect("a recipient");
        behind.trim().to_owned()
    };
    lines.map(state).collect()
}

#[test]
fn mail_behind_a_server_that_is_away_says_so_and_so_does_a_paused_queue() {
    let port = {
        let gone = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        gone.local_addr().expect("a bound socket").port()
    };
    let server = sending_to(port, "");
    done(
        server.tegami(&["queue", "pause"], ""),
        "Paused: everything.",
    );
    send(&mut alice(&server), ALICE, "one@other.test", LETTER);
    assert_eq!(states(&server), ["the queue is paused"]);
    done(server.tegami(&["queue", "resume"], ""), "All mail leaves.");
    server.logged("sent on");
    let away = format!("waits for 127.0.0.1:{port}, which is tried again in ");
    until_queue_says(&server, &["queue", "list"], "try in ");
    send(&mut alice(&server), ALICE, "two@other.test", LETTER);
    until_queue_says(&server, &["queue", "list"], &away);
    let states = states(&server);
    assert_eq!(states.len(), 2, "{states:?}");
    // Nobody has tried the second one: it has the words that were heard of the first.
    assert!(
        states[1].starts_with(&away) && states[1].contains("no mail server is running there"),
        "{states:?}"
    );
    assert!(
        states[0].contains("no mail server is running there"),
        "{states:?}"
    );
    let hop = format!("127.0.0.1:{port}");
    done(server.tegami(&["queue", "pause", &hop], ""), &hop);
    let paused = format!("mail for {hop} is paused");
    until_queue_says(&server, &["queue", "list"], &paused);
}

#[test]
fn mail_that_is_being_sent_says_so() {
    let (port, heard) = silent_at("RCPT");
    let server = sending_to(port, "");
    send(&mut alice(&server), ALICE, "you@other.test", LETTER);
    heard.recv_timeout(PATIENCE).expect("it is being sent");
    assert_eq!(states(&server), ["being sent now"]);
}

/// A letter of an account that was disabled before it could leave.
fn disabled_with_mail() -> (Sink, Server) {
    let sink = Sink::start();
    let server = sending_to(sink.port, "");
    done(
        server.tegami(&["queue", "pause"], ""),
        "Paused: everything.",
    );
    send(&mut alice(&server), ALICE, "you@other.test", LETTER);
    done(
        server.tegami(&["account", "disable", ALICE], ""),
        "disabled",
    );
    done(server.tegami(&["queue", "resume"], ""), "All mail leaves.");
    (sink, server)
}

#[test]
fn mail_of_a_disabled_account_waits_and_leaves_at_once_when_it_is_enabled() {
    let (sink, server) = disabled_with_mail();
    let entry = server.logged("sent on");
    assert_eq!(entry["outcome"], "deferred", "{entry}");
    until_queue_says(
        &server,
        &["queue", "show", &super::outbound::only_message(&server)],
        "the account that sent it is disabled",
    );
    assert_eq!(sink.rest(), []);
    done(
        server.tegami(&["account", "enable", ALICE], ""),
        "can log in",
    );
    assert_eq!(sink.letter().to, ["<you@other.test>"]);
    until_queue_says(&server, &["queue", "list"], "No mail waits to leave.");
}

#[test]
fn mail_of_a_removed_account_says_that_it_was_removed_and_what_to_do() {
    let (sink, server) = disabled_with_mail();
    let id = super::outbound::only_message(&server);
    until_queue_says(
        &server,
        &["queue", "show", &id],
        "account is enabled again (",
    );
    done(server.tegami(&["account", "remove", ALICE], ""), "removed");
    // What was heard before is no longer said either.
    let heard = "the account that sent it was removed; it goes back to the sender when its time is over, and `tegami queue remove --from ADDRESS` removes it now (";
    let shown = until_queue_says(&server, &["queue", "show", &id], heard);
    assert!(!shown.contains("enabled again"), "{shown}");
    done(
        server.tegami(&["queue", "remove", "--from", ALICE], ""),
        "1 message is removed.",
    );
    assert_eq!(sink.rest(), []);
}

#[test]
fn a_reload_of_the_accounts_file_stops_the_mail_of_an_account_and_lets_it_leave() {
    let sink = Sink::start();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("accounts.toml");
    let password = directory.path().join("password");
    std::fs::write(&password, PASSWORD).expect("the password is written");
    let declare = |addresses: &[&str]| {
        let one = |address: &&str| {
            format!("[[account]]\naddress = \"{address}\"\npassword_file = {password:?}\n")
        };
        let all: String = addresses.iter().map(one).collect();
        std::fs::write(&file, all).expect("the accounts are written");
    };
    declare(&[ALICE, "other@example.test"]);
    let server = Server::start(&format!(
        "accounts_file = {file:?}\n[relay]\nsmarthost = \"127.0.0.1:{}\"\nsmarthost_tls = \"none\"\n",
        sink.port
    ));
    done(
        server.tegami(&["queue", "pause"], ""),
        "Paused: everything.",
    );
    let mut client = Client::tls(server.port("submissions"));
    client.expect("220");
    client.command("EHLO pc.example", "250");
    log_in(&mut client, ALICE);
    send(&mut client, ALICE, "you@other.test", LETTER);
    declare(&["other@example.test"]);
    server.reload();
    server.event("reloaded");
    done(server.tegami(&["queue", "resume"], ""), "All mail leaves.");
    let entry = server.logged("sent on");
    assert_eq!(entry["outcome"], "deferred", "{entry}");
    until_queue_says(
        &server,
        &["queue", "list"],
        "the account that sent it is disabled",
    );
    assert_eq!(sink.rest(), []);
    declare(&[ALICE, "other@example.test"]);
    server.reload();
    assert_eq!(sink.letter().to, ["<you@other.test>"]);
}
