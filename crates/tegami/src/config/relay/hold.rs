//! `[[relay.hold]]`: mail for domains of others that is kept here until an account fetches it (RFC 2645).
//!
//! Each is a table of its own, so these keys are not in [`super::super::keys`], and no variable reaches them.

use std::collections::BTreeMap;

use address::{Domain, Mailbox};
use toml_edit::{Item, Table};

use super::super::Config;
use super::super::check::Findings;
use super::super::fields::{Fields, Made, Reading, each};
use super::super::load::Layers;
use super::super::problem::{Place, Problem};
use super::super::{Document, Slot};

/// What the tables are called.
pub const SECTION: &str = "relay.hold";

/// Their keys.
pub const KEYS: [&str; 2] = ["domains", "account"];

/// Domains whose mail somebody fetches.
#[derive(Clone, Debug, PartialEq)]
pub struct Hold {
    /// The domains, at least one.
    pub domains: Vec<Domain>,
    /// Who fetches it.
    pub account: Mailbox,
    places: BTreeMap<&'static str, Place>,
    start: Place,
}

impl Hold {
    /// Something about one of its keys.
    pub fn problem(&self, key: &str, message: impl AsRef<str>) -> Problem {
        self.places
            .get(key)
            .unwrap_or(&self.start)
            .problem(format!("{SECTION}.{key}: {}", message.as_ref()))
    }
}

/// One table, before it is put together.
#[derive(Default)]
struct Entry {
    domains: Vec<Domain>,
    account: Option<Mailbox>,
}

impl Fields for Entry {
    const SECTION: &'static str = SECTION;
    const KEYS: &'static [&'static str] = &KEYS;
    const PREFIX: &'static str = "relay.hold.";

    fn slot(&mut self, key: &str) -> Option<&mut dyn Slot> {
        Some(match key {
            "domains" => &mut self.domains,
            "account" => &mut self.account,
            _ => return None,
        })
    }
}

/// Takes what the file has under this name.
pub fn take(layers: &mut Layers, document: &Document, item: &Item, place: &Place) {
    let what = "customer whose mail is kept";
    let holds = each(layers, document, (item, place), (SECTION, what), read);
    layers.config.relay.holds.extend(holds);
}

fn read(document: &Document, table: &Table) -> Made<Hold> {
    let Reading {
        fields: entry,
        places,
        start,
        mut problems,
    } = Reading::<Entry>::of(document, table);
    if entry.domains.is_empty() && !is_wrong(&problems, "domains") {
        let place = places.get("domains").unwrap_or(&start);
        problems.push(place.problem(format!(
            "{SECTION}.domains is missing: the domains whose mail is kept"
        )));
    }
    if !places.contains_key("account") {
        problems.push(start.problem(format!(
            "{SECTION}.account is missing: the account of this server that fetches the mail"
        )));
    }
    match entry.account {
        Some(account) if problems.is_empty() => Ok((
            Hold {
                domains: entry.domains,
                account,
                places,
                start,
            },
            None,
        )),
        Some(_) | None => Err(problems),
    }
}

/// Whether something was said about this key.
fn is_wrong(problems: &[Problem], key: &str) -> bool {
    let name = format!("{SECTION}.{key}:");
    problems.iter().any(|one| one.to_string().contains(&name))
}

/// What no single table, and no single key of one, can show.
pub(super) fn check(found: &mut Findings, config: &Config) {
    let relay = &config.relay;
    let mut known: Vec<&Domain> = Vec::new();
    for hold in &relay.holds {
        for domain in &hold.domains {
            let other = if config.domains.contains(domain) {
                Some("under domains, too: its mail is delivered here and nobody has to fetch it")
            } else if known.contains(&domain) {
                Some("here twice: only one account can fetch its mail")
            } else if relay.backup_domains.contains(domain) {
                Some("under relay.backup_domains, too: its mail would be sent to its own servers")
            } else if relay.etrn_domains.contains(domain) {
                Some("under relay.etrn_domains, too: its mail is fetched and never sent")
            } else {
                None
            };
            if let Some(other) = other {
                let message = format!("{domain} stands {other}; leave one of them out");
                found.problems.push(hold.problem("domains", message));
            }
            known.push(domain);
        }
        let host = hold.account.host.domain();
        if !host.is_some_and(|domain| config.domains.contains(domain)) {
            let message = format!(
                "there is no account {}: {} is not under domains, so nobody can fetch this mail",
                hold.account.unicode(),
                hold.account.host,
            );
            let problem = hold.problem("account", message);
            found.warnings.push(problem.to_string());
        }
    }
    let listens = !config.listen.odmr.is_empty();
    if let Some(first) = relay.holds.first().filter(|_| !listens) {
        let message = "listen.odmr is [], so nobody can fetch this mail; set it to [\"[::]:366\"]";
        let problem = first.problem("domains", message);
        found.warnings.push(problem.to_string());
    }
    if let Some(first) = relay.holds.first().filter(|_| !relay.enabled) {
        let message = "relay.enabled is false, so mail for these domains is refused";
        let problem = first.problem("domains", message);
        found.warnings.push(problem.to_string());
    }
    if listens && relay.holds.is_empty() {
        found.warning(
            "listen.odmr",
            "there is no [[relay.hold]], so there is nothing to fetch; it names the domains, and the account that fetches their mail",
        );
    }
}
