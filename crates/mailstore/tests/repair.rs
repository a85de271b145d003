//! Repairing stores that were damaged on purpose: nothing is lost without a word, and the second time nothing is done.
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

#[path = "examine/ground.rs"]
mod ground;

use std::fs;
use std::path::PathBuf;

use mailstore::{Finding, OpenError, RepairError, Repaired, Store, repair};

use ground::{Ground, LARGE};

/// Repairs; all has to be well afterwards, and a second repair has to find nothing to do.
#[track_caller]
fn mend(ground: &Ground) -> Repaired {
    let repaired = repair(ground.path(), &ground.options(), &mut |_| {}).unwrap();
    let after = repaired.after.clone().unwrap();
    assert_eq!(after.findings, [], "{repaired:#?}");
    let before = ground.contents();
    let again = repair(ground.path(), &ground.options(), &mut |_| {}).unwrap();
    assert_eq!(again.after, None);
    assert_eq!(again.before, after);
    assert_eq!(ground.contents(), before);
    repaired
}

fn names(files: &[PathBuf]) -> Vec<String> {
    let mut names: Vec<_> = files
        .iter()
        .map(|file| file.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_whole_store_is_left_alone() {
    let ground = Ground::filled().await;
    tokio::task::spawn_blocking(move || {
        let before = ground.contents();
        let repaired = repair(ground.path(), &ground.options(), &mut |_| {}).unwrap();
        assert_eq!(repaired.before.findings, []);
        assert_eq!(repaired.after, None);
        assert_eq!(ground.contents(), before);
        let elsewhere = tempfile::tempdir().unwrap();
        let repaired = repair(elsewhere.path(), &ground.options(), &mut |_| {});
        assert!(matches!(
            repaired,
            Err(RepairError::Open(OpenError::Io { .. }))
        ));
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_store_in_use_is_not_repaired() {
    let ground = Ground::filled().await;
    let (store, _) = Store::open(ground.path(), ground.options()).unwrap();
    let repaired = repair(ground.path(), &ground.options(), &mut |_| {});
    assert!(matches!(
        repaired,
        Err(RepairError::Open(OpenError::InUse { .. }))
    ));
    store.close().await;
}

/// A damaged store, what is removed from it, and what lies in the quarantine then.
async fn check(damage: impl FnOnce(&Ground), removed: &[&str], kept: &[&str], left: &[u64]) {
    let ground = Ground::filled().await;
    damage(&ground);
    let (ground, repaired) = tokio::task::spawn_blocking(move || {
        let repaired = mend(&ground);
        (ground, repaired)
    })
    .await
    .unwrap();
    let gone: Vec<_> = repaired.removed.iter().map(ToString::to_string).collect();
    assert_eq!(gone.len(), removed.len(), "{gone:?}");
    for (gone, removed) in gone.iter().zip(removed) {
        assert!(gone.starts_with(removed), "{gone}");
    }
    let names = names(&repaired.quarantine);
    assert_eq!(names.len(), kept.len(), "{names:?}");
    for (name, kept) in names.iter().zip(kept) {
        assert!(name.ends_with(kept), "{names:?}");
    }
    assert_eq!(ground.messages().await, left);
}

#[tokio::test]
async fn a_damaged_letter_is_set_aside_and_the_others_stay() {
    check(
        |ground| ground.turn_bit("alice 2 body"),
        &["alice@example.test: message"],
        &[".eml", ".rec"],
        &[3, 2],
    )
    .await;
}

#[tokio::test]
async fn a_letter_whose_head_is_destroyed_is_named_by_the_index() {
    check(
        |ground| ground.turn_bit_before("alice 2 body"),
        &["alice@example.test: message"],
        &[".eml", ".rec"],
        &[3, 2],
    )
    .await;
}

#[tokio::test]
async fn without_an_index_the_rest_is_found_again() {
    check(
        |ground| {
            ground.turn_bit_before("alice 2 body");
            fs::remove_dir_all(ground.path().join("index")).unwrap();
        },
        &[],
        &[".rec"],
        &[3, 2],
    )
    .await;
}

#[tokio::test]
async fn a_large_letter_is_moved_with_its_file() {
    check(
        |ground| {
            let body = ground.body();
            let mut octets = fs::read(&body).unwrap();
            octets[LARGE / 2] ^= 1;
            fs::write(&body, &octets).unwrap();
        },
        &["bob@example.test: message"],
        &[".body", ".eml"],
        &[4, 1],
    )
    .await;
    check(
        |ground| fs::remove_file(ground.body()).unwrap(),
        &["bob@example.test: message"],
        &[],
        &[4, 1],
    )
    .await;
    check(
        |ground| {
            let body = ground.body();
            fs::copy(&body, body.with_file_name("0000000000000000.body")).unwrap();
        },
        &[],
        &["0000000000000000.body"],
        &[4, 2],
    )
    .await;
}

#[tokio::test]
async fn a_removal_that_was_destroyed_stays_a_removal() {
    // Between the last letter of bob and the end stand the removal of alice's fourth letter and that of carol.
    let ground = Ground::filled().await;
    ground.destroy_removals();
    let (ground, repaired) = tokio::task::spawn_blocking(move || {
        let repaired = mend(&ground);
        (ground, repaired)
    })
    .await
    .unwrap();
    assert_eq!(repaired.removed, []);
    assert_eq!(repaired.removed_again.len(), 2, "{repaired:#?}");
    assert_eq!(repaired.directory, 1);
    assert_eq!(ground.messages().await, [4, 2]);
    fs::remove_dir_all(ground.path().join("index")).unwrap();
    assert_eq!(ground.messages().await, [4, 2]);
}

#[tokio::test]
async fn letters_of_an_account_whose_record_was_destroyed_are_kept() {
    let ground = Ground::filled().await;
    let before = ground.letters("alice").await;
    // The record of the account holds its address in plain octets.
    ground.turn_bit("alice");
    let (ground, repaired) = tokio::task::spawn_blocking(move || {
        let repaired = mend(&ground);
        (ground, repaired)
    })
    .await
    .unwrap();
    assert_eq!(repaired.removed, []);
    assert_eq!(repaired.renewed.len(), 4, "{repaired:#?}");
    assert_eq!(ground.letters("alice").await, before);
    fs::remove_dir_all(ground.path().join("index")).unwrap();
    assert_eq!(ground.letters("alice").await, before);
    assert_eq!(ground.messages().await, [4, 2]);
}

/// Its members have got mail from it, and shall again.
#[tokio::test]
async fn a_list_whose_record_was_destroyed_is_stated_again() {
    let ground = Ground::filled().await;
    ground.add_list().await;
    ground.turn_bit("what staff is");
    let (ground, repaired) = tokio::task::spawn_blocking(move || {
        let repaired = mend(&ground);
        (ground, repaired)
    })
    .await
    .unwrap();
    assert_eq!((repaired.directory, repaired.removed.len()), (1, 0));
    for _ in 0..2 {
        let (store, _) = Store::open(ground.path(), ground.options()).unwrap();
        let address = "staff-owner@example.test".parse().unwrap();
        let directory = store.directory();
        let (list, _) = directory.list(&address).unwrap();
        assert_eq!(list.settings, "what staff is");
        store.close().await;
        fs::remove_dir_all(ground.path().join("index")).unwrap();
    }
}

#[tokio::test]
async fn a_repair_that_was_interrupted_is_finished_by_the_next_one() {
    let ground = Ground::filled().await;
    let before = ground.letters("alice").await;
    ground.turn_bit("alice");
    let damaged = ground.contents();
    let ground = tokio::task::spawn_blocking(move || {
        let kept = mend(&ground).quarantine;
        let mut halfway = damaged;
        for file in kept {
            let octets = fs::read(&file).unwrap();
            halfway.insert(file, octets);
        }
        // All was set aside, and nothing was stated yet.
        ground.restore(&halfway);
        let repaired = mend(&ground);
        assert_eq!(repaired.before.set_aside.len(), 1, "{repaired:#?}");
        assert_eq!((repaired.renewed.len(), repaired.removed.len()), (4, 0));
        ground
    })
    .await
    .unwrap();
    assert_eq!(ground.letters("alice").await, before);
}

#[tokio::test]
async fn every_octet_of_the_log_may_be_damaged() {
    let ground = Ground::filled().await;
    let whole = ground.contents();
    tokio::task::spawn_blocking(move || {
        let segments = ground.segments();
        for (number, segment) in segments.iter().enumerate() {
            let octets = &whole[segment];
            for at in (number..octets.len()).step_by(311) {
                ground.restore(&whole);
                let mut damaged = octets.clone();
                damaged[at] ^= 0x10;
                fs::write(segment, damaged).unwrap();
                let repaired = mend(&ground);
                assert!(
                    repaired.removed.len() <= 1,
                    "{segment:?} {at}: {repaired:#?}"
                );
            }
        }
    })
    .await
    .unwrap();
}

/// Cuts every segment short at many places, each time in a whole store.
fn cut_everywhere(ground: &Ground, mut then: impl FnMut(&Ground, &str)) {
    let whole = ground.contents();
    for (number, segment) in ground.segments().iter().enumerate() {
        // Less than an opening leaves a file that cannot be told from one that was just begun.
        for to in (80 + number..whole[segment].len()).step_by(331) {
            ground.restore(&whole);
            fs::write(segment, &whole[segment][..to]).unwrap();
            then(ground, &format!("{} cut to {to}", segment.display()));
        }
    }
}

#[tokio::test]
async fn a_segment_cut_short_costs_what_stood_there_and_nothing_comes_back() {
    let ground = Ground::filled().await;
    let runtime = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || {
        cut_everywhere(&ground, |ground, case| {
            let found = ground.examine();
            assert_ne!(found.findings, [], "{case}");
            let repaired = mend(ground);
            let left: u64 = runtime.block_on(ground.messages()).iter().sum();
            let gone = repaired.removed.len() as u64;
            assert_eq!(left + gone, 6, "{case}: {repaired:#?}");
            let named = |hit| {
                found
                    .findings
                    .iter()
                    .any(|finding| finding.messages().contains(&hit))
            };
            assert!(
                repaired.removed.iter().cloned().all(named),
                "{case}: {found:#?}"
            );
        });
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_log_cut_short_gives_no_uid_twice_and_brings_nothing_back() {
    let ground = Ground::filled().await;
    let runtime = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || {
        let listed = |ground: &Ground| {
            let (store, _) = Store::open(ground.path(), ground.options()).unwrap();
            assert!(store.directory().find_login("carol").is_none());
            let mut uids = Vec::new();
            for name in ["alice", "bob"] {
                let id = store.directory().find_login(name).unwrap().id;
                let maildrop = store.open_maildrop(id).unwrap();
                uids.extend(maildrop.messages().iter().map(|message| message.uid));
            }
            runtime.block_on(store.close());
            uids
        };
        let before = listed(&ground);
        cut_everywhere(&ground, |ground, case| {
            assert_eq!(listed(ground), before, "{case}");
            runtime.block_on(ground.deliver_one_more());
            let after = listed(ground);
            assert_eq!(after.len(), before.len() + 1, "{case}");
            assert!(after.last() > before.iter().max(), "{case}: {after:?}");
            // The damage stays known once the log has gone on behind it.
            assert_ne!(ground.examine().findings, [], "{case}");
        });
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_segment_that_is_gone_is_named_with_its_messages_and_brings_nothing_back() {
    let ground = Ground::filled().await;
    let runtime = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || {
        let whole = ground.contents();
        let segments = ground.segments();
        // Without the last one, there is nothing that says that it was ever there.
        for segment in &segments[..segments.len() - 1] {
            for empty in [false, true] {
                ground.restore(&whole);
                if empty {
                    fs::write(segment, b"").unwrap();
                } else {
                    fs::remove_file(segment).unwrap();
                }
                let case = format!("{}, empty: {empty}", segment.display());
                let found = ground.examine();
                let gone: usize = (found.findings.iter())
                    .filter(|finding| matches!(finding, Finding::MissingSegment { .. }))
                    .map(|finding| finding.messages().len())
                    .sum();
                let (store, opened) = Store::open(ground.path(), ground.options()).unwrap();
                assert_eq!(opened.damaged.is_empty(), gone == 0, "{case}: {opened}");
                runtime.block_on(store.close());
                let repaired = mend(&ground);
                let left: u64 = runtime.block_on(ground.messages()).iter().sum();
                assert_eq!(
                    left + repaired.removed.len() as u64,
                    6,
                    "{case}: {repaired:#?}"
                );
                assert!(repaired.removed.len() >= gone, "{case}");
            }
        }
    })
    .await
    .unwrap();
}
