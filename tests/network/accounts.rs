//! What single accounts are held to, from the command that sets it to what clients of both protocols hear.

use super::client::{self, Client};
use super::server::Server;
use super::{ALICE, BOB, PASSWORD, fetch_all, log_in, scram, send, server_with_accounts};

const UNBOUND: (&str, &str, &[u8]) = ("SCRAM-SHA-256", "n,,", b"");

#[track_caller]
fn done(server: &Server, arguments: &[&str], said: &str) {
    let output = server.tegami(arguments, "");
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stdout.contains(said), "{output:?}");
}

/// A session of another server, greeted.
fn exchange(server: &Server) -> Client {
    let mut client = Client::plain(server.port("smtp"));
    client.expect("220");
    client.command("EHLO other.example", "250");
    client
}

/// A user's session under TLS, not logged in yet.
fn submissions(server: &Server) -> Client {
    let mut client = Client::tls(server.port("submissions"));
    client.expect("220");
    client.command("EHLO pc", "250");
    client
}

/// Over POP3 under TLS; the reply to PASS.
#[track_caller]
fn pass(server: &Server, login: &str, password: &str, expected: &str) {
    let mut client = Client::tls(server.port("pop3s"));
    client.expect("+OK");
    client.command(&format!("USER {login}"), "+OK");
    client.command(&format!("PASS {password}"), expected);
}

fn plain(login: &str, password: &str) -> String {
    let response = client::base64(format!("\0{login}\0{password}").as_bytes());
    format!("AUTH PLAIN {response}")
}

#[test]
fn a_suspended_mailbox_puts_its_mail_off_and_nothing_else() {
    let server = server_with_accounts();
    done(
        &server,
        &["alias", "add", "both@example.test", ALICE, BOB],
        "",
    );
    done(&server, &["account", "suspend", BOB], "no new mail");
    done(&server, &["account", "list"], "suspended");
    done(&server, &["account", "set", ALICE, "--mailbox", "no"], "");
    done(&server, &["account", "list"], "no mailbox");
    let expected = "Accounts     3 (1 suspended, 1 without a mailbox), aliases: 1";
    done(&server, &["status"], expected);
    done(&server, &["status", "--json"], "\"without_mailbox\": 1");
    done(&server, &["account", "set", ALICE, "--mailbox", "yes"], "");
    let mut client = exchange(&server);
    client.command("MAIL FROM:<a@other.example>", "250");
    client.command(
        &format!("RCPT TO:<{BOB}>"),
        "450 4.2.1 Mailbox <bob@example.test>",
    );
    // Whoever shares an address with him waits, too, or he would never get it.
    client.command("RCPT TO:<both@example.test>", "450 4.2.1");
    client.command(&format!("RCPT TO:<{ALICE}>"), "250");
    pass(&server, BOB, PASSWORD, "+OK");
    let mut user = submissions(&server);
    log_in(&mut user, BOB);
    send(&mut user, BOB, ALICE, "Subject: still here\r\n\r\nbody");
    done(&server, &["account", "resume", BOB], "takes mail again");
    client.command("RCPT TO:<both@example.test>", "250");
}

#[test]
fn an_account_without_a_mailbox_only_sends() {
    let server = server_with_accounts();
    let set = ["account", "set", BOB, "--mailbox", "no"];
    done(&server, &set, "bob@example.test: no mailbox.");
    pass(
        &server,
        BOB,
        PASSWORD,
        "-ERR [SYS/PERM] Account has no maildrop",
    );
    pass(
        &server,
        BOB,
        "wrong",
        "-ERR [AUTH] User name or password incorrect",
    );
    let mut client = exchange(&server);
    client.command("MAIL FROM:<a@other.example>", "250");
    client.command(&format!("RCPT TO:<{BOB}>"), "550 5.1.1");
    let mut user = submissions(&server);
    log_in(&mut user, BOB);
    send(&mut user, BOB, ALICE, "Subject: scanned\r\n\r\nbody");
    assert_eq!(fetch_all(&server, ALICE).len(), 1);
    done(&server, &["account", "set", BOB, "--mailbox", "yes"], "");
    client.command(&format!("RCPT TO:<{BOB}>"), "250");
}

#[test]
fn a_mailbox_without_utf8_takes_no_utf8_header_and_everything_else() {
    let server = server_with_accounts();
    done(
        &server,
        &["account", "set", BOB, "--utf8", "no"],
        "no UTF-8",
    );
    let mut client = exchange(&server);
    let mut deliver = |to: &str, subject: &str, outcome: &str| {
        client.command("MAIL FROM:<a@other.example> SMTPUTF8", "250");
        client.command(&format!("RCPT TO:<{to}>"), "250");
        client.command("DATA", "354");
        client.send(format!("Subject: {subject}\r\n\r\nJ\u{f6}rg\r\n").as_bytes());
        client.command(".", outcome);
    };
    deliver(BOB, "J\u{f6}rg", "554 5.6.9");
    deliver(BOB, "George", "250 2.0.0");
    deliver(ALICE, "J\u{f6}rg", "250 2.0.0");
    assert_eq!(fetch_all(&server, BOB).len(), 1);
}

#[test]
fn a_disabled_account_is_named_after_the_right_password_only_where_that_is_wanted() {
    let server = Server::start("[auth]\nreveal_disabled = false");
    server.add_account(ALICE, PASSWORD);
    done(&server, &["account", "disable", ALICE], "disabled");
    let mut client = submissions(&server);
    client.command(&plain(ALICE, PASSWORD), "535 5.7.8");
    server.reconfigure("reveal_disabled = false", "reveal_disabled = true");
    server.reload();
    server.event("reloaded");
    client.command(&plain(ALICE, PASSWORD), "525 5.7.13 Account disabled");
    client.command(&plain(ALICE, "wrong"), "535 5.7.8");
    pass(&server, ALICE, PASSWORD, "-ERR [AUTH] Account disabled");
    let scram = (ALICE, PASSWORD);
    scram::log_in(&mut client, &scram::SMTP, UNBOUND, scram, "525 5.7.13");
    done(&server, &["account", "enable", ALICE], "can log in");
    client.command(&plain(ALICE, PASSWORD), "235 2.7.0");
}

/// S-432: what the reply says is true. The account lacks keys, and one login with PLAIN makes them.
#[test]
fn an_account_without_keys_is_sent_to_plain_and_then_scram_works() {
    let server = Server::start("[auth]\nmechanisms = [\"PLAIN\"]\ntransition_hint = false");
    server.add_account(ALICE, PASSWORD);
    server.reconfigure("[\"PLAIN\"]", "[\"SCRAM-SHA-256\", \"PLAIN\"]");
    let server = server.kill().start_again();
    let first = client::base64(b"n,,n=alice@example.test,r=rOprNGfwEbeRWgbNEkqO");
    let scram = format!("AUTH SCRAM-SHA-256 {first}");
    submissions(&server).command(&scram, "504 5.5.4");
    server.reconfigure("transition_hint = false", "transition_hint = true");
    server.reload();
    server.event("reloaded");
    submissions(&server).command(
        &scram,
        "432 4.7.12 Log in once with PLAIN to enable this mechanism",
    );
    // Nobody else is told anything: no such account goes on like one with keys.
    let nobody = client::base64(b"n,,n=nobody@example.test,r=rOprNGfwEbeRWgbNEkqO");
    submissions(&server).command(&format!("AUTH SCRAM-SHA-256 {nobody}"), "334 ");
    let mut pop3 = Client::tls(server.port("pop3s"));
    pop3.expect("+OK");
    let words = "-ERR [AUTH] Log in once with the normal password";
    pop3.command(&scram, words);

    log_in(&mut submissions(&server), ALICE);
    server.event("keys for SCRAM made");
    let mut user = submissions(&server);
    let credentials = (ALICE, PASSWORD);
    scram::log_in(&mut user, &scram::SMTP, UNBOUND, credentials, "235 2.7.0");
    scram::log_in(&mut pop3, &scram::POP3, UNBOUND, credentials, "+OK");
}

#[test]
fn an_account_held_to_scram_refuses_its_right_password_and_nothing_is_said_of_a_wrong_one() {
    let server = server_with_accounts();
    let set = ["account", "set", ALICE, "--login", "scram"];
    done(&server, &set, "logs in with SCRAM only");
    let mut user = submissions(&server);
    user.command(&plain(ALICE, PASSWORD), "534 5.7.9 Mechanism too weak");
    user.command(&plain(ALICE, "wrong"), "535 5.7.8");
    pass(&server, ALICE, PASSWORD, "-ERR [AUTH] Login too weak");
    let credentials = (ALICE, PASSWORD);
    scram::log_in(&mut user, &scram::SMTP, UNBOUND, credentials, "235 2.7.0");
    // The others log in as they like.
    log_in(&mut submissions(&server), BOB);
}

/// The floor must not lock an account out that has no keys yet: the password is proven, so they are made.
#[test]
fn an_account_held_to_scram_gets_its_keys_with_the_password_that_is_refused() {
    let server = Server::start("[auth]\nmechanisms = [\"PLAIN\"]\ntransition_hint = true");
    server.add_account(ALICE, PASSWORD);
    server.reconfigure("[\"PLAIN\"]", "[\"SCRAM-SHA-256\", \"PLAIN\"]");
    let server = server.kill().start_again();
    done(
        &server,
        &["account", "set", ALICE, "--login", "scram"],
        "SCRAM",
    );
    submissions(&server).command(&plain(ALICE, PASSWORD), "534 5.7.9");
    server.event("keys for SCRAM made");
    let credentials = (ALICE, PASSWORD);
    let mut user = submissions(&server);
    scram::log_in(&mut user, &scram::SMTP, UNBOUND, credentials, "235 2.7.0");
}

#[test]
fn an_account_sends_only_where_it_may() {
    let server = server_with_accounts();
    let set = ["account", "set", BOB, "--send-to", "alice@example.test"];
    done(&server, &set, "sends to alice@example.test only");
    let mut user = submissions(&server);
    log_in(&mut user, BOB);
    user.command(&format!("MAIL FROM:<{BOB}>"), "250");
    user.command("RCPT TO:<alice+scans@example.test>", "250 2.1.5");
    user.command("RCPT TO:<bob@example.test>", "550 5.7.1 <bob@example.test>");
    user.command(
        "RCPT TO:<friend@elsewhere.example>",
        "550 5.7.1 <friend@elsewhere.example>",
    );
    user.command("RCPT TO:<Postmaster>", "250 2.1.5");
    // It binds the account, not those who write to it.
    let mut client = exchange(&server);
    send(
        &mut client,
        "a@other.example",
        BOB,
        "Subject: hi\r\n\r\nbody",
    );
}

/// S-450b and S-552c under both policies, and RFC 1870 section 6: with SIZE it is known at RCPT.
#[test]
fn a_full_mailbox_refuses_at_rcpt_by_either_policy() {
    let server = Server::start("[mailbox]\nover_quota = \"tempfail\"");
    server.add_account(ALICE, PASSWORD);
    server.add_account(BOB, PASSWORD);
    done(&server, &["account", "quota", BOB, "1000"], "");
    let mut client = exchange(&server);
    let mut offered = |size: &str, outcome: &str| {
        client.command(&format!("MAIL FROM:<a@other.example>{size}"), "250");
        client.command(&format!("RCPT TO:<{BOB}>"), outcome);
        client.command(&format!("RCPT TO:<{ALICE}>"), "250 2.1.5");
        client.command("RSET", "250");
    };
    offered("", "250 2.1.5");
    offered(" SIZE=500", "250 2.1.5");
    offered(" SIZE=5000", "452 4.2.2");
    server.reconfigure("\"tempfail\"", "\"reject\"");
    server.reload();
    server.event("reloaded");
    offered(" SIZE=5000", "552 5.2.2");
    let letter = format!("Subject: big\r\n\r\n{}", "x".repeat(990));
    send(&mut exchange(&server), "a@other.example", BOB, &letter);
    offered("", "552 5.2.2");
    server.reconfigure("\"reject\"", "\"tempfail\"");
    server.reload();
    server.event("reloaded");
    offered("", "452 4.2.2");
}

#[test]
fn senders_of_ours_must_exist_where_that_is_wanted() {
    let server = Server::start("[smtp]\nverify_local_sender = true");
    for address in [ALICE, BOB] {
        server.add_account(address, PASSWORD);
    }
    done(
        &server,
        &["alias", "add", "noreply@example.test", ALICE],
        "",
    );
    done(&server, &["account", "set", BOB, "--mailbox", "no"], "");
    let mut client = exchange(&server);
    let refused = "550 5.1.0 <nosuch@example.test> no such local sender";
    client.command("MAIL FROM:<nosuch@example.test>", refused);
    for sender in [
        "<>",
        "<a@other.example>",
        "<alice+x@example.test>",
        "<noreply@example.test>",
        "<bob@example.test>",
        "<postmaster@example.test>",
    ] {
        client.command(&format!("MAIL FROM:{sender}"), "250 2.1.0");
        client.command("RSET", "250");
    }
}

#[test]
fn nobody_sends_as_a_user_from_a_listed_network() {
    let server = Server::start("[smtp]\nno_submission_from = [\"127.0.0.0/8\"]");
    server.add_account(ALICE, PASSWORD);
    let mut user = submissions(&server);
    log_in(&mut user, ALICE);
    user.command(
        &format!("MAIL FROM:<{ALICE}>"),
        "550 5.7.1 Sending mail from 127.0.0.1 is not permitted",
    );
    let mut client = exchange(&server);
    send(
        &mut client,
        "a@other.example",
        ALICE,
        "Subject: hi\r\n\r\nbody",
    );
    pass(&server, ALICE, PASSWORD, "+OK");
}

/// TLS-11, EXT-25, SUB-10.
#[test]
fn promises_about_tls_and_time_are_offered_where_they_can_be_kept() {
    let server = Server::start("[smtp]\ndeliver_by_min = \"1m\"");
    server.add_account(ALICE, PASSWORD);
    let mut client = Client::plain(server.port("smtp"));
    client.expect("220");
    let offer = client.ehlo();
    assert!(offer.contains("250-DELIVERBY 60\r\n"), "{offer}");
    assert!(!offer.contains("REQUIRETLS") && !offer.contains("FUTURERELEASE"));
    client.command("MAIL FROM:<a@other.example> REQUIRETLS", "555 5.5.4");
    client.command("STARTTLS", "220");
    let mut client = client.into_tls();
    let offer = client.ehlo();
    assert!(offer.contains("250-REQUIRETLS\r\n"), "{offer}");
    assert!(!offer.contains("FUTURERELEASE"), "{offer}");
    client.command("MAIL FROM:<a@other.example> BY=59;R", "555 5.5.4");
    client.command("MAIL FROM:<a@other.example> HOLDFOR=60", "555 5.5.4");
    client.command("MAIL FROM:<a@other.example> REQUIRETLS BY=300;R", "250");
    client.command(&format!("RCPT TO:<{ALICE}>"), "250");
    client.command("DATA", "354");
    client.send(b"Subject: in time\r\n\r\nbody\r\n");
    client.command(".", "250 2.0.0");
    assert_eq!(fetch_all(&server, ALICE).len(), 1);
}
