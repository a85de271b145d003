//! A small store in several segments, and ways to damage it.
#![allow(dead_code, reason = "shared by tests that each use a part of it")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use address::Envelope;
use mailstore::{
    AccountId, AtRest, Change, Examination, Examined, NewAccount, Options, Store, StoredList,
};

/// Octets of the one message that has a file of its own.
pub const LARGE: usize = 100_000;

/// A data directory.
pub struct Ground {
    directory: tempfile::TempDir,
}

impl Ground {
    /// Four messages for alice, two for bob, one of them large; an account and messages that are gone again.
    pub async fn filled() -> Self {
        let ground = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        let (store, _) = Store::open(ground.path(), ground.options()).unwrap();
        for name in ["alice", "bob", "carol"] {
            let new = NewAccount::new(format!("{name}@example.test").parse().unwrap());
            store.change(Change::AddAccount(new)).await.unwrap();
        }
        let id = |name| store.directory().find_login(name).unwrap().id;
        deliver(&store, id("carol"), b"carol 1 body").await;
        for number in 1..=5 {
            let body = format!("alice {number} body {}", "x".repeat(700));
            deliver(&store, id("alice"), body.as_bytes()).await;
        }
        deliver(&store, id("bob"), b"bob 1 body").await;
        deliver(&store, id("bob"), &vec![b'y'; LARGE]).await;
        let maildrop = store.open_maildrop(id("alice")).unwrap();
        maildrop.expunge(&[3]).await.unwrap();
        drop(maildrop);
        let carol = id("carol");
        store.change(Change::RemoveAccount(carol)).await.unwrap();
        store.close().await;
        ground
    }

    pub fn options(&self) -> Options {
        Options {
            segment: 2_048,
            inline_body: 4_096,
            ..Options::default()
        }
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn examine(&self) -> Examined {
        let at_rest = AtRest::claim(self.path()).unwrap();
        let examination = Examination::of(self.path(), at_rest.end().unwrap()).unwrap();
        let mut read = 0;
        let examined = examination.run(None, &mut |octets| {
            assert!(octets >= read, "{octets} after {read}");
            read = octets;
        });
        assert!(read <= examination.octets(), "{read}");
        examined.unwrap()
    }

    /// Every file with its octets.
    pub fn contents(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut directories = vec![self.path().to_owned()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    directories.push(path);
                } else {
                    found.insert(path.clone(), fs::read(path).unwrap());
                }
            }
        }
        found
    }

    pub fn segments(&self) -> Vec<PathBuf> {
        let listed = fs::read_dir(self.path().join("log")).unwrap();
        let mut segments: Vec<_> = listed
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|kind| kind == "log"))
            .collect();
        segments.sort();
        segments
    }

    pub fn last_segment(&self) -> PathBuf {
        self.segments().pop().unwrap()
    }

    /// The file of the large body.
    pub fn body(&self) -> PathBuf {
        let listed = fs::read_dir(self.path().join("log")).unwrap();
        let mut bodies = listed
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|kind| kind == "body"));
        bodies.next().unwrap()
    }

    fn turn(&self, text: &str, place: impl Fn(&[u8], usize) -> usize) {
        for segment in self.segments() {
            let mut octets = fs::read(&segment).unwrap();
            let length = text.len();
            if let Some(at) = octets
                .windows(length)
                .position(|window| window == text.as_bytes())
            {
                let at = place(&octets, at);
                octets[at] ^= 4;
                fs::write(segment, octets).unwrap();
                return;
            }
        }
        panic!("no {text}");
    }

    /// Turns a bit of the first letter that holds this.
    pub fn turn_bit(&self, text: &str) {
        self.turn(text, |_, at| at);
    }

    /// A list, whose settings say what it is.
    pub async fn add_list(&self) {
        let (store, _) = Store::open(self.path(), self.options()).unwrap();
        let list = StoredList {
            address: "staff@example.test".parse().unwrap(),
            settings: "what staff is".to_owned(),
        };
        store.change(Change::PutList(list)).await.unwrap();
        store.close().await;
    }

    /// Turns a bit of the head before the letter that begins with this.
    pub fn turn_bit_before(&self, text: &str) {
        self.turn(text, |_, at| at - 1);
    }

    /// Puts every file back, and takes away all others.
    pub fn restore(&self, contents: &BTreeMap<PathBuf, Vec<u8>>) {
        for path in self.contents().keys() {
            if !contents.contains_key(path) {
                fs::remove_file(path).unwrap();
            }
        }
        for (path, octets) in contents {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, octets).unwrap();
        }
    }

    /// Damages every record of a kind.
    pub fn turn_bit_of_records(&self, kind: u8) {
        for segment in self.segments() {
            let mut octets = fs::read(&segment).unwrap();
            let mark: Vec<u8> = octets[48..56].to_vec();
            for at in 80..octets.len().saturating_sub(44) {
                if octets[at..].starts_with(&mark) && octets[at + 9] == kind {
                    octets[at + 13] ^= 1;
                }
            }
            fs::write(segment, octets).unwrap();
        }
    }

    /// Damages everything behind bob's large letter.
    pub fn destroy_removals(&self) {
        let segment = self.last_segment();
        let mut octets = fs::read(&segment).unwrap();
        let mark: Vec<u8> = octets[48..56].to_vec();
        let frames: Vec<usize> = octets
            .windows(8)
            .enumerate()
            .filter(|(at, window)| *at > 80 && *window == mark)
            .map(|(at, _)| at)
            .collect();
        for at in frames {
            // Removals of messages and changes of accounts.
            if matches!(octets[at + 9], 2 | 5) {
                octets[at + 13] ^= 1;
            }
        }
        fs::write(segment, octets).unwrap();
    }

    /// How many messages alice and bob have.
    pub async fn messages(&self) -> Vec<u64> {
        let mut counts = Vec::new();
        for name in ["alice", "bob"] {
            counts.push(self.letters(name).await.len() as u64);
        }
        counts
    }

    /// The letters of a mailbox, all of which have to be readable.
    pub async fn letters(&self, name: &str) -> Vec<Vec<u8>> {
        let (store, _) = Store::open(self.path(), self.options()).unwrap();
        let id = store.directory().find_login(name).unwrap().id;
        let maildrop = store.open_maildrop(id).unwrap();
        let mut letters = Vec::new();
        for (index, message) in maildrop.messages().iter().enumerate() {
            let mut letter = Vec::new();
            while (letter.len() as u64) < message.octets {
                let chunk = maildrop.read(index, letter.len() as u64).unwrap();
                letter.extend_from_slice(&chunk.octets);
            }
            letters.push(letter);
        }
        drop(maildrop);
        store.close().await;
        letters
    }

    pub async fn deliver_one_more(&self) {
        let (store, _) = Store::open(self.path(), self.options()).unwrap();
        let bob = store.directory().find_login("bob").unwrap().id;
        deliver(&store, bob, b"one more").await;
        store.close().await;
    }

    pub async fn remove_first(&self, name: &str) {
        let (store, _) = Store::open(self.path(), self.options()).unwrap();
        let id = store.directory().find_login(name).unwrap().id;
        let maildrop = store.open_maildrop(id).unwrap();
        maildrop.expunge(&[0]).await.unwrap();
        drop(maildrop);
        store.close().await;
    }

    /// The uid of a message by its place in the mailbox, as it was when the ground was made.
    pub fn uid(&self, name: &str, place: u64) -> u64 {
        // Three accounts and carol's message came before alice's.
        assert_eq!(name, "alice");
        5 + place
    }

    /// Delivers and removes until told to stop; says how often.
    pub fn keep_busy(
        &self,
        store: Store,
        stop: Arc<AtomicBool>,
    ) -> impl Future<Output = u64> + Send + use<> {
        async move {
            let alice = store.directory().find_login("alice").unwrap().id;
            let mut rounds = 0;
            while !stop.load(Ordering::Relaxed) {
                deliver(&store, alice, b"busy").await;
                deliver(&store, alice, &vec![b'z'; LARGE / 2]).await;
                let maildrop = store.open_maildrop(alice).unwrap();
                maildrop.expunge(&[0]).await.unwrap();
                drop(maildrop);
                rounds += 1;
            }
            rounds
        }
    }
}

async fn deliver(store: &Store, to: AccountId, body: &[u8]) {
    let mut incoming = store.begin();
    incoming.write(body.to_vec().into()).await.unwrap();
    let reservations = vec![store.reserve(to, 0).unwrap()];
    let envelope = Envelope::default();
    store
        .deliver(incoming, reservations, envelope)
        .await
        .unwrap();
}
