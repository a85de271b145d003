//! Backups of a running server, and servers on what is restored from them.

use std::fs;
use std::path::Path;

use super::client::Client;
use super::server::{Output, Server};
use super::{ALICE, BOB, PASSWORD, fetch_all, log_in, scram, send, unique_ids};

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a directory");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn letter(server: &Server, subject: &str) {
    let mut client = Client::plain(server.port("smtp"));
    client.expect("220");
    client.command("EHLO other.example", "250");
    let body = format!("Subject: {subject}\r\n\r\nbody");
    send(&mut client, "someone@other.example", BOB, &body);
    client.command("QUIT", "221");
}

fn apop(server: &Server, login: &str) {
    let mut client = Client::plain(server.port("pop3"));
    let greeting = client.expect("+OK");
    let from = greeting.find('<').expect("a timestamp");
    let stamp = &greeting[from..=greeting.find('>').expect("its end")];
    let octets = <md5::Md5 as md5::Digest>::digest(format!("{stamp}{PASSWORD}"));
    let digest: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    client.command(&format!("APOP {login} {digest}"), "+OK");
}

#[track_caller]
fn done(output: &Output) -> &str {
    assert_eq!(output.code, Some(0), "{output:?}");
    &output.stdout
}

/// With a password, with SCRAM and with APOP, whose secret only the restored key opens.
#[test]
fn a_restored_server_has_the_mail_the_accounts_and_every_way_to_log_in() {
    let server =
        Server::start("[auth]\nmechanisms = [\"SCRAM-SHA-256\", \"PLAIN\"]\n[pop3]\napop = true");
    for address in [ALICE, BOB] {
        server.add_account(address, PASSWORD);
        let allow = ["account", "allow-apop", address, "--password-file", "-"];
        done(&server.tegami(&allow, PASSWORD));
    }
    done(&server.tegami(&["account", "quota", ALICE, "7MB"], ""));
    done(&server.tegami(&["alias", "add", "info@example.test", BOB], ""));
    letter(&server, "one");
    letter(&server, "two");
    let (mail, ids) = (fetch_all(&server, BOB), unique_ids(&server, BOB));

    let place = tempfile::tempdir().expect("a temporary directory");
    let target = place.path().join("backups");
    let backup = [
        "store",
        "backup",
        target.to_str().expect("a path"),
        "--verify",
        "--keep",
        "3",
    ];
    let said = server.tegami(&backup, "");
    assert!(
        done(&said).contains("every file is what was backed up"),
        "{said:?}"
    );
    letter(&server, "lost");
    let lost = unique_ids(&server, BOB);

    // Nothing is overwritten, whether the server runs or not.
    let restore = ["store", "restore", target.to_str().expect("a path")];
    let refused = server.tegami(&restore, "");
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("the server is running")
            && refused.stderr.contains("try: stop it first"),
        "{refused:?}"
    );
    let stopped = server.stop();
    let refused = stopped.tegami(&restore, "");
    assert!(refused.stderr.contains("is not empty"), "{refused:?}");
    assert!(refused.stderr.contains("mv "), "{refused:?}");

    // Everything that a server puts into its data directory is in the backup, is made anew, or belongs to a process.
    let made: Vec<_> = fs::read_dir(&target)
        .expect("backups")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    let mut there = names(&stopped.data_dir());
    there.retain(|name| !["admin.sock", "index", "lock", "tmp"].contains(&name.as_str()));
    let mut kept = names(&made[0]);
    kept.retain(|name| name != "manifest.json");
    assert_eq!(kept, there);
    assert_eq!(
        names(&made[0].join("tls")),
        names(&stopped.data_dir().join("tls"))
    );

    fs::rename(stopped.data_dir(), place.path().join("old")).expect("a move");
    let said = stopped.tegami(&restore, "");
    assert!(done(&said).contains("accounts into"), "{said:?}");
    let server = stopped.start_again();
    assert_eq!(fetch_all(&server, BOB), mail);
    assert_eq!(unique_ids(&server, BOB), ids);
    letter(&server, "new");
    let new = unique_ids(&server, BOB);
    assert_eq!(new[..2], ids[..]);
    assert!(!lost.contains(&new[2]), "{new:?} after {lost:?}");

    apop(&server, "bob");
    let mut client = Client::tls(server.port("submissions"));
    client.expect("220");
    client.command("EHLO pc", "250");
    log_in(&mut client, ALICE);
    let mut client = Client::plain(server.port("pop3"));
    client.expect("+OK");
    let unbound = ("SCRAM-SHA-256", "n,,", &b""[..]);
    scram::log_in(&mut client, &scram::POP3, unbound, (ALICE, PASSWORD), "+OK");
    let shown = server.tegami(&["account", "show", ALICE], "");
    assert!(done(&shown).contains("7.0 MB"), "{shown:?}");
    let shown = server.tegami(&["alias", "list"], "");
    assert!(done(&shown).contains("info@example.test"), "{shown:?}");

    // And while nobody runs.
    let stopped = server.stop();
    let said = stopped.tegami(
        &[
            "store",
            "backup",
            target.to_str().expect("a path"),
            "--json",
        ],
        "",
    );
    let json: serde_json::Value = serde_json::from_str(done(&said)).expect("JSON");
    assert!(json["files"].as_u64() > Some(3), "{json}");
    assert_eq!(names(&target).len(), 2);
    let said = stopped.tegami(&["store", "rollback"], "");
    assert!(said.stderr.contains("nothing to go back to"), "{said:?}");
}

/// Whether the backup knows what the accounts file said, or is from before backups did.
#[test]
fn a_restored_server_subscribes_nobody_again_who_had_left() {
    let office = tempfile::tempdir().expect("a temporary directory");
    fs::write(office.path().join("password"), PASSWORD).expect("a file");
    let file = office.path().join("accounts.toml");
    let account = format!("[[account]]\naddress = {ALICE:?}\npassword_file = \"password\"\n");
    let list = "staff@example.test";
    let members = ["x@far.test", "y@far.test"];
    let staff =
        format!("[[list]]\naddress = {list:?}\nowners = [{ALICE:?}]\nmembers = {members:?}\n");
    fs::write(&file, account + &staff).expect("a file");
    let server = Server::start(&format!("accounts_file = {file:?}"));
    done(&server.tegami(&["list", "member", "remove", list, members[0]], ""));
    let target = office.path().join("backups");
    let target = target.to_str().expect("a path");
    done(&server.tegami(&["store", "backup", target], ""));
    let mut stopped = server.stop();
    for memory in ["as backed up", "lost"] {
        fs::rename(stopped.data_dir(), office.path().join(memory)).expect("a move");
        done(&stopped.tegami(&["store", "restore", target], ""));
        let declared = stopped.data_dir().join("declared.json");
        if memory == "lost" {
            fs::remove_file(&declared).expect("what was declared is restored");
        }
        let server = stopped.start_again();
        let left = server.tegami(&["list", "member", "list", list], "");
        assert_eq!(done(&left).trim(), members[1], "{memory}");
        stopped = server.stop();
    }
}

/// What is missing at the end of the log would pass for a write that was interrupted before anybody was told.
#[test]
fn a_backup_that_was_cut_off_is_not_in_order() {
    let server = super::server_with_accounts();
    letter(&server, "one");
    let place = tempfile::tempdir().expect("a temporary directory");
    let target = place.path().join("backups");
    done(&server.tegami(&["store", "backup", target.to_str().expect("a path")], ""));
    let backup = target.join(&names(&target)[0]);
    let verify = [
        "store",
        "verify",
        "--data-dir",
        backup.to_str().expect("a path"),
    ];
    done(&server.tegami(&verify, ""));
    let log = backup.join("log");
    let last = log.join(names(&log).pop().expect("a segment"));
    let octets = fs::read(&last).expect("a segment");
    fs::remove_file(&last).expect("a file that may be a link");
    fs::write(&last, &octets[..octets.len() - 10]).expect("a shorter segment");
    let said = server.tegami(&verify, "");
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.stderr.contains("is not what was backed up"),
        "{said:?}"
    );
}

/// Whoever hears that all is in order has to be able to rely on it.
#[test]
fn what_could_not_be_examined_is_said_and_ends_with_an_error() {
    let server = super::server_with_accounts();
    letter(&server, "one");
    let stopped = server.stop();
    let verify = ["store", "verify"];
    assert!(done(&stopped.tegami(&verify, "")).contains("Everything is in order"));
    let index = stopped.data_dir().join("index");
    for number in names(&index) {
        // It cannot be copied, as when there is no room for it.
        std::os::unix::fs::symlink("/nowhere/at/all", index.join(number).join("unreadable"))
            .expect("a link");
    }
    for verb in ["verify", "repair"] {
        let said = stopped.tegami(&["store", verb], "");
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(
            said.stderr.contains("not all has been examined"),
            "{said:?}"
        );
        assert!(said.stderr.contains("TMPDIR="), "{said:?}");
        assert!(!said.stdout.contains("Everything is in order"), "{said:?}");
    }
}
