//! What mailing lists shall be. The file says everything but who joins and leaves in between.

use std::collections::HashSet;

use address::Mailbox;
use delivery::list::Settings;
use mailstore::StoredList;

use super::super::{Declarations, DeclaredList, Memory, Stored};
use crate::config::{ConfigError, Problem};

/// The lists that are to be made or changed.
///
/// # Errors
/// When a list cannot be read or written.
pub fn after(
    declared: &Declarations,
    stored: &Stored,
    before: &Memory,
) -> Result<Vec<StoredList>, ConfigError> {
    let (mut changed, mut problems) = (Vec::new(), Vec::new());
    for list in &declared.lists {
        match one(list, stored, before) {
            Ok(step) => changed.extend(step),
            Err(problem) => problems.push(problem),
        }
    }
    ConfigError::unless_empty(problems)?;
    Ok(changed)
}

/// How a list has to change, `None` if it is as declared.
fn one(
    list: &DeclaredList,
    stored: &Stored,
    before: &Memory,
) -> Result<Option<StoredList>, Problem> {
    let key = list.settings.address.key();
    let unreadable = |error: serde_json::Error| {
        let address = &list.settings.address;
        list.place
            .problem(format!("the list {address} cannot be read: {error}"))
    };
    let was = stored.lists.iter().find(|old| old.address.key() == key);
    let was = was.map(|old| serde_json::from_str::<Settings>(&old.settings));
    let was = was.transpose().map_err(unreadable)?;
    let declared_before = before.lists.get(&key).map_or(&[][..], Vec::as_slice);
    let settings = Settings {
        members: members(was.as_ref(), declared_before, &list.settings.members),
        ..list.settings.clone()
    };
    if was.as_ref() == Some(&settings) {
        return Ok(None);
    }
    Ok(Some(StoredList {
        address: settings.address.clone(),
        settings: serde_json::to_string(&settings).map_err(unreadable)?,
    }))
}

/// Who is on the list now, without those whom the file names no more, and with those whom it names for the first time:
/// whoever has left stays away, and whoever has joined stays.
fn members(was: Option<&Settings>, before: &[Mailbox], now: &[Mailbox]) -> Vec<Mailbox> {
    let Some(was) = was else {
        return now.to_vec();
    };
    let keys = |some: &[Mailbox]| -> HashSet<String> { some.iter().map(Mailbox::key).collect() };
    let (declared, known) = (keys(now), keys(before));
    let gone = |member: &Mailbox| {
        let key = member.key();
        known.contains(&key) && !declared.contains(&key)
    };
    let mut members = was.members.clone();
    members.retain(|member| !gone(member));
    let mut there = keys(&members);
    for new in now {
        if !known.contains(&new.key()) && there.insert(new.key()) {
            members.push(new.clone());
        }
    }
    members
}

/// Lists that were declared before, are no more, and are still there.
pub fn left(declared: &Declarations, stored: &Stored, before: &Memory) -> Vec<Mailbox> {
    let declared: HashSet<String> = declared
        .lists
        .iter()
        .map(|list| list.settings.address.key())
        .collect();
    let left = stored.lists.iter().filter(|list| {
        let key = list.address.key();
        before.lists.contains_key(&key) && !declared.contains(&key)
    });
    left.map(|list| list.address.clone()).collect()
}
