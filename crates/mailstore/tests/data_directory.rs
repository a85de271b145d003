//! The data directory: one process at a time, nobody else's eyes, nothing left behind.
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use address::Envelope;
use bytes::Bytes;
use mailstore::{AccountId, Change, NewAccount, OpenError, Opened, Options, Reservation, Store};

fn open(directory: &Path) -> (Store, std::sync::Arc<Opened>) {
    Store::open(directory, Options::default()).unwrap()
}

async fn account(store: &Store) -> AccountId {
    let new = NewAccount::new("alice@example.test".parse().unwrap());
    store.change(Change::AddAccount(new)).await.unwrap();
    store.directory().find_login("alice").unwrap().id
}

fn envelope() -> Envelope {
    Envelope::default()
}

fn reservation(store: &Store, account: AccountId) -> Vec<Reservation> {
    vec![store.reserve(account, 0).unwrap()]
}

async fn deliver(store: &Store, account: AccountId, octets: usize) {
    let mut incoming = store.begin();
    incoming.write(vec![b'x'; octets].into()).await.unwrap();
    let reservations = reservation(store, account);
    store
        .deliver(incoming, reservations, envelope())
        .await
        .unwrap();
}

#[test]
fn a_second_store_on_the_same_directory_is_told_who_has_it() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let second = Store::open(directory.path(), Options::default());
    let Err(OpenError::InUse { path, holder }) = second else {
        panic!("two stores on one directory");
    };
    assert_eq!(path, directory.path());
    assert_eq!(holder, Some(std::process::id().to_string()));
    drop(store);
    open(directory.path());
}

/// On a full disk there may be no room for the first octet of an empty file, and the server is to start there.
#[tokio::test]
async fn the_lock_file_keeps_its_octets_and_says_who_was_there() {
    let directory = tempfile::tempdir().unwrap();
    let lock = directory.path().join("lock");
    let mut sizes = Vec::new();
    for _ in 0..2 {
        let (store, opened) = open(directory.path());
        assert!(!opened.unclean);
        let pid = fs::read_to_string(&lock).unwrap();
        assert_eq!(pid.trim(), std::process::id().to_string());
        store.close().await;
        let nobody = fs::read_to_string(&lock).unwrap();
        assert_eq!(nobody.trim(), "");
        sizes.extend([pid.len(), nobody.len()]);
    }
    assert_eq!(sizes, [sizes[0]; 4]);
    // As an older version left it, stopped in order, and killed.
    for (left, unclean) in [("", false), ("4711\n", true), ("123456789012\n", true)] {
        fs::write(&lock, left).unwrap();
        let (store, opened) = open(directory.path());
        assert_eq!(opened.unclean, unclean, "{left:?}");
        assert_eq!(fs::read(&lock).unwrap().len(), sizes[0]);
        store.close().await;
    }
}

#[tokio::test]
async fn everything_is_for_the_owner_only_whatever_the_umask() {
    rustix::process::umask(rustix::fs::Mode::empty());
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
    let (store, opened) = open(&data);
    assert!(opened.created);
    let alice = account(&store).await;
    for octets in [10, 100_000, 2_000_000] {
        deliver(&store, alice, octets).await;
    }
    let mut incoming = store.begin();
    incoming
        .write(Bytes::from(vec![b'x'; 100_000]))
        .await
        .unwrap();
    check_modes(&data);
    drop(incoming);
    store.close().await;
    check_modes(&data);
}

fn check_modes(directory: &Path) {
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(directory), 0o700, "{}", directory.display());
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            check_modes(&path);
        } else {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }
}

#[tokio::test]
async fn messages_given_up_leave_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let alice = account(&store).await;
    let mut incoming = store.begin();
    incoming.write(vec![b'x'; 3_000_000].into()).await.unwrap();
    assert_eq!(incoming.len(), 3_000_000);
    drop(incoming);
    store.close().await;
    let tmp = directory.path().join("tmp");
    assert_eq!(fs::read_dir(&tmp).unwrap().count(), 0);
    // And what a crash leaves there is removed at the next start.
    fs::write(tmp.join("17"), "left over").unwrap();
    let (store, opened) = open(directory.path());
    assert_eq!(opened.leftovers, 1);
    assert_eq!(fs::read_dir(&tmp).unwrap().count(), 0);
    assert_eq!(store.usage(alice).messages, 0);
}

#[tokio::test]
async fn a_large_body_no_record_names_is_removed_at_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let alice = account(&store).await;
    deliver(&store, alice, 2_000_000).await;
    store.close().await;
    let log = directory.path().join("log");
    let bodies = || {
        let names = fs::read_dir(&log)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let bodies = names.filter(|path| path.extension().is_some_and(|ending| ending == "body"));
        bodies.collect::<Vec<_>>()
    };
    let named = bodies();
    assert_eq!(named.len(), 1);
    fs::copy(&named[0], log.join("00000000000000ff.body")).unwrap();
    let (store, opened) = open(directory.path());
    assert_eq!(opened.orphans, 1);
    assert_eq!(bodies(), named);
    let maildrop = store.open_maildrop(alice).unwrap();
    let mut read = 0;
    while read < 2_000_000 {
        read += maildrop.read(0, read).unwrap().octets.len() as u64;
    }
}

#[tokio::test]
async fn a_lost_index_is_built_again_with_the_same_uidls() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let alice = account(&store).await;
    for octets in [10, 70_000, 2_000_000] {
        deliver(&store, alice, octets).await;
    }
    let before = store.open_maildrop(alice).unwrap().messages().to_vec();
    store.close().await;
    let index = directory.path().join("index");
    fs::remove_dir_all(&index).unwrap();
    let (store, opened) = open(directory.path());
    assert_eq!(opened.replayed, 4);
    assert_eq!(**store.open_maildrop(alice).unwrap().messages(), before);
    store.close().await;
    // A file of sled with something else in it.
    let file = index.join("1").join("db");
    let size = fs::metadata(&file).unwrap().len();
    fs::write(&file, vec![0xA5; size as usize]).unwrap();
    let (store, opened) = open(directory.path());
    assert!(opened.rebuilt.is_some() || opened.replayed == 4, "{opened}");
    assert_eq!(**store.open_maildrop(alice).unwrap().messages(), before);
}

#[tokio::test]
async fn an_index_of_another_day_is_brought_up_to_date() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let alice = account(&store).await;
    deliver(&store, alice, 10).await;
    store.close().await;
    let index = directory.path().join("index").join("1");
    let kept = directory.path().join("kept");
    copy(&index, &kept);
    let (store, _) = open(directory.path());
    deliver(&store, alice, 20).await;
    let maildrop = store.open_maildrop(alice).unwrap();
    maildrop.expunge(&[0]).await.unwrap();
    drop(maildrop);
    store.close().await;
    fs::remove_dir_all(&index).unwrap();
    copy(&kept, &index);
    let (store, opened) = open(directory.path());
    assert_eq!((opened.replayed, &opened.rebuilt), (2, &None), "{opened}");
    let maildrop = store.open_maildrop(alice).unwrap();
    let octets: Vec<_> = maildrop
        .messages()
        .iter()
        .map(|entry| entry.octets)
        .collect();
    assert_eq!(octets, [20]);
    assert_eq!(store.usage(alice).octets, 20);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}
