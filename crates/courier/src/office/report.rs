//! Reports: who hears of what became of a message, and the message that says so, written by `dsn`.

use std::sync::Arc;
use std::time::SystemTime;

use address::dsn::Ret;
use address::{Envelope, ForwardPath, Mailbox, Recipient, ReversePath};
use bytes::Bytes;
use dsn::{Facts, Languages, Limits, MessageId, Moment, OfList, Original, Survey};
use mailstore::{Parcel, StoreError};

use super::entries;
use super::fates::{Matter, Story};
use super::letter::{self, blocking};
use super::means::Means;
use super::post::{self, Unposted, Written};

/// Most of a message that is read to find the end of its header, in octets.
const MOST_HEADER: u64 = 256 * 1024;
/// Pieces of the message are kept until there is so much of it: languages and the Message-ID are looked for in it.
const HEADER: usize = 64 * 1024;
/// How many times an hour the postmaster hears of mail that can neither be delivered nor returned.
const MOST_BOUNCED: u32 = 20;

/// What is known of the original.
#[derive(Default)]
struct Known {
    original: Option<Original>,
    header: Vec<u8>,
}

/// The report about these stories, ready to be kept; `None` where nobody is to hear of it, or nobody can. `may_bounce`
/// remembers what was decided about telling the postmaster when the same report is made once more.
///
/// # Errors
/// When the store cannot keep it now.
pub(super) async fn parcel(
    means: &Arc<Means>,
    matter: &Matter,
    stories: &[Story],
    may_bounce: &mut Option<bool>,
) -> Result<Option<Parcel>, StoreError> {
    if stories.is_empty() {
        return Ok(None);
    }
    if let ReversePath::Mailbox(sender) = &matter.envelope.reverse_path {
        // Nobody knows who wrote it: too many reports would go to those whose addresses were made use of.
        let stranger = matter.account.is_none() && means.house.is_foreign(sender);
        if stranger && !means.tell_stranger(sender) {
            tracing::warn!(id = matter.id, to = %sender, "no report of a message: enough went to senders outside in this hour");
            return Ok(None);
        }
        match posted(
            means,
            matter,
            stories,
            sender,
            &matter.envelope.reverse_path,
        )
        .await
        {
            Err(Unposted::Store(error)) => return Err(error),
            Err(error @ (Unposted::Nobody | Unposted::NoRoom(_))) => {
                tracing::warn!(id = matter.id, to = %sender, %error, "the sender cannot be told what became of a message");
            }
            Ok(parcel) => return Ok(parcel),
        }
    }
    bounced(means, matter, stories, may_bounce).await
}

/// The double bounce: our postmaster hears of it, if it is a failure (RFC 3461 section 6).
async fn bounced(
    means: &Arc<Means>,
    matter: &Matter,
    stories: &[Story],
    may_bounce: &mut Option<bool>,
) -> Result<Option<Parcel>, StoreError> {
    let failed = |story: &&Story| story.action == dsn::Action::Failed;
    let failures: Vec<Story> = stories.iter().filter(failed).cloned().collect();
    if failures.is_empty() {
        return Ok(None);
    }
    let allowed = || means.tell_postmaster(matter.id, means.now(), MOST_BOUNCED);
    if !*may_bounce.get_or_insert_with(allowed) {
        tracing::warn!(
            id = matter.id,
            "a message could neither be delivered nor returned; the postmaster has heard of enough of them"
        );
        return Ok(None);
    }
    let postmaster = means.house.postmaster();
    match posted(means, matter, &failures, &postmaster, &ReversePath::Null).await {
        Ok(parcel) => Ok(parcel),
        Err(Unposted::Store(error)) => Err(error),
        Err(error @ (Unposted::Nobody | Unposted::NoRoom(_))) => {
            tracing::warn!(id = matter.id, to = %postmaster, %error, "the postmaster cannot be told of a message that failed");
            Ok(None)
        }
    }
}

/// Writes it, where that takes nobody's time, and finds it a place.
async fn posted(
    means: &Arc<Means>,
    matter: &Matter,
    stories: &[Story],
    to: &Mailbox,
    sender: &ReversePath,
) -> Result<Option<Parcel>, Unposted> {
    let closed = |_| Unposted::Store(StoreError::Stopped);
    let _permit = means.writers.acquire().await.map_err(closed)?;
    let (with, matter, sender) = (Arc::clone(means), matter.clone(), sender.clone());
    let stories = stories.to_vec();
    let work = move || write(&with, &matter, &stories, sender);
    let written = blocking(means, work).await;
    let written = written.map_err(|_| Unposted::Store(StoreError::Stopped))?;
    let Some(written) = written else {
        return Ok(None);
    };
    // The report knows whom it is for; that is `to`, or the postmaster where there is no sender.
    let to = match written.envelope.recipients.first().map(|one| &one.path) {
        Some(ForwardPath::Mailbox(mailbox)) => mailbox.clone(),
        Some(ForwardPath::Postmaster) | None => to.clone(),
    };
    post::parcel(means, &to, &written).await.map(Some)
}

/// May block.
fn write(
    means: &Means,
    matter: &Matter,
    stories: &[Story],
    sender: ReversePath,
) -> Option<Written> {
    let house = &*means.house;
    let moment = |at: SystemTime| moment(means, at);
    let full = matter.envelope.ret == Some(Ret::Full);
    let known = known(means, matter, full);
    let envelope = Envelope {
        reverse_path: sender,
        recipients: Vec::new(),
        ..Envelope::clone(&matter.envelope)
    };
    let outcomes: Vec<dsn::Outcome<'_>> = stories
        .iter()
        .filter_map(|story| story.outcome(matter, moment))
        .collect();
    let message_id = MessageId::find(&known.header);
    let failed = outcomes
        .iter()
        .filter(|one| one.action == dsn::Action::Failed);
    let failed: Vec<&Recipient> = failed.map(|one| one.recipient).collect();
    let of_list = house.list_of(&envelope.reverse_path, &known.header, &failed);
    let report = dsn::compose(&Facts {
        reporting: &house.hostname(),
        postmaster: &house.postmaster(),
        envelope: &envelope,
        arrived: moment(matter.received),
        now: moment(means.now()),
        outcomes: &outcomes,
        languages: languages(means, &envelope, &known.header),
        original: known.original.as_ref(),
        message_id: message_id.as_ref(),
        list: of_list
            .as_ref()
            .map(|(list, members)| OfList { list, members }),
        untold: match (&envelope.reverse_path, &matter.envelope.reverse_path) {
            (ReversePath::Null, ReversePath::Mailbox(sender)) => Some(sender),
            (ReversePath::Null | ReversePath::Mailbox(_), _) => None,
        },
        limits: Limits {
            octets: house.most_returned(),
            eight_bit: true,
        },
        random: house.random(),
    })?;
    let mut pieces = vec![Bytes::from(report.front)];
    let copied = report
        .between
        .map(|between| copied(means, matter, &between));
    pieces.extend(copied);
    pieces.push(Bytes::from(report.back));
    Some(Written {
        envelope: report.envelope,
        pieces,
    })
}

/// What goes back of the original, as it gets through.
fn copied(means: &Means, matter: &Matter, between: &dsn::Between) -> Bytes {
    let mut out = Vec::new();
    let mut encoder = between.transfer.encoder();
    let (sender, end) = (&matter.envelope.reverse_path, between.octets.end);
    let copied = letter::each_piece(&means.store, matter.id, sender, end, |piece| {
        encoder.push(piece, &mut out);
    });
    match copied {
        Ok(_) => encoder.finish(&mut out),
        Err(error) => {
            // The report is right about everything else.
            tracing::warn!(id = matter.id, %error, "a report goes out without the message");
            out.clear();
        }
    }
    Bytes::from(out)
}

fn languages(means: &Means, envelope: &Envelope, header: &[u8]) -> Languages {
    match &envelope.reverse_path {
        ReversePath::Mailbox(_) => means.house.languages(&envelope.reverse_path, header),
        ReversePath::Null => {
            let postmaster = ReversePath::Mailbox(means.house.postmaster());
            means.house.languages(&postmaster, &[])
        }
    }
}

pub(super) fn moment(means: &Means, at: SystemTime) -> Moment {
    let seconds = entries::milliseconds(at) / 1000;
    Moment::new(
        i64::try_from(seconds).unwrap_or(i64::MAX),
        means.house.zone(at),
    )
}

/// Looks at the original: at all of it when it may come back whole, else as far as its header goes.
fn known(means: &Means, matter: &Matter, full: bool) -> Known {
    let most = if full {
        means.house.most_returned().max(MOST_HEADER)
    } else {
        MOST_HEADER
    };
    let (mut survey, mut header) = (Survey::new(), Vec::new());
    let sender = &matter.envelope.reverse_path;
    let through = letter::each_piece(&means.store, matter.id, sender, most, |piece| {
        survey.read(piece);
        if header.len() < HEADER {
            header.extend_from_slice(piece);
        }
    });
    let (seen, octets) = match through {
        Ok(octets) => (survey.finish(), octets),
        // It has left, or cannot be read: the report does without it.
        Err(_) => return Known::default(),
    };
    header.truncate(usize::try_from(seen.header_octets).unwrap_or(usize::MAX));
    // Of a header that does not end, no part is of use.
    let ended = seen.header_octets < seen.octets || seen.octets == octets;
    Known {
        original: ended.then_some(Original { octets, ..seen }),
        header,
    }
}
