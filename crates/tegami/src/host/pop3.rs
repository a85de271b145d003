//! Answers the questions of one POP3 session: logins, message octets, removal.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use auth::{Credentials, DigestProof, Verdict};
use mailstore::{MaildropError, ReadError, ReadNow};
use pop3_server::{Answer, Ask, AuthVerdict, LoginVerdict, ReadVerdict, Session};

use super::House;
use super::letters::Letters;
use super::login::{self, Login, Progress, Sasl};

/// The host of one POP3 connection. Its maildrop is locked while it lives.
pub struct Pop3Host {
    house: Arc<House>,
    peer: IpAddr,
    sasl: Sasl,
    /// The client reads UTF-8 headers (RFC 6856).
    utf8: bool,
    letters: Option<Arc<Letters>>,
    /// Whose they are, for the log.
    account: String,
}

impl Pop3Host {
    /// A host for a client at `peer` that has not logged in.
    pub fn new(house: Arc<House>, peer: IpAddr) -> Self {
        Self {
            house,
            peer,
            sasl: Sasl::default(),
            utf8: false,
            letters: None,
            account: String::new(),
        }
    }

    async fn logged_in(&mut self, verdict: Verdict) -> LoginVerdict {
        match verdict {
            Verdict::Accepted(account) => self.open(Login::from(account)).await,
            Verdict::Rejected => LoginVerdict::BadCredentials,
            Verdict::Unreadable => LoginVerdict::Misconfigured,
            Verdict::Busy => LoginVerdict::Busy,
            Verdict::Throttled => LoginVerdict::Throttled,
            Verdict::Disabled => LoginVerdict::Disabled,
            Verdict::TooWeak(_) => LoginVerdict::TooWeak,
            Verdict::Transition => LoginVerdict::Transition,
        }
    }

    async fn proceed(&mut self, progress: Progress) -> AuthVerdict {
        match progress {
            Progress::Challenge(octets) => AuthVerdict::Challenge(octets),
            Progress::Malformed => AuthVerdict::Malformed,
            Progress::Checked(verdict) => AuthVerdict::Login(self.logged_in(verdict).await),
        }
    }

    /// RFC 1939 section 4: the maildrop is locked exclusively, or the login fails.
    async fn open(&mut self, login: Login) -> LoginVerdict {
        let directory = self.house.store.directory();
        let has_mailbox = directory
            .account(login.account)
            .is_none_or(|account| account.terms.mailbox);
        if !has_mailbox {
            return LoginVerdict::NoMaildrop;
        }
        // RFC 2449 section 8.1.1: only now, when the password was right, or strangers would learn who logs in when.
        let delay = self.house.policy.load().pop3.login_delay;
        let last_logins = &self.house.last_logins;
        if !last_logins.allow(login.account, delay, Instant::now()) {
            return LoginVerdict::TooSoon;
        }
        let (house, utf8) = (Arc::clone(&self.house), self.utf8);
        let open = move || {
            let maildrop = house.store.open_maildrop(login.account)?;
            Ok(Letters::new(maildrop, utf8, &house.lent))
        };
        match tokio::task::spawn_blocking(open).await {
            Ok(Ok(letters)) => {
                last_logins.record(login.account, delay, Instant::now());
                let listing = letters.listing().clone();
                self.letters = Some(Arc::new(letters));
                self.account.clone_from(&login.address);
                LoginVerdict::Open {
                    login: login.address,
                    listing,
                }
            }
            Ok(Err(MaildropError::InUse)) => LoginVerdict::InUse,
            Ok(Err(MaildropError::NoAccount)) => LoginVerdict::NoMaildrop,
            Ok(Err(error)) => {
                tracing::error!(account = %login.address, %error, "maildrop not opened");
                LoginVerdict::StoreFailed
            }
            Err(error) => {
                tracing::error!(account = %login.address, %error, "maildrop not opened");
                LoginVerdict::StoreFailed
            }
        }
    }

    /// The page cache first; what is not there is read where blocking harms nobody.
    async fn read(&self, message: usize, offset: u64) -> ReadVerdict {
        let Some(letters) = &self.letters else {
            return ReadVerdict::TryLater;
        };
        match letters.read_now(message, offset) {
            ReadNow::Chunk(chunk) => {
                return ReadVerdict::Chunk {
                    octets: chunk.octets,
                    last: chunk.last,
                };
            }
            ReadNow::WouldBlock => {}
            ReadNow::Failed(error) => return self.failed_read(message, &error),
        }
        let letters = Arc::clone(letters);
        match tokio::task::spawn_blocking(move || letters.read(message, offset)).await {
            Ok(Ok(chunk)) => ReadVerdict::Chunk {
                octets: chunk.octets,
                last: chunk.last,
            },
            Ok(Err(error)) => self.failed_read(message, &error),
            Err(error) => {
                tracing::error!(account = %self.account, number = message + 1, %error, "message not read");
                ReadVerdict::TryLater
            }
        }
    }

    /// RFC 1939 section 6: what was marked is removed, then the lock is released, then the client is told.
    async fn expunge(&mut self, messages: &[usize]) -> bool {
        let Some(letters) = self.letters.take() else {
            return false;
        };
        if messages.is_empty() {
            return true;
        }
        match letters.expunge(messages).await {
            Ok(()) => {
                tracing::info!(account = %self.account, removed = messages.len(), "expunged");
                true
            }
            Err(error) => {
                tracing::error!(account = %self.account, marked = messages.len(), %error, "not expunged");
                false
            }
        }
    }

    /// The field is not called `message`: that is what the log calls its own words.
    fn failed_read(&self, message: usize, error: &ReadError) -> ReadVerdict {
        tracing::error!(account = %self.account, number = message + 1, %error, "message not read");
        match error {
            ReadError::Damaged { .. } => ReadVerdict::Damaged,
            ReadError::Gone => ReadVerdict::Gone,
            ReadError::Io(_) => ReadVerdict::TryLater,
        }
    }
}

impl net::Host for Pop3Host {
    type Session = Session;

    async fn answer(&mut self, ask: Ask) -> Answer {
        match ask {
            Ask::Login { user, password } => {
                let credentials = Credentials::new(user, password);
                let verdict = login::verify(&self.house, &credentials, "USER", self.peer).await;
                Answer::Login(self.logged_in(verdict).await)
            }
            Ask::Apop {
                user,
                timestamp,
                digest,
            } => {
                let proof = DigestProof::apop(user, timestamp, digest);
                let verdict = login::verify_apop(&self.house, proof, self.peer);
                Answer::Login(self.logged_in(verdict).await)
            }
            Ask::AuthStart {
                mechanism,
                initial,
                binding,
            } => {
                let progress = self
                    .sasl
                    .start(
                        mechanism,
                        initial.as_deref(),
                        binding,
                        &self.house,
                        self.peer,
                    )
                    .await;
                Answer::Auth(self.proceed(progress).await)
            }
            Ask::AuthRespond(response) => {
                let progress = self.sasl.respond(&response, &self.house, self.peer).await;
                Answer::Auth(self.proceed(progress).await)
            }
            Ask::AuthCancel => {
                self.sasl.cancel();
                Answer::Done
            }
            Ask::Utf8 => {
                self.utf8 = true;
                Answer::Done
            }
            Ask::Read { message, offset } => Answer::Read(self.read(message, offset).await),
            Ask::Expunge(messages) => Answer::Expunged(self.expunge(&messages).await),
            Ask::TlsReady => Answer::Tls(true),
        }
    }

    async fn body(&mut self, _octets: bytes::Bytes) {
        // A POP3 session takes in no messages.
    }
}
