//! Property: however the octets arrive, the replies are the same.

use proptest::prelude::*;

use super::desk::{Desk, play};
use crate::ask::ReadVerdict;

/// Lines that lead everywhere, and octets that lead nowhere.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let line = prop::sample::select(vec![
        &b"USER bob\r\n"[..],
        b"PASS two words\r\n",
        b"USER bob\r\nPASS two words\r\n",
        b"USER bob\r\nPASS two words\r\n",
        b"PASS x\r\n",
        b"AUTH PLAIN\r\n",
        b"AUTH LOGIN\r\n",
        b"AGJvYgB0d28gd29yZHM=\r\n",
        b"Ym9i\r\n",
        b"*\r\n",
        b"AUTH PLAIN AGJvYgB0d28gd29yZHM=\r\n",
        b"CAPA\r\n",
        b"UTF8\r\n",
        b"LANG ja\r\n",
        b"LANG\r\n",
        b"STLS\r\n",
        b"STAT\r\n",
        b"LIST\r\n",
        b"LIST 1\r\n",
        b"UIDL\r\n",
        b"RETR 1\r\n",
        b"RETR 2\r\n",
        b"TOP 1 1\r\n",
        b"DELE 1\r\n",
        b"DELE 2\r\n",
        b"RSET\r\n",
        b"NOOP\nQUIT\r\n",
        b"NOOP\0\r\n",
        b"RETR 0\r\n",
        b"FOO\r\n",
        b"STAT 1\r\n",
        b"QUIT\r\n",
        b"GET / HTTP/1.1\r\n",
        b"\r",
        b"\n",
        b"\r\n",
        b"\xff\x00",
        &[b'x'; 300],
    ]);
    prop::collection::vec(line, 0..40).prop_map(|lines| lines.concat())
}

fn desk() -> impl Strategy<Value = Desk> {
    (
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        2_u32..8,
    )
        .prop_map(|(tls, clear, faulty, works, errors)| {
            let desk = if tls { Desk::new() } else { Desk::in_clear() };
            desk.with(|desk| {
                desk.connection.cleartext_login = clear;
                desk.config.errors = errors;
                desk.tls = works;
                desk.expunges = works;
                if faulty {
                    desk.faults.insert((1, 14), ReadVerdict::Damaged);
                }
            })
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_split_gives_the_same_replies(
        desk in desk(),
        stream in stream(),
        sizes in prop::collection::vec(1_usize..30, 1..40),
    ) {
        let whole = play(&desk, [&stream[..]]);
        let mut pieces = Vec::new();
        let mut rest = &stream[..];
        for size in sizes.iter().cycle() {
            if rest.is_empty() { break }
            let (piece, after) = rest.split_at(rest.len().min(*size));
            pieces.push(piece);
            rest = after;
        }
        prop_assert_eq!(play(&desk, pieces), whole);
    }
}
