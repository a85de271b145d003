//! What is done to mail servers, and what shows that it does not work on this one: `docs/attacks.toml` read, and
//! written as `docs/ATTACKS.md`.
//!
//! Nothing is run here. That the proofs named exist is looked at by the tests in `tidy`; that they hold is said by the
//! tests themselves.

pub mod document;
#[cfg(test)]
pub mod proof;

use std::fs;

use anyhow::{Context, Result, bail, ensure};
use toml_edit::{DocumentMut, Item, TableLike};

use crate::workspace;

/// One chapter of the list: the letter of its lines, how many there are, and what they are about.
pub struct Chapter {
    pub letter: char,
    pub lines: usize,
    pub about: &'static str,
    /// For somebody who reads of it for the first time.
    pub introduction: &'static str,
}

const fn chapter(
    letter: char,
    lines: usize,
    about: &'static str,
    introduction: &'static str,
) -> Chapter {
    Chapter {
        letter,
        lines,
        about,
        introduction,
    }
}

/// All chapters. A line that is not counted here does not exist.
pub const CHAPTERS: [Chapter; 10] = [
    chapter(
        'S',
        10,
        "SMTP syntax and order",
        "Commands out of place, too long, or made of what no command is made of.",
    ),
    chapter(
        'M',
        19,
        "Smuggling and transparency",
        "Two servers that disagree where a message ends let a sender hide a second message in the first. Each line of \
         M1 to M11 is followed by `MAIL FROM` and more, as an attacker would.",
    ),
    chapter(
        'R',
        22,
        "Relay",
        "A server that carries mail for strangers is found within hours. `x.example` is a foreign domain, \
         `example.test` ours, 192.0.2.25 our address.",
    ),
    chapter(
        'A',
        10,
        "Authentication",
        "Guessing passwords, learning who exists, and logins that are not what they look like.",
    ),
    chapter(
        'T',
        13,
        "TLS",
        "What is slipped in before encryption begins, and handshakes that never end.",
    ),
    chapter(
        'E',
        16,
        "Exhaustion",
        "Little work for the attacker, much for the server: nothing of the kind may be without a bound.",
    ),
    chapter(
        'P',
        13,
        "POP3",
        "No mail may be lost by an accident, of the network, the disk or the client.",
    ),
    chapter(
        'D',
        17,
        "Storage and crashes",
        "Disks fail and machines lose their power. What was acknowledged is there afterwards, and nothing else is.",
    ),
    chapter(
        'Q',
        14,
        "Queue and outbound",
        "What remote servers and bounces can do to a server that sends mail on.",
    ),
    chapter(
        'W',
        10,
        "Web and administration",
        "What concerns the log, the command line and the admin socket; the rest comes with the web interface.",
    ),
];

/// What of the product a line waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Sending to other servers.
    Outbound,
    /// The web interface.
    Web,
}

/// One line of the list.
#[derive(Debug)]
pub struct Attack {
    pub id: String,
    /// What is sent, or what happens.
    pub sent: String,
    /// What must come of it.
    pub must: String,
    /// Octets that one of the dialogues must send, as they are written there.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the check of proofs looks at it")
    )]
    pub octets: Option<String>,
    /// What would fail if the attack worked. Empty for what is waited for.
    pub proofs: Vec<String>,
    /// What was measured once and no test measures.
    pub by_hand: Option<String>,
    pub waiting: Option<Waiting>,
    pub note: Option<String>,
}

/// Writes `docs/ATTACKS.md`.
///
/// # Errors
/// When the declaration cannot be read, or the document cannot be written.
pub fn run() -> Result<()> {
    let path = workspace::root().join("docs/ATTACKS.md");
    fs::write(&path, document::markdown(&read()?))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// All lines, chapter by chapter.
///
/// # Errors
/// When the file is not what it should be, or a line is not there or not in its place. TOML itself refuses an id that
/// is there twice.
pub fn read() -> Result<Vec<Attack>> {
    let path = workspace::root().join("docs/attacks.toml");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let document: DocumentMut = text.parse().context("docs/attacks.toml")?;
    let parse = |(id, item): (&str, &Item)| {
        let table = item.as_table_like().context("a table is wanted");
        table
            .and_then(|table| attack(id, table))
            .with_context(|| format!("docs/attacks.toml: {id}"))
    };
    let attacks: Vec<Attack> = document.iter().map(parse).collect::<Result<_>>()?;
    let mut declared = attacks.iter().map(|one| one.id.as_str());
    for id in ids() {
        let next = declared.next().unwrap_or("nothing");
        ensure!(
            next == id,
            "docs/attacks.toml: {id} belongs where {next} is"
        );
    }
    ensure!(
        declared.next().is_none(),
        "docs/attacks.toml: more than there are"
    );
    Ok(attacks)
}

/// Every id there is, in order.
pub fn ids() -> impl Iterator<Item = String> {
    CHAPTERS
        .iter()
        .flat_map(|chapter| (1..=chapter.lines).map(|number| format!("{}{number}", chapter.letter)))
}

fn attack(id: &str, table: &dyn TableLike) -> Result<Attack> {
    const KEYS: [&str; 7] = [
        "sent", "must", "octets", "held", "by_hand", "waiting", "note",
    ];
    for (key, _) in table.iter() {
        ensure!(KEYS.contains(&key), "unknown key {key}");
    }
    let text = |key: &str| table.get(key).and_then(Item::as_str).map(str::to_owned);
    let wanted = |key: &str| text(key).with_context(|| format!("{key} is missing"));
    let attack = Attack {
        id: id.to_owned(),
        sent: wanted("sent")?,
        must: wanted("must")?,
        octets: text("octets"),
        proofs: proofs(table)?,
        by_hand: text("by_hand"),
        waiting: match text("waiting").as_deref() {
            None => None,
            Some("outbound") => Some(Waiting::Outbound),
            Some("web") => Some(Waiting::Web),
            Some(what) => bail!("nothing is called {what} that one could wait for"),
        },
        note: text("note"),
    };
    ensure!(
        attack.proofs.is_empty() == attack.waiting.is_some(),
        "either held or waiting is wanted"
    );
    Ok(attack)
}

fn proofs(table: &dyn TableLike) -> Result<Vec<String>> {
    let Some(item) = table.get("held") else {
        return Ok(Vec::new());
    };
    let array = item.as_array().context("held is a list")?;
    let string = |value: &toml_edit::Value| value.as_str().map(str::to_owned);
    let strings: Option<Vec<String>> = array.iter().map(string).collect();
    strings.context("held lists strings")
}
