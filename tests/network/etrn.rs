//! ETRN (RFC 1985): a customer that was away has its mail sent at once, over a connection that the server opens to it.

use super::client::Client;
use super::server::Server;
use super::sink::Sink;
use super::{ALICE, PASSWORD, log_in, patiently, send};

/// A server that keeps mail for `other.test`, whose own server is `sink`, and lets it ask for it.
fn keeping_for(sink: &Sink, more: &str) -> Server {
    let server = Server::start(&format!(
        "[relay]\nbackup_domains = [\"other.test\"]\netrn_domains = [\"other.test\"]\n{more}\
         [[relay.route]]\ndomains = [\"other.test\"]\nvia = \"127.0.0.1:{}\"\ntls = \"none\"\n",
        sink.port
    ));
    server.add_account(ALICE, PASSWORD);
    server
}

fn stranger(server: &Server) -> Client {
    let mut client = Client::plain(server.port("smtp"));
    client.expect("220");
    let offer = client.ehlo();
    assert!(offer.contains("ETRN"), "{offer}");
    client
}

fn alice(server: &Server) -> Client {
    let mut client = Client::tls(server.port("submissions"));
    client.expect("220");
    client.command("EHLO pc.example", "250");
    client.command("ETRN other.test", "530 5.7.0");
    log_in(&mut client, ALICE);
    client
}

/// Waits until the first attempt has failed.
#[track_caller]
fn put_off(server: &Server) {
    for () in patiently() {
        let listed = server.tegami(&["queue", "list"], "");
        if listed.stdout.contains("Come back when the moon is full") {
            return;
        }
    }
    panic!("nothing was put off");
}

#[track_caller]
fn until_empty(server: &Server) {
    for () in patiently() {
        let listed = server.tegami(&["queue", "list"], "");
        if listed.stdout.contains("No mail waits to leave.") {
            return;
        }
    }
    panic!("mail still waits");
}

#[test]
fn a_user_has_what_waits_counted_and_sent() {
    let sink = Sink::start();
    let server = keeping_for(&sink, "");
    let mut client = stranger(&server);
    send(
        &mut client,
        "you@elsewhere.test",
        "later@other.test",
        "Subject: moon\r\n\r\nbody",
    );
    put_off(&server);
    // Whom nobody listed learns nothing.
    client.command(
        "ETRN other.test",
        "459 4.7.1 other.test may not use ETRN: log in first",
    );
    client.command(
        "ETRN third.test",
        "459 4.7.1 third.test may not use ETRN: it is not set up",
    );
    client.command(
        "ETRN #other.test",
        "459 4.7.1 #other.test may not use ETRN: it is not set up",
    );
    client.command("ETRN example.test", "459 4.7.1");
    sink.open();
    let mut user = alice(&server);
    user.command("ETRN third.test", "459 4.7.1");
    // Counted and sent, by a connection to the customer, not over this one.
    user.command(
        "ETRN other.test",
        "253 2.0.0 Queue run for other.test begun, 1 messages",
    );
    assert_eq!(sink.letter().to, ["<later@other.test>"]);
    until_empty(&server);
    user.command(
        "ETRN @other.test",
        "251 2.0.0 Queue for @other.test is empty",
    );
    let paused = server.tegami(&["queue", "pause"], "");
    assert_eq!(paused.code, Some(0), "{paused:?}");
    user.command("ETRN other.test", "458 4.3.0");
    // So it is when only the domain is paused, and not the server its mail goes by.
    for arguments in [&["queue", "resume"][..], &["queue", "pause", "other.test"]] {
        let output = server.tegami(arguments, "");
        assert_eq!(output.code, Some(0), "{output:?}");
    }
    user.command("ETRN other.test", "458 4.3.0");
    user.command("QUIT", "221");
    assert_eq!(sink.rest(), []);
}

#[test]
fn a_listed_client_asks_without_a_login_and_hears_no_more_than_it_may() {
    let sink = Sink::start();
    let server = keeping_for(
        &sink,
        "etrn_from = [\"127.0.0.1\"]\netrn_reply = \"started\"\n",
    );
    let mut client = stranger(&server);
    client.command("ETRN other.test", "251 2.0.0");
    send(
        &mut client,
        "you@elsewhere.test",
        "later@other.test",
        "Subject: moon\r\n\r\nbody",
    );
    put_off(&server);
    sink.open();
    client.command("ETRN @OTHER.test", "252 2.0.0");
    assert_eq!(sink.letter().to, ["<later@other.test>"]);
    until_empty(&server);
    server.reconfigure("etrn_from = [\"127.0.0.1\"]", "etrn_from = [\"192.0.2.1\"]");
    server.reload();
    server.event("reloaded");
    client.command(
        "ETRN other.test",
        "459 4.7.1 other.test may not use ETRN: not for this client",
    );
}
