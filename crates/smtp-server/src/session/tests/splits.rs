//! Where the octets are split changes nothing.

use proptest::prelude::*;

use super::*;

/// Pieces of dialogue, good and bad, in any order.
const PIECES: &[&str] = &[
    "EHLO a.example\r\n",
    "HELO a\r\n",
    "MAIL FROM:<a@b>\r\n",
    "MAIL FROM:<>  SIZE=50\r\n",
    "RCPT TO:<bob@example.test>\r\n",
    "RCPT TO:<nosuch@example.test>\r\n",
    "DATA\r\n",
    "DATA\r\n",
    "BDAT 0\r\n",
    "BDAT 0 LAST\r\n",
    "BDAT 5\r\nab\r\nc",
    "BDAT 9 LAST\r\nQUIT\r\nxyz",
    "BDAT 7\r\n\r\n.\r\n\r\n",
    "BDAT 30 LAST\r\n",
    "BDAT x\r\n",
    "MAIL FROM:<a@b> SMTPUTF8\r\n",
    "RCPT TO:<jörg@example.test>\r\n",
    "Subject: x\r\n",
    "Return-Path: <x@y>\r\n",
    " folded\r\n",
    "Received: x\r\n",
    "\r\n",
    "\r\n.\r\n",
    "\r\n.\r\n",
    "..\r\n",
    "\n.\r\n",
    "\n",
    "\r",
    "\0",
    "NOOP\r\n",
    "NOOP \u{1}\r\n",
    "RSET\r\n",
    "VRFY x\r\n",
    "FOO\r\n",
    "\u{16}\u{3}\u{1}",
    "AUTH PLAIN\r\n",
    "AGEAYg==\r\n",
    "*\r\n",
    "HELP\r\n",
    ".",
    "é",
];

/// Everything that can be told apart from outside.
fn play(stream: &[u8], sizes: &[usize]) -> (Vec<String>, Vec<String>, Vec<Vec<u8>>) {
    let config = Config {
        errors: 1000,
        slow_reply: Duration::ZERO,
        login_on_exchange: true,
        max_message_size: 100,
        max_received: 1,
        ..config()
    };
    let mut rig = Rig::new(
        config,
        Connection {
            tls: Some(tls()),
            ..connection(Role::Exchange)
        },
    );
    let mut rest = stream;
    for size in sizes.iter().cycle() {
        let (piece, after) = rest.split_at(rest.len().min(*size));
        rig.send(piece);
        rest = after;
        // Behind the end of a session there is nothing to compare.
        if rest.is_empty() || rig.events.last().is_some_and(|last| last == "close") {
            break;
        }
    }
    (rig.events, rig.asked, rig.stored)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_split_gives_the_same_replies_questions_and_bodies(
        pieces in prop::collection::vec(prop::sample::select(PIECES), 0..30),
        sizes in prop::collection::vec(1_usize..12, 1..8),
    ) {
        let stream = format!("EHLO first.example\r\n{}", pieces.concat()).into_bytes();
        let whole = play(&stream, &[usize::MAX]);
        prop_assert_eq!(&play(&stream, &sizes), &whole);
        prop_assert_eq!(&play(&stream, &[1]), &whole);
    }
}
