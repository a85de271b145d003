//! SMTP sessions under any sequence of operations.

use crate::talk::Talk;
use crate::tests_sources::harness::smtp::SmtpStage;

const SMTP: Talk = Talk {
    facts: &[
        "role submission",
        "tls",
        "no tls",
        "mechanisms every",
        "cleartext login",
        "login on exchange",
        "bare newlines normalized",
        "vrfy verify",
        "future-release 3600",
        "expn on",
        "expn members",
        "etrn",
        "errors 4",
        "errors 1000000",
        "max size 200",
        "max header 100",
        "max recipients 2",
        "max transactions 2",
        "no mechanisms",
        "role on demand",
        "role device",
        "sender alice@example.test",
        "device logs in",
        "admission early talker",
        "admission refused",
        "taking nothing now",
        "taking nothing ever",
        "proxy here",
        "proxy elsewhere",
        "submission wants tls 1.3",
        "over recipients refused",
    ],
    conditions: &[
        "tls broken",
        "store low",
        "store sound",
        "try later",
        "store broken",
        "store full at the end",
        "mailbox full at the end",
        "directory down",
        "mail too fast",
        "mail suspended",
        "claimed refused",
        "mail sound",
        "rcpt too fast",
        "login busy",
        "login throttled",
        "login sound",
        "quota full bob@example.test",
        "quota exceeded bob@example.test",
        "count full bob@example.test",
        "forwarded bob@new.example bob@example.test",
        "moved bob@new.example bob@example.test",
        "list of users bob@example.test",
        "queue paused",
        "queue running",
        "queue empty",
        "queue for users",
        "map down",
    ],
    inside: "S-354",
    is_command,
};

/// Four octets of choices, and the script.
pub fn check(input: &[u8]) {
    SMTP.check::<SmtpStage>(input);
}

/// What BDAT announces is no command, so here a chunk has no octets. Behind an ATRN that is granted there are no commands.
fn is_command(line: &[u8]) -> bool {
    !line.get(..4).is_some_and(|verb| {
        verb.eq_ignore_ascii_case(b"BDAT") || verb.eq_ignore_ascii_case(b"ATRN")
    })
}
