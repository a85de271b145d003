//! The log under damage: whatever is wrong is noticed, reported, and harms nothing else.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use address::Envelope;
use bytes::Bytes;
use memchr::memmem;

use super::LogEngine;
use super::frame::{FIRST, FRAME, Frame, Kind, OPENING, Opening, VERSION};
use super::{Position, record};
use crate::account::{AccountId, Change, NewAccount};
use crate::disk::simulated::{Fault, SimulatedDisk};
use crate::disk::{Disk, Layout};
use crate::engine::{Addressee, Body, Fact, Message};
use crate::error::{OpenError, ReadError, StoreError};
use crate::index::simulated::SimulatedTables;
use crate::options::Options;
use crate::report::Opened;
use crate::store::Store;

fn layout() -> Layout {
    Layout::new(Path::new("/data"))
}

/// Opens a store whose index knows nothing yet.
fn open(disk: &SimulatedDisk) -> Result<(Store, Arc<Opened>), OpenError> {
    open_with(disk, Duration::from_secs(20))
}

fn open_with(
    disk: &SimulatedDisk,
    failure_hold: Duration,
) -> Result<(Store, Arc<Opened>), OpenError> {
    let options = Options {
        failure_hold,
        failure_retry: Duration::from_millis(1),
        segment: 2_048,
        room: 512,
        inline_body: 100_000,
        ..Options::default()
    };
    let tables = Arc::new(SimulatedTables::default());
    let disk = Arc::new(disk.clone());
    let (engine, inventory, opened) = LogEngine::open_on(disk, layout(), tables, &options, false)?;
    let store = Store::assemble(Arc::new(engine), inventory, opened, options)?;
    let opened = store.stats().opened;
    Ok((store, opened))
}

async fn account(store: &Store) -> AccountId {
    let new = NewAccount::new("alice@example.test".parse().unwrap());
    store.change(Change::AddAccount(new)).await.unwrap();
    alice(store).unwrap()
}

fn alice(store: &Store) -> Option<AccountId> {
    store
        .directory()
        .find_login("alice")
        .map(|account| account.id)
}

fn envelope() -> Envelope {
    Envelope {
        reverse_path: "<>".parse().unwrap(),
        envid: None,
        ret: None,
        body8bit: false,
        smtputf8: false,
        requiretls: false,
        deliver_by: None,
        recipients: Vec::new(),
    }
}

async fn deliver(store: &Store, to: AccountId, body: &[u8]) {
    let mut incoming = store.begin();
    incoming.write(Bytes::copy_from_slice(body)).await.unwrap();
    let reservations = vec![store.reserve(to, 0).unwrap()];
    store
        .deliver(incoming, reservations, envelope())
        .await
        .unwrap();
}

fn read_all(store: &Store, account: AccountId) -> Vec<Result<Vec<u8>, ReadError>> {
    let maildrop = store.open_maildrop(account).unwrap();
    let read = |index| {
        let mut octets = Vec::new();
        loop {
            let chunk = maildrop.read(index, octets.len() as u64)?;
            octets.extend_from_slice(&chunk.octets);
            if chunk.last {
                return Ok(octets);
            }
        }
    };
    (0..maildrop.messages().len()).map(read).collect()
}

fn body(number: usize) -> Vec<u8> {
    format!("message {number} {}\r\n", "x".repeat(number * 40)).into_bytes()
}

/// A log with one account and ten messages in some segments.
async fn filled() -> SimulatedDisk {
    let disk = SimulatedDisk::new(7);
    let (store, _) = open(&disk).unwrap();
    let alice = account(&store).await;
    for number in 0..10 {
        deliver(&store, alice, &body(number)).await;
    }
    store.close().await;
    disk
}

#[tokio::test]
async fn one_bit_turned_anywhere_harms_one_record_at_most() {
    let ground = filled().await;
    let segments: Vec<_> = ground.paths();
    assert!(segments.len() > 1, "{segments:?}");
    for path in &segments {
        let size = ground.contents(path).len();
        for offset in (0..size).step_by(7) {
            let disk = ground.after_kill();
            disk.flip(path, offset);
            let context = format!("{} at {offset}", path.display());
            let (store, opened) = open(&disk).unwrap();
            let Some(alice) = alice(&store) else {
                // The record that made the account is the one that was hit.
                assert!(!opened.damaged.is_empty(), "{context}");
                continue;
            };
            let read = read_all(&store, alice);
            let right = (0..10).filter(|number| {
                let body = body(*number);
                read.iter()
                    .any(|found| found.as_ref().is_ok_and(|found| *found == body))
            });
            let right = right.count();
            assert!(right >= 9, "{context}: {right} of 10 left");
            let wrong = read
                .iter()
                .flatten()
                .filter(|found| (0..10).all(|number| body(number) != **found));
            assert_eq!(wrong.count(), 0, "{context}: something else came out");
            let noticed =
                !opened.damaged.is_empty() || opened.torn > 0 || read.iter().any(Result::is_err);
            assert!(noticed || right == 10, "{context}: not noticed");
        }
    }
}

/// Zeros are written ahead of the records, so that a sync finds them inside the file.
#[tokio::test]
async fn room_ahead_of_the_records_is_neither_damage_nor_kept() {
    let disk = SimulatedDisk::new(5);
    let (store, _) = open(&disk).unwrap();
    let alice_then = account(&store).await;
    for number in 0..3 {
        deliver(&store, alice_then, &body(number)).await;
    }
    let last = disk.paths().pop().unwrap();
    assert!(disk.contents(&last).ends_with(&[0; 100]));
    let mut killed = disk.after_kill();
    // The first start finds them behind the last record, the second behind what an opening says is the end.
    for start in 0..2 {
        let (store, opened) = open(&killed).unwrap();
        assert_eq!(
            (opened.torn, opened.void, opened.damaged.len()),
            (0, 0, 0),
            "start {start}"
        );
        let alice = alice(&store).unwrap();
        assert_eq!(store.usage(alice).messages, 3 + start);
        deliver(&store, alice, b"one more\r\n").await;
        assert!(read_all(&store, alice).iter().all(Result::is_ok));
        killed = killed.after_kill();
    }
    for number in 0..30 {
        deliver(&store, alice_then, &body(number)).await;
    }
    store.close().await;
    let paths = disk.paths();
    let log = paths
        .iter()
        .filter(|path| path.extension().is_some_and(|is| is == "log"));
    let ends: Vec<_> = log.map(|path| disk.contents(path)).collect();
    assert!(ends.len() > 3);
    assert!(ends.iter().all(|octets| octets.ends_with(b"\r\n")));
}

#[tokio::test]
async fn rot_found_while_reading_is_damage_and_not_mail() {
    let disk = SimulatedDisk::new(3);
    let (store, _) = open(&disk).unwrap();
    let alice = account(&store).await;
    let small = b"a small one\r\n".as_slice();
    let large: Vec<u8> = (0..90_000_u32).map(|at| (at % 251) as u8).collect();
    deliver(&store, alice, small).await;
    deliver(&store, alice, &large).await;
    let whole = read_all(&store, alice);
    assert_eq!(whole[0].as_deref().unwrap(), small);
    assert!(whole[1].as_deref().unwrap() == large);
    let last = disk.paths().pop().unwrap();
    disk.flip(&last, OPENING as usize + 80_000);
    let maildrop = store.open_maildrop(alice).unwrap();
    let first = maildrop.read(1, 0).unwrap();
    assert!(!first.last && !first.octets.is_empty());
    let rest = maildrop.read(1, first.octets.len() as u64);
    assert!(matches!(rest, Err(ReadError::Damaged { .. })), "{rest:?}");
    // And again, from the beginning: the fault does not go away, nor does it spread.
    assert_eq!(maildrop.read(1, 0).unwrap(), first);
    assert_eq!(maildrop.read(0, 0).unwrap().octets, small);
}

#[tokio::test]
async fn a_large_message_can_be_read_from_anywhere() {
    let disk = SimulatedDisk::new(3);
    let (store, _) = open(&disk).unwrap();
    let alice = account(&store).await;
    let large: Vec<u8> = (0..99_000_u32).map(|at| (at % 241) as u8).collect();
    deliver(&store, alice, &large).await;
    let maildrop = store.open_maildrop(alice).unwrap();
    for offset in [98_999, 0, 70_000, 65_536, 65_535, 3, 99_000] {
        let chunk = maildrop.read(0, offset).unwrap();
        let from = offset as usize;
        assert!(
            chunk.octets == large[from..from + chunk.octets.len()],
            "from {offset}"
        );
        assert_eq!(chunk.last, from + chunk.octets.len() == large.len());
    }
    assert!(matches!(maildrop.read(0, 99_001), Err(ReadError::Gone)));
    assert!(matches!(maildrop.read(1, 0), Err(ReadError::Gone)));
}

/// A letter that looks like a piece of log, in a log with a damaged place before it, stays a letter.
#[tokio::test]
async fn a_record_put_into_a_letter_is_not_believed() {
    let disk = SimulatedDisk::new(5);
    let (store, _) = open(&disk).unwrap();
    let alice = account(&store).await;
    let forged = Fact::Message(Message {
        received: 0,
        addressees: vec![Addressee {
            account: alice,
            epoch: 1,
        }],
        envelope: envelope(),
        uidl: None,
        body: Body::Held {
            octets: b"forged".to_vec(),
            crc: crc32c::crc32c(b"forged"),
        },
        queue: None,
    });
    let mut forged = record::draft(forged).unwrap();
    let mut letter = Vec::new();
    for mark in [FIRST, [0; 8], [0xFF; 8]] {
        forged.stamp(&mark, 1_000, 1, 0);
        letter.extend_from_slice(&forged.front);
        letter.extend_from_slice(&forged.body);
    }
    deliver(&store, alice, &letter).await;
    deliver(&store, alice, b"after it\r\n").await;
    store.close().await;
    let segment = disk.paths().remove(0);
    // The end of its head: reading has to go on somewhere behind that, and the letter is what comes next.
    let letter_at = memmem::find(&disk.contents(&segment), &letter).unwrap();
    disk.flip(&segment, letter_at - 1);
    let (store, opened) = open(&disk).unwrap();
    assert_eq!(opened.damaged.len(), 1, "{opened}");
    let read = read_all(&store, alice);
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].as_deref().unwrap(), b"after it\r\n");
}

#[tokio::test]
async fn a_full_disk_refuses_mail_until_there_is_room_again() {
    let disk = SimulatedDisk::new(2);
    let (store, _) = open_with(&disk, Duration::ZERO).unwrap();
    let alice = account(&store).await;
    deliver(&store, alice, b"before\r\n").await;
    disk.fail_at(
        disk.operations(),
        Fault::Errors(ErrorKind::StorageFull, u64::MAX / 2),
    );
    for _ in 0..3 {
        let mut incoming = store.begin();
        incoming
            .write(Bytes::from_static(b"refused\r\n"))
            .await
            .unwrap();
        let reservations = vec![store.reserve(alice, 0).unwrap()];
        let answer = store.deliver(incoming, reservations, envelope()).await;
        assert!(matches!(answer, Err(StoreError::Full)), "{answer:?}");
    }
    let failure = store.stats().engine.write_failure;
    assert_eq!(failure.as_deref(), Some("no space left for mail"));
    // What is there can be read all the while.
    assert_eq!(read_all(&store, alice).len(), 1);
    disk.heal();
    while store.stats().engine.write_failure.is_some() {
        std::thread::yield_now();
    }
    deliver(&store, alice, b"after\r\n").await;
    store.close().await;
    let (store, _) = open(&disk.after_power_cut()).unwrap();
    let bodies: Vec<_> = read_all(&store, alice)
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(bodies, [b"before\r\n".to_vec(), b"after\r\n".to_vec()]);
}

#[tokio::test]
async fn a_log_of_a_newer_version_is_left_alone() {
    const NEXT: u8 = VERSION + 1;
    for (kind, version) in [(16_u8, 1_u8), (3, NEXT)] {
        let disk = filled().await;
        let path = disk.paths().pop().unwrap();
        let opening = Opening::from_record(&disk.contents(&path)).unwrap();
        let mut frame = Frame::new(Kind::Message, b"?", 0, 0);
        frame.kind = kind;
        frame.version = version;
        let mut record = vec![0; FRAME];
        frame.write(&opening.mark, &mut record);
        record.push(b'?');
        disk.append(&path, &record);
        let error = open(&disk).err().unwrap();
        let expected = if version == NEXT {
            matches!(error, OpenError::Newer { version: NEXT, .. })
        } else {
            matches!(error, OpenError::UnknownKind { kind: 16, .. })
        };
        assert!(expected, "{error}");
    }
}

#[test]
fn frames_and_openings_read_as_they_were_written() {
    let mut frame = Frame::new(Kind::Expunge, b"head", 5_000_000_000, 77);
    frame.sequence = u64::MAX - 1;
    let mut octets = [0; FRAME];
    frame.write(b"markmark", &mut octets);
    assert_eq!(Frame::read(b"markmark", &octets), Some(frame));
    assert_eq!(Frame::read(b"markmarl", &octets), None);
    assert_eq!(Frame::read(b"markmark", &octets[..FRAME - 1]), None);
    for bit in 0..FRAME * 8 {
        let mut turned = octets;
        turned[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Frame::read(b"markmark", &turned), None, "bit {bit}");
    }
    let opening = Opening {
        segment: 3,
        mark: *b"whatever",
        durable: Position {
            segment: 2,
            offset: 1 << 40,
        },
        ids: 9,
        sequence: 12,
    };
    let mut record = opening.to_record();
    assert_eq!(record.len() as u64, OPENING);
    assert_eq!(Opening::from_record(&record), Some(opening));
    record[FRAME + 20] ^= 1;
    assert_eq!(Opening::from_record(&record), None);
}

/// Every place where a few operations in a row can fail while a large body is refused: whatever stays behind of it, the
/// next one is mail and is there after every start.
#[tokio::test]
async fn a_body_that_could_not_be_removed_takes_no_later_one_with_it() {
    let mut stuck = 0;
    for length in 1..=6 {
        for after in 1..=12 {
            stuck += u32::from(left_behind(after, length).await);
        }
    }
    assert!(stuck > 0, "no body was ever left behind");
}

/// The pages of a write that was interrupted need not have come in order. A body that nothing names then is no error
/// for ever, and it is not thrown away either.
#[tokio::test]
async fn behind_holes_at_the_end_of_the_log_bodies_without_a_record_are_set_aside() {
    let (disk, tables) = (SimulatedDisk::new(5), Arc::new(SimulatedTables::default()));
    let open = || {
        let options = Options::default();
        let (disk, tables) = (Arc::new(disk.clone()), Arc::clone(&tables));
        let opened = LogEngine::open_on(disk, layout(), tables, &options, true);
        let (engine, inventory, opened) = opened.unwrap();
        let damaged = opened.damaged.len();
        let store = Store::assemble(Arc::new(engine), inventory, opened, options).unwrap();
        (store, damaged)
    };
    let (store, _) = open();
    account(&store).await;
    store.close().await;
    let segment = layout().segment(1);
    let records = disk.contents(&segment)[80..].to_vec();
    disk.append(&segment, &[&[0; 100], &records[..]].concat());
    disk.create(&layout().body(7)).unwrap();
    let (store, damaged) = open();
    assert_eq!(damaged, 1);
    let aside = layout().quarantine.join("0000000000000007.body");
    assert!(disk.paths().contains(&aside), "{:?}", disk.paths());
    assert!(!disk.paths().contains(&layout().body(7)));
    store.close().await;
}

/// Whether something of the refused body was still there when the next one was.
async fn left_behind(after: u64, length: u64) -> bool {
    let tables = Arc::new(SimulatedTables::default());
    let disk = SimulatedDisk::new(11);
    let open = || {
        let options = Options {
            failure_hold: Duration::from_millis(2),
            failure_retry: Duration::from_millis(1),
            inline_body: 1_000,
            ..Options::default()
        };
        let (disk, tables) = (Arc::new(disk.clone()), Arc::clone(&tables));
        let opened = LogEngine::open_on(disk, layout(), tables, &options, false);
        let (engine, inventory, opened) = opened.unwrap();
        Store::assemble(Arc::new(engine), inventory, opened, options).unwrap()
    };
    let store = open();
    let to = account(&store).await;
    let large = |fill: u8| vec![fill; 70_000];
    let mut incoming = store.begin();
    incoming.write(Bytes::from(large(b'a'))).await.unwrap();
    let reservations = vec![store.reserve(to, 0).unwrap()];
    disk.fail_at(
        disk.operations() + after,
        Fault::Errors(ErrorKind::Other, length),
    );
    let refused = store.deliver(incoming, reservations, envelope()).await;
    disk.heal();
    let left = disk.paths().iter().any(|path| {
        path.extension()
            .is_some_and(|extension| extension == "body")
    });
    // What failed once keeps failing until the log goes on in a new segment.
    loop {
        let mut incoming = store.begin();
        incoming.write(Bytes::from(large(b'b'))).await.unwrap();
        let reservations = vec![store.reserve(to, 0).unwrap()];
        let done = store.deliver(incoming, reservations, envelope()).await;
        if done.is_ok() {
            break;
        }
    }
    store.close().await;
    for start in 1..=3 {
        let store = open();
        let to = alice(&store).unwrap();
        let read = read_all(&store, to);
        let last = read
            .last()
            .map(|found| found.as_ref().is_ok_and(|found| *found == large(b'b')));
        assert_eq!(
            last,
            Some(true),
            "start {start}, {length} failures from operation {after} on"
        );
        store.close().await;
    }
    refused.is_err() && left
}
