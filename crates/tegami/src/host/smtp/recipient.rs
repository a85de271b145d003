//! Recipients: who is one here, whether a letter for them fits, and whether this client may write to them.

use std::net::IpAddr;
use std::time::Instant;

use address::dsn::Notify;
use address::{ForwardPath, Mailbox, Recipient};
use mailstore::{Account, AccountId, Directory, Full, Leads, Reservation};
use smtp_server::{RcptTo, RcptVerdict};

use super::SmtpHost;
use super::besides::{More, arrival};
use super::regarded::Regarded;
use crate::host::Policy;
use crate::host::login::Login;
use crate::host::routing::{self, Route};
use crate::host::shares::Owner;

/// What is held for a recipient, beyond what the message has already.
struct Room {
    /// Places in mailboxes.
    mailboxes: Vec<(AccountId, Reservation)>,
    /// A place in the queue.
    queue: Option<Reservation>,
    /// Who is sent to elsewhere.
    leaves: Leaves,
    /// What the client is told.
    verdict: RcptVerdict,
    /// What follows from it beside its delivery.
    more: More,
}

/// Who of a recipient's has to wait in the queue.
#[derive(Default)]
pub(super) struct Leaves {
    /// The recipient, who is elsewhere, or is not to have it yet.
    pub(super) itself: bool,
    /// Those whom it leads to elsewhere, with the address of ours that sends it on to them, in the name of this server.
    pub(super) copies: Vec<(Mailbox, Option<Mailbox>)>,
    /// Addresses of lists that it leads to.
    pub(super) lists: Vec<Mailbox>,
    /// This server says itself when the recipient has it: those it leads to are not to say so again.
    pub(super) reported: bool,
}

impl Leaves {
    fn itself() -> Self {
        Self {
            itself: true,
            ..Self::default()
        }
    }

    fn len(&self) -> usize {
        self.copies.len() + self.lists.len() + usize::from(self.itself)
    }

    fn is_sent_on(&self) -> bool {
        self.copies.iter().any(|(_, by)| by.is_some())
    }
}

impl Room {
    /// Refuses what has to wait in the queue when one of those whose mail it is may have no more there.
    fn within(
        self,
        full: Option<Owner>,
        peer: IpAddr,
        login: Option<&Login>,
    ) -> Result<Self, RcptVerdict> {
        let Some(full) = full else {
            return Ok(self);
        };
        let waits = "for elsewhere has to wait outside until some of it has left";
        match full {
            Owner::Account(_) => {
                let account = login.map(|login| login.address.as_str());
                tracing::warn!(
                    account,
                    "a quarter of the queue is of this account: its mail {waits}"
                );
            }
            Owner::Client(_) => tracing::warn!(
                %peer,
                "a quarter of the queue came from this client, which has not logged in: its mail {waits}"
            ),
            Owner::SentOnBy(address) => tracing::warn!(
                address,
                "a quarter of the queue is what this address sends on: more mail {waits}"
            ),
            Owner::Strangers => tracing::warn!(
                %peer,
                "three quarters of the queue came without a login: more such mail {waits}"
            ),
        }
        Err(RcptVerdict::QueueFull)
    }
}

impl SmtpHost {
    /// Takes a recipient in, unless there is a refusal already or anything else against it.
    pub(super) async fn rcpt(&mut self, to: RcptTo, refusal: Option<RcptVerdict>) -> RcptVerdict {
        let mut room = match refusal {
            Some(refusal) => Err(refusal),
            None => self.room_for(&to.path),
        };
        // Only for what has to wait in the queue is anybody asked how much of that is whose.
        if let Ok(taken) = &room
            && (taken.queue.is_some() || taken.leaves.is_sent_on())
        {
            let full = Box::pin(self.full_share(taken.queue.is_some(), &taken.leaves)).await;
            room = room.and_then(|room| room.within(full, self.peer, self.login.as_ref()));
        }
        let Some(transaction) = &mut self.transaction else {
            return RcptVerdict::TryLater;
        };
        let room = match room {
            Ok(room) => room,
            Err(refusal) => {
                transaction.refused += 1;
                self.regarding = Regarded::to(&to.path);
                return refusal;
            }
        };
        transaction.named += 1;
        transaction.reservations.extend(room.mailboxes);
        transaction.leaving.hold(room.queue);
        let recipient = Recipient {
            path: to.path,
            notify: to.notify,
            orcpt: to.orcpt,
        };
        let recipients = &mut transaction.envelope.recipients;
        let more = More {
            arrived: room.more.arrived.filter(|_| wants_success(&recipient)),
            ..room.more
        };
        transaction.besides.add(recipients.len(), more);
        transaction.leaving.take(recipient, room.leaves, recipients);
        room.verdict
    }

    fn room_for(&self, to: &ForwardPath) -> Result<Room, RcptVerdict> {
        if self.is_gone() {
            return Err(RcptVerdict::RelayDenied);
        }
        let policy = self.house.policy.load();
        if let Some(fetched) = &self.fetched
            && !fetched.is_for(&policy, to)
        {
            return Err(RcptVerdict::RelayDenied);
        }
        let directory = self.house.store.directory();
        let sender = self.login.as_ref();
        let sender = sender.and_then(|login| directory.account(login.account));
        if sender.is_some_and(|account| !may_send_to(account, to)) {
            return Err(RcptVerdict::DestinationDenied);
        }
        match routing::route(&policy, &directory, to) {
            Route::Leads(leads) => self.room_along(&policy, &directory, leads),
            Route::Disabled => Err(RcptVerdict::Disabled),
            Route::Moved(to) => Err(RcptVerdict::Moved(to)),
            Route::Circle => Err(RcptVerdict::Circle),
            Route::Unknown => match self.returned(&policy, to) {
                Some(original) => {
                    self.count_recipient(&policy)?;
                    let leaves = Leaves {
                        copies: vec![(original, None)],
                        ..Leaves::default()
                    };
                    self.room_in_queue(leaves, RcptVerdict::Accepted)
                }
                None => Err(RcptVerdict::UnknownMailbox),
            },
            Route::Foreign => {
                self.may_leave(&policy, to)?;
                // Where DNS was asked, it has nothing against it.
                if self.domain_to_ask_about(to).is_none() && !self.is_complete(to) {
                    return Err(RcptVerdict::DomainMissing);
                }
                self.count_recipient(&policy)?;
                self.room_in_queue(Leaves::itself(), RcptVerdict::Accepted)
            }
        }
    }

    /// The places that a letter needs which goes there: all of them, or none.
    fn room_along(
        &self,
        policy: &Policy,
        directory: &Directory,
        leads: Leads,
    ) -> Result<Room, RcptVerdict> {
        self.count_recipient(policy)?;
        let leads = match policy.outward.enabled {
            true => leads,
            false => staying(leads)?,
        };
        let (lists, posted) = self.at_lists(policy, directory, &leads)?;
        // An alias waits for all of its members: whoever is left out now would never get the message.
        let suspended = |account: &AccountId| {
            directory
                .account(*account)
                .is_some_and(|account| account.terms.suspended)
        };
        if leads.accounts.iter().any(suspended) {
            return Err(RcptVerdict::Suspended);
        }
        // RFC 4865 section 4.2: nobody gets it before its time. Whoever is here waits in the queue, too.
        let held_back = self.transaction.as_ref().and_then(|one| one.hold).is_some();
        let waits_here = held_back && !leads.mailboxes.is_empty();
        let mailboxes = match held_back {
            true => Vec::new(),
            false => self.room_in_mailboxes(policy, &leads)?,
        };
        let arrived = arrival(&leads).filter(|_| !waits_here);
        let more = More {
            lists: posted,
            // What waits here arrives without anybody looking at it.
            vacations: match held_back {
                true => Vec::new(),
                false => leads.vacations.clone(),
            },
            arrived,
        };
        if leads.away.is_empty() && lists.is_empty() && !waits_here {
            return Ok(Room {
                mailboxes,
                queue: None,
                leaves: Leaves::default(),
                verdict: RcptVerdict::Accepted,
                more,
            });
        }
        let verdict = match leads.disclosed {
            Some(to) => RcptVerdict::Forwarded(to),
            None => RcptVerdict::Accepted,
        };
        let leaves = Leaves {
            itself: waits_here,
            // The first one on the way is the address that the sender wrote to, without its detail: recipients learn
            // the fewest addresses from it, and whatever comes round comes by it again.
            copies: leads
                .away
                .into_iter()
                .map(|away| (away.address, away.through.into_iter().next()))
                .collect(),
            lists,
            reported: arrived.is_some(),
        };
        let room = self.room_in_queue(leaves, verdict)?;
        Ok(Room {
            mailboxes,
            more,
            ..room
        })
    }

    fn room_in_mailboxes(
        &self,
        policy: &Policy,
        leads: &Leads,
    ) -> Result<Vec<(AccountId, Reservation)>, RcptVerdict> {
        let transaction = self.transaction.as_ref().ok_or(RcptVerdict::TryLater)?;
        let mut taken = Vec::with_capacity(leads.mailboxes.len());
        for local in &leads.mailboxes {
            let account = local.account;
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
        Ok(taken)
    }

    /// Room in the queue for the message, unless it has some, and for these recipients among its others.
    fn room_in_queue(&self, leaves: Leaves, verdict: RcptVerdict) -> Result<Room, RcptVerdict> {
        let transaction = self.transaction.as_ref().ok_or(RcptVerdict::TryLater)?;
        let octets = transaction.declared;
        let queue = transaction
            .leaving
            .room(&self.house.store, octets, leaves.len())?;
        Ok(Room {
            mailboxes: Vec::new(),
            queue,
            leaves,
            verdict,
            more: More::default(),
        })
    }

    fn count_recipient(&self, policy: &Policy) -> Result<(), RcptVerdict> {
        let counts = self.visit.is_none() && self.fetched.is_none();
        if counts && !policy.rcpt_rate.allows(self.peer, Instant::now()) {
            return Err(RcptVerdict::TooFast);
        }
        Ok(())
    }
}

/// Where nothing is sent on (`relay.enabled = false`): what goes into mailboxes here does, and nobody else gets it. What goes
/// nowhere else is refused rather than left to wait for ever.
fn staying(leads: Leads) -> Result<Leads, RcptVerdict> {
    if leads.away.is_empty() && leads.lists.is_empty() {
        return Ok(leads);
    }
    let through = leads.away.first().map(|away| &away.through);
    let through = through.or(leads.lists.first().map(|list| &list.through));
    let by = through.and_then(|through| through.first());
    let by = by.map(ToString::to_string).unwrap_or_default();
    if leads.mailboxes.is_empty() {
        tracing::warn!(
            by,
            "refused: it could only be sent on, and relay.enabled is false"
        );
        return Err(RcptVerdict::NoOutbound);
    }
    tracing::warn!(by, "kept here, and not sent on: relay.enabled is false");
    Ok(Leads {
        away: Vec::new(),
        lists: Vec::new(),
        disclosed: None,
        ..leads
    })
}

/// Whether the sender wants to hear that it has arrived.
fn wants_success(recipient: &Recipient) -> bool {
    match recipient.notify {
        Some(Notify::On { success, .. }) => success,
        Some(Notify::Never) | None => false,
    }
}

/// Whether the account's list of destinations, if it has one, names this one.
fn may_send_to(account: &Account, path: &ForwardPath) -> bool {
    let places = &account.terms.send_to;
    places.is_empty() || places.iter().any(|place| place.covers(path))
}
