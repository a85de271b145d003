//! What DNS says of senders and clients, from a name server on loopback to the reply at RCPT.

use super::client::Client;
use super::dns::{NameServer, Says};
use super::server::{Server, Stopped};
use super::{ALICE, BOB, PASSWORD, log_in};

/// A server that asks this name server what these lines of `[sender]` want to know; with bob's mailbox.
fn asking(names: &NameServer, sender: &str, more: &str) -> Server {
    let server = Server::start(&format!(
        "[sender]\n{sender}\n[dns]\nservers = [\"{}\"]\n{more}",
        names.address
    ));
    server.add_account(BOB, PASSWORD);
    server
}

fn greeted(server: &Server) -> Client {
    let mut client = Client::plain(server.port("smtp"));
    client.expect("220");
    client.command("EHLO client.example", "250");
    client
}

/// A client that a proxy of ours says to come from `address`.
fn proxied(server: &Server, service: &str, address: &str) -> Client {
    let mut client = Client::plain(server.port(service));
    client.send(format!("PROXY TCP4 {address} 192.0.2.1 40000 25\r\n").as_bytes());
    client
}

fn rcpt(client: &mut Client, from: &str, to: &str, expected: &str) {
    client.command(&format!("MAIL FROM:<{from}> SMTPUTF8"), "250 2.1.0");
    client.command(&format!("RCPT TO:<{to}>"), expected);
    client.command("RSET", "250");
}

// EXT-27
#[test]
fn senders_are_believed_as_far_as_dns_knows_their_domain() {
    use Says::{Address, Alias, Exists, Fault, Mx, Referral, Refused};
    let names = NameServer::start(&[
        ("mx.example", Mx(10, "mail.mx.example")),
        ("address.example", Address("192.0.2.1")),
        ("alias.example", Alias("mx.example")),
        ("xn--bcher-kva.example", Mx(10, "mail.mx.example")),
        ("null.example", Mx(0, ".")),
        ("empty.example", Exists),
        ("fault.example", Fault),
        ("refused.example", Refused),
        ("referral.example", Referral),
    ]);
    let switches = "require_domain = true\nreject_null_mx = true";
    let server = asking(&names, switches, "");
    let mut client = greeted(&server);
    let (missing, unclear) = ("550 5.1.8", "450 4.1.8");
    for (from, expected) in [
        ("a@mx.example", "250 2.1.5"),
        ("a@address.example", "250 2.1.5"),
        ("a@alias.example", "250 2.1.5"),
        ("a@bücher.example", "250 2.1.5"),
        ("a@xn--bcher-kva.example", "250 2.1.5"),
        ("a@null.example", "550 5.7.27"),
        ("a@nowhere.example", missing),
        ("a@büchse.example", missing),
        ("root@printer", missing),
        // RFC 6761 section 6.3: every machine's own name, which no DNS is asked for.
        ("root@localhost", missing),
        ("a@mx.LOCALHOST", missing),
        ("a@empty.example", missing),
        ("a@fault.example", unclear),
        ("a@refused.example", unclear),
        ("a@referral.example", unclear),
        // Reports, whoever has an address and no name, and our own domain, which is in no DNS here.
        ("", "250 2.1.5"),
        ("a@[192.0.2.1]", "250 2.1.5"),
        ("a@example.test", "250 2.1.5"),
    ] {
        rcpt(&mut client, from, BOB, expected);
    }
    assert_eq!(names.asked_for("example.test"), 0);

    // ENV-03: whoever cannot send is to be able to say so; and nobody else is worth a question.
    for (to, expected) in [
        ("Postmaster", "250 2.1.5"),
        ("POSTMASTER@example.test", "250 2.1.5"),
        ("nobody@example.test", "550 5.1.1"),
        ("someone@other.example", "550 5.7.1"),
    ] {
        rcpt(&mut client, "a@unasked.example", to, expected);
    }
    assert_eq!(names.asked_for("unasked.example"), 0);
    // One question for a transaction, even where nothing is remembered.
    let asked = names.asked_for("fault.example");
    client.command("MAIL FROM:<a@fault.example>", "250");
    client.command(&format!("RCPT TO:<{BOB}>"), unclear);
    let asked_once = names.asked_for("fault.example") - asked;
    client.command(&format!("RCPT TO:<{BOB}>"), unclear);
    assert_eq!(names.asked_for("fault.example") - asked, asked_once);
}

// X-05, EXT-26
#[test]
fn clients_need_a_name_that_leads_back_to_them() {
    use Says::{Address, Fault, Pointer};
    let names = NameServer::start(&[
        ("198.51.100.1", Pointer("mail.example")),
        ("mail.example", Address("198.51.100.1")),
        ("198.51.100.2", Pointer("mail.example")),
        ("198.51.100.4", Fault),
    ]);
    let proxy = "[proxy]\nfrom = [\"127.0.0.1\"]\n";
    let server = asking(&names, "require_reverse_dns = true", proxy);
    for (address, expected) in [
        ("198.51.100.1", "250 2.1.5"),
        ("198.51.100.2", "550 5.7.25"),
        ("198.51.100.3", "550 5.7.25"),
        ("198.51.100.4", "450 4.7.25"),
        // At home nobody has a name.
        ("192.168.1.1", "250 2.1.5"),
    ] {
        let mut client = proxied(&server, "smtp", address);
        client.expect("220");
        client.command("EHLO client.example", "250");
        rcpt(&mut client, "a@client.example", BOB, expected);
        rcpt(&mut client, "a@client.example", "Postmaster", "250 2.1.5");
        rcpt(&mut client, "", BOB, "250 2.1.5");
    }
    // Users prove who they are by their password.
    server.add_account(ALICE, PASSWORD);
    let mut user = proxied(&server, "submissions", "198.51.100.3").into_tls();
    user.expect("220");
    user.command("EHLO pc", "250");
    log_in(&mut user, ALICE);
    rcpt(&mut user, ALICE, BOB, "250 2.1.5");
}

#[test]
fn nobody_is_asked_unless_it_is_wanted_and_a_reload_wants_it() {
    let names = NameServer::start(&[]);
    let exempt = "[limits]\nexempt = [\"127.0.0.1\"]\n";
    let server = asking(&names, "require_domain = true", exempt);
    rcpt(&mut greeted(&server), "a@nowhere.example", BOB, "250 2.1.5");
    server.reconfigure("require_domain = true", "require_domain = false");
    server.reconfigure("exempt = [\"127.0.0.1\"]", "exempt = []");
    server.reload();
    server.event("reloaded");
    rcpt(&mut greeted(&server), "a@nowhere.example", BOB, "250 2.1.5");
    assert_eq!(names.asked_for("nowhere.example"), 0);
    server.reconfigure("require_domain = false", "require_domain = true");
    server.reload();
    server.event("reloaded");
    rcpt(&mut greeted(&server), "a@nowhere.example", BOB, "550 5.1.8");
}

/// While DNS takes its time the client's further commands wait in order, and everybody else is served.
#[test]
fn a_slow_name_server_holds_up_nobody_but_the_client_concerned() {
    let names = NameServer::start(&[
        ("slow.example", Says::Held),
        ("slow.example", Says::Mx(0, "slow.example")),
    ]);
    let server = asking(&names, "require_domain = true", "");
    let mut waiting = greeted(&server);
    waiting.send(format!("MAIL FROM:<a@slow.example>\r\nRCPT TO:<{BOB}>\r\n").as_bytes());
    waiting.send(b"RCPT TO:<nobody@example.test>\r\nNOOP\r\n");
    waiting.expect("250 2.1.0");
    names.wait_until_holding(1);
    greeted(&server).command("QUIT", "221");
    rcpt(&mut greeted(&server), "", BOB, "250 2.1.5");
    assert_eq!(names.release(), 1);
    waiting.expect("250 2.1.5");
    waiting.expect("550 5.1.1");
    waiting.expect("250 2.0.0");
}

#[test]
fn one_silent_name_server_of_two_does_not_matter() {
    let silent = NameServer::start(&[("mx.example", Says::Silence)]);
    let names = NameServer::start(&[("mx.example", Says::Mx(0, "mx.example"))]);
    let second = format!("\", \"{}", names.address);
    let switches = "require_domain = true";
    let before = Stopped::before(&format!(
        "[sender]\n{switches}\n[dns]\nservers = [\"{}{second}\"]\n",
        silent.address
    ));
    let check = before.tegami(&["check"], "");
    let asked = format!(
        "require_domain; asked: {}, {}",
        silent.address, names.address
    );
    assert!(check.stdout.contains(&asked), "{check:?}");
    let server = before.start_again();
    server.add_account(BOB, PASSWORD);
    rcpt(&mut greeted(&server), "a@mx.example", BOB, "250 2.1.5");
    rcpt(&mut greeted(&server), "a@mx.example", BOB, "250 2.1.5");
}
