//! Quotas are exact, whatever arrives at once.

use std::sync::Arc;

use super::{Allowance, Ledger, Usage};
use crate::account::AccountId;
use crate::error::{Full, StoreError};

const ALICE: AccountId = AccountId(1);
const BOB: AccountId = AccountId(2);

fn ledger(messages: u64, octets: u64) -> Arc<Ledger> {
    let used = Usage { messages, octets };
    Arc::new(Ledger::new([(ALICE, used), (BOB, Usage::default())]))
}

fn allow(octets: u64, messages: u64) -> Allowance {
    Allowance { octets, messages }
}

#[track_caller]
fn check(used: u64, quota: u64, octets: u64, expected: Result<(), Full>) {
    let ledger = ledger(1, used);
    let reserved = ledger.reserve(ALICE, 1, octets, allow(quota, 10));
    assert_eq!(
        reserved.map(drop),
        expected,
        "{used} of {quota}, {octets} more"
    );
}

#[test]
fn a_reservation_needs_room_for_what_was_announced() {
    check(0, 100, 100, Ok(()));
    check(0, 100, 101, Err(Full::Octets));
    check(60, 100, 40, Ok(()));
    check(60, 100, 41, Err(Full::Octets));
    check(60, 100, u64::MAX, Err(Full::Octets));
    // Nothing announced: there must be some room.
    check(99, 100, 0, Ok(()));
    check(100, 100, 0, Err(Full::Octets));
    check(150, 100, 0, Err(Full::Octets));
    // No quota.
    check(u64::MAX / 2, 0, u64::MAX / 4, Ok(()));
}

#[test]
fn reservations_count_until_they_are_dropped() {
    let ledger = ledger(0, 0);
    let first = ledger.reserve(ALICE, 1, 60, allow(100, 10)).unwrap();
    let refused = ledger.reserve(ALICE, 1, 60, allow(100, 10));
    assert_eq!(refused.unwrap_err(), Full::Octets);
    drop(first);
    let second = ledger.reserve(ALICE, 1, 60, allow(100, 10)).unwrap();
    ledger.keep(vec![second]);
    assert_eq!(
        ledger.usage(ALICE),
        Usage {
            messages: 1,
            octets: 60
        }
    );
    assert_eq!(
        ledger.total(),
        Usage {
            messages: 1,
            octets: 60
        }
    );
    assert!(ledger.reserve(ALICE, 1, 40, allow(100, 10)).is_ok());
}

#[test]
fn messages_are_counted_with_those_on_their_way() {
    let ledger = ledger(8, 0);
    let first = ledger.reserve(ALICE, 1, 0, allow(0, 10)).unwrap();
    let second = ledger.reserve(ALICE, 1, 0, allow(0, 10)).unwrap();
    let refused = || ledger.reserve(ALICE, 1, 0, allow(0, 10)).unwrap_err();
    assert_eq!(refused(), Full::Messages);
    ledger.keep(vec![first]);
    assert_eq!(refused(), Full::Messages);
    drop(second);
    assert!(ledger.reserve(ALICE, 1, 0, allow(0, 10)).is_ok());
}

#[test]
fn many_that_announce_nothing_go_over_by_one_message_at_most() {
    let ledger = ledger(0, 0);
    let arriving: Vec<_> = (0..20)
        .map(|_| ledger.reserve(ALICE, 1, 0, allow(100, 99)).unwrap())
        .collect();
    let mut kept = 0;
    for reservation in arriving {
        let mut one = vec![reservation];
        match ledger.fix_size(&mut one, 30) {
            Ok(()) => {
                kept += 1;
                ledger.keep(one);
            }
            Err(StoreError::MailboxFull { account, full }) => {
                assert_eq!((account, full), (ALICE, Full::Octets));
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(kept, 4);
    assert_eq!(ledger.usage(ALICE).octets, 120);
}

#[test]
fn a_message_somewhat_larger_than_announced_still_fits_under_its_own_promise() {
    let ledger = ledger(0, 0);
    let mut one = vec![ledger.reserve(ALICE, 1, 100, allow(100, 10)).unwrap()];
    ledger.fix_size(&mut one, 130).unwrap();
    assert_eq!(
        ledger.reserve(ALICE, 1, 0, allow(100, 10)).unwrap_err(),
        Full::Octets
    );
    ledger.keep(one);
    assert_eq!(ledger.usage(ALICE).octets, 130);
}

#[test]
fn an_announcement_does_not_make_room_others_have_used() {
    let ledger = ledger(0, 90);
    let mut liar = vec![ledger.reserve(ALICE, 1, 0, allow(100, 10)).unwrap()];
    let honest = ledger.reserve(ALICE, 1, 10, allow(100, 10)).unwrap();
    assert!(ledger.fix_size(&mut liar, 5_000).is_err());
    let mut honest = vec![honest];
    ledger.fix_size(&mut honest, 10).unwrap();
    ledger.keep(honest);
    assert_eq!(ledger.usage(ALICE).octets, 100);
}

#[test]
fn what_goes_with_an_account_goes_from_the_totals() {
    let ledger = ledger(3, 300);
    let reserved = ledger.reserve(ALICE, 1, 10, allow(0, 10)).unwrap();
    ledger.close_account(ALICE);
    assert_eq!(ledger.total(), Usage::default());
    ledger.keep(vec![reserved]);
    assert_eq!(ledger.total(), Usage::default());
    assert_eq!(
        ledger.reserve(ALICE, 1, 10, allow(0, 10)).unwrap_err(),
        Full::Gone
    );
    ledger.remove(BOB, 5, 5);
    assert_eq!(ledger.usage(BOB), Usage::default());
}

#[test]
fn threads_share_one_quota_exactly() {
    let ledger = ledger(0, 0);
    let kept: usize = std::thread::scope(|scope| {
        let deliver = || {
            let mut kept = 0;
            for _ in 0..500 {
                if let Ok(reserved) = ledger.reserve(ALICE, 1, 7, allow(7 * 777, 10_000)) {
                    ledger.keep(vec![reserved]);
                    kept += 1;
                }
            }
            kept
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(deliver)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert_eq!(kept, 777);
    assert_eq!(ledger.usage(ALICE).octets, 7 * 777);
}
