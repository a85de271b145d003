//! Reads `accounts_file`, and the password files it names.
//!
//! Every mistake is reported with its line, all at once. Nothing here knows the store.

pub(super) mod alias;
mod circle;
pub(super) mod list;
pub(super) mod vacation;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use address::{Domain, Mailbox};
use auth::{PasswordHash, Secret};
use mailstore::{Forward, MOST_FORWARDS, Terms};
use toml_edit::{Item, Table};

use crate::config::{
    self, ConfigError, Document, Fields, Octets, Place, Problem, Slot, did_you_mean, nearest,
    read_bounded,
};

use crate::weakness;

use self::vacation::Away;
use super::{Declaration, Declarations, DeclaredSecret};

pub(super) const KEYS: [&str; 15] = [
    "address",
    "name",
    "password_file",
    "password_hash",
    "quota",
    "aliases",
    "apop",
    "mailbox",
    "utf8",
    "login",
    "send_to",
    "forward",
    "keep",
    "refer",
    "vacation",
];

/// What may stand in double brackets.
const SECTIONS: [&str; 3] = ["account", "alias", "list"];

/// No password is longer.
const LONGEST_PASSWORD_FILE: u64 = 16 * 1024;

/// Reads and checks the file.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load(path: &Path, domains: &[Domain]) -> Result<Declarations, ConfigError> {
    let document = Document::read(path)?;
    let mut reading = Reading {
        document: &document,
        domains,
        problems: Vec::new(),
        open_to_others: Vec::new(),
    };
    let mut declared = reading.sections();
    reading.twice(&declared);
    reading.problems.extend(circle::of_aliases(&declared));
    if declared.accounts.is_empty() && reading.problems.is_empty() {
        let message = "declares no account; to change accounts with `tegami account` instead, remove accounts_file from the configuration";
        reading.problems.push(Place::file(path).problem(message));
    }
    ConfigError::unless_empty(reading.problems)?;
    let circles = circle::of_forwards(&declared);
    declared.warnings.extend(circles);
    declared.warnings.extend(warning(&reading.open_to_others));
    Ok(declared)
}

/// One sentence for all password files that others may read: a container mounts every one of them that way.
fn warning(open: &[(PathBuf, u32)]) -> Option<String> {
    let (path, mode) = open.first()?;
    let path = path.display();
    Some(match open.len() {
        1 => format!(
            "{path} can be read by other users of this machine (mode {mode:04o}); chmod 600 it"
        ),
        count => format!(
            "{count} password files can be read by other users of this machine (the first: {path}, mode {mode:04o}); chmod 600 them"
        ),
    })
}

/// One sentence for all passwords that are easy to guess, with the first of their accounts.
pub fn weak<'a>(accounts: impl IntoIterator<Item = &'a Declaration>) -> Option<String> {
    let mut weak = accounts.into_iter().filter_map(|account| {
        let address = account.address.to_string();
        let why = match &account.secret {
            DeclaredSecret::Password(password) => weakness::of(password, &address)?,
            DeclaredSecret::Hash(_) => return None,
        };
        Some((address, why))
    });
    let (address, why) = weak.next()?;
    Some(match weak.count() {
        0 => {
            format!("the password of {address} is easy to guess{why}; a longer one would be safer")
        }
        more => format!(
            "the passwords of {address} and {more} more are easy to guess; longer ones would be safer"
        ),
    })
}

struct Reading<'a> {
    document: &'a Document,
    domains: &'a [Domain],
    problems: Vec<Problem>,
    open_to_others: Vec<(PathBuf, u32)>,
}

/// What one `[[account]]` says, before it is put together.
#[derive(Default)]
struct Entry {
    address: Option<Mailbox>,
    name: String,
    password_file: Option<PathBuf>,
    password_hash: Option<String>,
    quota: Option<Octets>,
    aliases: Vec<Mailbox>,
    apop: bool,
    terms: Terms,
    forward: Vec<Mailbox>,
    keep: Option<bool>,
    refer: Option<Mailbox>,
    vacation: Option<Away>,
}

impl Entry {
    /// Whether exactly this address is declared as its own.
    fn is_own(&self, address: &Mailbox) -> bool {
        let own = self.address.iter().chain(&self.aliases);
        own.map(Mailbox::key).any(|key| key == address.key())
    }
}

impl Fields for Entry {
    const SECTION: &'static str = "account";
    const KEYS: &'static [&'static str] = &KEYS;
    const PREFIX: &'static str = "";
    const TABLES: &'static [&'static str] = &["vacation"];

    fn slot(&mut self, key: &str) -> Option<&mut dyn Slot> {
        Some(match key {
            "address" => &mut self.address,
            "name" => &mut self.name,
            "password_file" => &mut self.password_file,
            "password_hash" => &mut self.password_hash,
            "quota" => &mut self.quota,
            "aliases" => &mut self.aliases,
            "apop" => &mut self.apop,
            "mailbox" => &mut self.terms.mailbox,
            "utf8" => &mut self.terms.utf8,
            "login" => &mut self.terms.login,
            "send_to" => &mut self.terms.send_to,
            "forward" => &mut self.forward,
            "keep" => &mut self.keep,
            "refer" => &mut self.refer,
            "vacation" => &mut self.vacation,
            _ => return None,
        })
    }
}

impl Reading<'_> {
    fn sections(&mut self) -> Declarations {
        let document = self.document;
        let mut declared = Declarations::default();
        for (word, item) in document.table() {
            let place = document.place(document.table().key(word).and_then(toml_edit::Key::span));
            match (word, item) {
                ("account", Item::ArrayOfTables(tables)) => {
                    let accounts = tables.iter().filter_map(|table| self.account(table));
                    declared.accounts.extend(accounts);
                }
                ("alias", Item::ArrayOfTables(tables)) => {
                    let aliases = tables.iter().filter_map(|table| self.alias(table));
                    declared.aliases.extend(aliases);
                }
                ("list", Item::ArrayOfTables(tables)) => {
                    let lists = tables.iter().filter_map(|table| self.list(table));
                    declared.lists.extend(lists);
                }
                (section, _) if SECTIONS.contains(&section) => {
                    let message = format!(
                        "write [[{section}]], with two pairs of brackets, above each {section}"
                    );
                    self.problems.push(place.problem(message));
                }
                _ => {
                    let hint = if KEYS.contains(&word) {
                        "; write [[account]] above it".to_owned()
                    } else {
                        did_you_mean(nearest(word, SECTIONS.into_iter()))
                    };
                    self.problems
                        .push(place.problem(format!("unknown key {word:?}{hint}")));
                }
            }
        }
        declared
    }

    /// One account, or `None` after adding what is wrong with it.
    fn account(&mut self, table: &Table) -> Option<Declaration> {
        let before = self.problems.len();
        let config::Reading {
            fields: entry,
            places,
            start,
            mut problems,
        } = config::Reading::<Entry>::of(self.document, table);
        self.problems.append(&mut problems);
        let at = |key: &str| places.get(key).unwrap_or(&start);
        if entry.apop && entry.password_hash.is_some() {
            let message = "apop: a hash cannot be turned back into the password that APOP needs; use password_file";
            self.problems.push(at("apop").problem(message));
        }
        self.addresses(&entry, at);
        let forward = self.forward(&entry, at);
        self.refer(&entry, at);
        let secret = self.secret(&entry, &start, at);
        match (entry.address, secret) {
            (Some(address), Some(secret)) if self.problems.len() == before => Some(Declaration {
                address,
                name: entry.name,
                secret,
                quota: entry.quota,
                aliases: entry.aliases,
                apop: entry.apop,
                terms: entry.terms,
                forward,
                refer: entry.refer,
                vacation: entry.vacation.map(|away| away.0),
                place: start,
            }),
            (None, _) if !places.contains_key("address") => {
                self.problems.push(start.problem("address is missing"));
                None
            }
            _ => None,
        }
    }

    fn forward<'p>(&mut self, entry: &Entry, at: impl Fn(&str) -> &'p Place) -> Option<Forward> {
        let wrong = if entry.forward.is_empty() {
            let message = "keep: it says whether a copy of forwarded mail stays, and nothing is forwarded; name addresses in forward, or leave keep out";
            entry.keep.map(|_| ("keep", message.to_owned()))
        } else if entry.forward.len() > MOST_FORWARDS {
            let message = format!(
                "forward: {MOST_FORWARDS} addresses at most; for more people make a list (tegami list add)"
            );
            Some(("forward", message))
        } else if let Some(own) = entry.forward.iter().find(|to| entry.is_own(to)) {
            let message = format!(
                "forward: {own} is an address of this account itself; leave it out, and keep = true keeps a copy"
            );
            Some(("forward", message))
        } else {
            let message = "forward: nobody can write to an account without a mailbox; take out mailbox = false";
            (!entry.terms.mailbox).then(|| ("forward", message.to_owned()))
        };
        if let Some((key, message)) = wrong {
            self.problems.push(at(key).problem(message));
        }
        (!entry.forward.is_empty()).then(|| Forward {
            to: entry.forward.clone(),
            keep: entry.keep.unwrap_or(true),
            disclosed: false,
        })
    }

    /// What goes against sending on, and against being away.
    fn refer<'p>(&mut self, entry: &Entry, at: impl Fn(&str) -> &'p Place) {
        if entry.refer.is_some() && !entry.forward.is_empty() {
            let message = "refer: mail cannot be both refused with a new address and forwarded; keep refer or forward";
            self.problems.push(at("refer").problem(message));
        }
        if entry.vacation.is_some() && !entry.terms.mailbox {
            let message = "vacation: nobody can write to an account without a mailbox; take out mailbox = false";
            self.problems.push(at("vacation").problem(message));
        }
        let Some(from) = entry
            .vacation
            .as_ref()
            .and_then(|away| away.0.address.as_ref())
        else {
            return;
        };
        let mut own = entry.address.iter().chain(&entry.aliases);
        if !own.any(|own| own.key() == from.key()) {
            let message = format!(
                "vacation: address: {from} is neither the address of this account nor one of its aliases"
            );
            self.problems.push(at("vacation").problem(message));
        }
    }

    fn addresses<'p>(&mut self, entry: &Entry, at: impl Fn(&str) -> &'p Place) {
        if let Some(address) = &entry.address {
            self.one_of_ours("address", address, at("address"));
        }
        for address in &entry.aliases {
            self.one_of_ours("aliases", address, at("aliases"));
        }
    }

    /// The address of a table, one of ours; `None` after adding that there is none.
    fn address(
        &mut self,
        address: Option<Mailbox>,
        places: &BTreeMap<&'static str, Place>,
        start: &Place,
    ) -> Option<Mailbox> {
        let place = places.get("address");
        match &address {
            Some(address) => self.one_of_ours("address", address, place.unwrap_or(start)),
            None if place.is_none() => self.problems.push(start.problem("address is missing")),
            // A value of the wrong kind has been reported already.
            None => {}
        }
        address
    }

    /// What is wrong with an address that mail is taken for.
    fn one_of_ours(&mut self, key: &str, address: &Mailbox, place: &Place) {
        let here = (address.host.domain()).is_some_and(|domain| self.domains.contains(domain));
        if !here {
            self.problems.push(place.problem(format!(
                "{key}: {address} is in none of the domains of this server"
            )));
        }
        if address.local.is_route() {
            let message = format!(
                "{key}: {address} looks like a route, so other servers' mail for it is refused; choose a name without %, ! and @"
            );
            self.problems.push(place.problem(message));
        }
        if address.local.detail().is_some() {
            let message = format!(
                "{key}: {address} has a +detail, which leads to the address before the + anyway"
            );
            self.problems.push(place.problem(message));
        }
    }

    fn secret<'p>(
        &mut self,
        entry: &Entry,
        start: &Place,
        at: impl Fn(&str) -> &'p Place,
    ) -> Option<DeclaredSecret> {
        let outcome = match (&entry.password_file, &entry.password_hash) {
            (Some(path), None) => self.password(path).map_err(|message| {
                at("password_file").problem(format!("password_file: {message}"))
            }),
            (None, Some(hash)) => PasswordHash::parse(hash)
                .map(DeclaredSecret::Hash)
                .map_err(|error| at("password_hash").problem(format!("password_hash: {error}"))),
            (Some(_), Some(_)) => Err(at("password_hash")
                .problem("password_hash and password_file exclude each other; keep one")),
            // A value of the wrong kind has been reported already, and is not missing.
            (None, None) if at("password_file") != start || at("password_hash") != start => {
                return None;
            }
            (None, None) => Err(start.problem("password_file or password_hash is missing")),
        };
        match outcome {
            Ok(secret) => Some(secret),
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        }
    }

    /// The first line of a password file; a relative path starts from the accounts file.
    fn password(&mut self, path: &Path) -> Result<DeclaredSecret, String> {
        let path = self
            .document
            .path()
            .parent()
            .unwrap_or(Path::new(""))
            .join(path);
        let cannot = |why: String| format!("cannot read {}: {why}", path.display());
        let mut text = read_bounded(&path, LONGEST_PASSWORD_FILE).map_err(cannot)?;
        let about = fs::metadata(&path).map_err(|error| cannot(error.to_string()))?;
        let mode = about.permissions().mode() & 0o777;
        text.truncate(text.find('\n').unwrap_or(text.len()));
        text.truncate(text.trim_end_matches('\r').len());
        let secret = Secret::new(text);
        if secret.is_empty() {
            return Err(format!(
                "{} has no password in its first line",
                path.display()
            ));
        }
        if mode & 0o077 != 0 {
            self.open_to_others.push((path, mode));
        }
        Ok(DeclaredSecret::Password(secret))
    }

    /// An address is one account, one alias or one list; only the aliases of accounts may be shared.
    fn twice(&mut self, declared: &Declarations) {
        let mut seen: HashMap<String, (&'static str, &Place)> = HashMap::new();
        let accounts = declared
            .accounts
            .iter()
            .map(|one| ("account", &one.address, &one.place));
        let aliases = declared
            .aliases
            .iter()
            .map(|one| ("alias", &one.address, &one.place));
        let lists = declared
            .lists
            .iter()
            .map(|one| ("list", &one.settings.address, &one.place));
        for (what, address, place) in accounts.chain(aliases).chain(lists) {
            match seen.get(&address.key()) {
                Some((_, first)) => {
                    let message = format!("address: {address} is declared at {first} already");
                    self.problems.push(place.problem(message));
                }
                None => {
                    seen.insert(address.key(), (what, place));
                }
            }
        }
        for account in &declared.accounts {
            for alias in &account.aliases {
                if let Some((what @ ("account" | "list"), place)) = seen.get(&alias.key()) {
                    let article = if *what == "account" { "an" } else { "a" };
                    let message =
                        format!("aliases: {alias} is {article} {what}, declared at {place}");
                    self.problems.push(account.place.problem(message));
                }
            }
        }
    }
}
