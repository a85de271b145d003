//! Large letters under compaction: their octets are files of their own, and a record is no more than a name.

use super::*;

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

/// A store in which letters of 100,000 octets are files of their own.
fn open_for_large(
    disk: &SimulatedDisk,
    tables: &SimulatedTables,
    undelete_window: Duration,
) -> (Store, Arc<LogEngine>) {
    let options = Options {
        inline_body: 1_000,
        ..options(undelete_window)
    };
    open_as(disk, tables, options)
}

const HOUR: Duration = Duration::from_secs(3_600);

/// One large letter to Alice and Bob, and forty small ones to Alice. Alice has removed all hers, Bob, who is given
/// back, keeps his.
async fn shared(store: &Store) -> AccountId {
    let (alice, bob) = (add(store, "alice").await, add(store, "bob").await);
    let mut incoming = store.begin();
    let letter = Bytes::from(vec![b'x'; 100_000]);
    incoming.write(letter).await.unwrap();
    let reservations = [alice, bob].map(|to| store.reserve(to, 0).unwrap());
    let delivered = store.deliver(incoming, reservations.into(), Envelope::default());
    delivered.await.unwrap();
    for _ in 0..40 {
        deliver(store, alice, &[b'y'; 900]).await;
    }
    expunge(store, alice, 0..41).await;
    bob
}

/// Compacts as if it were so long after now; space that is low is enough again as soon as something has been moved.
fn compact_after(store: &Store, disk: &SimulatedDisk, later: Duration) {
    let (store, free) = (store.clone(), disk.clone());
    let now = unix_milliseconds() + later.as_millis() as u64;
    let done = on_thread(move || {
        store.compact_as_of(true, now, &mut |done| {
            if done.moved > 0 {
                free.set_free(u64::MAX);
            }
        })
    });
    done.unwrap();
}

fn make_space_low(store: &Store, disk: &SimulatedDisk) {
    store.set_limits(0, 2_000_000, HOUR);
    disk.set_free(2_000_000);
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
    let (store, engine) = open_for_large(&disk, &tables, HOUR);
    let bob = shared(&store).await;
    // Space is low: looked at with no window, copied, and then it ended (a backup wanted to hold).
    on_compactor(&engine, |compactor| {
        compactor.wait_for(|ticket| compactor.queue.end_segment(ticket))?;
        let moves = first_look(compactor, Duration::ZERO)?.moves;
        copy_and_end(compactor, moves)
    });
    // Space is back. What Alice removed is within its hour.
    on_compactor(&engine, |compactor| {
        compactor.wait_for(|ticket| compactor.queue.end_segment(ticket))
    });
    compact(&store).unwrap();
    assert_eq!(read_all(&store, bob, 0), Ok(100_000));
    // Two hours later the copy Alice had is over.
    compact_after(&store, &disk, 2 * HOUR);
    assert_eq!(read_all(&store, bob, 0), Ok(100_000));
}

/// The same, both copies made by one compaction.
#[tokio::test]
async fn a_body_survives_space_that_is_low_for_a_while() {
    let (disk, tables) = (SimulatedDisk::new(1), SimulatedTables::default());
    let (store, _engine) = open_for_large(&disk, &tables, HOUR);
    let bob = shared(&store).await;
    make_space_low(&store, &disk);
    compact_after(&store, &disk, Duration::ZERO);
    assert_eq!(read_all(&store, bob, 0), Ok(100_000));
    compact_after(&store, &disk, 2 * HOUR);
    assert_eq!(read_all(&store, bob, 0), Ok(100_000));
}

/// As above, both copies standing in one segment, until nobody needs the body.
#[tokio::test]
async fn of_two_copies_in_one_segment_one_may_be_over() {
    let (disk, tables) = (SimulatedDisk::new(1), SimulatedTables::default());
    let (store, _engine) = open_for_large(&disk, &tables, HOUR);
    let bob = shared(&store).await;
    make_space_low(&store, &disk);
    compact_after(&store, &disk, Duration::ZERO);
    for hours in 0..4 {
        compact_after(&store, &disk, hours * HOUR);
        assert_eq!(read_all(&store, bob, 0), Ok(100_000), "{hours} hours later");
    }
    expunge(&store, bob, 0..1).await;
    compact_after(&store, &disk, 9 * HOUR);
    let bodies = |path: &PathBuf| path.extension().is_some_and(|of| of == "body");
    assert!(!disk.paths().iter().any(bodies), "{:?}", disk.paths());
}

/// Their records are tiny, and so is what has to be written to be rid of them.
#[tokio::test]
async fn removed_bodies_are_given_back_however_little_is_free() {
    for (free, force) in [(1_500_000, false), (1_000_000, true)] {
        let (disk, tables) = (SimulatedDisk::new(1), SimulatedTables::default());
        let (store, _engine) = open_for_large(&disk, &tables, Duration::ZERO);
        let alice = add_alice(&store).await;
        for _ in 0..30 {
            deliver(&store, alice, &[b'x'; 100_000]).await;
        }
        expunge(&store, alice, 0..30).await;
        disk.set_free(free);
        let done = compact_if(&store, force).unwrap();
        assert!(done.freed > 2_900_000, "{free}: {done:?}");
    }
}
