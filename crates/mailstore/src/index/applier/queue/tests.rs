//! In whatever order records are read, the same comes of them.

use std::sync::Arc;

use super::super::{Applier, Change, Kept, Posted};
use crate::engine::Place;
use crate::index::keys;
use crate::index::table::{MemoryTable, Table};
use crate::index::{Attempted, table};
use crate::outgoing::{Pending, QUEUE, QueueCounts, Waiting};

fn pending(version: u64) -> Arc<Pending> {
    let waiting = vec![Waiting {
        attempts: version as u32,
        ..Waiting::new(0, 100 - version)
    }];
    Arc::new(Pending {
        version,
        account: None,
        received: 9,
        release: None,
        waiting,
    })
}

/// The message in that segment, as of that version.
fn message(segment: u32, version: u64) -> Change {
    let kept = Kept {
        account: QUEUE,
        epoch: 0,
        removed: None,
    };
    Change::Message(Posted {
        uid: 9,
        octets: 70,
        kept: vec![kept],
        utf8: false,
        uidl: None,
        place: Place::Log {
            segment,
            offset: 80,
            head: 40,
        },
        weight: 150,
        moved: version > 0,
        queue: Some(pending(version)),
    })
}

fn attempted(segment: u32, version: u64) -> Change {
    Change::Attempted(Attempted {
        id: 9,
        pending: pending(version),
        at: (segment, 500),
    })
}

fn left() -> Change {
    Change::Expunge {
        account: QUEUE,
        uids: vec![9],
        when: 0,
    }
}

/// Every order of some things.
fn orders(of: usize) -> Vec<Vec<usize>> {
    if of == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for shorter in orders(of - 1) {
        for at in 0..of {
            let mut order = shorter.clone();
            order.insert(at, of - 1);
            all.push(order);
        }
    }
    all
}

/// What the table has of the queue once all of this was read, and read again.
fn outcome<'a>(changes: impl Iterator<Item = &'a Change> + Clone) -> Option<keys::OnItsWay> {
    let table: Arc<dyn Table> = Arc::new(MemoryTable::default());
    let mut applier = Applier::load(Arc::clone(&table), Arc::default()).unwrap();
    for _ in 0..2 {
        for change in changes.clone() {
            applier.change(change).unwrap();
        }
        applier.drop_unknown().unwrap();
        applier.begin_check();
        while applier.check_some().unwrap() {}
    }
    let mut of = Vec::new();
    let mut due = Vec::new();
    scan(&*table, keys::ON_ITS_WAY, &mut |key, value| {
        of.push(keys::read_on_its_way(key, value).unwrap().1);
    });
    scan(&*table, keys::DUE, &mut |key, _| {
        due.push(keys::read_due(key).unwrap())
    });
    let mut counts = QueueCounts::default();
    for known in &of {
        counts.add(known.octets, &known.pending);
    }
    assert_eq!(applier.queue_counts(), counts);
    let expected: Vec<_> = of
        .iter()
        .map(|known| (known.pending.due().unwrap(), 9))
        .collect();
    assert_eq!(due, expected);
    assert!(of.len() < 2);
    of.pop()
}

fn scan(table: &dyn Table, prefix: &[u8], visit: table::Visit<'_>) {
    table.scan(prefix, prefix, usize::MAX, visit).unwrap();
}

#[test]
fn the_highest_version_counts_wherever_compaction_has_put_what() {
    // The message, what was said of it, a copy of the message, and one of what was said last.
    let log = [
        message(1, 0),
        attempted(2, 1),
        attempted(2, 2),
        message(5, 2),
        attempted(6, 2),
    ];
    for order in orders(log.len()) {
        let known = outcome(order.iter().map(|at| &log[*at])).unwrap();
        assert_eq!(known.pending, pending(2), "{order:?}");
    }
    // Where the last to say it is known: else compaction would keep what is not needed, or drop what is.
    assert_eq!(outcome(log[..4].iter()).unwrap().at, (5, 80));
    assert_eq!(outcome(log.iter()).unwrap().at, (6, 500));
}

#[test]
fn what_is_said_of_a_message_that_is_not_there_says_nothing() {
    assert_eq!(outcome([attempted(1, 7)].iter()), None);
    let log = [message(1, 0), attempted(1, 1), left(), attempted(2, 2)];
    assert_eq!(outcome(log.iter()), None);
}
