//! The store from outside, on a real disk: what goes in comes out, before and after a restart.

#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use std::path::Path;

use address::{Envelope, Mailbox, Recipient};
use bytes::Bytes;
use mailstore::{AccountId, Change, Maildrop, NewAccount, Options, ReadNow, Store};

fn mailbox(text: &str) -> Mailbox {
    text.parse().unwrap()
}

fn envelope(to: &str) -> Envelope {
    Envelope {
        reverse_path: "<sender@example.net>".parse().unwrap(),
        envid: None,
        ret: None,
        body8bit: false,
        smtputf8: false,
        requiretls: false,
        deliver_by: None,
        recipients: vec![Recipient {
            path: format!("<{to}>").parse().unwrap(),
            notify: None,
            orcpt: None,
        }],
    }
}

fn open(directory: &Path) -> Store {
    Store::open(directory, Options::default()).unwrap().0
}

async fn account(store: &Store, address: &str) -> AccountId {
    let address = mailbox(address);
    let change = Change::AddAccount(NewAccount::new(address.clone()));
    store.change(change).await.unwrap();
    store.directory().by_address(&address).unwrap().id
}

async fn deliver(store: &Store, to: AccountId, body: &[u8]) {
    let reservation = store.reserve(to, body.len() as u64).unwrap();
    let mut incoming = store.begin();
    for chunk in body.chunks(10_000) {
        incoming.write(Bytes::copy_from_slice(chunk)).await.unwrap();
    }
    let envelope = envelope("alice@example.test");
    store
        .deliver(incoming, vec![reservation], envelope)
        .await
        .unwrap();
}

fn read(maildrop: &Maildrop, index: usize) -> Vec<u8> {
    let mut octets = Vec::new();
    loop {
        let offset = octets.len() as u64;
        let chunk = match maildrop.read_now(index, offset) {
            ReadNow::Chunk(chunk) => chunk,
            ReadNow::WouldBlock => maildrop.read(index, offset).unwrap(),
            ReadNow::Failed(error) => panic!("{error}"),
        };
        octets.extend_from_slice(&chunk.octets);
        if chunk.last {
            return octets;
        }
    }
}

fn body(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 % 251) as u8).collect()
}

#[tokio::test]
async fn every_size_comes_out_as_it_went_in_also_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let sizes = [
        0,
        1,
        4_000,
        65_535,
        65_536,
        65_537,
        300_000,
        1 << 20,
        (1 << 20) + 1,
        3_000_000,
    ];
    let store = open(directory.path());
    let alice = account(&store, "alice@example.test").await;
    for size in sizes {
        deliver(&store, alice, &body(size)).await;
    }
    for round in 0..3 {
        let store = if round == 0 {
            store.clone()
        } else {
            open(directory.path())
        };
        let maildrop = store.open_maildrop(alice).unwrap();
        let found: Vec<_> = maildrop
            .messages()
            .iter()
            .map(|entry| entry.octets as usize)
            .collect();
        assert_eq!(found, sizes);
        for (index, size) in sizes.iter().enumerate() {
            assert!(
                read(&maildrop, index) == body(*size),
                "{size} in round {round}"
            );
        }
        assert_eq!(store.usage(alice).messages, sizes.len() as u64);
        assert_eq!(
            store.usage(alice).octets,
            sizes.iter().sum::<usize>() as u64
        );
        drop(maildrop);
        store.close().await;
    }
}

#[tokio::test]
async fn expunged_messages_stay_away_and_the_others_keep_their_uidl() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let alice = account(&store, "alice@example.test").await;
    for number in 0..5 {
        deliver(&store, alice, format!("message {number}\r\n").as_bytes()).await;
    }
    let maildrop = store.open_maildrop(alice).unwrap();
    let before: Vec<_> = maildrop
        .messages()
        .iter()
        .map(|entry| (entry.epoch, entry.uid))
        .collect();
    maildrop.expunge(&[1, 3, 3, 99]).await.unwrap();
    assert_eq!(maildrop.messages().len(), 5);
    assert_eq!(store.usage(alice).messages, 3);
    drop(maildrop);
    for _ in 0..2 {
        let maildrop = store.open_maildrop(alice).unwrap();
        let after: Vec<_> = maildrop
            .messages()
            .iter()
            .map(|entry| (entry.epoch, entry.uid))
            .collect();
        assert_eq!(after, [before[0], before[2], before[4]]);
    }
    store.close().await;
    let store = open(directory.path());
    let maildrop = store.open_maildrop(alice).unwrap();
    let after: Vec<_> = maildrop
        .messages()
        .iter()
        .map(|entry| (entry.epoch, entry.uid))
        .collect();
    assert_eq!(after, [before[0], before[2], before[4]]);
    assert_eq!(read(&maildrop, 1), b"message 2\r\n");
}

/// In a record of the log and in a file of its own, from the overlay, the index and a rebuilt index.
#[tokio::test]
async fn the_mark_of_smtputf8_stays_with_its_message() {
    let directory = tempfile::tempdir().unwrap();
    let letters = [(10, false), (20, true), (2 << 20, false), (3 << 20, true)];
    let store = open(directory.path());
    let alice = account(&store, "alice@example.test").await;
    for (size, smtputf8) in letters {
        let reservation = store.reserve(alice, size as u64).unwrap();
        let mut incoming = store.begin();
        incoming.write(Bytes::from(body(size))).await.unwrap();
        let envelope = Envelope {
            smtputf8,
            ..envelope("alice@example.test")
        };
        store
            .deliver(incoming, vec![reservation], envelope)
            .await
            .unwrap();
    }
    let marks = |store: &Store| {
        let maildrop = store.open_maildrop(alice).unwrap();
        let entries = maildrop.messages().iter();
        entries
            .map(|entry| (entry.octets as usize, entry.utf8))
            .collect::<Vec<_>>()
    };
    assert_eq!(marks(&store), letters);
    store.close().await;
    let store = open(directory.path());
    assert_eq!(marks(&store), letters);
    store.close().await;
    std::fs::remove_dir_all(directory.path().join("index")).unwrap();
    let store = open(directory.path());
    assert_eq!(marks(&store), letters);
}
