//! Mail that goes on: by aliases and forwards to other servers, back from there, round in circles; and what `tegami route` says
//! of it.

use super::dns::{NameServer, Says};
use super::outbound::{alice, done, sending_to, stranger};
use super::server::Server;
use super::sink::Sink;
use super::{ALICE, BOB, PASSWORD, fetch_all, send};

/// The reverse-path of a message, without its parameters and brackets.
fn path(from: &str) -> String {
    let path = from.split(' ').next().unwrap_or_default();
    path.trim_matches(['<', '>']).to_owned()
}

#[test]
fn an_alias_leads_elsewhere_and_what_bounces_finds_its_way_back() {
    let sink = Sink::start();
    let server = sending_to(sink.port, "");
    done(
        server.tegami(
            &[
                "alias",
                "add",
                "team@example.test",
                BOB,
                "friend@other.test",
            ],
            "",
        ),
        "friend@other.test",
    );
    let mut client = stranger(&server);
    send(
        &mut client,
        "sender@third.test",
        "team@example.test",
        "Subject: all\r\n\r\nbody",
    );
    let here = fetch_all(&server, BOB);
    // REL-05: here, an alias changes nothing but the recipient.
    assert!(
        here[0].starts_with("Return-Path: <sender@third.test>\r\n"),
        "{here:?}"
    );
    assert_eq!(here.len(), 1);
    let copy = sink.letter();
    assert_eq!(copy.to, ["<friend@other.test>"]);
    let from = path(&copy.from);
    assert!(
        from.starts_with("SRS0=") && from.ends_with("=third.test=sender@example.test"),
        "{copy:?}"
    );
    // The friend's server cannot deliver it, and says so to whom it seemed to come from.
    send(&mut client, "", &from, "Subject: failure\r\n\r\nbody");
    let bounce = sink.letter();
    assert_eq!(
        (path(&bounce.from).as_str(), bounce.to.as_slice()),
        ("", &["<sender@third.test>".to_owned()][..])
    );
    // What comes from here has no need of another address.
    send(
        &mut alice(&server),
        ALICE,
        "team@example.test",
        "Subject: all\r\n\r\nbody",
    );
    assert_eq!(path(&sink.letter().from), ALICE);
    // It is for bounces only: whoever has had a copy could write through this server otherwise.
    client.command("MAIL FROM:<sender@third.test>", "250");
    client.command(&format!("RCPT TO:<{from}>"), "550 5.1.1");
    client.command("RSET", "250");
    let forged = from.replace("third.test", "other.test");
    client.command("MAIL FROM:<>", "250");
    client.command(&format!("RCPT TO:<{forged}>"), "550 5.1.1");
}

#[test]
fn an_alias_of_the_accounts_file_leads_elsewhere_while_it_stands_there() {
    let sink = Sink::start();
    let server = sending_to(sink.port, "");
    let office = tempfile::tempdir().expect("a directory");
    let file = office.path().join("accounts.toml");
    let secret = office.path().join("carol");
    std::fs::write(&secret, "vq7-Rmd2-kLw9\n").expect("written");
    let account =
        format!("[[account]]\naddress = \"carol@example.test\"\npassword_file = {secret:?}\n");
    let alias = format!(
        "[[alias]]\naddress = \"team@example.test\"\nto = [\"friend@other.test\", \"{BOB}\"]\n"
    );
    std::fs::write(&file, format!("{account}{alias}")).expect("written");
    server.reconfigure(
        "domains = ",
        &format!("accounts_file = {file:?}\ndomains = "),
    );
    server.reload();
    server.event("reloaded");
    let mut client = stranger(&server);
    let all = "Subject: all\r\n\r\nbody";
    send(&mut client, "sender@third.test", "team@example.test", all);
    assert_eq!(sink.letter().to, ["<friend@other.test>"]);
    assert_eq!(fetch_all(&server, BOB).len(), 1);
    std::fs::write(&file, account).expect("written");
    server.reload();
    server.event("reloaded");
    client.command("MAIL FROM:<sender@third.test>", "250");
    client.command("RCPT TO:<team@example.test>", "550 5.1.1");
}

#[test]
fn a_forward_keeps_a_copy_or_not_and_tells_senders_or_not() {
    let sink = Sink::start();
    let server = sending_to(sink.port, "");
    let mut client = stranger(&server);
    let from = "sender@third.test";
    done(
        server.tegami(&["account", "forward", BOB, "bob@other.test", "--keep"], ""),
        "",
    );
    send(&mut client, from, BOB, "Subject: one\r\n\r\nbody");
    assert_eq!(sink.letter().to, ["<bob@other.test>"]);
    assert_eq!(fetch_all(&server, BOB).len(), 1);
    done(
        server.tegami(
            &[
                "account",
                "forward",
                BOB,
                "bob@other.test",
                "--no-keep",
                "--disclose",
            ],
            "",
        ),
        "",
    );
    client.command(&format!("MAIL FROM:<{from}>"), "250");
    let told = client.command(&format!("RCPT TO:<{BOB}>"), "251");
    assert!(told.contains("bob@other.test"), "{told}");
    client.command("DATA", "354");
    client.command("Subject: two\r\n\r\nbody\r\n.", "250");
    assert_eq!(sink.letter().to, ["<bob@other.test>"]);
    assert_eq!(fetch_all(&server, BOB).len(), 1);
    done(server.tegami(&["account", "forward", BOB, "--off"], ""), "");
    done(
        server.tegami(&["account", "refer", BOB, "bob@new.test"], ""),
        "bob@new.test",
    );
    client.command(&format!("MAIL FROM:<{from}>"), "250");
    let told = client.command(&format!("RCPT TO:<{BOB}>"), "551");
    assert!(told.contains("bob@new.test"), "{told}");
    assert_eq!(sink.rest(), []);
}

#[test]
fn what_an_address_has_sent_on_before_it_does_not_send_on_again() {
    let sink = Sink::start();
    let server = sending_to(sink.port, "");
    let team = "team@example.test";
    let places = ["one@other.test", "two@other.test"];
    done(
        server.tegami(&["alias", "add", team, places[0], places[1]], ""),
        places[0],
    );
    let mut client = stranger(&server);
    let from = "sender@third.test";
    send(&mut client, from, team, "Subject: bomb\r\n\r\nbody");
    let copy = sink.letter();
    assert_eq!(copy.to.len(), 2, "{copy:?}");
    // Nobody learns from the copy which address led there.
    assert!(copy.text.starts_with("Delivered-To: "), "{copy:?}");
    assert!(!copy.text.contains("To: team@"), "{copy:?}");
    // The other server sends both copies back.
    for _ in places {
        client.command(&format!("MAIL FROM:<{from}>"), "250");
        client.command(&format!("RCPT TO:<{team}>"), "250");
        client.command("DATA", "354");
        client.command(&format!("{}.", copy.text), "554 5.4.6");
    }
    // Whoever else it is for has it, and nobody has it twice.
    client.command(&format!("MAIL FROM:<{from}>"), "250");
    client.command(&format!("RCPT TO:<{team}>"), "250");
    client.command(&format!("RCPT TO:<{BOB}>"), "250");
    client.command("DATA", "354");
    client.command(&format!("{}.", copy.text), "250 2.0.0");
    assert_eq!(fetch_all(&server, BOB).len(), 1);
    // By another address it goes on.
    done(
        server.tegami(&["account", "forward", ALICE, "alice@other.test"], ""),
        "",
    );
    client.command(&format!("MAIL FROM:<{from}>"), "250");
    client.command(&format!("RCPT TO:<{ALICE}>"), "250");
    client.command("DATA", "354");
    client.command(&format!("{}.", copy.text), "250 2.0.0");
    assert_eq!(sink.letter().to, ["<alice@other.test>"]);
    assert_eq!(sink.rest(), []);
}

#[test]
fn what_comes_round_in_a_circle_ends() {
    let sink = Sink::start();
    let server = sending_to(sink.port, "");
    done(
        server.tegami(&["account", "forward", ALICE, BOB, "--no-keep"], ""),
        "",
    );
    done(
        server.tegami(
            &[
                "account",
                "forward",
                BOB,
                ALICE,
                "friend@other.test",
                "--no-keep",
            ],
            "",
        ),
        "",
    );
    let mut client = stranger(&server);
    send(
        &mut client,
        "sender@third.test",
        ALICE,
        "Subject: round\r\n\r\nbody",
    );
    assert_eq!(sink.letter().to, ["<friend@other.test>"]);
    let copies = [ALICE, BOB].map(|address| fetch_all(&server, address).len());
    assert_eq!(copies.iter().sum::<usize>(), 1, "{copies:?}");
    // A message that has been here often enough goes nowhere any more.
    let mut old = String::new();
    for hop in 0..102 {
        old.push_str(&format!(
            "Received: from a by b with SMTP id {hop}; Fri, 1 Jan 2027 00:00:00 +0000\r\n"
        ));
    }
    client.command("MAIL FROM:<sender@third.test>", "250");
    client.command(&format!("RCPT TO:<{ALICE}>"), "250");
    client.command("DATA", "354");
    client.command(&format!("{old}Subject: old\r\n\r\nbody\r\n."), "554 5.4.6");
    assert_eq!(sink.rest(), []);
}

#[test]
fn a_route_is_shown_with_its_reasons() {
    let names = NameServer::start(&[
        ("other.test", Says::Mx(10, "mx.other.test")),
        ("mx.other.test", Says::Address("192.0.2.7")),
        ("inside.test", Says::Address("192.168.7.7")),
        ("null.test", Says::Mx(0, ".")),
    ]);
    let server = Server::start(&format!(
        "[dns]\nservers = [\"{}\"]\n[relay]\n[[relay.route]]\ndomains = [\"partner.test\"]\nvia = \"10.0.0.9:25\"\ntls = \"none\"\n",
        names.address
    ));
    for address in [ALICE, BOB] {
        server.add_account(address, PASSWORD);
    }
    done(
        server.tegami(
            &[
                "alias",
                "add",
                "team@example.test",
                BOB,
                "friend@other.test",
            ],
            "",
        ),
        "",
    );
    for (address, parts) in [
        (
            "team@example.test",
            &[
                "Mail for team@example.test goes",
                "  into the mailbox of bob@example.test, through team@example.test",
                "  to friend@other.test, at another server, through team@example.test",
                "    mx.other.test, 192.0.2.7:25. TLS if it is offered",
            ][..],
        ),
        (
            "x@partner.test",
            &[
                "  leaves by 10.0.0.9:25 of [relay]:",
                "10.0.0.9:25. No TLS.",
            ],
        ),
        ("x@absent.test", &["  comes back at once: "]),
        ("x@null.test", &["  comes back at once: "]),
        (
            "x@inside.test",
            &["Mail for x@inside.test", "  comes back at once: "],
        ),
        (
            "nobody@example.test",
            &["is refused: nobody has this address (550)."],
        ),
        (
            "alice+news@example.test",
            &["  into the mailbox of alice@example.test"],
        ),
    ] {
        let shown = done(server.tegami(&["route", address], ""), "");
        for part in parts {
            assert!(shown.contains(part), "{address}: no {part:?} in {shown}");
        }
    }
    let json = done(
        server.tegami(&["route", "team@example.test", "--json"], ""),
        "",
    );
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["fate"], "leads", "{json}");
    assert_eq!(
        json["leaving"][0]["hosts"][0]["host"], "mx.other.test",
        "{json}"
    );
}
