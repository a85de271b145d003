//! Compaction where it is easily got wrong: files go only behind a checkpoint, and readers do not notice.

mod bodies;
mod queue;
mod undelete;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use address::Envelope;
use bytes::Bytes;

use super::plan::{Move, Plan, Times};
use super::{Compactor, Run, Way};
use crate::account::{AccountId, Change, NewAccount};
use crate::compaction::Compacted;
use crate::disk::simulated::{Fault, SimulatedDisk};
use crate::disk::{Disk, Layout};
use crate::error::{CompactError, StoreError};
use crate::index::simulated::SimulatedTables;
use crate::log::LogEngine;
use crate::options::Options;
use crate::stats::IndexState;
use crate::store::{Store, milliseconds, unix_milliseconds};

const BODY: &[u8] = b"a letter that stays where it is read\r\n";

fn open(disk: &SimulatedDisk, tables: &SimulatedTables) -> Store {
    open_with(disk, tables, Duration::ZERO).0
}

fn options(undelete_window: Duration) -> Options {
    Options {
        segment: 200_000,
        // So that a file is as long as what was written.
        room: 0,
        inline_body: 150_000,
        undelete_window,
        ..Options::default()
    }
}

fn open_with(
    disk: &SimulatedDisk,
    tables: &SimulatedTables,
    undelete_window: Duration,
) -> (Store, Arc<LogEngine>) {
    open_as(disk, tables, options(undelete_window))
}

fn open_as(
    disk: &SimulatedDisk,
    tables: &SimulatedTables,
    options: Options,
) -> (Store, Arc<LogEngine>) {
    let (engine, inventory, opened) = LogEngine::open_on(
        Arc::new(disk.clone()),
        Layout::new(Path::new("/data")),
        Arc::new(tables.clone()),
        &options,
        false,
    )
    .unwrap();
    let engine = Arc::new(engine);
    let store = Store::assemble(Arc::clone(&engine) as _, inventory, opened, options).unwrap();
    (store, engine)
}

async fn deliver(store: &Store, to: AccountId, body: &[u8]) {
    try_deliver(store, to, body).await.unwrap();
}

async fn try_deliver(store: &Store, to: AccountId, body: &[u8]) -> Result<(), StoreError> {
    let mut incoming = store.begin();
    incoming.write(Bytes::copy_from_slice(body)).await?;
    let reservations = vec![store.reserve(to, 0).unwrap()];
    let delivered = store.deliver(incoming, reservations, Envelope::default());
    delivered.await
}

async fn add_alice(store: &Store) -> AccountId {
    let new = NewAccount::new("alice@example.test".parse().unwrap());
    store.change(Change::AddAccount(new)).await.unwrap();
    store.directory().find_login("alice").unwrap().id
}

async fn expunge(store: &Store, from: AccountId, which: impl Iterator<Item = usize>) {
    let maildrop = store.open_maildrop(from).unwrap();
    maildrop.expunge(&which.collect::<Vec<_>>()).await.unwrap();
}

/// One letter, one of 100,000 octets, and twenty that have been removed.
async fn filled(disk: &SimulatedDisk, tables: &SimulatedTables) -> (Store, AccountId) {
    let store = open(disk, tables);
    let alice = add_alice(&store).await;
    deliver(&store, alice, BODY).await;
    deliver(&store, alice, &vec![b'x'; 100_000]).await;
    for _ in 0..20 {
        deliver(&store, alice, &[b'y'; 900]).await;
    }
    expunge(&store, alice, 2..22).await;
    (store, alice)
}

fn compact(store: &Store) -> Result<Compacted, CompactError> {
    compact_if(store, true)
}

/// What is worth it, or everything.
fn compact_if(store: &Store, force: bool) -> Result<Compacted, CompactError> {
    let store = store.clone();
    on_thread(move || store.compact(force, &mut |_| {}))
}

fn on_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::spawn(work).join().unwrap()
}

/// A step of compaction by itself.
fn on_compactor(
    engine: &LogEngine,
    step: impl FnOnce(&Compactor) -> Result<(), CompactError> + Send + 'static,
) {
    let compactor = Arc::clone(&engine.compactor);
    on_thread(move || step(&compactor)).unwrap();
}

/// What the first segment comes to if removed messages are kept for so long.
fn first_look(compactor: &Compactor, window: Duration) -> Result<Plan, CompactError> {
    compactor.watch()?;
    let segments = compactor.replay.survey().unwrap();
    let times = Times {
        way: Way::Forced,
        now: unix_milliseconds(),
        window: milliseconds(window),
    };
    let before = compactor.before(1, &segments)?;
    Ok(compactor.look(&segments[&1], before, times, true)?.unwrap())
}

/// Copies so much of the first segment, and ends before the segment is retired.
fn copy_and_end(compactor: &Compactor, moves: Vec<Move>) -> Result<(), CompactError> {
    let mut run = Run {
        way: Way::Forced,
        now: 0,
        done: Compacted::default(),
        progress: &mut |_| {},
    };
    compactor.copy(1, moves, &mut run)?;
    compactor.moves.rest();
    Ok(())
}

/// As a process that starts again, with an index made from nothing but the log.
fn letters_in_the_log(disk: &SimulatedDisk, of: AccountId) -> usize {
    let store = open(&disk.after_kill(), &SimulatedTables::default());
    store.open_maildrop(of).unwrap().messages().len()
}

fn segments(disk: &SimulatedDisk) -> Vec<PathBuf> {
    let mut paths = disk.paths();
    paths.retain(|path| path.extension().is_some_and(|of| of == "log"));
    paths
}

#[tokio::test]
async fn an_open_maildrop_does_not_notice_that_its_messages_move() {
    let (disk, tables) = (SimulatedDisk::new(1), SimulatedTables::default());
    let (store, alice) = filled(&disk, &tables).await;
    let maildrop = store.open_maildrop(alice).unwrap();
    let begun = maildrop.read(1, 0).unwrap();
    let before = segments(&disk);
    let done = compact(&store).unwrap();
    assert!(
        done.removed as usize == before.len() && done.freed > 18_000,
        "{done:?}"
    );
    assert!(segments(&disk).iter().all(|path| !before.contains(path)));
    assert_eq!(maildrop.read(0, 0).unwrap().octets, BODY);
    let rest = maildrop.read(1, begun.octets.len() as u64).unwrap();
    assert!(rest.last && begun.octets.len() + rest.octets.len() == 100_000);
    // What was listed before is what is listed now.
    drop(maildrop);
    assert_eq!(store.open_maildrop(alice).unwrap().messages().len(), 2);
    assert_eq!(store.usage(alice).messages, 2);
}

/// Else an index from before would bring back what the log does not say any more.
#[tokio::test]
async fn nothing_is_removed_while_the_index_does_not_get_on() {
    let (disk, mut tables) = (SimulatedDisk::new(1), SimulatedTables::default());
    let (store, alice) = filled(&disk, &tables).await;
    let before = segments(&disk);
    tables.refuse_checkpoints();
    assert!(compact(&store).is_err());
    let after = segments(&disk);
    assert!(before.iter().all(|path| after.contains(path)), "{after:?}");
    drop(store);
    // The next process, whose index works, finishes what was begun.
    tables = SimulatedTables::default();
    let store = open(&disk, &tables);
    compact(&store).unwrap();
    let after = segments(&disk);
    assert!(before.iter().all(|path| !after.contains(path)), "{after:?}");
    assert_eq!(store.open_maildrop(alice).unwrap().messages().len(), 2);
}

/// As on a disk so full that no index can be written: that is when space has to be given back.
#[tokio::test]
async fn an_index_in_memory_is_good_enough_when_there_is_none_on_the_disk() {
    let (disk, tables) = (SimulatedDisk::new(1), SimulatedTables::default());
    let (store, alice) = filled(&disk, &tables).await;
    store.close().await;
    let options = Options {
        index_patience: Duration::from_millis(20),
        ..options(Duration::ZERO)
    };
    let (store, _) = open_as(&disk, &tables, options);
    tables.stall(1_000);
    deliver(&store, alice, BODY).await;
    while store.stats().engine.index != IndexState::InMemory {
        std::thread::yield_now();
    }
    assert!(compact(&store).unwrap().removed > 0);
    tables.release();
    drop(store);
    let store = open(&disk.after_power_cut(), &tables);
    assert_eq!(store.open_maildrop(alice).unwrap().messages().len(), 3);
}

#[tokio::test]
async fn whoever_holds_compaction_finds_the_files_where_they_are() {
    let (disk, tables) = (SimulatedDisk::new(1), SimulatedTables::default());
    let (store, _) = filled(&disk, &tables).await;
    let before = segments(&disk);
    let (hold, _) = store.hold().await.unwrap();
    assert!(matches!(compact(&store), Err(CompactError::Held)));
    assert_eq!(segments(&disk), before);
    drop(hold);
    assert!(compact(&store).unwrap().removed > 0);
}

/// A copy that has been made says what has become of a message, and so does the record it was made from, for as long
/// as that is there.
#[tokio::test]
async fn what_was_removed_after_a_compaction_that_ended_early_stays_removed() {
    let (disk, tables) = (SimulatedDisk::new(1), SimulatedTables::default());
    let (store, engine) = open_with(&disk, &tables, Duration::ZERO);
    let alice = add_alice(&store).await;
    for _ in 0..40 {
        deliver(&store, alice, &[b'y'; 900]).await;
    }
    on_compactor(&engine, |compactor| {
        compactor.wait_for(|ticket| compactor.queue.end_segment(ticket))?;
        // One message, and then it ended.
        let mut moves = first_look(compactor, Duration::ZERO)?.moves;
        moves.retain(|what| matches!(what, Move::Message { .. }));
        moves.truncate(1);
        copy_and_end(compactor, moves)
    });
    expunge(&store, alice, 0..1).await;
    // Damaged now, the old segment has to stay: all the more must the removal.
    let first = Path::new("/data/log/0000000001.log");
    let last = disk.contents(first).len() - 1;
    disk.flip(first, last);
    assert_eq!(compact(&store).unwrap().damaged, 1);
    disk.flip(first, last);
    assert_eq!(letters_in_the_log(&disk, alice), 39);
    drop((store, engine));
    // Whole again, it goes first, though nearly all of it counts.
    let store = open(&disk, &tables);
    compact_if(&store, false).unwrap();
    assert!(!segments(&disk).contains(&first.to_owned()));
    compact(&store).unwrap();
    assert_eq!(letters_in_the_log(&disk, alice), 39);
    assert_eq!(store.open_maildrop(alice).unwrap().messages().len(), 39);
}

#[tokio::test]
async fn a_segment_is_moved_when_a_third_of_it_is_dead_and_not_before() {
    let (disk, tables) = (SimulatedDisk::new(1), SimulatedTables::default());
    let (store, engine) = open_with(&disk, &tables, Duration::ZERO);
    let alice = add_alice(&store).await;
    for _ in 0..100 {
        deliver(&store, alice, &[b'y'; 900]).await;
    }
    let first = Path::new("/data/log/0000000001.log").to_owned();
    on_compactor(&engine, |compactor| {
        compactor.wait_for(|ticket| compactor.queue.end_segment(ticket))
    });
    expunge(&store, alice, 0..25).await;
    assert_eq!(compact_if(&store, false).unwrap(), Compacted::default());
    expunge(&store, alice, 0..25).await;
    let done = compact_if(&store, false).unwrap();
    assert_eq!((done.segments, done.removed), (1, 1), "{done:?}");
    assert!(!segments(&disk).contains(&first));
    assert_eq!(letters_in_the_log(&disk, alice), 50);
}

#[tokio::test]
async fn the_segment_being_written_is_not_kept_for_what_little_counts_in_it() {
    let (disk, tables) = (SimulatedDisk::new(1), SimulatedTables::default());
    let store = open(&disk, &tables);
    let alice = add_alice(&store).await;
    for _ in 0..150 {
        deliver(&store, alice, &[b'y'; 900]).await;
    }
    assert_eq!(compact_if(&store, false).unwrap(), Compacted::default());
    expunge(&store, alice, 0..140).await;
    assert_eq!(compact_if(&store, false).unwrap().removed, 1);
    assert_eq!(letters_in_the_log(&disk, alice), 10);
    // Nor for large bodies, of which it has nothing but the names.
    for _ in 0..3 {
        deliver(&store, alice, &[b'z'; 200_000]).await;
    }
    expunge(&store, alice, 10..13).await;
    assert!(compact_if(&store, false).unwrap().freed > 600_000);
    assert_eq!(letters_in_the_log(&disk, alice), 10);
}

#[tokio::test]
async fn many_small_segments_become_one() {
    let (disk, tables) = (SimulatedDisk::new(1), SimulatedTables::default());
    let store = open(&disk, &tables);
    let alice = add_alice(&store).await;
    deliver(&store, alice, &[b'y'; 900]).await;
    store.close().await;
    // Every start begins a segment.
    for at in 0..20 {
        let store = open(&disk, &tables);
        deliver(&store, alice, &[b'y'; 900]).await;
        if at == 15 {
            assert_eq!(compact_if(&store, false).unwrap().removed, 0);
        }
        store.close().await;
    }
    let store = open(&disk, &tables);
    deliver(&store, alice, &[b'y'; 900]).await;
    let done = compact_if(&store, false).unwrap();
    assert_eq!(done.removed, 21, "{done:?}");
    assert_eq!(segments(&disk).len(), 1);
    assert_eq!(letters_in_the_log(&disk, alice), 22);
}

/// Mail has no date at which it goes: the clock may be a year ahead, or a year behind, while the log is compacted.
#[tokio::test]
async fn a_clock_that_is_a_year_off_costs_no_mail() {
    let year = milliseconds(Duration::from_secs(365 * 24 * 3_600));
    let today = unix_milliseconds();
    for clock in [today + year, today - year, 0] {
        let (disk, tables) = (SimulatedDisk::new(1), SimulatedTables::default());
        let (store, alice) = filled(&disk, &tables).await;
        let compacting = store.clone();
        on_thread(move || compacting.compact_as_of(true, clock, &mut |_| {})).unwrap();
        let again = open(&disk.after_kill(), &SimulatedTables::default());
        for store in [&store, &again] {
            let maildrop = store.open_maildrop(alice).unwrap();
            let sizes: Vec<u64> = maildrop.messages().iter().map(|one| one.octets).collect();
            assert_eq!(sizes, [BODY.len() as u64, 100_000], "at {clock}");
            assert_eq!(maildrop.read(0, 0).unwrap().octets, BODY);
        }
    }
}

#[tokio::test]
async fn removed_messages_are_kept_for_a_while_unless_the_disk_is_nearly_full() {
    let (disk, tables) = (SimulatedDisk::new(1), SimulatedTables::default());
    let (store, _) = filled(&disk, &tables).await;
    store.set_limits(0, 2_000_000, Duration::from_secs(3_600));
    compact(&store).unwrap();
    let kept = |disk: &SimulatedDisk| -> usize {
        let log = segments(disk);
        log.iter().map(|path| disk.contents(path).len()).sum()
    };
    assert!(kept(&disk) > 118_000);
    disk.set_free(2_000_000);
    compact(&store).unwrap();
    assert!(kept(&disk) < 105_000, "{}", kept(&disk));
}

/// After a failure, the end of a file is cut off without a sync, and the power may go at any time after that.
#[tokio::test]
async fn what_was_refused_does_not_come_back_with_the_end_of_a_file() {
    let mut came_back = 0;
    for seed in 0..20 {
        let (disk, tables) = (SimulatedDisk::new(seed), SimulatedTables::default());
        let (store, _) = open_with(&disk, &tables, Duration::ZERO);
        let alice = add_alice(&store).await;
        for _ in 0..100 {
            deliver(&store, alice, &[b'y'; 900]).await;
        }
        let first = Path::new("/data/log/0000000001.log");
        let counting = disk.contents(first).len();
        // Part of the write lands.
        disk.fail_at(disk.operations() + 1, Fault::Errors(ErrorKind::Other, 1));
        assert!(try_deliver(&store, alice, BODY).await.is_err());
        assert_eq!(disk.contents(first).len(), counting);
        let grown = |disk: &SimulatedDisk| disk.contents(first).len() > counting;
        came_back += u32::from(grown(&disk.after_power_cut()));
        // What said so goes.
        deliver(&store, alice, &[b'z'; 900]).await;
        expunge(&store, alice, 100..101).await;
        assert!(compact(&store).unwrap().removed > 0);
        let disk = disk.after_power_cut();
        assert!(!grown(&disk), "{seed}");
        assert_eq!(letters_in_the_log(&disk, alice), 100, "{seed}");
    }
    assert!(came_back > 0);
}

/// A backup may have another name for the file.
#[tokio::test]
async fn what_does_not_count_goes_with_the_segment_that_says_so_and_no_file_is_cut_off() {
    let (disk, tables) = (SimulatedDisk::new(1), SimulatedTables::default());
    let store = open(&disk, &tables);
    let alice = add_alice(&store).await;
    for _ in 0..100 {
        deliver(&store, alice, &[b'y'; 900]).await;
    }
    store.close().await;
    let first = Path::new("/data/log/0000000001.log");
    let counting = disk.contents(first).len();
    disk.append(first, &[0x55; 3_000]);
    let other_name = disk.open(first).unwrap();
    let store = open(&disk, &tables);
    for _ in 0..20 {
        deliver(&store, alice, BODY).await;
    }
    expunge(&store, alice, 100..120).await;
    compact(&store).unwrap();
    assert_eq!(disk.contents(first).len(), counting);
    assert_eq!(other_name.size().unwrap(), counting as u64 + 3_000);
    assert_eq!(letters_in_the_log(&disk, alice), 100);
}
