//! What becomes of header fields, row by row, and what must hold for any header at all.

use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(field: &str, expected: &str) {
    let made = header(format!("{field}\r\n").as_bytes()).unwrap_or_default();
    let expected = if expected.is_empty() {
        String::new()
    } else {
        format!("{expected}\r\n")
    };
    assert_eq!(String::from_utf8_lossy(&made), expected, "{field}");
}

#[test]
fn ascii_fields_stay_to_the_octet() {
    for field in [
        "Subject:  two  spaces\t",
        "To: a@b.example,\r\n\tc@d.example",
        "X-Empty:",
        "no field at all",
        "Subject: =?UTF-8?B?5omL57SZ?=",
    ] {
        check(field, field);
    }
}

#[test]
fn text_becomes_encoded_words() {
    check("Subject: 手紙", "Subject: =?utf-8?B?5omL57SZ?=");
    check(
        "Subject: Re: Grüße aus Köln to you",
        "Subject: Re: =?utf-8?B?R3LDvMOfZQ==?= aus =?utf-8?B?S8O2bG4=?= to you",
    );
    // The space between two encoded words would be dropped by readers, so it is inside.
    check("X-Note: ä ö\r\n ü", "X-Note: =?utf-8?B?w6Qgw7Ygw7w=?=");
    check(
        &format!("Subject: {}", "手".repeat(40)),
        &format!(
            "Subject: =?utf-8?B?{}?=\r\n =?utf-8?B?{}?=\r\n =?utf-8?B?{}?=\r\n =?utf-8?B?{}?=",
            "5omL".repeat(13),
            "5omL".repeat(13),
            "5omL".repeat(13),
            "5omL"
        ),
    );
    // RFC 2047 section 2: a line with an encoded word in it has at most 76 octets.
    check(
        &format!(
            "Disposition-Notification-To: {} <a@b.test>",
            "手".repeat(12)
        ),
        &format!(
            "Disposition-Notification-To: =?utf-8?B?{}?=\r\n =?utf-8?B?{}?= <a@b.test>",
            "5omL".repeat(8),
            "5omL".repeat(4)
        ),
    );
}

#[test]
fn addresses_that_ascii_cannot_write_give_way_and_are_named() {
    check(
        "From: José <josé@example.test>",
        "From: =?utf-8?B?Sm9zw6kgPGpvc8OpQGV4YW1wbGUudGVzdD4=?=\r\n <invalid@internationalized-address.invalid>",
    );
    check(
        "Return-Path: <josé@example.test>",
        "Return-Path: =?utf-8?B?am9zw6lAZXhhbXBsZS50ZXN0?=\r\n <invalid@internationalized-address.invalid>",
    );
    // Those beside them keep what they have.
    check(
        "To: \"Doe, \\\"J\\\"\" <jd@example.test>, Zoë <zoe@example.test>, bob@example.test (Bob)",
        "To: \"Doe, \\\"J\\\"\" <jd@example.test>, =?utf-8?B?Wm/Dqw==?= <zoe@example.test>,\r\n Bob <bob@example.test>",
    );
}

#[test]
fn a_domain_beyond_ascii_is_written_in_a_labels() {
    check(
        "To: bob@bücher.example, \"a b\"@例え.test",
        "To: <bob@xn--bcher-kva.example>, <\"a b\"@xn--r8jz45g.test>",
    );
    check(
        "Cc: <bob@ex\u{2028}ample.test>",
        "Cc: =?utf-8?B?Ym9iQGV44oCoYW1wbGUudGVzdA==?=\r\n <invalid@internationalized-address.invalid>",
    );
}

#[test]
fn groups_and_odd_lists_stay_what_they_are() {
    check(
        "To: Büro: a@x.test, b@x.test;",
        "To: =?utf-8?B?QsO8cm8=?=: <a@x.test>, <b@x.test>;",
    );
    check("Cc: Büro:;", "Cc: =?utf-8?B?QsO8cm8=?=:;");
    check(
        "To: , ü@x.test,,",
        "To: =?utf-8?B?w7xAeC50ZXN0?= <invalid@internationalized-address.invalid>",
    );
    check("To: (nur ein Kömmentar)", "");
}

#[test]
fn parameters_are_written_as_rfc_2231_says() {
    check(
        "Content-Disposition: attachment; size=3; filename=\"übel; \\\"x\\\".txt\"",
        "Content-Disposition: attachment; size=3;\r\n filename*=UTF-8''%C3%BCbel%3B%20%22x%22.txt",
    );
    check(
        &format!("Content-Type: image/png; name={}", "手".repeat(8)),
        "Content-Type: image/png;\r\n name*0*=UTF-8''%E6%89%8B%E6%89%8B%E6%89%8B%E6%89%8B%E6%89%8B%E6;\r\n name*1*=%89%8B%E6%89%8B%E6%89%8B",
    );
    check("Content-Type: téxt/plain", "");
    check(
        "Content-Type: text/plain; nàme=x",
        "Content-Type: text/plain",
    );
}

#[test]
fn what_has_no_ascii_form_is_left_out() {
    for field in [
        "Message-ID: <ü@example.test>",
        "Received: from ü by example.test; now",
        "References: <a@b>\r\n <ü@example.test>",
        "DKIM-Signature: i=ü@example.test",
        "ARC-Seal: ü",
        "Sübject: x",
        "kein Feld, ü",
    ] {
        check(field, "");
    }
}

#[test]
fn the_blank_line_stays_and_is_found() {
    let message = "Subject: ü\r\nTo: a@b.test\r\n\r\nbody ü\r\n\r\n";
    let length = header_length(message.as_bytes(), 0).expect("there is a blank line");
    assert_eq!(&message[length..], "body ü\r\n\r\n");
    let made = header(&message.as_bytes()[..length]).expect("it is short");
    assert_eq!(made, b"Subject: =?utf-8?B?w7w=?=\r\nTo: a@b.test\r\n\r\n");
    assert_eq!(header_length(b"\r\nbody", 0), Some(2));
    assert_eq!(header_length(b"Subject: x\r\n", 0), None);
}

#[test]
fn what_would_grow_beyond_all_bounds_is_not_made() {
    let many = format!("To: {}a@b.test\r\n\r\n", "ü@x,".repeat(200_000));
    assert!(many.len() < LONGEST_HEADER);
    assert_eq!(header(many.as_bytes()), None);
}

fn any_header() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "From: ",
            "Subject: ",
            "To: ",
            "Content-Type: ",
            "Message-ID: ",
            "X: ",
            "\r\n",
            "\r\n ",
            "\r\n",
            ",",
            ";",
            ":",
            "<",
            ">",
            "@",
            "(",
            ")",
            "\"",
            "\\",
            "=",
            " ",
            "ü",
            "手",
            "a",
            "例え.test",
            "\u{85}",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_header_becomes_ascii_fields_of_bounded_lines(octets in any_header()) {
        let made = header(&octets).expect("short headers have surrogates");
        prop_assert!(made.is_ascii());
        // What is ASCII is not touched, so a surrogate is its own surrogate.
        prop_assert_eq!(header(&made), Some(made.clone()));
        for line in made.split(|octet| *octet == b'\n') {
            let encoded = line.windows(10).any(|word| word == b"=?utf-8?B?");
            prop_assert!(!encoded || line.len() <= 77, "{}", line.escape_ascii());
        }
        // No line is added that could be taken for the end of the header.
        let blank = |octets: &[u8]| octets.windows(4).filter(|four| *four == b"\r\n\r\n").count();
        prop_assert!(blank(&made) <= blank(&octets) + usize::from(!octets.is_ascii()));
    }
}
