//! Writing down what came of attempts, together with the reports about it, until the store has it.

use std::collections::HashSet;
use std::mem;
use std::sync::Arc;

use address::Envelope;
use delivery::schedule::{Job, JobKey, Verdict};
use mailstore::{AccountId, Attempt, Noted, Parcel, Queued, Reservation, StoreError};
use reply::Enhanced;
use tokio::sync::mpsc;

use super::attempt::{Nothing, PATIENCE};
use super::desk::News;
use super::entries::{self, Entry, Unread};
use super::fates::{self, Attempted, Found, Judged, Matter, Obstacle, Story};
use super::given::Given;
use super::hands::Hands;
use super::house::Housed;
use super::letter::blocking;
use super::means::Means;
use super::report;
use crate::carry::Carried;

/// Recipients that one report speaks of at most.
const MOST_STORIES: usize = 100;

/// What is left of one job.
pub(super) struct Settled {
    pub(super) key: JobKey,
    pub(super) again: Option<Job>,
    /// The index does not show it when it is due.
    pub(super) aside: bool,
}

/// What is said to the store at once.
struct Part {
    attempt: Attempt,
    stories: Vec<Story>,
    here: Given,
}

impl Part {
    /// Whose mailboxes the message is in, once this is written down.
    fn housed(&self, matter: &Matter) -> Option<Housed> {
        (!self.here.is_empty()).then(|| Housed {
            accounts: self.here.accounts.clone(),
            envelope: Arc::clone(&matter.envelope),
            beginning: self.here.beginning.clone(),
        })
    }
}

/// Writes down what came of some jobs of one message.
pub(super) async fn settle(
    means: Arc<Means>,
    found: Vec<Found>,
    news: mpsc::UnboundedSender<News>,
) {
    let Some(matter) = found.first().map(|first| first.matter.clone()) else {
        return;
    };
    let (mut jobs, mut hands) = (Vec::new(), Vec::new());
    let mut parts = Vec::new();
    for one in found {
        jobs.push(Arc::clone(&one.job));
        let (some, held) = divided(one);
        parts.extend(some);
        hands.extend(held);
    }
    let mut left = None;
    for part in joined(parts) {
        let housed = part.housed(&matter);
        match written(&means, &matter, part).await {
            Ok(noted) => {
                if let Some(housed) = housed.filter(|_| noted.is_some()) {
                    means.house.housed(housed);
                }
                let noted = noted.map(|noted| {
                    for id in noted.posted.iter().flatten() {
                        let _ = news.send(News::Posted(*id));
                    }
                    noted.queued
                });
                left = noted;
            }
            // The store is closed: it is tried again after the next start.
            Err(StoreError::Stopped) => return,
            Err(error) => {
                tracing::error!(id = matter.id, %error, "what came of an attempt is not written down");
                return;
            }
        }
    }
    drop(hands);
    let settled = jobs.iter().map(|job| match &left {
        Some(queued) => remaining(&means, &matter, job, queued, &news),
        None => Settled {
            key: job.key(),
            again: None,
            aside: false,
        },
    });
    let _ = news.send(News::Settled(settled.collect()));
}

/// What is left of a job, as the store has it now.
fn remaining(
    means: &Means,
    matter: &Matter,
    job: &Job,
    queued: &Queued,
    news: &mpsc::UnboundedSender<News>,
) -> Settled {
    let only = Some(&*job.recipients);
    let jobs = entries::jobs_of(&*means.house, queued, &matter.envelope, only);
    let same = |one: &Job| one.next_hop == job.next_hop;
    let (own, elsewhere): (Vec<Job>, Vec<Job>) = jobs.into_iter().partition(same);
    if !elsewhere.is_empty() {
        let _ = news.send(News::Elsewhere(elsewhere));
    }
    let again = own.into_iter().next();
    let stands_aside = |again: &Job| entries::stands_aside(again, queued);
    Settled {
        key: job.key(),
        aside: again.as_ref().is_some_and(stands_aside),
        again,
    }
}

/// What came of a job, in parts of so many stories. Whom a story is about is written down with it.
fn divided(mut found: Found) -> (Vec<Part>, Option<Hands>) {
    let hands = found.hands.take();
    let mut stories = found.stories.into_iter();
    let mut parts = Vec::new();
    loop {
        let some: Vec<Story> = stories.by_ref().take(MOST_STORIES).collect();
        let rest = stories.len() > 0;
        let told: HashSet<u32> = some.iter().map(|story| story.recipient).collect();
        let now = |recipient: u32| !rest || told.contains(&recipient);
        let attempt = Attempt {
            closed: found.closed.extract_if(.., |one| now(*one)).collect(),
            again: found
                .again
                .extract_if(.., |one| now(one.recipient))
                .collect(),
        };
        parts.push(Part {
            attempt,
            stories: some,
            here: Given::default(),
        });
        if !rest {
            break;
        }
    }
    if let Some(last) = parts.last_mut() {
        last.here = found.here;
    }
    (parts, hands)
}

/// As few parts as they fit into.
fn joined(parts: Vec<Part>) -> Vec<Part> {
    let mut joined: Vec<Part> = Vec::new();
    for part in parts {
        match joined.last_mut() {
            Some(last)
                if last.stories.len() + part.stories.len() <= MOST_STORIES
                    && (last.here.is_empty() || part.here.is_empty()) =>
            {
                last.attempt.closed.extend(part.attempt.closed);
                last.attempt.again.extend(part.attempt.again);
                last.stories.extend(part.stories);
                if last.here.is_empty() {
                    last.here = part.here;
                }
            }
            Some(_) | None => joined.push(part),
        }
    }
    joined
}

/// Says it to the store until the store knows.
///
/// # Errors
/// When the store is closed.
async fn written(
    means: &Arc<Means>,
    matter: &Matter,
    mut part: Part,
) -> Result<Option<Noted>, StoreError> {
    let (mut pause, mut may_bounce, mut full) = (PATIENCE.0, None, false);
    loop {
        let room = mem::take(&mut part.here.room);
        let stories = if full { &[][..] } else { &part.stories };
        let tried = match parcels(means, matter, stories, &mut may_bounce, &part, room).await {
            Ok(parcels) => {
                let attempt = part.attempt.clone();
                means
                    .store
                    .queue_attempted(matter.id, attempt, parcels)
                    .await
            }
            Err(error) => Err(error),
        };
        let error = match tried {
            Ok(noted) => return Ok(noted),
            Err(StoreError::Stopped) => return Err(StoreError::Stopped),
            Err(error) => error,
        };
        // The report finds no place, as when a mailbox has filled up this moment: the queue is not to wait for it.
        full |= part.here.is_empty() && has_no_place(&error);
        if means.may_complain() {
            tracing::warn!(id = matter.id, %error, "what came of an attempt is not written down yet; it is said again");
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PATIENCE.1);
    }
}

/// Whether it is the message itself that cannot be kept.
fn has_no_place(error: &StoreError) -> bool {
    match error {
        StoreError::MailboxFull { .. }
        | StoreError::QueueFull { .. }
        | StoreError::TooLarge
        | StoreError::NoRecipients => true,
        StoreError::Full
        | StoreError::Io { .. }
        | StoreError::Rebuilding
        | StoreError::Held
        | StoreError::Incomplete
        | StoreError::Stopped => false,
    }
}

/// The messages that go with it: into mailboxes here, and the report.
async fn parcels(
    means: &Arc<Means>,
    matter: &Matter,
    stories: &[Story],
    may_bounce: &mut Option<bool>,
    part: &Part,
    room: Vec<Reservation>,
) -> Result<Vec<Parcel>, StoreError> {
    let mut parcels = Vec::new();
    if !part.here.is_empty() {
        parcels.push(
            copy(
                means,
                matter,
                &part.here.accounts,
                room,
                &part.attempt.closed,
            )
            .await?,
        );
    }
    let report = report::parcel(means, matter, stories, may_bounce).await?;
    parcels.extend(report);
    Ok(parcels)
}

/// The message itself, for mailboxes here.
async fn copy(
    means: &Arc<Means>,
    matter: &Matter,
    accounts: &[AccountId],
    mut room: Vec<Reservation>,
    recipients: &[u32],
) -> Result<Parcel, StoreError> {
    let unread = |_| StoreError::Incomplete;
    let (store, id) = (means.store.clone(), matter.id);
    let found = blocking(means, move || store.queue_letter(id)).await;
    let found = found.map_err(unread)?.map_err(|_| StoreError::Incomplete)?;
    let (_, envelope, letter) = found.ok_or(StoreError::Incomplete)?;
    if room.is_empty() {
        let full = |account: AccountId| move |full| StoreError::MailboxFull { account, full };
        let reserve = |account: &AccountId| {
            let reserved = means.store.reserve(*account, letter.octets());
            reserved.map_err(full(*account))
        };
        room = accounts.iter().map(reserve).collect::<Result<_, _>>()?;
    }
    let mut incoming = means.store.begin();
    let letter = Arc::new(letter);
    loop {
        let reader = Arc::clone(&letter);
        let piece = blocking(means, move || reader.read()).await;
        let piece = piece.map_err(unread)?.map_err(|_| StoreError::Incomplete)?;
        incoming.write(piece.octets).await?;
        if piece.last {
            break;
        }
    }
    let recipients = recipients.iter();
    let recipients = recipients.filter_map(|one| matter.recipient(*one).cloned());
    Ok(Parcel {
        incoming,
        reservations: room,
        envelope: Envelope {
            recipients: recipients.collect(),
            ..envelope
        },
        outgoing: None,
    })
}

/// What time alone says about a job, as soon as the store can be read.
pub(super) async fn judge(
    means: Arc<Means>,
    job: Arc<Job>,
    judged: Judged,
    obstacle: Option<Obstacle>,
    news: mpsc::UnboundedSender<News>,
) {
    let by_time = |means: &Means, job: &Arc<Job>, entry: &Entry, hands: Hands| {
        fates::of_time(means, job, entry, (judged, obstacle.as_ref()), hands)
    };
    look(means, job, news, by_time).await;
}

/// A job whose attempt broke off for a fault of ours: it is put off, so that it cannot break off again at once.
pub(super) async fn broken(means: Arc<Means>, job: Arc<Job>, news: mpsc::UnboundedSender<News>) {
    let put_off = |means: &Means, job: &Arc<Job>, entry: &Entry, hands: Hands| {
        let now = means.now();
        let carried = Carried {
            recipient: 0,
            verdict: Verdict::Deferred,
            status: Enhanced(4, 3, 0),
            row: None,
            remote: None,
            passed: None,
            words: "the attempt broke off for a fault of this server".to_owned(),
            when: now,
        };
        let each = hands.recipients.iter();
        let attempted = Attempted {
            began: now,
            carried: each.map(|one| (*one, carried.clone())).collect(),
            here: Given::default(),
            at_home: false,
            hands: Some(hands),
        };
        let waiting = &entry.queued.waiting;
        fates::of_attempt(means, job, Matter::of(entry), waiting, attempted)
    };
    look(means, job, news, put_off).await;
}

/// Finds out who is still concerned, and says what came of it.
async fn look(
    means: Arc<Means>,
    job: Arc<Job>,
    news: mpsc::UnboundedSender<News>,
    then: impl FnOnce(&Means, &Arc<Job>, &Entry, Hands) -> Found,
) {
    // First, so that what is read is not older than what the last to have them in hand has written down.
    let mut hands = means.in_hand.take(job.message, job.recipients.to_vec());
    let mut pause = PATIENCE.0;
    let nothing = |nothing| {
        let _ = news.send(News::Nothing {
            connection: None,
            key: job.key(),
            nothing,
        });
    };
    let entry = loop {
        let (store, id) = (means.store.clone(), job.message);
        match blocking(&means, move || entries::read(&store, id)).await {
            Ok(Ok(entry)) => break entry,
            Ok(Err(Unread::Gone)) => return nothing(Nothing::default()),
            Ok(Err(Unread::Damaged(error))) => {
                entries::damaged(&means, job.message, &error);
                return nothing(Nothing::default());
            }
            Ok(Err(Unread::NotNow(error))) => {
                if means.may_complain() {
                    tracing::warn!(id, error, "the queue cannot be read; it is tried again");
                }
            }
            Err(_) => return,
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PATIENCE.1);
    };
    let (own, elsewhere) = entries::divided(&*means.house, &entry, &job);
    hands.keep(own.as_ref().map_or(&[][..], |own| &own.recipients));
    if hands.recipients.is_empty() {
        let later = own.map(|own| own.due.max(means.now() + means.rules().soon));
        return nothing(Nothing {
            again: None,
            elsewhere,
            later,
        });
    }
    let found = then(&means, &job, &entry, hands);
    if !elsewhere.is_empty() {
        let _ = news.send(News::Elsewhere(elsewhere));
    }
    let _ = news.send(News::Found(Box::new(found)));
}
