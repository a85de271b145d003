//! What people decide about mail in the queue: by sender, by several numbers, and about mail that is on its way.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use super::client::Client;
use super::outbound::{alice, done, only_message, sending_to, until_queue_says};
use super::server::Server;
use super::sink::Sink;
use super::{ALICE, BOB, log_in, send};

/// Far longer than anything takes; only so that a hanging test fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Somebody else who has logged in.
fn bob(server: &Server) -> Client {
    let mut client = Client::tls(server.port("submissions"));
    client.expect("220");
    client.command("EHLO pc.example", "250");
    log_in(&mut client, BOB);
    client
}

#[test]
fn mail_of_one_sender_is_listed_held_and_removed_whether_the_server_runs_or_not() {
    let sink = Sink::start();
    let server = sending_to(sink.port, "");
    done(
        server.tegami(&["queue", "pause"], ""),
        "Paused: everything.",
    );
    for number in 0..3 {
        let to = format!("victim{number}@other.test");
        send(&mut alice(&server), ALICE, &to, "Subject: spam\r\n\r\nbody");
    }
    send(
        &mut bob(&server),
        BOB,
        "you@other.test",
        "Subject: x\r\n\r\nbody",
    );
    let by_alice = ["queue", "list", "--from", ALICE];
    let listed = done(server.tegami(&by_alice, ""), "victim2@other.test");
    assert!(!listed.contains("you@other.test"), "{listed}");
    done(
        server.tegami(&["queue", "hold", "--from", ALICE], ""),
        "3 messages are held until `tegami queue release`.",
    );
    done(
        server.tegami(&["queue", "hold", "--from", "nobody@example.test"], ""),
        "No messages: none in the queue is meant by that.",
    );
    let numbers: Vec<String> = listed
        .lines()
        .skip_while(|line| !line.contains("ID"))
        .skip(1)
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect();
    let [first, second, _] = numbers.as_slice() else {
        panic!("{listed}");
    };
    let shown = done(server.tegami(&["queue", "show", first, second], ""), first);
    assert!(
        shown.contains("victim0@") && shown.contains("victim1@"),
        "{shown}"
    );
    done(
        server.tegami(&["queue", "remove", first, second], ""),
        "2 messages are removed.",
    );
    let again = server.tegami(&["queue", "remove", first, &numbers[2]], "");
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.stdout.contains("1 message is removed."), "{again:?}");
    assert!(
        again.stderr.contains(&format!("no message {first} ")),
        "{again:?}"
    );
    send(
        &mut alice(&server),
        ALICE,
        "last@other.test",
        "Subject: x\r\n\r\nbody",
    );
    let stopped = server.stop();
    done(stopped.tegami(&by_alice, ""), "last@other.test");
    done(
        stopped.tegami(&["queue", "remove", "--from", ALICE], ""),
        "1 message is removed.",
    );
    done(
        stopped.tegami(&by_alice, ""),
        "No such mail waits to leave.",
    );
    let server = stopped.start_again();
    assert_eq!(sink.letter().to, ["<you@other.test>"]);
    until_queue_says(&server, &["queue", "list"], "No mail waits to leave.");
    assert_eq!(sink.rest(), []);
}

/// A server that says nothing more once a line begins with that word. Gives its port; what is left to be said to it until the
/// connection ends, behind that line; and a first word when the line has come.
pub fn silent_at(word: &'static str) -> (u16, Receiver<Vec<String>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = listener.local_addr().expect("a bound socket").port();
    let (say, heard) = channel();
    thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a client");
        let mut writer = stream.try_clone().expect("a socket");
        let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
        let mut reply = |line: &str| writer.write_all(format!("{line}\r\n").as_bytes());
        reply("220 slow.test").expect("a client");
        let mut in_message = false;
        for line in lines.by_ref() {
            if line.starts_with(word) {
                break;
            }
            if line == "DATA" {
                in_message = true;
                reply("354 go on").expect("a client");
            } else if !in_message {
                reply("250 ok").expect("a client");
            }
        }
        say.send(vec![word.to_owned()]).expect("a test");
        say.send(lines.collect()).expect("a test");
    });
    (port, heard)
}

#[test]
fn what_is_removed_on_its_way_is_cut_off_or_said_to_have_left() {
    let late = "1 message is removed. It was being sent at this moment: the other server may have it already.";
    for (word, expected) in [("RCPT", "1 message is removed.\n"), (".", late)] {
        let (port, heard) = silent_at(word);
        let server = sending_to(port, "");
        send(
            &mut alice(&server),
            ALICE,
            "you@other.test",
            "Subject: x\r\n\r\nbody",
        );
        assert_eq!(heard.recv_timeout(PATIENCE), Ok(vec![word.to_owned()]));
        let id = only_message(&server);
        done(server.tegami(&["queue", "remove", &id], ""), expected);
        if word == "RCPT" {
            let rest = heard.recv_timeout(PATIENCE).expect("the connection ends");
            assert_eq!(rest, [""; 0], "the connection is dropped without a word");
            server.logged("cut off: it was removed or is held");
        }
        until_queue_says(&server, &["queue", "list"], "No mail waits to leave.");
    }
}
