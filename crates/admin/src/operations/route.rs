//! Where mail for an address goes, as far as accounts, aliases and forwards decide it.

use address::{Host, Mailbox};
use mailstore::{AccountId, Directory, Expansion, ListAddress, Unresolvable};

use super::Operations;
use crate::route::{AtList, Place, RouteFacts, Way};

impl Operations {
    /// Who gets mail for postmaster where the configuration names nobody: whoever the server takes for it, too.
    pub(super) fn postmaster(&self) -> RouteFacts {
        let directory = self.store.directory();
        let accounts = directory.accounts();
        let first = accounts
            .filter(|account| account.enabled && account.terms.mailbox)
            .min_by_key(|account| (account.password.is_none(), account.id));
        RouteFacts::Postmaster {
            first: first.map(|account| account.address.clone()),
        }
    }

    /// Where mail for this address goes.
    pub(super) fn route(&self, address: &Mailbox) -> RouteFacts {
        let domains = self.surroundings.domains();
        let is_ours = |mailbox: &Mailbox| match &mailbox.host {
            Host::Domain(domain) => domains.contains(domain),
            Host::Literal(_) => false,
        };
        if !is_ours(address) {
            return RouteFacts::Elsewhere;
        }
        let directory = self.store.directory();
        let leads = match directory.expand(address) {
            Expansion::Leads(leads) => leads,
            Expansion::Moved(to) => return RouteFacts::Moved { to },
            Expansion::Disabled => return RouteFacts::Disabled,
            Expansion::Unknown if address.local.folded() == "postmaster" => {
                return self.postmaster();
            }
            Expansion::Unknown => return RouteFacts::Nobody,
            Expansion::Unresolvable(Unresolvable::Loop) => return RouteFacts::Circle,
            Expansion::Unresolvable(Unresolvable::TooMany) => return RouteFacts::TooMany,
        };
        let address_of = |id| named(&directory, id);
        let mut ways: Vec<Way> = Vec::new();
        for local in leads.mailboxes {
            if let Some(account) = address_of(local.account) {
                ways.push(Way {
                    place: Place::Mailbox { account },
                    through: local.through,
                });
            }
        }
        for at in leads.lists {
            ways.push(Way {
                place: Place::List {
                    list: at.list,
                    at: named_there(at.address),
                },
                through: at.through,
            });
        }
        for away in leads.away {
            let address = away.address;
            let place = if is_ours(&address) {
                Place::Nobody { address }
            } else {
                Place::Elsewhere { address }
            };
            ways.push(Way {
                place,
                through: away.through,
            });
        }
        let suspended = leads.accounts.iter();
        let suspended = suspended.filter_map(|id| of_suspended(&directory, *id));
        RouteFacts::Leads {
            ways,
            disclosed: leads.disclosed,
            passed_over: leads.passed_over,
            away: leads.vacations.into_iter().filter_map(address_of).collect(),
            suspended: suspended.collect(),
        }
    }
}

fn of_suspended(directory: &Directory, id: AccountId) -> Option<Mailbox> {
    let account = directory.account(id)?;
    account.terms.suspended.then(|| account.address.clone())
}

fn named_there(what: ListAddress) -> AtList {
    match what {
        ListAddress::Post => AtList::Post,
        ListAddress::Request => AtList::Request,
        ListAddress::Bounces => AtList::Bounces,
        ListAddress::Owner => AtList::Owner,
    }
}

fn named(directory: &Directory, id: AccountId) -> Option<Mailbox> {
    directory.account(id).map(|account| account.address.clone())
}
