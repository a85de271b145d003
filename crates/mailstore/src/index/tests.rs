//! The index when its table stalls, fails, or is not what was put in: mail goes on, and the log makes it whole again.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use address::Envelope;
use bytes::Bytes;

use super::keys;
use super::simulated::SimulatedTables;
use crate::account::{AccountId, Change, NewAccount};
use crate::disk::Layout;
use crate::disk::simulated::SimulatedDisk;
use crate::error::{MaildropError, StoreError};
use crate::log::LogEngine;
use crate::options::Options;
use crate::stats::IndexState;
use crate::store::Store;

/// A store on simulated ground.
struct Ground {
    disk: SimulatedDisk,
    tables: SimulatedTables,
    options: Options,
}

impl Ground {
    fn new() -> Self {
        Self {
            disk: SimulatedDisk::new(1),
            tables: SimulatedTables::default(),
            options: Options {
                index_patience: Duration::from_secs(20),
                segment: 8_192,
                ..Options::default()
            },
        }
    }

    /// Where a stall is noticed while somebody watches.
    fn impatient() -> Self {
        let mut ground = Self::new();
        ground.options.index_patience = Duration::from_millis(250);
        ground
    }

    fn open(&self, unclean: bool) -> Store {
        let (engine, inventory, opened) = LogEngine::open_on(
            Arc::new(self.disk.clone()),
            Layout::new(Path::new("/data")),
            Arc::new(self.tables.clone()),
            &self.options,
            unclean,
        )
        .unwrap();
        Store::assemble(Arc::new(engine), inventory, opened, self.options.clone()).unwrap()
    }
}

async fn account(store: &Store) -> AccountId {
    let new = NewAccount::new("alice@example.test".parse().unwrap());
    store.change(Change::AddAccount(new)).await.unwrap();
    store.directory().find_login("alice").unwrap().id
}

async fn deliver(store: &Store, to: AccountId) {
    let mut incoming = store.begin();
    incoming
        .write(Bytes::from_static(b"hello\r\n"))
        .await
        .unwrap();
    let envelope = Envelope {
        reverse_path: "<>".parse().unwrap(),
        envid: None,
        ret: None,
        body8bit: false,
        smtputf8: false,
        requiretls: false,
        deliver_by: None,
        recipients: Vec::new(),
    };
    let reservations = vec![store.reserve(to, 7).unwrap()];
    store
        .deliver(incoming, reservations, envelope)
        .await
        .unwrap();
}

/// Waits for something other threads will bring about.
fn eventually(mut seen: impl FnMut() -> bool) {
    for _ in 0..20_000 {
        if seen() {
            return;
        }
        std::thread::yield_now();
        std::thread::park_timeout(Duration::from_millis(1));
    }
    panic!("it never happened");
}

fn listed(store: &Store, account: AccountId) -> Option<usize> {
    match store.open_maildrop(account) {
        Ok(maildrop) => Some(maildrop.messages().len()),
        Err(MaildropError::Store(StoreError::Rebuilding)) => None,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_stalled_table_is_given_up_and_a_fresh_one_built() {
    let ground = Ground::impatient();
    let store = ground.open(false);
    let alice = account(&store).await;
    deliver(&store, alice).await;
    ground.tables.stall(1);
    for _ in 0..100 {
        deliver(&store, alice).await;
    }
    eventually(|| ground.tables.fresh_ones() == 1 && listed(&store, alice) == Some(101));
    deliver(&store, alice).await;
    assert_eq!(listed(&store, alice), Some(102));
    assert_eq!(store.stats().engine.index, IndexState::Ready);
    ground.tables.release();
    store.close().await;
    let store = ground.open(false);
    assert_eq!(store.stats().opened.replayed, 0);
    assert_eq!(listed(&store, alice), Some(102));
}

#[tokio::test]
async fn an_index_that_never_works_on_disk_is_kept_in_memory() {
    let ground = Ground::impatient();
    let store = ground.open(false);
    let alice = account(&store).await;
    ground.tables.stall(1_000);
    deliver(&store, alice).await;
    eventually(|| store.stats().engine.index == IndexState::InMemory);
    deliver(&store, alice).await;
    assert_eq!(listed(&store, alice), Some(2));
    ground.tables.release();
    store.close().await;
    let store = ground.open(true);
    assert_eq!(listed(&store, alice), Some(2));
}

#[tokio::test]
async fn a_failing_batch_loses_nothing() {
    let ground = Ground::new();
    let store = ground.open(false);
    let alice = account(&store).await;
    deliver(&store, alice).await;
    eventually(|| store.stats().engine.index_lag == 0);
    ground.tables.fail();
    for _ in 0..10 {
        deliver(&store, alice).await;
    }
    eventually(|| ground.tables.fresh_ones() == 1 && listed(&store, alice) == Some(11));
    assert_eq!(store.usage(alice).messages, 11);
}

#[tokio::test]
async fn mail_comes_in_while_the_index_is_far_behind() {
    let mut ground = Ground::impatient();
    ground.options.index_backlog = 10;
    let store = ground.open(false);
    let alice = account(&store).await;
    ground.tables.stall(2);
    for _ in 0..300 {
        deliver(&store, alice).await;
    }
    eventually(|| listed(&store, alice) == Some(300));
    ground.tables.release();
}

/// Changes the index behind the store's back and says what the next start must make of it.
#[track_caller]
fn check_tampered(
    change: impl FnOnce(&mut std::collections::BTreeMap<Vec<u8>, Vec<u8>>),
    why: &str,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut ground = Ground::new();
        let store = ground.open(false);
        let alice = account(&store).await;
        for _ in 0..20 {
            deliver(&store, alice).await;
        }
        store.close().await;
        ground.tables = ground.tables.tamper(change);
        let store = ground.open(true);
        // What is noticed at once is mended before anybody asks, the rest soon after.
        let opened = store.stats().opened;
        if let Some(found) = &opened.rebuilt {
            assert!(found.contains(why), "{found}");
        } else {
            eventually(|| ground.tables.fresh_ones() == 1);
        }
        eventually(|| listed(&store, alice) == Some(20));
        assert_eq!(store.usage(alice).messages, 20);
    });
}

fn first_with(map: &std::collections::BTreeMap<Vec<u8>, Vec<u8>>, prefix: &[u8]) -> Vec<u8> {
    let found = map.keys().find(|key| key.starts_with(prefix));
    found.unwrap().clone()
}

#[test]
fn damage_to_the_index_is_noticed_and_mended() {
    check_tampered(
        |map| {
            let key = first_with(map, keys::USAGE);
            map.insert(key, vec![7, 7]);
        },
        "counters",
    );
    check_tampered(
        |map| {
            let key = first_with(map, keys::USAGE);
            map.remove(&key);
        },
        "counters",
    );
    check_tampered(
        |map| {
            let key = first_with(map, keys::ACCOUNT);
            map.remove(&key);
        },
        "accounts",
    );
    check_tampered(
        |map| {
            let key = first_with(map, keys::ACCOUNT);
            map.get_mut(&key).unwrap()[9] ^= 1;
        },
        "accounts",
    );
    check_tampered(
        |map| {
            map.insert(keys::CHECKPOINT.to_vec(), vec![99]);
        },
        "shape",
    );
    check_tampered(
        |map| {
            let value = map.get_mut(keys::CHECKPOINT).unwrap();
            let mut checkpoint: keys::Checkpoint = postcard::from_bytes(value).unwrap();
            checkpoint.position.segment += 40;
            *value = keys::value(&checkpoint);
        },
        "more than the log",
    );
    check_tampered(
        |map| {
            let key = first_with(map, keys::MESSAGE);
            map.remove(&key);
        },
        "found later",
    );
    check_tampered(
        |map| {
            let key = first_with(map, keys::MESSAGE);
            map.get_mut(&key).unwrap()[1] ^= 1;
        },
        "found later",
    );
    check_tampered(
        |map| {
            let key = first_with(map, keys::MESSAGE);
            map.get_mut(&key).unwrap().truncate(1);
        },
        "found later",
    );
}

#[tokio::test]
async fn a_check_that_finds_everything_in_order_says_so_while_mail_comes_in() {
    let ground = Ground::new();
    let store = ground.open(false);
    let alice = account(&store).await;
    for _ in 0..50 {
        deliver(&store, alice).await;
    }
    store.close().await;
    let store = ground.open(true);
    for _ in 0..50 {
        deliver(&store, alice).await;
    }
    eventually(|| store.stats().engine.index == IndexState::Ready);
    assert_eq!(ground.tables.fresh_ones(), 0);
    assert_eq!(listed(&store, alice), Some(100));
}

#[tokio::test]
async fn large_mailboxes_are_emptied_and_removed_in_many_batches() {
    let ground = Ground::new();
    let store = ground.open(false);
    let alice = account(&store).await;
    let put_in = async |count| {
        for _ in 0..count {
            deliver(&store, alice).await;
        }
    };
    put_in(5_000).await;
    let maildrop = store.open_maildrop(alice).unwrap();
    let most: Vec<usize> = (0..4_900).collect();
    maildrop.expunge(&most).await.unwrap();
    drop(maildrop);
    assert_eq!(listed(&store, alice), Some(100));
    put_in(4_900).await;
    store.change(Change::RemoveAccount(alice)).await.unwrap();
    let again = account(&store).await;
    assert_eq!(
        (listed(&store, again), store.stats().messages),
        (Some(0), 0)
    );
    deliver(&store, again).await;
    store.close().await;
    let store = ground.open(true);
    eventually(|| store.stats().engine.index == IndexState::Ready);
    assert_eq!(
        (listed(&store, again), store.stats().messages),
        (Some(1), 1)
    );
    assert_eq!(
        (ground.tables.fresh_ones(), &store.stats().opened.rebuilt),
        (0, &None)
    );
}

#[tokio::test]
async fn a_login_sees_all_that_was_acknowledged_before_it_and_nothing_later() {
    let ground = Ground::new();
    let store = ground.open(false);
    let alice = account(&store).await;
    for _ in 0..300 {
        deliver(&store, alice).await;
    }
    let mut expected = 300;
    for round in 0..50 {
        let maildrop = store.open_maildrop(alice).unwrap();
        assert_eq!(maildrop.messages().len(), expected, "round {round}");
        assert!(maildrop.messages().is_sorted_by_key(|entry| entry.uid));
        deliver(&store, alice).await;
        assert_eq!(maildrop.messages().len(), expected, "round {round}");
        expected += 1;
        let new = maildrop.listed_again().unwrap();
        assert_eq!(new.messages().len(), expected, "round {round}");
        if round % 3 == 0 {
            let last = new.messages().last().unwrap().uid;
            new.expunge(&[0, expected - 1]).await.unwrap();
            drop(new);
            expected -= 2;
            let maildrop = store.open_maildrop(alice).unwrap();
            assert!(maildrop.messages().iter().all(|entry| entry.uid != last));
        }
    }
    // A table that is given up takes with it what was read from it.
    ground.tables.fail();
    deliver(&store, alice).await;
    expected += 1;
    eventually(|| ground.tables.fresh_ones() == 1 && listed(&store, alice) == Some(expected));
    store.close().await;
    assert_eq!(listed(&ground.open(false), alice), Some(expected));
}
