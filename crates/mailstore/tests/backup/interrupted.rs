//! Backups and restores that end at any of their steps, as if the process had been killed there.

use std::fs;
use std::ops::ControlFlow;

use mailstore::{BackupError, BackupOptions, OpenError, Step, Store, verify_backup};

use super::house::{House, all_steps, names, now, options};

/// Lets so many steps happen and none after them, not even those that would clean up.
fn only(mut steps: usize) -> impl FnMut(&Step<'_>) -> ControlFlow<()> {
    move |_| {
        if steps == 0 {
            return ControlFlow::Break(());
        }
        steps -= 1;
        ControlFlow::Continue(())
    }
}

#[test]
fn a_backup_cut_off_anywhere_leaves_those_before_good_and_the_next_one_clean() {
    let house = House::new();
    house.deliver_some(0..6);
    house.back_up(BackupOptions::default());
    house.deliver_some(6..10);
    let options = BackupOptions {
        verify: true,
        keep: Some(1),
        ..BackupOptions::default()
    };
    let mut cut = 0;
    loop {
        let outcome = house.try_back_up(options, &mut only(cut));
        let whole = house.backups();
        assert!(!whole.is_empty());
        for backup in &whole {
            verify_backup(backup, &mut all_steps).unwrap();
        }
        match outcome {
            Ok(_) => break,
            Err(BackupError::Interrupted) => cut += 1,
            Err(error) => panic!("cut off after {cut} steps: {error}"),
        }
    }
    assert!(cut > 50, "{cut}");
    house.back_up(options);
    let left = names(&house.target);
    assert_eq!(left.len(), 1, "{left:?}");
    house.restore_to("restored", &house.target).unwrap();
    assert_eq!(
        house.mail_of(&house.path("restored")),
        house.mail_of(&house.data)
    );
}

/// One that can clean up behind itself does.
#[test]
fn a_backup_that_is_given_up_leaves_nothing() {
    let house = House::new();
    house.deliver_some(0..6);
    let mut steps = 0;
    let error = house.try_back_up(BackupOptions::default(), &mut |_| {
        steps += 1;
        if steps == 20 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    assert!(matches!(error, Err(BackupError::Interrupted)));
    assert!(names(&house.target).is_empty());
}

#[test]
fn a_restore_cut_off_anywhere_leaves_nothing_a_server_would_start_on() {
    let house = House::new();
    house.deliver_some(0..5);
    let backup = house.back_up(BackupOptions::default()).path;
    let mail = house.mail_of(&house.data);
    let mut cut = 0;
    loop {
        let data = house.path("restored");
        let outcome = mailstore::restore(&backup, &data, options(), now(), &mut only(cut));
        match &outcome {
            Ok(_) => {}
            Err(BackupError::Interrupted) => check_unusable(&data, cut),
            Err(error) => panic!("cut off after {cut} steps: {error}"),
        }
        if outcome.is_err() {
            house.restore_to("restored", &backup).unwrap();
        }
        assert_eq!(house.mail_of(&data), mail, "cut off after {cut} steps");
        assert_eq!(
            names(&data),
            [
                "declared.json",
                "declared.key",
                "index",
                "lock",
                "log",
                "secrets.key",
                "tls",
                "tmp"
            ]
        );
        fs::remove_dir_all(&data).unwrap();
        if outcome.is_ok() {
            break;
        }
        cut += 1;
    }
    assert!(cut > 50, "{cut}");
}

/// Nothing is there, or no store opens, or all of it is there.
fn check_unusable(data: &std::path::Path, cut: usize) {
    if !data.exists() || names(data).is_empty() {
        return;
    }
    match Store::open(data, options()) {
        Err(error @ OpenError::Unfinished { .. }) => {
            let said = error.to_string();
            assert!(said.contains("run `tegami store restore` again"), "{said}");
        }
        Err(error) => panic!("after {cut} steps: {error}"),
        Ok((store, opened)) => {
            // Only the name of the directory it was made in was not yet durably gone.
            assert!(!data.join("restore.unfinished").exists());
            assert!(!opened.created, "after {cut} steps");
            drop(store);
            // So that the next restore has a place.
            fs::remove_dir_all(data).unwrap();
        }
    }
}
