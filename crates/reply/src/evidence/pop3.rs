//! Ids of POP3 commands and replies.

use super::{Entry, STAYS};

pub(super) const COMMANDS: &[Entry] = &[
    Entry::shown("PC-QUIT", "QUIT", &["PO-3"]),
    Entry::row("PC-STAT"),
    Entry::row("PC-LIST"),
    Entry::row("PC-RETR"),
    Entry::shown("PC-DELE", "DELE", &["PO-5"]),
    Entry::row("PC-NOOP"),
    Entry::row("PC-RSET"),
    Entry::row("PC-TOP"),
    Entry::row("PC-UIDL"),
    Entry::row("PC-USER"),
    Entry::shown("PC-PASS", "PASS", &["PO-2"]),
    Entry::shown("PC-APOP", "APOP", &["X-P4", "PO-2"]),
    Entry::shown("PC-STLS", "STLS", &["PO-1"]),
];

pub(super) const REPLIES: &[Entry] = &[
    Entry::row("PO-1"),
    Entry::row("PO-2"),
    Entry::row("PO-3"),
    Entry::row("PO-4"),
    Entry::row("PO-5"),
    Entry::row("PE-01"),
    Entry::row("PE-02"),
    Entry::row("PE-03"),
    Entry::row("PE-04"),
    Entry::row("PE-05"),
    Entry::row("PE-06"),
    Entry::row("PE-07"),
    Entry::row("PE-08"),
    Entry::row("PE-09").noted("Octets that are lost or damaged are T-P22, with [SYS/PERM]."),
    Entry::row("PE-10"),
    Entry::row("PE-11"),
    Entry::row("PE-12"),
    Entry::row("PE-13"),
    Entry::row("PE-14"),
    Entry::row("PE-15"),
    Entry::row("PE-16").differs(STAYS),
    Entry::row("PE-17"),
    Entry::row("PE-18"),
    Entry::row("PE-19"),
    Entry::row("PE-20"),
    Entry::row("PE-21")
        .noted("A known verb in the wrong state is T-P7 or T-P8, which name the state."),
    Entry::row("PE-22").noted("At QUIT it is T-P6, which says that nothing was removed."),
    Entry::row("PE-23"),
    Entry::row("PE-24"),
];
