//! What is found in what people type and paste, and what is said about it.

use std::collections::BTreeSet;
use std::time::Instant;

use super::*;

/// What is found, as `explain` shows it.
fn codes(text: &str, source: Source) -> Vec<String> {
    find(text, source)
        .iter()
        .map(|found| found.code.to_string())
        .collect()
}

#[track_caller]
fn typed(text: &str, expected: &[&str]) {
    assert_eq!(codes(text, Source::Typed), expected, "typed {text:?}");
}

#[track_caller]
fn pasted(text: &str, expected: &[&str]) {
    assert_eq!(codes(text, Source::Pasted), expected, "pasted {text:?}");
}

#[test]
fn whatever_can_be_a_code_is_one_when_it_is_typed() {
    typed("550 5.1.1", &["550 5.1.1"]);
    typed("550-5.1.1", &["550 5.1.1"]);
    typed("550 #5.1.1", &["550 5.1.1"]);
    typed("550, \"5.1.1\"", &["550 5.1.1"]);
    typed("550; 5.7.515 Access denied", &["550 5.7.515"]);
    typed("5.7.8", &["5.7.8"]);
    typed("(#5.7.8).", &["5.7.8"]);
    typed("599", &["599"]);
    typed("250", &["250"]);
    typed("550 452", &["550", "452"]);
    typed("-ERR [IN-USE]", &["-ERR [IN-USE]"]);
    typed("-err [in-use] locked", &["-ERR [IN-USE]"]);
    typed("[SYS/TEMP]", &["-ERR [SYS/TEMP]"]);
    for word in ["IN-USE", " in-use ", "SYS/TEMP", "auth", "UTF8"] {
        typed(word, &[&format!("-ERR [{}]", word.trim().to_uppercase())]);
    }
    // Beside anything else it is a word like any other.
    typed("535 AUTH failed", &["535"]);
    typed("AUTH failed", &[]);
    typed("-ERR no", &["-ERR"]);
    typed("-ERR [X-OWN/THING] no", &["-ERR [X-OWN/THING]"]);
    typed("+OK", &["+OK"]);
    typed("S-452b", &["S-452b"]);
    typed("s-452B", &["S-452b"]);
    typed("T-P22 X-08a", &["T-P22", "X-08a"]);
    typed("S-458", &["S-458"]);
    typed("550 5.1.1 No mailbox <x@y.test> here", &["550 5.1.1"]);
    typed("503 5.5.1 Use port 587 or 465", &["503 5.5.1"]);
    typed("host said: 550 no", &["550"]);
}

#[test]
fn what_is_no_code_is_none() {
    for text in [
        "",
        " ",
        "foo",
        "55",
        "5500",
        "199",
        "600",
        "5.1",
        "5.1.1.1",
        "5.1111.1",
        "1.1.1",
        "3.1.1",
        "6.1.1",
        "S-999z",
        "-ERRX",
        "[NOSUCH]",
        "\u{ff15}\u{ff15}\u{ff10}",
        "x550",
        "550x",
        "a.5.1.1",
    ] {
        typed(text, &[]);
        pasted(text, &[]);
    }
}

#[test]
fn in_a_pasted_text_numbers_are_codes_where_somebody_says_so() {
    pasted("IN-USE", &[]);
    pasted(
        "INFO connection{proto=\"smtp\" conn=7 peer=192.0.2.1:25250 listener=\"smtp\" tls=\"TLS1.3\"}: refused \
         id=\"S-550a\" why=\"NO_SUCH_MAILBOX\" from=<a.550@b.example> to=<nosuch@example.test>",
        &["S-550a"],
    );
    pasted(
        "Diagnostic-Code: smtp; 550-5.1.1 The account",
        &["550 5.1.1"],
    );
    pasted("Diagnostic-Code: smtp;550 No such user", &["550"]);
    pasted("Status: 5.1.1", &["5.1.1"]);
    pasted("Status: 2.0.0", &["2.0.0"]);
    pasted(
        "Remote Server returned '550 5.4.1 [a@b.test]: Recipient'",
        &["550 5.4.1"],
    );
    pasted("Remote server returned 554 delivery error: dd", &["554"]);
    pasted("<a@b.test>: #5.1.1 no such user", &["5.1.1"]);
    pasted(
        "SMTP error after RCPT TO:<a@b.test>: 550 Unknown user",
        &["550"],
    );
    pasted("550 Requested action not taken", &["550"]);
    pasted("> <<< 550 Requested action not taken", &["550"]);
    pasted(
        "said: 452 4.2.2 over quota (in reply to RCPT)",
        &["452 4.2.2"],
    );
    pasted("error 451", &["451"]);
    pasted("-ERR [IN-USE] Maildrop locked", &["-ERR [IN-USE]"]);
    pasted("fetch failed: -ERR [AUTH] no", &["-ERR [AUTH]"]);
    pasted("DEBUG conn{id=7}: reply id=S-550a", &["S-550a"]);
    pasted(r#"{"message":"reply","id":"T-P22"}"#, &["T-P22"]);
}

#[test]
fn in_a_pasted_text_other_numbers_are_left_alone() {
    pasted("The order of 550 lamps, 421 of them broken", &[]);
    pasted("sent 2026-11-22 at 11:45:50, port 587", &[]);
    pasted("mx.example.test[192.0.5.1]:25, 10.5.1.1, 5.1.1.7", &[]);
    pasted("by mx (Exim 4.7.1) with Postfix 5.1.2 version 5.2.1", &[]);
    pasted("X-23 and S-550 are models of a camera", &[]);
    pasted("-errand +OK", &[]);
    pasted("id=S-550a1", &[]);
    pasted("time 12:550 x:y4:451", &[]);
}

#[test]
fn each_code_is_told_once_and_the_one_that_says_most() {
    pasted(
        "dsn=5.1.1, status=bounced (host mx[192.0.2.1] said: 550 5.1.1 <a@b>: gone)\n550 gone",
        &["550 5.1.1"],
    );
    pasted(
        "Status: 5.0.0\nDiagnostic-Code: smtp; 550 no",
        &["5.0.0", "550"],
    );
    pasted("-ERR no\n-ERR [AUTH] no", &["-ERR [AUTH]"]);
    pasted(
        "a: 550 Unrouteable address\nb: 550 5.4.1 Access denied",
        &["550", "550 5.4.1"],
    );
    pasted(
        "-ERR Logon failure\n-ERR [AUTH] no",
        &["-ERR", "-ERR [AUTH]"],
    );
    let gmail = "550-5.1.1 The email account that you tried to reach\n\
                 550-5.1.1 does not exist. Please try\r\n\
                 550 5.1.1 double-checking. ab12 - gsmtp";
    let found = find(gmail, Source::Pasted);
    assert_eq!(found.len(), 1);
    assert_eq!(
        found[0].text,
        "The email account that you tried to reach does not exist. Please try double-checking. ab12 - gsmtp"
    );
}

#[test]
fn hostile_text_is_harmless_and_bounded() {
    let found = find(
        "550 5.1.1 \x1b]0;owned\x07\x1b[31mred\u{202e}evil\u{200b}\u{9b}2J\0 end",
        Source::Pasted,
    );
    assert_eq!(found[0].text, "]0;owned [31mred evil 2J end");
    let endless = format!("550 5.1.1 {}", "x".repeat(1_000_000));
    assert!(find(&endless, Source::Pasted)[0].text.len() <= 603);
    let many: String = (0..999).map(|n| format!("550 5.7.{n}\n")).collect();
    assert!(find(&many, Source::Typed).len() <= 32);
}

/// Any of these would take minutes if a line cost its square.
#[test]
fn a_long_line_costs_time_in_proportion() {
    let begun = Instant::now();
    for piece in [
        "5",
        "550 ",
        "550-",
        "a-",
        "[",
        "[[x]",
        "-ERR",
        "-ERR ",
        "5.1.1 ",
        "5.1.1",
        "S-550a=",
        "\"",
        "\u{3042}",
        "> ",
        "550 5.1.1",
        ": 550 ",
        "\u{ff}\u{fe}",
    ] {
        for source in [Source::Typed, Source::Pasted] {
            let text = piece.repeat(60_000 / piece.len());
            assert!(find(&text, source).len() <= 32);
        }
    }
    assert!(begun.elapsed().as_secs() < 100, "{:?}", begun.elapsed());
}

#[test]
fn the_text_behind_a_code_is_kept_as_it_was_said() {
    for (text, said) in [
        (
            "421 4.7.0 [TSS04] Messages deferred",
            "[TSS04] Messages deferred",
        ),
        ("(550 5.1.1) (no such user)", "(no such user)"),
        ("'550 5.4.1 Access denied'", "Access denied"),
        ("550-5.1.1   two   blanks", "two blanks"),
        ("5.1.1", ""),
    ] {
        assert_eq!(find(text, Source::Typed)[0].text, said, "{text}");
    }
}

#[track_caller]
fn explained(text: &str) -> Found {
    let mut found = find(text, Source::Typed);
    assert_eq!(found.len(), 1, "{text:?}");
    found.remove(0)
}

fn ids(explanation: &Explanation<'_>) -> Vec<&'static str> {
    explanation.replies.iter().map(|row| row.id).collect()
}

#[test]
fn the_row_whose_words_were_said_is_the_only_one_shown() {
    let found = explained("550 5.1.1 No mailbox <x@y.test> here; check the spelling");
    let explanation = explain(&found);
    assert!(explanation.is_ours && explanation.elsewhere.is_empty());
    assert_eq!(ids(&explanation), ["S-550a"]);
    let found = explained("421 mx.test Too many sessions; try later");
    assert_eq!(ids(&explain(&found)), ["S-421c"]);
    let found = explained("-ERR [SYS/TEMP] Too many sessions; try later");
    assert_eq!(ids(&explain(&found)), ["T-P2"]);
}

#[test]
fn words_that_were_wrapped_are_read_as_if_they_were_not() {
    for end in ["\n", "\r\n"] {
        for said in [
            "<x@y.test>: host mx.test said: 550 5.1.1 No~    mailbox <x@y.test> here; check the~  spelling",
            "<x@y.test>: host mx.test said: 550~    5.1.1 No mailbox <x@y.test> here; check~    the spelling",
        ] {
            let found = find(&said.replace('~', end), Source::Pasted);
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(ids(&explain(&found[0])), ["S-550a"], "{found:?}");
        }
    }
    let found = find(
        "Diagnostic-Code: smtp; 552-5.2.2 Full.\n    452 4.2.2 Later.",
        Source::Pasted,
    );
    assert_eq!(found.len(), 2, "lines of replies stay apart: {found:?}");
}

#[test]
fn every_refusal_of_ours_is_recognised_by_its_own_line() {
    for row in crate::rows().filter(|row| row.is_refusal()) {
        let mut line = row.first_line();
        for name in row.arguments() {
            line = line.replace(&format!("{{{name}}}"), "some.thing");
        }
        let found = explained(&line);
        let explanation = explain(&found);
        assert!(ids(&explanation).contains(&row.id), "{line}");
        assert!(explanation.is_ours, "{line}");
    }
}

#[test]
fn every_id_is_found_typed_and_in_a_log_line() {
    for row in crate::rows() {
        assert_eq!(codes(row.id, Source::Typed), [row.id]);
        assert_eq!(
            codes(&format!("reply id={}", row.id), Source::Pasted),
            [row.id]
        );
    }
}

#[test]
fn without_words_all_rows_of_a_code_are_shown() {
    let found = explained("550 5.1.1");
    assert_eq!(ids(&explain(&found)), ["S-550a", "X-24b"]);
    let found = explained("5.2.2");
    assert_eq!(ids(&explain(&found)), ["S-552c"]);
}

#[track_caller]
fn elsewhere_is(text: &str, servers: &[&str]) {
    let found = explained(text);
    let explanation = explain(&found);
    let known: Vec<&str> = explanation
        .elsewhere
        .iter()
        .map(|(other, _)| other.server)
        .collect();
    assert_eq!(known, servers, "{text}");
}

#[test]
fn other_servers_are_known_by_their_words_and_numbers() {
    elsewhere_is("550 5.7.1 <a@b>: Relay access denied", &["Postfix"]);
    elsewhere_is(
        "421-4.7.0 Our system has detected an unusual rate of unsolicited mail",
        &["Gmail"],
    );
    elsewhere_is(
        "550 5.7.515 Access denied, sending domain x does not meet the required authentication level",
        &["Outlook.com"],
    );
    elsewhere_is("550 5.7.620", &["Exchange Online"]);
    elsewhere_is("451 4.7.650", &["Outlook.com", "Exchange Online"]);
    elsewhere_is("550 relay not permitted", &["Exim"]);
    elsewhere_is(
        "-ERR Logon failure: unknown user name or bad password.",
        &["Exchange Online"],
    );
    elsewhere_is("599", &[]);
}

#[test]
fn unknown_codes_are_explained_by_their_digits() {
    for (text, parts) in [
        ("599", &["5yz"][..]),
        ("557", &["5yz", "x5z"]),
        ("5.7.515", &["5.x.x", "x.7.x"]),
        ("4.9.9", &["4.x.x"]),
        ("550 5.7.999", &["5.x.x", "x.7.x", "550"]),
        ("550 5.1.1", &["x.1.1", "5.x.x"]),
        ("-ERR [SYS/TEMP/DISK]", &["[SYS/TEMP]"]),
        ("-ERR [OTHER]", &["-ERR"]),
    ] {
        let found = explained(text);
        let meanings = explain(&found).meanings;
        let of: Vec<&str> = meanings.iter().map(|meaning| meaning.of.as_ref()).collect();
        assert_eq!(of, parts, "{text}");
    }
}

#[test]
fn codes_that_are_never_sent_say_so() {
    for (text, id) in [("200", "S-200"), ("241", "S-241"), ("541", "S-541")] {
        let found = explained(text);
        let explanation = explain(&found);
        assert!(explanation.replies.is_empty(), "{text}");
        assert!(
            explanation.unsent.iter().any(|unsent| unsent.id == id),
            "{text}"
        );
    }
    let rows: BTreeSet<_> = crate::rows().map(|row| row.id).collect();
    for unsent in UNSENT {
        assert!(!rows.contains(unsent.id), "{} has a row by now", unsent.id);
    }
}

#[test]
fn every_code_we_send_is_known_to_the_tables() {
    for row in crate::rows() {
        let found = explained(row.id);
        let explanation = explain(&found);
        assert!(explanation.is_registered, "{}", row.id);
        assert!(
            !explanation.meanings.is_empty() || row.first_line().starts_with("+ "),
            "{}",
            row.id
        );
    }
}

#[test]
fn tables_are_in_order_and_their_words_in_both_languages() {
    let numbers: Vec<(u16, u16)> = REGISTRY
        .iter()
        .flat_map(|part| part.iter())
        .map(|known| (known.0, known.1))
        .collect();
    assert!(numbers.is_sorted() && numbers.len() > 75);
    assert!(CODES.iter().map(|known| known.0).is_sorted());
    let registered = REGISTRY
        .iter()
        .flat_map(|part| part.iter())
        .map(|known| known.2);
    let all = registered
        .chain(CODES.iter().map(|known| known.1))
        .chain(RESPONSES.iter().map(|known| known.1))
        .chain(UNSENT.iter().map(|known| known.words))
        .chain(
            FIRST
                .iter()
                .chain(SECOND)
                .chain(SUBJECTS)
                .map(|known| known.1),
        )
        .chain(CLASSES.iter().map(|known| known.1))
        .chain(
            ELSEWHERE
                .iter()
                .flat_map(|server| server.iter())
                .map(|known| known.words),
        );
    for words in all {
        assert!(
            words.en.is_ascii() && words.en.ends_with(['.', ')']),
            "{}",
            words.en
        );
        assert!(
            !words.ja.is_ascii() && words.ja.ends_with('。'),
            "{}",
            words.ja
        );
        assert!(
            !words.en.contains('|') && !words.ja.contains('|'),
            "{}",
            words.en
        );
    }
    for other in ELSEWHERE.iter().flat_map(|server| server.iter()) {
        for phrase in other.phrases {
            assert_eq!(*phrase, phrase.to_ascii_lowercase(), "{}", other.server);
        }
    }
}
