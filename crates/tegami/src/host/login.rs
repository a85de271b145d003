//! One way to check who somebody is, whichever protocol and mechanism it came over.

use std::net::IpAddr;
use std::time::Instant;

use auth::{
    AccountRef, Claim, Credentials, DigestProof, Exchange, Mechanism, Proof, Setting, Step, Verdict,
};
use mailstore::AccountId;
use wire::ChannelBinding;

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

/// Checks a password, and logs how it went and by which way to log in; never what was tried.
pub async fn verify(house: &House, credentials: &Credentials, way: &str, peer: IpAddr) -> Verdict {
    let verdict = house
        .authenticator
        .verify(credentials, peer, Instant::now())
        .await;
    note(&verdict, &credentials.login, way);
    // The password was right in either case; whoever may log in with SCRAM only can do so from now on.
    if let Verdict::Accepted(account) | Verdict::TooWeak(account) = &verdict {
        house.complete_keys(account, &credentials.password);
    }
    verdict
}

/// Checks an APOP digest, and logs how it went.
pub fn verify_apop(house: &House, proof: DigestProof, peer: IpAddr) -> Verdict {
    let login = proof.claim().login.clone();
    let proved = house
        .authenticator
        .prove(&Proof::Digest(proof), peer, Instant::now());
    note(&proved.verdict, &login, "APOP");
    proved.verdict
}

/// From where, the connection's span says on every line.
fn note(verdict: &Verdict, login: &str, way: &str) {
    match verdict {
        Verdict::Accepted(account) => {
            tracing::debug!(account = %account.address, way, "login")
        }
        Verdict::Rejected => {
            tracing::info!(login, way, "login refused")
        }
        Verdict::Unreadable => tracing::error!(
            login,
            way,
            "login not checked: what is stored of the password was sealed with another secrets.key; set the password again"
        ),
        Verdict::Busy => tracing::warn!("login not checked: too many at once"),
        Verdict::Throttled => {
            tracing::warn!("login not checked: too many failures from there")
        }
        Verdict::Disabled => tracing::info!(login, way, "login refused: the account is disabled"),
        Verdict::TooWeak(account) => {
            tracing::info!(account = %account.address, way, "login refused: too weak a way for this account")
        }
        Verdict::Transition => {
            tracing::info!(
                login,
                way,
                "login refused: the account has no keys for this yet"
            )
        }
    }
}

/// The SASL exchange of one session, the same over both protocols (RFC 4954, RFC 5034).
#[derive(Default)]
pub enum Sasl {
    /// None is under way.
    #[default]
    Idle,
    /// The client is to answer. Boxed: most sessions have none, most of the time.
    Running(Mechanism, Box<Exchange>),
    /// The client proved who it is and was sent the server's own proof; it has yet to take note of it.
    Proved(Box<AccountRef>),
}

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
    /// Begins an exchange; one that was going on is forgotten. `binding` is there if -PLUS was offered.
    pub async fn start(
        &mut self,
        mechanism: Mechanism,
        initial: Option<&[u8]>,
        binding: Option<ChannelBinding>,
        house: &House,
        peer: IpAddr,
    ) -> Progress {
        *self = Self::Idle;
        let hostname = house.policy.load().hostname.clone();
        let setting = match Setting::new(hostname, binding.map(|ChannelBinding(octets)| octets)) {
            Ok(setting) => setting,
            Err(error) => {
                tracing::error!(%error, "login not checked");
                return Progress::Checked(Verdict::Busy);
            }
        };
        let (exchange, step) = Exchange::start(mechanism, initial, setting);
        self.take(mechanism, Box::new(exchange), step, house, peer)
            .await
    }

    /// Takes the client's answer to the last challenge.
    pub async fn respond(&mut self, response: &[u8], house: &House, peer: IpAddr) -> Progress {
        match std::mem::take(self) {
            Self::Running(mechanism, mut exchange) => {
                let step = exchange.respond(response);
                self.take(mechanism, exchange, step, house, peer).await
            }
            // RFC 4954 section 4: the server's last word is a challenge like any other, answered with nothing.
            Self::Proved(account) if response.is_empty() => {
                Progress::Checked(Verdict::Accepted(*account))
            }
            Self::Proved(_) | Self::Idle => Progress::Malformed,
        }
    }

    /// Forgets the exchange.
    pub fn cancel(&mut self) {
        *self = Self::Idle;
    }

    /// Does what the exchange wants. It is kept only if it goes on: after any error there is none.
    async fn take(
        &mut self,
        mechanism: Mechanism,
        mut exchange: Box<Exchange>,
        step: Step,
        house: &House,
        peer: IpAddr,
    ) -> Progress {
        let way = mechanism.name();
        let step = match step {
            Step::Keys(claim, hash) => {
                let now = Instant::now();
                match house.authenticator.keys(&claim, hash, peer, now) {
                    Ok(keys) => exchange.keys(keys),
                    Err(verdict) => return refused(verdict, &claim, way),
                }
            }
            step @ (Step::Challenge(_)
            | Step::Verify(_)
            | Step::Prove(_)
            | Step::Malformed
            | Step::Refused) => step,
        };
        match step {
            Step::Challenge(octets) => {
                *self = Self::Running(mechanism, exchange);
                Progress::Challenge(octets)
            }
            Step::Verify(credentials) => {
                Progress::Checked(verify(house, &credentials, way, peer).await)
            }
            Step::Prove(proof) => self.prove(&proof, way, house, peer),
            Step::Malformed | Step::Keys(..) => Progress::Malformed,
            Step::Refused => {
                tracing::info!(way, "login refused: the exchange was tampered with");
                Progress::Checked(Verdict::Rejected)
            }
        }
    }

    fn prove(&mut self, proof: &Proof, way: &str, house: &House, peer: IpAddr) -> Progress {
        let claim = match proof {
            Proof::Scram(proof) => proof.claim(),
            Proof::Digest(proof) => proof.claim(),
        };
        let proved = house.authenticator.prove(proof, peer, Instant::now());
        note(&proved.verdict, &claim.login, way);
        match (proved.verdict, proved.server_final) {
            (Verdict::Accepted(account), Some(server_final)) => {
                *self = Self::Proved(Box::new(account));
                Progress::Challenge(server_final)
            }
            (verdict, _) => Progress::Checked(verdict),
        }
    }
}

fn refused(verdict: Verdict, claim: &Claim, way: &str) -> Progress {
    note(&verdict, &claim.login, way);
    Progress::Checked(verdict)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LogFormat;
    use crate::telemetry::tests::logged;

    #[test]
    fn a_hostile_name_is_escaped_once() {
        let refused = || note(&Verdict::Rejected, "a\r\nb\"\\ c", "PLAIN");
        let text = logged(LogFormat::Text, "info", refused);
        let name = r#" login="a\r\nb\"\\ c" way=PLAIN"#;
        assert!(text.contains(name), "{text}");
        let json = logged(LogFormat::Json, "info", refused);
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["login"], "a\r\nb\"\\ c");
    }
}
