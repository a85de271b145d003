//! What was answered, for as long as it may be believed, and no more of it than fits.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use tokio::time::Instant;

/// A bounded number of answers by question. When it is full, what nobody has asked for longest makes room.
pub struct Memory<Q, A> {
    answers: HashMap<Q, Kept<A>>,
    most: usize,
    /// Counts up with every use, so that the smallest is what was not used longest.
    uses: u64,
}

struct Kept<A> {
    answer: A,
    until: Instant,
    used: u64,
}

impl<Q: Clone + Eq + Hash, A: Clone> Memory<Q, A> {
    pub fn new(most: usize) -> Self {
        Self {
            answers: HashMap::new(),
            most,
            uses: 0,
        }
    }

    pub fn get(&mut self, question: &Q, now: Instant) -> Option<A> {
        let kept = self.answers.get_mut(question)?;
        if kept.until <= now {
            self.answers.remove(question);
            return None;
        }
        self.uses += 1;
        kept.used = self.uses;
        Some(kept.answer.clone())
    }

    pub fn keep(&mut self, question: Q, answer: A, within: Duration, now: Instant) {
        if within.is_zero() {
            return;
        }
        if self.answers.len() >= self.most && !self.answers.contains_key(&question) {
            self.make_room(now);
        }
        self.uses += 1;
        let kept = Kept {
            answer,
            until: now + within,
            used: self.uses,
        };
        self.answers.insert(question, kept);
    }

    fn make_room(&mut self, now: Instant) {
        self.answers.retain(|_, kept| kept.until > now);
        if self.answers.len() < self.most {
            return;
        }
        let oldest = self.answers.iter().min_by_key(|(_, kept)| kept.used);
        if let Some(question) = oldest.map(|(question, _)| question.clone()) {
            self.answers.remove(&question);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn an_answer_is_believed_until_its_time_is_over() {
        let (mut memory, now) = (Memory::new(2), Instant::now());
        memory.keep("a", 1, MINUTE, now);
        memory.keep("b", 2, Duration::ZERO, now);
        assert_eq!(memory.get(&"a", now + MINUTE / 2), Some(1));
        assert_eq!(memory.get(&"b", now), None);
        assert_eq!(memory.get(&"a", now + MINUTE), None);
        assert!(memory.answers.is_empty());
    }

    #[test]
    fn what_was_not_asked_for_longest_makes_room() {
        let (mut memory, now) = (Memory::new(2), Instant::now());
        memory.keep("a", 1, MINUTE, now);
        memory.keep("b", 2, MINUTE, now);
        assert_eq!(memory.get(&"a", now), Some(1));
        memory.keep("c", 3, MINUTE, now);
        assert_eq!(memory.get(&"b", now), None);
        // The same again needs no room.
        memory.keep("c", 4, MINUTE, now);
        assert_eq!(memory.get(&"a", now), Some(1));
        assert_eq!(memory.get(&"c", now), Some(4));
    }

    #[test]
    fn what_is_over_makes_room_first() {
        let (mut memory, now) = (Memory::new(2), Instant::now());
        memory.keep("a", 1, 3 * MINUTE, now);
        memory.keep("b", 2, MINUTE, now);
        memory.keep("c", 3, MINUTE, now + 2 * MINUTE);
        assert_eq!(memory.get(&"a", now + 2 * MINUTE), Some(1));
        assert_eq!(memory.get(&"c", now + 2 * MINUTE), Some(3));
    }
}
