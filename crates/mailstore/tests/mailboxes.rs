//! Mailboxes as the servers see them, on the engine that keeps nothing and fails on demand.
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use address::Envelope;
use bytes::Bytes;
use mailstore::{
    AccountId, Change, ChangeError, Faults, Full, MaildropError, NewAccount, Options, ReadError,
    ReadNow, Reservation, Store, StoreError,
};
use std::sync::Arc;

struct House {
    store: Store,
    faults: Arc<Faults>,
    alice: AccountId,
}

async fn house(options: Options) -> House {
    let (store, faults) = Store::with_faults(options).unwrap();
    let new = NewAccount::new("alice@example.test".parse().unwrap());
    store.change(Change::AddAccount(new)).await.unwrap();
    let alice = store.directory().find_login("alice").unwrap().id;
    House {
        store,
        faults,
        alice,
    }
}

impl House {
    async fn deliver(&self, octets: usize) -> Result<(), StoreError> {
        let reservation = self.store.reserve(self.alice, octets as u64).unwrap();
        self.deliver_to(vec![reservation], octets).await
    }

    async fn deliver_to(&self, to: Vec<Reservation>, octets: usize) -> Result<(), StoreError> {
        let mut incoming = self.store.begin();
        incoming.write(Bytes::from(vec![b'x'; octets])).await?;
        let envelope = Envelope {
            body8bit: true,
            ..Envelope::default()
        };
        self.store.deliver(incoming, to, envelope).await
    }

    fn listed(&self) -> Vec<u64> {
        let maildrop = self.store.open_maildrop(self.alice).unwrap();
        maildrop
            .messages()
            .iter()
            .map(|entry| entry.octets)
            .collect()
    }
}

#[tokio::test]
async fn a_maildrop_is_for_one_session_and_does_not_change_under_it() {
    let house = house(Options::default()).await;
    house.deliver(5).await.unwrap();
    let maildrop = house.store.open_maildrop(house.alice).unwrap();
    let second = house.store.open_maildrop(house.alice);
    assert!(matches!(second, Err(MaildropError::InUse)));
    house.deliver(6).await.unwrap();
    assert_eq!(maildrop.messages().len(), 1);
    drop(maildrop);
    assert_eq!(house.listed(), [5, 6]);
    let nobody = house.store.open_maildrop(AccountId(99));
    assert!(matches!(nobody, Err(MaildropError::NoAccount)));
}

#[tokio::test]
async fn a_message_goes_into_each_mailbox_once_however_often_it_is_named() {
    let house = house(Options::default()).await;
    let twice = (0..2)
        .map(|_| house.store.reserve(house.alice, 9).unwrap())
        .collect();
    house.deliver_to(twice, 9).await.unwrap();
    assert_eq!(house.listed(), [9]);
    assert_eq!(house.store.usage(house.alice).messages, 1);
    let nobody = house.deliver_to(Vec::new(), 9).await;
    assert!(matches!(nobody, Err(StoreError::NoRecipients)));
}

#[tokio::test]
async fn what_failed_is_nowhere_and_its_room_is_free_again() {
    let house = house(Options {
        default_quota: 10,
        ..Options::default()
    })
    .await;
    house.faults.fail_writes(0, Some(StoreError::Full));
    assert!(matches!(house.deliver(10).await, Err(StoreError::Full)));
    house.faults.fail_writes(0, None);
    assert!(house.listed().is_empty());
    house.deliver(10).await.unwrap();
    assert_eq!(
        house.store.reserve(house.alice, 1).unwrap_err(),
        Full::Octets
    );
    let maildrop = house.store.open_maildrop(house.alice).unwrap();
    house.faults.fail_writes(0, Some(StoreError::Full));
    assert!(maildrop.expunge(&[0]).await.is_err());
    assert_eq!(house.store.usage(house.alice).messages, 1);
    house.faults.fail_writes(0, None);
    maildrop.expunge(&[0]).await.unwrap();
    maildrop.expunge(&[0]).await.unwrap();
    assert_eq!(house.store.usage(house.alice).octets, 0);
    drop(maildrop);
    assert!(house.listed().is_empty());
}

#[tokio::test]
async fn a_change_that_failed_is_not_seen() {
    let house = house(Options::default()).await;
    house.faults.fail_writes(0, Some(StoreError::Full));
    let new = NewAccount::new("bob@example.test".parse().unwrap());
    let failed = house.store.change(Change::AddAccount(new.clone())).await;
    assert!(matches!(failed, Err(ChangeError::Store(StoreError::Full))));
    assert!(house.store.directory().find_login("bob").is_none());
    house.faults.fail_writes(0, None);
    house.store.change(Change::AddAccount(new)).await.unwrap();
    assert!(house.store.directory().find_login("bob").is_some());
}

#[tokio::test]
async fn changes_made_at_once_are_all_made_or_none() {
    let house = house(Options::default()).await;
    let add = |address: &str| Change::AddAccount(NewAccount::new(address.parse().unwrap()));
    let changes = vec![add("bob@example.test"), add("alice@example.test")];
    let refused = house.store.change_all(changes).await;
    assert!(matches!(refused, Err(ChangeError::AddressTaken(_))));
    assert_eq!(house.store.directory().accounts().len(), 1);
    let many = (0..1_000).map(|number| add(&format!("user{number}@example.test")));
    house.store.change_all(many.collect()).await.unwrap();
    assert_eq!(house.store.directory().accounts().len(), 1_001);
    house.store.change_all(Vec::new()).await.unwrap();
}

#[tokio::test]
async fn an_account_made_again_has_no_mail_and_another_epoch() {
    let house = house(Options::default()).await;
    house.deliver(5).await.unwrap();
    let before = house
        .store
        .directory()
        .account(house.alice)
        .unwrap()
        .clone();
    let late = house.store.reserve(house.alice, 5).unwrap();
    house
        .store
        .change(Change::RemoveAccount(house.alice))
        .await
        .unwrap();
    assert_eq!(house.store.reserve(house.alice, 5).unwrap_err(), Full::Gone);
    assert!(house.deliver_to(vec![late], 5).await.is_err());
    let new = NewAccount::new("alice@example.test".parse().unwrap());
    house.store.change(Change::AddAccount(new)).await.unwrap();
    let after = house.store.directory().find_login("alice").unwrap().clone();
    assert_ne!((after.id, after.epoch), (before.id, before.epoch));
    assert_eq!(
        house
            .store
            .open_maildrop(after.id)
            .unwrap()
            .messages()
            .len(),
        0
    );
    assert_eq!(house.store.stats().messages, 0);
}

#[tokio::test]
async fn the_count_of_messages_is_limited() {
    let house = house(Options {
        messages_per_mailbox: 3,
        ..Options::default()
    })
    .await;
    for _ in 0..3 {
        house.deliver(0).await.unwrap();
    }
    assert_eq!(
        house.store.reserve(house.alice, 0).unwrap_err(),
        Full::Messages
    );
}

#[tokio::test]
async fn without_memory_for_bodies_every_size_still_comes_in() {
    for body_memory in [0, 200_000] {
        let house = house(Options {
            body_memory,
            ..Options::default()
        })
        .await;
        let held: Vec<_> = (0..4).map(|_| house.store.begin()).collect();
        for octets in [0, 10, 70_000, 2_000_000] {
            house.deliver(octets).await.unwrap();
        }
        assert_eq!(house.listed(), [0, 10, 70_000, 2_000_000]);
        let promised = house.store.stats().in_memory;
        assert_eq!(promised, body_memory as u64 / 65_536 * 65_536);
        drop(held);
        assert_eq!(house.store.stats().in_memory, 0);
    }
}

#[tokio::test]
async fn a_body_whose_file_failed_is_refused_ever_after() {
    let house = house(Options::default()).await;
    let mut incoming = house.store.begin();
    house.faults.fail_writes(0, Some(StoreError::Full));
    let first = incoming.write(vec![b'x'; 100_000].into()).await;
    assert!(matches!(first, Err(StoreError::Full)));
    house.faults.fail_writes(0, None);
    let second = incoming.write(Bytes::from_static(b"x")).await;
    assert!(matches!(second, Err(StoreError::Incomplete)));
}

#[tokio::test]
async fn little_space_is_said_at_mail() {
    let house = house(Options::default()).await;
    house.store.room(1_000).unwrap();
    let reserve = house.store.stats().reserve;
    assert_eq!(reserve, (64 << 20) + 37_500_000);
    let (store, faults) = Store::with_faults(Options::default()).unwrap();
    faults.set_free(Some(reserve + 999));
    let low = store.room(1_000).unwrap_err();
    assert_eq!((low.free, low.needed), (reserve + 999, reserve + 1_000));
    store.room(999).unwrap();
}

#[tokio::test]
async fn reading_says_what_is_wrong() {
    let house = house(Options::default()).await;
    house.deliver(100_000).await.unwrap();
    let maildrop = house.store.open_maildrop(house.alice).unwrap();
    house.faults.cold_cache(true);
    assert!(matches!(maildrop.read_now(0, 0), ReadNow::WouldBlock));
    let chunk = maildrop.read(0, 0).unwrap();
    assert!(!chunk.last);
    house.faults.cold_cache(false);
    house.faults.damage_reads(true);
    let rest = maildrop.read(0, chunk.octets.len() as u64);
    assert!(matches!(rest, Err(ReadError::Damaged { .. })));
    let now = maildrop.read_now(0, chunk.octets.len() as u64);
    assert!(matches!(now, ReadNow::Failed(ReadError::Damaged { .. })));
    drop(maildrop);
    house.faults.fail_listings(Some(StoreError::Rebuilding));
    let listed = house.store.open_maildrop(house.alice);
    assert!(matches!(
        listed,
        Err(MaildropError::Store(StoreError::Rebuilding))
    ));
    house.faults.fail_listings(None);
    assert_eq!(house.listed(), [100_000]);
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let house = house(Options::default()).await;
    house.store.clone().close().await;
    assert!(matches!(house.deliver(5).await, Err(StoreError::Stopped)));
}
