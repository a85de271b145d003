//! Who may log in: password hashes and keys, SASL exchanges, the cache of verified logins, throttling.
//!
//! It knows no protocol, no store and no socket: accounts come in through [`Accounts`], and what a client is
//! told about a [`Verdict`] is the sessions' business.
#![forbid(unsafe_code)]

mod aging;
mod cache;
mod client;
mod digest;
mod floor;
mod keyring;
mod mechanism;
mod password;
mod pool;
mod prove;
mod sasl;
mod scram;
mod secret;
mod throttle;
mod verify;

pub use client::{ClientExchange, ClientSetting, ClientStep, Derivation, Derived, Distrust};
pub use digest::hex_digest;
pub use floor::{Floor, FloorError};
pub use keyring::{Keyring, LoginKey, LoginKeys, NewPassword, SealedSecret, Wanted};
pub use mechanism::{Mechanism, Mechanisms};
pub use password::{HashError, PasswordHash};
pub use prove::Proved;
pub use sasl::{
    Base64Error, Claim, Credentials, DigestProof, Exchange, Proof, ScramProof, Setting, Step,
    decode_base64, encode_base64, timestamp,
};
pub use scram::{ITERATIONS, ScramHash, ScramKeys};
pub use secret::Secret;
pub use throttle::{Allowance, ThrottleRules};
pub use verify::{AccountRef, Accounts, Authenticator, Disclosure, Options, StartError, Verdict};
