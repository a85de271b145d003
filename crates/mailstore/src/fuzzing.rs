//! A door for the fuzz targets, there only under `cfg(fuzzing)`: builds segments record by record, and replays them
//! from a disk in memory into an index in memory, just as a start does.
//!
//! It decides nothing and is no part of any build of the server.
#![allow(clippy::expect_used, reason = "a target that cannot go on stops")]

use std::collections::BTreeMap;
use std::io::IoSlice;
use std::path::Path;
use std::sync::Arc;

use crate::account::AccountId;
use crate::disk::simulated::SimulatedDisk;
use crate::disk::{Disk, Layout};
use crate::engine::{Inventory, Reading, Wait};
use crate::index::applier::Applier;
use crate::index::keys;
use crate::index::table::{MemoryTable, Table};
use crate::log::Position;
use crate::log::frame::{FRAME, Frame, Kind, Opening};
use crate::log::read::Files;
use crate::log::replay::{Replay, Walked};

/// The opening record of a segment: its number, its mark, and where the log before it ends.
#[must_use]
pub fn opening(segment: u32, mark: [u8; 8], durable: (u32, u64), sequence: u64) -> Vec<u8> {
    let durable = Position {
        segment: durable.0,
        offset: durable.1,
    };
    let ids = 1 << 20;
    Opening {
        segment,
        mark,
        durable,
        ids,
        sequence,
    }
    .to_record()
}

/// One record with whatever stands in it, and a frame that fits it.
#[must_use]
pub fn record(
    mark: [u8; 8],
    version: u8,
    kind: u8,
    sequence: u64,
    head: &[u8],
    body: &[u8],
) -> Vec<u8> {
    let mut frame = Frame::new(Kind::Message, head, body.len() as u64, crc32c::crc32c(body));
    (frame.version, frame.kind, frame.sequence) = (version, kind, sequence);
    let mut record = vec![0; FRAME];
    frame.write(&mark, &mut record);
    [&record, head, body].concat()
}

/// What a start makes of a log.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Segment and end of every record that was understood, in order.
    pub records: Vec<(u32, u64)>,
    /// Segment, offset and octets of every damaged place.
    pub damaged: Vec<(u32, u64, u64)>,
    /// Octets behind the last whole record.
    pub torn: u64,
    /// Octets that an opening voids.
    pub void: u64,
    /// Every message in a mailbox that reads, by its uid.
    pub read: BTreeMap<u64, Vec<u8>>,
    /// Uids of those that do not.
    pub unread: Vec<u64>,
    /// Accounts, aliases and lists.
    pub directory: String,
}

/// Replays segments 1, 2 and so on.
///
/// # Errors
/// Why a start would end, or would build another index.
pub fn replay(segments: &[Vec<u8>]) -> Result<Replayed, String> {
    let disk: Arc<dyn Disk> = Arc::new(SimulatedDisk::new(1));
    let layout = Layout::new(Path::new("/data"));
    disk.make_directory(&layout.root).expect("a directory");
    disk.make_directory(&layout.log).expect("a directory");
    for (number, octets) in (1..).zip(segments) {
        let file = disk.create(&layout.segment(number)).expect("a file");
        file.write_at(&mut [IoSlice::new(octets)], 0)
            .expect("written");
    }
    let replay = Replay {
        disk: Arc::clone(&disk),
        layout: layout.clone(),
    };
    let mut replayed = Replayed::default();
    let segments = replay.survey().map_err(|error| error.to_string())?;
    let from = Position::default();
    let walked = replay
        .walk(&segments, from, None, &mut |_, end, _| {
            replayed.records.push((end.segment, end.offset));
            Ok(())
        })
        .map_err(|error| error.to_string())?;
    for damage in walked.damaged {
        replayed
            .damaged
            .push((damage.segment, damage.offset, damage.octets));
    }
    (replayed.torn, replayed.void) = (walked.torn, walked.void);

    let table: Arc<dyn Table> = Arc::new(MemoryTable::default());
    let (_, inventory) = feed(&replay, &table)?;
    replayed.directory = directory(&inventory);
    let files = Files::new(disk, layout);
    for (id, _) in &inventory.usage {
        mailbox(&files, &*table, *id, &mut replayed);
    }
    // From its own checkpoint nothing is left to do.
    let (again, same) = feed(&replay, &table)?;
    assert_eq!(again.records, 0, "read once more");
    assert_eq!(directory(&same), replayed.directory);
    Ok(replayed)
}

fn directory(inventory: &Inventory) -> String {
    let Inventory {
        accounts,
        aliases,
        lists,
        ..
    } = inventory;
    format!("{accounts:?} {aliases:?} {lists:?}")
}

fn feed(replay: &Replay, table: &Arc<dyn Table>) -> Result<(Walked, Inventory), String> {
    let segments = replay.survey().map_err(|error| error.to_string())?;
    let load = Applier::load(Arc::clone(table), Arc::default());
    let mut applier = load.map_err(|error| error.to_string())?;
    let walked = replay
        .feed(&segments, &mut applier, None, &mut |work| work())
        .map_err(|error| error.to_string())?;
    let inventory = applier.inventory().map_err(|error| error.to_string())?;
    Ok((walked, inventory))
}

fn mailbox(files: &Files, table: &dyn Table, id: AccountId, replayed: &mut Replayed) {
    let prefix = keys::mailbox(id);
    let mut entries = Vec::new();
    let mut visit = |key: &[u8], value: &[u8]| {
        entries.push(keys::entry(key, value).expect("what the index wrote"));
    };
    table
        .scan(&prefix, &prefix, usize::MAX, &mut visit)
        .expect("memory");
    for entry in entries {
        let mut reading = Reading {
            uid: entry.uid,
            offset: 0,
            crc: 0,
            expected: None,
        };
        match files.read(&entry, &mut reading, Wait::Allowed) {
            Ok(Some(chunk)) if chunk.last => {
                replayed.read.insert(entry.uid, chunk.octets.to_vec());
            }
            Ok(_) | Err(_) => replayed.unread.push(entry.uid),
        }
    }
}
