//! The lines of LIST and UIDL, written in pieces: a maildrop of 100,000 messages is never one string.

use wire::DotEncoder;

use crate::digits;
use crate::maildrop::{Maildrop, UniqueId};

/// A piece is at most this many octets.
const PIECE: usize = 32 * 1024;
/// No line is longer: ten digits, a space, 20 digits of octets or 70 characters of an id, CRLF, and the end of the list.
const LONGEST_LINE: usize = 88;

/// What a listing tells about each message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    /// LIST (RFC 1939 section 5).
    Octets,
    /// UIDL (RFC 1939 section 7).
    UniqueId,
}

/// A listing on its way out.
#[derive(Debug)]
pub(crate) struct ListingWriter {
    column: Column,
    next: usize,
}

impl ListingWriter {
    /// A listing of which nothing is written yet.
    pub(crate) fn new(column: Column) -> Self {
        Self { column, next: 0 }
    }

    /// The next piece, and whether it is the last, with the final dot.
    pub(crate) fn piece(&mut self, maildrop: &Maildrop) -> (Vec<u8>, bool) {
        let mut out = Vec::with_capacity(PIECE.min(LONGEST_LINE * (maildrop.count() + 1)));
        for (index, message) in maildrop.unflagged(self.next) {
            if out.len() + LONGEST_LINE > PIECE {
                return (out, false);
            }
            let number = index + 1;
            digits::decimal(number as u64, &mut out);
            out.push(b' ');
            match self.column {
                Column::Octets => digits::decimal(message.octets, &mut out),
                Column::UniqueId => match maildrop.unique_id(index, message) {
                    UniqueId::Kept(id) => out.extend_from_slice(id.as_bytes()),
                    UniqueId::Ours { epoch, uid } => {
                        digits::hexadecimal(u64::from(epoch), &mut out);
                        out.push(b'.');
                        digits::hexadecimal(uid, &mut out);
                    }
                },
            }
            out.extend_from_slice(b"\r\n");
            self.next = number;
        }
        // No line begins with a dot, so there is nothing to stuff before the end.
        DotEncoder::new().finish(&mut out);
        (out, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::{KeptIds, Listing, Message};
    use crate::number::MessageNumber;

    #[track_caller]
    fn check(maildrop: &Maildrop, column: Column, expected: &str) {
        let mut writer = ListingWriter::new(column);
        let mut all = Vec::new();
        loop {
            let (piece, last) = writer.piece(maildrop);
            assert!(piece.len() <= PIECE, "a piece of {} octets", piece.len());
            all.extend_from_slice(&piece);
            if last {
                break;
            }
        }
        assert_eq!(String::from_utf8(all).expect("ASCII"), expected);
    }

    fn maildrop(messages: impl IntoIterator<Item = Message>) -> Maildrop {
        let messages: Vec<_> = messages.into_iter().collect();
        Maildrop::new(Listing::new(messages, KeptIds::default()))
    }

    #[test]
    fn an_empty_maildrop_is_a_lone_dot() {
        check(&maildrop([]), Column::Octets, ".\r\n");
        check(&maildrop([]), Column::UniqueId, ".\r\n");
    }

    #[test]
    fn lines_hold_number_and_fact_and_skip_the_flagged() {
        let mut drop = maildrop((1..=3).map(|uid| Message {
            octets: 100 * uid,
            needs_utf8: false,
            epoch: 26,
            uid: uid + 9,
        }));
        drop.flag(MessageNumber::parse(b"2").expect("a number"))
            .expect("not flagged yet");
        check(&drop, Column::Octets, "1 100\r\n3 300\r\n.\r\n");
        check(&drop, Column::UniqueId, "1 1a.a\r\n3 1a.c\r\n.\r\n");
    }

    #[test]
    fn the_longest_lines_fit_their_pieces() {
        let largest = Message {
            octets: u64::MAX,
            needs_utf8: false,
            epoch: u32::MAX,
            uid: u64::MAX,
        };
        let drop = maildrop(std::iter::repeat_n(largest, 3_000));
        let sizes: String = (1..=3_000)
            .map(|n| format!("{n} 18446744073709551615\r\n"))
            .collect();
        check(&drop, Column::Octets, &(sizes + ".\r\n"));
        let ids: String = (1..=3_000)
            .map(|n| format!("{n} ffffffff.ffffffffffffffff\r\n"))
            .collect();
        check(&drop, Column::UniqueId, &(ids + ".\r\n"));
    }

    #[test]
    fn ids_of_another_server_stand_in_place_of_ours() {
        let messages: Vec<Message> = (1..=1_000)
            .map(|uid| Message {
                octets: 1,
                needs_utf8: false,
                epoch: 1,
                uid,
            })
            .collect();
        // The longest there are, for every other message.
        let theirs = |n: usize| format!("{n:x>70}");
        let kept = KeptIds::of(
            &messages,
            (1..1_000)
                .step_by(2)
                .map(|index| (index, theirs(index).into())),
        );
        let drop = Maildrop::new(Listing::new(messages, kept));
        let ids: String = (0..1_000)
            .map(|index| match index % 2 {
                0 => format!("{} 1.{:x}\r\n", index + 1, index + 1),
                _ => format!("{} {}\r\n", index + 1, theirs(index)),
            })
            .collect();
        check(&drop, Column::UniqueId, &(ids + ".\r\n"));
    }
}
