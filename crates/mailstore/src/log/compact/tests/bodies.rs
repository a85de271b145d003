//! Large letters under compaction: their octets are files of their own, and a record is no more than a name.

use super::super::plan::Times;
use super::super::{Run, Way};
use super::*;
use crate::store::unix_milliseconds;

fn on_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::spawn(work).join().unwrap()
}

/// All octets of the message at this place of a mailbox.
fn read_all(store: &Store, of: AccountId, index: usize) -> Result<usize, String> {
    let maildrop = store.open_maildrop(of).unwrap();
    let mut octets = 0;
    loop {
        let chunk = maildrop
            .read(index, octets as u64)
            .map_err(|error| error.to_string())?;
        octets += chunk.octets.len();
        if chunk.last {
            return Ok(octets);
        }
    }
}

async fn add(store: &Store, name: &str) -> AccountId {
    let new = NewAccount::new(format!("{name}@example.test").parse().unwrap());
    store.change(Change::AddAccount(new)).await.unwrap();
    store.directory().find_login(name).unwrap().id
}

/// One large letter to both.
async fn deliver_to_both(store: &Store, both: [AccountId; 2]) {
    let mut incoming = store.begin();
    incoming
        .write(Bytes::from(vec![b'x'; 100_000]))
        .await
        .unwrap();
    let reservations = both.map(|to| store.reserve(to, 0).unwrap());
    let delivered = store.deliver(incoming, reservations.into(), Envelope::default());
    delivered.await.unwrap();
}

/// A number that was never settled keeps those above it from counting as settled, and a retirement names them for as
/// long as there is no later one.
#[tokio::test]
async fn a_body_number_in_the_last_retirement_is_not_given_out_again() {
    let options = Options {
        inline_body: 1_000,
        failure_hold: Duration::ZERO,
        failure_retry: Duration::from_millis(1),
        ..options(Duration::ZERO)
    };
    let mut state = None;
    for skip in 1..40 {
        let (disk, tables) = (SimulatedDisk::new(1), SimulatedTables::default());
        let (store, engine) = open_as(&disk, &tables, options.clone());
        let alice = add_alice(&store).await;
        // A large letter while the disk is full: its number is left unsettled (answered 451 without a statement).
        disk.fail_at(
            disk.operations() + skip,
            Fault::Errors(ErrorKind::StorageFull, 6),
        );
        let outcome = try_deliver(&store, alice, &vec![b'1'; 100_000]).await;
        disk.heal();
        let body = Path::new("/data/log/0000000000000001.body").to_owned();
        if outcome.is_err() && disk.paths().contains(&body) {
            state = Some((disk, tables, store, engine, alice));
            break;
        }
    }
    let (disk, tables, store, engine, alice) = state.expect("did not get into the state");
    tokio::time::sleep(Duration::from_millis(20)).await;
    let mut sent = 0;
    while sent < 4 {
        sent += usize::from(
            try_deliver(&store, alice, &vec![b'2'; 100_000])
                .await
                .is_ok(),
        );
    }
    expunge(&store, alice, 0..4).await;
    compact(&store).unwrap();
    store.close().await;
    drop(engine);

    let (store, _engine) = open_as(&disk, &tables, options);
    for _ in 0..3 {
        deliver(&store, alice, &vec![b'3'; 100_000]).await;
    }
    assert_eq!(read_all(&store, alice, 0), Ok(100_000));
    compact(&store).unwrap();
    for at in 0..3 {
        assert_eq!(read_all(&store, alice, at), Ok(100_000), "letter {at} lost");
    }
}

/// When removed messages are kept for another time, or not at all for a while, mailboxes are copied at different times.
#[tokio::test]
async fn a_body_named_by_two_copies_goes_with_the_last_of_them() {
    let (disk, tables) = (SimulatedDisk::new(1), SimulatedTables::default());
    let options = Options {
        inline_body: 1_000,
        ..options(Duration::from_secs(3_600))
    };
    let (store, engine) = open_as(&disk, &tables, options.clone());
    let (alice, bob) = (add(&store, "alice").await, add(&store, "bob").await);
    deliver_to_both(&store, [alice, bob]).await;
    for _ in 0..40 {
        deliver(&store, alice, &[b'y'; 900]).await;
    }
    // Alice removes hers, Bob keeps his.
    expunge(&store, alice, 0..41).await;
    // Space is low: looked at with no window, copied, and then it ended (a backup wanted to hold).
    let compactor = Arc::clone(&engine.compactor);
    on_thread(move || {
        compactor.wait_for(|ticket| compactor.queue.end_segment(ticket))?;
        compactor.watch()?;
        let segments = compactor.replay.survey().unwrap();
        let times = Times {
            way: Way::Forced,
            now: unix_milliseconds(),
            window: 0,
        };
        let before = compactor.before(1, &segments)?;
        let plan = compactor.look(&segments[&1], before, times, true)?.unwrap();
        let mut run = Run {
            way: Way::Forced,
            now: 0,
            done: Compacted::default(),
            progress: &mut |_| {},
        };
        compactor.copy(1, plan.moves, &mut run)?;
        compactor.moves.rest();
        Ok::<_, CompactError>(())
    })
    .unwrap();
    // Space is back. What Alice removed is within its hour.
    let compactor = Arc::clone(&engine.compactor);
    on_thread(move || compactor.wait_for(|ticket| compactor.queue.end_segment(ticket))).unwrap();
    compact(&store).unwrap();
    assert_eq!(read_all(&store, bob, 0), Ok(100_000));
    // Two hours later the copy Alice had is over.
    let later = unix_milliseconds() + 2 * 3_600_000;
    let other = store.clone();
    on_thread(move || other.compact_as_of(true, later, &mut |_| {})).unwrap();
    assert_eq!(
        read_all(&store, bob, 0),
        Ok(100_000),
        "Bob never removed it"
    );
}

#[tokio::test]
async fn a_body_survives_space_that_is_low_for_a_while() {
    let (disk, tables) = (SimulatedDisk::new(1), SimulatedTables::default());
    let options = Options {
        inline_body: 1_000,
        ..options(Duration::from_secs(3_600))
    };
    let (store, _engine) = open_as(&disk, &tables, options.clone());
    let (alice, bob) = (add(&store, "alice").await, add(&store, "bob").await);
    deliver_to_both(&store, [alice, bob]).await;
    for _ in 0..40 {
        deliver(&store, alice, &[b'y'; 900]).await;
    }
    expunge(&store, alice, 0..41).await;
    // Low while the first look is taken, enough again as soon as something has been moved.
    store.set_limits(0, 2_000_000, Duration::from_secs(3_600));
    disk.set_free(2_000_000);
    let (other, free) = (store.clone(), disk.clone());
    on_thread(move || {
        other.compact(true, &mut |done| {
            if done.moved > 0 {
                free.set_free(u64::MAX);
            }
        })
    })
    .unwrap();
    assert_eq!(read_all(&store, bob, 0), Ok(100_000));
    disk.set_free(u64::MAX);
    let later = unix_milliseconds() + 2 * 3_600_000;
    let other = store.clone();
    on_thread(move || other.compact_as_of(true, later, &mut |_| {})).unwrap();
    assert_eq!(
        read_all(&store, bob, 0),
        Ok(100_000),
        "Bob never removed it"
    );
}

/// Their records are tiny.
#[tokio::test]
async fn removed_bodies_are_given_back_though_the_segment_that_names_them_is_small() {
    let (disk, tables) = (SimulatedDisk::new(1), SimulatedTables::default());
    let options = Options {
        inline_body: 1_000,
        ..options(Duration::ZERO)
    };
    let (store, _engine) = open_as(&disk, &tables, options);
    let alice = add_alice(&store).await;
    for _ in 0..30 {
        deliver(&store, alice, &vec![b'x'; 100_000]).await;
    }
    expunge(&store, alice, 0..30).await;
    disk.set_free(1_500_000);
    let done = compact_if(&store, false).unwrap();
    assert!(done.freed > 2_900_000, "{done:?}");
}

#[tokio::test]
async fn a_full_disk_is_freed_by_writing_next_to_nothing() {
    let (disk, tables) = (SimulatedDisk::new(1), SimulatedTables::default());
    let options = Options {
        inline_body: 1_000,
        ..options(Duration::ZERO)
    };
    let (store, _engine) = open_as(&disk, &tables, options);
    let alice = add_alice(&store).await;
    for _ in 0..30 {
        deliver(&store, alice, &vec![b'x'; 100_000]).await;
    }
    expunge(&store, alice, 0..30).await;
    disk.set_free(1_000_000);
    let done = compact(&store).unwrap();
    assert!(done.freed > 2_900_000, "{done:?}");
}

/// As above, and both copies stand in one segment.
#[tokio::test]
async fn of_two_copies_in_one_segment_one_may_be_over() {
    let (disk, tables) = (SimulatedDisk::new(1), SimulatedTables::default());
    let options = Options {
        inline_body: 1_000,
        ..options(Duration::from_secs(3_600))
    };
    let (store, _engine) = open_as(&disk, &tables, options);
    let (alice, bob) = (add(&store, "alice").await, add(&store, "bob").await);
    deliver_to_both(&store, [alice, bob]).await;
    for _ in 0..40 {
        deliver(&store, alice, &[b'y'; 900]).await;
    }
    expunge(&store, alice, 0..41).await;
    store.set_limits(0, 2_000_000, Duration::from_secs(3_600));
    disk.set_free(2_000_000);
    let compact_at = |now: u64| {
        let (store, free) = (store.clone(), disk.clone());
        on_thread(move || {
            store.compact_as_of(true, now, &mut |done| {
                if done.moved > 0 {
                    free.set_free(u64::MAX);
                }
            })
        })
    };
    let now = unix_milliseconds();
    compact_at(now).unwrap();
    for hours in 0..4 {
        compact_at(now + hours * 3_600_000).unwrap();
        assert_eq!(read_all(&store, bob, 0), Ok(100_000), "{hours} hours later");
    }
    expunge(&store, bob, 0..1).await;
    compact_at(now + 9 * 3_600_000).unwrap();
    let bodies = |path: &PathBuf| path.extension().is_some_and(|of| of == "body");
    assert!(!disk.paths().iter().any(bodies), "{:?}", disk.paths());
}
