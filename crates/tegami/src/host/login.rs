//! One way to check a password, whichever protocol it came over.

use std::net::IpAddr;
use std::time::Instant;

use auth::{AccountRef, Credentials, Verdict};
use mailstore::AccountId;

use super::House;

/// Who a session is logged in as.
#[derive(Clone, Debug)]
pub struct Login {
    /// The account.
    pub account: AccountId,
    /// Its address, for the log and for Received fields.
    pub address: String,
}

impl From<AccountRef> for Login {
    fn from(account: AccountRef) -> Self {
        Self {
            account: AccountId(account.key),
            address: account.address,
        }
    }
}

/// Checks `credentials` and logs how it went; never what was tried.
pub async fn verify(house: &House, credentials: &Credentials, peer: IpAddr) -> Verdict {
    let verdict = house
        .authenticator
        .verify(credentials, peer, Instant::now())
        .await;
    match &verdict {
        Verdict::Accepted(account) => tracing::debug!(account = %account.address, %peer, "login"),
        Verdict::Rejected => {
            tracing::info!(login = %credentials.login.escape_debug(), %peer, "login refused")
        }
        Verdict::Busy => tracing::warn!(%peer, "login not checked: too many at once"),
        Verdict::Throttled => {
            tracing::warn!(%peer, "login not checked: too many failures from there")
        }
    }
    verdict
}
