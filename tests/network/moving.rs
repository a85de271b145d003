//! Mail that moves in from other servers' folders and out again, while the server runs and while it does not.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use super::client::Client;
use super::server::Output;
use super::{ALICE, BOB, PASSWORD, fetch_all, unique_ids};

/// What is told, on both ways out.
#[track_caller]
fn done(output: &Output) -> String {
    assert_eq!(output.code, Some(0), "{output:?}");
    format!("{}{}", output.stdout, output.stderr)
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

/// A Maildir as Dovecot leaves it: its list has the messages in another order than their times.
fn maildir(root: &Path) {
    for part in ["cur", "new", "tmp", ".Sent/cur", ".Sent/new"] {
        fs::create_dir_all(root.join(part)).expect("a directory");
    }
    for (name, text) in [
        (
            "cur/1276528487.M1P1.host,S=19:2,S",
            "Subject: one\n\n.dot\n",
        ),
        (
            "cur/1276528488.M2P1.host:2,",
            "Subject: two\r\n\r\nFrom here\n>From there\n",
        ),
        (
            "new/1276528489.M3P1.host",
            "Subject: three\n\nnot in the list yet\n",
        ),
        (".Sent/cur/1276528490.M4P1.host:2,S", "Subject: four\n\n"),
    ] {
        fs::write(root.join(name), text).expect("a message");
    }
    let list = "3 V1275660208 N12\n10 Pkept-by-hand :1276528488.M2P1.host\n11 :1276528487.M1P1.host,S=19:2,S\n";
    fs::write(root.join("dovecot-uidlist"), list).expect("a list");
}

const MESSAGES: [&str; 3] = [
    "Subject: two\r\n\r\nFrom here\r\n>From there\r\n",
    "Subject: one\r\n\r\n.dot\r\n",
    "Subject: three\r\n\r\nnot in the list yet\r\n",
];

#[test]
fn a_maildir_comes_in_and_goes_out_with_the_same_octets() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let source = place.path().join("Maildir");
    maildir(&source);
    let server = super::server_with_accounts();
    let import = ["store", "import", ALICE, path(&source)];
    let told = done(&server.tegami(&[&import[..], &["--dry-run"]].concat(), ""));
    assert!(
        told.contains("3 messages") && told.contains("would be imported"),
        "{told}"
    );
    assert!(
        told.contains("folder .Sent is left out (1 message)"),
        "{told}"
    );
    assert!(fetch_all(&server, ALICE).is_empty());
    let told = done(&server.tegami(&import, ""));
    assert!(told.contains("2 with the ids"), "{told}");
    assert_eq!(fetch_all(&server, ALICE), MESSAGES);
    // The message that was in no list has an id of ours.
    let ids = unique_ids(&server, ALICE);
    assert_eq!(ids[..2], ["kept-by-hand", "0000000b4c0907b0"]);

    // Out again with the server, and in with none.
    let (mbox, folder) = (place.path().join("out.mbox"), place.path().join("out"));
    done(&server.tegami(&["store", "export", ALICE, path(&mbox)], ""));
    let stopped = server.stop();
    let export = [
        "store",
        "export",
        ALICE,
        path(&folder),
        "--format",
        "maildir",
    ];
    done(&stopped.tegami(&export, ""));
    let told = done(&stopped.tegami(&["store", "import", BOB, path(&mbox)], ""));
    assert!(told.contains("3 with the ids"), "{told}");
    // The same letters from elsewhere are recognised, unless they are wanted again.
    let import = ["store", "import", BOB, path(&folder)];
    let told = done(&stopped.tegami(&import, ""));
    assert!(
        told.contains("Nothing new") && told.contains("3 already here"),
        "{told}"
    );
    let server = stopped.start_again();
    let told = done(&server.tegami(&import, ""));
    assert!(told.contains("3 already here"), "{told}");
    assert_eq!(fetch_all(&server, BOB), MESSAGES);
    let told = done(&server.tegami(&[&import[..], &["--again"]].concat(), ""));
    assert!(
        told.contains("3 messages")
            && told.contains("3 with ids that")
            && !told.contains("already"),
        "{told}"
    );
    assert_eq!(fetch_all(&server, BOB), [MESSAGES, MESSAGES].concat());
    // The ids came along, and what came twice has one of ours the second time.
    let copies = unique_ids(&server, BOB);
    assert_eq!(copies[..3], ids);
    assert_eq!(copies.iter().collect::<HashSet<_>>().len(), 6);
    // Nothing is left beside what was asked for.
    assert_eq!(fs::read_dir(place.path()).expect("a directory").count(), 3);
}

#[test]
fn what_is_no_message_is_named_and_stops_all_unless_it_may_be_left_out() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let file = place.path().join("inbox");
    let from = "From a@example.test Sat Jan  3 01:05:34 1996\n";
    fs::write(&file, format!("{from}A: b\n\n{from}\n{from}C: d\n\ne\n\n")).expect("a file");
    let server = super::server_with_accounts();
    let import = ["store", "import", ALICE, path(&file)];
    let refused = server.tegami(&import, "");
    assert_eq!(refused.code, Some(1));
    let fault = format!("{}, line 4 (octet 51): an empty message", file.display());
    assert!(refused.stderr.contains(&fault), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("--skip-malformed"),
        "{}",
        refused.stderr
    );
    assert!(fetch_all(&server, ALICE).is_empty());
    let told = done(&server.tegami(&[&import[..], &["--skip-malformed"]].concat(), ""));
    assert!(
        told.contains(&fault) && told.contains("1 left out"),
        "{told}"
    );
    assert_eq!(fetch_all(&server, ALICE), ["A: b\r\n", "C: d\r\n\r\ne\r\n"]);
}

#[test]
fn an_import_that_does_not_fit_says_so_before_anything_is_written() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let source = place.path().join("Maildir");
    maildir(&source);
    let server = super::server_with_accounts();
    done(&server.tegami(&["account", "quota", ALICE, "30B"], ""));
    let refused = server.tegami(&["store", "import", ALICE, path(&source)], "");
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("may hold 30 octets"),
        "{}",
        refused.stderr
    );
    assert!(
        refused.stderr.contains("account quota"),
        "{}",
        refused.stderr
    );

    // And while somebody fetches mail, it waits for its turn.
    let mut client = Client::tls(server.port("pop3s"));
    client.expect("+OK");
    client.command(&format!("USER {BOB}"), "+OK");
    client.command(&format!("PASS {PASSWORD}"), "+OK");
    let refused = server.tegami(&["store", "import", BOB, path(&source)], "");
    assert!(refused.stderr.contains("in use"), "{}", refused.stderr);
    client.command("QUIT", "+OK");
    done(&server.tegami(&["store", "import", BOB, path(&source)], ""));
    assert_eq!(fetch_all(&server, BOB), MESSAGES);
}

/// What is said when a source is something else than it was called, or its list is.
#[test]
fn a_source_of_another_kind_is_named_with_what_to_pass() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let at = |name: &str| place.path().join(name).display().to_string();
    maildir(&place.path().join("Maildir"));
    for (name, text) in [
        (
            "inbox",
            "From a@example.test Sat Jan  3 01:05:34 1996\nA: b\n\n",
        ),
        ("one.eml", "Subject: one\n\nalone\n"),
        (
            "box.eml",
            "From a@example.test Sat Jan  3 01:05:34 1996\nSubject: two\n\n",
        ),
        ("ids", "1 good\n\u{1}garbage\n"),
    ] {
        fs::write(place.path().join(name), text).expect("a file");
    }
    std::os::unix::fs::symlink(at("one.eml"), at("link.eml")).expect("a link");
    let server = super::server_with_accounts();
    for (source, options, said) in [
        (
            "inbox",
            &["--format", "maildir"][..],
            "inbox is a file, and a Maildir is a directory",
        ),
        ("inbox", &["--format", "maildir"], "leave --format out"),
        (
            "Maildir",
            &["--format", "mbox"],
            "Maildir is a directory, and an mbox is one file",
        ),
        (
            "Maildir/cur",
            &["--format", "maildir"],
            "is no Maildir: it has no `cur` and `new`",
        ),
        ("Maildir/cur", &[], "Maildir is one"),
        (".", &["--format", "maildir"], "Maildir is one"),
        (
            "inbox",
            &["--uidls", &at("ids")],
            "ids, line 2 (octet 7): not an entry of the list",
        ),
        (
            "inbox",
            &["--uidls", &at("ids")],
            "1 fault in the list of ids",
        ),
        ("nothing", &[], "cannot look at"),
    ] {
        let import = ["store", "import", ALICE, &at(source)];
        let refused = server.tegami(&[&import[..], options].concat(), "");
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(refused.stderr.contains(said), "{said}: {refused:?}");
        assert!(!refused.stderr.contains("os error 20"), "{refused:?}");
    }
    assert!(fetch_all(&server, ALICE).is_empty());
    for source in ["one.eml", "box.eml", "link.eml"] {
        let told = done(&server.tegami(&["store", "import", ALICE, &at(source)], ""));
        assert!(told.contains("1 message "), "{told}");
    }
    let (one, two) = ("Subject: one\r\n\r\nalone\r\n", "Subject: two\r\n");
    assert_eq!(fetch_all(&server, ALICE), [one, two, one]);
}
