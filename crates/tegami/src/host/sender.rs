//! What DNS says of a sender and of the client, where the configuration wants to know it.
//!
//! It is asked at RCPT and not at MAIL, once per transaction: mail for Postmaster is taken whatever DNS says. Nobody is
//! refused for good because something could not be looked up.

use std::net::IpAddr;

use address::{Domain, ForwardPath, Host, ReversePath};
use ipnet::IpNet;
use resolver::{Asker, MailRoute, Reverse};
use smtp_server::RcptVerdict;

use super::routing::{self, Route};
use super::{House, Policy};

/// What must hold of a sender who has not logged in.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// The domain exists and takes mail.
    pub require_domain: bool,
    /// The domain does not say that it takes none.
    pub reject_null_mx: bool,
    /// A name of the client's address leads back to it.
    pub require_reverse_dns: bool,
    /// Networks whose clients are free of all this.
    pub exempt: Vec<IpNet>,
}

/// What has been looked up already.
#[derive(Default)]
pub struct Known {
    client: Option<Reverse>,
    domain: Option<MailRoute>,
}

impl Known {
    /// A new transaction: there may be another sender, and what was unclear may be clear by now.
    pub fn begin(&mut self) {
        self.domain = None;
        self.client = self.client.filter(|client| *client != Reverse::Unclear);
    }

    /// Why a recipient that is otherwise good is refused to this sender, if DNS has a reason.
    pub async fn refusal(
        &mut self,
        house: &House,
        peer: IpAddr,
        sender: &ReversePath,
        recipient: &ForwardPath,
    ) -> Option<RcptVerdict> {
        let peer = peer.to_canonical();
        // RFC 5321 section 6.1: reports come from nobody, and must come through.
        let ReversePath::Mailbox(mailbox) = sender else {
            return None;
        };
        if !house.policy.load().sender.concern(peer) {
            return None;
        }
        let policy = house.policy.load_full();
        if !is_asked_for(house, &policy, recipient) {
            return None;
        }
        // Where nothing is asked, as by default, no room is made for it.
        let refusal = Box::pin(self.asked(house, &policy, peer, &mailbox.host)).await;
        if let Some(refusal) = &refusal {
            tracing::debug!(from = %sender, to = %recipient, reason = ?refusal, "refused by DNS");
        }
        refusal
    }

    async fn asked(
        &mut self,
        house: &House,
        policy: &Policy,
        peer: IpAddr,
        host: &Host,
    ) -> Option<RcptVerdict> {
        match self.of_client(house, &policy.sender, peer).await {
            Some(refusal) => Some(refusal),
            None => match host {
                Host::Domain(domain) => self.of_domain(house, policy, peer, domain).await,
                Host::Literal(_) => None,
            },
        }
    }

    async fn of_client(
        &mut self,
        house: &House,
        rules: &Rules,
        peer: IpAddr,
    ) -> Option<RcptVerdict> {
        if !rules.require_reverse_dns || is_private(peer) {
            return None;
        }
        let reverse = match self.client {
            Some(known) => known,
            None => house.resolver.reverse(peer, Asker::Client(peer)).await,
        };
        self.client = Some(reverse);
        match reverse {
            Reverse::Confirmed => None,
            Reverse::Unconfirmed => Some(RcptVerdict::NoReverseDns),
            Reverse::Unclear => Some(RcptVerdict::ReverseDnsUnclear),
        }
    }

    async fn of_domain(
        &mut self,
        house: &House,
        policy: &Policy,
        peer: IpAddr,
        domain: &Domain,
    ) -> Option<RcptVerdict> {
        let rules = &policy.sender;
        // Our own domains are ours to know; at home they may be in no DNS at all.
        if !(rules.require_domain || rules.reject_null_mx) || policy.domains.contains(domain) {
            return None;
        }
        let route = match self.domain.take() {
            Some(known) => known,
            None => {
                let asker = Asker::Client(peer);
                house.resolver.mail_route(domain, asker).await
            }
        };
        let refusal = rules.judge(&route);
        self.domain = Some(route);
        refusal
    }
}

impl Rules {
    /// Whether anything is looked up for a client at `peer`.
    fn concern(&self, peer: IpAddr) -> bool {
        let any = self.require_domain || self.reject_null_mx || self.require_reverse_dns;
        any && !self.exempt.iter().any(|network| network.contains(&peer))
    }

    fn judge(&self, route: &MailRoute) -> Option<RcptVerdict> {
        match route {
            MailRoute::Exchangers(_) => None,
            // RFC 7505 section 4.2.
            MailRoute::NullMx => self.reject_null_mx.then_some(RcptVerdict::SenderNullMx),
            MailRoute::NoSuchDomain | MailRoute::NoMailHere => self
                .require_domain
                .then_some(RcptVerdict::SenderDomainMissing),
            MailRoute::Unclear => self
                .require_domain
                .then_some(RcptVerdict::SenderDomainUnclear),
        }
    }
}

/// DNS is asked for recipients of ours only, and never for Postmaster: RFC 5321 section 4.5.1 wants no policy in the way of
/// somebody who writes that mail does not come through.
fn is_asked_for(house: &House, policy: &Policy, recipient: &ForwardPath) -> bool {
    let postmaster = match recipient {
        ForwardPath::Postmaster => true,
        ForwardPath::Mailbox(mailbox) => mailbox.local.folded() == "postmaster",
    };
    !postmaster
        && match routing::route(policy, &house.store.directory(), recipient) {
            Route::Leads(_) => true,
            Route::Foreign => recipient
                .mailbox()
                .is_some_and(|mailbox| policy.outward.backs_up(mailbox)),
            Route::Disabled | Route::Unknown | Route::Moved(_) | Route::Circle => false,
        }
}

/// Addresses that have no name in the DNS of the Internet: RFC 1918, RFC 6598 (behind a provider's NAT), RFC 3927,
/// RFC 4193, and this machine's own.
fn is_private(peer: IpAddr) -> bool {
    match peer {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            let shared = first == 100 && (64..128).contains(&second);
            v4.is_private() || v4.is_loopback() || v4.is_link_local() || shared
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_switch_refuses_for_its_own_reason() {
        use MailRoute::{Exchangers, NoMailHere, NoSuchDomain, NullMx, Unclear};
        use RcptVerdict::{SenderDomainMissing, SenderDomainUnclear, SenderNullMx};
        for (require_domain, reject_null_mx, route, expected) in [
            (true, true, Exchangers(Vec::new()), None),
            (true, false, NullMx, None),
            (false, true, NullMx, Some(SenderNullMx)),
            (true, false, NoSuchDomain, Some(SenderDomainMissing)),
            (true, false, NoMailHere, Some(SenderDomainMissing)),
            (false, true, NoSuchDomain, None),
            (false, true, NoMailHere, None),
            (true, false, Unclear, Some(SenderDomainUnclear)),
            (false, true, Unclear, None),
        ] {
            let rules = Rules {
                require_domain,
                reject_null_mx,
                ..Rules::default()
            };
            assert_eq!(rules.judge(&route), expected, "{rules:?} {route:?}");
        }
    }

    #[test]
    fn exempt_networks_and_switches_that_are_off_ask_nothing() {
        let peer = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(!Rules::default().concern(peer("192.0.2.1")));
        let rules = Rules {
            require_reverse_dns: true,
            exempt: vec!["192.0.2.0/24".parse().unwrap()],
            ..Rules::default()
        };
        assert!(!rules.concern(peer("192.0.2.1")));
        assert!(rules.concern(peer("192.0.3.1")));
    }

    #[test]
    fn addresses_without_a_place_in_dns_are_known() {
        for (text, private) in [
            ("127.0.0.1", true),
            ("10.1.2.3", true),
            ("172.17.0.1", true),
            ("192.168.0.1", true),
            ("169.254.1.1", true),
            ("100.64.0.1", true),
            ("100.127.255.255", true),
            ("100.128.0.1", false),
            ("100.63.0.1", false),
            ("192.0.2.1", false),
            ("::1", true),
            ("fd00::1", true),
            ("fe80::1", true),
            ("2001:db8::1", false),
        ] {
            assert_eq!(is_private(text.parse().unwrap()), private, "{text}");
        }
    }

    #[test]
    fn a_new_transaction_asks_again_for_what_was_unclear() {
        let mut known = Known {
            client: Some(Reverse::Unclear),
            domain: Some(MailRoute::NullMx),
        };
        known.begin();
        assert_eq!((known.client, known.domain.clone()), (None, None));
        known.client = Some(Reverse::Unconfirmed);
        known.begin();
        assert_eq!(known.client, Some(Reverse::Unconfirmed));
    }
}
