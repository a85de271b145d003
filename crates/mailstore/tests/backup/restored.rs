//! What a restored store is like, and where none is made.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use mailstore::{
    Alias, BackupError, BackupOptions, Change, Doing, NewAccount, OpenError, verify_backup,
};

use super::house::{
    House, all_steps, body, deliver, inodes, mailbox, names, now, open, options, runtime,
};

#[test]
fn mail_keeps_its_uidl_and_later_mail_gets_one_that_the_lost_time_never_used() {
    let house = House::new();
    house.deliver_some(0..6);
    let before = house.mail_of(&house.data);
    house.back_up(BackupOptions::default());
    // What is lost: mail after the backup.
    house.deliver_some(100..108);
    let lost = house.mail_of(&house.data);

    let restored = house.restore_to("restored", &house.target).unwrap();
    assert_eq!(restored.accounts, 1);
    let data = house.path("restored");
    assert_eq!(house.mail_of(&data), before);
    runtime().block_on(async {
        let store = open(&data);
        let alice = house.account(&store, "alice@example.test").await;
        for number in 200..208 {
            deliver(&store, alice, &body(number)).await;
        }
        let bob = house.account(&store, "bob@example.test").await;
        assert!(bob.0 > restored.epoch);
        store.close().await;
    });
    let now_there = house.mail_of(&data);
    assert_eq!(now_there.len(), 14);
    for (uidl, octets) in &now_there {
        let (epoch, _) = *uidl;
        if before.contains_key(uidl) {
            assert_eq!(before.get(uidl), Some(octets));
        } else {
            assert_eq!(u64::from(epoch), restored.epoch);
            assert!(!lost.contains_key(uidl), "{uidl:?}");
        }
    }
}

/// A reload that comes while the log is copied belongs to the time after it.
#[test]
fn what_was_declared_is_backed_up_as_it_was_at_the_end_of_the_log() {
    let house = House::new();
    house.deliver_some(0..2);
    let file = house.data.join("declared.json");
    let made = house.try_back_up(BackupOptions::default(), &mut |step| {
        if step.doing == Doing::Copying {
            fs::write(&file, "newer").unwrap();
        }
        all_steps(step)
    });
    verify_backup(&made.unwrap().path, &mut all_steps).unwrap();
    house.restore_to("restored", &house.target).unwrap();
    let restored = fs::read_to_string(house.path("restored/declared.json"));
    assert_eq!(restored.unwrap(), "{}");
}

/// Also when the clock is far behind, and when the directory of accounts was empty.
#[test]
fn numbers_of_the_lost_time_are_never_given_out_again() {
    let house = House::new();
    house.back_up(BackupOptions::default());
    house.deliver_some(0..1);
    let restored = house.restore_to("empty", &house.target).unwrap();
    assert_eq!(restored.accounts, 0);
    assert!(restored.epoch > 1_700_000_000);
    runtime().block_on(async {
        let store = open(&house.path("empty"));
        assert_eq!(store.directory().accounts().len(), 0);
        let made = house.account(&store, "alice@example.test").await;
        assert!(made.0 > restored.epoch, "{made}");
        store.close().await;
    });

    let made = house.back_up(BackupOptions::default());
    let clock = UNIX_EPOCH + Duration::from_secs(0);
    let data = house.path("1970");
    let restored = mailstore::restore(&made.path, &data, options(), clock, &mut all_steps).unwrap();
    assert!(restored.epoch > 1);
    runtime().block_on(async {
        let store = open(&data);
        let directory = store.directory();
        let alice = directory.find_login("alice").unwrap();
        assert_eq!(u64::from(alice.epoch), restored.epoch);
        store.close().await;
    });
}

#[test]
fn accounts_quotas_and_aliases_are_as_they_were() {
    let house = House::new();
    house.deliver_some(0..3);
    runtime().block_on(async {
        let store = house.open();
        let mut new = NewAccount::new("carol@example.test".parse().unwrap());
        new.quota = Some(12_345);
        new.name = "Carol".to_owned();
        store.change(Change::AddAccount(new)).await.unwrap();
        let alias = Alias {
            address: "info@example.test".parse().unwrap(),
            targets: vec!["alice@example.test".parse().unwrap()],
        };
        store.change(Change::PutAlias(alias)).await.unwrap();
        store.close().await;
    });
    house.back_up(BackupOptions::default());
    house.restore_to("restored", &house.target).unwrap();
    runtime().block_on(async {
        let (old, new) = (house.open(), open(&house.path("restored")));
        let (before, after) = (old.directory(), new.directory());
        assert_eq!(
            before.aliases().collect::<Vec<_>>(),
            after.aliases().collect::<Vec<_>>()
        );
        assert_eq!(after.accounts().len(), 2);
        for account in before.accounts() {
            let mut restored = after.account(account.id).unwrap().clone();
            assert!(restored.epoch > account.epoch && restored.generation > account.generation);
            (restored.epoch, restored.generation) = (account.epoch, account.generation);
            assert_eq!(restored, *account);
            assert_eq!(new.usage(account.id), old.usage(account.id));
        }
    });
    for name in [
        "secrets.key",
        "declared.key",
        "declared.json",
        "tls/key.pem",
    ] {
        let of = |data: &str| fs::read(house.path(data).join(name)).unwrap();
        assert_eq!(of("restored"), of("data"), "{name}");
    }
    assert_eq!(
        names(&house.path("restored").join("tls")),
        ["certificate.pem", "key.pem"]
    );
}

#[test]
fn a_restored_store_shares_no_file_with_its_backup() {
    let house = House::new();
    house.deliver_some(0..6);
    let made = house.back_up(BackupOptions::default());
    house.restore_to("restored", &made.path).unwrap();
    let data = house.path("restored");
    assert!(inodes(&data).is_disjoint(&inodes(&made.path)));
    super::check_modes(&data);
    assert_eq!(fs::metadata(data.join("log")).unwrap().nlink(), 2);
}

#[test]
fn of_several_backups_the_newest_is_taken_or_the_one_that_is_named() {
    let house = House::new();
    house.deliver_some(0..2);
    let first = house.back_up(BackupOptions::default());
    house.deliver_some(2..4);
    let second = house.back_up(BackupOptions::default());
    let newest = house.restore_to("newest", &house.target).unwrap();
    assert_eq!(fs::canonicalize(newest.backup).unwrap(), second.path);
    let named = house.restore_to("named", &first.path).unwrap();
    assert_eq!(named.backup, first.path);
    assert_eq!(house.mail_of(&house.path("newest")).len(), 4);
    assert_eq!(house.mail_of(&house.path("named")).len(), 2);
    let error = house.restore_to("none", &house.data).unwrap_err();
    assert!(matches!(error, BackupError::NoBackup(_)), "{error}");
}

#[test]
fn nothing_is_restored_where_something_is() {
    let house = House::new();
    house.deliver_some(0..2);
    let backup = house.back_up(BackupOptions::default()).path;
    let before = names(&house.data);
    let error = house.restore_to("data", &backup).unwrap_err();
    let said = error.to_string();
    assert!(
        said.contains("is not empty") && said.contains("mv "),
        "{said}"
    );
    assert_eq!(names(&house.data), before);
    assert_eq!(house.mail_of(&house.data).len(), 2);

    let running = house.open();
    let error = house.restore_to("data", &backup).unwrap_err();
    assert!(
        matches!(error, BackupError::Open(OpenError::InUse { .. })),
        "{error}"
    );
    drop(running);

    // An interrupted restore is no leave to remove what somebody else put there.
    let data = house.path("half");
    fs::create_dir_all(data.join("restore.unfinished")).unwrap();
    fs::write(data.join("letters.txt"), "mine").unwrap();
    let error = house.restore_to("half", &backup).unwrap_err();
    assert!(matches!(error, BackupError::NotEmpty { .. }), "{error}");
    assert_eq!(names(&data), ["letters.txt", "restore.unfinished"]);

    // A volume of its own.
    fs::create_dir_all(house.path("volume/lost+found")).unwrap();
    house.restore_to("volume", &backup).unwrap();
    assert_eq!(house.mail_of(&house.path("volume")).len(), 2);
}

/// Segments and bodies of a lost time have the numbers of those that came after the restore, and are none of them.
#[test]
fn a_backup_after_a_restore_takes_nothing_from_those_of_the_lost_time() {
    let house = House::new();
    house.deliver_some(0..5);
    let first = house.back_up(BackupOptions::default());
    let old = first.path;
    house.deliver_some(100..112);
    house.back_up(BackupOptions::default());
    fs::rename(&house.data, house.path("lost")).unwrap();
    house.restore_to("data", &old).unwrap();
    house.deliver_some(200..212);
    let made = house.back_up(BackupOptions {
        verify: true,
        ..BackupOptions::default()
    });
    // Only the one from before the restore is of the same log.
    assert!((1..=first.files).contains(&made.from_previous));
    assert!(made.copied + made.from_data > 5);
    assert!(made.verified.unwrap().flaws.is_empty());
    house.restore_to("again", &made.path).unwrap();
    runtime().block_on(async {
        let (one, other) = (house.open(), open(&house.path("again")));
        let alice = house.account(&one, "alice@example.test").await;
        assert_eq!(mailbox(&one, alice), mailbox(&other, alice));
    });
}

/// The log is moved to its place when everything else is durable and there.
#[test]
fn a_restore_ends_when_all_of_it_is_durable() {
    let house = House::new();
    house.deliver_some(0..5);
    let backup = house.back_up(BackupOptions::default()).path;
    let data = house.path("restored");
    let mut trace = Vec::new();
    mailstore::restore(&backup, &data, options(), now(), &mut |step| {
        trace.push((step.doing, step.path.to_owned()));
        all_steps(step)
    })
    .unwrap();
    let moved = |name: &str| (Doing::Renaming, data.join(name));
    let at = |step: (Doing, PathBuf)| trace.iter().position(|other| *other == step).unwrap();
    let log = at(moved("log"));
    for name in ["secrets.key", "declared.key", "tls", "index"] {
        assert!(at(moved(name)) < log, "{name}");
    }
    assert_eq!(trace[log - 1], (Doing::Syncing, data.clone()));
    assert_eq!(trace[log + 1], (Doing::Syncing, data.clone()));
    let first = trace
        .iter()
        .position(|(doing, _)| *doing == Doing::Renaming)
        .unwrap();
    let mut copies = 0;
    for (from, (doing, path)) in trace[..first].iter().enumerate() {
        let synced = |path: &Path| {
            let step = (Doing::Syncing, path.to_owned());
            trace[from..first].contains(&step)
        };
        if *doing == Doing::Copying && path.starts_with(&data) {
            copies += 1;
            assert!(
                synced(path) && synced(path.parent().unwrap()),
                "{}",
                path.display()
            );
        }
    }
    assert!(copies > 5);
    assert_eq!(trace.last(), Some(&(Doing::Syncing, data)));
}
