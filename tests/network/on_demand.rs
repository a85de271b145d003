//! ODMR (RFC 2645) from the provider's side: mail is kept for a domain until an account fetches it, over a connection that the
//! customer opens and that changes sides.

use super::client::Client;
use super::server::Server;
use super::{ALICE, PASSWORD, fetch_all, log_in, patiently, send};

const SPOKE: &str = "spoke@example.test";

/// What `[relay]` says of two customers.
const HOLDS: &str = "[relay]\nenabled = true\n\
    [[relay.hold]]\ndomains = [\"spoke.test\", \"second.test\"]\naccount = \"spoke@example.test\"\n\
    [[relay.hold]]\ndomains = [\"other.test\"]\naccount = \"other@example.test\"\n";

/// A server that keeps mail for them.
fn hub() -> Server {
    let server = Server::start(HOLDS);
    for address in [ALICE, SPOKE, "other@example.test"] {
        server.add_account(address, PASSWORD);
    }
    server
}

/// Mail of another server for these.
fn post(server: &Server, recipients: &[&str]) {
    let mut client = Client::plain(server.port("smtp"));
    client.expect("220");
    client.ehlo();
    for to in recipients {
        let stuffed = letter(to).replace("\r\n.", "\r\n..");
        send(&mut client, "you@elsewhere.test", to, &stuffed);
    }
    client.command("QUIT", "221");
}

fn letter(to: &str) -> String {
    format!("Subject: for {to}\r\n\r\n.dots and all")
}

/// A connection to the port for customers, under TLS.
fn customer(server: &Server) -> Client {
    let mut client = Client::plain(server.port("odmr"));
    client.expect("220");
    let offer = client.ehlo();
    assert!(offer.contains("STARTTLS"), "{offer}");
    client.command("ATRN", "530 5.7.0");
    client.command("STARTTLS", "220");
    let mut client = client.into_tls();
    let offer = client.ehlo();
    assert!(offer.contains("ATRN") && offer.contains("AUTH"), "{offer}");
    client
}

fn logged_in(server: &Server, account: &str) -> Client {
    let mut client = customer(server);
    log_in(&mut client, account);
    client
}

/// What a customer that has become the server says to one command of the message that is sent to it.
type Answer<'a> = &'a dyn Fn(&str) -> Option<&'static str>;

/// Takes everything.
fn takes(_: &str) -> Option<&'static str> {
    None
}

/// Plays the server on a connection that has changed sides, until the other side takes leave. Hands back the recipients and
/// the texts that it took.
#[track_caller]
fn receive(client: &mut Client, answer: Answer<'_>) -> Vec<(Vec<String>, String)> {
    client.send(b"220 spoke.test ESMTP\r\n");
    let (mut letters, mut to) = (Vec::new(), Vec::new());
    loop {
        let line = client.line();
        let line = line.trim_end();
        let verb = line.split([' ', ':']).next().unwrap_or_default();
        let reply = answer(line);
        match (verb, reply) {
            (_, Some(reply)) => client.send(format!("{reply}\r\n").as_bytes()),
            ("EHLO", None) => {
                client.send(b"250-spoke.test\r\n250-8BITMIME\r\n250 SIZE 1000000\r\n");
            }
            ("MAIL", None) => {
                to.clear();
                client.send(b"250 2.1.0 fine\r\n");
            }
            ("RCPT", None) => {
                to.push(line.trim_start_matches("RCPT TO:").to_owned());
                client.send(b"250 2.1.5 fine\r\n");
            }
            ("DATA", None) => {
                client.send(b"354 go on\r\n");
                let text = client.listing();
                match answer(".") {
                    Some(reply) => client.send(format!("{reply}\r\n").as_bytes()),
                    None => {
                        letters.push((to.clone(), text));
                        client.send(b"250 2.0.0 taken\r\n");
                    }
                }
            }
            ("RSET", None) => client.send(b"250 2.0.0 fine\r\n"),
            ("QUIT", None) => {
                client.send(b"221 2.0.0 bye\r\n");
                assert!(client.is_closed());
                return letters;
            }
            (_, None) => panic!("{line:?}"),
        }
    }
}

/// Whom the letters are for, in order.
fn to(letters: &[(Vec<String>, String)]) -> Vec<&str> {
    let mut to: Vec<&str> = letters
        .iter()
        .flat_map(|(to, _)| to)
        .map(String::as_str)
        .collect();
    to.sort_unstable();
    to
}

/// Waits until so many messages are in the queue.
#[track_caller]
fn until_left(server: &Server, messages: usize) {
    for () in patiently() {
        let listed = server.tegami(&["queue", "list", "--json"], "");
        let listed: serde_json::Value = serde_json::from_str(&listed.stdout).expect("JSON");
        if listed["messages"].as_array().map(Vec::len) == Some(messages) {
            return;
        }
    }
    panic!("{:?}", server.tegami(&["queue", "list"], ""));
}

const ALL: &str = "ATRN: everything that waited was offered";
const CUT: &str = "ATRN: the connection ended before everything was offered";

// EXT-20
#[test]
fn a_customer_gets_all_that_is_kept_for_it_over_the_connection_it_opened() {
    let server = hub();
    post(
        &server,
        &[
            "a@spoke.test",
            "b@spoke.test",
            "c@second.test",
            "d@other.test",
        ],
    );
    let mut user = Client::tls(server.port("submissions"));
    user.expect("220");
    user.ehlo();
    log_in(&mut user, ALICE);
    let stuffed = letter("e@spoke.test").replace("\r\n.", "\r\n..");
    send(&mut user, ALICE, "e@spoke.test", &stuffed);
    until_left(&server, 5);

    let mut client = logged_in(&server, SPOKE);
    client.command("ATRN spoke.test", "250 2.0.0");
    let letters = receive(&mut client, &takes);
    assert_eq!(
        to(&letters),
        ["<a@spoke.test>", "<b@spoke.test>", "<e@spoke.test>"]
    );
    for (to, text) in &letters {
        let to = to[0].trim_matches(['<', '>']);
        assert!(text.ends_with(&format!("{}\r\n", letter(to))), "{text}");
        assert!(text.starts_with("Received: "), "{text}");
    }
    let entry = server.logged(ALL);
    assert_eq!(entry["messages"], 3, "{entry}");
    assert_eq!(entry["account"], SPOKE, "{entry}");
    until_left(&server, 2);

    // What was taken is not given twice, not even after a power cut.
    let server = server.kill().start_again();
    let mut client = logged_in(&server, SPOKE);
    client.command("ATRN spoke.test", "453 4.5.0");
    client.command("ATRN", "250 2.0.0");
    assert_eq!(to(&receive(&mut client, &takes)), ["<c@second.test>"]);
    until_left(&server, 1);
    let mut client = logged_in(&server, "other@example.test");
    client.command("ATRN other.test", "250 2.0.0");
    assert_eq!(to(&receive(&mut client, &takes)), ["<d@other.test>"]);
    until_left(&server, 0);
}

// EXT-15, EXT-16, EXT-19
#[test]
fn nobody_gets_mail_that_is_kept_for_somebody_else() {
    let server = hub();
    post(&server, &["a@spoke.test", "d@other.test"]);
    until_left(&server, 2);
    let mut client = customer(&server);
    client.command("ATRN spoke.test", "530 5.7.0");
    client.command("MAIL FROM:<you@elsewhere.test>", "502 5.5.1");
    log_in(&mut client, ALICE);
    for line in [
        "ATRN",
        "ATRN spoke.test",
        "ATRN example.test",
        "ATRN nobody.test",
    ] {
        client.command(line, "450 4.7.1");
    }
    let mut client = logged_in(&server, SPOKE);
    for line in [
        "ATRN other.test",
        "ATRN spoke.test,other.test",
        "ATRN spoke.test,nobody.test",
    ] {
        client.command(line, "450 4.7.1");
    }
    client.command("ATRN second.test", "453 4.5.0");
    client.command("ATRN second.test,spoke.test,SPOKE.test", "250 2.0.0");
    assert_eq!(to(&receive(&mut client, &takes)), ["<a@spoke.test>"]);
    until_left(&server, 1);
    // Whoever is switched off gets nothing more, logged in or not.
    let mut client = logged_in(&server, "other@example.test");
    let disabled = server.tegami(&["account", "disable", "other@example.test"], "");
    assert_eq!(disabled.code, Some(0), "{disabled:?}");
    client.command("ATRN", "450 4.7.1");
}

#[test]
fn a_connection_that_is_cut_loses_nothing_and_doubles_nothing_that_was_answered() {
    let server = hub();
    post(&server, &["a@spoke.test", "b@spoke.test"]);
    until_left(&server, 2);
    // Before the reply to the final dot: nobody can know, so it comes again.
    let mut client = logged_in(&server, SPOKE);
    client.command("ATRN", "250 2.0.0");
    let first = up_to_the_dot(&mut client);
    drop(client);
    server.event(CUT);
    until_left(&server, 2);
    // Behind it: it is gone, and the other is not.
    let mut client = logged_in(&server, SPOKE);
    client.command("ATRN", "250 2.0.0");
    let second = up_to_the_dot(&mut client);
    client.send(b"250 2.0.0 taken\r\n");
    drop(client);
    server.event(CUT);
    until_left(&server, 1);
    let mut client = logged_in(&server, SPOKE);
    client.command("ATRN", "250 2.0.0");
    let rest = receive(&mut client, &takes);
    assert_eq!(rest.len(), 1);
    let mut all = vec![second, rest[0].1.clone()];
    assert!(all.contains(&first));
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 2, "{all:?}");
    until_left(&server, 0);
}

/// Plays the server until a message is here, and says nothing about it.
#[track_caller]
fn up_to_the_dot(client: &mut Client) -> String {
    client.send(b"220 spoke.test ESMTP\r\n");
    for (verb, reply) in [
        ("EHLO", "250 spoke.test"),
        ("MAIL", "250 2.1.0 fine"),
        ("RCPT", "250 2.1.5 fine"),
        ("DATA", "354 go on"),
    ] {
        let line = client.line();
        assert!(line.starts_with(verb), "{line}");
        client.send(format!("{reply}\r\n").as_bytes());
    }
    client.listing()
}

#[test]
fn of_two_at_once_one_gets_the_mail_and_the_other_is_told_to_come_again() {
    let server = hub();
    post(&server, &["a@spoke.test", "c@second.test"]);
    until_left(&server, 2);
    let mut first = logged_in(&server, SPOKE);
    let mut second = logged_in(&server, SPOKE);
    first.command("ATRN spoke.test", "250 2.0.0");
    second.command("ATRN", "450 4.7.1");
    second.command("ATRN spoke.test", "450 4.7.1");
    // What the first does not get is free.
    second.command("ATRN second.test", "250 2.0.0");
    assert_eq!(to(&receive(&mut second, &takes)), ["<c@second.test>"]);
    // A customer that goes without a word gives back what was set aside for it.
    drop(first);
    server.event("ATRN: no mail could be handed over");
    let mut third = logged_in(&server, SPOKE);
    third.command("ATRN", "250 2.0.0");
    assert_eq!(to(&receive(&mut third, &takes)), ["<a@spoke.test>"]);
    until_left(&server, 0);
}

#[test]
fn what_a_customer_says_before_it_is_its_turn_answers_nothing() {
    let server = hub();
    post(&server, &["a@spoke.test"]);
    until_left(&server, 1);
    // Behind ATRN, in one piece with it: had it been taken for replies, the mail would be lost.
    let mut client = logged_in(&server, SPOKE);
    client.send(b"ATRN\r\n220 hello\r\n250 x\r\n250 x\r\n250 x\r\n354 x\r\n250 taken\r\n221 x\r\n");
    client.expect("250 2.0.0");
    assert_eq!(to(&receive(&mut client, &takes)), ["<a@spoke.test>"]);
    until_left(&server, 0);
}

#[test]
fn a_customer_that_does_not_play_the_server_gets_nothing_and_harms_nothing() {
    let server = hub();
    post(&server, &["a@spoke.test"]);
    until_left(&server, 1);
    let long = "2".repeat(10_000);
    for greeting in [
        "554 5.3.2 go away\r\n",
        "HTTP/1.1 200 OK\r\n",
        "\0\0\0\r\n",
        long.as_str(),
    ] {
        let mut client = logged_in(&server, SPOKE);
        client.command("ATRN", "250 2.0.0");
        client.send(greeting.as_bytes());
        server.event("ATRN: no mail could be handed over");
    }
    let mut client = logged_in(&server, SPOKE);
    client.command("ATRN", "250 2.0.0");
    assert_eq!(to(&receive(&mut client, &takes)), ["<a@spoke.test>"]);
}

#[test]
fn each_recipient_has_a_fate_of_its_own_and_the_sender_hears_of_it() {
    let server = hub();
    let mut user = Client::tls(server.port("submissions"));
    user.expect("220");
    user.ehlo();
    log_in(&mut user, ALICE);
    user.command(&format!("MAIL FROM:<{ALICE}>"), "250");
    for name in ["yes", "later", "never"] {
        user.command(&format!("RCPT TO:<{name}@spoke.test>"), "250");
    }
    user.command("DATA", "354");
    user.command("Subject: to all\r\n\r\nhello\r\n.", "250");
    until_left(&server, 1);
    let mut client = logged_in(&server, SPOKE);
    client.command("ATRN", "250 2.0.0");
    let sorts = |line: &str| match line {
        "RCPT TO:<later@spoke.test>" => Some("450 4.2.1 not now"),
        "RCPT TO:<never@spoke.test>" => Some("550 5.1.1 nobody of that name"),
        _ => None,
    };
    assert_eq!(to(&receive(&mut client, &sorts)), ["<yes@spoke.test>"]);
    let letters = loop {
        let letters = fetch_all(&server, ALICE);
        if !letters.is_empty() {
            break letters;
        }
    };
    assert_eq!(letters.len(), 1);
    assert!(letters[0].contains("nobody of that name"), "{}", letters[0]);
    assert!(!letters[0].contains("later@"), "{}", letters[0]);
    // What was put off is offered again to whoever comes again, however soon.
    let mut client = logged_in(&server, SPOKE);
    client.command("ATRN", "250 2.0.0");
    assert_eq!(to(&receive(&mut client, &takes)), ["<later@spoke.test>"]);
    until_left(&server, 0);
}

// R19
#[test]
fn mail_that_is_kept_is_never_sent_and_people_are_told_who_fetches_it() {
    let server = hub();
    post(&server, &["a@spoke.test"]);
    until_left(&server, 1);
    let retried = server.tegami(&["queue", "retry", "--all"], "");
    assert_eq!(retried.code, Some(0), "{retried:?}");
    let route = server.tegami(&["route", "a@spoke.test"], "");
    let words = "is kept here until spoke@example.test fetches it";
    assert!(route.stdout.contains(words), "{}", route.stdout);
    let listed = server.tegami(&["queue", "list"], "");
    assert!(
        listed
            .stdout
            .contains("waits until spoke@example.test fetches it"),
        "{}",
        listed.stdout
    );
    // ETRN is for what is sent.
    let mut user = Client::tls(server.port("submissions"));
    user.expect("220");
    user.ehlo();
    log_in(&mut user, SPOKE);
    user.command("ATRN", "502 5.5.1");
    // A queue that somebody has stopped hands nothing out.
    let mut client = logged_in(&server, SPOKE);
    let paused = server.tegami(&["queue", "pause"], "");
    assert_eq!(paused.code, Some(0), "{paused:?}");
    client.command("ATRN", "451 4.3.0");
    let resumed = server.tegami(&["queue", "resume"], "");
    assert_eq!(resumed.code, Some(0), "{resumed:?}");
    client.command("ATRN", "250 2.0.0");
    assert_eq!(to(&receive(&mut client, &takes)), ["<a@spoke.test>"]);
}
