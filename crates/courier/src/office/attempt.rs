//! One attempt: what of a job is still to be sent, as the store has it now, and what the roads make of it.

mod errands;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use address::dsn::Notify;
use address::{DeliverBy, Envelope, ReversePath, deliver_by};
use delivery::schedule::{Ending, Job, Verdict};
use delivery::srs::Forwarded;
use mailstore::{AccountId, Reservation};
use reply::Enhanced;
use smtp_client::Transaction;

use super::entries::{self, Entry, Unread, Way};
use super::fates::{self, Attempted, Found, Matter};
use super::given::Given;
use super::hands::{Gate, Hands};
use super::house::Route;
use super::journal;
use super::letter::{Body, blocking, unburden};
use super::means::Means;
use super::outages;
use crate::carry::{Carried, Carry, Trip};

/// How long it takes until the store is asked again that could not answer, at first and at most.
pub(super) const PATIENCE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// What came of it.
pub(super) enum Attempt<Line> {
    /// There was nothing to try.
    Nothing(Nothing, Option<Line>),
    /// The line was gone before anything was said.
    Stale,
    /// It was tried.
    Made {
        found: Box<Found>,
        how: Ending,
        line: Option<Line>,
    },
}

/// Why there was nothing to do.
#[derive(Debug, Default)]
pub(super) struct Nothing {
    /// What is left of the job.
    pub(super) again: Option<Job>,
    /// These go elsewhere by now.
    pub(super) elsewhere: Vec<Job>,
    /// Somebody else has it in hand: the message is to be looked at again then.
    pub(super) later: Option<SystemTime>,
}

/// A job that can be tried.
struct Ready {
    entry: Prepared,
    hands: Hands,
    /// What the message begins with; nothing when it cannot be read.
    body: Result<Body, String>,
}

/// An entry whose letter has been opened.
struct Prepared {
    matter: Matter,
    waiting: Vec<mailstore::Waiting>,
    octets: u64,
}

enum Preparation {
    Nothing(Nothing),
    Ready(Box<Ready>),
    NotNow(String),
}

/// Those recipients who share a reverse-path: one transaction.
struct Group {
    reverse_path: ReversePath,
    recipients: Vec<u32>,
}

/// Tries a job over a line, or without one over a new one.
pub(super) async fn make<C: Carry>(
    means: &Arc<Means>,
    carry: &C,
    job: &Arc<Job>,
    line: Option<C::Line>,
) -> Attempt<C::Line> {
    let ready = match prepared(means, job).await {
        Ok(ready) => *ready,
        Err(nothing) => return Attempt::Nothing(nothing, line),
    };
    let began = means.now();
    let Ready {
        mut entry,
        hands,
        body,
    } = ready;
    let mut here = Given::default();
    let way = entries::way(&job.next_hop);
    let at_home = matches!(way, Way::Here | Way::Errand);
    // Here nothing can be called back in the middle.
    if at_home && !hands.gate.pass() {
        return Attempt::Nothing(Nothing::default(), line);
    }
    hands.gate.begin();
    let outcome = match (way, body) {
        (_, Err(words)) => Tried::by_us(&hands.recipients, Fate::unreadable(words), began, line),
        (Way::Nowhere, Ok(_)) => nowhere(means, &entry.matter, &hands, began),
        (Way::Here, Ok(body)) => {
            let (tried, given) = into_mailboxes(means, &entry, &hands, began);
            here = Given {
                beginning: body.octets(),
                ..given
            };
            tried
        }
        (Way::Errand, Ok(_)) => errands::run(means, &mut entry, &hands, began).await,
        (Way::Carried, Ok(body)) => carried(means, carry, job, &entry, &hands, body, line).await,
    };
    hands.gate.over();
    let ended = hands.gate.is_withdrawn() || means.in_hand.is_cut();
    let outcome = outcome.map(|tried| if ended { tried.decided() } else { tried });
    let Some(Tried { carried, how, line }) = outcome else {
        return match hands.gate.is_withdrawn() {
            true => Attempt::Nothing(Nothing::default(), None),
            false => Attempt::Stale,
        };
    };
    journal::attempted(&entry.matter, &carried, means.now());
    let attempted = Attempted {
        began,
        carried,
        here,
        at_home,
        hands: Some(hands),
    };
    let found = fates::of_attempt(means, job, entry.matter, &entry.waiting, attempted);
    Attempt::Made {
        found: Box::new(found),
        how,
        line,
    }
}

/// Reads what the store has, as soon as it can be read.
async fn prepared(means: &Arc<Means>, job: &Arc<Job>) -> Result<Box<Ready>, Nothing> {
    let mut pause = PATIENCE.0;
    loop {
        let (with, wanted) = (Arc::clone(means), Arc::clone(job));
        let error = match blocking(means, move || prepare(&with, &wanted)).await {
            Ok(Preparation::Ready(ready)) => return Ok(ready),
            Ok(Preparation::Nothing(nothing)) => return Err(nothing),
            Ok(Preparation::NotNow(error)) => error,
            Err(error) => error.to_string(),
        };
        if means.may_complain() {
            let id = job.message;
            tracing::warn!(id, error, "the queue cannot be read; it is tried again");
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PATIENCE.1);
    }
}

/// May block.
fn prepare(means: &Arc<Means>, job: &Job) -> Preparation {
    // First, so that what is read is not older than what the last to have them in hand has written down.
    let mut hands = means.in_hand.take(job.message, job.recipients.to_vec());
    let entry = match entries::read(&means.store, job.message) {
        Ok(entry) => entry,
        Err(Unread::Gone) => return Preparation::Nothing(Nothing::default()),
        Err(Unread::Damaged(error)) => {
            entries::damaged(means, job.message, &error);
            return Preparation::Nothing(Nothing::default());
        }
        Err(Unread::NotNow(error)) => return Preparation::NotNow(error),
    };
    let now = means.now();
    let (own, elsewhere) = entries::divided(&*means.house, &entry, job);
    let nothing = |again, later| {
        Preparation::Nothing(Nothing {
            again,
            elsewhere,
            later,
        })
    };
    let Some(own) = own else {
        return nothing(None, None);
    };
    if own.release.is_some_and(|release| release > now) {
        return nothing(Some(own), None);
    }
    hands.keep(&ripe(&entry, &own, job, now));
    if hands.recipients.is_empty() {
        let later = own.due.max(now + means.rules().soon);
        return nothing(None, Some(later));
    }
    let waiting = entry.queued.waiting.iter();
    let concerned = waiting.filter(|one| own.recipients.binary_search(&one.recipient).is_ok());
    let prepared = Prepared {
        matter: Matter::of(&entry),
        waiting: concerned.cloned().collect(),
        octets: entry.queued.octets,
    };
    let body = Body::open(means, &hands.gate, entry).map_err(|error| error.to_string());
    Preparation::Ready(Box::new(Ready {
        entry: prepared,
        hands,
        body,
    }))
}

/// Those whose time has come. When it has come for none, somebody wants it tried all the same: then all, but those that
/// were tried since the job was read.
fn ripe(entry: &Entry, own: &Job, job: &Job, now: SystemTime) -> Vec<u32> {
    let waiting = || {
        let all = entry.queued.waiting.iter();
        all.filter(|one| own.recipients.binary_search(&one.recipient).is_ok())
    };
    let due: Vec<u32> = waiting()
        .filter(|one| entries::time(one.due) <= now)
        .map(|one| one.recipient)
        .collect();
    if !due.is_empty() {
        return due;
    }
    waiting()
        .filter(|one| one.attempts <= job.attempts)
        .map(|one| one.recipient)
        .collect()
}

/// What was tried, for every recipient.
struct Tried<Line> {
    carried: Vec<(u32, Carried)>,
    how: Ending,
    line: Option<Line>,
}

/// What is decided here, without asking anybody.
struct Fate {
    verdict: Verdict,
    status: Enhanced,
    row: Option<&'static reply::Row>,
    words: String,
}

impl Fate {
    fn unreadable(error: String) -> Self {
        Self {
            verdict: Verdict::Deferred,
            status: Enhanced(4, 3, 0),
            row: None,
            words: format!("the message could not be read from our store: {error}"),
        }
    }

    fn carried(self, when: SystemTime) -> Carried {
        Carried {
            recipient: 0,
            verdict: self.verdict,
            status: self.status,
            row: self.row,
            remote: None,
            passed: None,
            words: self.words,
            when,
        }
    }
}

impl<Line> Tried<Line> {
    fn by_us(recipients: &[u32], fate: Fate, when: SystemTime, line: Option<Line>) -> Option<Self> {
        let carried = fate.carried(when);
        let each = recipients.iter().map(|one| (*one, carried.clone()));
        Some(Self {
            carried: each.collect(),
            how: Ending::Finished {
                open: line.is_some(),
            },
            line,
        })
    }
}

fn nowhere<Line>(
    means: &Means,
    matter: &Matter,
    hands: &Hands,
    when: SystemTime,
) -> Option<Tried<Line>> {
    let one = |recipient: &u32| {
        let route = entries::route(&*means.house, &matter.envelope, matter.account, *recipient);
        let fate = match route {
            Route::Nowhere(why) => Fate {
                verdict: if why.status.0 == 5 {
                    Verdict::Refused
                } else {
                    Verdict::Deferred
                },
                status: why.status,
                row: why.row,
                words: why.words,
            },
            // The routes have changed this moment.
            Route::Hop(_) | Route::Here(_) | Route::Errand | Route::Paused => Fate {
                verdict: Verdict::Untried,
                status: Enhanced(4, 4, 4),
                row: None,
                words: "there was no way to the recipient until now".to_owned(),
            },
        };
        (*recipient, fate.carried(when))
    };
    Some(Tried {
        carried: hands.recipients.iter().map(one).collect(),
        how: Ending::Finished { open: false },
        line: None,
    })
}

/// The recipients are at home here by now: their mailboxes get the message when what came of it is written down.
fn into_mailboxes<Line>(
    means: &Means,
    entry: &Prepared,
    hands: &Hands,
    when: SystemTime,
) -> (Option<Tried<Line>>, Given) {
    let matter = &entry.matter;
    let (mut accounts, mut others) = (Vec::new(), Vec::new());
    for recipient in &hands.recipients {
        let route = entries::route(&*means.house, &matter.envelope, matter.account, *recipient);
        match route {
            Route::Here(more) => accounts.extend(more),
            // The routes have changed this moment.
            Route::Hop(_) | Route::Errand | Route::Nowhere(_) | Route::Paused => {
                others.push(*recipient);
            }
        }
    }
    accounts.sort_unstable();
    accounts.dedup();
    let reserve = |account: &AccountId| means.store.reserve(*account, entry.octets);
    let room: Result<Vec<Reservation>, _> = accounts.iter().map(reserve).collect();
    let (fate, given) = match room {
        Ok(room) if !room.is_empty() => {
            let fate = Fate {
                verdict: Verdict::Delivered,
                status: Enhanced(2, 0, 0),
                row: None,
                words: "delivered here".to_owned(),
            };
            let given = Given {
                accounts,
                room,
                ..Given::default()
            };
            (fate, given)
        }
        Ok(_) => (unhoused("nobody here gets it"), Given::default()),
        Err(full) => (unhoused(&full.to_string()), Given::default()),
    };
    let carried = fate.carried(when);
    let one = |recipient: &u32| {
        let moved = others.contains(recipient);
        let carried = if moved {
            untried(when)
        } else {
            carried.clone()
        };
        (*recipient, carried)
    };
    let tried = Tried {
        carried: hands.recipients.iter().map(one).collect(),
        how: Ending::Finished { open: false },
        line: None,
    };
    (Some(tried), given)
}

fn unhoused(why: &str) -> Fate {
    Fate {
        verdict: Verdict::Deferred,
        status: Enhanced(4, 2, 2),
        row: None,
        words: format!("the mailbox here has no room: {why}"),
    }
}

/// Has it carried; `None` when the line was gone before anything was said, or the message was called back before anybody had
/// it.
async fn carried<C: Carry>(
    means: &Means,
    carry: &C,
    job: &Job,
    entry: &Prepared,
    hands: &Hands,
    mut body: Body,
    line: Option<C::Line>,
) -> Option<Tried<C::Line>> {
    let mut all = Tried {
        carried: Vec::with_capacity(hands.recipients.len()),
        how: Ending::Finished { open: false },
        line,
    };
    let mut written = Vec::new();
    for (number, group) in groups(means, entry, hands).into_iter().enumerate() {
        if number > 0 {
            written = all.write_down(means, &entry.matter).await;
            if hands.gate.is_withdrawn() || means.in_hand.is_cut() {
                all.leave_off(&group, means.now());
                break;
            }
        }
        let line = all.line.take();
        let was_used = line.is_some();
        let load = (transaction(means, entry, &group, &body), &mut body);
        let trip = brought(means, carry, job, &hands.gate, line, load, number > 0).await;
        let delivered = body.take_delivered();
        match trip {
            Some(trip) if trip.how == Ending::Stale && number == 0 && was_used => return None,
            Some(trip) => {
                outages::seen(means, &job.next_hop, trip.how, trip.carried.first()).await;
                all.add(&group, trip, means.now());
            }
            None => {
                journal::cut_off(job.message, hands.gate.is_withdrawn());
                if number == 0 && delivered.is_empty() {
                    return None;
                }
                all.break_off(&group, delivered, means.now());
            }
        }
        if all.how == Ending::Unreachable {
            break;
        }
    }
    all.complete(hands, &written, means.now());
    Some(all)
}

/// Brings it along a line, or along a new one where that was gone and it `may_begin_anew`; `None` when it was cut off.
async fn brought<C: Carry>(
    means: &Means,
    carry: &C,
    job: &Job,
    gate: &Gate,
    line: Option<C::Line>,
    (transaction, body): (Transaction, &mut Body),
    may_begin_anew: bool,
) -> Option<Trip<C::Line>> {
    let was_used = line.is_some();
    let trip = async {
        let again = transaction.clone();
        let trip = carry.carry(&job.next_hop, line, transaction, body).await;
        if trip.how == Ending::Stale && (may_begin_anew || !was_used) {
            return carry.carry(&job.next_hop, None, again, body).await;
        }
        trip
    };
    tokio::select! {
        biased;
        () = gate.called_back() => None,
        // What comes to an end in time is known as a whole.
        trip = trip => Some(trip),
        () = means.in_hand.ended(gate) => None,
    }
}

impl<Line> Tried<Line> {
    fn add(&mut self, group: &Group, trip: Trip<Line>, now: SystemTime) {
        let mut each: Vec<Option<Carried>> = vec![None; group.recipients.len()];
        for one in trip.carried {
            if let Some(place) = each.get_mut(one.recipient) {
                place.get_or_insert(one);
            }
        }
        for (recipient, one) in group.recipients.iter().zip(each) {
            let one = one.unwrap_or_else(|| untried(now));
            self.carried.push((*recipient, one));
        }
        let open = trip.how == Ending::Finished { open: true } && trip.line.is_some();
        self.how = match trip.how {
            Ending::Finished { .. } => Ending::Finished { open },
            // Nothing was said on a line that was new: it is as if it had been lost.
            Ending::Stale => Ending::Lost,
            Ending::Lost => Ending::Lost,
            Ending::Unreachable => Ending::Unreachable,
        };
        self.line = trip.line.filter(|_| open);
    }

    /// An attempt that was ended: whom nobody was asked about stays as it was, and is tried at once when it is released, or
    /// behind the next start.
    fn decided(mut self) -> Self {
        self.carried.retain(|(_, one)| one.is_decided());
        self
    }

    /// Of these nobody gets it in this attempt but those who have it.
    fn break_off(&mut self, group: &Group, delivered: Vec<Carried>, now: SystemTime) {
        let trip = Trip {
            carried: delivered,
            how: Ending::Finished { open: false },
            line: None,
        };
        self.add(group, trip, now);
    }

    /// These do not get it in this attempt.
    fn leave_off(&mut self, group: &Group, now: SystemTime) {
        let each = group.recipients.iter();
        self.carried.extend(each.map(|one| (*one, untried(now))));
        (self.how, self.line) = (Ending::Finished { open: false }, None);
    }

    /// Who has the message by now is written down before others are tried, for that may take long, and whoever is cut off
    /// in it would send it once more. Hands back who that is. What cannot be written down now is later, with the rest.
    async fn write_down(&mut self, means: &Means, matter: &Matter) -> Vec<u32> {
        let silent = |(recipient, one): &(u32, Carried)| {
            one.verdict == Verdict::Delivered && wishes_nothing(matter, *recipient)
        };
        let closed: Vec<u32> = self
            .carried
            .iter()
            .filter(|one| silent(one))
            .map(|(recipient, _)| *recipient)
            .collect();
        if closed.is_empty() {
            return closed;
        }
        let attempt = mailstore::Attempt {
            closed: closed.clone(),
            again: Vec::new(),
        };
        let noted = means.store.queue_attempted(matter.id, attempt, Vec::new());
        if let Err(error) = noted.await {
            tracing::warn!(id = matter.id, %error, "what came of an attempt is not written down yet");
            return Vec::new();
        }
        let done: Vec<(u32, Carried)> = self.carried.extract_if(.., |one| silent(one)).collect();
        journal::attempted(matter, &done, means.now());
        closed
    }

    /// Whose turn did not come has the fate of those before, if that was that nobody could be reached.
    fn complete(&mut self, hands: &Hands, written: &[u32], now: SystemTime) {
        if self.carried.len() + written.len() == hands.recipients.len() {
            return;
        }
        let last = self.carried.last().map(|(_, one)| one.clone());
        let known = self.carried.iter().map(|(one, _)| *one);
        let known: Vec<u32> = known.chain(written.iter().copied()).collect();
        for recipient in &hands.recipients {
            if !known.contains(recipient) {
                let one = last.clone().unwrap_or_else(|| untried(now));
                self.carried.push((*recipient, one));
            }
        }
    }
}

/// Nobody is told when this recipient has the message.
fn wishes_nothing(matter: &Matter, recipient: u32) -> bool {
    let notify = matter.recipient(recipient).and_then(|one| one.notify);
    let success = match notify {
        Some(Notify::On { success, .. }) => success,
        Some(Notify::Never) | None => false,
    };
    !success && matter.envelope.deliver_by.is_none()
}

fn untried(when: SystemTime) -> Carried {
    let fate = Fate {
        verdict: Verdict::Untried,
        status: Enhanced(4, 4, 2),
        row: None,
        words: "its turn did not come in this attempt".to_owned(),
    };
    fate.carried(when)
}

/// Two at most: recipients who were written to, and those to whom it is forwarded (under a reverse-path of ours).
fn groups(means: &Means, entry: &Prepared, hands: &Hands) -> Vec<Group> {
    let original = &entry.matter.envelope.reverse_path;
    let is_forwarded = |recipient: &u32| {
        let mut waiting = entry.waiting.iter();
        waiting.any(|one| one.recipient == *recipient && one.forwarded)
    };
    let (copies, own): (Vec<u32>, Vec<u32>) =
        hands.recipients.iter().partition(|one| is_forwarded(one));
    let day = entries::milliseconds(means.now()) / (24 * 60 * 60 * 1000);
    let rewritten = match means.house.forwarded(original, day) {
        Forwarded::Kept(_) => original.clone(),
        Forwarded::Rewritten(mailbox) => ReversePath::Mailbox(mailbox),
    };
    let groups = if rewritten == *original {
        vec![(rewritten, hands.recipients.clone())]
    } else {
        vec![(original.clone(), own), (rewritten, copies)]
    };
    let groups = groups.into_iter().filter(|(_, some)| !some.is_empty());
    let group = |(reverse_path, recipients)| Group {
        reverse_path,
        recipients,
    };
    groups.map(group).collect()
}

fn transaction(means: &Means, entry: &Prepared, group: &Group, body: &Body) -> Transaction {
    let (matter, original) = (&entry.matter, &entry.matter.envelope);
    let recipients = group.recipients.iter();
    let recipients = recipients.filter_map(|one| matter.recipient(*one).cloned());
    let mut envelope = Envelope {
        reverse_path: group.reverse_path.clone(),
        envid: original.envid.clone(),
        ret: original.ret,
        body8bit: original.body8bit,
        smtputf8: original.smtputf8,
        requiretls: original.requiretls,
        deliver_by: original
            .deliver_by
            .map(|by| left(by, matter.received, means.now())),
        recipients: recipients.collect(),
    };
    let (beginning, whole) = body.beginning();
    unburden(&mut envelope, beginning, whole);
    Transaction {
        envelope,
        size: entry.octets.saturating_sub(body.own()),
        submitter: matter
            .account
            .and_then(|account| means.house.address(account)),
    }
}

/// BY with the time that is left (RFC 2852 section 4.1.4). In mode R there is a second at least: what is late is given up
/// by the schedule.
fn left(by: DeliverBy, received: SystemTime, now: SystemTime) -> DeliverBy {
    let gone = now.duration_since(received).unwrap_or_default();
    let gone = i64::try_from(gone.as_millis().div_ceil(1000)).unwrap_or(i64::MAX);
    let least = match by.mode() {
        deliver_by::Mode::Return => 1,
        deliver_by::Mode::Notify => -999_999_999,
    };
    let seconds = i64::from(by.seconds()).saturating_sub(gone).max(least);
    let (mode, trace) = match by.mode() {
        deliver_by::Mode::Notify => ('N', by.trace()),
        deliver_by::Mode::Return => ('R', by.trace()),
    };
    let trace = if trace { "T" } else { "" };
    format!("{seconds};{mode}{trace}").parse().unwrap_or(by)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::left;

    #[test]
    fn by_counts_down() {
        let check = |by: &str, millis: u64, expected: &str| {
            let start = SystemTime::UNIX_EPOCH;
            let now = start + Duration::from_millis(millis);
            assert_eq!(left(by.parse().unwrap(), start, now).to_string(), expected);
        };
        check("120;R", 0, "120;R");
        check("120;R", 1, "119;R");
        check("120;RT", 60_000, "60;RT");
        check("120;R", 500_000, "1;R");
        check("120;N", 500_000, "-380;N");
        check("-999999999;NT", 500_000, "-999999999;NT");
    }
}
