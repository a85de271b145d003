//! Accounts, aliases and lists declared in `accounts_file`: read, compared with the store, and made so.
//!
//! A declaration that disappears switches its account off and never touches mail; accounts made by hand are left
//! alone. Secrets are compared by a keyed fingerprint, so that a thousand unchanged accounts cost no hashing.
//! When to do this, and what to do when it fails, is the caller's business.

mod apply;
mod file;
mod fingerprint;
mod memory;
mod passwords;
mod plan;
#[cfg(test)]
mod tests;
mod words;

use std::io;
use std::path::Path;
use std::sync::Arc;

use address::{Domain, Mailbox};
use auth::{Keyring, PasswordHash, Secret, Wanted};
use delivery::{list, vacation};
use mailstore::{Account, Alias, Directory, Forward, StoredList, Terms};
use thiserror::Error;

use crate::config::{ConfigError, Octets, Place};
use crate::key_file::KeyFileError;

pub use apply::{ApplyError, Report, apply};
pub use fingerprint::Fingerprints;
use memory::Memory;
pub use memory::octets as memory_octets;
use passwords::Passwords;
pub use plan::{AccountStep, NewSecret, Plan, plan};

/// The accounts file, read and checked.
#[derive(Clone, Debug, Default)]
pub struct Declarations {
    /// At least one, no address twice.
    pub accounts: Vec<Declaration>,
    /// Each address once.
    pub aliases: Vec<DeclaredAlias>,
    /// Each address once; they make sense.
    pub lists: Vec<DeclaredList>,
    /// What is odd without being wrong, one sentence each.
    pub warnings: Vec<String>,
}

/// One `[[account]]`.
#[derive(Clone, Debug)]
pub struct Declaration {
    /// The main address, in one of our domains and without `+detail`.
    pub address: Mailbox,
    /// For people; may be empty.
    pub name: String,
    /// What its user logs in with.
    pub secret: DeclaredSecret,
    /// Its own quota, `Some(0)` for no limit; `None` is the default of all accounts.
    pub quota: Option<Octets>,
    /// Other addresses in our domains that lead here.
    pub aliases: Vec<Mailbox>,
    /// Whether it may log in with APOP and CRAM-MD5.
    pub apop: bool,
    /// What it is held to; whether it is suspended is no matter of the file.
    pub terms: Terms,
    /// Where its mail is sent on to.
    pub forward: Option<Forward>,
    /// The account has moved there.
    pub refer: Option<Mailbox>,
    /// What senders are told while somebody is away; it makes sense.
    pub vacation: Option<vacation::Settings>,
    /// Where it is declared.
    pub place: Place,
}

impl Declaration {
    /// Its vacation, as it is kept.
    fn vacation_text(&self) -> Option<String> {
        // Plain data: there is nothing JSON could not say.
        serde_json::to_string(self.vacation.as_ref()?).ok()
    }
}

/// One `[[alias]]`.
#[derive(Clone, Debug)]
pub struct DeclaredAlias {
    /// In one of our domains and without `+detail`; `*@domain` is everybody there for whom there is nothing else.
    pub address: Mailbox,
    /// Where its mail goes, here or elsewhere; at least one.
    pub to: Vec<Mailbox>,
    /// Where it is declared.
    pub place: Place,
}

/// One `[[list]]`.
#[derive(Clone, Debug)]
pub struct DeclaredList {
    /// What is said of it.
    pub settings: list::Settings,
    /// Where it is declared.
    pub place: Place,
}

/// What is in the store now.
#[derive(Debug, Default)]
pub struct Stored {
    /// All accounts.
    pub accounts: Vec<Account>,
    /// All aliases.
    pub aliases: Vec<Alias>,
    /// All mailing lists.
    pub lists: Vec<StoredList>,
}

impl From<&Directory> for Stored {
    fn from(directory: &Directory) -> Self {
        Self {
            accounts: directory.accounts().cloned().collect(),
            aliases: directory.aliases().cloned().collect(),
            lists: directory.lists().cloned().collect(),
        }
    }
}

/// What a user logs in with, as it is declared.
#[derive(Clone, Debug)]
pub enum DeclaredSecret {
    /// The first line of `password_file`.
    Password(Secret),
    /// `password_hash`.
    Hash(PasswordHash),
}

/// Turns passwords into what is stored of them.
#[derive(Clone, Debug)]
pub struct Workshop {
    /// With these keys of the house.
    pub keyring: Arc<Keyring>,
    /// What the mechanisms that are switched on need.
    pub wanted: Wanted,
}

/// Why declared accounts and the store were not brought together.
#[derive(Debug, Error)]
pub enum ReconcileError {
    /// The declarations contradict what is in the store; nothing was changed.
    #[error(transparent)]
    Conflict(#[from] ConfigError),
    /// The key for fingerprints could not be read or made; nothing was changed.
    #[error(transparent)]
    Fingerprint(#[from] KeyFileError),
    /// What was declared before could not be read (nothing was changed) or written (all was changed).
    #[error("declared.json in the data directory: {0}")]
    Memory(#[from] io::Error),
    /// Hashing a password or changing the store failed; running it again continues where it stopped.
    #[error(transparent)]
    Apply(#[from] ApplyError),
}

/// Reads and checks the accounts file.
///
/// # Errors
/// When it is missing or declares no account, and with everything else that is wrong in it.
pub fn load(path: &Path, domains: &[Domain]) -> Result<Declarations, ConfigError> {
    file::load(path, domains)
}

/// One sentence for all passwords of these accounts that are easy to guess. Takes half a millisecond for each, and some
/// megabytes for words, which stay.
pub fn weak<'a>(accounts: impl IntoIterator<Item = &'a Declaration>) -> Option<String> {
    file::weak(accounts)
}

/// Where accounts, aliases and lists are kept.
pub trait Keeper {
    /// The right to replace what is there.
    type Changing;

    /// What is there now.
    fn stored(&self) -> Stored;

    /// Waits for the right to replace it.
    fn changing(&self) -> impl Future<Output = Self::Changing> + Send;

    /// Makes one change; durable on return.
    fn change(
        &self,
        change: mailstore::Change,
    ) -> impl Future<Output = Result<(), mailstore::ChangeError>> + Send + 'static;
}

impl Keeper for mailstore::Store {
    type Changing = mailstore::Changing;

    fn stored(&self) -> Stored {
        Stored::from(&*self.directory())
    }

    async fn changing(&self) -> Self::Changing {
        Self::changing(self).await
    }

    fn change(
        &self,
        change: mailstore::Change,
    ) -> impl Future<Output = Result<(), mailstore::ChangeError>> + Send + 'static {
        let store = self.clone();
        async move { Self::change(&store, change).await }
    }
}

/// What [`reconcile`] would change now, a sentence for each thing.
///
/// # Errors
/// It would change nothing, for this reason.
pub fn compare(
    declared: &Declarations,
    stored: &Stored,
    domains: &[Domain],
    data_dir: &Path,
    wanted: Wanted,
) -> Result<Vec<String>, ReconcileError> {
    let fingerprints = Fingerprints::kept(data_dir)?;
    let known = Memory::read(data_dir)?;
    let is_known = known.is_some();
    let before = known.unwrap_or_else(|| Memory::instead(declared, stored));
    let plan = plan(declared, stored, domains, &before, &fingerprints, wanted)?;
    let mut sentences = words::of(&plan, stored);
    if !is_known {
        sentences.extend(words::not_joined(&before.not_on(stored)));
    }
    Ok(sentences)
}

/// Makes accounts, aliases and lists what the declarations say: compares, and makes each change. New passwords are hashed
/// before, on all cores, while everybody else goes on changing things; then it is compared anew.
///
/// `domains` are ours; `data_dir` holds the key for fingerprints and what was declared the last time; `workshop` turns
/// passwords into what is stored of them.
///
/// # Errors
/// [`ReconcileError`] says for each cause whether anything was changed.
pub async fn reconcile(
    declared: &Declarations,
    keeper: &impl Keeper,
    domains: &[Domain],
    data_dir: &Path,
    workshop: Workshop,
) -> Result<Report, ReconcileError> {
    let fingerprints = Fingerprints::open(data_dir)?;
    let known = Memory::read(data_dir)?;
    let before = match &known {
        Some(known) => known.clone(),
        None => Memory::instead(declared, &keeper.stored()),
    };
    let planned = || {
        let stored = keeper.stored();
        let wanted = workshop.wanted;
        plan(declared, &stored, domains, &before, &fingerprints, wanted)
    };
    let mut passwords = Passwords::default();
    loop {
        passwords
            .derive(&planned()?.accounts, &workshop.keyring)
            .await?;
        let _changing = keeper.changing().await;
        let plan = planned()?;
        // Of an account that was removed meanwhile, say.
        let Some(accounts) = passwords.changes(&plan.accounts) else {
            continue;
        };
        let now = Memory::of(declared);
        let meanwhile = before.with_aliases_of(&now);
        if known.as_ref() != Some(&meanwhile) {
            meanwhile.write(data_dir)?;
        }
        let not_joined = match known {
            Some(_) => Vec::new(),
            None => before.not_on(&keeper.stored()),
        };
        let mut report = apply(plan, accounts, |change| keeper.change(change)).await?;
        report.not_joined = not_joined;
        if now != meanwhile {
            now.write(data_dir)?;
        }
        return Ok(report);
    }
}
