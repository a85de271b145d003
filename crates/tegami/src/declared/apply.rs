//! Carries a [`Plan`] out.

use std::fmt;

use address::Mailbox;
use auth::HashError;
use mailstore::{Alias, Change, ChangeError};
use thiserror::Error;
use tokio::task::JoinSet;

use super::Plan;
use super::passwords::AccountChanges;

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
    /// Declared members of lists, by list, who stay away since nobody knows any more whether they have left.
    pub not_joined: Vec<(Mailbox, Vec<Mailbox>)>,
    /// Aliases that were made or changed.
    pub aliases_put: Vec<Mailbox>,
    /// Aliases that stay as they were, for with what was made by hand they would lead back to themselves.
    pub aliases_in_circles: Vec<Mailbox>,
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

/// Carries `plan` out through `change`, whose futures run side by side; `accounts` is what becomes of its accounts.
///
/// # Errors
/// With the first failure. The next plan contains what is left.
pub async fn apply<Apply, Applied>(
    plan: Plan,
    accounts: AccountChanges,
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
    let removals = plan
        .aliases_to_remove
        .into_iter()
        .map(|alias| (alias.clone(), Change::RemoveAlias(alias)));
    report.aliases_removed = all(removals, &change).await?;
    report.made = all(accounts.made, &change).await?;
    report.altered = all(accounts.altered, &change).await?;
    report.switched_off = all(accounts.switched_off, &change).await?;
    let lists = plan
        .lists_to_put
        .into_iter()
        .map(|list| (list.address.clone(), Change::PutList(list)));
    report.lists_put = all(lists, &change).await?;
    (report.aliases_put, report.aliases_in_circles) =
        put_aliases(plan.aliases_to_put, &change).await?;
    Ok(report)
}

/// Makes or changes these aliases; returns those, and the ones that would lead back to themselves. One that only does so
/// until another is changed is made after that.
async fn put_aliases<Apply, Applied>(
    mut aliases: Vec<Alias>,
    change: &Apply,
) -> Result<(Vec<Mailbox>, Vec<Mailbox>), ApplyError>
where
    Apply: Fn(Change) -> Applied,
    Applied: Future<Output = Result<(), ChangeError>> + Send + 'static,
{
    let mut put = Vec::new();
    loop {
        let puts = aliases
            .iter()
            .map(|alias| (alias.address.clone(), Change::PutAlias(alias.clone())));
        let (done, circles) = attempt(puts, change).await?;
        let progress = !done.is_empty();
        put.extend(done);
        if circles.is_empty() || !progress {
            put.sort();
            return Ok((put, circles));
        }
        aliases.retain(|alias| circles.contains(&alias.address));
    }
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
    let (done, circles) = attempt(changes, change).await?;
    match circles.into_iter().next() {
        None => Ok(done),
        Some(address) => Err(ApplyError::Change {
            source: ChangeError::AliasCycle(address.clone()),
            address,
        }),
    }
}

/// The same; returns whom those were about that were made, and the aliases that would have led back to themselves.
async fn attempt<Apply, Applied>(
    changes: impl IntoIterator<Item = (Mailbox, Change)>,
    change: &Apply,
) -> Result<(Vec<Mailbox>, Vec<Mailbox>), ApplyError>
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
    let (mut addresses, mut circles) = (Vec::with_capacity(done.len()), Vec::new());
    for (address, outcome) in done {
        match outcome {
            Ok(()) => addresses.push(address),
            Err(ChangeError::AliasCycle(_)) => circles.push(address),
            Err(source) => return Err(ApplyError::Change { address, source }),
        }
    }
    addresses.sort();
    circles.sort();
    Ok((addresses, circles))
}
