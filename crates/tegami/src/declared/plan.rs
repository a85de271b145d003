//! Compares declarations with what the store has, and says what has to change. Pure: nothing is hashed or changed.

mod aliases;
mod conflicts;
mod lists;

use std::collections::{HashMap, HashSet};

use address::{Domain, Mailbox};
use auth::Wanted;
use mailstore::{Account, Alias, Declared, Handling, StoredList, Terms};

use crate::config::ConfigError;

use super::{Declaration, Declarations, DeclaredSecret, Fingerprints, Memory, Stored};

/// What has to change, in this order.
#[derive(Debug, Default)]
pub struct Plan {
    /// Aliases that lose their last target: their addresses are free afterwards.
    pub aliases_to_remove: Vec<Mailbox>,
    /// Accounts to make, change or switch off.
    pub accounts: Vec<AccountStep>,
    /// Lists to make, or to change.
    pub lists_to_put: Vec<StoredList>,
    /// Lists whose declaration is gone. They stay, since nobody else knows who has joined them.
    pub lists_left: Vec<Mailbox>,
    /// Aliases to make, or to change.
    pub aliases_to_put: Vec<Alias>,
    /// Declared accounts that are as they should be.
    pub unchanged: usize,
}

/// What happens to one account.
#[derive(Debug)]
pub enum AccountStep {
    /// It is new.
    Make {
        /// Everything but the password.
        account: mailstore::NewAccount,
        /// The password, still to be hashed.
        secret: NewSecret,
    },
    /// Something about it is new.
    Alter {
        /// How it shall be, with its old password.
        account: Account,
        /// The new password, still to be hashed, if that is what is new.
        secret: Option<NewSecret>,
    },
    /// Its declaration is gone. It is nobody's then, so that whoever switches it on again by hand keeps it.
    SwitchOff(Account),
}

/// A secret that is still to be turned into what is stored of it.
#[derive(Clone, Debug)]
pub struct NewSecret {
    /// As declared.
    pub declared: DeclaredSecret,
    /// What has to come of it.
    pub wanted: Wanted,
}

/// What has to change so that what is `stored` becomes what is `declared`, `before` being what was declared the last time.
///
/// An account that exists and is declared for the first time becomes what is declared, and is switched on. One that
/// was declared before and switched off by hand stays off.
///
/// # Errors
/// When a declared address is in use for something else, or leads to nobody.
pub fn plan(
    declared: &Declarations,
    stored: &Stored,
    domains: &[Domain],
    before: &Memory,
    fingerprints: &Fingerprints,
    needed: Wanted,
) -> Result<Plan, ConfigError> {
    let aliases = aliases::after(declared, stored, before);
    conflicts::check(declared, stored, domains, &aliases)?;
    let mut plan = Plan {
        lists_to_put: lists::after(declared, stored, before)?,
        lists_left: lists::left(declared, stored, before),
        ..Plan::default()
    };
    let existing: HashMap<String, &Account> = stored
        .accounts
        .iter()
        .map(|account| (account.address.key(), account))
        .collect();
    for declaration in &declared.accounts {
        match existing.get(&declaration.address.key()) {
            None => plan.accounts.push(make(declaration, fingerprints, needed)),
            Some(account) => match alter(declaration, account, before, fingerprints, needed) {
                Some(step) => plan.accounts.push(step),
                None => plan.unchanged += 1,
            },
        }
    }
    plan.accounts.extend(switched_off(declared, stored));
    let was: HashMap<String, &Alias> = stored
        .aliases
        .iter()
        .map(|alias| (alias.address.key(), alias))
        .collect();
    for (key, alias) in aliases {
        match was.get(&key) {
            Some(old) if **old == alias => {}
            Some(_) if alias.targets.is_empty() => plan.aliases_to_remove.push(alias.address),
            Some(_) | None => plan.aliases_to_put.push(alias),
        }
    }
    Ok(plan)
}

/// The accounts whose declaration is gone.
fn switched_off<'a>(
    declared: &'a Declarations,
    stored: &'a Stored,
) -> impl Iterator<Item = AccountStep> + 'a {
    let wanted: HashSet<String> = declared
        .accounts
        .iter()
        .map(|declaration| declaration.address.key())
        .collect();
    let gone = move |account: &&Account| {
        account.declared.is_some() && !wanted.contains(&account.address.key())
    };
    stored.accounts.iter().filter(gone).map(|account| {
        AccountStep::SwitchOff(Account {
            enabled: false,
            declared: None,
            ..account.clone()
        })
    })
}

fn marks(declaration: &Declaration, fingerprints: &Fingerprints) -> Declared {
    Declared {
        fingerprint: fingerprints.of(&declaration.secret),
        aliases: declaration.aliases.clone(),
    }
}

fn new_secret(declaration: &Declaration, needed: Wanted) -> NewSecret {
    NewSecret {
        declared: declaration.secret.clone(),
        wanted: needed.with_sealed(declaration.apop),
    }
}

fn make(declaration: &Declaration, fingerprints: &Fingerprints, needed: Wanted) -> AccountStep {
    AccountStep::Make {
        account: mailstore::NewAccount {
            name: declaration.name.clone(),
            quota: declaration.quota.map(|octets| octets.0),
            declared: Some(marks(declaration, fingerprints)),
            terms: declaration.terms.clone(),
            handling: Handling {
                forward: declaration.forward.clone(),
                moved: declaration.refer.clone(),
                vacation: declaration.vacation_text(),
            },
            ..mailstore::NewAccount::new(declaration.address.clone())
        },
        secret: new_secret(declaration, needed),
    }
}

/// How an account has to change, `None` if it is as declared.
fn alter(
    declaration: &Declaration,
    account: &Account,
    before: &Memory,
    fingerprints: &Fingerprints,
    needed: Wanted,
) -> Option<AccountStep> {
    let marks = marks(declaration, fingerprints);
    let same_secret = account
        .declared
        .as_ref()
        .is_some_and(|before| before.fingerprint == marks.fingerprint);
    let secret = new_secret(declaration, needed);
    // Of a hash nothing else can be made; the first login with the password itself does that.
    let complete = match &declaration.secret {
        DeclaredSecret::Password(_) => !account.keys.lack(secret.wanted),
        DeclaredSecret::Hash(_) => true,
    };
    let mut keys = account.keys.clone();
    if !declaration.apop {
        keys.unseal();
    }
    let wanted = Account {
        address: declaration.address.clone(),
        name: declaration.name.clone(),
        enabled: account.enabled || account.declared.is_none(),
        quota: declaration.quota.map(|octets| octets.0),
        declared: Some(marks),
        keys,
        // What was suspended by hand stays so.
        terms: Terms {
            suspended: account.terms.suspended,
            ..declaration.terms.clone()
        },
        handling: handling(declaration, account, before),
        ..account.clone()
    };
    if wanted == *account && complete {
        return None;
    }
    let secret = (!same_secret || !complete).then_some(secret);
    Some(AccountStep::Alter {
        account: wanted,
        secret,
    })
}

/// What is said by hand of what the file does not speak of stays so, unless it goes against the file. What the file said
/// before and says no more is over.
fn handling(declaration: &Declaration, account: &Account, before: &Memory) -> Handling {
    let key = declaration.address.key();
    let mut handling = account.handling.clone();
    handling.forward.clone_from(&declaration.forward);
    if declaration.refer.is_some() {
        handling.moved.clone_from(&declaration.refer);
    } else if handling.forward.is_some() || handling.moved.as_ref() == before.refer.get(&key) {
        handling.moved = None;
    }
    let vacation = declaration.vacation_text();
    if vacation.is_some() || handling.vacation.as_ref() == before.vacations.get(&key) {
        handling.vacation = vacation;
    }
    handling
}
