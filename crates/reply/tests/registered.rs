//! REP-04: no reply code is an invention of ours.

use reply::{Status, rows};

/// The codes SMTP servers may use, with the RFC that gives each its meaning here.
const REGISTERED: [(&str, &[u16]); 7] = [
    (
        "5321",
        &[
            211, 214, 220, 221, 250, 251, 252, 354, 421, 450, 451, 452, 455, 500, 501, 502, 503,
            504, 550, 551, 552, 553, 554, 555,
        ],
    ),
    (
        "4954, and 2554 before it",
        &[235, 334, 432, 454, 530, 534, 535, 538],
    ),
    ("3207", &[454, 530]),
    ("7504", &[521, 556]),
    ("1985", &[253, 458, 459]),
    ("2645", &[453]),
    // With X.7.13 in the registry of enhanced codes that it founded.
    ("5248", &[525]),
];

#[test]
fn every_smtp_code_was_given_its_meaning_by_an_rfc() {
    for row in rows() {
        if let Status::Smtp(code, _) = row.status {
            assert!(
                REGISTERED.iter().any(|(_, codes)| codes.contains(&code)),
                "{}: no RFC knows {code}",
                row.id
            );
        }
    }
}
