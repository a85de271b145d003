//! The large bodies: whether each is what had been written, whether it is there, whether it belongs to anybody.

use std::collections::BTreeMap;

use super::{Examination, Examined, Finding, Hit, Log, Reading, each_message};
use crate::disk::{DiskFile, body_number};
use crate::engine::{Place, Wait};
use crate::error::OpenError;
use crate::log::frame::{FIRST, FRAME, Frame, Kind};
use crate::log::replay::Replay;

/// Octets read at once.
const WINDOW: usize = 1 << 20;

/// The messages of a body, and the octets they say it has.
#[derive(Default)]
struct Owners {
    messages: Vec<Hit>,
    octets: u64,
}

pub(super) fn all(replay: &Replay) -> Result<BTreeMap<u64, u64>, OpenError> {
    let log = &replay.layout.log;
    let found = replay.disk.list(log).map_err(|source| OpenError::Io {
        path: log.clone(),
        doing: "listing",
        source,
    })?;
    let bodies = found
        .iter()
        .filter_map(|(name, size)| Some((body_number(name)?, *size)));
    Ok(bodies.collect())
}

/// Looks at every body. Those from `below` on may be on their way to a record, or left over from one that was
/// interrupted.
pub(super) fn examine(
    examination: &Examination,
    log: &Log,
    below: u64,
    damaged: bool,
    found: &mut Examined,
    reading: Reading<'_>,
) -> Result<(), OpenError> {
    let mut owners: BTreeMap<u64, Owners> = BTreeMap::new();
    each_message(&*log.table, &mut |id, entry| {
        if let Place::Sealed { body, .. } = entry.place {
            let owner = owners.entry(body).or_default();
            owner
                .messages
                .push(Hit::new(log.addresses.get(&id), id, &entry));
            owner.octets = entry.octets;
        }
    });
    let segments = examination.segments.values().map(|found| found.size);
    let mut read: u64 = segments.sum();
    for (body, size) in &examination.bodies {
        found.bodies += 1;
        let owner = owners.remove(body);
        let named = owner.is_some() || log.walked.bodies.contains(body);
        if named {
            let expected = owner.as_ref().map(|owner| owner.octets);
            let what = look(examination, *body, *size, expected, &mut |octets| {
                reading(read + octets);
            })?;
            found.idle_bodies += u64::from(owner.is_none() && what.is_none());
            if let Some(what) = what {
                found.findings.push(Finding::Body {
                    body: *body,
                    what: what.to_owned(),
                    messages: owner.map(|owner| owner.messages).unwrap_or_default(),
                });
            }
        } else if *body < below || damaged {
            // With damage in the log nobody can say that the record was never there.
            found.findings.push(Finding::OrphanBody {
                body: *body,
                octets: *size,
            });
        } else {
            found.leftovers += 1;
        }
        read += size;
        reading(read);
    }
    for (body, owner) in owners {
        found.findings.push(Finding::MissingBody {
            body,
            messages: owner.messages,
        });
    }
    Ok(())
}

/// What is wrong with a body, if anything.
fn look(
    examination: &Examination,
    body: u64,
    size: u64,
    expected: Option<u64>,
    reading: Reading<'_>,
) -> Result<Option<&'static str>, OpenError> {
    let path = examination.replay.layout.body(body);
    let disk = &examination.replay.disk;
    let looked = disk
        .open(&path)
        .and_then(|file| checked(&*file, body, size, expected, reading));
    looked.map_err(|source| OpenError::Io {
        path,
        doing: "reading",
        source,
    })
}

fn checked(
    file: &dyn DiskFile,
    body: u64,
    size: u64,
    expected: Option<u64>,
    reading: Reading<'_>,
) -> std::io::Result<Option<&'static str>> {
    let mut window = vec![0; WINDOW];
    let length = file.read_at(&mut window[..FRAME], 0, Wait::Allowed)?;
    let Some(frame) = Frame::read(&FIRST, &window[..length]) else {
        return Ok(Some("its beginning is not what had been written"));
    };
    if frame.kind != Kind::Body as u8 || frame.sequence != body {
        return Ok(Some("it is another one than its name says"));
    }
    if frame.length() != size || expected.is_some_and(|octets| octets != frame.body) {
        return Ok(Some("its size is not what it should be"));
    }
    let (mut at, mut crc) = (FRAME as u64, 0);
    loop {
        let length = file.read_at(&mut window, at, Wait::Allowed)?;
        if length == 0 {
            break;
        }
        crc = crc32c::crc32c_append(crc, &window[..length]);
        at += length as u64;
        reading(at);
    }
    let right = crc == frame.body_crc;
    Ok((!right).then_some("its octets are not what had been written"))
}
