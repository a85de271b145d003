//! Mailboxes: what was delivered is there once, and what was removed does not come back.

use std::collections::HashMap;
use std::path::PathBuf;

use address::Envelope;
use bytes::Bytes;
use mailstore::{AccountId, Change, Maildrop, NewAccount, Store};

use super::victim::{self, Words, open, say, token};

const ACCOUNTS: usize = 5;
const SENDERS: usize = 20;
const ROUNDS: usize = 6;

fn account(store: &Store, number: usize) -> Option<AccountId> {
    let directory = store.directory();
    directory
        .find_login(&format!("user{number}"))
        .map(|account| account.id)
}

/// The body of a token: its length and content follow from it.
fn body(token: u64) -> Vec<u8> {
    let length = match token % 50 {
        0 => 1_500_000,
        1..=5 => 90_000,
        _ => token as usize % 5_000,
    };
    victim::body(token, length)
}

async fn deliver(store: &Store, to: AccountId, token: u64) {
    let body = Bytes::from(body(token));
    let reservation = store.reserve(to, body.len() as u64).unwrap();
    let mut incoming = store.begin();
    incoming.write(body).await.unwrap();
    let envelope = Envelope::default();
    store
        .deliver(incoming, vec![reservation], envelope)
        .await
        .unwrap();
}

fn read(maildrop: &Maildrop, index: usize) -> Vec<u8> {
    let mut octets = Vec::new();
    loop {
        let chunk = maildrop.read(index, octets.len() as u64).unwrap();
        octets.extend_from_slice(&chunk.octets);
        if chunk.last {
            return octets;
        }
    }
}

/// Delivers and removes mail, and says so after each answer, until it is killed.
async fn work(directory: PathBuf, messages: u64) {
    let store = open(&directory);
    for number in 0..ACCOUNTS {
        if account(&store, number).is_none() {
            let address = format!("user{number}@example.test").parse().unwrap();
            let change = Change::AddAccount(NewAccount::new(address));
            store.change(change).await.unwrap();
        }
    }
    let first = std::process::id() as u64 * 10_000_000;
    let mut tasks = Vec::new();
    for sender in 0..SENDERS {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            for message in 0..messages {
                let token = first + sender as u64 * 100_000 + message;
                let to = account(&store, token as usize % ACCOUNTS).unwrap();
                deliver(&store, to, token).await;
                say("kept", token);
            }
        }));
    }
    let cleaner = store.clone();
    tasks.push(tokio::spawn(async move {
        for round in 0..messages {
            let whose = account(&cleaner, round as usize % ACCOUNTS).unwrap();
            let maildrop = cleaner.open_maildrop(whose).unwrap();
            if maildrop.messages().len() > 3 {
                let token = token(&read(&maildrop, 1));
                say("removing", token);
                maildrop.expunge(&[1]).await.unwrap();
                say("removed", token);
            }
            tokio::task::yield_now().await;
        }
    }));
    for task in tasks {
        task.await.unwrap();
    }
    store.close().await;
}

#[test]
#[ignore = "started, and killed, by the next test"]
fn victim() {
    let alone = victim::play(work, 20);
    assert!(alone.is_none_or(|stats| stats.messages > 0));
}

/// The store keeps every word of it.
fn check(words: &Words, store: &Store) {
    let mut found: HashMap<u64, u32> = HashMap::new();
    for number in 0..ACCOUNTS {
        let whose = account(store, number).unwrap();
        let maildrop = store.open_maildrop(whose).unwrap();
        let mut octets = 0;
        for (index, entry) in maildrop.messages().iter().enumerate() {
            let read = read(&maildrop, index);
            let token = token(&read);
            assert!(read == body(token), "{token} is not what was sent");
            *found.entry(token).or_default() += 1;
            octets += entry.octets;
        }
        assert_eq!(
            store.usage(whose).messages,
            maildrop.messages().len() as u64
        );
        assert_eq!(store.usage(whose).octets, octets);
    }
    for token in words.of("kept") {
        let times = found.get(token).copied().unwrap_or(0);
        if words.of("removed").contains(token) {
            assert_eq!(times, 0, "{token} came back");
        } else if !words.of("removing").contains(token) {
            assert_eq!(times, 1, "{token} is there {times} times");
        }
    }
}

#[test]
fn a_killed_process_has_kept_its_word() {
    let directory = tempfile::tempdir().unwrap();
    let mut words = Words::new(&["kept", "removing", "removed"]);
    for round in 0..ROUNDS {
        let store = words.listen("mailboxes::victim", directory.path(), 150 + round * 97);
        check(&words, &store);
    }
    assert!(words.of("kept").len() > 500 && !words.of("removed").is_empty());
}
