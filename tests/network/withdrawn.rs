//! What people decide about mail in the queue: by sender, by several numbers, and about mail that is on its way.

use super::client::Client;
use super::outbound::{alice, done, sending_to, until_queue_says};
use super::server::Server;
use super::sink::Sink;
use super::{ALICE, BOB, PASSWORD, log_in, send};

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
