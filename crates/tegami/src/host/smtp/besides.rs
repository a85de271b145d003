//! What a message causes beside its delivery: whether it may be posted to the lists it is for, who of its recipients may
//! be away, and who of them its sender wants to hear of.
//!
//! Only for such messages the beginning is kept, for what is decided about them stands in their header.

use std::sync::Arc;

use address::{Envelope, Mailbox};
use delivery::list::{AfterData, AtRcpt, Poster};
use dsn::Action;
use mailstore::{AccountId, Directory, Leads, ListAddress};
use smtp_server::{FinishVerdict, RcptVerdict};

use super::SmtpHost;
use crate::host::errands::{self, moderation, success, vacation};
use crate::host::routing;
use crate::host::{House, Policy};

/// Octets of the beginning that are kept. No other header is as long; what stands in the rest of one that is, is not
/// known.
const BEGINNING: usize = 64 * 1024;

/// What is known of it from the recipients.
#[derive(Default)]
pub(super) struct Besides {
    /// Lists that it is posted to.
    lists: Vec<Mailbox>,
    /// Those of its recipients who may be away.
    vacations: Vec<AccountId>,
    /// Recipients, by their place in the envelope, of whom the sender is told that they have it.
    arrived: Vec<(usize, Action)>,
    /// What it begins with.
    beginning: Vec<u8>,
}

impl Besides {
    /// Takes in what follows from a recipient at this place of the envelope.
    pub(super) fn add(&mut self, place: usize, more: More) {
        self.lists.extend(more.lists);
        for account in more.vacations {
            if !self.vacations.contains(&account) {
                self.vacations.push(account);
            }
        }
        self.arrived.extend(more.arrived.map(|how| (place, how)));
    }

    fn is_empty(&self) -> bool {
        self.lists.is_empty() && self.vacations.is_empty() && self.arrived.is_empty()
    }

    /// Takes in a piece of the message.
    pub(super) fn take_in(&mut self, octets: &[u8]) {
        let room = BEGINNING - self.beginning.len();
        if room > 0 && !self.is_empty() {
            let some = octets.len().min(room);
            self.beginning.extend_from_slice(&octets[..some]);
        }
    }

    /// The envelope, if it is of use when the message is kept.
    pub(super) fn copy(&self, envelope: &Envelope) -> Option<Envelope> {
        let wanted = !(self.vacations.is_empty() && self.arrived.is_empty());
        wanted.then(|| envelope.clone())
    }

    /// What follows once the message is durable, with its envelope if it is of use. Nothing of it takes long.
    pub(super) async fn follow(
        self,
        house: &Arc<House>,
        envelope: Option<Envelope>,
        held: Option<u64>,
    ) {
        if envelope.is_some() || held.is_some() {
            // Rare, and long: it has room of its own.
            Box::pin(self.caused(house, envelope, held)).await;
        }
    }

    async fn caused(self, house: &Arc<House>, envelope: Option<Envelope>, held: Option<u64>) {
        if let Some(id) = held {
            let house = Arc::clone(house);
            tokio::spawn(async move { moderation::announce(&house, id).await });
        }
        let Some(envelope) = envelope else {
            return;
        };
        if !self.arrived.is_empty() {
            // Rare, and long: it has room of its own.
            let report = success::report(house, &envelope, &self.beginning, &self.arrived);
            Box::pin(report).await;
        }
        let Some(errands) = house.errands.get() else {
            return;
        };
        let header: Arc<[u8]> = self.beginning.into();
        for account in self.vacations {
            errands.note(vacation::Note {
                account,
                reverse_path: envelope.reverse_path.clone(),
                header: Arc::clone(&header),
                requiretls: envelope.requiretls,
            });
        }
    }
}

/// What follows from one recipient.
#[derive(Default)]
pub(super) struct More {
    pub(super) lists: Vec<Mailbox>,
    pub(super) vacations: Vec<AccountId>,
    pub(super) arrived: Option<Action>,
}

/// What a sender is told of a recipient that leads there, once it is kept (RFC 3461 section 5.2.7): of a mailbox that it
/// was delivered, of an alias for several that it was handed to them. What goes on to one place is reported from there,
/// and a list when it has handed the post to its members.
pub(super) fn arrival(leads: &Leads) -> Option<Action> {
    let own = leads.mailboxes.iter().any(|local| local.through.is_empty());
    let places = leads.mailboxes.len() + leads.away.len() + leads.lists.len();
    match (own, places, leads.mailboxes.is_empty()) {
        (true, _, _) | (false, 1, false) => Some(Action::Delivered),
        (false, 0 | 1, _) => None,
        (false, _, _) => Some(Action::Expanded),
    }
}

impl SmtpHost {
    /// Whether this client may write to the lists that a recipient leads to. Gives the addresses of all lists there, and
    /// of those it is posted to.
    pub(super) fn at_lists(
        &self,
        policy: &Policy,
        directory: &Directory,
        leads: &Leads,
    ) -> Result<(Vec<Mailbox>, Vec<Mailbox>), RcptVerdict> {
        let (mut all, mut posted) = (Vec::new(), Vec::new());
        for found in &leads.lists {
            let known = directory.list(&found.list);
            // What is wrong with a list that cannot be read is in the log.
            let list = known.and_then(|(stored, _)| errands::read(stored));
            let list = list.ok_or(RcptVerdict::TryLater)?;
            if self.house.errands.get().is_none() {
                return Err(RcptVerdict::TryLater);
            }
            all.push(list.mailbox(errands::role(found.address)));
            if found.address != ListAddress::Post {
                continue;
            }
            let verdict = self.as_poster(policy, directory, |poster| list.at_rcpt(poster));
            match verdict.ok_or(RcptVerdict::TryLater)? {
                AtRcpt::Accept => posted.push(list.settings().address.clone()),
                AtRcpt::NeedsLogin => return Err(RcptVerdict::ListWantsLogin),
                AtRcpt::NotAllowed => return Err(RcptVerdict::ListForbidden),
                AtRcpt::Loop => return Err(RcptVerdict::Circle),
            }
        }
        Ok((all, posted))
    }

    /// Whoever this client writes as; nobody outside of a transaction.
    fn as_poster<T>(
        &self,
        policy: &Policy,
        directory: &Directory,
        ask: impl FnOnce(&Poster<'_>) -> T,
    ) -> Option<T> {
        let envelope = &self.transaction.as_ref()?.envelope;
        let login = self.addresses(directory);
        let sender = envelope.reverse_path.mailbox();
        Some(ask(&Poster {
            reverse_path: &envelope.reverse_path,
            login: &login,
            is_local: sender.is_some_and(|sender| routing::is_local(policy, sender)),
        }))
    }

    /// All addresses of whoever has logged in; none if nobody has.
    pub(super) fn addresses(&self, directory: &Directory) -> Vec<Mailbox> {
        let login = self.login.as_ref();
        login.map_or_else(Vec::new, |login| {
            errands::addresses(directory, login.account)
        })
    }

    /// Whether the lists take the message now that its header is known. Gives those whose moderators have to agree.
    pub(super) fn judged_by_lists(&self) -> Result<Vec<Mailbox>, FinishVerdict> {
        let mut held = Vec::new();
        let Some(transaction) = &self.transaction else {
            return Ok(held);
        };
        let policy = self.house.policy.load();
        let directory = self.house.store.directory();
        for address in &transaction.besides.lists {
            let list = errands::at(&self.house, address);
            let (list, _) = list.ok_or(FinishVerdict::TryLater)?;
            let header = &transaction.besides.beginning;
            let after = self.as_poster(&policy, &directory, |poster| {
                list.after_data(poster, header, &policy.hostname)
            });
            match after.ok_or(FinishVerdict::TryLater)? {
                AfterData::Post => {}
                AfterData::Hold => held.push(address.clone()),
                AfterData::NotAllowed => return Err(FinishVerdict::ListForbidden),
                AfterData::Loop(_) => return Err(FinishVerdict::Circle(address.clone())),
            }
        }
        Ok(held)
    }
}

#[cfg(test)]
mod tests {
    use address::Mailbox;
    use dsn::Action;
    use mailstore::{AccountId, AtList, Away, Leads, ListAddress, Local};

    use super::{Besides, More, arrival};

    /// `m`: a mailbox, `M`: one through an alias, `a`: somebody elsewhere, `l`: a list.
    #[track_caller]
    fn check(places: &str, expected: Option<Action>) {
        let alias: Mailbox = "all@example.test".parse().unwrap();
        let mut leads = Leads::default();
        for (number, place) in places.chars().enumerate() {
            let through = vec![alias.clone()];
            match place {
                'm' | 'M' => leads.mailboxes.push(Local {
                    account: AccountId(number as u64 + 1),
                    through: if place == 'm' { Vec::new() } else { through },
                }),
                'a' => leads.away.push(Away {
                    address: "x@other.test".parse().unwrap(),
                    through,
                }),
                _ => leads.lists.push(AtList {
                    list: "staff@example.test".parse().unwrap(),
                    address: ListAddress::Post,
                    through,
                }),
            }
        }
        assert_eq!(arrival(&leads), expected, "{places}");
    }

    // DSN-08
    #[test]
    fn what_is_told_depends_on_where_a_recipient_leads() {
        check("m", Some(Action::Delivered));
        check("M", Some(Action::Delivered));
        check("ma", Some(Action::Delivered));
        check("MM", Some(Action::Expanded));
        check("Ma", Some(Action::Expanded));
        check("aa", Some(Action::Expanded));
        check("la", Some(Action::Expanded));
        check("a", None);
        check("l", None);
        check("", None);
    }

    #[test]
    fn a_beginning_is_kept_where_it_is_of_use_and_not_too_much_of_it() {
        let mut besides = Besides::default();
        besides.take_in(b"Subject: x\r\n");
        assert!(besides.beginning.is_empty());
        let more = More {
            vacations: vec![AccountId(1), AccountId(1)],
            ..More::default()
        };
        besides.add(0, more);
        assert_eq!(besides.vacations.len(), 1);
        for _ in 0..3 {
            besides.take_in(&[b'x'; 30_000]);
        }
        assert_eq!(besides.beginning.len(), super::BEGINNING);
    }
}
