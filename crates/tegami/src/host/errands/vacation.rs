//! Replies while somebody is away (RFC 3834): one worker, which nobody waits for.
//!
//! Whoever wrote is looked at once the message is in its mailbox. When more comes than the worker can look at, some are
//! not answered, which does no harm: they are the next time they write.

use std::path::Path;
use std::sync::{Arc, Weak};

use address::{Mailbox, ReversePath};
use delivery::answered::Answered;
use delivery::vacation::{Decision, Message, Owner, Stamp, Vacation};
use mailstore::AccountId;
use tokio::sync::mpsc;

use super::{Trouble, addresses, date, memory, places, random, seconds};
use crate::host::House;

/// Messages that wait to be looked at, each with a header of 64 KiB at most.
const MOST_WAITING: usize = 64;

/// A message that has arrived for somebody who may be away.
pub struct Note {
    /// Whose mailbox it is.
    pub account: AccountId,
    /// From MAIL.
    pub reverse_path: ReversePath,
    /// The beginning of the message, as it came.
    pub header: Arc<[u8]>,
    /// It came under REQUIRETLS.
    pub requiretls: bool,
}

/// The way to the worker.
pub struct Notes(mpsc::Sender<Note>);

impl Notes {
    /// Has it looked at some time.
    pub(super) fn send(&self, note: Note) {
        if let Err(mpsc::error::TrySendError::Full(note)) = self.0.try_send(note) {
            tracing::warn!(
                account = note.account.0,
                "too much mail for people who are away: one sender is not told"
            );
        }
    }
}

/// Starts the worker. It ends with the house.
pub(super) fn start(house: &Arc<House>) -> Notes {
    let (sender, notes) = mpsc::channel(MOST_WAITING);
    tokio::spawn(work(Arc::downgrade(house), notes));
    Notes(sender)
}

async fn work(house: Weak<House>, mut notes: mpsc::Receiver<Note>) {
    while let Some(note) = notes.recv().await {
        let Some(house) = house.upgrade() else {
            return;
        };
        if let Err(error) = answer(&house, &note).await {
            tracing::warn!(account = note.account.0, %error, "nobody is told that somebody is away");
        }
    }
}

async fn answer(house: &Arc<House>, note: &Note) -> Result<(), Trouble> {
    let Some(errands) = house.errands.get() else {
        return Ok(());
    };
    let directory = house.store.directory();
    let Some(account) = directory.account(note.account) else {
        return Ok(());
    };
    let Some(vacation) = account.handling.vacation.as_deref().and_then(read) else {
        return Ok(());
    };
    let all: Vec<Mailbox> = addresses(&directory, note.account);
    let owner = Owner {
        mailbox: &account.address,
        name: &account.name,
        others: all.get(1..).unwrap_or_default(),
    };
    let message = Message {
        reverse_path: &note.reverse_path,
        header: &note.header,
        requiretls: note.requiretls,
    };
    let name = format!("vacation-{}", note.account.0);
    let mut answered: Answered = memory::read(&errands.data_dir, &name)?;
    let answer = match vacation.decide(&owner, &message, &mut answered, seconds()) {
        Decision::Answer(answer) => answer,
        Decision::Silence(silence) => {
            tracing::debug!(account = %account.address, ?silence, "no reply");
            return Ok(());
        }
    };
    // RFC 3834 section 2: whoever is told is remembered, and that first.
    let data_dir = errands.data_dir.clone();
    let kept = tokio::task::spawn_blocking(move || memory::write(&data_dir, &name, &answered));
    kept.await.map_err(|_| Trouble::Stopping)??;
    let id = u128::from_le_bytes(random());
    let host = house.policy.load().hostname.clone();
    let reply = answer.write(
        &vacation,
        &owner,
        &Stamp {
            date: &date(),
            message_id: &format!("{id:032x}@{host}"),
        },
    );
    let Some(parcel) = places::own(house, &reply.envelope, reply.message).await? else {
        return Ok(());
    };
    let queued = house.store.post(parcel).await?;
    tracing::info!(account = %account.address, to = %answer.recipient(), queue = queued, "told that somebody is away");
    if let Some(id) = queued {
        house.sends(id);
    }
    Ok(())
}

fn read(settings: &str) -> Option<Vacation> {
    serde_json::from_str(settings)
        .inspect_err(|error| tracing::error!(%error, "the settings of a vacation cannot be read"))
        .ok()
}

/// Forgets whom accounts answered that are there no more.
pub(super) fn tidy(data_dir: &Path, is_there: impl Fn(AccountId) -> bool) {
    for name in memory::names(data_dir) {
        let number = name.strip_prefix("vacation-");
        let account = number.and_then(|number| number.parse().ok()).map(AccountId);
        if account.is_some_and(|account| !is_there(account)) {
            memory::forget(data_dir, &name);
        }
    }
}
