//! Accounts, aliases, lists, mailboxes, the queue and messages: the durable truth. "250" means that what was accepted is found after any crash.
//!
//! This crate knows no protocol, no domains, no clock but the one that stamps a message, and no configuration file. It
//! decides what needs the whole picture at once (who an address leads to, whether a mailbox has room, who may open a
//! maildrop) and keeps what it is given. What a client is told about an error is the host's business.
//!
//! # The way of a message
//!
//! ```text
//! RCPT   Store::reserve   Ledger: room promised, exactly            Reservation, given back when dropped
//! DATA   Store::begin     Incoming: 64 KiB of memory, then tmp/     body and its CRC
//!        Store::deliver   Draft: frame, head, envelope              made on the caller's thread
//!          | queue        bounded by octets and count
//!        tegami-log       one write, one fdatasync for all that waits
//!          |-> Index      the group waits there, visible to readers, until tegami-index has put it into sled
//!          '-> Ticket     the promise becomes usage, the caller is answered
//!   tegami-compact       moves what counts out of a segment that is mostly dead, then removes its file
//! POP3   Store::open_maildrop   listing = table + what waits; RETR straight from the segment, verified
//! ```
//!
//! [`Store`] speaks to an engine through one narrow trait (`engine::Engine`): the log engine, one that keeps
//! everything in memory ([`Store::in_memory`]) and one that fails on demand ([`Store::with_faults`]).
//!
//! # Files
//!
//! ```text
//! data_dir/            0700, every file in it 0600, whatever the umask
//!   lock               held by the one process; empty after a clean stop, otherwise the id of the last process
//!   log/0000000001.log segments of 64 MiB; only the last is written to, and never after a restart or a failure
//!   log/0123...ef.body a body above 1 MiB, sealed
//!   tmp/               bodies on their way in; emptied at every start
//!   quarantine/        damaged places (segment-offset.rec) and letters that a repair set aside
//!   index/1/           sled; the highest number counts; may be removed at any time while nothing runs
//!   snapshots/format-3/ the log and the keys as the last version that wrote format 3 left them
//!   *.key, tls/        not ours; kept in backups ([`back_up`]) all the same, and so is [`DECLARED`]
//! ```
//!
//! # A record
//!
//! All numbers are little-endian. A record never spans segments.
//!
//! ```text
//!  0        8  9  10   12         20    24         32         36         40         44
//! +----------+--+--+----+----------+-----+----------+----------+----------+----------+------+------+
//! | mark     |v |k |j 0 | sequence |head | body     | CRC32C   | CRC32C   | CRC32C   | head | body |
//! |          |  |  |    |          |len. | length   | of head  | of body  | of 0..40 |      |      |
//! +----------+--+--+----+----------+-----+----------+----------+----------+----------+------+------+
//! ```
//!
//! *mark*: eight random octets, the segment's own, stated in its opening record. Behind a damaged place reading goes on
//! at the next frame with the mark; nobody who writes letters knows it. *v*: format version, 5; 1 to 4 are still read. *k*: kind. *j*: 0, or
//! 1 when the record counts only together with the one behind it, 2 with the one before it, 3 with both. *sequence*:
//! grows by one per record for ever; a message's is its uid. Where octets were torn or damaged it jumps, so that a uid
//! that stood there does not come again.
//!
//! | k | kind | head (postcard) | body |
//! |---|---|---|---|
//! | 1 | opening | fixed, below | |
//! | 2 | accounts, aliases and lists | what they are from now on | |
//! | 3 | message | time, mailboxes with their epochs, came with SMTPUTF8, UIDL kept from elsewhere, what becomes of it in the queue; envelope | the octets, once |
//! | 4 | message by reference | number, length and CRC32C of the body; the head of a message | |
//! | 5 | expunge | account, uids, time | |
//! | 6 | body | none | the octets; the only record of a `.body` file, its mark being `tegami\x01\n` |
//! | 7 | message moved | as 3, for each mailbox the time of removal, if any; what becomes of it as it is by now; its sequence is the uid | the octets |
//! | 8 | message by reference moved | as 4, with the head of 7 | |
//! | 9 | retired | a segment and the bodies that go with it, removed messages that go with it | |
//! | 10 | released | account, uids of removed messages that need not be kept | |
//! | 11, 12 | kept for imports that begin to count all at once | | |
//! | 16 | not used | | |
//! | 17 | attempted | id of a queued message, what becomes of it, with a version | |
//! | 18 | done | ids of messages that have left the queue | |
//!
//! A segment begins with its opening, whose own mark is `tegami\x01\n`:
//!
//! ```text
//!  0     4          12          16           24           32     36
//! +-----+----------+-----------+------------+------------+------+
//! |seg- | mark     | durable:  | durable:   | highest id | room |   "Everything behind segment:offset in the
//! |ment |          | segment   | offset     | or epoch   |      |    segments before this one is void."
//! +-----+----------+-----------+------------+------------+------+
//! ```
//!
//! Behind the last record of the segment being written there are up to [`Options::room`] zeros, where the next records
//! go: a sync then finds its octets inside the file, and has no new size to make durable. They are cut off when the
//! segment ends. After a crash they stay; no frame begins with zeros, so nothing is read from them.
//!
//! # The queue
//!
//! Mail for elsewhere is in a mailbox that no account has, number 0; a message for here and elsewhere is one record with
//! both kinds of mailboxes, and its body is there once. Its sequence number is its id in the queue. What becomes of it
//! stands in the message's own record: who handed it in, when it came, before what time nobody is tried, and who does
//! not have it yet; for each of them when to try, how often it was tried and when last, what the sender has been told,
//! whether it is held, whether it is a forwarded copy, how far a list has been expanded, what was said last. Whatever
//! changes it says all of it anew under the next version: the highest version counts. A copy made by compaction says
//! what it is by then, so that no record is needed for a message that comes behind it. A message leaves the queue as
//! others leave a mailbox, but nobody brings it back.
//!
//! Messages that come of an attempt (reports, copies of a list) and what becomes of the one it was about are records
//! that count together, up to [`MOST_PARCELS`] and one: a start that does not find all of them takes none.
//!
//! # Where mail goes
//!
//! [`Directory::expand`] follows an address through aliases and forwards to mailboxes, lists and addresses elsewhere. An
//! address is an account's, an alias's or a list's, never two of these; a list has four. What is none of them may be
//! elsewhere: the store knows no domains. The settings of lists and vacations are text that it keeps and does not read.
//!
//! # What may be relied on
//!
//! * **Success is durable** (rule 1). Answers come after the fdatasync; a new segment is created at its first append and
//!   its directory synced first. A large body is synced, moved and its directory synced before its record is written.
//! * **Failure is for ever** (rule 7). After a failed write or sync nothing is tried again on that segment. Answers are
//!   held back until the opening of a new one states, durably, where the log ended, so mail answered with an error never
//!   appears. Only if the disk lets nothing be written for the whole of [`Options::failure_hold`] are they given all the
//!   same; the statement is then made before anything else is.
//! * **A start believes only what is durable** (rule 6): the last segment and its directory are synced before they are
//!   read, and writing goes on in a fresh one.
//! * **The index is never needed** (rules 2, 4, 8). Entries, counters, sums and checkpoint go into one batch; a start
//!   reads on from the checkpoint. Counters, accounts and shape are checked at once, all entries in the background after
//!   an unclean stop. Whatever does not add up is built anew from the log. A checkpoint is sled's flush and an fsync of
//!   its files by us.
//! * **sled may stall.** A step that takes longer than [`Options::index_patience`] is given up: readers are told, mail
//!   goes on, a fresh table is built in another directory. sled has one lock for the whole process, so a stalled thread
//!   can block every other sled, too; after the second stall the index is kept in memory until the next start.
//! * **250 is durable for mail that goes elsewhere, too.** It stays in the queue until it was said, durably, that it need
//!   not. What a remote server took just before a crash may be sent to it once more, as nobody could say so in time; and
//!   so may whatever a backup has in its queue, however long ago it left.
//! * **The queue is bounded** ([`Options::outgoing_octets`], [`Options::outgoing_messages`]); quotas do not count it.
//! * **Quotas are exact.** Announced sizes never go over; without them a mailbox goes over by one message at most.
//! * **Space** (rule 9): [`Store::room`] keeps one segment and one and a half of the largest message free. Deleting and
//!   reading do not ask it.
//! * **Memory** (rule 10): bodies share [`Options::body_memory`], 64 KiB each or none, and nobody waits for any; records
//!   waiting for the writer share [`Options::queue_memory`].
//! * **UIDLs** are epoch and uid. Uids are sequence numbers, so they grow whatever is lost; ids and epochs come from one
//!   counter that every opening repeats, so they are never used twice.
//! * **Nothing removed comes back, nothing kept goes.** Compaction takes one segment at a time that is no longer written
//!   to: it copies what counts through the writer, which leaves out whatever has changed since it was looked at; says
//!   durably that the segment is retired; brings the index behind that, with a checkpoint; and only then removes the
//!   files. The next one begins when their names are durably gone. A removal is said again as long as any segment has
//!   the message. By itself it takes what is a third dead, a little at a time; when space is low, removed messages are
//!   not kept, segment by segment, oldest first, until there is enough. [`Store::compact`] asks for it,
//!   [`Store::hold`] keeps the files where they are.
//! * **Removed messages come back** with [`Store::undelete`] as new ones while [`Options::undelete_window`] lasts.
//! * **Accounts in a compacted log** may stand behind their mail: reading it, a message for an unknown account waits
//!   until the end of the log for its account.
//! * **Damage is reported and spreads nowhere.** A small message is verified before its first octet is handed out, a
//!   large one before its last chunk is.
//!
//! # What is left to others
//!
//! Damaged segments: compaction leaves them as they are.
#![forbid(unsafe_code)]

mod account;
mod at_rest;
mod backup;
mod budget;
mod census;
mod compaction;
mod directory;
mod disk;
mod disk_use;
mod engine;
mod error;
mod examine;
mod format;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod hall;
mod handling;
mod incoming;
mod index;
mod ledger;
mod log;
mod maildrop;
#[cfg(test)]
mod model;
mod options;
mod outgoing;
mod pool;
mod repair;
mod report;
mod stats;
mod store;

pub use account::{Account, AccountId, Alias, Change, ChangeError, Declared, NewAccount, Terms};
pub use at_rest::AtRest;
pub use backup::{
    BackedUp, BackupError, BackupOptions, DECLARED, Doing, Flaws, Moment, Restored, Step, Verified,
    Watch, back_up, is_backup, restore, verify_backup,
};
pub use census::Census;
pub use compaction::{Compacted, Hold};
pub use directory::{
    AtList, Away, Directory, Expansion, Lacking, Leads, Local, Resolution, Unresolvable,
};
pub use disk_use::DiskUse;
pub use engine::faulty::Faults;
pub use engine::{Chunk, Entry};
pub use error::{
    CompactError, Full, Low, MaildropError, OpenError, ReadError, StoreError, UndeleteError,
};
pub use examine::{Examination, Examined, Finding, Hit};
pub use format::{RolledBack, roll_back};
pub use handling::{
    Forward, Handling, ListAddress, MOST_FORWARDS, MOST_LIST, MOST_TARGETS, MOST_VACATION,
    StoredList,
};
pub use incoming::Incoming;
pub use ledger::{Reservation, Usage};
pub use log::Position;
pub use maildrop::{Maildrop, ReadNow};
pub use options::Options;
pub use outgoing::{
    Attempt, Heard, MOST_PARCELS, MOST_RECIPIENTS, Noted, Outgoing, Parcel, QueueCounts, Queued,
    Waiting,
};
pub use repair::{RepairError, Repaired, repair};
pub use report::{Damage, Opened};
pub use stats::{EngineStats, IndexState, Stats};
pub use store::outgoing::QueuedLetter;
pub use store::undelete::Undeleted;
pub use store::{Changing, Store};
