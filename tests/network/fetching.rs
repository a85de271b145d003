//! Mail that another server keeps for this one is fetched from it (RFC 2645, the customer's side).

use super::provider::{Provider, login};
use super::server::{Server, Stopped};
use super::{BOB, PASSWORD, fetch_all, patiently};

/// A customer of this provider, with bob in it.
fn customer(provider: &Provider, more: &str) -> Server {
    let server = Stopped::before(&provider.fetch(more));
    server.add_account(BOB, PASSWORD);
    server.start_again()
}

/// What `tegami status` has of fetching, when it is as expected: what a connection led to is known a moment after it.
#[track_caller]
fn status(server: &Server, expected: &str) -> String {
    let mut shown = String::new();
    for () in patiently() {
        shown = server.tegami(&["status"], "").stdout;
        if shown.contains(expected) {
            return shown;
        }
    }
    panic!("{expected} is not in {shown}");
}

#[test]
fn what_waits_for_us_is_fetched_and_in_the_mailbox() {
    let provider = Provider::start();
    let server = customer(&provider, "domains = [\"example.test\"]\n");
    let mut hub = provider.turned("ATRN example.test");
    let offer = hub.command("EHLO hub.test", "250");
    assert!(
        !offer.contains("AUTH") && !offer.contains("STARTTLS") && !offer.contains("ETRN"),
        "{offer}"
    );
    for subject in ["one", "two"] {
        hub.command("MAIL FROM:<you@elsewhere.test>", "250 2.1.0");
        hub.command(&format!("RCPT TO:<{BOB}>"), "250 2.1.5");
        hub.command("DATA", "354");
        hub.command(&format!("Subject: {subject}\r\n\r\nbody\r\n."), "250 2.0.0");
        // It was answered, so it is there.
        assert!(
            fetch_all(&server, BOB)
                .last()
                .is_some_and(|last| last.contains(subject))
        );
    }
    hub.command("QUIT", "221 2.0.0");
    let letters = fetch_all(&server, BOB);
    assert_eq!(letters.len(), 2);
    assert!(
        letters[0].starts_with(
            "Return-Path: <you@elsewhere.test>\r\nReceived: from hub.test ([127.0.0.1])"
        ),
        "{}",
        letters[0]
    );
    assert!(letters[0].contains("with ESMTPS"), "{}", letters[0]);
    let entry = server.logged("mail fetched");
    assert_eq!(entry["messages"], 2, "{entry}");
    let from = format!(
        "Fetching     from 127.0.0.1:{} as spoke for example.test: last went well ",
        provider.port
    );
    status(&server, &from);
}

#[test]
fn nothing_but_mail_for_the_domains_that_were_asked_for_comes_in() {
    let provider = Provider::start();
    let server = customer(
        &provider,
        // Whoever connects from here may send anywhere, but not over a connection that was turned round.
        "domains = [\"example.test\"]\n[relay]\nnetworks = [\"127.0.0.0/8\"]\n",
    );
    // One that was begun before is visited to its end.
    let mut hub = provider.turned("ATRN example.test");
    server.reconfigure(
        "domains = [\"example.test\"]\ndata_dir",
        "domains = [\"example.test\", \"second.test\"]\ndata_dir",
    );
    server.reload();
    server.event("reloaded");
    hub.command("EHLO hub.test", "250");
    hub.command("MAIL FROM:<you@elsewhere.test>", "250");
    for foreign in ["you@elsewhere.test", "bob@second.test", "bob@[127.0.0.1]"] {
        hub.command(&format!("RCPT TO:<{foreign}>"), "550 5.7.1");
    }
    hub.command("RCPT TO:<nobody@example.test>", "550 5.1.1");
    hub.command("RCPT TO:<postmaster>", "250 2.1.5");
    hub.command("RSET", "250");
    hub.command("AUTH PLAIN", "503");
    hub.command("STARTTLS", "5");
    hub.command("VRFY bob", "252");
    hub.command("QUIT", "221");
}

#[test]
fn nothing_is_fetched_before_there_is_anybody_to_get_it() {
    let provider = Provider::start();
    let server = Server::start(&provider.fetch(""));
    status(&server, "Nothing is fetched while nobody can log in here");
    assert!(!provider.has_visitor());
    server.add_account(BOB, PASSWORD);
    server.reconfigure("every = \"10s\"", "every = \"11s\"");
    server.reload();
    let mut hub = provider.turned("ATRN");
    hub.command("QUIT", "221");
    let shown = status(&server, "last went well ");
    assert!(!shown.contains("FAILS"), "{shown}");
}

#[test]
fn no_mail_is_no_failure() {
    let provider = Provider::start();
    let server = customer(&provider, "");
    let mut hub = provider.customer();
    // All that is kept for the account.
    hub.hears("ATRN", "453 4.3.0 You have no mail");
    hub.hears("QUIT", "221 2.0.0 bye");
    let shown = status(&server, "last went well ");
    assert!(!shown.contains("FAILS"), "{shown}");
}

#[test]
fn a_wrong_password_is_said_once_with_what_to_do() {
    let provider = Provider::start();
    let mut server = customer(&provider, "");
    for every in ["11s", "12s"] {
        let mut hub = provider.secured();
        hub.hears(&login(), "535 5.7.8 who are you?");
        hub.hears("QUIT", "221 2.0.0 bye");
        let shown = status(&server, "refused our login (PLAIN)");
        assert!(
            shown.contains("has not gone well since the start, next in ")
                && shown.contains("What to do: compare `user` and the password in `password_file`"),
            "{shown}"
        );
        // Another configuration is tried at once.
        server.reconfigure("every = \"1", &format!("every = \"{every}\" # "));
        server.reload();
    }
    let mut hub = provider.customer();
    hub.hears("ATRN", "450 4.7.1 not yours");
    hub.hears("QUIT", "221 2.0.0 bye");
    status(
        &server,
        "compare `domains` here with `[[relay.hold]]` there",
    );
    server.terminate();
    assert_eq!(server.exit_code(), Some(0));
    let log = server.rest_of_the_log();
    let said: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("mail not fetched"))
        .collect();
    assert!(
        matches!(said[..], [login, domains] if login.contains("refused our login") && domains.contains("not yours")),
        "{said:?}"
    );
}

#[test]
fn nobody_with_another_certificate_is_shown_the_password() {
    let mut provider = Provider::start();
    provider.change_certificate();
    let server = customer(&provider, "");
    let mut hub = provider.covered();
    // The handshake fails, and there is no second try in the clear.
    assert!(hub.is_gone());
    let entry = server.logged("mail not fetched");
    let told = entry.to_string();
    assert!(
        told.contains("TLS is required") && told.contains("`ca`"),
        "{told}"
    );
    status(&server, "FAILS for ");
    // Nor is anybody who has no TLS.
    server.reconfigure("every = \"10s\"", "every = \"11s\"");
    server.reload();
    let mut hub = provider.visitor();
    hub.says("220 hub.test ESMTP");
    hub.hears(
        "EHLO mail.example.test",
        "250-hub.test\r\n250-AUTH PLAIN LOGIN\r\n250 ATRN",
    );
    hub.hears("QUIT", "221 2.0.0 bye");
    assert!(hub.is_gone());
}

#[test]
fn what_is_cut_in_the_middle_is_not_there_and_comes_whole_the_next_time() {
    let provider = Provider::start();
    let server = customer(&provider, "");
    let begin = |text: &str| {
        let mut hub = provider.turned("ATRN");
        hub.command("EHLO hub.test", "250");
        hub.command("MAIL FROM:<you@elsewhere.test>", "250 2.1.0");
        hub.command(&format!("RCPT TO:<{BOB}>"), "250 2.1.5");
        hub.command("DATA", "354");
        hub.says(text);
        hub
    };
    drop(begin("Subject: moon\r\n\r\nhalf a"));
    status(
        &server,
        "broke in the middle of a message, which is fetched again",
    );
    assert!(fetch_all(&server, BOB).is_empty());
    server.reconfigure("every = \"10s\"", "every = \"11s\"");
    server.reload();
    let mut hub = begin("Subject: moon\r\n\r\nhalf and half\r\n.");
    hub.told("250 2.0.0");
    hub.command("QUIT", "221");
    let shown = status(&server, "last went well");
    assert!(!shown.contains("FAILS"), "{shown}");
    let letters = fetch_all(&server, BOB);
    assert_eq!(letters.len(), 1);
    assert!(letters[0].ends_with("half and half\r\n"), "{}", letters[0]);
}

#[test]
fn a_stop_ends_a_visit_and_so_does_a_configuration_without_it() {
    let provider = Provider::start();
    let mut server = customer(&provider, "");
    let mut hub = provider.turned("ATRN");
    hub.command("EHLO hub.test", "250");
    server.reconfigure(
        "[[relay.fetch]]",
        "[[relay.route]]\nvia = \"direct\"\nsenders = [\"nobody.test\"]\n#",
    );
    for key in ["from", "user", "password_file", "ca", "every"] {
        server.reconfigure(&format!("\n{key} = "), &format!("\n#{key} = "));
    }
    server.reload();
    server.event("reloaded");
    // What comes over a connection that stands is taken.
    hub.command("MAIL FROM:<you@elsewhere.test>", "250");
    hub.command(&format!("RCPT TO:<{BOB}>"), "250");
    hub.command("DATA", "354");
    hub.command("Subject: last\r\n\r\nbody\r\n.", "250");
    server.terminate();
    hub.told("421 4.3.2");
    assert!(hub.is_gone());
    assert_eq!(server.exit_code(), Some(0));
}

#[test]
fn no_visit_keeps_a_server_from_stopping() {
    let provider = Provider::start();
    let mut server = customer(&provider, "");
    let mut hub = provider.customer();
    hub.asks("ATRN");
    // The answer may take its time; the server does not wait for it.
    server.terminate();
    assert_eq!(server.exit_code(), Some(0));
    assert!(hub.is_gone());
}
