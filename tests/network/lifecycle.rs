//! How a server starts, fails to, and stops.

use crate::client::Client;
use crate::server::{Server, Stopped};
use crate::{ALICE, BOB, PASSWORD, server_with_accounts};

#[test]
fn sigterm_tells_sessions_and_exits_cleanly() {
    let mut server = Server::start("");
    let mut idle = Client::plain(server.port("smtp"));
    idle.expect("220");
    server.terminate();
    idle.expect("421 4.3.2");
    assert!(idle.is_closed());
    assert_eq!(server.exit_code(), Some(0));
}

#[test]
fn a_second_sigterm_drops_who_still_sends_and_exits_cleanly() {
    let mut server = server_with_accounts();
    let mut sending = Client::plain(server.port("smtp"));
    sending.expect("220");
    sending.command("EHLO other.example", "250");
    sending.command("MAIL FROM:<carol@other.example>", "250");
    sending.command(&format!("RCPT TO:<{BOB}>"), "250");
    sending.command("DATA", "354");
    sending.send(b"half a letter");
    server.terminate();
    server.event("stopping");
    server.terminate();
    server.event("stopping at once: sessions that are still open are dropped, no mail is lost");
    assert_eq!(server.logged("stopped")["dropped"], 1);
    assert_eq!(server.exit_code(), Some(0));
}

#[test]
fn a_second_server_on_the_same_data_directory_says_so_and_exits_1() {
    let server = Server::start("");
    let output = server.tegami(&["serve"], "");
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    assert!(
        output.stderr.contains("in use by another tegami"),
        "{}",
        output.stderr
    );
}

#[test]
fn a_first_start_that_fails_leaves_nothing_that_the_next_one_minds() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("a bound socket").port();
    let stopped = Stopped::before("");
    let absent = [
        ("TEGAMI_TLS__CERTIFICATE", "/absent/c.pem".to_owned()),
        ("TEGAMI_TLS__KEY", "/absent/k.pem".to_owned()),
    ];
    let busy = [("TEGAMI_LISTEN__POP3S", format!("127.0.0.1:{port}"))];
    for (variables, complaint) in [
        (&absent[..], "tls.certificate"),
        (&busy[..], "listen.pop3s"),
    ] {
        let output = stopped.fail(|command| {
            command
                .envs(variables.iter().cloned())
                .env("TEGAMI_DOMAINS", "slip.test");
        });
        assert_eq!(output.code, Some(1), "{output:?}");
        assert!(output.stderr.contains(complaint), "{}", output.stderr);
        for made in ["secrets.key", "tls", "admin.sock"] {
            assert!(!stopped.data_dir().join(made).exists(), "{made} is left");
        }
        let accounts = stopped.tegami(&["account", "list"], "");
        assert!(
            accounts.stdout.starts_with("There are no accounts"),
            "{accounts:?}"
        );
    }
    let server = stopped.start_again();
    server.add_account(ALICE, PASSWORD);
}
