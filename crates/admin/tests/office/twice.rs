//! The same mail imported more than once: what is here already is recognised.

use admin::{Errand, Refusal, RefusalKind, Tally};

use super::{ALICE, House, QUOTA, deliver, house, letter_as, mailbox};

/// Letters with their unique ids.
type Letters<'a> = [(Option<&'a str>, &'a str)];

const TWO: &Letters<'_> = &[(Some("a"), "one"), (Some("b"), "two")];

impl House {
    async fn import_as(&self, letters: &Letters<'_>, again: bool) -> Result<Tally, Refusal> {
        let octets: usize = letters.iter().map(|(_, text)| text.len()).sum();
        let request = Errand::Import {
            address: mailbox(ALICE),
            messages: letters.len() as u64,
            octets: octets as u64,
            again,
        };
        let letters = letters.iter();
        let parcels = letters.flat_map(|(uidl, text)| letter_as(*uidl, text));
        self.send(request, parcels.collect(), true).await
    }
}

/// Imports two letters, then these: what becomes of them, and what is in the mailbox then.
#[track_caller]
fn check(letters: &Letters<'_>, again: bool, expected: Tally, then: &[&str]) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (tally, mail) = runtime.block_on(async {
        let house = house().await;
        house.import_as(TWO, false).await.unwrap();
        let tally = house.import_as(letters, again).await.unwrap();
        assert!(!house.has_journal());
        (tally, house.export().await)
    });
    assert_eq!(tally, expected);
    assert_eq!(mail, then);
}

fn tally(messages: u64, octets: u64) -> Tally {
    Tally {
        messages,
        octets,
        ..Tally::default()
    }
}

#[test]
fn what_is_here_already_is_left_out_and_counted() {
    let here = Tally {
        here: 2,
        ..tally(0, 0)
    };
    check(TWO, false, here, &["one", "two"]);
    let more = [(Some("b"), "two"), (Some("c"), "three"), (Some("a"), "one")];
    let expected = Tally {
        kept: 1,
        here: 2,
        ..tally(1, 5)
    };
    check(&more, false, expected, &["one", "two", "three"]);
}

#[test]
fn whoever_wants_it_again_gets_it_with_new_ids() {
    let expected = Tally {
        renamed: 2,
        ..tally(2, 6)
    };
    check(TWO, true, expected, &["one", "two", "one", "two"]);
}

#[test]
fn another_message_with_an_id_that_is_taken_gets_a_new_one() {
    // Of the same size, so that only their octets tell them apart, and of another one.
    let letters = [(Some("a"), "eno"), (Some("b"), "three")];
    let expected = Tally {
        renamed: 2,
        ..tally(2, 8)
    };
    check(&letters, false, expected, &["one", "two", "eno", "three"]);
}

#[test]
fn what_has_no_id_or_another_one_comes_in_and_is_said_to_look_the_same() {
    let letters = [(None, "two"), (Some("z"), "one"), (None, "six")];
    let expected = Tally {
        kept: 1,
        alike: 2,
        ..tally(3, 9)
    };
    check(
        &letters,
        false,
        expected,
        &["one", "two", "two", "one", "six"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_arrived_here_are_known_by_our_ids() {
    let house = house().await;
    deliver(&house.store, ALICE, b"delivered").await;
    let entry = house
        .store
        .open_maildrop(super::account(&house.store))
        .unwrap()
        .messages()[0]
        .clone();
    let id = format!("{:x}.{:x}", entry.epoch, entry.uid);
    let letters = [(Some(id.as_str()), "delivered")];
    let expected = Tally {
        here: 1,
        ..tally(0, 0)
    };
    assert_eq!(house.import_as(&letters, false).await.unwrap(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_here_already_needs_no_room() {
    let house = house().await;
    let large = "x".repeat(QUOTA - 10);
    let letters = [(Some("a"), large.as_str())];
    house.import_as(&letters, false).await.unwrap();
    let tally = house.import_as(&letters, false).await.unwrap();
    assert_eq!((tally.messages, tally.here), (0, 1));
    // And what turns out to be new does.
    for (letters, again) in [(letters, true), ([(Some("b"), large.as_str())], false)] {
        let refusal = house.import_as(&letters, again).await.unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Full);
    }
    assert_eq!(house.export().await.len(), 1);
    assert!(!house.has_journal());
}
