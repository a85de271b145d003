//! Reads `accounts_file`, and the password files it names.
//!
//! Every mistake is reported with its line, all at once. Nothing here knows the store.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use address::{Domain, Mailbox};
use auth::{PasswordHash, Secret};
use mailstore::{Forward, MOST_FORWARDS, Terms};
use toml_edit::{ArrayOfTables, Item, Table};

use crate::config::{
    self, ConfigError, Document, Fields, Octets, Place, Problem, Slot, did_you_mean, nearest,
    read_bounded,
};

use crate::weakness;

use super::alias::{self, DeclaredAlias};
use super::{Declaration, Declarations, DeclaredSecret};

pub(super) const KEYS: [&str; 13] = [
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
];

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
    let (accounts, aliases) = reading.tables();
    reading.twice(&accounts);
    let declared = |address: &Mailbox| {
        let key = address.key();
        let mut accounts = accounts.iter();
        let account = accounts.find(|account| account.address.key() == key);
        account.map(|account| account.place.clone())
    };
    let mut twice = alias::twice(&aliases, declared);
    reading.problems.append(&mut twice);
    if accounts.is_empty() && reading.problems.is_empty() {
        let message = "declares no account; to change accounts with `tegami account` instead, remove accounts_file from the configuration";
        reading.problems.push(Place::file(path).problem(message));
    }
    ConfigError::unless_empty(reading.problems)?;
    Ok(Declarations {
        warnings: warning(&reading.open_to_others).into_iter().collect(),
        accounts,
        aliases,
    })
}

/// Why an address cannot be one of ours.
pub(super) fn unfit(key: &str, address: &Mailbox, domains: &[Domain]) -> Vec<String> {
    let mut wrong = Vec::new();
    let domain = address.host.domain();
    if !domain.is_some_and(|domain| domains.contains(domain)) {
        wrong.push(format!(
            "{key}: {address} is in none of the domains of this server"
        ));
    }
    if address.local.is_route() {
        wrong.push(format!(
            "{key}: {address} looks like a route, so other servers' mail for it is refused; choose a name without %, ! and @"
        ));
    }
    if address.local.detail().is_some() {
        wrong.push(format!(
            "{key}: {address} has a +detail, which leads to the address before the + anyway"
        ));
    }
    wrong
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
}

impl Fields for Entry {
    const SECTION: &'static str = "account";
    const KEYS: &'static [&'static str] = &KEYS;
    const PREFIX: &'static str = "";

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
            _ => return None,
        })
    }
}

impl Reading<'_> {
    fn tables(&mut self) -> (Vec<Declaration>, Vec<DeclaredAlias>) {
        let document = self.document;
        let (mut accounts, mut aliases) = (Vec::new(), Vec::new());
        for (word, item) in document.table() {
            let place = document.place(document.table().key(word).and_then(toml_edit::Key::span));
            match (word, item) {
                ("account", Item::ArrayOfTables(tables)) => accounts.extend(self.accounts(tables)),
                ("alias", Item::ArrayOfTables(tables)) => aliases.extend(self.aliases(tables)),
                ("alias", _) => self.problems.push(
                    place.problem("write [[alias]], with two pairs of brackets, above each alias"),
                ),
                ("account", _) => {
                    self.problems.push(place.problem(
                        "write [[account]], with two pairs of brackets, above each account",
                    ))
                }
                _ => {
                    let hint = if KEYS.contains(&word) {
                        "; write [[account]] above it".to_owned()
                    } else {
                        did_you_mean(nearest(word, ["account", "alias"].into_iter()))
                    };
                    self.problems
                        .push(place.problem(format!("unknown key {word:?}{hint}")));
                }
            }
        }
        (accounts, aliases)
    }

    fn aliases(&mut self, tables: &ArrayOfTables) -> Vec<DeclaredAlias> {
        let read = |table| alias::read(self.document, table, self.domains);
        let (mut aliases, mut problems) = (Vec::new(), Vec::new());
        for outcome in tables.iter().map(read) {
            match outcome {
                Ok(alias) => aliases.push(alias),
                Err(mut wrong) => problems.append(&mut wrong),
            }
        }
        self.problems.append(&mut problems);
        aliases
    }

    fn accounts(&mut self, tables: &ArrayOfTables) -> Vec<Declaration> {
        tables
            .iter()
            .filter_map(|table| self.account(table))
            .collect()
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

    fn addresses<'p>(&mut self, entry: &Entry, at: impl Fn(&str) -> &'p Place) {
        for (key, address) in entry
            .address
            .iter()
            .map(|a| ("address", a))
            .chain(entry.aliases.iter().map(|a| ("aliases", a)))
        {
            let wrong = unfit(key, address, self.domains).into_iter();
            let wrong = wrong.map(|message| at(key).problem(message));
            self.problems.extend(wrong);
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

    /// One address is one account; an alias may be shared by accounts, but not be one.
    fn twice(&mut self, accounts: &[Declaration]) {
        let mut seen: HashMap<String, &Declaration> = HashMap::new();
        for account in accounts {
            if let Some(first) = seen.get(&account.address.key()) {
                let message = format!(
                    "address: {} is declared at {} already",
                    account.address, first.place
                );
                self.problems.push(account.place.problem(message));
            } else {
                seen.insert(account.address.key(), account);
            }
        }
        for account in accounts {
            for alias in &account.aliases {
                if let Some(other) = seen.get(&alias.key()) {
                    let message = format!(
                        "aliases: {alias} is an account, declared at {}",
                        other.place
                    );
                    self.problems.push(account.place.problem(message));
                }
            }
        }
    }
}
