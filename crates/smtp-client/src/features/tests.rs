//! What EHLO replies offer, and what they do not.

use super::*;

fn read(lines: &[&str]) -> Features {
    let lines = ["mx.example"].iter().chain(lines);
    Features::read(&Heard {
        code: 250,
        lines: lines.map(|line| line.as_bytes().to_vec()).collect(),
    })
}

#[track_caller]
fn check(lines: &[&str], expected: &Features) {
    assert_eq!(read(lines), *expected, "{lines:?}");
}

fn size(size: Option<Option<u64>>) -> Features {
    Features {
        size,
        ..Features::default()
    }
}

#[test]
fn every_keyword_is_read_in_any_letter_case() {
    let all = Features {
        starttls: true,
        pipelining: true,
        chunking: true,
        eight_bit_mime: true,
        smtputf8: true,
        dsn: true,
        requiretls: true,
        atrn: true,
        size: Some(Some(1000)),
        deliver_by: Some(240),
        auth: [Mechanism::Plain, Mechanism::ScramSha256]
            .into_iter()
            .collect(),
        limits: Limits {
            recipients: NonZeroU32::new(20),
            transactions: NonZeroU32::new(5),
            domains: NonZeroU32::new(1),
        },
    };
    let lines = [
        "STARTTLS",
        "PIPELINING",
        "CHUNKING",
        "8BITMIME",
        "SMTPUTF8",
        "DSN",
        "REQUIRETLS",
        "ATRN",
        "SIZE 1000",
        "DELIVERBY 240",
        "AUTH PLAIN SCRAM-SHA-256 X-OTHER",
        "LIMITS RCPTMAX=20 MAILMAX=5 RCPTDOMAINMAX=1",
        "ENHANCEDSTATUSCODES",
        "X-UNKNOWN with parameters",
    ];
    check(&lines, &all);
    let lower = lines.map(str::to_ascii_lowercase);
    check(&lower.each_ref().map(String::as_str), &all);
}

#[test]
fn the_first_line_offers_nothing() {
    let heard = Heard {
        code: 250,
        lines: vec![b"PIPELINING".to_vec()],
    };
    assert_eq!(Features::read(&heard), Features::default());
    assert_eq!(name(&heard), "PIPELINING");
}

#[test]
fn what_is_not_well_formed_was_not_offered() {
    let nothing = Features::default();
    for line in [
        "",
        " PIPELINING",
        "-PIPELINING",
        "PIPELINING\0",
        "PIPELINING x",
        "PIPE LINING",
        "PIPELINING\t",
        "DSN  x",
        "SIZE x",
        "SIZE -1",
        "SIZE 1 2",
        "SIZE 123456789012345678901",
        "DELIVERBY 1234567890",
        "DELIVERBY x",
        "AUTH=PLAIN",
        "AUTH",
        "LIMITS",
        "ＤＳＮ",
    ] {
        check(&[line], &nothing);
    }
    // White space at the end is common and harmless.
    assert!(read(&["PIPELINING "]).pipelining);
}

#[test]
fn sizes() {
    check(&["SIZE"], &size(Some(None)));
    check(&["SIZE 0"], &size(Some(None)));
    check(&["SIZE 1"], &size(Some(Some(1))));
    check(&["SIZE 99999999999999999999"], &size(Some(None)));
    check(&["SIZE 5", "SIZE 7"], &size(Some(Some(5))));
}

#[test]
fn limits_that_are_malformed_or_unknown_are_ignored_and_the_others_count() {
    for (line, recipients, transactions) in [
        ("LIMITS RCPTMAX=1", Some(1), None),
        ("LIMITS rcptmax=999999 MAILMAX=1", Some(999_999), Some(1)),
        ("LIMITS RCPTMAX=1000000 MAILMAX=2", None, Some(2)),
        ("LIMITS RCPTMAX=0 MAILMAX=x RCPTMAX", None, None),
        ("LIMITS RCPTMAX= MAILMAX=-1", None, None),
        ("LIMITS RCPTMAX=+5", None, None),
        ("LIMITS FOO=1 RCPTMAX=3", Some(3), None),
        ("LIMITS RCPTMAX=3 RCPTMAX=4", Some(3), None),
    ] {
        let limits = read(&[line]).limits;
        assert_eq!(limits.recipients.map(u32::from), recipients, "{line}");
        assert_eq!(limits.transactions.map(u32::from), transactions, "{line}");
    }
}

#[test]
fn names_of_peers_are_harmless() {
    for (line, expected) in [
        ("mx.example at your service", "mx.example"),
        ("mx\u{1b}[31m.example", "mx?[31m.example"),
        ("", ""),
    ] {
        let heard = Heard {
            code: 220,
            lines: vec![line.as_bytes().to_vec()],
        };
        assert_eq!(name(&heard), expected);
    }
    let heard = Heard {
        code: 220,
        lines: vec![vec![b'x'; 2000]],
    };
    assert_eq!(name(&heard).len(), MOST_NAME);
}
