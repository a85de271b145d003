//! SMTP sessions under any sequence of operations.

use crate::pieces::Pieces;
use crate::sequence;
use crate::session::{alike, one_reply_each};
use crate::tests_sources::harness::smtp::SmtpStage;

/// What may hold from the beginning; each bit of the input's first four octets chooses one.
const FACTS: [&str; 24] = [
    "role submission",
    "tls",
    "no tls",
    "mechanisms every",
    "cleartext login",
    "login on exchange",
    "bare newlines normalized",
    "vrfy verify",
    "vrfy unimplemented",
    "expn on",
    "expn members",
    "expn noncommittal",
    "errors 4",
    "errors 1000000",
    "max size 200",
    "max header 100",
    "max recipients 2",
    "max transactions 2",
    "no mechanisms",
    "admission too many sessions",
    "admission too many from address",
    "admission too fast",
    "admission stopping",
    "admission early talker",
];

/// What may come to hold under way.
const CONDITIONS: [&str; 17] = [
    "tls broken",
    "store low",
    "store sound",
    "try later",
    "store broken",
    "store full at the end",
    "mailbox full at the end",
    "directory down",
    "mail too fast",
    "mail sound",
    "rcpt too fast",
    "login busy",
    "login throttled",
    "login sound",
    "quota full bob@example.test",
    "quota exceeded bob@example.test",
    "count full bob@example.test",
];

/// Four octets choose facts, of which the highest bit chooses lines instead of a sequence; the rest is the script.
pub fn check(input: &[u8]) {
    let mut pieces = Pieces::new(input);
    let choice = u32::from_le_bytes(std::array::from_fn(|_| pieces.octet()));
    let facts = chosen(&FACTS, choice);
    let script = pieces.rest();
    if choice >> 31 == 0 {
        alike::<SmtpStage>(&facts, &CONDITIONS, &sequence::read(script));
    } else {
        let facts: Vec<&str> = facts.into_iter().filter(|fact| !is_limit(fact)).collect();
        let facts = [&facts[..], &["errors 1000000"]].concat();
        one_reply_each::<SmtpStage>(&facts, &lines(script), "S-354");
    }
}

/// Refused at the door, a session has no commands.
fn is_limit(fact: &str) -> bool {
    fact.starts_with("admission") || fact.starts_with("errors")
}

/// Lines without CR and LF. What BDAT announces is no command, so here a chunk has no octets.
fn lines(script: &[u8]) -> Vec<&[u8]> {
    let lines = script.split(|octet| matches!(octet, b'\r' | b'\n'));
    let chunk = |line: &&[u8]| {
        line.get(..4)
            .is_some_and(|verb| verb.eq_ignore_ascii_case(b"BDAT"))
    };
    lines.filter(|line| !chunk(line)).collect()
}

/// The facts whose bits are set.
pub fn chosen<'a>(facts: &[&'a str], choice: u32) -> Vec<&'a str> {
    let bits = (0..).map(|bit| choice >> bit & 1 == 1);
    let chosen = facts.iter().zip(bits).filter(|(_, chosen)| *chosen);
    chosen.map(|(fact, _)| *fact).collect()
}
