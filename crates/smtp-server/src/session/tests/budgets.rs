//! Errors, idle commands, recipients, messages: what a session may do how often.

use super::*;

#[test]
fn errors_slow_a_session_down_and_then_end_it() {
    let mut rig = Rig::new(
        Config {
            errors: 4,
            ..config()
        },
        connection(Role::Exchange),
    );
    rig.check("FOO\r\n", "S-220a S-500a");
    // The second of four is half of the budget: its reply comes late, and so does everything behind it.
    rig.check("FOO\r\nNOOP\r\n", "");
    rig.pass(Duration::from_millis(999));
    assert_eq!(rig.events(), "");
    rig.pass(Duration::from_millis(1));
    assert_eq!(rig.events(), "S-500a S-250j");
    rig.check("FOO\r\n", "")
        .pass(Duration::from_secs(1))
        .check("FOO\r\nNOOP\r\n", "S-500a");
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.events(), "S-500a S-421f close");
}

#[test]
fn refused_recipients_count_as_errors() {
    let mut rig = Rig::new(
        Config {
            errors: 20,
            ..config()
        },
        connection(Role::Exchange),
    );
    rig.send(format!("{HELLO}MAIL FROM:<a@b>\r\n")).events();
    for _ in 0..9 {
        rig.check("RCPT TO:<nosuch@example.test>\r\n", "S-550a");
    }
    for _ in 10..20 {
        rig.check("RCPT TO:<nosuch@example.test>\r\n", "")
            .pass(Duration::from_secs(1));
        assert_eq!(rig.events(), "S-550a");
    }
    rig.check("RCPT TO:<nosuch@example.test>\r\n", "")
        .pass(Duration::from_secs(1));
    assert_eq!(rig.events(), "S-550a S-421f close");
}

#[test]
fn a_flood_does_not_pile_up_behind_a_slow_reply() {
    let mut rig = Rig::new(
        Config {
            errors: 4,
            ..config()
        },
        connection(Role::Exchange),
    );
    rig.events();
    // Without any time passing: what would have to wait in memory is answered at once, and the budget ends it.
    rig.check("FOO\r\n".repeat(5), "S-500a");
    rig.check(
        "FOO\r\n".repeat(20_000),
        "S-500a S-500a S-500a S-421f close",
    );
    assert_eq!(rig.session.context.reader.capacity(), 0);
}

#[test]
fn no_budget_means_no_end() {
    let mut rig = Rig::new(
        Config {
            errors: 0,
            ..config()
        },
        connection(Role::Exchange),
    );
    rig.events();
    rig.check("FOO\r\n".repeat(100), &["S-500a"; 100].join(" "));
}

#[test]
fn idle_commands_are_bounded_between_messages() {
    let mut rig = Rig::new(
        Config {
            max_idle_commands: 3,
            ..config()
        },
        connection(Role::Exchange),
    );
    rig.check(
        format!("{HELLO}NOOP\r\nRSET\r\n"),
        "S-220a S-250b S-250j S-250i",
    );
    rig.check(
        format!("{ENVELOPE}DATA\r\nx\r\n.\r\n"),
        "S-250f S-250g S-354 S-250h",
    );
    rig.check("NOOP\r\nVRFY x\r\nHELP\r\n", "S-250j S-252a S-214");
    rig.check("NOOP\r\nNOOP\r\n", "T-16 close");
}

#[test]
fn recipients_are_counted_whether_they_were_accepted_or_not() {
    let mut rig = Rig::new(
        Config {
            max_recipients: 2,
            ..config()
        },
        connection(Role::Exchange),
    );
    rig.send(format!("{HELLO}MAIL FROM:<a@b>\r\n")).events();
    rig.check(
        "RCPT TO:<nosuch@example.test>\r\nRCPT TO:<bob@example.test>\r\n",
        "S-550a S-250g",
    );
    rig.check(
        "RCPT TO:<eve@example.test>\r\n".repeat(50),
        &["S-452b"; 50].join(" "),
    );
    rig.check("DATA\r\n", "S-354");
}

#[test]
fn messages_per_session_can_be_bounded() {
    let mut rig = Rig::new(
        Config {
            max_transactions: Some(2),
            ..config()
        },
        connection(Role::Exchange),
    );
    rig.send(HELLO).events();
    rig.check(
        "MAIL FROM:<a@b>\r\nRSET\r\n".repeat(2),
        "S-250f S-250i S-250f S-250i",
    );
    rig.check("MAIL FROM:<a@b>\r\n", "X-19 close");
}

#[test]
fn declared_sizes_are_judged_without_asking() {
    let mut rig = Rig::new(
        Config {
            max_message_size: 1000,
            ..config()
        },
        connection(Role::Exchange),
    );
    rig.send(HELLO).events();
    rig.check("MAIL FROM:<a@b> SIZE=1001\r\n", "S-552a")
        .check("MAIL FROM:<a@b> SIZE=1000\r\n", "S-250f");
    let mut rig = Rig::new(
        Config {
            max_message_size: 0,
            ..config()
        },
        connection(Role::Exchange),
    );
    rig.send(HELLO).events();
    rig.check("MAIL FROM:<a@b> SIZE=99999999999999999999\r\n", "S-552b");
    rig.check("MAIL FROM:<a@b> SIZE=9223372036854775807\r\n", "S-250f");
}

#[test]
fn routed_local_parts_are_refused_from_strangers_without_asking() {
    let mut rig = Rig::exchange();
    rig.send(format!("{HELLO}MAIL FROM:<a@b>\r\n")).events();
    for form in ["u%x@l", "x!u@l", "\"u@x\"@l", "\"u%x\"@l"] {
        rig.check(format!("RCPT TO:<{form}>\r\n"), "S-553a");
    }
    assert_eq!(rig.asked.len(), 1, "{:?}", rig.asked);
}
