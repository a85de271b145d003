//! What moderators write to the `-request` address: a word that was sent to them alone, with the post they decide about.
//!
//! Whoever has the word may decide: it is not known from where a moderator answers. What becomes of the post, and whether
//! it waits still, is not known here.

use super::List;
use crate::base32;
use crate::fields::Fields;
use crate::keys::{Keys, MARK, Purpose};
use crate::machines::machine;

/// Letters of the mark in a word: 80 bits.
const LETTERS: usize = 16;

/// What a moderator wants done with a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moderation {
    /// It goes to the members.
    Approve,
    /// Nobody gets it.
    Reject,
}

impl Moderation {
    const BOTH: [Self; 2] = [Self::Approve, Self::Reject];

    /// What somebody begins a subject with, in any case.
    fn of(word: &str) -> Option<Self> {
        let mut both = Self::BOTH.into_iter();
        both.find(|one| one.word().eq_ignore_ascii_case(word))
    }

    const fn purpose(self) -> Purpose {
        match self {
            Self::Approve => Purpose::Approve,
            Self::Reject => Purpose::Reject,
        }
    }

    /// What the subject begins with.
    const fn word(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
        }
    }
}

impl List {
    /// The subject by which a moderator decides about the post of this number, such as `approve 17-K3J...`.
    #[must_use]
    pub fn moderation(&self, keys: &Keys, moderation: Moderation, post: u64) -> String {
        let list = self.settings.address.key();
        let parts = [list.as_bytes(), &post.to_be_bytes()];
        let mark = keys.mark(moderation.purpose(), &parts);
        let mark = base32::encode(&mark, LETTERS);
        format!("{} {post}-{mark}", moderation.word())
    }

    /// Whether the header is meant as a decision about a post, whatever its word is worth.
    #[must_use]
    pub fn is_decision(&self, header: &[u8]) -> bool {
        let mut subjects = Fields::new(header).filter(|field| field.is("Subject"));
        let subject = subjects
            .next()
            .map(|field| field.text())
            .unwrap_or_default();
        let mut words = subject
            .split_ascii_whitespace()
            .skip_while(|word| word.ends_with(':'));
        words
            .next()
            .is_some_and(|word| Moderation::of(word).is_some())
    }

    /// What is decided about which post, if the header is that of a decision; none if a machine wrote it.
    #[must_use]
    pub fn moderated(&self, keys: &Keys, header: &[u8]) -> Option<(Moderation, u64)> {
        let mut subject = None;
        for field in Fields::new(header) {
            if machine(&field).is_some() {
                return None;
            }
            if field.is("Subject") && subject.is_none() {
                subject = Some(field.text());
            }
        }
        let subject = subject?;
        // `Re:`, `AW:`, `Fwd:` may stand in front.
        let mut words = subject
            .split_ascii_whitespace()
            .skip_while(|word| word.ends_with(':'));
        let (moderation, named) = (Moderation::of(words.next()?)?, words.next()?);
        let (post, mark) = named.split_once('-')?;
        let post: u64 = post.parse().ok()?;
        let list = self.settings.address.key();
        let parts = [list.as_bytes(), &post.to_be_bytes()];
        let shape = |mark: &[u8; MARK]| base32::encode(mark, LETTERS).into_bytes();
        let given = mark.to_ascii_uppercase();
        keys.knows(moderation.purpose(), &parts, given.as_bytes(), shape)
            .then_some((moderation, post))
    }
}

#[cfg(test)]
mod tests {
    use super::Moderation;
    use crate::keys::{Key, Keys};
    use crate::list::tests::list;

    fn keys(octet: u8) -> Keys {
        Keys::new(Key::new(&[octet; 32]).unwrap(), Vec::new())
    }

    #[test]
    fn a_word_decides_about_one_post_in_one_way() {
        let (list, keys) = (list(), keys(1));
        let approve = list.moderation(&keys, Moderation::Approve, 17);
        let reject = list.moderation(&keys, Moderation::Reject, 17);
        let mark = approve.split('-').nth(1).unwrap().to_owned();
        for (subject, expected) in [
            (approve.clone(), Some((Moderation::Approve, 17))),
            (reject.clone(), Some((Moderation::Reject, 17))),
            (
                format!("Re: {}", approve.to_lowercase()),
                Some((Moderation::Approve, 17)),
            ),
            (
                format!("AW: Fwd: {reject} thanks"),
                Some((Moderation::Reject, 17)),
            ),
            (format!("reject 17-{mark}"), None),
            (format!("approve 18-{mark}"), None),
            (format!("approve 17-{}", &mark[1..]), None),
            ("approve 17-".to_owned(), None),
            ("approve".to_owned(), None),
            (format!("Auto: {}", "a post waits"), None),
            (String::new(), None),
        ] {
            let header = format!("From: x@y.test\r\nSubject: {subject}\r\n\r\n");
            assert_eq!(
                list.moderated(&keys, header.as_bytes()),
                expected,
                "{subject}"
            );
            let named = ["approve", "reject"].iter().any(|word| {
                let subject = subject.to_lowercase();
                subject.split(' ').any(|one| one == *word)
            });
            assert_eq!(list.is_decision(header.as_bytes()), named, "{subject}");
        }
        let header = format!("Subject: {approve}\r\n\r\n");
        assert_eq!(
            list.moderated(&super::tests::keys(2), header.as_bytes()),
            None
        );
        let header = format!("Auto-Submitted: auto-replied\r\nSubject: {approve}\r\n\r\n");
        assert_eq!(list.moderated(&keys, header.as_bytes()), None);
    }
}
