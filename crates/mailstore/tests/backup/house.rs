//! A small store to back up.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::{ControlFlow, Range};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use address::Envelope;
use mailstore::{
    AccountId, AtRest, BackedUp, BackupError, BackupOptions, Change, Moment, NewAccount, Options,
    Position, Restored, Step, Store, Watch, back_up,
};

/// A data directory with keys and a certificate, and a place for backups.
pub(crate) struct House {
    root: tempfile::TempDir,
    pub(crate) data: PathBuf,
    pub(crate) target: PathBuf,
}

/// What a mailbox holds: UIDL and octets.
pub(crate) type Mailbox = BTreeMap<(u32, u64), Vec<u8>>;

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap()
}

pub(crate) fn all_steps(_: &Step<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// Segments and bodies so small that a few letters fill several.
pub(crate) fn options() -> Options {
    Options {
        segment: 16 << 10,
        inline_body: 4 << 10,
        ..Options::default()
    }
}

pub(crate) fn open(data: &Path) -> Store {
    Store::open(data, options()).unwrap().0
}

/// One in four does not fit into memory and becomes a file of its own.
pub(crate) fn body(number: u32) -> Vec<u8> {
    let octets = if number % 4 == 3 { 70_000 } else { 3_000 };
    let mut body = format!("Subject: letter {number}\r\n\r\n").into_bytes();
    body.resize(octets, b'a' + (number % 26) as u8);
    body
}

pub(crate) async fn deliver(store: &Store, to: AccountId, body: &[u8]) {
    let reservation = store.reserve(to, body.len() as u64).unwrap();
    let mut incoming = store.begin();
    incoming.write(body.to_vec().into()).await.unwrap();
    let envelope = Envelope::default();
    store
        .deliver(incoming, vec![reservation], envelope)
        .await
        .unwrap();
}

pub(crate) fn mailbox(store: &Store, account: AccountId) -> Mailbox {
    let maildrop = store.open_maildrop(account).unwrap();
    let mut found = Mailbox::new();
    for (index, entry) in maildrop.messages().iter().enumerate() {
        let mut octets = Vec::new();
        loop {
            let chunk = maildrop.read(index, octets.len() as u64).unwrap();
            octets.extend_from_slice(&chunk.octets);
            if chunk.last {
                break;
            }
        }
        found.insert((entry.epoch, entry.uid), octets);
    }
    found
}

pub(crate) fn restore(from: &Path, to: &Path) -> Result<Restored, BackupError> {
    mailstore::restore(from, to, options(), now(), &mut all_steps)
}

/// The files below a directory, by device and number.
pub(crate) fn inodes(directory: &Path) -> BTreeSet<(u64, u64)> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let metadata = entry.metadata().unwrap();
        if metadata.is_dir() {
            found.extend(inodes(&entry.path()));
        } else {
            found.insert((metadata.dev(), metadata.ino()));
        }
    }
    found
}

impl House {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let data = root.path().join("data");
        drop(open(&data));
        fs::create_dir(data.join("tls")).unwrap();
        for (name, text) in [
            ("secrets.key", "secret"),
            ("declared.key", "declared"),
            ("tls/certificate.pem", "certificate"),
            ("declared.json", "{}"),
            ("tls/key.pem", "key"),
            // Not part of any backup.
            ("tls/key.new", "half"),
            ("admin.sock", ""),
        ] {
            fs::write(data.join(name), text).unwrap();
        }
        Self {
            target: root.path().join("backups"),
            data,
            root,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(crate) fn open(&self) -> Store {
        open(&self.data)
    }

    /// The account of that address, made if need be.
    pub(crate) async fn account(&self, store: &Store, address: &str) -> AccountId {
        let address: address::Mailbox = address.parse().unwrap();
        if store.directory().by_address(&address).is_none() {
            let new = NewAccount::new(address.clone());
            store.change(Change::AddAccount(new)).await.unwrap();
        }
        store.directory().by_address(&address).unwrap().id
    }

    /// Puts letters of these numbers into a mailbox, while no server runs.
    pub(crate) fn deliver_some(&self, numbers: Range<u32>) {
        runtime().block_on(async {
            let store = self.open();
            let alice = self.account(&store, "alice@example.test").await;
            for number in numbers {
                deliver(&store, alice, &body(number)).await;
            }
            store.close().await;
        });
    }

    pub(crate) fn end(&self) -> Position {
        AtRest::claim(&self.data).unwrap().end().unwrap()
    }

    pub(crate) fn try_back_up(
        &self,
        options: BackupOptions,
        watch: &mut Watch<'_>,
    ) -> Result<BackedUp, BackupError> {
        let of = Moment {
            end: self.end(),
            declared: Some(fs::read(self.data.join("declared.json")).unwrap()),
        };
        back_up(&self.data, of, &self.target, options, now(), watch)
    }

    pub(crate) fn back_up(&self, options: BackupOptions) -> BackedUp {
        self.try_back_up(options, &mut all_steps).unwrap()
    }

    pub(crate) fn restore_to(&self, name: &str, from: &Path) -> Result<Restored, BackupError> {
        restore(from, &self.path(name))
    }

    /// What is in the mailbox of a data directory.
    pub(crate) fn mail_of(&self, data: &Path) -> Mailbox {
        runtime().block_on(async {
            let store = open(data);
            let alice = self.account(&store, "alice@example.test").await;
            let found = mailbox(&store, alice);
            store.close().await;
            found
        })
    }

    pub(crate) fn log_files(&self) -> Vec<String> {
        names(&self.data.join("log"))
    }

    /// Paths of all backups that have their name.
    pub(crate) fn backups(&self) -> Vec<PathBuf> {
        let all = names(&self.target);
        let target = fs::canonicalize(&self.target).unwrap();
        let whole = all.iter().filter(|name| !name.starts_with('.'));
        whole.map(|name| target.join(name)).collect()
    }
}

/// Names in a directory, in order.
pub(crate) fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
