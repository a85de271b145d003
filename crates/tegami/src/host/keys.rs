//! Which ways to log in are offered, and how accounts come by the keys that some of them need.
//!
//! Nobody is offered a way that some account could not go: mail programs choose the strongest offer and take a
//! refusal for a wrong password.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use auth::{AccountRef, Mechanism, Mechanisms, Secret, Wanted};
use mailstore::{AccountId, Change, ChangeError};

use super::House;

/// Accounts whose keys are being made right now, so that fifty logins at once make them once.
#[derive(Clone, Debug, Default)]
pub struct Making(Arc<Mutex<HashSet<u64>>>);

impl Making {
    fn begin(&self, account: u64) -> Option<Made> {
        let mut making = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        making.insert(account).then(|| Made {
            making: self.clone(),
            account,
        })
    }
}

/// Takes the account off the list, however it ended.
struct Made {
    making: Making,
    account: u64,
}

impl Drop for Made {
    fn drop(&mut self) {
        let mut making = self.making.0.lock().unwrap_or_else(PoisonError::into_inner);
        making.remove(&self.account);
    }
}

impl House {
    /// The mechanisms that are switched on and that every account can use, or is told how to come to use.
    pub fn mechanisms(&self) -> Mechanisms {
        let lacking = self.store.directory().lacking();
        let policy = self.policy.load();
        let hinted = policy.disclosure.transition;
        let usable = |mechanism: &Mechanism| match mechanism {
            Mechanism::ScramSha256Plus | Mechanism::ScramSha256 => {
                hinted || lacking.scram_sha_256 == 0
            }
            Mechanism::ScramSha1 => hinted || lacking.scram_sha_1 == 0,
            Mechanism::CramMd5 => lacking.sealed == 0,
            Mechanism::Plain | Mechanism::Login => true,
        };
        policy.mechanisms.iter().copied().filter(usable).collect()
    }

    /// A fresh timestamp for a POP3 greeting, if APOP is switched on and every account can use it.
    pub fn apop_timestamp(&self) -> Option<String> {
        let policy = self.policy.load();
        if !policy.apop || self.store.directory().lacking().sealed > 0 {
            return None;
        }
        auth::timestamp(&policy.hostname)
            .inspect_err(|error| tracing::error!(%error, "APOP not offered"))
            .ok()
    }

    /// Makes the keys that this account lacks, in the background, of the password it has just logged in with.
    pub fn complete_keys(&self, account: &AccountRef, password: &Secret) {
        let wanted = Wanted::by(&self.policy.load().mechanisms);
        if !account.keys.lack(wanted) {
            return;
        }
        let Some(made) = self.making.begin(account.key) else {
            return;
        };
        let (store, keyring) = (self.store.clone(), Arc::clone(&self.keyring));
        let (account, password) = (account.clone(), password.clone());
        tokio::spawn(async move {
            let _made = made;
            let Some(address) = store
                .directory()
                .account(AccountId(account.key))
                .map(|account| account.address.clone())
            else {
                return;
            };
            let derived =
                tokio::task::spawn_blocking(move || keyring.scram(&password, &address, wanted));
            let Ok(keys) = derived.await else {
                return;
            };
            let change = Change::PutKeys {
                account: AccountId(account.key),
                generation: account.generation,
                keys,
            };
            match store.change(change).await {
                Ok(()) => tracing::info!(account = %account.address, "keys for SCRAM made"),
                // A new password came between; the next login with it makes new keys.
                Err(ChangeError::Changed(_) | ChangeError::NoAccount(_)) => {}
                Err(error) => {
                    tracing::warn!(account = %account.address, %error, "keys for SCRAM not kept")
                }
            }
        });
    }
}
