//! Who may log in: password hashes, SASL exchanges, the cache of verified logins, throttling.
//!
//! It knows no protocol, no store and no socket: accounts come in through [`Accounts`], and what a client is
//! told about a [`Verdict`] is the sessions' business.
#![forbid(unsafe_code)]

mod aging;
mod cache;
mod password;
mod pool;
mod sasl;
mod secret;
mod throttle;
mod verify;

pub use password::{HashError, PasswordHash};
pub use sasl::{Base64Error, Credentials, Exchange, Mechanism, Step, decode_base64, encode_base64};
pub use secret::Secret;
pub use throttle::{Allowance, ThrottleRules};
pub use verify::{AccountRef, Accounts, Authenticator, Options, StartError, Verdict};
