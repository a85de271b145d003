//! Courier's `courierpop3dsizelist`, versions 2 and 3: `/3 next-uid uidvalidity`, then lines `name size uid:uidvalidity[:utf8]`.
//!
//! The unique id is `UID<uid>-<uidvalidity>`; without a uidvalidity `UID<uid>`, without a uid the name, in which what is
//! no letter for an id is `+` and two hexadecimal digits.

use std::fmt::Write;

use super::{Entry, base_name};

pub(crate) const NAME: &str = "courierpop3dsizelist";

pub(super) fn is_head(line: &str) -> bool {
    let version = line
        .strip_prefix('/')
        .and_then(|rest| rest.split(' ').next());
    matches!(version, Some("2" | "3"))
}

pub(super) fn entry(line: &str) -> Option<Entry> {
    let mut fields = line.rsplitn(3, ' ');
    let mut uid = fields.next()?.split(':');
    fields.next()?.parse::<u64>().ok()?;
    let name = base_name(fields.next().filter(|name| !name.is_empty())?).to_owned();
    let number: u64 = uid.next()?.parse().ok()?;
    let validity: u64 = uid.next()?.parse().ok()?;
    let uidl = match (number, validity) {
        (0, _) => escaped(&name),
        (number, 0) => format!("UID{number}"),
        (number, validity) => format!("UID{number}-{validity}"),
    };
    let order = (number > 0).then_some(number);
    Some(Entry::Name { name, uidl, order })
}

fn escaped(name: &str) -> String {
    let mut id = String::new();
    for octet in name.bytes() {
        if (0x21..=0x7E).contains(&octet) && !b"'\"+".contains(&octet) {
            id.push(char::from(octet));
        } else {
            // Writing to a string does not fail.
            let _ = write!(id, "+{octet:02X}");
        }
    }
    id
}
