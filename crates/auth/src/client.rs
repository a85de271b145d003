//! The client's side of SASL: how we log in to another server. PLAIN, LOGIN, CRAM-MD5 and SCRAM, the mirror of `sasl`.
//!
//! An exchange draws no nonce and does no base64. Which mechanism is used, and whether the channel may carry a password,
//! is decided by whoever begins it.

use std::fmt::{self, Write};

use hmac::{Hmac, Mac};
use md5::Md5;

use crate::mechanism::Mechanism;
use crate::sasl::Credentials;
use crate::scram::client::{Bound, Client, is_proven};
use crate::scram::{ScramHash, keyed};
use crate::secret::Secret;

pub use crate::scram::client::{Derivation, Derived};

/// What an exchange takes from the connection around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSetting {
    /// Fresh for every exchange, printable, without comma.
    pub nonce: String,
    /// The keying material of the TLS connection (RFC 9266), where it can be named.
    pub binding: Option<[u8; 32]>,
    /// The server offers SCRAM with channel binding.
    pub binding_offered: bool,
}

/// Why a server is not believed. No password is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// Its challenge does not fit the mechanism, or it asked for more when all was said.
    #[error("its challenge cannot be understood")]
    Unreadable,
    /// Its nonce does not begin with ours.
    #[error("its challenge answers another login")]
    Replayed,
    /// It asks for so many rounds of hashing that it would keep us busy, or for so few that the password could be guessed.
    #[error("it asks for {0} rounds of hashing")]
    Rounds(u32),
    /// It could not show that it knows the password, too (RFC 5802 section 5.1).
    #[error("it did not show that it knows the password")]
    Unproven,
}

/// How an exchange goes on. `Debug` does not show what is sent.
pub enum ClientStep {
    /// Send this.
    Respond(Vec<u8>),
    /// Have this derived where nobody waits for it, then give it to [`ClientExchange::derived`].
    Derive(Derivation),
    /// The exchange is over: cancel it.
    Distrust(Distrust),
}

/// One login to another server. `Debug` shows none of it.
pub struct ClientExchange(State);

enum State {
    /// The client speaks first; what it says has not been said yet.
    Opening(Vec<u8>, Box<Self>),
    LoginName(Credentials),
    LoginPassword(Secret),
    Cram(Credentials),
    Scram(Box<Client>),
    Deriving,
    /// The proof is sent; the server has to show this.
    Proving(Vec<u8>),
    /// Everything was said, and all that the server must show was shown.
    Said,
    Ended,
}

impl ClientExchange {
    /// Begins an exchange.
    #[must_use]
    pub fn start(mechanism: Mechanism, credentials: Credentials, setting: ClientSetting) -> Self {
        Self(match mechanism {
            Mechanism::ScramSha256Plus | Mechanism::ScramSha256 => {
                scram(mechanism, ScramHash::Sha256, credentials, setting)
            }
            Mechanism::ScramSha1 => scram(mechanism, ScramHash::Sha1, credentials, setting),
            Mechanism::CramMd5 => State::Cram(credentials),
            // RFC 4616 section 2.
            Mechanism::Plain => State::Opening(
                [
                    credentials.authzid.as_deref().unwrap_or_default(),
                    &credentials.login,
                    credentials.password.expose(),
                ]
                .join("\0")
                .into_bytes(),
                Box::new(State::Said),
            ),
            Mechanism::Login => State::LoginName(credentials),
        })
    }

    /// What [`initial`](Self::initial) would give.
    #[must_use]
    pub fn peek(&self) -> Option<&[u8]> {
        match &self.0 {
            State::Opening(message, _) => Some(message),
            State::LoginName(_)
            | State::LoginPassword(_)
            | State::Cram(_)
            | State::Scram(_)
            | State::Deriving
            | State::Proving(_)
            | State::Said
            | State::Ended => None,
        }
    }

    /// What the client says first, to be sent along with the mechanism's name (RFC 4954 section 4). If this is not
    /// called, the server's empty challenge is answered with it.
    pub fn initial(&mut self) -> Option<Vec<u8>> {
        match std::mem::replace(&mut self.0, State::Ended) {
            State::Opening(message, next) => {
                self.0 = *next;
                Some(message)
            }
            state @ (State::LoginName(_)
            | State::LoginPassword(_)
            | State::Cram(_)
            | State::Scram(_)
            | State::Deriving
            | State::Proving(_)
            | State::Said
            | State::Ended) => {
                self.0 = state;
                None
            }
        }
    }

    /// Takes the server's decoded challenge.
    pub fn respond(&mut self, challenge: &[u8]) -> ClientStep {
        match std::mem::replace(&mut self.0, State::Ended) {
            State::Opening(message, next) if challenge.is_empty() => {
                self.0 = *next;
                ClientStep::Respond(message)
            }
            State::LoginName(credentials) => {
                self.0 = State::LoginPassword(credentials.password);
                ClientStep::Respond(credentials.login.into_bytes())
            }
            State::LoginPassword(password) => {
                self.0 = State::Said;
                ClientStep::Respond(password.expose().as_bytes().to_vec())
            }
            State::Cram(credentials) => {
                self.0 = State::Said;
                ClientStep::Respond(cram(&credentials, challenge))
            }
            State::Scram(client) => match client.challenged(challenge) {
                Ok(derivation) => {
                    self.0 = State::Deriving;
                    ClientStep::Derive(derivation)
                }
                Err(distrust) => ClientStep::Distrust(distrust),
            },
            State::Proving(signature) if is_proven(challenge, &signature) => {
                self.0 = State::Said;
                ClientStep::Respond(Vec::new())
            }
            State::Proving(_) => ClientStep::Distrust(Distrust::Unproven),
            State::Opening(..) | State::Deriving | State::Said | State::Ended => {
                ClientStep::Distrust(Distrust::Unreadable)
            }
        }
    }

    /// Takes what came of [`ClientStep::Derive`].
    pub fn derived(&mut self, derived: Derived) -> ClientStep {
        let State::Deriving = std::mem::replace(&mut self.0, State::Ended) else {
            return ClientStep::Distrust(Distrust::Unreadable);
        };
        self.0 = State::Proving(derived.signature);
        ClientStep::Respond(derived.message)
    }

    /// Whether the server may say now that the login succeeded. Before that it has not heard everything, or has not
    /// shown what it must (RFC 5802 section 5: a client that does not see the server's proof has failed).
    #[must_use]
    pub fn is_complete(&self) -> bool {
        matches!(self.0, State::Said)
    }
}

fn scram(
    mechanism: Mechanism,
    hash: ScramHash,
    credentials: Credentials,
    setting: ClientSetting,
) -> State {
    // RFC 5802 section 6.
    let bound = match setting.binding {
        Some(material) if mechanism.binds_channel() => Bound::Exporter(material),
        Some(_) if !setting.binding_offered => Bound::Unoffered,
        Some(_) | None => Bound::Unable,
    };
    let client = Client::new(hash, credentials, setting.nonce, bound);
    State::Opening(client.message(), Box::new(State::Scram(Box::new(client))))
}

/// RFC 2195 section 2.
fn cram(credentials: &Credentials, challenge: &[u8]) -> Vec<u8> {
    let keyed: Hmac<Md5> = keyed(credentials.password.prepared().as_bytes());
    let digest = keyed.chain_update(challenge).finalize().into_bytes();
    let mut response = format!("{} ", credentials.login);
    for octet in digest {
        // Writing to a String cannot fail.
        let _ = write!(response, "{octet:02x}");
    }
    response.into_bytes()
}

impl fmt::Debug for ClientExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientExchange").finish_non_exhaustive()
    }
}

impl fmt::Debug for ClientStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Respond(_) => f.write_str("Respond(..)"),
            Self::Derive(derivation) => f.debug_tuple("Derive").field(derivation).finish(),
            Self::Distrust(why) => f.debug_tuple("Distrust").field(why).finish(),
        }
    }
}

#[cfg(test)]
mod tests;
