//! What a mail server owes, and what proves that this one keeps it: `docs/obligations.toml` read, and written as
//! `docs/OBLIGATIONS.md`.
//!
//! Nothing is run here. That the proofs named exist is looked at by the tests in `tidy`; that they hold is said by the
//! tests themselves.

pub mod document;
#[cfg(test)]
pub mod proof;

use std::fs;

use anyhow::{Context, Result, bail, ensure};
use toml_edit::{Array, DocumentMut, Item, TableLike};

use crate::workspace;

/// One chapter: its letters, how many obligations it has, and what it is about.
pub struct Area {
    pub letters: &'static str,
    pub obligations: usize,
    pub about: &'static str,
    /// For somebody who reads of it for the first time.
    pub introduction: &'static str,
}

const fn area(
    letters: &'static str,
    obligations: usize,
    about: &'static str,
    introduction: &'static str,
) -> Area {
    Area {
        letters,
        obligations,
        about,
        introduction,
    }
}

/// All chapters. An obligation that is not counted here does not exist.
pub const AREAS: [Area; 18] = [
    area(
        "CON",
        13,
        "Connection, greeting, closing",
        "A session begins with a line from the server and ends with QUIT. Everything else that can happen to a \
         connection must leave mail where it was.",
    ),
    area(
        "EHL",
        14,
        "EHLO and HELO",
        "The client says its name; the server answers with its own and with the list of what it can do. What is on \
         that list must work, and what works must be on it.",
    ),
    area(
        "ENV",
        17,
        "MAIL and RCPT",
        "The envelope: one sender, some recipients. Each recipient is accepted or refused by itself, and refusing now \
         is always better than a bounce later.",
    ),
    area(
        "DAT",
        17,
        "DATA, BDAT, transparency",
        "The message itself. The 250 at its end is a promise: from then on the server answers for it.",
    ),
    area(
        "REP",
        13,
        "Replies and enhanced codes",
        "Programs read the first three digits and the enhanced code, people the words behind them.",
    ),
    area(
        "AUX",
        11,
        "VRFY, EXPN, HELP, NOOP, RSET",
        "The commands beside the road. None of them may disturb a message on its way.",
    ),
    area(
        "LIM",
        21,
        "Size, limits, timeouts, pipelining",
        "Every server has limits. They must not be lower than what the RFCs promise to clients, and running into one \
         must never lose mail silently.",
    ),
    area(
        "TRC",
        10,
        "Trace and message content",
        "A server writes down where a message came from, and changes nothing else.",
    ),
    area(
        "REL",
        10,
        "Relay, aliases, lists, notifications",
        "What is owed once mail goes on to other servers.",
    ),
    area(
        "SUB",
        14,
        "Submission",
        "Ports 587 and 465: mail from users, who log in first.",
    ),
    area(
        "TLS",
        17,
        "STARTTLS, implicit TLS, REQUIRETLS",
        "Encryption, and what must be forgotten where it begins.",
    ),
    area(
        "AUT",
        28,
        "SMTP AUTH and SASL mechanisms",
        "Logging in: how the exchange is written, and what each mechanism has to check.",
    ),
    area(
        "EXT",
        27,
        "Other SMTP extensions",
        "8-bit and international mail, and the extensions that need a queue.",
    ),
    area(
        "OUT",
        20,
        "Outbound queue and DNS",
        "Sending to other servers: finding them, trying again, giving up.",
    ),
    area(
        "DSN",
        18,
        "Delivery status notifications",
        "Reports of what became of a message, for those who asked and those whose message failed.",
    ),
    area(
        "POP",
        23,
        "POP3 core",
        "A maildrop is opened, read, marked and, at QUIT, changed. The client decides what goes; nothing may go by \
         accident.",
    ),
    area(
        "PEX",
        28,
        "POP3 extensions and security",
        "What grew around POP3: capabilities, response codes, TLS, SASL, languages.",
    ),
    area(
        "INT",
        12,
        "Habits of real clients",
        "No RFC asks for these. Programs and devices that people own do.",
    ),
];

/// How much the text that asks for it wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Must,
    MustNot,
    Should,
    ShouldNot,
    May,
}

impl Level {
    pub const ALL: [Self; 5] = [
        Self::Must,
        Self::MustNot,
        Self::Should,
        Self::ShouldNot,
        Self::May,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::MustNot => "MUST NOT",
            Self::Should => "SHOULD",
            Self::ShouldNot => "SHOULD NOT",
            Self::May => "MAY",
        }
    }
}

/// What of the product an obligation waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Judging senders and content: lists in the DNS, SPF, DMARC, filters.
    Policy,
}

/// How it stands.
#[derive(Debug, PartialEq, Eq)]
pub enum Standing {
    /// Kept, and these prove it.
    Held(Vec<String>),
    /// Not kept, or kept in another way, for this reason; these prove what is kept of it, if anything is.
    Deviation(String, Vec<String>),
    Waiting(Waiting),
}

/// One obligation.
#[derive(Debug)]
pub struct Obligation {
    pub id: String,
    pub level: Level,
    /// Clients that commonly depend on it, by letter.
    pub clients: String,
    /// As in `5321 4.2, 4.3.1; 2034 4`; words where no RFC says it.
    pub rfc: String,
    pub says: String,
    pub standing: Standing,
    pub note: Option<String>,
}

impl Obligation {
    pub fn area(&self) -> &str {
        self.id.split('-').next().unwrap_or(&self.id)
    }
}

/// Writes `docs/OBLIGATIONS.md`.
///
/// # Errors
/// When the declaration cannot be read, or the document cannot be written.
pub fn run() -> Result<()> {
    let path = workspace::root().join("docs/OBLIGATIONS.md");
    fs::write(&path, document::markdown(&read()?))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// All obligations, area by area.
///
/// # Errors
/// When the file is not what it should be, or an obligation is not there or not in its place. TOML itself refuses an
/// id that is there twice.
pub fn read() -> Result<Vec<Obligation>> {
    let path = workspace::root().join("docs/obligations.toml");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let document: DocumentMut = text.parse().context("docs/obligations.toml")?;
    let parse = |(id, item): (&str, &Item)| {
        let table = item.as_table_like().context("a table is wanted");
        table
            .and_then(|table| obligation(id, table))
            .with_context(|| format!("docs/obligations.toml: {id}"))
    };
    let obligations: Vec<Obligation> = document.iter().map(parse).collect::<Result<_>>()?;
    let mut declared = obligations.iter().map(|one| one.id.as_str());
    for id in ids() {
        let next = declared.next().unwrap_or("nothing");
        ensure!(
            next == id,
            "docs/obligations.toml: {id} belongs where {next} is"
        );
    }
    ensure!(
        declared.next().is_none(),
        "docs/obligations.toml: more than there are"
    );
    Ok(obligations)
}

/// Every id there is, in order.
pub fn ids() -> impl Iterator<Item = String> {
    AREAS.iter().flat_map(|area| {
        (1..=area.obligations).map(|number| format!("{}-{number:02}", area.letters))
    })
}

fn obligation(id: &str, table: &dyn TableLike) -> Result<Obligation> {
    for (key, _) in table.iter() {
        ensure!(
            [
                "level",
                "clients",
                "rfc",
                "says",
                "held",
                "deviation",
                "waiting",
                "note"
            ]
            .contains(&key),
            "unknown key {key}"
        );
    }
    let text = |key: &str| table.get(key).and_then(Item::as_str).map(str::to_owned);
    let wanted = |key: &str| text(key).with_context(|| format!("{key} is missing"));
    let level = wanted("level")?;
    let level = Level::ALL.into_iter().find(|known| known.name() == level);
    Ok(Obligation {
        id: id.to_owned(),
        level: level.context("no such level")?,
        clients: text("clients").unwrap_or_default(),
        rfc: wanted("rfc")?,
        says: wanted("says")?,
        standing: standing(table)?,
        note: text("note"),
    })
}

fn standing(table: &dyn TableLike) -> Result<Standing> {
    let text = |key: &str| table.get(key).and_then(Item::as_str).map(str::to_owned);
    let proofs = match table.get("held") {
        Some(item) => Some(strings(item.as_array().context("held is a list")?)?),
        None => None,
    };
    Ok(match (proofs, text("deviation"), text("waiting")) {
        (Some(proofs), None, None) => Standing::Held(proofs),
        (proofs, Some(reason), None) => Standing::Deviation(reason, proofs.unwrap_or_default()),
        (None, None, Some(what)) => Standing::Waiting(match what.as_str() {
            "policy" => Waiting::Policy,
            _ => bail!("nothing is called {what} that one could wait for"),
        }),
        _ => bail!("one of held, deviation and waiting is wanted"),
    })
}

fn strings(array: &Array) -> Result<Vec<String>> {
    let string = |value: &toml_edit::Value| value.as_str().map(str::to_owned);
    let strings: Option<Vec<String>> = array.iter().map(string).collect();
    let strings = strings.context("held lists strings")?;
    ensure!(!strings.is_empty(), "held lists nothing");
    Ok(strings)
}
