//! The open maildrop: listings, retrieval, deletion and its end.

use super::desk::{Desk, Standing, Talk, check_end};
use wire::Session as _;

use crate::ask::ReadVerdict;

/// Checks what is said after login.
#[track_caller]
fn check(desk: &Desk, client: &str, expected: &str) {
    super::desk::check(
        desk,
        &format!("{LOGIN}{client}"),
        &format!("{WELCOME}\n{expected}"),
    );
}

const LOGIN: &str = "USER bob\r\nPASS two words\r\n";
const WELCOME: &str = "+OK Send PASS\n+OK Maildrop open, messages: 2";

#[test]
fn stat_list_and_uidl_tell_what_is_there() {
    let desk = Desk::new();
    check(&desk, "STAT\r\n", "+OK 2 49");
    check(
        &desk,
        "LIST\r\n",
        "+OK Messages: 2, octets: 49\n1 27\n2 22\n.",
    );
    check(&desk, "LIST 2\r\n", "+OK 2 22");
    check(&desk, "UIDL\r\n", "+OK Unique ids follow\n1 1.1\n2 1.2\n.");
    check(&desk, "UIDL 2\r\n", "+OK 2 1.2");
    check(&desk, "NOOP\r\n", "+OK Still here");
    let empty = Desk::new().with(|desk| desk.mail.clear());
    let none =
        "+OK Send PASS\n+OK Maildrop open, messages: 0\n+OK 0 0\n+OK Messages: 0, octets: 0\n.";
    super::desk::check(&empty, &format!("{LOGIN}STAT\r\nLIST\r\n"), none);
}

#[test]
fn deleting_changes_totals_and_no_numbers() {
    check(
        &Desk::new(),
        "DELE 1\r\nDELE 1\r\nSTAT\r\nLIST\r\nUIDL\r\nLIST 1\r\nRETR 1\r\nTOP 1 0\r\nUIDL 1\r\nLIST 2\r\nRSET\r\nLIST 1\r\n",
        "+OK Message 1 flagged for removal
         -ERR Message 1 is flagged as deleted
         +OK 1 22
         +OK Messages: 1, octets: 22
         2 22
         .
         +OK Unique ids follow
         2 1.2
         .
         -ERR Message 1 is flagged as deleted
         -ERR Message 1 is flagged as deleted
         -ERR Message 1 is flagged as deleted
         -ERR Message 1 is flagged as deleted
         +OK 2 22
         +OK Flags removed; messages: 2, octets: 49
         +OK 1 27",
    );
}

#[test]
fn numbers_that_name_no_message_touch_none() {
    for command in ["RETR", "DELE", "LIST", "UIDL"] {
        for (number, words) in [
            ("0", "-ERR Not a message number"),
            ("-1", "-ERR Not a message number"),
            ("abc", "-ERR Not a message number"),
            ("3", "-ERR No message numbered 3"),
            ("4294967295", "-ERR No message numbered 4294967295"),
            ("4294967297", "-ERR Message number out of range"),
            ("18446744073709551616", "-ERR Message number out of range"),
            ("18446744073709551617", "-ERR Message number out of range"),
        ] {
            check(
                &Desk::new(),
                &format!("{command} {number}\r\nSTAT\r\n"),
                &format!("{words}\n+OK 2 49"),
            );
        }
    }
    check(&Desk::new(), "TOP 3 1\r\n", "-ERR No message numbered 3");
    check(
        &Desk::new(),
        "TOP 1 -1\r\n",
        "-ERR Line count is not a number",
    );
    check(
        &Desk::new(),
        "TOP 1 99999999999999999999\r\n",
        "-ERR Line count out of range",
    );
}

#[test]
fn retr_sends_the_message_with_its_dots_doubled() {
    let letter = "+OK 27 octets\nSubject: one\n\n..dot\nend\n.";
    for chunk in [1, 2, 5, 14, 1000] {
        check(
            &Desk::new().with(|desk| desk.chunk = chunk),
            "RETR 1\r\nNOOP\r\n",
            &format!("{letter}\n+OK Still here"),
        );
    }
}

#[test]
fn a_message_without_a_last_crlf_is_ended_properly() {
    let desk = Desk::new().with(|desk| desk.mail[0] = b"Subject: cut\r\n\r\nno end".to_vec());
    check(
        &desk,
        "RETR 1\r\nNOOP\r\n",
        "+OK 22 octets\nSubject: cut\n\nno end\n.\n+OK Still here",
    );
    let nothing = Desk::new().with(|desk| desk.mail[0].clear());
    check(
        &nothing,
        "RETR 1\r\nTOP 1 5\r\n",
        "+OK 0 octets\n.\n+OK Top of message follows\n.",
    );
}

#[test]
fn top_sends_header_blank_line_and_the_lines_asked_for() {
    let top = "+OK Top of message follows\nSubject: one\n\n";
    check(&Desk::new(), "TOP 1 0\r\n", &format!("{top}."));
    check(&Desk::new(), "TOP 1 1\r\n", &format!("{top}..dot\n."));
    check(
        &Desk::new(),
        "TOP 1 4294967295\r\n",
        &format!("{top}..dot\nend\n."),
    );
}

#[test]
fn top_stops_reading_when_it_has_enough() {
    let mut letter = b"Subject: large\r\n\r\n".to_vec();
    letter.extend(b"0123456789\r\n".repeat(10_000));
    let mut talk = Talk::logged_in(Desk::new().with(|desk| {
        desk.mail[0] = letter;
        desk.chunk = 1000;
    }));
    talk.say(b"TOP 1 3\r\n");
    assert_eq!(talk.asked, ["Read { message: 0, offset: 0 }"]);
    assert!(talk.hear().ends_with("0123456789\r\n.\r\n"));
}

#[test]
fn a_small_message_leaves_together_with_its_status_line() {
    let mut talk = Talk::logged_in(Desk::new().with(|desk| desk.chunk = 1000));
    talk.say(b"RETR 1\r\n");
    assert_eq!(talk.asked, ["Read { message: 0, offset: 0 }"]);
    let large = Desk::new().with(|desk| desk.chunk = 20);
    let mut talk = Talk::logged_in(large);
    talk.say(b"RETR 1\r\n");
    assert_eq!(
        talk.asked,
        [
            "Read { message: 0, offset: 0 }",
            "Read { message: 0, offset: 20 }"
        ]
    );
}

#[test]
fn what_cannot_be_read_is_refused_while_nothing_was_sent() {
    for (verdict, words) in [
        (
            ReadVerdict::Damaged,
            "-ERR [SYS/PERM] Message 1 is damaged in the store; tell the administrator",
        ),
        (ReadVerdict::Gone, "-ERR Message 1 is gone from the store"),
        (
            ReadVerdict::TryLater,
            "-ERR [SYS/TEMP] Message 1 cannot be read now; retry later",
        ),
        (
            ReadVerdict::Chunk {
                octets: bytes::Bytes::new(),
                last: false,
            },
            "-ERR [SYS/TEMP] Message 1 cannot be read now; retry later",
        ),
    ] {
        let first = Desk::new().with(|desk| drop(desk.faults.insert((0, 0), verdict.clone())));
        check(
            &first,
            "RETR 1\r\nTOP 1 0\r\nSTAT\r\n",
            &format!("{words}\n{words}\n+OK 2 49"),
        );
        // Half a message is never ended with a dot, as if it were whole.
        let later = Desk::new().with(|desk| drop(desk.faults.insert((0, 14), verdict)));
        let expected = format!("{WELCOME}\n+OK 27 octets\nSubject: one");
        check_end(
            &later,
            &format!("{LOGIN}RETR 1\r\nQUIT\r\n"),
            &expected,
            Standing::Closed,
        );
    }
}

#[test]
fn damage_in_the_middle_removes_nothing() {
    let mut talk = Talk::logged_in(
        Desk::new().with(|desk| drop(desk.faults.insert((0, 7), ReadVerdict::Damaged))),
    );
    talk.say(b"DELE 2\r\nRETR 1\r\nQUIT\r\n");
    assert_eq!(talk.standing, Standing::Closed);
    assert!(
        !talk.asked.iter().any(|ask| ask.starts_with("Expunge")),
        "{:?}",
        talk.asked
    );
}

#[test]
fn quit_removes_what_is_flagged_and_says_so_only_when_it_is_gone() {
    let quit = |client: &str, expected: &str, desk: &Desk| {
        check_end(
            desk,
            &format!("{LOGIN}{client}"),
            &format!("{WELCOME}\n{expected}"),
            Standing::Closed,
        );
    };
    let flagged = "+OK Message 2 flagged for removal";
    quit("QUIT\r\nNOOP\r\n", "+OK Goodbye", &Desk::new());
    quit(
        "DELE 2\r\nQUIT\r\n",
        &format!("{flagged}\n+OK Goodbye, messages removed: 1"),
        &Desk::new(),
    );
    quit(
        "DELE 2\r\nRSET\r\nQUIT\r\n",
        &format!("{flagged}\n+OK Flags removed; messages: 2, octets: 49\n+OK Goodbye"),
        &Desk::new(),
    );
    let broken = Desk::new().with(|desk| desk.expunges = false);
    let kept = "-ERR [SYS/TEMP] Deletion could not be recorded; the messages are still here";
    quit("DELE 2\r\nQUIT\r\n", &format!("{flagged}\n{kept}"), &broken);
    quit("QUIT\r\n", "+OK Goodbye", &broken);
}

#[test]
fn quit_hands_over_exactly_what_is_flagged() {
    for (client, expected) in [
        ("QUIT\r\n", "Expunge([])"),
        ("DELE 2\r\nQUIT\r\n", "Expunge([1])"),
        ("DELE 2\r\nDELE 1\r\nQUIT\r\n", "Expunge([0, 1])"),
    ] {
        let mut talk = Talk::logged_in(Desk::new());
        talk.say(client.as_bytes());
        assert_eq!(talk.asked, [expected]);
    }
}

#[test]
fn commands_of_the_other_state_are_refused() {
    for command in ["USER bob", "PASS x", "STLS"] {
        check(
            &Desk::new(),
            &format!("{command}\r\n"),
            "-ERR Only before login; the session is in the TRANSACTION state",
        );
    }
    check(
        &Desk::new(),
        "AUTH PLAIN AGJvYgB4\r\n",
        "-ERR Session is already logged in",
    );
    check(
        &Desk::new(),
        "AUTH\r\n",
        "-ERR Session is already logged in",
    );
    check(
        &Desk::new(),
        "APOP bob 0123\r\n",
        "-ERR APOP is switched off",
    );
}

#[test]
fn a_client_has_parted_when_nothing_came_behind_its_quit() {
    for (sent, expected) in [
        ("QUIT\r\n".to_owned(), true),
        (format!("{LOGIN}DELE 2\r\nQUIT\r\n"), true),
        ("QUIT\r\nNOOP\r\n".to_owned(), false),
        (format!("{LOGIN}QUIT\r\nx"), false),
        ("NOOP\r\n".repeat(1000), false),
    ] {
        let mut talk = Talk::new(Desk::new());
        talk.say(sent.as_bytes());
        assert_eq!(talk.session.witness().parted, expected, "{sent:?}");
    }
}
