//! Mail for elsewhere in the model: what was said of it is so, what was not said is not, and nothing is by halves.

use address::{Envelope, Recipient};
use bytes::Bytes;

use super::super::scenario::{Letter, What};
use super::World;
use crate::account::AccountId;
use crate::error::{ReadError, StoreError};
use crate::outgoing::{Attempt, Heard, Outgoing, Parcel, QueueCounts, Queued, Waiting};
use crate::store::Store;

/// Octets of a report.
const REPORT: usize = 400;

/// For that account of the model, or for somebody elsewhere; and what it says.
type Report = (Option<(usize, AccountId)>, Vec<u8>);

/// A message that should be in the queue.
#[derive(Debug)]
pub(super) struct InQueue {
    /// Without while nobody has listed it.
    id: Option<u64>,
    pub(super) body: Vec<u8>,
    waiting: Vec<Waiting>,
}

impl World {
    fn letter_of(&mut self, octets: usize) -> Vec<u8> {
        self.letters += 1;
        let mut body = format!("letter {}\r\n", self.letters).into_bytes();
        body.resize(body.len() + octets, b'a' + (self.letters % 26) as u8);
        body
    }

    /// One message for somebody elsewhere, and for some accounts, too, if it is for here.
    pub(super) async fn post(&mut self, letter: &Letter, here: bool) {
        let there = |to: &usize| here && self.model.contains_key(to);
        let to: Vec<usize> = letter.to.iter().copied().filter(there).collect();
        let body = self.letter_of(letter.octets);
        let due = self.letters * 7 % 5 * 100;
        let waiting = vec![Waiting::new(0, due), Waiting::new(1, due + 50)];
        let ids = to.iter().map(|to| self.model[to].id.unwrap()).collect();
        let sent = send(self.store(), ids, body.clone(), waiting.clone()).await;
        let power_cut = self.after_fault().await;
        let (found, cut) = self.find_queued(&body).await;
        if !to.is_empty() {
            let here = self.find_here(&to, &body).await;
            assert_eq!(here, found, "here or elsewhere only");
        }
        // Answered before the power went is answered; not answered is whatever became of it.
        if sent.is_ok() || ((power_cut || cut) && found.is_some()) {
            assert!(found.is_some(), "lost: {}", String::from_utf8_lossy(&body));
            for to in to {
                let mail = self.model.get_mut(&to).unwrap();
                mail.messages.push((None, body.clone()));
            }
            let id = None;
            self.queue.push(InQueue { id, body, waiting });
        }
    }

    /// The id of a queued message, and whether the power went while it was looked for.
    async fn find_queued(&mut self, body: &[u8]) -> (Option<u64>, bool) {
        let mut power_cut = false;
        loop {
            let all = self.store().queue_from(0, 1_000).unwrap();
            let mut found = Some(None);
            for queued in all {
                match read(&self.store(), queued.id) {
                    Some((_, here)) if here == body => found = Some(Some(queued.id)),
                    Some(_) => {}
                    None => found = None,
                }
            }
            match found {
                Some(found) => return (found, power_cut),
                None => power_cut |= self.after_fault().await,
            }
        }
    }

    /// The uid of a message in all these mailboxes.
    async fn find_here(&mut self, to: &[usize], body: &[u8]) -> Option<u64> {
        loop {
            match self.find_message(to, body) {
                Some(found) => return found.map(|(_, uid)| uid),
                None => self.after_fault().await,
            };
        }
    }

    /// Something is said of a queued message.
    pub(super) async fn attempt(&mut self, which: usize, what: What) {
        if self.queue.is_empty() {
            return;
        }
        let at = which % self.queue.len();
        let id = self.queue[at].id.unwrap();
        let before = self.queue[at].waiting.clone();
        let (attempt, after) = outcome(what, &before);
        let account = self
            .model
            .iter()
            .next()
            .map(|(number, mail)| (*number, mail.id.unwrap()));
        // Who is told: somebody here, or somebody elsewhere.
        let told = match what {
            What::Report => vec![account],
            What::ReportAway => vec![None],
            What::Reports => vec![account, None, None],
            What::Again | What::One | What::All | What::Hold | What::Remove => Vec::new(),
        };
        let reports = told.into_iter().map(|to| (to, self.letter_of(REPORT)));
        let reports: Vec<Report> = reports.collect();
        let store = self.store();
        let done = match what {
            What::Hold => store.queue_hold(id, !before[0].held).await.map(drop),
            What::Remove => store.queue_remove(id).await.map(drop),
            What::Again
            | What::One
            | What::All
            | What::Report
            | What::ReportAway
            | What::Reports => {
                // As in a session: without memory for bodies this may fail, and then nothing is said.
                match parcels(&store, &reports).await {
                    Ok(parcels) => store.queue_attempted(id, attempt, parcels).await.map(drop),
                    Err(error) => Err(error),
                }
            }
        };
        drop(store);
        let mut power_cut = self.after_fault().await;
        let mut found = Vec::new();
        for (to, body) in &reports {
            found.push(match to {
                Some((number, _)) => self.find_here(&[*number], body).await,
                None => {
                    let (queued, cut) = self.find_queued(body).await;
                    power_cut |= cut;
                    queued
                }
            });
        }
        let now = self.store().queued(id).unwrap();
        let now = now.map(|queued| queued.waiting).unwrap_or_default();
        assert!(now == before || now == after, "by halves: {now:?}");
        let happened = now == after;
        if done.is_ok() || !power_cut {
            assert_eq!(happened, done.is_ok(), "{what:?}");
        }
        for ((to, body), found) in reports.into_iter().zip(found) {
            assert_eq!(found.is_some(), happened, "one without the other");
            match to {
                Some((number, _)) if happened => {
                    let mail = self.model.get_mut(&number).unwrap();
                    mail.messages.push((None, body));
                }
                None if happened => self.queue.push(InQueue {
                    id: None,
                    body,
                    waiting: vec![Waiting::new(0, 1)],
                }),
                Some(_) | None => {}
            }
        }
        if happened && after.is_empty() {
            self.queue.remove(at);
        } else if happened {
            self.queue[at].waiting = after;
        }
    }

    /// The queue is what the model says. `None` if reading failed.
    pub(super) fn compare_queue(&mut self, bodies: bool) -> Option<()> {
        let store = self.store.clone().unwrap();
        let all = store.queue_from(0, 1_000).unwrap();
        assert_eq!(all.len(), self.queue.len(), "in the queue");
        let mut due = Vec::new();
        for (real, model) in all.iter().zip(&mut self.queue) {
            assert_eq!(*model.id.get_or_insert(real.id), real.id);
            assert_eq!(real.octets, model.body.len() as u64);
            assert_eq!(real.waiting, model.waiting, "message {}", real.id);
            let before = self.seen.entry((usize::MAX, (0, real.id)));
            let same = *before.or_insert_with(|| model.body.clone()) == model.body;
            assert!(same, "an id used again");
            if bodies {
                let (envelope, body) = read(&store, real.id)?;
                assert_eq!(envelope.recipients.len(), 2);
                assert!(body == model.body, "another body");
            }
            due.extend(real.due().map(|due| (due, real.id)));
        }
        due.sort_unstable();
        let really = store.queue_due(u64::MAX, None, 1_000).unwrap();
        let really: Vec<_> = really
            .iter()
            .map(|one| (one.due().unwrap(), one.id))
            .collect();
        assert_eq!(really, due);
        let octets: u64 = all.iter().map(|queued| queued.octets).sum();
        let counts = store.queue_counts();
        assert_eq!((counts.messages, counts.octets), (all.len() as u64, octets));
        Some(())
    }

    /// Counters of an index that has just been made.
    pub(super) fn check_counts(&self) {
        let store = self.store();
        let all = store.queue_from(0, 1_000).unwrap();
        assert_eq!(store.queue_counts(), counts(&all));
    }
}

fn counts(all: &[Queued]) -> QueueCounts {
    let mut counts = QueueCounts::default();
    for queued in all {
        counts.messages += 1;
        counts.octets += queued.octets;
        counts.held += u64::from(queued.due().is_none());
        counts.tried += u64::from(queued.waiting.iter().any(|one| one.attempts > 0));
        counts.recipients += queued.waiting.len() as u64;
    }
    counts
}

/// What is said of an attempt, and what the recipients are then.
fn outcome(what: What, before: &[Waiting]) -> (Attempt, Vec<Waiting>) {
    let mut after = before.to_vec();
    let mut attempt = Attempt::default();
    match what {
        What::Again | What::ReportAway => {
            let first = &mut after[0];
            first.attempts += 1;
            first.due += 1_000;
            first.heard = Some(Heard::new("mx.example.org", "busy", first.due));
            attempt.again.push(Waiting {
                // Nobody listens to what an attempt says of that.
                held: !first.held,
                ..first.clone()
            });
        }
        What::One => {
            let gone = after.remove(0);
            attempt.closed.push(gone.recipient);
        }
        What::All | What::Report | What::Reports => {
            attempt
                .closed
                .extend(after.drain(..).map(|one| one.recipient));
        }
        What::Hold => {
            let held = !after[0].held;
            after.iter_mut().for_each(|one| one.held = held);
        }
        What::Remove => after.clear(),
    }
    (attempt, after)
}

/// Reports to somebody here, or elsewhere.
async fn parcels(store: &Store, reports: &[Report]) -> Result<Vec<Parcel>, StoreError> {
    let mut parcels = Vec::new();
    for (to, body) in reports {
        let here = to.iter().map(|(_, id)| *id).collect();
        let away = to.is_none().then(|| Waiting::new(0, 1));
        parcels.push(parcel(store, here, body, away.into_iter().collect()).await?);
    }
    Ok(parcels)
}

async fn parcel(
    store: &Store,
    to: Vec<AccountId>,
    body: &[u8],
    waiting: Vec<Waiting>,
) -> Result<Parcel, StoreError> {
    let mut incoming = store.begin();
    for chunk in body.chunks(1_000) {
        incoming.write(Bytes::copy_from_slice(chunk)).await?;
    }
    let recipient = |at: usize| Recipient {
        path: format!("<to{at}@example.org>").parse().unwrap(),
        notify: None,
        orcpt: None,
    };
    Ok(Parcel {
        incoming,
        reservations: to.iter().map(|id| store.reserve(*id, 0).unwrap()).collect(),
        envelope: Envelope {
            recipients: vec![recipient(0), recipient(1)],
            ..Envelope::default()
        },
        outgoing: (!waiting.is_empty()).then(|| Outgoing {
            room: store.reserve_report().unwrap(),
            account: None,
            release: None,
            waiting,
        }),
    })
}

async fn send(
    store: Store,
    to: Vec<AccountId>,
    body: Vec<u8>,
    waiting: Vec<Waiting>,
) -> Result<(), StoreError> {
    let parcel = parcel(&store, to, &body, waiting).await?;
    store.post(parcel).await.map(drop)
}

/// `None` when the disk did not let us; what it did let us read is right.
fn read(store: &Store, id: u64) -> Option<(Envelope, Vec<u8>)> {
    let (_, envelope, letter) = match store.queue_letter(id) {
        Ok(found) => found?,
        Err(ReadError::Io(_)) => return None,
        Err(error) => panic!("{error}: {id}"),
    };
    let mut octets = Vec::new();
    loop {
        let chunk = match letter.read() {
            Ok(chunk) => chunk,
            Err(ReadError::Io(_)) => return None,
            Err(error) => panic!("{error}: {id}"),
        };
        octets.extend_from_slice(&chunk.octets);
        if chunk.last {
            return Some((envelope, octets));
        }
    }
}
