//! Every kind of report to the octet, in `octets/NAME.eml`. Line ends are LF there, so that the files can be read and
//! compared with ordinary tools; here they are CRLF, and nothing else is a line end.

use std::fs;
use std::path::Path;

use address::dsn::Ret;
use dsn::{Action, Languages, Why};
use reply::{Enhanced, smtp};

use crate::case::{Case, Fate};

const ORIGINAL: &[u8] = b"From: Alice <alice@example.test>\r\n\
    To: Bob <bob@example.org>\r\n\
    Subject: Lunch\r\n\
    Message-ID: <lunch.1@example.test>\r\n\
    Date: Sun, 22 Nov 2026 22:43:00 +0900\r\n\
    \r\n\
    At noon?\r\n";

#[track_caller]
fn check(name: &str, case: &Case) {
    let message = String::from_utf8(case.message()).unwrap();
    let lines = message.replace("\r\n", "\n");
    assert!(!lines.contains('\r'), "{name}: a bare CR");
    assert_eq!(
        message.matches('\n').count(),
        message.matches("\r\n").count(),
        "{name}: a bare LF"
    );
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/reports/octets")
        .join(format!("{name}.eml"));
    let expected = fs::read_to_string(&file).unwrap_or_default();
    if lines != expected {
        let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.eml"));
        fs::write(&made, &lines).unwrap();
        panic!("{} is not {}", made.display(), file.display());
    }
}

/// In both languages.
#[track_caller]
fn both(name: &str, case: Case) {
    check(
        &format!("{name}.en"),
        &case.clone().languages(Languages::English),
    );
    check(&format!("{name}.ja"), &case.languages(Languages::Japanese));
}

// DSN-12, DSN-13, DSN-15, DSN-18
#[test]
fn failed() {
    let bob = Fate::new("<bob@example.org>", Action::Failed, Enhanced(5, 1, 1))
        .orcpt("rfc822;Robert@alias.example")
        .at("mx.example.org", "192.0.2.7")
        .said(
            550,
            b"5.1.1 <bob@example.org>: no mailbox here by that name\r\n5.1.1 ask robert",
        )
        .tried();
    let mut case = Case::new(vec![bob]).envid("QQ+2B1").original(ORIGINAL);
    case.envelope.ret = Some(Ret::Full);
    both("failed", case);
}

// DSN-11, DSN-16
#[test]
fn delayed() {
    let bob = Fate::new("<bob@example.org>", Action::Delayed, Enhanced(4, 4, 1))
        .at("mx.example.org", "2001:db8::7")
        .tried()
        .until();
    let mut case = Case::new(vec![bob]).original(ORIGINAL);
    case.envelope.ret = Some(Ret::Full);
    both("delayed", case);
}

// DSN-08
#[test]
fn delivered() {
    let bob =
        Fate::new("<bob@example.test>", Action::Delivered, Enhanced(2, 1, 5)).notify("SUCCESS");
    both("delivered", Case::new(vec![bob]).original(ORIGINAL));
}

// DSN-06
#[test]
fn relayed() {
    let bob = Fate::new("<bob@example.org>", Action::Relayed, Enhanced(2, 1, 9))
        .notify("SUCCESS")
        .at("mx.example.org", "192.0.2.7")
        .said(250, b"2.0.0 Ok: queued as 4XyZ")
        .tried();
    both("relayed", Case::new(vec![bob]).original(ORIGINAL));
}

#[test]
fn expanded() {
    let team = Fate::new("<team@example.test>", Action::Expanded, Enhanced(2, 1, 5))
        .notify("SUCCESS,FAILURE");
    both("expanded", Case::new(vec![team]));
}

#[test]
fn time_ran_out() {
    let bob = Fate::new("<bob@example.org>", Action::Failed, Enhanced(5, 4, 7))
        .why(Why::Behind(Enhanced(4, 2, 2)))
        .at("mx.example.org", "192.0.2.7")
        .said(452, b"4.2.2 Over quota")
        .tried();
    both("expired", Case::new(vec![bob]).original(ORIGINAL));
}

#[test]
fn a_row_of_ours_says_why() {
    let bob = Fate::new("<bob@example.test>", Action::Failed, Enhanced(5, 2, 2))
        .why(Why::Row(&smtp::MAILBOX_FULL));
    both("local", Case::new(vec![bob]).original(ORIGINAL));
}

// DSN-10, REL-03
#[test]
fn the_postmaster_hears_of_a_double_bounce() {
    let mallory = Fate::new("<nobody@example.net>", Action::Failed, Enhanced(5, 1, 1))
        .at("mx.example.net", "192.0.2.9")
        .said(550, b"no such user");
    let mut case = Case::new(vec![mallory]).from("<>").original(ORIGINAL);
    case.envelope.ret = Some(Ret::Headers);
    both("double", case);
}

// DSN-17, EXT-10
#[test]
fn addresses_beyond_ascii() {
    let hanako = Fate::new(
        "<花子@xn--wgv71a119e.jp>",
        Action::Failed,
        Enhanced(5, 1, 1),
    )
    .orcpt("utf-8;\\x{82B1}\\x{5B50}@\\x{4F8B}.jp")
    .at("mx.xn--wgv71a119e.jp", "192.0.2.7")
    .said(550, "5.1.1 花子 は存在しません".as_bytes());
    let jörg = "From: Jörg <jörg@example.test>\r\nSubject: Grüße\r\n\r\nHallo, 花子\r\n";
    let mut case = Case::new(vec![hanako])
        .from("<jörg@xn--bcher-kva.example>")
        .original(jörg.as_bytes());
    case.envelope.smtputf8 = true;
    case.envelope.ret = Some(Ret::Full);
    both("utf8", case.clone());
    // A sender in ASCII may be behind a server without SMTPUTF8.
    check("utf8-to-ascii", &case.from("<alice@example.test>"));
}

#[test]
fn several_fates_and_both_languages_in_one_report() {
    let remote = |fate: Fate| {
        fate.at("mx.example.org", "192.0.2.7")
            .said(554, b"5.7.1 Relay access denied")
    };
    let case = Case::new(vec![
        Fate::new("<late@example.net>", Action::Delayed, Enhanced(4, 4, 3)),
        remote(Fate::new(
            "<bob@example.org>",
            Action::Failed,
            Enhanced(5, 7, 1),
        )),
        remote(Fate::new(
            "<carol@example.org>",
            Action::Failed,
            Enhanced(5, 7, 1),
        )),
        Fate::new("<dave@example.com>", Action::Failed, Enhanced(5, 0, 0)),
        Fate::new("<silent@example.com>", Action::Failed, Enhanced(5, 0, 0)).notify("NEVER"),
        Fate::new("<fine@example.test>", Action::Delivered, Enhanced(2, 1, 5)).notify("SUCCESS"),
        Fate::new(
            "<unasked@example.test>",
            Action::Delivered,
            Enhanced(2, 1, 5),
        ),
        Fate::new("<postmaster>", Action::Failed, Enhanced(5, 2, 1)),
    ]);
    check("several", &case.languages(Languages::Both));
}

/// Whoever looks after a list reads who it did not reach, and what to type.
#[test]
fn of_a_list() {
    let fates = [
        "<bob@example.org>",
        "<x'`y`@open.example>",
        "<-rf@open.example>",
        "<of-alias@far.example>",
    ]
    .map(|path| {
        Fate::new(path, Action::Failed, Enhanced(5, 1, 1))
            .at("mx.example.org", "192.0.2.7")
            .said(550, b"5.1.1 no such user")
    });
    let case = Case::new(fates.to_vec())
        .from("<staff-bounces@example.test>")
        .of_list(
            "staff@example.test",
            &["bob@example.org", "x'`y`@open.example", "-rf@open.example"],
        )
        .original(ORIGINAL);
    both("of_a_list", case);
    let late = Fate::new("<bob@example.org>", Action::Delayed, Enhanced(4, 4, 1)).until();
    let case = Case::new(vec![late])
        .from("<staff-bounces@example.test>")
        .of_list("staff@example.test", &[]);
    both("of_a_list_late", case);
}
