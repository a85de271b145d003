//! Compares declarations with what the store has, and says what has to change. Pure: nothing is hashed or changed.

use std::collections::{BTreeMap, HashMap, HashSet};

use address::Mailbox;
use auth::Wanted;
use mailstore::{Account, Alias, Declared, Handling, Terms};

use crate::config::{ConfigError, Problem};

use super::{Declaration, Declarations, DeclaredSecret, Fingerprints};

/// What has to change, in this order.
#[derive(Debug, Default)]
pub struct Plan {
    /// Aliases that lose their last target: their addresses are free afterwards.
    pub aliases_to_remove: Vec<Mailbox>,
    /// Accounts to make, change or switch off.
    pub accounts: Vec<AccountStep>,
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

/// What the store has.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// Its accounts.
    pub accounts: &'a [Account],
    /// Its aliases.
    pub aliases: &'a [Alias],
    /// Whether an address leads somewhere: to somebody here, or elsewhere.
    pub leads: &'a dyn Fn(&Mailbox) -> bool,
}

/// What has to change so that accounts and aliases become what is `declared`; `remembered` are those that `[[alias]]`
/// declared before.
///
/// An account that exists and is declared for the first time becomes what is declared, and is switched on. One that
/// was declared before and switched off by hand stays off.
///
/// # Errors
/// When a declared address is in use for something else.
pub fn plan(
    declarations: &Declarations,
    known: Known<'_>,
    remembered: &[Alias],
    fingerprints: &Fingerprints,
    needed: Wanted,
) -> Result<Plan, ConfigError> {
    let declared = &declarations.accounts;
    let (accounts, aliases) = (known.accounts, known.aliases);
    let existing: HashMap<String, &Account> = accounts
        .iter()
        .map(|account| (account.address.key(), account))
        .collect();
    let wanted: HashSet<String> = declared
        .iter()
        .map(|declaration| declaration.address.key())
        .collect();
    let mut plan = Plan::default();
    for declaration in declared {
        match existing.get(&declaration.address.key()) {
            None => plan.accounts.push(make(declaration, fingerprints, needed)),
            Some(account) => match alter(declaration, account, fingerprints, needed) {
                Some(step) => plan.accounts.push(step),
                None => plan.unchanged += 1,
            },
        }
    }
    let gone = accounts
        .iter()
        .filter(|account| account.declared.is_some() && !wanted.contains(&account.address.key()));
    plan.accounts.extend(gone.map(|account| {
        AccountStep::SwitchOff(Account {
            enabled: false,
            declared: None,
            ..account.clone()
        })
    }));

    let after = aliases_after(declarations, known, remembered);
    let mut problems = conflicts(declared, &existing, &after);
    problems.extend(alias_conflicts(declarations, &existing, known.leads));
    ConfigError::unless_empty(problems)?;
    let before: HashMap<String, &Alias> = aliases
        .iter()
        .map(|alias| (alias.address.key(), alias))
        .collect();
    for (key, alias) in after {
        match before.get(&key) {
            Some(old) if **old == alias => {}
            Some(_) if alias.targets.is_empty() => plan.aliases_to_remove.push(alias.address),
            Some(_) | None => plan.aliases_to_put.push(alias),
        }
    }
    Ok(plan)
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
                ..Handling::default()
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
        handling: handling(declaration, account),
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

/// What is said by hand of what the file does not speak of stays so, unless it goes against the file.
fn handling(declaration: &Declaration, account: &Account) -> Handling {
    let mut handling = account.handling.clone();
    handling.forward.clone_from(&declaration.forward);
    if handling.forward.is_some() {
        handling.moved = None;
    }
    handling
}

/// All aliases as they shall be, by key. Targets that were declared before and are not any more are taken out, those
/// that are declared are put in; what was made by hand stays.
fn aliases_after(
    declared: &Declarations,
    known: Known<'_>,
    remembered: &[Alias],
) -> BTreeMap<String, Alias> {
    let mut after: BTreeMap<String, Alias> = known
        .aliases
        .iter()
        .map(|alias| (alias.address.key(), alias.clone()))
        .collect();
    let pairs: Vec<(&Mailbox, &Mailbox)> = pairs(declared).collect();
    let keys: HashSet<(String, String)> = pairs
        .iter()
        .map(|(alias, target)| (alias.key(), target.key()))
        .collect();
    let by_accounts = known.accounts.iter().flat_map(|account| {
        let before = account.declared.iter().flat_map(|before| &before.aliases);
        before.map(|alias| (alias, &account.address))
    });
    let by_aliases = remembered
        .iter()
        .flat_map(|alias| alias.targets.iter().map(|target| (&alias.address, target)));
    for (alias, target) in by_accounts.chain(by_aliases) {
        let target = target.key();
        if !keys.contains(&(alias.key(), target.clone()))
            && let Some(alias) = after.get_mut(&alias.key())
        {
            alias.targets.retain(|mailbox| mailbox.key() != target);
        }
    }
    for (address, target) in pairs {
        let alias = after.entry(address.key()).or_insert_with(|| Alias {
            address: address.clone(),
            targets: Vec::new(),
        });
        if !alias
            .targets
            .iter()
            .any(|mailbox| mailbox.key() == target.key())
        {
            alias.targets.push(target.clone());
        }
    }
    after
}

/// Every declared alias with each of its targets, whichever way they are declared.
fn pairs(declared: &Declarations) -> impl Iterator<Item = (&Mailbox, &Mailbox)> {
    let by_accounts = declared.accounts.iter().flat_map(|account| {
        let aliases = account.aliases.iter();
        aliases.map(|alias| (alias, &account.address))
    });
    let by_aliases = declared.aliases.iter().flat_map(|alias| {
        let targets = alias.targets.iter();
        targets.map(|target| (&alias.address, target))
    });
    by_accounts.chain(by_aliases)
}

/// What would look like an address here and lose mail, or take the place of an account.
fn alias_conflicts(
    declared: &Declarations,
    existing: &HashMap<String, &Account>,
    leads: &dyn Fn(&Mailbox) -> bool,
) -> Vec<Problem> {
    let accounts = declared.accounts.iter().map(|one| one.address.key());
    let aliases = pairs(declared).map(|(alias, _)| alias.key());
    let names: HashSet<String> = accounts.chain(aliases).collect();
    let mut problems = Vec::new();
    for alias in &declared.aliases {
        let address = &alias.address;
        if existing.contains_key(&address.key()) {
            let message = format!(
                "address: {address} is an account already; `tegami account remove {address}` would delete it with its mail"
            );
            problems.push(alias.place.problem(message));
        }
        for target in &alias.targets {
            if !names.contains(&target.key()) && !leads(target) {
                let message =
                    format!("targets: {target} is neither an account nor an alias nor a list here");
                problems.push(alias.place.problem(message));
            }
        }
    }
    problems
}

/// An address is an account or an alias, never both.
fn conflicts(
    declared: &[Declaration],
    existing: &HashMap<String, &Account>,
    aliases: &BTreeMap<String, Alias>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for declaration in declared {
        let address = &declaration.address;
        if aliases
            .get(&address.key())
            .is_some_and(|alias| !alias.targets.is_empty())
        {
            let message = format!(
                "address: {address} is an alias already; `tegami alias remove {address}` makes room"
            );
            problems.push(declaration.place.problem(message));
        }
        for alias in &declaration.aliases {
            if existing.contains_key(&alias.key()) {
                let message = format!(
                    "aliases: {alias} is an account already; `tegami account remove {alias}` would delete it with its mail"
                );
                problems.push(declaration.place.problem(message));
            }
        }
    }
    problems
}
