//! Before login: greeting, USER and PASS, AUTH, STLS, CAPA, QUIT.

use wire::{Admission, Input, Session as _};

use super::desk::{Desk, Standing, Talk, check, check_end, facts};
use crate::ask::LoginVerdict;

#[test]
fn greets_with_its_name_and_without_a_timestamp() {
    let mut talk = Talk::new(Desk::new());
    assert_eq!(talk.hear(), "+OK mx.example.test POP3 ready\r\n");
    assert_eq!(talk.standing, Standing::Waiting);
}

#[test]
fn a_connection_that_is_not_admitted_gets_one_line() {
    for (admission, words) in [
        (
            Admission::TooManySessions,
            "-ERR [SYS/TEMP] Too many sessions",
        ),
        (
            Admission::TooManyFromAddress,
            "-ERR [SYS/TEMP] Connection limit for 192.0.2.1",
        ),
        (
            Admission::TooFast,
            "-ERR [SYS/TEMP] Too many new connections from 192.0.2.1",
        ),
        (Admission::Stopping, "-ERR [SYS/TEMP] Server is stopping"),
        (Admission::EarlyTalker, "-ERR You spoke before the greeting"),
        (Admission::Refused, "-ERR Connections from "),
    ] {
        let mut talk = Talk::new(Desk::new().with(|desk| desk.connection.admission = admission));
        talk.say(b"USER bob\r\n");
        let heard = talk.hear();
        assert!(
            heard.starts_with(words) && heard.lines().count() == 1,
            "{admission:?}: {heard:?}"
        );
        assert_eq!(talk.standing, Standing::Closed);
    }
}

#[test]
fn user_and_pass_open_the_maildrop() {
    check(
        &Desk::new(),
        "USER bob\r\nPASS two words\r\n",
        "+OK Send PASS\n+OK Maildrop open, messages: 2",
    );
    check(
        &Desk::new(),
        "user bob \r\npass two words\r\n",
        "+OK Send PASS\n+OK Maildrop open, messages: 2",
    );
}

#[test]
fn unknown_user_and_wrong_password_look_the_same() {
    let refused = "+OK Send PASS\n-ERR [AUTH] User name or password incorrect";
    for client in [
        "USER bob\r\nPASS wrong\r\n",
        "USER nobody\r\nPASS two words\r\n",
        // Every space belongs to the password.
        "USER bob\r\nPASS two words \r\n",
        "USER bob\r\nPASS  two words\r\n",
        "USER ' OR 1=1--\r\nPASS x\r\n",
        "USER ../../etc/passwd\r\nPASS x\r\n",
        "USER %s%n\r\nPASS x\r\n",
    ] {
        check(&Desk::new(), client, refused);
    }
    let mut talk = Talk::new(Desk::new());
    talk.hear();
    talk.say(b"USER bob\r\nPASS \xff\r\n");
    assert_eq!(
        talk.hear().lines().nth(1),
        Some("-ERR [AUTH] User name or password incorrect")
    );
}

#[test]
fn pass_needs_user_before_it() {
    check(&Desk::new(), "PASS x\r\n", "-ERR Give USER first");
    // A refused login takes the name with it.
    check(
        &Desk::new(),
        "USER bob\r\nPASS x\r\nPASS two words\r\n",
        "+OK Send PASS\n-ERR [AUTH] User name or password incorrect\n-ERR Give USER first",
    );
    // CAPA in between is what real clients do.
    check(
        &Desk::new(),
        "USER bob\r\nFOO\r\nPASS two words\r\n",
        "+OK Send PASS\n-ERR Verb not known\n+OK Maildrop open, messages: 2",
    );
}

#[test]
fn every_login_verdict_has_its_words() {
    for (verdict, words) in [
        (
            LoginVerdict::BadCredentials,
            "-ERR [AUTH] User name or password incorrect",
        ),
        (LoginVerdict::Disabled, "-ERR [AUTH] Account disabled"),
        (
            LoginVerdict::TooWeak,
            "-ERR [AUTH] Login too weak for this account; use SCRAM",
        ),
        (
            LoginVerdict::Transition,
            "-ERR [AUTH] Log in once with the normal password to enable this mechanism",
        ),
        (
            LoginVerdict::Busy,
            "-ERR [SYS/TEMP] Login service unavailable; retry in a minute",
        ),
        (
            LoginVerdict::InUse,
            "-ERR [IN-USE] Maildrop locked by another session",
        ),
        (
            LoginVerdict::TooSoon,
            "-ERR [LOGIN-DELAY] Minimum interval between logins is 90 s",
        ),
        (
            LoginVerdict::NoMaildrop,
            "-ERR [SYS/PERM] Account has no maildrop",
        ),
        (
            LoginVerdict::Misconfigured,
            "-ERR [SYS/PERM] Login service misconfigured; tell the administrator",
        ),
        (
            LoginVerdict::StoreFailed,
            "-ERR [SYS/TEMP] Maildrop could not be opened; retry later",
        ),
    ] {
        let desk = Desk::new().with(|desk| {
            desk.login = Some(verdict);
            desk.config.login_delay = std::time::Duration::from_secs(90);
        });
        let client = "USER bob\r\nPASS two words\r\nSTAT\r\n";
        let expected = format!(
            "+OK Send PASS\n{words}\n-ERR Log in first; the session is in the AUTHORIZATION state"
        );
        check(&desk, client, &expected);
    }
}

#[test]
fn a_throttled_client_is_told_so_and_let_go() {
    let desk = Desk::new().with(|desk| desk.login = Some(LoginVerdict::Throttled));
    let throttled = "-ERR [SYS/TEMP] Too many failed logins from 192.0.2.1; wait a few minutes";
    let expected = format!("+OK Send PASS\n{throttled}");
    check_end(
        &desk,
        "USER bob\r\nPASS two words\r\nUSER bob\r\n",
        &expected,
        Standing::Closed,
    );
    check_end(
        &desk,
        "AUTH PLAIN AGJvYgB0d28gd29yZHM=\r\nNOOP\r\n",
        throttled,
        Standing::Closed,
    );
}

#[test]
fn passwords_do_not_cross_the_network_in_clear() {
    let clear = Desk::in_clear();
    check(
        &clear,
        "USER bob\r\n",
        "-ERR Password login needs TLS; use STLS",
    );
    check(
        &clear,
        "PASS x\r\n",
        "-ERR [AUTH] Password login needs TLS; use STLS",
    );
    check(
        &clear,
        "AUTH PLAIN AGJvYgB0d28gd29yZHM=\r\n",
        "-ERR [AUTH] Password login needs TLS; use STLS",
    );
    check(&clear, "AUTH\r\n", "+OK Mechanisms follow\n.");
    let allowed = Desk::in_clear().with(|desk| desk.connection.cleartext_login = true);
    check(
        &allowed,
        "USER bob\r\nPASS two words\r\n",
        "+OK Send PASS\n+OK Maildrop open, messages: 2",
    );
    check(
        &allowed,
        "AUTH PLAIN AGJvYgB0d28gd29yZHM=\r\n",
        "+OK Maildrop open, messages: 2",
    );
}

#[test]
fn capa_lists_what_works_right_now() {
    let always = "RESP-CODES\nAUTH-RESP-CODE\nPIPELINING";
    let end = "UTF8 USER\nLANG\nEXPIRE NEVER\nIMPLEMENTATION tegami\n.";
    // Where no password can be given, nothing is said about UTF-8 in it.
    let no_login = end.strip_prefix("UTF8 USER\n").expect("so it begins");
    let no_login = format!("UTF8\n{no_login}");
    let first = "+OK Capabilities follow\nTOP\nUIDL";
    check(
        &Desk::in_clear(),
        "CAPA\r\n",
        &format!("{first}\n{always}\nSTLS\n{no_login}"),
    );
    check(
        &Desk::new(),
        "capa\r\n",
        &format!("{first}\nUSER\nSASL PLAIN LOGIN\n{always}\n{end}"),
    );
    let allowed = Desk::in_clear().with(|desk| desk.connection.cleartext_login = true);
    check(
        &allowed,
        "CAPA\r\n",
        &format!("{first}\nUSER\nSASL PLAIN LOGIN\n{always}\nSTLS\n{end}"),
    );
    let without = Desk::in_clear().with(|desk| desk.connection.tls_available = false);
    check(
        &without,
        "CAPA\r\n",
        &format!("{first}\n{always}\n{no_login}"),
    );
    let no_mechanisms =
        Desk::new().with(|desk| desk.connection.mechanisms = auth::Mechanisms::default());
    check(
        &no_mechanisms,
        "CAPA\r\n",
        &format!("{first}\nUSER\n{always}\n{end}"),
    );
    // After login the same, except that STLS is not permitted any more.
    check(
        &allowed,
        "USER bob\r\nPASS two words\r\nCAPA\r\n",
        &format!(
            "+OK Send PASS\n+OK Maildrop open, messages: 2\n{first}\nUSER\nSASL PLAIN LOGIN\n{always}\n{end}"
        ),
    );
}

#[test]
fn a_delay_between_logins_is_announced_in_whole_seconds() {
    for (milliseconds, line) in [
        (0, None),
        (1, Some("LOGIN-DELAY 1")),
        (60_000, Some("LOGIN-DELAY 60")),
        (60_001, Some("LOGIN-DELAY 61")),
        (u64::MAX, Some("LOGIN-DELAY 18446744073709552")),
    ] {
        let delay = std::time::Duration::from_millis(milliseconds);
        let desk = Desk::new().with(|desk| desk.config.login_delay = delay);
        for client in [&b"CAPA\r\n"[..], b"USER bob\r\nPASS two words\r\nCAPA\r\n"] {
            let mut talk = Talk::new(desk.clone());
            talk.say(client);
            let heard = talk.hear();
            let found = heard.lines().find(|line| line.starts_with("LOGIN-DELAY"));
            assert_eq!(found, line, "{milliseconds} ms");
        }
    }
}

#[test]
fn auth_takes_its_mechanisms() {
    let open = "+OK Maildrop open, messages: 2";
    check(
        &Desk::new(),
        "AUTH\r\n",
        "+OK Mechanisms follow\nPLAIN\nLOGIN\n.",
    );
    check(&Desk::new(), "AUTH PLAIN AGJvYgB0d28gd29yZHM=\r\n", open);
    check(
        &Desk::new(),
        "auth plain\r\nAGJvYgB0d28gd29yZHM=\r\nNOOP\r\n",
        &format!("+ \n{open}\n+OK Still here"),
    );
    let user_and_password = "+ VXNlcm5hbWU6\n+ UGFzc3dvcmQ6";
    check(
        &Desk::new(),
        "AUTH LOGIN\r\nYm9i\r\ndHdvIHdvcmRz\r\n",
        &format!("{user_and_password}\n{open}"),
    );
    check(
        &Desk::new(),
        "AUTH CRAM-MD5\r\n",
        "-ERR Mechanism not offered; CAPA lists those that are",
    );
    let plain_only = Desk::new()
        .with(|desk| desk.connection.mechanisms = [auth::Mechanism::Plain].into_iter().collect());
    check(
        &plain_only,
        "AUTH LOGIN\r\n",
        "-ERR Mechanism not offered; CAPA lists those that are",
    );
}

#[test]
fn a_failed_exchange_leaves_a_clean_state() {
    let open = "+OK Maildrop open, messages: 2";
    let wrong = "-ERR [AUTH] User name or password incorrect";
    for (failure, words) in [
        ("AUTH PLAIN AGJvYgB4\r\n", wrong.to_owned()),
        (
            "AUTH LOGIN\r\n*\r\n",
            "+ VXNlcm5hbWU6\n-ERR Login abandoned by client".to_owned(),
        ),
        (
            "AUTH PLAIN not!base64\r\n",
            "-ERR Cannot decode the response; it must be base64".to_owned(),
        ),
        (
            "AUTH PLAIN\r\n=AAA\r\n",
            "+ \n-ERR Cannot decode the response; it must be base64".to_owned(),
        ),
        (
            "AUTH PLAIN\r\nAG\nJv\r\n",
            "+ \n-ERR Cannot decode the response; it must be base64".to_owned(),
        ),
        (
            "AUTH PLAIN Ym9i\r\n",
            "-ERR The response does not fit the mechanism".to_owned(),
        ),
        (
            "AUTH PLAIN =\r\n",
            "-ERR The response does not fit the mechanism".to_owned(),
        ),
    ] {
        let client = format!("{failure}AUTH PLAIN AGJvYgB0d28gd29yZHM=\r\n");
        check(&Desk::new(), &client, &format!("{words}\n{open}"));
    }
}

#[test]
fn auth_that_is_refused_at_once_keeps_the_name() {
    check(
        &Desk::new(),
        "USER bob\r\nAUTH FOO\r\nPASS two words\r\n",
        "+OK Send PASS\n-ERR Mechanism not offered; CAPA lists those that are\n+OK Maildrop open, messages: 2",
    );
}

#[test]
fn stls_throws_away_what_came_with_it() {
    check_end(
        &Desk::in_clear(),
        "STLS\r\nUSER bob\r\nQUIT\r\n",
        "+OK TLS handshake may start",
        Standing::Handshake,
    );
    // The name given in clear is forgotten, the buffered command too.
    let mut talk = Talk::new(Desk::in_clear().with(|desk| desk.connection.cleartext_login = true));
    talk.say(b"USER bob\r\nSTLS\r\nPASS two words\r\n");
    assert_eq!(talk.standing, Standing::Handshake);
    assert_eq!(talk.session.reader.capacity(), 0);
    talk.say(b"NOOP\r\n");
    assert_eq!(
        talk.session.reader.capacity(),
        0,
        "octets in clear are kept for after the handshake"
    );
    talk.standing = Standing::Waiting;
    talk.hear();
    talk.give(Input::TlsReady(facts()));
    assert_eq!(talk.hear(), "", "no second greeting");
    talk.say(b"PASS two words\r\nSTLS\r\nCAPA\r\n");
    let heard = talk.hear();
    assert!(
        heard.starts_with("-ERR Give USER first\r\n-ERR TLS is on already\r\n+OK Capabilities"),
        "{heard}"
    );
    assert!(
        !heard.contains("STLS") && heard.contains("\r\nUSER\r\n"),
        "{heard}"
    );
    talk.say(b"USER bob\r\nPASS two words\r\n");
    assert!(talk.hear().ends_with("Maildrop open, messages: 2\r\n"));
}

#[test]
fn stls_that_cannot_be_is_refused() {
    check(&Desk::new(), "STLS\r\n", "-ERR TLS is on already");
    let without = Desk::in_clear().with(|desk| desk.connection.tls_available = false);
    check(&without, "STLS\r\n", "-ERR TLS is not offered here");
    let broken = Desk::in_clear().with(|desk| {
        desk.connection.cleartext_login = true;
        desk.tls = false;
    });
    // The session goes on in clear, and the pipelined commands with it.
    check(
        &broken,
        "USER bob\r\nSTLS\r\nPASS two words\r\n",
        "+OK Send PASS\n-ERR [SYS/TEMP] TLS could not be started; retry later\n+OK Maildrop open, messages: 2",
    );
    check(
        &Desk::in_clear(),
        "STLS now\r\n",
        "-ERR Wrong arguments for this command",
    );
}

#[test]
fn commands_of_the_other_state_name_the_state() {
    for command in [
        "STAT", "LIST", "LIST 1", "RETR 1", "DELE 1", "TOP 1 1", "UIDL", "NOOP", "RSET",
    ] {
        let expected = "-ERR Log in first; the session is in the AUTHORIZATION state";
        check(&Desk::new(), &format!("{command}\r\n"), expected);
    }
    check(
        &Desk::new(),
        "APOP bob 0123\r\n",
        "-ERR APOP is switched off",
    );
    // Syntax comes before order.
    check(
        &Desk::new(),
        "RETR x\r\nSTAT 1\r\n",
        "-ERR Not a message number\n-ERR Wrong arguments for this command",
    );
}

#[test]
fn quit_before_login_asks_nobody() {
    check_end(
        &Desk::new(),
        "QUIT\r\nNOOP\r\n",
        "+OK Goodbye",
        Standing::Closed,
    );
    let mut talk = Talk::new(Desk::new());
    talk.say(b"QUIT\r\n");
    assert_eq!(talk.asked, Vec::<String>::new());
}

#[test]
fn questions_show_no_passwords() {
    let mut talk = Talk::new(Desk::new());
    talk.say(b"USER bob\r\nPASS secret\r\nAUTH PLAIN AGJvYgBzZWNyZXQ=\r\nAUTH LOGIN\r\nYm9i\r\nc2VjcmV0\r\n");
    assert_eq!(talk.asked.len(), 5);
    assert!(!format!("{:?} {:?}", talk.asked, talk.session).contains("secret"));
    assert_eq!(talk.session.witness().login, None);
}
