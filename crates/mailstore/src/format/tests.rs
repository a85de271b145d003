//! Stores that are newer or older than the program, seen from a program of the next version.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::SystemTime;

use super::*;
use crate::error::OpenError;
use crate::log::Position;
use crate::log::frame::{Opening, VERSION};
use crate::options::Options;
use crate::store::Store;

const NEXT: u8 = VERSION + 1;

/// A data directory with one account in it, as this version leaves it.
fn store(data: &Path) {
    let (store, _) = Store::open(data, Options::default()).unwrap();
    store.renumber(5).unwrap();
    drop(store);
    fs::write(data.join("secrets.key"), "secret").unwrap();
}

/// A segment that the next version has written.
fn newer_segment(layout: &Layout, number: u32) {
    let opening = Opening {
        segment: number,
        mark: [7; 8],
        durable: Position::default(),
        ids: 9,
        sequence: 9,
    };
    let mut record = opening.to_record();
    let mut frame = Frame::read(&FIRST, &record).unwrap();
    frame.version = NEXT;
    frame.write(&FIRST, &mut record);
    fs::write(layout.segment(number), record).unwrap();
}

fn contents(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let read = |name: String| {
        let octets = fs::read(directory.join(&name)).unwrap_or_default();
        (name, octets)
    };
    names(directory).unwrap().into_iter().map(read).collect()
}

fn on(_: &Step<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

#[test]
fn a_newer_store_is_refused_before_anything_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    let layout = Layout::new(dir.path());
    store(dir.path());
    newer_segment(&layout, 2);
    let index = contents(&layout.index.join("1"));
    fs::write(layout.tmp.join("3"), "a letter").unwrap();
    let error = Store::open(dir.path(), Options::default()).err().unwrap();
    let said = error.to_string();
    for words in [
        "0000000002.log",
        &format!("format {NEXT} at 0"),
        "Start the newer one again",
        "tegami store rollback",
    ] {
        assert!(said.contains(words), "{said}");
    }
    assert_eq!(contents(&layout.index.join("1")), index);
    assert!(layout.tmp.join("3").exists());
}

#[test]
fn an_older_store_is_kept_once_and_can_be_brought_back() {
    let dir = tempfile::tempdir().unwrap();
    let (data, layout) = (dir.path(), Layout::new(dir.path()));
    prepare(&layout, VERSION).unwrap();
    store(data);
    prepare(&layout, VERSION).unwrap();
    assert!(!data.join(SNAPSHOTS).exists(), "nothing is newer");
    let before = contents(&layout.log);

    prepare(&layout, NEXT).unwrap();
    let kept = data.join(format!("{SNAPSHOTS}/{PREFIX}{VERSION}"));
    assert_eq!(contents(&kept.join("log")), before);
    assert_eq!(fs::read(kept.join("secrets.key")).unwrap(), b"secret");
    let first = fs::metadata(&kept).unwrap().ino();
    prepare(&layout, NEXT).unwrap();
    assert_eq!(fs::metadata(&kept).unwrap().ino(), first, "it was the same");

    newer_segment(&layout, 2);
    prepare(&layout, NEXT).unwrap();
    let newer = contents(&layout.log);
    assert_eq!(newer.len(), before.len() + 1);
    let back = roll_back(data, SystemTime::UNIX_EPOCH, &mut on).unwrap();
    assert_eq!(back.format, VERSION);
    let name = format!("log.{PREFIX}{NEXT}-19700101T000000Z");
    assert_eq!(back.set_aside, data.join(&name));
    assert_eq!(contents(&back.set_aside), newer);
    assert_eq!(contents(&layout.log), before);
    assert!(!layout.index.exists());
    let nothing = roll_back(data, SystemTime::UNIX_EPOCH, &mut on).unwrap_err();
    assert!(
        nothing.to_string().contains("nothing to go back to"),
        "{nothing}"
    );

    // Opened by this version, written to, and upgraded again: what is kept then is that.
    let (opened, _) = Store::open(data, Options::default()).unwrap();
    opened.renumber(50).unwrap();
    drop(opened);
    prepare(&layout, NEXT).unwrap();
    assert_eq!(contents(&kept.join("log")), contents(&layout.log));
    assert_eq!(names(&data.join(SNAPSHOTS)).unwrap().len(), 1);
}

/// However far it came, no store opens on what is half there, and the next rollback ends it.
#[test]
fn a_rollback_cut_off_anywhere_is_finished_by_the_next() {
    let mut cut = 0;
    loop {
        let dir = tempfile::tempdir().unwrap();
        let (data, layout) = (dir.path(), Layout::new(dir.path()));
        store(data);
        let before = contents(&layout.log);
        prepare(&layout, NEXT).unwrap();
        newer_segment(&layout, 2);
        let newer = contents(&layout.log);
        let mut left = cut;
        let outcome = roll_back(data, SystemTime::UNIX_EPOCH, &mut |_| {
            if left == 0 {
                return ControlFlow::Break(());
            }
            left -= 1;
            ControlFlow::Continue(())
        });
        match prepare(&layout, NEXT) {
            Ok(()) => {
                let there = contents(&layout.log);
                assert!(there == newer || there == before, "after {cut} steps");
            }
            Err(OpenError::Unfinished { command, .. }) => assert_eq!(command, "rollback"),
            Err(error) => panic!("after {cut} steps: {error}"),
        }
        if contents(&layout.log) != before || data.join(rollback::UNFINISHED).exists() {
            roll_back(data, SystemTime::UNIX_EPOCH, &mut on).unwrap();
        }
        assert_eq!(contents(&layout.log), before, "after {cut} steps");
        let name = format!("log.{PREFIX}{NEXT}-19700101T000000Z");
        assert_eq!(contents(&data.join(name)), newer, "after {cut} steps");
        prepare(&layout, VERSION).unwrap();
        drop(Store::open(data, Options::default()).unwrap());
        if outcome.is_ok() {
            break;
        }
        cut += 1;
    }
    assert!(cut > 12, "{cut}");
}

#[test]
fn a_snapshot_cut_off_anywhere_is_made_by_the_next_start() {
    let mut cut = 0;
    loop {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        store(dir.path());
        let before = contents(&layout.log);
        let mut left = cut;
        let outcome = snapshot(
            &layout,
            VERSION,
            &mut Steps::new(&mut |_| {
                if left == 0 {
                    return ControlFlow::Break(());
                }
                left -= 1;
                ControlFlow::Continue(())
            }),
        );
        prepare(&layout, NEXT).unwrap();
        let kept = layout
            .root
            .join(format!("{SNAPSHOTS}/{PREFIX}{VERSION}/log"));
        assert_eq!(contents(&kept), before, "after {cut} steps");
        assert_eq!(contents(&layout.log), before, "after {cut} steps");
        if outcome.is_ok() {
            break;
        }
        cut += 1;
    }
    assert!(cut > 8, "{cut}");
}
