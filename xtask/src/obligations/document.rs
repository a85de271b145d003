//! The obligations as a document for people: what is owed, who depends on it, and where it is proven.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{AREAS, Area, Level, Obligation, Standing, Waiting};

const OPENING: &str = "\
# What a mail server owes

<!-- Written by `cargo xtask obligations` from docs/obligations.toml; edit the entries there. -->

The RFCs of SMTP, submission and POP3 ask a server for many things, in many places and with different force. Here they
are one by one, in our own words, each with the place that asks for it, how it stands with tegami, and the tests that
would fail if it did not. MUST and SHOULD are the words of the RFCs; *product* and *practice* mark what we ask of
ourselves. Some obligations are those of a client: a mail server is one when it sends mail on.

- *Held*: kept. The names are dialogues with the server (what a client says and must hear, below
  [tests/dialogues](../tests/dialogues)) or of our client with other servers (below
  [crates/smtp-client/tests/dialogues](../crates/smtp-client/tests/dialogues)), tests in the code (file and function),
  or other programs that talk to the built server ([tests/interop](../tests/interop)).
- *Deviation*: not kept, or kept in another way, and why.
- *Waiting*: for policies about senders and content.

The letters say which clients commonly depend on it: T Thunderbird, O Outlook, A Apple Mail, D devices such as
scanners, printers and NAS boxes.
";

/// How many obligations stand how.
#[derive(Default)]
struct Counts {
    held: usize,
    deviation: usize,
    policy: usize,
}

impl Counts {
    fn of<'a>(obligations: impl Iterator<Item = &'a Obligation>) -> Self {
        let mut counts = Self::default();
        for obligation in obligations {
            *match obligation.standing {
                Standing::Held(_) => &mut counts.held,
                Standing::Deviation(..) => &mut counts.deviation,
                Standing::Waiting(Waiting::Policy) => &mut counts.policy,
            } += 1;
        }
        counts
    }

    fn total(&self) -> usize {
        self.held + self.deviation + self.policy
    }

    fn cells(&self) -> String {
        format!(
            " {} | {} | {} | {} |",
            self.total(),
            self.held,
            self.deviation,
            self.policy
        )
    }
}

/// The whole document.
pub fn markdown(obligations: &[Obligation]) -> String {
    let mut text = String::from(OPENING);
    counts(obligations, &mut text);
    for area in &AREAS {
        chapter(area, obligations, &mut text);
    }
    text
}

fn counts(obligations: &[Obligation], text: &mut String) {
    let all = Counts::of(obligations.iter());
    let _ = writeln!(
        text,
        "\n## Counts\n\n| | All | Held | Deviation | Waiting: policy |\n\
         |---|--:|--:|--:|--:|"
    );
    for level in Level::ALL {
        let counts = Counts::of(obligations.iter().filter(|one| one.level == level));
        let _ = writeln!(text, "| {} |{}", level.name(), counts.cells());
    }
    for area in &AREAS {
        let counts = Counts::of(obligations.iter().filter(|one| one.area() == area.letters));
        let _ = writeln!(
            text,
            "| [{} {}](#{}) |{}",
            area.letters,
            area.about,
            anchor(area),
            counts.cells()
        );
    }
    let _ = writeln!(text, "| **All** |{}", all.cells());
    let names: BTreeSet<&String> = obligations
        .iter()
        .filter_map(|one| match &one.standing {
            Standing::Held(proofs) => Some(proofs),
            Standing::Deviation(..) | Standing::Waiting(_) => None,
        })
        .flatten()
        .collect();
    let _ = writeln!(
        text,
        "\nThose that are held name {} different proofs.",
        names.len()
    );
}

/// As GitHub makes it of the heading.
fn anchor(area: &Area) -> String {
    let heading = format!("{} {}", area.letters, area.about).to_lowercase();
    heading
        .chars()
        .filter(|letter| letter.is_alphanumeric() || *letter == ' ')
        .map(|letter| if letter == ' ' { '-' } else { letter })
        .collect()
}

fn chapter(area: &Area, obligations: &[Obligation], text: &mut String) {
    let _ = writeln!(
        text,
        "\n## {} {}\n\n{}",
        area.letters, area.about, area.introduction
    );
    for one in obligations.iter().filter(|one| one.area() == area.letters) {
        entry(one, text);
    }
}

fn entry(one: &Obligation, text: &mut String) {
    let _ = write!(
        text,
        "\n**{}** {} · {}",
        one.id,
        one.level.name(),
        sources(&one.rfc)
    );
    if !one.clients.is_empty() {
        let _ = write!(text, " · {}", one.clients);
    }
    let _ = writeln!(text, "  \n{}  ", one.says);
    let _ = match &one.standing {
        Standing::Held(proofs) => write!(text, "*Held:* {}.", linked(proofs)),
        Standing::Deviation(reason, proofs) if proofs.is_empty() => {
            write!(text, "*Deviation:* {reason}")
        }
        Standing::Deviation(reason, proofs) => write!(
            text,
            "*Deviation:* {reason} What is kept of it: {}.",
            linked(proofs)
        ),
        Standing::Waiting(Waiting::Policy) => {
            write!(text, "*Waiting:* policies about senders and content.")
        }
    };
    if let Some(note) = &one.note {
        let _ = write!(text, " {note}");
    }
    text.push('\n');
}

/// `5321 4.2, 4.3.1; product` with a link to each section.
fn sources(rfc: &str) -> String {
    let source = |part: &str| match part.split_once(' ') {
        Some((number, sections)) if number.bytes().all(|octet| octet.is_ascii_digit()) => {
            let link = |section: &str| {
                format!("[{section}](https://www.rfc-editor.org/rfc/rfc{number}#section-{section})")
            };
            let sections: Vec<String> = sections.split(", ").map(link).collect();
            format!("RFC {number} {}", sections.join(", "))
        }
        _ => part.to_owned(),
    };
    rfc.split("; ").map(source).collect::<Vec<_>>().join("; ")
}

fn linked(proofs: &[String]) -> String {
    let link = |proof: &String| match proof.split_once("::") {
        Some((file, function)) => format!("[{function}](../{file})"),
        None => {
            let name = proof.rsplit('/').next().unwrap_or(proof);
            format!("[{}](../{proof})", name.trim_end_matches(".txt"))
        }
    };
    proofs.iter().map(link).collect::<Vec<_>>().join(", ")
}
