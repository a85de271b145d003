//! What strangers put into their replies and addresses stays text: no header, no boundary, no control, no flood.

use address::dsn::Ret;
use dsn::{Action, Languages};
use reply::Enhanced;

use crate::case::{Case, Fate};
use crate::parsed::{parse, read};

const ORIGINAL: &[u8] = b"Subject: a\r\n\r\nbody\r\n";

/// A report on a failure, with this reply, read back; whatever the reply is, the rest is as it should be.
#[track_caller]
fn check(reply: &[u8], quoted: &str, diagnostic: &str) {
    for languages in [Languages::English, Languages::Japanese, Languages::Both] {
        let bob = Fate::new("<bob@example.org>", Action::Failed, Enhanced(5, 7, 1))
            .at("mx.example.org", "192.0.2.7")
            .said(550, reply);
        let mut case = Case::new(vec![bob]).original(ORIGINAL).languages(languages);
        case.envelope.ret = Some(Ret::Full);
        let message = case.message();
        well_formed(&message);
        let read = read(&message);
        assert_eq!(read.recipients.len(), 1);
        assert_eq!(read.recipients[0]["action"], "failed");
        assert_eq!(
            read.recipients[0]["final-recipient"],
            "rfc822; bob@example.org"
        );
        assert_eq!(read.recipients[0]["diagnostic-code"], diagnostic);
        assert!(read.text.contains(quoted), "{}", read.text);
        assert_eq!(read.original.unwrap().1, ORIGINAL);
        let message = parse(&message);
        assert!(message.bcc().is_none());
        assert_eq!(message.headers().len(), 8, "{:?}", message.headers());
    }
}

/// RFC 5322 sections 2.1.1 and 2.3: CRLF and nothing else, no NUL, at most 998 octets in a line; and no controls.
#[track_caller]
pub fn well_formed(message: &[u8]) {
    let shown = || message.escape_ascii().to_string();
    for (at, octet) in message.iter().enumerate() {
        match octet {
            b'\n' => assert_eq!(message.get(at.wrapping_sub(1)), Some(&b'\r'), "{}", shown()),
            b'\r' => assert_eq!(message.get(at + 1), Some(&b'\n'), "{}", shown()),
            0..=8 | 11..=12 | 14..=31 | 127 => panic!("a control: {}", shown()),
            _ => {}
        }
    }
    assert!(message.ends_with(b"\r\n"));
    let longest = message
        .split(|octet| *octet == b'\n')
        .map(<[u8]>::len)
        .max();
    assert!(longest <= Some(998 + 1), "{longest:?}");
}

#[test]
fn line_ends_and_controls_stay_text() {
    check(
        b"5.7.1 no\r\n\r\nBcc: victim@example.net\r\n",
        "      | 550 Bcc: victim@example.net\r\n",
        "smtp; 550-5.7.1 no 550 Bcc: victim@example.net",
    );
    check(
        b"no\0\x1b[2J\x07\x7f\x08",
        "      | 550 no  [2J\r\n",
        "smtp; 550 no [2J",
    );
    check(b"", "      | 550\r\n", "smtp; 550");
    check(b"\n\n\r\r", "      | 550\r\n", "smtp; 550");
}

#[test]
fn octets_that_are_no_text_are_shown_as_such() {
    check(
        b"no \xff\xc3",
        "      | 550 no \u{fffd}\u{fffd}\r\n",
        "smtp; 550 no \\x{FFFD}\\x{FFFD}",
    );
    check(
        "no \u{202e}oge\u{2028}x".as_bytes(),
        "      | 550 no  oge x\r\n",
        "smtp; 550 no oge x",
    );
}

// Some parsers take a boundary for one wherever it stands in a line.
#[test]
fn boundaries_stay_text_even_when_they_are_known() {
    let known = "=_30313233343536373839616263646566";
    let reply = format!("--{known}\r\n--{known}--\r\n--{known}");
    let line = format!("550 --{known}");
    check(
        reply.as_bytes(),
        &format!("      | {line}\r\n      | {line}--\r\n      | {line}\r\n"),
        &format!("smtp; 550---{known} 550---{known}-- 550 --{known}"),
    );
}

#[test]
fn floods_are_bounded() {
    let long = vec![b'x'; 10_000];
    check(
        &long,
        &format!("      | {}\r\n", "x".repeat(64)),
        &format!("smtp; 550 {}[...]", "x".repeat(512)),
    );
    let many = b"y\r\n".repeat(10_000);
    check(
        &many,
        "      | 550 y\r\n      | 550 [...]\r\n",
        &format!("smtp; {}550 [...]", "550-y ".repeat(12)),
    );
}

#[test]
fn a_boundary_in_the_original_is_not_that_of_the_report() {
    // Whoever writes a message knows the boundaries of earlier reports, and not the random bits of this one.
    let earlier = Case::new(vec![Fate::new(
        "<bob@example.org>",
        Action::Failed,
        Enhanced(5, 1, 1),
    )]);
    let inside = earlier.message();
    let mut case = Case {
        random: [9; 16],
        ..earlier
    }
    .original(&inside);
    case.envelope.ret = Some(Ret::Full);
    let message = case.message();
    well_formed(&message);
    let read = read(&message);
    assert_eq!(read.recipients.len(), 1);
    let (media, returned) = read.original.unwrap();
    assert_eq!(media, "message/rfc822");
    assert_eq!(returned, inside);
}

#[test]
fn addresses_stay_addresses() {
    for path in [
        "<\"a\\\"b, c\"@example.org>",
        "<\"x@y>\"@example.org>",
        "<\"=?utf-8?B?QQ==?=\"@example.org>",
        "<\"a;b:c\"@example.org>",
    ] {
        let bob = Fate::new(path, Action::Failed, Enhanced(5, 1, 1)).orcpt("rfc822;a+20b+3Dc+09;d");
        let message = Case::new(vec![bob.clone()]).from(path).message();
        well_formed(&message);
        let read = read(&message);
        let inside = bob.recipient.path.mailbox().unwrap().to_string();
        assert_eq!(
            read.recipients[0]["final-recipient"],
            format!("rfc822; {inside}")
        );
        assert_eq!(read.recipients[0]["original-recipient"], "rfc822; a b=c ;d");
        let head = String::from_utf8(message).unwrap();
        assert!(head.contains(&format!("\r\nTo: {inside}\r\n")), "{head}");
    }
}
