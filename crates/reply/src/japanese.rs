//! When, why and what to do, in Japanese: the same as the words of the table, in files of their own.
//!
//! Keyed by the row's id. `tests/japanese.rs` names every row that has no words here, and every word without a row.

mod pop3;
mod smtp;

use crate::row::Reasons;

/// The words for one row.
type Entry = (&'static str, Reasons);

/// Makes the table of a part: `"id" { when: .., cause: .., remedy: .. }`.
macro_rules! japanese {
    ($($id:literal { when: $when:literal, cause: $cause:literal, remedy: $remedy:literal $(,)? })*) => {
        pub(super) const WORDS: &[crate::japanese::Entry] = &[
            $((
                $id,
                crate::row::Reasons { when: $when, cause: $cause, remedy: $remedy },
            )),*
        ];
    };
}
pub(crate) use japanese;

/// The Japanese words for the row with this id.
#[must_use]
pub fn reasons(id: &str) -> Option<Reasons> {
    all()
        .find(|(known, _)| *known == id)
        .map(|(_, reasons)| *reasons)
}

/// The id of every row that has words here.
pub fn ids() -> impl Iterator<Item = &'static str> {
    all().map(|(id, _)| *id)
}

fn all() -> impl Iterator<Item = &'static Entry> {
    smtp::WORDS
        .iter()
        .chain(pop3::WORDS)
        .flat_map(|part| part.iter())
}
