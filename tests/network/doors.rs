//! Who may come in, when, and for how much: greetings that refuse, maintenance, and what a session may take.

use super::client::Client;
use super::server::Server;
use super::{ALICE, BOB, PASSWORD, log_in, send};

/// A client that has been greeted.
fn greeted(server: &Server) -> Client {
    let mut client = Client::plain(server.port("smtp"));
    client.expect("220 mail.example.test");
    client.command("EHLO other.example", "250");
    client
}

/// A client that hears this and is then alone.
#[track_caller]
fn turned_away(mut client: Client, greeting: &str) {
    client.expect(greeting);
    assert!(client.is_closed());
}

fn tegami(server: &Server, arguments: &[&str]) -> String {
    let output = server.tegami(arguments, "");
    assert_eq!(output.code, Some(0), "{output:?}");
    output.stdout
}

#[test]
fn a_refused_network_hears_so_on_every_listener_and_may_say_quit() {
    let server = Server::start("[limits]\nrefuse_from = [\"127.0.0.0/8\"]\n");
    let refusal = "554 mail.example.test Connections from 127.0.0.1 are refused";
    for (service, secure) in [
        ("smtp", false),
        ("submission", false),
        ("submissions", true),
    ] {
        let client = Client::plain(server.port(service));
        let mut client = if secure { client.into_tls() } else { client };
        client.expect(refusal);
        client.command("EHLO client.example", "503 5.5.1");
        client.command("MAIL FROM:<>", "503 5.5.1");
        client.command("RCPT TO:<postmaster>", "503 5.5.1");
        client.command("QUIT", "221 2.0.0");
        assert!(client.is_closed());
    }
    let refusal = "-ERR Connections from 127.0.0.1 are refused";
    turned_away(Client::plain(server.port("pop3")), refusal);
    turned_away(Client::tls(server.port("pop3s")), refusal);

    // Lifted while the server runs.
    server.reconfigure("127.0.0.0/8", "192.0.2.0/24");
    server.reload();
    server.event("reloaded");
    greeted(&server).command("QUIT", "221");
}

#[test]
fn a_host_that_takes_no_mail_says_so_to_other_servers_and_serves_its_users() {
    let server = Server::start("[smtp]\nno_mail = true\n");
    let mut client = Client::plain(server.port("smtp"));
    client.expect("521 mail.example.test is not a mail receiver");
    client.command("EHLO client.example", "521 5.3.2");
    client.command("MAIL FROM:<>", "521 5.3.2");
    client.command("QUIT", "221 2.0.0");
    assert!(client.is_closed());
    Client::plain(server.port("submission")).expect("220");
    Client::plain(server.port("pop3")).expect("+OK");
    tegami(&server, &["healthcheck"]);
}

#[test]
fn a_suspended_server_takes_no_mail_from_anybody_until_it_is_resumed() {
    let server = super::server_with_accounts();
    send(&mut greeted(&server), "", BOB, "Subject: one\r\n\r\nbody");
    let (mut idle, mut busy) = (greeted(&server), greeted(&server));
    busy.command("MAIL FROM:<>", "250");
    busy.command(&format!("RCPT TO:<{BOB}>"), "250");
    busy.command("DATA", "354");

    let said = tegami(&server, &["suspend"]);
    assert!(said.contains("tegami resume"), "{said}");
    let refusal = "421 mail.example.test Service suspended; try later";
    turned_away(Client::plain(server.port("smtp")), refusal);
    turned_away(Client::plain(server.port("submission")), refusal);
    turned_away(Client::tls(server.port("submissions")), refusal);
    idle.command(
        "MAIL FROM:<>",
        "421 4.3.2 mail.example.test Service suspended",
    );
    assert!(idle.is_closed());
    busy.command("Subject: two\r\n\r\nbody\r\n.", "250 2.0.0");
    assert_eq!(super::fetch_all(&server, BOB).len(), 2, "POP3 goes on");
    let status = tegami(&server, &["status"]);
    assert!(
        status.contains("NO MAIL IS TAKEN until `tegami resume`"),
        "{status}"
    );
    tegami(&server, &["healthcheck"]);

    tegami(&server, &["resume"]);
    busy.command("MAIL FROM:<>", "250");
    greeted(&server);
    let status = tegami(&server, &["status"]);
    assert!(!status.contains("Suspended"), "{status}");
}

#[test]
fn a_suspension_outlasts_a_restart_only_where_the_configuration_says_so() {
    let server = Server::start("suspended = false\n");
    tegami(&server, &["suspend"]);
    let stopped = server.stop();
    let output = stopped.tegami(&["suspend"], "");
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains("no server runs"), "{output:?}");

    let server = stopped.start_again();
    greeted(&server);
    server.reconfigure("suspended = false", "suspended = true");
    server.reload();
    server.event("reloaded");
    let output = server.tegami(&["resume"], "");
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains("suspended = true"), "{output:?}");
    let server = server.stop().start_again();
    turned_away(
        Client::plain(server.port("smtp")),
        "421 mail.example.test Service suspended",
    );
    let status = tegami(&server, &["status", "--json"]);
    assert!(
        status.contains("\"suspended\": \"configuration\""),
        "{status}"
    );
    let check = server.tegami(&["check"], "");
    assert!(
        check.stderr.contains("no mail is taken from anybody"),
        "{check:?}"
    );
}

#[test]
fn users_with_tls_that_is_too_old_are_told_so_and_other_servers_are_served() {
    let server = Server::start("[tls]\nsubmission_min = \"1.3\"\n");
    server.add_account(ALICE, PASSWORD);
    let start = |service: &str| {
        let mut client = Client::plain(server.port(service));
        client.expect("220");
        client.command("EHLO pc", "250");
        client.command("STARTTLS", "220 2.0.0");
        client
    };
    let mut old = start("submission").into_old_tls();
    old.command("EHLO pc", "554 5.7.0 TLS security insufficient");
    old.command("NOOP", "554 5.7.0");
    old.command("QUIT", "221 2.0.0");
    assert!(old.is_closed());
    let mut old = Client::plain(server.port("submissions")).into_old_tls();
    old.expect("220");
    old.command("EHLO pc", "554 5.7.0");

    let mut new = start("submission").into_tls();
    new.command("EHLO pc", "250");
    log_in(&mut new, ALICE);
    let mut exchange = start("smtp").into_old_tls();
    exchange.command("EHLO other.example", "250");
    send(&mut exchange, "", ALICE, "Subject: x\r\n\r\nbody");
}

#[test]
fn connections_beyond_the_limits_are_turned_away() {
    let server = Server::start("[limits]\nsessions = 2\n");
    let _held = (greeted(&server), greeted(&server));
    let refusal = "421 mail.example.test Too many sessions; try later";
    turned_away(Client::plain(server.port("smtp")), refusal);

    let server = Server::start("[limits]\nsessions_per_ip = 1\n");
    let mut held = greeted(&server);
    let refusal = "421 mail.example.test Connection limit for 127.0.0.1 reached";
    turned_away(Client::plain(server.port("smtp")), refusal);
    held.command("QUIT", "221");
    greeted(&server);
}

#[test]
fn the_last_error_of_the_budget_ends_the_session() {
    let server = Server::start("[limits]\nerrors = 3\n");
    let mut client = greeted(&server);
    client.command("NONSENSE", "500 5.5.2");
    client.command("NONSENSE", "500 5.5.2");
    client.command("NONSENSE", "500 5.5.2");
    turned_away(client, "421 4.7.0 mail.example.test Too many errors");
}

#[test]
fn rates_hold_over_all_sessions_of_an_address() {
    let server = Server::start("[limits]\nmail_rate = \"3/1h\"\nrcpt_rate = \"5/1h\"\n");
    server.add_account(BOB, PASSWORD);
    let mut first = greeted(&server);
    first.command("MAIL FROM:<>", "250");
    for _ in 0..5 {
        first.command(&format!("RCPT TO:<{BOB}>"), "250");
    }
    first.command(
        &format!("RCPT TO:<{BOB}>"),
        "450 4.7.1 Recipient rate limit for 127.0.0.1",
    );
    let mut second = greeted(&server);
    second.command("MAIL FROM:<>", "250");
    second.command(&format!("RCPT TO:<{BOB}>"), "450 4.7.1");
    second.command("RSET", "250");
    second.command("MAIL FROM:<>", "250");
    second.command("RSET", "250");
    second.command("MAIL FROM:<>", "450 4.7.1 Message rate limit for 127.0.0.1");
    second.command("NOOP", "250");
    // A reload gives nobody a fresh start, except where the rate is another.
    server.reload();
    server.event("reloaded");
    second.command("MAIL FROM:<>", "450 4.7.1 Message rate limit for 127.0.0.1");
    server.reconfigure("3/1h", "4/1h");
    server.reload();
    server.event("reloaded");
    second.command("MAIL FROM:<>", "250");
    second.command(&format!("RCPT TO:<{BOB}>"), "450 4.7.1");
}

#[test]
fn a_session_is_told_its_limits_and_held_to_them() {
    for (policy, refusal) in [
        ("tempfail", "452 4.5.3 Recipient limit"),
        ("reject", "550 5.5.3 More recipients"),
    ] {
        let server = Server::start(&format!(
            "[smtp]\nmax_recipients = 100\nover_recipients = \"{policy}\"\n[limits]\nmessages_per_session = 2\n"
        ));
        server.add_account(BOB, PASSWORD);
        let mut client = Client::plain(server.port("smtp"));
        client.expect("220");
        let offers = client.ehlo();
        assert!(offers.contains("LIMITS MAILMAX=2 RCPTMAX=100"), "{offers}");
        client.command("MAIL FROM:<>", "250");
        for number in 0..100 {
            client.command(&format!("RCPT TO:<bob+{number}@example.test>"), "250");
        }
        client.command(&format!("RCPT TO:<{BOB}>"), refusal);
        client.command("DATA", "354");
        client.command("Subject: x\r\n\r\nbody\r\n.", "250 2.0.0");
        client.command("MAIL FROM:<>", "250");
        client.command("RSET", "250");
        client.command(
            "MAIL FROM:<>",
            "421 4.7.0 mail.example.test Enough messages",
        );
        assert!(client.is_closed());
    }
}
