//! How much of the queue is whose: one client, one address that sends mail on, all without a login.

use super::client::Client;
use super::dns::{NameServer, Says};
use super::outbound::{alice, done, sending_to};
use super::server::Server;
use super::sink::Sink;
use super::{ALICE, BOB};

/// A server of another domain, as seen behind a proxy.
fn peer(server: &Server, address: &str) -> Client {
    let mut client = Client::plain(server.port("smtp"));
    client.expect("220");
    client.command("EHLO proxy.example", "250");
    client.command(&format!("XCLIENT NAME=[UNAVAILABLE] ADDR={address}"), "220");
    client.command("EHLO other.example", "250");
    client
}

/// Hands in as many messages as are taken, ten at most, and says how many that were.
fn hand_in(client: &mut Client, from: &str, to: &str) -> usize {
    let mut taken = 0;
    while taken < 10 {
        client.command(&format!("MAIL FROM:<{from}>"), "250");
        client.send(format!("RCPT TO:<{to}>\r\n").as_bytes());
        let reply = client.expect("");
        if reply.starts_with("452 4.3.1 Too much mail waits") {
            client.command("RSET", "250");
            return taken;
        }
        assert!(reply.starts_with("250"), "{reply}");
        client.command("DATA", "354");
        client.command("Subject: waits\r\n\r\nbody\r\n.", "250 2.0.0");
        taken += 1;
    }
    taken
}

/// With room for so many messages, none of which leaves.
fn crowded(sink: &Sink, names: &NameServer, messages: usize) -> Server {
    let more = format!(
        "queue_messages = {messages}\nbackup_domains = [\"backup.test\"]\n[proxy]\nxclient_from = [\"127.0.0.1\"]\n\
         [dns]\nservers = [\"{}\"]\n",
        names.address
    );
    sending_to(sink.port, &more)
}

#[test]
fn a_client_without_a_login_has_a_quarter_of_the_queue_and_all_of_them_three() {
    let (sink, names) = (
        Sink::start(),
        NameServer::start(&[("backup.test", Says::Fault)]),
    );
    let server = crowded(&sink, &names, 8);
    let from = "a@far.example";
    let mut taken = Vec::new();
    for address in [
        "198.51.100.1",
        "198.51.100.2",
        "IPV6:2001:db8::1",
        "198.51.100.3",
    ] {
        let mut client = peer(&server, address);
        taken.push(hand_in(&mut client, from, "x@backup.test"));
        // Who is here gets mail nevertheless.
        client.command(&format!("MAIL FROM:<{from}>"), "250");
        client.command(&format!("RCPT TO:<{BOB}>"), "250");
    }
    assert_eq!(taken, [2, 2, 2, 0]);
    // Another address of the same network is the same client.
    let mut same = peer(&server, "IPV6:2001:db8::2");
    assert_eq!(hand_in(&mut same, from, "x@backup.test"), 0);
    let waits = "later@other.test";
    assert_eq!(
        hand_in(&mut alice(&server), ALICE, waits),
        2,
        "a user's share"
    );
    done(server.tegami(&["status"], ""), "Queue        8 messages");
}

#[test]
fn an_address_that_sends_mail_on_has_a_quarter_of_the_queue() {
    let (sink, names) = (
        Sink::start(),
        NameServer::start(&[("backup.test", Says::Fault)]),
    );
    let server = crowded(&sink, &names, 12);
    for (alias, to) in [
        ("team@example.test", "later@other.test"),
        ("crew@example.test", "later@third.test"),
    ] {
        done(server.tegami(&["alias", "add", alias, to], ""), to);
    }
    let from = "a@far.example";
    let mut first = peer(&server, "198.51.100.1");
    assert_eq!(hand_in(&mut first, from, "team@example.test"), 3);
    let mut second = peer(&server, "198.51.100.2");
    assert_eq!(hand_in(&mut second, from, "team@example.test"), 0);
    assert_eq!(hand_in(&mut second, from, "crew@example.test"), 3);
}

#[test]
fn an_address_that_sends_mail_on_has_a_quarter_whoever_else_is_named_before_it() {
    let (sink, names) = (
        Sink::start(),
        NameServer::start(&[("backup.test", Says::Fault)]),
    );
    let server = crowded(&sink, &names, 4);
    let (team, crew) = ("team@example.test", "crew@example.test");
    for (alias, to) in [(team, "later@other.test"), (crew, "later@third.test")] {
        done(server.tegami(&["alias", "add", alias, to], ""), to);
    }
    let from = "a@far.example";
    let mut first = peer(&server, "198.51.100.1");
    assert_eq!(hand_in(&mut first, from, team), 1);
    let mut second = peer(&server, "198.51.100.2");
    for before in ["x@backup.test", crew] {
        second.command(&format!("MAIL FROM:<{from}>"), "250");
        second.command(&format!("RCPT TO:<{before}>"), "250");
        second.command(&format!("RCPT TO:<{team}>"), "452 4.3.1");
        second.command("RSET", "250");
    }
}
