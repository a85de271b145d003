//! Tables that may stand in a file any number of times, such as `[[device]]`: their keys, each with its place, and what
//! is wrong with them. What the keys mean together is for whoever has the table.

use std::borrow::Cow;
use std::collections::BTreeMap;

use toml_edit::{Item, Key, Table};

use super::load::Layers;
use super::problem::{Place, Problem, did_you_mean, nearest};
use super::{Document, Raw, Slot};

/// What one table says, before it is put together. The default is that of an empty one.
pub trait Fields: Default {
    /// What the tables are called.
    const SECTION: &'static str;
    /// Their keys.
    const KEYS: &'static [&'static str];
    /// What stands before a key in messages.
    const PREFIX: &'static str;
    /// Those of the keys whose value is a table, which may be written as a section as well.
    const TABLES: &'static [&'static str] = &[];

    /// Where the value of a key goes; `None` for a key there is not.
    fn slot(&mut self, key: &str) -> Option<&mut dyn Slot>;
}

/// A table that was read.
pub struct Reading<F> {
    /// What it says.
    pub fields: F,
    /// Where each of its keys stands.
    pub places: BTreeMap<&'static str, Place>,
    /// Where it begins.
    pub start: Place,
    /// What is wrong with single keys.
    pub problems: Vec<Problem>,
}

impl<F: Fields> Reading<F> {
    /// Reads a table.
    pub fn of(document: &Document, table: &Table) -> Self {
        let mut reading = Self {
            fields: F::default(),
            places: BTreeMap::new(),
            start: document.place(table.span()),
            problems: Vec::new(),
        };
        for (word, item) in table {
            let place = document.place(table.key(word).and_then(Key::span));
            let name = format!("{}{word}", F::PREFIX);
            let value = match item {
                Item::Table(table) if F::TABLES.contains(&word) => {
                    Some(Cow::Owned(table.clone().into_inline_table().into()))
                }
                Item::Value(value) => Some(Cow::Borrowed(value)),
                Item::Table(_) | Item::ArrayOfTables(_) | Item::None => None,
            };
            let outcome = match (reading.fields.slot(word), value) {
                (Some(slot), Some(value)) => slot
                    .put(Raw::Toml(&value))
                    .map_err(|message| format!("{name}: {message}")),
                (Some(_), None) => Err(format!("{name} is a single value, not a section")),
                (None, _) => Err(format!(
                    "unknown key \"{}.{word}\"{}",
                    F::SECTION,
                    did_you_mean(nearest(word, F::KEYS.iter().copied()))
                )),
            };
            if let Err(message) = outcome {
                reading.problems.push(place.problem(message));
            }
            if let Some(key) = F::KEYS.iter().find(|key| **key == word) {
                reading.places.insert(key, place);
            }
        }
        reading
    }

    /// Where a key stands, or the table where it does not.
    pub fn at(&self, key: &str) -> &Place {
        self.places.get(key).unwrap_or(&self.start)
    }
}

/// What a table makes, and what is odd about it; or what is wrong.
pub(super) type Made<T> = Result<(T, Option<String>), Vec<Problem>>;

/// All tables of a section of the configuration, `what` each, put together by `read`: what it makes of one and what is
/// odd about it, or what is wrong. Problems and warnings are noted.
pub(super) fn each<T>(
    layers: &mut Layers,
    document: &Document,
    (item, place): (&Item, &Place),
    (section, what): (&str, &str),
    read: fn(&Document, &Table) -> Made<T>,
) -> Vec<T> {
    let Item::ArrayOfTables(tables) = item else {
        let message = format!("write [[{section}]], with two pairs of brackets, above each {what}");
        layers.problems.push(place.problem(message));
        return Vec::new();
    };
    let mut found = Vec::new();
    for table in tables {
        match read(document, table) {
            Ok((one, warning)) => {
                found.push(one);
                layers.warnings.extend(warning);
            }
            Err(mut problems) => layers.problems.append(&mut problems),
        }
    }
    found
}
