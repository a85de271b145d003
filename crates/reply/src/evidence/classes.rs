//! Ids of classes of replies, of SMTP commands, and of what no old list has.

use super::{Entry, Evidence};

/// What a peer's answer means to us is the client's side.
const CLIENT_SIDE: &str = "What such a code from another server means to us is shown in `crates/smtp-client/tests/dialogues`.";
/// What no session says, and senders read in a report.
pub(super) const REPORTED: Evidence = Evidence::Test {
    file: "crates/courier/src/office/tests/secret.rs",
    name: "a_report_names_what_was_missing_on_the_way",
};

pub(super) const CLASSES: &[Entry] = &[
    never("D-1", "1yz: never sent", "first_digits_are_2_to_5").noted(CLIENT_SIDE),
    Entry::shown("D-2", "2yz: done", &["S-250f", "S-250g", "S-250i"]).noted(CLIENT_SIDE),
    Entry::shown("D-3", "3yz: more is wanted", &["S-334", "S-354"]),
    Entry::shown("D-4", "4yz: not now", &["S-452a", "S-451b"]).noted(CLIENT_SIDE),
    Entry::shown("D-5", "5yz: no", &["S-500a", "S-550a"]).noted(CLIENT_SIDE),
    Entry::shown(
        "D-x0",
        "x0z: commands",
        &["S-500a", "S-501h", "S-502a", "S-503a", "S-504b"],
    ),
    Entry::shown("D-x1", "x1z: information", &["S-211", "S-214"]),
    Entry::shown(
        "D-x2",
        "x2z: the connection",
        &["S-220a", "S-220b", "S-421a"],
    ),
    Entry::shown(
        "D-x3",
        "x3z: who is there",
        &["S-235", "S-334", "S-530a", "S-535"],
    ),
    never("D-x4", "x4z: never sent", "no_second_digit_is_4")
        .noted("541 instead of 550 is a matter of content filters, see S-541."),
    Entry::shown(
        "D-x5",
        "x5z: mail and mailboxes",
        &["S-250f", "S-450b", "S-550a"],
    ),
    Entry::shown("E-0", "x.0.z: nothing more to say", &["S-250i", "S-250j"])
        .differs("Every refusal names a subject, S-451a too (4.3.0), so only successes say x.0.z."),
    Entry::shown("E-1", "x.1.z: the address", &["S-550a", "S-553a"]),
    Entry::shown("E-2", "x.2.z: the mailbox", &["S-552c", "S-450b"]),
    Entry::shown("E-3", "x.3.z: the mail system", &["S-452a", "S-552a"]),
    Entry::shown("E-5", "x.5.z: the protocol", &["S-500a", "S-503a"]),
    Entry::shown("E-6", "x.6.z: the content", &["X-07a", "S-554a"]),
    Entry::of(
        "E-7",
        "x.7.z: security and policy",
        Evidence::Several(&["S-530a", "S-550c"]),
    ),
    Entry::shown("E-4", "x.4.z: the way between", &["S-554f", "S-421e"])
        .noted("Those of delivery reports are shown in `crates/dsn/tests/reports`."),
    Entry::shown(
        "E-f",
        "Code and enhanced code stand on every line",
        &["S-550a"],
    ),
];

pub(super) const COMMANDS: &[Entry] = &[
    Entry::shown("C-HELO", "HELO", &["S-250a", "S-501j"]),
    Entry::shown("C-EHLO", "EHLO", &["S-250b", "S-501i"]),
    Entry::shown("C-MAIL", "MAIL", &["S-250f"]),
    Entry::shown("C-RCPT", "RCPT", &["S-250g"]),
    Entry::shown("C-DATA", "DATA", &["S-503b", "S-354", "S-250h"]),
    Entry::shown("C-RSET", "RSET", &["S-250i", "S-501n", "S-503a"]),
    Entry::shown("C-SEND", "SEND", &["S-502a"]),
    Entry::shown("C-SOML", "SOML", &["S-502a"]),
    Entry::shown("C-SAML", "SAML", &["S-502a"]),
    Entry::shown("C-VRFY", "VRFY", &["S-252a", "S-501p"])
        .differs("There is no policy that tells users more than strangers: `smtp.vrfy` is `verify`, `noncommittal` or `unimplemented` for all."),
    Entry::shown("C-EXPN", "EXPN", &["S-502c"]),
    Entry::shown("C-HELP", "HELP", &["S-214", "T-07", "S-504b"]),
    Entry::shown("C-NOOP", "NOOP", &["S-250j", "S-501l"]),
    Entry::shown("C-QUIT", "QUIT", &["T-15", "S-221"]),
    Entry::shown("C-TURN", "TURN", &["S-502a"]),
    Entry::shown("C-AUTH", "AUTH", &["S-503h"])
        .noted("What comes of it where it is offered: S-235 to S-538."),
    Entry::shown("C-STLS", "STARTTLS", &["S-500a", "S-220b", "S-554c"]),
    Entry::shown("C-ETRN", "ETRN", &["S-253", "S-459", "S-500d"]),
    Entry::shown("C-ATRN", "ATRN", &["S-250n"]),
    Entry::row("C-XCL"),
];

pub(super) const EXTRA: &[Entry] = &[
    Entry::row("X-01"),
    Entry::row("X-02"),
    Entry::policy("X-03", "550 5.7.23: SPF says no"),
    Entry::policy("X-04", "451 4.7.24, 550 5.7.24: SPF cannot be evaluated"),
    Entry::row("X-05"),
    Entry::policy("X-06", "550 5.7.26: the sender's own policy says no"),
    Entry::row("X-07a"),
    Entry::row("X-07b"),
    Entry::shown("X-08", "Answers of AUTH that cannot be taken", &["X-08a", "X-08c", "X-08b"]),
    Entry::row("X-09"),
    Entry::row("X-10")
        .differs("HELO is let through with EHLO, of which it is a part; verbs that are never offered are 502 before TLS too."),
    Entry::row("X-11"),
    Entry::row("X-12"),
    Entry::policy("X-13", "451 4.7.1: greylisted"),
    Entry::row("X-14"),
    Entry::shown("X-15", "The recipient's domain is not found, or nobody can say", &["X-15a", "X-15b"]),
    Entry::row("X-16"),
    Entry::row("X-17").differs("BODY=BINARYMIME is not offered and therefore 555."),
    Entry::row("X-18"),
    Entry::row("X-19"),
    Entry::of(
        "X-20",
        "BY, HOLDFOR and HOLDUNTIL that cannot be",
        Evidence::Several(&["X-20a", "X-20b", "X-20c", "X-20d"]),
    ),
    Entry::row("X-21"),
    Entry::of(
        "X-22",
        "5.7.30, 5.7.10 in a delivery report: REQUIRETLS cannot be kept",
        REPORTED,
    ),
    Entry::row("X-23"),
    Entry::shown("X-24", "VRFY of a name that several have, or nobody", &["X-24a", "X-24b"]),
    Entry::row("X-P1"),
    Entry::row("X-P2"),
    Entry::row("X-P3"),
    Entry::row("X-P4"),
    Entry::row("X-P5"),
    Entry::row("X-P6"),
    Entry::shown(
        "X-P7",
        "UTF8 and LANG",
        &["X-P7c", "X-P7e", "X-P7d", "X-P7a", "X-P7b"],
    ),
    Entry::row("X-P8").differs(
        "Said only where no surrogate can be made; there is no switch that refuses what can be told in ASCII.",
    ),
];

/// Something the whole table of replies is free of.
const fn never(id: &'static str, what: &'static str, name: &'static str) -> Entry {
    let file = "crates/reply/tests/proof.rs";
    Entry::of(id, what, Evidence::Test { file, name })
}
