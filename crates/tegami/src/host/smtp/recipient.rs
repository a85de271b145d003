//! Recipients: who is one here, whether a letter for them fits, and whether this client may write to them.

use std::time::Instant;

use address::{ForwardPath, Recipient};
use mailstore::{Account, AccountId, Full, Reservation};
use smtp_server::{RcptTo, RcptVerdict};

use super::SmtpHost;
use super::regarded::Regarded;
use crate::host::Policy;
use crate::host::routing::{self, Route};

impl SmtpHost {
    /// Takes a recipient in, unless there is a refusal already or anything else against it.
    pub(super) fn rcpt(&mut self, to: RcptTo, refusal: Option<RcptVerdict>) -> RcptVerdict {
        let room = match refusal {
            Some(refusal) => Err(refusal),
            None => self.room_for(&to.path),
        };
        let Some(transaction) = &mut self.transaction else {
            return RcptVerdict::TryLater;
        };
        match room {
            Ok(room) => {
                match room {
                    Room::Mailboxes(taken) => transaction.reservations.extend(taken),
                    Room::Queue(room) => {
                        let place = transaction.envelope.recipients.len();
                        transaction.leaving.add(place, room);
                    }
                }
                transaction.envelope.recipients.push(Recipient {
                    path: to.path,
                    notify: to.notify,
                    orcpt: to.orcpt,
                });
                RcptVerdict::Accepted
            }
            Err(refusal) => {
                transaction.refused += 1;
                self.regarding = Regarded::to(&to.path);
                refusal
            }
        }
    }

    /// The places that a letter to this recipient needs beyond those that are held already.
    fn room_for(&self, to: &ForwardPath) -> Result<Room, RcptVerdict> {
        if self.is_gone() {
            return Err(RcptVerdict::RelayDenied);
        }
        let Some(transaction) = &self.transaction else {
            return Err(RcptVerdict::TryLater);
        };
        let policy = self.house.policy.load();
        let directory = self.house.store.directory();
        let sender = self.login.as_ref();
        let sender = sender.and_then(|login| directory.account(login.account));
        if sender.is_some_and(|account| !may_send_to(account, to)) {
            return Err(RcptVerdict::DestinationDenied);
        }
        let accounts = match routing::route(&policy, &directory, to) {
            Route::Local(accounts) => accounts,
            Route::Disabled => return Err(RcptVerdict::Disabled),
            Route::Unknown => return Err(RcptVerdict::UnknownMailbox),
            Route::Foreign => {
                self.may_leave(&policy, to)?;
                self.count_recipient(&policy)?;
                let room = self.room_in_queue(&transaction.leaving, transaction.declared)?;
                return Ok(Room::Queue(room));
            }
        };
        self.count_recipient(&policy)?;
        // An alias waits for all of its members: whoever is left out now would never get the message.
        let suspended = |account: &AccountId| {
            directory
                .account(*account)
                .is_some_and(|account| account.terms.suspended)
        };
        if accounts.iter().any(suspended) {
            return Err(RcptVerdict::Suspended);
        }
        let mut taken = Vec::with_capacity(accounts.len());
        for account in accounts {
            if transaction.reservations.contains_key(&account) {
                continue;
            }
            // RFC 1870 section 6.4: each recipient is judged alone.
            match self.house.store.reserve(account, transaction.declared) {
                Ok(reservation) => taken.push((account, reservation)),
                // Reservations taken for other members of an alias are given back here.
                Err(Full::Octets) if policy.full_is_final => return Err(RcptVerdict::MailboxFull),
                Err(Full::Octets) => return Err(RcptVerdict::MailboxFullForNow),
                Err(Full::Messages) => return Err(RcptVerdict::TooManyMessages),
                Err(Full::Gone) => return Err(RcptVerdict::UnknownMailbox),
            }
        }
        Ok(Room::Mailboxes(taken))
    }

    fn count_recipient(&self, policy: &Policy) -> Result<(), RcptVerdict> {
        if self.visit.is_none() && !policy.rcpt_rate.allows(self.peer, Instant::now()) {
            return Err(RcptVerdict::TooFast);
        }
        Ok(())
    }
}

/// What is held for a recipient.
enum Room {
    /// Places in mailboxes.
    Mailboxes(Vec<(AccountId, Reservation)>),
    /// A place in the queue, unless the message has one.
    Queue(Option<Reservation>),
}

/// Whether the account's list of destinations, if it has one, names this one.
fn may_send_to(account: &Account, path: &ForwardPath) -> bool {
    let places = &account.terms.send_to;
    places.is_empty() || places.iter().any(|place| place.covers(path))
}
