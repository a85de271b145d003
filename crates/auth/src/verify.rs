//! The authenticator: puts accounts, cache, throttle and pool together into one verdict.
//!
//! It does not know protocols or reply texts, and it changes no account.

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ipnet::IpNet;

use crate::cache::{Fingerprint, Fingerprinter, Verified};
use crate::floor::Floor;
use crate::keyring::{Keyring, LoginKeys};
use crate::password::{HashError, PasswordHash, Recipe};
use crate::pool::Pool;
use crate::sasl::Credentials;
use crate::throttle::{Attempt, Throttle, ThrottleRules};

/// An account as far as logging in is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRef {
    /// Names the account for ever.
    pub key: u64,
    /// Its full address.
    pub address: String,
    /// Grows with every change of the account; remembered logins of older generations are worth nothing.
    pub generation: u64,
    /// The stored password; without one nobody can log in.
    pub hash: Option<PasswordHash>,
    /// What other mechanisms need of the password.
    pub keys: LoginKeys,
    /// A disabled account looks to the outside like one that does not exist, unless [`Disclosure`] says otherwise.
    pub enabled: bool,
    /// The weakest way it may log in.
    pub floor: Floor,
}

/// Where accounts are looked up.
pub trait Accounts: Send + Sync {
    /// Finds an account by full address or, where unique, by local part, in any letter case. Names that make
    /// no sense are simply not found. Called for every attempt: in memory, no waiting.
    fn find(&self, login: &str) -> Option<AccountRef>;
}

/// The outcome of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This is the account's owner.
    Accepted(AccountRef),
    /// Unknown user, wrong password, disabled account, foreign authorization identity: never said which.
    Rejected,
    /// What is stored of the password cannot be read with this server's key, so nobody can say whether it was right.
    Unreadable,
    /// Too many checks are waiting; nothing was checked. Try again shortly.
    Busy,
    /// Too many failures from there or for that account; nothing was checked.
    Throttled,
    /// The right password of an account that is disabled; said only where [`Disclosure::disabled`] allows it.
    Disabled,
    /// The right password, in a weaker way than this account may log in.
    TooWeak(AccountRef),
    /// The account lacks the keys of this mechanism, which a login with the password itself would make; said only
    /// where [`Disclosure::transition`] allows it.
    Transition,
}

/// What is told to whoever logs in, beyond right and wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disclosure {
    /// To those who know the password of a disabled account: that it is disabled.
    pub disabled: bool,
    /// To everybody who names an account without keys for SCRAM: that it has none yet. So they learn that it exists.
    pub transition: bool,
}

/// Numbers of an [`Authenticator`].
#[derive(Clone, Debug)]
pub struct Options {
    /// Threads that check passwords, 19 MiB each: cores - 1, at least one, at most three.
    pub workers: usize,
    /// Checks that may wait for a thread: 64 for each, about two seconds' worth.
    pub queue: usize,
    /// How long a verified login is remembered: 10 minutes.
    pub remember: Duration,
    /// How many verified logins are remembered: 16,384, some 2 MiB.
    pub remembered: usize,
    /// What guessing is tolerated.
    pub rules: ThrottleRules,
    /// Networks that are never throttled.
    pub exempt: Vec<IpNet>,
}

impl Default for Options {
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        // Three blocks of 19 MiB are 57 MiB: what a flood of logins may cost on the largest machine.
        let workers = cores.saturating_sub(1).clamp(1, 3);
        Self {
            workers,
            queue: 64 * workers,
            remember: Duration::from_secs(600),
            remembered: 16_384,
            rules: ThrottleRules::default(),
            exempt: Vec::new(),
        }
    }
}

/// Why an authenticator could not be made.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No randomness for its keys.
    #[error(transparent)]
    Keys(#[from] HashError),
    /// The system gives no thread.
    #[error("cannot start the threads that check passwords")]
    Threads(#[source] io::Error),
}

/// Checks logins. One per process, shared by all sessions.
pub struct Authenticator {
    pub(crate) accounts: Arc<dyn Accounts>,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) fingerprints: Fingerprinter,
    pool: Pool,
    memory: Mutex<Memory>,
}

pub(crate) struct Memory {
    verified: Verified,
    pub(crate) throttle: Throttle,
    pub(crate) disclosure: Disclosure,
}

impl Authenticator {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system gives no randomness or no threads.
    pub fn new(
        accounts: Arc<dyn Accounts>,
        keyring: Arc<Keyring>,
        options: Options,
    ) -> Result<Self, StartError> {
        Ok(Self {
            accounts,
            keyring,
            fingerprints: Fingerprinter::new()?,
            pool: Pool::start(options.workers.max(1), options.queue.max(1))
                .map_err(StartError::Threads)?,
            memory: Mutex::new(Memory {
                verified: Verified::new(options.remembered, options.remember),
                throttle: Throttle::new(options.rules, options.exempt),
                disclosure: Disclosure::default(),
            }),
        })
    }

    /// Checks credentials coming from `peer`. Microseconds when this login was verified lately, else the time
    /// of a hash in the pool, whatever is wrong with the credentials.
    pub async fn verify(&self, credentials: &Credentials, peer: IpAddr, now: Instant) -> Verdict {
        let found = self.accounts.find(&credentials.login);
        let disclosure = self.memory().disclosure;
        let found = found.map(|account| (may_log_in(&account, credentials, disclosure), account));
        let attempt = self.attempt(found.as_ref(), credentials, peer);
        let candidate = found.and_then(|(may, account)| may.then_some(account));
        {
            let memory = self.memory();
            if memory.throttle.refuses(&attempt, now) {
                return Verdict::Throttled;
            }
            if let Some(account) = &candidate
                && memory.verified.contains(&attempt.login, now)
            {
                let account = account.clone();
                return Self::accept(memory, account, &attempt, now).by_password();
            }
            // The same wrong password again: it counts once, so it must not cost a hash each time either.
            if memory.throttle.failed_before(&attempt, now) {
                return Verdict::Rejected;
            }
        }
        let stored = candidate
            .as_ref()
            .and_then(|account| account.hash.as_ref()?.recipe());
        // Whoever cannot log in is checked against a hash that nothing fits: same work, same time.
        let Some(recipe) = stored.or_else(|| Recipe::unmatched().ok()) else {
            return Verdict::Busy;
        };
        let Some(fits) = self
            .pool
            .check(attempt.login, recipe, credentials.password.clone())
            .await
        else {
            return Verdict::Busy;
        };
        match candidate {
            Some(account) if fits => {
                let mut memory = self.memory();
                memory.verified.insert(attempt.login, account.key, now);
                Self::accept(memory, account, &attempt, now).by_password()
            }
            Some(_) | None => {
                self.memory().throttle.failed(&attempt, now);
                Verdict::Rejected
            }
        }
    }

    /// True when no login from this address can succeed now, so that AUTH need not even begin. An address
    /// from which somebody logged in lately is heard out: its owner is not punished for a neighbour.
    pub fn throttled(&self, peer: IpAddr, now: Instant) -> bool {
        self.memory().throttle.refuses_address(peer, now)
    }

    /// Forgets the remembered logins of an account. A new generation does the same by itself; this frees the
    /// memory, and serves where an account is gone.
    pub fn forget(&self, account: u64) {
        self.memory().verified.forget(account);
    }

    /// Replaces the networks that are never throttled.
    pub fn set_exempt(&self, networks: Vec<IpNet>) {
        self.memory().throttle.set_exempt(networks);
    }

    /// Sets what is told beyond right and wrong; at first it is nothing.
    pub fn set_disclosure(&self, disclosure: Disclosure) {
        self.memory().disclosure = disclosure;
    }

    pub(crate) fn accept(
        mut memory: MutexGuard<'_, Memory>,
        account: AccountRef,
        attempt: &Attempt,
        now: Instant,
    ) -> Verdict {
        if !account.enabled {
            return Verdict::Disabled;
        }
        memory.throttle.succeeded(account.key, attempt.peer, now);
        Verdict::Accepted(account)
    }

    /// The attempt in fingerprints. What decides the outcome is all in `login`: a change of the account, or a
    /// login that cannot succeed, is another login even with the same name and password.
    fn attempt(
        &self,
        found: Option<&(bool, AccountRef)>,
        credentials: &Credentials,
        peer: IpAddr,
    ) -> Attempt {
        let name = self.name(&credentials.login);
        let password = credentials.password.prepared();
        let login = match found {
            Some((true, account)) => {
                let (key, generation) =
                    (account.key.to_be_bytes(), account.generation.to_be_bytes());
                self.fingerprints
                    .of(&[b"account", &key, &generation, password.as_bytes()])
            }
            Some((false, _)) | None => {
                let authzid = credentials.authzid.as_deref().unwrap_or_default();
                self.fingerprints
                    .of(&[b"nobody", &name, authzid.as_bytes(), password.as_bytes()])
            }
        };
        Attempt {
            name,
            account: found.map(|(_, account)| account.key),
            login,
            peer,
        }
    }

    /// What failures for this name are counted under.
    pub(crate) fn name(&self, login: &str) -> Fingerprint {
        self.fingerprints
            .of(&[b"name", throttled_name(login).as_bytes()])
    }

    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        // Counters and remembered logins stay consistent whatever panicked.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Verdict {
    /// The same for a login in which the server saw the password, or was shown no more than a digest of it.
    pub(crate) fn by_password(self) -> Self {
        match self {
            Self::Accepted(account) => match account.floor {
                Floor::Any => Self::Accepted(account),
                Floor::Scram => Self::TooWeak(account),
            },
            other @ (Self::Rejected
            | Self::Unreadable
            | Self::Busy
            | Self::Throttled
            | Self::Disabled
            | Self::TooWeak(_)
            | Self::Transition) => other,
        }
    }
}

/// Whether the right password would be enough, if only to hear what is wrong with the account.
fn may_log_in(account: &AccountRef, credentials: &Credentials, disclosure: Disclosure) -> bool {
    (account.enabled || disclosure.disabled)
        && account.hash.is_some()
        && is_own(account, credentials.authzid.as_deref(), &credentials.login)
}

/// RFC 4616 section 2, RFC 5802 section 5.1: an authorization identity other than one's own needs a permission
/// nobody has here.
pub(crate) fn is_own(account: &AccountRef, authzid: Option<&str>, login: &str) -> bool {
    authzid.is_none_or(|authzid| {
        let authzid = address::fold(authzid);
        authzid == address::fold(&account.address) || authzid == address::fold(login)
    })
}

/// The name under which failures are counted. It is made from what was typed, never from what was found, or
/// the counter would tell which names exist; plus addressing is cut, or it would give endless fresh counters.
fn throttled_name(login: &str) -> String {
    let (local, domain) = login.rsplit_once('@').unwrap_or((login, ""));
    let base = local.split_once('+').map_or(local, |(base, _)| base);
    address::fold(&format!("{base}@{domain}"))
}
