//! Examining stores that are whole and stores that were damaged on purpose: every finding has its name, and looking
//! changes nothing.
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod examine {
    pub mod ground;
}

use std::fs;

use mailstore::{AtRest, Examination, Examined, Finding, OpenError, Options, Store};

use examine::ground::{Ground, LARGE};

/// Findings by what they are and whose messages they name.
#[track_caller]
fn check(examined: &Examined, expected: &[(&str, &[&str])]) {
    let seen: Vec<(String, Vec<String>)> = examined
        .findings
        .iter()
        .map(|finding| {
            let hits = finding.messages().iter();
            (finding.to_string(), hits.map(ToString::to_string).collect())
        })
        .collect();
    assert_eq!(seen.len(), expected.len(), "{seen:#?}");
    for ((said, hits), (wanted, messages)) in seen.iter().zip(expected) {
        assert!(said.contains(wanted), "{said}: {wanted}");
        assert_eq!(hits.len(), messages.len(), "{said}: {hits:?}");
        for (hit, message) in hits.iter().zip(*messages) {
            assert!(hit.starts_with(message), "{hit}: {message}");
        }
    }
}

#[tokio::test]
async fn a_whole_store_is_in_order_and_stays_as_it_is() {
    let ground = Ground::filled().await;
    let before = ground.contents();
    let examined = ground.examine();
    check(&examined, &[]);
    assert_eq!(ground.contents(), before);
    assert_eq!(
        (examined.messages, examined.bodies, examined.idle_bodies),
        (6, 1, 0)
    );
    assert_eq!((examined.torn, examined.void), (0, 0));
    assert_eq!(examined.index_not_compared, None);
    // A copy without lock and index serves as well, and is not made into a store.
    fs::remove_dir_all(ground.path().join("index")).unwrap();
    fs::remove_file(ground.path().join("lock")).unwrap();
    let examined = ground.examine();
    check(&examined, &[]);
    assert_eq!(examined.messages, 6);
    assert!(
        examined
            .index_not_compared
            .unwrap()
            .starts_with("there is none")
    );
    assert!(!ground.path().join("lock").exists());
    assert!(!ground.path().join("index").exists());
}

/// As when there is no room for a copy.
#[tokio::test]
async fn an_index_that_cannot_be_copied_is_no_index_that_agrees() {
    let ground = Ground::filled().await;
    let index = fs::read_dir(ground.path().join("index")).unwrap();
    for number in index {
        let link = number.unwrap().path().join("unreadable");
        std::os::unix::fs::symlink("/nowhere/at/all", link).unwrap();
    }
    let examined = ground.examine();
    check(&examined, &[]);
    assert_eq!(examined.messages, 6);
    let why = examined.unfinished.unwrap();
    assert!(why.contains("no copy of it could be made in"), "{why}");
    // And nothing is repaired by what is left: the index may know what the log has lost.
    ground.turn_bit("alice 2 body");
    let options = Options::default();
    let data = ground.path().to_owned();
    let log = fs::read_dir(data.join("log")).unwrap().count();
    let repaired = tokio::task::spawn_blocking(move || {
        let error = mailstore::repair(&data, &options, &mut |_| {}).unwrap_err();
        assert!(!data.join("quarantine").exists());
        assert_eq!(fs::read_dir(data.join("log")).unwrap().count(), log);
        error
    });
    let error = repaired.await.unwrap();
    assert!(
        matches!(error, mailstore::RepairError::Unfinished(_)),
        "{error}"
    );
}

/// With the index its name is known, and what a repair does about it.
#[tokio::test]
async fn a_destroyed_record_of_an_account_names_the_account() {
    let ground = Ground::filled().await;
    // The record holds the address in plain octets.
    ground.turn_bit("alice");
    let examined = ground.examine();
    let said: Vec<String> = examined.findings.iter().map(ToString::to_string).collect();
    let named = "the record of the account alice@example.test in the log is damaged; the index still knows it, \
                 and a repair states it again";
    assert!(said.iter().any(|said| said == named), "{said:#?}");
    assert!(
        said[0].contains("an account, an alias, a list, a removal or an attempt to deliver may be"),
        "{said:#?}"
    );
}

#[tokio::test]
async fn a_destroyed_record_of_a_list_names_the_list() {
    let ground = Ground::filled().await;
    ground.add_list().await;
    ground.turn_bit("what staff is");
    let examined = ground.examine();
    let said: Vec<String> = examined.findings.iter().map(ToString::to_string).collect();
    let named = "the record of the list staff@example.test in the log is damaged; the index still knows it, and a \
                 repair states it again";
    assert!(said.iter().any(|said| said == named), "{said:#?}");
}

#[tokio::test]
async fn a_store_in_use_is_not_examined_behind_its_back() {
    let ground = Ground::filled().await;
    let (store, _) = Store::open(ground.path(), Options::default()).unwrap();
    let claimed = AtRest::claim(ground.path());
    assert!(
        matches!(claimed, Err(OpenError::InUse { .. })),
        "{claimed:?}"
    );
    store.close().await;
    let at_rest = AtRest::claim(ground.path()).unwrap();
    let opened = Store::open(ground.path(), Options::default());
    assert!(matches!(opened, Err(OpenError::InUse { .. })));
    drop(at_rest);
    let elsewhere = tempfile::tempdir().unwrap();
    let claimed = AtRest::claim(elsewhere.path());
    assert!(matches!(claimed, Err(OpenError::Io { .. })), "{claimed:?}");
}

#[tokio::test]
async fn a_turned_bit_in_a_message_names_the_message() {
    let ground = Ground::filled().await;
    ground.turn_bit("alice 2 body");
    check(
        &ground.examine(),
        &[(
            "octets are not what had been written",
            &["alice@example.test: message"],
        )],
    );
}

#[tokio::test]
async fn a_destroyed_frame_names_the_message_the_index_knows() {
    let ground = Ground::filled().await;
    ground.turn_bit_before("alice 2 body");
    let examined = ground.examine();
    check(
        &examined,
        &[
            (
                "octets are not what had been written",
                &["alice@example.test: message"],
            ),
            ("alice@example.test: the index counts 4 messages", &[]),
        ],
    );
    let Finding::Record { messages, .. } = &examined.findings[0] else {
        panic!("{examined:?}");
    };
    assert_eq!(messages[0].uid, ground.uid("alice", 1));
    // Without the index nobody knows any more whose it was.
    fs::remove_dir_all(ground.path().join("index")).unwrap();
    check(
        &ground.examine(),
        &[("no message that is still there is known to be hit", &[])],
    );
}

#[tokio::test]
async fn large_bodies_turned_gone_or_nobodys_are_named() {
    let ground = Ground::filled().await;
    let body = ground.body();
    let mut octets = fs::read(&body).unwrap();
    octets[LARGE / 2] ^= 1;
    fs::write(&body, &octets).unwrap();
    let bob = "bob@example.test: message";
    check(
        &ground.examine(),
        &[("its octets are not what had been written", &[bob])],
    );
    octets.truncate(LARGE / 3);
    fs::write(&body, &octets).unwrap();
    check(
        &ground.examine(),
        &[("its size is not what it should be", &[bob])],
    );
    octets[9] ^= 1;
    fs::write(&body, &octets).unwrap();
    check(
        &ground.examine(),
        &[("its beginning is not what had been written", &[bob])],
    );
    let other = body.with_file_name("0000000000000000.body");
    fs::rename(&body, &other).unwrap();
    check(
        &ground.examine(),
        &[
            ("belongs to no record of the log", &[]),
            ("its file is not there", &[bob]),
        ],
    );
    // One above all that were given out is left over from a delivery; the next start removes it.
    fs::rename(&other, body.with_file_name("00000000000000ff.body")).unwrap();
    let examined = ground.examine();
    check(&examined, &[("its file is not there", &[bob])]);
    assert_eq!(examined.leftovers, 1);
}

#[tokio::test]
async fn a_segment_without_its_beginning_is_damage_too() {
    let ground = Ground::filled().await;
    let segment = ground.path().join("log/0000000001.log");
    let mut octets = fs::read(&segment).unwrap();
    octets[20] ^= 1;
    fs::write(&segment, &octets).unwrap();
    check(&ground.examine(), &[("segment 1 at 0: 80 octets", &[])]);
}

#[tokio::test]
async fn an_interrupted_write_is_harmless() {
    let ground = Ground::filled().await;
    let segment = ground.last_segment();
    let mut octets = fs::read(&segment).unwrap();
    octets.extend_from_slice(&[7; 100]);
    fs::write(&segment, &octets).unwrap();
    let examined = ground.examine();
    check(&examined, &[]);
    assert_eq!(examined.torn, 100);
    // The next start writes behind it, and says that it does not count.
    ground.deliver_one_more().await;
    let examined = ground.examine();
    check(&examined, &[]);
    assert_eq!((examined.torn, examined.void), (0, 100));
}

#[tokio::test]
async fn an_index_that_was_damaged_is_named() {
    let ground = Ground::filled().await;
    // The index of another store of the same age.
    let other = Ground::filled().await;
    other.remove_first("alice").await;
    let index = ground.path().join("index");
    fs::remove_dir_all(&index).unwrap();
    fs::rename(other.path().join("index"), &index).unwrap();
    let examined = ground.examine();
    let wrong = examined.findings.iter().any(|finding| {
        matches!(
            finding,
            Finding::Index { .. } | Finding::NotInIndex { .. } | Finding::Directory { .. }
        )
    });
    assert!(wrong, "{examined:#?}");
}

#[tokio::test]
async fn a_store_in_which_something_was_interrupted_is_not_called_in_order() {
    for command in ["rollback", "restore"] {
        let ground = Ground::filled().await;
        let end = AtRest::claim(ground.path()).unwrap().end().unwrap();
        std::fs::create_dir(ground.path().join(format!("{command}.unfinished"))).unwrap();
        let Err(refusal) = Examination::of(ground.path(), end) else {
            panic!("{command} was forgotten");
        };
        let wanted = format!("run `tegami store {command}` again");
        assert!(refusal.to_string().contains(&wanted), "{refusal}");
    }
}

#[tokio::test]
async fn a_running_store_is_examined_while_mail_comes_in() {
    let ground = Ground::filled().await;
    let (store, _) = Store::open(ground.path(), ground.options()).unwrap();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let busy = tokio::spawn(ground.keep_busy(store.clone(), stop.clone()));
    for _ in 0..5 {
        let (hold, census) = store.hold().await.unwrap();
        let examination = Examination::of(ground.path(), census.end).unwrap();
        let examined = examination.run(Some(&census), &mut |_| {}).unwrap();
        check(&examined, &[]);
        assert_eq!(examined.messages, census.messages);
        drop(hold);
        tokio::task::yield_now().await;
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(busy.await.unwrap() > 0);
    // What was there before the hold is in it.
    let (_hold, mut census) = store.hold().await.unwrap();
    let examination = Examination::of(ground.path(), census.end).unwrap();
    check(&examination.run(Some(&census), &mut |_| {}).unwrap(), &[]);
    assert_eq!(census.messages, store.stats().messages);
    // And a server whose index counts otherwise is noticed.
    census.entries ^= 1;
    census.directory ^= 1;
    let mut examined = examination.run(Some(&census), &mut |_| {}).unwrap();
    check(
        &examined,
        &[
            ("some account, alias or list", &[]),
            ("though there are as many", &[]),
        ],
    );
    census.mailboxes[0].1.messages += 1;
    census.messages += 1;
    examined = examination.run(Some(&census), &mut |_| {}).unwrap();
    check(
        &examined,
        &[
            ("the index counts", &[]),
            ("some account, alias or list", &[]),
        ],
    );
    store.close().await;
}
