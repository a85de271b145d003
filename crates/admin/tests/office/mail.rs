//! Mail that moves in and out over a connection, on a store in memory and one that fails when told to.

mod twice;

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;

use admin::{
    Carrier, Errand, Label, NewTerms, Operations, Parcel, Refusal, RefusalKind, Request, Response,
    Tally, carry_here,
};
use mailstore::{Faults, Options, Store, StoreError};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::{Server, add, deliver, mailbox};

const ALICE: &str = "alice@example.test";
/// The quota of accounts here, in octets.
const QUOTA: usize = 1_000;

/// A store with an account, and a directory for the journal.
struct House {
    operations: Arc<Operations>,
    store: Store,
    faults: Arc<Faults>,
    directory: TempDir,
}

async fn house() -> House {
    let (store, faults) = Store::with_faults(Options {
        default_quota: QUOTA as u64,
        ..Options::default()
    })
    .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let operations = Operations::new(store.clone(), Arc::new(Server::default()));
    let operations = Arc::new(operations.in_directory(directory.path()));
    operations.execute(add(ALICE)).await.unwrap();
    House {
        operations,
        store,
        faults,
        directory,
    }
}

impl House {
    /// The answer to a request, the way over which mail then moves, and the thread at its other end.
    async fn ask(
        &self,
        request: Errand,
    ) -> Result<(Carrier, Response, tokio::task::JoinHandle<()>), Refusal> {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let operations = Arc::clone(&self.operations);
        let served = tokio::task::spawn_blocking(move || {
            let _ = carry_here(request, &theirs, &operations);
        });
        let begun = tokio::task::spawn_blocking(move || {
            Carrier::begin_asked(ours, Path::new("here")).unwrap()
        });
        let (carrier, response) = begun.await.unwrap()?;
        Ok((carrier, response, served))
    }

    /// Imports letters, and says how it went.
    async fn import(&self, letters: &[&str]) -> Result<Tally, Refusal> {
        let parcels = letters
            .iter()
            .flat_map(|letter| self::letter(letter))
            .collect();
        self.send(import(letters.len(), letters.concat().len()), parcels, true)
            .await
    }

    async fn send(
        &self,
        request: Errand,
        parcels: Vec<Parcel>,
        end: bool,
    ) -> Result<Tally, Refusal> {
        let (mut carrier, response, served) = self.ask(request).await?;
        assert_eq!(response, Response::Allowed);
        let outcome = tokio::task::spawn_blocking(move || {
            for parcel in &parcels {
                carrier.send(parcel).unwrap();
            }
            carrier.end(end).unwrap()
        });
        let outcome = outcome.await.unwrap();
        served.await.unwrap();
        outcome
    }

    /// What is in the mailbox, exported.
    async fn export(&self) -> Vec<String> {
        let address = mailbox(ALICE);
        let (mut carrier, _, _) = self.ask(Errand::Export { address }).await.unwrap();
        let letters = tokio::task::spawn_blocking(move || {
            let mut letters = Vec::new();
            loop {
                match carrier.receive().unwrap() {
                    Parcel::Letter(_) => letters.push(String::new()),
                    Parcel::Octets(octets) => {
                        letters
                            .last_mut()
                            .unwrap()
                            .push_str(str::from_utf8(&octets).unwrap());
                    }
                    Parcel::Complete => {}
                    Parcel::End => return letters,
                    other @ (Parcel::Taken(_) | Parcel::Compacted(_) | Parcel::Undeleted(_)) => {
                        panic!("{other:?}")
                    }
                    Parcel::Refused(refusal) => panic!("{refusal}"),
                }
            }
        });
        letters.await.unwrap()
    }

    async fn give_mailbox(&self, mailbox: bool) {
        let terms = NewTerms {
            mailbox: Some(mailbox),
            ..NewTerms::default()
        };
        let address = self::mailbox(ALICE);
        let request = Request::AccountTerms { address, terms };
        self.operations.execute(request).await.unwrap();
    }

    fn has_journal(&self) -> bool {
        self.directory.path().join("import.journal").exists()
    }
}

fn import(messages: usize, octets: usize) -> Errand {
    Errand::Import {
        address: mailbox(ALICE),
        messages: messages as u64,
        octets: octets as u64,
        again: false,
    }
}

fn begins(octets: usize) -> Parcel {
    begins_as(octets, None)
}

fn begins_as(octets: usize, uidl: Option<&str>) -> Parcel {
    Parcel::Letter(Label {
        octets: octets as u64,
        uidl: uidl.map(str::to_owned),
    })
}

fn letter(text: &str) -> Vec<Parcel> {
    letter_as(None, text)
}

fn letter_as(uidl: Option<&str>, text: &str) -> Vec<Parcel> {
    let (one, two) = text.as_bytes().split_at(text.len() / 2);
    vec![
        begins_as(text.len(), uidl),
        Parcel::Octets(one.to_vec()),
        Parcel::Octets(two.to_vec()),
        Parcel::Complete,
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_come_out_as_they_went_in_and_in_order() {
    let house = house().await;
    let letters: Vec<String> = (0..150).map(|n| format!("{n:x}\r\n")).collect();
    let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
    house.import(&letters).await.unwrap();
    assert_eq!(house.export().await, letters);
    assert!(!house.has_journal());
    house.import(&["last\r\n"]).await.unwrap();
    assert_eq!(house.export().await.len(), 151);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_letters_keep_their_places_among_small_ones() {
    let house = house().await;
    let request = admin::Request::AccountQuota {
        address: mailbox(ALICE),
        quota: Some(0),
    };
    house.operations.execute(request).await.unwrap();
    let large = |letter: &str| letter.repeat(200_000);
    let letters = [
        "a".to_owned(),
        large("b"),
        "c".to_owned(),
        large("d"),
        large("e"),
        "f".to_owned(),
    ];
    let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
    house.import(&letters).await.unwrap();
    let first: Vec<u8> = house
        .export()
        .await
        .iter()
        .map(|letter| letter.as_bytes()[0])
        .collect();
    assert_eq!(first, b"abcdef");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_says_first_what_comes() {
    let house = house().await;
    house.import(&["one", "three"]).await.unwrap();
    let address = mailbox(ALICE);
    let (mut carrier, response, _) = house.ask(Errand::Export { address }).await.unwrap();
    let (messages, octets) = (2, 8);
    assert_eq!(response, Response::Letters { messages, octets });
    let first = tokio::task::spawn_blocking(move || carrier.receive().unwrap())
        .await
        .unwrap();
    let Parcel::Letter(Label {
        octets: 3,
        uidl: Some(uidl),
    }) = first
    else {
        panic!("{first:?}");
    };
    assert!(uidl.contains('.'), "{uidl}");
}

fn account(store: &Store) -> mailstore::AccountId {
    store.directory().by_address(&mailbox(ALICE)).unwrap().id
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_imported_is_refused_before_anything_is_written() {
    let house = house().await;
    let refused = |refusal: Result<_, Refusal>| refusal.err().map(|refusal| refusal.kind);
    let nobody = Errand::Import {
        address: mailbox("nobody@example.test"),
        messages: 1,
        octets: 1,
        again: false,
    };
    assert_eq!(
        refused(house.ask(nobody).await.map(drop)),
        Some(RefusalKind::NoAccount)
    );
    assert_eq!(
        refused(house.ask(import(1, QUOTA + 1)).await.map(drop)),
        Some(RefusalKind::Full)
    );
    let many = Options::default().messages_per_mailbox as usize + 1;
    assert_eq!(
        refused(house.ask(import(many, 1)).await.map(drop)),
        Some(RefusalKind::Full)
    );
    let maildrop = house.store.open_maildrop(account(&house.store)).unwrap();
    assert_eq!(
        refused(house.ask(import(1, 1)).await.map(drop)),
        Some(RefusalKind::InUse)
    );
    let address = mailbox(ALICE);
    let export = house.ask(Errand::Export { address }).await;
    assert_eq!(refused(export.map(drop)), Some(RefusalKind::InUse));
    drop(maildrop);
    house.give_mailbox(false).await;
    let without = house.ask(import(1, 1)).await.map(drop).unwrap_err();
    assert_eq!(without.kind, RefusalKind::Unsuitable);
    assert!(
        without
            .remedy
            .is_some_and(|remedy| remedy.contains("--mailbox yes"))
    );
    house.give_mailbox(true).await;
    assert!(!house.has_journal());
    house.import(&["fits"]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_imported_onto_a_full_disk() {
    let house = house().await;
    house.faults.set_free(Some(0));
    let refusal = house.ask(import(1, 1)).await.map(drop).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Full);
    assert!(
        refusal.message.contains("the disk is too full"),
        "{refusal}"
    );
    assert!(!house.has_journal());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_import_at_a_time_and_its_mailbox_is_locked() {
    let house = house().await;
    let (carrier, _, served) = house.ask(import(1, 1)).await.unwrap();
    let second = house.ask(import(1, 1)).await.map(drop).unwrap_err();
    assert_eq!(second.kind, RefusalKind::InUse);
    assert!(house.store.open_maildrop(account(&house.store)).is_err());
    drop(carrier);
    served.await.unwrap();
    assert!(house.store.open_maildrop(account(&house.store)).is_ok());
}

/// Nothing of what these parcels bring stays, whether they end in order or not.
#[track_caller]
fn nothing_stays(parcels: Vec<Parcel>) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let house = house().await;
        house.import(&["before"]).await.unwrap();
        let refusal = house.send(import(9, 900), parcels, true).await.unwrap_err();
        assert!(!refusal.message.is_empty());
        assert_eq!(house.export().await, ["before"], "{refusal}");
        assert!(!house.has_journal());
    });
}

#[test]
fn what_comes_out_of_order_is_undone() {
    let some: Vec<Parcel> = (0..70).flat_map(|n| letter(&format!("{n}"))).collect();
    for wrong in [
        vec![Parcel::Complete],
        vec![Parcel::Octets(vec![1])],
        vec![begins(2), Parcel::Octets(vec![1]), Parcel::Complete],
        vec![begins(1), Parcel::Octets(vec![1, 2]), Parcel::Complete],
        vec![begins(1)],
        vec![begins(1), begins(1)],
        // More than there is room for.
        letter(&"x".repeat(QUOTA)),
    ] {
        nothing_stays([some.clone(), wrong].concat());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_whose_client_goes_away_is_undone() {
    let house = house().await;
    house.import(&["same", "before"]).await.unwrap();
    let (mut carrier, _, served) = house.ask(import(200, 800)).await.unwrap();
    tokio::task::spawn_blocking(move || {
        for parcel in (0..200).flat_map(|_| letter("same")) {
            carrier.send(&parcel).unwrap();
        }
    })
    .await
    .unwrap();
    served.await.unwrap();
    assert_eq!(house.export().await, ["same", "before"]);
    assert!(!house.has_journal());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_on_a_failing_store_is_undone_by_the_next_one_at_the_latest() {
    let house = house().await;
    house.import(&["before"]).await.unwrap();
    let letters: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
    house.faults.fail_writes(70, Some(StoreError::Full));
    let refusal = house.import(&letters).await.unwrap_err();
    assert!(refusal.message.contains("cannot be undone"), "{refusal}");
    assert!(house.has_journal());
    house.faults.fail_writes(0, None);
    assert_eq!(house.export().await.len(), 71);
    // What arrived meanwhile is nobody's to remove, and what was there before even less.
    deliver(&house.store, ALICE, b"meanwhile").await;
    house.import(&["after"]).await.unwrap();
    assert_eq!(house.export().await, ["before", "meanwhile", "after"]);
    assert!(!house.has_journal());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_was_killed_is_undone_by_the_next_start() {
    let house = house().await;
    deliver(&house.store, ALICE, b"twin").await;
    let account = account(&house.store);
    let before = house.store.open_maildrop(account).unwrap().messages()[0].uid;
    // As the process leaves it: some letters noted, some of those delivered.
    let mut journal = format!("{{\"account\":{},\"before\":{before}}}\n", account.0).into_bytes();
    for letter in ["twin", "half", "never delivered"] {
        journal.extend_from_slice(&Sha256::digest(letter));
    }
    std::fs::write(house.directory.path().join("import.journal"), &journal).unwrap();
    for letter in [&b"twin"[..], b"half", b"meanwhile"] {
        deliver(&house.store, ALICE, letter).await;
    }
    // As a server does when it starts.
    let operations = Arc::clone(&house.operations);
    let undone = tokio::task::spawn_blocking(move || operations.undo_import());
    undone.await.unwrap().unwrap();
    assert_eq!(house.export().await, ["twin", "meanwhile"]);
    assert!(!house.has_journal());
    house.import(&["after"]).await.unwrap();
    assert_eq!(house.export().await, ["twin", "meanwhile", "after"]);
    assert!(!house.has_journal());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_of_an_account_that_is_gone_is_forgotten() {
    let house = house().await;
    let journal = house.directory.path().join("import.journal");
    std::fs::write(&journal, "{\"account\":999,\"before\":1}\n").unwrap();
    house.import(&["one"]).await.unwrap();
    assert!(!house.has_journal());
    // One that says nothing sensible is for a person to look at.
    std::fs::write(&journal, "nonsense\n").unwrap();
    let refusal = house.import(&["two"]).await.unwrap_err();
    assert!(
        refusal.message.contains("the journal of the import"),
        "{refusal}"
    );
    assert_eq!(house.export().await, ["one"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_cannot_be_read_ends_the_export_with_its_number() {
    let house = house().await;
    house.import(&["one", "two"]).await.unwrap();
    house.faults.damage_reads(true);
    let address = mailbox(ALICE);
    let (mut carrier, _, _) = house.ask(Errand::Export { address }).await.unwrap();
    let refusal = tokio::task::spawn_blocking(move || {
        loop {
            match carrier.receive().unwrap() {
                Parcel::Refused(refusal) => return refusal,
                Parcel::End => panic!("it was all there"),
                other @ (Parcel::Taken(_) | Parcel::Compacted(_) | Parcel::Undeleted(_)) => {
                    panic!("{other:?}")
                }
                Parcel::Letter(_) | Parcel::Octets(_) | Parcel::Complete => {}
            }
        }
    });
    let refusal = refusal.await.unwrap();
    assert!(
        refusal.message.starts_with("message 1 cannot be read"),
        "{refusal}"
    );
}
