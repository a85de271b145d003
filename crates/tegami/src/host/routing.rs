//! Where a recipient's mail goes: local accounts, nowhere, or elsewhere.

use address::{ForwardPath, Host, Mailbox};
use mailstore::{AccountId, Directory, Resolution};

use super::Policy;

/// The answer to "who is this recipient?".
#[derive(Debug, PartialEq, Eq)]
pub enum Route {
    /// One account, or all members of an alias.
    Local(Vec<AccountId>),
    /// The account exists and is switched off.
    Disabled,
    /// A domain of ours, and no such mailbox in it.
    Unknown,
    /// Not a domain of ours.
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
        Resolution::Disabled => Route::Disabled,
        // RFC 5321 section 4.5.1: postmaster exists at every domain we serve.
        Resolution::Unknown if mailbox.local.folded() == "postmaster" => postmaster(policy, directory),
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
    let configured = policy.postmaster.as_ref().map(|mailbox| directory.resolve(mailbox));
    if let Some(Resolution::Accounts(ids)) = configured {
        return Route::Local(ids);
    }
    let first = directory
        .accounts()
        .filter(|account| account.enabled)
        .min_by_key(|account| (account.password.is_none(), account.id));
    match first {
        Some(account) => Route::Local(vec![account.id]),
        None => Route::Unknown,
    }
}
