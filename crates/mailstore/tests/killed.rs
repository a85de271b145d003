//! A process killed in the middle of its work, with the real disk and the real sled: what it had answered stands.
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use address::Envelope;
use bytes::Bytes;
use mailstore::{AccountId, Change, Maildrop, NewAccount, Options, Store};

/// Says where the victim works; without it, it takes a directory of its own and ends by itself.
const PLACE: &str = "TEGAMI_TEST_PLACE";
const ACCOUNTS: usize = 5;
const SENDERS: usize = 20;
const ROUNDS: usize = 6;

fn open(directory: &Path) -> Store {
    Store::open(directory, Options::default()).unwrap().0
}

fn account(store: &Store, number: usize) -> Option<AccountId> {
    let directory = store.directory();
    directory
        .find_login(&format!("user{number}"))
        .map(|account| account.id)
}

/// The body of a token: its length and content follow from it.
fn body(token: u64) -> Vec<u8> {
    let mut body = format!("{token}\r\n").into_bytes();
    let length = match token % 50 {
        0 => 1_500_000,
        1..=5 => 90_000,
        _ => token as usize % 5_000,
    };
    body.resize(body.len() + length, b'a' + (token % 26) as u8);
    body
}

fn say(line: &str) {
    std::io::stdout()
        .write_all(format!("\n{line}\n").as_bytes())
        .unwrap();
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

fn token(body: &[u8]) -> u64 {
    let end = body.iter().position(|octet| *octet == b'\r').unwrap();
    std::str::from_utf8(&body[..end]).unwrap().parse().unwrap()
}

/// Delivers and removes mail, and says so after each answer, until it is killed.
async fn work(directory: &Path, messages: u64) {
    let store = open(directory);
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
                say(&format!("kept {token}"));
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
                say(&format!("removing {token}"));
                maildrop.expunge(&[1]).await.unwrap();
                say(&format!("removed {token}"));
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
#[ignore = "started, and killed, by the other test"]
fn victim() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    match std::env::var_os(PLACE) {
        Some(place) => runtime.block_on(work(Path::new(&place), 100_000)),
        None => {
            let directory = tempfile::tempdir().unwrap();
            runtime.block_on(work(directory.path(), 20));
            let stats = open(directory.path()).stats();
            assert!(stats.messages > 0);
        }
    }
}

#[derive(Default)]
struct Words {
    kept: HashSet<u64>,
    removing: HashSet<u64>,
    removed: HashSet<u64>,
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
                "removing" => &mut self.removing,
                "removed" => &mut self.removed,
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
        for token in &self.kept {
            let times = found.get(token).copied().unwrap_or(0);
            if self.removed.contains(token) {
                assert_eq!(times, 0, "{token} came back");
            } else if !self.removing.contains(token) {
                assert_eq!(times, 1, "{token} is there {times} times");
            }
        }
    }
}

#[test]
fn a_killed_process_has_kept_its_word() {
    let directory = tempfile::tempdir().unwrap();
    let mut words = Words::default();
    for round in 0..ROUNDS {
        words.listen(directory.path(), 150 + round * 97);
        let (store, opened) = Store::open(directory.path(), Options::default()).unwrap();
        assert!(opened.unclean);
        assert!(
            opened.damaged.is_empty() && opened.rebuilt.is_none(),
            "{opened}"
        );
        words.check(&store);
    }
    assert!(words.kept.len() > 500 && !words.removed.is_empty());
}
