//! Carries a [`Plan`] out: hashes new passwords on all cores, then changes the store.

use std::fmt;
use std::num::NonZero;
use std::panic;
use std::thread;

use address::Mailbox;
use auth::{HashError, Keyring, NewPassword, Secret};
use mailstore::{Account, Change, ChangeError, NewAccount};
use thiserror::Error;
use tokio::task::JoinSet;

use super::{AccountStep, DeclaredSecret, NewSecret, Plan, Workshop};

/// Each takes 19 MiB while it runs.
const MOST_HASHES_AT_ONCE: usize = 16;

/// Changes under way at once: enough for the store to write them in groups.
const MOST_CHANGES_AT_ONCE: usize = 64;

/// What was changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Accounts that were made.
    pub made: Vec<Mailbox>,
    /// Accounts that were changed.
    pub altered: Vec<Mailbox>,
    /// Accounts that were switched off, because their declaration is gone.
    pub switched_off: Vec<Mailbox>,
    /// Lists that were made or changed.
    pub lists_put: Vec<Mailbox>,
    /// Lists whose declaration is gone, and which stay as they are.
    pub lists_left: Vec<Mailbox>,
    /// Aliases that were made or changed.
    pub aliases_put: Vec<Mailbox>,
    /// Aliases that were removed.
    pub aliases_removed: Vec<Mailbox>,
    /// How many accounts were as declared.
    pub unchanged: usize,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} made, {} changed, {} switched off, {} unchanged",
            self.made.len(),
            self.altered.len(),
            self.switched_off.len(),
            self.unchanged
        )
    }
}

/// Why a plan was carried out in part or not at all.
#[derive(Debug, Error)]
pub enum ApplyError {
    /// A password could not be hashed; the store was not changed.
    #[error("{address}: {source}")]
    Hash {
        /// Whose.
        address: Mailbox,
        /// Why.
        source: HashError,
    },
    /// The store refused or failed; what came before is done.
    #[error("{address}: {source}")]
    Change {
        /// Which account or alias.
        address: Mailbox,
        /// Why.
        source: ChangeError,
    },
    /// Part of this program failed in a way that it should not.
    #[error("reconciling accounts stopped unexpectedly: {0}")]
    Stopped(#[from] tokio::task::JoinError),
}

/// Carries `plan` out through `change`, whose futures run side by side.
///
/// # Errors
/// With the first failure. The next plan contains what is left.
pub async fn apply<Apply, Applied>(
    plan: Plan,
    workshop: Workshop,
    change: Apply,
) -> Result<Report, ApplyError>
where
    Apply: Fn(Change) -> Applied,
    Applied: Future<Output = Result<(), ChangeError>> + Send + 'static,
{
    let mut report = Report {
        unchanged: plan.unchanged,
        lists_left: plan.lists_left,
        ..Report::default()
    };
    let accounts =
        tokio::task::spawn_blocking(move || hashed(plan.accounts, &workshop.keyring)).await??;
    let removals = plan
        .aliases_to_remove
        .into_iter()
        .map(|alias| (alias.clone(), Change::RemoveAlias(alias)));
    report.aliases_removed = all(removals, &change).await?;
    let [made, altered, switched_off] = accounts;
    report.made = all(made, &change).await?;
    report.altered = all(altered, &change).await?;
    report.switched_off = all(switched_off, &change).await?;
    let lists = plan
        .lists_to_put
        .into_iter()
        .map(|list| (list.address.clone(), Change::PutList(list)));
    report.lists_put = all(lists, &change).await?;
    let puts = plan
        .aliases_to_put
        .into_iter()
        .map(|alias| (alias.address.clone(), Change::PutAlias(alias)));
    report.aliases_put = all(puts, &change).await?;
    Ok(report)
}

/// Makes all these changes, in no particular order, and returns whom they were about.
async fn all<Apply, Applied>(
    changes: impl IntoIterator<Item = (Mailbox, Change)>,
    change: &Apply,
) -> Result<Vec<Mailbox>, ApplyError>
where
    Apply: Fn(Change) -> Applied,
    Applied: Future<Output = Result<(), ChangeError>> + Send + 'static,
{
    let mut running = JoinSet::new();
    let mut done = Vec::new();
    for (address, next) in changes {
        if running.len() >= MOST_CHANGES_AT_ONCE
            && let Some(finished) = running.join_next().await
        {
            done.push(finished?);
        }
        let outcome = change(next);
        running.spawn(async move { (address, outcome.await) });
    }
    while let Some(finished) = running.join_next().await {
        done.push(finished?);
    }
    let mut addresses = Vec::with_capacity(done.len());
    for (address, outcome) in done {
        match outcome {
            Ok(()) => addresses.push(address),
            Err(source) => return Err(ApplyError::Change { address, source }),
        }
    }
    addresses.sort();
    Ok(addresses)
}

/// The changes to make, alter and switch off accounts, with every new password hashed.
fn hashed(
    steps: Vec<AccountStep>,
    keyring: &Keyring,
) -> Result<[Vec<(Mailbox, Change)>; 3], ApplyError> {
    let passwords: Vec<Work<'_>> = steps.iter().filter_map(new_password).collect();
    let mut derived = derive(&passwords, keyring).into_iter();
    let [mut made, mut altered, mut switched_off] = [Vec::new(), Vec::new(), Vec::new()];
    for step in steps {
        match step {
            AccountStep::Make { account, secret } => {
                let NewPassword { hash, keys } =
                    password(&account.address, secret, keyring, &mut derived)?;
                made.push((
                    account.address.clone(),
                    Change::AddAccount(NewAccount {
                        password: Some(hash),
                        keys,
                        ..account
                    }),
                ));
            }
            AccountStep::Alter {
                account,
                secret: Some(secret),
            } => {
                let NewPassword { hash, keys } =
                    password(&account.address, secret, keyring, &mut derived)?;
                altered.push((
                    account.address.clone(),
                    Change::PutAccount(Account {
                        password: Some(hash),
                        keys,
                        ..account
                    }),
                ));
            }
            AccountStep::Alter {
                account,
                secret: None,
            } => {
                altered.push((account.address.clone(), Change::PutAccount(account)));
            }
            AccountStep::SwitchOff(account) => {
                switched_off.push((account.address.clone(), Change::PutAccount(account)));
            }
        }
    }
    Ok([made, altered, switched_off])
}

/// A password to be worked on: whose it is, and what has to come of it.
struct Work<'a> {
    address: &'a Mailbox,
    password: &'a Secret,
    wanted: auth::Wanted,
}

/// The password of this step that is still to be hashed.
fn new_password(step: &AccountStep) -> Option<Work<'_>> {
    let (address, secret) = match step {
        AccountStep::Make { account, secret } => (&account.address, Some(secret)),
        AccountStep::Alter { account, secret } => (&account.address, secret.as_ref()),
        AccountStep::SwitchOff(account) => (&account.address, None),
    };
    let NewSecret { declared, wanted } = secret?;
    match declared {
        DeclaredSecret::Password(password) => Some(Work {
            address,
            password,
            wanted: *wanted,
        }),
        DeclaredSecret::Hash(_) => None,
    }
}

/// What to store for `secret`; `derived` holds what came of all passwords, in the order of the steps.
fn password(
    address: &Mailbox,
    secret: NewSecret,
    keyring: &Keyring,
    derived: &mut impl Iterator<Item = Result<NewPassword, HashError>>,
) -> Result<NewPassword, ApplyError> {
    let NewSecret { declared, wanted } = secret;
    let stored = match declared {
        DeclaredSecret::Hash(hash) => Ok(hash.into()),
        DeclaredSecret::Password(password) => derived
            .next()
            .unwrap_or_else(|| keyring.derive(&password, address, wanted)),
    };
    stored.map_err(|source| ApplyError::Hash {
        address: address.clone(),
        source,
    })
}

/// Works on passwords on all cores; the results are in their order.
fn derive(passwords: &[Work<'_>], keyring: &Keyring) -> Vec<Result<NewPassword, HashError>> {
    if passwords.is_empty() {
        return Vec::new();
    }
    let cores = thread::available_parallelism()
        .map_or(1, NonZero::get)
        .min(MOST_HASHES_AT_ONCE);
    let one = |work: &Work<'_>| keyring.derive(work.password, work.address, work.wanted);
    thread::scope(|scope| {
        let workers: Vec<_> = passwords
            .chunks(passwords.len().div_ceil(cores))
            .map(|share| scope.spawn(move || share.iter().map(one).collect::<Vec<_>>()))
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|panic| panic::resume_unwind(panic))
            })
            .collect()
    })
}
