//! Mail that is passed on for others: what of it changes on the way, and what does not.

use super::BOB;
use super::outbound::{done, sending_to, stranger};
use super::sink::Sink;

/// Fields that a submission server would mend or add to, in an order and with letter case and white space of their own.
const TEXT: &str = "x-odd:   two  spaces \r\nRETURN-PATH-LIKE: x\r\nsubject: =?utf-8?q?a?=\r\n\tfolded\r\n\
                    Received: from one by two; Fri, 1 Jan 2027 00:00:00 +0000\r\nTLS-Required: maybe\r\n\r\n\
                    body \r\n\r\n..two dots\r\n";

// TRC-07, REL-09, OUT-19
#[test]
fn a_relay_adds_a_received_field_and_changes_nothing() {
    let sink = Sink::start();
    let server = sending_to(sink.port, "networks = [\"127.0.0.0/8\"]\n");
    done(
        server.tegami(
            &[
                "alias",
                "add",
                "team@example.test",
                BOB,
                "friend@other.test",
            ],
            "",
        ),
        "friend@other.test",
    );
    // What an alias sends on says so (RFC 9228), so that it is known when it comes back.
    for (recipient, sent_on) in [("you@other.test", false), ("team@example.test", true)] {
        let mut client = stranger(&server);
        client.command("MAIL FROM:<someone@third.test>", "250");
        client.command(&format!("RCPT TO:<{recipient}>"), "250");
        client.command("DATA", "354");
        let dotted = TEXT.replace("\r\n.", "\r\n..");
        client.send(dotted.as_bytes());
        client.command(".", "250 2.0.0");
        let letter = sink.letter();
        let received = letter
            .text
            .strip_suffix(TEXT)
            .unwrap_or_else(|| panic!("{recipient}: {letter:?}"));
        let mark = received.split_inclusive("\r\n").next();
        let mark = mark.filter(|line| line.starts_with("Delivered-To: "));
        assert_eq!(mark.is_some(), sent_on, "{received}");
        let received = &received[mark.map_or(0, str::len)..];
        assert!(
            received.starts_with("Received: from other.example "),
            "{received}"
        );
        let lines = received.split_inclusive("\r\n").skip(1);
        for line in lines {
            assert!(line.starts_with([' ', '\t']), "one field: {received}");
        }
        assert_eq!(letter.hello, "EHLO mail.example.test");
    }
}
