//! `[[list]]`: a mailing list.

use address::Mailbox;
use delivery::list::{Expansion, Joining, List, Posting, ReplyTo, Settings};
use toml_edit::Table;

use super::super::DeclaredList;
use super::Reading;
use crate::config::{self, Fields, Slot};

pub const KEYS: [&str; 11] = [
    "address",
    "name",
    "description",
    "owners",
    "members",
    "moderators",
    "posting",
    "expansion",
    "joining",
    "reply_to",
    "subject_tag",
];

#[derive(Default)]
struct Entry {
    address: Option<Mailbox>,
    name: String,
    description: String,
    owners: Vec<Mailbox>,
    members: Vec<Mailbox>,
    moderators: Vec<Mailbox>,
    posting: Posting,
    expansion: Expansion,
    joining: Joining,
    reply_to: ReplyTo,
    subject_tag: Option<String>,
}

impl Fields for Entry {
    const SECTION: &'static str = "list";
    const KEYS: &'static [&'static str] = &KEYS;
    const PREFIX: &'static str = "";

    fn slot(&mut self, key: &str) -> Option<&mut dyn Slot> {
        Some(match key {
            "address" => &mut self.address,
            "name" => &mut self.name,
            "description" => &mut self.description,
            "owners" => &mut self.owners,
            "members" => &mut self.members,
            "moderators" => &mut self.moderators,
            "posting" => &mut self.posting,
            "expansion" => &mut self.expansion,
            "joining" => &mut self.joining,
            "reply_to" => &mut self.reply_to,
            "subject_tag" => &mut self.subject_tag,
            _ => return None,
        })
    }
}

impl Reading<'_> {
    /// One list, or `None` after adding what is wrong with it.
    pub(super) fn list(&mut self, table: &Table) -> Option<DeclaredList> {
        let before = self.problems.len();
        let mut read = config::Reading::<Entry>::of(self.document, table);
        self.problems.append(&mut read.problems);
        let address = read.fields.address.take();
        let address = self.address(address, &read.places, &read.start)?;
        let fields = read.fields;
        let list = List::new(Settings {
            address,
            name: fields.name,
            description: fields.description,
            owners: fields.owners,
            members: fields.members,
            moderators: fields.moderators,
            posting: fields.posting,
            expansion: fields.expansion,
            joining: fields.joining,
            reply_to: fields.reply_to,
            subject_tag: fields.subject_tag.filter(|tag| !tag.is_empty()),
        });
        match list {
            Ok(list) if self.problems.len() == before => Some(DeclaredList {
                settings: list.into(),
                place: read.start,
            }),
            Ok(_) => None,
            Err(error) => {
                self.problems.push(read.start.problem(error.to_string()));
                None
            }
        }
    }
}
