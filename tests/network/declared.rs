//! What an accounts file declares beside accounts, and what a reload makes of it.

use std::fs;
use std::process::Command;

use super::outbound::{done, stranger};
use super::server::{Server, Stopped};
use super::sink::Sink;
use super::{ALICE, BOB, PASSWORD, fetch_all, send};

const STAFF: &str = "staff@example.test";
const TEAM: &str = "team@example.test";

fn account(address: &str, more: &str) -> String {
    format!("[[account]]\naddress = {address:?}\npassword_file = \"password\"\n{more}\n")
}

#[test]
fn aliases_lists_and_new_addresses_of_the_accounts_file_are_at_work() {
    let office = tempfile::tempdir().unwrap();
    fs::write(office.path().join("password"), PASSWORD).unwrap();
    let file = office.path().join("accounts.toml");
    let accounts = account(ALICE, "") + &account(BOB, "");
    let team = format!("[[alias]]\naddress = {TEAM:?}\nto = [{ALICE:?}, {STAFF:?}]\n");
    let staff = format!(
        "[[list]]\naddress = {STAFF:?}\nowners = [{ALICE:?}]\nmembers = [{BOB:?}]\nposting = \"anyone\"\n"
    );
    fs::write(&file, format!("{accounts}{team}{staff}")).unwrap();
    let sink = Sink::start();
    let server = Server::start(&format!(
        "accounts_file = {file:?}\n[relay]\nsmarthost = \"127.0.0.1:{}\"\nsmarthost_tls = \"none\"\n",
        sink.port
    ));
    send(
        &mut stranger(&server),
        "sender@third.test",
        TEAM,
        "Subject: both\r\n\r\nbody",
    );
    assert_eq!(fetch_all(&server, ALICE).len(), 1);
    server.event("posted to members");
    assert_eq!(fetch_all(&server, BOB).len(), 1);
    let check = |says: &str| {
        let said = server.tegami(&["check"], "");
        done(said, says);
    };
    check("A reload       would change no account, alias or list\n");
    let moved = account(BOB, "refer = \"bob@new.test\"");
    fs::write(&file, format!("{}{moved}", account(ALICE, ""))).unwrap();
    check("A reload       the alias team@example.test is removed\n");
    check("               the account bob@example.test is changed: refer\n");
    server.reload();
    server.event("reloaded");
    let mut client = stranger(&server);
    client.command("MAIL FROM:<sender@third.test>", "250");
    client.command(&format!("RCPT TO:<{TEAM}>"), "550 5.1.1");
    client.command(&format!("RCPT TO:<{BOB}>"), "551 5.1.6");
    done(
        server.tegami(&["list", "show", STAFF], ""),
        "Members      1",
    );
    // What goes against the store is found before it is read again, if there is somebody to ask.
    server.add_account("hand@example.test", PASSWORD);
    let taken = format!("[[alias]]\naddress = \"hand@example.test\"\nto = [{ALICE:?}]\n");
    fs::write(&file, account(ALICE, "") + &taken).unwrap();
    let refused = server.tegami(&["check"], "");
    assert_eq!(refused.code, Some(1), "{refused:?}");
    let why = "hand@example.test is an account already";
    assert!(refused.stderr.contains(why), "{refused:?}");
    let stopped = server.stop();
    let unknown = "A reload       not compared with the store: no server runs";
    done(stopped.tegami(&["check"], ""), unknown);
}

/// Accounts whose passwords take some seconds.
fn sixty() -> String {
    let accounts = (0..60).map(|n| account(&format!("u{n}@example.test"), ""));
    accounts.collect()
}

#[test]
fn a_start_is_given_up_when_the_server_is_to_stop() {
    let office = tempfile::tempdir().unwrap();
    fs::write(office.path().join("password"), PASSWORD).unwrap();
    let file = office.path().join("accounts.toml");
    fs::write(&file, sixty()).unwrap();
    let stopped = Stopped::before(&format!("accounts_file = {file:?}\n"));
    let log = office.path().join("log");
    let script = "\"$@\" 2> \"$0\" &\n\
                  while ! grep -q 'accounts file' \"$0\"; do kill -0 $! || exit 9; done\n\
                  kill -TERM $!\nwait $!";
    let output = stopped.fail(|command| {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).arg(&log);
        shell.arg(command.get_program()).args(command.get_args());
        *command = shell;
    });
    assert_eq!(output.code, Some(0), "{output:?}");
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("stopped before it was ready"), "{log}");
    let accounts = done(stopped.tegami(&["account", "list"], ""), "");
    assert!(!accounts.contains("u0@"), "{accounts}");
}

#[test]
fn a_stop_does_not_wait_for_the_new_passwords_of_a_reload() {
    let office = tempfile::tempdir().unwrap();
    fs::write(office.path().join("password"), PASSWORD).unwrap();
    let file = office.path().join("accounts.toml");
    fs::write(&file, account(ALICE, "")).unwrap();
    let mut server = Server::start(&format!("accounts_file = {file:?}\n"));
    fs::write(&file, account(ALICE, "") + &sixty()).unwrap();
    server.reload();
    // That anybody can read the file with the password is said before the work on it.
    server.event("accounts file");
    server.terminate();
    assert_eq!(server.exit_code(), Some(0));
    let log = server.rest_of_the_log();
    assert!(log.contains("\"stopped\""), "{log}");
    assert!(!log.contains("reloaded") && !log.contains("made"), "{log}");
    let accounts = done(server.tegami(&["account", "list"], ""), ALICE);
    assert!(!accounts.contains("u0@"), "{accounts}");
}
