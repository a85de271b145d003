//! Obligations that only the whole server can show: see docs/OBLIGATIONS.md, which names these tests.

use super::client::{self, Client};
use super::server::Server;
use super::{ALICE, BOB, PASSWORD, fetch_all, send, server_with_accounts, unique_ids};

/// A session with port 25 that has said EHLO.
fn stranger(server: &Server) -> Client {
    let mut client = Client::plain(server.port("smtp"));
    client.expect("220");
    client.command("EHLO other.example", "250");
    client
}

/// The header fields the server wrote in front of a message, and the rest of it.
fn without_trace(message: &str) -> (&str, &str) {
    let mut end = 0;
    for field in ["Return-Path: ", "Received: "] {
        assert!(message[end..].starts_with(field), "{message:.300}");
        for (at, _) in message[end..].match_indices("\r\n") {
            let next = end + at + 2;
            if !message[next..].starts_with('\t') {
                end = next;
                break;
            }
        }
    }
    message.split_at(end)
}

/// TRC-01, TRC-02, TRC-06, TRC-10, DAT-10, DAT-11.
#[test]
fn a_message_comes_out_as_it_went_in_behind_one_return_path_and_one_received() {
    let server = server_with_accounts();
    let letter = format!(
        "Received: from a.example by b.example; Sat, 21 Nov 2026 01:02:03 +0000\r\n\
         Subject: 手紙  \r\n\tfolded \r\nReceived: from c.example by a.example; x\r\nx-odd : y\r\n\r\n\
         .dot\r\n..dots\r\n {}\r\n\r\nend of {}\r\n\r\n",
        "long".repeat(262_144),
        "many\r\n".repeat(20_000),
    );
    let mut exchange = stranger(&server);
    let stuffed = letter.replace("\r\n.", "\r\n..");
    let stuffed = stuffed
        .strip_suffix("\r\n")
        .expect("the last line end is the dot's");
    send(&mut exchange, "someone@other.example", BOB, stuffed);
    let messages = fetch_all(&server, BOB);
    let (trace, rest) = without_trace(&messages[0]);
    assert!(rest == letter, "changed on its way");

    let (return_path, received) = trace.split_once("\r\n").expect("two fields");
    assert_eq!(return_path, "Return-Path: <someone@other.example>");
    let received = received.replace("\r\n\t", " ");
    let (clauses, date) = received.trim_end().split_once("; ").expect("a date");
    assert!(
        clauses.starts_with(
            "Received: from other.example ([127.0.0.1]) by mail.example.test with ESMTP id "
        ),
        "{clauses}"
    );
    assert!(clauses.ends_with(" for <bob@example.test>"), "{clauses}");
    // RFC 5322 section 3.3: day name, day, month, a year of four digits, time, and an offset in digits.
    let words: Vec<&str> = date.split(' ').collect();
    let [name, day, month, year, time, offset] = words[..] else {
        panic!("{date:?} is no date");
    };
    assert!(
        name.ends_with(',') && day.parse::<u8>().is_ok() && month.len() == 3,
        "{date}"
    );
    assert!(year.len() == 4 && year.parse::<u16>().is_ok(), "{date}");
    assert!(time.split(':').count() == 3, "{date}");
    assert!(
        offset.len() == 5 && offset.starts_with(['+', '-']),
        "{date}"
    );
}

/// TRC-03, TRC-08.
#[test]
fn nobody_learns_from_a_message_who_else_got_it() {
    let server = server_with_accounts();
    let mut exchange = stranger(&server);
    exchange.command("MAIL FROM:<a@other.example>", "250");
    for recipient in [ALICE, BOB] {
        exchange.command(&format!("RCPT TO:<{recipient}>"), "250");
    }
    exchange.command("DATA", "354");
    exchange.send(b"To: undisclosed-recipients:;\r\n\r\nhidden\r\n");
    exchange.command(".", "250");
    for login in [ALICE, BOB] {
        let messages = fetch_all(&server, login);
        let (trace, _) = without_trace(&messages[0]);
        assert!(!trace.contains(" for "), "{trace}");
        for recipient in [ALICE, BOB] {
            assert!(!messages[0].contains(recipient), "{trace}");
        }
    }
}

/// CON-10.
#[test]
fn a_connection_lost_inside_a_message_takes_that_message_only() {
    let server = server_with_accounts();
    let mut exchange = stranger(&server);
    send(&mut exchange, "", BOB, "Subject: first\r\n\r\nwhole");
    exchange.command("MAIL FROM:<>", "250");
    exchange.command(&format!("RCPT TO:<{BOB}>"), "250");
    exchange.command("DATA", "354");
    exchange.send(b"Subject: second\r\n\r\nhalf\r\n");
    drop(exchange);
    server.event("abandoned");
    let messages = fetch_all(&server, BOB);
    assert_eq!(messages.len(), 1);
    assert!(messages[0].ends_with("whole\r\n"), "{:?}", messages[0]);
}

/// CON-12.
#[test]
fn a_hundred_sessions_are_served_side_by_side() {
    let server = Server::start("[limits]\nsessions_per_ip = 200\n");
    server.add_account(BOB, PASSWORD);
    let mut sessions: Vec<Client> = (0..100)
        .map(|_| Client::plain(server.port("smtp")))
        .collect();
    for session in &mut sessions {
        session.expect("220");
        session.command("EHLO other.example", "250");
        session.command("MAIL FROM:<>", "250");
        session.command(&format!("RCPT TO:<{BOB}>"), "250");
    }
    // Last come, first served: nobody waits for anybody.
    for session in sessions.iter_mut().rev() {
        session.command("DATA", "354");
        session.command("x\r\n.", "250 2.0.0");
    }
    assert_eq!(fetch_all(&server, BOB).len(), 100);
}

/// ENV-02.
#[test]
fn postmaster_gets_mail_whatever_becomes_of_the_account_of_that_name() {
    let server = server_with_accounts();
    let mut exchange = stranger(&server);
    let check = |exchange: &mut Client| {
        exchange.command("MAIL FROM:<>", "250");
        for form in [
            "Postmaster",
            "pOstmaster@example.test",
            "postmaster@EXAMPLE.test",
        ] {
            exchange.command(&format!("RCPT TO:<{form}>"), "250 2.1.5");
        }
        exchange.command("RCPT TO:<postmaster@elsewhere.example>", "550 5.7.1");
        exchange.command("RSET", "250");
    };
    // The first start made it, for there was no account yet.
    check(&mut exchange);
    for verb in [
        &["account", "disable", "postmaster@example.test"][..],
        &["account", "remove", "postmaster@example.test"],
    ] {
        let output = server.tegami(verb, "");
        assert_eq!(output.code, Some(0), "{output:?}");
        check(&mut exchange);
        let letter = "Subject: help\r\n\r\nplease";
        send(&mut exchange, "", "postmaster@example.test", letter);
    }
    assert_eq!(fetch_all(&server, ALICE).len(), 2);
}

/// POP-19, POP-20.
#[test]
fn unique_ids_are_short_and_printable_and_never_come_twice() {
    let server = server_with_accounts();
    let mut exchange = stranger(&server);
    for _ in 0..3 {
        send(&mut exchange, "", BOB, "Subject: the same\r\n\r\nbody");
    }
    let before = unique_ids(&server, BOB);
    assert_eq!(unique_ids(&server, BOB), before);
    let mut client = Client::tls(server.port("pop3s"));
    client.expect("+OK");
    client.command("USER bob", "+OK");
    client.command(&format!("PASS {PASSWORD}"), "+OK");
    client.command("DELE 3", "+OK");
    client.command("QUIT", "+OK");
    send(&mut exchange, "", BOB, "Subject: the same\r\n\r\nbody");
    let after = unique_ids(&server, BOB);
    assert_eq!(after[..2], before[..2]);
    let mut all = [before, after[2..].to_vec()].concat();
    for id in &all {
        assert!((1..=70).contains(&id.len()), "{id}");
        assert!(
            id.bytes().all(|octet| (0x21..=0x7e).contains(&octet)),
            "{id}"
        );
    }
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 4, "an id came twice");
}

/// PEX-28, AUT-15.
#[test]
fn guesses_over_pop3_count_over_smtp() {
    let server = server_with_accounts();
    let mut submission = Client::tls(server.port("submissions"));
    submission.expect("220");
    submission.command("EHLO pc", "250");
    let mut pop3 = Client::tls(server.port("pop3s"));
    pop3.expect("+OK");
    for guess in 0..10 {
        pop3.command(&format!("USER {ALICE}"), "+OK");
        pop3.command(&format!("PASS guess {guess}"), "-ERR [AUTH]");
    }
    let response = client::base64(format!("\0{ALICE}\0{PASSWORD}").as_bytes());
    submission.command(&format!("AUTH PLAIN {response}"), "421 4.7.0");
    assert!(submission.is_closed());
    pop3.command(&format!("USER {ALICE}"), "+OK");
    pop3.command(&format!("PASS {PASSWORD}"), "-ERR [SYS/TEMP]");
}

/// EHL-13.
#[test]
fn a_host_name_in_other_letters_is_said_in_ascii() {
    let server = Server::start_managed(|mut command| {
        command.env("TEGAMI_HOSTNAME", "post.bücher.example");
        command
    });
    let mut exchange = Client::plain(server.port("smtp"));
    exchange.expect("220 post.xn--bcher-kva.example ");
    assert!(
        exchange
            .ehlo()
            .starts_with("250-post.xn--bcher-kva.example Hello ")
    );
    exchange.command("MAIL FROM:<> SMTPUTF8", "250");
    assert!(
        exchange
            .ehlo()
            .starts_with("250-post.xn--bcher-kva.example Hello ")
    );
    exchange.command("QUIT", "221 2.0.0 post.xn--bcher-kva.example ");
}

/// AUX-02, AUX-04, AUX-06, AUX-07.
#[test]
fn vrfy_and_expn_name_those_who_are_there_in_full() {
    let server = Server::start_managed(|mut command| {
        command.env("TEGAMI_DOMAINS", "example.test,example.org");
        command.env("TEGAMI_SMTP__VRFY", "verify");
        command.env("TEGAMI_SMTP__EXPN", "on");
        command
    });
    for address in [ALICE, BOB, "smith@example.test", "smith@example.org"] {
        server.add_account(address, PASSWORD);
    }
    let output = server.tegami(&["alias", "add", "staff@example.test", ALICE, BOB], "");
    assert_eq!(output.code, Some(0), "{output:?}");
    let mut exchange = stranger(&server);
    for name in ["alice", "<ALICE@example.test>"] {
        let verified = exchange.command(&format!("VRFY {name}"), "250 2.1.5 ");
        assert!(verified.contains("<alice@example.test>"), "{verified}");
    }
    exchange.command("VRFY nosuch", "550 5.1.1");
    exchange.command("VRFY alice@elsewhere.example", "550 5.1.1");
    let candidates = exchange.command("VRFY smith", "553 5.1.4 Ambiguous: ");
    for address in ["<smith@example.test>", "<smith@example.org>"] {
        assert!(candidates.contains(address), "{candidates}");
    }
    // The first of its two lines is passed over.
    exchange.command("EXPN staff", "250 2.1.5 <bob@example.test>");
    exchange.command("EXPN nosuch", "550 5.1.1");
}
