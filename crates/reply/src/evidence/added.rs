//! Rows of our own whose proof is not a dialogue of their own name.

use super::classes::REPORTED;
use super::{Entry, Evidence};

/// Several rows of one conceived id share its dialogue, and no client can bring about a fault inside the server.
pub(super) const ELSEWHERE: &[Entry] = &[
    within("X-08a", &["X-08"]),
    within("X-08b", &["X-08"]),
    within("X-08c", &["X-08"]),
    within("X-15a", &["X-15"]),
    within("X-15b", &["X-15"]),
    within("X-24a", &["X-24"]),
    within("X-24b", &["X-24"]),
    within("X-P7a", &["X-P7"]),
    within("X-P7b", &["X-P7"]),
    within("X-P7c", &["X-P7"]),
    within("X-P7d", &["X-P7"]),
    within("X-P7e", &["X-P7"]),
    // No session says them.
    Entry::of("X-22a", "", REPORTED),
    Entry::of("X-22b", "", REPORTED),
    tested(
        "T-06",
        "crates/smtp-server/src/session/tests/order.rs",
        "an_answer_that_fits_no_question_fails_closed",
    ),
    tested(
        "T-P10",
        "crates/pop3-server/src/session/tests/limits.rs",
        "an_answer_to_no_question_fails_closed",
    ),
];

const fn within(id: &'static str, dialogues: &'static [&'static str]) -> Entry {
    Entry::of(id, "", Evidence::Several(dialogues))
}

const fn tested(id: &'static str, file: &'static str, name: &'static str) -> Entry {
    Entry::of(id, "", Evidence::Test { file, name })
}
