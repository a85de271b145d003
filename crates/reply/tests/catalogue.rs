//! Rules every row of the catalogue keeps, and that the documentation shows the catalogue as it is.

use std::collections::BTreeSet;

use reply::{Enhanced, Protocol, Status, rows};

/// Every argument a text may name. A new one is added here on purpose, not by a typing mistake.
const ARGUMENTS: [&str; 25] = [
    "candidates",
    "challenge",
    "client",
    "count",
    "domain",
    "host",
    "id",
    "language",
    "limit",
    "login",
    "mailbox",
    "member",
    "message",
    "node",
    "octets",
    "parameter",
    "peer",
    "reason",
    "recipient",
    "removed",
    "seconds",
    "size",
    "timestamp",
    "tls",
    "usage",
];

/// Highest registered detail per subject, from the IANA registry "SMTP Enhanced Status Codes" (RFC 5248).
const REGISTERED: [(u16, u16); 8] = [
    (0, 0),
    (1, 10),
    (2, 4),
    (3, 5),
    (4, 7),
    (5, 6),
    (6, 10),
    (7, 30),
];

/// Names of the SMTP rows without an enhanced code (RFC 2034 section 4): greetings, HELO and EHLO, 3xx.
const WITHOUT_ENHANCED_CODE: [&str; 16] = [
    "ADDRESS_REFUSED",
    "CHALLENGE",
    "EARLY_TALKER",
    "EHLO",
    "EHLO_USAGE",
    "GREETING",
    "GREETING_STOPPING",
    "HELO",
    "HELO_USAGE",
    "NOT_A_DEVICE",
    "NO_MAIL",
    "SEND_MESSAGE",
    "SUSPENDED",
    "TOO_FAST",
    "TOO_MANY_FROM_ADDRESS",
    "TOO_MANY_SESSIONS",
];

/// POP3 response codes in use (RFC 2449 section 8, RFC 3206 section 4, RFC 6856 section 5).
const RESPONSE_CODES: [&str; 6] = [
    "AUTH",
    "IN-USE",
    "LOGIN-DELAY",
    "SYS/PERM",
    "SYS/TEMP",
    "UTF8",
];

#[test]
fn ids_are_unique_and_names_are_unique_within_a_protocol() {
    let ids: BTreeSet<_> = rows().map(|row| row.id).collect();
    let names: BTreeSet<_> = rows()
        .map(|row| (row.protocol() == Protocol::Smtp, row.name))
        .collect();
    assert_eq!(ids.len(), rows().count());
    assert_eq!(names.len(), rows().count());
}

// REP-02
#[test]
fn codes_are_digits_that_rfc_5321_knows() {
    for row in rows() {
        if let Status::Smtp(code, _) = row.status {
            // RFC 5321 section 4.2: first digit 2 to 5, second 0 to 5.
            assert!((2..=5).contains(&(code / 100)), "{}", row.id);
            assert!((0..=5).contains(&(code / 10 % 10)), "{}", row.id);
        }
    }
}

// REP-06, REP-08
#[test]
fn enhanced_codes_are_registered_and_agree_with_the_reply_code() {
    for row in rows() {
        let Status::Smtp(code, Some(Enhanced(class, subject, detail))) = row.status else {
            continue;
        };
        assert_eq!(u16::from(class), code / 100, "{}", row.id);
        let known = REGISTERED
            .iter()
            .any(|(s, highest)| *s == subject && detail <= *highest);
        assert!(
            known,
            "{}: {class}.{subject}.{detail} is not in the IANA registry",
            row.id
        );
    }
}

// REP-05
#[test]
fn enhanced_codes_are_absent_exactly_where_rfc_2034_says() {
    let bare: BTreeSet<_> = rows()
        .filter(|row| matches!(row.status, Status::Smtp(_, None)))
        .map(|row| row.name)
        .collect();
    assert_eq!(bare, BTreeSet::from(WITHOUT_ENHANCED_CODE));
}

#[test]
fn the_host_comes_first_where_clients_look_for_it() {
    // RFC 5321 section 4.2: 220, 221 and 421 name the host in their first word; the 220 of STARTTLS is another.
    for row in rows().filter(|row| row.name != "START_TLS_NOW") {
        if let Status::Smtp(220 | 221 | 421, _) = row.status {
            assert!(row.text.starts_with("{host} "), "{}", row.id);
        }
    }
}

#[test]
fn texts_are_printable_and_short_and_name_known_arguments() {
    for row in rows() {
        assert!(
            !row.text.is_empty() && row.text.bytes().all(|octet| (b' '..=b'~').contains(&octet)),
            "{}",
            row.id
        );
        // Devices show one short line; RFC 5321 section 4.5.3.1.5 would allow 512 octets.
        assert!(
            row.text.len() <= 100,
            "{}: {} octets",
            row.id,
            row.text.len()
        );
        assert_eq!(
            row.text.matches('{').count(),
            row.arguments().count(),
            "{}",
            row.id
        );
        for name in row.arguments() {
            assert!(
                ARGUMENTS.contains(&name),
                "{}: {{{name}}} is not known",
                row.id
            );
        }
    }
}

// PEX-06
#[test]
fn pop3_texts_never_pose_as_response_codes() {
    for row in rows().filter(|row| row.protocol() == Protocol::Pop3) {
        assert!(!row.text.starts_with('['), "{}", row.id);
        if let Status::Err(Some(code)) = row.status {
            assert!(
                RESPONSE_CODES.contains(&code),
                "{}: [{code}] is not registered",
                row.id
            );
        }
    }
}

/// The longest argument, and the longest `-ERR [CODE] ` before a text.
const ROOM_FOR_ARGUMENT_AND_STATUS: usize = 256 + 20;

// PEX-26: RFC 6856 section 3.
#[test]
fn every_pop3_text_has_a_japanese_twin_with_the_same_arguments() {
    for row in rows() {
        let Some(ja) = row.ja else {
            assert_eq!(row.protocol(), Protocol::Smtp, "{}: no Japanese", row.id);
            continue;
        };
        assert_eq!(
            row.protocol(),
            Protocol::Pop3,
            "{}: SMTP is English",
            row.id
        );
        // Programs read numbers by their place, so texts of nothing else are the same in all languages.
        let (before, after) = (ja.matches('{').count(), ja.matches('}').count());
        assert_eq!(
            (before, after),
            (row.arguments().count(), before),
            "{}",
            row.id
        );
        for name in row.arguments() {
            assert_eq!(
                ja.matches(&format!("{{{name}}}")).count(),
                1,
                "{}: {ja}",
                row.id
            );
        }
        let words = row.arguments().fold(row.text.to_owned(), |text, name| {
            text.replace(&format!("{{{name}}}"), "")
        });
        let only_arguments = words.trim().is_empty();
        assert_eq!(ja == row.text, only_arguments, "{}: {ja}", row.id);
        assert_eq!(ja.is_ascii(), only_arguments, "{}: {ja}", row.id);
        assert!(
            !ja.starts_with('[') && !ja.chars().any(char::is_control),
            "{}: {ja}",
            row.id
        );
        // RFC 1939 section 3: 512 octets with status, arguments and CRLF.
        assert!(
            ja.len() + ROOM_FOR_ARGUMENT_AND_STATUS <= 510,
            "{}: {} octets",
            row.id,
            ja.len()
        );
    }
}

#[test]
fn the_place_of_what_programs_read_is_the_same_in_japanese() {
    // RFC 1939 section 5: `+OK nn mm` for STAT; RFC 6856 section 3.2: the tag comes first.
    for name in [
        "TOTALS",
        "SIZE",
        "UNIQUE_ID",
        "CHALLENGE",
        "LANGUAGE_CHOSEN",
        "GREETING",
    ] {
        let row = rows().find(|row| row.protocol() == Protocol::Pop3 && row.name == name);
        let row = row.unwrap_or_else(|| panic!("no row is called {name}"));
        let first = |text: &'static str| text.split(' ').next();
        assert_eq!(row.ja.and_then(first), first(row.text), "{}", row.id);
    }
}

// INT-12
#[test]
fn every_row_explains_itself_and_every_refusal_names_a_remedy() {
    for row in rows() {
        for text in [row.when, row.cause, row.remedy] {
            assert!(
                text.ends_with(['.', '?']) && text.len() >= 5,
                "{}: {text:?} is no sentence",
                row.id
            );
            assert!(text.is_ascii(), "{}: {text:?}", row.id);
        }
        assert!(
            !row.is_refusal() || row.remedy != "Nothing to do.",
            "{}: a refusal without a remedy",
            row.id
        );
        let rfc = row
            .rfc
            .strip_prefix("RFC ")
            .and_then(|tail| tail.split_once(" section "));
        let (number, section) =
            rfc.unwrap_or_else(|| panic!("{}: {:?} is no RFC section", row.id, row.rfc));
        assert!(
            number.parse::<u16>().is_ok() && section.starts_with(|c: char| c.is_ascii_digit()),
            "{}",
            row.id
        );
    }
}

#[test]
fn the_documentation_shows_the_catalogue_as_it_is() {
    for (path, text) in reply::document::all() {
        let file = format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"));
        let written = std::fs::read_to_string(file).unwrap_or_default();
        assert!(
            written == text,
            "{path} is stale: run `cargo xtask replies`"
        );
    }
}
