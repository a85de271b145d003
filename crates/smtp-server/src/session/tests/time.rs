//! Deadlines, and what happens when the server stops.

use super::*;

const MINUTE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_silent_client_is_told_after_five_minutes() {
    let mut rig = Rig::exchange();
    rig.pass(5 * MINUTE - SECOND).check(HELLO, "S-220a S-250b");
    rig.pass(5 * MINUTE - SECOND).check("", "").pass(SECOND);
    assert_eq!(rig.events(), "S-421e close");
}

#[test]
fn trickling_does_not_move_the_deadline_of_a_command() {
    let mut rig = Rig::exchange();
    rig.events();
    for _ in 0..30 {
        rig.pass(9 * SECOND).check("X", "");
    }
    rig.pass(30 * SECOND);
    assert_eq!(rig.events(), "T-04 close");
}

#[test]
fn a_deadline_that_has_moved_means_nothing() {
    let mut rig = Rig::exchange();
    rig.pass(4 * MINUTE)
        .check("NOOP\r\n", "S-220a S-250j")
        .pass(2 * MINUTE);
    rig.give(Input::Deadline);
    assert_eq!(rig.events(), "");
}

#[test]
fn an_exchange_waits_no_longer_than_a_command() {
    let mut rig = Rig::new(
        config(),
        Connection {
            tls: Some(tls()),
            ..connection(Role::Submission)
        },
    );
    rig.send(format!("{HELLO}AUTH LOGIN\r\n")).events();
    rig.pass(5 * MINUTE);
    assert_eq!(rig.events(), "S-421e close");
}

fn in_data() -> Rig {
    let mut rig = Rig::exchange();
    rig.send(format!("{HELLO}{ENVELOPE}DATA\r\n")).events();
    rig
}

#[test]
fn silence_inside_a_message_ends_the_session() {
    let mut rig = in_data();
    rig.pass(4 * MINUTE)
        .send(vec![b'x'; 1024 * 1024])
        .pass(5 * MINUTE - SECOND);
    assert_eq!(rig.events(), "");
    rig.pass(SECOND);
    assert_eq!(rig.events(), "S-421e close");
}

#[test]
fn a_message_that_moves_at_the_minimum_rate_may_take_for_ever() {
    let mut rig = in_data();
    for _ in 0..600 {
        rig.send([&b"x".repeat(10 * 1024)[..], b"\r\n"].concat())
            .pass(10 * SECOND);
    }
    rig.check(".\r\n", "S-250h");
}

#[test]
fn a_message_that_trickles_ends_the_session_once_its_grace_is_over() {
    let mut rig = in_data();
    let mut passed = 0;
    while rig.events.is_empty() && passed < 1000 {
        rig.send("x").pass(10 * SECOND);
        passed += 10;
    }
    assert_eq!(rig.events(), "T-04 close");
    assert_eq!(passed, 300);
}

#[test]
fn a_minimum_rate_of_none_leaves_only_silence() {
    let mut rig = Rig::new(
        Config {
            min_rate: 0,
            ..config()
        },
        connection(Role::Exchange),
    );
    rig.send(format!("{HELLO}{ENVELOPE}DATA\r\n")).events();
    for _ in 0..100 {
        rig.send("x").pass(4 * MINUTE);
    }
    rig.check("\r\n.\r\n", "S-250h");
}

#[test]
fn the_server_stops_between_commands() {
    for (sent, before) in [("", "S-220a"), (HELLO, "S-220a S-250b"), ("NOO", "S-220a")] {
        let mut rig = Rig::exchange();
        rig.check(sent, before).give(Input::Shutdown);
        assert_eq!(rig.events(), "S-421a close", "after {sent:?}");
    }
}

#[test]
fn the_server_lets_a_message_finish() {
    let mut rig = in_data();
    rig.send("half").give(Input::Shutdown);
    assert_eq!(rig.events(), "");
    rig.check(" more\r\n.\r\nNOOP\r\n", "S-250h S-421a close");
    assert_eq!(rig.stored, [b"half more\r\n"]);
}

#[test]
fn the_server_answers_what_is_open_before_it_stops() {
    let mut rig = Rig::exchange().hold();
    rig.send(format!("{HELLO}MAIL FROM:<a@b>\r\n")).events();
    rig.give(Input::Shutdown);
    assert_eq!(rig.events(), "");
    rig.answer(Answer::Mail(MailVerdict::Accepted));
    assert_eq!(rig.events(), "S-250f S-421a close");
}

#[test]
fn whoever_is_not_welcome_hears_one_refusal() {
    for (admission, id) in [
        (Admission::TooManySessions, "S-421c"),
        (Admission::TooManyFromAddress, "S-421d"),
        (Admission::TooFast, "T-02"),
        (Admission::Stopping, "T-01"),
        (Admission::EarlyTalker, "T-03"),
    ] {
        let mut rig = Rig::new(
            config(),
            Connection {
                admission,
                ..connection(Role::Exchange)
            },
        );
        assert_eq!(rig.events(), format!("{id} close"));
        rig.check(HELLO, "close");
    }
}
