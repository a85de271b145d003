//! Accounts declared in `accounts_file`: read, compared with the store, and made so.
//!
//! A declaration that disappears switches its account off and never touches mail; accounts made by hand are left
//! alone. Secrets are compared by a keyed fingerprint, so that a thousand unchanged accounts cost no hashing.
//! When to do this, and what to do when it fails, is the caller's business.

mod alias;
mod apply;
mod file;
mod fingerprint;
mod plan;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use address::{Domain, Mailbox};
use auth::{Keyring, PasswordHash, Secret, Wanted};
use mailstore::{Forward, Terms};
use thiserror::Error;

use crate::config::{ConfigError, Octets, Place};
use crate::key_file::KeyFileError;

use alias::Remembered;

pub use alias::{DeclaredAlias, RememberError};
pub use apply::{ApplyError, Report, apply};
pub use fingerprint::Fingerprints;
pub use plan::{AccountStep, Known, NewSecret, Plan, plan};

/// The accounts file, read and checked.
#[derive(Debug)]
pub struct Declarations {
    /// At least one, no address twice.
    pub accounts: Vec<Declaration>,
    /// No address twice, and none of an account.
    pub aliases: Vec<DeclaredAlias>,
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
    /// Where it is declared.
    pub place: Place,
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
    /// What was declared before cannot be known or kept: nothing was changed, or all of it was and too much is remembered,
    /// which does no harm.
    #[error(transparent)]
    Remember(#[from] RememberError),
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

/// Makes the accounts in the store what the declarations say: compares, hashes what is new on all cores, and
/// sends each change through `change`.
///
/// `known` is what the store has now; `data_dir` holds the key for fingerprints, and which aliases were declared before;
/// `workshop` turns passwords into what is stored of them.
///
/// # Errors
/// [`ReconcileError`] says for each cause whether anything was changed.
pub async fn reconcile<Change, Changed>(
    declared: &Declarations,
    known: Known<'_>,
    data_dir: &Path,
    workshop: Workshop,
    change: Change,
) -> Result<Report, ReconcileError>
where
    Change: Fn(mailstore::Change) -> Changed,
    Changed: Future<Output = Result<(), mailstore::ChangeError>> + Send + 'static,
{
    let fingerprints = Fingerprints::open(data_dir)?;
    let remembered = Remembered::open(data_dir)?;
    let before = &remembered.aliases;
    let plan = plan(declared, known, before, &fingerprints, workshop.wanted)?;
    remembered.add(&declared.aliases)?;
    let report = apply(plan, workshop, change).await?;
    remembered.keep(&declared.aliases)?;
    Ok(report)
}
