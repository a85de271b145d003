//! Where each reply is proven: the ids of the catalogue the server was conceived from, and what shows each of them.
//!
//! Written to `docs/PROOF.md` by `cargo xtask replies`. Whether a dialogue exists and shows what it is named for, and
//! whether a test is there, is checked in `tests/rows.rs` of the workspace; nothing here reads a file.

use std::fmt::Write as _;

use crate::document::first_line;
use crate::row::Row;

mod added;
mod classes;
mod pop3;
mod smtp;
mod wire;

/// One id and its proof.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Id, such as `S-503a`.
    pub id: &'static str,
    /// What it is, in our words; empty where a row of ours has the id.
    pub what: &'static str,
    /// What proves it.
    pub evidence: Evidence,
    /// What else a reader should know.
    pub note: &'static str,
    /// Whether the server does otherwise than the id wanted; `note` then says why.
    pub differs: bool,
}

/// What proves an id.
#[derive(Clone, Copy, Debug)]
pub enum Evidence {
    /// The dialogue named after the id, which shows these rows; none means the row of that id itself.
    Dialogue(&'static [&'static str]),
    /// The dialogues named after these ids.
    Several(&'static [&'static str]),
    /// A test, by its file and name.
    Test {
        /// Path from the root of the workspace.
        file: &'static str,
        /// The name of the function.
        name: &'static str,
    },
    /// It waits for a feature.
    Waiting(Feature),
}

/// What rows wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// Judging senders and contents: SPF, DKIM, DMARC, DNS lists, greylisting, blocklists, content filters.
    Policy,
}

impl Feature {
    /// How the table names it, behind "waiting:".
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Policy => "policy",
        }
    }
}

impl Entry {
    const fn of(id: &'static str, what: &'static str, evidence: Evidence) -> Self {
        Self {
            id,
            what,
            evidence,
            note: "",
            differs: false,
        }
    }

    /// A row of ours, shown by the dialogue of its name.
    const fn row(id: &'static str) -> Self {
        Self::of(id, "", Evidence::Dialogue(&[]))
    }

    /// An id without a row of ours; the dialogue of its name shows these rows.
    const fn shown(id: &'static str, what: &'static str, rows: &'static [&'static str]) -> Self {
        Self::of(id, what, Evidence::Dialogue(rows))
    }

    const fn policy(id: &'static str, what: &'static str) -> Self {
        Self::of(id, what, Evidence::Waiting(Feature::Policy))
    }

    const fn noted(mut self, note: &'static str) -> Self {
        self.note = note;
        self
    }

    /// The server does otherwise, and why.
    const fn differs(mut self, reason: &'static str) -> Self {
        self.note = reason;
        self.differs = true;
        self
    }

    /// The row of ours that has this id.
    #[must_use]
    pub fn own_row(&self) -> Option<&'static Row> {
        crate::rows().find(|row| row.id == self.id)
    }
}

/// Of STARTTLS and STLS when the files of the certificate cannot be read.
const STAYS: &str = "A certificate that has been read stays in use when its files go bad, so TLS goes on; the session is \
                     ready for a host that has none.";

/// The ids the server was conceived from, group by group, with the headings of the groups.
const CONCEIVED: [(&str, &[Entry]); 6] = [
    ("Digits and enhanced codes", classes::CLASSES),
    ("SMTP commands", classes::COMMANDS),
    ("SMTP replies", smtp::REPLIES),
    ("POP3 commands", pop3::COMMANDS),
    ("POP3 replies", pop3::REPLIES),
    ("Newer than the older lists", classes::EXTRA),
];

/// The ids the server was conceived from.
pub fn conceived() -> impl Iterator<Item = &'static Entry> {
    CONCEIVED.iter().flat_map(|(_, entries)| entries.iter())
}

/// The rows of ours beyond those: each has a dialogue of its name, unless something else is named for it.
pub fn added() -> impl Iterator<Item = Entry> {
    let conceived = |id: &str| conceived().any(|entry| entry.id == id);
    crate::rows()
        .filter(move |row| !conceived(row.id))
        .map(|row| {
            let elsewhere = added::ELSEWHERE.iter().find(|entry| entry.id == row.id);
            elsewhere.copied().unwrap_or(Entry::row(row.id))
        })
}

/// The tests that bring ids about over the wire, with those ids: file, test, ids.
pub fn over_the_wire() -> impl Iterator<Item = (&'static str, &'static str, &'static [&'static str])>
{
    let test = |(name, ids): &(&'static str, &'static [&'static str])| (wire::FILE, *name, *ids);
    wire::TESTS.iter().map(test)
}

/// Where the dialogue of this name stands, from the root of the workspace.
#[must_use]
pub fn dialogue(id: &str) -> String {
    let pop3 = ["P", "X-P", "T-P"]
        .iter()
        .any(|start| id.starts_with(start));
    let protocol = if pop3 { "pop3" } else { "smtp" };
    format!("tests/dialogues/{protocol}/rows/{id}.txt")
}

/// The whole table in Markdown.
#[must_use]
pub fn markdown() -> String {
    let mut text = String::from(
        "# Proof of every reply\n\n\
         <!-- Written by `cargo xtask replies` from crates/reply/src/evidence; edit the entries there. -->\n\n\
         What shows that the server answers as it should. Before it was written, a list was made of what a mail server\n\
         may have to answer: the codes of the RFCs and of older lists, what their digits mean, and the commands. Each\n\
         entry of that list has an id here, with its proof: a dialogue, which is a short conversation with a client\n\
         that is played against the server by a test ([tests/dialogues](../tests/dialogues)), or another test. Where\n\
         this server has a reply of that id, its text is shown; [REPLIES.md](REPLIES.md) explains it.\n\n",
    );
    summary(&mut text);
    for (heading, entries) in CONCEIVED {
        table(heading, entries.iter().copied(), &mut text);
    }
    table("Replies beyond that list", added(), &mut text);
    text
}

fn summary(text: &mut String) {
    let of =
        |wanted: fn(&Evidence) -> bool| conceived().filter(|entry| wanted(&entry.evidence)).count();
    let dialogues = of(|e| matches!(e, Evidence::Dialogue(_) | Evidence::Several(_)));
    let tests = of(|e| matches!(e, Evidence::Test { .. }));
    let waiting = |feature: Feature| {
        conceived()
            .filter(|entry| matches!(entry.evidence, Evidence::Waiting(f) if f == feature))
            .count()
    };
    let _ = writeln!(
        text,
        "Of {} ids, {dialogues} are proven by dialogues and {tests} by other tests. The rest is not there yet: {} wait for\n\
         checks of senders and contents (`waiting: {}`).\n\
         For {} ids the server does something else than the list asks; the note begins with \"Differs\" and says why.\n\
         The last table has the {} replies that this server gives beyond the list.",
        conceived().count(),
        waiting(Feature::Policy),
        Feature::Policy.name(),
        conceived().filter(|entry| entry.differs).count(),
        added().count(),
    );
}

fn table(heading: &str, entries: impl Iterator<Item = Entry>, text: &mut String) {
    let _ = write!(
        text,
        "\n## {heading}\n\n| Id | What | Proof | Note |\n|---|---|---|---|\n"
    );
    for entry in entries {
        let what = entry.own_row().map_or_else(
            || entry.what.to_owned(),
            |row| format!("`{}`", first_line(row).replace('|', "\\|")),
        );
        let _ = writeln!(
            text,
            "| {} | {what} | {} | {} |",
            entry.id,
            proof(&entry) + &wire_proof(entry.id),
            note(&entry)
        );
    }
}

fn note(entry: &Entry) -> String {
    if entry.differs {
        format!("**Differs:** {}", entry.note)
    } else {
        entry.note.to_owned()
    }
}

/// The cell that says where the proof stands.
fn proof(entry: &Entry) -> String {
    match entry.evidence {
        Evidence::Dialogue(_) => link("dialogue", &dialogue(entry.id)),
        Evidence::Several(ids) => {
            let links: Vec<String> = ids.iter().map(|id| link(id, &dialogue(id))).collect();
            links.join(", ")
        }
        Evidence::Test { file, name } => link(&format!("`{name}`"), file),
        Evidence::Waiting(feature) => format!("waiting: {}", feature.name()),
    }
}

/// The test that brings it about over the wire, if there is one.
fn wire_proof(id: &str) -> String {
    over_the_wire()
        .find(|(_, _, ids)| ids.contains(&id))
        .map_or_else(String::new, |(file, name, _)| {
            format!(", {}", link(&format!("`{name}`"), file))
        })
}

fn link(text: &str, path: &str) -> String {
    format!("[{text}](../{path})")
}
