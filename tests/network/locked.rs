//! A server that sends nothing (`relay.enabled = false`), and what there is to be sent on all the same.

use super::outbound::{done, stranger};
use super::server::Server;
use super::{ALICE, BOB, PASSWORD, fetch_all, send};

const LETTER: &str = "Subject: help\r\n\r\nplease";

fn locked() -> Server {
    let server = Server::start("[relay]\nenabled = false\n");
    for address in [ALICE, BOB] {
        server.add_account(address, PASSWORD);
    }
    server
}

#[test]
fn where_nothing_leaves_a_copy_is_kept_and_what_can_only_be_sent_on_is_refused() {
    let server = locked();
    let mut client = stranger(&server);
    let forward = |keep: &str| {
        let arguments = ["account", "forward", BOB, "bob@other.test", keep];
        let output = server.tegami(&arguments, "");
        assert!(
            output.stderr.contains("relay.enabled is false"),
            "{output:?}"
        );
        done(output, "");
    };
    forward("--keep");
    send(&mut client, "sender@third.test", BOB, LETTER);
    assert_eq!(fetch_all(&server, BOB).len(), 1);
    let told = done(server.tegami(&["route", BOB], ""), "into the mailbox");
    assert!(
        told.contains("does not leave: relay.enabled is false"),
        "{told}"
    );
    forward("--no-keep");
    let list = [
        "list",
        "add",
        "staff@example.test",
        "--owner",
        ALICE,
        "--member",
        BOB,
    ];
    let output = server.tegami(&list, "");
    assert!(
        output.stderr.contains("relay.enabled is false"),
        "{output:?}"
    );
    client.command("MAIL FROM:<sender@third.test>", "250");
    for to in [BOB, "staff@example.test"] {
        client.command(&format!("RCPT TO:<{to}>"), "550 5.4.4");
        let told = done(server.tegami(&["route", to], ""), "relay.enabled is false");
        assert!(told.contains("550"), "{told}");
    }
    // Whoever keeps the server hears what is for postmaster.
    let away = ["account", "forward", ALICE, "alice@other.test", "--no-keep"];
    done(server.tegami(&away, ""), "");
    done(
        server.tegami(&["account", "remove", "postmaster@example.test"], ""),
        "",
    );
    client.command("RCPT TO:<Postmaster>", "250");
    client.command("DATA", "354");
    client.command("Subject: x\r\n\r\nbody\r\n.", "250");
    assert_eq!(fetch_all(&server, ALICE).len(), 1);
}
