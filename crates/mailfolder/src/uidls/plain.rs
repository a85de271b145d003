//! A plain list: a message's number or the name of its file, blanks, its unique id.

use super::{Entry, base_name, is_uidl};

pub(super) fn entry(line: &str) -> Option<Entry> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Some(Entry::Nothing);
    }
    let (key, uidl) = line.rsplit_once([' ', '\t'])?;
    if !is_uidl(uidl) {
        return None;
    }
    let (key, uidl) = (key.trim_end(), uidl.to_owned());
    if key.bytes().all(|octet| octet.is_ascii_digit()) {
        let number = key.parse().ok().filter(|number| *number > 0)?;
        return Some(Entry::Number { number, uidl });
    }
    // With its directories, as `find` writes it, or without.
    let name = key.rsplit('/').next().unwrap_or(key);
    Some(Entry::Name {
        name: base_name(name).to_owned(),
        uidl,
        order: None,
    })
}
