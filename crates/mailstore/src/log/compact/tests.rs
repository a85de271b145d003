//! Compaction where it is easily got wrong: files go only behind a checkpoint, and readers do not notice.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use address::Envelope;
use bytes::Bytes;

use crate::account::{AccountId, Change, NewAccount};
use crate::compaction::Compacted;
use crate::disk::Layout;
use crate::disk::simulated::SimulatedDisk;
use crate::error::CompactError;
use crate::index::simulated::SimulatedTables;
use crate::log::LogEngine;
use crate::options::Options;
use crate::store::Store;

const BODY: &[u8] = b"a letter that stays where it is read\r\n";

fn open(disk: &SimulatedDisk, tables: &SimulatedTables) -> Store {
    let options = Options {
        segment: 200_000,
        inline_body: 150_000,
        undelete_window: Duration::ZERO,
        ..Options::default()
    };
    let (engine, inventory, opened) = LogEngine::open_on(
        Arc::new(disk.clone()),
        Layout::new(Path::new("/data")),
        Arc::new(tables.clone()),
        &options,
        false,
    )
    .unwrap();
    Store::assemble(Arc::new(engine), inventory, opened, options).unwrap()
}

async fn deliver(store: &Store, to: AccountId, body: &[u8]) {
    let mut incoming = store.begin();
    incoming.write(Bytes::copy_from_slice(body)).await.unwrap();
    let envelope = Envelope {
        reverse_path: "<>".parse().unwrap(),
        envid: None,
        ret: None,
        body8bit: false,
        smtputf8: false,
        recipients: Vec::new(),
    };
    let reservations = vec![store.reserve(to, 0).unwrap()];
    store
        .deliver(incoming, reservations, envelope)
        .await
        .unwrap();
}

/// One letter, one of 100,000 octets, and twenty that have been removed.
async fn filled(disk: &SimulatedDisk, tables: &SimulatedTables) -> (Store, AccountId) {
    let store = open(disk, tables);
    let new = NewAccount::new("alice@example.test".parse().unwrap());
    store.change(Change::AddAccount(new)).await.unwrap();
    let alice = store.directory().find_login("alice").unwrap().id;
    deliver(&store, alice, BODY).await;
    deliver(&store, alice, &vec![b'x'; 100_000]).await;
    for _ in 0..20 {
        deliver(&store, alice, &[b'y'; 900]).await;
    }
    let maildrop = store.open_maildrop(alice).unwrap();
    let most: Vec<usize> = (2..22).collect();
    maildrop.expunge(&most).await.unwrap();
    (store, alice)
}

fn compact(store: &Store) -> Result<Compacted, CompactError> {
    let store = store.clone();
    let thread = std::thread::spawn(move || store.compact(true, &mut |_| {}));
    thread.join().unwrap()
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
