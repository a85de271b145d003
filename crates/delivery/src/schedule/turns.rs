//! Whose turn it is, by what is known of next hops: so that those for whom there is no connection are passed over at once,
//! however many they are.

use std::collections::BTreeSet;

use super::lines::Rank;
use super::proven::Standing;

/// Senders or next hops by rank, of each standing apart. One sender may be among all of them.
#[derive(Debug)]
pub(super) struct Turns<T>([BTreeSet<(Rank, T)>; 3]);

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self([BTreeSet::new(), BTreeSet::new(), BTreeSet::new()])
    }
}

fn place(standing: Standing) -> usize {
    match standing {
        Standing::Proven => 0,
        Standing::Fresh => 1,
        Standing::Again => 2,
    }
}

impl<T: Ord + Clone> Turns<T> {
    pub(super) fn insert(&mut self, standing: Standing, turn: (Rank, T)) {
        self.0[place(standing)].insert(turn);
    }

    pub(super) fn remove(&mut self, turn: &(Rank, T)) {
        for turns in &mut self.0 {
            turns.remove(turn);
        }
    }

    /// Whoever has a turn stands among those of whom the same is known as of one of `others`.
    pub(super) fn follow<O>(&mut self, others: &Turns<O>, turn: (Rank, T)) {
        for (own, other) in self.0.iter_mut().zip(&others.0) {
            if other.is_empty() {
                own.remove(&turn);
            } else {
                own.insert(turn.clone());
            }
        }
    }

    /// Gives those who have a turn another rank.
    pub(super) fn rerank(&mut self, turn: &(Rank, T), rank: Rank) {
        for turns in &mut self.0 {
            if let Some((_, one)) = turns.take(turn) {
                turns.insert((rank, one));
            }
        }
    }

    /// Everybody of these standings in the order of turns, once.
    pub(super) fn among(&self, among: impl Fn(Standing) -> bool) -> impl Iterator<Item = &T> {
        let wanted = Standing::ALL.into_iter().filter(|one| among(*one));
        let mut turns: Vec<_> = wanted
            .map(|standing| self.0[place(standing)].iter().peekable())
            .collect();
        std::iter::from_fn(move || {
            let first = turns
                .iter_mut()
                .filter_map(|one| one.peek().copied())
                .min()?;
            for one in &mut turns {
                one.next_if_eq(&first);
            }
            Some(&first.1)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(turns: &Turns<char>, among: &[Standing]) -> String {
        turns.among(|one| among.contains(&one)).collect()
    }

    #[test]
    fn turns_are_in_one_order_whatever_is_known_of_whom() {
        use Standing::{Again, Fresh, Proven};
        let mut turns = Turns::default();
        let rank = |served| Rank { load: 0, served };
        for (standing, served, name) in [
            (Fresh, 1, 'a'),
            (Again, 2, 'b'),
            (Proven, 3, 'c'),
            (Fresh, 4, 'd'),
            // One of whom several things are known.
            (Again, 4, 'd'),
        ] {
            turns.insert(standing, (rank(served), name));
        }
        assert_eq!(told(&turns, &Standing::ALL), "abcd");
        assert_eq!(told(&turns, &[Proven, Again]), "bcd");
        assert_eq!(told(&turns, &[]), "");
        turns.rerank(&(rank(4), 'd'), rank(0));
        assert_eq!(told(&turns, &Standing::ALL), "dabc");
        turns.remove(&(rank(0), 'd'));
        let mut others: Turns<char> = Turns::default();
        others.insert(Again, (rank(9), 'x'));
        turns.follow(&others, (rank(1), 'a'));
        assert_eq!(
            (told(&turns, &[Fresh]), told(&turns, &[Again])),
            (String::new(), "ab".to_owned())
        );
    }
}
