//! Damaged segments: what is not touched is found again, what is touched is noticed, and nothing is ever read that was
//! not written.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use mailstore::fuzzing::{Replayed, opening, record, replay};

use crate::pieces::Pieces;

/// Octets of a frame before its head.
const FRAME: usize = 44;
/// The kinds of a message that stands in its record, as it came and as compaction says it again.
const MESSAGES: [u8; 2] = [3, 7];
/// The format versions, in the order in which two bits of the flags choose them.
const VERSIONS: [u8; 4] = [2, 1, 4, 3];

/// A record as it was written.
struct Written {
    segment: usize,
    start: usize,
    end: usize,
}

/// Two octets say how many damages and of which kind follow at four octets each; then come records: kind and flags, the
/// lengths of head and body, and their octets.
pub fn check(input: &[u8]) {
    let mut pieces = Pieces::new(input);
    let damages = usize::from(pieces.octet() % 8);
    let cut = pieces.octet();
    let damages: Vec<[u8; 4]> = (0..damages)
        .map(|_| std::array::from_fn(|_| pieces.octet()))
        .collect();
    let mut log = Log::new(input);
    log.fill(pieces.rest());

    let clean = match replay(&log.segments) {
        Ok(clean) => clean,
        // A version or kind of later releases, or decisions that contradict each other.
        Err(why) => {
            assert!(!why.is_empty());
            return;
        }
    };
    check_clean(&log, &clean);
    check_read(&log, &clean);

    let touched = log.damage(&damages, cut);
    match replay(&log.segments) {
        Ok(harmed) => {
            check_read(&log, &harmed);
            check_harmed(&log, &clean, &harmed, &touched);
        }
        Err(why) => assert!(
            !why.contains("version"),
            "damage passes for a newer version: {why}"
        ),
    }
}

/// Everything that was written is understood or named, to the last octet.
fn check_clean(log: &Log, clean: &Replayed) {
    assert_eq!((clean.torn, clean.void), (0, 0), "something is left over");
    assert_eq!(clean.records.len() + clean.damaged.len(), log.written.len());
    let ends: BTreeSet<(u32, u64)> = log.written.iter().map(Written::end).collect();
    assert!(
        clean.records.iter().all(|end| ends.contains(end)),
        "records from nowhere"
    );
}

/// A message reads as it was written, or not at all.
fn check_read(log: &Log, replayed: &Replayed) {
    for (uid, octets) in &replayed.read {
        assert_eq!(
            log.bodies.get(uid),
            Some(octets),
            "message {uid} reads as another"
        );
    }
}

fn check_harmed(log: &Log, clean: &Replayed, harmed: &Replayed, touched: &[BTreeSet<usize>]) {
    let found: BTreeSet<(u32, u64)> = harmed.records.iter().copied().collect();
    for written in &log.written {
        let touched = &touched[written.segment];
        let whole = |from: usize, to: usize| touched.range(from..to).next().is_none();
        // Without opening and first frame nobody knows what the frames of a segment look like.
        let marked = whole(0, log.openings[written.segment]);
        let end = written.end();
        if marked && whole(written.start, written.end) && clean.records.contains(&end) {
            assert!(found.contains(&end), "harmed by damage elsewhere: {end:?}");
        }
    }
    for end in &found {
        assert!(
            clean.records.contains(end),
            "a record from nowhere: {end:?}"
        );
    }
}

impl Written {
    fn end(&self) -> (u32, u64) {
        (self.segment as u32 + 1, self.end as u64)
    }
}

struct Log {
    segments: Vec<Vec<u8>>,
    /// Octets of each segment's opening.
    openings: Vec<usize>,
    written: Vec<Written>,
    /// Of every message, by the sequence number of its record.
    bodies: BTreeMap<u64, Vec<u8>>,
    sequence: u64,
    /// As random as the real ones: no input knows its own.
    secret: DefaultHasher,
}

impl Log {
    fn new(input: &[u8]) -> Self {
        let mut secret = DefaultHasher::new();
        (0x7465_6761_6d69_u64, input).hash(&mut secret);
        Self {
            segments: Vec::new(),
            openings: Vec::new(),
            written: Vec::new(),
            bodies: BTreeMap::new(),
            sequence: 1,
            secret,
        }
    }

    fn mark(&self) -> [u8; 8] {
        let mut secret = self.secret.clone();
        self.segments.len().hash(&mut secret);
        secret.finish().to_le_bytes()
    }

    fn begin(&mut self) {
        let number = self.segments.len() as u32;
        let end = self.segments.last().map_or(0, |last| last.len() as u64);
        self.segments.push(Vec::new());
        let opening = opening(number + 1, self.mark(), (number, end), self.sequence);
        self.openings.push(opening.len());
        self.segments[number as usize] = opening;
    }

    fn fill(&mut self, script: &[u8]) {
        self.begin();
        let mut rest = script;
        while rest.len() > 5 {
            let (choice, behind) = rest.split_at(6);
            let (kind, flags) = (choice[0], choice[1]);
            let length = |at: usize| usize::from(u16::from_le_bytes([choice[at], choice[at + 1]]));
            let (head, behind) = behind.split_at(length(2).min(behind.len()));
            let (body, behind) = behind.split_at(length(4).min(behind.len()));
            rest = behind;
            if flags & 2 == 2 && self.segments.len() < 4 {
                self.begin();
            }
            let version = VERSIONS[usize::from(flags & 1 | flags >> 1 & 2)];
            self.add(kind % 32, version, head, body);
        }
    }

    fn add(&mut self, kind: u8, version: u8, head: &[u8], body: &[u8]) {
        let mark = self.mark();
        let octets = record(mark, version, kind, self.sequence, head, body);
        let segment = self.segments.len() - 1;
        let start = self.segments[segment].len();
        self.segments[segment].extend_from_slice(&octets);
        self.written.push(Written {
            segment,
            start,
            end: start + octets.len(),
        });
        if MESSAGES.contains(&kind) {
            self.bodies.insert(self.sequence, body.to_vec());
        }
        self.sequence += 1;
    }

    /// Turns bits, and cuts off the end of the last segment. Says which octets are not what they were.
    fn damage(&mut self, damages: &[[u8; 4]], cut: u8) -> Vec<BTreeSet<usize>> {
        let before = self.segments.clone();
        for [segment, low, high, bits] in damages {
            let segment = usize::from(*segment) % self.segments.len();
            let octets = &mut self.segments[segment];
            let at = usize::from(u16::from_le_bytes([*low, *high])) % octets.len();
            octets[at] ^= bits;
        }
        if let Some(last) = self.segments.last_mut() {
            let end = last.len();
            last.truncate(end - usize::from(cut).min(end - FRAME));
        }
        let changed = |(old, new): (&Vec<u8>, &Vec<u8>)| {
            let octets = (0..old.len()).filter(|at| new.get(*at) != Some(&old[*at]));
            octets.collect()
        };
        before.iter().zip(&self.segments).map(changed).collect()
    }
}
