//! SCRAM from the client's side (RFC 5802 section 5, RFC 7677): its two messages, and whether the server proved itself.
//!
//! Nonce and channel binding are arguments. What the server says is a stranger's: a count of rounds that would keep us
//! busy, or make the password cheap to guess, ends the exchange.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{ITERATIONS, ScramHash, hi};
use crate::client::Distrust;
use crate::sasl::{Credentials, decode_base64, encode_base64};
use crate::secret::Secret;

use sha1::Sha1;
use sha2::Sha256;

/// Fewest rounds a server may ask for (RFC 7677 section 4): with fewer, whoever poses as the server could guess at what
/// it hears.
const FEWEST: u32 = 4_096;
/// Most rounds a server may ask for; the usual numbers are far below.
const MOST: u32 = 1_000_000;
const _: () = assert!(FEWEST <= ITERATIONS && ITERATIONS <= MOST);
/// Longest salt, in octets.
const LONGEST_SALT: usize = 512;

/// What a client says about channel binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// `n`: it cannot, or was offered it and chose otherwise.
    Unable,
    /// `y`: it could, and the server offered none. A server that did offer it then knows that somebody hid the offer.
    Unoffered,
    /// `p=tls-exporter` (RFC 9266), with this keying material.
    Exporter([u8; 32]),
}

/// The first message is made.
pub(crate) struct Client {
    hash: ScramHash,
    password: Secret,
    nonce: String,
    /// The GS2 header.
    header: String,
    /// `client-first-message-bare`.
    bare: String,
    bound: Bound,
}

/// Everything is known that the client's proof is made of. Making it takes as long as the server wants it to, so it is
/// not done where others wait. `Debug` shows none of it.
pub struct Derivation {
    client: Client,
    server_first: String,
    nonce: String,
    salt: Vec<u8>,
    iterations: u32,
}

/// What came of a [`Derivation`]. `Debug` shows none of it.
pub struct Derived {
    pub(crate) message: Vec<u8>,
    /// What only a server that has the keys can say.
    pub(crate) signature: Vec<u8>,
}

impl Client {
    pub(crate) fn new(
        hash: ScramHash,
        credentials: Credentials,
        nonce: String,
        bound: Bound,
    ) -> Self {
        let flag = match bound {
            Bound::Unable => "n",
            Bound::Unoffered => "y",
            Bound::Exporter(_) => "p=tls-exporter",
        };
        let authzid = credentials
            .authzid
            .map(|authzid| format!("a={}", saslname(&authzid)));
        Self {
            header: format!("{flag},{},", authzid.unwrap_or_default()),
            bare: format!("n={},r={nonce}", saslname(&credentials.login)),
            hash,
            password: credentials.password,
            nonce,
            bound,
        }
    }

    /// `client-first-message`.
    pub(crate) fn message(&self) -> Vec<u8> {
        format!("{}{}", self.header, self.bare).into_bytes()
    }

    /// Takes the server's first message.
    ///
    /// ```text
    /// server-first-message = [reserved-mext ","] nonce "," salt "," iteration-count ["," extensions]
    /// ```
    pub(crate) fn challenged(self, message: &[u8]) -> Result<Derivation, Distrust> {
        let (nonce, salt, iterations) = read_first(message).ok_or(Distrust::Unreadable)?;
        // RFC 5802 section 5.1: the server's nonce begins with ours, or this answers somebody else.
        if nonce.len() <= self.nonce.len() || !nonce.starts_with(&self.nonce) {
            return Err(Distrust::Replayed);
        }
        if !(FEWEST..=MOST).contains(&iterations) {
            return Err(Distrust::Rounds(iterations));
        }
        Ok(Derivation {
            nonce: nonce.to_owned(),
            salt,
            iterations,
            server_first: String::from_utf8_lossy(message).into_owned(),
            client: self,
        })
    }
}

impl Derivation {
    /// Makes the proof: milliseconds to a second, so never on an async worker.
    #[must_use]
    pub fn derive(self) -> Derived {
        let hash = self.client.hash;
        let prepared = self.client.password.saslprep();
        let (password, salt) = (prepared.as_bytes(), &self.salt[..]);
        let salted = match hash {
            ScramHash::Sha256 => hi::<hmac::Hmac<Sha256>>(password, salt, self.iterations),
            ScramHash::Sha1 => hi::<hmac::Hmac<Sha1>>(password, salt, self.iterations),
        };
        let mut bound = self.client.header.clone().into_bytes();
        if let Bound::Exporter(material) = &self.client.bound {
            bound.extend_from_slice(material);
        }
        let without_proof = format!("c={},r={}", encode_base64(bound), self.nonce);
        let signed = format!("{},{},{without_proof}", self.client.bare, self.server_first);
        // RFC 5802 section 3.
        let client_key = Zeroizing::new(hash.hmac(&salted, b"Client Key"));
        let server_key = Zeroizing::new(hash.hmac(&salted, b"Server Key"));
        let signature = hash.hmac(&hash.digest(&client_key), signed.as_bytes());
        let proof: Vec<u8> = client_key
            .iter()
            .zip(&signature)
            .map(|(key, signature)| key ^ signature)
            .collect();
        Derived {
            message: format!("{without_proof},p={}", encode_base64(proof)).into_bytes(),
            signature: hash.hmac(&server_key, signed.as_bytes()),
        }
    }
}

/// Whether the server's final message is the one that only it can say.
///
/// ```text
/// server-final-message = (server-error / verifier) ["," extensions]
/// verifier             = "v=" base64
/// ```
pub(crate) fn is_proven(message: &[u8], signature: &[u8]) -> bool {
    let verifier = str::from_utf8(message)
        .ok()
        .and_then(|text| text.split(',').next()?.strip_prefix("v="))
        .and_then(|text| decode_base64(text).ok());
    verifier.is_some_and(|verifier| verifier.ct_eq(signature).into())
}

/// Nonce, salt and rounds; a mandatory extension (`m=`) is not a nonce, so it ends here, as RFC 5802 section 5.1 wants.
fn read_first(message: &[u8]) -> Option<(&str, Vec<u8>, u32)> {
    let mut parts = str::from_utf8(message).ok()?.split(',');
    let nonce = parts.next()?.strip_prefix("r=")?;
    let salt = decode_base64(parts.next()?.strip_prefix("s=")?).ok()?;
    let rounds = parts.next()?.strip_prefix("i=")?;
    let plain = nonce.bytes().all(|octet| matches!(octet, 0x21..=0x7e));
    let number = !rounds.is_empty() && rounds.bytes().all(|octet| octet.is_ascii_digit());
    if !plain || !number || salt.is_empty() || salt.len() > LONGEST_SALT {
        return None;
    }
    // What does not fit a number is too many.
    Some((nonce, salt, rounds.parse().unwrap_or(u32::MAX)))
}

/// RFC 5802 section 5.1: a comma is `=2C`, an equals sign `=3D`.
fn saslname(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl fmt::Debug for Derivation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Derivation")
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Derived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Derived").finish_non_exhaustive()
    }
}
