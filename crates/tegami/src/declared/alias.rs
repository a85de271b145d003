//! `[[alias]]` of the accounts file: other addresses in our domains, and whom they lead to, here or elsewhere.
//!
//! An alias has no place for a mark that says that it was declared, so what was declared last stands in a file of the data
//! directory, which is no part of a backup. Without it nothing is taken out that is not declared any more, and nothing else
//! goes wrong.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use address::{Domain, Mailbox};
use mailstore::{Alias, MOST_TARGETS};
use thiserror::Error;
use toml_edit::Table;

use super::file::unfit;
use crate::config::{self, Document, Fields, Place, Problem, Slot};
use crate::durable_file;

const FILE: &str = "declared-aliases.json";
/// No such file is longer.
const LONGEST: u64 = 64 << 20;

pub(super) const KEYS: [&str; 2] = ["address", "targets"];

/// One `[[alias]]`.
#[derive(Clone, Debug)]
pub struct DeclaredAlias {
    /// In one of our domains and without `+detail`; `*@domain` for whatever there is nobody else for.
    pub address: Mailbox,
    /// Accounts, aliases, lists and addresses elsewhere; at least one.
    pub targets: Vec<Mailbox>,
    /// Where it is declared.
    pub place: Place,
}

/// What one table says, before it is put together.
#[derive(Default)]
struct Entry {
    address: Option<Mailbox>,
    targets: Vec<Mailbox>,
}

impl Fields for Entry {
    const SECTION: &'static str = "alias";
    const KEYS: &'static [&'static str] = &KEYS;
    const PREFIX: &'static str = "";

    fn slot(&mut self, key: &str) -> Option<&mut dyn Slot> {
        Some(match key {
            "address" => &mut self.address,
            "targets" => &mut self.targets,
            _ => return None,
        })
    }
}

/// Reads one table.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn read(
    document: &Document,
    table: &Table,
    domains: &[Domain],
) -> Result<DeclaredAlias, Vec<Problem>> {
    let config::Reading {
        fields: entry,
        places,
        start,
        mut problems,
    } = config::Reading::<Entry>::of(document, table);
    let at = |key: &str| places.get(key).unwrap_or(&start);
    if let Some(address) = &entry.address {
        let unfit = unfit("address", address, domains);
        let unfit = unfit.into_iter();
        problems.extend(unfit.map(|message| at("address").problem(message)));
    } else if !places.contains_key("address") {
        problems.push(start.problem("address is missing"));
    }
    let targets = entry.targets.len();
    if targets == 0 && problems.is_empty() {
        problems.push(at("targets").problem("targets: name at least one address"));
    }
    if targets > MOST_TARGETS {
        let message = format!(
            "targets: {MOST_TARGETS} addresses at most; for more people make a list (tegami list add)"
        );
        problems.push(at("targets").problem(message));
    }
    match entry.address {
        Some(address) if problems.is_empty() => Ok(DeclaredAlias {
            address,
            targets: entry.targets,
            place: start,
        }),
        Some(_) | None => Err(problems),
    }
}

/// What is wrong with declared aliases together: one address is one alias, and no account.
pub(super) fn twice(
    aliases: &[DeclaredAlias],
    account: impl Fn(&Mailbox) -> Option<Place>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut seen: BTreeMap<String, &Place> = BTreeMap::new();
    for alias in aliases {
        let address = &alias.address;
        if let Some(first) = seen.get(&address.key()) {
            let message = format!("address: {address} is declared at {first} already");
            problems.push(alias.place.problem(message));
        }
        if let Some(place) = account(address) {
            let message = format!("address: {address} is an account, declared at {place}");
            problems.push(alias.place.problem(message));
        }
        seen.entry(address.key()).or_insert(&alias.place);
    }
    problems
}

/// What was declared last cannot be known, or not written down.
#[derive(Debug, Error)]
#[error("{}: {source}", path.display())]
pub struct RememberError {
    path: PathBuf,
    source: io::Error,
}

/// What `[[alias]]` said when the accounts file was last carried out, or half of it.
#[derive(Debug)]
pub(super) struct Remembered {
    path: PathBuf,
    pub(super) aliases: Vec<Alias>,
}

impl Remembered {
    /// Reads what was declared last.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub(super) fn open(data_dir: &Path) -> Result<Self, RememberError> {
        let path = data_dir.join(FILE);
        let wrong = |source| RememberError {
            path: path.clone(),
            source,
        };
        let aliases = match std::fs::metadata(&path) {
            Ok(about) if about.len() > LONGEST => {
                return Err(wrong(io::ErrorKind::FileTooLarge.into()));
            }
            Ok(_) => {
                let text = std::fs::read(&path).map_err(wrong)?;
                serde_json::from_slice(&text).map_err(|error| wrong(error.into()))?
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(wrong(error)),
        };
        Ok(Self { path, aliases })
    }

    /// Adds what is declared now, before any of it is carried out: an end in the middle forgets nothing.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn add(&self, declared: &[DeclaredAlias]) -> Result<(), RememberError> {
        let mut all = self.aliases.clone();
        all.extend(declared.iter().map(stated));
        self.write(&all)
    }

    /// Forgets the rest, when all of it is carried out.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn keep(&self, declared: &[DeclaredAlias]) -> Result<(), RememberError> {
        let now: Vec<Alias> = declared.iter().map(stated).collect();
        self.write(&now)
    }

    fn write(&self, aliases: &[Alias]) -> Result<(), RememberError> {
        if aliases == self.aliases && (aliases.is_empty() || self.path.exists()) {
            return Ok(());
        }
        let wrong = |source| RememberError {
            path: self.path.clone(),
            source,
        };
        let text = serde_json::to_vec(aliases).map_err(|error| wrong(error.into()))?;
        durable_file::write(&self.path, &text).map_err(wrong)
    }
}

fn stated(alias: &DeclaredAlias) -> Alias {
    Alias {
        address: alias.address.clone(),
        targets: alias.targets.clone(),
    }
}
