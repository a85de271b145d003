//! A process killed in the middle of its work, with the real disk and the real sled: what it had answered stands.
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

#[path = "killed/mailboxes.rs"]
mod mailboxes;
#[path = "killed/queue.rs"]
mod queue;
#[path = "killed/victim.rs"]
mod victim;
