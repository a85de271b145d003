//! Recipients at other servers: whether this client may write to them through this one, whether DNS knows them, and what
//! the queue is told of them.
//!
//! Everybody else's mail for elsewhere is refused: this is the one place that could make an open relay of the server.

use std::time::{SystemTime, UNIX_EPOCH};

use address::{ForwardPath, Host};
use delivery::schedule::NextHop;
use mailstore::{AccountId, Full, Outgoing, Reservation, Waiting};
use resolver::{Asker, MailRoute};
use smtp_server::RcptVerdict;

use super::SmtpHost;
use crate::host::Policy;
use crate::host::routing::{self, Route};

/// The recipients of a transaction who are elsewhere.
#[derive(Default)]
pub(super) struct Leaving {
    /// Held from the first of them on.
    room: Option<Reservation>,
    /// Positions in the envelope, in its order.
    recipients: Vec<u32>,
}

impl Leaving {
    /// Whether there is room in the queue for the message already.
    pub(super) fn has_room(&self) -> bool {
        self.room.is_some()
    }

    /// Takes in the recipient at this place of the envelope, and the room that was found for the message.
    pub(super) fn add(&mut self, place: usize, room: Option<Reservation>) {
        if let Some(room) = room {
            self.room = Some(room);
        }
        self.recipients.extend(u32::try_from(place));
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.recipients.len()
    }

    /// What the store is told; nothing when everybody is here.
    pub(super) fn into_outgoing(self, account: Option<AccountId>) -> Option<Outgoing> {
        let due = milliseconds(SystemTime::now());
        let room = self.room?;
        let waiting = self.recipients.into_iter();
        Some(Outgoing {
            room,
            account,
            waiting: waiting.map(|one| Waiting::new(one, due)).collect(),
        })
    }
}

fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl SmtpHost {
    /// Whether this client may have mail for an address elsewhere sent on.
    pub(super) fn may_leave(&self, policy: &Policy, to: &ForwardPath) -> Result<(), RcptVerdict> {
        let outward = &policy.outward;
        let known = match &self.visit {
            // A device has its own short list; whoever it logs in as has been looked at already.
            Some(visit) => {
                let places = &visit.device.send_to;
                if !places.iter().any(|place| place.covers(to)) {
                    return Err(RcptVerdict::DestinationDenied);
                }
                true
            }
            None => self.login.is_some() || outward.trusts(self.peer),
        };
        let backed_up = to
            .mailbox()
            .is_some_and(|mailbox| outward.backs_up(mailbox));
        match (known || backed_up, outward.enabled) {
            (true, true) => Ok(()),
            (true, false) if known => Err(RcptVerdict::NoOutbound),
            (true | false, _) => Err(RcptVerdict::RelayDenied),
        }
    }

    /// Room in the queue for the message, at the first of its recipients who need it.
    pub(super) fn room_in_queue(
        &self,
        leaving: &Leaving,
        octets: u64,
    ) -> Result<Option<Reservation>, RcptVerdict> {
        if leaving.has_room() {
            return Ok(None);
        }
        match self.house.store.reserve_outgoing(octets) {
            Ok(room) => Ok(Some(room)),
            Err(Full::Octets | Full::Messages | Full::Gone) => {
                tracing::warn!("the queue is full: mail for elsewhere has to wait outside");
                Err(RcptVerdict::TryLater)
            }
        }
    }

    /// What DNS has against a recipient elsewhere: better said now than in a report tomorrow (RFC 7505 section 4.2, RFC 5321
    /// section 3.6.2). When DNS cannot say it, the queue finds out.
    pub(super) async fn refused_by_destination(&self, to: &ForwardPath) -> Option<RcptVerdict> {
        let policy = self.house.policy.load_full();
        let transaction = self.transaction.as_ref()?;
        let route = routing::route(&policy, &self.house.store.directory(), to);
        if route != Route::Foreign || self.may_leave(&policy, to).is_err() {
            return None;
        }
        let sender = &transaction.envelope.reverse_path;
        let hop = policy.outward.next_hop(sender, to)?;
        // A smarthost has a DNS of its own.
        let NextHop::Host(Host::Domain(domain)) = &*hop else {
            return None;
        };
        let asker = Asker::Client(self.peer.to_canonical());
        match self.house.resolver.mail_route(domain, asker).await {
            MailRoute::Exchangers(_) | MailRoute::Unclear => None,
            MailRoute::NullMx => Some(RcptVerdict::NullMx),
            MailRoute::NoSuchDomain | MailRoute::NoMailHere => Some(RcptVerdict::DomainMissing),
        }
    }
}
