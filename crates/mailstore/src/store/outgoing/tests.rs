//! The queue as its users see it: what is said of a message is so, after whatever comes.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::account::{AccountId, Change, NewAccount};
use crate::disk::simulated::SimulatedDisk;
use crate::disk::{Disk, Layout};
use crate::index::simulated::SimulatedTables;
use crate::log::LogEngine;
use crate::options::Options;
use crate::outgoing::Heard;

/// A store on a disk of its own.
struct Yard {
    disk: SimulatedDisk,
    tables: SimulatedTables,
    store: Store,
    alice: AccountId,
}

fn options() -> Options {
    Options {
        segment: 100_000,
        room: 0,
        inline_body: 50_000,
        outgoing_messages: 20,
        outgoing_octets: 100_000,
        undelete_window: Duration::ZERO,
        ..Options::default()
    }
}

fn open(disk: &SimulatedDisk, tables: &SimulatedTables) -> Store {
    let (engine, inventory, opened) = LogEngine::open_on(
        Arc::new(disk.clone()),
        Layout::new(Path::new("/data")),
        Arc::new(tables.clone()),
        &options(),
        false,
    )
    .unwrap();
    Store::assemble(Arc::new(engine), inventory, opened, options()).unwrap()
}

impl Yard {
    async fn new() -> Self {
        let (disk, tables) = (SimulatedDisk::new(1), SimulatedTables::default());
        let store = open(&disk, &tables);
        let new = NewAccount::new("alice@example.test".parse().unwrap());
        store.change(Change::AddAccount(new)).await.unwrap();
        let alice = store.directory().find_login("alice").unwrap().id;
        Self {
            disk,
            tables,
            store,
            alice,
        }
    }

    /// Another process, which finds the index as it was or has to make it from the log.
    async fn again(&mut self, keep_index: bool) {
        self.store.clone().close().await;
        if !keep_index {
            self.tables = SimulatedTables::default();
        }
        self.store = open(&self.disk, &self.tables);
    }

    async fn parcel(&self, octets: usize, local: bool, due: &[u64]) -> Parcel {
        parcel(&self.store, self.alice, octets, local, due).await
    }

    async fn post(&self, octets: usize, local: bool, due: &[u64]) {
        let parcel = self.parcel(octets, local, due).await;
        self.store.post(parcel).await.unwrap();
    }

    fn ids(&self) -> Vec<u64> {
        let all = self.store.queue_from(0, 1_000).unwrap();
        all.iter().map(|queued| queued.id).collect()
    }

    fn due(&self, until: u64) -> Vec<u64> {
        let due = self.store.queue_due(until, None, 1_000).unwrap();
        due.iter().map(|queued| queued.id).collect()
    }

    fn mailbox(&self) -> usize {
        let maildrop = self.store.open_maildrop(self.alice).unwrap();
        maildrop.messages().len()
    }

    /// What people may ask of it, with what becomes of every message.
    fn all(&self) -> (QueueCounts, Vec<Queued>) {
        let all = self.store.queue_from(0, 1_000).unwrap();
        let counts = QueueCounts {
            messages: all.len() as u64,
            octets: all.iter().map(|queued| queued.octets).sum(),
            held: all.iter().filter(|one| one.due().is_none()).count() as u64,
            tried: all
                .iter()
                .filter(|one| one.waiting.iter().any(|to| to.attempts > 0))
                .count() as u64,
            recipients: all.iter().map(|one| one.waiting.len() as u64).sum(),
        };
        (counts, all)
    }
}

async fn parcel(
    store: &Store,
    alice: AccountId,
    octets: usize,
    local: bool,
    due: &[u64],
) -> Parcel {
    let mut incoming = store.begin();
    incoming.write(body(octets)).await.unwrap();
    let mut envelope = Envelope {
        reverse_path: "<sender@example.net>".parse().unwrap(),
        ..Envelope::default()
    };
    let mut waiting = Vec::new();
    for (at, due) in due.iter().enumerate() {
        envelope.recipients.push(address::Recipient {
            path: format!("<to{at}@example.org>").parse().unwrap(),
            notify: None,
            orcpt: None,
        });
        waiting.push(Waiting::new(at as u32, *due));
    }
    let outgoing = (!waiting.is_empty()).then(|| Outgoing {
        room: store.reserve_outgoing(octets as u64).unwrap(),
        account: Some(alice),
        release: None,
        waiting,
    });
    let reservations = local.then(|| store.reserve(alice, 0).unwrap());
    Parcel {
        incoming,
        reservations: reservations.into_iter().collect(),
        envelope,
        outgoing,
    }
}

fn body(octets: usize) -> Bytes {
    (0..octets).map(|at| (at * 31 % 251) as u8).collect()
}

fn tried(recipient: u32, due: u64, attempts: u32) -> Waiting {
    Waiting {
        attempts,
        heard: Some(Heard::new("mx.example.org", "come back later", 5)),
        ..Waiting::new(recipient, due)
    }
}

fn again(again: Vec<Waiting>) -> Attempt {
    Attempt {
        closed: Vec::new(),
        again,
    }
}

fn closed(closed: Vec<u32>) -> Attempt {
    Attempt {
        closed,
        again: Vec::new(),
    }
}

fn read(letter: &QueuedLetter) -> Vec<u8> {
    let mut octets = Vec::new();
    loop {
        let chunk = letter.read().unwrap();
        octets.extend_from_slice(&chunk.octets);
        if chunk.last {
            return octets;
        }
    }
}

#[tokio::test]
async fn a_message_for_here_and_elsewhere_is_kept_once_for_both() {
    let mut yard = Yard::new().await;
    for octets in [900, 70_000] {
        yard.post(octets, true, &[7, 9]).await;
    }
    for keep_index in [true, false] {
        yard.again(keep_index).await;
        let ids = yard.ids();
        assert_eq!((ids.len(), yard.mailbox()), (2, 2));
        for (id, octets) in ids.into_iter().zip([900, 70_000]) {
            let (received, envelope, letter) = yard.store.queue_letter(id).unwrap().unwrap();
            assert!(received > 0 && envelope.recipients.len() == 2);
            assert_eq!(letter.octets(), octets as u64);
            assert_eq!(read(&letter), body(octets));
        }
        let log = yard.disk.paths().into_iter();
        let log: usize = log.map(|path| yard.disk.contents(&path).len()).sum();
        assert!(log < 73_000, "the body twice: {log}");
    }
    // Neither a quota nor a sum over mailboxes knows of the queue.
    let stats = yard.store.stats();
    assert_eq!((stats.messages, stats.queued.messages), (2, 2));
    assert_eq!(yard.store.usage(yard.alice).messages, 2);
}

#[tokio::test]
async fn what_is_due_comes_in_order_and_page_by_page() {
    let mut yard = Yard::new().await;
    for due in [50, 10, 40, 10, 30] {
        yard.post(100, false, &[due, due + 100]).await;
    }
    let ids = yard.ids();
    let expected = [ids[1], ids[3], ids[4], ids[2], ids[0]];
    for keep_index in [true, true, false] {
        assert_eq!(yard.due(50), expected);
        assert_eq!(yard.due(39), expected[..3]);
        assert_eq!(yard.due(9), [0; 0]);
        let (mut paged, mut after) = (Vec::new(), None);
        loop {
            let page = yard.store.queue_due(50, after, 2).unwrap();
            let Some(last) = page.last() else { break };
            after = Some((last.due().unwrap(), last.id));
            paged.extend(page.iter().map(|queued| queued.id));
        }
        assert_eq!(paged, expected);
        let page = yard.store.queue_from(ids[1], 2).unwrap();
        let page: Vec<u64> = page.iter().map(|queued| queued.id).collect();
        assert_eq!(page, ids[2..4]);
        yard.again(keep_index).await;
    }
}

#[tokio::test]
async fn what_an_attempt_came_to_is_what_the_message_is() {
    let mut yard = Yard::new().await;
    yard.post(100, false, &[1, 2, 3]).await;
    let id = yard.ids()[0];
    let left = again(vec![tried(0, 70, 1), tried(2, 60, 1)]);
    let after = yard
        .store
        .queue_attempted(id, left, Vec::new())
        .await
        .unwrap();
    assert_eq!(after.unwrap().queued.due(), Some(2));
    let left = closed(vec![1]);
    yard.store
        .queue_attempted(id, left, Vec::new())
        .await
        .unwrap();
    let expected = [tried(0, 70, 1), tried(2, 60, 1)];
    for keep_index in [true, false] {
        yard.again(keep_index).await;
        let queued = yard.store.queued(id).unwrap().unwrap();
        assert_eq!(queued.waiting, expected);
        assert_eq!(queued.account, Some(yard.alice));
        assert_eq!(yard.due(59), [0; 0]);
        assert_eq!(yard.due(60), [id]);
        let (counted, _) = yard.all();
        assert_eq!(yard.store.queue_counts(), counted);
        assert_eq!((counted.tried, counted.recipients), (1, 2));
    }
    // Who has gone does not come back with a late answer.
    let late = Attempt {
        closed: vec![0, 2],
        again: vec![tried(1, 5, 9)],
    };
    let after = yard
        .store
        .queue_attempted(id, late, Vec::new())
        .await
        .unwrap();
    assert!(after.unwrap().queued.waiting.is_empty());
    assert_eq!((yard.ids(), yard.due(u64::MAX)), (vec![], vec![]));
    for keep_index in [true, false] {
        yard.again(keep_index).await;
        assert_eq!((yard.ids(), yard.due(u64::MAX)), (vec![], vec![]));
        assert_eq!(yard.store.queue_counts(), QueueCounts::default());
        // It is no message that somebody has removed.
        assert_eq!(yard.store.stats().engine.removed.messages, 0);
        assert!(yard.store.queue_letter(id).unwrap().is_none());
        let again = yard
            .store
            .queue_attempted(id, closed(vec![0]), Vec::new())
            .await;
        assert_eq!(again.unwrap(), None);
    }
}

#[tokio::test]
async fn what_people_say_stays_whatever_an_attempt_says_meanwhile() {
    let mut yard = Yard::new().await;
    yard.post(100, false, &[1, 2]).await;
    yard.post(100, false, &[3]).await;
    let ids = yard.ids();
    yard.store.queue_hold(ids[0], true).await.unwrap();
    let attempt = again(vec![tried(0, 5, 1)]);
    let after = yard
        .store
        .queue_attempted(ids[0], attempt, Vec::new())
        .await;
    assert_eq!(after.unwrap().unwrap().queued.due(), None);
    assert_eq!(yard.due(u64::MAX), [ids[1]]);
    for keep_index in [true, false] {
        yard.again(keep_index).await;
        assert_eq!(yard.due(u64::MAX), [ids[1]]);
        let (counted, _) = yard.all();
        assert_eq!((counted.held, yard.store.queue_counts()), (1, counted));
    }
    yard.store.queue_hold(ids[0], false).await.unwrap();
    yard.store.queue_retry(ids[1], 4).await.unwrap();
    assert_eq!(yard.due(u64::MAX), [ids[0], ids[1]]);
    assert!(yard.store.queue_remove(ids[1]).await.unwrap());
    assert!(!yard.store.queue_remove(ids[1]).await.unwrap());
    assert_eq!(yard.due(u64::MAX), [ids[0]]);
}

#[tokio::test]
async fn what_somebody_has_tried_before_its_time_does_not_make_the_waits_longer() {
    let yard = Yard::new().await;
    yard.post(100, false, &[1]).await;
    let id = yard.ids()[0];
    let attempts = || async {
        let queued = yard.store.queued(id).unwrap().unwrap();
        (queued.waiting[0].attempts, queued.due())
    };
    let attempt = again(vec![tried(0, 500, 2)]);
    yard.store
        .queue_attempted(id, attempt, Vec::new())
        .await
        .unwrap();
    // Once is as good as twice: by then it is due.
    for due in [7, 8] {
        yard.store.queue_retry(id, due).await.unwrap();
        assert_eq!(attempts().await, (1, Some(due)));
    }
    yard.store.queue_release(id, 0, 6).await.unwrap();
    assert_eq!(attempts().await, (0, Some(6)));
    yard.store.queue_hold(id, false).await.unwrap();
    assert_eq!(attempts().await, (0, Some(6)));
}

#[tokio::test]
async fn one_of_several_who_are_held_is_released_alone() {
    let mut yard = Yard::new().await;
    yard.post(100, false, &[1, 2, 3]).await;
    let id = yard.ids()[0];
    yard.store.queue_hold(id, true).await.unwrap();
    let released = yard.store.queue_release(id, 1, 9).await.unwrap().unwrap();
    let held: Vec<bool> = released.waiting.iter().map(|one| one.held).collect();
    assert_eq!(held, [true, false, true]);
    for keep_index in [true, false] {
        yard.again(keep_index).await;
        let now = yard.store.queued(id).unwrap().unwrap();
        assert_eq!((now.due(), &now.waiting), (Some(9), &released.waiting));
    }
    assert_eq!(yard.store.queue_release(id + 1, 0, 9).await.unwrap(), None);
}

/// Many at a time, about the same messages: each is decided on what the one before made of it.
#[tokio::test]
async fn decisions_about_a_message_come_one_after_the_other() {
    let yard = Yard::new().await;
    let due: Vec<u64> = (0..40).collect();
    yard.post(100, false, &due).await;
    let id = yard.ids()[0];
    let mut tasks = Vec::new();
    for recipient in 0..39 {
        let store = yard.store.clone();
        tasks.push(tokio::spawn(async move {
            let attempt = closed(vec![recipient]);
            store.queue_attempted(id, attempt, Vec::new()).await
        }));
    }
    // Who goes away while it waits spoils nothing.
    tasks[7].abort();
    for task in tasks {
        if let Ok(done) = task.await {
            done.unwrap();
        }
    }
    let queued = yard.store.queued(id).unwrap().unwrap();
    let left: Vec<u32> = queued.waiting.iter().map(|one| one.recipient).collect();
    assert!(left == [39] || left == [7, 39], "{left:?}");
}

#[tokio::test]
async fn a_full_queue_says_so_and_takes_reports_all_the_same() {
    let yard = Yard::new().await;
    for _ in 0..20 {
        yard.post(100, false, &[1]).await;
    }
    assert!(matches!(
        yard.store.reserve_outgoing(1),
        Err(Full::Messages)
    ));
    let id = yard.ids()[0];
    let mut report = yard.parcel(50, false, &[]).await;
    report.outgoing = Some(Outgoing {
        room: yard.store.reserve_report().unwrap(),
        account: None,
        release: None,
        waiting: vec![Waiting::new(0, 1)],
    });
    let done = yard
        .store
        .queue_attempted(id, closed(vec![0]), vec![report])
        .await;
    done.unwrap();
    assert_eq!(yard.store.queue_counts().messages, 20);
    assert!(yard.store.queue_remove(yard.ids()[0]).await.unwrap());
    // The announced size counts, and what came does.
    assert!(matches!(
        yard.store.reserve_outgoing(99_000),
        Err(Full::Octets)
    ));
    let big = yard.parcel(60_000, false, &[1]).await;
    let room = yard.store.reserve_outgoing(0);
    assert!(matches!(room, Err(Full::Messages)), "{room:?}");
    yard.store.post(big).await.unwrap();
    assert_eq!(yard.store.queue_counts().octets, 60_000 + 18 * 100 + 50);
}

#[tokio::test]
async fn nothing_is_queued_for_nobody() {
    let yard = Yard::new().await;
    let mut parcel = yard.parcel(10, true, &[1]).await;
    parcel.outgoing.as_mut().unwrap().waiting.clear();
    let refused = yard.store.post(parcel).await;
    assert!(matches!(refused, Err(StoreError::NoRecipients)));
    // Room in the queue is no mailbox.
    let mut parcel = yard.parcel(10, true, &[]).await;
    let room = yard.store.reserve_outgoing(0).unwrap();
    parcel.reservations.push(room);
    let refused = yard.store.post(parcel).await;
    assert!(matches!(refused, Err(StoreError::NoRecipients)));
    assert_eq!((yard.mailbox(), yard.store.queue_counts().messages), (0, 0));
}

/// However little of the records was written when the power went.
#[tokio::test]
async fn reports_and_what_they_are_about_are_kept_together_or_not_at_all() {
    for reports in [1, 3] {
        all_or_nothing(reports).await;
    }
}

/// With so many reports, each for somebody here; the second is for somebody elsewhere, too.
async fn all_or_nothing(reports: usize) {
    let yard = Yard::new().await;
    yard.post(300, false, &[1]).await;
    let id = yard.ids()[0];
    let path = Path::new("/data/log/0000000001.log");
    let before = yard.disk.contents(path).len();
    let mut parcels = Vec::new();
    for number in 0..reports {
        let away: &[u64] = if number == 1 { &[5] } else { &[] };
        parcels.push(yard.parcel(200 / reports, true, away).await);
    }
    let done = yard.store.queue_attempted(id, closed(vec![0]), parcels);
    let noted = done.await.unwrap().unwrap();
    let ids: Vec<u64> = noted.posted.iter().copied().flatten().collect();
    assert_eq!((noted.posted.len(), &ids), (reports, &yard.ids()));
    assert!(noted.queued.waiting.is_empty());
    let whole = yard.disk.contents(path);
    let mut seen = [0; 2];
    // And whatever octet of them did not get there, though later ones did.
    for lost in (before..whole.len()).flat_map(|at| [(at, true), (at, false)]) {
        let disk = yard.disk.after_kill();
        let (at, all) = lost;
        if all {
            disk.open(path).unwrap().truncate(at as u64).unwrap();
        } else {
            disk.flip(path, at);
        }
        // Twice, because what is found to be the end is stated by the first.
        for _ in 0..2 {
            let store = open(&disk, &SimulatedTables::default());
            let here = store.usage(yard.alice).messages;
            let queued = store.queue_from(0, 10).unwrap();
            let queued: Vec<u64> = queued.iter().map(|one| one.id).collect();
            assert_eq!((here, queued), (0, vec![id]), "{lost:?} of {}", whole.len());
            seen[usize::from(all)] += 1;
            parcel(&store, yard.alice, 10, false, &[]).await;
            store.close().await;
        }
    }
    assert!(seen[0] > 500 && seen[0] == seen[1], "{seen:?}");
    let store = open(&yard.disk.after_kill(), &SimulatedTables::default());
    assert_eq!(store.usage(yard.alice).messages, reports as u64);
    assert_eq!(store.queue_counts().messages, ids.len() as u64);
}

#[tokio::test]
async fn who_posts_is_told_the_id_of_what_waits_to_leave() {
    let mut yard = Yard::new().await;
    for keep_index in [true, false] {
        let here = yard.parcel(50, true, &[]).await;
        assert_eq!(yard.store.post(here).await.unwrap(), None);
        let both = yard.parcel(50, true, &[1, 2]).await;
        let id = yard.store.post(both).await.unwrap();
        assert_eq!(id, yard.ids().last().copied());
        yard.again(keep_index).await;
    }
}

/// RFC 4865: neither an attempt nor a person hurries it; only removing it is possible.
#[tokio::test]
async fn what_is_to_be_released_later_waits_until_then() {
    let mut yard = Yard::new().await;
    let mut parcel = yard.parcel(50, false, &[10, 900]).await;
    parcel.outgoing.as_mut().unwrap().release = Some(500);
    let id = yard.store.post(parcel).await.unwrap().unwrap();
    let late = again(vec![tried(0, 20, 1)]);
    for keep_index in [true, false] {
        assert_eq!((yard.due(499), yard.due(500)), (vec![], vec![id]));
        yard.store.queue_retry(id, 7).await.unwrap();
        assert_eq!((yard.due(499), yard.due(500)), (vec![], vec![id]));
        let attempt = yard.store.queue_attempted(id, late.clone(), Vec::new());
        let now = attempt.await.unwrap().unwrap().queued;
        assert_eq!((now.due(), now.release), (Some(500), Some(500)));
        yard.again(keep_index).await;
        let (received, _, _) = yard.store.queue_letter(id).unwrap().unwrap();
        let queued = yard.store.queued(id).unwrap().unwrap();
        assert_eq!((queued.received, queued.release), (received, Some(500)));
        assert!(received > 0);
    }
    assert!(yard.store.queue_remove(id).await.unwrap());
}

/// Whose name it leaves in was decided when it came.
#[tokio::test]
async fn a_forwarded_copy_stays_one() {
    let mut yard = Yard::new().await;
    let mut parcel = yard.parcel(50, false, &[1, 2]).await;
    parcel.outgoing.as_mut().unwrap().waiting[1].forwarded = true;
    let id = yard.store.post(parcel).await.unwrap().unwrap();
    let served = Some("m@example.org".parse().unwrap());
    let mut said = vec![tried(0, 5, 1), tried(1, 6, 1)];
    said[0].forwarded = true;
    said[1].served.clone_from(&served);
    (yard
        .store
        .queue_attempted(id, again(said), Vec::new())
        .await)
        .unwrap();
    for keep_index in [true, false] {
        yard.again(keep_index).await;
        let waiting = yard.store.queued(id).unwrap().unwrap().waiting;
        let forwarded: Vec<bool> = waiting.iter().map(|one| one.forwarded).collect();
        assert_eq!(forwarded, [false, true]);
        assert_eq!((&waiting[0].served, &waiting[1].served), (&None, &served));
    }
}

/// More than that is said in portions; then nothing of it is so.
#[tokio::test]
async fn as_much_as_may_be_said_at_once_is_bounded() {
    let yard = Yard::new().await;
    yard.post(100, false, &[1]).await;
    let id = yard.ids()[0];
    let mut parcels = Vec::new();
    for _ in 0..65 {
        parcels.push(yard.parcel(1, true, &[]).await);
    }
    let refused = yard.store.queue_attempted(id, closed(vec![0]), parcels);
    assert!(matches!(refused.await, Err(StoreError::TooLarge)));
    let mut parcel = yard.parcel(1, false, &[]).await;
    parcel.outgoing = Some(Outgoing {
        room: yard.store.reserve_report().unwrap(),
        account: None,
        release: None,
        waiting: (0..10_001).map(|at| Waiting::new(at, 1)).collect(),
    });
    let refused = yard.store.post(parcel).await;
    assert!(matches!(refused, Err(StoreError::TooLarge)));
    assert_eq!((yard.ids(), yard.mailbox()), (vec![id], 0));
}
