//! Where a message of ours has to go: into mailboxes here, into the queue, to other lists.

use std::collections::{BTreeMap, HashSet};

use address::{Envelope, Mailbox, Recipient};
use bytes::Bytes;
use mailstore::{AccountId, Full, Incoming, Outgoing, Parcel, Reservation, Waiting};

use super::{Trouble, milliseconds, path, read, role};
use crate::host::House;
use crate::host::routing::{self, Route};

/// The places of one message.
pub(super) struct Places<'a> {
    house: &'a House,
    octets: u64,
    /// Nobody gets it twice.
    mailboxes: BTreeMap<AccountId, Reservation>,
    recipients: Vec<Recipient>,
    waiting: Vec<Waiting>,
    known: HashSet<String>,
    now: u64,
}

impl<'a> Places<'a> {
    /// None yet, for a message of so many octets.
    pub(super) fn new(house: &'a House, octets: u64) -> Self {
        Self {
            house,
            octets,
            mailboxes: BTreeMap::new(),
            recipients: Vec::new(),
            waiting: Vec::new(),
            known: HashSet::new(),
            now: milliseconds(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.mailboxes.is_empty() && self.waiting.is_empty()
    }

    /// Finds the places of somebody. Mailboxes that have no room now, and people who are not there any more, go through
    /// the queue, which tries again and reports. `lists`: other lists get it, too.
    pub(super) fn add(&mut self, to: &Recipient, forwarded: bool, lists: bool) {
        let policy = self.house.policy.load();
        let directory = self.house.store.directory();
        match routing::route(&policy, &directory, &to.path) {
            Route::Leads(leads) => {
                for local in leads.mailboxes {
                    let Some(account) = directory.account(local.account) else {
                        continue;
                    };
                    self.keep(local.account, to, &account.address);
                }
                for away in leads.away {
                    self.wait(&at(to, &away.address), true);
                }
                for at_list in leads.lists {
                    let list = directory.list(&at_list.list).and_then(|(one, _)| read(one));
                    match list {
                        Some(list) if lists => {
                            let address = list.mailbox(role(at_list.address));
                            self.wait(&at(to, &address), false);
                        }
                        Some(_) | None => {
                            tracing::warn!(list = %at_list.list, "mail for the owners of a list does not go to another list");
                        }
                    }
                }
            }
            Route::Foreign => self.wait(to, forwarded),
            // Who is not there is reported when its turn comes.
            Route::Moved(_) | Route::Circle | Route::Disabled | Route::Unknown => {
                self.wait(to, false);
            }
        }
    }

    /// Keeps it for a mailbox, or has it wait for that address while there is no room.
    pub(super) fn keep(&mut self, account: AccountId, to: &Recipient, address: &Mailbox) {
        if self.mailboxes.contains_key(&account) {
            return;
        }
        match self.house.store.reserve(account, self.octets) {
            Ok(room) => {
                self.mailboxes.insert(account, room);
                if self.known.insert(to.path.to_string()) {
                    self.recipients.push(to.clone());
                }
            }
            Err(Full::Octets | Full::Messages | Full::Gone) => self.wait(&at(to, address), false),
        }
    }

    /// Has somebody wait in the queue.
    pub(super) fn wait(&mut self, to: &Recipient, forwarded: bool) {
        // The path may stand there already without waiting: its mailboxes have it, and it leads elsewhere, too.
        if !self.known.insert(format!("waits {}", to.path)) {
            return;
        }
        let Ok(place) = u32::try_from(self.recipients.len()) else {
            return;
        };
        self.recipients.push(to.clone());
        self.waiting.push(Waiting {
            forwarded,
            ..Waiting::new(place, self.now)
        });
    }

    /// The message for these places. With `always` the queue has room for it in any case.
    ///
    /// # Errors
    /// The queue is full.
    pub(super) fn parcel(
        self,
        envelope: Envelope,
        incoming: Incoming,
        always: bool,
    ) -> Result<Parcel, Trouble> {
        let outgoing = if self.waiting.is_empty() {
            None
        } else {
            let store = &self.house.store;
            let room = if always {
                store.reserve_report()
            } else {
                store.reserve_outgoing(self.octets)
            };
            Some(Outgoing {
                room: room.map_err(Trouble::NoRoom)?,
                account: None,
                release: None,
                waiting: self.waiting,
            })
        };
        Ok(Parcel {
            incoming,
            reservations: self.mailboxes.into_values().collect(),
            envelope: Envelope {
                recipients: self.recipients,
                ..envelope
            },
            outgoing,
        })
    }
}

/// The same recipient, at this address.
pub(super) fn at(to: &Recipient, address: &Mailbox) -> Recipient {
    Recipient {
        path: path(address),
        ..to.clone()
    }
}

/// Makes a message that this server has written itself fit to be kept; none if nobody can have it. `message` has no
/// Return-Path yet (RFC 5321 section 4.4).
pub(super) async fn own(
    house: &House,
    envelope: &Envelope,
    message: Vec<u8>,
) -> Result<Option<Parcel>, Trouble> {
    let line = return_path(envelope);
    let mut places = Places::new(house, (line.len() + message.len()) as u64);
    for recipient in &envelope.recipients {
        places.add(recipient, false, true);
    }
    if places.is_empty() {
        return Ok(None);
    }
    let mut incoming = house.store.begin();
    incoming.write(Bytes::from(line)).await?;
    incoming.write(Bytes::from(message)).await?;
    places.parcel(envelope.clone(), incoming, true).map(Some)
}

/// The line in front of every stored message.
pub(super) fn return_path(envelope: &Envelope) -> String {
    format!("Return-Path: {}\r\n", envelope.reverse_path)
}
