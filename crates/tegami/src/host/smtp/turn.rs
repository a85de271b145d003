//! ATRN (RFC 2645 section 5.2.1): whether the account that has logged in gets its mail over this connection.

use address::{Domain, Mailbox};
use courier::office::Office;
use delivery::schedule::{Door, NextHop};
use net::{Octets, Stop};
use smtp_server::TurnVerdict;

use super::SmtpHost;
use crate::host::on_demand::{NotGranted, Visitor};

impl SmtpHost {
    /// Grants these domains, or all of the account if none is named. None is granted unless all are.
    pub(super) async fn turn(&mut self, wanted: Vec<Domain>) -> TurnVerdict {
        let Some(domains) = self.fetched(wanted) else {
            return TurnVerdict::NotGranted;
        };
        let house = &self.house;
        let (Some(office), Some(customers)) = (house.office.get(), house.customers.get()) else {
            return TurnVerdict::Unclear;
        };
        if is_stopped(office, &domains).await {
            return TurnVerdict::TryLater;
        }
        match customers.grant(domains).await {
            Ok(granted) => {
                self.granted = Some(granted);
                TurnVerdict::Granted
            }
            Err(NotGranted::Busy) => TurnVerdict::NotGranted,
            Err(NotGranted::Empty) => TurnVerdict::Empty,
            Err(NotGranted::Unread) => TurnVerdict::TryLater,
        }
    }

    /// The domains that are meant, if all of them are this account's.
    fn fetched(&self, mut wanted: Vec<Domain>) -> Option<Vec<Domain>> {
        // Whoever was removed or disabled since the login is nobody any more.
        if self.is_gone() {
            return None;
        }
        let account: Mailbox = self.login.as_ref()?.address.parse().ok()?;
        let policy = self.house.policy.load();
        let own: Vec<&Domain> = policy.outward.fetched_by(&account).collect();
        if wanted.is_empty() {
            wanted = own.iter().copied().cloned().collect();
        }
        let all = wanted.iter().all(|domain| own.contains(&domain));
        (all && !wanted.is_empty()).then(|| {
            let mut known = std::collections::HashSet::new();
            wanted.retain(|domain| known.insert(domain.clone()));
            wanted
        })
    }

    /// Goes on with the connection behind ATRN.
    pub(super) async fn give(mut self, line: Box<dyn Octets>, stop: &Stop) {
        let (Some(granted), Some(login)) = (self.granted.take(), self.login.take()) else {
            return;
        };
        let who = Visitor {
            account: login.address,
            peer: self.peer,
            tls: self.tls,
        };
        let account = login.account;
        let house = std::sync::Arc::clone(&self.house);
        // What else there was of the session is over.
        drop(self);
        if let Some(customers) = house.customers.get() {
            let is_over = || {
                let directory = house.store.directory();
                let may = directory.account(account).is_some_and(|one| one.enabled);
                !may
            };
            let waits = |hop: &NextHop| house.paused().hold_back(hop);
            let served = customers.serve(granted, line, who, stop, (is_over, waits));
            served.await;
        }
    }
}

/// Somebody has said that mail for one of them is to wait.
async fn is_stopped(office: &Office, domains: &[Domain]) -> bool {
    for domain in domains {
        match office.door(NextHop::Held(domain.clone())).await {
            Some(Door::Held | Door::Open | Door::BackedOff(_)) => {}
            Some(Door::Paused) | None => return true,
        }
    }
    false
}
