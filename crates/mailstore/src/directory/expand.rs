//! Where mail for an address goes, all of it: through aliases and forwards, into mailboxes, to lists and elsewhere.
//!
//! Which places elsewhere there are, and who may write to them, is not known here; neither is who is on a list.

use std::collections::HashSet;

use address::Mailbox;

use super::{Directory, MAX_HOPS, without_detail};
use crate::account::{Account, AccountId, Alias};
use crate::handling::ListAddress;

/// Most places that one address leads to.
const MOST_PLACES: usize = 10_000;

/// What becomes of mail for an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expansion {
    /// It goes there.
    Leads(Leads),
    /// The account behind it has moved, and senders are referred to this address (551, RFC 5321 section 3.4). Nobody
    /// else gets it.
    Moved(Mailbox),
    /// The address is known, but every account behind it is disabled.
    Disabled,
    /// Nobody here has this address; it may be one elsewhere. What an alias or a forward sends to such an address is not
    /// this, but [`Away`].
    Unknown,
    /// It cannot be followed to its end.
    Unresolvable(Unresolvable),
}

/// Why an address cannot be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unresolvable {
    /// Aliases lead round in a circle, or through more than 16 others (5.4.6, RFC 3463 section 3.5).
    Loop,
    /// It leads to more than 10,000 places.
    TooMany,
}

/// Where mail goes: at least one mailbox, list or address elsewhere, and each of them once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leads {
    /// Mailboxes here. None of them is of an account that is disabled, has no mailbox or has moved.
    pub mailboxes: Vec<Local>,
    /// Addresses that are nobody's here: elsewhere, or at one of the host's own domains, where nobody has them. Each was
    /// named by an alias or a forward, so every one is a forwarded copy, whose reverse-path is rewritten when it leaves.
    pub away: Vec<Away>,
    /// Lists. A list is the end of the way: no member of it is among the others because of it.
    pub lists: Vec<AtList>,
    /// Every account whose mail this is: those of the mailboxes, and those that only forward it. What an account is held
    /// to (a pause, its size limits) is asked of these. Empty when an alias leads past all of them.
    pub accounts: Vec<AccountId>,
    /// Those of the accounts that have something to say while somebody is away. Whether it is time is the host's to know.
    pub vacations: Vec<AccountId>,
    /// What senders are told of (251): only of an account written to directly, which forwards to this one address and
    /// keeps nothing. Then there is exactly one way on, and it is there among the others.
    pub disclosed: Option<Mailbox>,
    /// Members of an alias, or whom somebody forwards to, who are passed over because they have moved: who, and where to.
    pub passed_over: Vec<(Mailbox, Mailbox)>,
}

/// A mailbox here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// Whose.
    pub account: AccountId,
    /// The aliases and forwarding accounts that led there, in order; none if it was written to directly.
    pub through: Vec<Mailbox>,
}

/// An address elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Away {
    /// Where.
    pub address: Mailbox,
    /// The aliases and forwarding accounts that led there, in order; one at least.
    pub through: Vec<Mailbox>,
}

/// A list, and what it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AtList {
    /// Its main address.
    pub list: Mailbox,
    /// Which of its addresses was written to.
    pub address: ListAddress,
    /// As in [`Local`].
    pub through: Vec<Mailbox>,
}

impl Directory {
    /// Where mail for this address goes: to an account, alias or list of that name, otherwise of the name without its
    /// `+detail`, otherwise where the alias `*@host` leads. Aliases and forwards are followed. A forward that leads back
    /// to its own account leaves one copy there, whatever else was said.
    #[must_use]
    pub fn expand(&self, address: &Mailbox) -> Expansion {
        let mut walk = Walk::default();
        if !self.step(address, &mut walk) {
            return Expansion::Unknown;
        }
        if walk.is_full() {
            return Expansion::Unresolvable(Unresolvable::TooMany);
        }
        if walk.looped {
            return Expansion::Unresolvable(Unresolvable::Loop);
        }
        if walk.places > 0 {
            return Expansion::Leads(walk.leads);
        }
        match walk.leads.passed_over.pop() {
            Some((_, to)) => Expansion::Moved(to),
            None if !walk.disabled.is_empty() => Expansion::Disabled,
            None => Expansion::Unknown,
        }
    }

    /// The accounts on the way from this address that are switched off.
    #[must_use]
    pub fn disabled_behind(&self, address: &Mailbox) -> Vec<Mailbox> {
        let mut walk = Walk::default();
        self.step(address, &mut walk);
        walk.disabled
    }

    /// Goes on to an address; says whether somebody here has it.
    fn step(&self, address: &Mailbox, walk: &mut Walk) -> bool {
        let key = address.key();
        if let Some(account) = self.addresses.get(&key).and_then(|id| self.account(*id)) {
            self.at_account(account, walk);
        } else if let Some(alias) = self.aliases.get(&key) {
            self.at_alias(alias, key, walk);
        } else if let Some((list, what)) = self.list(address) {
            walk.at_list(&list.address, what);
        } else if let Some(base) = without_detail(address) {
            return self.step(&base, walk);
        } else if let Some(all) = self.catch_all(address) {
            let key = all.address.key();
            // Whom it names itself, it does not stand for.
            if walk.position(&key).is_some() {
                return false;
            }
            self.at_alias(all, key, walk);
        } else {
            return false;
        }
        true
    }

    fn at_alias(&self, alias: &Alias, key: String, walk: &mut Walk) {
        if let Some(at) = walk.position(&key) {
            walk.turn_back(at);
        } else if walk.seen.insert(key.clone()) {
            self.pass_on(&alias.address, key, None, &alias.targets, walk);
        }
    }

    fn at_account(&self, account: &Account, walk: &mut Walk) {
        let handling = &account.handling;
        if !account.enabled {
            if !walk.disabled.contains(&account.address) {
                walk.disabled.push(account.address.clone());
            }
        } else if !account.terms.mailbox {
            // Nobody can write to it.
        } else if let Some(to) = &handling.moved {
            let moved = (account.address.clone(), to.clone());
            if !walk.leads.passed_over.contains(&moved) {
                walk.leads.passed_over.push(moved);
            }
        } else if walk.path.is_empty() && handling.forward.is_none() {
            // As nearly always: written to directly, and nobody comes by here again.
            walk.arrive(account);
            let (account, through) = (account.id, Vec::new());
            walk.places += 1;
            walk.leads.mailboxes.push(Local { account, through });
        } else {
            self.on_the_way(account, walk);
        }
    }

    /// An account that others lead to, or that leads on to others.
    fn on_the_way(&self, account: &Account, walk: &mut Walk) {
        let key = account.address.key();
        if let Some(at) = walk.position(&key) {
            walk.keep(account.id, at);
        } else if walk.seen.insert(key.clone()) {
            walk.arrive(account);
            let forward = account.handling.forward.as_ref();
            if forward.is_none_or(|forward| forward.keep) {
                walk.keep(account.id, walk.path.len());
            }
            if let Some(forward) = forward {
                if forward.disclosed && walk.path.is_empty() {
                    walk.leads.disclosed = forward.to.first().cloned();
                }
                let id = Some(account.id);
                self.pass_on(&account.address, key, id, &forward.to, walk);
            }
        }
    }

    /// Goes on from one address to others.
    fn pass_on(
        &self,
        from: &Mailbox,
        key: String,
        account: Option<AccountId>,
        to: &[Mailbox],
        walk: &mut Walk,
    ) {
        if walk.path.len() >= MAX_HOPS {
            walk.looped = true;
            return;
        }
        let address = from.clone();
        walk.path.push(Hop {
            address,
            key,
            account,
        });
        for target in to {
            if walk.is_full() {
                break;
            }
            if !self.step(target, walk) {
                walk.go_away(target);
            }
        }
        walk.path.pop();
    }
}

/// An alias or a forwarding account on the way to where we are.
struct Hop {
    address: Mailbox,
    key: String,
    /// Whose, if it is no alias.
    account: Option<AccountId>,
}

/// What has been found on the way.
#[derive(Default)]
struct Walk {
    leads: Leads,
    path: Vec<Hop>,
    /// Keys of accounts and aliases that have been followed, or are being followed.
    seen: HashSet<String>,
    /// Whose mailboxes are among the places.
    kept: HashSet<AccountId>,
    /// Addresses elsewhere and of lists that are among the places. Case counts elsewhere (RFC 5321 section 2.4).
    sent: HashSet<String>,
    places: usize,
    disabled: Vec<Mailbox>,
    looped: bool,
}

impl Walk {
    fn is_full(&self) -> bool {
        self.places > MOST_PLACES || self.seen.len() > 2 * MOST_PLACES
    }

    /// Where on the way this address has been passed.
    fn position(&self, key: &str) -> Option<usize> {
        self.path.iter().position(|hop| hop.key == key)
    }

    fn through(&self, hops: usize) -> Vec<Mailbox> {
        let before = self.path.iter().take(hops);
        before.map(|hop| hop.address.clone()).collect()
    }

    /// It is this account's mail.
    fn arrive(&mut self, account: &Account) {
        self.leads.accounts.push(account.id);
        if account.handling.vacation.is_some() {
            self.leads.vacations.push(account.id);
        }
    }

    /// A copy for a mailbox that so many hops lead to.
    fn keep(&mut self, account: AccountId, hops: usize) {
        if self.kept.insert(account) {
            self.places += 1;
            let through = self.through(hops);
            self.leads.mailboxes.push(Local { account, through });
        }
    }

    /// An alias leads to itself. If somebody's forward is to blame, the copy stays with that account.
    fn turn_back(&mut self, at: usize) {
        let behind = self.path.iter().enumerate().skip(at);
        let mut accounts = behind.filter_map(|(hops, hop)| Some((hops, hop.account?)));
        match accounts.next() {
            Some((hops, account)) => self.keep(account, hops),
            None => self.looped = true,
        }
    }

    fn at_list(&mut self, list: &Mailbox, address: ListAddress) {
        if self.sent.insert(format!("{address:?} {}", list.key())) {
            self.places += 1;
            let through = self.through(self.path.len());
            self.leads.lists.push(AtList {
                list: list.clone(),
                address,
                through,
            });
        }
    }

    fn go_away(&mut self, address: &Mailbox) {
        if self.sent.insert(address.to_string()) {
            self.places += 1;
            let through = self.through(self.path.len());
            self.leads.away.push(Away {
                address: address.clone(),
                through,
            });
        }
    }
}

#[cfg(test)]
mod tests;
