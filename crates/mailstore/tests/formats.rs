//! Stores as earlier versions left them: each is kept here for ever, and every version reads them all.
//!
//! `fixtures/format-N/` holds a log and `expected.json`, what a listing of it says. Opening writes, so it is done on a copy.
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use address::dsn::{Envid, Notify, Ret};
use address::{Envelope, Recipient};
use mailstore::{
    Account, AccountId, Alias, Attempt, Change, Declared, Forward, Handling, Heard, NewAccount,
    Options, Outgoing, Parcel, Store, StoredList, Terms, Waiting,
};
use serde::{Deserialize, Serialize};

/// What a store holds.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Expected {
    accounts: Vec<Account>,
    aliases: Vec<Alias>,
    messages: Vec<Message>,
    /// Mailboxes of which messages were removed that could come back, and how many. Before format 3 none were.
    #[serde(default)]
    removed: Vec<(AccountId, u64)>,
    /// Mail for elsewhere; there is such since format 5.
    #[serde(default)]
    queued: Vec<InQueue>,
    /// Likewise.
    #[serde(default)]
    lists: Vec<StoredList>,
}

/// A message that waits to leave.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct InQueue {
    id: u64,
    octets: u64,
    crc32c: u32,
    account: Option<AccountId>,
    received: u64,
    release: Option<u64>,
    envelope: Envelope,
    waiting: Vec<Waiting>,
}

/// One message.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Message {
    account: AccountId,
    epoch: u32,
    uid: u64,
    octets: u64,
    utf8: bool,
    crc32c: u32,
    /// From another server; there are such since format 3.
    #[serde(default)]
    uidl: Option<String>,
}

/// Segments and bodies so small that a few letters fill several; nothing fits into memory, so bodies may be files.
fn options() -> Options {
    Options {
        segment: 4 << 10,
        inline_body: 1 << 10,
        body_memory: 0,
        // Whatever day this runs.
        undelete_window: Duration::MAX,
        ..Options::default()
    }
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

fn found(store: &Store) -> Expected {
    let directory = store.directory();
    let mut found = Expected {
        accounts: directory.accounts().cloned().collect(),
        aliases: directory.aliases().cloned().collect(),
        messages: Vec::new(),
        removed: Vec::new(),
        queued: queued(store),
        lists: directory.lists().cloned().collect(),
    };
    for account in directory.accounts() {
        let maildrop = store.open_maildrop(account.id).unwrap();
        for (index, entry) in maildrop.messages().iter().enumerate() {
            let mut octets = Vec::new();
            loop {
                let chunk = maildrop.read(index, octets.len() as u64).unwrap();
                octets.extend_from_slice(&chunk.octets);
                if chunk.last {
                    break;
                }
            }
            assert_eq!(octets.len() as u64, entry.octets);
            found.messages.push(Message {
                account: account.id,
                epoch: entry.epoch,
                uid: entry.uid,
                octets: entry.octets,
                utf8: entry.utf8,
                crc32c: crc32c::crc32c(&octets),
                uidl: entry.uidl().map(ToString::to_string),
            });
        }
        let held = found
            .messages
            .iter()
            .filter(|message| message.account == account.id);
        assert_eq!(store.usage(account.id).messages, held.count() as u64);
        let removed = store.undeletable(account.id, 0).unwrap().messages;
        if removed > 0 {
            found.removed.push((account.id, removed));
        }
    }
    found
}

fn queued(store: &Store) -> Vec<InQueue> {
    let all = store.queue_from(0, 1_000).unwrap().into_iter();
    let read = all.map(|queued| {
        let (received, envelope, letter) = store.queue_letter(queued.id).unwrap().unwrap();
        assert_eq!(queued.received, received);
        let mut octets = Vec::new();
        loop {
            let chunk = letter.read().unwrap();
            octets.extend_from_slice(&chunk.octets);
            if chunk.last {
                break;
            }
        }
        InQueue {
            id: queued.id,
            octets: queued.octets,
            crc32c: crc32c::crc32c(&octets),
            account: queued.account,
            received,
            release: queued.release,
            envelope,
            waiting: queued.waiting,
        }
    });
    read.collect()
}

/// Every message, account and alias is what it was; and what comes in now is kept beside them.
#[tokio::test]
async fn stores_of_every_format_open_with_all_they_hold() {
    let mut formats = 0;
    for fixture in fs::read_dir(fixtures()).unwrap() {
        let fixture = fixture.unwrap().path();
        let data = tempfile::tempdir().unwrap();
        copy(&fixture.join("log"), &data.path().join("log"));
        let json = fs::read(fixture.join("expected.json")).unwrap();
        let expected: Expected = serde_json::from_slice(&json).unwrap();
        assert!(expected.messages.len() > 10 && expected.accounts.len() == 3);
        let (store, opened) = Store::open(data.path(), options()).unwrap();
        assert_eq!(opened.torn, TORN.len() as u64, "{opened}");
        assert!(opened.damaged.is_empty(), "{opened}");
        assert_eq!(found(&store), expected, "{}", fixture.display());
        let to = expected.accounts[0].id;
        deliver(&store, &[to], 700, false).await;
        deliver(&store, &[to], 3_000, true).await;
        post(&store, &[to], 900, 3).await;
        store.close().await;
        fs::remove_dir_all(data.path().join("index")).unwrap();
        let (store, _) = Store::open(data.path(), options()).unwrap();
        let now = found(&store);
        assert_eq!(now.messages.len(), expected.messages.len() + 3);
        let (before, new) = now.queued.split_at(expected.queued.len());
        assert_eq!((before, new.len()), (&expected.queued[..], 1));
        let before = |message: &Message| !expected.messages.contains(message);
        let new = now.messages.iter().filter(|message| before(message));
        let highest = expected.messages.iter().map(|message| message.uid).max();
        for message in new {
            assert!(Some(message.uid) > highest);
        }
        // What an older version left was kept as it was before anything was written to it.
        let name = fixture.file_name().unwrap();
        let kept = data.path().join("snapshots").join(name);
        let written = format!("format-{}", newest_format(&data.path().join("log")));
        assert_eq!(kept.exists(), *name != *written, "{written}");
        formats += 1;
    }
    assert!(formats > 0);
}

/// What stands in the openings of a log.
fn newest_format(log: &Path) -> u8 {
    let files = fs::read_dir(log)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let segments = files.filter(|path| path.extension().is_some_and(|ending| ending == "log"));
    let formats = segments.map(|path| fs::read(path).unwrap()[8]);
    formats.max().unwrap()
}

/// An interrupted write at the end.
const TORN: &[u8] = b"the power went while this was being wri";

/// Made once for each format, before the next one is begun.
#[tokio::test]
#[ignore = "writes a fixture of the format of today among the sources"]
async fn write_a_fixture() {
    let data = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(data.path(), options()).unwrap();
    let mut ids = Vec::new();
    for name in ["alice", "bob", "carol", "gone"] {
        let mut new = NewAccount::new(format!("{name}@example.test").parse().unwrap());
        new.name = name.to_uppercase();
        if name == "bob" {
            let hash = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQxMjM0NTY$1mXbGhJTfmLDWJNlVDlFUNrJ1nGRzeTQVWCTJnDR/vQ";
            new.password = Some(auth::PasswordHash::parse(hash).unwrap());
            new.quota = Some(1 << 20);
            let secret = "a long enough password".into();
            for hash in [auth::ScramHash::Sha256, auth::ScramHash::Sha1] {
                let keys = auth::ScramKeys::derive(hash, &secret, b"0123456789abcdef", 4096);
                new.keys.put(auth::LoginKey::Scram(keys));
            }
        }
        if name == "alice" {
            new.terms.suspended = true;
            new.terms.send_to = vec!["example.test".parse().unwrap()];
        }
        if name == "carol" {
            new.enabled = false;
            new.terms = Terms {
                suspended: false,
                mailbox: false,
                utf8: false,
                login: auth::Floor::Scram,
                send_to: vec!["bob@example.test".parse().unwrap()],
            };
            new.declared = Some(Declared {
                fingerprint: vec![1, 2, 3],
                aliases: vec!["info@example.test".parse().unwrap()],
            });
        }
        new.handling = handling(name);
        store.change(Change::AddAccount(new)).await.unwrap();
        ids.push(store.directory().find_login(name).unwrap().id);
    }
    for (alias, target) in [("info", "carol"), ("old", "alice"), ("j\u{f6}rg", "bob")] {
        let alias = Alias {
            address: format!("{alias}@example.test").parse().unwrap(),
            targets: vec![format!("{target}@example.test").parse().unwrap()],
        };
        store.change(Change::PutAlias(alias)).await.unwrap();
    }
    let old = "old@example.test".parse().unwrap();
    store.change(Change::RemoveAlias(old)).await.unwrap();
    lead_away(&store).await;
    for number in 0..12 {
        let octets = if number % 4 == 3 {
            1_500 + number
        } else {
            100 + 60 * number
        };
        let to = [ids[number % 2], ids[3]];
        deliver(&store, &to[..1 + number % 2], octets, number % 3 == 0).await;
        deliver(&store, &ids[..2], 50 + number, false).await;
    }
    let maildrop = store.open_maildrop(ids[0]).unwrap();
    maildrop.expunge(&[0, 3, 4]).await.unwrap();
    drop(maildrop);
    store.change(Change::RemoveAccount(ids[3])).await.unwrap();
    deliver(&store, &ids[..2], 0, false).await;
    queue_before(&store, &ids).await;
    // Some come back, and all of it moves; then there are removals in both kinds of record.
    store.undelete(ids[0], 0).await.unwrap();
    let maildrop = store.open_maildrop(ids[1]).unwrap();
    maildrop.expunge(&[2, 3, 5, 7, 9]).await.unwrap();
    drop(maildrop);
    let compacting = store.clone();
    let compacted = std::thread::spawn(move || compacting.compact(true, &mut |_| {}));
    assert!(compacted.join().unwrap().unwrap().moved > 0);
    deliver_as(&store, &ids[..1], 80, false, Some("from-elsewhere.1")).await;
    queue_after(&store, &ids).await;
    let maildrop = store.open_maildrop(ids[0]).unwrap();
    maildrop.expunge(&[1]).await.unwrap();
    drop(maildrop);
    let expected = found(&store);
    store.close().await;

    let log = data.path().join("log");
    let mut segments: Vec<_> = fs::read_dir(&log)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "log"))
        .collect();
    segments.sort();
    let last = segments.last().unwrap();
    let format = newest_format(&log);
    let torn = [fs::read(last).unwrap(), TORN.to_vec()].concat();
    fs::write(last, torn).unwrap();
    let fixture = fixtures().join(format!("format-{format}"));
    assert!(!fixture.exists(), "there is one already");
    copy(&log, &fixture.join("log"));
    let json = serde_json::to_string_pretty(&expected).unwrap();
    fs::write(fixture.join("expected.json"), json + "\n").unwrap();
}

/// Everything there is of it, for one account or another.
fn handling(name: &str) -> Handling {
    let at = |address: &str| address.parse().unwrap();
    match name {
        "alice" => Handling {
            forward: Some(Forward {
                to: vec![at("bob@example.test"), at("alice@example.org")],
                keep: true,
                disclosed: false,
            }),
            moved: None,
            vacation: Some("{\"text\":\"away\"}".to_owned()),
        },
        "bob" => Handling {
            forward: Some(Forward {
                to: vec![at("bob@example.org")],
                keep: false,
                disclosed: true,
            }),
            ..Handling::default()
        },
        "carol" => Handling {
            moved: Some(at("carol@example.org")),
            ..Handling::default()
        },
        _ => Handling::default(),
    }
}

/// Aliases that lead elsewhere, and lists, one of which is gone.
async fn lead_away(store: &Store) {
    let alias = Alias {
        address: "*@example.com".parse().unwrap(),
        targets: vec![
            "all@example.org".parse().unwrap(),
            "staff@example.test".parse().unwrap(),
        ],
    };
    store.change(Change::PutAlias(alias)).await.unwrap();
    for (name, settings) in [("staff", "{\"owners\":[]}"), ("past", "{}")] {
        let list = StoredList {
            address: format!("{name}@example.test").parse().unwrap(),
            settings: settings.to_owned(),
        };
        store.change(Change::PutList(list)).await.unwrap();
    }
    let past = "past@example.test".parse().unwrap();
    store.change(Change::RemoveList(past)).await.unwrap();
}

/// What waits to leave when all is moved: never tried, tried, held, and over; a large one, and one for here, too.
async fn queue_before(store: &Store, ids: &[AccountId]) {
    for (octets, to) in [(300, 1), (1_700, 0), (200, 0), (250, 2), (150, 0)] {
        post(store, &ids[..to], octets, 3).await;
    }
    let all = store.queue_from(0, 10).unwrap();
    let attempt = Attempt {
        closed: vec![1],
        again: vec![heard(&all[1].waiting[0])],
    };
    let left = store.queue_attempted(all[1].id, attempt, Vec::new()).await;
    assert_eq!(left.unwrap().unwrap().queued.waiting.len(), 2);
    store.queue_hold(all[2].id, true).await.unwrap();
    assert!(store.queue_remove(all[3].id).await.unwrap());
}

/// The same afterwards, with a report.
async fn queue_after(store: &Store, ids: &[AccountId]) {
    let all = store.queue_from(0, 10).unwrap();
    let again = vec![heard(&all[0].waiting[2])];
    let closed = Vec::new();
    let left = store.queue_attempted(all[0].id, Attempt { closed, again }, Vec::new());
    assert!(left.await.unwrap().is_some());
    let attempt = Attempt {
        closed: vec![0, 1, 2],
        again: Vec::new(),
    };
    let report = parcel(store, &ids[..1], 170, 1).await;
    let again = parcel(store, &ids[..2], 130, 0).await;
    let more = parcel(store, &ids[..1], 90, 0).await;
    let left = store.queue_attempted(all[3].id, attempt, vec![report, again, more]);
    assert!(left.await.unwrap().unwrap().queued.waiting.is_empty());
    assert_eq!(store.queue_from(0, 10).unwrap().len(), 4);
}

fn heard(before: &Waiting) -> Waiting {
    Waiting {
        due: 2_000_000_000_000,
        attempts: before.attempts + 1,
        tried: Some(1_899_999_999_000),
        told: true,
        told_late: true,
        served: Some("member@example.org".parse().unwrap()),
        heard: Some(Heard::new(
            "mx.example.org",
            "come back later",
            1_900_000_000_000,
        )),
        ..before.clone()
    }
}

async fn post(store: &Store, to: &[AccountId], octets: usize, away: u32) {
    let parcel = parcel(store, to, octets, away).await;
    store.post(parcel).await.unwrap();
}

/// A message for some accounts, and for so many elsewhere.
async fn parcel(store: &Store, to: &[AccountId], octets: usize, away: u32) -> Parcel {
    let mut incoming = store.begin();
    let body: Vec<u8> = (0..octets).map(|at| (at * 29 % 253) as u8).collect();
    incoming.write(body.into()).await.unwrap();
    let reservations = to.iter().map(|to| store.reserve(*to, 0).unwrap());
    let recipient = |at: u32| Recipient {
        path: format!("<to{at}@example.org>").parse().unwrap(),
        notify: Some(Notify::Never),
        orcpt: None,
    };
    Parcel {
        incoming,
        reservations: reservations.collect(),
        envelope: Envelope {
            reverse_path: "<sender@example.net>".parse().unwrap(),
            recipients: (0..away).map(recipient).collect(),
            ..Envelope::default()
        },
        outgoing: (away > 0).then(|| Outgoing {
            room: store.reserve_outgoing(0).unwrap(),
            account: to.first().copied(),
            release: (octets % 500 == 200).then_some(2_100_000_000_000),
            waiting: (0..away).map(waiting).collect(),
        }),
    }
}

fn waiting(at: u32) -> Waiting {
    Waiting {
        forwarded: at == 1,
        ..Waiting::new(at, 7)
    }
}

async fn deliver(store: &Store, to: &[AccountId], octets: usize, smtputf8: bool) {
    deliver_as(store, to, octets, smtputf8, None).await;
}

async fn deliver_as(
    store: &Store,
    to: &[AccountId],
    octets: usize,
    smtputf8: bool,
    uidl: Option<&str>,
) {
    let reservations = to
        .iter()
        .map(|to| store.reserve(*to, octets as u64).unwrap())
        .collect();
    let mut incoming = store.begin();
    let body: Vec<u8> = (0..octets).map(|at| (at * 31 % 251) as u8).collect();
    incoming.write(body.into()).await.unwrap();
    let envelope = Envelope {
        reverse_path: "<sender@example.net>".parse().unwrap(),
        envid: smtputf8.then(|| Envid::parse(b"a+20b").unwrap()),
        ret: smtputf8.then_some(Ret::Headers),
        body8bit: octets.is_multiple_of(2),
        smtputf8,
        requiretls: octets.is_multiple_of(3),
        deliver_by: smtputf8.then(|| "120;R".parse().unwrap()),
        recipients: vec![Recipient {
            path: "<alice@example.test>".parse().unwrap(),
            notify: smtputf8.then_some(Notify::Never),
            orcpt: None,
        }],
    };
    store
        .deliver_as(incoming, reservations, envelope, uidl.map(Into::into))
        .await
        .unwrap();
}
