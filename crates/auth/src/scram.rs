//! SCRAM from the server's side (RFC 5802, RFC 7677): stored keys, the server's messages, the proof.
//!
//! Pure: nonce, keys and channel binding are arguments. Who may log in, whose keys these are and what happens
//! to somebody who has none is not known here. The client's messages are read in `scram/message.rs`.

pub(crate) mod client;
mod message;

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::sasl::encode_base64;
use crate::secret::Secret;

pub(crate) use message::{Binding, ClientFinal, ClientFirst};

/// Rounds of PBKDF2 in keys made here. They cost the client, at each login, and whoever stole the keys, at each
/// guess; the server pays once per password. RFC 7677 section 4 wants 4,096 at least; Cyrus libsasl2, which many
/// clients are built on, breaks off a login that asks for more than 65,536.
///
/// Whoever has the keys can guess against them at this price, which is far below that of argon2id: with SCRAM
/// switched on, this number is what protects weak passwords if the data directory is stolen.
pub const ITERATIONS: u32 = 65_536;
const _: () = assert!(4_096 <= ITERATIONS && ITERATIONS <= 65_536);

/// Octets of salt in keys made here.
pub(crate) const SALT: usize = 16;

/// The hash function of a SCRAM mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ScramHash {
    /// RFC 7677.
    Sha256,
    /// RFC 5802.
    Sha1,
}

/// What the server keeps of a password for SCRAM (RFC 5802 section 3). It checks proofs; it cannot make one.
///
/// `Debug` shows none of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScramKeys {
    hash: ScramHash,
    iterations: u32,
    salt: Vec<u8>,
    stored_key: Vec<u8>,
    server_key: Vec<u8>,
}

impl ScramKeys {
    /// Derives the keys of a password. Takes milliseconds (see [`ITERATIONS`]), so never on an async worker.
    pub fn derive(hash: ScramHash, password: &Secret, salt: &[u8], iterations: u32) -> Self {
        let prepared = password.saslprep();
        let salted = match hash {
            ScramHash::Sha256 => hi::<Hmac<Sha256>>(prepared.as_bytes(), salt, iterations),
            ScramHash::Sha1 => hi::<Hmac<Sha1>>(prepared.as_bytes(), salt, iterations),
        };
        let client_key = Zeroizing::new(hash.hmac(&salted, b"Client Key"));
        Self {
            hash,
            iterations,
            salt: salt.to_vec(),
            stored_key: hash.digest(&client_key),
            server_key: hash.hmac(&salted, b"Server Key"),
        }
    }

    /// Keys of today's cost that no password fits: what is shown to somebody who does not exist. `stored` is
    /// secret, at least as long as the hash.
    pub(crate) fn unmatched(hash: ScramHash, salt: &[u8], stored: &[u8; 32]) -> Self {
        let stored_key = stored[..hash.octets()].to_vec();
        Self {
            hash,
            iterations: ITERATIONS,
            salt: salt.to_vec(),
            server_key: stored_key.clone(),
            stored_key,
        }
    }

    /// The hash function they are for.
    pub fn hash(&self) -> ScramHash {
        self.hash
    }

    /// Rounds of PBKDF2.
    pub fn iterations(&self) -> u32 {
        self.iterations
    }
}

impl fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramKeys")
            .field("hash", &self.hash)
            .finish_non_exhaustive()
    }
}

impl ScramHash {
    fn octets(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha1 => 20,
        }
    }

    fn digest(self, octets: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(octets).to_vec(),
            Self::Sha1 => Sha1::digest(octets).to_vec(),
        }
    }

    fn hmac(self, key: &[u8], octets: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => mac::<Hmac<Sha256>>(key, octets),
            Self::Sha1 => mac::<Hmac<Sha1>>(key, octets),
        }
    }
}

/// The server's first message has gone out; the client's final one is awaited.
#[derive(Debug)]
pub(crate) struct Challenge {
    first: ClientFirst,
    server_first: String,
    nonce: String,
    /// What `c=` must decode to.
    bound: Vec<u8>,
    keys: ScramKeys,
}

/// A proof taken out of the client's final message, complete and not yet judged.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    keys: ScramKeys,
    message: Vec<u8>,
    proof: Vec<u8>,
}

/// What a proof shows.
pub(crate) struct Shown {
    /// The password was the right one.
    pub(crate) right: bool,
    /// The server's final message, to be sent if `right`.
    pub(crate) server_final: String,
}

impl Challenge {
    /// RFC 5802 section 5.1: the server appends its own nonce to the client's, and names salt and iterations.
    pub(crate) fn new(
        first: ClientFirst,
        keys: ScramKeys,
        server_nonce: &str,
        binding: Option<&[u8]>,
    ) -> Self {
        let nonce = format!("{}{server_nonce}", first.nonce);
        let salt = encode_base64(&keys.salt);
        let server_first = format!("r={nonce},s={salt},i={}", keys.iterations);
        let mut bound = first.header.clone().into_bytes();
        bound.extend_from_slice(binding.unwrap_or_default());
        Self {
            first,
            server_first,
            nonce,
            bound,
            keys,
        }
    }

    /// The server's first message.
    pub(crate) fn message(&self) -> &str {
        &self.server_first
    }

    /// Takes the client's final message. `None` when it is broken, answers another challenge, or does not
    /// belong to this channel: that has nothing to do with the password.
    pub(crate) fn take(self, message: &[u8]) -> Option<Proof> {
        let last = ClientFinal::parse(message)?;
        // RFC 5802 section 5.1: nonce and channel binding are compared before anything else.
        let here = last.nonce == self.nonce && bool::from(last.bound.ct_eq(&self.bound));
        if !here || last.proof.len() != self.keys.hash.octets() {
            return None;
        }
        let message = format!(
            "{},{},{}",
            self.first.bare, self.server_first, last.without_proof
        );
        Some(Proof {
            keys: self.keys,
            message: message.into_bytes(),
            proof: last.proof,
        })
    }
}

impl Proof {
    /// RFC 5802 section 3: `ClientKey := ClientProof XOR HMAC(StoredKey, AuthMessage)`, which must hash to
    /// StoredKey. The same work whether it does or not.
    pub(crate) fn show(&self) -> Shown {
        let hash = self.keys.hash;
        let signature = hash.hmac(&self.keys.stored_key, &self.message);
        let client_key: Zeroizing<Vec<u8>> = Zeroizing::new(
            self.proof
                .iter()
                .zip(&signature)
                .map(|(proof, signature)| proof ^ signature)
                .collect(),
        );
        let verifier = hash.hmac(&self.keys.server_key, &self.message);
        Shown {
            right: hash.digest(&client_key).ct_eq(&self.keys.stored_key).into(),
            server_final: format!("v={}", encode_base64(verifier)),
        }
    }

    /// What was signed; no two exchanges have it in common.
    pub(crate) fn message(&self) -> &[u8] {
        &self.message
    }

    /// The keys it was checked against.
    pub(crate) fn keys(&self) -> &ScramKeys {
        &self.keys
    }
}

/// RFC 5802 section 2.2, `Hi`: PBKDF2 (RFC 8018 section 5.2) with one block of output.
fn hi<M: Mac + KeyInit + Clone>(
    password: &[u8],
    salt: &[u8],
    iterations: u32,
) -> Zeroizing<Vec<u8>> {
    let keyed = keyed::<M>(password);
    let mut round = keyed
        .clone()
        .chain_update(salt)
        .chain_update(1_u32.to_be_bytes())
        .finalize()
        .into_bytes();
    let mut salted = round.clone();
    for _ in 1..iterations {
        round = keyed.clone().chain_update(&round).finalize().into_bytes();
        for (sum, octet) in salted.iter_mut().zip(&round) {
            *sum ^= octet;
        }
    }
    Zeroizing::new(salted.to_vec())
}

fn mac<M: Mac + KeyInit>(key: &[u8], octets: &[u8]) -> Vec<u8> {
    keyed::<M>(key)
        .chain_update(octets)
        .finalize()
        .into_bytes()
        .to_vec()
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
pub(crate) fn keyed<M: Mac + KeyInit>(key: &[u8]) -> M {
    <M as KeyInit>::new_from_slice(key).expect("any length")
}
