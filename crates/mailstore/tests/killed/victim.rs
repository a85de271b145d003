//! The process that is killed, and what it said before. It is this very test program, told to run one ignored test.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mailstore::{Options, Stats, Store};
use tokio::runtime::Builder;

/// Says where the victim works; without it, it takes a directory of its own and ends by itself.
const PLACE: &str = "TEGAMI_TEST_PLACE";

/// Works as the victim for so many messages that it is killed before, or, where nobody kills it, for `alone`; what its store
/// has then.
pub fn play<Working: Future<Output = ()>>(
    work: impl Fn(PathBuf, u64) -> Working,
    alone: u64,
) -> Option<Stats> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    if let Some(place) = std::env::var_os(PLACE) {
        runtime.block_on(work(place.into(), 90_000));
        return None;
    }
    let directory = tempfile::tempdir().unwrap();
    runtime.block_on(work(directory.path().into(), alone));
    Some(open(directory.path()).stats())
}

pub fn open(directory: &Path) -> Store {
    Store::open(directory, Options::default()).unwrap().0
}

/// Says a word about a token to whoever listens.
pub fn say(word: &str, token: u64) {
    std::io::stdout()
        .write_all(format!("\n{word} {token}\n").as_bytes())
        .unwrap();
}

/// What begins with its token and goes on for so many octets.
pub fn body(token: u64, length: usize) -> Vec<u8> {
    let mut body = format!("{token}\r\n").into_bytes();
    body.resize(body.len() + length, b'a' + (token % 26) as u8);
    body
}

pub fn token(body: &[u8]) -> u64 {
    let end = body.iter().position(|octet| *octet == b'\r').unwrap();
    std::str::from_utf8(&body[..end]).unwrap().parse().unwrap()
}

/// For each word, the tokens about which victims said it.
pub struct Words(HashMap<&'static str, HashSet<u64>>);

impl Words {
    /// These are listened for.
    pub fn new(words: &[&'static str]) -> Self {
        Self(words.iter().map(|word| (*word, HashSet::new())).collect())
    }

    pub fn of(&self, word: &str) -> &HashSet<u64> {
        &self.0[word]
    }

    /// Starts this test as a victim, takes down what it says, and kills it after so many lines. The store as it is then.
    pub fn listen(&mut self, test: &str, directory: &Path, lines: usize) -> Store {
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--ignored", "--nocapture"])
            .env(PLACE, directory)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut heard = 0;
        for line in BufReader::new(victim.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let Some((word, token)) = line.split_once(' ') else {
                continue;
            };
            let Some(known) = self.0.get_mut(word) else {
                continue;
            };
            known.insert(token.parse().unwrap());
            heard += 1;
            if heard == lines {
                victim.kill().unwrap();
            }
        }
        victim.wait().unwrap();
        assert!(heard >= lines, "the victim ended by itself");
        let (store, opened) = Store::open(directory, Options::default()).unwrap();
        assert!(opened.unclean);
        assert!(
            opened.damaged.is_empty() && opened.rebuilt.is_none(),
            "{opened}"
        );
        store
    }
}
