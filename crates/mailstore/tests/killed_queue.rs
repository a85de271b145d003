//! A process killed while mail for elsewhere comes and goes, with the real disk and the real sled: what waits is there,
//! what has left stays away, and a report is there exactly when what it is about has left.
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use address::{Envelope, Recipient};
use mailstore::{
    AccountId, Attempt, Change, Heard, NewAccount, Options, Outgoing, Parcel, Store, Waiting,
};

/// Says where the victim works; without it, it takes a directory of its own and ends by itself.
const PLACE: &str = "TEGAMI_TEST_QUEUE_PLACE";
const SENDERS: u64 = 10;
const ROUNDS: usize = 5;

fn open(directory: &Path) -> Store {
    Store::open(directory, Options::default()).unwrap().0
}

fn alice(store: &Store) -> Option<AccountId> {
    let directory = store.directory();
    directory.find_login("alice").map(|account| account.id)
}

/// A letter that begins with its token; its length follows from it.
fn body(token: u64) -> Vec<u8> {
    let mut body = format!("{token}\r\n").into_bytes();
    let length = if token.is_multiple_of(40) {
        1_200_000
    } else {
        token as usize % 4_000
    };
    body.resize(body.len() + length, b'a' + (token % 26) as u8);
    body
}

fn token(body: &[u8]) -> u64 {
    let end = body.iter().position(|octet| *octet == b'\r').unwrap();
    std::str::from_utf8(&body[..end]).unwrap().parse().unwrap()
}

fn say(line: &str) {
    std::io::stdout()
        .write_all(format!("\n{line}\n").as_bytes())
        .unwrap();
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
            say(&format!("tried {token}"));
        } else {
            say(&format!("leaving {token}"));
            let report = parcel(store, body(token), false).await;
            let attempt = Attempt {
                closed: vec![0],
                again: Vec::new(),
            };
            let done = store
                .queue_attempted(queued.id, attempt, vec![report])
                .await;
            done.unwrap();
            say(&format!("left {token}"));
        }
    }
}

async fn work(directory: &Path, messages: u64) {
    let store = open(directory);
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
                say(&format!("kept {token}"));
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
#[ignore = "started, and killed, by the other test"]
fn victim() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    match std::env::var_os(PLACE) {
        Some(place) => runtime.block_on(work(Path::new(&place), 90_000)),
        None => {
            let directory = tempfile::tempdir().unwrap();
            runtime.block_on(work(directory.path(), 10));
            let stats = open(directory.path()).stats();
            assert_eq!(stats.messages + stats.queued.messages, 100);
        }
    }
}

#[derive(Default)]
struct Words {
    kept: HashSet<u64>,
    tried: HashSet<u64>,
    leaving: HashSet<u64>,
    left: HashSet<u64>,
}

impl Words {
    /// Takes down what the victim says, and kills it after so many lines.
    fn listen(&mut self, directory: &Path, lines: usize) {
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "victim", "--ignored", "--nocapture"])
            .env(PLACE, directory)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut heard = 0;
        for line in BufReader::new(victim.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let Some((what, token)) = line.split_once(' ') else {
                continue;
            };
            let known = match what {
                "kept" => &mut self.kept,
                "tried" => &mut self.tried,
                "leaving" => &mut self.leaving,
                "left" => &mut self.left,
                _ => continue,
            };
            known.insert(token.parse().unwrap());
            heard += 1;
            if heard == lines {
                victim.kill().unwrap();
            }
        }
        victim.wait().unwrap();
        assert!(heard >= lines, "the victim ended by itself");
    }

    /// The store keeps every word of it.
    fn check(&self, store: &Store) {
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
        for token in &self.kept {
            let (waits, reported) = (waiting.get(token), reports.contains_key(token));
            assert_eq!(waits.is_none(), reported, "{token}: one without the other");
            if self.left.contains(token) {
                assert!(reported, "{token} came back");
            } else if !self.leaving.contains(token) {
                assert!(!reported, "{token} left by itself");
            }
            if self.tried.contains(token) && !reported {
                assert_eq!(waits, Some(&1), "{token}: an attempt was forgotten");
            }
        }
    }
}

#[test]
fn a_killed_process_has_kept_its_word_about_the_queue() {
    let directory = tempfile::tempdir().unwrap();
    let mut words = Words::default();
    for round in 0..ROUNDS {
        words.listen(directory.path(), 250 + round * 97);
        let (store, opened) = Store::open(directory.path(), Options::default()).unwrap();
        assert!(opened.unclean);
        assert!(
            opened.damaged.is_empty() && opened.rebuilt.is_none(),
            "{opened}"
        );
        words.check(&store);
    }
    let heard = [&words.kept, &words.tried, &words.left].map(HashSet::len);
    assert!(heard.iter().all(|words| *words > 100), "{heard:?}");
}
