//! Mail for elsewhere where things go wrong: damage, repairs, backups.
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

#[path = "examine/ground.rs"]
mod ground;

use std::fs;
use std::ops::ControlFlow;
use std::time::SystemTime;

use address::{Envelope, Recipient};
use mailstore::{
    Attempt, BackupOptions, Examination, Examined, Finding, Heard, Outgoing, Parcel, Queued,
    Repaired, Store, Waiting, back_up, repair, restore,
};

use ground::Ground;

/// What a queue holds: every message with its envelope and octets.
type Held = Vec<(Queued, Envelope, Vec<u8>)>;

async fn post(store: &Store, number: usize, octets: usize) {
    store
        .post(parcel(store, number, octets).await)
        .await
        .unwrap();
}

async fn parcel(store: &Store, number: usize, octets: usize) -> Parcel {
    let mut incoming = store.begin();
    let mut body = format!("queued {number} body ").into_bytes();
    body.resize(octets, b'q');
    incoming.write(body.into()).await.unwrap();
    let recipient = |at: usize| Recipient {
        path: format!("<to{at}@example.org>").parse().unwrap(),
        notify: None,
        orcpt: None,
    };
    Parcel {
        incoming,
        reservations: Vec::new(),
        envelope: Envelope {
            reverse_path: "<sender@example.net>".parse().unwrap(),
            recipients: vec![recipient(0), recipient(1)],
            ..Envelope::default()
        },
        outgoing: Some(Outgoing {
            room: store.reserve_outgoing(0).unwrap(),
            account: Some(mailstore::AccountId(number as u64 + 1)),
            release: None,
            waiting: vec![Waiting::new(0, 5), Waiting::new(1, 6)],
        }),
    }
}

fn tried(attempts: u32) -> Attempt {
    let words = format!("attempt {attempts}, come back later");
    Attempt {
        closed: vec![1],
        again: vec![Waiting {
            attempts,
            heard: Some(Heard::new("mx.example.org", &words, 9)),
            ..Waiting::new(0, u64::from(attempts) * 1_000)
        }],
    }
}

/// Four messages that wait, one of them large, tried twice each but the last; one that has left, and one with a report
/// about it, which waits, too.
async fn queued() -> Ground {
    let ground = Ground::filled().await;
    let (store, _) = Store::open(ground.path(), ground.options()).unwrap();
    for (number, octets) in [400, 500, 6_000, 300, 350, 200].into_iter().enumerate() {
        post(&store, number, octets).await;
    }
    let ids: Vec<u64> = ids(&store);
    for attempts in 1..3 {
        for id in &ids[..4] {
            let left = store
                .queue_attempted(*id, tried(attempts), Vec::new())
                .await;
            left.unwrap();
        }
    }
    assert!(store.queue_remove(ids[3]).await.unwrap());
    let all = Attempt {
        closed: vec![0, 1],
        again: Vec::new(),
    };
    let report = parcel(&store, 6, 250).await;
    let left = store.queue_attempted(ids[5], all, vec![report]).await;
    left.unwrap();
    store.close().await;
    ground
}

/// All that is known of the messages but their ids.
fn known(held: &Held) -> Vec<(Vec<u8>, Vec<Waiting>, Envelope)> {
    let known = held.iter().map(|(queued, envelope, octets)| {
        (octets.clone(), queued.waiting.clone(), envelope.clone())
    });
    known.collect()
}

fn ids(store: &Store) -> Vec<u64> {
    let all = store.queue_from(0, 100).unwrap();
    all.iter().map(|queued| queued.id).collect()
}

fn held_by(store: &Store) -> Held {
    let all = store.queue_from(0, 100).unwrap().into_iter();
    let with_letter = all.map(|queued| {
        let (_, envelope, letter) = store.queue_letter(queued.id).unwrap().unwrap();
        let mut octets = Vec::new();
        loop {
            let chunk = letter.read().unwrap();
            octets.extend_from_slice(&chunk.octets);
            if chunk.last {
                return (queued, envelope, octets);
            }
        }
    });
    let held: Held = with_letter.collect();
    assert_eq!(store.queue_counts().messages, held.len() as u64);
    held
}

async fn held(ground: &Ground) -> Held {
    let (store, _) = Store::open(ground.path(), ground.options()).unwrap();
    let held = held_by(&store);
    store.close().await;
    held
}

/// As the log alone has it.
async fn held_by_the_log(ground: &Ground) -> Held {
    fs::remove_dir_all(ground.path().join("index")).unwrap();
    held(ground).await
}

/// Repairs; all has to be well afterwards.
async fn mend(ground: Ground) -> (Ground, Repaired) {
    let mended = tokio::task::spawn_blocking(move || {
        let repaired = repair(ground.path(), &ground.options(), &mut |_| {}).unwrap();
        let after = repaired.after.clone().unwrap();
        assert_eq!(after.findings, [], "{repaired:#?}");
        (ground, repaired)
    });
    mended.await.unwrap()
}

fn said(examined: &Examined) -> Vec<String> {
    let findings = examined.findings.iter();
    findings.map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_whole_queue_is_in_order() {
    let ground = queued().await;
    let examined = ground.examine();
    assert_eq!(examined.findings, []);
    let figures = (examined.queued, examined.queued_octets, examined.messages);
    assert_eq!(figures, (5, 7_500, 6));
    let before = held(&ground).await;
    assert_eq!(held_by_the_log(&ground).await, before);
}

/// While a server runs, sums have to do.
#[tokio::test]
async fn a_running_server_counts_its_queue_as_the_log_does() {
    let ground = queued().await;
    let (store, _) = Store::open(ground.path(), ground.options()).unwrap();
    post(&store, 9, 100).await;
    let (_hold, mut census) = store.hold().await.unwrap();
    let examination = Examination::of(ground.path(), census.end).unwrap();
    let examined = examination.run(Some(&census), &mut |_| {}).unwrap();
    assert_eq!((said(&examined), examined.queued), (vec![], 6));
    census.queue += 1;
    let examined = examination.run(Some(&census), &mut |_| {}).unwrap();
    assert_eq!(examined.findings, [Finding::Queue { id: None }]);
    store.close().await;
}

#[tokio::test]
async fn a_destroyed_attempt_is_stated_again_as_the_index_knows_it() {
    let ground = queued().await;
    let before = held(&ground).await;
    ground.turn_bit("attempt 2, come back later");
    let examined = ground.examine();
    let id = Some(before[0].0.id);
    assert!(examined.findings.contains(&Finding::Queue { id }));
    assert_eq!(examined.findings.len(), 2, "{:?}", said(&examined));
    let (ground, repaired) = mend(ground).await;
    assert_eq!((repaired.queue, repaired.removed.len()), (1, 0));
    assert_eq!(held_by_the_log(&ground).await, before);
}

#[tokio::test]
async fn what_has_left_stays_away_though_the_record_of_that_is_destroyed() {
    let ground = queued().await;
    let before = held(&ground).await;
    ground.turn_bit_of_records(18);
    let (ground, repaired) = mend(ground).await;
    let again: Vec<String> = (repaired.removed_again.iter())
        .map(ToString::to_string)
        .collect();
    assert!(again[0].starts_with("the queue: message "), "{again:?}");
    let now = held_by_the_log(&ground).await;
    assert_eq!(known(&now), known(&before));
}

#[tokio::test]
async fn a_damaged_letter_leaves_the_queue_and_is_named() {
    let ground = queued().await;
    let before = held(&ground).await;
    ground.turn_bit("queued 1 body");
    let (ground, repaired) = mend(ground).await;
    let removed: Vec<String> = repaired.removed.iter().map(ToString::to_string).collect();
    let expected = format!("the queue: message {}, 500 octets", before[1].0.id);
    assert_eq!(removed, [expected]);
    let left: Held = [&before[..1], &before[2..]].concat();
    assert_eq!(held_by_the_log(&ground).await, left);
}

/// Then it counts by itself no longer, but the index knows both.
#[tokio::test]
async fn a_report_is_stated_again_when_what_it_came_with_is_destroyed() {
    let ground = queued().await;
    let before = held(&ground).await;
    ground.turn_bit_of_records(18);
    let (ground, repaired) = mend(ground).await;
    let renewed: Vec<String> = repaired.renewed.iter().map(ToString::to_string).collect();
    let report = before[4].0.id;
    assert_eq!(
        renewed,
        [format!("the queue: message {report}, 250 octets")]
    );
    assert_eq!(repaired.removed_again.len(), 2);
    let now = held_by_the_log(&ground).await;
    assert_eq!(known(&now), known(&before));
    assert!(now[4].0.id > report);
}

#[tokio::test]
async fn every_octet_of_the_queue_may_be_damaged() {
    let ground = queued().await;
    let before = held(&ground).await;
    let whole = ground.contents();
    tokio::task::spawn_blocking(move || {
        for (number, segment) in ground.segments().iter().enumerate() {
            let octets = &whole[segment];
            for at in (number..octets.len()).step_by(397) {
                ground.restore(&whole);
                let mut damaged = octets.clone();
                damaged[at] ^= 0x10;
                fs::write(segment, damaged).unwrap();
                let repaired = repair(ground.path(), &ground.options(), &mut |_| {}).unwrap();
                let after = repaired.after.clone().unwrap();
                assert_eq!(after.findings, [], "{segment:?} {at}: {repaired:#?}");
                fs::remove_dir_all(ground.path().join("index")).unwrap();
                let (store, _) = Store::open(ground.path(), ground.options()).unwrap();
                let mut left = before.clone();
                let gone = |id: u64| repaired.removed.iter().any(|hit| hit.uid == id);
                left.retain(|(queued, _, _)| !gone(queued.id));
                assert!(before.len() - left.len() <= 1);
                let now = held_by(&store);
                assert_eq!(known(&now), known(&left), "{segment:?} {at}: {repaired:#?}");
                drop(store);
            }
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_backup_has_the_queue_as_it_was() {
    let ground = queued().await;
    let before = held(&ground).await;
    let place = tempfile::tempdir().unwrap();
    let (target, data) = (place.path().join("backups"), place.path().join("data"));
    let options = ground.options();
    let (ground, restored, data) = tokio::task::spawn_blocking(move || {
        let mut on = |_: &mailstore::Step<'_>| ControlFlow::Continue(());
        let at_rest = mailstore::AtRest::claim(ground.path()).unwrap();
        let end = at_rest.end().unwrap();
        let now = SystemTime::now();
        let of_backup = BackupOptions::default();
        back_up(ground.path(), end, &target, of_backup, now, &mut on).unwrap();
        drop(at_rest);
        let restored = restore(&target, &data, options, now, &mut on).unwrap();
        (ground, restored, data)
    })
    .await
    .unwrap();
    assert_eq!(restored.queued, 5);
    // What leaves after the backup is in it, and would leave again.
    let (store, _) = Store::open(&data, ground.options()).unwrap();
    assert_eq!(held_by(&store), before);
    assert!(store.queue_remove(before[0].0.id).await.unwrap());
    post(&store, 7, 100).await;
    assert_eq!(ids(&store).len(), 5);
    store.close().await;
}
