//! What a mailbox held before an import, so that letters which are here already are recognised. It keeps some dozens of
//! octets a message and reads a message only when a letter of the same size comes, each once.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use mailstore::Maildrop;

use super::{digest, unique_id};
use crate::journal::Digest;

/// The messages there were.
pub(super) struct Present {
    /// A hash of each unique id and its message, in order.
    ids: Vec<(u64, usize)>,
    /// Each size and its message, in order.
    sizes: Vec<(u64, usize)>,
    /// SHA-256 of those that have been read; none of what cannot be.
    digests: HashMap<usize, Option<Digest>>,
}

impl Present {
    pub(super) fn of(maildrop: &Maildrop) -> Self {
        let entries = || maildrop.messages().iter().enumerate();
        let mut ids: Vec<_> = entries()
            .map(|(index, entry)| (hash(&unique_id(entry)), index))
            .collect();
        let mut sizes: Vec<_> = entries()
            .map(|(index, entry)| (entry.octets, index))
            .collect();
        ids.sort_unstable();
        sizes.sort_unstable();
        Self {
            ids,
            sizes,
            digests: HashMap::new(),
        }
    }

    /// The messages with this unique id: one at most, unless an older version let in more.
    pub(super) fn with_id(&self, maildrop: &Maildrop, uidl: &str) -> Vec<usize> {
        let named = |index: &usize| unique_id(&maildrop.messages()[*index]) == uidl;
        run(&self.ids, hash(uidl)).filter(named).collect()
    }

    /// Whether a message with these very octets was there.
    pub(super) fn looks_the_same(
        &mut self,
        maildrop: &Maildrop,
        octets: u64,
        letter: &Digest,
    ) -> bool {
        let mut candidates = run(&self.sizes, octets);
        candidates.any(|index| is(&mut self.digests, maildrop, index, letter))
    }

    /// Whether this message has these octets.
    pub(super) fn is(&mut self, maildrop: &Maildrop, index: usize, letter: &Digest) -> bool {
        is(&mut self.digests, maildrop, index, letter)
    }
}

fn is(
    digests: &mut HashMap<usize, Option<Digest>>,
    maildrop: &Maildrop,
    index: usize,
    letter: &Digest,
) -> bool {
    let known = digests
        .entry(index)
        .or_insert_with(|| digest(maildrop, index));
    known.as_ref() == Some(letter)
}

/// The messages behind a key.
fn run(sorted: &[(u64, usize)], key: u64) -> impl Iterator<Item = usize> {
    let start = sorted.partition_point(|(other, _)| *other < key);
    let same = sorted[start..]
        .iter()
        .take_while(move |(other, _)| *other == key);
    same.map(|(_, index)| *index)
}

fn hash(uidl: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    uidl.hash(&mut hasher);
    hasher.finish()
}
