//! XCLIENT and XFORWARD, from a listed proxy and from everybody else.

use super::client::Client;
use super::server::Server;
use super::{ALICE, BOB, PASSWORD, log_in, send};

const PROXY: &str = "[proxy]\nxclient_from = [\"127.0.0.1\"]\n";

/// A client whose proxy has said where it comes from.
#[track_caller]
fn behind_proxy(server: &Server, service: &str, address: &str, greeting: &str) -> Client {
    let mut client = Client::plain(server.port(service));
    client.expect("220");
    client.command("EHLO proxy.example", "250");
    client.command(
        &format!("XCLIENT NAME=[UNAVAILABLE] ADDR={address} PORT=4242"),
        greeting,
    );
    client
}

#[test]
fn the_client_behind_a_proxy_is_the_one_that_counts() {
    let server = Server::start(&format!(
        "{PROXY}[limits]\nsessions_per_ip = 1\nmail_rate = \"2/1h\"\nrefuse_from = [\"203.0.113.0/24\"]\n"
    ));
    server.add_account(BOB, PASSWORD);
    let mut proxy = Client::plain(server.port("smtp"));
    proxy.expect("220");
    let offers = proxy.ehlo();
    assert!(
        offers.contains("250-XCLIENT NAME ADDR PORT PROTO HELO\r\n"),
        "{offers}"
    );
    assert!(
        offers.contains("XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\r\n"),
        "{offers}"
    );
    proxy.command(
        "XCLIENT NAME=client.example HELO=pc.example ADDR=198.51.100.7",
        "220 mail",
    );
    let offers = proxy.ehlo();
    assert!(
        !offers.contains("XCLIENT") && !offers.contains("XFORWARD"),
        "{offers}"
    );
    assert!(offers.contains("[198.51.100.7]"), "{offers}");
    send(
        &mut proxy,
        "a@client.example",
        BOB,
        "Subject: x\r\n\r\nbody",
    );
    let received = super::fetch_all(&server, BOB).remove(0);
    assert!(
        received.contains("Received: from client.example (client.example [198.51.100.7])"),
        "{received}"
    );
    let entry = server.logged("delivered");
    assert_eq!(entry["spans"][0]["client"], "198.51.100.7", "{entry}");
    // No relay for anybody, and no way from one claimed address to another.
    proxy.command("MAIL FROM:<a@client.example>", "250");
    proxy.command("RCPT TO:<c@elsewhere.example>", "550 5.7.1");
    proxy.command("RSET", "250");
    proxy.command("XCLIENT ADDR=127.0.0.1", "554 5.7.0");
    proxy.command("XFORWARD ADDR=127.0.0.1", "554 5.7.0");
    // Its limits are those of its address, over all its sessions, and the proxy's own stay free.
    proxy.command(
        "MAIL FROM:<>",
        "450 4.7.1 Message rate limit for 198.51.100.7",
    );
    let limit = "421 mail.example.test Connection limit for 198.51.100.7 reached";
    assert!(behind_proxy(&server, "smtp", "198.51.100.7", limit).is_closed());
    let mut other = behind_proxy(&server, "smtp", "198.51.100.8", "220");
    other.command("EHLO other.example", "250");
    other.command("MAIL FROM:<>", "250");
    proxy.command("QUIT", "221");
    assert!(proxy.is_closed());
    behind_proxy(&server, "smtp", "198.51.100.7", "220");
    let refusal = "554 mail.example.test Connections from 203.0.113.9 are refused";
    let mut refused = behind_proxy(&server, "smtp", "203.0.113.9", refusal);
    refused.command("EHLO refused.example", "503 5.5.1");
    refused.command("QUIT", "221");
}

#[test]
fn a_client_behind_a_proxy_is_trusted_for_its_own_address_and_logs_in_itself() {
    let server = Server::start(&format!(
        "{PROXY}[auth]\nallow_cleartext_from = [\"127.0.0.0/8\"]\n"
    ));
    server.add_account(ALICE, PASSWORD);
    let mut proxy = Client::plain(server.port("submission"));
    proxy.expect("220");
    assert!(
        proxy.ehlo().contains("AUTH "),
        "the proxy itself may log in in clear"
    );
    log_in(&mut proxy, ALICE);
    proxy.command(&format!("XCLIENT LOGIN={ALICE} ADDR=198.51.100.7"), "220");
    let offers = proxy.ehlo();
    assert!(!offers.contains("AUTH "), "{offers}");
    proxy.command(&format!("MAIL FROM:<{ALICE}>"), "530 5.7.0");
    proxy.command("STARTTLS", "220");
    let mut client = proxy.into_tls();
    client.command("EHLO pc", "250");
    client.command("XCLIENT ADDR=127.0.0.1", "554 5.7.0");
    client.command(&format!("MAIL FROM:<{ALICE}>"), "530 5.7.0");
    log_in(&mut client, ALICE);
    client.command(&format!("MAIL FROM:<{ALICE}>"), "250");
}

#[test]
fn a_filter_says_where_a_message_was_before() {
    let server = Server::start(PROXY);
    server.add_account(BOB, PASSWORD);
    let mut filter = Client::plain(server.port("smtp"));
    filter.expect("220");
    filter.command("EHLO filter.example", "250");
    filter.command(
        "XFORWARD NAME=first.example ADDR=IPV6:2001:db8::7 HELO=pc IDENT=4+2B2",
        "250 2.0.0",
    );
    send(&mut filter, "", BOB, "Subject: x\r\n\r\nbody");
    let entry = server.logged("forwarded");
    assert_eq!(entry["ident"], "4+2", "{entry}");
    assert_eq!(entry["client"], "2001:db8::7", "{entry}");
    send(&mut filter, "", BOB, "Subject: y\r\n\r\nbody");
    let messages = super::fetch_all(&server, BOB);
    assert!(
        messages[0].contains("(forwarded for pc first.example [IPv6:2001:db8::7])"),
        "{}",
        messages[0]
    );
    assert!(!messages[1].contains("forwarded"), "{}", messages[1]);
}

#[test]
fn whoever_is_not_listed_cannot_claim_an_address() {
    let server = Server::start("[proxy]\nxclient_from = [\"192.0.2.1\"]\n");
    let mut client = Client::plain(server.port("smtp"));
    client.expect("220");
    let offers = client.ehlo();
    assert!(!offers.contains("XCLIENT"), "{offers}");
    client.command(
        "XCLIENT ADDR=192.0.2.1",
        "554 5.7.0 Proxy command not permitted from here",
    );
    client.command("XFORWARD NAME=a.example", "554 5.7.0");
    client.command("MAIL FROM:<a@client.example>", "250");
    client.command("RCPT TO:<c@elsewhere.example>", "550 5.7.1");

    let server = Server::start("");
    let mut client = Client::plain(server.port("smtp"));
    client.expect("220");
    client.command("XCLIENT ADDR=192.0.2.1", "502 5.5.1");
    client.command("XFORWARD NAME=a.example", "502 5.5.1");
}
