//! Aliases and lists in the model: one of each under the same number, made, changed and removed together.

use address::Mailbox;

use super::World;
use crate::account::{Alias, Change};
use crate::directory::Directory;
use crate::handling::StoredList;

fn alias(number: usize, word: u64) -> Alias {
    Alias {
        address: at(&format!("alias{number}")),
        targets: vec![at("user0"), at(&format!("gone{word}"))],
    }
}

fn list(number: usize, word: u64) -> StoredList {
    StoredList {
        address: at(&format!("list{number}")),
        settings: format!("{{\"word\":{word}}}"),
    }
}

fn at(local: &str) -> Mailbox {
    format!("{local}@example.test").parse().unwrap()
}

/// Whether both are there and say this, or neither is.
fn says(directory: &Directory, number: usize, word: Option<u64>) -> bool {
    let there = directory.alias(&at(&format!("alias{number}")));
    let list_there = directory.list(&at(&format!("list{number}-owner")));
    there.cloned() == word.map(|word| alias(number, word))
        && list_there.map(|(list, _)| list.clone()) == word.map(|word| list(number, word))
}

impl World {
    /// Makes or changes both, or removes them.
    pub(super) async fn lead(&mut self, number: usize) {
        let before = self.leads.get(&number).copied();
        self.letters += 1;
        let (after, changes) = if before.is_some() && self.letters.is_multiple_of(3) {
            let (alias, list) = (alias(number, 0), list(number, 0));
            let changes = vec![
                Change::RemoveAlias(alias.address),
                Change::RemoveList(list.address),
            ];
            (None, changes)
        } else {
            let word = self.letters;
            let changes = vec![
                Change::PutAlias(alias(number, word)),
                Change::PutList(list(number, word)),
            ];
            (Some(word), changes)
        };
        let mut done = self.store().change_all(changes).await.is_ok();
        if self.after_fault().await {
            done = says(&self.store().directory(), number, after);
        }
        match after {
            _ if !done => {}
            Some(word) => {
                self.leads.insert(number, word);
            }
            None => {
                self.leads.remove(&number);
            }
        }
    }

    pub(super) fn compare_leads(&self) {
        let directory = self.store().directory();
        for (number, word) in &self.leads {
            assert!(says(&directory, *number, Some(*word)), "{number}");
        }
        let there = (directory.aliases().len(), directory.lists().len());
        assert_eq!(there, (self.leads.len(), self.leads.len()));
    }
}
