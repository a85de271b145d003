//! POP3 sessions under any sequence of operations.

use crate::talk::Talk;
use crate::tests_sources::harness::pop3::Pop3Stage;

const POP3: Talk = Talk {
    facts: &[
        "tls",
        "no tls",
        "cleartext login",
        "mechanisms every",
        "apop",
        "login_delay 1500",
        "errors 4",
        "errors 1000000",
        "message Subject: \\xc3\\xbc\\r\\n\\r\\n.\\r\\n..\\r\\nbare\\nend",
        "surrogate Subject: =?UTF-8?B?w7w=?=\\r\\n\\r\\n.\\r\\n",
        "message \\r\\n",
        "no surrogate",
        "chunks 7",
        "chunks 1",
        "damaged 2 after 7",
        "gone 1",
        "unreadable 2",
        "store broken",
        "no messages",
        "admission too many sessions",
        "admission too many from address",
        "admission too fast",
        "admission stopping",
        "admission early talker",
    ],
    conditions: &[
        "tls broken",
        "in use",
        "no maildrop",
        "maildrop broken",
        "login too soon",
        "login misconfigured",
        "login busy",
        "login throttled",
        "login sound",
        "store broken",
        "gone 1",
        "unreadable 2",
        "damaged 2",
    ],
    // No reply of POP3 begins a message of the client's.
    inside: "",
    is_command: |_| true,
};

/// Four octets of choices, and the script.
pub fn check(input: &[u8]) {
    POP3.check::<Pop3Stage>(input);
}
