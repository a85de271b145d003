//! Bringing back what was removed, when things go wrong meanwhile.

use super::*;
use crate::error::UndeleteError;

#[tokio::test]
async fn none_comes_back_twice_after_a_failed_write() {
    let mut doubled = Vec::new();
    for skip in 1..30 {
        let (disk, tables) = (SimulatedDisk::new(1), SimulatedTables::default());
        let options = Options {
            failure_retry: Duration::from_millis(1),
            ..options(Duration::from_secs(3_600))
        };
        let (store, _engine) = open_as(&disk, &tables, options);
        let alice = add_alice(&store).await;
        for _ in 0..3 {
            deliver(&store, alice, &[b'y'; 900]).await;
        }
        expunge(&store, alice, 0..3).await;
        disk.fail_at(disk.operations() + skip, Fault::Errors(ErrorKind::Other, 1));
        let first = store.undelete(alice, 0).await;
        disk.heal();
        let second = store.undelete(alice, 0).await;
        let have = store.open_maildrop(alice).unwrap().messages().len();
        if have > 3 {
            doubled.push((
                skip,
                have,
                first.map(|d| d.messages).map_err(|e| e.to_string()),
                second.map(|d| d.messages).map_err(|e| e.to_string()),
            ));
        }
    }
    assert!(doubled.is_empty(), "{doubled:?}");
}

/// What comes back and the word that it has are not torn apart by the end of a segment either.
#[tokio::test]
async fn none_comes_back_twice_where_a_segment_is_full() {
    for left in (1_000..1_120).step_by(10) {
        for skip in 1..8 {
            let (disk, tables) = (SimulatedDisk::new(1), SimulatedTables::default());
            let options = Options {
                failure_retry: Duration::from_millis(1),
                ..options(Duration::from_secs(3_600))
            };
            let (store, _engine) = open_as(&disk, &tables, options);
            let alice = add_alice(&store).await;
            deliver(&store, alice, &[b'y'; 900]).await;
            expunge(&store, alice, 0..1).await;
            deliver(&store, alice, &vec![b'x'; 150_000]).await;
            let first = disk.contents(Path::new("/data/log/0000000001.log"));
            deliver(&store, alice, &vec![b'x'; 200_000 - first.len() - left]).await;
            disk.fail_at(disk.operations() + skip, Fault::Errors(ErrorKind::Other, 1));
            // Whatever became of the first.
            let _ = store.undelete(alice, 0).await;
            disk.heal();
            let _ = store.undelete(alice, 0).await;
            let have = store.usage(alice).messages;
            assert!(
                have <= 3,
                "{have} with {left} octets left, failing at {skip}"
            );
        }
    }
}

#[tokio::test]
async fn undelete_asks_for_room() {
    let (disk, tables) = (SimulatedDisk::new(1), SimulatedTables::default());
    let (store, _engine) = open_with(&disk, &tables, Duration::from_secs(3_600));
    let alice = add_alice(&store).await;
    for _ in 0..20 {
        deliver(&store, alice, &[b'y'; 900]).await;
    }
    expunge(&store, alice, 0..20).await;
    store.set_limits(1 << 30, 2_000_000, Duration::from_secs(3_600));
    disk.set_free(1_000);
    let done = store.undelete(alice, 0).await;
    assert!(
        matches!(done, Err(UndeleteError::NoRoom { .. })),
        "{done:?}"
    );
}

/// What compaction says again about a removal must not stand behind what is said about its end.
#[tokio::test]
async fn waits_for_compaction_to_pause() {
    let (disk, tables) = (SimulatedDisk::new(1), SimulatedTables::default());
    let (store, engine) = open_with(&disk, &tables, Duration::from_secs(3_600));
    let alice = add_alice(&store).await;
    deliver(&store, alice, BODY).await;
    expunge(&store, alice, 0..1).await;
    let turn = engine.compactor.turns.begin().unwrap();
    let undelete = tokio::spawn({
        let store = store.clone();
        async move { store.undelete(alice, 0).await }
    });
    while !engine.compactor.turns.stopped() {
        tokio::task::yield_now().await;
    }
    assert!(!undelete.is_finished() && store.usage(alice).messages == 0);
    drop(turn);
    assert_eq!(undelete.await.unwrap().unwrap().messages, 1);
}

/// What came back is in the log twice until compaction, and is no removed message any more.
#[tokio::test]
async fn what_came_back_is_not_counted_as_removed() {
    let (disk, tables) = (SimulatedDisk::new(1), SimulatedTables::default());
    let (store, engine) = open_with(&disk, &tables, Duration::from_secs(3_600));
    let alice = add_alice(&store).await;
    for _ in 0..5 {
        deliver(&store, alice, &[b'y'; 900]).await;
    }
    // Whoever asks what is removed waits for the index.
    let counted = |store: &Store| {
        store.removed(alice).unwrap();
        store.stats().engine.removed.messages
    };
    expunge(&store, alice, 0..3).await;
    assert_eq!(counted(&store), 3);
    assert_eq!(store.undelete(alice, 0).await.unwrap().messages, 3);
    // At once.
    assert_eq!(store.stats().engine.removed.messages, 0);
    expunge(&store, alice, 0..1).await;
    assert_eq!(counted(&store), 1);
    drop((store, engine));
    // By the log alone, and after compaction has moved what is left.
    let (again, _engine) = open_with(
        &disk.after_kill(),
        &SimulatedTables::default(),
        Duration::from_secs(3_600),
    );
    assert_eq!(counted(&again), 1);
    let compacting = again.clone();
    on_thread(move || compacting.compact(true, &mut |_| {})).unwrap();
    assert_eq!(counted(&again), 1);
    assert_eq!(again.undelete(alice, 0).await.unwrap().messages, 1);
    assert_eq!(counted(&again), 0);
}
