//! What the encoder puts on the wire, row by row of a table.

use super::*;
use crate::{pop3, smtp};

#[track_caller]
fn check(reply: Reply, wire: &str) {
    let mut out = Vec::new();
    reply.encode(&mut out);
    assert_eq!(String::from_utf8(out).unwrap(), wire);
}

#[test]
fn replies_look_like_this_on_the_wire() {
    let new = Reply::new;
    check(
        new(&smtp::GREETING).arg("host", "mx.example.net"),
        "220 mx.example.net ESMTP ready\r\n",
    );
    check(new(&smtp::SENDER_ACCEPTED), "250 2.1.0 Sender accepted\r\n");
    check(new(&smtp::CHALLENGE).arg("challenge", ""), "334 \r\n");
    check(
        new(&smtp::CHALLENGE).arg("challenge", "VXNlcm5hbWU6"),
        "334 VXNlcm5hbWU6\r\n",
    );
    check(new(&smtp::NOOP), "250 2.0.0 OK\r\n");
    check(new(&pop3::CHALLENGE).arg("challenge", ""), "+ \r\n");
    check(
        new(&pop3::TOTALS).arg("count", 2).arg("octets", 320),
        "+OK 2 320\r\n",
    );
    check(
        new(&pop3::IN_USE),
        "-ERR [IN-USE] Maildrop locked by another session\r\n",
    );
    check(new(&pop3::USER_FIRST), "-ERR Give USER first\r\n");
}

#[test]
fn smtp_lines_repeat_code_and_enhanced_code() {
    // RFC 2034 section 4: the enhanced code stands on each line of a multi-line reply.
    check(
        Reply::new(&smtp::HELP_TOPIC)
            .arg("usage", "one")
            .line("two")
            .line("three"),
        "214-2.0.0 one\r\n214-2.0.0 two\r\n214 2.0.0 three\r\n",
    );
    let ehlo = Reply::new(&smtp::EHLO)
        .arg("host", "h")
        .arg("client", "c")
        .arg("peer", "::1");
    check(
        ehlo.line("PIPELINING").line("SIZE 10"),
        "250-h Hello c [::1]\r\n250-PIPELINING\r\n250 SIZE 10\r\n",
    );
}

#[test]
fn pop3_lists_are_stuffed_and_ended() {
    check(
        Reply::new(&pop3::CAPABILITIES),
        "+OK Capabilities follow\r\n.\r\n",
    );
    check(
        Reply::new(&pop3::CAPABILITIES).line("TOP").line(".x"),
        "+OK Capabilities follow\r\nTOP\r\n..x\r\n.\r\n",
    );
}

#[test]
fn arguments_cannot_break_out_of_their_line() {
    let rcpt = |text: &str| Reply::new(&smtp::RELAY_DENIED).arg("recipient", text);
    check(
        rcpt("a\r\n250 ok"),
        "550 5.7.1 Relaying to <a??250 ok> is not permitted\r\n",
    );
    check(
        rcpt("\u{5c71}@x\0\u{7f}"),
        "550 5.7.1 Relaying to <?@x??> is not permitted\r\n",
    );
    check(
        rcpt("{limit}"),
        "550 5.7.1 Relaying to <{limit}> is not permitted\r\n",
    );
    check(
        rcpt(&"a".repeat(300)),
        &format!(
            "550 5.7.1 Relaying to <{}...> is not permitted\r\n",
            "a".repeat(253)
        ),
    );
}

#[test]
fn no_line_outgrows_512_octets() {
    let long = "x".repeat(5_000);
    let ehlo = Reply::new(&smtp::EHLO)
        .arg("host", &long)
        .arg("client", &long)
        .arg("peer", &long)
        .line(long.clone());
    let list = Reply::new(&pop3::CAPABILITIES)
        .line(long.clone())
        .line(format!(".{long}"));
    for reply in [ehlo, list] {
        let mut out = Vec::new();
        reply.encode(&mut out);
        for line in out.split_inclusive(|octet| *octet == b'\n') {
            assert!(line.len() <= 512 && line.ends_with(b"\r\n"));
        }
    }
}

#[test]
fn challenges_may_be_as_long_as_a_mechanism_needs() {
    let challenge = "A".repeat(12_000);
    check(
        Reply::new(&smtp::CHALLENGE).arg("challenge", &challenge),
        &format!("334 {challenge}\r\n"),
    );
    check(
        Reply::new(&pop3::CHALLENGE).arg("challenge", &challenge),
        &format!("+ {challenge}\r\n"),
    );
}

#[test]
fn pop3_text_never_looks_like_a_response_code() {
    check(
        Reply::new(&pop3::TOTALS)
            .arg("count", "[x]")
            .arg("octets", 0),
        "+OK (x] 0\r\n",
    );
}

#[test]
fn completeness_means_exactly_the_arguments_of_the_text() {
    assert!(Reply::new(&smtp::NOOP).is_complete());
    assert!(!Reply::new(&smtp::GREETING).is_complete());
    assert!(Reply::new(&smtp::GREETING).arg("host", "h").is_complete());
    assert!(!Reply::new(&smtp::NOOP).arg("host", "h").is_complete());
}

#[test]
fn internal_failure_is_said_in_both_protocols() {
    check(
        Reply::new(&smtp::INTERNAL_FAILURE).arg("host", "mx"),
        "421 4.3.0 mx Internal failure on our side; try again later\r\n",
    );
    check(
        Reply::new(&pop3::INTERNAL_FAILURE),
        "-ERR [SYS/TEMP] Internal failure on our side; nothing was deleted\r\n",
    );
}

#[test]
fn a_language_changes_words_and_nothing_else() {
    let ja = |row| Reply::new(row).in_language(Language::Japanese);
    check(
        ja(&pop3::IN_USE),
        "-ERR [IN-USE] メールボックスは別のセッションで使用中です\r\n",
    );
    check(
        ja(&pop3::TOTALS).arg("count", 2).arg("octets", 320),
        "+OK 2 320\r\n",
    );
    check(ja(&pop3::CHALLENGE).arg("challenge", "AA=="), "+ AA==\r\n");
    check(
        ja(&pop3::LANGUAGES).line("ja 日本語").line("x\u{85}\u{7}y"),
        "+OK 利用できる言語は次のとおりです\r\nja 日本語\r\nx??y\r\n.\r\n",
    );
    // Arguments stay ASCII.
    check(
        ja(&pop3::LOGIN_THROTTLED).arg("peer", "日本"),
        "-ERR [SYS/TEMP] ?? からのログイン失敗が多すぎます。数分お待ちください\r\n",
    );
    // SMTP has no languages.
    check(ja(&smtp::NOOP), "250 2.0.0 OK\r\n");
    assert_eq!(ja(&pop3::IN_USE).language(), Language::Japanese);
}

#[test]
fn no_character_is_cut_in_half() {
    for filler in 0..3 {
        let long = "x".repeat(filler) + &"日".repeat(400);
        let mut out = Vec::new();
        Reply::new(&pop3::LANGUAGES).line(long).encode(&mut out);
        let text = String::from_utf8(out).unwrap();
        let line = text.lines().nth(1).unwrap();
        assert!(
            line.ends_with("日...") && (506..=510).contains(&line.len()),
            "{}",
            line.len()
        );
    }
}

#[test]
fn letters_beyond_ascii_are_for_those_who_asked() {
    let verified = |mailbox: &str| Reply::new(&smtp::VERIFIED).arg("mailbox", mailbox);
    let hostile = "J\u{f6}rg\r\n250 <j\u{f6}rg@example.test>";
    check(
        verified(hostile),
        "250 2.1.5 J?rg??250 <j?rg@example.test>\r\n",
    );
    check(
        verified(hostile).in_utf8(true),
        "250 2.1.5 J\u{f6}rg??250 <j\u{f6}rg@example.test>\r\n",
    );
    let long = Reply::new(&smtp::EXPANDED)
        .arg("member", "\u{f6}".repeat(300))
        .line("\u{f6}".repeat(300))
        .in_utf8(true);
    let mut out = Vec::new();
    long.encode(&mut out);
    for line in String::from_utf8(out).unwrap().split_inclusive('\n') {
        assert!(line.len() <= 512 && line.ends_with("...\r\n"), "{line:?}");
    }
}

#[test]
fn refusals_explain_themselves_where_that_is_wanted() {
    check(
        Reply::new(&smtp::NO_SUCH_MAILBOX)
            .arg("recipient", "x@y.test")
            .explained(),
        "550-5.1.1 No mailbox <x@y.test> here; check the spelling\r\n\
         550-5.1.1 A typing mistake, or an account that was removed.\r\n\
         550 5.1.1 Check the spelling.\r\n",
    );
    // Not what only an administrator can do, and not what is no refusal.
    for reply in [
        Reply::new(&smtp::TLS_UNAVAILABLE),
        Reply::new(&smtp::NOOP),
        Reply::new(&smtp::EHLO_USAGE),
        Reply::new(&smtp::STOPPING).arg("host", "h"),
        Reply::new(&smtp::AMBIGUOUS).arg("candidates", "a, b"),
        Reply::new(&pop3::BAD_CREDENTIALS),
    ] {
        assert_eq!(reply.clone().explained(), reply);
    }
}

// E-f: RFC 5321 section 4.2.1, RFC 2034 section 4.
#[test]
fn every_explained_refusal_has_its_codes_on_every_line_and_nothing_is_cut_off() {
    let mut explained = 0;
    for row in crate::rows() {
        let reply = Reply::new(row).explained();
        if reply == Reply::new(row) {
            continue;
        }
        explained += 1;
        let mut out = Vec::new();
        reply.encode(&mut out);
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = text.split_terminator("\r\n").collect();
        let Status::Smtp(code, Some(enhanced)) = row.status else {
            panic!("{}: no enhanced code to repeat", row.id);
        };
        assert_eq!(lines.len(), 3, "{}", row.id);
        for (index, line) in lines.iter().enumerate() {
            let sign = if index == 2 { ' ' } else { '-' };
            assert!(
                line.starts_with(&format!("{code}{sign}{enhanced} ")),
                "{line}"
            );
            assert!(line.len() <= 510 && line.is_ascii(), "{line}");
        }
        assert!(lines[1].ends_with(row.cause), "{}", row.id);
        let last = format!("{code} {enhanced} ");
        let remedy = lines[2].strip_prefix(&last).unwrap_or_default();
        assert!(
            row.remedy.starts_with(remedy) && remedy.len() > 5,
            "{}",
            row.id
        );
        assert!(!text.contains("Administrator:"), "{}", row.id);
    }
    assert!(explained > 40, "{explained}");
}
