//! Mail for elsewhere comes and goes: what waits is there, what has left stays away, and a report is there exactly when
//! what it is about has left.

use std::collections::HashMap;
use std::path::PathBuf;

use address::{Envelope, Recipient};
use mailstore::{AccountId, Attempt, Change, Heard, NewAccount, Outgoing, Parcel, Store, Waiting};

use super::victim::{self, Words, open, say, token};

const SENDERS: u64 = 10;
const ROUNDS: usize = 5;

fn alice(store: &Store) -> Option<AccountId> {
    let directory = store.directory();
    directory.find_login("alice").map(|account| account.id)
}

/// The letter of a token: its length and content follow from it.
fn body(token: u64) -> Vec<u8> {
    let length = if token.is_multiple_of(40) {
        1_200_000
    } else {
        token as usize % 4_000
    };
    victim::body(token, length)
}

async fn parcel(store: &Store, body: Vec<u8>, away: bool) -> Parcel {
    let mut incoming = store.begin();
    incoming.write(body.into()).await.unwrap();
    let to = alice(store).filter(|_| !away);
    let recipient = Recipient {
        path: "<bob@example.org>".parse().unwrap(),
        notify: None,
        orcpt: None,
    };
    Parcel {
        incoming,
        reservations: to.iter().map(|to| store.reserve(*to, 0).unwrap()).collect(),
        envelope: Envelope {
            recipients: vec![recipient],
            ..Envelope::default()
        },
        outgoing: away.then(|| Outgoing {
            room: store.reserve_outgoing(0).unwrap(),
            account: None,
            release: None,
            waiting: vec![Waiting::new(0, 1)],
        }),
    }
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

/// Tries what is due: first in vain, then it leaves, with a report.
async fn send_on(store: &Store, at_most: usize) {
    for queued in store.queue_due(u64::MAX, None, at_most).unwrap() {
        let token = token(&read(store, queued.id));
        if queued.waiting[0].attempts == 0 {
            let again = vec![Waiting {
                attempts: 1,
                heard: Some(Heard::new("mx.example.org", "come back later", 1)),
                ..Waiting::new(0, 2)
            }];
            let closed = Vec::new();
            let attempt = Attempt { closed, again };
            let done = store.queue_attempted(queued.id, attempt, Vec::new()).await;
            done.unwrap();
            say("tried", token);
        } else {
            say("leaving", token);
            let report = parcel(store, body(token), false).await;
            let attempt = Attempt {
                closed: vec![0],
                again: Vec::new(),
            };
            let done = store
                .queue_attempted(queued.id, attempt, vec![report])
                .await;
            done.unwrap();
            say("left", token);
        }
    }
}

async fn work(directory: PathBuf, messages: u64) {
    let store = open(&directory);
    if alice(&store).is_none() {
        let mut new = NewAccount::new("alice@example.test".parse().unwrap());
        new.quota = Some(0);
        store.change(Change::AddAccount(new)).await.unwrap();
    }
    let first = u64::from(std::process::id()) * 10_000_000;
    let mut tasks = Vec::new();
    for sender in 0..SENDERS {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            for message in 0..messages {
                let token = first + sender * 100_000 + message;
                // As much comes as leaves.
                while messages > 1_000 && store.queue_counts().messages > 30 {
                    tokio::task::yield_now().await;
                }
                let parcel = parcel(&store, body(token), true).await;
                store.post(parcel).await.unwrap();
                say("kept", token);
            }
        }));
    }
    let sender = store.clone();
    tasks.push(tokio::spawn(async move {
        for _ in 0..messages * SENDERS {
            send_on(&sender, 20).await;
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
    let alone = victim::play(work, 10);
    assert!(alone.is_none_or(|stats| stats.messages + stats.queued.messages == 100));
}

/// The store keeps every word of it.
fn check(words: &Words, store: &Store) {
    let mut reports: HashMap<u64, u32> = HashMap::new();
    let maildrop = store.open_maildrop(alice(store).unwrap()).unwrap();
    for index in 0..maildrop.messages().len() {
        let octets = maildrop.read(index, 0).unwrap().octets;
        *reports.entry(token(&octets)).or_default() += 1;
    }
    assert!(reports.values().all(|times| *times == 1), "reported twice");
    let mut waiting = HashMap::new();
    let all = store.queue_from(0, usize::MAX).unwrap();
    for queued in &all {
        let octets = read(store, queued.id);
        let token = token(&octets);
        assert!(octets == body(token), "{token} is not what was sent");
        let before = waiting.insert(token, queued.waiting[0].attempts);
        assert_eq!(before, None, "{token} waits twice");
    }
    assert_eq!(store.queue_counts().messages, all.len() as u64);
    for token in words.of("kept") {
        let (waits, reported) = (waiting.get(token), reports.contains_key(token));
        assert_eq!(waits.is_none(), reported, "{token}: one without the other");
        if words.of("left").contains(token) {
            assert!(reported, "{token} came back");
        } else if !words.of("leaving").contains(token) {
            assert!(!reported, "{token} left by itself");
        }
        if words.of("tried").contains(token) && !reported {
            assert_eq!(waits, Some(&1), "{token}: an attempt was forgotten");
        }
    }
}

#[test]
fn a_killed_process_has_kept_its_word_about_the_queue() {
    let directory = tempfile::tempdir().unwrap();
    let mut words = Words::new(&["kept", "tried", "leaving", "left"]);
    for round in 0..ROUNDS {
        let store = words.listen("queue::victim", directory.path(), 250 + round * 97);
        check(&words, &store);
    }
    let heard = ["kept", "tried", "left"].map(|word| words.of(word).len());
    assert!(heard.iter().all(|times| *times > 100), "{heard:?}");
}
