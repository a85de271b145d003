//! Where a recipient's mail goes: local accounts, nowhere, or elsewhere.
//!
//! The store follows aliases and forwards; which addresses are ours is known here.

use address::{ForwardPath, Host, Mailbox};
use mailstore::{
    Account, AccountId, AtList, Directory, Expansion, Leads, ListAddress, Local, Resolution,
    Unresolvable,
};

use super::{Policy, errands};

/// The answer to "who is this recipient?".
#[derive(Debug, PartialEq, Eq)]
pub enum Route {
    /// An account, all members of an alias, whoever mail is forwarded to: one place at least.
    Leads(Leads),
    /// The account has moved there, and its senders may know.
    Moved(Mailbox),
    /// Aliases that lead round in a circle, or to more places than can be.
    Circle,
    /// The account exists and is switched off.
    Disabled,
    /// A domain of ours, and no such mailbox in it (RFC 5321 section 3.3: said at RCPT, not by a report later).
    Unknown,
    /// Not a domain of ours (RFC 5321 section 3.6.2).
    Foreign,
}

/// Finds out where mail for `path` goes.
pub fn route(policy: &Policy, directory: &Directory, path: &ForwardPath) -> Route {
    let mailbox = match path {
        ForwardPath::Postmaster => return postmaster(policy, directory),
        ForwardPath::Mailbox(mailbox) => mailbox,
    };
    if !is_local(policy, mailbox) {
        return Route::Foreign;
    }
    let route = match directory.expand(mailbox) {
        Expansion::Leads(leads) => living(policy, with_postmaster(policy, directory, leads)),
        Expansion::Moved(to) => Route::Moved(to),
        Expansion::Disabled => Route::Disabled,
        Expansion::Unknown => Route::Unknown,
        Expansion::Unresolvable(Unresolvable::Loop | Unresolvable::TooMany) => Route::Circle,
    };
    match &route {
        // RFC 5321 section 4.5.1: postmaster exists at every domain we serve, whatever becomes of an account of that name.
        Route::Moved(_) | Route::Circle | Route::Disabled | Route::Unknown
            if mailbox.local.folded() == "postmaster" =>
        {
            postmaster(policy, directory)
        }
        Route::Leads(_)
        | Route::Moved(_)
        | Route::Circle
        | Route::Disabled
        | Route::Unknown
        | Route::Foreign => route,
    }
}

/// Without the places that are at a domain of ours and nobody's there.
fn living(policy: &Policy, mut leads: Leads) -> Route {
    leads.away.retain(|away| !is_local(policy, &away.address));
    if leads.mailboxes.is_empty() && leads.away.is_empty() && leads.lists.is_empty() {
        Route::Unknown
    } else {
        Route::Leads(leads)
    }
}

/// Aliases and forwards may name the postmaster of a domain of ours, where no account has to have that name.
fn with_postmaster(policy: &Policy, directory: &Directory, mut leads: Leads) -> Leads {
    let named = leads
        .away
        .iter()
        .any(|away| is_local(policy, &away.address) && away.address.local.folded() == "postmaster");
    if named && let Route::Leads(more) = postmaster(policy, directory) {
        let kept = |one: &Local| {
            leads
                .mailboxes
                .iter()
                .any(|other| other.account == one.account)
        };
        let mailboxes: Vec<Local> = more
            .mailboxes
            .into_iter()
            .filter(|one| !kept(one))
            .collect();
        let known = |one: &AccountId| leads.accounts.contains(one);
        let accounts: Vec<AccountId> = more
            .accounts
            .into_iter()
            .filter(|one| !known(one))
            .collect();
        let away = more.away.into_iter();
        let away: Vec<_> = away
            .filter(|one| leads.away.iter().all(|other| other.address != one.address))
            .collect();
        leads.mailboxes.extend(mailboxes);
        leads.accounts.extend(accounts);
        leads.away.extend(away);
    }
    leads
}

/// Straight into these mailboxes.
fn into(accounts: Vec<AccountId>) -> Route {
    let mailboxes = accounts.iter().map(|account| Local {
        account: *account,
        through: Vec::new(),
    });
    Route::Leads(Leads {
        mailboxes: mailboxes.collect(),
        accounts,
        ..Leads::default()
    })
}

/// Whether mail for this address is delivered here.
pub fn is_local(policy: &Policy, mailbox: &Mailbox) -> bool {
    match &mailbox.host {
        Host::Domain(domain) => policy.domains.contains(domain),
        Host::Literal(_) => false,
    }
}

/// The configured postmaster, else the first account people can log in to, else the built-in mailbox. Mail goes the way of all
/// mail for that address, and into the mailbox where that way ends.
fn postmaster(policy: &Policy, directory: &Directory) -> Route {
    if let Some(configured) = &policy.postmaster {
        if let Some(route) = onward(policy, directory, configured) {
            return route;
        }
        if let Resolution::Accounts(ids) = directory.resolve(configured) {
            return into(ids);
        }
    }
    let first = directory
        .accounts()
        .filter(|account| account.enabled && account.terms.mailbox)
        .min_by_key(|account| (account.password.is_none(), account.id));
    match first {
        Some(account) => {
            onward(policy, directory, &account.address).unwrap_or_else(|| into(vec![account.id]))
        }
        None => Route::Unknown,
    }
}

/// The address of whoever keeps this server, for letters to come from and to go to: the configured one if anybody has it.
pub fn postmaster_address(policy: &Policy, directory: &Directory) -> Mailbox {
    let configured = policy.postmaster.as_ref();
    let somebody = |one: &&Mailbox| directory.expand(one) != Expansion::Unknown;
    let address = configured.filter(somebody);
    address.unwrap_or(&policy.usual_postmaster).clone()
}

/// Where mail for this address goes, if it arrives anywhere: with mail out switched off, what only goes on does not.
fn onward(policy: &Policy, directory: &Directory, address: &Mailbox) -> Option<Route> {
    let Expansion::Leads(leads) = directory.expand(address) else {
        return None;
    };
    match living(policy, leads) {
        Route::Leads(leads) if policy.outward.enabled || !leads.mailboxes.is_empty() => {
            Some(Route::Leads(leads))
        }
        Route::Leads(_)
        | Route::Moved(_)
        | Route::Circle
        | Route::Disabled
        | Route::Unknown
        | Route::Foreign => None,
    }
}

/// Whom a name means to VRFY.
pub enum Found<'a> {
    /// This account.
    One(&'a Account),
    /// Accounts of that local part at more than one of our domains.
    Several(Vec<Mailbox>),
    /// Somebody whose mail is sent on to this address, as everybody may know.
    Forwarded(Mailbox),
    /// Somebody who is at this address now, as everybody may know.
    Moved(Mailbox),
    /// Whoever it is, only the servers of that domain know.
    Elsewhere,
    /// Nobody.
    Nobody,
}

/// Finds whom `name` means: an address of ours, or a local part (RFC 5321 section 3.5.1).
pub fn find<'a>(policy: &Policy, directory: &'a Directory, name: &str) -> Found<'a> {
    let candidates = addresses(policy, name);
    let found: Vec<&Account> = candidates
        .iter()
        .filter_map(|address| only_account(directory, address))
        .collect();
    match found.as_slice() {
        [] => absent(policy, directory, &candidates, name),
        [account] => of_account(directory, account),
        several => Found::Several(
            several
                .iter()
                .map(|account| account.address.clone())
                .collect(),
        ),
    }
}

/// Somebody who has an account, as far as others may know.
fn of_account<'a>(directory: &'a Directory, account: &'a Account) -> Found<'a> {
    match directory.expand(&account.address) {
        Expansion::Leads(Leads {
            disclosed: Some(to),
            ..
        }) => Found::Forwarded(to),
        Expansion::Moved(to) => Found::Moved(to),
        Expansion::Leads(_)
        | Expansion::Disabled
        | Expansion::Unknown
        | Expansion::Unresolvable(_) => Found::One(account),
    }
}

/// Somebody who has no mailbox here.
fn absent<'a>(
    policy: &Policy,
    directory: &'a Directory,
    candidates: &[Mailbox],
    name: &str,
) -> Found<'a> {
    let mut expanded = candidates.iter().map(|address| directory.expand(address));
    let known = expanded.find_map(|expansion| match expansion {
        Expansion::Moved(to) => Some(Found::Moved(to)),
        Expansion::Leads(leads) => leads.disclosed.map(Found::Forwarded),
        Expansion::Disabled | Expansion::Unknown | Expansion::Unresolvable(_) => None,
    });
    let backed_up = || {
        let address = Mailbox::parse_user(name).ok()?;
        let outward = &policy.outward;
        (outward.enabled && outward.backs_up(&address)).then_some(Found::Elsewhere)
    };
    known.or_else(backed_up).unwrap_or(Found::Nobody)
}

/// Whom mail for `name` reaches, for EXPN by somebody who is logged in under these addresses, or under none: the members
/// of an alias, the one owner of an account, and the members of a list if it tells them.
pub fn members(
    policy: &Policy,
    directory: &Directory,
    name: &str,
    login: &[Mailbox],
) -> Vec<Mailbox> {
    let expanded = addresses(policy, name)
        .into_iter()
        .map(|address| directory.expand(&address));
    let leads = expanded.filter_map(|expansion| match expansion {
        Expansion::Leads(leads) => Some(leads),
        Expansion::Moved(_)
        | Expansion::Disabled
        | Expansion::Unknown
        | Expansion::Unresolvable(_) => None,
    });
    leads
        .flat_map(|leads| {
            let here = leads.mailboxes.into_iter();
            let here = here.filter_map(|local| directory.account(local.account));
            let here = here.map(|account| account.address.clone());
            let lists = leads.lists.iter();
            let lists = lists.flat_map(|at| told(directory, at, login));
            let away = leads.away.into_iter().map(|away| away.address);
            here.chain(lists).chain(away).collect::<Vec<_>>()
        })
        .collect()
}

/// Those of a list whom it names to somebody. Its other addresses are for its owners, who are named to nobody.
fn told(directory: &Directory, at: &AtList, login: &[Mailbox]) -> Vec<Mailbox> {
    let list = directory
        .list(&at.list)
        .and_then(|(one, _)| errands::read(one));
    match (list, at.address) {
        (Some(list), ListAddress::Post) if list.expands_for(login) => {
            list.members().cloned().collect()
        }
        (
            Some(_) | None,
            ListAddress::Post | ListAddress::Request | ListAddress::Bounces | ListAddress::Owner,
        ) => Vec::new(),
    }
}

/// The addresses of ours that `name` can stand for.
fn addresses(policy: &Policy, name: &str) -> Vec<Mailbox> {
    match Mailbox::parse_user(name) {
        Ok(address) if is_local(policy, &address) => vec![address],
        Ok(_) => Vec::new(),
        Err(_) => {
            let at = |domain| Mailbox::parse_user(&format!("{name}@{domain}")).ok();
            policy.domains.iter().filter_map(at).collect()
        }
    }
}

fn only_account<'a>(directory: &'a Directory, address: &Mailbox) -> Option<&'a Account> {
    match directory.resolve(address) {
        Resolution::Accounts(ids) => match ids.as_slice() {
            [id] => directory.account(*id),
            _ => None,
        },
        Resolution::Disabled | Resolution::Unknown => None,
    }
}
