//! Every registered enhanced code (RFC 5248, and the IANA registry it made), in words of ours.
//!
//! Registered are subject and detail. The class stands before them: done, refused for a while, refused for good.

mod content;
mod people;
mod systems;

use super::Words;

/// A registered code: subject, detail, what it means, where it is defined.
pub type Registered = (u16, u16, Words, &'static str);

/// All of them, in the order of their numbers.
pub static REGISTRY: &[&[Registered]] = &[people::CODES, systems::CODES, content::CODES];

/// What `x.subject.detail` means, and where it is defined.
pub(super) fn meaning(subject: u16, detail: u16) -> Option<(Words, &'static str)> {
    let mut all = REGISTRY.iter().flat_map(|part| part.iter());
    let known = all.find(|known| (known.0, known.1) == (subject, detail))?;
    Some((known.2, known.3))
}
