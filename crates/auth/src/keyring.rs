//! The house's own key and what is made with it: salts, keys derived from passwords, sealed secrets.
//!
//! Where the key is kept is the caller's business. Whoever has it and the store can read sealed secrets; that is
//! why there are none unless an account was allowed them.

use std::fmt;

use address::Mailbox;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::mechanism::Mechanism;
use crate::password::{HashError, PasswordHash};
use crate::scram::{ITERATIONS, SALT, ScramHash, ScramKeys, keyed};
use crate::secret::Secret;

/// Octets of the extended nonce of XChaCha20.
const NONCE: usize = 24;
/// Whose secret the decoy is: nobody's.
const NOBODY: &str = "nobody@localhost";

/// A password that can be read back, under the house's key and bound to its account's address. `Debug` shows
/// nothing.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedSecret(Vec<u8>);

impl fmt::Debug for SealedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedSecret(..)")
    }
}

/// What one mechanism needs to know of a password. New kinds go to the end: stored records name them by place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LoginKey {
    /// For SCRAM.
    Scram(ScramKeys),
    /// For APOP and CRAM-MD5.
    Sealed(SealedSecret),
}

/// Everything an account's password was turned into besides its hash; at most one of each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginKeys(Vec<LoginKey>);

impl LoginKeys {
    /// The keys for SCRAM with this hash function.
    pub fn scram(&self, hash: ScramHash) -> Option<&ScramKeys> {
        self.0.iter().find_map(|key| match key {
            LoginKey::Scram(keys) if keys.hash() == hash => Some(keys),
            LoginKey::Scram(_) | LoginKey::Sealed(_) => None,
        })
    }

    /// The secret for APOP and CRAM-MD5; there only where the account was allowed them.
    pub fn sealed(&self) -> Option<&SealedSecret> {
        self.0.iter().find_map(|key| match key {
            LoginKey::Sealed(sealed) => Some(sealed),
            LoginKey::Scram(_) => None,
        })
    }

    /// Adds a key, in the place of the one of its kind.
    pub fn put(&mut self, key: LoginKey) {
        let same_kind = |old: &LoginKey| match (old, &key) {
            (LoginKey::Scram(old), LoginKey::Scram(new)) => old.hash() == new.hash(),
            (LoginKey::Sealed(_), LoginKey::Sealed(_)) => true,
            (LoginKey::Scram(_), LoginKey::Sealed(_))
            | (LoginKey::Sealed(_), LoginKey::Scram(_)) => false,
        };
        self.0.retain(|old| !same_kind(old));
        self.0.push(key);
    }

    /// Adds all of these, each in the place of the one of its kind.
    pub fn merge(&mut self, keys: Self) {
        for key in keys.0 {
            self.put(key);
        }
    }

    /// Takes the readable secret away.
    pub fn unseal(&mut self) {
        self.0.retain(|key| match key {
            LoginKey::Scram(_) => true,
            LoginKey::Sealed(_) => false,
        });
    }

    /// Whether something that is wanted is not there.
    pub fn lack(&self, wanted: Wanted) -> bool {
        (wanted.scram_sha_256 && self.scram(ScramHash::Sha256).is_none())
            || (wanted.scram_sha_1 && self.scram(ScramHash::Sha1).is_none())
            || (wanted.sealed && self.sealed().is_none())
    }
}

/// What is to be kept of a password besides its hash. Nothing is kept that no mechanism needs: each kind makes
/// guessing cheaper for somebody who steals the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Keys for SCRAM-SHA-256.
    pub scram_sha_256: bool,
    /// Keys for SCRAM-SHA-1.
    pub scram_sha_1: bool,
    /// The password itself, sealed.
    pub sealed: bool,
}

impl Wanted {
    /// The SCRAM keys that these mechanisms need. Sealing is up to each account, so it is not among them.
    pub fn by(mechanisms: &[Mechanism]) -> Self {
        let mut wanted = Self::default();
        for mechanism in mechanisms {
            match mechanism {
                Mechanism::ScramSha256Plus | Mechanism::ScramSha256 => wanted.scram_sha_256 = true,
                Mechanism::ScramSha1 => wanted.scram_sha_1 = true,
                Mechanism::CramMd5 | Mechanism::Plain | Mechanism::Login => {}
            }
        }
        wanted
    }

    /// The same, and the sealed secret or not.
    #[must_use]
    pub fn with_sealed(self, sealed: bool) -> Self {
        Self { sealed, ..self }
    }
}

/// A password turned into what is stored of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewPassword {
    /// For PLAIN, LOGIN and POP3's PASS.
    pub hash: PasswordHash,
    /// For the other mechanisms.
    pub keys: LoginKeys,
}

impl From<PasswordHash> for NewPassword {
    /// A password of which nothing but the hash is known.
    fn from(hash: PasswordHash) -> Self {
        Self {
            hash,
            keys: LoginKeys::default(),
        }
    }
}

/// Subkeys of the house's key, one for each use.
pub struct Keyring {
    salts: Zeroizing<[u8; 32]>,
    seal: XChaCha20Poly1305,
    decoy: SealedSecret,
}

impl Keyring {
    /// Everything that follows from the house's key.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn new(key: &[u8; 32]) -> Result<Self, HashError> {
        let sealing = subkey(key, b"sealed secrets");
        let mut keyring = Self {
            salts: subkey(key, b"SCRAM salts"),
            seal: XChaCha20Poly1305::new((&*sealing).into()),
            decoy: SealedSecret(Vec::new()),
        };
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| HashError::NoRandomness(error.to_string()))?;
        let secret = Secret::new(random.iter().map(|octet| format!("{octet:02x}")).collect());
        keyring.decoy = keyring.seal_for(&secret, NOBODY)?;
        Ok(keyring)
    }

    /// Turns a password into what is stored of it. Takes tens of milliseconds and 19 MiB.
    ///
    /// # Errors
    /// An empty password, no randomness, no memory.
    pub fn derive(
        &self,
        password: &Secret,
        address: &Mailbox,
        wanted: Wanted,
    ) -> Result<NewPassword, HashError> {
        let hash = PasswordHash::hash(password)?;
        let mut keys = self.scram(password, address, wanted);
        if wanted.sealed {
            let prepared = password.prepared();
            let text = String::from_utf8_lossy(prepared.as_bytes()).into_owned();
            let sealed = self.seal_for(&Secret::new(text), &address.key())?;
            keys.put(LoginKey::Sealed(sealed));
        }
        Ok(NewPassword { hash, keys })
    }

    /// Only the SCRAM keys that are wanted, of a password that is known to be the right one.
    pub fn scram(&self, password: &Secret, address: &Mailbox, wanted: Wanted) -> LoginKeys {
        let mut keys = LoginKeys::default();
        for (wanted, hash) in [
            (wanted.scram_sha_256, ScramHash::Sha256),
            (wanted.scram_sha_1, ScramHash::Sha1),
        ] {
            if wanted {
                let salt = self.salt(hash, &address.local.folded());
                let derived = ScramKeys::derive(hash, password, &salt, ITERATIONS);
                keys.put(LoginKey::Scram(derived));
            }
        }
        keys
    }

    /// Keys for somebody who has none, whatever the name: RFC 5802 section 9 wants them to look like anybody's,
    /// at every attempt and after every restart.
    pub(crate) fn unmatched(&self, hash: ScramHash, login: &str) -> ScramKeys {
        let local = local_part(login);
        let stored = self.octets(b"nobody's key", hash, &local);
        ScramKeys::unmatched(hash, &self.salt(hash, &local), &stored)
    }

    /// The secret of the account of this address.
    pub(crate) fn open(&self, sealed: &SealedSecret, address: &str) -> Option<Secret> {
        let address = Mailbox::parse_user(address).ok()?.key();
        let (nonce, octets) = sealed.0.split_first_chunk::<NONCE>()?;
        let payload = Payload {
            msg: octets,
            aad: address.as_bytes(),
        };
        let opened = self.seal.decrypt(&XNonce::from(*nonce), payload).ok()?;
        String::from_utf8(opened).ok().map(Secret::new)
    }

    /// A secret that nobody has, at the price of one that somebody has.
    pub(crate) fn open_decoy(&self) -> Option<Secret> {
        self.open(&self.decoy, NOBODY)
    }

    fn seal_for(&self, secret: &Secret, address: &str) -> Result<SealedSecret, HashError> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|error| HashError::NoRandomness(error.to_string()))?;
        let payload = Payload {
            msg: secret.expose().as_bytes(),
            aad: address.as_bytes(),
        };
        let octets = self
            .seal
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|error| HashError::Failed(error.to_string()))?;
        Ok(SealedSecret([&nonce[..], &octets].concat()))
    }

    /// Every salt is made from the local part, for real accounts and for names nobody has. So neither its look
    /// nor its being the same for `alice` and `alice@example.test`, or for two domains, tells who exists. A
    /// stranger's server has another key, so no table of guesses serves for two.
    fn salt(&self, hash: ScramHash, local: &str) -> [u8; SALT] {
        let octets = self.octets(b"salt", hash, local);
        std::array::from_fn(|index| octets[index])
    }

    fn octets(&self, purpose: &[u8], hash: ScramHash, local: &str) -> [u8; 32] {
        let hash: &[u8] = match hash {
            ScramHash::Sha256 => b"\0SHA-256\0",
            ScramHash::Sha1 => b"\0SHA-1\0",
        };
        keyed::<Hmac<Sha256>>(&*self.salts)
            .chain_update(purpose)
            .chain_update(hash)
            .chain_update(local)
            .finalize()
            .into_bytes()
            .into()
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring(..)")
    }
}

fn subkey(key: &[u8; 32], purpose: &[u8]) -> Zeroizing<[u8; 32]> {
    let derived = keyed::<Hmac<Sha256>>(key).chain_update(purpose).finalize();
    Zeroizing::new(derived.into_bytes().into())
}

/// The local part of a login as typed, folded as accounts are found.
fn local_part(login: &str) -> String {
    match Mailbox::parse_user(login) {
        Ok(mailbox) => mailbox.local.folded(),
        Err(_) => login.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests;
