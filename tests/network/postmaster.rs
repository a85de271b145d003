//! Mail that concerns the server itself: who gets what is for postmaster, and where letters of the server go.

use super::lists::until_there_are;
use super::outbound::{alice, done, sending_to, stranger};
use super::server::Server;
use super::sink::Sink;
use super::{ALICE, BOB, PASSWORD, fetch_all, send};

const LETTER: &str = "Subject: help\r\n\r\nplease";

/// A server with alice and bob.
fn without_an_account_of_postmaster() -> Server {
    let server = Server::start("");
    for address in [ALICE, BOB] {
        server.add_account(address, PASSWORD);
    }
    done(
        server.tegami(&["account", "remove", "postmaster@example.test"], ""),
        "",
    );
    server
}

/// ENV-02.
#[test]
fn a_catch_all_does_not_take_over_mail_for_postmaster() {
    let server = without_an_account_of_postmaster();
    done(
        server.tegami(&["alias", "add", "*@example.test", BOB], ""),
        "",
    );
    let mut client = stranger(&server);
    for to in ["postmaster@example.test", "Postmaster"] {
        send(&mut client, "", to, LETTER);
    }
    send(&mut client, "", "misspelt@example.test", LETTER);
    assert_eq!(fetch_all(&server, ALICE).len(), 2);
    assert_eq!(fetch_all(&server, BOB).len(), 1);
}

/// Whoever keeps no copy reads mail elsewhere: also what is for postmaster, and what this server writes itself.
#[test]
fn mail_for_postmaster_and_reports_go_the_way_of_all_mail_for_that_address() {
    let sink = Sink::start();
    let server = sending_to(sink.port, "");
    let forward = ["account", "forward", ALICE, "alice@other.test", "--no-keep"];
    done(server.tegami(&forward, ""), "");
    done(
        server.tegami(&["account", "remove", "postmaster@example.test"], ""),
        "",
    );
    let mut client = stranger(&server);
    send(&mut client, "sender@third.test", "Postmaster", LETTER);
    let copy = sink.letter();
    assert_eq!(copy.to, ["<alice@other.test>"]);
    assert!(copy.from.starts_with("<SRS0="), "{copy:?}");
    send(&mut client, "", "postmaster@example.test", LETTER);
    assert_eq!(sink.letter().to, ["<alice@other.test>"]);
    // A report about what she sent comes from nobody, and so does its copy.
    let mut user = alice(&server);
    send(
        &mut user,
        ALICE,
        "never@other.test",
        "Subject: mine\r\n\r\nx",
    );
    let report = sink.letter();
    assert_eq!(report.to, ["<alice@other.test>"]);
    assert_eq!(report.from.split(' ').next(), Some("<>"), "{report:?}");
    assert_eq!(fetch_all(&server, ALICE), [""; 0]);
}

#[test]
fn letters_of_the_server_come_from_an_address_that_somebody_has() {
    let sink = Sink::start();
    let server = Server::start(&format!(
        "postmaster = \"nobody@example.test\"\n[relay]\nsmarthost = \"127.0.0.1:{}\"\nsmarthost_tls = \"none\"\n",
        sink.port
    ));
    server.add_account(ALICE, PASSWORD);
    let mut user = alice(&server);
    send(&mut user, ALICE, "never@other.test", LETTER);
    until_there_are(&server, ALICE, 1);
    let report = fetch_all(&server, ALICE).concat();
    assert!(report.contains("<postmaster@example.test>"), "{report}");
    assert!(!report.contains("nobody@example.test"), "{report}");
}

#[test]
fn route_says_who_postmaster_is_and_what_the_addresses_of_a_list_are_for() {
    let server = without_an_account_of_postmaster();
    done(
        server.tegami(&["list", "add", "staff@example.test", "--owner", BOB], ""),
        "",
    );
    for (address, part) in [
        (
            "postmaster",
            "is mail for postmaster, who is alice@example.test. It goes\n  into the mailbox of alice",
        ),
        (
            "postmaster@example.test",
            "is mail for postmaster, who is alice@example.test",
        ),
        (
            "staff@example.test",
            "goes\n  to the list staff@example.test\n",
        ),
        (
            "staff-request@example.test",
            "to the robot of the list staff@example.test",
        ),
        (
            "staff-owner@example.test",
            "to the owners of the list staff@example.test\n",
        ),
        (
            "staff-bounces@example.test",
            "to the owners of the list staff@example.test, as a bounce",
        ),
    ] {
        done(server.tegami(&["route", address], ""), part);
    }
    done(
        server.tegami(&["list", "show", "staff@example.test"], ""),
        "staff-request@example.test",
    );
}
