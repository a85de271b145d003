//! New passwords of declared accounts, turned into what is stored of them on all cores. That takes seconds for many
//! accounts, so it is done before anybody has to wait for it.

use std::collections::HashMap;
use std::num::NonZero;
use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use address::Mailbox;
use auth::{HashError, Keyring, NewPassword, Secret, Wanted};
use mailstore::{Account, Change, NewAccount};

use super::apply::ApplyError;
use super::{AccountStep, DeclaredSecret, NewSecret};

/// Each takes 19 MiB while it runs.
const MOST_HASHES_AT_ONCE: usize = 16;

/// What came of passwords, by [`Mailbox::key`] of their accounts.
#[derive(Debug, Default)]
pub struct Passwords(HashMap<String, NewPassword>);

/// What becomes of accounts, with whom it is about.
#[derive(Debug, Default)]
pub struct AccountChanges {
    /// They are new.
    pub made: Vec<(Mailbox, Change)>,
    /// Something about them is new.
    pub altered: Vec<(Mailbox, Change)>,
    /// Their declaration is gone.
    pub switched_off: Vec<(Mailbox, Change)>,
}

/// Ends the work on passwords when nobody waits for it any more.
#[derive(Default)]
struct Wanting(Arc<AtomicBool>);

impl Drop for Wanting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A password to be worked on: whose it is, and what has to come of it.
struct Work {
    address: Mailbox,
    password: Secret,
    wanted: Wanted,
}

impl Passwords {
    /// Works on those that these steps need and that are not here yet. Dropped, it ends with those that are at hand.
    ///
    /// # Errors
    /// With the first that cannot be hashed.
    pub async fn derive(
        &mut self,
        steps: &[AccountStep],
        keyring: &Arc<Keyring>,
    ) -> Result<(), ApplyError> {
        let lacking = steps.iter().filter_map(new_password);
        let lacking: Vec<Work> = lacking
            .filter(|work| !self.0.contains_key(&work.address.key()))
            .collect();
        if lacking.is_empty() {
            return Ok(());
        }
        let keyring = Arc::clone(keyring);
        let wanting = Wanting::default();
        let is_over = Arc::clone(&wanting.0);
        let work = move || derive(lacking, &keyring, &is_over);
        let derived = tokio::task::spawn_blocking(work).await?;
        for (address, password) in derived {
            match password {
                Ok(password) => self.0.insert(address.key(), password),
                Err(source) => return Err(ApplyError::Hash { address, source }),
            };
        }
        Ok(())
    }

    /// The changes that these steps stand for; `None` when a password of theirs is not here.
    pub fn changes(&self, steps: &[AccountStep]) -> Option<AccountChanges> {
        let mut changes = AccountChanges::default();
        for step in steps {
            match step {
                AccountStep::Make { account, secret } => {
                    let NewPassword { hash, keys } = self.of(&account.address, secret)?;
                    let account = NewAccount {
                        password: Some(hash),
                        keys,
                        ..account.clone()
                    };
                    let address = account.address.clone();
                    changes.made.push((address, Change::AddAccount(account)));
                }
                AccountStep::Alter { account, secret } => {
                    let mut account = account.clone();
                    if let Some(secret) = secret {
                        let NewPassword { hash, keys } = self.of(&account.address, secret)?;
                        account = Account {
                            password: Some(hash),
                            keys,
                            ..account
                        };
                    }
                    let address = account.address.clone();
                    changes.altered.push((address, Change::PutAccount(account)));
                }
                AccountStep::SwitchOff(account) => {
                    let change = Change::PutAccount(account.clone());
                    changes.switched_off.push((account.address.clone(), change));
                }
            }
        }
        Some(changes)
    }

    fn of(&self, address: &Mailbox, secret: &NewSecret) -> Option<NewPassword> {
        match &secret.declared {
            DeclaredSecret::Hash(hash) => Some(hash.clone().into()),
            DeclaredSecret::Password(_) => self.0.get(&address.key()).cloned(),
        }
    }
}

/// The password of this step that is to be hashed.
fn new_password(step: &AccountStep) -> Option<Work> {
    let (address, secret) = match step {
        AccountStep::Make { account, secret } => (&account.address, Some(secret)),
        AccountStep::Alter { account, secret } => (&account.address, secret.as_ref()),
        AccountStep::SwitchOff(_) => return None,
    };
    let NewSecret { declared, wanted } = secret?;
    match declared {
        DeclaredSecret::Password(password) => Some(Work {
            address: address.clone(),
            password: password.clone(),
            wanted: *wanted,
        }),
        DeclaredSecret::Hash(_) => None,
    }
}

/// Works on passwords on all cores, until it is over.
fn derive(
    work: Vec<Work>,
    keyring: &Keyring,
    is_over: &AtomicBool,
) -> Vec<(Mailbox, Result<NewPassword, HashError>)> {
    let cores = thread::available_parallelism()
        .map_or(1, NonZero::get)
        .min(MOST_HASHES_AT_ONCE);
    let one = |work: &Work| {
        let derived = keyring.derive(&work.password, &work.address, work.wanted);
        (work.address.clone(), derived)
    };
    thread::scope(|scope| {
        let workers: Vec<_> = work
            .chunks(work.len().div_ceil(cores).max(1))
            .map(|share| {
                let share = share
                    .iter()
                    .take_while(|_| !is_over.load(Ordering::Relaxed));
                scope.spawn(move || share.map(one).collect::<Vec<_>>())
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|panic| panic::resume_unwind(panic))
            })
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_nobody_waits_for_ends() {
        let keyring = Keyring::new(&[1; 32]).unwrap();
        let derived = |is_over: &AtomicBool| {
            let work = Work {
                address: "a@a.test".parse().unwrap(),
                password: "vq7-Rmd2-kLw9".into(),
                wanted: Wanted::default(),
            };
            derive(vec![work], &keyring, is_over).len()
        };
        let wanting = Wanting::default();
        let is_over = Arc::clone(&wanting.0);
        assert_eq!(derived(&is_over), 1);
        drop(wanting);
        assert_eq!(derived(&is_over), 0);
    }
}
