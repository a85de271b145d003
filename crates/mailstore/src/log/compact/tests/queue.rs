//! The queue under compaction: what waits stays, with what is known of it, and what is over goes.

use super::*;
use crate::engine::{Effect, Ticket};
use crate::log::frame::Kind;
use crate::log::record::queued;
use crate::outgoing::{Attempt, Heard, Outgoing, Parcel, Queued, Waiting};

async fn post(store: &Store, body: &[u8], local: Option<AccountId>) {
    let mut incoming = store.begin();
    incoming.write(Bytes::copy_from_slice(body)).await.unwrap();
    let parcel = Parcel {
        incoming,
        reservations: (local.iter().map(|to| store.reserve(*to, 0).unwrap())).collect(),
        envelope: Envelope {
            recipients: vec![address::Recipient {
                path: "<bob@example.org>".parse().unwrap(),
                notify: None,
                orcpt: None,
            }],
            ..Envelope::default()
        },
        outgoing: Some(Outgoing {
            room: store.reserve_outgoing(0).unwrap(),
            account: None,
            release: None,
            waiting: vec![Waiting::new(0, 1)],
        }),
    };
    store.post(parcel).await.unwrap();
}

async fn attempt(store: &Store, id: u64, attempts: u32) {
    let again = vec![Waiting {
        attempts,
        heard: Some(Heard::new("mx.example.org", "come back later", 9)),
        ..Waiting::new(0, u64::from(attempts) * 1_000)
    }];
    let closed = Vec::new();
    let attempt = Attempt { closed, again };
    let left = store
        .queue_attempted(id, attempt, Vec::new())
        .await
        .unwrap();
    assert!(left.is_some());
}

fn all(store: &Store) -> Vec<Queued> {
    store.queue_from(0, 1_000).unwrap()
}

fn read(store: &Store, id: u64) -> Vec<u8> {
    let (_, envelope, letter) = store.queue_letter(id).unwrap().unwrap();
    assert_eq!(envelope.recipients.len(), 1);
    let mut octets = Vec::new();
    loop {
        let chunk = letter.read().unwrap();
        octets.extend_from_slice(&chunk.octets);
        if chunk.last {
            return octets;
        }
    }
}

/// How many records of a kind the log has.
fn records(engine: &LogEngine, wanted: Kind) -> usize {
    let replay = &engine.compactor.replay;
    let mut count = 0;
    for segment in replay.survey().unwrap().values() {
        let seen = replay.each_record(segment, &mut |_, _, kind, _| {
            count += usize::from(kind == wanted);
            true
        });
        seen.unwrap();
    }
    count
}

/// What a process finds that has to make its index from the log.
fn in_the_log(disk: &SimulatedDisk) -> Vec<Queued> {
    all(&open(&disk.after_kill(), &SimulatedTables::default()))
}

#[tokio::test]
async fn what_waits_stays_and_what_was_said_of_it_goes_with_it() {
    let (disk, tables) = (SimulatedDisk::new(1), SimulatedTables::default());
    let (store, engine) = open_with(&disk, &tables, Duration::from_secs(3_600));
    let alice = add_alice(&store).await;
    for number in 0..30 {
        post(&store, &[b'a' + number; 900], (number < 5).then_some(alice)).await;
    }
    post(&store, &[b'x'; 180_000], None).await;
    let ids: Vec<u64> = all(&store).iter().map(|queued| queued.id).collect();
    for attempts in 1..4 {
        for id in &ids {
            attempt(&store, *id, attempts).await;
        }
    }
    for id in &ids[..20] {
        assert!(store.queue_remove(*id).await.unwrap());
    }
    let before = all(&store);
    assert_eq!((before.len(), before[0].waiting[0].attempts), (11, 3));
    assert_eq!(records(&engine, Kind::Attempted), 3 * 31);
    assert_eq!(records(&engine, Kind::Done), 20);
    compact(&store).unwrap();
    assert_eq!(records(&engine, Kind::Attempted), 0);
    // Those that are left are of messages which a mailbox still has, or which went in the same run.
    compact(&store).unwrap();
    assert_eq!(records(&engine, Kind::Done), 0);
    assert_eq!(records(&engine, Kind::Copy), 15);
    assert_eq!(records(&engine, Kind::CopyReference), 1);
    assert_eq!(all(&store), before);
    assert_eq!(in_the_log(&disk), before);
    assert_eq!(letters_in_the_log(&disk, alice), 5);
    for (queued, at) in before.iter().zip(20..30) {
        assert_eq!(read(&store, queued.id), [b'a' + at; 900]);
    }
    assert_eq!(read(&store, ids[30]).len(), 180_000);
    // With the last that has it the body goes.
    assert!(store.queue_remove(ids[30]).await.unwrap());
    compact(&store).unwrap();
    compact(&store).unwrap();
    let bodies = disk.paths().into_iter();
    let bodies = bodies.filter(|path| path.extension().is_some_and(|of| of == "body"));
    assert_eq!(bodies.count(), 0);
    assert_eq!(in_the_log(&disk), before[..10]);
}

/// The segment of the messages stays as it is, that of what was said of them does not.
#[tokio::test]
async fn what_was_said_last_is_said_again_while_the_message_stays_where_it_is() {
    let (disk, tables) = (SimulatedDisk::new(1), SimulatedTables::default());
    let (store, engine) = open_with(&disk, &tables, Duration::ZERO);
    add_alice(&store).await;
    for _ in 0..30 {
        post(&store, &[b'y'; 900], None).await;
    }
    let ids: Vec<u64> = all(&store).iter().map(|queued| queued.id).collect();
    let end =
        |compactor: &Compactor| compactor.wait_for(|ticket| compactor.queue.end_segment(ticket));
    on_compactor(&engine, end);
    for attempts in 1..6 {
        for id in &ids {
            attempt(&store, *id, attempts).await;
        }
    }
    for id in &ids[..3] {
        assert!(store.queue_remove(*id).await.unwrap());
    }
    on_compactor(&engine, end);
    let before = all(&store);
    let first = segments(&disk)[0].clone();
    compact_if(&store, false).unwrap();
    assert_eq!(segments(&disk)[0], first);
    assert_eq!(records(&engine, Kind::Attempted), 27);
    assert_eq!(records(&engine, Kind::Done), 3);
    assert_eq!((all(&store), in_the_log(&disk)), (before.clone(), before));
    // Said again they are worth what they were: later attempts count.
    attempt(&store, ids[9], 6).await;
    let before = all(&store);
    assert_eq!(in_the_log(&disk), before);
    compact(&store).unwrap();
    compact(&store).unwrap();
    assert_eq!(records(&engine, Kind::Attempted), 0);
    assert_eq!(records(&engine, Kind::Done), 0);
    assert_eq!((all(&store), in_the_log(&disk)), (before.clone(), before));
}

/// At any moment between the look and the end of a segment: copies are there, and so is what they were made from.
#[tokio::test]
async fn what_is_said_between_two_copies_counts() {
    for copies in 0..12 {
        let (disk, tables) = (SimulatedDisk::new(1), SimulatedTables::default());
        let (store, engine) = open_with(&disk, &tables, Duration::ZERO);
        add_alice(&store).await;
        for _ in 0..4 {
            post(&store, &[b'y'; 900], None).await;
        }
        let ids: Vec<u64> = all(&store).iter().map(|queued| queued.id).collect();
        attempt(&store, ids[0], 1).await;
        attempt(&store, ids[1], 1).await;
        on_compactor(&engine, move |compactor| {
            compactor.wait_for(|ticket| compactor.queue.end_segment(ticket))?;
            let mut moves = first_look(compactor, Duration::ZERO)?.moves;
            moves.truncate(copies);
            copy_and_end(compactor, moves)
        });
        attempt(&store, ids[1], 2).await;
        attempt(&store, ids[2], 2).await;
        assert!(store.queue_remove(ids[3]).await.unwrap());
        let before = all(&store);
        assert_eq!(before.len(), 3);
        assert_eq!(in_the_log(&disk), before, "{copies}");
        compact(&store).unwrap();
        compact(&store).unwrap();
        assert_eq!((all(&store), in_the_log(&disk)), (before.clone(), before));
        assert_eq!(records(&engine, Kind::Done), 0, "{copies}");
    }
}

/// Copies of what changes while they are made are not written, whatever changes it.
#[tokio::test]
async fn what_is_said_while_a_segment_is_moved_is_not_undone() {
    let (disk, tables) = (SimulatedDisk::new(1), SimulatedTables::default());
    let (store, engine) = open_with(&disk, &tables, Duration::ZERO);
    add_alice(&store).await;
    for _ in 0..4 {
        post(&store, &[b'y'; 900], None).await;
    }
    let ids: Vec<u64> = all(&store).iter().map(|queued| queued.id).collect();
    attempt(&store, ids[0], 1).await;
    let (looked, go_on) = (std::sync::mpsc::channel(), std::sync::mpsc::channel());
    let compactor = Arc::clone(&engine.compactor);
    let moving = std::thread::spawn(move || {
        compactor.wait_for(|ticket| compactor.queue.end_segment(ticket))?;
        let moves = first_look(&compactor, Duration::ZERO)?.moves;
        looked.0.send(()).unwrap();
        go_on.1.recv().unwrap();
        copy_and_end(&compactor, moves)
    });
    looked.1.recv().unwrap();
    attempt(&store, ids[0], 2).await;
    assert!(store.queue_remove(ids[1]).await.unwrap());
    go_on.0.send(()).unwrap();
    moving.join().unwrap().unwrap();
    let before = all(&store);
    assert_eq!((before.len(), before[0].waiting[0].attempts), (3, 2));
    assert_eq!(in_the_log(&disk), before);
    assert_eq!(records(&engine, Kind::Copy), 2);
}

/// What makes a copy superfluous may fail in the same write; then the copy was needed, and compaction has to hear of it.
#[tokio::test]
async fn no_copy_is_left_out_for_something_that_never_came_to_be() {
    let (disk, tables) = (SimulatedDisk::new(1), SimulatedTables::default());
    let (store, engine) = open_with(&disk, &tables, Duration::ZERO);
    add_alice(&store).await;
    post(&store, &[b'y'; 900], None).await;
    let id = all(&store)[0].id;
    attempt(&store, id, 1).await;
    for copied in [false, true] {
        on_compactor(&engine, |compactor| compactor.watch());
        let known = engine.compactor.index.on_its_way(id).unwrap().unwrap();
        let say = || queued::draft_attempted_again(id, Arc::clone(&known.pending)).unwrap();
        let (mut news, copy) = (say(), say());
        news.said = None;
        if !copied {
            let next = disk.operations() + 1;
            disk.fail_at(next, Fault::Errors(ErrorKind::StorageFull, 1));
        }
        let (first, news_told) = Ticket::new(Effect::Nothing, None);
        let (second, copy_told) = Ticket::new(Effect::Nothing, None);
        let together = vec![(news, first), (copy, second)];
        engine.compactor.queue.push_together(together);
        assert_eq!(news_told.await.unwrap().is_ok(), copied);
        assert_eq!(copy_told.await.unwrap().is_ok(), copied);
    }
}

#[tokio::test]
async fn whoever_reads_a_queued_message_does_not_notice_that_it_moves() {
    let (disk, tables) = (SimulatedDisk::new(1), SimulatedTables::default());
    let store = open(&disk, &tables);
    add_alice(&store).await;
    post(&store, BODY, None).await;
    post(&store, &[b'x'; 140_000], None).await;
    for _ in 0..40 {
        post(&store, &[b'y'; 900], None).await;
    }
    let ids: Vec<u64> = all(&store).iter().map(|queued| queued.id).collect();
    for id in &ids[2..] {
        assert!(store.queue_remove(*id).await.unwrap());
    }
    let (_, _, small) = store.queue_letter(ids[0]).unwrap().unwrap();
    let (_, _, large) = store.queue_letter(ids[1]).unwrap().unwrap();
    let begun = large.read().unwrap();
    let before = segments(&disk);
    compact(&store).unwrap();
    assert!(segments(&disk).iter().all(|path| !before.contains(path)));
    assert_eq!(small.read().unwrap().octets, BODY);
    let mut octets = begun.octets.len();
    loop {
        let chunk = large.read().unwrap();
        octets += chunk.octets.len();
        if chunk.last {
            break;
        }
    }
    assert_eq!(octets, 140_000);
}
