//! Dovecot's `dovecot-uidlist`.
//!
//! Version 3 begins `3 V<uidvalidity> N<next uid> G<guid> P<format>`, version 1 `1 <uidvalidity> <next uid>`. An entry of
//! version 3 is `<uid> [<letter><value> ...] :<name>`, of which `P` is the message's unique id (empty: its name) and `O`
//! its place in a POP3 listing; of version 1 `<uid> <name>`. Without a `P` the id is made of uid and uidvalidity.

use std::io::{self, Write};

use super::format::{Facts, Format};
use super::{Entry, base_name};

pub(crate) const NAME: &str = "dovecot-uidlist";

/// What the first line says.
pub(super) struct Head {
    version: u8,
    validity: u64,
    format: Format,
}

impl Head {
    /// `format` is what the person knows about that server; then what the list says; then what is usual.
    pub(super) fn parse(line: &str, format: Option<&Format>) -> Option<Self> {
        let mut fields = line.split(' ');
        let version: u8 = fields.next()?.parse().ok()?;
        let (validity, stated) = match version {
            1 => (fields.next()?.parse().ok()?, None),
            3 => {
                let fields: Vec<&str> = fields.collect();
                let value = |key| fields.iter().find_map(|field| field.strip_prefix(key));
                let stated = match value('P') {
                    Some(text) => Some(Format::parse(text).ok()?),
                    None => None,
                };
                (value('V')?.parse().ok()?, stated)
            }
            _ => return None,
        };
        Some(Self {
            version,
            validity,
            format: format.cloned().or(stated).unwrap_or_default(),
        })
    }

    pub(super) fn entry(&self, line: &str) -> Option<Entry> {
        let (uid, rest) = line.split_once(' ')?;
        let uid: u64 = uid.parse().ok()?;
        let (fields, name) = match self.version {
            1 => ("", rest),
            _ => match rest.strip_prefix(':') {
                Some(name) => ("", name),
                None => rest.split_once(" :")?,
            },
        };
        let name = base_name(name);
        if name.is_empty() {
            return None;
        }
        let value = |key| fields.split(' ').find_map(|field| field.strip_prefix(key));
        let uidl = match value('P') {
            Some("") => name.to_owned(),
            Some(uidl) => uidl.to_owned(),
            None => self.format.fill(&Facts {
                uid,
                validity: self.validity,
                name,
                guid: value('G').unwrap_or(name),
            }),
        };
        // Those with a place of their own come first, in that order.
        let place = value('O').and_then(|place| place.parse::<u32>().ok());
        let order = place.map_or(uid.saturating_add(1 << 32), u64::from);
        Some(Entry::Name {
            name: name.to_owned(),
            uidl,
            order: Some(order),
        })
    }
}

/// The first line, as long for any number of messages: it is written twice.
pub(crate) fn write_head(out: &mut impl Write, validity: u64, messages: u64) -> io::Result<()> {
    let validity = (validity & u64::from(u32::MAX)).max(1);
    writeln!(out, "3 V{validity:010} N{:010}", messages + 1)
}

pub(crate) fn write_entry(
    out: &mut impl Write,
    uid: u64,
    uidl: Option<&str>,
    name: &str,
) -> io::Result<()> {
    match uidl {
        Some(uidl) => writeln!(out, "{uid} P{uidl} :{name}"),
        None => writeln!(out, "{uid} :{name}"),
    }
}
