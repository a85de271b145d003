//! One way to check a password, whichever protocol it came over.

use std::net::IpAddr;
use std::time::Instant;

use auth::{AccountRef, Credentials, Exchange, Mechanism, Step, Verdict};
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

/// The SASL exchange of one session, the same over both protocols (RFC 4954, RFC 5034).
#[derive(Default)]
pub struct Sasl(Option<Exchange>);

/// Where an exchange has come to.
pub enum Progress {
    /// The client must answer this.
    Challenge(Vec<u8>),
    /// What the client said is not of this mechanism; the exchange is over.
    Malformed,
    /// The credentials are complete and have been checked; the exchange is over.
    Checked(Verdict),
}

impl Sasl {
    /// Begins an exchange; one that was going on is forgotten.
    pub async fn start(
        &mut self,
        mechanism: Mechanism,
        initial: Option<&[u8]>,
        house: &House,
        peer: IpAddr,
    ) -> Progress {
        let (exchange, step) = Exchange::start(mechanism, initial);
        self.0 = Some(exchange);
        self.take(step, house, peer).await
    }

    /// Takes the client's answer to the last challenge.
    pub async fn respond(&mut self, response: &[u8], house: &House, peer: IpAddr) -> Progress {
        let step = match &mut self.0 {
            Some(exchange) => exchange.respond(response),
            None => Step::Malformed,
        };
        self.take(step, house, peer).await
    }

    /// Forgets the exchange.
    pub fn cancel(&mut self) {
        self.0 = None;
    }

    async fn take(&mut self, step: Step, house: &House, peer: IpAddr) -> Progress {
        match step {
            Step::Challenge(octets) => Progress::Challenge(octets),
            Step::Malformed => {
                self.cancel();
                Progress::Malformed
            }
            Step::Verify(credentials) => {
                self.cancel();
                Progress::Checked(verify(house, &credentials, peer).await)
            }
        }
    }
}
