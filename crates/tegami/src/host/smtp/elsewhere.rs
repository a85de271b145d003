//! Recipients at other servers: whether this client may write to them through this one, whether DNS knows them, and what
//! the queue is told of them.
//!
//! Everybody else's mail for elsewhere is refused: this is the one place that could make an open relay of the server.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use address::dsn::{Notify, Orcpt};
use address::{Domain, ForwardPath, Host, Mailbox, Recipient, ReversePath, xtext};
use delivery::schedule::NextHop;
use mailstore::{AccountId, MOST_RECIPIENTS, Outgoing, Reservation, Store, Waiting};
use resolver::{Asker, MailRoute};
use smtp_server::{Hold, RcptVerdict};

use super::SmtpHost;
use super::recipient::Leaves;
use super::rounds::Rounds;
use crate::host::routing;
use crate::host::shares::Owner;
use crate::host::{House, Policy};

/// The recipients of a transaction who are elsewhere.
#[derive(Default)]
pub(super) struct Leaving {
    /// Held from the first of them on.
    room: Option<Reservation>,
    waiting: Vec<Waiting>,
    /// Of those who are waiting for a copy, by their place among them: which address of ours sends it on.
    sent_on: Vec<(usize, Mailbox)>,
    /// Nobody gets a letter twice. Case counts elsewhere (RFC 5321 section 2.4).
    known: HashSet<String>,
}

impl Leaving {
    /// Room for a message of `octets`, with so many more recipients, unless there is some already.
    pub(super) fn room(
        &self,
        store: &Store,
        octets: u64,
        more: usize,
    ) -> Result<Option<Reservation>, RcptVerdict> {
        if self.waiting.len() + more > MOST_RECIPIENTS {
            return Err(RcptVerdict::TryLater);
        }
        if self.room.is_some() {
            return Ok(None);
        }
        let room = store.reserve_outgoing(octets);
        room.map(Some).map_err(|_| {
            tracing::warn!(
                "the queue is full (relay.queue_size, relay.queue_messages): mail for elsewhere has to wait outside"
            );
            RcptVerdict::QueueFull
        })
    }

    /// Keeps it.
    pub(super) fn hold(&mut self, room: Option<Reservation>) {
        if room.is_some() {
            self.room = room;
        }
    }

    /// Takes in a recipient and those whom it leads to, behind these of the envelope. Reports on them speak of the recipient
    /// that the sender wrote to: its wishes are theirs, and so is its ORCPT (RFC 3461 section 5.2.7).
    pub(super) fn take(
        &mut self,
        recipient: Recipient,
        leaves: Leaves,
        recipients: &mut Vec<Recipient>,
    ) {
        let notify = match leaves.reported {
            true => recipient.notify.map(without_success),
            false => recipient.notify,
        };
        let lists = leaves.lists.into_iter().map(|address| (address, None));
        let copies = leaves.copies.into_iter().chain(lists);
        let copies = copies.map(|(address, by)| (copy(&recipient, address, notify), by));
        let copies: Vec<(Recipient, Option<Mailbox>)> = copies.collect();
        if leaves.itself {
            self.wait(&recipient, None, recipients.len());
        }
        recipients.push(recipient);
        for (copy, by) in copies {
            if self.wait(&copy, by, recipients.len()) {
                recipients.push(copy);
            }
        }
    }

    /// Keeps those back who wait for a moderator: recipients of the envelope that are one of these lists.
    pub(super) fn hold_lists(&mut self, lists: &[Mailbox], recipients: &[Recipient]) {
        for one in &mut self.waiting {
            let place = usize::try_from(one.recipient).ok();
            let recipient = place.and_then(|place| recipients.get(place));
            let address = recipient.and_then(|recipient| recipient.path.mailbox());
            one.held = address.is_some_and(|address| {
                let key = address.key();
                lists.iter().any(|list| list.key() == key)
            });
        }
    }

    /// Has a recipient at this place of the envelope wait, for a copy if an address of ours sends it on; not twice.
    fn wait(&mut self, recipient: &Recipient, by: Option<Mailbox>, place: usize) -> bool {
        let Ok(place) = u32::try_from(place) else {
            return false;
        };
        let is_new = self.known.insert(recipient.path.to_string());
        if is_new {
            self.waiting.push(Waiting {
                forwarded: by.is_some(),
                ..Waiting::new(place, milliseconds(SystemTime::now()))
            });
            let at = self.waiting.len() - 1;
            self.sent_on.extend(by.map(|by| (at, by)));
        }
        is_new
    }

    /// The addresses of ours that send it on to elsewhere, each once.
    pub(super) fn sent_on_by(&self) -> Vec<Mailbox> {
        let mut known = HashSet::new();
        let by = self.sent_on.iter().map(|(_, by)| by);
        by.filter(|by| known.insert(by.key())).cloned().collect()
    }

    /// Takes those out to whom it would be sent on by an address that has sent it on before. Gives one of these, if any.
    pub(super) fn not_again(&mut self, rounds: Rounds, txn: &str, from: &str) -> Option<Mailbox> {
        let before = rounds.before();
        let by = before.first()?.clone();
        tracing::info!(txn, from, %by, "comes round: not sent on again");
        let again = |at: usize| {
            let mut sent_on = self.sent_on.iter();
            sent_on.any(|(place, by)| *place == at && before.contains(by))
        };
        let waiting = std::mem::take(&mut self.waiting).into_iter().enumerate();
        let left = waiting.filter(|(at, _)| !again(*at)).map(|(_, one)| one);
        self.waiting = left.collect();
        self.sent_on.clear();
        Some(by)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// What the store is told; nothing when everybody is here.
    pub(super) fn into_outgoing(
        self,
        account: Option<AccountId>,
        hold: Option<Hold>,
    ) -> Option<Outgoing> {
        let room = self.room?;
        let release = hold.map(|hold| milliseconds(hold.due(SystemTime::now())));
        (!self.waiting.is_empty()).then_some(Outgoing {
            room,
            account,
            release,
            waiting: self.waiting,
        })
    }
}

/// Somebody whom a recipient leads to: reports speak of the recipient.
fn copy(recipient: &Recipient, address: Mailbox, notify: Option<Notify>) -> Recipient {
    Recipient {
        path: ForwardPath::Mailbox(address),
        notify,
        orcpt: recipient
            .orcpt
            .clone()
            .or_else(|| original(&recipient.path)),
    }
}

/// The same wishes, but for word of success (RFC 3461 section 5.2.7).
fn without_success(notify: Notify) -> Notify {
    match notify {
        Notify::Never
        | Notify::On {
            failure: false,
            delay: false,
            ..
        } => Notify::Never,
        Notify::On { failure, delay, .. } => Notify::On {
            success: false,
            failure,
            delay,
        },
    }
}

/// ORCPT of a recipient whose sender gave none; none of an address that needs UTF-8 or more room than there is.
fn original(path: &ForwardPath) -> Option<Orcpt> {
    let address = path.mailbox()?.to_string();
    if !address.is_ascii() {
        return None;
    }
    let encoded = xtext::encode(address.as_bytes());
    Orcpt::parse(format!("rfc822;{encoded}").as_bytes()).ok()
}

fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl SmtpHost {
    /// Who may not have one more message wait in the queue, of those whose mail it would be and who have not been asked for
    /// an earlier recipient. `first`: nobody of the earlier ones waits there.
    pub(super) async fn full_share(&mut self, first: bool, leaves: &Leaves) -> Option<Owner> {
        let owners = self.not_asked(first, leaves);
        if owners.is_empty() {
            return None;
        }
        let octets = self.transaction.as_ref()?.declared;
        let house = Arc::clone(&self.house);
        let share = house.policy.load().outward.share;
        if share.is_far(&house.store, octets) {
            return None;
        }
        let full = house.shares.full(&house.store, owners, share, octets);
        full.await
    }

    fn not_asked(&self, first: bool, leaves: &Leaves) -> Vec<Owner> {
        let by = leaves.copies.iter().filter_map(|(_, by)| by.clone());
        let mut owners = self.owners(by);
        if !first {
            let leaving = self.transaction.as_ref().map(|one| &one.leaving);
            let asked = self.owners(leaving.map(Leaving::sent_on_by).unwrap_or_default());
            owners.retain(|owner| !asked.contains(owner));
        }
        owners
    }

    /// Whose mail it is, when these addresses of ours send it on.
    pub(super) fn owners(&self, sent_on_by: impl IntoIterator<Item = Mailbox>) -> Vec<Owner> {
        if let Some(login) = &self.login {
            return vec![Owner::Account(login.account)];
        }
        let mut owners = vec![Owner::Strangers, Owner::Client(self.peer.into())];
        for by in sent_on_by {
            let owner = Owner::SentOnBy(by.key());
            if !owners.contains(&owner) {
                owners.push(owner);
            }
        }
        owners
    }

    /// Whether this client may have mail for an address elsewhere sent on.
    pub(super) fn may_leave(&self, policy: &Policy, to: &ForwardPath) -> Result<(), RcptVerdict> {
        let outward = &policy.outward;
        let known = self.visit.is_some() || self.login.is_some() || outward.trusts(self.peer);
        // A device has its own short list; whoever it logs in as has been looked at already.
        if let Some(visit) = &self.visit
            && outward.enabled
            && !visit.device.send_to.iter().any(|place| place.covers(to))
        {
            return Err(RcptVerdict::DestinationDenied);
        }
        let backed_up = to
            .mailbox()
            .is_some_and(|mailbox| outward.backs_up(mailbox));
        match (known, backed_up, outward.enabled) {
            (true, _, true) | (false, true, true) => Ok(()),
            (true, _, false) => Err(RcptVerdict::NoOutbound),
            (false, true, false) | (false, false, _) => Err(RcptVerdict::RelayDenied),
        }
    }

    /// Whether the domain of a recipient elsewhere has more than one word, or stands in the configuration.
    pub(super) fn is_complete(&self, to: &ForwardPath) -> bool {
        let sender = self.transaction.as_ref();
        let sender = sender.map(|transaction| &transaction.envelope.reverse_path);
        let policy = self.house.policy.load();
        sender.is_none_or(|sender| policy.outward.is_complete(sender, to))
    }

    /// Whom an address that this server made for a forwarded copy stands for: bounces come back to it, and nothing else,
    /// for whoever has had a copy knows the address.
    pub(super) fn returned(&self, policy: &Policy, to: &ForwardPath) -> Option<Mailbox> {
        match self.transaction.as_ref()?.envelope.reverse_path {
            ReversePath::Null => {}
            ReversePath::Mailbox(_) => return None,
        }
        let (srs, mailbox) = (self.house.srs.load_full()?, to.mailbox()?);
        if !policy.outward.enabled || mailbox.host.domain() != Some(srs.domain()) {
            return None;
        }
        srs.reverse(mailbox)
    }

    /// The domain that DNS is asked about before a recipient there is taken; none for those who are refused anyway, and
    /// none where a smarthost knows better.
    pub(super) fn domain_to_ask_about(&self, to: &ForwardPath) -> Option<Domain> {
        let policy = self.house.policy.load();
        let transaction = self.transaction.as_ref()?;
        // Domains that we stand in for were named by the administrator.
        let is_ours = to
            .mailbox()
            .is_none_or(|to| routing::is_local(&policy, to) || policy.outward.backs_up(to));
        if is_ours
            || self.fetched.is_some()
            || self.is_gone()
            || self.may_leave(&policy, to).is_err()
        {
            return None;
        }
        let sender = &transaction.envelope.reverse_path;
        match &*policy.outward.next_hop(sender, to)? {
            NextHop::Host(Host::Domain(domain)) => Some(domain.clone()),
            NextHop::Host(Host::Literal(_)) | NextHop::Route(_) | NextHop::Held(_) => None,
        }
    }
}

/// What DNS has against a recipient elsewhere: better said now than in a report tomorrow (RFC 7505 section 4.2, RFC 5321
/// section 3.6.2). When DNS cannot say it, the queue finds out; but of a single word that nobody has listed one can guess
/// (RFC 6409 section 4.2).
pub(super) async fn refused_by_destination(
    house: &House,
    peer: IpAddr,
    domain: &Domain,
    is_complete: bool,
) -> Option<RcptVerdict> {
    let asker = Asker::Client(peer.to_canonical());
    match house.resolver.mail_route(domain, asker).await {
        MailRoute::Exchangers(_) => None,
        MailRoute::Unclear => (!is_complete).then_some(RcptVerdict::DomainUnclear),
        MailRoute::NullMx => Some(RcptVerdict::NullMx),
        MailRoute::NoSuchDomain | MailRoute::NoMailHere => Some(RcptVerdict::DomainMissing),
    }
}
