//! POP3 sessions under any sequence of operations.

use crate::pieces::Pieces;
use crate::sequence;
use crate::session::{alike, one_reply_each};
use crate::smtp::chosen;
use crate::tests_sources::harness::pop3::Pop3Stage;

/// What may hold from the beginning; each bit of the input's first four octets chooses one.
const FACTS: [&str; 24] = [
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
];

/// What may come to hold under way.
const CONDITIONS: [&str; 13] = [
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
];

/// Four octets choose facts, of which the highest bit chooses lines instead of a sequence; the rest is the script.
pub fn check(input: &[u8]) {
    let mut pieces = Pieces::new(input);
    let choice = u32::from_le_bytes(std::array::from_fn(|_| pieces.octet()));
    let facts = chosen(&FACTS, choice);
    let script = pieces.rest();
    if choice >> 31 == 0 {
        alike::<Pop3Stage>(&facts, &CONDITIONS, &sequence::read(script));
    } else {
        let commands = |fact: &&str| !fact.starts_with("admission") && !fact.starts_with("errors");
        let facts: Vec<&str> = facts.into_iter().filter(commands).collect();
        let facts = [&facts[..], &["errors 1000000"]].concat();
        let lines: Vec<&[u8]> = script
            .split(|octet| matches!(octet, b'\r' | b'\n'))
            .collect();
        // No reply of POP3 begins a message of the client's.
        one_reply_each::<Pop3Stage>(&facts, &lines, "");
    }
}
