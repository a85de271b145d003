//! The books outside the server: what it acknowledged, what it was told to remove, and which unique id each message has.
//!
//! A letter or a removal that was under way when the connection broke may be there or not; the next look settles it, and
//! from then on it must stay as it was seen.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::USERS;
use super::letter::{Read, Sizes, letter};
use super::pop3::Found;
use super::smtp::Answer;

/// Complaints told in full.
const TOLD: usize = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Sent, and not answered.
    Arriving,
    /// Acknowledged, or seen.
    Kept,
    /// Its removal was asked for by QUIT, and not answered.
    Leaving,
    /// Refused, or not there at a look although it was arriving, or removed: it must never be there again.
    Gone,
}

struct Copy {
    fate: Fate,
    uidl: Option<String>,
}

#[derive(Default)]
struct Pages {
    next: u64,
    acknowledged: u64,
    /// By user and number of the letter.
    copies: BTreeMap<(u32, u64), Copy>,
    /// Every unique id ever seen, by user, with the letter it belongs to.
    uidls: HashMap<(u32, String), u64>,
}

/// The books of one store.
pub struct Books {
    /// How large the letters are.
    pub sizes: Sizes,
    pages: Mutex<Pages>,
}

/// What a look found wrong.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Acknowledged messages that are not there, or cannot be read.
    pub lost: u64,
    /// There twice, or there again after they were removed or refused.
    pub doubled: u64,
    /// Other octets, or another unique id.
    pub changed: u64,
    /// The first of them, in words.
    pub words: Vec<String>,
}

impl Verdict {
    /// Nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.lost + self.doubled + self.changed == 0
    }

    /// Adds what another look found.
    pub fn add(&mut self, other: Self) {
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.changed += other.changed;
        self.words.extend(other.words);
        self.words.truncate(TOLD);
    }

    /// An acknowledged message is not to be had.
    pub fn lose(&mut self, words: String) {
        self.lost += 1;
        self.tell(words);
    }

    /// A message is there that must not be.
    pub fn double(&mut self, words: String) {
        self.doubled += 1;
        self.tell(words);
    }

    /// A message is not what it was.
    pub fn change(&mut self, words: String) {
        self.changed += 1;
        self.tell(words);
    }

    fn tell(&mut self, words: String) {
        if self.words.len() < TOLD {
            self.words.push(words);
        }
    }
}

impl Books {
    /// Empty ones.
    pub fn new(sizes: Sizes) -> Self {
        Self {
            sizes,
            pages: Mutex::default(),
        }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Letters acknowledged since this was asked before.
    pub fn newly_acknowledged(&self) -> u64 {
        std::mem::take(&mut self.pages().acknowledged)
    }

    /// The next letter, on its way from now on: its number, who gets it, its octets.
    pub fn next(&self) -> (u64, Vec<u32>, Vec<u8>) {
        let mut pages = self.pages();
        let number = pages.next;
        pages.next += 1;
        let first = u32::try_from(number % u64::from(USERS)).unwrap_or(0);
        let copies = if number.is_multiple_of(8) { 3 } else { 1 };
        let users: Vec<u32> = (0..copies)
            .map(|further| (first + further) % USERS)
            .collect();
        for user in &users {
            let copy = Copy {
                fate: Fate::Arriving,
                uidl: None,
            };
            pages.copies.insert((*user, number), copy);
        }
        drop(pages);
        (number, users, letter(number, self.sizes))
    }

    /// Enters what the server said to a letter. One who reads may have seen, and removed, it before.
    pub fn answered(&self, number: u64, users: &[u32], answer: &Answer) {
        let mut pages = self.pages();
        let fate = match answer {
            Answer::Acknowledged => {
                pages.acknowledged += 1;
                Fate::Kept
            }
            Answer::Refused(..) => Fate::Gone,
        };
        for user in users {
            if let Some(copy) = pages.copies.get_mut(&(*user, number))
                && copy.fate == Fate::Arriving
            {
                copy.fate = fate;
            }
        }
    }

    /// QUIT is about to be sent and will remove these.
    pub fn leaving(&self, user: u32, numbers: &[u64]) {
        self.enter(user, numbers, Fate::Leaving);
    }

    /// QUIT was answered well: these are gone for ever.
    pub fn gone(&self, user: u32, numbers: &[u64]) {
        self.enter(user, numbers, Fate::Gone);
    }

    fn enter(&self, user: u32, numbers: &[u64], fate: Fate) {
        let mut pages = self.pages();
        for number in numbers {
            if let Some(copy) = pages.copies.get_mut(&(user, *number)) {
                copy.fate = fate;
            }
        }
    }

    /// Holds a maildrop, read while nobody sends or removes, against the books.
    pub fn audit(&self, user: u32, maildrop: &[Found]) -> Verdict {
        let mut pages = self.pages();
        let mut verdict = Verdict::default();
        let mut seen = HashSet::new();
        for Found { uidl, read } in maildrop {
            let named = || format!("user{user}, message {uidl}");
            let known = pages.uidls.get(&(user, uidl.clone())).copied();
            let number = match (read, known) {
                (Some(Read::Whole(number)), _) => *number,
                (Some(Read::Changed(number)), _) => {
                    verdict.change(format!("{}: letter {number} has other octets", named()));
                    *number
                }
                (Some(Read::Strange), _) => {
                    verdict.change(format!("{}: no letter of ours", named()));
                    continue;
                }
                (None, Some(number)) => {
                    verdict.lose(format!("{}: letter {number} cannot be read", named()));
                    number
                }
                (None, None) => {
                    verdict.lose(format!("{}: it cannot be read", named()));
                    continue;
                }
            };
            if known.is_some_and(|known| known != number) {
                verdict.change(format!(
                    "{}: the id was another letter's than {number}",
                    named()
                ));
            }
            if !seen.insert(number) {
                verdict.double(format!("{}: letter {number} once more", named()));
                continue;
            }
            pages.see(user, number, uidl, &mut verdict);
        }
        pages.miss(user, &seen, &mut verdict);
        verdict
    }
}

impl Pages {
    fn see(&mut self, user: u32, number: u64, uidl: &str, verdict: &mut Verdict) {
        self.uidls.insert((user, uidl.to_owned()), number);
        let Some(copy) = self.copies.get_mut(&(user, number)) else {
            return verdict.double(format!("user{user}: letter {number} was not sent there"));
        };
        if copy.fate == Fate::Gone {
            verdict.double(format!(
                "user{user}: letter {number} was removed or refused, and is there"
            ));
        }
        if copy.uidl.as_ref().is_some_and(|known| known != uidl) {
            let before = copy.uidl.as_deref().unwrap_or_default();
            verdict.change(format!(
                "user{user}: letter {number} is {uidl} and was {before}"
            ));
        }
        copy.fate = Fate::Kept;
        copy.uidl = Some(uidl.to_owned());
    }

    fn miss(&mut self, user: u32, seen: &HashSet<u64>, verdict: &mut Verdict) {
        let all = self.copies.range_mut((user, 0)..=(user, u64::MAX));
        for ((_, number), copy) in all.filter(|((_, number), _)| !seen.contains(number)) {
            if copy.fate == Fate::Kept {
                verdict.lose(format!("user{user}: letter {number} is not there"));
            }
            copy.fate = Fate::Gone;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: fn() -> Answer = || Answer::Refused("MAIL", "452".to_owned());

    fn found(uidl: &str, read: Read) -> Found {
        Found {
            uidl: uidl.to_owned(),
            read: Some(read),
        }
    }

    /// Letters 1 and 13 are for user 1 alone.
    fn books() -> Books {
        let books = Books::new(Sizes::Mixed);
        (0..=13).for_each(|_| drop(books.next()));
        books
    }

    #[track_caller]
    fn check(books: &Books, maildrop: &[Found], wrong: (u64, u64, u64)) {
        let verdict = books.audit(1, maildrop);
        assert_eq!(
            (verdict.lost, verdict.doubled, verdict.changed),
            wrong,
            "{:?}",
            verdict.words
        );
    }

    #[test]
    fn what_was_acknowledged_must_be_there_once_unchanged_and_keep_its_id() {
        let books = books();
        books.answered(1, &[1], &Answer::Acknowledged);
        check(&books, &[found("a", Read::Whole(1))], (0, 0, 0));
        check(&books, &[found("b", Read::Whole(1))], (0, 0, 1));
        check(&books, &[found("b", Read::Changed(1))], (0, 0, 1));
        check(
            &books,
            &[found("b", Read::Whole(1)), found("c", Read::Whole(1))],
            (0, 1, 0),
        );
        check(&books, &[], (1, 0, 0));
    }

    #[test]
    fn a_message_that_cannot_be_read_is_lost() {
        let books = books();
        books.answered(1, &[1], &Answer::Acknowledged);
        check(&books, &[found("a", Read::Whole(1))], (0, 0, 0));
        check(
            &books,
            &[Found {
                uidl: "a".to_owned(),
                read: None,
            }],
            (1, 0, 0),
        );
    }

    #[test]
    fn what_was_under_way_may_go_either_way_and_then_stays() {
        let books = books();
        check(&books, &[found("a", Read::Whole(1))], (0, 0, 0));
        check(
            &books,
            &[found("a", Read::Whole(1)), found("b", Read::Whole(13))],
            (0, 1, 0),
        );
        books.leaving(1, &[1]);
        check(&books, &[found("b", Read::Whole(13))], (0, 0, 0));
        check(
            &books,
            &[found("a", Read::Whole(1)), found("b", Read::Whole(13))],
            (0, 1, 0),
        );
    }

    #[test]
    fn what_was_removed_or_refused_never_returns() {
        let books = books();
        books.answered(1, &[1], &Answer::Acknowledged);
        books.answered(13, &[1], &REFUSED());
        books.leaving(1, &[1]);
        books.gone(1, &[1]);
        check(
            &books,
            &[found("a", Read::Whole(1)), found("b", Read::Whole(13))],
            (0, 2, 0),
        );
    }

    #[test]
    fn an_id_is_never_used_for_another_letter() {
        let books = books();
        check(&books, &[found("a", Read::Whole(1))], (0, 0, 0));
        books.leaving(1, &[1]);
        // Up to letter 25, which is for user 1 again.
        (14..=25).for_each(|_| drop(books.next()));
        check(&books, &[found("a", Read::Whole(25))], (0, 0, 1));
    }

    #[test]
    fn a_letter_acknowledged_after_it_was_removed_stays_removed() {
        let books = books();
        books.leaving(1, &[1]);
        books.gone(1, &[1]);
        books.answered(1, &[1], &Answer::Acknowledged);
        check(&books, &[], (0, 0, 0));
        assert_eq!(books.newly_acknowledged(), 1);
    }
}
