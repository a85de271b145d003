//! What heads of every version mean.

use super::{
    Addressee, Body, Change, FRAME, Fact, Frame, Kept, Kind, Message, RetiredHead, Retirement,
    Sealed, Stored, change, draft,
};
use crate::account::AccountId;
use crate::index::Attempted;
use crate::log::frame::VERSION;
use crate::outgoing::{Heard, Pending, QUEUE, Waiting};

/// Logs written before messages could come with SMTPUTF8 stay readable.
#[test]
fn messages_of_version_1_came_without_smtputf8() {
    let to = Addressee {
        account: AccountId(7),
        epoch: 8,
    };
    let sealed = Sealed {
        body: 5,
        octets: 6,
        crc: 0,
    };
    let message = (1_700_000_000_000_u64, vec![to]);
    // What stood behind was an envelope; here it would read as the mark, were it taken for one.
    let behind = (1_u8, "<a@b>");
    for (kind, head) in [
        (Kind::Message, postcard::to_allocvec(&(&message, behind))),
        (
            Kind::Reference,
            postcard::to_allocvec(&(sealed, &message, behind)),
        ),
    ] {
        let head = head.unwrap();
        let mut frame = Frame::new(kind, &head, 0, 0);
        frame.version = 1;
        let Some(Change::Message(posted)) = change(kind, &frame, &head, 1, 80) else {
            panic!("{kind:?} does not read");
        };
        assert_eq!(
            (posted.kept, posted.utf8),
            (vec![Kept::from(to)], false),
            "{kind:?}"
        );
    }
}

/// Version 2 had no UIDL kept from elsewhere, and did not say when a message was removed.
#[test]
fn heads_of_version_2_read() {
    let to = Addressee {
        account: AccountId(7),
        epoch: 8,
    };
    let read = |kind, head: &[u8]| {
        let mut frame = Frame::new(kind, head, 0, 0);
        frame.version = 2;
        change(kind, &frame, head, 1, 80).unwrap()
    };
    let head = postcard::to_allocvec(&((9_u64, vec![to], true), (1_u8, "<a@b>"))).unwrap();
    let Change::Message(posted) = read(Kind::Message, &head) else {
        panic!("no message");
    };
    assert_eq!(
        (posted.kept, posted.utf8, posted.uidl),
        (vec![Kept::from(to)], true, None)
    );
    let head = postcard::to_allocvec(&(7_u64, vec![3_u64, 2])).unwrap();
    let expected = Change::Expunge {
        account: AccountId(7),
        uids: vec![3, 5],
        when: 0,
    };
    assert_eq!(read(Kind::Expunge, &head), expected);
}

/// RFC 2852 and RFC 8689: what MAIL wished for is still known when the message is passed on.
#[test]
fn the_envelope_is_kept_with_the_message_as_it_came() {
    let envelope = address::Envelope {
        reverse_path: "<alice@example.test>".parse().unwrap(),
        requiretls: true,
        deliver_by: Some("120;RT".parse().unwrap()),
        ..address::Envelope::default()
    };
    let message = Message {
        envelope: envelope.clone(),
        received: 9,
        addressees: Vec::new(),
        body: Body::Held {
            octets: b"a letter".to_vec(),
            crc: 0,
        },
        uidl: None,
        queue: None,
    };
    let draft = draft(Fact::Message(message)).unwrap();
    let head = &draft.front[FRAME..];
    let stored = Stored::read(Kind::Message, &draft.frame, head).unwrap();
    assert_eq!(stored.head.envelope, VERSION);
    let kept: address::Envelope = postcard::from_bytes(stored.envelope).unwrap();
    assert_eq!(kept, envelope);
}

/// Whatever stands in a log, opening it must not count beyond the last number.
#[test]
fn the_last_number_of_all_belongs_to_no_record() {
    let message = (
        0_u64,
        Vec::<Addressee>::new(),
        false,
        None::<&str>,
        None::<u8>,
    );
    let reads = |sequence: u64, body: u64| {
        let sealed = Sealed {
            body,
            octets: 6,
            crc: 0,
        };
        let head = postcard::to_allocvec(&(sealed, &message)).unwrap();
        let mut frame = Frame::new(Kind::Reference, &head, 0, 0);
        frame.sequence = sequence;
        change(Kind::Reference, &frame, &head, 1, 80).is_some()
    };
    assert!(reads(u64::MAX - 1, u64::MAX - 1));
    assert!(!reads(u64::MAX, 1));
    assert!(!reads(1, u64::MAX));

    let retires = |body: u64| {
        let files = Retirement {
            segment: 1,
            bodies: vec![body],
        };
        let head = RetiredHead {
            files,
            forgotten: Vec::new(),
        };
        let head = postcard::to_allocvec(&head).unwrap();
        let frame = Frame::new(Kind::Retired, &head, 0, 0);
        change(Kind::Retired, &frame, &head, 1, 80).is_some()
    };
    assert!(retires(u64::MAX - 1));
    assert!(!retires(u64::MAX));
}

/// Versions 3 and 4 had no queue, neither in a message nor in a copy of one.
#[test]
fn heads_of_version_4_read() {
    let to = (AccountId(7), 8_u32);
    let message = (9_u64, vec![to], true, Some("a.1"));
    let copy = (
        9_u64,
        vec![(7_u64, 8_u32, Some(5_u64))],
        true,
        None::<&str>,
        4_u8,
    );
    // Behind it an envelope, which must not be taken for what becomes of the message.
    let behind = (1_u8, "<a@b>");
    let removed = Kept {
        account: AccountId(7),
        epoch: 8,
        removed: Some(5),
    };
    for version in [3, 4] {
        for (kind, head, kept) in [
            (
                Kind::Message,
                postcard::to_allocvec(&(&message, behind)),
                Kept {
                    removed: None,
                    ..removed
                },
            ),
            (Kind::Copy, postcard::to_allocvec(&(&copy, behind)), removed),
        ] {
            let head = head.unwrap();
            let mut frame = Frame::new(kind, &head, 0, 0);
            frame.version = version;
            let stored = Stored::read(kind, &frame, &head).unwrap();
            assert_eq!(stored.head.kept, [kept], "{kind:?} of {version}");
            assert_eq!(stored.head.queue, None);
            assert_eq!(stored.envelope, postcard::to_allocvec(&behind).unwrap());
        }
    }
}

/// Whatever stands in a log: the queue is no account, and what is in it says what becomes of it.
#[test]
fn the_queue_is_nobody_and_nothing_is_in_it_by_accident() {
    let pending = Pending {
        version: 3,
        account: Some(AccountId(7)),
        received: 9,
        release: None,
        waiting: vec![Waiting::new(0, 5)],
    };
    let reads = |to: Vec<(u64, u32)>, queue: Option<&Pending>| {
        let head = (9_u64, to, true, None::<&str>, queue);
        let head = postcard::to_allocvec(&head).unwrap();
        let frame = Frame::new(Kind::Message, &head, 0, 0);
        change(Kind::Message, &frame, &head, 1, 80).is_some()
    };
    assert!(reads(vec![(0, 0), (7, 8)], Some(&pending)));
    assert!(reads(vec![(7, 8)], None));
    assert!(!reads(vec![(0, 0), (7, 8)], None));
    assert!(!reads(vec![(7, 8)], Some(&pending)));

    let none = vec![crate::account::Decision::NoAccount(AccountId(0))];
    let draft = draft(Fact::Decisions(none)).unwrap();
    let head = &draft.front[FRAME..];
    assert_eq!(change(Kind::Decisions, &draft.frame, head, 1, 80), None);
}

#[test]
fn what_becomes_of_a_message_reads_as_it_was_said() {
    let pending = Pending {
        version: 3,
        account: Some(AccountId(7)),
        received: 9,
        release: Some(10),
        waiting: vec![
            Waiting::new(0, 5),
            Waiting {
                attempts: 7,
                tried: Some(8),
                told: true,
                told_late: true,
                forwarded: true,
                served: Some("m@example.org".parse().unwrap()),
                held: true,
                heard: Some(Heard::new("mx.example.net", "come back later", 11)),
                ..Waiting::new(900, u64::MAX)
            },
        ],
    };
    let pending = std::sync::Arc::new(pending);
    let attempted = Change::Attempted(Attempted {
        id: 12,
        pending: std::sync::Arc::clone(&pending),
        at: (3, 80),
    });
    let left = Change::Expunge {
        account: QUEUE,
        uids: vec![2, 12],
        when: 0,
    };
    let gone = Fact::Expunge {
        account: QUEUE,
        uids: vec![12, 2],
        when: 5,
    };
    for (fact, kind, expected) in [
        (
            Fact::Attempted { id: 12, pending },
            Kind::Attempted,
            attempted,
        ),
        (gone, Kind::Done, left),
    ] {
        let mut draft = draft(fact).unwrap();
        draft.stamp(b"the mark", 4, 3, 80);
        assert_eq!(draft.change, expected);
        let head = &draft.front[FRAME..];
        assert_eq!(
            (draft.frame.kind, draft.frame.version),
            (kind as u8, VERSION)
        );
        assert_eq!(change(kind, &draft.frame, head, 3, 80), Some(expected));
    }
}
