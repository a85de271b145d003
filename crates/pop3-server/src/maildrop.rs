//! The maildrop of a session: the listing it opened with, and which messages are flagged as deleted.
//!
//! Numbering never changes (RFC 1939 section 4), and nothing is removed here: flags are a wish, told to the
//! host at QUIT.

use std::fmt;

use crate::ask::{Listing, Message};
use crate::number::MessageNumber;

/// An open maildrop.
#[derive(Debug)]
pub(crate) struct Maildrop {
    listing: Listing,
    /// One bit per message; empty until the first DELE.
    flags: Vec<u64>,
    count: usize,
    octets: u64,
}

/// What a client knows a message by.
#[derive(Clone, Copy, Debug)]
pub(crate) enum UniqueId<'a> {
    /// What another server called it.
    Kept(&'a str),
    Ours {
        epoch: u32,
        uid: u64,
    },
}

impl fmt::Display for UniqueId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept(id) => f.write_str(id),
            Self::Ours { epoch, uid } => write!(f, "{epoch:x}.{uid:x}"),
        }
    }
}

/// Why there is no message for a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    NoSuchMessage,
    FlaggedAsDeleted,
}

impl Maildrop {
    /// A maildrop in which nothing is flagged.
    pub(crate) fn new(listing: Listing) -> Self {
        Self {
            flags: Vec::new(),
            count: listing.messages.len(),
            octets: listing.octets,
            listing,
        }
    }

    /// Messages not flagged.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Octets of the messages not flagged.
    pub(crate) fn octets(&self) -> u64 {
        self.octets
    }

    /// The message with this number, unless it is flagged.
    pub(crate) fn find(&self, number: MessageNumber) -> Result<Message, Missing> {
        let index = number.index();
        let message = self
            .listing
            .messages
            .get(index)
            .ok_or(Missing::NoSuchMessage)?;
        if self.is_flagged(index) {
            Err(Missing::FlaggedAsDeleted)
        } else {
            Ok(*message)
        }
    }

    /// The unique id of the message at an index: 1 to 70 characters from 0x21 to 0x7E (RFC 1939 section 7).
    pub(crate) fn unique_id(&self, index: usize, message: Message) -> UniqueId<'_> {
        match self.listing.kept.get(index) {
            Some(id) => UniqueId::Kept(id),
            None => UniqueId::Ours {
                epoch: message.epoch,
                uid: message.uid,
            },
        }
    }

    /// Flags a message as deleted.
    pub(crate) fn flag(&mut self, number: MessageNumber) -> Result<(), Missing> {
        let message = self.find(number)?;
        if self.flags.is_empty() {
            self.flags = vec![0; self.listing.messages.len().div_ceil(64)];
        }
        let index = number.index();
        self.flags[index / 64] |= 1 << (index % 64);
        self.count -= 1;
        self.octets = self.octets.saturating_sub(message.octets);
        Ok(())
    }

    /// Takes all flags away.
    pub(crate) fn reset(&mut self) {
        self.flags = Vec::new();
        self.count = self.listing.messages.len();
        self.octets = self.listing.octets;
    }

    /// The messages from index `from` on that are not flagged, with their indices.
    pub(crate) fn unflagged(&self, from: usize) -> impl Iterator<Item = (usize, Message)> {
        let rest = self.listing.messages.iter().enumerate().skip(from);
        rest.filter(|(index, _)| !self.is_flagged(*index))
            .map(|(index, message)| (index, *message))
    }

    /// Indices of the flagged messages, in order.
    pub(crate) fn flagged(&self) -> Vec<usize> {
        (0..self.listing.messages.len())
            .filter(|index| self.is_flagged(*index))
            .collect()
    }

    fn is_flagged(&self, index: usize) -> bool {
        self.flags
            .get(index / 64)
            .is_some_and(|bits| bits & (1 << (index % 64)) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::KeptIds;

    fn maildrop(sizes: &[u64]) -> Maildrop {
        let messages: Vec<_> = sizes
            .iter()
            .zip(1..)
            .map(|(octets, uid)| Message {
                octets: *octets,
                needs_utf8: false,
                epoch: 1,
                uid,
            })
            .collect();
        Maildrop::new(Listing::new(messages, KeptIds::default()))
    }

    fn number(n: usize) -> MessageNumber {
        MessageNumber::parse(n.to_string().as_bytes()).expect("a number above zero")
    }

    #[test]
    fn flags_change_the_totals_and_never_the_numbers() {
        let mut drop = maildrop(&[100, 20, 3]);
        assert_eq!((drop.count(), drop.octets()), (3, 123));
        drop.flag(number(2)).expect("not flagged yet");
        assert_eq!((drop.count(), drop.octets()), (2, 103));
        assert_eq!(drop.find(number(2)), Err(Missing::FlaggedAsDeleted));
        assert_eq!(drop.flag(number(2)), Err(Missing::FlaggedAsDeleted));
        assert_eq!(drop.find(number(3)).map(|m| m.octets), Ok(3));
        assert_eq!(drop.find(number(4)), Err(Missing::NoSuchMessage));
        assert_eq!(drop.flag(number(4)), Err(Missing::NoSuchMessage));
        assert_eq!(
            (drop.count(), drop.octets(), drop.flagged()),
            (2, 103, vec![1])
        );
        assert_eq!(
            drop.unflagged(0)
                .map(|(index, _)| index)
                .collect::<Vec<_>>(),
            [0, 2]
        );
        drop.reset();
        assert_eq!(
            (drop.count(), drop.octets(), drop.flagged()),
            (3, 123, vec![])
        );
    }

    #[test]
    fn every_message_of_a_large_maildrop_has_its_own_flag() {
        let mut drop = maildrop(&[1; 200]);
        for n in (1..=200).step_by(3) {
            drop.flag(number(n)).expect("not flagged yet");
        }
        assert_eq!(drop.flagged(), (0..200).step_by(3).collect::<Vec<_>>());
        assert_eq!(drop.count(), 200 - 67);
    }

    #[test]
    fn impossible_sizes_do_not_overflow() {
        let mut drop = maildrop(&[u64::MAX, 1]);
        assert_eq!(drop.octets(), u64::MAX);
        drop.flag(number(1)).expect("not flagged yet");
        assert_eq!(drop.octets(), 0);
    }
}
