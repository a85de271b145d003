//! What is kept against what is true, whatever happens in between.

use std::collections::BTreeMap;

use super::*;
use crate::disk::simulated::Random;
use crate::engine::Place;
use crate::index::{Kept as In, Posted};

const ALICE: AccountId = AccountId(1);
const BOB: AccountId = AccountId(2);

fn posted(uid: u64, to: AccountId, segment: u32) -> Posted {
    let kept = In {
        account: to,
        epoch: 7,
        removed: None,
    };
    Posted {
        uid,
        octets: uid * 10,
        kept: vec![kept],
        utf8: false,
        uidl: None,
        place: Place::Log {
            segment,
            offset: 0,
            head: 0,
        },
        weight: 0,
        moved: false,
        queue: None,
    }
}

fn message(uid: u64, to: AccountId) -> Change {
    Change::Message(posted(uid, to, 1))
}

fn expunge(uids: Vec<u64>) -> Change {
    Change::Expunge {
        account: ALICE,
        uids,
        when: 1,
    }
}

fn entries(uids: std::ops::Range<u64>) -> Arc<[Entry]> {
    let entry = |uid| posted(uid, ALICE, 1).entry(&posted(uid, ALICE, 1).kept[0]);
    uids.map(entry).collect()
}

/// Listings that keep these messages of Alice's.
fn keeping(uids: std::ops::Range<u64>) -> Listings {
    let mut listings = Listings::default();
    assert_eq!(asked(&mut listings, ALICE, Some(entries(uids))), None);
    listings
}

/// The uids that are known without looking; what was looked up instead, if anything, is kept.
#[track_caller]
fn asked(
    listings: &mut Listings,
    account: AccountId,
    found: Option<Arc<[Entry]>>,
) -> Option<Vec<u64>> {
    let entries = match listings.ask(account) {
        Kept::Current(entries) => entries,
        Kept::Old(entries, news, turn) => {
            let entries = news.over(entries.to_vec()).into();
            listings.keep(&turn, &entries);
            entries
        }
        Kept::Nothing(turn) => {
            if let Some(entries) = found {
                listings.keep(&turn, &entries);
            }
            return None;
        }
    };
    Some(entries.iter().map(|entry| entry.uid).collect())
}

#[test]
fn what_is_published_is_seen_by_who_asks_next() {
    let mut listings = keeping(0..300);
    listings.note(&message(300, ALICE));
    listings.note(&message(301, BOB));
    listings.note(&expunge(vec![0, 5, 300]));
    listings.note(&message(302, ALICE));
    let expected: Vec<u64> = (1..300).filter(|uid| *uid != 5).chain([302]).collect();
    for _ in 0..2 {
        assert_eq!(asked(&mut listings, ALICE, None).as_ref(), Some(&expected));
    }
}

#[test]
fn a_message_that_moved_is_read_from_its_new_place() {
    let mut listings = keeping(0..300);
    let moved = Posted {
        moved: true,
        ..posted(7, ALICE, 9)
    };
    listings.note(&Change::Message(moved));
    let Kept::Old(entries, news, _) = listings.ask(ALICE) else {
        panic!("it was kept")
    };
    let entries = news.over(entries.to_vec());
    let segments: Vec<u32> = entries.iter().map(|entry| entry.place.record().0).collect();
    assert_eq!(segments.len(), 300);
    assert!((0..300).all(|uid| segments[uid] == if uid == 7 { 9 } else { 1 }));
}

#[test]
fn what_is_published_while_one_reads_is_not_missed() {
    let mut listings = Listings::default();
    let Kept::Nothing(turn) = listings.ask(ALICE) else {
        panic!("nothing is kept yet")
    };
    listings.note(&message(300, ALICE));
    listings.keep(&turn, &entries(0..300));
    assert_eq!(
        asked(&mut listings, ALICE, None),
        Some((0..301).collect::<Vec<u64>>())
    );
}

#[test]
fn of_two_who_read_at_once_the_later_one_is_believed() {
    let mut listings = Listings::default();
    let Kept::Nothing(early) = listings.ask(ALICE) else {
        panic!("nothing is kept yet")
    };
    listings.note(&message(300, ALICE));
    let Kept::Nothing(late) = listings.ask(ALICE) else {
        panic!("nothing is kept yet")
    };
    // What happened before the later one asked is noted for nobody.
    listings.keep(&early, &entries(0..300));
    assert_eq!(asked(&mut listings, ALICE, None), None);
    listings.keep(&late, &entries(0..301));
    assert_eq!(
        asked(&mut listings, ALICE, None),
        None,
        "it has been asked again since"
    );
}

#[test]
fn who_is_gone_has_no_listing_and_nor_has_a_table_given_up() {
    let mut listings = keeping(0..300);
    listings.note(&Change::Decisions(vec![Decision::NoAccount(BOB)]));
    assert!(asked(&mut listings, ALICE, None).is_some());
    listings.note(&Change::Decisions(vec![Decision::NoAccount(ALICE)]));
    assert_eq!(asked(&mut listings, ALICE, Some(entries(0..300))), None);
    let Kept::Current(_) = listings.ask(ALICE) else {
        panic!("it was kept")
    };
    listings.clear();
    assert_eq!(asked(&mut listings, ALICE, None), None);
    assert_eq!(listings.octets, 0);
}

#[test]
fn small_mailboxes_are_not_kept() {
    let mut listings = keeping(0..LEAST as u64 - 1);
    assert!(listings.slots.is_empty());
    assert_eq!(asked(&mut listings, ALICE, None), None);
}

#[test]
fn memory_is_bounded_and_who_asked_lately_stays() {
    let mut listings = Listings::default();
    let each = entries(0..2_000);
    let fit = MOST / size(&each);
    for id in 0..3 * fit as u64 {
        asked(&mut listings, AccountId(id), Some(Arc::clone(&each)));
        assert!(asked(&mut listings, AccountId(0), None).is_some());
        assert!(listings.octets <= MOST);
    }
    assert_eq!(listings.slots.len(), fit);
    // Too large, or changed too much.
    let huge = AccountId(10_000);
    asked(&mut listings, huge, Some(entries(0..200_000)));
    assert_eq!(asked(&mut listings, huge, None), None);
    let mut listings = keeping(0..300);
    listings.note(&expunge((0..MOST as u64 / STRUCK as u64).collect()));
    assert_eq!(asked(&mut listings, ALICE, None), None);
    assert_eq!(listings.octets, 0);
}

#[test]
fn any_course_of_events_shows_what_is_true() {
    for seed in 0..50 {
        let mut random = Random::new(seed);
        let mut listings = Listings::default();
        let mut truth: BTreeMap<u64, ()> = (0..400).map(|uid| (uid, ())).collect();
        let (mut next, mut known) = (400, 0);
        // A reading under way: the turn, and what its owner saw when it began.
        let mut reading: Option<(Turn, Vec<u64>)> = None;
        for _ in 0..2_000 {
            match random.below(6) {
                0 | 1 => {
                    listings.note(&message(next, ALICE));
                    truth.insert(next, ());
                    next += 1;
                }
                2 => {
                    let some = random.below(next as usize) as u64;
                    let uids: Vec<u64> =
                        truth.range(some..).take(2).map(|(uid, ())| *uid).collect();
                    truth.retain(|uid, ()| !uids.contains(uid));
                    listings.note(&expunge(uids));
                }
                3 => {
                    if let Some((turn, uids)) = reading.take() {
                        let entry = |uid: &u64| {
                            posted(*uid, ALICE, 1).entry(&posted(*uid, ALICE, 1).kept[0])
                        };
                        listings.keep(&turn, &uids.iter().map(entry).collect());
                    }
                }
                _ => {
                    let now: Vec<u64> = truth.keys().copied().collect();
                    match listings.ask(ALICE) {
                        Kept::Current(entries) => {
                            known += 1;
                            assert!(entries.iter().map(|entry| entry.uid).eq(now));
                        }
                        Kept::Old(entries, news, turn) => {
                            known += 1;
                            let entries = news.over(entries.to_vec());
                            assert!(
                                entries
                                    .iter()
                                    .map(|entry| entry.uid)
                                    .eq(now.iter().copied())
                            );
                            reading = Some((turn, now));
                        }
                        Kept::Nothing(turn) => reading = Some((turn, now)),
                    }
                }
            }
        }
        assert!(known > 20, "seed {seed}: {known}");
    }
}
