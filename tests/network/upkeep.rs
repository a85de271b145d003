//! Looking after a store by command line: figures, verification beside a busy server, repair of a stopped one.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::client::Client;
use super::server::{Output, Server};
use super::{BOB, PASSWORD, fetch_all, send, server_with_accounts, unique_ids};

fn deliver(smtp: u16, subjects: impl IntoIterator<Item = String>) {
    let mut client = Client::plain(smtp);
    client.expect("220");
    client.command("EHLO other.example", "250");
    for subject in subjects {
        let body = format!("Subject: {subject}\r\n\r\nbody");
        send(&mut client, "someone@other.example", BOB, &body);
    }
    client.command("QUIT", "221");
}

#[track_caller]
fn says(output: &Output, code: i32, expected: &[&str]) {
    assert_eq!(output.code, Some(code), "{output:?}");
    for words in expected {
        let said = output.stdout.contains(words) || output.stderr.contains(words);
        assert!(said, "{words}: {output:?}");
    }
}

/// Turns a bit of the first segment that holds this text, so many octets from where it begins.
fn turn_bit(data_dir: &Path, text: &str, before: usize) {
    let segments = fs::read_dir(data_dir.join("log")).expect("a log");
    for segment in segments {
        let path = segment.expect("a segment").path();
        let mut octets = fs::read(&path).expect("a segment");
        let found = octets
            .windows(text.len())
            .position(|window| window == text.as_bytes());
        if let Some(at) = found {
            octets[at - before] ^= 1;
            return fs::write(path, octets).expect("written");
        }
    }
    panic!("no {text}");
}

#[test]
fn a_store_is_verified_while_mail_comes_in() {
    let server = server_with_accounts();
    let smtp = server.port("smtp");
    deliver(smtp, ["before".to_owned()]);
    std::thread::scope(|scope| {
        let sending = scope.spawn(move || deliver(smtp, (0..300).map(|number| number.to_string())));
        loop {
            let output = server.tegami(&["store", "verify"], "");
            says(&output, 0, &["Everything is in order."]);
            if sending.is_finished() {
                break;
            }
        }
    });
    let output = server.tegami(&["store", "verify", "--json"], "");
    let examined: Value = serde_json::from_str(&output.stdout).expect("JSON");
    assert_eq!(examined["messages"], 301 + welcome(&server));
    let output = server.tegami(&["store", "stats", "--json"], "");
    let figures: Value = serde_json::from_str(&output.stdout).expect("JSON");
    assert_eq!(figures["messages"], examined["messages"]);
    assert_eq!(figures["disk"]["segments"]["files"], examined["segments"]);
    assert!(figures["ratio"].as_f64().expect("a ratio") > 1.0);
    let data_dir = server.data_dir();
    let stopped = server.stop();
    let directory = data_dir.to_string_lossy().into_owned();
    let output = stopped.tegami(&["store", "verify", "--data-dir", &directory], "");
    says(&output, 0, &["Everything is in order."]);
    says(
        &stopped.tegami(&["store", "stats"], ""),
        0,
        &["Free", "times the mail"],
    );
}

/// Messages that are there from the beginning.
fn welcome(server: &Server) -> u64 {
    let all = fetch_all(server, BOB).len() as u64;
    all - 301
}

#[test]
fn damage_is_named_beside_the_server_and_repaired_without_it() {
    let server = server_with_accounts();
    deliver(
        server.port("smtp"),
        ["one", "two", "three"].map(str::to_owned),
    );
    let data_dir = server.data_dir();
    turn_bit(&data_dir, "Subject: two", 0);
    // This one destroys the frame of the record, so that only the index knows whose letter it was.
    turn_bit(&data_dir, "Return-Path: <someone@other.example>", 1);
    let bob = "bob@example.test: message";
    let output = server.tegami(&["store", "verify"], "");
    says(
        &output,
        1,
        &[bob, "the store is not in order", "tegami store repair"],
    );
    assert_eq!(output.stdout.matches(bob).count(), 2, "{output:?}");
    let output = server.tegami(&["store", "repair"], "");
    says(&output, 1, &["the server is running", "stop it first"]);
    let stopped = server.stop();
    says(&stopped.tegami(&["store", "verify"], ""), 1, &[bob]);
    let output = stopped.tegami(&["store", "repair"], "");
    says(
        &output,
        0,
        &["Removed from their mailboxes", bob, ".rec", "in order"],
    );
    let kept = fs::read_dir(data_dir.join("quarantine")).expect("a quarantine");
    assert_eq!(kept.count(), 4);
    let output = stopped.tegami(&["store", "repair"], "");
    says(&output, 0, &["nothing has been changed"]);
    let server = stopped.start_again();
    let output = server.tegami(&["store", "verify"], "");
    says(
        &output,
        0,
        &["they hit no message", "Everything is in order."],
    );
    let letters = fetch_all(&server, BOB);
    assert!(
        letters
            .iter()
            .any(|letter| letter.contains("Subject: three"))
    );
    assert!(!letters.iter().any(|letter| letter.contains("Subject: two")));
}

/// Removes so many messages of a mailbox as a mail program does.
fn remove(server: &Server, login: &str, numbers: std::ops::RangeInclusive<usize>) {
    let mut client = Client::tls(server.port("pop3s"));
    client.expect("+OK");
    client.command(&format!("USER {login}"), "+OK");
    client.command(&format!("PASS {PASSWORD}"), "+OK");
    for number in numbers {
        client.command(&format!("DELE {number}"), "+OK");
    }
    client.command("QUIT", "+OK");
}

/// Nothing is left that was removed, and both commands say the same of the log.
#[track_caller]
fn agree(server: &Server) {
    let json = |arguments: &[&str]| -> Value {
        let output = server.tegami(arguments, "");
        serde_json::from_str(&output.stdout).expect("JSON")
    };
    let stats = json(&["store", "stats", "--json"]);
    let status = &json(&["status", "--json"])["store"];
    for figure in ["messages", "octets", "log", "removed_messages"] {
        assert_eq!(stats[figure], status[figure], "{figure}");
    }
    assert_eq!(stats["removed_messages"], 0);
    let octets = |value: &Value| value.as_u64().expect("a number");
    assert_eq!(
        octets(&stats["disk"]["segments"]["octets"]),
        octets(&stats["log"]) + octets(&stats["room_ahead"])
    );
}

#[test]
fn what_a_mail_program_removed_comes_back_once_as_new_mail() {
    let server = server_with_accounts();
    deliver(
        server.port("smtp"),
        (0..20).map(|number| number.to_string()),
    );
    let before = fetch_all(&server, BOB);
    let known = unique_ids(&server, BOB);
    remove(&server, BOB, 1..=before.len() - 1);
    let undelete = ["store", "undelete", BOB, "--since", "1h"];
    let dry = [&undelete[..], &["--dry-run"]].concat();
    let removed = before.len() - 1;
    says(
        &server.tegami(&dry, ""),
        0,
        &[&format!("{removed} messages"), "would come back"],
    );
    assert_eq!(fetch_all(&server, BOB).len(), 1);
    let future = server.tegami(&["store", "undelete", BOB, "--since", "2999-01-01"], "");
    says(&future, 2, &["that is in the future"]);
    // Moved by compaction meanwhile, they are still there.
    says(&server.tegami(&["store", "compact", "--force"], ""), 0, &[]);
    says(
        &server.tegami(&undelete, ""),
        0,
        &[&format!("{removed} messages"), "came back"],
    );
    agree(&server);
    says(
        &server.tegami(&undelete, ""),
        0,
        &["Nothing that was removed"],
    );
    let mut after = fetch_all(&server, BOB);
    after.rotate_left(1);
    assert_eq!(after, before);
    let ids = unique_ids(&server, BOB);
    assert!(ids[1..].iter().all(|id| !known.contains(id)), "{ids:?}");
    says(
        &server.tegami(&["store", "verify"], ""),
        0,
        &["Everything is in order."],
    );
}

#[test]
fn the_disk_gets_back_what_is_not_kept_any_longer() {
    let server = Server::start("[mailbox]\nundelete_window = \"0s\"\n");
    server.add_account(BOB, PASSWORD);
    deliver(
        server.port("smtp"),
        (0..300).map(|number| format!("{number} {}", "x".repeat(500))),
    );
    let log = |server: &Server| -> u64 {
        let output = server.tegami(&["store", "stats", "--json"], "");
        let figures: Value = serde_json::from_str(&output.stdout).expect("JSON");
        figures["disk"]["segments"]["octets"]
            .as_u64()
            .expect("octets")
    };
    let full = log(&server);
    remove(&server, BOB, 1..=290);
    says(
        &server.tegami(&["store", "compact", "--force"], ""),
        0,
        &["given back"],
    );
    assert!(log(&server) * 5 < full, "{} of {full}", log(&server));
    says(
        &server.tegami(&["store", "undelete", BOB, "--since", "1h"], ""),
        0,
        &["Nothing"],
    );
    says(
        &server.tegami(&["store", "verify"], ""),
        0,
        &["Everything is in order."],
    );
    let left = fetch_all(&server, BOB);
    let stopped = server.stop();
    says(
        &stopped.tegami(&["store", "compact", "--force"], ""),
        0,
        &[],
    );
    says(
        &stopped.tegami(&["store", "verify"], ""),
        0,
        &["Everything is in order."],
    );
    assert_eq!(fetch_all(&stopped.start_again(), BOB), left);
}
