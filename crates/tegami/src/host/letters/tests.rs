//! Sizes and octets of surrogates, mostly on a store that keeps nothing.

use address::Envelope;
use mailstore::{AccountId, Change, NewAccount, Options, Store};

use super::*;

struct House {
    store: Store,
    alice: AccountId,
}

async fn house() -> House {
    let (store, _faults) = Store::with_faults(Options::default()).unwrap();
    House::on(store).await
}

impl House {
    async fn on(store: Store) -> Self {
        let new = NewAccount::new("alice@example.test".parse().unwrap());
        store.change(Change::AddAccount(new)).await.unwrap();
        let alice = store.directory().find_login("alice").unwrap().id;
        Self { store, alice }
    }

    async fn deliver(&self, message: &[u8], smtputf8: bool) {
        let reservation = self.store.reserve(self.alice, 0).unwrap();
        let mut incoming = self.store.begin();
        incoming
            .write(Bytes::copy_from_slice(message))
            .await
            .unwrap();
        let envelope = Envelope {
            body8bit: true,
            smtputf8,
            ..Envelope::default()
        };
        let delivered = self.store.deliver(incoming, vec![reservation], envelope);
        delivered.await.unwrap();
    }

    fn letters(&self, utf8: bool) -> Letters {
        Letters::new(
            self.store.open_maildrop(self.alice).unwrap(),
            utf8,
            &Lent::default(),
        )
    }
}

/// All of a message, read as the session reads it.
fn whole(letters: &Letters, index: usize) -> Vec<u8> {
    let mut octets = Vec::new();
    loop {
        let offset = octets.len() as u64;
        let chunk = match letters.read_now(index, offset) {
            ReadNow::Chunk(chunk) => chunk,
            ReadNow::WouldBlock => letters.read(index, offset).unwrap(),
            ReadNow::Failed(error) => panic!("{error}"),
        };
        octets.extend_from_slice(&chunk.octets);
        if chunk.last {
            return octets;
        }
    }
}

// POP-09, PEX-24: RFC 6856 section 2.1.
#[tokio::test]
async fn sizes_are_those_of_what_is_read_in_both_modes() {
    let house = house().await;
    let long_body = "z".repeat(200_000);
    let large_header = format!("X: {}\r\n", "ü".repeat(400)).repeat(500);
    let messages = [
        ("Subject: plain\r\n\r\nbody\r\n".to_owned(), false),
        ("Subject: 8 bit ü\r\n\r\nbody\r\n".to_owned(), false),
        ("Subject: ASCII\r\n\r\nbody ü\r\n".to_owned(), true),
        ("From: ü@example.test\r\n\r\n.body ü\r\n".to_owned(), true),
        ("Subject: ü\r\n\r\n".to_owned(), true),
        ("Subject: no blank line ü\r\n".to_owned(), true),
        ("\r\nno header ü\r\n".to_owned(), true),
        ("Message-ID: <ü@x>\r\n".to_owned(), true),
        (format!("Subject: ü\r\n\r\n{long_body}\r\n"), true),
        (format!("{large_header}\r\nbody\r\n"), true),
    ];
    for (message, smtputf8) in &messages {
        house.deliver(message.as_bytes(), *smtputf8).await;
    }
    let letters = house.letters(true);
    for (index, (message, _)) in messages.iter().enumerate() {
        assert_eq!(whole(&letters, index), message.as_bytes());
        let listed = letters.listing().messages()[index];
        assert_eq!(
            (listed.octets, listed.needs_utf8),
            (message.len() as u64, false)
        );
    }
    drop(letters);
    let letters = house.letters(false);
    for (index, (message, smtputf8)) in messages.iter().enumerate() {
        let read = whole(&letters, index);
        let listed = letters.listing().messages()[index];
        assert_eq!(
            (listed.octets, listed.needs_utf8),
            (read.len() as u64, false),
            "{index}"
        );
        if !smtputf8 {
            assert_eq!(read, message.as_bytes(), "ordinary mail is not touched");
            continue;
        }
        let header = surrogate::header_length(&read, 0).unwrap_or(read.len());
        assert!(read[..header].is_ascii(), "{index}");
        let body = surrogate::header_length(message.as_bytes(), 0).unwrap_or(message.len());
        assert_eq!(&read[header..], &message.as_bytes()[body..], "{index}");
    }
}

#[tokio::test]
async fn any_offset_of_a_surrogate_can_be_read() {
    let house = house().await;
    house
        .deliver("To: ü@x.test\r\n\r\nbody\r\n".as_bytes(), true)
        .await;
    let letters = house.letters(false);
    let all = whole(&letters, 0);
    for offset in 0..all.len() {
        let mut read = Vec::new();
        while offset + read.len() < all.len() {
            let chunk = letters.read(0, (offset + read.len()) as u64).unwrap();
            read.extend_from_slice(&chunk.octets);
        }
        assert_eq!(read, &all[offset..], "from {offset}");
    }
}

#[tokio::test]
async fn a_header_of_more_than_a_mebibyte_has_no_surrogate() {
    let house = house().await;
    let line = format!("X: {}\r\n", "ü".repeat(300));
    let header = line.repeat(surrogate::LONGEST_HEADER / line.len() + 1);
    house
        .deliver(format!("{header}\r\nbody\r\n").as_bytes(), true)
        .await;
    let needs_utf8 = |utf8| house.letters(utf8).listing().messages()[0].needs_utf8;
    assert!(needs_utf8(false));
    assert!(!needs_utf8(true));
}

/// The store gives out the same entries again; the listing made from them is not made again.
#[tokio::test]
async fn a_large_maildrop_that_did_not_change_is_listed_once() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(directory.path(), Options::default()).unwrap();
    let house = House::on(store).await;
    for _ in 0..300 {
        house.deliver(b"Subject: x\r\n\r\nbody\r\n", false).await;
    }
    let lent = Lent::default();
    let open = |utf8| Letters::new(house.store.open_maildrop(house.alice).unwrap(), utf8, &lent);
    let shown = |letters: &Letters| letters.listing().messages().as_ptr();
    let first = open(false);
    let made = shown(&first);
    drop(first);
    assert_eq!(shown(&open(false)), made);
    house.deliver(b"Subject: y\r\n\r\nbody\r\n", false).await;
    let second = open(true);
    assert_eq!(second.listing().messages().len(), 301);
    drop(second);
    // What a client without UTF8 mode gets of this one is for such clients alone.
    house
        .deliver("Subject: j\u{f6}rg\r\n\r\nbody\r\n".as_bytes(), true)
        .await;
    let sizes = |utf8| open(utf8).listing().messages()[301].octets;
    assert_ne!(sizes(true), sizes(false));
    assert_ne!(sizes(false), sizes(true));
}
