//! Who may say that he speaks for another, and what is left of the one who said it.

use super::*;
use crate::config::{OverLimit, TlsFloor};

const CLAIM: &str = "XCLIENT ADDR=198.51.100.7 NAME=client.example\r\n";

fn proxy(role: Role) -> Connection {
    Connection {
        proxy: ProxyCommands::Allowed,
        ..connection(role)
    }
}

#[test]
fn a_claimed_client_is_no_proxy_whatever_it_does() {
    let mut rig = Rig::new(config(), proxy(Role::Exchange));
    rig.events();
    rig.check(CLAIM, "S-220a");
    rig.check(CLAIM, "S-554d");
    rig.check("XFORWARD NAME=a.example\r\n", "S-554d");
    // Its own handshake, passed on by the proxy, does not make it the proxy again.
    rig.check("EHLO a.example\r\nSTARTTLS\r\n", "S-250b S-220b tls");
    rig.give(Input::TlsReady(tls()));
    rig.check("EHLO a.example\r\n", "S-250b");
    rig.check(CLAIM, "S-554d");
    assert_eq!(rig.session.context.peer.to_string(), "198.51.100.7");
    rig.check("RSET\r\n", "S-250i").check(CLAIM, "S-554d");
}

#[test]
fn a_claim_waits_for_the_end_of_a_transaction() {
    let mut rig = Rig::new(config(), proxy(Role::Exchange));
    rig.events();
    rig.check(format!("{HELLO}{ENVELOPE}"), "S-250b S-250f S-250g");
    rig.check(format!("{CLAIM}XFORWARD PORT=25\r\n"), "S-503e S-503e");
    rig.check("DATA\r\nx\r\n.\r\n", "S-354 S-250h")
        .check(CLAIM, "S-220a");
}

#[test]
fn a_claim_ends_a_login_and_begins_new_budgets() {
    let mut rig = Rig::new(
        Config {
            errors: 4,
            max_transactions: Some(1),
            ..config()
        },
        Connection {
            tls: Some(tls()),
            ..proxy(Role::Submission)
        },
    );
    rig.events();
    rig.check(format!("{HELLO}AUTH PLAIN AGEAYg==\r\n"), "S-250b S-235");
    rig.check(
        "MAIL FROM:<a@b.example>\r\nRSET\r\nFOO\r\n",
        "S-250f S-250i S-500a",
    );
    rig.check("XCLIENT HELO=pc ADDR=198.51.100.7\r\n", "S-220a");
    assert_eq!(rig.session.context.login, None);
    // It has been greeted by the name the proxy gave, it is nobody, and its first mistake is its first.
    rig.check("MAIL FROM:<a@b.example>\r\n", "S-530a");
    rig.check("NOOP\r\n", "S-250j");
}

#[test]
fn weak_tls_matters_to_users_only() {
    let weak = TlsFacts {
        version: "TLS1.2",
        ..tls()
    };
    let strict = || Config {
        submission_tls: TlsFloor::Tls13,
        ..config()
    };
    for (role, facts, expected) in [
        (
            Role::Submission,
            weak.clone(),
            "S-220a X-11 X-11 S-221 close",
        ),
        (Role::Submission, tls(), "S-220a S-250b S-530a S-221 close"),
        (Role::Exchange, weak, "S-220a S-250b S-250f S-221 close"),
    ] {
        let mut rig = Rig::new(
            strict(),
            Connection {
                tls: Some(facts),
                ..connection(role)
            },
        );
        rig.check(
            format!("{HELLO}MAIL FROM:<a@b.example>\r\nQUIT\r\n"),
            expected,
        );
    }
}

#[test]
fn whoever_is_barred_is_slowed_down_and_put_out() {
    let mut rig = Rig::new(
        Config {
            errors: 2,
            over_recipients: OverLimit::Reject,
            ..config()
        },
        Connection {
            admission: Admission::Refused,
            ..connection(Role::Exchange)
        },
    );
    rig.check(HELLO, "S-554b").pass(Duration::from_secs(1));
    assert_eq!(rig.events(), "S-503f");
    rig.check(HELLO, "").pass(Duration::from_secs(1));
    assert_eq!(rig.events(), "S-503f S-421f close");
    let mut rig = Rig::new(
        config(),
        Connection {
            admission: Admission::Refused,
            ..connection(Role::Exchange)
        },
    );
    rig.check("QUIT now\r\n", "S-554b S-503f");
    rig.pass(Duration::from_secs(300));
    assert_eq!(rig.events(), "S-421e close");
}
