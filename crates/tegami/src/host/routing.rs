//! Where a recipient's mail goes: local accounts, nowhere, or elsewhere.

use address::{ForwardPath, Host, Mailbox};
use mailstore::{Account, AccountId, Directory, Resolution};

use super::Policy;

/// The answer to "who is this recipient?".
#[derive(Debug, PartialEq, Eq)]
pub enum Route {
    /// One account, or all members of an alias.
    Local(Vec<AccountId>),
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
    match directory.resolve(mailbox) {
        Resolution::Accounts(ids) => Route::Local(ids),
        // RFC 5321 section 4.5.1: postmaster exists at every domain we serve, whatever becomes of an account of that name.
        Resolution::Disabled | Resolution::Unknown if mailbox.local.folded() == "postmaster" => {
            postmaster(policy, directory)
        }
        Resolution::Disabled => Route::Disabled,
        Resolution::Unknown => Route::Unknown,
    }
}

/// Whether mail for this address is delivered here.
pub fn is_local(policy: &Policy, mailbox: &Mailbox) -> bool {
    match &mailbox.host {
        Host::Domain(domain) => policy.domains.contains(domain),
        Host::Literal(_) => false,
    }
}

/// The configured postmaster, else the first account people can log in to, else the built-in mailbox.
fn postmaster(policy: &Policy, directory: &Directory) -> Route {
    let configured = policy
        .postmaster
        .as_ref()
        .map(|mailbox| directory.resolve(mailbox));
    if let Some(Resolution::Accounts(ids)) = configured {
        return Route::Local(ids);
    }
    let first = directory
        .accounts()
        .filter(|account| account.enabled && account.terms.mailbox)
        .min_by_key(|account| (account.password.is_none(), account.id));
    match first {
        Some(account) => Route::Local(vec![account.id]),
        None => Route::Unknown,
    }
}

/// Whom a name means to VRFY.
pub enum Found<'a> {
    /// This account.
    One(&'a Account),
    /// Accounts of that local part at more than one of our domains.
    Several(Vec<Mailbox>),
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
        [] => Found::Nobody,
        [account] => Found::One(account),
        several => Found::Several(
            several
                .iter()
                .map(|account| account.address.clone())
                .collect(),
        ),
    }
}

/// Whom mail for `name` reaches, for EXPN: the members of an alias, or the one owner of an account.
pub fn members(policy: &Policy, directory: &Directory, name: &str) -> Vec<Mailbox> {
    let resolved = addresses(policy, name)
        .into_iter()
        .map(|address| directory.resolve(&address));
    let ids = resolved.flat_map(|resolution| match resolution {
        Resolution::Accounts(ids) => ids,
        Resolution::Disabled | Resolution::Unknown => Vec::new(),
    });
    ids.filter_map(|id| directory.account(id))
        .map(|account| account.address.clone())
        .collect()
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
