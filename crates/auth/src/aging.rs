//! A bounded map that forgets what has not been touched for long. It has no clock: room decides, not time.

use std::collections::HashMap;
use std::hash::Hash;

/// Two generations of entries. New and touched entries live in the young one; when that is full, it becomes
/// the old one and whatever was still old is forgotten. So at most `bound` entries are held, and an entry
/// survives at least `bound / 2` others coming after its last use.
#[derive(Debug)]
pub(crate) struct Aging<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    half: usize,
}

impl<K: Eq + Hash + Clone, V> Aging<K, V> {
    /// A map of at most `bound` entries (at least two).
    pub(crate) fn new(bound: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            half: (bound / 2).max(1),
        }
    }

    /// Looks without touching.
    pub(crate) fn peek(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        self.old.remove(&key);
        if self.young.len() >= self.half && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&V) -> bool) {
        self.young.retain(|_, value| keep(value));
        self.old.retain(|_, value| keep(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_holds_more_than_its_bound_and_keeps_the_latest_half() {
        let mut map = Aging::new(10);
        for number in 0..1000_u32 {
            map.insert(number, number);
            assert!(map.young.len() + map.old.len() <= 10);
            for recent in number.saturating_sub(4)..=number {
                assert_eq!(map.peek(&recent), Some(&recent));
            }
        }
        assert_eq!(map.peek(&0), None);
    }

    #[test]
    fn touched_entries_outlive_a_flood() {
        let mut map = Aging::new(10);
        for number in 1..1000 {
            map.insert(0, -1);
            map.insert(number, number);
            assert_eq!(map.peek(&0), Some(&-1));
        }
    }

    #[test]
    fn one_key_has_one_value() {
        let mut map = Aging::new(4);
        for value in 0..9 {
            map.insert('a', value);
            map.insert(if value % 2 == 0 { 'b' } else { 'c' }, value);
        }
        assert_eq!(map.peek(&'a'), Some(&8));
        map.retain(|value| *value != 8);
        assert_eq!(
            [map.peek(&'a'), map.peek(&'b'), map.peek(&'c')],
            [None, None, Some(&7)]
        );
    }
}
