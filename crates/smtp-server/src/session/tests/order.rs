//! The order of things, and what is forgotten when.

use super::*;

#[test]
fn a_letter_goes_through() {
    let mut rig = Rig::exchange();
    rig.check("", "S-220a")
        .check(HELLO, "S-250b")
        .check(ENVELOPE, "S-250f S-250g")
        .check("DATA\r\n", "S-354");
    rig.check("Subject: x\r\n\r\n..dot\r\n.\r\n", "S-250h");
    assert_eq!(rig.stored, [b"Subject: x\r\n\r\n.dot\r\n"]);
    rig.check("RCPT TO:<bob@example.test>\r\n", "S-503a")
        .check("QUIT\r\n", "S-221 close");
}

#[test]
fn a_pipelined_group_is_answered_in_order() {
    let mut rig = Rig::exchange();
    let group = format!("{HELLO}{ENVELOPE}RCPT TO:<nosuch@example.test>\r\nDATA\r\n");
    rig.check(group, "S-220a S-250b S-250f S-250g S-550a S-354");
    rig.check(
        "x\r\n.\r\nNOOP\r\nQUIT\r\nNOOP\r\n",
        "S-250h S-250j S-221 close",
    );
}

#[test]
fn nothing_comes_after_close() {
    let mut rig = Rig::exchange();
    rig.check("QUIT\r\n", "S-220a S-221 close")
        .check("NOOP\r\n", "close");
    rig.pass(Duration::from_secs(3600)).give(Input::Shutdown);
    assert_eq!(rig.events(), "close");
}

#[test]
fn arguments_are_judged_before_the_order() {
    let mut rig = Rig::exchange();
    rig.events();
    rig.check("MAIL garbage\r\n", "S-501k")
        .check("MAIL FROM:<a@b>\r\n", "S-503d");
    rig.check("RCPT TO:<a b>\r\n", "S-501b")
        .check("RCPT TO:<a@b>\r\n", "S-503a");
    rig.check("DATA x\r\n", "S-501h")
        .check("DATA\r\n", "S-503a");
    rig.check(format!("{HELLO}MAIL FROM:<a@b>\r\n"), "S-250b S-250f");
    rig.check("MAIL FROM:<x\r\n", "S-501c")
        .check("MAIL FROM:<x@y>\r\n", "S-503c")
        .check("DATA\r\n", "S-503b");
    rig.check("RCPT TO:<nosuch@example.test>\r\nDATA\r\n", "S-550a S-554e");
}

#[test]
fn ehlo_and_rset_forget_the_transaction_and_tell_the_host() {
    for (command, reply) in [
        ("EHLO again.example", "S-250b"),
        ("HELO again.example", "S-250a"),
        ("RSET", "S-250i"),
    ] {
        let mut rig = Rig::exchange();
        rig.send(format!("{HELLO}{ENVELOPE}{command}\r\n")).events();
        assert_eq!(
            rig.asked.last().map(String::as_str),
            Some("Abandon"),
            "{command}"
        );
        rig.check(
            format!("{command}\r\nRCPT TO:<bob@example.test>\r\n"),
            &format!("{reply} S-503a"),
        );
        assert_eq!(
            rig.asked.iter().filter(|ask| *ask == "Abandon").count(),
            1,
            "{command}"
        );
    }
}

#[test]
fn a_refused_ehlo_changes_nothing() {
    let mut rig = Rig::exchange();
    rig.send(format!("{HELLO}{ENVELOPE}")).events();
    rig.check("EHLO bad name\r\n", "S-501i")
        .check("EHLO\r\n", "S-501i")
        .check("HELO <x>\r\n", "S-501j");
    rig.check("DATA\r\n", "S-354");
}

#[test]
fn a_refused_message_is_consumed_to_its_end_and_abandoned() {
    let mut rig = Rig::exchange();
    rig.send(format!("{HELLO}{ENVELOPE}DATA\r\n")).events();
    rig.check(
        "bare\nline\r\n\r\n.\nMAIL FROM:<evil@x>\r\n.\r\nNOOP\r\n",
        "X-18 S-250j",
    );
    assert_eq!(rig.asked.last().map(String::as_str), Some("Abandon"));
    rig.check("RCPT TO:<bob@example.test>\r\n", "S-503a");
}

#[test]
fn tls_forgets_what_was_said_before_and_behind_starttls() {
    let mut rig = Rig::exchange();
    rig.check(
        format!("{HELLO}STARTTLS\r\nNOOP\r\nMAIL FROM:<a@b>\r\n"),
        "S-220a S-250b S-220b tls",
    );
    rig.send("EHLO injected.example\r\n");
    rig.events();
    rig.give(Input::TlsReady(tls()));
    assert_eq!(rig.events(), "");
    rig.check("MAIL FROM:<a@b>\r\n", "S-503d")
        .check("STARTTLS\r\n", "S-554c")
        .check(HELLO, "S-250b");
}

#[test]
fn submission_wants_tls_then_a_login() {
    let mut rig = Rig::new(config(), connection(Role::Submission));
    rig.check(HELLO, "S-220a S-250b");
    for command in [
        "MAIL FROM:<a@b>",
        "MAIL garbage",
        "RCPT TO:<a@b>",
        "DATA",
        "VRFY x",
        "RSET",
        "HELP",
        "AUTH PLAIN",
    ] {
        rig.check(format!("{command}\r\n"), "X-10");
    }
    rig.check("NOOP\r\nTURN\r\nSTARTTLS\r\n", "S-250j S-502a S-220b tls");
    rig.give(Input::TlsReady(tls()));
    rig.check("AUTH PLAIN AAAA\r\n", "S-503i")
        .check(HELLO, "S-250b");
    assert_eq!(rig.session.witness().login, None);
    rig.check("MAIL FROM:<a@b>\r\n", "S-530a")
        .check("AUTH PLAIN\r\n", "S-334")
        .check("AGEAYg==\r\n", "S-235");
    assert_eq!(rig.session.witness().login, Some("alice@example.test"));
    rig.check("AUTH PLAIN\r\n", "S-503g")
        .check(ENVELOPE, "S-250f S-250g");
    // A login outlives EHLO.
    rig.check(format!("{HELLO}{ENVELOPE}"), "S-250b S-250f S-250g");
}

#[test]
fn no_secret_shows_in_what_is_asked() {
    let mut rig = Rig::new(
        config(),
        Connection {
            tls: Some(tls()),
            ..connection(Role::Submission)
        },
    );
    rig.send(format!("{HELLO}AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n"));
    assert_eq!(rig.asked, ["AuthStart { mechanism: Plain, .. }"]);
}

#[test]
fn an_exchange_can_be_given_up_and_begun_again() {
    let mut rig = Rig::new(
        config(),
        Connection {
            tls: Some(tls()),
            ..connection(Role::Submission)
        },
    );
    rig.send(HELLO).events();
    rig.check("AUTH LOGIN\r\n*\r\n", "S-334 S-501r")
        .check("AUTH LOGIN\r\n!!!\r\n", "S-334 X-08a");
    let long = "A".repeat(12_292);
    rig.check(format!("AUTH LOGIN\r\n{long}\r\n"), "S-334 X-08b");
    rig.check(format!("AUTH PLAIN {long}\r\n"), "X-08b");
    assert_eq!(
        rig.asked.iter().filter(|ask| *ask == "AuthCancel").count(),
        3
    );
    rig.check(
        format!("AUTH LOGIN\r\n{}\r\n", "A".repeat(12_288)),
        "S-334 S-235",
    );
}

#[test]
fn a_tls_client_on_a_clear_port_is_told_at_once_and_only_once() {
    let mut rig = Rig::exchange();
    rig.check(b"\x16", "S-220a")
        .check(b"\x03\x01\x02\x00\x01", "S-500c")
        .check(b"\0\xfc\n\x03\x03", "");
    rig.check(b"QUIT\r\n", "").check(b"NOOP\r\n", "S-250j");
}

#[test]
fn a_tls_client_behind_a_flood_is_told_whatever_came_with_it() {
    let mut stream = "x".repeat(wire::FLOOD);
    stream.push_str("\r\n\x16\x03\x01");
    let mut rig = Rig::exchange();
    rig.check(stream, "S-220a S-500b S-500c");
}

#[test]
fn an_answer_that_fits_no_question_fails_closed() {
    let mut rig = Rig::exchange().hold();
    rig.send(format!("{HELLO}MAIL FROM:<a@b>\r\nNOOP\r\n"))
        .events();
    rig.answer(Answer::Rcpt(RcptVerdict::Accepted));
    assert_eq!(rig.events(), "T-06 close");
}

#[test]
fn input_waits_while_a_question_is_open() {
    let mut rig = Rig::exchange().hold();
    rig.send(format!("{HELLO}MAIL FROM:<a@b>\r\n"))
        .send("NOOP\r\nRSET")
        .send(" x\r\n");
    assert_eq!(rig.events(), "S-220a S-250b");
    rig.answer(Answer::Mail(MailVerdict::Accepted));
    assert_eq!(rig.events(), "S-250f S-250j S-501n");
}

#[test]
fn a_peer_that_is_gone_hears_nothing() {
    for sent in [
        "",
        HELLO,
        "EHLO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<b@c>\r\nDATA\r\nhalf a li",
        "NOO",
    ] {
        let mut rig = Rig::exchange();
        rig.send(sent).events();
        rig.give(Input::Closed);
        assert_eq!(rig.events(), "close", "after {sent:?}");
    }
    let mut rig = Rig::exchange().hold();
    rig.send(format!("{HELLO}MAIL FROM:<a@b>\r\n")).events();
    rig.give(Input::Closed);
    rig.answer(Answer::Mail(MailVerdict::Accepted));
    assert_eq!(rig.events(), "close");
}

#[test]
fn a_panic_in_a_transition_leaves_a_session_that_only_closes() {
    let mut rig = Rig::exchange();
    rig.check(HELLO, "S-220a S-250b");
    let panicking =
        std::panic::AssertUnwindSafe(|| rig.session.turn(|_, _| panic!("as a bug would")));
    assert!(std::panic::catch_unwind(panicking).is_err());
    rig.check("NOOP\r\n", "close");
}

#[test]
fn an_idle_session_is_small() {
    let mut rig = Rig::exchange();
    rig.send(format!("{HELLO}{ENVELOPE}DATA\r\nx\r\n.\r\n"));
    assert_eq!(rig.session.context.reader.capacity(), 0);
    assert!(
        size_of::<Session>() < 1024,
        "{} octets",
        size_of::<Session>()
    );
}

#[test]
fn a_client_has_parted_when_nothing_came_behind_its_quit() {
    for (sent, expected) in [
        ("QUIT\r\n", true),
        ("NOOP\r\nQUIT\r\n", true),
        ("QUIT\r\nNOOP\r\n", false),
        ("QUIT\r\nx", false),
        ("QUIT now\r\n", false),
        ("NOOP\r\n", false),
    ] {
        let mut rig = Rig::exchange();
        assert!(!rig.session.witness().parted);
        rig.send(sent);
        assert_eq!(rig.session.witness().parted, expected, "{sent:?}");
    }
    // Whoever is turned out may still be sending.
    let mut rig = Rig::exchange();
    rig.give(Input::Shutdown);
    assert!(rig.events().ends_with("close") && !rig.session.witness().parted);
}
