//! Repairing a store that nobody runs: what is damaged is set aside by name, and log and index agree again.
//!
//! Where they disagree, the log is right, unless it is the log that is damaged and the index adds up by itself: then
//! what the index still knows is stated again at the end of the log. Damaged octets stay where they are in their
//! segment; a copy of them in `quarantine/` and no message standing there any more is what makes them harmless. A repair
//! that is interrupted is finished by the next one, and one that finds nothing changes nothing.

mod plan;
mod quarantine;

use std::fs;
use std::path::{Path, PathBuf};

use crate::at_rest::AtRest;
use crate::disk::Layout;
use crate::engine::Fact;
use crate::error::{OpenError, StoreError};
use crate::examine::{Examination, Examined, Finding, Hit, Reading};
use crate::log::{Held, LogEngine};
use crate::options::Options;
use crate::store::Store;

use plan::Plan;
use quarantine::Quarantine;

/// What a repair found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Repaired {
    /// As the store was.
    pub before: Examined,
    /// As it is now; none when there was nothing to do.
    pub after: Option<Examined>,
    /// Files made in the quarantine.
    pub quarantine: Vec<PathBuf>,
    /// Messages removed, because they or their records are damaged.
    pub removed: Vec<Hit>,
    /// Messages that were whole and whose owner's record was not: they are new messages now, and this is what they were.
    pub renewed: Vec<Hit>,
    /// Removals that had been forgotten with a damaged record and are removals again.
    pub removed_again: Vec<Hit>,
    /// Accounts, aliases and lists stated again.
    pub directory: u64,
    /// Queued messages of which it is stated again what becomes of them.
    pub queue: u64,
    /// The index has been built from the log.
    pub index_built: bool,
}

/// Why a repair did not come to its end. Whatever it has done by then is right and stays.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// The store cannot be read or opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Something could not be made durable.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Not all could be examined. Repairing by the rest would forget what only that part knows, so nothing was changed.
    #[error("nothing has been changed: {0}")]
    Unfinished(String),
}

/// Repairs the store in a data directory. Blocks, and must not be called where tokio runs tasks.
///
/// # Errors
/// When a process has the store, or it cannot be read or written.
pub fn repair(
    data_dir: &Path,
    options: &Options,
    reading: Reading<'_>,
) -> Result<Repaired, RepairError> {
    let layout = Layout::new(data_dir);
    // Nothing is made where nothing is.
    drop(AtRest::claim(data_dir)?);
    let (held, unclean) = Held::take(&layout)?;
    let planned = plan(&layout, reading);
    let mut plan = match planned {
        Ok(Plan {
            examined:
                Examined {
                    unfinished: Some(why),
                    ..
                },
            ..
        }) => {
            held.release(!unclean);
            return Err(RepairError::Unfinished(why));
        }
        Ok(plan) if !plan.examined.findings.is_empty() => plan,
        other => {
            held.release(!unclean);
            let before = other?.examined;
            return Ok(Repaired {
                before,
                ..Repaired::default()
            });
        }
    };
    let mut quarantine = Quarantine::open(&layout)?;
    plan.keep(&mut quarantine)?;
    quarantine.sync()?;
    if plan.build_index {
        forget_index(&layout)?;
    }
    let store = open(layout.clone(), options, held, unclean)?;
    let mut repaired = carry_out(&store, &mut plan)?;
    store.close_blocking();
    plan.move_bodies(&mut quarantine)?;
    quarantine.sync()?;
    repaired.quarantine = quarantine.made();
    repaired.before = plan.examined;
    let mut after = examine(&layout, reading)?;
    if !repaired.index_built && after.findings.iter().any(is_about_index) {
        let (held, unclean) = Held::take(&layout)?;
        forget_index(&layout)?;
        open(layout.clone(), options, held, unclean)?.close_blocking();
        repaired.index_built = true;
        after = examine(&layout, reading)?;
    }
    repaired.after = Some(after);
    Ok(repaired)
}

fn plan(layout: &Layout, reading: Reading<'_>) -> Result<Plan, OpenError> {
    let end = AtRest::held(&layout.root).end()?;
    Plan::of(Examination::of(&layout.root, end)?, reading)
}

fn examine(layout: &Layout, reading: Reading<'_>) -> Result<Examined, OpenError> {
    let at_rest = AtRest::claim(&layout.root)?;
    Examination::of(&layout.root, at_rest.end()?)?.run(None, reading)
}

fn open(layout: Layout, options: &Options, held: Held, unclean: bool) -> Result<Store, OpenError> {
    let (engine, inventory, opened) = LogEngine::open_held(layout, options, held, unclean)?;
    Store::assemble(
        std::sync::Arc::new(engine),
        inventory,
        opened,
        options.clone(),
    )
}

/// The next start builds it from the log.
fn forget_index(layout: &Layout) -> Result<(), OpenError> {
    match fs::remove_dir_all(&layout.index) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(OpenError::Io {
            path: layout.index.clone(),
            doing: "removing",
            source: error,
        }),
        _ => Ok(()),
    }
}

/// States everything that has to be stated: first who there is, then what they have, then what they have no more.
fn carry_out(store: &Store, plan: &mut Plan) -> Result<Repaired, StoreError> {
    let mut repaired = Repaired {
        index_built: plan.build_index,
        directory: plan.decisions.len() as u64,
        queue: plan.attempted.len() as u64,
        ..Repaired::default()
    };
    if !plan.decisions.is_empty() {
        store.restate(Fact::Decisions(std::mem::take(&mut plan.decisions)))?;
    }
    for (hit, entry) in std::mem::take(&mut plan.renewed) {
        let Some(message) = plan.renewal(&hit, &entry) else {
            continue;
        };
        let (account, uids) = (hit.account, vec![hit.uid]);
        store.restate(Fact::Message(message))?;
        // At once, so that after an interruption hardly any comes twice.
        // Nothing that could be brought back.
        let when = 0;
        store.restate(Fact::Expunge {
            account,
            uids,
            when,
        })?;
        repaired.renewed.push(hit);
    }
    for (account, uids) in std::mem::take(&mut plan.expunged) {
        store.restate(Fact::Expunge {
            account,
            uids,
            // Nothing that undelete should bring back.
            when: 0,
        })?;
    }
    for (id, pending) in std::mem::take(&mut plan.attempted) {
        store.restate(Fact::Attempted { id, pending })?;
    }
    repaired.removed = std::mem::take(&mut plan.removed);
    repaired.removed_again = std::mem::take(&mut plan.removed_again);
    Ok(repaired)
}

/// Whether building the index from the log mends it.
fn is_about_index(finding: &Finding) -> bool {
    match finding {
        Finding::NotInLog { .. }
        | Finding::NotInIndex { .. }
        | Finding::Differs { .. }
        | Finding::Mailbox { .. }
        | Finding::Directory { .. }
        | Finding::Queue { .. }
        | Finding::Entries
        | Finding::Index { .. } => true,
        Finding::Record { .. }
        | Finding::Body { .. }
        | Finding::MissingSegment { .. }
        | Finding::MissingBody { .. }
        | Finding::OrphanBody { .. } => false,
    }
}
