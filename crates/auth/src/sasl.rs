//! SASL exchanges step by step, and the strict base64 around them: PLAIN (RFC 4616), LOGIN, SCRAM (RFC 5802,
//! RFC 7677), CRAM-MD5 (RFC 2195).
//!
//! An exchange draws no nonce, knows no account and decides nothing: it ends in [`Credentials`] or a [`Proof`],
//! or not at all. Whether the channel may carry a password is the sessions' question.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::digest::{Answer, cram_response};
use crate::mechanism::Mechanism;
use crate::password::HashError;
use crate::scram::{self, Binding, ClientFirst, ScramHash, ScramKeys};
use crate::secret::Secret;

/// The one channel binding type there is here (RFC 9266).
const TLS_EXPORTER: &str = "tls-exporter";

/// Who someone says they are, and their proof. Only an authenticator can tell whether it is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Whom they want to act as, when they said so; anybody but themselves is refused.
    pub authzid: Option<String>,
    /// The user name as typed.
    pub login: String,
    /// The password as typed.
    pub password: Secret,
}

impl Credentials {
    /// A user name and a password, as POP3's USER and PASS give them.
    pub fn new(login: impl Into<String>, password: Secret) -> Self {
        Self {
            authzid: None,
            login: login.into(),
            password,
        }
    }
}

/// Who someone says they are, without the password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Whom they want to act as, when they said so; anybody but themselves is refused.
    pub authzid: Option<String>,
    /// The user name as typed.
    pub login: String,
}

/// What shows that somebody has a password without showing the password. Only an authenticator can tell whose
/// it is.
#[derive(Debug, PartialEq, Eq)]
pub enum Proof {
    /// Of SCRAM; checked against the keys given during the exchange.
    Scram(ScramProof),
    /// Of CRAM-MD5 or APOP; checked against the password itself.
    Digest(DigestProof),
}

/// The end of a SCRAM exchange.
#[derive(Debug, PartialEq, Eq)]
pub struct ScramProof {
    pub(crate) claim: Claim,
    pub(crate) proof: scram::Proof,
}

impl ScramProof {
    /// Who it is about.
    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    /// What the server says last, if the proof fits the keys. RFC 5802 section 5.1: with it the server proves
    /// that it has the keys, too; the client hears it before it is told that it is logged in.
    pub fn server_final(&self) -> Option<Vec<u8>> {
        let shown = self.proof.show();
        shown.right.then(|| shown.server_final.into_bytes())
    }
}

/// The end of a CRAM-MD5 exchange, or an APOP command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestProof {
    pub(crate) claim: Claim,
    pub(crate) answer: Answer,
}

impl DigestProof {
    /// An APOP command in answer to the greeting's timestamp (RFC 1939 section 7).
    pub fn apop(login: String, timestamp: String, digest: [u8; 16]) -> Self {
        let answer = Answer::Apop { timestamp, digest };
        Self {
            claim: Claim {
                authzid: None,
                login,
            },
            answer,
        }
    }

    /// Who it is about.
    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    /// Whether it was made with this password.
    pub fn fits(&self, password: &Secret) -> bool {
        self.answer.fits(password)
    }
}

/// What an exchange takes from the connection around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Our name, in challenges.
    pub host: String,
    /// Fresh for every exchange, printable, without comma, angle brackets and `@`.
    pub nonce: String,
    /// The keying material of the TLS connection (RFC 9266), present exactly when SCRAM-SHA-256-PLUS is offered
    /// on it: a client that saw no such offer was lied to.
    pub binding: Option<[u8; 32]>,
}

impl Setting {
    /// A setting with a nonce of 144 bits.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn new(host: impl Into<String>, binding: Option<[u8; 32]>) -> Result<Self, HashError> {
        Ok(Self {
            host: host.into(),
            nonce: nonce()?,
            binding,
        })
    }
}

/// A timestamp for an APOP greeting: like a message id, never the same twice (RFC 1939 section 7).
///
/// # Errors
/// The system gives no randomness.
pub fn timestamp(host: &str) -> Result<String, HashError> {
    Ok(format!("<{}@{host}>", nonce()?))
}

fn nonce() -> Result<String, HashError> {
    let mut random = [0; 18];
    getrandom::fill(&mut random).map_err(|error| HashError::NoRandomness(error.to_string()))?;
    Ok(random.iter().map(|octet| format!("{octet:02x}")).collect())
}

/// What an exchange wants next. The octets are plain: base64 is the session's business.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this to the client and give its answer to [`Exchange::respond`].
    Challenge(Vec<u8>),
    /// Give the keys of this account to [`Exchange::keys`]; unmatched ones, if there is no such account.
    Keys(Claim, ScramHash),
    /// The exchange is complete: check these.
    Verify(Credentials),
    /// The exchange is complete: check this.
    Prove(Proof),
    /// The client's message breaks the mechanism's syntax; the exchange is over.
    Malformed,
    /// The client's message was tampered with, replayed, or belongs to another channel; the exchange is over and
    /// no password was checked.
    Refused,
}

/// One exchange, from AUTH to its end. After any error it is over: every further message is malformed.
#[derive(Debug)]
pub struct Exchange(State);

#[derive(Debug)]
enum State {
    AwaitingPlain,
    AwaitingUser,
    AwaitingPassword {
        login: String,
    },
    AwaitingFirst {
        hash: ScramHash,
        bound: bool,
        setting: Setting,
    },
    AwaitingKeys {
        first: ClientFirst,
        setting: Setting,
        bound: bool,
    },
    AwaitingFinal {
        claim: Claim,
        challenge: scram::Challenge,
    },
    AwaitingDigest {
        timestamp: String,
    },
    Ended,
}

impl Exchange {
    /// Begins an exchange. `initial` is the decoded initial response; `Some(b"")` is one that is present but
    /// empty (RFC 4954 section 4, the single `=`).
    pub fn start(mechanism: Mechanism, initial: Option<&[u8]>, setting: Setting) -> (Self, Step) {
        let scram = |hash, setting| State::AwaitingFirst {
            hash,
            bound: mechanism.binds_channel(),
            setting,
        };
        // RFC 4616 section 2, RFC 5802 section 5: the server has nothing to say, so its challenge is empty.
        let (state, challenge) = match mechanism {
            Mechanism::ScramSha256Plus | Mechanism::ScramSha256 => {
                (scram(ScramHash::Sha256, setting), String::new())
            }
            Mechanism::ScramSha1 => (scram(ScramHash::Sha1, setting), String::new()),
            Mechanism::CramMd5 => {
                let timestamp = format!("<{}@{}>", setting.nonce, setting.host);
                let challenge = timestamp.clone();
                (State::AwaitingDigest { timestamp }, challenge)
            }
            Mechanism::Plain => (State::AwaitingPlain, String::new()),
            Mechanism::Login => (State::AwaitingUser, "Username:".to_owned()),
        };
        let mut exchange = Self(state);
        let step = match initial {
            // LOGIN's server speaks first, yet clients in the field send the user name at once.
            Some(response) => exchange.respond(response),
            None => Step::Challenge(challenge.into_bytes()),
        };
        (exchange, step)
    }

    /// Takes the client's decoded answer. After the end every answer is malformed.
    pub fn respond(&mut self, response: &[u8]) -> Step {
        match std::mem::replace(&mut self.0, State::Ended) {
            State::AwaitingPlain => plain(response).map_or(Step::Malformed, Step::Verify),
            State::AwaitingUser => match text(response) {
                Some(login) => {
                    self.0 = State::AwaitingPassword { login };
                    Step::Challenge(b"Password:".to_vec())
                }
                None => Step::Malformed,
            },
            State::AwaitingPassword { login } => match text(response) {
                Some(password) => Step::Verify(Credentials::new(login, Secret::new(password))),
                None => Step::Malformed,
            },
            State::AwaitingFirst {
                hash,
                bound,
                setting,
            } => self.client_first(response, hash, bound, setting),
            State::AwaitingFinal { claim, challenge } => match challenge.take(response) {
                Some(proof) => Step::Prove(Proof::Scram(ScramProof { claim, proof })),
                None => Step::Refused,
            },
            State::AwaitingDigest { timestamp } => match cram_response(response) {
                Some((login, digest)) => Step::Prove(Proof::Digest(DigestProof {
                    claim: Claim {
                        authzid: None,
                        login,
                    },
                    answer: Answer::CramMd5 { timestamp, digest },
                })),
                None => Step::Refused,
            },
            State::AwaitingKeys { .. } | State::Ended => Step::Malformed,
        }
    }

    /// Takes the keys that [`Step::Keys`] asked for.
    pub fn keys(&mut self, keys: ScramKeys) -> Step {
        let State::AwaitingKeys {
            first,
            setting,
            bound,
        } = std::mem::replace(&mut self.0, State::Ended)
        else {
            return Step::Malformed;
        };
        let claim = Claim {
            authzid: first.authzid.clone(),
            login: first.user.clone(),
        };
        let binding = setting.binding.as_ref().filter(|_| bound);
        let binding = binding.map(<[u8; 32]>::as_slice);
        let challenge = scram::Challenge::new(first, keys, &setting.nonce, binding);
        let message = challenge.message().as_bytes().to_vec();
        self.0 = State::AwaitingFinal { claim, challenge };
        Step::Challenge(message)
    }

    fn client_first(
        &mut self,
        message: &[u8],
        hash: ScramHash,
        bound: bool,
        setting: Setting,
    ) -> Step {
        let Some(first) = ClientFirst::parse(message) else {
            return Step::Refused;
        };
        let fits = match &first.binding {
            Binding::Used(name) => bound && setting.binding.is_some() && name == TLS_EXPORTER,
            // RFC 5802 section 6: -PLUS without binding data is not -PLUS.
            Binding::Unable => !bound,
            // RFC 5802 section 6: we offered it, the client would have taken it, so somebody hid the offer.
            Binding::Unoffered => !bound && setting.binding.is_none(),
        };
        if !fits {
            return Step::Refused;
        }
        let claim = Claim {
            authzid: first.authzid.clone(),
            login: first.user.clone(),
        };
        self.0 = State::AwaitingKeys {
            first,
            setting,
            bound,
        };
        Step::Keys(claim, hash)
    }
}

/// RFC 4616 section 2: `message = [authzid] UTF8NUL authcid UTF8NUL passwd`, where authcid and passwd have at
/// least one character and none contains NUL.
fn plain(message: &[u8]) -> Option<Credentials> {
    let mut fields = message.split(|octet| *octet == 0);
    let (authzid, authcid, passwd) = (fields.next()?, fields.next()?, fields.next()?);
    if fields.next().is_some() {
        return None;
    }
    let authzid = match authzid {
        [] => None,
        named => Some(text(named)?),
    };
    Some(Credentials {
        authzid,
        login: text(authcid)?,
        password: Secret::new(text(passwd)?),
    })
}

/// UTF-8 of at least one character.
fn text(octets: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(octets).ok()?;
    (!text.is_empty()).then(|| text.to_owned())
}

/// The text is not base64 as RFC 4954 section 4 wants it.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("not valid base64")]
pub struct Base64Error;

/// Decodes base64 strictly: only the standard alphabet, padding complete and only at the end, no left-over
/// bits, no white space. The lone `=` of an empty initial response is not base64 and is the caller's case.
///
/// # Errors
/// RFC 4954 section 4: anything else, such as `=AAA` or `AAA=BBB`, is refused as a whole.
pub fn decode_base64(text: impl AsRef<[u8]>) -> Result<Vec<u8>, Base64Error> {
    STANDARD.decode(text).map_err(|_| Base64Error)
}

/// Encodes octets as base64 with padding, on one line (RFC 4648 section 4).
pub fn encode_base64(octets: impl AsRef<[u8]>) -> String {
    STANDARD.encode(octets)
}

#[cfg(test)]
mod tests;
