//! Backups and what is restored from them, on a real disk.
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

#[path = "backup/house.rs"]
mod house;
#[path = "backup/interrupted.rs"]
mod interrupted;
#[path = "backup/restored.rs"]
mod restored;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use mailstore::{BackedUp, BackupError, BackupOptions, Doing, back_up, verify_backup};

use house::{House, all_steps, inodes, now, runtime};

#[test]
fn a_second_backup_shares_what_has_not_changed() {
    let house = House::new();
    house.deliver_some(0..12);
    let first = house.back_up(BackupOptions::default());
    let sealed = house.log_files().len() as u64 - 1;
    assert_eq!((first.from_previous, first.from_data), (0, sealed));
    // The tail, two keys, two files of the certificate and what was declared.
    assert_eq!(first.copied, 6);

    house.deliver_some(12..20);
    let second = house.back_up(BackupOptions::default());
    // What was the tail is written to no more.
    assert_eq!(second.from_previous, sealed + 1);
    assert_eq!(second.copied, 6);
    assert_eq!(
        second.from_previous + second.from_data + second.copied,
        second.files
    );
    assert!(second.path > first.path);
    for name in &house.log_files()[..3] {
        let links = fs::metadata(house.data.join("log").join(name))
            .unwrap()
            .nlink();
        assert_eq!(links, 3, "{name}");
    }
}

#[test]
fn a_copy_shares_nothing_with_the_data_directory_and_still_only_grows_by_what_is_new() {
    let house = House::new();
    house.deliver_some(0..12);
    let copy = BackupOptions {
        copy: true,
        ..BackupOptions::default()
    };
    // What an earlier backup shares with the data directory is copied all the same.
    house.back_up(BackupOptions::default());
    let first = house.back_up(copy);
    assert_eq!((first.from_previous, first.from_data), (0, 0));
    let second = house.back_up(copy);
    assert_eq!(second.from_data, 0);
    assert_eq!(second.from_previous, house.log_files().len() as u64 - 1);
    let shared: Vec<_> = inodes(&second.path)
        .intersection(&inodes(&house.data))
        .copied()
        .collect();
    assert!(shared.is_empty());
    verify_backup(&second.path, &mut all_steps).unwrap();
}

#[test]
fn old_backups_go_after_the_new_one_is_there() {
    let house = House::new();
    house.deliver_some(0..3);
    let mut made: Vec<BackedUp> = Vec::new();
    for round in 1..=4 {
        house.deliver_some(round * 10..round * 10 + 2);
        made.push(house.back_up(BackupOptions {
            keep: Some(2),
            ..BackupOptions::default()
        }));
    }
    assert_eq!(house.backups(), [&*made[2].path, &*made[3].path]);
    assert_eq!(made[3].removed, [&*made[1].path]);
    let only = house.back_up(BackupOptions {
        keep: Some(0),
        ..BackupOptions::default()
    });
    assert_eq!(house.backups(), [only.path]);
}

#[test]
fn a_backup_is_for_its_owner_only() {
    let house = House::new();
    house.deliver_some(0..6);
    let made = house.back_up(BackupOptions::default());
    check_modes(&house.target);
    check_modes(&made.path);
}

fn check_modes(directory: &Path) {
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(directory), 0o700, "{}", directory.display());
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            check_modes(&path);
        } else {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }
}

/// Before a backup has its name, every file and every directory of it has been synced after its last change.
#[test]
fn a_backup_gets_its_name_when_all_of_it_is_durable() {
    let house = House::new();
    house.deliver_some(0..8);
    let mut trace = Vec::new();
    let made = house
        .try_back_up(BackupOptions::default(), &mut |step| {
            trace.push((step.doing, step.path.to_owned()));
            all_steps(step)
        })
        .unwrap();
    let renamed = trace
        .iter()
        .position(|step| *step == (Doing::Renaming, made.path.clone()))
        .unwrap();
    let work = house.target.join(format!(
        ".{}",
        made.path.file_name().unwrap().to_str().unwrap()
    ));
    let synced_after = |from: usize, path: &Path| {
        trace[from..renamed]
            .iter()
            .any(|(doing, synced)| *doing == Doing::Syncing && synced == path)
    };
    let mut changes = 0;
    for (at, (doing, path)) in trace[..renamed].iter().enumerate() {
        if !path.starts_with(&work) {
            continue;
        }
        let changes_file = matches!(doing, Doing::Copying | Doing::Writing);
        if changes_file || matches!(doing, Doing::Linking | Doing::Making) {
            changes += 1;
            let parent = path.parent().unwrap();
            assert!(
                synced_after(at, parent) || path == &work,
                "{}",
                path.display()
            );
        }
        if changes_file {
            assert!(synced_after(at, path), "{}", path.display());
        }
    }
    assert!(changes > 10);
    let last = trace.last().unwrap();
    assert_eq!(
        *last,
        (Doing::Syncing, fs::canonicalize(&house.target).unwrap())
    );
}

#[test]
fn a_backup_that_went_bad_is_found_and_does_not_go_on_from_one_to_the_next() {
    let house = House::new();
    house.deliver_some(0..12);
    // Two backups that share nothing with the store, so that only the backup goes bad.
    let copy = BackupOptions {
        copy: true,
        ..BackupOptions::default()
    };
    let first = house.back_up(copy);
    let victim = first.path.join("log/0000000001.log");
    let mut octets = fs::read(&victim).unwrap();
    octets[500] ^= 1;
    fs::write(&victim, octets).unwrap();
    let error = verify_backup(&first.path, &mut all_steps).unwrap_err();
    let said = error.to_string();
    assert!(
        said.contains("0000000001.log is not what was backed up"),
        "{said}"
    );
    let error = house.restore_to("elsewhere", &first.path).unwrap_err();
    assert!(matches!(error, BackupError::Altered { .. }), "{error}");
    assert!(!house.path("elsewhere").exists());

    let second = house.back_up(BackupOptions {
        verify: true,
        ..copy
    });
    let verified = second.verified.unwrap();
    assert!(verified.flaws.is_empty());
    assert_eq!(verified.files, second.files);
    assert!(verified.records > 12);
    assert_eq!(second.from_previous, house.log_files().len() as u64 - 2);
    assert_eq!(second.copied, 7);
}

/// What was bad in the store is backed up as it is, and said.
#[test]
fn damage_in_the_store_is_told_from_damage_in_the_backup() {
    let house = House::new();
    let good = house.back_up(BackupOptions::default());
    house.deliver_some(0..12);
    let log = house.data.join("log");
    let bodies: Vec<_> = house
        .log_files()
        .into_iter()
        .filter(|name| name.ends_with(".body"))
        .collect();
    let flip = |name: &str, at: usize| {
        let mut octets = fs::read(log.join(name)).unwrap();
        octets[at] ^= 1;
        fs::write(log.join(name), octets).unwrap();
    };
    flip("0000000001.log", 600);
    flip(&bodies[0], 300);
    fs::remove_file(log.join(&bodies[1])).unwrap();
    // Nobody asked for it to be read back, but for the older ones to go.
    let made = house.back_up(BackupOptions {
        keep: Some(1),
        ..BackupOptions::default()
    });
    assert!(made.removed.is_empty());
    assert_eq!(
        house.backups(),
        [good.path, made.path],
        "the good one stays"
    );
    let flaws = made.verified.unwrap().flaws;
    assert_eq!(
        (flaws.places.len(), flaws.bodies.len()),
        (1, 2),
        "{flaws:?}"
    );
    assert!(!flaws.short);
}

/// Also while what is in the store has gone bad since.
#[test]
fn what_has_not_changed_is_taken_from_the_backup_before() {
    let house = House::new();
    house.deliver_some(0..8);
    let copy = BackupOptions {
        copy: true,
        verify: true,
        keep: None,
    };
    house.back_up(copy);
    let mail = house.mail_of(&house.data);
    let damaged = house.data.join("log/0000000001.log");
    let mut octets = fs::read(&damaged).unwrap();
    octets[600] ^= 1;
    fs::write(damaged, octets).unwrap();
    let made = house.back_up(copy);
    assert!(made.verified.unwrap().flaws.is_empty());
    house.restore_to("restored", &made.path).unwrap();
    assert_eq!(house.mail_of(&house.path("restored")), mail);
}

/// Or every backup of a store that was repaired would be called a bad one.
#[test]
fn what_a_repair_has_dealt_with_is_no_flaw() {
    let house = House::new();
    house.deliver_some(0..12);
    let log = house.data.join("log");
    let verify = BackupOptions {
        verify: true,
        ..BackupOptions::default()
    };
    let mut octets = fs::read(log.join("0000000001.log")).unwrap();
    octets[600] ^= 1;
    fs::write(log.join("0000000001.log"), octets).unwrap();
    let made = house.back_up(verify);
    let place = made.verified.unwrap().flaws.places[0].clone();
    let quarantine = house.data.join("quarantine");
    fs::create_dir(&quarantine).unwrap();
    let name = format!("{:010}-{}.rec", place.segment, place.offset);
    fs::write(quarantine.join(&name), "what stood there").unwrap();
    // And large bodies go with the letters they belong to.
    runtime().block_on(async {
        let store = house.open();
        let alice = house.account(&store, "alice@example.test").await;
        let maildrop = store.open_maildrop(alice).unwrap();
        let all: Vec<usize> = (0..maildrop.messages().len()).collect();
        maildrop.expunge(&all).await.unwrap();
        drop(maildrop);
        store.close().await;
    });
    for name in house.log_files() {
        if name.ends_with(".body") {
            fs::remove_file(log.join(name)).unwrap();
        }
    }
    let made = house.back_up(verify);
    assert!(made.verified.unwrap().flaws.is_empty());
    assert!(made.path.join("quarantine").join(&name).exists());
    house.restore_to("restored", &made.path).unwrap();
    assert!(house.path("restored/quarantine").join(&name).exists());
}

#[test]
fn only_one_backup_at_a_time_and_never_into_the_data_directory() {
    let house = House::new();
    house.deliver_some(0..2);
    let mut inner = None;
    house
        .try_back_up(BackupOptions::default(), &mut |step| {
            if step.doing == Doing::Renaming {
                inner = Some(house.try_back_up(BackupOptions::default(), &mut all_steps));
            }
            all_steps(step)
        })
        .unwrap();
    let error = inner.unwrap().unwrap_err();
    assert!(error.to_string().contains("another backup into"), "{error}");
    for inside in ["backups", "log"] {
        let directory = house.data.join(inside);
        let options = BackupOptions::default();
        let error = back_up(
            &house.data,
            house.end(),
            &directory,
            options,
            now(),
            &mut all_steps,
        );
        assert!(matches!(error, Err(BackupError::Inside(_))));
    }
    assert!(!house.data.join("backups").exists());

    let directory = house.path("not mounted/backups");
    let options = BackupOptions::default();
    let error = back_up(
        &house.data,
        house.end(),
        &directory,
        options,
        now(),
        &mut all_steps,
    );
    let said = error.unwrap_err().to_string();
    assert!(said.contains("mount the disk for backups"), "{said}");
    assert!(!house.path("not mounted").exists());
}

/// Two runs that both found no directory: whoever comes second finds that of the first.
#[test]
fn a_directory_that_another_run_makes_meanwhile_is_used() {
    let house = House::new();
    house.deliver_some(0..2);
    let mut other = None;
    let made = house
        .try_back_up(BackupOptions::default(), &mut |step| {
            if step.doing == Doing::Making && other.is_none() {
                other = Some(house.back_up(BackupOptions::default()));
            }
            all_steps(step)
        })
        .unwrap();
    assert_eq!(house.backups(), [other.unwrap().path, made.path]);
}

/// Everything answered for before a backup begins is in it, and it holds nothing that was never delivered.
#[test]
fn a_backup_of_a_running_store_is_one_moment_of_it() {
    let house = House::new();
    runtime().block_on(async {
        let store = house.open();
        let alice = house.account(&store, "alice@example.test").await;
        let (count, stop) = (24, std::sync::atomic::AtomicBool::new(false));
        let stop = std::sync::Arc::new(stop);
        let mut tasks = Vec::new();
        for task in 0..4_u32 {
            let (store, stop) = (store.clone(), std::sync::Arc::clone(&stop));
            tasks.push(tokio::spawn(async move {
                let mut kept = Vec::new();
                for number in 0.. {
                    if stop.load(std::sync::atomic::Ordering::Relaxed) {
                        break;
                    }
                    let body = house::body(task * 100_000 + number);
                    house::deliver(&store, alice, &body).await;
                    kept.push(body);
                }
                kept
            }));
        }
        while store.usage(alice).messages < count {
            tokio::task::yield_now().await;
        }
        let before = house::mailbox(&store, alice);
        let (hold, census) = store.hold().await.unwrap();
        assert!(census.messages >= count);
        let (data, target) = (house.data.clone(), house.target.clone());
        let options = BackupOptions {
            verify: true,
            ..BackupOptions::default()
        };
        let made = tokio::task::spawn_blocking(move || {
            back_up(&data, census.end, &target, options, now(), &mut all_steps)
        });
        let made = made.await.unwrap().unwrap();
        drop(hold);
        assert!(made.verified.unwrap().flaws.is_empty());
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        let mut delivered = std::collections::BTreeSet::new();
        for task in tasks {
            delivered.extend(task.await.unwrap());
        }
        let after = house::mailbox(&store, alice);
        store.close().await;

        let restored = house.path("restored");
        let (from, to) = (made.path.clone(), restored.clone());
        tokio::task::spawn_blocking(move || house::restore(&from, &to).unwrap())
            .await
            .unwrap();
        let store = house::open(&restored);
        let there = house::mailbox(&store, alice);
        assert_eq!(there.len() as u64, census.messages);
        for (uidl, body) in &before {
            assert_eq!(there.get(uidl), Some(body), "{uidl:?}");
        }
        for (uidl, body) in &there {
            assert_eq!(after.get(uidl), Some(body), "{uidl:?}");
            assert!(delivered.contains(body));
        }
        store.close().await;
    });
}
