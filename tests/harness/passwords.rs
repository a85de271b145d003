//! Who may log in to the scripted hosts, and their side of SASL exchanges. Passwords stand in clear and nonces are
//! fixed: hashing, throttling and randomness are tested in `auth`.

use std::sync::Mutex;

use auth::{
    Claim, Credentials, Exchange, Mechanism, Mechanisms, Proof, ScramHash, ScramKeys, Secret,
    Setting, Step,
};

/// Address and password of each account that is enabled. `user`, `tim` and `mrose` are those of
/// RFC 7677, RFC 2195 and RFC 1939.
const ACCOUNTS: [(&str, &str); 6] = [
    ("alice@example.test", "wonderland"),
    ("bob@example.test", "builder"),
    ("carol@example.test", "open  sesame "),
    ("user@example.test", "pencil"),
    ("tim@example.test", "tanstaaftanstaaf"),
    ("mrose@example.test", "tanstaaf"),
];

/// The account these credentials open.
pub fn check(credentials: &Credentials) -> Option<String> {
    let Credentials {
        authzid,
        login,
        password,
    } = credentials;
    let claim = Claim {
        authzid: authzid.clone(),
        login: login.clone(),
    };
    let (address, known) = account(&claim)?;
    (known == password.expose()).then(|| address.to_owned())
}

/// The account that is claimed, with its password.
fn account(claim: &Claim) -> Option<(&'static str, &'static str)> {
    let login = claim.login.to_ascii_lowercase();
    let found = ACCOUNTS.into_iter().find(|(address, _)| {
        let local = address.split_once('@').map(|(local, _)| local);
        *address == login || local == Some(login.as_str())
    });
    // RFC 4616 section 2: acting for somebody else is not allowed here.
    found.filter(|(address, _)| {
        claim
            .authzid
            .as_deref()
            .is_none_or(|authzid| authzid == *address)
    })
}

/// Whether this is the right proof, and of whom.
pub fn prove(proof: &Proof) -> Option<String> {
    let (claim, fits) = match proof {
        Proof::Scram(proof) => (proof.claim(), proof.server_final().is_some()),
        Proof::Digest(proof) => {
            let known = account(proof.claim()).map(|(_, password)| Secret::from(password));
            (
                proof.claim(),
                known.is_some_and(|password| proof.fits(&password)),
            )
        }
    };
    let (address, _) = account(claim)?;
    fits.then(|| address.to_owned())
}

/// The mechanisms that a dialogue names, separated by spaces; `every` names them all.
pub fn mechanisms(names: &str) -> Result<Mechanisms, String> {
    match names {
        "every" => Ok(Mechanism::ALL.into_iter().collect()),
        names => names
            .split_whitespace()
            .map(|name| Mechanism::parse(name).ok_or(format!("no mechanism is called {name}")))
            .collect(),
    }
}

/// What is offered where a dialogue says nothing of it.
pub fn usual() -> Mechanisms {
    [Mechanism::Plain, Mechanism::Login].into_iter().collect()
}

/// The host's side of one session's exchanges.
#[derive(Default)]
pub enum Sasl {
    #[default]
    Idle,
    Running(Box<Exchange>),
    /// The server's proof is on its way; then this account is logged in.
    Proved(String),
}

/// How an exchange goes on.
pub enum Progress {
    Challenge(Vec<u8>),
    Malformed,
    /// Complete, with a password to be checked.
    Verify(Credentials),
    /// Complete: this account, or none.
    Proved(Option<String>),
}

impl Sasl {
    pub fn start(
        &mut self,
        mechanism: Mechanism,
        initial: Option<&[u8]>,
        binding: Option<wire::ChannelBinding>,
    ) -> Progress {
        // The server's nonces of the examples in RFC 7677 and RFC 2195.
        let (nonce, host) = if mechanism == Mechanism::CramMd5 {
            ("1896.697170952", "postoffice.reston.mci.net")
        } else {
            ("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", "mx.example.test")
        };
        let setting = Setting {
            host: host.to_owned(),
            nonce: nonce.to_owned(),
            binding: binding.map(|binding| binding.0),
        };
        let (exchange, step) = Exchange::start(mechanism, initial, setting);
        self.take(Box::new(exchange), step)
    }

    pub fn respond(&mut self, response: &[u8]) -> Progress {
        match std::mem::take(self) {
            Self::Running(mut exchange) => {
                let step = exchange.respond(response);
                self.take(exchange, step)
            }
            Self::Proved(address) if response.is_empty() => Progress::Proved(Some(address)),
            Self::Proved(_) => Progress::Malformed,
            Self::Idle => panic!("no exchange is under way"),
        }
    }

    pub fn cancel(&mut self) {
        *self = Self::Idle;
    }

    fn take(&mut self, mut exchange: Box<Exchange>, step: Step) -> Progress {
        let step = match step {
            Step::Keys(claim, hash) => exchange.keys(keys(&claim, hash)),
            step @ (Step::Challenge(_)
            | Step::Verify(_)
            | Step::Prove(_)
            | Step::Malformed
            | Step::Refused) => step,
        };
        match step {
            Step::Challenge(octets) => {
                *self = Self::Running(exchange);
                Progress::Challenge(octets)
            }
            Step::Verify(credentials) => Progress::Verify(credentials),
            Step::Prove(Proof::Scram(proof)) => {
                let server_final = proof.server_final();
                match (prove(&Proof::Scram(proof)), server_final) {
                    (Some(address), Some(server_final)) => {
                        *self = Self::Proved(address);
                        Progress::Challenge(server_final)
                    }
                    _ => Progress::Proved(None),
                }
            }
            Step::Prove(proof @ Proof::Digest(_)) => Progress::Proved(prove(&proof)),
            Step::Refused => Progress::Proved(None),
            Step::Malformed | Step::Keys(..) => Progress::Malformed,
        }
    }
}

/// Keys under the salt and iteration count of RFC 7677; for nobody they fit a password that nobody types. Each is
/// derived once only: a derivation costs more than a hundred dialogues.
fn keys(claim: &Claim, hash: ScramHash) -> ScramKeys {
    static DERIVED: Mutex<Vec<(&str, ScramHash, ScramKeys)>> = Mutex::new(Vec::new());
    let password = account(claim).map_or("\u{1}", |(_, password)| password);
    let mut derived = DERIVED.lock().expect("nobody panics in here");
    if let Some((.., keys)) = derived
        .iter()
        .find(|(known, by, _)| (*known, *by) == (password, hash))
    {
        return keys.clone();
    }
    let salt = auth::decode_base64("W22ZaJ0SNY7soEsUEjb6gQ==").expect("base64");
    let keys = ScramKeys::derive(hash, &password.into(), &salt, 4096);
    derived.push((password, hash, keys.clone()));
    keys
}
