//! `[[alias]]`: another address, for one or many, here or elsewhere.

use address::Mailbox;
use mailstore::MOST_TARGETS;
use toml_edit::Table;

use super::super::DeclaredAlias;
use super::Reading;
use crate::config::{self, Fields, Slot};

pub const KEYS: [&str; 2] = ["address", "to"];

#[derive(Default)]
struct Entry {
    address: Option<Mailbox>,
    to: Vec<Mailbox>,
}

impl Fields for Entry {
    const SECTION: &'static str = "alias";
    const KEYS: &'static [&'static str] = &KEYS;
    const PREFIX: &'static str = "";

    fn slot(&mut self, key: &str) -> Option<&mut dyn Slot> {
        Some(match key {
            "address" => &mut self.address,
            "to" => &mut self.to,
            _ => return None,
        })
    }
}

impl Reading<'_> {
    /// One alias, or `None` after adding what is wrong with it.
    pub(super) fn alias(&mut self, table: &Table) -> Option<DeclaredAlias> {
        let before = self.problems.len();
        let mut read = config::Reading::<Entry>::of(self.document, table);
        self.problems.append(&mut read.problems);
        let address = read.fields.address.take();
        let address = self.address(address, &read.places, &read.start)?;
        let to = read.fields.to.len();
        if to == 0 {
            let message = "to: name at least one address that mail for this alias goes to";
            self.problems.push(read.at("to").problem(message));
        }
        if to > MOST_TARGETS {
            let message = format!(
                "to: {MOST_TARGETS} addresses at most; for more people make a list, with [[list]]"
            );
            self.problems.push(read.at("to").problem(message));
        }
        (self.problems.len() == before).then_some(DeclaredAlias {
            address,
            to: read.fields.to,
            place: read.start,
        })
    }
}
