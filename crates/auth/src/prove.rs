//! Checking what needs no pool: proofs of SCRAM, CRAM-MD5 and APOP cost microseconds.
//!
//! They go through the same throttle as passwords and get the same verdicts. Nothing of them is remembered:
//! only passwords are, whose check is dear.

use std::net::IpAddr;
use std::time::Instant;

use crate::cache::Fingerprint;
use crate::sasl::{Claim, DigestProof, Proof, ScramProof};
use crate::scram::{ScramHash, ScramKeys};
use crate::throttle::Attempt;
use crate::verify::{AccountRef, Authenticator, Disclosure, Verdict, is_own};

/// The outcome of a proof.
#[derive(Debug)]
pub struct Proved {
    /// Whether it was the account's owner.
    pub verdict: Verdict,
    /// What SCRAM's server says last. The client hears it, and answers, before it is told that it is logged in.
    pub server_final: Option<Vec<u8>>,
}

impl Authenticator {
    /// The keys for a SCRAM exchange of whoever claims to be somebody. Who cannot log in gets keys that nothing
    /// fits, made at the same price and always the same.
    ///
    /// # Errors
    /// [`Verdict::Throttled`]: from there, or for that name, nothing is checked now. [`Verdict::Transition`]: the
    /// account has no keys yet.
    pub fn keys(
        &self,
        claim: &Claim,
        hash: ScramHash,
        peer: IpAddr,
        now: Instant,
    ) -> Result<ScramKeys, Verdict> {
        let found = self.accounts.find(&claim.login);
        let attempt = self.claimed(found.as_ref(), claim, peer, &[b"keys"]);
        let mut memory = self.memory();
        if memory.throttle.refuses(&attempt, now) {
            return Err(Verdict::Throttled);
        }
        let disclosure = memory.disclosure;
        if disclosure.transition
            && let Some(account) = &found
            && account.enabled
            && account.hash.is_some()
            && is_own(account, claim.authzid.as_deref(), &claim.login)
            && account.keys.scram(hash).is_none()
        {
            // It tells that the account exists, so asking for many names is guessing like any other.
            memory.throttle.failed(&attempt, now);
            return Err(Verdict::Transition);
        }
        drop(memory);
        let unmatched = self.keyring.unmatched(hash, &claim.login);
        let real = found.filter(|account| account.enabled || disclosure.disabled);
        let real = real.and_then(|account| account.keys.scram(hash).cloned());
        Ok(real.unwrap_or(unmatched))
    }

    /// Checks a proof coming from `peer`. Microseconds; no waiting.
    pub fn prove(&self, proof: &Proof, peer: IpAddr, now: Instant) -> Proved {
        match proof {
            Proof::Scram(proof) => self.prove_scram(proof, peer, now),
            Proof::Digest(proof) => Proved {
                verdict: self.prove_digest(proof, peer, now),
                server_final: None,
            },
        }
    }

    fn prove_scram(&self, scram: &ScramProof, peer: IpAddr, now: Instant) -> Proved {
        let ScramProof { claim, proof } = scram;
        let found = self.accounts.find(&claim.login);
        let shown = proof.show();
        // A wrong proof says nothing of the password it was made with, so the same wrong one cannot be told from
        // another, and each attempt counts.
        let attempt = self.claimed(found.as_ref(), claim, peer, &[b"scram", proof.message()]);
        let keys = proof.keys();
        let disclosure = self.memory().disclosure;
        // Looked up again: an account changed during the exchange is another one.
        let candidate = found.filter(|account| {
            may_prove(account, claim, disclosure) && account.keys.scram(keys.hash()) == Some(keys)
        });
        let verdict = self.judge(candidate, shown.right, &attempt, now);
        let server_final = match &verdict {
            Verdict::Accepted(_) => Some(shown.server_final.into_bytes()),
            Verdict::Rejected
            | Verdict::Unreadable
            | Verdict::Busy
            | Verdict::Throttled
            | Verdict::Disabled
            | Verdict::TooWeak(_)
            | Verdict::Transition => None,
        };
        Proved {
            verdict,
            server_final,
        }
    }

    fn prove_digest(&self, proof: &DigestProof, peer: IpAddr, now: Instant) -> Verdict {
        let DigestProof { claim, answer } = proof;
        let found = self.accounts.find(&claim.login);
        // As above: each attempt counts.
        let [timestamp, digest] = answer.parts();
        let attempt = self.claimed(found.as_ref(), claim, peer, &[b"digest", timestamp, digest]);
        let disclosure = self.memory().disclosure;
        let candidate = found.filter(|account| may_prove(account, claim, disclosure));
        let sealed = candidate
            .as_ref()
            .and_then(|account| Some((account.keys.sealed()?, account.address.as_str())));
        let secret = match sealed {
            Some((sealed, address)) => self.keyring.open(sealed, address),
            None => None,
        };
        if sealed.is_some() && secret.is_none() {
            // RFC 3206 section 4: the administrator lost the key, not the user the password. It tells that the account
            // exists, so asking for many names is guessing like any other.
            let mut memory = self.memory();
            if memory.throttle.refuses(&attempt, now) {
                return Verdict::Throttled;
            }
            memory.throttle.failed(&attempt, now);
            return Verdict::Unreadable;
        }
        // Whoever has no secret is checked against one that nobody has: same work, same time.
        let known = secret.is_some();
        let Some(secret) = secret.or_else(|| self.keyring.open_decoy()) else {
            return Verdict::Busy;
        };
        let right = answer.fits(&secret) && known;
        self.judge(candidate, right, &attempt, now).by_password()
    }

    fn judge(
        &self,
        candidate: Option<AccountRef>,
        right: bool,
        attempt: &Attempt,
        now: Instant,
    ) -> Verdict {
        let mut memory = self.memory();
        if memory.throttle.refuses(attempt, now) {
            return Verdict::Throttled;
        }
        match candidate {
            Some(account) if right => Self::accept(memory, account, attempt, now),
            Some(_) | None => {
                memory.throttle.failed(attempt, now);
                Verdict::Rejected
            }
        }
    }

    /// The attempt in fingerprints; `shown` is what tells it from others for the same name.
    fn claimed(
        &self,
        found: Option<&AccountRef>,
        claim: &Claim,
        peer: IpAddr,
        shown: &[&[u8]],
    ) -> Attempt {
        let name = self.name(&claim.login);
        let mut fields: Vec<&[u8]> = vec![&name];
        fields.extend(shown);
        let login: Fingerprint = self.fingerprints.of(&fields);
        Attempt {
            name,
            account: found.map(|account| account.key),
            login,
            peer,
        }
    }
}

/// Whether the right proof would be enough, if only to hear what is wrong with the account.
fn may_prove(account: &AccountRef, claim: &Claim, disclosure: Disclosure) -> bool {
    (account.enabled || disclosure.disabled)
        && is_own(account, claim.authzid.as_deref(), &claim.login)
}
