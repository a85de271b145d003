//! Bounds: bad input, idle clients, a stopping server, memory.

use std::time::Duration;

use wire::{Input, Session as _};

use super::desk::{Desk, Standing, Talk, check, check_end, facts};
use crate::Session;
use crate::ask::Answer;
use crate::session::PAUSE_BACKLOG;

const SECOND: Duration = Duration::from_secs(1);

fn asked_to_expunge(talk: &Talk) -> bool {
    talk.asked.iter().any(|ask| ask.starts_with("Expunge"))
}

#[test]
fn a_line_with_foreign_line_ends_or_controls_is_one_bad_command() {
    check(&Desk::new(), "CAPA\nQUIT\r\n", "-ERR Verb not known");
    check(&Desk::new(), "CAPA\rQUIT\r\n", "-ERR Verb not known");
    check(&Desk::new(), "QUIT\0\r\n", "-ERR Verb not known");
    check(&Desk::new(), "USER a\x1b[2J\r\n", "-ERR Verb not known");
    check(&Desk::new(), "\r\n", "-ERR Verb not known");
    check(&Desk::new(), "QUIT\n", "");
}

#[test]
fn a_web_request_ends_the_session() {
    check_end(
        &Desk::new(),
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "-ERR Not a web server",
        Standing::Closed,
    );
    check_end(
        &Desk::new(),
        "POST / HTTP/1.1\r\nUSER a\r\n",
        "-ERR Not a web server",
        Standing::Closed,
    );
}

#[test]
fn lines_of_255_octets_are_read_and_longer_ones_are_not() {
    let fits = format!("USER {}\r\n", "x".repeat(255 - 7));
    check(&Desk::new(), &fits, "+OK Send PASS");
    let long = format!("USER {}\r\n", "x".repeat(255 - 6));
    check(
        &Desk::new(),
        &format!("{long}CAPA x\r\n"),
        "-ERR Over-long line\n-ERR Wrong arguments for this command",
    );
    let three = long.repeat(3) + "QUIT\r\n";
    let expected = "-ERR Over-long line\n-ERR Over-long line\n-ERR Over-long line, closing";
    check_end(&Desk::new(), &three, expected, Standing::Closed);
}

#[test]
fn a_flood_ends_the_session_in_flat_memory() {
    let mut talk = Talk::new(Desk::new());
    talk.hear();
    talk.say(b"PASS ");
    for _ in 0..1_000 {
        talk.say(&[b'x'; 1_000]);
        assert_eq!(
            talk.session.reader.capacity(),
            0,
            "an over-long line is held"
        );
    }
    assert_eq!(talk.hear(), "-ERR Over-long line, closing\r\n");
    assert_eq!(talk.standing, Standing::Closed);
}

#[test]
fn responses_to_challenges_may_be_longer_than_commands() {
    let mut talk = Talk::new(Desk::new());
    talk.hear();
    let response = "A".repeat(12_284) + "=\r\n";
    talk.say(b"AUTH PLAIN\r\n");
    talk.say(response.as_bytes());
    assert_eq!(
        talk.hear(),
        "+ \r\n-ERR Cannot decode the response; it must be base64\r\n"
    );
    talk.say(b"AUTH PLAIN\r\n");
    talk.say(("A".repeat(12_284) + "\r\n").as_bytes());
    assert_eq!(
        talk.hear(),
        "+ \r\n-ERR The response does not fit the mechanism\r\n"
    );
    talk.say(b"AUTH PLAIN\r\n");
    talk.say(("A".repeat(12_288) + "\r\nCAPA x\r\n").as_bytes());
    assert_eq!(
        talk.hear(),
        "+ \r\n-ERR AUTH line too long\r\n-ERR Wrong arguments for this command\r\n"
    );
    talk.say(b"AUTH PLAIN\r\n");
    talk.say(&[b'A'; 70_000]);
    assert_eq!(talk.hear(), "+ \r\n-ERR Over-long line, closing\r\n");
}

#[test]
fn the_error_budget_ends_a_session_that_speaks_something_else() {
    let desk = Desk::new().with(|desk| desk.config.errors = 5);
    let unknown = "-ERR Verb not known";
    let limit = "-ERR Bad-command limit reached; check the client's settings";
    let expected =
        format!("{unknown}\n{unknown}\n{unknown}\n-ERR Wrong arguments for this command\n{limit}");
    check_end(
        &desk,
        "A\r\nB\r\n\r\nQUIT x\r\nRETR\r\nQUIT\r\n",
        &expected,
        Standing::Closed,
    );
}

#[test]
fn only_unknown_and_malformed_commands_count_as_errors() {
    let desk = Desk::new().with(|desk| desk.config.errors = 2);
    let mut talk = Talk::logged_in(desk);
    for _ in 0..50 {
        talk.say(b"RETR 0\r\nRETR 99\r\nDELE 4294967297\r\nTOP 1 x\r\nTOP 1 99999999999\r\nUSER bob\r\nAUTH PLAIN =\r\nAPOP a b\r\n");
    }
    assert_eq!(talk.hear().lines().count(), 400);
    assert_eq!(talk.standing, Standing::Waiting);
    let mut talk = Talk::new(Desk::new().with(|desk| desk.config.errors = 2));
    for _ in 0..50 {
        talk.say(b"STAT\r\nUSER bob\r\nPASS x\r\nPASS x\r\nAUTH PLAIN AGJvYgB4\r\nAUTH FOO\r\n");
    }
    assert_eq!(talk.standing, Standing::Waiting);
}

#[test]
fn after_half_the_errors_answers_come_late() {
    let mut talk = Talk::new(Desk::new().with(|desk| desk.config.errors = 4));
    talk.hear();
    talk.say(b"A\r\nB\r\n");
    assert_eq!(talk.hear().lines().count(), 2);
    talk.say(b"C\r\nCAPA\r\n");
    assert_eq!(talk.hear(), "");
    talk.pass(SECOND / 2);
    assert_eq!(talk.hear(), "");
    talk.pass(SECOND / 2);
    assert!(
        talk.hear()
            .starts_with("-ERR Verb not known\r\n+OK Capabilities follow\r\n")
    );
    // The last word is not kept waiting.
    talk.say(b"D\r\n");
    assert_eq!(talk.standing, Standing::Closed);
}

#[test]
fn a_late_answer_is_no_way_to_fill_memory() {
    let mut talk = Talk::logged_in(Desk::new().with(|desk| desk.config.errors = 4));
    talk.say(b"A\r\nB\r\n");
    talk.hear();
    talk.say(b"C\r\n");
    let mut answered = 0;
    for _ in 0..1_000 {
        talk.say(&b"STAT\r\n".repeat(100));
        assert!(talk.session.reader.len() <= PAUSE_BACKLOG + 600);
        answered += talk.hear().lines().count();
    }
    assert_eq!(answered, 1 + 100_000);
}

#[test]
fn ten_minutes_of_silence_end_a_session_without_a_word() {
    let mut talk = Talk::logged_in(Desk::new());
    talk.say(b"DELE 1\r\n");
    talk.hear();
    for _ in 0..5 {
        talk.pass(599 * SECOND);
        talk.say(b"NOOP\r\n");
        assert_eq!(talk.hear(), "+OK Still here\r\n");
    }
    talk.pass(599 * SECOND);
    assert_eq!(talk.standing, Standing::Waiting);
    talk.pass(SECOND);
    assert_eq!(
        (talk.hear().as_str(), talk.standing),
        ("", Standing::Closed)
    );
    assert!(!asked_to_expunge(&talk), "a timeout is no QUIT");
}

#[test]
fn half_a_command_does_not_count_as_one() {
    let mut talk = Talk::new(Desk::new());
    talk.pass(599 * SECOND);
    talk.say(b"CAP");
    talk.pass(SECOND);
    assert_eq!(talk.standing, Standing::Closed);
}

#[test]
fn a_drop_removes_nothing() {
    let mut talk = Talk::logged_in(Desk::new());
    talk.say(b"DELE 1\r\nQUI");
    talk.give(Input::Closed);
    assert_eq!(talk.standing, Standing::Closed);
    assert!(!asked_to_expunge(&talk));
}

#[test]
fn a_stopping_server_says_so_and_removes_nothing() {
    let stopping = "-ERR [SYS/TEMP] Server is stopping; nothing was deleted\r\n";
    let mut talk = Talk::logged_in(Desk::new());
    talk.say(b"DELE 1\r\n");
    talk.hear();
    talk.give(Input::Shutdown);
    assert_eq!(
        (talk.hear().as_str(), talk.standing),
        (stopping, Standing::Closed)
    );
    assert!(!asked_to_expunge(&talk));
    // Before login, in an exchange, and while an answer is kept waiting.
    for client in ["USER bob\r\n", "AUTH PLAIN\r\n", "X\r\nX\r\nX\r\n"] {
        let mut talk = Talk::new(Desk::new().with(|desk| desk.config.errors = 4));
        talk.say(client.as_bytes());
        talk.give(Input::Shutdown);
        assert_eq!(talk.standing, Standing::Closed);
        assert!(talk.hear().ends_with(stopping));
    }
}

#[test]
fn what_is_in_hand_is_finished_before_the_server_stops() {
    let desk = Desk::in_clear();
    let mut talk = Talk::new(desk);
    talk.say(b"STLS\r\n");
    talk.give(Input::Shutdown);
    assert_eq!(talk.standing, Standing::Handshake);
    talk.standing = Standing::Waiting;
    talk.give(Input::TlsReady(facts()));
    assert_eq!(talk.standing, Standing::Closed);
    assert!(talk.hear().ends_with("stopping; nothing was deleted\r\n"));
}

#[test]
fn an_answer_to_no_question_fails_closed() {
    let mut talk = Talk::logged_in(Desk::new());
    talk.give(Input::Answer(Answer::Expunged(true)));
    assert_eq!(
        talk.hear(),
        "-ERR [SYS/TEMP] Internal failure on our side; nothing was deleted\r\n"
    );
    assert_eq!(talk.standing, Standing::Closed);
}

#[test]
fn a_thousand_pipelined_commands_are_answered_in_order_and_one_at_a_time() {
    let mut talk = Talk::logged_in(Desk::new());
    let client: String = (1..=1_000).map(|n| format!("LIST {n}\r\n")).collect();
    talk.session
        .handle(talk.now, Input::Bytes(client.as_bytes()));
    assert!(
        talk.session.queue.is_empty(),
        "answers are made only when they are taken"
    );
    talk.give(Input::Bytes(b""));
    assert!(talk.session.queue.capacity() <= 8);
    let heard = talk.hear();
    let mut lines = heard.lines();
    assert_eq!(
        (lines.next(), lines.next()),
        (Some("+OK 1 27"), Some("+OK 2 22"))
    );
    for n in 3..=1_000 {
        assert_eq!(
            lines.next(),
            Some(format!("-ERR No message numbered {n}").as_str())
        );
    }
}

#[test]
fn a_hundred_thousand_messages_are_listed_in_pieces() {
    let desk = Desk::new().with(|desk| desk.sizes = Some(vec![4096; 100_000]));
    let mut talk = Talk::logged_in(desk);
    talk.say(b"DELE 77777\r\nSTAT\r\n");
    assert_eq!(
        talk.hear(),
        "+OK Message 77777 flagged for removal\r\n+OK 99999 409595904\r\n"
    );
    for command in [&b"LIST\r\n"[..], b"UIDL\r\n"] {
        talk.say(command);
        let heard = talk.hear();
        assert_eq!(heard.lines().count(), 1 + 99_999 + 1);
        assert!(heard.ends_with(".\r\n") && !heard.contains("\r\n77777 "));
    }
    assert!(
        talk.largest <= 32 * 1024,
        "a piece of {} octets",
        talk.largest
    );
}

#[test]
fn an_idle_session_holds_little_memory() {
    assert!(
        size_of::<Session>() <= 768,
        "{} octets",
        size_of::<Session>()
    );
    let mut talk = Talk::logged_in(Desk::new());
    talk.say(b"RETR 1\r\nLIST\r\nUIDL\r\nFOO\r\n");
    assert_eq!(
        (
            talk.session.reader.capacity(),
            talk.session.queue.capacity()
        ),
        (0, 0)
    );
}
