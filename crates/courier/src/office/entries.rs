//! What the queue of the store has, as jobs of the schedule: the one place that knows both.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use address::Envelope;
use delivery::schedule::{Cursor, Deadline, Delay, Job, NextHop, Rest, Sender, Want};
use mailstore::{AccountId, Heard, Queued, QueuedLetter, ReadError, Store, StoreError, Waiting};

use super::house::{House, Nowhere, Route};
use super::means::Means;

/// The next hop of what goes into mailboxes here.
const HERE: &str = "(here)";
/// The next hop of what the house does something with.
const ERRAND: &str = "(errand)";
/// The next hop of what goes nowhere.
const NOWHERE: &str = "(nowhere)";

/// The next hop of what somebody wants to wait: nothing ever starts for it.
const PAUSED: &str = "(paused)";

/// A message of the queue, as it is now.
pub(super) struct Entry {
    pub(super) queued: Queued,
    pub(super) envelope: Arc<Envelope>,
    pub(super) letter: QueuedLetter,
}

/// Why there is no entry.
#[derive(Debug)]
pub(super) enum Unread {
    /// It has left the queue.
    Gone,
    /// It will never be readable again.
    Damaged(ReadError),
    /// Perhaps it is later.
    NotNow(String),
}

/// Where a job goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// To another server.
    Carried,
    /// Into mailboxes here.
    Here,
    /// The house knows.
    Errand,
    /// Nowhere.
    Nowhere,
}

/// A page of the queue.
pub(super) struct Page {
    pub(super) jobs: Vec<Job>,
    pub(super) rest: Rest,
    /// Jobs that the index will not show when they are due, for their messages stand elsewhere in it.
    pub(super) aside: Vec<(SystemTime, u64)>,
}

/// A time of the store: milliseconds since 1970.
pub(super) fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The same for the schedule. What no clock can show is never.
pub(super) fn time(milliseconds: u64) -> SystemTime {
    let never = UNIX_EPOCH + Duration::from_secs(253_402_300_799);
    let at = UNIX_EPOCH.checked_add(Duration::from_millis(milliseconds));
    at.map_or(never, |at| at.min(never))
}

/// Reads one message. May block.
pub(super) fn read(store: &Store, id: u64) -> Result<Entry, Unread> {
    let queued = store.queued(id).map_err(unready)?.ok_or(Unread::Gone)?;
    entry(store, queued)
}

fn entry(store: &Store, queued: Queued) -> Result<Entry, Unread> {
    match store.queue_letter(queued.id) {
        Ok(Some((_, envelope, letter))) => Ok(Entry {
            queued,
            envelope: Arc::new(envelope),
            letter,
        }),
        Ok(None) | Err(ReadError::Gone) => Err(Unread::Gone),
        Err(error @ ReadError::Damaged { .. }) => Err(Unread::Damaged(error)),
        Err(error @ ReadError::Io(_)) => Err(Unread::NotNow(error.to_string())),
    }
}

fn unready(error: StoreError) -> Unread {
    Unread::NotNow(error.to_string())
}

/// Answers a question of the schedule. May block.
///
/// # Errors
/// When the store cannot be read, in words.
pub(super) fn page(means: &Means, want: &Want) -> Result<Page, String> {
    let store = &means.store;
    let until = want.until.map_or(u64::MAX, milliseconds);
    let after = want
        .after
        .map(|cursor| (milliseconds(cursor.due), cursor.message));
    let found = store
        .queue_due(until, after, want.most)
        .map_err(|error| error.to_string())?;
    let last = found.last().filter(|_| found.len() >= want.most);
    let last = last.and_then(|last| Some((last.due()?, last.id)));
    let rest = match last {
        Some((due, message)) => Rest::After(Cursor {
            due: time(due),
            message,
        }),
        None => Rest::Nothing(next_due(store, until)?),
    };
    let mut page = Page {
        jobs: Vec::new(),
        rest,
        aside: Vec::new(),
    };
    for queued in found {
        let id = queued.id;
        match entry(store, queued) {
            Ok(entry) => page.add(means, &entry, want.until),
            Err(Unread::Gone) => (),
            Err(Unread::Damaged(error)) => damaged(means, id, &error),
            Err(Unread::NotNow(error)) => return Err(error),
        }
    }
    Ok(page)
}

/// The first that is due behind that time.
fn next_due(store: &Store, until: u64) -> Result<Option<SystemTime>, String> {
    if until == u64::MAX {
        return Ok(None);
    }
    let next = store.queue_due(u64::MAX, Some((until, u64::MAX)), 1);
    let next = next.map_err(|error| error.to_string())?;
    Ok(next.first().and_then(Queued::due).map(time))
}

/// Says that a message of the queue cannot be read, once.
pub(super) fn damaged(means: &Means, id: u64, error: &ReadError) {
    if means.is_news(id) {
        tracing::error!(id, %error, "a message of the queue is damaged and cannot be sent: see `tegami queue show`");
    }
}

impl Page {
    fn add(&mut self, means: &Means, entry: &Entry, until: Option<SystemTime>) {
        let jobs = jobs(&*means.house, entry, None);
        for job in &jobs {
            let beyond = until.is_some_and(|until| job.due > until);
            if beyond && stands_aside(job, &entry.queued) {
                self.aside.push((job.due, job.message));
            }
        }
        self.jobs.extend(jobs);
    }
}

/// The index has a message under the due time of its first recipient; whoever of it is due later is not found there
/// while the first is in hand or cannot start.
pub(super) fn stands_aside(job: &Job, queued: &Queued) -> bool {
    queued.due().is_some_and(|first| job.due > time(first))
}

/// The jobs of a message: one per next hop, those who are held left out. `only`: of these recipients.
pub(super) fn jobs(house: &dyn House, entry: &Entry, only: Option<&[u32]>) -> Vec<Job> {
    jobs_of(house, &entry.queued, &entry.envelope, only)
}

/// The same, of parts.
pub(super) fn jobs_of(
    house: &dyn House,
    queued: &Queued,
    envelope: &Envelope,
    only: Option<&[u32]>,
) -> Vec<Job> {
    // A job has its recipients in the order of the envelope.
    let wanted = |one: &&Waiting| {
        !one.held && only.is_none_or(|only| only.binary_search(&one.recipient).is_ok())
    };
    let mut groups: BTreeMap<Arc<NextHop>, Vec<&Waiting>> = BTreeMap::new();
    for one in queued.waiting.iter().filter(wanted) {
        let hop = hop(&route(house, envelope, queued.account, one.recipient));
        groups.entry(hop).or_default().push(one);
    }
    let sender = Arc::new(sender(queued, envelope));
    let received = time(queued.received);
    let job = |(next_hop, waiting): (Arc<NextHop>, Vec<&Waiting>)| Job {
        message: queued.id,
        next_hop,
        sender: Arc::clone(&sender),
        recipients: waiting.iter().map(|one| one.recipient).collect(),
        octets: queued.octets,
        arrived: received,
        release: queued.release.map(time),
        due: time(waiting.iter().map(|one| one.due).min().unwrap_or(0)),
        attempts: waiting.iter().map(|one| one.attempts).max().unwrap_or(0),
        tried: waiting
            .iter()
            .map(|one| one.tried)
            .min()
            .flatten()
            .map(time),
        told: waiting.iter().all(|one| one.told),
        told_late: waiting.iter().all(|one| one.told_late),
        deadline: deadline(envelope, received),
    };
    groups.into_iter().map(job).collect()
}

/// What is left of a job, and what of it goes elsewhere by now.
pub(super) fn divided(house: &dyn House, entry: &Entry, job: &Job) -> (Option<Job>, Vec<Job>) {
    let mut jobs = jobs(house, entry, Some(&job.recipients));
    let own = jobs.iter().position(|one| one.next_hop == job.next_hop);
    let own = own.map(|at| jobs.swap_remove(at));
    (own, jobs)
}

/// Where a recipient goes now.
pub(super) fn route(
    house: &dyn House,
    envelope: &Envelope,
    account: Option<AccountId>,
    recipient: u32,
) -> Route {
    let at = usize::try_from(recipient).unwrap_or(usize::MAX);
    match envelope.recipients.get(at) {
        Some(recipient) => house.route(&recipient.path, &envelope.reverse_path, account),
        // The store keeps an envelope and its recipients together; what does not fit goes back.
        None => Route::Nowhere(Nowhere {
            status: reply::Enhanced(5, 3, 0),
            row: None,
            words: "this recipient does not stand in the envelope of the message".to_owned(),
        }),
    }
}

/// The next hop that stands for a route in the schedule.
pub(super) fn hop(route: &Route) -> Arc<NextHop> {
    match route {
        Route::Hop(hop) => Arc::clone(hop),
        Route::Here(_) => Arc::new(NextHop::Route(HERE.into())),
        Route::Errand => Arc::new(NextHop::Route(ERRAND.into())),
        Route::Nowhere(_) => Arc::new(NextHop::Route(NOWHERE.into())),
        Route::Paused => Arc::new(paused()),
    }
}

/// The next hop that nothing ever starts for.
pub(super) fn paused() -> NextHop {
    NextHop::Route(PAUSED.into())
}

/// What has to be done for a next hop.
pub(super) fn way(hop: &NextHop) -> Way {
    match hop {
        NextHop::Route(name) if **name == *HERE => Way::Here,
        NextHop::Route(name) if **name == *ERRAND => Way::Errand,
        NextHop::Route(name) if **name == *NOWHERE || **name == *PAUSED => Way::Nowhere,
        NextHop::Route(_) | NextHop::Host(_) | NextHop::Held(_) => Way::Carried,
    }
}

fn sender(queued: &Queued, envelope: &Envelope) -> Sender {
    match queued.account {
        Some(AccountId(number)) => Sender::Account(number),
        None => Sender::Path(envelope.reverse_path.clone()),
    }
}

/// BY counts from the time the message was taken in (RFC 2852 section 4.1.4).
fn deadline(envelope: &Envelope, received: SystemTime) -> Option<Deadline> {
    let by = envelope.deliver_by?;
    let time = Duration::from_secs(u64::from(by.seconds().unsigned_abs()));
    let at = if by.seconds() < 0 {
        received.checked_sub(time)
    } else {
        received.checked_add(time)
    };
    Some(Deadline {
        at: at.unwrap_or(received),
        mode: by.mode(),
    })
}

/// An attempt, as the store remembers it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tried {
    /// When it began.
    pub(super) began: SystemTime,
    /// How many there have been.
    pub(super) attempts: u32,
    /// When the next is due.
    pub(super) due: SystemTime,
}

/// What is known of a recipient after an attempt, or after its sender was told.
pub(super) fn again(
    before: &Waiting,
    tried: Option<Tried>,
    report: Option<Delay>,
    heard: Option<Heard>,
) -> Waiting {
    let mut now = before.clone();
    if let Some(tried) = tried {
        now.tried = Some(milliseconds(tried.began));
        now.attempts = tried.attempts;
        // Up, so that nothing is due before its time.
        let whole = time(milliseconds(tried.due)) >= tried.due;
        now.due = milliseconds(tried.due).saturating_add(u64::from(!whole));
    }
    match report {
        Some(Delay::Slow) => now.told = true,
        Some(Delay::TooLate) => now.told_late = true,
        None => (),
    }
    if heard.is_some() {
        now.heard = heard;
    }
    now
}
