//! The TRANSACTION and UPDATE states: the commands on an open maildrop (RFC 1939 sections 5 and 6).

use bytes::Bytes;
use reply::{Reply, pop3};

use super::{Session, State};
use crate::ask::{Ask, Message, ReadVerdict};
use crate::command::Command;
use crate::listing::{Column, ListingWriter};
use crate::maildrop::{Maildrop, Missing};
use crate::number::MessageNumber;
use crate::transfer::{Extent, Progress, Transfer};

impl Session {
    pub(super) fn after_login(&mut self, mut maildrop: Maildrop, command: Command) {
        match command {
            Command::Quit => return self.update(&maildrop),
            Command::List(None) => return self.list_all(maildrop, Column::Octets),
            Command::Uidl(None) => return self.list_all(maildrop, Column::UniqueId),
            Command::Retr(number) => {
                return self.retrieve(maildrop, number, |message| Extent::Whole {
                    octets: message.octets,
                });
            }
            Command::Top { message, lines } => {
                return self.retrieve(maildrop, message, |_| Extent::Top(lines));
            }
            Command::List(Some(number)) => self.say(list_one(&maildrop, number, |message| {
                if message.needs_utf8 {
                    return needs_utf8(number);
                }
                Reply::new(&pop3::SIZE)
                    .arg("message", number)
                    .arg("octets", message.octets)
            })),
            Command::Uidl(Some(number)) => self.say(list_one(&maildrop, number, |message| {
                Reply::new(&pop3::UNIQUE_ID)
                    .arg("message", number)
                    .arg("id", maildrop.unique_id(number.index(), message))
            })),
            Command::Dele(number) => self.say(delete(&mut maildrop, number)),
            Command::Noop => self.say_row(&pop3::NOOP),
            Command::Rset => {
                maildrop.reset();
                self.say(totals(Reply::new(&pop3::RESET), &maildrop));
            }
            Command::Stat => self.say(totals(Reply::new(&pop3::TOTALS), &maildrop)),
            Command::Capa => self.say(self.capabilities()),
            Command::Apop(_) if self.connection.timestamp.is_none() => {
                self.say_row(&pop3::APOP_OFF)
            }
            Command::Apop(_) => self.say_row(&pop3::NOT_AFTER_LOGIN),
            Command::Auth { .. } | Command::AuthList => self.say_row(&pop3::ALREADY_LOGGED_IN),
            Command::Lang(range) => self.choose_language(range.as_deref()),
            Command::Pass(_) | Command::Stls | Command::User(_) | Command::Utf8 => {
                self.say_row(&pop3::NOT_AFTER_LOGIN)
            }
        }
        self.state = State::Transaction(maildrop);
    }

    fn list_all(&mut self, maildrop: Maildrop, column: Column) {
        self.say(match column {
            Column::Octets => totals(Reply::new(&pop3::SIZES), &maildrop),
            Column::UniqueId => Reply::new(&pop3::UNIQUE_IDS),
        });
        self.state = State::Listing(maildrop, ListingWriter::new(column));
    }

    // ---- RETR and TOP ----

    fn retrieve(
        &mut self,
        maildrop: Maildrop,
        number: MessageNumber,
        extent: impl FnOnce(Message) -> Extent,
    ) {
        match maildrop.find(number) {
            Ok(message) if message.needs_utf8 => {
                self.state = State::Transaction(maildrop);
                self.say(needs_utf8(number));
            }
            Ok(message) => self.ask_for_more(maildrop, Transfer::new(number, extent(message))),
            Err(missing) => {
                self.state = State::Transaction(maildrop);
                self.say(refuse(number, missing));
            }
        }
    }

    fn ask_for_more(&mut self, maildrop: Maildrop, transfer: Transfer) {
        self.ask(Ask::Read {
            message: transfer.number().index(),
            offset: transfer.offset(),
        });
        self.state = State::Reading(maildrop, transfer);
    }

    pub(super) fn read(
        &mut self,
        maildrop: Maildrop,
        mut transfer: Transfer,
        verdict: ReadVerdict,
    ) {
        // RFC 3206 section 4: what passes is SYS/TEMP, what needs the administrator SYS/PERM.
        let row = match verdict {
            ReadVerdict::Chunk { octets, last } => match transfer.chunk(&octets, last) {
                Progress::More(octets) => {
                    self.send_part(&mut transfer, octets);
                    return self.ask_for_more(maildrop, transfer);
                }
                Progress::Complete(octets) => {
                    self.send_part(&mut transfer, octets);
                    self.state = State::Transaction(maildrop);
                    return;
                }
                Progress::Stuck => &pop3::MESSAGE_UNREADABLE,
            },
            ReadVerdict::Damaged => &pop3::MESSAGE_DAMAGED,
            ReadVerdict::Gone => &pop3::MESSAGE_GONE,
            ReadVerdict::TryLater => &pop3::MESSAGE_UNREADABLE,
        };
        if transfer.has_begun() {
            // The client waits for the final dot. Without it, it knows that it has not got the whole message.
            return self.close();
        }
        self.state = State::Transaction(maildrop);
        self.say(Reply::new(row).arg("message", transfer.number()));
    }

    /// The status line and the first octets of a message leave together.
    fn send_part(&mut self, transfer: &mut Transfer, octets: Bytes) {
        if let Some(opening) = transfer.opening() {
            self.say(opening);
        }
        self.send(octets);
    }

    // ---- QUIT ----

    fn update(&mut self, maildrop: &Maildrop) {
        let flagged = maildrop.flagged();
        self.state = State::Updating {
            removed: flagged.len(),
        };
        self.ask(Ask::Expunge(flagged));
    }

    pub(super) fn updated(&mut self, removed: usize, done: bool) {
        // RFC 1939 section 6: +OK only if everything flagged is gone; nothing else is ever touched.
        self.part(match (done, removed) {
            (_, 0) => Reply::new(&pop3::GOODBYE),
            (true, _) => Reply::new(&pop3::GOODBYE_REMOVED).arg("removed", removed),
            (false, _) => Reply::new(&pop3::NOT_REMOVED),
        });
    }
}

/// RFC 1939 section 5: what is marked as deleted does not count.
fn totals(reply: Reply, maildrop: &Maildrop) -> Reply {
    reply
        .arg("count", maildrop.count())
        .arg("octets", maildrop.octets())
}

fn list_one(
    maildrop: &Maildrop,
    number: MessageNumber,
    tell: impl FnOnce(Message) -> Reply,
) -> Reply {
    match maildrop.find(number) {
        Ok(message) => tell(message),
        Err(missing) => refuse(number, missing),
    }
}

/// RFC 1939 section 5: DELE marks; a second one is an error.
fn delete(maildrop: &mut Maildrop, number: MessageNumber) -> Reply {
    match maildrop.flag(number) {
        Ok(()) => Reply::new(&pop3::DELETED).arg("message", number),
        Err(missing) => refuse(number, missing),
    }
}

/// RFC 6856 section 5: there is a message, but nothing of it that this client could read.
fn needs_utf8(number: MessageNumber) -> Reply {
    Reply::new(&pop3::UTF8_NEEDED).arg("message", number)
}

fn refuse(number: MessageNumber, missing: Missing) -> Reply {
    let row = match missing {
        Missing::NoSuchMessage => &pop3::NO_SUCH_MESSAGE,
        Missing::FlaggedAsDeleted => &pop3::FLAGGED_AS_DELETED,
    };
    Reply::new(row).arg("message", number)
}
