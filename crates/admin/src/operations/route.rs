//! Where mail for an address goes, as far as accounts, aliases and forwards decide it.

use address::{Host, Mailbox};
use mailstore::{AccountId, Away, Directory, Expansion, ListAddress, Local, Unresolvable};

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
            Expansion::Disabled => {
                return RouteFacts::Disabled {
                    accounts: directory.disabled_behind(address),
                };
            }
            Expansion::Unknown if address.local.folded() == "postmaster" => {
                return self.postmaster();
            }
            Expansion::Unknown => return RouteFacts::Nobody,
            Expansion::Unresolvable(Unresolvable::Loop) => return RouteFacts::Circle,
            Expansion::Unresolvable(Unresolvable::TooMany) => return RouteFacts::TooMany,
        };
        let address_of = |id| named(&directory, id);
        let back = leads.mailboxes.iter();
        let back = back.filter_map(|local| of_returned(&directory, local.account));
        let back = back.collect();
        let suspended = leads.accounts.iter();
        let suspended = suspended.filter_map(|id| of_suspended(&directory, *id));
        RouteFacts::Leads {
            ways: ways(
                &directory,
                leads.mailboxes,
                leads.lists,
                leads.away,
                is_ours,
            ),
            disclosed: leads.disclosed,
            passed_over: leads.passed_over,
            away: leads.vacations.into_iter().filter_map(address_of).collect(),
            suspended: suspended.collect(),
            back,
        }
    }
}

/// Mailboxes, lists, and what is at no account here.
fn ways(
    directory: &Directory,
    mailboxes: Vec<Local>,
    lists: Vec<mailstore::AtList>,
    elsewhere: Vec<Away>,
    is_ours: impl Fn(&Mailbox) -> bool,
) -> Vec<Way> {
    let mut ways: Vec<Way> = Vec::new();
    for local in mailboxes {
        if let Some(account) = named(directory, local.account) {
            ways.push(Way {
                place: Place::Mailbox { account },
                through: local.through,
            });
        }
    }
    for at in lists {
        ways.push(Way {
            place: Place::List {
                list: at.list,
                at: named_there(at.address),
            },
            through: at.through,
        });
    }
    for away in elsewhere {
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
    ways
}

fn of_suspended(directory: &Directory, id: AccountId) -> Option<Mailbox> {
    let account = directory.account(id)?;
    account.terms.suspended.then(|| account.address.clone())
}

/// Whoever keeps nothing has mail in the mailbox only where the forwarding leads back.
fn of_returned(directory: &Directory, id: AccountId) -> Option<Mailbox> {
    let account = directory.account(id)?;
    let forward = account.handling.forward.as_ref()?;
    (!forward.keep).then(|| account.address.clone())
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
